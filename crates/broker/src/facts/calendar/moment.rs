//! A date or a time as iCalendar writes it: `20261225`, `20261225T090000`, `20261225T090000Z`.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// One of the three forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A whole day of the event's zone.
    Day(Date),
    /// A time of the event's zone.
    Local(DateTime),
    /// An instant.
    Instant(Timestamp),
}

/// Reads one.
pub(super) fn parse(text: &str) -> Result<Moment, String> {
    read(text).ok_or_else(|| "it holds a date that is none".to_owned())
}

fn read(text: &str) -> Option<Moment> {
    let (day, time) = match text.split_once('T') {
        None => (text, None),
        Some((day, time)) => (day, Some(time)),
    };
    if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let date = Date::new(
        day.get(..4)?.parse().ok()?,
        day.get(4..6)?.parse().ok()?,
        day.get(6..)?.parse().ok()?,
    );
    let date = date.ok()?;
    let Some(time) = time else {
        return Some(Moment::Day(date));
    };
    let (digits, utc) = match time.strip_suffix('Z') {
        Some(digits) => (digits, true),
        None => (time, false),
    };
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hour, minute) = (
        digits.get(..2)?.parse().ok()?,
        digits.get(2..4)?.parse().ok()?,
    );
    // A leap second is the last of its minute.
    let second: i8 = digits.get(4..)?.parse().ok()?;
    let second = if second == 60 { 59 } else { second };
    let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
    let at = date.to_datetime(time);
    Some(if utc {
        Moment::Instant(TimeZone::UTC.to_timestamp(at).ok()?)
    } else {
        Moment::Local(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_and_no_other() {
        let local: DateTime = "2026-12-25T09:30:00".parse().unwrap();
        assert_eq!(parse("20261225"), Ok(Moment::Day(local.date())));
        assert_eq!(parse("20261225T093000"), Ok(Moment::Local(local)));
        assert!(matches!(parse("20261225T093000Z"), Ok(Moment::Instant(_))));
        for bad in [
            "",
            "2026-12-25",
            "20261332",
            "20260229",
            "20261225T",
            "20261225T09",
            "20261225T250000",
            "20261225T093000+0100",
            "20261225T093000z",
            "+2026122",
            "２０２６1225",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
