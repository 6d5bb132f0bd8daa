//! Cuts injected secrets out of what a target answers, in the forms an echo takes: plain, percent-encoded, JSON-escaped,
//! base64 at any alignment, hex.
//!
//! This catches targets that repeat what they were sent. A target that wants to betray its own secret can always find
//! another spelling.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What stands in its place.
const MARK: &[u8] = b"[redacted by the gate]";
/// A shorter secret would be found everywhere, and be no secret.
pub(crate) const SECRET_BYTES_MIN: usize = 8;

/// Knows what must not get out.
#[derive(Default)]
pub(crate) struct Scrubber {
    needles: Vec<Zeroizing<Vec<u8>>>,
}

impl Scrubber {
    /// For these secrets. Those under [`SECRET_BYTES_MIN`] are not looked for.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles: Vec<_> = secrets
            .into_iter()
            .filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN)
            .flat_map(spellings)
            .map(Zeroizing::new)
            .collect();
        // The longest first, so that a spelling is cut out whole.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    /// How many bytes beyond a cut must be known, so that the cut does not leave the beginning of a secret.
    pub(crate) fn reach(&self) -> usize {
        self.needles.first().map_or(0, |needle| needle.len())
    }

    /// The bytes without secrets, and whether any were cut out.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let mut begins = [false; 256];
        for needle in &self.needles {
            if let Some(flag) = needle
                .first()
                .and_then(|byte| begins.get_mut(usize::from(*byte)))
            {
                *flag = true;
            }
        }
        let mut kept: Option<Vec<u8>> = None;
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let rest = bytes.get(at..).unwrap_or_default();
            let found = begins
                .get(usize::from(*byte))
                .copied()
                .unwrap_or_default()
                .then(|| {
                    self.needles
                        .iter()
                        .find(|needle| rest.starts_with(needle.as_slice()))
                })
                .flatten();
            match (found, &mut kept) {
                (Some(needle), _) => {
                    kept.get_or_insert_with(|| bytes.get(..at).unwrap_or_default().to_vec())
                        .extend_from_slice(MARK);
                    at += needle.len();
                }
                (None, Some(kept)) => {
                    kept.push(*byte);
                    at += 1;
                }
                (None, None) => at += 1,
            }
        }
        match kept {
            Some(kept) => (kept, true),
            None => (bytes, false),
        }
    }

    /// The same for text.
    pub(crate) fn scrub_text(&self, text: String) -> String {
        let (bytes, _) = self.scrub(text.into_bytes());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Drops the beginning of a secret from the end of an answer that broke off.
    pub(crate) fn trim_end(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let part = self
            .needles
            .iter()
            .flat_map(|needle| (4..needle.len()).rev().filter_map(|end| needle.get(..end)))
            .filter(|part| bytes.ends_with(part))
            .map(<[u8]>::len)
            .max()
            .unwrap_or_default();
        bytes.truncate(bytes.len().saturating_sub(part));
        bytes
    }
}

fn spellings(secret: &Secret) -> Vec<Vec<u8>> {
    let plain = secret.expose();
    let percent = percent_encoded(plain);
    let json = serde_json::to_string(secret.expose_text()).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        plain.to_vec(),
        percent.to_ascii_lowercase().into_bytes(),
        percent.into_bytes(),
        json.replace('/', "\\/").into_bytes(),
        json.into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for before in 0..3 {
        all.push(base64_inside(plain, before, false));
        all.push(base64_inside(plain, before, true));
    }
    all.retain(|spelling| spelling.len() >= SECRET_BYTES_MIN);
    all
}

/// The characters that a secret alone decides when it stands `before` bytes (modulo 3) into what is encoded.
fn base64_inside(plain: &[u8], before: usize, url: bool) -> Vec<u8> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(plain);
    let text = if url {
        URL_SAFE_NO_PAD.encode(&bytes)
    } else {
        STANDARD_NO_PAD.encode(&bytes)
    };
    let shared = before + usize::from(before > 0);
    let whole = bytes.len() * 8 / 6;
    text.into_bytes()
        .into_iter()
        .take(whole)
        .skip(shared)
        .collect()
}

/// RFC 3986: everything but the unreserved characters is encoded.
pub(crate) fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn finds_an_echo_in_every_spelling() {
        let text = "canary/\"9b1d+5=é~";
        let scrubber = Scrubber::new([&secret(text)]);
        let basic = |user: &str| STANDARD.encode(format!("{user}:{text}"));
        let echoes = [
            text.to_owned(),
            percent_encoded(text.as_bytes()),
            percent_encoded(text.as_bytes()).to_ascii_lowercase(),
            serde_json::to_string(text).unwrap(),
            basic("a"),
            basic("ab"),
            basic("abc"),
            URL_SAFE_NO_PAD.encode(text),
            text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ];
        for echo in echoes {
            let body = format!("{{\"you sent\": \"Bearer {echo}\"}}");
            let (clean, found) = scrubber.scrub(body.clone().into_bytes());
            let clean = String::from_utf8(clean).unwrap();
            assert!(found, "{body}");
            assert!(clean.contains("[redacted by the gate]"), "{clean}");
            assert!(!clean.contains(&echo), "{clean}");
        }
    }

    #[test]
    fn leaves_everything_else_alone() {
        let scrubber = Scrubber::new([&secret("canary-9b1d")]);
        for body in [
            &b""[..],
            b"canary-9b1",
            b"canary",
            b"\xff\x00canary-9b1e canary-",
        ] {
            assert_eq!(scrubber.scrub(body.to_vec()), (body.to_vec(), false));
        }
        let (clean, _) = scrubber.scrub(b"<canary-9b1d><canary-9b1dcanary-9b1d>".to_vec());
        let text = String::from_utf8(clean).unwrap();
        let mark = "[redacted by the gate]";
        assert_eq!(text, format!("<{mark}><{mark}{mark}>"));
    }

    #[test]
    fn an_answer_that_breaks_off_inside_a_secret_loses_its_beginning() {
        let scrubber = Scrubber::new([&secret("canary-9b1d")]);
        assert_eq!(scrubber.trim_end(b"x canary-9b".to_vec()), b"x ");
        assert_eq!(scrubber.trim_end(b"x can".to_vec()), b"x can");
    }
}
