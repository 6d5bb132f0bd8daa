//! What people approved to be lifted or resumed: verified by its evidence, and applied in its order and time.

use super::asks::Asked;
use crate::directory::Directory;
use crate::entry::{Entry, Event};
use crate::ids::RequestId;
use crate::request::State;
use crate::trust::{Change, Evidence, TrustError};

/// The changes that loosen, by what their leaves call them.
const LOOSENING: [&str; 2] = ["stop.lift", "workload.resume"];

/// Something that people approved to be lifted or resumed; its evidence was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosening {
    pub(super) request: RequestId,
    pub(super) change: Change,
}

impl Loosening {
    /// Verifies the evidence of a leaf under the directory before it.
    ///
    /// # Errors
    /// [`TrustError`] when it is not what the leaf names, people did not approve it, or its time was over.
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
        // What people signed names the last time.
        if guard!("loosening-in-time", entry.at > executed.record.spend_by) {
            return Err(contradiction("it was applied after its time"));
        }
        Ok(Self {
            request: executed.record.id,
            change: executed.change()?,
        })
    }

    /// The leaf with which it was asked for, if its request still lived, was approved, and is what the leaf completes.
    pub(super) fn in_order(&self, entry: &Entry, asked: Option<&Asked>) -> Result<u64, String> {
        let request = self.request;
        let Some(asked) = asked else {
            return Err(format!("{request} was never asked for"));
        };
        let own = entry.request == Some(request)
            && entry.from == Some(State::Redeemable)
            && entry.to == Some(State::Completed);
        if guard!(
            "loosening-in-order",
            asked.state != State::Redeemable || !own
        ) {
            return Err(match asked.state {
                State::Completed => {
                    format!("{request} has loosened before, and does so once")
                }
                state => format!(
                    "{request} is {} by its leaves, and only what is approved is applied, once",
                    state.name()
                ),
            });
        }
        Ok(asked.leaf)
    }
}

/// Whether an entry says that it loosens something, so that its evidence has to be looked at.
#[must_use]
pub fn says_it_loosens(entry: &Entry) -> bool {
    matches!(&entry.event, Event::Trust { what, .. } if LOOSENING.contains(&what.as_str()))
}

/// The changes that loosen.
pub(super) fn loosens() -> impl Iterator<Item = &'static str> {
    LOOSENING.into_iter()
}
