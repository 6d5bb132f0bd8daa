//! What a decision asks the store to make durable: one [`Write`], whole or not at all.
//!
//! A write carries its own guards. The store applies it only if every guard and the deadline still hold, in the same
//! transaction that appends the leaf. Nothing here performs anything.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::time::Timestamp;

/// Largest body of one row, in bytes.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Largest record of one leaf, in bytes.
pub const RECORD_BYTES_MAX: usize = 64 << 10;
/// Largest attachment, in bytes: the rendering of the largest payload that is shown whole.
pub const ATTACHMENT_BYTES_MAX: usize = 6 << 20;
/// Most attachments of one leaf.
pub const ATTACHMENTS_MAX: usize = 16;

/// The tables a decision reads. Operational data (sessions, opened views) is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// One row a request.
    Request,
    /// One row a grant.
    Grant,
    /// One row a task.
    Task,
    /// One row for the whole key directory: how many trust leaves it was folded from.
    Directory,
    /// One row for everything that is stopped.
    Stops,
    /// One row a workload: paused or not, and by what. Its keys are in the directory, not here.
    Workload,
}

impl Table {
    /// All tables, for stores that create one each.
    pub const ALL: [Self; 6] = [
        Self::Request,
        Self::Grant,
        Self::Task,
        Self::Directory,
        Self::Stops,
        Self::Workload,
    ];

    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Grant => "grant",
            Self::Task => "task",
            Self::Directory => "directory",
            Self::Stops => "stops",
            Self::Workload => "workload",
        }
    }
}

/// Names one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Which table.
    pub table: Table,
    /// The printed id.
    pub id: String,
}

impl RowKey {
    /// The key of a thing whose id prints.
    pub fn new(table: Table, id: &impl fmt::Display) -> Self {
        Self {
            table,
            id: id.to_string(),
        }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.table.name(), self.id)
    }
}

/// Names one counter, such as `holds:deploy-bot`. Counters only ever change by what writes add.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey(pub String);

/// A key that may exist once, such as a nonce or the redemption of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueKey(pub String);

/// What must still be true when the write is applied.
// INVARIANT(guarded-write): the store checks every guard of a write before its first change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The row still has the version that was read; 0 means that it does not exist.
    Version(RowKey, u64),
    /// The counter, before this write's own additions, is below the limit.
    Below(CounterKey, u64),
    /// The key does not exist, or its time has passed. Applying the write creates it; it may be forgotten after the time
    /// given. A write whose key would be forgotten at once comes too late.
    Absent(UniqueKey, Option<Timestamp>),
}

/// The new content of one row. Its version becomes the guarded version + 1, so a change without a
/// [`Guard::Version`] on the same key is malformed and refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// Which row.
    pub key: RowKey,
    /// Canonical JSON.
    pub body: Vec<u8>,
    /// What lists select by. Lists are a convenience: whatever they return is loaded and checked again.
    pub index: RowIndex,
}

/// The columns a list may select by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowIndex {
    /// The state's name.
    pub state: String,
    /// When a clock should look at the row again.
    pub due: Option<Timestamp>,
    /// Whose it is: the workload of a request, grant or task.
    pub owner: String,
    /// What it belongs to: the task of a request or grant.
    pub group: String,
}

/// A commutative addition to a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterAdd {
    /// Which counter.
    pub key: CounterKey,
    /// How much; negative gives back. A counter never goes below zero.
    pub add: i64,
}

/// The kinds of leaves. The number is part of the ledger's format and never changes meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum LeafKind {
    /// Leaf 0: the root statement.
    Root = 1,
    /// A request and policy's verdict on it.
    Submission = 2,
    /// A signed review.
    Review = 3,
    /// An act without a verdict: ask, answer, escalate, claim, suspicious.
    Act = 4,
    /// A held request whose requirement was met.
    Decision = 5,
    /// Execution was claimed: from here on it is at most once.
    Execution = 6,
    /// What came of an execution, as far as the gate knows.
    Outcome = 7,
    /// A request that ended without a human: expired, withdrawn, re-held or refused at redemption.
    Closing = 8,
    /// A grant was issued, suspended, revoked or ended.
    Grant = 9,
    /// A task began, changed or ended.
    Task = 10,
    /// A principal was refused.
    Refusal = 11,
    /// A stop or lockdown was set.
    Stop = 12,
    /// A change of the key directory: enrolment, revocation, team, point, bundle.
    Trust = 13,
    /// Quorum was lost and restored with the offline root keys. Loud.
    QuorumLost = 14,
    /// An attachment's bytes were erased.
    Erasure = 15,
    /// A row in the database does not follow from the ledger.
    Tampering = 16,
    /// The store was honestly restored from a backup and rejoined.
    Rejoin = 17,
    /// An `AuthZEN` evaluation.
    Evaluation = 18,
    /// A person says that something recorded of a request was wrong. Changes nothing.
    Correction = 19,
    /// Two people broke the glass: a held request goes on without its reviewers. Loud.
    BreakGlass = 20,
    /// Somebody who had no part in it looked at that afterwards. Changes nothing of the request.
    PostReview = 21,
}

/// A named blob that belongs to a leaf and can be erased alone. Its salted hash stands in the leaf's record.
#[derive(Clone, PartialEq, Eq)]
pub struct AttachmentDraft {
    /// Name within the leaf: `envelope`, `payload`, `display`, …
    pub name: &'static str,
    /// Random; without it the commitment would let anyone test guesses after erasure.
    pub salt: [u8; 32],
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl AttachmentDraft {
    /// The commitment that goes into the record.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        Hash::tagged("gatehold/attachment/v1", &[&self.salt, &self.bytes])
    }
}

impl fmt::Debug for AttachmentDraft {
    // Attachments hold personal text and payloads: never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AttachmentDraft({}, {} bytes)",
            self.name,
            self.bytes.len()
        )
    }
}

/// A leaf about to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafDraft {
    /// What kind of event.
    pub kind: LeafKind,
    /// Random, so that the leaf hides its record.
    pub salt: [u8; 32],
    /// Canonical JSON: ids, hashes, enumerations, times. No free text.
    pub record: Vec<u8>,
    /// The blobs the record commits to.
    pub attachments: Vec<AttachmentDraft>,
}

/// The 35 bytes of a leaf in the ledger.
pub type LeafBytes = [u8; 35];

impl LeafDraft {
    /// `0x01 || kind (big endian) || SHA-256("gatehold/leaf/v1" || 0x00 || salt || record)`.
    #[must_use]
    pub fn bytes(&self) -> LeafBytes {
        let commitment = Hash::tagged("gatehold/leaf/v1", &[&self.salt, &self.record]);
        let mut leaf = [1; 35];
        let (head, tail) = leaf.split_at_mut(3);
        let [high, low] = (self.kind as u16).to_be_bytes();
        head.copy_from_slice(&[1, high, low]);
        tail.copy_from_slice(commitment.as_bytes());
        leaf
    }
}

/// Something to tell the world once the write is durable. At least once; the receiver removes repeats by `dedup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    /// Names the message for ever.
    pub dedup: String,
    /// What kind of message.
    pub topic: String,
    /// The id of the request it is about. Never text of the requester.
    pub body: String,
}

/// One guarded change: state, event and leaf together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// What must still be true.
    pub guards: Vec<Guard>,
    /// The last store time at which this may be applied.
    pub deadline: Option<Timestamp>,
    /// Rows to put.
    pub rows: Vec<RowChange>,
    /// Counters to change.
    pub counters: Vec<CounterAdd>,
    /// The event.
    // INVARIANT(leaf-per-change): a write without a leaf cannot be expressed.
    pub leaf: LeafDraft,
    /// What to announce.
    pub outbox: Vec<Outbox>,
}

/// Proof that a write became durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The leaf's index in the ledger.
    pub index: u64,
    /// The leaf itself, so that a receipt of another write is noticed.
    pub leaf: LeafBytes,
    /// The store's time at the commit.
    pub time: Timestamp,
}

/// A write was not applied, and nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// This guard no longer holds.
    #[error("the world changed between reading and writing: {0:?}")]
    Guard(Guard),
    /// The deadline had passed on the store's clock.
    #[error("decided in time but written too late")]
    Deadline,
    /// The write breaks a rule of its own form or a size limit.
    #[error("malformed write: {0}")]
    Malformed(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_names_its_kind_and_hides_its_record() {
        let draft = LeafDraft {
            kind: LeafKind::Evaluation,
            salt: [9; 32],
            record: b"{}".to_vec(),
            attachments: vec![],
        };
        let bytes = draft.bytes();
        assert_eq!(bytes[..3], [1, 0, 18]);
        let other = LeafDraft {
            salt: [8; 32],
            ..draft
        };
        assert_ne!(bytes, other.bytes());
    }
}
