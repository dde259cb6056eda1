//! The reference page and the example file say what the program does. To write them anew:
//! `GATEHOUSE_TEST_REWRITE=1 cargo test --test it reference`.

use std::path::Path;

use gatehouse::config;

#[test]
fn the_reference_of_the_settings_is_up_to_date() {
    same("packaging/reference.md", &config::reference_page());
}

#[test]
fn the_example_of_the_settings_is_up_to_date() {
    same("packaging/gatehouse.toml", &config::example_file());
}

fn same(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("GATEHOUSE_TEST_REWRITE").is_some() {
        std::fs::write(&file, expected).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == expected, "{path} is not what the program would write; see the head of {}", file!());
}
