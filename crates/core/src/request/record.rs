//! The row of a request. Everything in it is a claim when it is loaded; see `evidence.rs` for what checks it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::state::State;
use super::turns::Turn;
use crate::action::Envelope;
use crate::checkpoint::Requirement;
use crate::glass::SignedGlass;
use crate::hash::Hash;
use crate::ids::{GrantId, HumanId, RequestId, TaskId, TeamId};
use crate::json::canonical;
use crate::limits::Limits;
use crate::requester::Requester;
use crate::review::UnverifiedReview;
use crate::task::StepLabels;
use crate::tier::{Raised, Tier};
use crate::time::Timestamp;

/// Who made a decision (M133, M142).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// A rule.
    Policy,
    /// People.
    Human,
    /// A model under an explicit, accepted and expiring delegation.
    DelegatedModel,
    /// The emergency path.
    BreakGlass,
    /// Nobody, in time.
    Timeout,
}

/// What held a request: fixed when it was held, replaced when it is held again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldAt {
    /// The full definitions, so that a review can be checked without any bundle.
    pub requirement: Requirement,
    /// Hash over the sorted definition hashes.
    pub requirement_hash: Hash,
    /// The last store time at which a review may be committed.
    pub decide_by: Timestamp,
    /// When it was held: escalation counts from here.
    pub since: Timestamp,
    /// The escalation steps up to this many seconds after that are taken, by the clock or by a reviewer; 0 is none.
    pub escalated_seconds: u32,
}

impl HeldAt {
    /// Held now, and nobody is asked yet but those who are asked first.
    #[must_use]
    pub fn new(requirement: &Requirement, since: Timestamp, decide_by: Timestamp) -> Self {
        Self {
            requirement: requirement.clone(),
            requirement_hash: requirement.requirement_hash(),
            decide_by,
            since,
            escalated_seconds: 0,
        }
    }

    /// When the clock asks more people, if any are left to be asked in time.
    #[must_use]
    pub fn escalates_at(&self) -> Option<Timestamp> {
        let next = self.requirement.next_escalation(self.escalated_seconds)?;
        Some(self.since.plus_seconds(next)).filter(|at| *at < self.decide_by)
    }

    /// The teams that are asked now, over all checkpoints.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<&TeamId> {
        let each = self.requirement.checkpoints();
        each.flat_map(|(_, checkpoint)| checkpoint.asked_after(self.escalated_seconds))
            .collect()
    }

    /// Takes the next escalation step, and all others that are due by then. It widens who is asked and nothing else.
    /// Gives the teams that are asked from now on.
    pub fn escalate(&mut self, elapsed_seconds: u32) -> BTreeSet<TeamId> {
        let before: BTreeSet<TeamId> = self.asked().into_iter().cloned().collect();
        if let Some(next) = self.requirement.next_escalation(self.escalated_seconds) {
            self.escalated_seconds = next.max(elapsed_seconds);
        }
        let asked = self.asked().into_iter().cloned();
        asked.filter(|team| !before.contains(team)).collect()
    }
}

/// What came of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// A short code: `ok`, `target_refused`, `precondition`, `cap_exceeded`, `lost`.
    pub code: String,
    /// Rows or objects touched, where the target says so.
    #[serde(deserialize_with = "super::record::stated")]
    pub quantity: Option<u64>,
    /// SHA-256 of the result the workload was given.
    pub result: Hash,
    /// When.
    pub at: Timestamp,
}

/// Why a request ended without a human verdict or execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// A stable code.
    pub code: String,
    /// Who answers for it.
    pub decided_by: DecidedBy,
    /// When.
    pub at: Timestamp,
}

pub(crate) fn stated<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer)
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRecord {
    /// Its id.
    pub id: RequestId,
    /// Where it stands.
    pub state: State,
    /// What is asked for; the payload stands in the submission's attachment.
    pub envelope: Envelope,
    /// Name of the exact action.
    pub digest: Hash,
    /// Who asked.
    pub requester: Requester,
    /// The chain of claims at submission.
    pub claims_root: Hash,
    /// The chain of claims now; answers to questions extend it.
    pub claims_head: Hash,
    /// Hash of the task's purpose.
    pub purpose: Hash,
    /// When.
    pub submitted_at: Timestamp,
    /// Drawn after submission; feeds the digest words.
    pub request_nonce: Hash,
    /// Fixed at submission over all of the above.
    pub request_hash: Hash,
    /// Same intent, same key: for cool-downs.
    pub intent: Hash,
    /// How risky the inputs make it.
    pub tier: Tier,
    /// What raised it, and what of that nobody knows: within a tier it orders what waits.
    pub raised: Vec<Raised>,
    /// What this step adds to its task's chain once it is decided.
    pub labels: StepLabels,
    /// The tier at which its step was counted into its task's chain, once it was. A step counts once, however often the
    /// request is decided; what is asked about the request later leaves it out.
    #[serde(deserialize_with = "stated")]
    pub counted: Option<Tier>,
    /// The descriptor's sentence, for lists and notices: never requester text.
    pub sentence: String,
    /// How the action was rendered.
    pub display_hash: Hash,
    /// The bundle that decided last.
    pub bundle: Hash,
    /// Hash of what policy was asked.
    pub input: Hash,
    /// Rules that decided.
    pub rules: Vec<String>,
    /// Stable reason codes.
    pub reasons: Vec<String>,
    /// The limits asked for, before anybody lowered them.
    pub limits: Limits,
    /// What holds it, once something did.
    #[serde(deserialize_with = "stated")]
    pub held: Option<HeldAt>,
    /// The last store time at which execution may be claimed. Fixed at submission.
    pub spend_by: Timestamp,
    /// Reviews that count or wait to be counted.
    pub reviews: Vec<UnverifiedReview>,
    /// The statement by which the glass was broken for it. Left out where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glass: Option<SignedGlass>,
    /// Who said they are looking at it.
    #[serde(deserialize_with = "stated")]
    pub claimed_by: Option<HumanId>,
    /// How often it was escalated.
    pub escalations: u32,
    /// How often people claimed it, took that back or escalated it themselves; at most
    /// [`HANDLED_MAX`](crate::decide::HANDLED_MAX).
    pub handled: u32,
    /// Questions and answers, in order.
    pub turns: Vec<Turn>,
    /// Who decided, once somebody did.
    #[serde(deserialize_with = "stated")]
    pub decided_by: Option<DecidedBy>,
    /// What the decision permits.
    #[serde(deserialize_with = "stated")]
    pub grant: Option<GrantId>,
    /// What came of it.
    #[serde(deserialize_with = "stated")]
    pub outcome: Option<Outcome>,
    /// Why it ended early.
    #[serde(deserialize_with = "stated")]
    pub closing: Option<Closing>,
}

/// What `request_hash` covers: the attachment `request` of a submission, so that an auditor can hash it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The exact action.
    pub digest: Hash,
    /// The claims at submission.
    pub claims_root: Hash,
    /// Who asked.
    pub requester: Requester,
    /// With which key.
    pub key: Hash,
    /// Within which task.
    #[serde(deserialize_with = "stated")]
    pub task: Option<TaskId>,
    /// Hash of its purpose.
    pub purpose: Hash,
    /// When.
    pub submitted_at: Timestamp,
    /// The random part.
    pub request_nonce: Hash,
}

impl Asked {
    /// The bytes that are hashed and kept.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Out-of-range numbers have no canonical form; the hash of nothing then matches no stored hash.
        canonical::to_bytes(self).unwrap_or_default()
    }

    /// `SHA-256("gatehold/request/v1" || 0x00 || canonical{…})`.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/request/v1", &[bytes])
    }
}

impl RequestRecord {
    /// What was fixed at submission, from the record's own members.
    #[must_use]
    pub fn asked(&self) -> Asked {
        Asked {
            digest: self.digest,
            claims_root: self.claims_root,
            requester: self.requester.clone(),
            key: self.requester.key(),
            task: self.envelope.task,
            purpose: self.purpose,
            submitted_at: self.submitted_at,
            request_nonce: self.request_nonce,
        }
    }

    /// The request hash, computed from the record's own members.
    #[must_use]
    pub fn computed_request_hash(&self) -> Hash {
        Asked::hash_of(&self.asked().to_bytes())
    }

    /// The last time at which it may stay as it is: after it, it expires.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Held => self
                .held
                .as_ref()
                .map(|held| held.decide_by.min(self.spend_by)),
            State::Allowed | State::Redeemable => Some(self.spend_by),
            _ => None,
        }
    }

    /// When the clock asks more people, while it is held.
    #[must_use]
    pub fn escalates_at(&self) -> Option<Timestamp> {
        let held = self.held.as_ref().filter(|_| self.state == State::Held)?;
        held.escalates_at()
    }

    /// The store's due column: when a clock should look again.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let deadline = self.deadline()?;
        let escalates = self.escalates_at().unwrap_or(deadline);
        Some(deadline.min(escalates))
    }
}
