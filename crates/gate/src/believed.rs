//! Rows are believed only when they follow from the ledger: the leaf that wrote a row committed to its hash. One that was
//! edited, put back to an earlier self or taken away is refused, counted and reported; requests without it go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use gatehold_core::commit::{LeafBytes, LeafKind, RowKey, Table, Write};
use gatehold_core::entry::Entry;
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::history::row_follows;

use crate::chain::Link;
use crate::erase::is_erasure;
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{Row, StoredRecord};

/// Most rows remembered as already compared with their leaf.
const COMPARED_MAX: usize = 8_192;
/// Most records of one answer of the store.
const RECORDS_AT_ONCE: usize = 1_000;
/// Most findings kept for the report; they are counted beyond it.
pub(crate) const FINDINGS_MAX: usize = 256;

/// What this process has compared with the ledger.
#[derive(Debug, Default)]
pub(crate) struct Believed {
    /// Rows that followed: last leaf, version and hash of the body.
    compared: BTreeMap<RowKey, (u64, u64, Hash)>,
    /// For rows whose absence would lift a stop or a pause: the last leaf known to have written them.
    at_least: BTreeMap<RowKey, u64>,
    /// Leaves that erase something which may not have been erased yet.
    pub(crate) erasures: BTreeMap<u64, Link>,
    findings: BTreeSet<String>,
    /// Findings that stand in the ledger.
    pub(crate) told: BTreeSet<String>,
    refused: u64,
}

impl Believed {
    /// Learns from a leaf, whose record was hashed into it, which stops and pauses were written, and what
    /// is erased.
    pub(crate) fn learn(&mut self, leaf: &StoredRecord) {
        if is_erasure(leaf) {
            self.erasures.insert(leaf.index, Link::of(leaf));
        }
        let written = stops_written(leaf);
        self.at_least
            .extend(written.into_iter().map(|key| (key, leaf.index)));
    }

    /// Takes over what was learned elsewhere.
    pub(crate) fn learned(&mut self, other: Self) {
        self.erasures.extend(other.erasures);
        for (key, leaf) in other.at_least {
            let least = self.at_least.entry(key).or_default();
            *least = leaf.max(*least);
        }
    }

    /// This process wrote these rows itself.
    pub(crate) fn wrote(&mut self, keys: Vec<RowKey>, leaf: u64) {
        let at_least = keys.into_iter().map(|key| (key, leaf)).collect();
        self.learned(Self {
            at_least,
            ..Self::default()
        });
    }

    fn known_leaf(&self, key: &RowKey) -> Option<u64> {
        let compared = self.compared.get(key).map(|(leaf, ..)| *leaf);
        compared.max(self.at_least.get(key).copied())
    }

    fn remember(&mut self, row: &Row) {
        if self.compared.len() >= COMPARED_MAX {
            self.compared.clear();
        }
        let key = row.key.clone();
        if is_kept(key.table) {
            let least = self.at_least.entry(key.clone()).or_default();
            *least = row.last_leaf.max(*least);
        }
        let known = (row.last_leaf, row.version, Hash::of(&row.body));
        let newest = self.compared.entry(key).or_insert(known);
        if newest.0 < known.0 {
            *newest = known;
        }
    }
}

/// Tables whose rows only restrict, so that to take one away would loosen.
const fn is_kept(table: Table) -> bool {
    matches!(table, Table::Stops | Table::Workload)
}

/// The rows of such tables that a write puts.
pub(crate) fn restricting(write: &Write) -> Vec<RowKey> {
    let keys = write.rows.iter().map(|row| &row.key);
    keys.filter(|key| is_kept(key.table)).cloned().collect()
}

/// The rows of such tables that a leaf wrote.
fn stops_written(leaf: &StoredRecord) -> Vec<RowKey> {
    // Most leaves write none: to read each of them would make every start slow.
    let text = core::str::from_utf8(&leaf.record).unwrap_or_default();
    if !text.contains("\"stops/") && !text.contains("\"workload/") {
        return Vec::new();
    }
    let Ok(entry) = Entry::from_bytes(&leaf.record) else {
        return Vec::new();
    };
    let key = |name: &String| {
        let (table, id) = name.split_once('/')?;
        let table = Table::ALL.into_iter().find(|known| known.name() == table)?;
        is_kept(table).then(|| RowKey {
            table,
            id: id.to_owned(),
        })
    };
    entry.rows.keys().filter_map(key).collect()
}

impl Gate {
    /// A row that follows from the ledger.
    // INVARIANT(fold-equals-row): what does not follow from its leaf is an error here and never a value.
    pub(crate) async fn row(&self, key: &RowKey) -> Result<Option<Row>, GateError> {
        // Asked before the row is read: whatever was seen by then is durable, so an older row was put back.
        let known = self.believed().known_leaf(key);
        let row = self.store().row(key).await?;
        let found = row.as_ref().map(|row| row.last_leaf);
        if guard!("row-put-back", found < known) {
            return Err(self.tampered(format!("{key} was put back or taken away")));
        }
        if let Some(row) = &row {
            self.believe(row).await?;
        }
        Ok(row)
    }

    /// Compares a row of a list with its leaf.
    pub(crate) async fn believe(&self, row: &Row) -> Result<(), GateError> {
        let known = (row.last_leaf, row.version, Hash::of(&row.body));
        if self.believed().compared.get(&row.key) == Some(&known) {
            return Ok(());
        }
        let leaf = self.store().leaves(row.last_leaf, 1, false).await?;
        let leaf = leaf.into_iter().next().map(|leaf| StoredRecord {
            index: leaf.index,
            leaf: leaf.leaf,
            salt: leaf.salt,
            record: leaf.record,
        });
        self.believe_by(row, leaf.as_ref())
    }

    /// Compares the rows of a list with their leaves, which are read at once. Says of each whether it follows: one that
    /// does not is reported, and is nothing to its list.
    pub(crate) async fn believe_all(&self, rows: &[Row]) -> Result<Vec<bool>, GateError> {
        let known: Vec<bool> = {
            let believed = self.believed();
            let is_known = |row: &Row| {
                let known = (row.last_leaf, row.version, Hash::of(&row.body));
                believed.compared.get(&row.key) == Some(&known)
            };
            rows.iter().map(is_known).collect()
        };
        let mut leaves: Vec<u64> = rows
            .iter()
            .zip(&known)
            .filter(|(_, known)| !**known)
            .map(|(row, _)| row.last_leaf)
            .collect();
        leaves.sort_unstable();
        leaves.dedup();
        let mut read = BTreeMap::new();
        for some in leaves.chunks(RECORDS_AT_ONCE) {
            let records = self.store().records_of(some).await?;
            read.extend(records.into_iter().map(|record| (record.index, record)));
        }
        let follows = rows
            .iter()
            .zip(known)
            .map(|(row, known)| known || self.believe_by(row, read.get(&row.last_leaf)).is_ok());
        Ok(follows.collect())
    }

    /// Whether a row follows from the leaf that it names.
    fn believe_by(&self, row: &Row, leaf: Option<&StoredRecord>) -> Result<(), GateError> {
        let unread = || self.tampered(format!("{} names a leaf that cannot be read", row.key));
        let leaf = leaf.ok_or_else(unread)?;
        let foreign = !record_opens(&leaf.leaf, &leaf.salt, &leaf.record);
        if guard!("row-leaf-opens", foreign) {
            return Err(unread());
        }
        let entry = Entry::from_bytes(&leaf.record).map_err(|_| unread())?;
        if let Err(broken) = row_follows(&row.key, row.version, &row.body, &entry) {
            return Err(self.tampered(broken.to_string()));
        }
        self.believed().remember(row);
        Ok(())
    }

    /// Rows that were refused because somebody changed the database, and how often.
    #[must_use]
    pub fn row_findings(&self) -> (u64, Vec<String>) {
        let believed = self.believed();
        (
            believed.refused,
            believed.findings.iter().cloned().collect(),
        )
    }

    /// Something that does not follow from the ledger, to be told in a leaf of its own. Whether it is new.
    pub(crate) fn note_finding(&self, what: &str) -> bool {
        let mut believed = self.believed();
        believed.findings.len() < FINDINGS_MAX && believed.findings.insert(what.to_owned())
    }

    pub(crate) fn tampered(&self, what: String) -> GateError {
        {
            let mut believed = self.believed();
            believed.refused = believed.refused.saturating_add(1);
        }
        if self.note_finding(&what) {
            tracing::error!(
                what,
                "a row does not follow from the ledger and is not used"
            );
        }
        GateError::Damaged(format!(
            "{what}: somebody changed the database; run `gatehold audit verify`"
        ))
    }

    pub(crate) fn believed(&self) -> MutexGuard<'_, Believed> {
        let believed = &self.inner.believed;
        believed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the record is the one that the leaf commits to.
// INVARIANT(leaf-opens): an entry is read only after it was hashed into its leaf.
pub(crate) fn record_opens(leaf: &LeafBytes, salt: &[u8; 32], record: &[u8]) -> bool {
    let [form, high, low, ..] = *leaf;
    let kind = u16::from_be_bytes([high, low]);
    let commitment = Hash::tagged("gatehold/leaf/v1", &[salt, record]);
    form == 1 && kind >= LeafKind::Root as u16 && leaf.ends_with(commitment.as_bytes())
}
