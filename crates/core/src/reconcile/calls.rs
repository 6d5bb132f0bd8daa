//! Compares what a target logged with what the gate executed there. A call names its request at the target; whoever saw that name can
//! say it again, so it counts once, at its time, for its own act and nowhere else.

use std::collections::BTreeMap;

use crate::ids::{RequestId, TargetId};
use crate::request::State;
use crate::time::Timestamp;

use super::{Stood, within};

/// What a call over HTTP does, as it was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Its method.
    pub method: String,
    /// Its path, without what the target's configuration puts before it and without its query.
    pub path: String,
}

/// An execution, as its leaves tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Of which request.
    pub request: RequestId,
    /// Where.
    pub target: TargetId,
    /// What it does there, where it is a call over HTTP whose payload is still here.
    pub act: Option<Act>,
    /// From its claim to what came of it; without an end while nobody knows that.
    pub stood: Stood,
    /// What came of it.
    pub ended: Option<State>,
}

/// A line of a log that names a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<'a> {
    /// What stands where the name of a request does.
    pub name: &'a str,
    /// When.
    pub at: Timestamp,
    /// Method and path, of a call over HTTP.
    pub act: Option<(&'a str, &'a str)>,
    /// Whether the target says that it did it.
    pub done: bool,
    /// What lines of one connection or call have in common.
    pub session: &'a str,
}

/// What such a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// The execution of this request.
    Granted(RequestId),
    /// This gate executed nothing of that name.
    Nobody,
    /// It was executed at another target.
    Another(RequestId),
    /// It was executed at another time.
    NotThen(RequestId),
    /// It was executed, and was something else.
    NotThis(RequestId),
    /// It was executed, and this is not the first time that its name is said.
    Again(RequestId),
    /// The target told the gate that nothing was done.
    NotDone(RequestId),
    /// What was executed was erased, so nobody can tell whether this is it.
    Erased(RequestId),
}

/// Everything that was executed.
#[derive(Debug, Default)]
pub struct Calls {
    all: BTreeMap<RequestId, Called>,
    /// Who said the name of each first.
    said: BTreeMap<RequestId, String>,
}

impl Calls {
    /// A request is executed once.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = Called>) -> Self {
        let mut calls = BTreeMap::new();
        for one in all {
            calls.entry(one.request).or_insert(one);
        }
        Self {
            all: calls,
            said: BTreeMap::new(),
        }
    }

    /// How many there are at a target.
    #[must_use]
    pub fn count(&self, target: &TargetId) -> usize {
        let there = |one: &&Called| one.target == *target;
        self.all.values().filter(there).count()
    }

    /// What a line is. `prefix` is what stands before the paths of a target whose calls this log has; nothing for any other target. Of an
    /// execution that did not call over HTTP that is nothing to compare.
    pub fn judge<'p>(
        &mut self,
        hit: &Hit<'_>,
        apart_seconds: u32,
        prefix: impl Fn(&TargetId) -> Option<&'p str>,
    ) -> Covered {
        let named = hit.name.parse::<RequestId>().ok();
        let Some(called) = named.and_then(|request| self.all.get(&request)) else {
            return Covered::Nobody;
        };
        let request = called.request;
        let Some(prefix) = prefix(&called.target) else {
            return Covered::Another(request);
        };
        let in_time = within(hit.at, called.stood, apart_seconds);
        if guard!("reconcile-call-time", !in_time) {
            return Covered::NotThen(request);
        }
        if let Some((method, path)) = hit.act {
            let Some(act) = &called.act else {
                return Covered::Erased(request);
            };
            let same = act.method == method && path.strip_prefix(prefix) == Some(&act.path);
            if guard!("reconcile-call-act", !same) {
                return Covered::NotThis(request);
            }
        }
        let first = self
            .said
            .entry(request)
            .or_insert_with(|| hit.session.to_owned());
        if guard!("reconcile-call-once", first != hit.session) {
            return Covered::Again(request);
        }
        let not_done = hit.done && called.ended == Some(State::Failed);
        if guard!("reconcile-call-done", not_done) {
            return Covered::NotDone(request);
        }
        Covered::Granted(request)
    }

    /// How many executions at a target completed between these times, and are not in the log.
    #[must_use]
    pub fn missing(&self, target: &TargetId, from: Timestamp, to: Timestamp) -> usize {
        let missing = |one: &&Called| {
            let ended = one.stood.until.is_some_and(|until| until <= to);
            let completed = one.ended == Some(State::Completed);
            let there = one.target == *target && one.stood.from >= from;
            there && ended && completed && !self.said.contains_key(&one.request)
        };
        self.all.values().filter(missing).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn called(number: u8, target: &str) -> Called {
        Called {
            request: RequestId::from_bytes([number; 16]),
            target: target.parse().unwrap(),
            act: Some(Act {
                method: "POST".to_owned(),
                path: "/v1/orders".to_owned(),
            }),
            stood: Stood {
                from: at(100),
                until: Some(at(102)),
            },
            ended: Some(State::Completed),
        }
    }

    const SHOP: &str = "http:shop";

    /// What a line is, of a POST at 101 that was done.
    fn judged<'a>(calls: &mut Calls, change: impl FnOnce(&mut Hit<'a>)) -> Covered {
        let mut hit = Hit {
            name: "req_01010101010101010101010101010101",
            at: at(101),
            act: Some(("POST", "/api/v1/orders")),
            done: true,
            session: "1",
        };
        change(&mut hit);
        let place = |target: &TargetId| (target.as_str() == SHOP).then_some("/api");
        calls.judge(&hit, 5, place)
    }

    fn calls() -> Calls {
        Calls::new([called(1, SHOP), called(2, "http:other")])
    }

    #[test]
    fn m023_a_call_is_granted_at_its_time() {
        let request = RequestId::from_bytes([1; 16]);
        for (when, granted) in [(94, false), (95, true), (107, true), (108, false)] {
            let wanted = if granted {
                Covered::Granted(request)
            } else {
                Covered::NotThen(request)
            };
            let found = judged(&mut calls(), |hit| hit.at = at(when));
            assert_eq!(found, wanted, "{when}");
        }
        // Nobody knows yet what came of it.
        let mut running = called(1, SHOP);
        (running.stood.until, running.ended) = (None, None);
        let found = judged(&mut Calls::new([running]), |hit| hit.at = at(1_000));
        assert_eq!(found, Covered::Granted(request));
    }

    #[test]
    fn m023_a_call_is_granted_for_its_own_act() {
        let request = RequestId::from_bytes([1; 16]);
        for other in [
            ("GET", "/api/v1/orders"),
            ("POST", "/v1/orders"),
            ("POST", "/api/v1/orders/7"),
            ("POST", "/api/v1/order"),
            ("post", "/api/v1/orders"),
        ] {
            let found = judged(&mut calls(), |hit| hit.act = Some(other));
            assert_eq!(found, Covered::NotThis(request), "{other:?}");
        }
        let mut erased = called(1, SHOP);
        erased.act = None;
        let mut erased = Calls::new([erased]);
        assert_eq!(judged(&mut erased, |_| ()), Covered::Erased(request));
        // A statement of SQL has nothing of HTTP to compare.
        assert_eq!(
            judged(&mut erased, |hit| hit.act = None),
            Covered::Granted(request)
        );
    }

    #[test]
    fn m023_a_name_that_is_said_again_covers_nothing() {
        let request = RequestId::from_bytes([1; 16]);
        let mut calls = calls();
        for (session, wanted) in [
            ("1", Covered::Granted(request)),
            ("1", Covered::Granted(request)),
            ("2", Covered::Again(request)),
        ] {
            let found = judged(&mut calls, |hit| hit.session = session);
            assert_eq!(found, wanted, "{session}");
        }
    }

    #[test]
    fn m023_what_the_gate_was_told_was_not_done_was_done_by_somebody() {
        let request = RequestId::from_bytes([1; 16]);
        let mut failed = called(1, SHOP);
        failed.ended = Some(State::Failed);
        let mut calls = Calls::new([failed]);
        assert_eq!(judged(&mut calls, |_| ()), Covered::NotDone(request));
        assert_eq!(
            judged(&mut calls, |hit| hit.done = false),
            Covered::Granted(request)
        );
    }

    #[test]
    fn m023_a_forged_name_and_one_of_another_target_cover_nothing() {
        let mut calls = calls();
        let other = RequestId::from_bytes([2; 16]);
        let text = other.to_string();
        let found = judged(&mut calls, |hit| {
            hit.name = &text;
        });
        assert_eq!(found, Covered::Another(other));
        let unknown = RequestId::from_bytes([9; 16]).to_string();
        for name in ["", "-", "req_", unknown.as_str(), "req_\u{0}"] {
            let found = judged(&mut calls, |hit| hit.name = name);
            assert_eq!(found, Covered::Nobody, "{name}");
        }
    }

    #[test]
    fn m023_an_execution_that_the_log_does_not_have_is_missed() {
        let (mut calls, shop) = (calls(), SHOP.parse().unwrap());
        assert_eq!(calls.count(&shop), 1);
        assert_eq!(calls.missing(&shop, at(100), at(102)), 1);
        assert_eq!(calls.missing(&shop, at(101), at(200)), 0, "it began before");
        assert_eq!(calls.missing(&shop, at(0), at(101)), 0, "it ended after");
        judged(&mut calls, |_| ());
        assert_eq!(calls.missing(&shop, at(0), at(200)), 0);
    }
}
