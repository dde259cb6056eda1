//! LIKE: `%`, `_`, `[a-f]`, `[^a]`, and an escape character.

use super::error::SqlError;

/// Steps that one match may take, so that a pattern of many `%` cannot hold a thread for long.
const MOST_STEPS: usize = 5_000_000;

enum Part {
    Any,
    One,
    Exact(char),
    Set { members: Vec<(char, char)>, negated: bool },
}

/// Whether the text matches the pattern, without regard to case.
pub fn like(text: &str, pattern: &str, escape: Option<char>) -> Result<bool, SqlError> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let parts = parse(pattern, escape);
    // The usual walk with one point of return: the last `%` seen.
    let (mut t, mut p) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    for _ in 0..MOST_STEPS {
        if t == text.len() {
            return Ok(parts.iter().skip(p).all(|part| matches!(part, Part::Any)));
        }
        match (parts.get(p), text.get(t)) {
            (Some(Part::Any), _) => {
                again = Some((p, t));
                p += 1;
            }
            (Some(part), Some(c)) if matches(part, *c) => {
                t += 1;
                p += 1;
            }
            _ => match again {
                Some((part, from)) => {
                    again = Some((part, from + 1));
                    (t, p) = (from + 1, part + 1);
                }
                // Blanks at the end of the text do not count.
                None => return Ok(p == parts.len() && text.iter().skip(t).all(|c| *c == ' ')),
            },
        }
    }
    Err(SqlError::query_memory())
}

fn matches(part: &Part, c: char) -> bool {
    match part {
        Part::Any => false,
        Part::One => true,
        Part::Exact(exact) => *exact == c,
        Part::Set { members, negated } => members.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
    }
}

fn parse(pattern: &str, escape: Option<char>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern.chars().flat_map(char::to_lowercase).peekable();
    let escape = escape.map(|c| c.to_ascii_lowercase());
    while let Some(c) = rest.next() {
        parts.push(match c {
            c if Some(c) == escape => match rest.next() {
                Some(literal) => Part::Exact(literal),
                None => break,
            },
            '%' => Part::Any,
            '_' => Part::One,
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut members = Vec::new();
                while let Some(low) = rest.next() {
                    if low == ']' && !members.is_empty() {
                        break;
                    }
                    let mut range = (low, low);
                    if rest.next_if_eq(&'-').is_some() {
                        match rest.next() {
                            Some(']') | None => {
                                members.push(range);
                                range = ('-', '-');
                                members.push(range);
                                break;
                            }
                            Some(high) => range.1 = high,
                        }
                    }
                    members.push(range);
                }
                Part::Set { members, negated }
            }
            exact => Part::Exact(exact),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_sql_server_has_them() {
        for (text, pattern, matched) in [
            ("Nordwind", "nord%", true),
            ("Nordwind", "%w_nd", true),
            ("Nordwind", "nord", false),
            ("a%b", "a!%b", true),
            ("axb", "a!%b", false),
            ("b", "[a-c]", true),
            ("d", "[^a-c]", true),
            ("[", "[[]", true),
            ("abcabc", "%abc", true),
            ("", "%", true),
            ("abc  ", "abc", true),
        ] {
            assert_eq!(like(text, pattern, Some('!')).unwrap(), matched, "{text} LIKE {pattern}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_like_itself_escaped(text in "[a-z%_\\[\\]]{0,12}") {
            let escaped: String = text.chars().flat_map(|c| ['!', c]).collect();
            prop_assert!(like(&text, &escaped, Some('!')).unwrap());
            prop_assert!(like(&text, "%", None).unwrap());
        }
    }
}
