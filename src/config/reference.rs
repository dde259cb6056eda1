//! The reference page and the example file, written from the declarations of the settings.

use std::fmt::Write as _;

use super::Config;
use super::section::Field;

/// The reference of all settings, as Markdown.
pub fn reference_page() -> String {
    let mut page = String::from(REFERENCE_HEAD);
    let fields = Config::fields();
    for (section, doc) in Config::section_docs() {
        let _ = write!(page, "\n## `[{section}]`\n\n{}\n", paragraph(doc));
        for field in fields.iter().filter(|field| field.section == section) {
            let default = if field.default.is_empty() || field.default.contains('`') || field.default == "none" {
                field.default.clone()
            } else {
                format!("`{}`", field.default)
            };
            let (key, about, expected) = (field.key, paragraph(field.doc), &field.expected);
            let _ = write!(page, "\n### `{key}`\n\n{about}\n\n");
            let _ = writeln!(
                page,
                "* Value: {expected}{}",
                if field.secret { "; masked wherever it is shown" } else { "" }
            );
            let _ = writeln!(page, "* Default: {default}\n* Environment: `{}`", field.environment());
        }
    }
    page
}

/// A settings file with every setting in it, commented out.
pub fn example_file() -> String {
    let mut file = String::from(EXAMPLE_HEAD);
    let fields = Config::fields();
    for (section, doc) in Config::section_docs() {
        let _ = write!(file, "\n# {}\n[{section}]\n", paragraph(doc));
        for field in fields.iter().filter(|field| field.section == section) {
            let _ = writeln!(file);
            for line in field.doc {
                let _ = writeln!(file, "# {}", line.trim());
            }
            let _ = writeln!(file, "# {}", default_line(field));
            let _ = writeln!(file, "#{} = {}", field.key, field.example);
        }
    }
    file
}

fn default_line(field: &Field) -> String {
    format!("Default: {}", field.default.replace('`', ""))
}

fn paragraph(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

const REFERENCE_HEAD: &str = "\
# Settings

Written by the program from the declarations of its settings (`src/config/`); do not edit. After a change there:
`GATEHOUSE_TEST_REWRITE=1 cargo test --test it reference`.

A value is taken from the first of these that has one:

1. a flag: `--set section.key=value`, and `--data-dir` for `appliance.data_dir`;
2. the environment: `GATEHOUSE_<SECTION>_<KEY>`, or the same name with `_FILE` after it for a file that holds the value; not both;
3. the settings file: the one that `--config` or `GATEHOUSE_CONFIG` names, else `gatehouse.toml` in the data folder, else
   `/etc/gatehouse/gatehouse.toml`;
4. the default.

A list is a TOML array in the file, and stands between commas elsewhere. A name or value that Gatehouse does not know refuses the
start (exit code 64), with all mistakes listed at once. `gatehouse check` shows each value in force and where it comes from.
";

const EXAMPLE_HEAD: &str = "\
# Settings of Gatehouse. Every line that sets something is commented out and shows the default, or an example where the default
# depends on the machine. `gatehouse check` says what is in force. Written by the program; see reference.md beside it.
";
