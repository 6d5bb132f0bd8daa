//! Tampering said out loud: what this gate found to differ from the ledger becomes a leaf of its own, once for every finding,
//! by whichever process is first. Written by the tick, a few at a time, so that no decision ever waits for it.

use std::collections::BTreeMap;

use gatehold_core::commit::{AttachmentDraft, Guard, LeafDraft, LeafKind, UniqueKey, Write};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;

/// Most such leaves of one tick.
const LEAVES_MAX: usize = 8;
/// Most findings that one process tells of; whoever can write rows could make it write leaves without end.
const TOLD_MAX: usize = 512;

impl Gate {
    /// Writes what was found and not told yet; gives how many leaves that took. What cannot be written now is tried again.
    pub(crate) async fn write_tampering(&self, now: Timestamp) -> u64 {
        let mut found = self.row_findings().1;
        found.extend(self.chain_findings().await);
        let untold: Vec<String> = {
            let believed = self.believed();
            let left = TOLD_MAX.saturating_sub(believed.told.len());
            let untold = found
                .into_iter()
                .filter(|what| !believed.told.contains(what));
            untold.take(LEAVES_MAX.min(left)).collect()
        };
        let mut written = 0_u64;
        for what in untold {
            match self.tell(&what, now).await {
                Ok(first) => {
                    written = written.saturating_add(u64::from(first));
                    self.believed().told.insert(what);
                }
                Err(error) => {
                    tracing::warn!(%error, "what somebody changed in the database cannot be put into the ledger yet");
                    break;
                }
            }
        }
        written
    }

    /// Whether this process was the first to tell it.
    async fn tell(&self, what: &str, now: Timestamp) -> Result<bool, GateError> {
        let finding = Hash::tagged("gatehold/tampering/v1", &[what.as_bytes()]);
        // The text names rows, and whoever writes rows chooses their names: it is no part of the record.
        let text = AttachmentDraft {
            name: "finding",
            salt: self.inner.parts.entropy.bytes(),
            bytes: what.as_bytes().to_vec(),
        };
        let entry = Entry {
            at: now,
            request: None,
            version: 0,
            from: None,
            to: None,
            row: None,
            rows: BTreeMap::new(),
            event: Event::Tampered { finding },
            attachments: [(text.name.to_owned(), text.commitment())].into(),
        };
        let leaf = LeafDraft {
            kind: LeafKind::Tampering,
            salt: self.inner.parts.entropy.bytes(),
            record: entry.to_bytes().map_err(GateError::damaged)?,
            attachments: vec![text],
        };
        let once = UniqueKey(format!("tampering:{}", finding.hex()));
        let write = Write {
            guards: vec![Guard::Absent(once, None)],
            deadline: None,
            rows: Vec::new(),
            counters: Vec::new(),
            leaf,
            outbox: Vec::new(),
        };
        Ok(self.commit_plain(write).await?.is_some())
    }
}
