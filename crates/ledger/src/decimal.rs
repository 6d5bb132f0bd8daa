//! The one way sizes and indexes are written in every text format here: ASCII digits, no sign, no leading zero, at most
//! [`TREE_SIZE_MAX`]. Must never accept a second spelling of a number.

use crate::tree::TREE_SIZE_MAX;

pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if !digits_only || leading_zero {
        return None;
    }
    text.parse().ok().filter(|number| *number <= TREE_SIZE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_number() {
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("9223372036854775807"), Some(TREE_SIZE_MAX));
        for wrong in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1e3",
            "0x1",
            "٣",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(parse_decimal(wrong), None, "{wrong}");
        }
    }
}
