//! Writes for checks, built in a line.

use std::sync::atomic::{AtomicU64, Ordering};

use gatehold_core::commit::{
    AttachmentDraft, CounterAdd, CounterKey, Guard, LeafDraft, LeafKind, Outbox, RowChange,
    RowIndex, RowKey, Table, UniqueKey, Write,
};
use gatehold_core::time::Timestamp;

/// A write being put together. Every draft has a leaf of its own.
#[derive(Debug, Clone)]
pub struct Draft(Write);

static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// The row `number` of the request table.
#[must_use]
pub fn numbered(number: u64) -> RowKey {
    RowKey {
        table: Table::Request,
        id: format!("req_{number:032x}"),
    }
}

impl Draft {
    /// A write that appends a leaf and does nothing else.
    #[must_use]
    pub fn new() -> Self {
        let number = DRAFTS.fetch_add(1, Ordering::SeqCst);
        let mut salt = [0; 32];
        salt[..8].copy_from_slice(&number.to_be_bytes());
        salt[8..12].copy_from_slice(&std::process::id().to_be_bytes());
        Self(Write {
            guards: Vec::new(),
            deadline: None,
            rows: Vec::new(),
            counters: Vec::new(),
            leaf: LeafDraft {
                kind: LeafKind::Submission,
                salt,
                record: format!("{{\"draft\":{number}}}").into_bytes(),
                attachments: Vec::new(),
            },
            outbox: Vec::new(),
        })
    }

    #[must_use]
    pub(super) fn guard(mut self, guard: Guard) -> Self {
        self.0.guards.push(guard);
        self
    }

    #[must_use]
    pub(super) fn version(self, key: &RowKey, version: u64) -> Self {
        self.guard(Guard::Version(key.clone(), version))
    }

    #[must_use]
    pub(super) fn below(self, key: &str, limit: u64) -> Self {
        self.guard(Guard::Below(counter(key), limit))
    }

    #[must_use]
    pub(super) fn absent(self, key: &str, forget: Option<Timestamp>) -> Self {
        self.guard(Guard::Absent(UniqueKey(key.to_owned()), forget))
    }

    /// Puts a row that was read at `version`.
    #[must_use]
    pub fn row(self, key: &RowKey, version: u64, body: &str) -> Self {
        self.version(key, version).unguarded_row(key, body)
    }

    #[must_use]
    pub(super) fn unguarded_row(mut self, key: &RowKey, body: &str) -> Self {
        self.0.rows.push(RowChange {
            key: key.clone(),
            body: body.as_bytes().to_vec(),
            index: RowIndex::default(),
        });
        self
    }

    /// Sets the index of the last row.
    #[must_use]
    pub(super) fn index(mut self, index: RowIndex) -> Self {
        self.0.rows.last_mut().unwrap().index = index;
        self
    }

    #[must_use]
    pub(super) fn add(mut self, key: &str, add: i64) -> Self {
        let key = counter(key);
        self.0.counters.push(CounterAdd { key, add });
        self
    }

    /// Adds one to a counter.
    #[must_use]
    pub fn add_one(self, key: &str) -> Self {
        self.add(key, 1)
    }

    /// Attaches so many bytes.
    #[must_use]
    pub fn attachment_of(self, name: &'static str, bytes: usize) -> Self {
        self.attachment(name, &vec![0x5a; bytes])
    }

    /// To be applied by then.
    #[must_use]
    pub fn due(mut self, deadline: Timestamp) -> Self {
        self.0.deadline = Some(deadline);
        self
    }

    /// Of another kind than a submission.
    #[must_use]
    pub fn of_kind(mut self, kind: LeafKind) -> Self {
        self.0.leaf.kind = kind;
        self
    }

    /// With a record of so many bytes.
    #[must_use]
    pub fn record(mut self, bytes: usize) -> Self {
        self.0.leaf.record = vec![b'r'; bytes];
        self
    }

    #[must_use]
    pub(super) fn attachment(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.0.leaf.attachments.push(AttachmentDraft {
            name,
            salt: [0x5a; 32],
            bytes: bytes.to_vec(),
        });
        self
    }

    #[must_use]
    pub(super) fn message(mut self, dedup: &str, body: &str) -> Self {
        self.0.outbox.push(Outbox {
            dedup: dedup.to_owned(),
            topic: "held".to_owned(),
            body: body.to_owned(),
        });
        self
    }

    /// The write.
    #[must_use]
    pub fn write(self) -> Write {
        self.0
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn counter(key: &str) -> CounterKey {
    CounterKey(key.to_owned())
}

pub(super) fn unique(key: &str) -> UniqueKey {
    UniqueKey(key.to_owned())
}
