//! The full definition of one checkpoint, as policy authors write it and as its hash covers it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU8, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::glass::BreakGlass;
use crate::assurance::Assurance;
use crate::hash::Hash;
use crate::ids::{CheckpointName, HumanId, TeamId};
use crate::json::canonical;
use crate::json::ident::check_identifier;
use crate::limits::{CAPS_MAX, Limits, TTL_SECONDS_MAX};
use crate::reason;
use crate::signer::Signer;
use crate::wording::FactChallenge;

/// Longest time to decide or to spend, in seconds: 30 days.
pub const CHECKPOINT_SECONDS_MAX: u32 = 30 * 86_400;
/// Most seats of one alternative.
const SEATS_MAX: u8 = 9;
/// Most members of any list in a definition.
const LIST_MAX: usize = 32;
/// Longest text in a definition, in bytes.
const TEXT_BYTES_MAX: usize = 1_000;
/// Longest answer to a criterion, in bytes.
const ANSWER_BYTES_MAX: usize = 4_000;

/// Which of the three reasons for asking a human applies (M163).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Justification {
    /// The machine cannot tell whether it is right.
    Uncertainty,
    /// The data is sensitive.
    Sensitivity,
    /// The consequences are large.
    Impact,
}

/// Who may fill a seat: members of any of the teams, and the people named. Never both empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eligible {
    /// Members of these teams.
    pub teams: BTreeSet<TeamId>,
    /// These people.
    pub humans: BTreeSet<HumanId>,
}

/// So many distinct people, each with at least this assurance. There is no default and no zero (threat A2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// How many people.
    pub seats: NonZeroU8,
    /// The least assurance of each one's signature.
    pub factor: Assurance,
}

/// How a criterion is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CriterionKind {
    /// `yes`; any other answer does not let the approving review count.
    Yes,
    /// One of these words.
    Choice(Vec<String>),
    /// The reviewer's own words, which can be seen and drive no screen.
    Text,
}

/// One explicit question to the reviewer. The exact wording is part of the checkpoint's hash (M059).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Its id within the bundle. It never begins with [`FactChallenge::PREFIX`].
    pub id: String,
    /// The question.
    pub text: String,
    /// How it is answered.
    pub kind: CriterionKind,
    /// Whether approving without an answer is impossible.
    pub required: bool,
    /// The claim that stands beside it, by name, such as `rollback_plan`: what the requester says about just this. Left out where
    /// there is none, so that a definition from before it has the hash that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
}

/// Who is asked as well once a request has waited this long. It widens who is asked among those eligible, no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// Seconds after the hold began.
    pub after_seconds: NonZeroU32,
    /// These eligible teams are asked from then on.
    pub teams: BTreeSet<TeamId>,
}

/// The most that any approval at this checkpoint can permit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLimits {
    /// Longest life of the grant, in seconds.
    pub ttl_seconds: NonZeroU32,
    /// Most uses.
    pub uses: NonZeroU32,
    /// Named caps; a cap that is not named here is left to the request and the reviewers.
    pub caps: BTreeMap<String, u64>,
}

/// One checkpoint. Every member must be present but `signer` and `break_glass`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// For people; never compared to decide anything.
    pub name: CheckpointName,
    /// What it is about, in one line for screens.
    pub title: String,
    /// The team or person who answers for this checkpoint existing (M081).
    pub owner: String,
    /// Why it exists.
    pub rationale: String,
    /// Which of the three reasons for asking a human it rests on.
    pub justification: Justification,
    /// Who may decide.
    pub eligible: Eligible,
    /// Any one of these fills the checkpoint.
    pub alternatives: Vec<Alternative>,
    /// With what a review is signed to count here. Left out it is `any`, and the definition keeps the hash it had before there
    /// was this member.
    #[serde(default, skip_serializing_if = "Signer::is_any")]
    pub signer: Signer,
    /// Whether the people who fill it must fill nothing else.
    pub separate: bool,
    /// What each of them must answer.
    pub criteria: Vec<Criterion>,
    /// Seconds to decide from the hold on.
    pub decide_within_seconds: NonZeroU32,
    /// Seconds from submission within which the action must be claimed.
    pub spend_within_seconds: NonZeroU32,
    /// Who is asked as well, and when.
    pub escalation: Vec<EscalationStep>,
    /// The most it can permit.
    pub limits: CheckpointLimits,
    /// Inputs that must be known; an unknown one is the condition `context_missing`.
    pub requires: BTreeSet<String>,
    /// What may be let out here when nobody who decides can be reached. Left out it is nothing, and the definition keeps the hash
    /// it had before there was this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
}

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint `{checkpoint}`, `{member}`: {problem}")]
pub struct CheckpointProblem {
    /// Which checkpoint.
    pub checkpoint: CheckpointName,
    /// Which member of it.
    pub member: &'static str,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl Checkpoint {
    /// The hash that names this checkpoint everywhere: `SHA-256("gatehold/checkpoint/v1" || 0x00 || canonical JSON)`.
    #[must_use]
    pub fn definition_hash(&self) -> Hash {
        // A definition is text and small integers, so it has a canonical form; caps beyond 2^53 have none and are
        // refused by `check`, and the hash of nothing matches no signed hash.
        Hash::tagged(
            "gatehold/checkpoint/v1",
            &[&canonical::to_bytes(self).unwrap_or_default()],
        )
    }

    /// Whether this human, in these teams, may fill a seat. Whoever asked is taken out before this is asked.
    #[must_use]
    pub fn admits(&self, human: &HumanId, teams: &BTreeSet<TeamId>) -> bool {
        self.eligible.humans.contains(human) || !self.eligible.teams.is_disjoint(teams)
    }

    /// The teams that are asked once a request has waited `seconds`: those no escalation step names, and those of
    /// every step that is due.
    #[must_use]
    pub fn asked_after(&self, seconds: u32) -> BTreeSet<&TeamId> {
        let named_later = |team: &&TeamId| {
            self.escalation
                .iter()
                .any(|step| step.teams.contains(*team))
        };
        let due = |step: &&EscalationStep| step.after_seconds.get() <= seconds;
        let first = self.eligible.teams.iter().filter(|team| !named_later(team));
        let later = self
            .escalation
            .iter()
            .filter(due)
            .flat_map(|step| &step.teams);
        first.chain(later).collect()
    }

    /// Seconds after the hold at which the next escalation step is due, if one is left after `seconds`.
    #[must_use]
    pub fn next_escalation(&self, seconds: u32) -> Option<u32> {
        let due = self.escalation.iter().map(|step| step.after_seconds.get());
        due.filter(|due| *due > seconds).min()
    }

    /// Everything that is wrong with the definition; a checkpoint with a problem is never used.
    #[must_use]
    pub fn check(&self) -> Vec<CheckpointProblem> {
        let mut problems = Problems {
            checkpoint: self,
            found: Vec::new(),
        };
        problems.texts();
        problems.people();
        problems.clocks();
        problems.questions();
        problems.bounds();
        problems.glass();
        problems.found
    }
}

impl Criterion {
    /// Whether an approving review may count with this answer.
    #[must_use]
    pub fn accepts(&self, answer: Option<&str>) -> bool {
        let Some(answer) = answer.filter(|answer| !answer.trim().is_empty()) else {
            return !self.required;
        };
        match &self.kind {
            CriterionKind::Yes => answer == "yes",
            CriterionKind::Choice(words) => words.iter().any(|word| word == answer),
            CriterionKind::Text => {
                let shown = reason::is_seen(answer) && reason::control(answer).is_none();
                shown && answer.len() <= ANSWER_BYTES_MAX
            }
        }
    }
}

impl CheckpointLimits {
    /// The pointwise minimum.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        let mut caps = self.caps.clone();
        for (name, cap) in &other.caps {
            caps.entry(name.clone())
                .and_modify(|mine| *mine = (*mine).min(*cap))
                .or_insert(*cap);
        }
        Self {
            ttl_seconds: self.ttl_seconds.min(other.ttl_seconds),
            uses: self.uses.min(other.uses),
            caps,
        }
    }

    /// What was asked for, lowered to these limits.
    #[must_use]
    pub fn narrow(&self, asked: &Limits) -> Limits {
        let mine = Limits {
            ttl_seconds: self.ttl_seconds.get(),
            uses: self.uses.get(),
            caps: self.caps.clone(),
            ..asked.clone()
        };
        asked.min(&mine)
    }
}

struct Problems<'a> {
    checkpoint: &'a Checkpoint,
    found: Vec<CheckpointProblem>,
}

impl Problems<'_> {
    fn add(&mut self, member: &'static str, problem: impl Into<String>) {
        self.found.push(CheckpointProblem {
            checkpoint: self.checkpoint.name.clone(),
            member,
            problem: problem.into(),
        });
    }

    fn texts(&mut self) {
        let checkpoint = self.checkpoint;
        for (member, text) in [
            ("title", &checkpoint.title),
            ("owner", &checkpoint.owner),
            ("rationale", &checkpoint.rationale),
        ] {
            if let Err(error) = check_identifier(text, TEXT_BYTES_MAX) {
                self.add(member, error.to_string());
            }
        }
        if checkpoint.requires.len() > LIST_MAX {
            self.add("requires", format!("name at most {LIST_MAX} inputs"));
        }
    }

    fn people(&mut self) {
        let Checkpoint {
            eligible,
            alternatives,
            ..
        } = self.checkpoint;
        if eligible.teams.is_empty() && eligible.humans.is_empty() {
            self.add("eligible", "nobody could decide; name a team or a person");
        }
        if eligible.teams.len() + eligible.humans.len() > LIST_MAX {
            self.add(
                "eligible",
                format!("name at most {LIST_MAX} teams and people"),
            );
        }
        if alternatives.is_empty() || alternatives.len() > LIST_MAX {
            self.add("alternatives", format!("write 1 to {LIST_MAX} of them"));
        }
        for alternative in alternatives {
            if alternative.seats.get() > SEATS_MAX {
                self.add(
                    "alternatives",
                    format!("at most {SEATS_MAX} seats can be asked for"),
                );
            }
        }
    }

    fn clocks(&mut self) {
        let checkpoint = self.checkpoint;
        let decide = checkpoint.decide_within_seconds;
        for (member, seconds) in [
            ("decide_within_seconds", decide),
            ("spend_within_seconds", checkpoint.spend_within_seconds),
        ] {
            if seconds.get() > CHECKPOINT_SECONDS_MAX {
                self.add(
                    member,
                    format!("at most {CHECKPOINT_SECONDS_MAX} seconds (30 days)"),
                );
            }
        }
        if checkpoint.spend_within_seconds < decide {
            self.add(
                "spend_within_seconds",
                "it ends before the time to decide; make it at least as long",
            );
        }
        let mut before = 0;
        for step in &checkpoint.escalation {
            if step.after_seconds.get() <= before || step.after_seconds >= decide {
                self.add(
                    "escalation",
                    "steps come in order, each before the time to decide ends",
                );
            }
            before = step.after_seconds.get();
            if step.teams.is_empty() || !step.teams.is_subset(&checkpoint.eligible.teams) {
                self.add(
                    "escalation",
                    "a step asks at least one team, and only eligible ones",
                );
            }
        }
        if !checkpoint.escalation.is_empty()
            && checkpoint.eligible.humans.is_empty()
            && checkpoint.asked_after(0).is_empty()
        {
            self.add(
                "escalation",
                "nobody would be asked at first; leave one team out of the steps",
            );
        }
        if checkpoint.escalation.len() > LIST_MAX {
            self.add("escalation", format!("at most {LIST_MAX} steps"));
        }
    }

    fn questions(&mut self) {
        let mut seen = BTreeSet::new();
        for criterion in &self.checkpoint.criteria {
            if let Err(error) = check_identifier(&criterion.id, 64) {
                self.add("criteria", format!("`id`: {error}"));
            }
            if let Err(error) = check_identifier(&criterion.text, TEXT_BYTES_MAX) {
                self.add("criteria", format!("`{}`: {error}", criterion.id));
            }
            if let Some(claim) = &criterion.claim
                && let Err(error) = check_identifier(claim, 64)
            {
                self.add("criteria", format!("`{}`, `claim`: {error}", criterion.id));
            }
            if criterion.id.starts_with(FactChallenge::PREFIX) {
                let text = format!(
                    "`{}`: an id that begins with `{}` is of the question that is asked on red; choose another",
                    criterion.id,
                    FactChallenge::PREFIX
                );
                self.add("criteria", text);
            }
            if !seen.insert(&criterion.id) {
                self.add("criteria", format!("`{}` stands there twice", criterion.id));
            }
            if let CriterionKind::Choice(words) = &criterion.kind
                && (words.len() < 2
                    || words.len() > LIST_MAX
                    || words
                        .iter()
                        .any(|word| check_identifier(word, 128).is_err()))
            {
                self.add(
                    "criteria",
                    format!("`{}` needs 2 to {LIST_MAX} visible choices", criterion.id),
                );
            }
        }
        if self.checkpoint.criteria.len() > LIST_MAX {
            self.add("criteria", format!("at most {LIST_MAX} questions"));
        }
    }

    fn glass(&mut self) {
        let Some(offered) = &self.checkpoint.break_glass else {
            return;
        };
        for problem in offered.problems(self.checkpoint) {
            self.add("break_glass", problem);
        }
        let mut names = offered.limits.caps.keys();
        if names.any(|name| !self.checkpoint.limits.caps.contains_key(name)) {
            self.add(
                "break_glass",
                "`limits`: name no cap that the checkpoint does not",
            );
        }
    }

    fn bounds(&mut self) {
        let limits = &self.checkpoint.limits;
        if limits.ttl_seconds.get() > TTL_SECONDS_MAX {
            self.add(
                "limits",
                format!("`ttl_seconds` is at most {TTL_SECONDS_MAX} (one day)"),
            );
        }
        if limits.caps.len() > CAPS_MAX {
            self.add("limits", format!("at most {CAPS_MAX} caps"));
        }
        for (name, cap) in &limits.caps {
            if check_identifier(name, 64).is_err() || *cap > canonical::INT_MAX.unsigned_abs() {
                self.add(
                    "limits",
                    format!("cap `{name}` needs a visible name and a value below 2^53"),
                );
            }
        }
    }
}
