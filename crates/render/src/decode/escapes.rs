//! Characters written by name or number: HTML references and backslash escapes.

/// Longest name or number between `&` and `;`.
const REFERENCE_LENGTH_MAX: usize = 12;

/// `&lt;`, `&#60;`, `&#x3c;`; names that nobody needs to hide text stay.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let reference = from.get(1..).and_then(|inner| {
            let end = inner
                .bytes()
                .take(REFERENCE_LENGTH_MAX)
                .position(|byte| byte == b';')?;
            Some((character(inner.get(..end)?)?, inner.get(end + 1..)?))
        });
        match reference {
            Some((character, behind)) => {
                out.push(character);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = from.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    let code = |digits: &str, radix| {
        (digits.len() <= 8).then(|| {
            u32::from_str_radix(digits, radix)
                .ok()
                .and_then(char::from_u32)
        })?
    };
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "colon" => Some(':'),
        "sol" => Some('/'),
        "NewLine" => Some('\n'),
        "Tab" => Some('\t'),
        _ => match name.strip_prefix('#')? {
            hex if hex.starts_with(['x', 'X']) => code(hex.get(1..)?, 16),
            decimal => code(decimal, 10),
        },
    }
}

/// `\x41`, `\u0041`, `\u{41}`, `\101` and `\e`; line feeds and quotes written with a backslash are plain to read.
pub(super) fn backslash(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let behind = from.get(1..).unwrap_or("");
        match escape(behind, &mut out) {
            Some(length) => rest = behind.get(length..).unwrap_or(""),
            None => {
                out.push(b'\\');
                // A backslash that is escaped itself begins nothing.
                let skip = usize::from(behind.starts_with('\\'));
                out.extend_from_slice(behind.get(..skip).unwrap_or("").as_bytes());
                rest = behind.get(skip..).unwrap_or("");
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// How many bytes behind the backslash belong to the escape.
fn escape(behind: &str, out: &mut Vec<u8>) -> Option<usize> {
    let digits = |from: usize, length: usize, radix: u32| {
        let digits = behind.get(from..from + length)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let mut push = |code: u32| {
        let character = char::from_u32(code)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    };
    match behind.chars().next()? {
        'x' => {
            out.push(u8::try_from(digits(1, 2, 16)?).ok()?);
            Some(3)
        }
        'u' if behind.starts_with("u{") => {
            let end = behind.bytes().take(9).position(|byte| byte == b'}')?;
            if end < 3 {
                return None;
            }
            push(digits(2, end - 2, 16)?)?;
            Some(end + 1)
        }
        'u' => {
            let first = digits(1, 4, 16)?;
            if (0xd800..0xdc00).contains(&first) && behind.get(5..7) == Some("\\u") {
                let second = digits(7, 4, 16).filter(|low| (0xdc00..0xe000).contains(low))?;
                push(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
                return Some(11);
            }
            push(first)?;
            Some(5)
        }
        'e' if behind.starts_with("e[") => {
            out.push(0x1b);
            Some(1)
        }
        '0'..='3' => {
            out.push(u8::try_from(digits(0, 3, 8)?).ok()?);
            Some(3)
        }
        _ => None,
    }
}
