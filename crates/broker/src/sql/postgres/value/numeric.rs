//! Exact decimals: groups of four digits, a weight, a sign and a display scale. Never through a float.

use super::Reader;

/// The decimal as PostgreSQL itself prints it; `None` when the bytes are no numeric.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let mut reader = Reader(bytes);
    let groups = usize::try_from(reader.i16()?).ok()?;
    let weight = i32::from(reader.i16()?);
    let sign = match reader.i16()?.cast_unsigned() {
        0x0000 => "",
        0x4000 => "-",
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let scale = usize::try_from(reader.i16()?).ok()?;
    let mut digits = Vec::with_capacity(groups);
    for _ in 0..groups {
        let group = reader.i16()?;
        if !(0..10_000).contains(&group) {
            return None;
        }
        digits.push(group);
    }
    // The group that counts 10000^place; those that are not written are zero.
    let group = |place: i32| {
        let index = weight.checked_sub(place)?;
        digits.get(usize::try_from(index).ok()?).copied()
    };
    let mut whole = String::new();
    for place in (0..=weight).rev() {
        whole.push_str(&format!("{:04}", group(place).unwrap_or(0)));
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let mut fraction = String::new();
    let mut place = -1;
    while fraction.len() < scale {
        fraction.push_str(&format!("{:04}", group(place).unwrap_or(0)));
        place -= 1;
    }
    fraction.truncate(scale);
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_numeric_has_no_text_and_no_size() {
        for bad in [
            &[0, 9, 0, 0, 0, 0, 0, 0][..],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0x7f, 0xff],
            &[0, 0, 0, 0, 0, 1, 0, 0],
            &[0xff, 0xff, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0],
        ] {
            assert_eq!(text(bad), None, "{bad:?}");
        }
        let huge = text(&[0, 1, 0x7f, 0xff, 0x40, 0, 0, 1, 0, 1]).unwrap();
        assert!(huge.starts_with("-1000") && huge.len() < 160_000);
        assert_eq!(
            text(&[0, 1, 0xff, 0xfe, 0, 0, 0, 6, 0, 7]).unwrap(),
            "0.000000"
        );
        assert_eq!(
            text(&[0, 1, 0xff, 0xfe, 0, 0, 0, 8, 0, 7]).unwrap(),
            "0.00000007"
        );
    }
}
