//! Files of ours as they travel to a browser that takes gzip: packed once. Only what is the same for everybody is packed, never a page:
//! how long a packed page is could tell what stands in it.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use miniz_oxide::deflate::compress_to_vec;

/// Best, and slowest: each file is packed once for as long as the process lives.
const LEVEL: u8 = 9;
/// RFC 1952: a member of deflate, without a name, a time and an origin.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];

/// The same as a member of gzip.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    out.extend(compress_to_vec(bytes, LEVEL));
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32, _: u8| match crc & 1 {
        1 => (crc >> 1) ^ 0xedb8_8320,
        _ => crc >> 1,
    };
    let each = |crc: u32, byte: &u8| (0..8_u8).fold(crc ^ u32::from(*byte), shifted);
    !bytes.iter().fold(u32::MAX, each)
}

/// Whether whoever asks takes gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    let mut each = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    each.any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let none = weight.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        name.trim().eq_ignore_ascii_case("gzip") && !none
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_packed_is_what_was_there() {
        // The check value of this sum, and of nothing.
        assert_eq!((crc32(b"123456789"), crc32(b"")), (0xcbf4_3926, 0));
        for bytes in [&b""[..], b"a", include_bytes!("../../static/sign.js")] {
            let packed = gzip(bytes);
            let (body, sums) = packed.split_at(packed.len() - 8);
            let unpacked =
                miniz_oxide::inflate::decompress_to_vec(body.strip_prefix(&HEAD).unwrap());
            assert_eq!(unpacked.unwrap(), bytes);
            let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            assert_eq!(sums, [crc32(bytes).to_le_bytes(), size].concat());
        }
    }

    #[test]
    fn gzip_is_for_whoever_takes_it() {
        for (said, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, br", false),
            ("gzipped", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(said));
            assert_eq!(takes_gzip(&headers), takes, "{said}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
