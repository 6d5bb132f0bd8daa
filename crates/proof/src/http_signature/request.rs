//! The parts of a request that a signature covers, borrowed from it. The target URI is the configured public URL and the
//! raw request target: no header that a client or a proxy sends (Host, Forwarded, X-Forwarded-*) has a say in it.

use super::{
    IDEMPOTENCY_KEY_BYTES_MAX, METHOD_BYTES_MAX, SIGNATURE_INPUT_BYTES_MAX, SignatureError,
    TARGET_BYTES_MAX,
};
use http::HeaderMap;
use std::fmt;

/// The configured URL under which clients reach the gate: `https://host[:port][/prefix]`, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Parses the one accepted spelling: lower-case scheme and host, no user, query, fragment, dot segment or final slash.
    ///
    /// # Errors
    /// `Target` for any other spelling; two spellings of one URL would be two signature bases.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(SignatureError::Target)?;
        let (authority, path) = rest
            .split_once('/')
            .map_or((rest, None), |(host, path)| (host, Some(path)));
        let prefix_is_plain = path.is_none_or(|path| path.split('/').all(is_plain_segment));
        if text.len() > PUBLIC_URL_BYTES_MAX || !is_authority(authority) || !prefix_is_plain {
            return Err(SignatureError::Target);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one request says about itself, before anything is believed. Every field is checked for its form when it is made.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    pub(super) method: &'a str,
    pub(super) public_url: &'a PublicUrl,
    pub(super) request_target: &'a str,
    pub(super) content_digest: &'a str,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) signature_input: &'a str,
    pub(super) signature: &'a str,
    pub(super) body: &'a [u8],
}

impl<'a> RequestParts<'a> {
    /// Collects the covered parts. `request_target` is the raw path and query as received; `body` the whole body.
    ///
    /// # Errors
    /// A missing, repeated or malformed header; a method or target outside the profile.
    pub fn collect(
        method: &'a str,
        public_url: &'a PublicUrl,
        request_target: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Result<Self, SignatureError> {
        if !is_method(method) || !is_request_target(request_target) {
            return Err(SignatureError::Target);
        }
        let required =
            |name, max| single(headers, name, max)?.ok_or(SignatureError::MissingHeader(name));
        Ok(Self {
            method,
            public_url,
            request_target,
            signature_input: required("signature-input", SIGNATURE_INPUT_BYTES_MAX)?,
            signature: required("signature", SIGNATURE_BYTES_MAX)?,
            content_digest: required("content-digest", CONTENT_DIGEST_BYTES_MAX)?,
            idempotency_key: single(headers, "idempotency-key", IDEMPOTENCY_KEY_BYTES_MAX)?,
            body,
        })
    }
}

/// The header's only value: printable ASCII, no leading or trailing space, bounded.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    bytes_max: usize,
) -> Result<Option<&'a str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(SignatureError::RepeatedHeader(name));
    }
    match value.to_str() {
        Ok(text) if is_header_text(text, bytes_max) => Ok(Some(text)),
        _ => Err(SignatureError::MalformedHeader(name)),
    }
}

pub(super) fn is_header_text(text: &str, bytes_max: usize) -> bool {
    let printable = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    !text.is_empty()
        && text.len() <= bytes_max
        && printable
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

pub(super) fn is_method(method: &str) -> bool {
    !method.is_empty()
        && method.len() <= METHOD_BYTES_MAX
        && method.bytes().all(|b| b.is_ascii_uppercase())
}

/// Origin form only, and nothing that would break a line of the signature base.
pub(super) fn is_request_target(target: &str) -> bool {
    target.starts_with('/')
        && target.len() <= TARGET_BYTES_MAX
        && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of an IPv6 literal without a port stands inside its brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port_is_plain = port.is_none_or(|port| {
        port.parse::<u16>()
            .is_ok_and(|n| n > 0 && n.to_string() == port)
    });
    let is_name = |text: &str, extra: &[u8]| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(&b))
    };
    let host_is_plain = match host.strip_prefix('[') {
        Some(literal) => literal
            .strip_suffix(']')
            .is_some_and(|address| is_name(address, b":.")),
        None => is_name(host, b".-"),
    };
    host_is_plain && port_is_plain
}

fn is_plain_segment(segment: &str) -> bool {
    let plain = segment
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~'));
    plain && !segment.is_empty() && segment != "." && segment != ".."
}

const PUBLIC_URL_BYTES_MAX: usize = 512;
const CONTENT_DIGEST_BYTES_MAX: usize = 128;
const SIGNATURE_BYTES_MAX: usize = 256;
