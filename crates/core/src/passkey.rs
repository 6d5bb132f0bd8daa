//! Passkeys (WebAuthn Level 3): the keys that sign in a browser, and the check of what they sign.
//!
//! Libraries for this draw the challenge themselves and leave replay to the caller. Here the challenge *is* the hash of
//! what the reviewer saw, so the check is ours: short, strict, and pure. A passkey is written as one line,
//! `webauthn-es256 RP-ID POINT CREDENTIAL-ID` (both base64url), wherever an SSH key's line may stand.
//! Start at [`PasskeyPublicKey::verify`]; what a browser returns is read in `assertion`, its client data in `client_data`,
//! and a new credential in `registration`.

mod assertion;
mod client_data;
mod origin;
mod registration;
#[cfg(any(test, feature = "soft-authenticator"))]
pub mod soft;

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::hash::Hash;
use crate::ssh::key::P256Point;

pub use assertion::{Assertion, VerifiedAssertion};
pub use origin::{RelyingPartyId, WebOrigin};
pub use registration::{Registered, Registration};

/// The first word of a passkey's line.
pub const PASSKEY_ES256: &str = "webauthn-es256";
/// Longest credential id, in bytes (WebAuthn Level 3, section 4).
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1_023;
/// Longest assertion read, in bytes of its JSON.
pub const ASSERTION_BYTES_MAX: usize = 8_192;
const LINE_BYTES_MAX: usize = 2_048;

/// Why a passkey, or what it signed, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The line of the key is not of its one form.
    #[error("a passkey is written `webauthn-es256 RP-ID POINT CREDENTIAL-ID`; enrol it again")]
    Line,
    /// Not an origin a browser would name.
    #[error(
        "a console's origin is `https://host[:port]`, or `http://localhost[:port]`, in lower case and without a path"
    )]
    Origin,
    /// Not a relying party's name.
    #[error("a relying party is named by its host in lower case, without scheme and port")]
    RelyingParty,
    /// Not a P-256 key.
    #[error(
        "only ES256 (P-256) passkeys are accepted; make one with an authenticator that offers ES256"
    )]
    Algorithm,
    /// What the browser returned cannot be read.
    #[error("the {0} cannot be read: {1}; open the page again and sign once more")]
    Form(&'static str, String),
    /// Made for something else.
    #[error("the signature is for {0}; open the page again and sign once more")]
    Other(&'static str),
    /// Nobody was there, or nobody proved who they were.
    #[error("the authenticator did not check {0}; sign with a PIN, a fingerprint or a face")]
    Unattended(&'static str),
    /// Flags that nobody has defined, or that would put more into what is signed.
    #[error(
        "the authenticator set flags that are not understood (0x{0:02x}); sign without extensions"
    )]
    Flags(u8),
    /// The cryptographic check failed.
    #[error("the signature does not match what was shown; open the page again and sign once more")]
    Mismatch,
}

/// A passkey's public half: which key, on which credential, for which relying party.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasskeyPublicKey {
    relying_party: RelyingPartyId,
    point: P256Point,
    credential: Vec<u8>,
}

impl PasskeyPublicKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// [`PasskeyError::Line`] when the credential id is empty or too long.
    pub fn new(
        relying_party: RelyingPartyId,
        point: P256Point,
        credential: Vec<u8>,
    ) -> Result<Self, PasskeyError> {
        if credential.is_empty() || credential.len() > CREDENTIAL_ID_BYTES_MAX {
            return Err(PasskeyError::Line);
        }
        Ok(Self {
            relying_party,
            point,
            credential,
        })
    }

    /// Reads the one-line form: exactly what [`to_line`](Self::to_line) writes.
    ///
    /// # Errors
    /// [`PasskeyError`] names what does not fit.
    pub fn from_line(line: &str) -> Result<Self, PasskeyError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(PasskeyError::Line);
        }
        let words: Vec<&str> = line.split(' ').collect();
        let [PASSKEY_ES256, relying_party, point, credential] = words[..] else {
            return Err(PasskeyError::Line);
        };
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| PasskeyError::Line);
        let point: [u8; 65] = decoded(point)?.try_into().map_err(|_| PasskeyError::Line)?;
        let point = P256Point::new(point).map_err(|_| PasskeyError::Algorithm)?;
        Self::new(
            RelyingPartyId::new(relying_party)?,
            point,
            decoded(credential)?,
        )
    }

    /// The one-line form.
    #[must_use]
    pub fn to_line(&self) -> String {
        let (point, credential) = (self.point.as_bytes(), &self.credential);
        format!(
            "{PASSKEY_ES256} {} {} {}",
            self.relying_party,
            URL_SAFE_NO_PAD.encode(point),
            URL_SAFE_NO_PAD.encode(credential)
        )
    }

    /// The name of this key in records, contexts and directories: of the point alone. No signature covers the credential's id,
    /// so that one key under a second id, or for a second page, would otherwise be a second key (threat A9).
    #[must_use]
    pub fn thumbprint(&self) -> Hash {
        Hash::tagged("gatehold/passkey/v1", &[self.point.as_bytes()])
    }

    /// Which relying party it was made for.
    #[must_use]
    pub const fn relying_party(&self) -> &RelyingPartyId {
        &self.relying_party
    }

    /// What a browser is told to ask the authenticator for.
    #[must_use]
    pub fn credential(&self) -> &[u8] {
        &self.credential
    }

    /// What a passkey signs for one purpose and message: `SHA-256(namespace || 0x00 || message)`. Over a review context
    /// with the review namespace this is the challenge of `ReviewContext::challenge`.
    #[must_use]
    pub fn challenge(namespace: &str, message: &[u8]) -> Hash {
        Hash::tagged(namespace, &[message])
    }
}

impl fmt::Display for PasskeyPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_line())
    }
}

impl fmt::Debug for PasskeyPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PasskeyPublicKey({} {})",
            self.relying_party,
            self.thumbprint()
        )
    }
}

#[cfg(test)]
mod tests;
