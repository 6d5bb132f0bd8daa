//! Small things people type: durations, times, caps, sizes.

use gatehold_core::time::Timestamp;

/// `90`, `90s`, `15m`, `2h`, `1d` as seconds.
///
/// # Errors
/// What would have been right.
pub fn seconds(text: &str) -> Result<u32, String> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let factor = match text.strip_prefix(digits.as_str()) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3_600,
        Some("d") => 86_400,
        _ => 0,
    };
    digits
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "write a number and s, m, h or d, such as 15m".to_owned())
}

/// A time that people write: in UTC, or from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This time.
    At(Timestamp),
    /// So many seconds from now.
    In(u32),
}

impl When {
    /// The time it names, seen from now.
    #[must_use]
    pub const fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(seconds) => now.plus_seconds(seconds),
        }
    }
}

/// `2026-12-01T08:00:00Z`, or `5d` from now.
///
/// # Errors
/// What would have been right.
pub fn when(text: &str) -> Result<When, String> {
    if let Ok(seconds) = seconds(text) {
        return Ok(When::In(seconds));
    }
    utc(text)
        .filter(|at| at.to_string() == text)
        .map(When::At)
        .ok_or_else(|| {
            "write a time in UTC such as 2026-12-01T08:00:00Z, or one from now, such as 5d"
                .to_owned()
        })
}

/// The first second of a day such as `2027-06-30`.
pub fn day(text: &str) -> Option<Timestamp> {
    let first = format!("{text}T00:00:00Z");
    utc(&first).filter(|at| at.to_string() == first)
}

/// The time of a text that [`Timestamp`] prints; of any other some time that is printed otherwise, or none.
fn utc(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |part: &str, by| -> Option<[i64; 3]> {
        let numbers: Option<Vec<i64>> = part.split(by).map(|number| number.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    fits.then(|| {
        let days = days_from_civil(year, month, day);
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
        Timestamp::from_millis(seconds * 1_000)
    })
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`), from 1970 on.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, yoe) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let doy = (153 * shifted + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// `rows=10`.
///
/// # Errors
/// What would have been right.
pub fn cap(text: &str) -> Result<(String, u64), String> {
    text.split_once('=')
        .and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| "write NAME=NUMBER, such as rows=10".to_owned())
}

/// `incident=INC-7`.
///
/// # Errors
/// What would have been right.
pub fn claim(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .ok_or_else(|| "write NAME=TEXT, such as incident=INC-7".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_have_a_name_and_any_text() {
        let both = |name: &str, text: &str| Ok((name.to_owned(), text.to_owned()));
        assert_eq!(claim("incident=INC-7"), both("incident", "INC-7"));
        assert_eq!(claim("why=a=b"), both("why", "a=b"));
        assert!(claim("=INC-7").is_err() && claim("incident").is_err());
    }

    #[test]
    fn durations() {
        for (text, wanted) in [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("2h", 7_200),
            ("1d", 86_400),
        ] {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for bad in ["", "m", "0", "-1", "1w", "9999999999", "1.5h", "100000d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(when("5d"), Ok(When::In(432_000)));
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2026-11-21T02:05:32Z", 1_795_226_732_000),
        ] {
            assert_eq!(when(text), Ok(When::At(Timestamp::from_millis(millis))));
        }
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21T02:05:32",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-1-1T0:0:0Z",
            "2026-11-21T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "tomorrow",
        ] {
            assert!(when(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn caps() {
        assert_eq!(cap("rows=10"), Ok(("rows".to_owned(), 10)));
        for bad in ["rows", "=1", "rows=", "rows=-1"] {
            assert!(cap(bad).is_err(), "{bad}");
        }
    }
}
