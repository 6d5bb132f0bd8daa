//! Paths that every server reads alike: no dot segments, no empty ones, nothing encoded that decides where a segment
//! begins, no spelling that has another spelling (threat B2).

/// Longest path in bytes.
const PATH_BYTES_MAX: usize = 4_096;

/// Whether a path has one reading.
pub(crate) fn check(path: &str) -> Result<(), &'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Err("the path is longer than 4096 bytes");
    }
    let Some(inside) = path.strip_prefix('/') else {
        return Err("the path must begin with a slash");
    };
    check_bytes(inside.as_bytes())?;
    let mut segments = inside.split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment == "." || segment == ".." {
            return Err("the path holds a dot segment");
        }
        // One slash may end a path; two in a row are read in two ways.
        if segment.is_empty() && segments.peek().is_some() {
            return Err("the path holds an empty segment");
        }
    }
    Ok(())
}

/// Whether `path` is `prefix` or lies below it, segment by segment.
pub(crate) fn lies_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_bytes(bytes: &[u8]) -> Result<(), &'static str> {
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = match first {
            b'%' => {
                let (digits, tail) = tail
                    .split_at_checked(2)
                    .ok_or("the path holds an unfinished percent sign")?;
                check_encoded(digits)?;
                tail
            }
            // Servers cut `;name` out of a segment, or do not.
            b';' => return Err("the path holds a semicolon"),
            b'\\' => return Err("the path holds a backslash"),
            b'?' | b'#' => return Err("write the query under `query`"),
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b'=' => tail,
            byte if is_unreserved(*byte) => tail,
            _ => return Err("the path holds a character that must be percent-encoded"),
        };
    }
    Ok(())
}

fn check_encoded(digits: &[u8]) -> Result<(), &'static str> {
    let value = std::str::from_utf8(digits)
        .ok()
        .filter(|text| {
            text.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
        })
        .and_then(|text| u8::from_str_radix(text, 16).ok())
        .ok_or("percent-encoding is written with two digits or capital letters")?;
    match value {
        b'/' | b'\\' => Err("the path holds an encoded slash"),
        b'%' => Err("the path is encoded twice"),
        b';' | b'?' | b'#' => Err("the path holds an encoded separator"),
        0..=0x1f | 0x7f => Err("the path holds an encoded control character"),
        value if is_unreserved(value) => Err("the path encodes a character that needs none"),
        _ => Ok(()),
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_reading() {
        for good in [
            "/",
            "/v1/orders",
            "/v1/orders/",
            "/v1/orders/7:refund",
            "/a%20b/%C3%A9",
            "/a/...",
            "/.well-known/x",
            "/a=b,c@d",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "v1",
            "//host/x",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/..",
            "/.",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/..;/b",
            "/a;x=1",
            "/a%3Bx",
            "/a%2Fb",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%252Fb",
            "/a%00b",
            "/a%0D%0Ab",
            "/a\r\nHost: x",
            "/a b",
            "/a\tb",
            "/é",
            "/a?b=1",
            "/a#b",
            "/a%",
            "/a%4",
            "/a%zz",
            "/%61dmin",
            "/a%3Fb",
            "/a\u{0}b",
            "http://other/",
            "*",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&format!("/{}", "a".repeat(4096))).is_err());
    }

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        for (path, prefix, below) in [
            ("/v1/orders", "/v1/orders", true),
            ("/v1/orders/7", "/v1/orders", true),
            ("/v1/orders/7", "/v1/orders/", true),
            ("/v1/orders-admin", "/v1/orders", false),
            ("/v1/order", "/v1/orders", false),
            ("/V1/orders", "/v1/orders", false),
            ("/anything", "/", true),
        ] {
            assert_eq!(lies_below(path, prefix), below, "{path} below {prefix}");
        }
    }
}
