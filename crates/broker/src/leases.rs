//! Credentials at real targets: made out of proof, found again by their names, and taken away until the target itself says that
//! nothing is left. Nothing is connected to when this is built.

mod asked;
pub(crate) mod gives;
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
use gatehold_gate::ports::executor::Evidence;
use gatehold_gate::ports::issuer::{Issuance, IssueTerms, Issuer, NotIssuable, NotTold, Removal};

use crate::channels::Clock;
use crate::config::{Kind, Target, Targets};
use gives::{Gives, Place, Places, missing};
use handle::{Handle, Prefix};
use postgres::RoleTarget;
use ssh::CertificateTarget;

/// Where a target of this process is configured.
const NAMED_IN: &str = "`targets_file`";

/// Makes and removes credentials at the configured targets.
pub struct Leases {
    targets: BTreeMap<TargetId, Made>,
    places: Places,
    entropy: Arc<dyn Entropy>,
    clock: Clock,
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

    fn gives(&self) -> Gives {
        match self {
            Self::Roles(target) => Gives::PostgresRole(target.gives.clone()),
            Self::Certificates(target) => Gives::SshCertificate(target.gives.clone()),
        }
    }
}

impl Targets {
    /// What these lack for a credential to be taken away, in words for the operator; nothing where that depends on its target alone.
    #[must_use]
    pub fn missing(&self, target: &TargetId, recipe: &Recipe) -> Option<String> {
        let gives = self.0.get(target).and_then(Made::of);
        let gives = gives.as_ref().map(Made::gives);
        missing(gives.as_ref(), target.as_str(), recipe, NAMED_IN)
    }
}

impl Leases {
    /// Over those of the targets that issue. What it makes carries a part of the hash of `gate`, which no other gate has, so that two gates at one server
    /// never take each other's for their own. The clock says from when on a certificate is valid, and which ended long ago.
    pub fn new(targets: &Targets, gate: &str, entropy: Arc<dyn Entropy>, clock: Clock) -> Self {
        let mut places = Places {
            prefix: Prefix::of(gate),
            targets: BTreeMap::new(),
        };
        let mut made_at = BTreeMap::new();
        for (id, target) in &targets.0 {
            let Some(made) = Made::of(target) else {
                continue;
            };
            let (coarse, gives) = (target.coarse, made.gives());
            places.targets.insert(id.clone(), Place { coarse, gives });
            made_at.insert(id.clone(), made);
        }
        Self {
            targets: made_at,
            places,
            entropy,
            clock,
        }
    }

    /// What a gate elsewhere needs to plan what is made here, for [`Remote`](crate::Remote).
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn told(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(&self.places)
    }

    fn made(&self, id: &str) -> Option<&Made> {
        let id: TargetId = id.parse().ok()?;
        self.targets.get(&id)
    }

    /// What is to be taken away. A recipe is a row that somebody could have edited: nothing is ever done to what this gate cannot
    /// have made here.
    fn handle_of(&self, made: &Made, recipe: &Recipe) -> Option<Handle> {
        let grant = self.grant_of(recipe);
        let ours = grant.filter(|_| recipe.broker == made.gives().broker());
        ours.map(|grant| self.places.prefix.handle(grant))
    }

    /// Whether what was written down is what the proof and today's configuration give.
    fn is_as_planned(&self, approved: &Approved, lease: &Lease) -> bool {
        let planned = self.places.plan(approved.action(), approved.grant());
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
        let Some(made) = self.made(target) else {
            return Issuance::Refused("no_target");
        };
        let random = self.entropy.bytes();
        match made {
            Made::Roles(roles) => postgres::issue::issue(roles, target, lease, random).await,
            Made::Certificates(certificates) => {
                let now = (self.clock)();
                ssh::issue::issue(certificates, target, lease, payload, (random, now)).await
            }
        }
    }

    /// Makes another credential for what the lease says, for which there is proof; the earlier one is dead then.
    pub(crate) async fn make_anew(&self, target: &str, lease: &Lease) -> Issuance {
        match self.made(target) {
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
        self.places.terms(target)
    }

    fn targets(&self) -> Vec<String> {
        self.places.ids()
    }

    fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable> {
        self.places.plan(action, grant)
    }

    // What was written down is compared with what the proof and today's configuration give: a row that somebody edited, and a
    // role that is no longer given, make nothing.
    async fn issue(&self, approved: Approved, lease: &Lease, _: &dyn Evidence) -> Issuance {
        let target = approved.action().envelope().target.as_str();
        if self.made(target).is_none() {
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
        matches!(self.made(target), Some(Made::Roles(_)))
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
        let Some(made) = self.made(target) else {
            return;
        };
        match made {
            Made::Roles(roles) => {
                let of = |recipe| self.handle_of(made, recipe);
                let handles: Vec<_> = recipes.iter().filter_map(of).collect();
                let names: Vec<_> = handles.iter().map(Into::into).collect();
                postgres::shut::shut(roles, target, &names).await;
            }
            // To stand on the list is all that is done to one.
            Made::Certificates(_) => {}
        }
    }

    async fn remove(&self, target: &str, recipe: &Recipe) -> Removal {
        let Some(made) = self.made(target) else {
            return Removal::Remains("no_target");
        };
        let Some(handle) = self.handle_of(made, recipe) else {
            return Removal::Remains("no_target");
        };
        let removal = match made {
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
        let made = self.made(target);
        let made = made.ok_or_else(|| NotTold(format!("{target} issues nothing")))?;
        let prefix = &self.places.prefix;
        match made {
            Made::Roles(roles) => postgres::found::found(roles, prefix).await,
            Made::Certificates(certificates) => {
                ssh::found::found(certificates, prefix, (self.clock)()).await
            }
        }
    }

    fn missing(&self, target: &str, recipe: &Recipe) -> Option<String> {
        let place = self.places.place(target);
        missing(place.map(|place| &place.gives), target, recipe, NAMED_IN)
    }

    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId> {
        self.places.grant_of(recipe)
    }
}

#[cfg(test)]
mod tests;
