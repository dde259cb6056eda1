//! The last net: masks whatever looks like a secret that the appliance generated, wherever it came from.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// What a generated secret begins with (`identity::generated`, where a test holds this list to that one).
const PREFIXES: [&str; 10] = ["ghp_", "ghd_", "ght_", "ghs_", "ghk_", "ghl_", "ghc_", "ghv_", "gha_", "ghr_"];

/// So many letters and digits after a prefix make a secret, rather than a word about one.
const LEAST: usize = 16;

/// `text` with everything masked that looks like a generated secret: its prefix stays, so that one sees what was there.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, prefix, after)) = next(rest) {
        let length = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (body, tail) = after.split_at(length);
        out.push_str(before);
        out.push_str(prefix);
        out.push_str(if body.len() < LEAST { body } else { "***" });
        rest = tail;
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The first prefix in `text`: what stands before it, the prefix, what follows.
fn next(text: &str) -> Option<(&str, &'static str, &str)> {
    // One pass, whatever stands in it: the text may be a stranger's.
    text.match_indices("gh").find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        PREFIXES.into_iter().find_map(|prefix| Some((before, prefix, rest.strip_prefix(prefix)?)))
    })
}

/// A place for log lines that masks each of them.
#[derive(Debug)]
pub(super) struct Redacting<W>(pub(super) W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Redacting<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        Line(self.0.make_writer_for(meta))
    }
}

/// One log line on its way out; the formatter hands it over whole.
#[derive(Debug)]
pub(super) struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(redacted(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_generated_secret_is_masked_wherever_it_stands() {
        let text = "a ghp_0123456789abcdefABCDEF, (ghd_ZZZZZZZZZZZZZZZZZZZZZ) and ght_aaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(redacted(text), "a ghp_***, (ghd_***) and ght_***");
        assert_eq!(redacted("passes begin with ghp_, devices with ghd_"), "passes begin with ghp_, devices with ghd_");
    }

    proptest! {
        #[test]
        fn no_text_around_it_keeps_a_secret_from_being_masked(before in ".*", after in "[^0-9A-Za-z].*", secret in "[0-9A-Za-z]{16,60}") {
            let text = format!("{before}ght_{secret}{after}");
            let whole = format!("ght_{secret}");
            prop_assert!(!redacted(&text).contains(&whole));
        }
    }
}
