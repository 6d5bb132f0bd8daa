//! Work in flight as data: what was asked of which process, and how far it has come. The scheduler may stop between any
//! two stages, for ever if the process crashes.

use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::commit::{LeafBytes, Receipt, Write};
use gatehold_core::decide::{ActBy, ActKind, CallNonce, Claims, LeaseStep, Sealed};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId};
use gatehold_core::request::state::Event as Ending;
use gatehold_core::review::{Answers, UnverifiedReview};
use gatehold_core::stops::Stops;
use gatehold_core::task::{Boundary, StepLabels};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{
    SignedDelegation, SignedDelegationEnd, SignedReinstatement, SignedRevocation, SubmitSignature,
};

use super::issuing::Making;
use super::process::{Loaded, Read};

/// What somebody asks of a gate, as it arrives. It can arrive twice.
#[derive(Debug, Clone)]
pub enum Intent {
    /// A workload begins a task.
    StartTask {
        call: Call,
        on_behalf_of: Option<(HumanId, bool)>,
        boundary: Option<Boundary>,
    },
    /// A workload ends a task.
    EndTask { call: Call, task: TaskId },
    /// A workload asks for an action.
    Submit {
        call: Call,
        action: Arc<Action>,
        labels: StepLabels,
        claims: Claims,
        idempotency: Option<String>,
    },
    /// A human asks for a change of the gate.
    Propose {
        human: HumanId,
        key: Hash,
        action: Arc<Action>,
        submit: SubmitSignature,
    },
    /// A human wants to see a request and decide.
    Open {
        human: HumanId,
        key: Hash,
        request: RequestId,
    },
    /// A human's review arrives.
    Review {
        request: RequestId,
        review: UnverifiedReview,
        answers: Answers,
        screen: String,
    },
    /// Somebody acts without a verdict.
    Act {
        by: ActBy,
        kind: ActKind,
        request: RequestId,
    },
    /// A workload takes a request back.
    Withdraw { call: Call, request: RequestId },
    /// A workload, or the gate on behalf of a change's author, wants it done.
    Redeem { call: Call, request: RequestId },
    /// Something became of a lease; a process says so, or a human ends it.
    Lease {
        grant: GrantId,
        request: RequestId,
        step: LeaseStep,
        /// How often it had stood there again when the target was asked, where it says what the target said.
        returned: Option<u32>,
    },
    /// A process asks policy again about what lives.
    Again { grant: GrantId, request: RequestId },
    /// A process takes away at the target what is to end; since when it is at it.
    Remove {
        grant: GrantId,
        request: RequestId,
        since: Timestamp,
    },
    /// The executor reports.
    Report { request: RequestId, ending: Ending },
    /// The clock looks again.
    Expire { request: RequestId },
    /// The clock finds that nobody has decided in the time that a checkpoint gives.
    Escalate { request: RequestId },
    /// A human, or the end of a task, takes it away.
    Revoke {
        human: Option<HumanId>,
        request: RequestId,
    },
    /// A human stops something.
    Stop { human: HumanId, add: Stops },
    /// A key loses its force.
    RevokeKey { revocation: SignedRevocation },
    /// Somebody is away.
    Delegate {
        delegation: SignedDelegation,
        reason: Vec<u8>,
    },
    /// And back.
    EndDelegation { end: SignedDelegationEnd },
    /// An identity provider says that somebody is gone.
    Suspend { human: HumanId, removed: bool },
    /// It says that they are back, and the gate has signed that.
    Reinstate { end: SignedReinstatement },
}

/// The authenticated part of a workload's call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Thumbprint of the key that signed it.
    pub key: Hash,
    /// Its nonce.
    pub nonce: String,
    /// When it was signed.
    pub created: Timestamp,
}

/// How far a piece of work has come.
pub enum Stage {
    /// It has arrived.
    Asked,
    /// The thing it is about was read.
    Read(Box<Read>),
    /// The world around it was read as well.
    Loaded(Box<Loaded>),
    /// Core has decided; nothing has happened.
    Decided(Box<Decided>),
    /// The store has answered; nothing has left.
    Answered(Box<Sealed>, Answer, LeafBytes),
    /// The claim is durable, and the target is to make what was claimed.
    Making(Making),
    /// The target is to take something away; whether somebody was making it when that was asked, and how
    /// often it had stood there again.
    Removing { making: bool, returned: u32 },
}

impl Stage {
    /// What a crash at this stage is counted as, and what a change of the gate under it is.
    #[must_use]
    pub const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Asked => ("crash-asked", "changed-under-asked"),
            Self::Read(_) => ("crash-read", "changed-under-read"),
            Self::Loaded(_) => ("crash-loaded", "changed-under-loaded"),
            Self::Decided(_) => ("crash-decided", "changed-under-decided"),
            Self::Answered(..) => ("crash-answered", "changed-under-answered"),
            Self::Making(_) => ("crash-making", "changed-under-making"),
            Self::Removing { .. } => ("crash-removing", "changed-under-removing"),
        }
    }
}

/// A decision that is not durable.
pub struct Decided {
    /// What it asks the store for.
    pub write: Write,
    /// What it would let out; the revocation of a key lets out nothing.
    pub sealed: Option<Sealed>,
}

/// What a process heard from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A receipt; perhaps somebody else's.
    Receipt(Receipt),
    /// A conflict: nothing was changed.
    Conflict,
    /// Nothing: it may be stored or not.
    Lost,
}

/// One piece of work.
pub struct Work {
    /// Its number, for the journal.
    pub number: u64,
    /// On which process.
    pub process: usize,
    /// What was asked.
    pub intent: Intent,
    /// How often it was begun anew after a conflict.
    pub tries: u32,
    /// How far it has come.
    pub stage: Stage,
    /// The credential that waits for it to be durable.
    pub hands: Option<GrantId>,
}

impl Call {
    /// Its nonce as core wants it: until when anybody could take the call.
    #[must_use]
    pub fn nonce(&self) -> CallNonce {
        // The life of a proof, and the most that two clocks differ.
        let until = self.created.plus_seconds(60).millis() + super::SKEW_MILLIS_MAX;
        CallNonce {
            text: self.nonce.clone(),
            until: Some(Timestamp::from_millis(until)),
        }
    }
}

impl Intent {
    /// The request it is about, if it exists already.
    #[must_use]
    pub const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Open { request, .. }
            | Self::Review { request, .. }
            | Self::Act { request, .. }
            | Self::Withdraw { request, .. }
            | Self::Redeem { request, .. }
            | Self::Lease { request, .. }
            | Self::Again { request, .. }
            | Self::Remove { request, .. }
            | Self::Report { request, .. }
            | Self::Expire { request }
            | Self::Escalate { request }
            | Self::Revoke { request, .. } => Some(*request),
            Self::StartTask { .. }
            | Self::EndTask { .. }
            | Self::Submit { .. }
            | Self::Propose { .. }
            | Self::Stop { .. }
            | Self::RevokeKey { .. }
            | Self::Delegate { .. }
            | Self::EndDelegation { .. }
            | Self::Suspend { .. }
            | Self::Reinstate { .. } => None,
        }
    }

    /// The signed call it came by, if a workload sent it.
    #[must_use]
    pub const fn call(&self) -> Option<&Call> {
        match self {
            Self::StartTask { call, .. }
            | Self::EndTask { call, .. }
            | Self::Submit { call, .. }
            | Self::Withdraw { call, .. }
            | Self::Redeem { call, .. } => Some(call),
            _ => None,
        }
    }

    /// The key and the nonce of the signed call, where one comes: it changes something once.
    #[must_use]
    pub fn signed(&self) -> Option<(Hash, &str)> {
        match self {
            Self::Act {
                by: ActBy::Requester { key, nonce },
                ..
            } => Some((*key, &nonce.text)),
            _ => self.call().map(|call| (call.key, call.nonce.as_str())),
        }
    }

    /// What it is counted as when it is sent a second time.
    #[must_use]
    pub const fn replayed(&self) -> &'static str {
        match self {
            Self::Review { .. } => "replayed-review",
            Self::Propose { .. } => "replayed-proposal",
            Self::RevokeKey { .. } => "replayed-revocation",
            Self::Delegate { .. } => "replayed-delegation",
            Self::Reinstate { .. } => "replayed-reinstatement",
            Self::Submit { .. } => "replayed-submission",
            Self::Redeem { .. } => "replayed-redemption",
            _ => "replayed-other",
        }
    }

    /// Its name in the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StartTask { .. } => "start-task",
            Self::EndTask { .. } => "end-task",
            Self::Submit { .. } => "submit",
            Self::Propose { .. } => "propose",
            Self::Open { .. } => "open",
            Self::Review { .. } => "review",
            Self::Act { .. } => "act",
            Self::Withdraw { .. } => "withdraw",
            Self::Redeem { .. } => "redeem",
            Self::Lease { .. } => "lease",
            Self::Again { .. } => "again",
            Self::Remove { .. } => "remove",
            Self::Report { .. } => "report",
            Self::Expire { .. } => "expire",
            Self::Escalate { .. } => "escalate",
            Self::Revoke { .. } => "revoke",
            Self::Stop { .. } => "stop",
            Self::RevokeKey { .. } => "revoke-key",
            Self::Delegate { .. } => "delegate",
            Self::EndDelegation { .. } => "end-delegation",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
        }
    }
}
