//! What is stopped and who is paused, as the leaves give it. A row that says less has no force.
//!
//! What restricts is taken from any leaf. What loosens is taken only from a leaf whose evidence was verified; each approval
//! loosens once, while its request lives, and only what was set before it was asked for: so whoever can append a leaf past
//! the gate can stop, and cannot go on.

mod asks;
mod loosening;

use std::collections::{BTreeMap, BTreeSet};

use asks::{Asked, Asks};
use loosening::loosens;
pub use loosening::{Loosening, says_it_loosens};

use crate::commit::{RowKey, Table};
use crate::decide::Pause;
use crate::entry::{Entry, Event};
use crate::glass::{Opening, Openings, PostReviewError, VerifiedPostReview};
use crate::hash::Hash;
use crate::ids::{RequestId, TeamId, WorkloadId};
use crate::json::canonical;
use crate::signal::{Flag, StoppedBy};
use crate::stops::Stops;
use crate::time::Timestamp;
use crate::trust::Change;

/// Everything that restricts, folded from leaves.
// INVARIANT(restraint-outlives-row): only an approval that verifies takes something out of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restraints {
    /// Everything that is stopped.
    stops: Stops,
    /// The same by the leaf that said it last.
    set: BTreeMap<u64, Stops>,
    /// Who said it and when, by the same leaf.
    by: BTreeMap<u64, (StoppedBy, Timestamp)>,
    /// Who is paused, by name, and the leaf that said so last.
    paused: BTreeMap<String, u64>,
    /// What signals say is unusual. It ends by time alone, and nothing makes that earlier.
    flags: BTreeMap<WorkloadId, Flag>,
    /// Who asked to loosen something.
    asked: Asks,
    /// Where the glass was broken, and who has still to look at it.
    openings: Openings,
}

impl Restraints {
    /// Whether a record may restrict or loosen, or end a request to loosen. Most do none of it, and to read each of them
    /// would make every start slow.
    #[must_use]
    pub fn concerns(&self, record: &[u8]) -> bool {
        let text = core::str::from_utf8(record).unwrap_or_default();
        let words = [
            "\"stops/",
            "\"workload/",
            "\"paused\"",
            "\"broke_glass\"",
            "\"post_reviewed\"",
        ];
        words.iter().any(|word| text.contains(word))
            || loosens().any(|what| text.contains(what))
            || self
                .asked
                .open()
                .any(|(id, _)| text.contains(&id.to_string()))
    }

    /// Takes in the next leaf, with what people approved if that verified. What restricts counts, whatever else is wrong.
    ///
    /// # Errors
    /// When the leaf puts another row than all leaves together amount to: somebody wrote it past the gate.
    pub fn add(
        &mut self,
        leaf: u64,
        entry: &Entry,
        approved: Option<&Loosening>,
    ) -> Result<(), String> {
        let mut said = approved.map_or(Ok(()), |approved| self.loosen(entry, approved));
        self.follow(leaf, entry);
        match &entry.event {
            Event::Stops { by, added, stops } => {
                self.by.insert(leaf, (by.clone(), entry.at));
                self.stop(leaf, added, stops);
            }
            Event::Paused { workload, .. } => {
                self.paused.insert(workload.clone(), leaf);
            }
            Event::BrokeGlass { .. } => self.openings.extend(opening(entry)),
            Event::Flagged {
                workload,
                until,
                by,
            } => self.flag(
                workload,
                Flag {
                    signal: (**by).clone(),
                    at: entry.at,
                    until: *until,
                },
            ),
            _ => {}
        }
        for (key, written) in &entry.rows {
            let other = match key.split_once('/') {
                Some(("stops", _)) => self.puts_other_stops(written)?,
                Some(("workload", name)) => self.puts_loose_pause(leaf, name, written)?,
                _ => false,
            };
            if other && said.is_ok() {
                said = Err(format!(
                    "it puts another {key} than stops, pauses and approvals up to it amount to"
                ));
            }
        }
        said
    }

    fn flag(&mut self, workload: &WorkloadId, flag: Flag) {
        let standing = self.flags.get(workload);
        let shorter = standing.is_some_and(|standing| standing.until >= flag.until);
        if guard!("flag-never-shorter", shorter) {
            return;
        }
        self.flags.insert(workload.clone(), flag);
    }

    /// What a signal says of this workload that still counts at this time.
    #[must_use]
    pub fn flag_of(&self, workload: &WorkloadId, now: Timestamp) -> Option<&Flag> {
        let flag = self.flags.get(workload);
        flag.filter(|flag| flag.until > now)
    }

    /// Every workload of which a signal says something that still counts at this time.
    pub fn flagged(&self, now: Timestamp) -> impl Iterator<Item = (&WorkloadId, &Flag)> {
        let each = self.flags.iter();
        each.filter(move |(_, flag)| flag.until > now)
    }

    /// Where requests to loosen stand, by their leaves. The first leaf of a request counts, and its end is its end.
    pub fn follow(&mut self, leaf: u64, entry: &Entry) {
        let (Some(request), Some(state)) = (entry.request, entry.to) else {
            return;
        };
        if let Event::Submitted {
            change: Some(change),
            ..
        } = &entry.event
            && loosens().any(|what| what == change)
        {
            let asked = Asked { leaf, state };
            self.asked.begin(request, asked);
        } else {
            self.asked.step(request, state);
        }
    }

    /// The leaf with which something was asked to be loosened.
    #[must_use]
    pub fn asked_at(&self, request: &RequestId) -> Option<u64> {
        self.asked.get(request).map(|asked| asked.leaf)
    }

    fn stop(&mut self, leaf: u64, added: &Stops, all: &Stops) {
        // What nobody said before was said here at the latest.
        let new = all.without(&self.stops).and(added);
        for older in self.set.values_mut() {
            *older = older.without(&new);
        }
        self.set.insert(leaf, new);
        self.gather();
    }

    fn gather(&mut self) {
        self.set.retain(|_, stops| *stops != Stops::default());
        self.by.retain(|leaf, _| self.set.contains_key(leaf));
        let all = self.set.values();
        self.stops = all.fold(Stops::default(), |all, stops| all.and(stops));
    }

    /// Ends of what is named that was stopped before this leaf; what was stopped since stays so.
    pub fn lift(&mut self, named: &Stops, before: u64) {
        for (leaf, stops) in &mut self.set {
            if !is_later(*leaf, before) {
                *stops = stops.without(named);
            }
        }
        self.gather();
    }

    /// Takes all stops as one leaf tells them, where leaves before it may be missing.
    pub fn told(&mut self, leaf: u64, added: &Stops, stops: &Stops) {
        let gone = self.stops.without(stops);
        self.lift(&gone, leaf);
        self.stop(leaf, added, stops);
    }

    fn loosen(&mut self, entry: &Entry, approved: &Loosening) -> Result<(), String> {
        let asked = approved.in_order(entry, self.asked.get(&approved.request))?;
        match &approved.change {
            Change::StopLift(named) => self.lift(named, asked),
            Change::WorkloadResume(resume) => {
                let name = resume.workload.as_str();
                if !self.is_paused_since(name, asked) {
                    self.paused.remove(name);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn puts_other_stops(&self, written: &Hash) -> Result<bool, String> {
        Ok(hash(&self.stops)? != *written)
    }

    /// A pause row says who is paused by what, or that nobody is: all but the latter restrict.
    fn puts_loose_pause(&mut self, leaf: u64, name: &str, written: &Hash) -> Result<bool, String> {
        if hash(&Pause::default())? == *written {
            return Ok(self.paused.contains_key(name));
        }
        self.paused.insert(name.to_owned(), leaf);
        Ok(false)
    }

    /// Everything that is stopped.
    #[must_use]
    pub const fn stops(&self) -> &Stops {
        &self.stops
    }

    /// What is stopped, by who said it last and when, as far as a leaf says who.
    pub fn stopped_by(&self) -> impl Iterator<Item = (&Stops, &StoppedBy, Timestamp)> {
        let each = self.set.iter();
        each.filter_map(|(leaf, stops)| {
            let (by, at) = self.by.get(leaf)?;
            Some((stops, by, *at))
        })
    }

    /// Whether somebody is paused.
    #[must_use]
    pub fn is_paused(&self, name: &str) -> bool {
        self.paused.contains_key(name)
    }

    /// Whether somebody was paused after this leaf, so that what was asked for with it does not resume them.
    #[must_use]
    pub fn is_paused_since(&self, name: &str, leaf: u64) -> bool {
        let paused = self.paused.get(name);
        paused.is_some_and(|paused| is_later(*paused, leaf))
    }

    /// What of these stops was set after this leaf, so that what was asked for with it does not lift them.
    #[must_use]
    pub fn stopped_since(&self, leaf: u64) -> Stops {
        let later = self.set.iter().filter(|(set, _)| is_later(**set, leaf));
        later.fold(Stops::default(), |all, (_, stops)| all.and(stops))
    }

    /// Whether all this is stopped, and nothing that is asked for could lift any of it: to say it again changes nothing.
    #[must_use]
    pub fn is_settled(&self, stops: &Stops) -> bool {
        let open = self.asked.open().map(|(_, asked)| asked.leaf);
        let last = open.max().unwrap_or_default();
        let settled = self.set.iter().filter(|(set, _)| **set >= last);
        let settled = settled.fold(Stops::default(), |all, (_, stops)| all.and(stops));
        settled.and(stops) == settled
    }

    /// The stops that hold, given what the row says.
    #[must_use]
    pub fn stops_with(&self, row: &Stops) -> Stops {
        row.and(&self.stops)
    }

    /// The pause that holds for somebody, given what the row says.
    #[must_use]
    pub fn pause_with(&self, name: &str, row: &Pause) -> Pause {
        let code = self.is_paused(name).then(|| "paused".to_owned());
        Pause {
            code: row.code.clone().or(code),
        }
    }

    /// Where the glass was broken lately, and what nobody has looked at yet.
    #[must_use]
    pub const fn openings(&self) -> &Openings {
        &self.openings
    }

    /// Takes in that somebody looked at an opening. Their signature was verified, under the directory before its leaf.
    ///
    /// # Errors
    /// When it does not count; nothing is changed then.
    pub fn post_reviewed(
        &mut self,
        review: &VerifiedPostReview,
        teams: &BTreeSet<TeamId>,
    ) -> Result<(), PostReviewError> {
        self.openings.reviewed(review, teams)
    }

    /// The rows that must be there as long as this holds.
    pub fn rows(&self) -> impl Iterator<Item = RowKey> {
        let stops = (self.stops != Stops::default()).then(|| RowKey::new(Table::Stops, &"main"));
        let paused = self.paused.keys();
        stops
            .into_iter()
            .chain(paused.map(|name| RowKey::new(Table::Workload, name)))
    }

    /// Whether a row says less than the leaves do; one that cannot be read says nothing.
    #[must_use]
    pub fn is_looser(&self, key: &RowKey, body: &[u8]) -> bool {
        match key.table {
            Table::Stops => {
                let row: Stops = canonical::from_canonical_bytes(body).unwrap_or_default();
                self.stops_with(&row) != row
            }
            Table::Workload => {
                let row: Pause = canonical::from_canonical_bytes(body).unwrap_or_default();
                self.pause_with(&key.id, &row) != row
            }
            _ => false,
        }
    }
}

/// The opening that a leaf tells of. It restricts, so nothing of it is verified here.
fn opening(entry: &Entry) -> Option<Opening> {
    let Event::BrokeGlass {
        glass,
        signers,
        incident,
        involved,
        post_review,
        review_by,
        ..
    } = &entry.event
    else {
        return None;
    };
    Some(Opening {
        request: entry.request?,
        glass: *glass,
        incident: incident.clone(),
        signers: signers.clone(),
        involved: involved.clone(),
        at: entry.at,
        post_review: post_review.clone(),
        review_by: *review_by,
        reviewed: BTreeMap::new(),
    })
}

/// Whether what was said at the one leaf is newer than what was asked for at the other.
fn is_later(said: u64, asked: u64) -> bool {
    guard!("loosening-older-only", said >= asked)
}

fn hash(value: &impl serde::Serialize) -> Result<Hash, String> {
    let bytes = canonical::to_bytes(value).map_err(|error| error.to_string())?;
    Ok(Hash::of(&bytes))
}

#[cfg(test)]
mod tests;
