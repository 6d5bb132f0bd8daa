//! Sentences of ours that every surface says in the same words: who asks, what a task has done, and the question on red. The page's
//! own module says them too (`panel.js`), and a test holds it to these.
//!
//! Names of others stand in them as they are: whoever shows a line makes it harmless first.

use crate::requester::{Requester, SubmittingPoint};
use crate::tier::Tier;
use crate::view::{SoFar, View};

/// What whoever approves red must have read: a number that limits it, or the resource. The answer is signed with the criteria,
/// under its id. A signal, not a guard: the gate counts a review without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactChallenge {
    /// `fact.rows`, `fact.resource`.
    pub id: String,
    /// The question.
    pub question: String,
    /// What stands on the page.
    pub answer: String,
}

impl View {
    /// The question that is asked about this action before it is approved, on red. `resource` is the envelope's.
    #[must_use]
    pub fn fact_challenge(&self, resource: &str) -> Option<FactChallenge> {
        if self.tier.tier != Tier::Red {
            return None;
        }
        Some(match self.terms.limits.caps.iter().next() {
            Some((cap, most)) => FactChallenge {
                id: format!("fact.{cap}"),
                question: format!("How many {cap} may it touch at most?"),
                answer: most.to_string(),
            },
            None => FactChallenge {
                id: "fact.resource".to_owned(),
                question: "Which resource does it touch? Type its full name.".to_owned(),
                answer: resource.to_owned(),
            },
        })
    }
}

impl Requester {
    /// Who asks, line by line.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        match self {
            Self::Workload {
                id,
                kind,
                owner,
                backup,
                assurance,
                point,
                initiator,
                ..
            } => {
                let mut lines = vec![
                    format!("{id} ({kind}), key proven: {assurance}"),
                    format!("owner {owner}, backup {backup}"),
                ];
                if let Some(SubmittingPoint { id, owner, .. }) = point {
                    lines.push(format!("through enforcement point {id}, owner {owner}"));
                }
                lines.push(match initiator {
                    None => "on behalf of UNKNOWN: nobody attested who is behind it".to_owned(),
                    Some(one) if one.attested => format!("on behalf of {} (attested)", one.human),
                    Some(one) => format!("on behalf of {} (by its own word)", one.human),
                });
                lines
            }
            Self::Human {
                human,
                beneficiaries,
                ..
            } => {
                let mut lines = vec![format!("{human}, by their own signature")];
                lines.extend(beneficiaries.iter().map(|who| format!("{who} gains by it")));
                lines
            }
        }
    }
}

impl SoFar {
    /// What the task has done, newest last step first; equal neighbours stand on one line.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let mut lines = vec![match self.steps {
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        }];
        for (set, text) in [
            (self.labels.sensitive, "it has read sensitive data"),
            (
                self.labels.untrusted,
                "it has taken in text that strangers can write",
            ),
            (self.labels.external, "it has reached outside"),
            (self.crosses_systems, "it was on other targets before"),
        ] {
            if set {
                lines.push(text.to_owned());
            }
        }
        let same = self.latest.chunk_by(|left, right| left == right);
        lines.extend(same.filter_map(|same| {
            let one = same.first()?;
            Some(match same.len() {
                1 => one.clone(),
                several => format!("{several} × {one}"),
            })
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::StepLabels;

    #[test]
    fn equal_steps_stand_on_one_line() {
        let so_far = SoFar {
            steps: 4,
            labels: StepLabels {
                sensitive: true,
                untrusted: false,
                external: false,
            },
            crosses_systems: true,
            latest: ["read a", "read b", "read b", "read a"]
                .map(str::to_owned)
                .to_vec(),
        };
        assert_eq!(
            so_far.in_words(),
            [
                "4 steps",
                "it has read sensitive data",
                "it was on other targets before",
                "read a",
                "2 × read b",
                "read a"
            ]
        );
    }
}
