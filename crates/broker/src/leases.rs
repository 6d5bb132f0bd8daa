//! Credentials at real targets: made out of proof, found again by their names, and taken away until the target itself says that
//! nothing is left. Nothing is connected to when this is built.

pub(crate) mod postgres;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::ids::{GrantId, TargetId};
use gatehold_core::lease::{Lease, Plan, Recipe};
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::issuer::{Issuance, IssueTerms, Issuer, NotIssuable, NotTold, Removal};

use crate::config::{Kind, Targets};
use postgres::RoleTarget;
use postgres::names::Prefix;

/// Makes and removes credentials at the configured targets.
pub struct Leases {
    targets: BTreeMap<TargetId, Place>,
    prefix: Prefix,
    entropy: Arc<dyn Entropy>,
}

struct Place {
    roles: Arc<RoleTarget>,
    coarse: bool,
}

impl Leases {
    /// Over those of the targets that issue. What it makes carries a part of the hash of `gate`, which no other gate has, so that two gates at one server
    /// never take each other's for their own.
    pub fn new(targets: &Targets, gate: &str, entropy: Arc<dyn Entropy>) -> Self {
        let issuing = |(id, target): (&TargetId, &crate::config::Target)| match &target.kind {
            Kind::PostgresRole(roles) => {
                let place = Place {
                    roles: roles.clone(),
                    coarse: target.coarse,
                };
                Some((id.clone(), place))
            }
            Kind::Sqlite(_) | Kind::Postgres(_) | Kind::Http(_) => None,
        };
        Self {
            targets: targets.0.iter().filter_map(issuing).collect(),
            prefix: Prefix::of(gate),
            entropy,
        }
    }

    fn place(&self, id: &str) -> Option<&Place> {
        let id: TargetId = id.parse().ok()?;
        self.targets.get(&id)
    }

    fn planned(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        let target = action.envelope().target.as_str();
        let place = self.place(target);
        let place = place.ok_or_else(|| NotIssuable("this target issues nothing".to_owned()))?;
        postgres::plan::plan(&place.roles, action.into(), self.prefix.handle(grant))
    }

    /// Makes what the lease says, for which there is proof.
    pub(crate) async fn make(&self, target: &str, lease: &Lease) -> Issuance {
        let Some(place) = self.place(target) else {
            return Issuance::Refused("no_target");
        };
        postgres::issue::issue(&place.roles, target, lease, self.entropy.bytes()).await
    }
}

#[async_trait]
impl Issuer for Leases {
    fn terms(&self, target: &str) -> Option<IssueTerms> {
        self.place(target)
            .map(|place| postgres::plan::terms(place.coarse))
    }

    fn targets(&self) -> Vec<String> {
        self.targets.keys().map(ToString::to_string).collect()
    }

    fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        self.planned(action, grant)
    }

    // What was written down is compared with what the proof and today's configuration give: a row that somebody edited, and a
    // role that is no longer given, make nothing.
    async fn issue(&self, approved: Approved, lease: &Lease) -> Issuance {
        let target = approved.action().envelope().target.as_str();
        if self.place(target).is_none() {
            return Issuance::Refused("no_target");
        }
        let planned = self.planned(approved.action(), approved.grant());
        let same =
            planned.is_ok_and(|plan| (&plan.recipe, plan.class) == (&lease.recipe, lease.class));
        if !same || !approved.limits().caps.is_empty() {
            tracing::warn!(target_id = target, grant = %approved.grant(), "what was planned is not what would be made now");
            return Issuance::Refused("entitlement_refused");
        }
        let ended = self.make(target, lease).await;
        tracing::info!(target_id = target, grant = %approved.grant(), ended = ?ended, "broker.issue");
        ended
    }

    async fn remove(&self, target: &str, recipe: &Recipe) -> Removal {
        let Some(place) = self.place(target) else {
            return Removal::Remains("no_target");
        };
        // A recipe is a row that somebody could have edited: nothing is ever done to a role that this gate cannot have made.
        let handle = match self.grant_of(recipe) {
            Some(grant) => self.prefix.handle(grant),
            None => return Removal::Remains("no_target"),
        };
        let removal = postgres::remove::remove(&place.roles, target, recipe, &handle).await;
        tracing::info!(target_id = target, handle = handle.as_str(), ended = ?removal, "broker.remove");
        removal
    }

    async fn found(&self, target: &str) -> Result<Vec<Recipe>, NotTold> {
        let place = self.place(target);
        let place = place.ok_or_else(|| NotTold(format!("{target} issues nothing")))?;
        postgres::found::found(&place.roles, &self.prefix).await
    }

    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        (recipe.broker == postgres::BROKER)
            .then(|| self.prefix.grant(&recipe.handle))
            .flatten()
    }
}

#[cfg(test)]
mod tests;
