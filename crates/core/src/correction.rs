//! A correction: a person's signed statement that something recorded of a request was wrong. It is a leaf of its own that names
//! the leaf it corrects by number and commitment. Nothing that decides reads one: the corrected leaf, the request's row and
//! what was let out or refused stay what they are, and what should be done about it is done by other means.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::assurance::Assurance;
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, RequestId};
use crate::json::canonical;
use crate::person_key::SignatureError;
use crate::review::REVIEW_BYTES_MAX;
use crate::time::Timestamp;

/// The `type` member of every correction, and the purpose that is signed for.
pub const CORRECTION_TYPE: &str = "gatehold/correction/v1";
/// Longest text, in bytes.
pub const CORRECTION_TEXT_BYTES_MAX: usize = 4 << 10;
/// Most corrections of one request by one person.
pub const CORRECTIONS_OF_ONE_MAX: u32 = 8;
/// Most corrections of one request.
pub const CORRECTIONS_MAX: u32 = 64;
/// How long a signed correction may be on its way, in seconds.
pub const CORRECTION_SECONDS_MAX: u32 = 3_600;
/// Seconds by which the clock of whoever signs may be ahead.
const AHEAD_SECONDS_MAX: u32 = 60;

/// How many corrections of one request are recorded before another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CorrectionsBefore {
    /// Of anybody.
    pub all: u32,
    /// Of whoever signed this one.
    pub mine: u32,
}

impl CorrectionsBefore {
    /// Whether there is room for another. The gate and the auditor ask the same.
    #[must_use]
    pub const fn leave_room(self) -> bool {
        self.all < CORRECTIONS_MAX && self.mine < CORRECTIONS_OF_ONE_MAX
    }
}

/// Exactly what is signed. No member is optional, and none is personal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectionStatement {
    /// [`CORRECTION_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Of which request something is recorded that was wrong.
    pub request: RequestId,
    /// In which leaf, by its number.
    pub leaf: u64,
    /// What that leaf commits to: the last 32 of its bytes. It names the leaf whatever stands at its number.
    pub commitment: Hash,
    /// Hash of the [`CorrectionText`].
    pub text_hash: Hash,
    /// Who says so.
    pub human: HumanId,
    /// Thumbprint of the key that signs.
    pub key: Hash,
    /// When it was made.
    pub issued_at: Timestamp,
}

/// What was wrong, in the person's words. Personal text: an attachment, named by its hash and erasable alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectionText {
    /// Their words.
    pub text: String,
    /// Drawn by the client, so that the hash in the statement cannot be guessed after erasure.
    pub salt: String,
}

impl CorrectionText {
    /// The attachment's bytes.
    ///
    /// # Errors
    /// Never for text; the type says so because serialisation can.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Reads an attachment back; it must be canonical.
    ///
    /// # Errors
    /// When it is not exactly the form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, canonical::CanonicalError> {
        canonical::from_canonical_bytes(bytes)
    }

    /// The hash that goes into the statement.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/correction-text/v1", &[bytes])
    }
}

impl fmt::Debug for CorrectionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrectionText({} bytes)", self.text.len())
    }
}

/// A correction as it arrives or is stored: a claim, until [`VerifiedCorrection::verify`] has been over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCorrection {
    /// Canonical JSON of a [`CorrectionStatement`].
    pub statement: String,
    /// The person's signature over it: an armored SSHSIG, or a passkey's assertion.
    pub signature: String,
}

/// Why a correction is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorrectionError {
    /// Too long, or not exactly the form.
    #[error("the statement cannot be read: {0}")]
    Form(String),
    /// It is about something else.
    #[error("the statement is about another {0}")]
    Other(&'static str),
    /// The signer is not who it names, or their key has no force (any more).
    #[error("the signer's key has no force")]
    Key,
    /// The signature does not verify.
    #[error("the signature does not verify: {0}")]
    Signature(#[from] SignatureError),
    /// There is nothing in it, or too much.
    #[error("the text has 1 to {CORRECTION_TEXT_BYTES_MAX} bytes")]
    Text,
    /// Signed long ago, or in the future.
    #[error("it was signed too long ago, or by a clock that is ahead")]
    Time,
}

/// A correction whose signature was checked over its own bytes, by a key with force, at this very gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCorrection {
    statement: CorrectionStatement,
    assurance: Assurance,
}

impl VerifiedCorrection {
    /// Checks everything a signature can prove. What the statement says of leaves is compared by whoever has them.
    ///
    /// # Errors
    /// [`CorrectionError`] names the first thing that does not fit.
    // INVARIANT(exact-signer): only the key that the statement names, and only signed as a correction.
    pub fn verify(
        correction: &UnverifiedCorrection,
        directory: &Directory,
    ) -> Result<Self, CorrectionError> {
        let (text, signature) = (&correction.statement, &correction.signature);
        if text.len() > REVIEW_BYTES_MAX || signature.len() > REVIEW_BYTES_MAX {
            return Err(CorrectionError::Form(format!(
                "statement and signature may have {REVIEW_BYTES_MAX} bytes each"
            )));
        }
        let statement: CorrectionStatement = canonical::from_canonical_bytes(text.as_bytes())
            .map_err(|error| CorrectionError::Form(error.to_string()))?;
        if guard!("correction-type", statement.type_ != CORRECTION_TYPE) {
            return Err(CorrectionError::Other("kind of document"));
        }
        if guard!("correction-gate", statement.gate != directory.origin) {
            return Err(CorrectionError::Other("gate"));
        }
        let enrolled = directory
            .key(&statement.human, &statement.key)
            .ok_or(CorrectionError::Key)?;
        let flags = match directory.signed(enrolled, signature, text.as_bytes(), CORRECTION_TYPE) {
            Ok(flags) => flags,
            Err(error) if guard!("correction-signature", true) => return Err(error.into()),
            Err(_) => None,
        };
        let assurance = Assurance::of_signature(enrolled.assurance, flags);
        Ok(Self {
            statement,
            assurance,
        })
    }

    /// Whether it may be recorded at this time: signed not long ago, and by no clock that is far ahead. The gate and the
    /// auditor ask the same.
    #[must_use]
    pub fn is_timely(&self, at: Timestamp) -> bool {
        let issued = self.statement.issued_at;
        at <= issued.plus_seconds(CORRECTION_SECONDS_MAX)
            && issued <= at.plus_seconds(AHEAD_SECONDS_MAX)
    }

    /// What was signed.
    #[must_use]
    pub const fn statement(&self) -> &CorrectionStatement {
        &self.statement
    }

    /// What this signature counts for.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        self.assurance
    }
}
