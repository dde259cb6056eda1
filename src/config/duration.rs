//! Durations as text: `"500ms"`, `"15s"`, `"5m"`, `"2h"`, `"30d"`, or several together: `"1h30m"`.

use std::time::Duration;

use super::setting::{Raw, Setting, quoted};

/// Units from the longest to the shortest, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Setting for Duration {
    fn expected() -> String {
        "a duration such as \"500ms\", \"15s\", \"5m\", \"2h\" or \"30d\"".to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Loose(text) | Raw::Text(text) => parse(text.trim()),
            _ => None,
        }
    }

    fn toml(&self) -> String {
        quoted(&show(*self))
    }
}

/// A duration of this text, if it is one.
pub fn parse(mut text: &str) -> Option<Duration> {
    let mut millis = 0_u64;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let (unit, rest) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        text = rest;
    }
    Some(Duration::from_millis(millis))
}

/// In the longest unit that leaves no remainder.
fn show(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let fitting = UNITS.into_iter().find(|(_, factor)| millis.is_multiple_of(*factor));
    let (unit, factor) = fitting.unwrap_or(("ms", 1));
    format!("{}{unit}", millis / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        for wrong in ["", "15", "s", "15 s", "1.5h", "-1s", "15x", "99999999999999999999d"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back(millis in 0..10_000_000_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            let _ = parse(&text);
        }
    }
}
