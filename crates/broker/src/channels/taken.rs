//! Who has been told already, of notices that not everybody has taken: a repetition goes to the others alone. Lost with the
//! process, and then they are told once more than they need be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of how many notices it is remembered.
const NOTICES_MAX: usize = 1_000;

/// Who it was, by the key of the notice.
#[derive(Debug)]
pub(crate) struct Taken<Who>(Mutex<Known<Who>>);

#[derive(Debug)]
struct Known<Who> {
    who: BTreeMap<String, BTreeSet<Who>>,
    order: VecDeque<String>,
}

impl<Who> Default for Taken<Who> {
    fn default() -> Self {
        Self(Mutex::new(Known {
            who: BTreeMap::new(),
            order: VecDeque::new(),
        }))
    }
}

impl<Who: Ord + Clone> Taken<Who> {
    fn known(&self) -> MutexGuard<'_, Known<Who>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, key: &str, who: &Who) -> bool {
        let known = self.known();
        known.who.get(key).is_some_and(|all| all.contains(who))
    }

    pub(super) fn by(&self, key: &str, who: &Who) {
        let mut known = self.known();
        if !known.who.contains_key(key) {
            known.order.push_back(key.to_owned());
        }
        let all = known.who.entry(key.to_owned()).or_default();
        all.insert(who.clone());
        if known.order.len() > NOTICES_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.who.remove(&oldest);
        }
    }

    /// Everybody has it: nothing need be remembered.
    pub(super) fn all(&self, key: &str) {
        let mut known = self.known();
        if known.who.remove(key).is_some() {
            known.order.retain(|one| one != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_a_limit() {
        let taken = Taken::default();
        for number in 0..=NOTICES_MAX {
            taken.by(&number.to_string(), &"priya");
            taken.by(&number.to_string(), &"tomas");
        }
        assert!(!taken.has("0", &"priya") && taken.has("1", &"priya"));
        assert!(taken.has("1", &"tomas") && !taken.has("1", &"ann"));
        taken.all("1");
        assert!(!taken.has("1", &"priya"));
        let known = taken.known();
        assert_eq!(known.who.len(), known.order.len());
    }
}
