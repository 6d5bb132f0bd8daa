//! Refusals of authenticated principals, counted per principal, code and minute, and written as leaves by the tick: a
//! flood of bad calls costs one leaf a minute, and none is lost to the record.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use gatehold_core::commit::{LeafDraft, LeafKind, Write};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;

/// Most different (principal, code) pairs remembered between two ticks.
const PAIRS_MAX: usize = 4_096;

/// What was refused since the last tick.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    counts: BTreeMap<(Hash, &'static str), u64>,
    written_minute: i64,
}

impl Gate {
    /// Remembers that an authenticated principal was refused.
    pub fn note_refusal(&self, principal: Hash, refusal: &Refusal) {
        let mut refusals = self
            .inner
            .refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (principal, refusal.code());
        if refusals.counts.len() < PAIRS_MAX || refusals.counts.contains_key(&key) {
            let count = refusals.counts.entry(key).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Writes what was counted, once a minute.
    pub(crate) async fn write_refusals(
        &self,
        now: Timestamp,
        always: bool,
    ) -> Result<u64, GateError> {
        let counts = {
            let mut refusals = self
                .inner
                .refusals
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let minute = now.seconds().div_euclid(60);
            if !always && refusals.written_minute == minute {
                return Ok(0);
            }
            refusals.written_minute = minute;
            core::mem::take(&mut refusals.counts)
        };
        let mut written = 0;
        for ((principal, code), count) in counts {
            let write = self.refusal_leaf(principal, code, count, now)?;
            self.commit_plain(write).await?;
            written += 1;
        }
        Ok(written)
    }

    fn refusal_leaf(
        &self,
        principal: Hash,
        code: &str,
        count: u64,
        now: Timestamp,
    ) -> Result<Write, GateError> {
        let event = Event::Refused {
            principal,
            code: code.to_owned(),
            count,
        };
        let entry = Entry {
            at: now,
            request: None,
            version: 0,
            from: None,
            to: None,
            row: None,
            rows: BTreeMap::new(),
            event,
            attachments: BTreeMap::new(),
        };
        let record = entry.to_bytes().map_err(GateError::damaged)?;
        let salt = self.inner.parts.entropy.bytes();
        let leaf = LeafDraft {
            kind: LeafKind::Refusal,
            salt,
            record,
            attachments: Vec::new(),
        };
        Ok(Write {
            guards: Vec::new(),
            deadline: None,
            rows: Vec::new(),
            counters: Vec::new(),
            leaf,
            outbox: Vec::new(),
        })
    }
}
