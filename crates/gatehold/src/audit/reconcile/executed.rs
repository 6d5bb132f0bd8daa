//! What the gate itself did at a target: calls over HTTP, and statements under its own login, each under the name of its request. Whoever
//! has the gate's secret can do the same, and cannot say the name of a request that was executed just then and was not said before.

use gatehold_broker::Names;
use gatehold_core::ids::{RequestId, TargetId};
use gatehold_core::reconcile::{Calls, Covered, Hit};
use gatehold_core::time::Timestamp;

use super::Seen;

/// What a line is.
pub enum Executed {
    /// An execution.
    Granted,
    /// A question of the gate's, which no request is for.
    Question,
    /// It does not reach what the target guards.
    Elsewhere,
    /// No execution covers it, for this reason.
    Found(String),
    /// Nobody can tell, for this reason.
    Unknown(String),
    /// It is not the gate's, nor says that it is.
    NotOurs,
}

/// Compares lines with executions.
pub struct Executions<'a> {
    target: &'a TargetId,
    names: &'a Names,
    calls: Calls,
    apart: u32,
}

impl<'a> Executions<'a> {
    pub const fn new(target: &'a TargetId, names: &'a Names, calls: Calls, apart: u32) -> Self {
        Self {
            target,
            names,
            calls,
            apart,
        }
    }

    /// How many there were ever at the target.
    pub fn count(&self) -> usize {
        self.calls.count(self.target)
    }

    /// How many completed in this time and are not in the log. Only of HTTP: what a database logs is for its settings to say.
    pub fn missing(&self, from: Timestamp, to: Timestamp) -> usize {
        let (from, to) = (from.plus_seconds(self.apart), to.plus_seconds(0));
        match self.names.http {
            Some(_) => self.calls.missing(self.target, from, to),
            None => 0,
        }
    }

    /// What a line is.
    pub fn judge(&mut self, seen: &Seen) -> Executed {
        let names = self.names;
        if let Some(place) = &names.http {
            let prefix = |target: &TargetId| place.prefixes.get(target).map(String::as_str);
            return match self.named(seen, prefix) {
                Some(covered) => covered,
                None if !place.guards(&seen.place) => Executed::Elsewhere,
                None => Executed::NotOurs,
            };
        }
        let Some(targets) = names.executing.get(&seen.access.name) else {
            return Executed::NotOurs;
        };
        let here = |target: &TargetId| targets.contains(target).then_some("");
        if let Some(covered) = self.named(seen, here) {
            return covered;
        }
        if seen.asks {
            return Executed::Question;
        }
        Executed::Found(
            "it is under the gate's own login, and no execution is named: whoever did it has the gate's password. Change it".to_owned(),
        )
    }

    /// Of a line that names a request.
    fn named<'p>(
        &mut self,
        seen: &Seen,
        prefix: impl Fn(&TargetId) -> Option<&'p str>,
    ) -> Option<Executed> {
        let (named, at) = (seen.named.as_ref()?, seen.access.at?);
        let act = named.act.as_ref();
        let hit = Hit {
            name: &named.request,
            at,
            act: act.map(|(method, path)| (method.as_str(), path.as_str())),
            done: named.done,
            session: &seen.session,
        };
        Some(said(self.calls.judge(&hit, self.apart, prefix)))
    }
}

fn said(covered: Covered) -> Executed {
    let found = |request: RequestId, what: &str| {
        Executed::Found(format!(
            "it names {request}, {what}. Find out who has the target's secret, and change it"
        ))
    };
    match covered {
        Covered::Granted(_) => Executed::Granted,
        Covered::Nobody => Executed::Found(
            "it names a request, and this gate executed none of that name. Find out who forged it"
                .to_owned(),
        ),
        Covered::Another(request) => found(request, "which was executed at another target"),
        Covered::NotThen(request) => found(request, "which was executed at another time"),
        Covered::NotThis(request) => found(request, "which was approved for something else"),
        Covered::Again(request) => found(request, "which was executed once and stands here twice"),
        Covered::NotDone(request) => found(
            request,
            "of which the target told the gate that nothing was done",
        ),
        Covered::Erased(request) => Executed::Unknown(format!(
            "whether it is what was approved: the payload of {request} was erased"
        )),
    }
}
