//! Credentials at a target that the ledger does not know, or knows as gone: after a target was restored from a backup, or a
//! store was. Each target is asked what stands there under this gate's name; what nobody answers for is taken away. Rows are
//! read by their keys here, so that no list which somebody changed hides a credential.

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
    /// Begins to ask each target that is not being asked.
    pub(super) fn orphan_searches(&self, now: Timestamp) -> Vec<tokio::task::JoinHandle<()>> {
        {
            let mut looks = self.lease_looks();
            let due = looks
                .orphans
                .is_none_or(|at| now.has_passed(at, ASK_SECONDS));
            if !due {
                return Vec::new();
            }
            looks.orphans = Some(now);
        }
        let targets = self.issuer().targets().into_iter();
        let idle = targets.filter(|target| self.leases_under_way().asked.insert(target.clone()));
        idle.map(|target| {
            let over = Asked {
                gate: self.clone(),
                target,
            };
            tokio::spawn(async move {
                over.gate.look_at_target(&over.target, now).await;
                drop(over);
            })
        })
        .collect()
    }

    async fn look_at_target(&self, target: &str, asked_at: Timestamp) {
        let found = match self.issuer().found(target).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(target_id = target, %error, "what stands at a target is not known");
                return;
            }
        };
        for recipe in found {
            match self.look_at_found(target, &recipe, asked_at).await {
                Ok(true) => self.leases_under_way().did.orphans += 1,
                Ok(false) => {}
                // One that cannot be looked at keeps no other from it.
                Err(error) => {
                    tracing::warn!(target_id = target, handle = recipe.handle, %error, "a credential could not be looked at");
                }
            }
        }
    }

    /// Whether nobody answers for it.
    async fn look_at_found(
        &self,
        target: &str,
        recipe: &Recipe,
        asked_at: Timestamp,
    ) -> Result<bool, GateError> {
        let grant = match self.answers_for(self.issuer().grant_of(recipe)).await {
            Ok(grant) => grant,
            // A row that somebody changed answers for nothing.
            Err(GateError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(grant) = grant else {
            self.take_away_orphan(target, recipe).await;
            return Ok(true);
        };
        let lease = grant.lease.as_ref();
        match grant.state {
            GrantState::Active | GrantState::Suspended => {
                let now = self.store().now().await?;
                if lease.is_some_and(|lease| now > lease.not_after) {
                    self.end_lease(grant.id, "expired", None).await?;
                }
                Ok(false)
            }
            GrantState::Revoking => {
                // What is under way already is not begun again.
                self.begin_removal(&grant);
                Ok(false)
            }
            // Called gone after the target was asked what stands there: what it said then is no news.
            GrantState::Revoked if lease.and_then(|lease| lease.verified_at) >= Some(asked_at) => {
                Ok(false)
            }
            GrantState::Revoked => self.returned(grant.id).await,
            GrantState::Ended => {
                self.take_away_orphan(target, recipe).await;
                Ok(true)
            }
        }
    }

    /// The grant that a credential is of, where it has a lease.
    async fn answers_for(&self, id: Option<GrantId>) -> Result<Option<Grant>, GateError> {
        let Some(id) = id else { return Ok(None) };
        let row = self.row(&RowKey::new(Table::Grant, &id)).await?;
        let grant = row.as_ref().map(body::<Grant>).transpose()?;
        Ok(grant.filter(|grant| grant.id == id && grant.lease.is_some()))
    }

    async fn returned(&self, id: GrantId) -> Result<bool, GateError> {
        let step = LeaseStep {
            what: LeaseEvent::Returned,
            code: "returned",
            human: None,
        };
        let grant = match self.lease_step(id, &step).await {
            Ok(grant) => grant,
            Err(GateError::Refused(Refusal::WrongState { .. })) => return Ok(false),
            Err(error) => return Err(error),
        };
        self.begin_removal(&grant);
        Ok(true)
    }

    async fn take_away_orphan(&self, target: &str, recipe: &Recipe) {
        let removal = self.issuer().remove(target, recipe).await;
        let gone = removal == Removal::Gone;
        tracing::error!(
            target_id = target,
            handle = recipe.handle,
            gone,
            "a credential stands at a target that no grant answers for"
        );
        self.note_finding(&format!(
            "at {target} stands the credential {}, which no grant answers for",
            recipe.handle
        ));
    }
}

/// A target may be asked again, however the last look ended.
struct Asked {
    gate: Gate,
    target: String,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.gate.leases_under_way().asked.remove(&self.target);
    }
}
