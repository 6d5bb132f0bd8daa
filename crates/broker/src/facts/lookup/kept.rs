//! Answers that are not old yet, so that a screen that is looked at often does not ask as often. What nobody knew is kept for
//! a few seconds only: it keeps a system that does not answer from being asked by everybody at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::facts::Found;

use super::age;

/// Most answers that are kept of one look-up.
const KEPT_MAX: usize = 1_024;
/// How long an unknown is kept, in seconds.
const UNKNOWN_SECONDS: u32 = 5;

/// An answer, and when it came.
type Answer = (Timestamp, Result<Found, String>);

/// The latest answers of one look-up.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<BTreeMap<String, Answer>>);

impl Kept {
    /// The answer to this question and its age, unless it is older than `most` seconds.
    pub(crate) fn get(
        &self,
        key: &str,
        now: Timestamp,
        most: u32,
    ) -> Option<(Result<Found, String>, u32)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = kept.get(key)?;
        let age = age(*at, now)?;
        let most = match answer {
            Ok(_) => most,
            Err(_) => most.min(UNKNOWN_SECONDS),
        };
        (age < most).then(|| (answer.clone(), age))
    }

    /// Keeps an answer.
    pub(crate) fn put(&self, key: String, now: Timestamp, answer: Result<Found, String>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX && !kept.contains_key(&key) {
            kept.clear();
        }
        kept.insert(key, (now, answer));
    }
}
