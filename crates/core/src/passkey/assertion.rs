//! One signature of a passkey (`AuthenticatorAssertionResponse`, WebAuthn Level 3, section 7.2), checked step by step.
//!
//! Nothing in it chooses anything: key, relying party, origins and challenge are the caller's. It proves that the
//! authenticator was told this challenge by a page of ours, and says what it checked of its user. That a person read the
//! page is not in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::client_data::{self, Ceremony};
use super::{ASSERTION_BYTES_MAX, PasskeyError, PasskeyPublicKey, WebOrigin};
use crate::hash::Hash;
use crate::json::canonical;
use crate::ssh::SkFlags;

pub(super) const FLAG_USER_PRESENCE: u8 = 0x01;
pub(super) const FLAG_USER_VERIFICATION: u8 = 0x04;
/// Backup eligibility and state: true statements about the key that change nothing in a signature.
pub(super) const FLAGS_BACKUP: u8 = 0x18;
/// SHA-256 of the relying party, flags, counter.
const AUTHENTICATOR_DATA_BYTES: usize = 37;

/// An assertion as it travels and is stored, each member base64url: canonical JSON, so that it has one form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Assertion {
    /// What the authenticator says of the page and its user.
    pub authenticator_data: String,
    /// What the browser says of the page, byte for byte as it was hashed.
    #[serde(rename = "clientDataJSON")]
    pub client_data: String,
    /// ECDSA signature in DER over both.
    pub signature: String,
}

/// The proof that [`PasskeyPublicKey::verify`] accepted an assertion.
///
/// As with SSHSIG, the bytes of a signature identify nothing: ECDSA has two for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedAssertion {
    flags: SkFlags,
    counter: u32,
}

impl VerifiedAssertion {
    /// What the authenticator says it checked; both are true, or it would not have been accepted.
    #[must_use]
    pub const fn flags(&self) -> SkFlags {
        self.flags
    }

    /// Its signature counter; 0 for passkeys that are synchronised.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.counter
    }
}

impl Assertion {
    /// From the raw parts that a browser returns.
    #[must_use]
    pub fn of(authenticator_data: &[u8], client_data: &[u8], signature: &[u8]) -> Self {
        Self {
            authenticator_data: URL_SAFE_NO_PAD.encode(authenticator_data),
            client_data: URL_SAFE_NO_PAD.encode(client_data),
            signature: URL_SAFE_NO_PAD.encode(signature),
        }
    }

    /// The stored form.
    ///
    /// # Errors
    /// Never for text.
    pub fn to_text(&self) -> Result<String, canonical::CanonicalError> {
        let bytes = canonical::to_bytes(self)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`PasskeyError::Form`].
    pub fn from_text(text: &str) -> Result<Self, PasskeyError> {
        if text.len() > ASSERTION_BYTES_MAX {
            let limit = format!("it has more than {ASSERTION_BYTES_MAX} bytes");
            return Err(PasskeyError::Form("signature", limit));
        }
        canonical::from_canonical_bytes(text.as_bytes())
            .map_err(|error| PasskeyError::Form("signature", error.to_string()))
    }
}

impl PasskeyPublicKey {
    /// Verifies one assertion over `challenge`, made by this key on a page of one of `origins`.
    ///
    /// User presence and user verification are always demanded: a page may ask for less, a review never does.
    ///
    /// # Errors
    /// [`PasskeyError`] names the first thing that does not fit.
    // INVARIANT(exact-signer): key, relying party, origin and challenge are the caller's; the assertion chooses none.
    pub fn verify(
        &self,
        assertion: &Assertion,
        challenge: &Hash,
        origins: &[WebOrigin],
    ) -> Result<VerifiedAssertion, PasskeyError> {
        let client_data = decoded("client data", &assertion.client_data)?;
        let scoped: Vec<WebOrigin> = origins
            .iter()
            .filter(|origin| origin.relying_party() == self.relying_party())
            .cloned()
            .collect();
        client_data::check(&client_data, Ceremony::Get, challenge, &scoped)?;
        let data = decoded("authenticator data", &assertion.authenticator_data)?;
        let verified = self.check_authenticator_data(&data)?;
        let mut signed = data;
        signed.extend_from_slice(&Sha256::digest(&client_data));
        let signature = decoded("signature", &assertion.signature)?;
        let matches = self.matches(&signed, &signature);
        if guard!("passkey-signature", !matches) {
            return Err(PasskeyError::Mismatch);
        }
        Ok(verified)
    }

    fn check_authenticator_data(&self, data: &[u8]) -> Result<VerifiedAssertion, PasskeyError> {
        let whole: &[u8; AUTHENTICATOR_DATA_BYTES] = data.try_into().map_err(|_| {
            let length = format!(
                "it has {} bytes and not {AUTHENTICATOR_DATA_BYTES}",
                data.len()
            );
            PasskeyError::Form("authenticator data", length)
        })?;
        let [relying_party @ .., flags, c0, c1, c2, c3] = whole;
        let other = *relying_party != self.relying_party().sha256();
        if guard!("passkey-relying-party", other) {
            return Err(PasskeyError::Other("another relying party"));
        }
        // Attested data and extensions would make it longer; the rest is undefined.
        let understood = FLAG_USER_PRESENCE | FLAG_USER_VERIFICATION | FLAGS_BACKUP;
        if flags & !understood != 0 {
            return Err(PasskeyError::Flags(*flags));
        }
        if guard!("passkey-presence", flags & FLAG_USER_PRESENCE == 0) {
            return Err(PasskeyError::Unattended("that somebody was there"));
        }
        if guard!("passkey-verification", flags & FLAG_USER_VERIFICATION == 0) {
            return Err(PasskeyError::Unattended("who was there"));
        }
        Ok(VerifiedAssertion {
            flags: SkFlags {
                user_presence: true,
                user_verification: true,
            },
            counter: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
        })
    }

    fn matches(&self, signed: &[u8], signature: &[u8]) -> bool {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(self.point.as_bytes());
        let signature = p256::ecdsa::Signature::from_der(signature);
        key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify(signed, &signature).is_ok()))
    }
}

pub(super) fn decoded(what: &'static str, text: &str) -> Result<Vec<u8>, PasskeyError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| PasskeyError::Form(what, "it is not base64url".to_owned()))
}
