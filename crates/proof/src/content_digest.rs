//! Content-Digest (RFC 9530), closed: exactly one member, `sha-256`, in its one canonical spelling, also for an empty
//! body. Any other algorithm beside it is refused, so nobody can be shown a digest that nobody checks.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The SHA-256 of a message body, as its Content-Digest header carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    /// The digest of these body bytes; an empty body has one too.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, body).as_ref());
        Self(bytes)
    }

    /// From a SHA-256 that the caller computed or stored.
    #[must_use]
    pub const fn from_sha256(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses the header's only accepted form, `sha-256=:<44 characters of base64>:`.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        // The length is checked first: no long header is ever decoded.
        if header.len() != HEADER_LEN {
            return None;
        }
        let text = header.strip_prefix(PREFIX)?.strip_suffix(':')?;
        Some(Self(STANDARD.decode(text).ok()?.try_into().ok()?))
    }

    /// The header value.
    #[must_use]
    pub fn to_header(self) -> String {
        let mut header = String::with_capacity(HEADER_LEN);
        header.push_str(PREFIX);
        STANDARD.encode_string(self.0, &mut header);
        header.push(':');
        header
    }

    /// The SHA-256 itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

const PREFIX: &str = "sha-256=:";
const HEADER_LEN: usize = PREFIX.len() + 44 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    #[test]
    fn the_empty_body_has_a_digest() {
        assert_eq!(ContentDigest::of(b"").to_header(), EMPTY);
        assert_eq!(ContentDigest::parse(EMPTY), Some(ContentDigest::of(b"")));
    }

    /// RFC 9530, appendix D: `{"hello": "world"}` with a final line feed.
    #[test]
    fn rfc_9530_example() {
        let header = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(
            ContentDigest::of(b"{\"hello\": \"world\"}\n").to_header(),
            header
        );
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let url_safe = EMPTY.replace('+', "-").replace("/T", "_T");
        let trailing_bits = EMPTY.replace("FU=", "FV=");
        for header in [
            "",
            "sha-256=::",
            "sha-512=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
            &EMPTY.to_uppercase(),
            &format!(" {EMPTY}"),
            &format!("{EMPTY}, {EMPTY}"),
            &format!("{EMPTY};q=1"),
            &EMPTY.replace('=', ""),
            &url_safe,
            &trailing_bits,
            &EMPTY.replace("=:", ":"),
            &format!("{EMPTY},md5=:AAAA:"),
        ] {
            assert_eq!(ContentDigest::parse(header), None, "accepted {header}");
        }
    }
}
