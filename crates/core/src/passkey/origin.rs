//! Where a passkey works: the relying party it is scoped to, and the origins of pages that may ask it.
//!
//! Both are compared as bytes with what a browser states, so each has exactly one spelling here: what does not is refused
//! rather than repaired.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::PasskeyError;

/// Longest host, in bytes (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// The host a passkey is scoped to (WebAuthn Level 3, section 5.1.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelyingPartyId(String);

/// The origin of a page (RFC 6454), as a browser writes it into client data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebOrigin {
    text: String,
    host: RelyingPartyId,
}

impl RelyingPartyId {
    /// Checks a host name: lower-case letters, digits and hyphens between dots. Browsers accept no addresses here.
    ///
    /// # Errors
    /// [`PasskeyError::RelyingParty`].
    pub fn new(host: &str) -> Result<Self, PasskeyError> {
        let label = |label: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last_is_name = host
            .rsplit('.')
            .next()
            .is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
        if host.len() > HOST_BYTES_MAX || !host.split('.').all(label) || !last_is_name {
            return Err(PasskeyError::RelyingParty);
        }
        Ok(Self(host.to_owned()))
    }

    /// The host.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What authenticators sign instead of the name.
    pub(super) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl WebOrigin {
    /// Checks an origin as a browser serialises it: `https`, or `http` for `localhost` alone, a host name, and a port only
    /// where it is not the scheme's own.
    ///
    /// # Errors
    /// [`PasskeyError::Origin`].
    pub fn new(text: &str) -> Result<Self, PasskeyError> {
        let (scheme_port, authority) = match text.split_once("://") {
            Some(("https", authority)) => ("443", authority),
            Some(("http", authority)) => ("80", authority),
            _ => return Err(PasskeyError::Origin),
        };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let host = RelyingPartyId::new(host).map_err(|_| PasskeyError::Origin)?;
        let plain_http = scheme_port == "80";
        if plain_http && host.as_str() != "localhost" {
            return Err(PasskeyError::Origin);
        }
        let canonical_port = |port: &str| {
            port.parse::<u16>().is_ok_and(|number| {
                number != 0 && number.to_string() == port && port != scheme_port
            })
        };
        if port.is_some_and(|port| !canonical_port(port)) {
            return Err(PasskeyError::Origin);
        }
        Ok(Self {
            text: text.to_owned(),
            host,
        })
    }

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The relying party of its passkeys: its own host, never a parent domain, so that no sibling site can ask for them.
    #[must_use]
    pub const fn relying_party(&self) -> &RelyingPartyId {
        &self.host
    }
}

impl fmt::Display for RelyingPartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for WebOrigin {
    type Err = PasskeyError;

    fn from_str(text: &str) -> Result<Self, PasskeyError> {
        Self::new(text)
    }
}

impl Serialize for WebOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for WebOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
