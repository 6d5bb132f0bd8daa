//! Credentials at real targets: made out of proof, found again by their names, and taken away until the target itself says that
//! nothing is left. Nothing is connected to when this is built.

mod asked;
pub(crate) mod handle;
pub(crate) mod postgres;
pub(crate) mod ssh;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::ids::{GrantId, TargetId};
use gatehold_core::lease::{Lease, Plan, Recipe};
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::issuer::{Issuance, IssueTerms, Issuer, NotIssuable, NotTold, Removal};

use crate::channels::Clock;
use crate::config::{Kind, Target, Targets};
use handle::{Handle, Prefix};
use postgres::RoleTarget;
use ssh::CertificateTarget;

/// Makes and removes credentials at the configured targets.
pub struct Leases {
    targets: BTreeMap<TargetId, Place>,
    prefix: Prefix,
    entropy: Arc<dyn Entropy>,
    clock: Clock,
}

struct Place {
    made: Made,
    coarse: bool,
}

/// What a target makes.
#[derive(Clone)]
enum Made {
    Roles(Arc<RoleTarget>),
    Certificates(Arc<CertificateTarget>),
}

impl Made {
    fn of(target: &Target) -> Option<Self> {
        match &target.kind {
            Kind::PostgresRole(roles) => Some(Self::Roles(roles.clone())),
            Kind::SshCertificate(certificates) => Some(Self::Certificates(certificates.clone())),
            Kind::Sqlite(_) | Kind::Postgres(_) | Kind::Http(_) => None,
        }
    }

    /// What its recipes say of their broker.
    const fn broker(&self) -> &'static str {
        match self {
            Self::Roles(_) => postgres::BROKER,
            Self::Certificates(_) => ssh::BROKER,
        }
    }
}

/// What the configuration lacks for a credential to be taken away. Touches nothing: what a target itself says is not known here.
fn missing(made: Option<&Made>, target: &str, recipe: &Recipe) -> Option<String> {
    match made.filter(|made| made.broker() == recipe.broker) {
        None => Some(format!(
            "no target {target} that made it is configured: name it in `targets_file` again until it is gone"
        )),
        Some(Made::Certificates(certificates)) => certificates.missing(target, recipe),
        // Only the server knows whether the role is there.
        Some(Made::Roles(_)) => None,
    }
}

impl Targets {
    /// What these lack for a credential to be taken away, in words for the operator; nothing where that depends on its target alone.
    #[must_use]
    pub fn missing(&self, target: &TargetId, recipe: &Recipe) -> Option<String> {
        let made = self.0.get(target).and_then(Made::of);
        missing(made.as_ref(), target.as_str(), recipe)
    }
}

impl Leases {
    /// Over those of the targets that issue. What it makes carries a part of the hash of `gate`, which no other gate has, so that two gates at one server
    /// never take each other's for their own. The clock says from when on a certificate is valid, and which ended long ago.
    pub fn new(targets: &Targets, gate: &str, entropy: Arc<dyn Entropy>, clock: Clock) -> Self {
        let issuing = |(id, target): (&TargetId, &Target)| {
            let (made, coarse) = (Made::of(target)?, target.coarse);
            Some((id.clone(), Place { made, coarse }))
        };
        Self {
            targets: targets.0.iter().filter_map(issuing).collect(),
            prefix: Prefix::of(gate),
            entropy,
            clock,
        }
    }

    fn place(&self, id: &str) -> Option<&Place> {
        let id: TargetId = id.parse().ok()?;
        self.targets.get(&id)
    }

    /// What is to be taken away. A recipe is a row that somebody could have edited: nothing is ever done to what this gate cannot
    /// have made here.
    fn handle_of(&self, made: &Made, recipe: &Recipe) -> Option<Handle> {
        let grant = self.grant_of(recipe);
        let ours = grant.filter(|_| recipe.broker == made.broker());
        ours.map(|grant| self.prefix.handle(grant))
    }

    fn planned(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        let target = action.envelope().target.as_str();
        let place = self.place(target);
        let place = place.ok_or_else(|| NotIssuable("this target issues nothing".to_owned()))?;
        let (asked, handle) = (action.into(), self.prefix.handle(grant));
        match &place.made {
            Made::Roles(roles) => postgres::plan::plan(roles, asked, (&handle).into()),
            Made::Certificates(target) => ssh::plan::plan(target, asked, &handle),
        }
    }

    /// Whether what was written down is what the proof and today's configuration give.
    fn is_as_planned(&self, approved: &Approved, lease: &Lease) -> bool {
        let planned = self.planned(approved.action(), approved.grant());
        let same =
            planned.is_ok_and(|plan| (&plan.recipe, plan.class) == (&lease.recipe, lease.class));
        let same = same && approved.limits().caps.is_empty();
        if !same {
            let target = approved.action().envelope().target.as_str();
            tracing::warn!(target_id = target, grant = %approved.grant(), "what was planned is not what would be made now");
        }
        same
    }

    /// Makes what the lease says, for which there is proof, out of the approved bytes.
    pub(crate) async fn make(&self, target: &str, lease: &Lease, payload: &[u8]) -> Issuance {
        let Some(place) = self.place(target) else {
            return Issuance::Refused("no_target");
        };
        let random = self.entropy.bytes();
        match &place.made {
            Made::Roles(roles) => postgres::issue::issue(roles, target, lease, random).await,
            Made::Certificates(certificates) => {
                let now = (self.clock)();
                ssh::issue::issue(certificates, target, lease, payload, (random, now)).await
            }
        }
    }

    /// Makes another credential for what the lease says, for which there is proof; the earlier one is dead then.
    pub(crate) async fn make_anew(&self, target: &str, lease: &Lease) -> Issuance {
        match self.place(target).map(|place| &place.made) {
            Some(Made::Roles(roles)) => {
                let random = self.entropy.bytes();
                postgres::rekey::rekey(roles, target, lease, random).await
            }
            Some(Made::Certificates(_)) | None => Issuance::Refused("no_target"),
        }
    }
}

#[async_trait]
impl Issuer for Leases {
    fn terms(&self, target: &str) -> Option<IssueTerms> {
        self.place(target).map(|place| match place.made {
            Made::Roles(_) => postgres::plan::terms(place.coarse),
            Made::Certificates(_) => ssh::plan::terms(place.coarse),
        })
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
        if !self.is_as_planned(&approved, lease) {
            return Issuance::Refused("entitlement_refused");
        }
        let ended = self.make(target, lease, approved.action().payload()).await;
        tracing::info!(target_id = target, grant = %approved.grant(), ended = ?ended, "broker.issue");
        ended
    }

    // What a certificate is bound to is the workload's own key, which the approved bytes name: it is nothing that could be lost.
    fn rekeys(&self, target: &str) -> bool {
        let made = self.place(target).map(|place| &place.made);
        matches!(made, Some(Made::Roles(_)))
    }

    async fn rekey(&self, approved: Approved, lease: &Lease) -> Issuance {
        let target = approved.action().envelope().target.as_str();
        if !self.is_as_planned(&approved, lease) {
            return Issuance::Refused("entitlement_refused");
        }
        let ended = self.make_anew(target, lease).await;
        tracing::info!(target_id = target, grant = %approved.grant(), ended = ?ended, "broker.rekey");
        ended
    }

    async fn shut(&self, target: &str, recipes: &[Recipe]) {
        let Some(place) = self.place(target) else {
            return;
        };
        match &place.made {
            Made::Roles(roles) => {
                let of = |recipe| self.handle_of(&place.made, recipe);
                let handles: Vec<_> = recipes.iter().filter_map(of).collect();
                let names: Vec<_> = handles.iter().map(Into::into).collect();
                postgres::shut::shut(roles, target, &names).await;
            }
            // To stand on the list is all that is done to one.
            Made::Certificates(_) => {}
        }
    }

    async fn remove(&self, target: &str, recipe: &Recipe) -> Removal {
        let Some(place) = self.place(target) else {
            return Removal::Remains("no_target");
        };
        let Some(handle) = self.handle_of(&place.made, recipe) else {
            return Removal::Remains("no_target");
        };
        let removal = match &place.made {
            Made::Roles(roles) => {
                postgres::remove::remove(roles, target, recipe, &(&handle).into()).await
            }
            Made::Certificates(certificates) => {
                ssh::remove::remove(certificates, target, recipe, &handle, (self.clock)()).await
            }
        };
        tracing::info!(target_id = target, handle = handle.as_str(), ended = ?removal, "broker.remove");
        removal
    }

    async fn found(&self, target: &str) -> Result<Vec<Recipe>, NotTold> {
        let place = self.place(target);
        let place = place.ok_or_else(|| NotTold(format!("{target} issues nothing")))?;
        match &place.made {
            Made::Roles(roles) => postgres::found::found(roles, &self.prefix).await,
            Made::Certificates(certificates) => {
                ssh::found::found(certificates, &self.prefix, (self.clock)()).await
            }
        }
    }

    fn missing(&self, target: &str, recipe: &Recipe) -> Option<String> {
        missing(self.place(target).map(|place| &place.made), target, recipe)
    }

    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        [postgres::BROKER, ssh::BROKER]
            .contains(&recipe.broker.as_str())
            .then(|| self.prefix.grant(&recipe.handle))
            .flatten()
    }
}

#[cfg(test)]
mod tests;
