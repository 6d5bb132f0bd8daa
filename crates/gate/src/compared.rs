//! A store compared with its ledger by somebody who does not serve it: every row with the leaf that it names, and what gates
//! have told of before. Rows that were taken away altogether are found by whoever reads all leaves: `gatehold audit verify`.

use gatehold_core::commit::{LeafKind, RowKey, Table};
use gatehold_core::entry::Entry;
use gatehold_core::grant::Grant;
use gatehold_core::history::row_follows;
use gatehold_core::ids::GrantId;
use gatehold_core::time::Timestamp;

use crate::believed::record_opens;
use crate::error::GateError;
use crate::ports::store::{Row, RowQuery, Store};
use crate::stored::body;

/// Rows and records of one page.
const PAGE: u32 = 1_000;
/// Most findings of each kind that are kept; they are counted beyond it.
const KEPT_MAX: usize = 64;

/// What a store's rows are worth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Rows that are what their leaf wrote.
    pub follow: u64,
    /// Rows that are not.
    pub differ: u64,
    /// The first of them, each with the leaf that it names.
    pub findings: Vec<String>,
    /// Leaves in which a gate told of such a thing: where, and when.
    pub told: Vec<(u64, Timestamp)>,
}

impl Compared {
    /// Reads every row, and the record of every leaf.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn read(store: &dyn Store) -> Result<Self, GateError> {
        let mut compared = Self::default();
        for table in Table::ALL {
            let mut query = RowQuery {
                limit: PAGE,
                ..RowQuery::default()
            };
            loop {
                let rows = store.rows(table, &query).await?;
                for row in &rows {
                    compared.compare(store, row).await?;
                }
                let Some(last) = rows.last() else { break };
                query.after_leaf = Some(last.first_leaf);
            }
        }
        compared.read_told(store).await?;
        Ok(compared)
    }

    async fn compare(&mut self, store: &dyn Store, row: &Row) -> Result<(), GateError> {
        let Err(broken) = follows(store, row).await? else {
            self.follow = self.follow.saturating_add(1);
            return Ok(());
        };
        self.differ = self.differ.saturating_add(1);
        if self.findings.len() < KEPT_MAX {
            let leaf = row.last_leaf;
            self.findings
                .push(format!("{broken} (it names leaf {leaf})"));
        }
        Ok(())
    }

    async fn read_told(&mut self, store: &dyn Store) -> Result<(), GateError> {
        let size = store.head().await?.size;
        let mut next = 0;
        while next < size {
            let page = store.records(next, PAGE).await?;
            let Some(last) = page.last() else { break };
            next = last.index.saturating_add(1);
            for leaf in &page {
                let [_, high, low, ..] = leaf.leaf;
                let is_told = u16::from_be_bytes([high, low]) == LeafKind::Tampering as u16;
                if !is_told || self.told.len() >= KEPT_MAX {
                    continue;
                }
                let entry = Entry::from_bytes(&leaf.record).map_err(GateError::damaged)?;
                self.told.push((leaf.index, entry.at));
            }
        }
        Ok(())
    }
}

/// The grant of this id. One whose row is not what its leaf wrote answers for nothing.
///
/// # Errors
/// When the store does not answer.
pub async fn grant_as_written(store: &dyn Store, id: GrantId) -> Result<Option<Grant>, GateError> {
    let Some(row) = store.row(&RowKey::new(Table::Grant, &id)).await? else {
        return Ok(None);
    };
    if follows(store, &row).await?.is_err() {
        return Ok(None);
    }
    let grant: Grant = body(&row)?;
    Ok((grant.id == id).then_some(grant))
}

/// Whether a row is what its leaf wrote.
async fn follows(store: &dyn Store, row: &Row) -> Result<Result<(), String>, GateError> {
    let leaf = store.leaves(row.last_leaf, 1, false).await?;
    let opened = leaf
        .into_iter()
        .find(|leaf| leaf.index == row.last_leaf)
        .filter(|leaf| record_opens(&leaf.leaf, &leaf.salt, &leaf.record))
        .and_then(|leaf| Entry::from_bytes(&leaf.record).ok());
    Ok(match opened {
        None => Err(format!("{} names a leaf that cannot be read", row.key)),
        Some(entry) => row_follows(&row.key, row.version, &row.body, &entry)
            .map_err(|broken| broken.to_string()),
    })
}
