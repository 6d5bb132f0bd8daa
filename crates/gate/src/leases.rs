//! Leases: a credential is made from proof, handed over once its making is durable, and taken away at its target until the
//! target itself says that it is gone.
//!
//! `issue` is here; `rekey` makes one anew for whoever lost it; `again` asks whether what lives would be let out now, in the order of
//! `line`, `end` decides that a lease is to end, `remove` sees to it out of `queue`, `orphans` looks for what nobody remembers, `list`
//! shows people what there is and `bounds` how soon it can be gone.

mod again;
mod bounds;
mod end;
mod line;
mod list;
mod orphans;
mod queue;
mod rekey;
mod remove;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::commit::Write;
use gatehold_core::decide::{
    Command, Counters, LeaseStep, Record, Release, Sealed, Versioned, World, decide,
    may_hold_credentials,
};
use gatehold_core::descriptor::{Descriptor, ExecutorKind};
use gatehold_core::grant::Grant;
use gatehold_core::guard;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{LeaseEvent, Plan};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::requester::Requester;

use crate::answers::Redeemed;
use crate::case::Shown;
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::input::Word;
use crate::ports::executor::{Ending, Execution};
use crate::ports::issuer::{Issuance, Issuer, NotIssuable};

pub(crate) use again::Again;
pub use bounds::{Measured, RevocationBound};
pub use list::{LeaseFilter, LeaseName, LeasePage, SeenLease};
pub(crate) use queue::UnderWay;
pub use remove::LeaseTick;
pub(crate) use remove::{Looks, Tries};

/// What the record of an execution says that handed out a credential.
const ISSUED: &str = "issued";

impl Gate {
    pub(crate) fn issuer(&self) -> &dyn Issuer {
        self.inner.parts.issuer.as_ref()
    }

    /// What would be made for an action, where its descriptor says that a broker makes something.
    pub(crate) fn plan(
        &self,
        action: &Action,
        descriptor: Option<&Descriptor>,
        grant: GrantId,
    ) -> Result<Option<Plan>, Refusal> {
        let brokered =
            descriptor.is_some_and(|descriptor| descriptor.executor.kind == ExecutorKind::Broker);
        if !brokered {
            return Ok(None);
        }
        // What no broker here has, no executor has either: it fails there, and nothing is handed out.
        let target = action.envelope().target.as_str();
        if self.issuer().terms(target).is_none() {
            return Ok(None);
        }
        let planned = self.issuer().plan(action, grant);
        let plan = planned.map_err(|NotIssuable(why)| Refusal::NotIssuable(why))?;
        Ok(Some(plan))
    }

    /// Makes the credential, and hands it over only once its making is in the ledger.
    pub(crate) async fn issue(
        &self,
        approved: Approved,
        record: &RequestRecord,
        word: Word,
    ) -> Result<Redeemed, GateError> {
        let id = approved.grant();
        let (grant, _) = self
            .grant_of(record)
            .await?
            .ok_or_else(|| GateError::damaged("the grant's row is missing"))?;
        let lease = grant
            .lease
            .ok_or_else(|| GateError::damaged("a credential is to be made without a lease"))?;
        let evidence = Shown::new(self, record, word);
        let begun = AtomicBool::new(false);
        let mut making = pin!(async {
            begun.store(true, Ordering::SeqCst);
            self.issuer().issue(approved, &lease, &evidence).await
        });
        let made = self.under_way(record, making.as_mut()).await;
        // Given up here, it is still being made there: what is not at its end yet must not be called gone (threat C1).
        let goes_on = made.is_err() && begun.load(Ordering::SeqCst);
        if guard!("given-up-after-making", goes_on) {
            let _ = making.await;
        }
        let (ending, code, credential) = match made {
            Ok(Issuance::Issued(credential)) => match self.lease_issued(id).await {
                Ok(grant) => (Ending::Completed, ISSUED, Some((credential, grant))),
                // Stopped, ended or out of time meanwhile: nobody has seen it, and nobody will.
                Err(GateError::Refused(refusal)) => (Ending::Failed, refusal.code(), None),
                Err(error) => {
                    tracing::warn!(grant = %id, %error, "a credential was made and that cannot be stored; it is taken away");
                    (Ending::Unknown, "not_recorded", None)
                }
            },
            Ok(Issuance::Refused(code)) => (Ending::Failed, code, None),
            Ok(Issuance::Unknown(code)) => (Ending::Unknown, code, None),
            Err(given_up) => (given_up.ending(), given_up.code, None),
        };
        // An act that was kept while this was written covers it too: it is found here, or finds the lease.
        let (ending, code, credential) = match credential {
            Some(_) if self.is_kept_first() => (Ending::Unknown, "stopped", None),
            credential => (ending, code, credential),
        };
        if credential.is_none() {
            self.end_lease_soon(id, code).await;
        }
        let execution = without_body(ending, code);
        let reported = self.report(record.id, execution.clone()).await;
        if let (Err(_), Some(_)) = (&reported, &credential) {
            // Whoever asked gets an error: a credential that nobody was handed is not left standing, and is never told as
            // handed over once the store takes reports again.
            self.report_later(record.id, undelivered());
            self.end_lease_soon(id, "not_delivered").await;
        }
        let record = reported?;
        let (credential, grant) = credential.unzip();
        Ok(Redeemed {
            record,
            execution: Some(execution),
            credential,
            lease: grant.and_then(|grant| Some((grant.state, grant.lease?))),
        })
    }

    async fn lease_issued(&self, id: GrantId) -> Result<Grant, GateError> {
        let issued = LeaseStep {
            what: LeaseEvent::Issued,
            code: ISSUED,
            human: None,
        };
        self.lease_step(id, &issued).await
    }

    /// Decides one step of a lease, until it is committed.
    ///
    /// # Errors
    /// [`GateError`]; `WrongState` when the lease is past it.
    pub(crate) async fn lease_step(
        &self,
        id: GrantId,
        step: &LeaseStep,
    ) -> Result<Grant, GateError> {
        self.lease_step_where(id, step, |_| true).await
    }

    /// The same where the lease is still the one that it was decided for; `WrongState` when it is not.
    async fn lease_step_where(
        &self,
        id: GrantId,
        step: &LeaseStep,
        same: impl Fn(&Grant) -> bool,
    ) -> Result<Grant, GateError> {
        for _ in 0..TRIES {
            let (grant, version) = self.grant(id).await?;
            if guard!("verified-of-this-end", !same(&grant)) {
                let state = grant.state.name();
                return Err(Refusal::WrongState { state }.into());
            }
            let (write, sealed) = match step.what {
                LeaseEvent::Issued => self.decide_issued(&grant, version, step).await?,
                _ => self.decide_end(&grant, version, step).await?,
            };
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Grant(grant)) => return Ok(*grant),
                Committed::Done(..) => return Err(GateError::damaged("a grant was expected")),
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }

    /// To be handed over: everything that it rests on is read.
    async fn decide_issued(
        &self,
        grant: &Grant,
        version: u64,
        step: &LeaseStep,
    ) -> Result<(Write, Sealed), GateError> {
        let of = self.request(grant.request).await?.record;
        let loaded = self.load_for(&of.requester, &of.envelope).await?;
        // INVARIANT(journal-first): what is only kept is in force too.
        if self.is_kept_first() {
            return Err(Refusal::Stopped("stopped").into());
        }
        let about = Record::Grant {
            grant,
            version,
            of: Some(&of),
        };
        let world = loaded.world(None, self.settings());
        let fresh = self.fresh(loaded.now);
        let command = Command::Lease(step.clone());
        Ok(decide(about, command, &world, &fresh, loaded.now)?)
    }

    /// Whether an act in the safe direction waits to be stored: until it is, nothing is handed over.
    fn is_kept_first(&self) -> bool {
        guard!("lease-issued-unjournaled", self.journal_waiting() > 0)
    }

    /// To be taken away: nothing else has to be readable for that.
    async fn decide_end(
        &self,
        grant: &Grant,
        version: u64,
        step: &LeaseStep,
    ) -> Result<(Write, Sealed), GateError> {
        let now = self.store().now().await?;
        let active = self.current().await?;
        let (stops, pause) = (Versioned::default(), Versioned::default());
        let world = World {
            policy: None,
            directory: &active.directory,
            stops: &stops,
            pause: &pause,
            restraints: &active.restraints,
            task: None,
            counters: Counters::default(),
            rendered: None,
            findings: None,
            habits: None,
            settings: self.settings(),
        };
        let about = Record::Grant {
            grant,
            version,
            of: None,
        };
        let fresh = self.fresh(now);
        Ok(decide(
            about,
            Command::Lease(step.clone()),
            &world,
            &fresh,
            now,
        )?)
    }

    /// That something can be made for this, before anybody is asked about it: by a broker at its target, of this payload, for a
    /// workload that keeps it. A gate without any broker still lets people decide about access that others give.
    pub(crate) fn check_issuable(
        &self,
        action: &Action,
        requester: &Requester,
        descriptor: &Descriptor,
    ) -> Result<(), Refusal> {
        let target = action.envelope().target.as_str();
        if self.issuer().terms(target).is_none() {
            return self.check_elsewhere(target);
        }
        let keeps = match requester {
            Requester::Workload { assurance, .. } => may_hold_credentials(*assurance),
            Requester::Human { .. } => false,
        };
        if guard!("submit-lease-assurance", !keeps) {
            return Err(Refusal::NotYours(
                "a credential is handed to a workload whose key is its own; ask for an action that the gate executes",
            ));
        }
        // The name of the grant is not known yet; whether something can be made does not depend on it.
        let planned = self.plan(action, Some(descriptor), GrantId::from_bytes([0; 16]));
        let Some(plan) = planned? else {
            return Ok(());
        };
        plan.recipe
            .check()
            .map_err(|error| Refusal::NotIssuable(error.to_string()))
    }

    /// A target that hands out nothing, where it is known that nobody else does.
    fn check_elsewhere(&self, target: &str) -> Result<(), Refusal> {
        if guard!("submit-targets-known", !self.issuer().knows_targets()) {
            let why = "the executor has not said yet which targets hand out credentials: ask again in a minute, and tell the operator of \
                       the gate if it stays so";
            return Err(Refusal::NotIssuable(why.to_owned()));
        }
        let executes = self.inner.parts.executor.has_target(target);
        let nothing = executes || !self.issuer().targets().is_empty();
        if guard!("submit-issuing-target", nothing) {
            let why = format!(
                "the target `{target}` hands out no credential here: name one that does, or ask for an action that is executed"
            );
            return Err(Refusal::NotIssuable(why));
        }
        Ok(())
    }
}

/// What came of making a credential.
// INVARIANT(secret-once): nothing of the credential goes into the report, so nothing of it is ever stored.
const fn without_body(ending: Ending, code: &'static str) -> Execution {
    Execution {
        ending,
        code,
        quantity: None,
        status: None,
        media_type: String::new(),
        body: Vec::new(),
        truncated: false,
    }
}

/// It was made, and nobody was told.
const fn undelivered() -> Execution {
    without_body(Ending::Unknown, "not_delivered")
}
