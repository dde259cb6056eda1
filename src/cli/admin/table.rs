//! Plain tables: a heading, columns as wide as they need to be.

use crate::cli::output;

/// Prints rows under their headings, or that there are none.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: Vec<[String; N]>) {
    if rows.is_empty() {
        return output::line("none");
    }
    let headings = headings.map(str::to_uppercase);
    let lines: Vec<[String; N]> = std::iter::once(headings).chain(rows.into_iter().map(|row| row.map(safe))).collect();
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in lines {
        let padded: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        output::line(padded.join("  ").trim_end());
    }
}

/// Prints one thing: a name and a value a line.
pub(super) fn facts<const N: usize>(facts: [(&str, String); N]) {
    facts_to(output::line, facts);
}

/// The same, printed by `print`.
pub(super) fn facts_to<const N: usize>(print: impl Fn(String), facts: [(&str, String); N]) {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in facts {
        print(format!("{name:width$}  {}", safe(value)));
    }
}

/// Text as a terminal may have it: what drivers and certificates call themselves is not trusted.
fn safe(text: String) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text }
}
