//! The record of a leaf: ids, hashes, enumerations and times, never free text. What an auditor reads.
//!
//! Personal or free text travels as attachments; an entry holds only their salted hashes, by name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Eligible, Requirement};
use crate::glass::Judgement;
use crate::hash::Hash;
use crate::ids::{GrantId, HumanId, RequestId, TaskId, TeamId, WorkloadId};
use crate::json::canonical;
use crate::lease::{Lease, LeaseEvent};
use crate::limits::Limits;
use crate::request::record::stated;
use crate::request::{DecidedBy, Outcome, RequestRecord, State};
use crate::review::ReviewAct;
use crate::signal::{Signal, StoppedBy};
use crate::stops::Stops;
use crate::task::StepLabels;
use crate::tier::{Tier, TierReport};
use crate::time::Timestamp;
use crate::verdict::Reason;
use crate::view::Findings;

/// What is common to every leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When it was decided, on the store's clock. Order is leaf order, never this.
    pub at: Timestamp,
    /// Which request it is about.
    #[serde(deserialize_with = "stated")]
    pub request: Option<RequestId>,
    /// The version of the request's row after this write.
    pub version: u64,
    /// Its state before.
    #[serde(deserialize_with = "stated")]
    pub from: Option<State>,
    /// Its state after.
    #[serde(deserialize_with = "stated")]
    pub to: Option<State>,
    /// Hash of the request's row after this write: what makes an edited row visible.
    #[serde(deserialize_with = "stated")]
    pub row: Option<Hash>,
    /// The same of every other row it put, by `table/id`: grants, tasks, stops, pauses, the directory's count.
    pub rows: BTreeMap<String, Hash>,
    /// What happened.
    pub event: Event,
    /// Attachment name to salted hash.
    pub attachments: BTreeMap<String, Hash>,
}

/// The trace of a policy decision (M019).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The bundle that was asked.
    pub bundle: Hash,
    /// What it was asked.
    pub input: Hash,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// Stable reason codes.
    pub reasons: Vec<String>,
    /// How many rules erred; any makes the answer Deny or Hold.
    pub errors: u32,
    /// The tier it was judged at, which sets the floor for reviews.
    pub tier: Tier,
    /// The version of the key directory it was taken under.
    pub directory: u64,
}

impl Trace {
    /// What was answered, without how.
    #[must_use]
    pub fn answer(&self) -> Stood {
        Stood {
            bundle: self.bundle,
            input: self.input,
            rules: self.rules.clone(),
            reasons: self.reasons.clone(),
            tier: self.tier,
        }
    }
}

/// The answer of policy that stood when something was decided or reported without asking it again (M019).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stood {
    /// The bundle that was asked last.
    pub bundle: Hash,
    /// What it was asked.
    pub input: Hash,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// The request's reason codes.
    pub reasons: Vec<String>,
    /// The tier it was judged at.
    pub tier: Tier,
}

impl Stood {
    /// What stands in a request's row.
    #[must_use]
    pub fn of(record: &RequestRecord) -> Self {
        Self {
            bundle: record.bundle,
            input: record.input,
            rules: record.rules.clone(),
            reasons: record.reasons.clone(),
            tier: record.tier,
        }
    }
}

/// What an end rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Basis {
    /// Policy, asked just then.
    Asked(Trace),
    /// The answer that stood.
    Stood(Stood),
}

/// What a verdict rested on, besides its trace: the attachment `verdict` of a submission or a new hold. With it and the
/// record, a request's row can be put together from its leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grounds {
    /// The tier with its inputs.
    pub tier: TierReport,
    /// The full definitions of the checkpoints that hold it.
    #[serde(deserialize_with = "stated")]
    pub requirement: Option<Requirement>,
    /// The limits asked for, lowered to what the checkpoints permit.
    pub limits: Limits,
    /// The request's reason codes.
    pub reasons: Vec<String>,
    /// What policy said, with sentences of ours.
    pub explained: Vec<Reason>,
    /// What went wrong while evaluating.
    pub errors: Vec<String>,
    /// The descriptor's sentence.
    pub sentence: String,
    /// Same intent, same key.
    pub intent: Hash,
    /// What the step adds to its task's chain.
    pub labels: StepLabels,
    /// What the gate had found out by then.
    pub findings: Findings,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A request was submitted and policy answered.
    Submitted {
        /// The exact action.
        digest: Hash,
        /// Fixed at submission.
        request_hash: Hash,
        /// Who asked, by name; the whole identity anchor stands in the attachment `request`, which `request_hash` covers.
        requester: String,
        /// The person who answers for the requester (M001).
        accountable: HumanId,
        /// How the action was rendered.
        display_hash: Hash,
        /// Policy's answer and why; its grounds stand in the attachment `verdict`.
        trace: Trace,
        /// Hash over the definitions of the checkpoints that hold it: what reviewers sign.
        #[serde(deserialize_with = "stated")]
        requirement: Option<Hash>,
        /// Last time for a review.
        #[serde(deserialize_with = "stated")]
        decide_by: Option<Timestamp>,
        /// Last time for execution.
        spend_by: Timestamp,
        /// The grant, if policy allowed it.
        #[serde(deserialize_with = "stated")]
        grant: Option<GrantId>,
        /// Who decided, if policy did.
        #[serde(deserialize_with = "stated")]
        decided_by: Option<DecidedBy>,
        /// Which change of the gate itself it asks for; nothing for an action elsewhere.
        #[serde(deserialize_with = "stated")]
        change: Option<String>,
    },
    /// A human signed a review.
    Reviewed {
        /// Who.
        reviewer: HumanId,
        /// With which key.
        key: Hash,
        /// The authority they had.
        authority: Hash,
        /// The delegations by which they decided for somebody who is away, by the hash of what was signed.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        delegations: BTreeSet<Hash>,
        /// Their verdict.
        act: ReviewAct,
        /// Hash of the signed context.
        challenge: Hash,
        /// Policy, asked again.
        trace: Trace,
        /// The grant, if this filled the last seat.
        #[serde(deserialize_with = "stated")]
        grant: Option<GrantId>,
        /// The effective limits, if this filled the last seat.
        #[serde(deserialize_with = "stated")]
        limits: Option<Limits>,
    },
    /// An act without a verdict.
    Acted {
        /// Who, if a human.
        #[serde(deserialize_with = "stated")]
        human: Option<HumanId>,
        /// `ask`, `answer`, `claim`, `escalate`, `suspicious`.
        act: String,
        /// `signed` or the channel it came by.
        channel: String,
        /// The answer of policy that stood, where the act denies.
        #[serde(deserialize_with = "stated")]
        trace: Option<Stood>,
    },
    /// Nobody decided in the time that its checkpoints give: more people are asked.
    Escalated {
        /// How long it had been held, in seconds.
        after_seconds: u32,
        /// The teams that are asked from now on as well.
        teams: BTreeSet<TeamId>,
    },
    /// Policy, asked again, holds it at something else. All reviews are void.
    Reheld {
        /// Policy's answer and why.
        trace: Trace,
        /// Hash over the definitions of the checkpoints that hold it now.
        requirement: Hash,
        /// Last time for a review.
        decide_by: Timestamp,
    },
    /// It ended without being executed.
    Closed {
        /// A stable code: `expired`, `withdrawn`, `forbidden`, `revoked`, `task_ended`.
        code: String,
        /// Who decided.
        decided_by: DecidedBy,
        /// The human, if one did.
        #[serde(deserialize_with = "stated")]
        human: Option<HumanId>,
        /// What it rests on.
        trace: Basis,
    },
    /// Execution was claimed with a proof that was rebuilt just then.
    Claimed {
        /// The exact action.
        digest: Hash,
        /// The grant it spends.
        grant: GrantId,
        /// The limits it runs under.
        limits: Limits,
        /// Who approved; empty when policy alone allowed.
        reviewers: Vec<HumanId>,
        /// What is about to be made at the target, and how it is taken away: written before it exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease: Option<Box<Lease>>,
        /// Policy, asked again.
        trace: Trace,
    },
    /// Something became of what was made at a target under a grant.
    Lease {
        /// Which.
        grant: GrantId,
        /// The request it came from; its row does not change.
        of: RequestId,
        /// What.
        what: LeaseEvent,
        /// A stable code: why it ends, or what the target said.
        code: String,
        /// The human, if one ended it.
        #[serde(deserialize_with = "stated")]
        human: Option<HumanId>,
        /// Policy, asked again, where that is why it ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<Trace>,
    },
    /// What came of it.
    Executed {
        /// What the target said.
        outcome: Outcome,
        /// The exact action.
        digest: Hash,
        /// The grant that was spent.
        #[serde(deserialize_with = "stated")]
        grant: Option<GrantId>,
        /// The answer of policy under which it was claimed.
        trace: Stood,
    },
    /// A task began or ended.
    Task {
        /// Which.
        task: TaskId,
        /// `started` or `ended`.
        what: String,
        /// Hash of its purpose.
        purpose: Hash,
        /// Who.
        requester: String,
    },
    /// Something was stopped.
    Stops {
        /// Who.
        by: StoppedBy,
        /// What was said, whether it was stopped before or not: a lift that was asked for earlier leaves it.
        added: Stops,
        /// All stops now.
        stops: Stops,
    },
    /// A signal said that what a workload does is unusual: what it asks for is an anomaly for a while. It puts the row of all stops
    /// again, as it is, so that whoever decides has read this leaf.
    Flagged {
        /// Which.
        workload: WorkloadId,
        /// Until when.
        until: Timestamp,
        /// Who said so.
        by: Box<Signal>,
    },
    /// The key directory changed: the evidence stands in the attachment `evidence`.
    Trust {
        /// The directory's version afterwards.
        directory: u64,
        /// Which kind of change.
        what: String,
        /// The hash of the evidence without salt, so that the chain can be named offline.
        evidence: Hash,
        /// Policy, asked again, where a held request is applied; a statement that people signed needs none.
        #[serde(deserialize_with = "stated")]
        trace: Option<Trace>,
    },
    /// A principal was refused, this often in this minute.
    Refused {
        /// Who, by key.
        principal: Hash,
        /// The refusal's code.
        code: String,
        /// How often since the last such leaf.
        count: u64,
    },
    /// A workload was paused.
    Paused {
        /// Which.
        workload: String,
        /// Why: `too_many_holds`, `suspicious`.
        code: String,
    },
    /// A person signed that something recorded of a request was wrong. The signed statement, the signature and their words are
    /// attachments. It is about no request: nothing of one follows from it.
    Corrected {
        /// Of which request.
        of: RequestId,
        /// In which leaf.
        leaf: u64,
        /// What that leaf commits to.
        commitment: Hash,
        /// Who says so.
        human: HumanId,
        /// With which key.
        key: Hash,
        /// Hash of the signed statement: each counts once.
        signed: Hash,
    },
    /// Two people broke the glass for a held request. What they signed stands in the attachment `glass`, their answers beside it.
    BrokeGlass {
        /// Hash of the signed statement: each counts once.
        glass: Hash,
        /// Who signed.
        signers: BTreeSet<HumanId>,
        /// For which incident, by the reference that it has elsewhere.
        incident: String,
        /// Who had a part in it, and so does not look at it afterwards.
        involved: BTreeSet<HumanId>,
        /// Of whom two must.
        post_review: Eligible,
        /// Until when.
        review_by: Timestamp,
        /// Last time for the claim.
        use_by: Timestamp,
        /// The grant.
        grant: GrantId,
        /// The effective limits.
        limits: Limits,
        /// Policy, asked again.
        trace: Trace,
    },
    /// A person signed what they found who looked afterwards at a request for which the glass was broken. The signed statement, the
    /// signature and their words are attachments. It is about no request: nothing of one follows from it.
    PostReviewed {
        /// Of which request.
        of: RequestId,
        /// By which statement the glass was broken.
        glass: Hash,
        /// Who says so.
        human: HumanId,
        /// With which key.
        key: Hash,
        /// What they found.
        judgement: Judgement,
        /// Hash of the signed statement: each counts once.
        signed: Hash,
    },
    /// Too few people have looked at an opening within its time: everybody is told, once a day until they have. It is about no
    /// request: nothing of one follows from it.
    GlassOverdue {
        /// Of which request.
        of: RequestId,
        /// By which statement the glass was broken.
        glass: Hash,
        /// Until when they should have.
        review_by: Timestamp,
        /// How many whole days that is past.
        days: u32,
    },
    /// A gate found that the database does not follow from the ledger. What it found is the attachment `finding`.
    Tampered {
        /// Hash of the finding: each is told once.
        finding: Hash,
    },
    /// The store was restored from a backup, and a person said so.
    Rejoined {
        /// Leaves the restored store had.
        size: u64,
        /// Their root.
        root: Hash,
        /// The anchors that told of another history.
        overruled: Vec<OverruledAnchor>,
    },
}

/// An anchor that a rejoin overruled: what it had seen is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverruledAnchor {
    /// The file's name.
    pub file: String,
    /// The size it had seen.
    pub size: u64,
    /// The root it had seen.
    pub root: Hash,
}

impl Event {
    /// The answer of policy that it rests on: every leaf that decides about a request has one (M019), and so has what came of
    /// its execution (M017).
    #[must_use]
    pub fn answer(&self) -> Option<Stood> {
        match self {
            Self::Submitted { trace, .. }
            | Self::Reviewed { trace, .. }
            | Self::Reheld { trace, .. }
            | Self::BrokeGlass { trace, .. }
            | Self::Claimed { trace, .. }
            | Self::Closed {
                trace: Basis::Asked(trace),
                ..
            } => Some(trace.answer()),
            Self::Closed {
                trace: Basis::Stood(stood),
                ..
            }
            | Self::Executed { trace: stood, .. } => Some(stood.clone()),
            Self::Acted { trace, .. } => trace.clone(),
            Self::Trust { trace, .. } | Self::Lease { trace, .. } => {
                trace.as_ref().map(Trace::answer)
            }
            Self::Escalated { .. }
            | Self::Task { .. }
            | Self::Stops { .. }
            | Self::Flagged { .. }
            | Self::Refused { .. }
            | Self::Paused { .. }
            | Self::Corrected { .. }
            | Self::PostReviewed { .. }
            | Self::GlassOverdue { .. }
            | Self::Tampered { .. }
            | Self::Rejoined { .. } => None,
        }
    }
}

impl Entry {
    /// The canonical record.
    ///
    /// # Errors
    /// When a number has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Reads a record back; it must be canonical.
    ///
    /// # Errors
    /// When it is not exactly the form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, canonical::CanonicalError> {
        canonical::from_canonical_bytes(bytes)
    }
}
