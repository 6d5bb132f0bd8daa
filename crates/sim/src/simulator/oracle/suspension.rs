//! People whom an identity provider says are gone: what they hold by then counts for nothing until it says that they are back,
//! and what was asked for them before gives them nothing either. Worked out again, without core's way of doing it.

use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::trust::Evidence;
use gatehold_core::trust::change::HumanEnrol;

use super::{Checked, Commit, Oracle, Realm, Request, holds};
use crate::simulator::work::Intent;

const RULE: &str = "suspension-outlives-row";

impl Realm {
    /// Whether the force of a key is taken: its holder was said to be gone after it was enrolled.
    pub fn is_taken(&self, human: &HumanId, key: &Hash) -> bool {
        let enrolled = self.since.get(key).copied().unwrap_or_default();
        let gone = self.suspended.get(human);
        gone.is_some_and(|(_, gone)| enrolled < *gone)
    }

    /// Whether somebody has a key with force.
    pub(super) fn is_there(&self, human: &HumanId) -> bool {
        let keys = self.humans.get(human);
        keys.is_some_and(|keys| keys.keys().any(|key| !self.is_taken(human, key)))
    }
}

impl Oracle {
    /// Somebody is gone.
    pub(super) fn gone(&mut self, commit: &Commit<'_>) -> Checked {
        let (Intent::Suspend { human, .. }, Ok(Evidence::Suspension(said))) = (
            commit.intent,
            Evidence::from_bytes(commit.attachment("evidence")),
        ) else {
            return holds(false, "chain-gives-force", || {
                "a suspension that no provider sent".to_owned()
            });
        };
        let known = self.realm.humans.contains_key(human);
        holds(said.human == *human && known, "chain-gives-force", || {
            format!("the suspension of {human} is of {}", said.human)
        })?;
        let Ok(id) = said.id() else {
            return holds(false, RULE, || "a suspension without a name".to_owned());
        };
        self.realm.version += 1;
        let stands = (id, commit.leaf);
        self.realm.suspended.insert(human.clone(), stands);
        self.realm.last_gone.insert(human.clone(), stands);
        Ok(())
    }

    /// Somebody is back: the gate heard it of the suspension that stands.
    // INVARIANT(suspension-outlives-row): asked of what the gate really signed, and of what was said last.
    pub(super) fn back(&mut self, commit: &Commit<'_>) -> Checked {
        let Intent::Reinstate { end } = commit.intent else {
            return holds(false, RULE, || "an end nobody sent".to_owned());
        };
        let Ok(said) = end.read() else {
            return holds(false, RULE, || "an unreadable end".to_owned());
        };
        holds(self.heard.contains(&end.statement), RULE, || {
            format!("the gate never heard that {} is back", said.human)
        })?;
        let stands = self.realm.suspended.remove(&said.human);
        self.realm.version += 1;
        let same = stands.is_some_and(|(id, _)| id == said.suspension);
        holds(same, RULE, || {
            format!(
                "{} was said to be gone after what brought them back",
                said.human
            )
        })
    }

    /// Nobody of these is gone as something is let out.
    // INVARIANT(suspension-outlives-row): whenever they signed.
    pub(super) fn all_are_there(&self, request: &Request, people: &[HumanId]) -> Checked {
        let gone = people.iter().find(|human| !self.realm.is_there(human));
        holds(gone.is_none(), RULE, || {
            format!(
                "{} was let out by people who are gone: {gone:?}",
                request.id
            )
        })
    }

    /// A key that is enrolled was asked for after its holder was last said to be gone, whether they are back or not.
    // INVARIANT(suspension-outlives-row): by the order of leaves, whatever the change says of itself.
    pub(super) fn asked_since(&self, request: &Request, new: &HumanEnrol) -> Checked {
        let gone = self.realm.last_gone.get(&new.human);
        let before = gone.is_some_and(|(_, gone)| request.leaf < *gone);
        holds(!before, RULE, || {
            format!(
                "{} gets a key that was asked for before they were gone",
                new.human
            )
        })
    }
}
