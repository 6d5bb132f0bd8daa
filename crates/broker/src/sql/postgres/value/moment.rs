//! Dates and times as ISO 8601 text. PostgreSQL counts days and microseconds from 2000-01-01.

/// Days from 1970 to 2000.
const EPOCH_DAYS: i64 = 10_957;
const DAY_MICROS: i64 = 86_400_000_000;

pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        _ => civil(i64::from(days) + EPOCH_DAYS),
    }
}

pub(super) fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if fraction == 0 {
        return clock;
    }
    let fraction = format!("{fraction:06}");
    format!("{clock}.{}", fraction.trim_end_matches('0'))
}

pub(super) fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let (days, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
            format!("{}T{}{zone}", civil(days + EPOCH_DAYS), time(rest))
        }
    }
}

/// Days since 1970 to the proleptic Gregorian calendar (Howard Hinnant, `civil_from_days`). Years before 1 are zero or
/// negative, as astronomers count.
fn civil(days: i64) -> String {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_any_moment_a_server_can_send() {
        assert_eq!(date(0), "2000-01-01");
        assert_eq!(date(-10_958), "1969-12-31");
        assert_eq!(timestamp(0, "Z"), "2000-01-01T00:00:00Z");
        assert_eq!(timestamp(-1, ""), "1999-12-31T23:59:59.999999");
        assert_eq!(timestamp(i64::MAX, "Z"), "infinity");
        for micros in [i64::MIN + 1, i64::MAX - 1] {
            assert!(timestamp(micros, "").contains('T'));
        }
        assert!(date(i32::MIN + 1).starts_with('-'));
    }
}
