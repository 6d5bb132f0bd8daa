//! What was handed out, and what is known of its end. A lease begins in the leaf that claims its execution, with the way to take
//! it away, and is gone only by a leaf that says that its target was asked.

use gatehold_core::action::Envelope;
use gatehold_core::entry::Event;
use gatehold_core::grant::GrantState;
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::lease::{Lease, LeaseEvent, OVERDUE_SECONDS, REKEYS_MAX, next};
use gatehold_core::requester::Requester;
use gatehold_core::time::Timestamp;

use super::{Checked, Fold, RequestFold, ensure, wrong};
use crate::finding::Code;
use crate::opened::Opened;

/// Why a lease ends that would not be let out now.
const POLICY_ENDS: [&str; 3] = ["forbidden", "held_again", "reviews_lost"];

/// One lease as its leaves give it.
#[derive(Debug, Clone)]
pub(crate) struct LeaseFold {
    /// Its request.
    pub(crate) of: RequestId,
    /// Where it stands.
    pub(crate) state: GrantState,
    /// When it ends whatever happens.
    pub(crate) not_after: Timestamp,
    /// Whether its target said that it was made.
    pub(crate) issued: bool,
    /// Since when it is to end, while it is not gone.
    pub(crate) ending: Option<Timestamp>,
    /// Whether that it is not gone in time was said.
    overdue: bool,
    /// How often it was begun to make its credential anew.
    pub(crate) rekeys: u32,
    /// Whether one of these is under way.
    rekeying: bool,
    /// What was asked for, and by whom, while it lives: of its request nothing is kept once that was executed.
    asked: Option<Box<(Envelope, Requester)>>,
}

impl Fold {
    /// The beginning: nothing of it exists yet, and it ends within the window that was approved.
    // INVARIANT(lease-in-window): compared with the limits in the same leaf.
    pub(super) fn lease_begins(&mut self, request: &RequestFold, leaf: &Opened) -> Checked {
        let Event::Claimed {
            grant,
            limits,
            lease: Some(lease),
            ..
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let untouched = Lease {
            issued_at: None,
            end: None,
            overdue: false,
            verified_at: None,
            returned: 0,
            rekeys: 0,
            rekeyed: 0,
            ..Lease::clone(lease)
        };
        ensure(
            **lease == untouched,
            Code::Record,
            "a credential is said to exist before it was claimed",
        )?;
        ensure(
            lease.recipe.check().is_ok(),
            Code::Record,
            "how the credential is taken away cannot be read",
        )?;
        ensure(
            lease.not_after <= limits.expires_at(leaf.entry.at),
            Code::Limits,
            "the credential ends after the window of the decision",
        )?;
        let first = self.handles.insert(lease.recipe.handle.clone());
        ensure(
            first,
            Code::Record,
            "another credential stands under the same name",
        )?;
        let fold = LeaseFold {
            of: request.id,
            state: GrantState::Active,
            not_after: lease.not_after,
            issued: false,
            ending: None,
            overdue: false,
            rekeys: 0,
            rekeying: false,
            asked: request
                .envelope
                .clone()
                .zip(request.requester().cloned())
                .map(Box::new),
        };
        self.leases.insert(*grant, fold);
        Ok(())
    }

    /// What became of it.
    // INVARIANT(revoked-is-verified): followed by the same machine, leaf by leaf.
    pub(super) fn leased(&mut self, leaf: &Opened) -> Checked {
        let Event::Lease {
            grant,
            of,
            what,
            code,
            human,
            trace,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        if self.subject.is_some_and(|subject| subject != *of) {
            return Ok(());
        }
        let key = format!("grant/{grant}");
        ensure(
            leaf.entry.rows.contains_key(&key),
            Code::Row,
            "something became of a lease, and its row does not say so",
        )?;
        if let Some(trace) = trace {
            self.check_trace(trace)?;
        }
        let rekeying = *what == LeaseEvent::Rekeying;
        let asked = rekeying || *what == LeaseEvent::Ended && human.is_none();
        ensure(
            trace.is_none() || asked,
            Code::Policy,
            "policy is said to have been asked, and is not why it ends",
        )?;
        ensure(
            trace.is_some() || !POLICY_ENDS.contains(&code.as_str()),
            Code::Policy,
            "it ends because policy was asked again, and what policy said is missing",
        )?;
        ensure(
            trace.is_some() || !rekeying,
            Code::Policy,
            "a credential is made anew, and what policy said of that is missing",
        )?;
        if rekeying || matches!(what, LeaseEvent::Issued | LeaseEvent::Rekeyed) {
            self.may_be_handed_over((grant, *of), leaf)?;
        }
        let at = leaf.entry.at;
        let Some(lease) = self.leases.get_mut(grant) else {
            return wrong(
                Code::Order,
                "no earlier leaf hands out a credential under this grant",
            );
        };
        ensure(
            lease.of == *of,
            Code::Record,
            "the credential was handed out for another request",
        )?;
        let Some(state) = next(lease.state, *what) else {
            return wrong(
                Code::Transition,
                format!(
                    "a lease that is {} is never {}",
                    lease.state.name(),
                    what.name()
                ),
            );
        };
        lease.step(*what, at)?;
        lease.state = state;
        Ok(())
    }

    /// Nobody is handed what was stopped, or lost its task or its key, while it was made.
    fn may_be_handed_over(&self, (grant, of): (&GrantId, RequestId), leaf: &Opened) -> Checked {
        if self.requests.get(&of).is_none_or(|request| request.broken) {
            return Ok(());
        }
        let asked = self
            .leases
            .get(grant)
            .and_then(|lease| lease.asked.as_deref());
        let Some((envelope, requester)) = asked else {
            return Ok(());
        };
        ensure(
            self.stop_reason(envelope, requester).is_none(),
            Code::Stop,
            "a credential was handed over although it was stopped",
        )?;
        ensure(
            !self.task_has_ended(envelope.task.as_ref()),
            Code::Task,
            "a credential was handed over although its task had ended",
        )?;
        let Some(directory) = self.directory() else {
            return Ok(());
        };
        ensure(
            requester.still_has_force(directory, leaf.entry.at),
            Code::Requester,
            "a credential was handed over to a key that had lost its force",
        )
    }

    /// The lease of a grant.
    pub(crate) fn lease(&self, grant: Option<&GrantId>) -> Option<&LeaseFold> {
        self.leases.get(grant?)
    }
}

impl LeaseFold {
    fn step(&mut self, what: LeaseEvent, at: Timestamp) -> Checked {
        match what {
            LeaseEvent::Issued => {
                ensure(!self.issued, Code::Order, "a credential was issued before")?;
                ensure(
                    at <= self.not_after,
                    Code::Deadline,
                    "a credential was issued after its end",
                )?;
                self.issued = true;
            }
            LeaseEvent::Rekeying => {
                ensure(
                    self.issued,
                    Code::Order,
                    "a credential is made anew that nobody was handed",
                )?;
                ensure(
                    self.rekeys < REKEYS_MAX,
                    Code::Limits,
                    "a credential was made anew more often than that is done",
                )?;
                ensure(
                    at <= self.not_after,
                    Code::Deadline,
                    "a credential is made anew after its end",
                )?;
                self.rekeys = self.rekeys.saturating_add(1);
                self.rekeying = true;
            }
            LeaseEvent::Rekeyed => {
                ensure(
                    self.rekeying,
                    Code::Order,
                    "a credential was handed over anew, and that was not begun before",
                )?;
                ensure(
                    at <= self.not_after,
                    Code::Deadline,
                    "a credential was handed over anew after its end",
                )?;
                self.rekeying = false;
            }
            LeaseEvent::Ended | LeaseEvent::Returned => {
                self.ending = Some(at);
                self.overdue = false;
                self.asked = None;
            }
            LeaseEvent::Overdue => {
                let due = self.ending.map(|since| since.plus_seconds(OVERDUE_SECONDS));
                ensure(
                    due.is_some_and(|due| at >= due),
                    Code::Deadline,
                    "it is called overdue before its time",
                )?;
                ensure(
                    !self.overdue,
                    Code::Order,
                    "that it is overdue was said before",
                )?;
                self.overdue = true;
            }
            LeaseEvent::Verified => self.ending = None,
        }
        Ok(())
    }
}
