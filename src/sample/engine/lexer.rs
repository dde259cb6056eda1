//! T-SQL as tokens, each with its line.

use super::convert::hex;
use super::error::SqlError;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A word: keyword or regular identifier.
    Word(String),
    /// `[a]` or `"a"`.
    Quoted(String),
    /// `'a'`, or `N'a'`.
    Text(String, bool),
    /// A number as it was written.
    Number(String),
    /// `0x01`.
    Binary(Vec<u8>),
    /// `@a`, or `@@a`, in lower case.
    Variable(String),
    /// An operator or a sign.
    Sign(&'static str),
    /// The end of the batch.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub struct Spanned {
    /// The token.
    pub token: Token,
    /// Its line, from 1.
    pub line: u32,
    /// Where it begins in the text.
    pub start: usize,
}

const SIGNS: [&str; 34] = [
    "<>", "<=", ">=", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "(", ")", ",", ";", ".",
    "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~", "{", "}",
];

/// Reads a whole batch.
pub fn tokens(text: &str) -> Result<Vec<Spanned>, SqlError> {
    let mut found = Vec::new();
    let mut at = Cursor { rest: text, offset: 0, line: 1 };
    loop {
        at.skip_blanks()?;
        let (line, start) = (at.line, at.offset);
        let token = at.token().map_err(|e| e.at(line))?;
        let end = token == Token::End;
        found.push(Spanned { token, line, start });
        if end {
            return Ok(found);
        }
    }
}

struct Cursor<'a> {
    rest: &'a str,
    offset: usize,
    line: u32,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += u32::try_from(taken.bytes().filter(|b| *b == b'\n').count()).unwrap_or(0);
        self.offset += taken.len();
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) -> Result<(), SqlError> {
        loop {
            let blanks =
                self.rest.find(|c: char| !c.is_whitespace() && c != '\0' && c != '\u{feff}').unwrap_or(self.rest.len());
            self.take(blanks);
            if self.rest.starts_with("--") {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.skip_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), SqlError> {
        let mut depth = 0usize;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
                if depth == 0 {
                    return Ok(());
                }
            } else {
                match self.rest.chars().next() {
                    Some(c) => self.take(c.len_utf8()),
                    None => return Err(SqlError::new(113, 15, "Missing end comment mark '*/'.")),
                };
            }
        }
    }

    fn token(&mut self) -> Result<Token, SqlError> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        let national = matches!(first, 'N' | 'n') && self.rest.as_bytes().get(1) == Some(&b'\'');
        if first == '\'' || national {
            self.take(1 + usize::from(national));
            return self.delimited('\'').map(|text| Token::Text(text, national));
        }
        match first {
            '[' => {
                self.take(1);
                self.delimited(']').map(Token::Quoted)
            }
            '"' => {
                self.take(1);
                self.delimited('"').map(Token::Quoted)
            }
            '@' => {
                let length = word_length(self.rest);
                Ok(Token::Variable(self.take(length).to_lowercase()))
            }
            '0' if self.rest.get(1..2).is_some_and(|x| x.eq_ignore_ascii_case("x")) => {
                self.take(2);
                let length = self.rest.bytes().take_while(u8::is_ascii_hexdigit).count();
                let digits = self.take(length);
                let even = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
                hex(&even).map(Token::Binary).ok_or_else(|| SqlError::syntax("0x"))
            }
            c if c.is_ascii_digit() => Ok(self.number()),
            '.' if self.rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Ok(self.number()),
            '$' if self.rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => {
                self.take(1);
                Ok(self.number())
            }
            c if c.is_alphabetic() || matches!(c, '_' | '#' | '$') => {
                let length = word_length(self.rest);
                Ok(Token::Word(self.take(length).to_owned()))
            }
            c => {
                let sign =
                    SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)).ok_or_else(|| SqlError::syntax(c))?;
                self.take(sign.len());
                Ok(Token::Sign(sign))
            }
        }
    }

    fn delimited(&mut self, close: char) -> Result<String, SqlError> {
        let mut text = String::new();
        let opened = self.rest;
        loop {
            let Some(end) = self.rest.find(close) else {
                return Err(SqlError::unclosed(opened.chars().take(128).collect::<String>()));
            };
            text.push_str(self.take(end));
            self.take(1);
            if self.rest.starts_with(close) {
                text.push(close);
                self.take(1);
            } else {
                return Ok(text);
            }
        }
    }

    fn number(&mut self) -> Token {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        let mut length = digits(0);
        if bytes.get(length) == Some(&b'.') {
            length += 1 + digits(length + 1);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(length + 1 + sign);
            if exponent > 0 {
                length += 1 + sign + exponent;
            }
        }
        Token::Number(self.take(length).to_owned())
    }
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$'))).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|t| t.token).collect()
    }

    #[test]
    fn a_batch_becomes_tokens() {
        assert_eq!(
            kinds("SELECT [a]]b], N'it''s', 0x0F, 1.5e3, @X -- note\n/* /* deep */ */ <> #t"),
            vec![
                Token::Word("SELECT".into()),
                Token::Quoted("a]b".into()),
                Token::Sign(","),
                Token::Text("it's".into(), true),
                Token::Sign(","),
                Token::Binary(vec![15]),
                Token::Sign(","),
                Token::Number("1.5e3".into()),
                Token::Sign(","),
                Token::Variable("@x".into()),
                Token::Sign("<>"),
                Token::Word("#t".into()),
                Token::End,
            ]
        );
    }

    #[test]
    fn what_is_opened_must_be_closed() {
        assert_eq!(tokens("SELECT 'abc").unwrap_err().number, 105);
        assert_eq!(tokens("/* abc").unwrap_err().number, 113);
        assert_eq!(tokens("SELECT\n\n?").unwrap_err().line, 3);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = tokens(&text);
        }
    }
}
