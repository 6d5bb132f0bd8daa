//! `GET /v1/requests/{id}/deciders`: who could approve a held request. Nothing of reviews stands here.

use super::delegation::DecidesFor;
use serde::{Deserialize, Serialize};

/// Everybody who could approve one request, as people and keys are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deciders {
    /// The request.
    pub request: String,
    /// Who has a seat; those who can approve first.
    pub people: Vec<Decider>,
    /// The fewest who must approve.
    pub people_needed: u32,
    /// Whether all of them together would be enough.
    pub enough: bool,
    /// Who is on call for the teams with a seat; nothing where no schedule is kept. It says whom the gate tells first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_call: Vec<OnCall>,
}

/// Who is on call for one team, by the operator's schedule. It gives nobody a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OnCall {
    /// The team.
    pub team: String,
    /// Who, as subject@issuer; empty when nobody knows.
    pub people: Vec<String>,
    /// Why nobody knows; then everybody with a seat is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Which schedule says so.
    pub from: String,
    /// How many seconds ago it was read.
    pub age_seconds: u32,
}

impl Deciders {
    /// How many are needed and whether there are enough: a sentence, and what to do where there are not.
    #[must_use]
    pub fn in_words(&self) -> (String, Option<&'static str>) {
        let needed = match self.people_needed {
            1 => "1 person needed".to_owned(),
            several => format!("{several} people needed"),
        };
        if self.enough {
            (format!("{needed}, of these:"), None)
        } else {
            let none = "nobody can approve this: those who may are too few, or their keys count for too little or are of another kind";
            (
                format!("{needed}; deny it, or have people and keys enrolled"),
                Some(none),
            )
        }
    }

    /// Whether the schedule names this person now for a team with a seat.
    #[must_use]
    pub fn is_on_call(&self, human: &str) -> bool {
        let mut each = self.on_call.iter();
        each.any(|one| one.people.iter().any(|person| person == human))
    }
}

impl OnCall {
    /// Who, or that it is UNKNOWN and why.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.unknown {
            None => self.people.join(", "),
            Some(why) => format!("UNKNOWN: {why}; everybody with a seat is told"),
        }
    }

    /// What is said where there is no schedule.
    pub const NONE: &str = "no schedule is kept: everybody with a seat is told at once";
}

impl Against {
    /// Why not here.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Asked => "not here: they asked, or are behind whoever did",
            Self::Key => "not here: their key counts for too little",
            Self::Signer => "not here: no key of theirs is of the kind that is asked for",
        }
    }
}

/// Somebody with a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decider {
    /// Who, as subject@issuer.
    pub human: String,
    /// The most that a key of theirs counts for.
    pub assurance: String,
    /// Checkpoints that admit them.
    pub checkpoints: Vec<String>,
    /// For whom else they may decide, who is away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decides_for: Vec<DecidesFor>,
    /// Why they approve nothing here all the same; absent when they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub but: Option<Against>,
}

/// Why somebody with a seat approves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Against {
    /// They asked, or are behind whoever did.
    Asked,
    /// No key of theirs counts for as much as any seat takes.
    Key,
    /// No key of theirs is of the kind that the checkpoints take.
    Signer,
}
