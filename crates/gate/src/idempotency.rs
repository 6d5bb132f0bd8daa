//! Idempotency keys: the same key with the same body finds the request it made; another body is refused.

use gatehold_core::action::Action;
use gatehold_core::commit::UniqueKey;
use gatehold_core::decide::Claims;
use gatehold_core::entry::Entry;
use gatehold_core::guard;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::RequestId;
use gatehold_core::refusal::Refusal;

use crate::answers::Caller;
use crate::error::GateError;
use crate::gate::Gate;

impl Gate {
    /// The request that this caller made with this key before, if any.
    pub(crate) async fn made_before(
        &self,
        caller: &Caller,
        action: &Action,
        claims: &Claims,
    ) -> Result<Option<RequestId>, GateError> {
        let Some(key) = &caller.idempotency else {
            return Ok(None);
        };
        let key = format!(
            "idem:{}:{}",
            hex(caller.key.as_bytes()),
            Hash::of(key.as_bytes()).hex()
        );
        let Some(index) = self.store().unique(&UniqueKey(key)).await? else {
            return Ok(None);
        };
        let leaf = self
            .store()
            .leaves(index, 1, false)
            .await?
            .into_iter()
            .next();
        let leaf =
            leaf.ok_or_else(|| GateError::damaged("the leaf of an idempotency key is missing"))?;
        let entry = Entry::from_bytes(&leaf.record).map_err(GateError::damaged)?;
        let request = entry
            .request
            .ok_or_else(|| GateError::damaged("an idempotency key names no request"))?;
        let record = self.request(request).await?.record;
        let same = record.digest == action.digest() && record.claims_root == claims.root();
        if guard!("idempotency-same-request", !same) {
            return Err(Refusal::IdempotencyMismatch.into());
        }
        Ok(Some(request))
    }
}
