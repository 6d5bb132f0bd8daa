//! Verifies a whole ledger: tree, openings, attachments, chain of trust, every request. Reads leaf by leaf, so that a
//! ledger of any length can be fed from a store or a file. It never stops at the first fault: it names all of them.

use std::collections::BTreeMap;

use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_core::request::State;
use gatehold_core::time::Timestamp;
use gatehold_ledger::{
    Anchor, Frontier, Leaf, LogFault, LogKey, LogVerifier, SignedTreeHead, leaf_hash,
};

use crate::export::RowClaim;
use crate::finding::{Code, Finding, Gap};
use crate::fold::Fold;
use crate::leaf::LedgerLeaf;
use crate::opened::{Expect, Opened, kind_of};
use crate::report::{Counts, LEDGER_NOT_SHOWN, Report};

/// What the auditor brings from outside the ledger.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    /// Hash of the root statement, as the configuration pins it. It also names the log's key.
    pub pinned_root: Option<Hash>,
    /// The log's key, when it is known from elsewhere.
    pub log_key: Option<LogKey>,
}

/// What the leaves are compared with.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// Signed tree heads, as notes.
    pub tree_heads: Vec<String>,
    /// Anchor files.
    pub anchors: Vec<String>,
    /// Leaf hashes from the tiles of level 0, from the first leaf on. With them an altered leaf is named alone.
    pub leaf_hashes: Vec<gatehold_ledger::Hash>,
}

/// Verifies a whole ledger.
///
/// # Errors
/// Whatever the source of leaves fails with. What is wrong with the ledger is in the report.
pub fn verify_ledger<E>(
    leaves: impl IntoIterator<Item = Result<LedgerLeaf, E>>,
    references: &References,
    trusted: &Trusted,
) -> Result<Report, E> {
    let mut verifier = Verifier::new(references, trusted);
    for leaf in leaves {
        verifier.leaf(&leaf?);
    }
    Ok(verifier.finish())
}

/// The same, leaf by leaf.
#[derive(Debug)]
pub struct Verifier<'a> {
    references: &'a References,
    trusted: &'a Trusted,
    log: Option<LogVerifier<'a>>,
    frontier: Frontier,
    fold: Fold,
    time: Option<Timestamp>,
    /// How far the numbers of the leaves are from their places.
    shift: i128,
    rows: BTreeMap<String, RowClaim>,
    rows_given: bool,
}

impl<'a> Verifier<'a> {
    /// Begins before the first leaf.
    #[must_use]
    pub fn new(references: &'a References, trusted: &'a Trusted) -> Self {
        Self {
            references,
            trusted,
            log: None,
            frontier: Frontier::new(),
            fold: Fold::new(trusted.pinned_root),
            time: None,
            shift: 0,
            rows: BTreeMap::new(),
            rows_given: false,
        }
    }

    /// Reads the next leaf.
    pub fn leaf(&mut self, leaf: &LedgerLeaf) {
        let position = self.frontier.size();
        let found = |code, text: String| Finding::at(position, code, text);
        // Where something is missing or too much, everything after it is shifted: said once.
        let shift = i128::from(leaf.index) - i128::from(position);
        if shift != self.shift {
            let text = match shift {
                0 => "from here on each leaf stands where it says".to_owned(),
                _ => format!("it says it is leaf {}, and so on from here", leaf.index),
            };
            self.fold.findings.push(found(Code::Position, text));
            self.shift = shift;
        }
        if self.time.is_some_and(|before| leaf.time < before) {
            let text = "the store's time is earlier than at the leaf before".to_owned();
            self.fold.findings.push(found(Code::Time, text));
        }
        self.time = self.time.max(Some(leaf.time));
        let placed = LedgerLeaf {
            index: position,
            ..leaf.clone()
        };
        match Opened::of(&placed, Expect::Everything) {
            Ok(opened) => self.fold.leaf(&opened),
            Err(finding) => self.damaged(*finding, leaf),
        }
        if position == 0 {
            self.begin_log();
        }
        self.tree(&leaf.leaf);
    }

    /// A row as the database holds it now, to be compared with what the ledger says of it (threat D9).
    pub fn row(&mut self, row: RowClaim) {
        self.rows_given = true;
        self.rows.insert(row.row.clone(), row);
    }

    /// Ends after the last leaf.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let leaves = self.frontier.size();
        if leaves == 0 {
            self.begin_log();
        }
        let mut covered = 0;
        if let Some(log) = self.log.take() {
            match log.finish() {
                Ok(log) => covered = log.covered,
                Err(fault) => self.log_fault(&fault),
            }
        }
        self.fold.finish();
        self.compare_rows();
        let fold = self.fold;
        let mut findings = fold.findings.clone();
        findings.sort_by_key(Finding::order);
        findings.dedup();
        let states = |list: &[State]| list.iter().map(|state| fold.in_state(*state)).sum();
        let mut gaps = fold.gaps.clone();
        if self.trusted.pinned_root.is_none() {
            gaps.push(Gap {
                leaf: Some(0),
                text: "no root was pinned: this shows that the ledger agrees with itself, not whose it is"
                    .to_owned(),
            });
        }
        Report {
            leaves,
            root: Hash::from_bytes(self.frontier.root().0),
            covered,
            root_statement: fold.directory().map(|directory| directory.root),
            pinned: self.trusted.pinned_root.is_some(),
            root_humans: fold.root_humans,
            quorum_lost: fold.quorum_lost.clone(),
            glass_broken: fold.glass_broken.clone(),
            counts: Counts {
                requests: u64::try_from(fold.requests.len()).unwrap_or(u64::MAX),
                executed: states(&[State::Completed]),
                denied: states(&[State::Denied]),
                expired: states(&[State::Expired]),
                open: states(&[
                    State::Allowed,
                    State::Held,
                    State::Redeemable,
                    State::Executing,
                ]),
                reviews: fold.reviews,
                links: u64::try_from(fold.links.len()).unwrap_or(u64::MAX),
                refusals: fold.refusals,
                erased: fold.erased,
            },
            findings,
            gaps,
            not_shown: LEDGER_NOT_SHOWN.to_vec(),
        }
    }

    fn damaged(&mut self, finding: Finding, leaf: &LedgerLeaf) {
        // The record proves nothing, but it may still say which request is not to be followed any further.
        let claimed = Entry::from_bytes(&leaf.record).ok();
        let request = claimed.and_then(|entry| entry.request);
        let kind = Leaf::from_bytes(&leaf.leaf).ok();
        let kind = kind.and_then(|leaf| kind_of(leaf.kind));
        self.fold.damaged(finding.of(request), kind);
    }

    /// Reads tree heads and anchors, once the root statement may have told the log's key.
    fn begin_log(&mut self) {
        let (heads, anchors) = (self.heads(), self.anchors());
        match LogVerifier::new(&heads, &anchors) {
            Ok(log) => self.log = Some(log.with_leaf_hashes(&self.references.leaf_hashes)),
            Err(fault) => self.log_fault(&fault),
        }
    }

    fn heads(&mut self) -> Vec<SignedTreeHead> {
        let stated = self.fold.log_key.as_deref().map(LogKey::parse);
        let stated = stated.and_then(Result::ok);
        let key = match (&self.trusted.log_key, stated) {
            (Some(given), Some(stated)) if *given != stated => {
                self.whole(
                    Code::Reference,
                    "the log's key is not the one that the root statement names",
                );
                Some(given.clone())
            }
            (Some(given), _) => Some(given.clone()),
            (None, stated) => stated,
        };
        let mut heads = Vec::new();
        for note in &self.references.tree_heads {
            let Some(key) = &key else {
                self.whole(
                    Code::Reference,
                    "tree heads cannot be checked: the log's key is not known",
                );
                break;
            };
            match SignedTreeHead::verify(note, key) {
                Ok(head) => heads.push(head),
                Err(error) => {
                    self.whole(Code::Reference, format!("a tree head is refused: {error}"))
                }
            }
        }
        heads
    }

    fn anchors(&mut self) -> Vec<Anchor> {
        let mut anchors = Vec::new();
        for text in &self.references.anchors {
            match Anchor::parse(text) {
                Ok(anchor) => anchors.push(anchor),
                Err(error) => self.whole(Code::Reference, format!("an anchor is refused: {error}")),
            }
        }
        anchors
    }

    fn tree(&mut self, bytes: &[u8]) {
        if self.frontier.push(leaf_hash(bytes)).is_err() {
            return self.log_fault(&LogFault::TooLong);
        }
        let fault = self.log.as_mut().and_then(|log| log.leaf(bytes).err());
        if let Some(fault) = fault {
            self.log = None;
            self.log_fault(&fault);
        }
    }

    fn log_fault(&mut self, fault: &LogFault) {
        let text = fault.to_string();
        let finding = match *fault {
            LogFault::NothingToCompare => Finding::whole(Code::NothingToCompare, text),
            LogFault::SeveralLogs => Finding::whole(Code::Reference, text),
            LogFault::Fork { .. } => Finding::whole(Code::Fork, text),
            LogFault::MalformedLeaf { index } => Finding::at(index, Code::LeafForm, text),
            LogFault::LeafDiffers { index, .. } => Finding::at(index, Code::LeafDiffers, text),
            LogFault::RootDiffers { agreed, size, .. } => Finding {
                last: Some(size.saturating_sub(1)),
                ..Finding::at(agreed, Code::LeafDiffers, text)
            },
            LogFault::TailMissing { size, .. } => Finding::at(size, Code::TailMissing, text),
            LogFault::TooLong => Finding::whole(Code::LeafForm, text),
        };
        self.fold.findings.push(finding);
    }

    /// Rows that do not follow from the ledger have no force; they are named.
    fn compare_rows(&mut self) {
        if !self.rows_given {
            return;
        }
        let mut found = Vec::new();
        for (key, (version, hash)) in &self.fold.rows {
            let text = match self.rows.remove(key) {
                None => format!("row {key} is missing from the database"),
                Some(row) if Hash::of(&row.body.0) != *hash => {
                    format!("row {key} in the database is not the one its last leaf records")
                }
                Some(row) if row.version != *version => {
                    format!("row {key} in the database has another version than its leaves give")
                }
                Some(_) => continue,
            };
            found.push(Finding::whole(Code::Row, text));
        }
        for key in self.rows.keys() {
            let text = format!("the database holds a row {key} that no leaf put there");
            found.push(Finding::whole(Code::Row, text));
        }
        self.fold.findings.append(&mut found);
    }

    fn whole(&mut self, code: Code, text: impl Into<String>) {
        self.fold.findings.push(Finding::whole(code, text));
    }
}
