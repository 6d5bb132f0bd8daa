//! What a browser says it was asked to sign, and for which page (`clientDataJSON`, WebAuthn Level 3, section 5.8.1).
//!
//! It is parsed, never compared with a template: Chromium adds members at random, so that nobody relies on there being
//! none. The four members that mean something are checked exactly.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{PasskeyError, WebOrigin};
use crate::hash::Hash;
use crate::json::payload::{self, Json};
use crate::json::scan::Limits;

/// Longest client data read, in bytes.
pub(super) const CLIENT_DATA_BYTES_MAX: usize = 4_096;

const LIMITS: Limits = Limits {
    depth: 4,
    bytes: CLIENT_DATA_BYTES_MAX,
    members: 64,
    string_bytes: 2_048,
};

/// Which ceremony the client data must be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// A new credential.
    Create,
    /// A signature.
    Get,
}

impl Ceremony {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

/// Checks that client data is of this ceremony, over this challenge, on a page of one of these origins that no page of
/// another origin framed.
pub(super) fn check(
    client_data: &[u8],
    ceremony: Ceremony,
    challenge: &Hash,
    origins: &[WebOrigin],
) -> Result<(), PasskeyError> {
    let document = payload::parse(client_data, &LIMITS)
        .map_err(|error| PasskeyError::Form("client data", error.to_string()))?;
    let member = |name| document.pointer(name);
    let text = |name| member(name).and_then(Json::as_str).unwrap_or_default();
    let wrong_type = text("/type") != ceremony.as_str();
    if guard!("passkey-type", wrong_type) {
        return Err(PasskeyError::Other("another ceremony"));
    }
    let asked = URL_SAFE_NO_PAD.encode(challenge.as_bytes());
    if guard!("passkey-challenge", text("/challenge") != asked) {
        return Err(PasskeyError::Other("something else than what was shown"));
    }
    let known = origins
        .iter()
        .any(|origin| origin.as_str() == text("/origin"));
    if guard!("passkey-origin", !known) {
        return Err(PasskeyError::Other("a page of another origin"));
    }
    // Absent means false; `topOrigin` is there only where a page of another origin is around.
    let alone = matches!(member("/crossOrigin"), None | Some(Json::Bool(false)))
        && member("/topOrigin").is_none();
    if guard!("passkey-framed", !alone) {
        return Err(PasskeyError::Other(
            "a page inside a page of another origin",
        ));
    }
    Ok(())
}
