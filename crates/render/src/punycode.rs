//! International host names out of their ASCII encoding (RFC 3492), to be shown beside it.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const LABEL_LENGTH_MAX: usize = 63;

/// A host name with each `xn--` label decoded. `None` when one cannot be.
pub(crate) fn host(name: &str) -> Option<String> {
    let labels: Option<Vec<String>> = name
        .split('.')
        .map(|label| match label.strip_prefix("xn--") {
            Some(encoded) => decode(encoded),
            None => Some(label.to_owned()),
        })
        .collect();
    Some(labels?.join("."))
}

fn decode(encoded: &str) -> Option<String> {
    if encoded.len() > LABEL_LENGTH_MAX {
        return None;
    }
    let (basic, digits) = encoded.rsplit_once('-').unwrap_or(("", encoded));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut code, mut place, mut bias, mut first) = (128_u32, 0_u32, 72_u32, true);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let before = place;
        let mut weight = 1_u32;
        for step in 1.. {
            let digit = value(digits.next()?)?;
            place = place.checked_add(digit.checked_mul(weight)?)?;
            let threshold = (BASE * step).saturating_sub(bias).clamp(T_MIN, T_MAX);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
        }
        let length = u32::try_from(out.len()).ok()? + 1;
        bias = adapt(place - before, length, first);
        first = false;
        code = code.checked_add(place / length)?;
        place %= length;
        out.insert(usize::try_from(place).ok()?, char::from_u32(code)?);
        place += 1;
    }
    Some(out.into_iter().collect())
}

fn value(digit: u8) -> Option<u32> {
    match digit {
        b'a'..=b'z' => Some(u32::from(digit - b'a')),
        b'0'..=b'9' => Some(u32::from(digit - b'0') + 26),
        _ => None,
    }
}

fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut steps = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        steps += BASE;
    }
    steps + (BASE - T_MIN + 1) * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn decodes_what_registries_write() {
        for (encoded, shown) in [
            ("xn--bcher-kva.example", "bücher.example"),
            ("xn--mnchen-3ya.de", "münchen.de"),
            ("www.xn--fiqs8s", "www.中国"),
            ("xn--80ak6aa92e.com", "аррӏе.com"),
            ("plain.example", "plain.example"),
        ] {
            assert_eq!(host(encoded).as_deref(), Some(shown));
        }
        for broken in ["xn--\u{e9}", "xn--99999999999", "xn--a-!"] {
            assert_eq!(host(broken), None, "{broken}");
        }
    }
}
