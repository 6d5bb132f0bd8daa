//! A change of the gate in words: what it does to what there is now. The payload says what is to be; who comes, who goes and
//! what is meant stands in the gate's own books, and whoever decides must not have to look it up.

mod parts;

use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::directory::Directory;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::ids::RequestId;
use gatehold_core::request::RequestRecord;
use gatehold_core::stops::Stops;
use gatehold_core::trust::change::RecordErase;
use gatehold_core::trust::{Change, GATE_TARGET};
use gatehold_policy::Bundle;

use crate::believed::record_opens;
use crate::error::GateError;
use crate::gate::{Active, Gate};

/// What is said of a change that is none.
pub const UNREADABLE_CHANGE: &str = "it cannot be read, and would not be applied";

impl Gate {
    /// What a held change of the gate would do, a line each; nothing for any other request.
    ///
    /// # Errors
    /// When the store does not answer or is damaged.
    pub async fn change_in_words(&self, record: &RequestRecord) -> Result<Vec<String>, GateError> {
        if record.envelope.target.as_str() != GATE_TARGET || record.state.is_terminal() {
            return Ok(Vec::new());
        }
        let stored = self.request(record.id).await?;
        let action = Self::action(&stored.record, &self.submission(&stored).await?)?;
        let active = self.current().await?;
        self.in_words(record.id, &action, &active).await
    }

    /// The same for an action that is at hand.
    pub(crate) async fn in_words(
        &self,
        request: RequestId,
        action: &Action,
        active: &Active,
    ) -> Result<Vec<String>, GateError> {
        if action.envelope().target.as_str() != GATE_TARGET {
            return Ok(Vec::new());
        }
        let Ok(change) = Change::of(action) else {
            return Ok(vec![UNREADABLE_CHANGE.to_owned()]);
        };
        let own = change_in_words(
            &change,
            action.payload(),
            &active.directory,
            Some(active.bundle.as_ref()),
        );
        Ok(match &change {
            Change::BundleActivate(_)
            | Change::HumanEnrol(_)
            | Change::NhiCreate(_)
            | Change::PointEnrol(_)
            | Change::TeamSet(_)
            | Change::ConfigChange(_)
            | Change::GlassEnrol(_) => own.unwrap_or_default(),
            Change::StopLift(lift) => {
                let since = self.asked(&request).await?;
                let since = since.map(|(read, asked)| read.restraints.stopped_since(asked));
                let now = self.stops_now().await?.value;
                stops(lift, &now, &since.unwrap_or_default())
            }
            Change::WorkloadResume(resume) => {
                let name = resume.workload.as_str();
                let asked = self.asked(&request).await?;
                let since =
                    asked.is_some_and(|(read, asked)| read.restraints.is_paused_since(name, asked));
                let why = self.pause_now(name).await?.value.code;
                vec![match why {
                    Some(code) if since => format!(
                        "{name} was paused ({}) after this was asked for, and stays so: ask again",
                        in_prose(&code)
                    ),
                    Some(code) => {
                        format!("{name} is paused ({}) and may ask again", in_prose(&code))
                    }
                    None => format!("{name} is not paused: nothing would change"),
                }]
            }
            Change::RecordErase(erase) => self.erased_in_words(erase).await?,
        })
    }

    /// The leaves as far as they can be read, and with which of them something was asked to be loosened.
    async fn asked(&self, request: &RequestId) -> Result<Option<(Arc<Active>, u64)>, GateError> {
        let read = self.read_on().await?;
        let asked = read.restraints.asked_at(request);
        Ok(asked.map(|asked| (read, asked)))
    }

    /// Of what an erasure takes a part: the record's own request or task, and not its number alone.
    async fn erased_in_words(&self, erase: &RecordErase) -> Result<Vec<String>, GateError> {
        let names: Vec<String> = erase.names().map(|name| format!("`{name}`")).collect();
        let mut lines = vec![format!(
            "the bytes of {} in leaf {} go for ever; every proof stays",
            names.join(" and "),
            erase.leaf
        )];
        let leaf = self.store().leaves(erase.leaf, 1, false).await?;
        let Some(leaf) = leaf.into_iter().find(|leaf| leaf.index == erase.leaf) else {
            lines.push("there is no such leaf".to_owned());
            return Ok(lines);
        };
        let opens = record_opens(&leaf.leaf, &leaf.salt, &leaf.record);
        let entry = Entry::from_bytes(&leaf.record).ok().filter(|_| opens);
        let Some(entry) = entry else {
            lines.push("its record does not open: somebody changed the database".to_owned());
            return Ok(lines);
        };
        if let Some(id) = entry.request {
            let of = self.request(id).await?.record;
            lines.push(format!(
                "it is about {id}, asked for by {} at {}: {}",
                of.requester.name(),
                of.submitted_at,
                of.sentence
            ));
            lines.push(format!(
                "{} on {}, {}; it is {} now",
                of.envelope.descriptor.id,
                of.envelope.target,
                of.envelope.resource,
                of.state.name()
            ));
        }
        match &entry.event {
            Event::Task {
                task,
                what,
                requester,
                ..
            } => lines.push(format!("it says that {requester} {what} the task {task}")),
            Event::Refused { .. } => lines.push("it says that calls were refused".to_owned()),
            Event::Corrected {
                of, leaf, human, ..
            } => lines.push(format!(
                "it says that {human} corrected leaf {leaf} of {of}"
            )),
            Event::Tampered { .. } => {
                lines.push("it says that somebody changed the database".to_owned());
            }
            _ => {}
        }
        Ok(lines)
    }
}

/// What a change does to what people gave force, a line each. Nothing is given of one that only the gate's books can tell, nor of a
/// bundle where the one that decides now is not at hand. The terminal makes the same call under the root that it pinned.
#[must_use]
pub fn change_in_words(
    change: &Change,
    payload: &[u8],
    now: &Directory,
    decides: Option<&Bundle>,
) -> Option<Vec<String>> {
    Some(match change {
        Change::BundleActivate(hash) => {
            let before = now.bundle;
            let mut lines = vec![format!(
                "the bundle {hash} is to decide instead of {before}"
            )];
            lines.extend(bundle(decides?, payload));
            lines
        }
        Change::HumanEnrol(enrol) => parts::human(enrol, now),
        Change::NhiCreate(create) => parts::workload(create, now),
        Change::PointEnrol(point) => parts::point(point, now),
        Change::TeamSet(set) => parts::team(set, now),
        Change::ConfigChange(change) => parts::consoles(&change.consoles, now),
        Change::GlassEnrol(enrol) => parts::offline_key(enrol, now),
        Change::StopLift(_) | Change::WorkloadResume(_) | Change::RecordErase(_) => return None,
    })
}

/// What differs from the bundle that decides now.
fn bundle(now: &Bundle, payload: &[u8]) -> Vec<String> {
    match Bundle::from_bytes(payload) {
        Ok(new) => {
            let mut lines = vec![format!(
                "it is `{}` version {}; `{}` version {} decides now",
                new.header().name,
                new.header().version,
                now.header().name,
                now.header().version
            )];
            lines.extend(gatehold_policy::difference::lines(now, &new));
            lines
        }
        Err(problems) => vec![format!(
            "it is no sound bundle and is never applied: {}",
            problems
                .first()
                .map_or_else(String::new, ToString::to_string)
        )],
    }
}

/// What is lifted, what is named and not stopped, and what stays stopped.
fn stops(lift: &Stops, now: &Stops, since: &Stops) -> Vec<String> {
    let newer = now.without(&now.without(since));
    let left = now.without(lift).without(&newer);
    let lifted = now.without(&left).without(&newer);
    let idle = lift.without(now);
    let mut lines = Vec::new();
    for (word, stops) in [
        ("goes on", lifted),
        ("named, but not stopped", idle),
        ("stays stopped", left),
        ("stopped after this was asked for, so it stays", newer),
    ] {
        let names = names(&stops);
        if !names.is_empty() {
            lines.push(format!("{word}: {}", names.join(", ")));
        }
    }
    lines
}

fn names(stops: &Stops) -> Vec<String> {
    let mut names = Vec::new();
    if stops.everything {
        names.push("everything (the lockdown)".to_owned());
    }
    names.extend(
        stops
            .workloads
            .iter()
            .map(|name| format!("workload {name}")),
    );
    names.extend(stops.tasks.iter().map(|task| format!("task {task}")));
    names.extend(stops.targets.iter().map(|name| format!("target {name}")));
    names.extend(
        stops
            .resources
            .iter()
            .map(|name| format!("resource {name}")),
    );
    names
}

/// A stable code as people say it.
fn in_prose(code: &str) -> String {
    match code {
        "too_many_holds" => "it had too many requests held at once".to_owned(),
        "suspicious" => "a reviewer reported it as suspicious".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lift_says_what_goes_on_and_what_does_not() {
        let of = |workloads: &[&str], everything| Stops {
            everything,
            workloads: workloads.iter().map(|name| name.parse().unwrap()).collect(),
            ..Stops::default()
        };
        assert_eq!(
            stops(
                &of(&["a", "b"], true),
                &of(&["b", "c"], true),
                &Stops::default()
            ),
            [
                "goes on: everything (the lockdown), workload b",
                "named, but not stopped: workload a",
                "stays stopped: workload c"
            ]
        );
        // What was said after it was asked for.
        assert_eq!(
            stops(&of(&["b"], true), &of(&["b", "c"], true), &of(&["c"], true)),
            [
                "goes on: workload b",
                "stopped after this was asked for, so it stays: everything (the lockdown), workload c"
            ]
        );
    }
}
