//! What was handed out, gathered from the leaves of a ledger: names of credentials, and when each stood at its target.
//!
//! It opens each leaf and follows nothing. Whether the ledger is sound is the verifier's to say, over the same leaves; before it does, none
//! of this is to be believed.

use std::collections::BTreeMap;

use gatehold_core::entry::Event;
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::lease::LeaseEvent;
use gatehold_core::reconcile::{Handed, Stood};
use gatehold_core::time::Timestamp;

use crate::leaf::LedgerLeaf;
use crate::opened::{Expect, Opened};

/// Gathers them leaf by leaf.
#[derive(Debug, Default)]
pub struct HandedCollector(BTreeMap<GrantId, Handed>);

impl HandedCollector {
    /// Reads the next leaf. One that does not open tells nothing.
    pub fn leaf(&mut self, leaf: &LedgerLeaf) {
        let Ok(opened) = Opened::of(leaf, Expect::Selection) else {
            return;
        };
        let at = opened.entry.at;
        match &opened.entry.event {
            Event::Claimed {
                grant,
                lease: Some(lease),
                ..
            } => {
                let Some(request) = opened.entry.request else {
                    return;
                };
                let handed = Handed {
                    grant: *grant,
                    request,
                    target: lease.target.clone(),
                    handle: lease.recipe.handle.clone(),
                    authority: lease.recipe.parts.get("authority").cloned(),
                    not_after: lease.not_after,
                    stood: vec![Stood {
                        from: at,
                        until: None,
                    }],
                };
                self.0.entry(*grant).or_insert(handed);
            }
            Event::Lease {
                grant, of, what, ..
            } => self.became(*grant, *of, *what, at),
            _ => {}
        }
    }

    fn became(&mut self, grant: GrantId, of: RequestId, what: LeaseEvent, at: Timestamp) {
        let handed = self.0.get_mut(&grant);
        let Some(handed) = handed.filter(|handed| handed.request == of) else {
            return;
        };
        match what {
            LeaseEvent::Verified => {
                if let Some(stood) = handed.stood.last_mut() {
                    stood.until = stood.until.or(Some(at));
                }
            }
            LeaseEvent::Returned => handed.stood.push(Stood {
                from: at,
                until: None,
            }),
            // It is the same credential of the same name.
            LeaseEvent::Issued
            | LeaseEvent::Rekeying
            | LeaseEvent::Rekeyed
            | LeaseEvent::Ended
            | LeaseEvent::Overdue => {}
        }
    }

    /// All of them.
    #[must_use]
    pub fn finish(self) -> Vec<Handed> {
        self.0.into_values().collect()
    }
}
