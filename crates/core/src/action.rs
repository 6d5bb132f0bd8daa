//! One exact action: a canonical envelope (ours) and a verbatim payload (theirs), named together by one digest.
//!
//! The envelope is parsed strictly and canonicalised once. The payload is never parsed here, never re-serialised, and
//! executed as the bytes that came.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::ids::{DescriptorId, ResourceId, TargetId, TaskId, WorkloadId};
use crate::json::canonical::{self, CanonicalError};
use crate::json::ident::check_identifier;
use crate::limits::{CAPS_MAX, TTL_SECONDS_MAX};

/// Largest payload in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Largest envelope in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 16 << 10;

/// A descriptor, by name for people and by hash for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptorRef {
    /// Its id.
    pub id: DescriptorId,
    /// The hash of its full definition.
    pub hash: Hash,
}

/// What the payload is, without being it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadRef {
    /// Media type, such as `application/json`.
    pub media_type: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: Hash,
}

/// What is asked for, apart from the payload. Every member must be present; `null` says "none" out loud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Which kind of action.
    pub descriptor: DescriptorRef,
    /// Who would act.
    pub workload: WorkloadId,
    /// The task it belongs to; `null` only for a human's own held action.
    #[serde(deserialize_with = "stated")]
    pub task: Option<TaskId>,
    /// Where it would be executed.
    pub target: TargetId,
    /// The resolved resource.
    pub resource: ResourceId,
    /// How long access is wanted, in seconds.
    pub duration_seconds: u32,
    /// Named upper bounds the requester accepts, such as `rows`.
    pub caps: BTreeMap<String, u64>,
    /// A state the target must still be in (etag, row version, plan hash), re-checked at use (threat A23).
    #[serde(deserialize_with = "stated")]
    pub precondition: Option<String>,
    /// The payload's description.
    pub payload: PayloadRef,
}

/// Deserialises an option that must be written down: a missing member is an error, `null` is none.
fn stated<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer)
}

/// An action that could not be read. The requester made the mistake, and the text says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The envelope is too long.
    #[error("the envelope has {0} bytes; at most {ENVELOPE_BYTES_MAX} are read")]
    EnvelopeSize(usize),
    /// The payload is too long.
    #[error(
        "the payload has {0} bytes; at most {PAYLOAD_BYTES_MAX} are accepted: split the action"
    )]
    PayloadSize(usize),
    /// The envelope is not strict JSON of the documented form.
    #[error("the envelope cannot be read: {0}")]
    Envelope(#[from] CanonicalError),
    /// The payload is not the one that the envelope names.
    #[error("the payload does not match the envelope's {0}: describe exactly the bytes you send")]
    Payload(&'static str),
    /// A member is out of bounds.
    #[error("envelope member `{member}` is not usable: {why}")]
    Member {
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Stored bytes do not hash to the digest they are stored under.
    #[error("the stored action does not match its digest")]
    Digest,
}

/// A strictly read action. Immutable: what was shown, signed, executed and logged is these bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Action {
    envelope: Envelope,
    envelope_bytes: Vec<u8>,
    payload: Vec<u8>,
    digest: Hash,
}

impl Action {
    /// Reads an action as it arrives: strict JSON, canonicalised here once.
    ///
    /// # Errors
    /// [`ActionError`] for anything but exactly the documented form.
    pub fn parse(envelope: &[u8], payload: Vec<u8>) -> Result<Self, ActionError> {
        if envelope.len() > ENVELOPE_BYTES_MAX {
            return Err(ActionError::EnvelopeSize(envelope.len()));
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(ActionError::PayloadSize(payload.len()));
        }
        let envelope: Envelope = canonical::from_bytes(envelope)?;
        check(&envelope, &payload)?;
        let envelope_bytes = canonical::to_bytes(&envelope)?;
        let digest = Self::digest_of(&envelope_bytes);
        Ok(Self {
            envelope,
            envelope_bytes,
            payload,
            digest,
        })
    }

    /// Rebuilds an action from storage. The bytes must be canonical already and hash to `digest`.
    ///
    /// # Errors
    /// [`ActionError::Digest`] when they do not, and every error of [`Action::parse`].
    pub fn rebuild(envelope: &[u8], payload: Vec<u8>, digest: Hash) -> Result<Self, ActionError> {
        let action = Self::parse(envelope, payload)?;
        if action.digest != digest || action.envelope_bytes != envelope {
            return Err(ActionError::Digest);
        }
        Ok(action)
    }

    /// `SHA-256("gatehold/action/v1" || 0x00 || envelope_bytes)`.
    #[must_use]
    pub fn digest_of(envelope_bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/action/v1", &[envelope_bytes])
    }

    /// What is asked for.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The canonical envelope.
    #[must_use]
    pub fn envelope_bytes(&self) -> &[u8] {
        &self.envelope_bytes
    }

    /// The payload, verbatim.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The name of this action and no other.
    #[must_use]
    pub const fn digest(&self) -> Hash {
        self.digest
    }
}

impl fmt::Debug for Action {
    // A payload can hold personal data: an action prints its name, never its content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({} {})", self.envelope.descriptor.id, self.digest)
    }
}

fn check(envelope: &Envelope, payload: &[u8]) -> Result<(), ActionError> {
    let member = |member, why: String| Err(ActionError::Member { member, why });
    if envelope.payload.size != payload.len() as u64 {
        return Err(ActionError::Payload("size"));
    }
    if envelope.payload.sha256 != Hash::of(payload) {
        return Err(ActionError::Payload("sha256"));
    }
    if let Err(error) = check_identifier(&envelope.payload.media_type, 128) {
        return member("payload.media_type", error.to_string());
    }
    if envelope.duration_seconds == 0 || envelope.duration_seconds > TTL_SECONDS_MAX {
        return member(
            "duration_seconds",
            format!("it must be between 1 and {TTL_SECONDS_MAX}"),
        );
    }
    if envelope.caps.len() > CAPS_MAX {
        return member("caps", format!("at most {CAPS_MAX} caps are read"));
    }
    for name in envelope.caps.keys() {
        if let Err(error) = check_identifier(name, 64) {
            return member("caps", error.to_string());
        }
    }
    if let Some(precondition) = &envelope.precondition
        && let Err(error) = check_identifier(precondition, 256)
    {
        return member("precondition", error.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &[u8] = b"UPDATE orders SET status='retry' WHERE id=7";

    fn envelope() -> Envelope {
        Envelope {
            descriptor: DescriptorRef {
                id: "sql.write".parse().unwrap(),
                hash: Hash::of(b"descriptor"),
            },
            workload: "deploy-bot".parse().unwrap(),
            task: Some(TaskId::from_bytes([1; 16])),
            target: "sql:shop".parse().unwrap(),
            resource: "shop/orders".parse().unwrap(),
            duration_seconds: 900,
            caps: BTreeMap::from([("rows".to_owned(), 10)]),
            precondition: None,
            payload: PayloadRef {
                media_type: "application/sql".into(),
                size: PAYLOAD.len() as u64,
                sha256: Hash::of(PAYLOAD),
            },
        }
    }

    fn bytes(envelope: &Envelope) -> Vec<u8> {
        canonical::to_bytes(envelope).unwrap()
    }

    #[test]
    fn order_and_white_space_do_not_change_the_digest_but_every_member_does() {
        let action = Action::parse(&bytes(&envelope()), PAYLOAD.to_vec()).unwrap();
        let loose = String::from_utf8(bytes(&envelope()))
            .unwrap()
            .replace(',', ", ");
        assert_eq!(
            Action::parse(loose.as_bytes(), PAYLOAD.to_vec())
                .unwrap()
                .digest(),
            action.digest()
        );

        let changes: [fn(&mut Envelope); 8] = [
            |e| e.descriptor.id = "sql.read".parse().unwrap(),
            |e| e.descriptor.hash = Hash::of(b"other"),
            |e| e.workload = "other".parse().unwrap(),
            |e| e.task = None,
            |e| e.target = "sql:other".parse().unwrap(),
            |e| e.resource = "shop/other".parse().unwrap(),
            |e| e.duration_seconds = 901,
            |e| e.caps = BTreeMap::new(),
        ];
        for change in changes {
            let mut changed = envelope();
            change(&mut changed);
            assert_ne!(
                Action::parse(&bytes(&changed), PAYLOAD.to_vec())
                    .unwrap()
                    .digest(),
                action.digest()
            );
        }
    }

    #[test]
    fn refuses_what_is_not_exactly_the_form() {
        let text = String::from_utf8(bytes(&envelope())).unwrap();
        for (what, bad) in [
            ("unknown member", text.replacen('{', "{\"x\":1,", 1)),
            (
                "duplicate member",
                text.replacen('{', "{\"duration_seconds\":1,", 1),
            ),
            ("missing member", text.replace("\"precondition\":null,", "")),
            ("float", text.replace(":900", ":900.5")),
            ("zero duration", text.replace(":900", ":0")),
            (
                "bidi in an identifier",
                text.replace("shop/orders", "shop/\u{202e}orders"),
            ),
            (
                "wrong size",
                text.replace(&format!("\"size\":{}", PAYLOAD.len()), "\"size\":1"),
            ),
        ] {
            assert!(
                Action::parse(bad.as_bytes(), PAYLOAD.to_vec()).is_err(),
                "{what}: {bad}"
            );
        }
        assert_eq!(
            Action::parse(
                text.as_bytes(),
                b"UPDATE orders SET status='retry' WHERE id=8".to_vec()
            ),
            Err(ActionError::Payload("sha256"))
        );
    }

    #[test]
    fn storage_must_give_back_the_very_bytes() {
        let action = Action::parse(&bytes(&envelope()), PAYLOAD.to_vec()).unwrap();
        assert!(
            Action::rebuild(action.envelope_bytes(), PAYLOAD.to_vec(), action.digest()).is_ok()
        );
        let spaced = String::from_utf8(action.envelope_bytes().to_vec())
            .unwrap()
            .replace(',', ", ");
        assert_eq!(
            Action::rebuild(spaced.as_bytes(), PAYLOAD.to_vec(), action.digest()),
            Err(ActionError::Digest)
        );
        assert_eq!(
            Action::rebuild(action.envelope_bytes(), PAYLOAD.to_vec(), Hash::of(b"x")),
            Err(ActionError::Digest)
        );
    }
}
