//! One durable write as the oracle is shown it: what was intended, what was written, and under which rules.

use gatehold_core::commit::{Table, Write};
use gatehold_core::entry::Entry;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::RequestRecord;
use gatehold_core::time::Timestamp;

use super::Violation;
use crate::simulator::rules::Rules;
use crate::simulator::work::Intent;

/// One durable write, as the checks want it.
pub struct Commit<'a> {
    pub(super) intent: &'a Intent,
    pub(super) write: &'a Write,
    pub(super) entry: &'a Entry,
    pub(super) leaf: u64,
    pub(super) time: Timestamp,
    pub(super) rules: &'a Rules,
}

impl Commit<'_> {
    pub(super) fn body(&self, table: Table, id: &str) -> Option<&[u8]> {
        let mut rows = self.write.rows.iter();
        let row = rows.find(|row| row.key.table == table && row.key.id == id)?;
        Some(&row.body)
    }

    pub(super) fn record(&self, id: RequestId) -> Result<RequestRecord, Violation> {
        let body = self.body(Table::Request, &id.to_string());
        let record = body.and_then(|body| canonical::from_canonical_bytes(body).ok());
        record.ok_or_else(|| Violation {
            invariant: "leaf-per-change",
            what: format!("a leaf about {id} without its row"),
        })
    }

    pub(super) fn attachment(&self, name: &str) -> &[u8] {
        let mut attachments = self.write.leaf.attachments.iter();
        let found = attachments.find(|attachment| attachment.name == name);
        found.map_or(&[], |attachment| &attachment.bytes)
    }
}
