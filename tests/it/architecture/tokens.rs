//! A Rust source as words and punctuation, without comments, strings and character literals.

/// One token: a word, `::`, or one character of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

pub fn tokens(source: &str) -> Vec<Token> {
    let mut rest = source;
    let mut line = 1;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (length, kept) = next(rest);
        let (text, after) = rest.split_at(length);
        if kept {
            found.push(Token { text: text.to_owned(), line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    found
}

/// The length of what comes next, and whether it is a token.
fn next(rest: &str) -> (usize, bool) {
    let first = rest.chars().next().unwrap();
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if let Some(length) = raw_string(rest) {
        return (length, false);
    }
    if first == '"' || rest.starts_with("b\"") || rest.starts_with("c\"") {
        return (quoted(rest, '"'), false);
    }
    if first == '\'' || rest.starts_with("b'") {
        return (character_or_lifetime(rest), false);
    }
    if first.is_alphanumeric() || first == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (end, true);
    }
    if rest.starts_with("::") { (2, true) } else { (first.len_utf8(), !first.is_whitespace()) }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().unwrap().len_utf8();
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix("cr")).or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

fn quoted(rest: &str, quote: char) -> usize {
    let start = rest.find(quote).unwrap() + 1;
    let mut escaped = false;
    for (at, c) in rest[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return start + at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` is a character, `'a` a lifetime.
fn character_or_lifetime(rest: &str) -> usize {
    let start = rest.find('\'').unwrap() + 1;
    let mut after = rest[start..].chars();
    match (after.next(), after.next()) {
        (Some('\\'), _) => quoted(rest, '\''),
        (Some(c), Some('\'')) => start + c.len_utf8() + 1,
        _ => start,
    }
}

#[test]
fn comments_strings_and_characters_are_no_tokens() {
    let source = "use a::b; // crate::x\n/* crate::y /* nested */ crate::z */ \"crate::s \\\" t\" r#\"crate::\"r\"# 'x' '\\'' b'{' 'a: loop";
    let words: Vec<String> = tokens(source).into_iter().map(|token| token.text).collect();
    assert_eq!(words, ["use", "a", "::", "b", ";", "a", ":", "loop"]);
}
