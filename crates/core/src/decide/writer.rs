//! Puts a write together: entry, attachments, rows and the guards they need, so that no decision forgets one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::world::{CallNonce, Fresh, Pause, World};
use crate::commit::{
    AttachmentDraft, CounterAdd, CounterKey, Guard, LeafDraft, LeafKind, Outbox, RowChange,
    RowIndex, RowKey, Table, UniqueKey, Write,
};
use crate::entry::{Entry, Event, Grounds, Trace};
use crate::grant::{Grant, GrantState};
use crate::hash::Hash;
use crate::ids::RequestId;
use crate::json::canonical;
use crate::refusal::Refusal;
use crate::request::{RequestRecord, State};
use crate::requester::GATE_WORKLOAD;
use crate::task::Chain;
use crate::tier::Tier;
use crate::time::Timestamp;
use crate::verdict::Evaluated;

/// Hexadecimal digits of what is drawn for the name of a message.
const DRAWN: usize = 16;

/// A write in the making.
pub(super) struct Writer<'a> {
    fresh: &'a Fresh,
    guards: Vec<Guard>,
    deadline: Option<Timestamp>,
    rows: Vec<RowChange>,
    hashes: BTreeMap<String, Hash>,
    counters: Vec<CounterAdd>,
    attachments: Vec<AttachmentDraft>,
    outbox: Vec<Outbox>,
}

/// What a write says about the request it changes.
#[derive(Default)]
pub(super) struct About<'a> {
    /// The request after the write, and the version it was read at.
    pub(super) request: Option<(&'a RequestRecord, u64)>,
    /// Its state before.
    pub(super) from: Option<State>,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(fresh: &'a Fresh) -> Self {
        Self {
            fresh,
            guards: Vec::new(),
            deadline: None,
            rows: Vec::new(),
            hashes: BTreeMap::new(),
            counters: Vec::new(),
            attachments: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Insists on everything of the world that any decision about letting something out has read.
    // INVARIANT(world-guarded): the directory (keys, teams, bundle), stops, pause and task must not have changed.
    pub(super) fn guard_world(&mut self, world: &World<'_>, name: &str) {
        if guard!("guard-directory", true) {
            self.version(Table::Directory, &"main", world.directory.version);
        }
        if guard!("guard-stops", true) {
            self.version(Table::Stops, &"main", world.stops.version);
        }
        if guard!("guard-pause", name != GATE_WORKLOAD) {
            self.version(Table::Workload, &name, world.pause.version);
        }
        if let Some(now) = world.task
            && guard!("guard-task", true)
        {
            self.version(Table::Task, &now.task.value.id, now.task.version);
        }
    }

    /// Insists that whoever acts is still who the directory says: without it somebody who has just left a team acts in it.
    pub(super) fn guard_actor(&mut self, world: &World<'_>) {
        if guard!("guard-actor", true) {
            self.version(Table::Directory, &"main", world.directory.version);
        }
    }

    /// Insists that keys, teams and bundle are as they were when policy was asked.
    pub(super) fn guard_directory(&mut self, world: &World<'_>) {
        self.version(Table::Directory, &"main", world.directory.version);
    }

    /// Insists that the task has taken no step since its chain was read, and that none of its steps has become riskier.
    pub(super) fn guard_chain(&mut self, world: &World<'_>, target: &crate::ids::TargetId) {
        if let Some(now) = world.task
            && guard!("guard-chain", true)
        {
            let [steps, _, _, _, amber, red, ..] = Chain::counters(&now.task.value.id, target);
            for (counter, read) in [
                (steps, now.chain.steps),
                (amber, now.chain.amber),
                (red, now.chain.red),
            ] {
                self.guards
                    .push(Guard::Below(counter, read.saturating_add(1)));
            }
        }
    }

    pub(super) fn version(&mut self, table: Table, id: &impl core::fmt::Display, version: u64) {
        self.guards
            .push(Guard::Version(RowKey::new(table, id), version));
    }

    pub(super) fn below(&mut self, counter: String, limit: u64) {
        self.guards.push(Guard::Below(CounterKey(counter), limit));
    }

    /// Consumes a key that may exist once.
    pub(super) fn once(&mut self, key: String, forget_at: Option<Timestamp>) {
        self.guards.push(Guard::Absent(UniqueKey(key), forget_at));
    }

    /// Consumes the nonce of a signed call.
    pub(super) fn once_called(&mut self, principal: &Hash, nonce: &CallNonce) {
        self.guards.push(nonce_guard(principal, nonce));
    }

    pub(super) fn deadline(&mut self, deadline: Timestamp) {
        self.deadline = Some(
            self.deadline
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
    }

    pub(super) fn add(&mut self, counter: String, add: i64) {
        self.counters.push(CounterAdd {
            key: CounterKey(counter),
            add,
        });
    }

    /// What it insists on and adds so far.
    #[cfg(test)]
    pub(super) fn counting(&self) -> (&[Guard], &[CounterAdd]) {
        (&self.guards, &self.counters)
    }

    pub(super) fn attach(&mut self, name: &'static str, bytes: Vec<u8>) {
        let number = u8::try_from(self.attachments.len())
            .unwrap_or(u8::MAX)
            .saturating_add(1);
        self.attachments.push(AttachmentDraft {
            name,
            salt: self.fresh.salt(number),
            bytes,
        });
    }

    /// Has people told that something became of a request. Whoever tells them loads it then: a message names it and says
    /// nothing else of it. Its own name is never another message's, also where the same happens to a request twice.
    pub(super) fn announce(&mut self, topic: &str, request: RequestId) {
        self.announce_about(topic, request.to_string());
    }

    /// The same about something else that can be loaded by its name.
    pub(super) fn announce_about(&mut self, topic: &str, body: String) {
        let drawn = self.fresh.message(topic).hex();
        let drawn: String = drawn.chars().take(DRAWN).collect();
        self.outbox.push(Outbox {
            dedup: format!("{topic}:{body}:{drawn}"),
            topic: topic.to_owned(),
            body,
        });
    }

    /// The same about the end of something. Nobody was asked about what was never held, so nobody waits to be told.
    pub(super) fn announce_end(&mut self, topic: &str, record: &RequestRecord) {
        if record.held.is_some() {
            self.announce(topic, record.id);
        }
    }

    /// Counts a decided step into its task's chain: labels count from the decision, not from completion. It counts once:
    /// decided again it may only have become riskier.
    // INVARIANT(step-once): what a request adds to its chain is added by its first decision alone.
    pub(super) fn count_step(&mut self, record: &mut RequestRecord, world: &World<'_>) {
        let Some(task) = &record.envelope.task else {
            return;
        };
        let keys = Chain::counters(task, &record.envelope.target);
        match record.counted {
            Some(before) if guard!("step-counted-once", true) => {
                self.count_riskier(keys, before, record.tier);
                record.counted = Some(before.max(record.tier));
            }
            _ => {
                self.count_first(keys, record, world);
                record.counted = Some(record.tier);
            }
        }
    }

    fn count_first(
        &mut self,
        [
            steps,
            sensitive,
            untrusted,
            external,
            amber,
            red,
            target,
            systems,
        ]: [CounterKey; 8],
        record: &RequestRecord,
        world: &World<'_>,
    ) {
        let chain = world.task.map(|now| &now.chain);
        // The step that fills the boundary is taken once, whoever else takes one now: no step waits for another.
        let boundary = world
            .task
            .and_then(|now| now.task.value.boundary.as_ref())
            .filter(|boundary| chain.is_some_and(|chain| chain.steps < boundary.steps));
        if let Some(boundary) = boundary
            && guard!("boundary-steps-below", true)
        {
            self.guards
                .push(Guard::Below(steps.clone(), boundary.steps));
        }
        let first_there = chain.is_some_and(|chain| chain.same_target == 0);
        if guard!("system-counted-once", first_there) {
            self.guards.push(Guard::Below(target.clone(), 1));
        }
        for (counter, counts) in [
            (steps, true),
            (sensitive, record.labels.sensitive),
            (untrusted, record.labels.untrusted),
            (external, record.labels.external),
            (amber, record.tier == Tier::Amber),
            (red, record.tier == Tier::Red),
            (target, true),
            (systems, first_there),
        ] {
            if counts {
                self.add(counter.0, 1);
            }
        }
    }

    fn count_riskier(
        &mut self,
        [_, _, _, _, amber, red, _, _]: [CounterKey; 8],
        before: Tier,
        now: Tier,
    ) {
        for (counter, tier) in [(amber, Tier::Amber), (red, Tier::Red)] {
            let (was, is) = (before == tier, before.max(now) == tier);
            if was != is {
                self.add(counter.0, if is { 1 } else { -1 });
            }
        }
    }

    pub(super) fn put_row(
        &mut self,
        key: RowKey,
        read_at: u64,
        body: &impl Serialize,
        index: RowIndex,
    ) -> Result<Hash, Refusal> {
        let body = bytes(body)?;
        let hash = Hash::of(&body);
        if !self
            .guards
            .iter()
            .any(|guard| matches!(guard, Guard::Version(guarded, _) if *guarded == key))
        {
            self.guards.push(Guard::Version(key.clone(), read_at));
        }
        self.hashes.insert(key.to_string(), hash);
        self.rows.push(RowChange { key, body, index });
        Ok(hash)
    }

    /// Pauses a workload: the safe direction, undone only by a held action.
    pub(super) fn pause(
        &mut self,
        world: &World<'_>,
        name: &str,
        code: &str,
    ) -> Result<(), Refusal> {
        let pause = Pause {
            code: Some(code.to_owned()),
        };
        let index = RowIndex {
            state: "paused".to_owned(),
            owner: name.to_owned(),
            ..RowIndex::default()
        };
        self.put_row(
            RowKey::new(Table::Workload, &name),
            world.pause.version,
            &pause,
            index,
        )
        .map(drop)
    }

    pub(super) fn put_grant(&mut self, grant: &Grant, read_at: u64) -> Result<(), Refusal> {
        let index = RowIndex {
            state: grant.state.name().to_owned(),
            due: Some(ends_at(grant)),
            owner: grant.workload.to_string(),
            group: grant.task.map(|task| task.to_string()).unwrap_or_default(),
        };
        self.put_row(RowKey::new(Table::Grant, &grant.id), read_at, grant, index)
            .map(drop)
    }

    /// A grant whose request goes back to people, or ends, permits nothing any more.
    pub(super) fn end_grant(
        &mut self,
        grant: &Grant,
        read_at: u64,
        why: &str,
    ) -> Result<(), Refusal> {
        let ended = Grant {
            state: GrantState::Ended,
            reason: why.to_owned(),
            ..grant.clone()
        };
        self.put_grant(&ended, read_at)
    }

    /// Writes the request's row, if there is one, and closes the write with its leaf.
    pub(super) fn finish(
        mut self,
        kind: LeafKind,
        about: &About<'_>,
        event: Event,
        now: Timestamp,
    ) -> Result<Write, Refusal> {
        let mut row = None;
        if let Some((record, read_at)) = about.request {
            let index = RowIndex {
                state: record.state.name().to_owned(),
                due: record.due(),
                owner: record.requester.name(),
                group: record
                    .envelope
                    .task
                    .map(|task| task.to_string())
                    .unwrap_or_default(),
            };
            let key = RowKey::new(Table::Request, &record.id);
            row = Some(self.put_row(key.clone(), read_at, record, index)?);
            self.hashes.remove(&key.to_string());
        }
        let attachments: BTreeMap<String, Hash> = self
            .attachments
            .iter()
            .map(|draft| (draft.name.to_owned(), draft.commitment()))
            .collect();
        let entry = Entry {
            at: now,
            request: about.request.map(|(record, _)| record.id),
            version: about
                .request
                .map_or(0, |(_, read_at)| read_at.saturating_add(1)),
            from: about.from,
            to: about.request.map(|(record, _)| record.state),
            row,
            rows: self.hashes,
            event,
            attachments,
        };
        let record = bytes(&entry)?;
        let leaf = LeafDraft {
            kind,
            salt: self.fresh.salt(0),
            record,
            attachments: self.attachments,
        };
        Ok(Write {
            guards: self.guards,
            deadline: self.deadline,
            rows: self.rows,
            counters: self.counters,
            leaf,
            outbox: self.outbox,
        })
    }
}

/// When a clock is to look at a grant: at its end, or that of what was handed out under it.
fn ends_at(grant: &Grant) -> Timestamp {
    let lease = grant.lease.as_ref();
    lease.map_or(grant.expires_at, |lease| lease.not_after)
}

/// Insists that the nonce of a signed call was never consumed, and consumes it.
pub(super) fn nonce_guard(principal: &Hash, nonce: &CallNonce) -> Guard {
    Guard::Absent(nonce.key(principal), nonce.until)
}

/// The codes of the reasons that policy gives.
pub(super) fn codes(evaluated: &Evaluated) -> Vec<String> {
    let reasons = evaluated.trace().reasons.iter();
    reasons.map(|reason| reason.code.clone()).collect()
}

/// The trace of an answer of policy, taken under this directory.
pub(super) fn trace(evaluated: &Evaluated, world: &World<'_>) -> Trace {
    Trace {
        bundle: evaluated.trace().bundle,
        input: evaluated.trace().input,
        rules: evaluated.trace().rules.clone(),
        reasons: codes(evaluated),
        errors: u32::try_from(evaluated.trace().errors.len()).unwrap_or(u32::MAX),
        tier: evaluated.trace().tier.tier,
        directory: world.directory.version,
    }
}

/// What the answer rested on, for the attachment `verdict` of the leaf that holds, allows or denies `record`.
pub(super) fn grounds(
    record: &RequestRecord,
    evaluated: &Evaluated,
    world: &World<'_>,
) -> Result<Vec<u8>, Refusal> {
    bytes(&Grounds {
        tier: evaluated.trace().tier.clone(),
        requirement: record.held.as_ref().map(|held| held.requirement.clone()),
        limits: record.limits.clone(),
        reasons: record.reasons.clone(),
        explained: evaluated.trace().reasons.clone(),
        errors: evaluated.trace().errors.clone(),
        sentence: record.sentence.clone(),
        intent: record.intent,
        labels: record.labels,
        findings: world.findings.cloned().unwrap_or_default(),
    })
}

/// The counter of a workload's open holds.
pub(crate) fn holds(name: &str) -> String {
    format!("holds:{name}")
}

fn bytes(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    // Numbers beyond 2^53-1 have no canonical form; inputs are bounded far below, so this is damage, not bad input.
    canonical::to_bytes(value).map_err(|_| Refusal::NotProven("a number has no canonical form"))
}
