//! The issuer: makes a credential at a target from proof, and takes it away until the target itself says that it is gone.

use std::fmt;

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{Lease, Plan, Recipe, RevocationClass};

use crate::ports::executor::Evidence;

/// What a reviewer is told of a target's credentials before deciding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueTerms {
    /// How soon revocation takes hold.
    pub class: RevocationClass,
    /// What the target itself enforces, of `uses`, `not_after`, `session_end` and the names of caps.
    pub enforces: Vec<String>,
}

/// A credential for the workload that asked, and for nobody else. It is handed over once and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// What it is: `postgres_login`, `ssh_certificate`.
    pub kind: &'static str,
    /// What may be shown and logged: host, port, database, user; in the order to be shown.
    pub public: Vec<(&'static str, String)>,
    /// What may not.
    pub secret: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.kind)
    }
}

/// What came of making a credential.
#[derive(Debug)]
pub enum Issuance {
    /// The target confirmed it.
    Issued(Credential),
    /// The target confirmed that nothing was made. The code is stable: `target_refused`, `entitlement_refused`, `no_target`.
    Refused(&'static str),
    /// Nobody can tell. It is taken away as if it had been made. `unreachable`, `timeout`, `lost`.
    Unknown(&'static str),
}

/// What came of taking a credential away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// The target was asked afterwards, and nothing of it is left: no login, no session, no prepared transaction.
    Gone,
    /// It is still there, or nobody can tell. The code is stable: `unreachable`, `timeout`, `sessions_left`, `prepared_left`,
    /// `target_refused`, `target_changed`, `no_target`; of an executor of its own also `executor_unreachable`, and `issuing` while it is
    /// still being made there.
    Remains(&'static str),
}

/// Why a payload cannot become a credential here, in words for the requester.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotIssuable(pub String);

/// A target did not say what stands there. The text is for the operator, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotTold(pub String);

/// Makes and removes credentials at real targets. Every call has time limits of its own: a target that is down, slow or
/// hostile costs an answer, never the gate.
#[async_trait]
pub trait Issuer: Send + Sync + 'static {
    /// The terms of a target that issues; nothing for any other.
    fn terms(&self, target: &str) -> Option<IssueTerms>;

    /// The targets that issue.
    fn targets(&self) -> Vec<String>;

    /// Whether they are known. An executor of its own has to tell them first.
    fn knows_targets(&self) -> bool {
        true
    }

    /// What would be made for this action under this grant, and how it would be taken away. Touches nothing, and gives the
    /// same for the same arguments.
    ///
    /// # Errors
    /// The payload asks for something that this target does not give.
    fn plan(&self, action: &Action, grant: GrantId) -> Result<Plan, NotIssuable>;

    /// Makes exactly what was planned, ending by itself when the lease does. One that is a process of its own sends the evidence there,
    /// where the proof is made again.
    async fn issue(&self, approved: Approved, lease: &Lease, evidence: &dyn Evidence) -> Issuance;

    /// Whether a target can replace a credential that it made, as [`Issuer::rekey`] does.
    fn rekeys(&self, _target: &str) -> bool {
        false
    }

    /// Replaces the credential of a lease that stands, in the same name and with the same end. `Issued` says that the earlier one is dead
    /// and nothing that was begun with it goes on; `Refused` that nothing was changed. Never makes what is not there: it may
    /// have been taken away meanwhile.
    async fn rekey(&self, _approved: Approved, _lease: &Lease) -> Issuance {
        Issuance::Refused("no_target")
    }

    /// Makes many of no use at once, before each is taken away: what takes long, or is in the way, is left to that. Says nothing, since
    /// nothing is called gone for it. A target where taking away is quick has nothing to do here.
    async fn shut(&self, _target: &str, _recipes: &[Recipe]) {}

    /// Takes it away, and asks whether anything is left. Doing it again, or for what was never made, is harmless.
    async fn remove(&self, target: &str, recipe: &Recipe) -> Removal;

    /// What the configuration lacks for that, in words for the operator; nothing where it depends on the target alone. Asks nobody.
    fn missing(&self, target: &str, recipe: &Recipe) -> Option<String>;

    /// Everything at the target that this gate made, whether or not anybody remembers it.
    ///
    /// # Errors
    /// When the target does not say.
    async fn found(&self, target: &str) -> Result<Vec<Recipe>, NotTold>;

    /// The grant that a handle names.
    fn grant_of(&self, recipe: &Recipe) -> Option<GrantId>;
}

/// Issues nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoIssuer;

#[async_trait]
impl Issuer for NoIssuer {
    fn terms(&self, _: &str) -> Option<IssueTerms> {
        None
    }

    fn targets(&self) -> Vec<String> {
        Vec::new()
    }

    fn plan(&self, _: &Action, _: GrantId) -> Result<Plan, NotIssuable> {
        Err(NotIssuable("this gate issues no credentials".to_owned()))
    }

    async fn issue(&self, _: Approved, _: &Lease, _: &dyn Evidence) -> Issuance {
        Issuance::Refused("no_target")
    }

    async fn remove(&self, _: &str, _: &Recipe) -> Removal {
        Removal::Remains("no_target")
    }

    fn missing(&self, target: &str, _: &Recipe) -> Option<String> {
        Some(format!(
            "this gate issues no credentials: configure target {target} again"
        ))
    }

    async fn found(&self, _: &str) -> Result<Vec<Recipe>, NotTold> {
        Err(NotTold("this gate issues no credentials".to_owned()))
    }

    fn grant_of(&self, _: &Recipe) -> Option<GrantId> {
        None
    }
}
