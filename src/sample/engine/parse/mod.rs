//! T-SQL into its tree. What this model does not know is a syntax error near the word that it does not know.

mod definition;
mod expression;
mod query;
mod statement;

use super::ast::{Expr, ObjectName, Query, Statement};
use super::error::SqlError;
use super::lexer::{Spanned, Token, tokens};
use super::types::SqlType;

/// Reads a batch.
pub fn batch(text: &str) -> Result<Vec<Statement>, SqlError> {
    let mut parser = Parser::new(text)?;
    let statements = parser.statements(&[])?;
    match parser.peek() {
        Token::End => Ok(statements),
        _ => Err(parser.unexpected()),
    }
}

/// Reads a list of parameter declarations, as `sp_executesql` has it: name, type, OUTPUT.
pub fn parameters(text: &str) -> Result<Vec<(String, SqlType, bool)>, SqlError> {
    let mut parser = Parser::new(text)?;
    let mut found = Vec::new();
    while parser.peek() != &Token::End {
        let Token::Variable(name) = parser.next() else { return Err(parser.unexpected_before()) };
        parser.word("as");
        let ty = parser.data_type()?;
        let output = parser.word("output") || parser.word("out");
        found.push((name, ty, output));
        if !parser.sign(",") {
            break;
        }
    }
    match parser.peek() {
        Token::End => Ok(found),
        _ => Err(parser.unexpected()),
    }
}

/// Reads the name of an object alone.
pub fn object_name(text: &str) -> Result<ObjectName, SqlError> {
    let mut parser = Parser::new(text)?;
    let name = parser.object_name()?;
    match parser.peek() {
        Token::End => Ok(name),
        _ => Err(parser.unexpected()),
    }
}

/// Nesting beyond this is refused, so that no text can exhaust the stack.
const DEEPEST: usize = 60;

/// The most tokens of one batch.
const MOST_TOKENS: usize = 400_000;

struct Parser {
    tokens: Vec<Spanned>,
    at: usize,
    depth: usize,
    depth_of_expression: usize,
    operators: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self, SqlError> {
        let tokens = tokens(text)?;
        if tokens.len() > MOST_TOKENS {
            return Err(SqlError::too_deep());
        }
        Ok(Self { tokens, at: 0, depth: 0, depth_of_expression: 0, operators: 0 })
    }

    fn nested<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.depth >= DEEPEST {
            return Err(SqlError::too_deep().at(self.line()));
        }
        self.depth += 1;
        let outcome = work(self);
        self.depth -= 1;
        outcome
    }

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).map_or(&Token::End, |t| &t.token)
    }

    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |t| t.line)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Word(w) if w.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let there = self.is_word(word);
        self.at += usize::from(there);
        there
    }

    /// All these words, or none of them.
    fn words(&mut self, words: &[&str]) -> bool {
        let there = words.iter().enumerate().all(|(i, word)| self.is_word_at(i, word));
        if there {
            self.at += words.len();
        }
        there
    }

    fn need_word(&mut self, word: &str) -> Result<(), SqlError> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(s) if *s == sign)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = self.is_sign(sign);
        self.at += usize::from(there);
        there
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), SqlError> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The error that names the token that comes next.
    fn unexpected(&self) -> SqlError {
        let error = match self.peek() {
            Token::Word(word) if is_reserved(word) => SqlError::syntax_keyword(word),
            Token::Word(text)
            | Token::Quoted(text)
            | Token::Text(text, _)
            | Token::Number(text)
            | Token::Variable(text) => SqlError::syntax(text),
            Token::Sign(sign) => SqlError::syntax(sign),
            Token::Binary(_) => SqlError::syntax("0x"),
            Token::End => match self.at.checked_sub(1).and_then(|last| self.tokens.get(last)).map(|t| &t.token) {
                Some(Token::Word(text) | Token::Quoted(text) | Token::Number(text) | Token::Variable(text)) => {
                    SqlError::syntax(text)
                }
                Some(Token::Sign(sign)) => SqlError::syntax(sign),
                _ => SqlError::syntax(""),
            },
        };
        error.at(self.line())
    }

    fn unexpected_before(&mut self) -> SqlError {
        self.at = self.at.saturating_sub(1);
        self.unexpected()
    }

    /// A name: a quoted one, or a word that is not reserved.
    fn name(&mut self) -> Result<String, SqlError> {
        match self.peek().clone() {
            Token::Quoted(name) if !name.is_empty() => {
                self.at += 1;
                Ok(name)
            }
            Token::Word(name) if !is_reserved(&name) => {
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn names(&mut self) -> Result<Vec<String>, SqlError> {
        self.need_sign("(")?;
        let mut names = vec![self.name()?];
        while self.sign(",") {
            names.push(self.name()?);
        }
        self.need_sign(")")?;
        Ok(names)
    }

    fn object_name(&mut self) -> Result<ObjectName, SqlError> {
        let mut parts = vec![Some(self.name()?)];
        while self.sign(".") {
            if self.is_sign(".") {
                parts.push(None);
            } else {
                parts.push(Some(self.name()?));
            }
        }
        let name = parts.pop().flatten().ok_or_else(|| self.unexpected())?;
        let schema = parts.pop().flatten();
        let database = parts.pop().flatten();
        if parts.iter().any(Option::is_some) {
            return Err(SqlError::unsupported("A name with a server").at(self.line()));
        }
        Ok(ObjectName { database, schema, name })
    }

    fn data_type(&mut self) -> Result<SqlType, SqlError> {
        let line = self.line();
        let mut name = self.name()?;
        if self.sign(".") {
            name = self.name()?;
        }
        if name.eq_ignore_ascii_case("double") && self.word("precision") {
            "float".clone_into(&mut name);
        }
        let mut facets = Vec::new();
        if self.sign("(") {
            loop {
                match self.next() {
                    Token::Word(max) if max.eq_ignore_ascii_case("max") => facets.push(None),
                    Token::Number(n) => facets.push(Some(n.parse().map_err(|_| SqlError::syntax(n).at(line))?)),
                    _ => return Err(self.unexpected_before()),
                }
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        SqlType::named(&name, &facets).ok_or_else(|| SqlError::unknown_type(name).at(line))
    }

    fn integer(&mut self) -> Result<i64, SqlError> {
        let negative = self.sign("-");
        match self.next() {
            Token::Number(n) => {
                n.parse().map(|n: i64| if negative { -n } else { n }).map_err(|_| SqlError::syntax(n).at(self.line()))
            }
            _ => Err(self.unexpected_before()),
        }
    }

    fn expressions(&mut self) -> Result<Vec<Expr>, SqlError> {
        let mut list = vec![self.expression()?];
        while self.sign(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn parenthesised_query(&mut self) -> Result<Query, SqlError> {
        self.need_sign("(")?;
        let query = self.query()?;
        self.need_sign(")")?;
        Ok(query)
    }
}

/// Words that cannot be names, and so end an expression or a table where an alias might stand.
fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "add",
        "all",
        "alter",
        "and",
        "any",
        "as",
        "asc",
        "authorization",
        "backup",
        "begin",
        "between",
        "break",
        "browse",
        "bulk",
        "by",
        "cascade",
        "case",
        "check",
        "checkpoint",
        "close",
        "collate",
        "column",
        "commit",
        "constraint",
        "continue",
        "create",
        "cross",
        "current",
        "cursor",
        "database",
        "dbcc",
        "deallocate",
        "declare",
        "default",
        "delete",
        "deny",
        "desc",
        "distinct",
        "drop",
        "else",
        "end",
        "errlvl",
        "escape",
        "except",
        "exec",
        "execute",
        "exists",
        "exit",
        "fetch",
        "for",
        "foreign",
        "from",
        "full",
        "function",
        "goto",
        "grant",
        "group",
        "having",
        "holdlock",
        "identity",
        "identity_insert",
        "if",
        "in",
        "index",
        "inner",
        "insert",
        "intersect",
        "into",
        "is",
        "join",
        "key",
        "kill",
        "left",
        "like",
        "merge",
        "not",
        "null",
        "nullif",
        "of",
        "off",
        "on",
        "open",
        "option",
        "or",
        "order",
        "outer",
        "over",
        "percent",
        "pivot",
        "primary",
        "print",
        "proc",
        "procedure",
        "raiserror",
        "references",
        "return",
        "revoke",
        "right",
        "rollback",
        "save",
        "select",
        "set",
        "table",
        "then",
        "top",
        "tran",
        "transaction",
        "trigger",
        "truncate",
        "union",
        "unique",
    ];
    const MORE: &[&str] =
        &["update", "use", "user", "values", "view", "waitfor", "when", "where", "while", "with", "throw"];
    RESERVED.iter().chain(MORE).any(|reserved| reserved.eq_ignore_ascii_case(word))
}
