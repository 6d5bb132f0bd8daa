//! Facts: what the gate finds out itself before a decision. Whoever does not know says why; nothing is ever guessed.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use gatehold_core::action::Envelope;
use gatehold_core::context::{ResourceFacts, TypedValue};
use gatehold_core::decide::Claims;
use gatehold_core::descriptor::FactQuery;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::time::Timestamp;

/// An answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// The answer; else why it is UNKNOWN, in words of ours.
    pub answer: Result<T, String>,
    /// Who or what was asked, by the name that the operator gave it.
    pub from: String,
    /// How old the answer is, in seconds of the store's clock.
    pub age_seconds: u32,
}

impl<T> Told<T> {
    /// Nobody knows, and why.
    pub fn unknown(from: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            answer: Err(why.into()),
            from: from.into(),
            age_seconds: 0,
        }
    }
}

/// Something that holds or does not, and a few words about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Whether it holds.
    pub set: bool,
    /// Which day, which window, until when.
    pub detail: String,
}

/// What the calendars say about a moment (M006).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Outside the owner's working hours.
    pub outside_hours: Told<Flag>,
    /// Weekend for the owner.
    pub weekend: Told<Flag>,
    /// Holiday for the owner.
    pub holiday: Told<Flag>,
    /// A change freeze is in force for this resource.
    pub change_freeze: Told<Flag>,
}

impl Moment {
    /// Nobody knows anything about it.
    #[must_use]
    pub fn unknown(from: &str, why: &str) -> Self {
        let unknown = || Told::unknown(from, why);
        Self {
            outside_hours: unknown(),
            weekend: unknown(),
            holiday: unknown(),
            change_freeze: unknown(),
        }
    }
}

/// A value and a few words about it, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What policy reads.
    pub value: TypedValue,
    /// What people read.
    pub detail: String,
}

/// What is to be found out, about which action.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The store's time.
    pub now: Timestamp,
    /// Who answers for the requester: their working hours count.
    pub owner: &'a HumanId,
    /// The action.
    pub envelope: &'a Envelope,
    /// What the catalogue says about its resource.
    pub resource: &'a ResourceFacts,
    /// What the descriptor wants to know.
    pub queries: &'a [FactQuery],
    /// What its payload says, read through the descriptor.
    pub fields: &'a BTreeMap<String, TypedValue>,
    /// What the requester says. A claim may say what to look up, never what is found.
    pub claims: &'a Claims,
    /// Nothing that was found out earlier will do.
    pub anew: bool,
}

/// Who is on call for one team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    /// The team.
    pub team: TeamId,
    /// Who; never nobody.
    pub told: Told<BTreeSet<HumanId>>,
}

/// Finds facts out. Asked before a decision, never inside a commit, and it changes nothing anywhere.
#[async_trait]
pub trait Facts: Send + Sync + 'static {
    /// What the calendars say about now.
    async fn moment(&self, question: &Question<'_>) -> Moment;

    /// The answers to the queries, by name. One that is missing is UNKNOWN.
    async fn look_up(&self, question: &Question<'_>) -> BTreeMap<String, Told<Found>>;

    /// Who is on call for these teams: told first, and given nothing by it. Nothing where nobody keeps a schedule.
    async fn on_call(&self, teams: &BTreeSet<TeamId>, now: Timestamp) -> Vec<OnCall> {
        let _ = (teams, now);
        Vec::new()
    }
}

/// Knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

#[async_trait]
impl Facts for Nothing {
    async fn moment(&self, _: &Question<'_>) -> Moment {
        Moment::unknown("calendar", "this gate has no calendar")
    }

    async fn look_up(&self, _: &Question<'_>) -> BTreeMap<String, Told<Found>> {
        BTreeMap::new()
    }
}
