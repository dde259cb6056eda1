//! The rules, each a function from texts to what breaks it.

use super::tokens::{Token, tokens};

/// A source file, by its path under `src`.
pub struct SourceFile {
    path: String,
    text: String,
    tokens: Vec<Token>,
}

impl SourceFile {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), tokens: tokens(text) }
    }

    /// The folder under `src` that the file is in; none for `lib.rs` and `main.rs`.
    fn room(&self) -> Option<&str> {
        self.path.split_once('/').map(|(room, _)| room)
    }

    /// How many modules the file's own module is below the crate's root.
    fn depth(&self) -> usize {
        let named = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") || named == 1 { named - 1 } else { named }
    }

    fn say(&self, line: usize, text: impl std::fmt::Display) -> String {
        format!("src/{}:{line}: {text}", self.path)
    }
}

/// A room and its rank.
pub struct Rank {
    room: String,
    rank: usize,
}

/// The folder that alone may name a library, by the name it has in code.
const NAMED_ONLY_BY: [(&str, &str); 4] =
    [("sled", "store/"), ("tiberius", "sql/"), ("rustls_acme", "tls/acme/"), ("lettre", "notify/")];
/// Rooms without I/O.
const PURE: [&str; 2] = ["domain", "tds"];
/// A file is split before it gets this long.
const LONGEST: usize = 600;

/// The table of ranks in the documentation of `lib.rs`.
pub fn ranks(map: &str) -> Vec<Rank> {
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! |"));
    let mut ranks = Vec::new();
    for row in rows {
        let mut cells = row.split('|').map(str::trim);
        let Some(rank) = cells.next().and_then(|cell| cell.parse().ok()) else { continue };
        for room in cells.next().unwrap_or_default().split(',') {
            ranks.push(Rank { room: room.trim().trim_matches('`').to_owned(), rank });
        }
    }
    ranks
}

/// Rooms that import what is not below them.
pub fn rank_breaches(files: &[SourceFile], ranks: &[Rank]) -> Vec<String> {
    let rank = |room: &str| ranks.iter().find(|known| known.room == room).map(|known| known.rank);
    let mut breaches = Vec::new();
    for file in files {
        let Some(own) = file.room() else { continue };
        for (other, line) in rooms_named(file) {
            let (Some(mine), Some(theirs)) = (rank(own), rank(&other)) else { continue };
            if other != own && theirs >= mine {
                breaches.push(file.say(line, format_args!("`{own}` (r{mine}) imports `{other}` (r{theirs})")));
            }
        }
    }
    breaches
}

/// Rooms that the map, its table and the folders do not agree on.
pub fn map_breaches(map: &str, folders: &[String]) -> Vec<String> {
    let listed: Vec<&str> = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let ranked: Vec<String> = ranks(map).into_iter().map(|known| known.room).collect();
    let mut breaches = Vec::new();
    for room in folders {
        if !listed.contains(&room.as_str()) {
            breaches.push(format!("src/lib.rs does not list the room `{room}`"));
        }
        if !ranked.contains(room) {
            breaches.push(format!("the table of src/lib.rs gives `{room}` no rank"));
        }
    }
    for room in &ranked {
        if !folders.contains(room) {
            breaches.push(format!("src/lib.rs speaks of `{room}`, and there is no such room"));
        }
    }
    breaches
}

/// Libraries named where they may not be.
pub fn naming_breaches(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        for token in &file.tokens {
            let only = NAMED_ONLY_BY.iter().find(|(library, _)| *library == token.text);
            if let Some((library, folder)) = only.filter(|(_, folder)| !file.path.starts_with(folder)) {
                breaches.push(file.say(token.line, format_args!("`{library}` is named in `{folder}` alone")));
            }
            if token.text == "tokio" && file.room().is_some_and(|room| PURE.contains(&room)) {
                breaches.push(file.say(token.line, "this room knows no tokio"));
            }
        }
    }
    breaches
}

/// Environment variables read outside of the settings.
pub fn environment_breaches(files: &[SourceFile]) -> Vec<String> {
    const READS: [&str; 6] = ["var", "var_os", "vars", "vars_os", "set_var", "remove_var"];
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| file.room() != Some("config")) {
        for three in file.tokens.windows(3) {
            if three[0].text == "env" && three[1].text == "::" && READS.contains(&three[2].text.as_str()) {
                breaches.push(file.say(three[0].line, "the environment is read in `config` alone"));
            }
        }
    }
    breaches
}

/// Files that do not open with what they are, or are too long.
pub fn shape_breaches(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        if !file.text.starts_with("//! ") {
            breaches.push(file.say(1, "does not open with `//!` and what it is"));
        }
        let lines = file.text.lines().count();
        if lines > LONGEST {
            breaches.push(file.say(lines, format_args!("is longer than {LONGEST} lines")));
        }
    }
    breaches
}

/// Lints allowed without a reason.
pub fn reason_breaches(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        for (at, two) in file.tokens.windows(2).enumerate() {
            let opens = matches!(two[0].text.as_str(), "allow" | "expect") && two[1].text == "(";
            let attribute =
                at.checked_sub(1).is_some_and(|before| matches!(file.tokens[before].text.as_str(), "[" | ","));
            if !opens || !attribute {
                continue;
            }
            let inside = file.tokens[at + 2..].iter().take_while(|token| token.text != "]");
            if !inside.into_iter().any(|token| token.text == "reason") {
                breaches.push(file.say(two[0].line, "allows a lint without a reason"));
            }
        }
    }
    breaches
}

/// Every room that a file's paths name: after `crate::`, or after as many `super::` as lead to the root.
fn rooms_named(file: &SourceFile) -> Vec<(String, usize)> {
    let all = &file.tokens;
    let mut named = Vec::new();
    // The braces that are open, and whether each is that of an inline module.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let text = all[at].text.as_str();
        match text {
            "{" => braces.push(at >= 2 && all[at - 2].text == "mod"),
            "}" => {
                braces.pop();
            }
            "crate" if is(all, at + 1, "::") => collect(all, at + 2, &mut named),
            "super" if is(all, at + 1, "::") => {
                let mut supers = 0;
                while is(all, at, "super") && is(all, at + 1, "::") {
                    (supers, at) = (supers + 1, at + 2);
                }
                let depth = file.depth() + braces.iter().filter(|module| **module).count();
                if supers >= depth {
                    collect(all, at, &mut named);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    named
}

/// The first word of a path that begins at the root, or of each path of a group there.
fn collect(all: &[Token], at: usize, named: &mut Vec<(String, usize)>) {
    let Some(first) = all.get(at) else { return };
    if first.text != "{" {
        named.push((first.text.clone(), first.line));
        return;
    }
    let (mut depth, mut starts) = (0, false);
    for token in &all[at..] {
        match token.text.as_str() {
            "{" => (depth, starts) = (depth + 1, depth == 0),
            "}" => depth -= 1,
            "," => starts = depth == 1,
            word if starts => {
                named.push((word.to_owned(), token.line));
                starts = false;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn is(all: &[Token], at: usize, text: &str) -> bool {
    all.get(at).is_some_and(|token| token.text == text)
}
