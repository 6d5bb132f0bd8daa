//! Inline secrets are refused before anything is stored (M153). Well-known formats only: a false alarm costs a retry,
//! a stored secret costs an incident.

use gatehold_core::guard;
use gatehold_core::refusal::Refusal;

use gatehold_core::decide::Claims;

/// Formats whose prefix alone says what they are, and how many more characters they need to be real.
const FORMATS: &[(&str, usize, &str)] = &[
    ("-----BEGIN PRIVATE KEY-----", 0, "a private key"),
    ("-----BEGIN RSA PRIVATE KEY-----", 0, "a private key"),
    ("-----BEGIN EC PRIVATE KEY-----", 0, "a private key"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", 0, "a private key"),
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("github_pat_", 22, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("sk_live_", 20, "a Stripe key"),
    ("sk-ant-", 24, "a model provider's key"),
    ("AIza", 35, "a Google API key"),
    ("hvs.", 24, "a Vault token"),
    ("npm_", 36, "an npm token"),
];

/// Looks through everything the requester wrote.
pub(crate) fn refuse_inline(payload: &[u8], claims: &Claims) -> Result<(), Refusal> {
    refuse_in("payload", payload)?;
    for text in claims.0.values() {
        refuse_in("claims", text.as_bytes())?;
    }
    Ok(())
}

fn refuse_in(place: &'static str, bytes: &[u8]) -> Result<(), Refusal> {
    for (prefix, more, kind) in FORMATS {
        if guard!("inline-secret", holds(bytes, prefix.as_bytes(), *more)) {
            return Err(Refusal::InlineSecret { place, kind });
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], prefix: &[u8], more: usize) -> bool {
    bytes.windows(prefix.len()).enumerate().any(|(at, window)| {
        // First, and of the rest no more than is needed: a payload that is one long word would keep a gate busy for minutes.
        if window != prefix {
            return false;
        }
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let whole_word = before.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let rest = bytes
            .get(at.saturating_add(prefix.len())..)
            .unwrap_or_default();
        let token = rest
            .iter()
            .take(more)
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            .count();
        whole_word && token >= more
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(payload: &str) -> Option<&'static str> {
        match refuse_inline(payload.as_bytes(), &Claims::default()) {
            Err(Refusal::InlineSecret { kind, .. }) => Some(kind),
            _ => None,
        }
    }

    #[test]
    fn well_known_formats_are_found_and_words_are_not() {
        assert_eq!(
            kind(&format!("key=AKIA{}", "A1".repeat(8))),
            Some("an AWS access key")
        );
        assert_eq!(
            kind(&format!("{{\"t\":\"ghp_{}\"}}", "a".repeat(36))),
            Some("a GitHub token")
        );
        assert_eq!(
            kind("-----BEGIN OPENSSH PRIVATE KEY-----\nabc"),
            Some("a private key")
        );
        assert_eq!(kind("UPDATE akia SET x = 'AKIA'"), None);
        assert_eq!(kind("the prefix ghp_ names a token"), None);
        // As long as a payload may be; looked through once, or this test does not end.
        for word in ["x", "xAKIA", "ghp_"] {
            let long = word.repeat((1 << 20) / word.len());
            assert_eq!(kind(&long).is_some(), word == "ghp_", "{word}");
        }
        let claims = Claims([("note".to_owned(), format!("xoxb-{}", "1".repeat(24)))].into());
        assert!(refuse_inline(b"", &claims).is_err());
    }
}
