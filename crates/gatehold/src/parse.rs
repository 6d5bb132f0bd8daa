//! Small things people type: durations, caps, sizes.

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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn caps() {
        assert_eq!(cap("rows=10"), Ok(("rows".to_owned(), 10)));
        for bad in ["rows", "=1", "rows=", "rows=-1"] {
            assert!(cap(bad).is_err(), "{bad}");
        }
    }
}
