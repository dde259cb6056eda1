//! The house keeps its own rules: ranks, who may name which library, how files look, what lies at the top.
//!
//! The rules are functions over texts, so that each is shown to fail on a small bad sample before it is believed on the sources.

mod rules;
mod samples;
mod tokens;

use std::path::Path;

use rules::{Rank, SourceFile};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What may lie at the top besides dot-files; `target` is made by cargo and not kept.
const TOP: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "assets",
    "packaging",
    "src",
    "target",
    "tests",
    "web",
];

#[test]
fn every_room_imports_only_rooms_of_a_lower_rank() {
    assert_none(rules::rank_breaches(&sources(), &ranks()));
}

#[test]
fn every_room_is_on_the_map_and_has_a_rank() {
    let map = read(&Path::new(ROOT).join("src/lib.rs"));
    let rooms = std::fs::read_dir(Path::new(ROOT).join("src")).unwrap().map(|entry| entry.unwrap());
    let rooms: Vec<String> =
        rooms.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(rooms.len() > 10, "the rooms were found");
    assert_none(rules::map_breaches(&map, &rooms));
}

#[test]
fn a_library_is_named_only_where_it_may_be() {
    assert_none(rules::naming_breaches(&sources()));
}

#[test]
fn the_environment_is_read_by_the_settings_alone() {
    assert_none(rules::environment_breaches(&sources()));
}

#[test]
fn every_file_says_what_it_is_and_is_not_too_long() {
    assert_none(rules::shape_breaches(&sources()));
}

#[test]
fn no_lint_is_allowed_without_a_reason() {
    assert_none(rules::reason_breaches(&sources()));
}

#[test]
fn nothing_lies_at_the_top_that_does_not_belong_there() {
    let entries = std::fs::read_dir(ROOT).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strangers: Vec<String> =
        entries.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str())).collect();
    assert_eq!(strangers, Vec::<String>::new());
}

fn assert_none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

fn ranks() -> Vec<Rank> {
    let ranks = rules::ranks(&read(&Path::new(ROOT).join("src/lib.rs")));
    assert!(ranks.len() > 10, "the table of ranks was read");
    ranks
}

fn sources() -> Vec<SourceFile> {
    let src = Path::new(ROOT).join("src");
    let files = walkdir::WalkDir::new(&src).sort_by_file_name().into_iter().map(|entry| entry.unwrap().into_path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let files: Vec<SourceFile> =
        files.map(|path| SourceFile::new(path.strip_prefix(&src).unwrap().to_str().unwrap(), &read(&path))).collect();
    assert!(files.len() > 30, "the sources were found");
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
