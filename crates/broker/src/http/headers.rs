//! Headers a workload may set: an allow-list. What frames the message, says who is calling or where to is never on it.

/// Allowed at every target.
pub(crate) const ALWAYS: &[&str] = &[
    "accept",
    "accept-language",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "prefer",
];

/// What belongs to the connection and the message's frame.
const CONNECTION: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What says who is calling, or asks for something else than the request line does.
const IDENTITY: &[&str] = &[
    "authorization",
    "cookie",
    "cookie2",
    "dpop",
    "forwarded",
    REQUEST_ID,
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "signature",
    "signature-input",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// In which the server is told for which request a call is, where nothing else is configured. Access logs of nginx have it as
/// `$http_gatehold_request`; no proxy makes up one of its own.
pub(crate) const REQUEST_ID: &str = "gatehold-request";

/// Longest value in bytes.
const VALUE_BYTES_MAX: usize = 4_096;

/// Whether a header frames the message: not even an operator may set it.
pub(crate) fn belongs_to_the_connection(name: &str) -> bool {
    CONNECTION.contains(&name)
}

/// Whether a header can never be allowed to a workload.
pub(crate) fn is_never_a_workloads(name: &str) -> bool {
    belongs_to_the_connection(name)
        || IDENTITY.contains(&name)
        || name.starts_with("x-forwarded-")
        || !is_plain_name(name)
}

/// Lower case letters, digits and hyphens. Servers that build variables from names read `a_b` and `a-b` as one.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Visible ASCII with single spaces inside, so that nothing folds, trims or ends the line.
pub(crate) fn is_plain_value(value: &str) -> bool {
    value.len() <= VALUE_BYTES_MAX
        && value.trim() == value
        && value.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}
