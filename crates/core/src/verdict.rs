//! Policy's answer as core reads it: Allow, Deny or Hold, with everything that made it.
//!
//! Nothing here decides. What it must never let through: an Allow beside an error.

use serde::{Deserialize, Serialize};

use crate::checkpoint::Requirement;
use crate::hash::Hash;
use crate::tier::TierReport;

/// Policy's answer about one action.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It may be done without a human.
    Allow,
    /// It may not be done, whoever approves.
    Deny,
    /// It waits at these checkpoints.
    Hold(Requirement),
}

impl Verdict {
    /// The word used in records and on screens.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold(_) => "hold",
        }
    }

    /// How strict the answer is: Allow 0, Hold 1, Deny 2.
    #[must_use]
    pub const fn strictness(&self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Hold(_) => 1,
            Self::Deny => 2,
        }
    }

    /// Whether this answer asks for everything that `other` asks for: as strict, and a Hold at the same checkpoints or
    /// more.
    #[must_use]
    pub fn at_least(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Hold(mine), Self::Hold(theirs)) => theirs.is_covered_by(&mine.hashes()),
            _ => self.strictness() >= other.strictness(),
        }
    }
}

/// Why, for a reader: a stable code and a sentence of our own, never requester text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable, such as `no_permit`, `forbidden`, `checkpoint:production-change`.
    pub code: String,
    /// What to tell people.
    pub text: String,
}

/// What made an answer: enough to ask the same question again (M019).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The bundle that answered.
    pub bundle: Hash,
    /// Hash of everything it was asked.
    pub input: Hash,
    /// Ids of the policies that determined the answer, sorted.
    pub rules: Vec<String>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What went wrong while evaluating. Anything here is a reason not to allow.
    pub errors: Vec<String>,
    /// The tier and its inputs.
    pub tier: TierReport,
}

/// An answer and its trace. There is no way to hold an Allow beside an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Evaluated {
    verdict: Verdict,
    trace: Trace,
}

impl Evaluated {
    /// Joins an answer and its trace.
    // INVARIANT(error-never-allows): an evaluation that erred anywhere comes out as Deny, not as Allow (threat A16).
    pub fn new(verdict: Verdict, mut trace: Trace) -> Self {
        let verdict = match verdict {
            Verdict::Allow if guard!("error-never-allows", !trace.errors.is_empty()) => {
                trace.reasons.push(Reason {
                    code: "evaluation_error".to_owned(),
                    text: "Policy could not be evaluated completely.".to_owned(),
                });
                Verdict::Deny
            }
            sound => sound,
        };
        Self { verdict, trace }
    }

    /// The answer.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What made it.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Both, taken apart.
    pub fn into_parts(self) -> (Verdict, Trace) {
        (self.verdict, self.trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::Tier;

    fn trace(errors: &[&str]) -> Trace {
        Trace {
            bundle: Hash::of(b"bundle"),
            input: Hash::of(b"input"),
            rules: vec!["permit-reads".to_owned()],
            reasons: vec![],
            errors: errors.iter().map(|&error| error.to_owned()).collect(),
            tier: TierReport {
                tier: Tier::Green,
                inputs: vec![],
            },
        }
    }

    #[test]
    fn an_error_is_never_an_allow() {
        assert_eq!(
            Evaluated::new(Verdict::Allow, trace(&[])).verdict(),
            &Verdict::Allow
        );
        let erred = Evaluated::new(Verdict::Allow, trace(&["integer overflow"]));
        assert_eq!(erred.verdict(), &Verdict::Deny);
        assert_eq!(erred.trace().reasons[0].code, "evaluation_error");
    }

    #[test]
    fn stricter_is_an_order_of_outcomes() {
        assert!(Verdict::Deny.at_least(&Verdict::Allow));
        assert!(Verdict::Allow.at_least(&Verdict::Allow));
        assert!(!Verdict::Allow.at_least(&Verdict::Deny));
    }
}
