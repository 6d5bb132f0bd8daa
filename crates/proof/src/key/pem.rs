//! One PEM block, `PRIVATE KEY`, in and out. Text around the block, other labels and second blocks are refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(super) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    base64.extend(body.chars().filter(|c| !matches!(c, '\n' | '\r')));
    Some(Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?))
}

pub(super) fn encode(der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // Reserved at once, so that growing leaves no copy of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(base64.len() * 2 + 64));
    text.push_str(BEGIN);
    for (n, c) in base64.chars().enumerate() {
        if n % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push('\n');
    text.push_str(END);
    text.push('\n');
    text
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const TEXT_BYTES_MAX: usize = 4096;
