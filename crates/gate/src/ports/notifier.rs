//! The notifier: tells people and machines outside that something waits or was decided. It carries words of the descriptor
//! and of the gate, never the requester's free text (ADR 0006), and nothing that it delivers can approve.

use std::collections::BTreeSet;

use async_trait::async_trait;
use gatehold_core::ids::{HumanId, RequestId, TeamId};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;

use crate::push::Subscription;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// Somebody is asked to decide.
    Asked,
    /// Nobody decided in time; more people are asked.
    Escalated,
    /// The question has changed since it was asked: another requirement, another deadline.
    Changed,
    /// A reviewer asked the requester something.
    Question,
    /// Decided, withdrawn, expired, revoked: nobody need do anything any more.
    Closed,
    /// What came of it at the target.
    Outcome,
    /// What was handed out should be gone, and its target has not said so.
    Remains,
    /// A signal from outside stopped a workload, or a task of one.
    Stopped,
    /// A signal from outside says of a workload that it is unusual: what it asks for is looked at by people for a while.
    Flagged,
    /// What was handed out ends before its time, because it would not be let out now.
    TakenAway,
    /// Two people broke the glass. No channel leaves it out.
    GlassBroken,
    /// What two people let out so is being carried out. No channel leaves it out either.
    GlassUsed,
    /// Somebody who had no part in it has looked at that.
    GlassReviewed,
    /// Too few people have looked at it in time. No channel leaves it out, and it is told again each day until they have.
    GlassOverdue,
}

/// One thing to tell, the same for every channel. Nothing in it depends on whether somebody has reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Names it for ever: a repetition has the same, so whoever receives it can tell.
    pub key: String,
    /// What it is.
    pub kind: NoticeKind,
    /// The request, where it is about one. All notices of one request belong together.
    pub request: Option<RequestId>,
    /// Its tier.
    pub tier: Tier,
    /// The descriptor's sentence.
    pub sentence: String,
    /// Who asks, by the name that the gate knows.
    pub requester: String,
    /// Who answers for the requester; nobody for a change that a person asks for.
    pub owner: Option<HumanId>,
    /// Titles of the checkpoints that hold it.
    pub held_at: Vec<String>,
    /// How many people must decide at least.
    pub people_needed: u32,
    /// The four digest words.
    pub words: String,
    /// For `Closed` and `Outcome`: the state in one word of ours.
    pub state: String,
    /// The last moment at which somebody can decide.
    pub decide_by: Option<Timestamp>,
    /// Page of the request, under the gate's public URL.
    pub link: String,
    /// The people it is for, by their seats, their team or their being accountable; whoever asked is told of the end alone.
    pub people: BTreeSet<HumanId>,
    /// The teams it is for, of those people.
    pub teams: BTreeSet<TeamId>,
    /// When it was written, on the store's clock.
    pub at: Timestamp,
}

/// Why a channel did not take a notice, in words for the operator. Never a secret, never an address of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotDelivered(pub String);

/// The browsers that people are told at.
#[async_trait]
pub trait Subscriptions: Send + Sync + 'static {
    /// Those of these people, as far as they may be told anything now.
    ///
    /// # Errors
    /// When nobody can say now. It is tried again.
    async fn of(&self, people: &BTreeSet<HumanId>) -> Result<Vec<Subscription>, NotDelivered>;

    /// Its push service says that it is gone.
    ///
    /// # Errors
    /// When that cannot be remembered now.
    async fn gone(&self, subscription: &Subscription) -> Result<(), NotDelivered>;
}

/// One way to reach people. Delivery is at least once: a notice may come again with the same key.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// The operator's name for it, for logs and metrics.
    fn name(&self) -> &str;

    /// Whether this channel is for the notice at all.
    fn wants(&self, notice: &Notice) -> bool;

    /// Delivers it, within a time limit of the channel's own.
    ///
    /// # Errors
    /// When it cannot be known to have arrived. It is tried again.
    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered>;
}
