//! Addresses of a provider, as its own documents name them, and what is put behind them.
//!
//! What is said there is as good as whoever answers, so it is https; http is for a provider on the same machine, at a
//! development gate.

use http::Uri;

/// Longest address.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// Why an address is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an absolute URL of printable ASCII.
    #[error("it is no URL of printable ASCII without user and fragment; write https://host/path")]
    Form,
    /// Not encrypted.
    #[error("it is not https; http is for a provider on 127.0.0.1 and a development gate")]
    Clear,
    /// An issuer has no query (OpenID Connect Discovery, 3).
    #[error("an issuer has no query and no `@`; write it exactly as the provider's tokens do")]
    Issuer,
}

/// An address that may be called, or a browser sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

/// Whether somebody may be an issuer here.
///
/// # Errors
/// Why not.
pub fn check_issuer(issuer: &str, plain_on_loopback: bool) -> Result<(), AddressError> {
    Address::parse(issuer, plain_on_loopback)?;
    // Where it stands in a name, what is before its `@` is the subject.
    if issuer.contains(['?', '@']) {
        return Err(AddressError::Issuer);
    }
    Ok(())
}

impl Address {
    pub fn parse(text: &str, plain_on_loopback: bool) -> Result<Self, AddressError> {
        let is_plain = |c: char| c.is_ascii_graphic() && !"\"#<>\\^`{|}".contains(c);
        if text.len() > ADDRESS_BYTES_MAX || !text.chars().all(is_plain) {
            return Err(AddressError::Form);
        }
        let uri: Uri = text.parse().map_err(|_| AddressError::Form)?;
        let authority = uri.authority().ok_or(AddressError::Form)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(AddressError::Form);
        }
        let on_loopback = ["127.0.0.1", "[::1]", "localhost"].contains(&authority.host());
        match uri.scheme_str() {
            Some("https") => Ok(Self(text.to_owned())),
            Some("http") if plain_on_loopback && on_loopback => Ok(Self(text.to_owned())),
            Some("http") => Err(AddressError::Clear),
            _ => Err(AddressError::Form),
        }
    }

    /// With these behind it, beside what is there already.
    pub fn with(&self, fields: &[(&str, &str)]) -> String {
        let first = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{first}{}", self.0, encoded(fields))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Host and port, for people.
pub(super) fn host(address: &str) -> String {
    let uri: Option<Uri> = address.parse().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map(ToString::to_string).unwrap_or_default()
}

/// Fields as a form has them.
pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", percent(name), percent(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A value of a form: everything but letters, digits and `-._~` by its number.
pub(super) fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_called_over_tls() {
        for good in [
            "https://login.example",
            "https://login.example:8443/a/b?c=d",
            "https://login.example/%7Etenant/",
        ] {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
        for loopback in [
            "http://127.0.0.1:4000/x",
            "http://localhost",
            "http://[::1]:7",
        ] {
            assert!(Address::parse(loopback, true).is_ok(), "{loopback}");
            let refused = Address::parse(loopback, false);
            assert_eq!(refused, Err(AddressError::Clear), "{loopback}");
        }
        for clear in [
            "http://login.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.2",
            "http://localhost.evil.example",
        ] {
            assert_eq!(
                Address::parse(clear, true),
                Err(AddressError::Clear),
                "{clear}"
            );
        }
        for bad in [
            "",
            "login.example",
            "/path",
            "https://",
            "https:///x",
            "ftp://login.example",
            "javascript:alert(1)",
            "https://user@login.example",
            "https://login.example@evil.example",
            "https://login.example/#a",
            "https://login.example/a b",
            "https://login.example/\r\nx",
            "https://login.example\\evil",
            "https://lögin.example",
        ] {
            assert_eq!(Address::parse(bad, true), Err(AddressError::Form), "{bad}");
        }
        assert!(Address::parse(&format!("https://a/{}", "a".repeat(2_048)), true).is_err());
    }

    #[test]
    fn an_issuer_is_a_name_as_well() {
        assert_eq!(check_issuer("https://login.example/tenant/", false), Ok(()));
        for bad in ["https://login.example/?a", "https://login.example/a@b"] {
            assert_eq!(check_issuer(bad, false), Err(AddressError::Issuer), "{bad}");
        }
    }

    #[test]
    fn what_is_put_behind_an_address_stays_one_value() {
        let address = Address::parse("https://login.example/a", false).unwrap();
        let sent = address.with(&[("to", "a b&c=d#e/é\r\n"), ("x", "-._~")]);
        assert_eq!(
            sent,
            "https://login.example/a?to=a%20b%26c%3Dd%23e%2F%C3%A9%0D%0A&x=-._~"
        );
        let asked = Address::parse("https://login.example/a?b=c", false).unwrap();
        assert_eq!(asked.with(&[("d", "e")]), "https://login.example/a?b=c&d=e");
        assert_eq!(host("https://login.example:8443/a?b"), "login.example:8443");
    }
}
