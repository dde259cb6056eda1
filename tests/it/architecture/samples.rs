//! Each rule fails on a small bad sample, and is silent on its good counterpart.

use super::rules::*;

const MAP: &str = "\
//! | rank | rooms |
//! |---|---|
//! | 0 | `low` |
//! | 1 | `middle`, `beside` |
//! | 2 | `high` |
pub mod low;
pub mod middle;
pub mod beside;
pub mod high;
";

fn breaks_rank(path: &str, text: &str) -> bool {
    !rank_breaches(&[SourceFile::new(path, text)], &ranks(MAP)).is_empty()
}

#[test]
fn an_import_from_above_or_beside_is_found_however_it_is_written() {
    for bad in [
        "use crate::high::Thing;",
        "use crate::beside;",
        "use crate::{low::A, high::B};",
        "use crate::{\n    low::{A, B},\n    beside,\n};",
        "fn f() { crate::high::thing() }",
        "fn f() -> super::super::high::Thing {}",
        "use super::super::{low, high};",
        "mod inner { use super::super::super::high::Thing; }",
        "pub(in crate::high) fn f() {}",
    ] {
        assert!(breaks_rank("middle/file.rs", bad), "{bad}");
    }
    assert!(breaks_rank("middle/mod.rs", "use super::high::Thing;"));
    assert!(breaks_rank("middle/deep/file.rs", "use super::super::super::high::Thing;"));
}

#[test]
fn an_import_from_below_or_within_is_not_a_breach() {
    for good in [
        "use crate::low::Thing;",
        "use crate::middle::other::Thing;",
        "use crate::{low::{high, A}, middle};",
        "use super::high::Thing;",
        "mod high {} use super::other::high;",
        "/// See [`crate::high`].\nfn f() { g(\"crate::high\") }",
        "mod tests { use super::super::high::Thing; }",
    ] {
        assert!(!breaks_rank("middle/file.rs", good), "{good}");
    }
    assert!(!breaks_rank("middle/mod.rs", "mod tests { use super::high; }"));
}

#[test]
fn a_room_that_is_not_on_the_map_is_found() {
    let folders = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(map_breaches(MAP, &folders(&["low", "middle", "beside", "high"])).is_empty());
    assert_eq!(map_breaches(MAP, &folders(&["low", "middle", "beside", "high", "cellar"])).len(), 2);
    assert_eq!(map_breaches(MAP, &folders(&["low", "middle", "beside"])).len(), 1);
}

#[test]
fn a_library_named_in_the_wrong_room_is_found() {
    let breaches = |path: &str, text: &str| naming_breaches(&[SourceFile::new(path, text)]).len();
    assert_eq!(breaches("gateway/a.rs", "use sled::Db; fn f(x: tiberius::Row, y: ::rustls_acme::X) {}"), 3);
    assert_eq!(breaches("lib.rs", "use sled::Db;"), 1);
    assert_eq!(breaches("store/a.rs", "use sled::Db; // tiberius\n"), 0);
    assert_eq!(breaches("domain/a.rs", "use tokio::time::sleep;"), 1);
    assert_eq!(breaches("tds/b/c.rs", "async fn f() { tokio::time::sleep(x).await }"), 1);
    assert_eq!(breaches("wire/a.rs", "use tokio::io::AsyncRead;"), 0);
}

#[test]
fn reading_the_environment_outside_of_the_settings_is_found() {
    let breaches = |path: &str, text: &str| environment_breaches(&[SourceFile::new(path, text)]).len();
    assert_eq!(breaches("store/a.rs", "fn f() { std::env::var(\"X\"); env::vars_os(); }"), 2);
    assert_eq!(breaches("config/a.rs", "fn f() { std::env::var(\"X\"); }"), 0);
    assert_eq!(breaches("cli/a.rs", "fn f() { std::env::current_exe(); env!(\"CARGO_PKG_VERSION\"); }"), 0);
}

#[test]
fn a_file_without_a_heading_or_of_too_many_lines_is_found() {
    let breaches = |text: &str| shape_breaches(&[SourceFile::new("low/a.rs", text)]).len();
    assert_eq!(breaches("//! What it is.\n"), 0);
    assert_eq!(breaches("use std::fmt;\n"), 1);
    assert_eq!(breaches(&format!("//! What it is.\n{}", "\n".repeat(600))), 1);
}

#[test]
fn a_lint_allowed_without_a_reason_is_found() {
    let breaches = |text: &str| reason_breaches(&[SourceFile::new("low/a.rs", text)]).len();
    assert_eq!(breaches("#[allow(clippy::unwrap_used)]\nfn f() {}"), 1);
    assert_eq!(breaches("#![allow(missing_docs)]"), 1);
    assert_eq!(breaches("#[cfg_attr(test, allow(dead_code))]"), 1);
    assert_eq!(breaches("#[allow(clippy::unwrap_used, reason = \"of a sort\")]\nfn f() { x.expect(1) }"), 0);
}
