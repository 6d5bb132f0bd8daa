//! Credentials at a target that the ledger does not know, or knows as gone: after a target was restored from a backup, or a
//! store was. Each target is asked what stands there under this gate's name; what nobody answers for is taken away.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::LeaseStep;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{LeaseEvent, Recipe};
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::issuer::Removal;
use crate::stored::body;

/// How often targets are asked what stands there, in seconds.
const ASK_SECONDS: u32 = 30;

impl Gate {
    /// Gives how many were found.
    pub(super) async fn look_for_orphans(&self, now: Timestamp) -> Result<u64, GateError> {
        {
            let mut looks = self.lease_looks();
            let due = looks
                .orphans
                .is_none_or(|at| now >= at.plus_seconds(ASK_SECONDS));
            if !due {
                return Ok(0);
            }
            looks.orphans = Some(now);
        }
        let mut orphans = 0;
        for target in self.issuer().targets() {
            let found = match self.issuer().found(&target).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(target_id = %target, %error, "what stands at a target is not known");
                    continue;
                }
            };
            for recipe in found {
                orphans += u64::from(self.look_at_found(&target, &recipe).await?);
            }
        }
        Ok(orphans)
    }

    /// Whether nobody answers for it.
    async fn look_at_found(&self, target: &str, recipe: &Recipe) -> Result<bool, GateError> {
        let id = self.issuer().grant_of(recipe);
        match self.answered_for(id).await {
            Ok(Some(GrantState::Active | GrantState::Suspended | GrantState::Revoking)) => {
                Ok(false)
            }
            // Gone before, and there again.
            Ok(Some(GrantState::Revoked)) => self.returned(id).await,
            Ok(Some(GrantState::Ended) | None) => {
                self.take_away_orphan(target, recipe).await;
                Ok(true)
            }
            // A row that somebody changed answers for nothing.
            Err(GateError::Damaged(what)) => {
                tracing::error!(target_id = target, what, "a lease's row cannot be believed");
                self.take_away_orphan(target, recipe).await;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Where the lease of a grant stands, if it has one.
    async fn answered_for(&self, id: Option<GrantId>) -> Result<Option<GrantState>, GateError> {
        let Some(id) = id else { return Ok(None) };
        let row = self.row(&RowKey::new(Table::Grant, &id)).await?;
        let grant = row.as_ref().map(body::<Grant>).transpose()?;
        Ok(grant
            .filter(|grant| grant.lease.is_some())
            .map(|grant| grant.state))
    }

    async fn returned(&self, id: Option<GrantId>) -> Result<bool, GateError> {
        let Some(id) = id else { return Ok(false) };
        let step = LeaseStep {
            what: LeaseEvent::Returned,
            code: "returned",
            human: None,
        };
        match self.lease_step(id, &step).await {
            Ok(_) => Ok(true),
            Err(GateError::Refused(Refusal::WrongState { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn take_away_orphan(&self, target: &str, recipe: &Recipe) {
        let removal = self.issuer().remove(target, &recipe.clone()).await;
        let gone = removal == Removal::Gone;
        tracing::error!(
            target_id = target,
            handle = recipe.handle,
            gone,
            "a credential stands at a target that no grant answers for"
        );
        let _ = self.tampered(format!(
            "at {target} stands the credential {}, which no grant answers for",
            recipe.handle
        ));
    }
}
