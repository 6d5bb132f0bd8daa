//! Turns stored rows and leaves back into checked values.

use gatehold_core::action::Action;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::Claims;
use gatehold_core::grant::Grant;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use serde::de::DeserializeOwned;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{Row, StoredLeaf};

/// An attachment's bytes.
pub(crate) fn attachment<'a>(leaf: &'a StoredLeaf, name: &str) -> Result<&'a [u8], GateError> {
    let found = leaf
        .attachments
        .iter()
        .find(|attachment| attachment.name == name);
    if let Some(by) = found.and_then(|attachment| attachment.erased_by) {
        let what = format!("`{name}` of leaf {} was erased by leaf {by}", leaf.index);
        return Err(Refusal::Erasure(what).into());
    }
    found
        .and_then(|attachment| attachment.bytes.as_deref())
        .ok_or_else(|| GateError::Damaged(format!("leaf {} has no readable `{name}`", leaf.index)))
}

/// A row's body; it must be canonical.
pub(crate) fn body<T: DeserializeOwned>(row: &Row) -> Result<T, GateError> {
    canonical::from_canonical_bytes(&row.body).map_err(|error| {
        GateError::Damaged(format!(
            "row {}/{}: {error}",
            row.key.table.name(),
            row.key.id
        ))
    })
}

/// A request as stored, with the rows around it.
pub(crate) struct StoredRequest {
    pub(crate) record: RequestRecord,
    pub(crate) version: u64,
    pub(crate) first_leaf: u64,
    pub(crate) last_leaf: u64,
}

impl Gate {
    pub(crate) async fn request(&self, id: RequestId) -> Result<StoredRequest, GateError> {
        let row = self.row(&RowKey::new(Table::Request, &id)).await?;
        let row = row.ok_or(Refusal::NoSuchRequest)?;
        let record: RequestRecord = body(&row)?;
        if record.id != id {
            return Err(GateError::damaged("a request stands under another id"));
        }
        Ok(StoredRequest {
            record,
            version: row.version,
            first_leaf: row.first_leaf,
            last_leaf: row.last_leaf,
        })
    }

    pub(crate) async fn grant_of(
        &self,
        record: &RequestRecord,
    ) -> Result<Option<(Grant, u64)>, GateError> {
        let Some(id) = record.grant else {
            return Ok(None);
        };
        let row = self.row(&RowKey::new(Table::Grant, &id)).await?;
        let row = row.ok_or_else(|| GateError::damaged("the grant's row is missing"))?;
        Ok(Some((body(&row)?, row.version)))
    }

    /// The leaf of the submission, with its attachments.
    pub(crate) async fn submission(&self, stored: &StoredRequest) -> Result<StoredLeaf, GateError> {
        let leaf = self
            .store()
            .leaves(stored.first_leaf, 1, true)
            .await?
            .into_iter()
            .next();
        leaf.ok_or_else(|| GateError::damaged("the submission's leaf is missing"))
    }

    /// The exact action, rebuilt from the submission and checked against the record's digest.
    pub(crate) fn action(
        record: &RequestRecord,
        submission: &StoredLeaf,
    ) -> Result<Action, GateError> {
        let envelope = attachment(submission, "envelope")?;
        let payload = attachment(submission, "payload")?.to_vec();
        Action::rebuild(envelope, payload, record.digest).map_err(GateError::damaged)
    }

    pub(crate) fn claims(submission: &StoredLeaf) -> Claims {
        attachment(submission, "claims")
            .ok()
            .and_then(|bytes| canonical::from_canonical_bytes(bytes).ok())
            .unwrap_or_default()
    }
}
