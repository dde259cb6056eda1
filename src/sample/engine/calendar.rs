//! Dates and times: days and ticks (hundreds of nanoseconds) since 0001-01-01, and their text forms.

/// Ticks in a second.
pub const SECOND: i64 = 10_000_000;
/// Ticks in a day.
pub const DAY: i64 = 86_400 * SECOND;
/// Days from 0001-01-01 to 1900-01-01, where `datetime` counts from.
pub const DAYS_TO_1900: i32 = 693_595;
/// Days from 0001-01-01 to 1970-01-01.
pub const DAYS_TO_1970: i32 = 719_162;
/// The day after the last: 10000-01-01.
pub const DAYS_END: i32 = 3_652_059;

/// Days since 0001-01-01 of a date, or nothing when there is no such date.
pub fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || day == 0 || day > last {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let month_index = i32::try_from((month + 9) % 12).ok()?;
    let of_year = (153 * month_index + 2) / 5 + i32::try_from(day).ok()? - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 306)
}

/// Year, month and day of a count of days since 0001-01-01.
pub fn date(days: i32) -> (i32, u32, u32) {
    let days = days + 306;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = era * 400 + year_of_era + i32::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// Splits ticks since 0001-01-01 into days and ticks of the day.
pub fn split(ticks: i64) -> (i32, i64) {
    (i32::try_from(ticks.div_euclid(DAY)).unwrap_or(0), ticks.rem_euclid(DAY))
}

/// Joins days and ticks of the day.
pub fn join(days: i32, ticks: i64) -> i64 {
    i64::from(days) * DAY + ticks
}

/// Ticks rounded to `scale` digits behind the second.
pub fn round(ticks: i64, scale: u8) -> i64 {
    let unit = 10i64.pow(u32::from(7u8.saturating_sub(scale)));
    (ticks + unit / 2).div_euclid(unit) * unit
}

/// Ticks rounded to the three-hundredths of a second that `datetime` has.
pub fn round_datetime(ticks: i64) -> i64 {
    let (days, of_day) = split(ticks);
    join(days, from_three_hundredths(three_hundredths(of_day)))
}

/// Ticks of a day as three-hundredths of a second, rounded.
pub fn three_hundredths(ticks: i64) -> i64 {
    (ticks * 3 + 50_000) / 100_000
}

/// Three-hundredths of a second as ticks of a day.
pub fn from_three_hundredths(units: i64) -> i64 {
    (units * 100_000 + 1) / 3
}

/// `2026-11-21`.
pub fn date_text(days: i32) -> String {
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `13:45:07.1234567` with so many digits behind the second.
pub fn time_text(ticks: i64, scale: u8) -> String {
    let (seconds, fraction) = (ticks / SECOND, ticks % SECOND);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let digits = format!("{fraction:07}");
    match digits.get(..usize::from(scale.min(7))) {
        Some("") | None => whole,
        Some(digits) => format!("{whole}.{digits}"),
    }
}

/// `+02:00`.
pub fn offset_text(minutes: i16) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The name of a month as the default style writes it.
pub fn month_name(month: u32) -> &'static str {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES.get(month.saturating_sub(1) as usize).copied().unwrap_or("???")
}

/// What a text says of a point in time; parts that it leaves out are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parsed {
    /// Days since 0001-01-01.
    pub days: Option<i32>,
    /// Ticks of the day.
    pub ticks: Option<i64>,
    /// Minutes ahead of UTC.
    pub offset: Option<i16>,
}

/// Reads the forms that carry no doubt: `2026-11-21`, `20261121`, `13:45[:07[.123]] [AM|PM]`, both with a blank or a
/// `T` between, and `Z` or `+02:00` behind.
pub fn parse(text: &str) -> Option<Parsed> {
    let mut parsed = Parsed::default();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Some(Parsed { days: Some(DAYS_TO_1900), ticks: Some(0), offset: None });
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 8 && (!rest.contains(':') || rest.as_bytes().get(8).is_some_and(|c| matches!(c, b' ' | b'T'))) {
        let number: u32 = rest.get(..8)?.parse().ok()?;
        parsed.days = Some(days(i32::try_from(number / 10_000).ok()?, number / 100 % 100, number % 100)?);
        rest = rest.get(8..)?;
    } else if digits == 4 && matches!(rest.as_bytes().get(4), Some(b'-' | b'/' | b'.')) {
        let end = rest.find([' ', 'T', 't']).unwrap_or(rest.len());
        let mut parts = rest.get(..end)?.split(['-', '/', '.']);
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        parsed.days = Some(days(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?);
        rest = rest.get(end..)?;
    }
    let rest = rest.trim_start_matches([' ', 'T', 't']);
    if rest.is_empty() {
        return parsed.days.map(|_| parsed);
    }
    parse_time(rest, &mut parsed)?;
    Some(parsed)
}

fn parse_time(text: &str, parsed: &mut Parsed) -> Option<()> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(text.len());
    let (clock, rest) = text.split_at_checked(end)?;
    let mut parts = clock.split(':');
    let mut hour: i64 = parts.next()?.parse().ok()?;
    let minute: i64 = parts.next()?.parse().ok()?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            if fraction.len() > 9 {
                return None;
            }
            let padded = format!("{fraction:0<9}");
            (whole.parse().ok()?, padded.parse::<i64>().ok()? / 100)
        }
    };
    let mut rest = rest.trim();
    if let Some(half) = rest.get(..2).filter(|half| half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm"))
    {
        let afternoon = half.eq_ignore_ascii_case("pm");
        hour = match (hour, afternoon) {
            (12, false) => 0,
            (1..=11, true) => hour + 12,
            (1..=12, _) => hour,
            _ => return None,
        };
        rest = rest.get(2..)?.trim();
    }
    if parts.next().is_some() || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return None;
    }
    parsed.ticks = Some((hour * 3600 + minute * 60 + second) * SECOND + fraction);
    parsed.offset = match rest {
        "" => None,
        "Z" | "z" => Some(0),
        _ => {
            let sign = if rest.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
            let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
            ((0..=14).contains(&hours) && (0..60).contains(&minutes))
                .then_some(sign * (hours * 60 + minutes))
                .map(Some)?
        }
    };
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        assert_eq!(days(1, 1, 1), Some(0));
        assert_eq!(days(1900, 1, 1), Some(DAYS_TO_1900));
        assert_eq!(days(1970, 1, 1), Some(DAYS_TO_1970));
        assert_eq!(days(9999, 12, 31), Some(DAYS_END - 1));
        assert_eq!(days(2023, 2, 29), None);
        for day in (0..DAYS_END).step_by(37) {
            let (y, m, d) = date(day);
            assert_eq!(days(y, m, d), Some(day));
        }
    }

    #[test]
    fn a_point_in_time_is_read_in_the_forms_drivers_write() {
        let parsed = parse("2026-11-21T13:45:07.1234567+02:00").unwrap();
        assert_eq!(time_text(parsed.ticks.unwrap(), 7), "13:45:07.1234567");
        assert_eq!((date_text(parsed.days.unwrap()), parsed.offset), ("2026-11-21".to_owned(), Some(120)));
        assert_eq!(parse("20261121").unwrap().days, days(2026, 11, 21));
        assert_eq!(parse("1:05 PM").unwrap().ticks, Some((13 * 3600 + 300) * SECOND));
        for nonsense in ["soon", "2026-13-01", "25:00", "2026-01-01 12", "1:2:3:4"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn datetime_counts_three_hundredths() {
        for units in 0..25_920_000i64 {
            if units % 997 == 0 {
                assert_eq!(three_hundredths(from_three_hundredths(units)), units);
            }
        }
    }
}
