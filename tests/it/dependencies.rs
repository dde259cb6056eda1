//! What is in the tree: one crypto provider, one TLS, no OpenSSL, licences from the list, and a word on each direct dependency.
//!
//! The tree is the one that cargo builds (`cargo tree`), with the features that are on. `cargo metadata` would also name packages of
//! features that are off.

use std::path::Path;
use std::process::Command;

use spdx::{Expression, ParseMode};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

struct Package {
    name: String,
    version: String,
    licence: String,
}

#[test]
fn the_tree_has_one_crypto_provider_and_no_tls_besides_rustls() {
    let tree = tree();
    for name in denied() {
        assert!(tree.iter().all(|package| package.name != name), "{name} is in the tree: cargo tree -i {name}");
    }
    for name in ["rustls", "aws-lc-rs", "tokio-rustls"] {
        let versions: Vec<&str> =
            tree.iter().filter(|package| package.name == name).map(|package| package.version.as_str()).collect();
        assert_eq!(versions.len(), 1, "{name}: {versions:?}");
    }
}

#[test]
fn the_list_of_bans_names_what_would_be_a_second_provider_or_an_openssl() {
    let denied = denied();
    for name in ["ring", "openssl", "openssl-sys", "native-tls"] {
        assert!(denied.iter().any(|banned| banned == name), "{name}");
    }
}

#[test]
fn every_licence_in_the_tree_is_on_the_list() {
    let allowed = allowed();
    let tree = tree();
    assert!(tree.len() > 100, "the tree was read");
    let strangers: Vec<String> = tree
        .iter()
        .filter(|package| package.name != "gatehouse" && !is_allowed(&package.licence, &allowed))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.licence))
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
}

#[test]
fn a_licence_that_is_not_on_the_list_is_refused() {
    let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0-only OR MIT",
        "Apache-2.0 WITH LLVM-exception",
        "(MIT OR ISC) AND Apache-2.0",
    ] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0-only", "MIT AND ISC", "MIT WITH Autoconf-exception-2.0", "not a licence"] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

#[test]
fn every_direct_dependency_says_what_it_is_for() {
    let manifest = std::fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let mut seen = 0;
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && line.contains('=') && !line.starts_with('#') {
            seen += 1;
            assert!(line.rsplit_once(" # ").is_some_and(|(_, words)| words.len() > 5), "no comment: {line}");
        }
    }
    assert!(seen > 20, "the dependencies were found");
}

/// What a user's binary is made of, on every platform.
fn tree() -> Vec<Package> {
    let arguments =
        ["tree", "--locked", "--edges", "normal,build", "--target", "all", "--prefix", "none", "--format", "{p}|{l}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    let package = |line: &String| {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Package { name, version, licence: licence.trim_end_matches(" (*)").to_owned() })
    };
    let mut packages: Vec<Package> = lines.iter().filter_map(package).collect();
    packages.dedup_by(|a, b| a.name == b.name && a.version == b.version);
    packages
}

fn is_allowed(licence: &str, allowed: &[String]) -> bool {
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else { return false };
    expression.evaluate(|requirement| allowed.contains(&requirement.to_string()))
}

fn policy() -> toml::Table {
    std::fs::read_to_string(Path::new(ROOT).join(".deny.toml")).unwrap().parse().unwrap()
}

fn allowed() -> Vec<String> {
    policy()["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn denied() -> Vec<String> {
    policy()["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["name"].as_str().unwrap().to_owned()).collect()
}
