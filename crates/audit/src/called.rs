//! What was executed, gathered from the leaves of a ledger: where, when, and of a call over HTTP what it does.
//!
//! As with what was handed out, none of this is to be believed before the verifier has said of the same leaves that they are sound.

use std::collections::BTreeMap;

use gatehold_core::action::Envelope;
use gatehold_core::entry::Event;
use gatehold_core::ids::{RequestId, TargetId};
use gatehold_core::json::canonical;
use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;
use gatehold_core::reconcile::{Act, Called, Stood};

use crate::leaf::LedgerLeaf;
use crate::opened::{Expect, Opened};

/// Gathers them leaf by leaf.
#[derive(Debug, Default)]
pub struct CalledCollector {
    asked: BTreeMap<RequestId, (TargetId, Option<Act>)>,
    called: BTreeMap<RequestId, Called>,
}

impl CalledCollector {
    /// Reads the next leaf. One that does not open tells nothing.
    pub fn leaf(&mut self, leaf: &LedgerLeaf) {
        let Ok(opened) = Opened::of(leaf, Expect::Selection) else {
            return;
        };
        let Some(request) = opened.entry.request else {
            return;
        };
        let at = opened.entry.at;
        match &opened.entry.event {
            Event::Submitted { .. } => {
                let envelope = opened.bytes("envelope");
                let envelope = envelope.and_then(|bytes| canonical::from_bytes(bytes).ok());
                let Some(envelope): Option<Envelope> = envelope else {
                    return;
                };
                let act = opened.bytes("payload").and_then(act);
                self.asked.entry(request).or_insert((envelope.target, act));
            }
            Event::Claimed { lease: None, .. } => {
                if let Some((target, act)) = self.asked.remove(&request) {
                    let stood = Stood {
                        from: at,
                        until: None,
                    };
                    let called = Called {
                        request,
                        target,
                        act,
                        stood,
                        ended: None,
                    };
                    self.called.entry(request).or_insert(called);
                }
            }
            Event::Executed { .. } => {
                if let Some(called) = self.called.get_mut(&request) {
                    called.stood.until = called.stood.until.or(Some(at));
                    called.ended = called.ended.or(opened.entry.to);
                }
            }
            // What will not be executed is not kept.
            Event::Closed { .. } => {
                self.asked.remove(&request);
            }
            _ => {}
        }
    }

    /// All of them.
    #[must_use]
    pub fn finish(self) -> Vec<Called> {
        self.called.into_values().collect()
    }
}

/// Method and path of a payload that is a call over HTTP.
fn act(payload: &[u8]) -> Option<Act> {
    let json = payload::parse(payload, &Limits::PAYLOAD).ok()?;
    let text = |pointer| json.pointer(pointer).and_then(Json::as_str);
    Some(Act {
        method: text("/method")?.to_owned(),
        path: text("/path")?.to_owned(),
    })
}
