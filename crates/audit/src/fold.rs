//! Replays a ledger: the chain of trust, tasks, stops and every request, leaf by leaf, as the gate must have seen them.
//! What does not follow is a finding at the leaf that does not follow. Nothing here asks policy or a clock.

mod correction;
mod execution;
mod glass;
mod lease;
mod request;
mod review;
mod rows;
mod signed_call;
mod submission;
mod surroundings;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::commit::{LeafKind, RowKey, Table};
use gatehold_core::directory::Directory;
use gatehold_core::entry::{Event, OverruledAnchor, Trace};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId};
use gatehold_core::request::State;
use gatehold_core::restraints::Restraints;
use gatehold_core::signal::FLAG_SECONDS_MAX;
use gatehold_core::trust::Chain;
use gatehold_core::trust::change::IN_SIGNED_BODY;

use crate::finding::{Code, Finding, Gap};
use crate::opened::{Expect, Opened, carries_trust};
pub use correction::CorrectionShown;
pub use glass::GlassShown;
pub(crate) use lease::LeaseFold;
pub(crate) use request::RequestFold;
use rows::only_its_rows;
use surroundings::TaskFold;
pub use trust::Link;

/// Everything that follows from the leaves so far.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) expect: Expect,
    /// The only request that is followed; of others only what they changed in the gate counts.
    subject: Option<RequestId>,
    pinned: Option<Hash>,
    chain: Chain,
    /// The first trust leaf that did not verify. What needs the directory is not checked after it.
    chain_broken: Option<u64>,
    pub(crate) links: Vec<Link>,
    pub(crate) root_humans: usize,
    /// Leaves at which a lost quorum was restored with offline keys.
    pub(crate) quorum_lost: Vec<u64>,
    /// Where the glass was broken.
    pub(crate) glass_broken: Vec<GlassShown>,
    pub(crate) log_key: Option<String>,
    /// What is stopped and paused.
    restraints: Restraints,
    tasks: BTreeMap<TaskId, TaskFold>,
    leases: BTreeMap<GrantId, LeaseFold>,
    /// Names of credentials at their targets: no two share one.
    handles: BTreeSet<String>,
    pub(crate) requests: BTreeMap<RequestId, RequestFold>,
    /// Said to be erased, by the leaf that should have done it.
    pending_erasures: BTreeMap<u64, BTreeSet<(u64, String)>>,
    pub(crate) erased: u64,
    pub(crate) refusals: u64,
    pub(crate) findings: Vec<Finding>,
    pub(crate) gaps: Vec<Gap>,
    /// Per-leaf signed acts, for reports.
    pub(crate) reviews: u64,
    /// Every row as its last leaf records it: how often it was put, and its hash. By `table/id`.
    pub(crate) rows: BTreeMap<String, (u64, Hash)>,
    /// Signed calls that asked for something, by the leaf that they made.
    calls: BTreeMap<Hash, u64>,
    /// The leaves of each request, with what they commit to.
    leaves_of: BTreeMap<RequestId, Vec<(u64, Hash)>>,
    /// Statements that correct something: each counts once.
    corrections_signed: BTreeSet<Hash>,
    /// How many corrections of each request are whose.
    corrections_by: BTreeMap<RequestId, BTreeMap<HumanId, u32>>,
    /// Corrections of the subject.
    pub(crate) corrections: Vec<CorrectionShown>,
}

/// A check that failed: what kind of thing, and the sentence about it.
pub(crate) type Wrong = (Code, String);
/// What a check returns.
pub(crate) type Checked<T = ()> = Result<T, Wrong>;

/// Fails a check.
pub(crate) fn wrong<T>(code: Code, text: impl Into<String>) -> Checked<T> {
    Err((code, text.into()))
}

/// Fails a check unless something holds.
pub(crate) fn ensure(holds: bool, code: Code, text: &str) -> Checked {
    if holds { Ok(()) } else { wrong(code, text) }
}

impl Fold {
    /// A whole ledger.
    pub(crate) fn new(pinned: Option<Hash>) -> Self {
        Self {
            expect: Expect::Everything,
            subject: None,
            pinned,
            chain: Chain::default(),
            chain_broken: None,
            links: Vec::new(),
            root_humans: 0,
            quorum_lost: Vec::new(),
            glass_broken: Vec::new(),
            log_key: None,
            restraints: Restraints::default(),
            tasks: BTreeMap::new(),
            leases: BTreeMap::new(),
            handles: BTreeSet::new(),
            requests: BTreeMap::new(),
            pending_erasures: BTreeMap::new(),
            erased: 0,
            refusals: 0,
            findings: Vec::new(),
            gaps: Vec::new(),
            reviews: 0,
            rows: BTreeMap::new(),
            calls: BTreeMap::new(),
            leaves_of: BTreeMap::new(),
            corrections_signed: BTreeSet::new(),
            corrections_by: BTreeMap::new(),
            corrections: Vec::new(),
        }
    }

    /// The leaves of one request, and what it stands on.
    pub(crate) fn of(subject: RequestId, pinned: Option<Hash>) -> Self {
        Self {
            expect: Expect::Selection,
            subject: Some(subject),
            ..Self::new(pinned)
        }
    }

    /// Adds the next leaf.
    pub(crate) fn leaf(&mut self, leaf: &Opened) {
        let gone: Vec<(String, u64)> = leaf
            .erased()
            .map(|(name, by)| (name.to_owned(), by))
            .collect();
        for (name, by) in gone {
            if IN_SIGNED_BODY.contains(&name.as_str()) && leaf.bytes("body").is_some() {
                let text = format!("`{name}` was erased and still stands in `body`");
                let finding = Finding::at(leaf.index, Code::Erasure, text);
                self.findings.push(finding.of(leaf.entry.request));
            }
            self.pending_erasures
                .entry(by)
                .or_default()
                .insert((leaf.index, name));
        }
        self.put_rows(leaf);
        self.keep_commitment(leaf);
        let result = match leaf.entry.request {
            Some(id) => self.about_request(id, leaf),
            None => self.about_gate(leaf),
        };
        let restrained = self.restrain(leaf);
        let result = result.and(restrained).and_then(|()| only_its_rows(leaf));
        if let Err((code, text)) = result {
            self.findings
                .push(Finding::at(leaf.index, code, text).of(leaf.entry.request));
            if let Some(id) = leaf.entry.request {
                self.requests
                    .entry(id)
                    .or_insert_with(|| RequestFold::unknown(id))
                    .broken = true;
            }
            if carries_trust(leaf.kind) {
                self.break_chain(leaf.index);
            }
        }
        self.settle_erasures(leaf);
    }

    /// A leaf whose opening failed: what it said about is not followed any further.
    pub(crate) fn damaged(&mut self, finding: Finding, kind: Option<LeafKind>) {
        if let Some(id) = finding.request {
            self.requests
                .entry(id)
                .or_insert_with(|| RequestFold::unknown(id))
                .broken = true;
        }
        if let (Some(leaf), true) = (finding.leaf, kind.is_some_and(carries_trust)) {
            self.break_chain(leaf);
        }
        self.findings.push(finding);
    }

    /// Ends the replay: what was promised and never came is a finding.
    pub(crate) fn finish(&mut self) {
        let pending = core::mem::take(&mut self.pending_erasures);
        for (by, gone) in pending {
            for (leaf, name) in gone {
                if self.expect == Expect::Selection {
                    self.gap(
                        Some(leaf),
                        format!("leaf {by}, said to have erased `{name}`, is not included"),
                    );
                } else {
                    let text =
                        format!("attachment `{name}` is gone, and leaf {by} does not erase it");
                    self.findings.push(Finding::at(leaf, Code::Erasure, text));
                }
            }
        }
    }

    pub(crate) fn gap(&mut self, leaf: Option<u64>, text: impl Into<String>) {
        self.gaps.push(Gap {
            leaf,
            text: text.into(),
        });
    }

    /// The directory as of this leaf; nothing once the chain is broken.
    pub(crate) fn directory(&self) -> Option<&Directory> {
        match self.chain_broken {
            None => self.chain.directory(),
            Some(_) => None,
        }
    }

    fn break_chain(&mut self, leaf: u64) {
        if self.chain_broken.is_none() {
            self.chain_broken = Some(leaf);
            let text =
                "the chain of trust breaks here: keys, teams and bundles after it were not checked";
            self.gap(Some(leaf), text);
        }
    }

    /// The bundle and the directory of a trace are those that had force.
    // INVARIANT(policy-recorded-is-policy-used): compared here with the chain, leaf by leaf.
    fn check_trace(&self, trace: &Trace) -> Checked {
        let Some(directory) = self.directory() else {
            return Ok(());
        };
        if trace.directory != directory.version {
            let text = format!(
                "it was taken under version {} of the key directory, and the chain before it gives {}: a link is missing, added or moved",
                trace.directory, directory.version
            );
            return wrong(Code::Directory, text);
        }
        ensure(
            trace.bundle == directory.bundle,
            Code::Policy,
            "another bundle than the active one answered",
        )
    }

    fn about_request(&mut self, id: RequestId, leaf: &Opened) -> Checked {
        if self.subject.is_some_and(|subject| subject != id) {
            return self.changed_elsewhere(leaf);
        }
        if self.requests.get(&id).is_some_and(|request| request.broken) {
            if leaf.kind == LeafKind::Trust {
                self.break_chain(leaf.index);
            }
            return Ok(());
        }
        if let Event::Submitted { .. } = &leaf.entry.event {
            if self.requests.contains_key(&id) {
                return wrong(Code::Order, "the request was submitted before");
            }
            let mut request = self.submitted(id, leaf)?;
            self.forget(&mut request);
            self.requests.insert(id, request);
            return Ok(());
        }
        let Some(mut request) = self.requests.remove(&id) else {
            return wrong(Code::Order, "the request was never submitted");
        };
        let result = self.follow(&mut request, leaf);
        self.forget(&mut request);
        self.requests.insert(id, request);
        result
    }

    /// Of a request that has ended only its state and version matter: a ledger of any length fits into memory.
    fn forget(&self, request: &mut RequestFold) {
        if request.state.is_terminal() && self.expect == Expect::Everything {
            *request = RequestFold {
                broken: false,
                state: request.state,
                version: request.version,
                ..RequestFold::unknown(request.id)
            };
        }
    }

    fn about_gate(&mut self, leaf: &Opened) -> Checked {
        match (&leaf.entry.event, leaf.kind) {
            (Event::Trust { .. }, kind) if carries_trust(kind) => self.trust(leaf),
            (Event::Task { .. }, LeafKind::Task) => self.task(leaf),
            (Event::Stops { by, stops, .. }, LeafKind::Stop) => self.stopped(by, stops),
            (Event::Flagged { until, .. }, LeafKind::Stop) => {
                // Who sends signals stands in a configuration: see `stopped`.
                let last = leaf.entry.at.plus_seconds(FLAG_SECONDS_MAX);
                ensure(
                    *until <= last,
                    Code::Stop,
                    "a signal counts for longer than any may",
                )
            }
            (Event::Refused { count, .. }, LeafKind::Refusal) => {
                self.refusals = self.refusals.saturating_add(*count);
                Ok(())
            }
            (Event::Paused { .. }, LeafKind::Stop) => Ok(()),
            (Event::Lease { .. }, LeafKind::Grant) => self.leased(leaf),
            (Event::Corrected { .. }, LeafKind::Correction) => self.corrected(leaf),
            (Event::PostReviewed { .. }, LeafKind::PostReview) => self.post_reviewed(leaf),
            (Event::GlassOverdue { .. }, LeafKind::PostReview) => self.glass_overdue(leaf),
            (Event::Tampered { finding }, LeafKind::Tampering) => self.tampered(leaf, finding),
            (
                Event::Rejoined {
                    size, overruled, ..
                },
                LeafKind::Rejoin,
            ) => self.rejoined(leaf, *size, overruled),
            _ => wrong(
                Code::Record,
                "its event does not belong into a leaf of this kind",
            ),
        }
    }

    /// A restored store goes on from the leaves it had; what an anchor had seen beyond them is lost, and that is said.
    fn rejoined(&mut self, leaf: &Opened, size: u64, overruled: &[OverruledAnchor]) -> Checked {
        let at = leaf.index;
        if size != at {
            return wrong(
                Code::Order,
                format!("a store of {size} leaves was rejoined, and this is leaf {at}"),
            );
        }
        if !leaf.entry.rows.is_empty() {
            return wrong(Code::Record, "a rejoin changes no row, and this one does");
        }
        for anchor in overruled {
            self.gap(
                Some(at),
                format!(
                    "the store was restored from a backup: anchor `{}` had seen {} leaves",
                    anchor.file, anchor.size
                ),
            );
        }
        Ok(())
    }

    /// A gate said that somebody changed its database. The leaves are as sound as before; what rows said meanwhile is not.
    fn tampered(&mut self, leaf: &Opened, finding: &Hash) -> Checked {
        if !leaf.entry.rows.is_empty() {
            return wrong(Code::Record, "a finding changes no row, and this one does");
        }
        let what = match leaf.bytes("finding") {
            Some(what) if Hash::tagged("gatehold/tampering/v1", &[what]) != *finding => {
                return wrong(Code::Record, "its text is not the finding it names");
            }
            Some(what) => String::from_utf8_lossy(what).into_owned(),
            None => "what it was is not here".to_owned(),
        };
        let text = format!("the gate found that somebody had changed the database: {what}");
        self.gap(Some(leaf.index), text);
        Ok(())
    }

    fn settle_erasures(&mut self, leaf: &Opened) {
        let Some(promised) = self.pending_erasures.remove(&leaf.index) else {
            return;
        };
        let erased = trust::erased_by(leaf);
        for (from, name) in promised {
            if erased.contains(&(from, name.clone())) {
                self.erased = self.erased.saturating_add(1);
                self.gap(
                    Some(from),
                    format!("`{name}` was erased by leaf {}", leaf.index),
                );
            } else {
                let text = format!(
                    "attachment `{name}` is gone, and leaf {} does not erase it",
                    leaf.index
                );
                self.findings.push(Finding::at(from, Code::Erasure, text));
            }
        }
    }

    fn put_rows(&mut self, leaf: &Opened) {
        let request = leaf.entry.request.zip(leaf.entry.row);
        let request =
            request.map(|(id, hash)| (RowKey::new(Table::Request, &id).to_string(), hash));
        let others = leaf
            .entry
            .rows
            .iter()
            .map(|(key, hash)| (key.clone(), *hash));
        for (key, hash) in request.into_iter().chain(others) {
            let slot = self.rows.entry(key).or_insert((0, hash));
            *slot = (slot.0.saturating_add(1), hash);
        }
    }

    /// Whether a human is enrolled, as far as the chain can tell.
    fn is_enrolled(&self, human: &HumanId) -> bool {
        self.directory()
            .is_none_or(|directory| directory.humans.contains_key(human))
    }

    /// Requests by state, for a report.
    pub(crate) fn in_state(&self, state: State) -> u64 {
        let found = self
            .requests
            .values()
            .filter(|request| request.state == state);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    }
}
