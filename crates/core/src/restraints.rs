//! What is stopped and who is paused, as the leaves give it. A row that says less has no force.
//!
//! What restricts is taken from any leaf. What loosens is taken only from a leaf whose evidence was verified, and each
//! approval loosens once: so whoever can append a leaf past the gate can stop, and cannot go on.

use std::collections::BTreeSet;

use crate::commit::{RowKey, Table};
use crate::decide::Pause;
use crate::directory::Directory;
use crate::entry::{Entry, Event};
use crate::hash::Hash;
use crate::ids::RequestId;
use crate::json::canonical;
use crate::stops::Stops;
use crate::trust::{Change, Evidence, TrustError};

/// The changes that loosen, by what their leaves call them.
const LOOSENING: [&str; 2] = ["stop.lift", "workload.resume"];

/// Everything that restricts, folded from leaves.
// INVARIANT(restraint-outlives-row): only an approval that verifies takes something out of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restraints {
    /// Everything that is stopped.
    pub stops: Stops,
    /// Who is paused, by name.
    pub paused: BTreeSet<String>,
    /// Approvals that have loosened: none does so twice.
    spent: BTreeSet<RequestId>,
}

/// Something that people approved to be lifted or resumed; its evidence was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosening {
    request: RequestId,
    change: Change,
}

impl Loosening {
    /// Verifies the evidence of a leaf under the directory before it.
    ///
    /// # Errors
    /// [`TrustError`] when it is not what the leaf names, or people did not approve it.
    pub fn verify(
        entry: &Entry,
        evidence: &Evidence,
        before: &Directory,
    ) -> Result<Self, TrustError> {
        let contradiction = |what: &str| TrustError::Contradiction(what.to_owned());
        let Event::Trust {
            evidence: named, ..
        } = &entry.event
        else {
            return Err(contradiction("the leaf carries no evidence"));
        };
        if guard!("loosening-evidence-named", evidence.hash()? != *named) {
            return Err(contradiction("the evidence is not the one the leaf names"));
        }
        let Evidence::Executed(executed) = evidence else {
            return Err(contradiction("nobody asked for it"));
        };
        if let Err(error) = executed.check(before)
            && guard!("loosening-approved", true)
        {
            return Err(error);
        }
        Ok(Self {
            request: executed.record.id,
            change: executed.change()?,
        })
    }
}

/// Whether an entry says that it loosens something, so that its evidence has to be looked at.
#[must_use]
pub fn says_it_loosens(entry: &Entry) -> bool {
    matches!(&entry.event, Event::Trust { what, .. } if LOOSENING.contains(&what.as_str()))
}

/// Whether a record may restrict or loosen. Most do neither, and to read each of them would make every start slow.
#[must_use]
pub fn may_concern(record: &[u8]) -> bool {
    let text = core::str::from_utf8(record).unwrap_or_default();
    text.contains("\"stops/") || text.contains("\"workload/") || text.contains("\"paused\"")
}

impl Restraints {
    /// Takes in the next leaf, with what people approved if that verified. What restricts counts, whatever else is wrong.
    ///
    /// # Errors
    /// When the leaf puts another row than all leaves together amount to: somebody wrote it past the gate.
    pub fn add(&mut self, entry: &Entry, approved: Option<&Loosening>) -> Result<(), String> {
        let mut said = approved.map_or(Ok(()), |approved| self.loosen(approved));
        match &entry.event {
            Event::Stops { stops, .. } => self.stops = self.stops.and(stops),
            Event::Paused { workload, .. } => {
                self.paused.insert(workload.clone());
            }
            _ => {}
        }
        for (key, written) in &entry.rows {
            let other = match key.split_once('/') {
                Some(("stops", _)) => self.puts_other_stops(written)?,
                Some(("workload", name)) => self.puts_loose_pause(name, written)?,
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

    fn loosen(&mut self, approved: &Loosening) -> Result<(), String> {
        let again = !self.spent.insert(approved.request);
        if guard!("loosening-once", again) {
            let request = approved.request;
            return Err(format!("{request} has loosened before, and does so once"));
        }
        match &approved.change {
            Change::StopLift(lifted) => self.stops = self.stops.without(lifted),
            Change::WorkloadResume(resume) => {
                self.paused.remove(resume.workload.as_str());
            }
            _ => {}
        }
        Ok(())
    }

    fn puts_other_stops(&self, written: &Hash) -> Result<bool, String> {
        Ok(hash(&self.stops)? != *written)
    }

    /// A pause row says who is paused by what, or that nobody is: all but the latter restrict.
    fn puts_loose_pause(&mut self, name: &str, written: &Hash) -> Result<bool, String> {
        if hash(&Pause::default())? == *written {
            return Ok(self.paused.contains(name));
        }
        self.paused.insert(name.to_owned());
        Ok(false)
    }

    /// The stops that hold, given what the row says.
    #[must_use]
    pub fn stops_with(&self, row: &Stops) -> Stops {
        row.and(&self.stops)
    }

    /// The pause that holds for somebody, given what the row says.
    #[must_use]
    pub fn pause_with(&self, name: &str, row: &Pause) -> Pause {
        let code = self.paused.contains(name).then(|| "paused".to_owned());
        Pause {
            code: row.code.clone().or(code),
        }
    }

    /// The rows that must be there as long as this holds.
    pub fn rows(&self) -> impl Iterator<Item = RowKey> {
        let stops = (self.stops != Stops::default()).then(|| RowKey::new(Table::Stops, &"main"));
        let paused = self.paused.iter();
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

fn hash(value: &impl serde::Serialize) -> Result<Hash, String> {
    let bytes = canonical::to_bytes(value).map_err(|error| error.to_string())?;
    Ok(Hash::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn entry(event: Event, rows: &[(&str, Hash)]) -> Entry {
        Entry {
            at: Timestamp::from_millis(1),
            request: None,
            version: 0,
            from: None,
            to: None,
            row: None,
            rows: rows
                .iter()
                .map(|(key, hash)| ((*key).to_owned(), *hash))
                .collect(),
            event,
            attachments: [].into(),
        }
    }

    fn refused() -> Event {
        Event::Refused {
            principal: Hash::of(b"x"),
            code: "unknown_principal".to_owned(),
            count: 1,
        }
    }

    fn stopped(target: &str) -> Stops {
        Stops {
            targets: [target.parse().unwrap()].into(),
            ..Stops::default()
        }
    }

    #[test]
    fn any_leaf_restricts_and_only_an_approved_change_loosens_once() {
        let mut held = Restraints::default();
        let by: crate::ids::HumanId = "ann@https://people.example".parse().unwrap();
        let stop = |stops: Stops| {
            let rows = [("stops/main", hash(&stops).unwrap())];
            entry(
                Event::Stops {
                    human: by.clone(),
                    stops,
                },
                &rows,
            )
        };
        let set = stop(stopped("crm"));
        assert_eq!(held.add(&set, None), Ok(()));
        assert_eq!(held.stops, stopped("crm"));
        // A row that says less, by whatever leaf.
        let free = hash(&Stops::default()).unwrap();
        let forged = entry(refused(), &[("stops/main", free)]);
        assert!(held.add(&forged, None).is_err());
        assert_eq!(held.stops, stopped("crm"));
        // A pause comes with any row that is not free; one that is free takes none away.
        let paused = entry(refused(), &[("workload/bot", Hash::of(b"anything"))]);
        assert_eq!(held.add(&paused, None), Ok(()));
        let go = hash(&Pause::default()).unwrap();
        assert!(
            held.add(&entry(refused(), &[("workload/bot", go)]), None)
                .is_err()
        );
        assert!(
            held.pause_with("bot", &Pause::default()).code.is_some()
                && held.pause_with("other", &Pause::default()).code.is_none()
        );
        // Approved: once.
        let lift = Loosening {
            request: RequestId::from_bytes([1; 16]),
            change: Change::StopLift(stopped("crm")),
        };
        let lifted = entry(refused(), &[("stops/main", free)]);
        assert_eq!(held.add(&lifted, Some(&lift)), Ok(()));
        assert_eq!(held.stops, Stops::default());
        assert_eq!(held.add(&set, None), Ok(()));
        assert!(held.add(&lifted, Some(&lift)).is_err());
        assert_eq!(held.stops, stopped("crm"));
        // What such a leaf restricts counts all the same.
        let more = entry(refused(), &[("workload/late", Hash::of(b"anything"))]);
        let again = held.add(&more, Some(&lift));
        assert!(again.unwrap_err().contains("does so once"));
        assert!(held.paused.contains("late"));
    }
}
