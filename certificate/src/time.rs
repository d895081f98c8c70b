//! Points in time as text: ISO 8601, UTC.

use std::str;

use crate::element::Element;

/// The text of a `UTCTime` or `GeneralizedTime` (RFC 5280, section 4.1.2.5), such as
/// `2026-01-31T12:00:00Z`. Seconds may be missing, and the time zone may be another one. Fractions
/// of a second are left out.
pub(crate) fn text(element: Element<'_>) -> Option<String> {
    let octets = element.octets()?;
    let text = str::from_utf8(&octets).ok().filter(|text| text.is_ascii())?.trim();
    let (date, rest) = match element.tag() {
        UTC_TIME => text.split_at_checked(6)?,
        GENERALIZED_TIME => text.split_at_checked(8)?,
        _ => return None,
    };
    let (year, month_and_day) = date.split_at_checked(date.len() - 4)?;
    let year = match (year.len(), number(year)?) {
        // Section 4.1.2.5.1
        (2, year @ 50..) => 1900 + year,
        (2, year) => 2000 + year,
        (_, year) => year,
    };
    let (month, day) = month_and_day.split_at(2);
    let (month, day) = (number(month)?, number(day)?);
    let clock_len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (clock, rest) = rest.split_at(clock_len);
    let zone = rest
        .strip_prefix(['.', ','])
        .map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    let (hour, minute, second) = match clock.len() {
        2 => (number(clock)?, 0, 0),
        4 => (number(&clock[..2])?, number(&clock[2..])?, 0),
        6 => (number(&clock[..2])?, number(&clock[2..4])?, number(&clock[4..])?),
        _ => return None,
    };
    let exists = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !exists {
        return None;
    }
    let minutes = hour * 60 + minute - offset(zone)?;
    let (year, month, day) = days_later(year, month, day, minutes.div_euclid(24 * 60))?;
    let minutes = minutes.rem_euclid(24 * 60);
    let (hour, minute) = (minutes / 60, minutes % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// The minutes that a time zone is ahead of UTC. Text without a time zone counts as UTC.
fn offset(zone: &str) -> Option<i32> {
    if matches!(zone, "" | "Z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes)? };
    let offset = number(hours)? * 60 + minutes;
    match sign {
        "+" if offset < 24 * 60 => Some(offset),
        "-" if offset < 24 * 60 => Some(-offset),
        _ => None,
    }
}

/// The date this number of days later: -1, 0 or 1. `None` outside of the years 0 to 9999.
fn days_later(year: i32, month: i32, day: i32, days: i32) -> Option<(i32, i32, i32)> {
    let day = day + days;
    let (year, month, day) = if day == 0 {
        let (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
        (year, month, days_of_month(year, month))
    } else if day > days_of_month(year, month) {
        if month == 12 { (year + 1, 1, 1) } else { (year, month + 1, 1) }
    } else {
        (year, month, day)
    };
    (0..=9999).contains(&year).then_some((year, month, day))
}

fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A number of at most four digits.
fn number(digits: &str) -> Option<i32> {
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, time: &str) -> Option<String> {
        let element = [&[tag, time.len() as u8], time.as_bytes()].concat();
        text(Element::read(&element).unwrap())
    }

    #[test]
    fn times_of_every_form() {
        for (tag, time, expected) in [
            (UTC_TIME, "260131120000Z", "2026-01-31T12:00:00Z"),
            (UTC_TIME, "2601311200Z", "2026-01-31T12:00:00Z"),
            (UTC_TIME, "260131120000+0100", "2026-01-31T11:00:00Z"),
            (UTC_TIME, "2601010030+0100", "2025-12-31T23:30:00Z"),
            (UTC_TIME, "240228233000-0230", "2024-02-29T02:00:00Z"),
            (UTC_TIME, "991231233000-0100", "2000-01-01T00:30:00Z"),
            (UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
            (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
            (UTC_TIME, "260131120000", "2026-01-31T12:00:00Z"),
            (GENERALIZED_TIME, "20500131120000Z", "2050-01-31T12:00:00Z"),
            (GENERALIZED_TIME, "99991231235959Z", "9999-12-31T23:59:59Z"),
            (GENERALIZED_TIME, "19000301000000Z", "1900-03-01T00:00:00Z"),
            (GENERALIZED_TIME, "19000301000000+0001", "1900-02-28T23:59:00Z"),
            (GENERALIZED_TIME, "00010101000000Z", "0001-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "20260131120000.123Z", "2026-01-31T12:00:00Z"),
            (GENERALIZED_TIME, "2026013112+01", "2026-01-31T11:00:00Z"),
        ] {
            assert_eq!(read(tag, time).as_deref(), Some(expected), "{time}");
        }
    }

    #[test]
    fn texts_that_are_not_a_time() {
        for (tag, time) in [
            (UTC_TIME, ""),
            (UTC_TIME, "Z"),
            (UTC_TIME, "260131Z"),
            (UTC_TIME, "261331120000Z"),
            (UTC_TIME, "260230120000Z"),
            (UTC_TIME, "260131240000Z"),
            (UTC_TIME, "260131126000Z"),
            (UTC_TIME, "2601311200000Z"),
            (UTC_TIME, "260131120000+01:00"),
            (UTC_TIME, "260131120000+9999"),
            (UTC_TIME, "-60131120000Z"),
            (UTC_TIME, "26+131120000Z"),
            (UTC_TIME, "2601é"),
            (UTC_TIME, "26013é"),
            (GENERALIZED_TIME, "99991231235959-0100"),
            (GENERALIZED_TIME, "00000101000000+0100"),
            (GENERALIZED_TIME, "260131120000Z"),
            (0x0C, "260131120000Z"),
        ] {
            assert_eq!(read(tag, time), None, "{time}");
        }
    }
}
