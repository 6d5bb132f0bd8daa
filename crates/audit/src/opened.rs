//! Opens one leaf: the record must be the one its 35 bytes commit to, and every attachment the one its record names.
//! The leaf is recomputed from the opening, never taken from beside it (threat B11).

use std::collections::BTreeMap;

use gatehold_core::commit::LeafKind;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_ledger::{Leaf, Salt, attachment_opens};

use crate::finding::{Code, Finding};
use crate::leaf::{LedgerAttachment, LedgerLeaf};

/// Whether leaves of this kind are links of the chain that gives keys force.
pub(crate) const fn carries_trust(kind: LeafKind) -> bool {
    matches!(
        kind,
        LeafKind::Root | LeafKind::Trust | LeafKind::QuorumLost
    )
}

/// Kinds by number. A number that is not here is no leaf of ours.
const KINDS: [LeafKind; 21] = [
    LeafKind::Root,
    LeafKind::Submission,
    LeafKind::Review,
    LeafKind::Act,
    LeafKind::Decision,
    LeafKind::Execution,
    LeafKind::Outcome,
    LeafKind::Closing,
    LeafKind::Grant,
    LeafKind::Task,
    LeafKind::Refusal,
    LeafKind::Stop,
    LeafKind::Trust,
    LeafKind::QuorumLost,
    LeafKind::Erasure,
    LeafKind::Tampering,
    LeafKind::Rejoin,
    LeafKind::Evaluation,
    LeafKind::Correction,
    LeafKind::BreakGlass,
    LeafKind::PostReview,
];

/// The kind with this number.
#[must_use]
pub fn kind_of(number: u16) -> Option<LeafKind> {
    KINDS.into_iter().find(|kind| *kind as u16 == number)
}

/// A leaf whose record opened it.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) index: u64,
    pub(crate) kind: LeafKind,
    pub(crate) time: Timestamp,
    /// The last 32 of its 35 bytes.
    pub(crate) commitment: Hash,
    pub(crate) entry: Entry,
    attachments: BTreeMap<String, Body>,
}

/// What became of an attachment that a record commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Here, and the one that was committed to.
    Bytes(Vec<u8>),
    /// Said to be erased by this leaf, which is yet to be seen.
    Erased(u64),
    /// Left out of what was handed over.
    Withheld,
}

/// Whether an attachment that is simply not there is a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A whole ledger: every attachment is there or erased.
    Everything,
    /// A selection: what is not needed may be left out.
    Selection,
}

impl Opened {
    /// Opens a leaf.
    // INVARIANT(leaf-opens): nothing of a record or attachment is believed before it was hashed into its leaf.
    pub(crate) fn of(leaf: &LedgerLeaf, expect: Expect) -> Result<Self, Box<Finding>> {
        let fault = |code, text: &str| Box::new(Finding::at(leaf.index, code, text));
        let committed = Leaf::from_bytes(&leaf.leaf)
            .map_err(|_| fault(Code::LeafForm, "its bytes are not 35 of version 1"))?;
        let salt = Salt::try_from(leaf.salt.as_slice())
            .map_err(|_| fault(Code::Opening, "its salt is not 32 bytes"))?;
        if !committed.opens(&salt, &leaf.record) {
            return Err(fault(
                Code::Opening,
                "the record is not the one this leaf commits to: it was altered",
            ));
        }
        let kind = kind_of(committed.kind)
            .ok_or_else(|| fault(Code::Record, "no kind of leaf has its number"))?;
        let entry = Entry::from_bytes(&leaf.record)
            .map_err(|error| fault(Code::Record, &format!("the record cannot be read: {error}")))?;
        let attachments = attachments(leaf, &entry, expect)?;
        Ok(Self {
            index: leaf.index,
            kind,
            time: leaf.time,
            commitment: Hash::from_bytes(committed.commitment),
            entry,
            attachments,
        })
    }

    /// The bytes of an attachment, if they are here.
    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.attachments.get(name)? {
            Body::Bytes(bytes) => Some(bytes),
            Body::Erased(_) | Body::Withheld => None,
        }
    }

    /// Whether the record commits to an attachment of this name, wherever its bytes are.
    pub(crate) fn commits_to(&self, name: &str) -> bool {
        self.entry.attachments.contains_key(name)
    }

    /// Why the bytes of an attachment are not here, for a gap.
    pub(crate) fn absence(&self, name: &str) -> String {
        match self.attachments.get(name) {
            Some(Body::Erased(by)) => format!("`{name}` was erased by leaf {by}"),
            _ => format!("`{name}` is not included"),
        }
    }

    /// Attachments that are said to be erased, and by which leaf.
    pub(crate) fn erased(&self) -> impl Iterator<Item = (&str, u64)> {
        self.attachments
            .iter()
            .filter_map(|(name, body)| match body {
                Body::Erased(by) => Some((name.as_str(), *by)),
                Body::Bytes(_) | Body::Withheld => None,
            })
    }
}

impl Opened {
    /// Attachments that were left out.
    pub(crate) fn withheld(&self) -> impl Iterator<Item = &str> {
        let left_out = |(_, body): &(&String, &Body)| **body == Body::Withheld;
        let names = self.attachments.iter().filter(left_out);
        names.map(|(name, _)| name.as_str())
    }
}

fn attachments(
    leaf: &LedgerLeaf,
    entry: &Entry,
    expect: Expect,
) -> Result<BTreeMap<String, Body>, Box<Finding>> {
    let fault = |name: &str, why: &str| {
        let text = format!("attachment `{name}` {why}");
        Box::new(Finding::at(leaf.index, Code::Attachment, text).of(entry.request))
    };
    // A record that commits to less than its kind does would turn every check of the rest into a gap.
    let mut committed = needed(&entry.event).iter();
    if let Some(name) = committed.find(|name| !entry.attachments.contains_key(**name)) {
        return Err(fault(
            name,
            "is not committed to, and every such leaf has one",
        ));
    }
    let mut bodies = BTreeMap::new();
    for given in &leaf.attachments {
        let committed = entry
            .attachments
            .get(&given.name)
            .ok_or_else(|| fault(&given.name, "is not one the record commits to"))?;
        let commitment = gatehold_ledger::Hash(*committed.as_bytes());
        let body = body(given, commitment, leaf.index).map_err(|why| fault(&given.name, why))?;
        if bodies.insert(given.name.clone(), body).is_some() {
            return Err(fault(&given.name, "stands there twice"));
        }
    }
    for name in entry.attachments.keys() {
        if matches!(bodies.get(name), None | Some(Body::Withheld)) {
            if expect == Expect::Everything {
                return Err(fault(name, "is missing, and no leaf erased it"));
            }
            bodies.insert(name.clone(), Body::Withheld);
        }
    }
    Ok(bodies)
}

/// What a leaf with this event always commits to.
const fn needed(event: &Event) -> &'static [&'static str] {
    match event {
        Event::Submitted { .. } => &[
            "envelope", "payload", "display", "claims", "request", "verdict", "proof",
        ],
        Event::Reviewed { .. } => &["context", "signature", "view", "answers", "authority"],
        Event::Reheld { .. } => &["verdict"],
        Event::Stops { .. } => &["reason"],
        Event::Trust { .. } => &["evidence"],
        Event::BrokeGlass { .. } => &["glass", "answers"],
        Event::PostReviewed { .. } => &["glass_review", "glass_review_signature", "text"],
        Event::Corrected { .. } => &["statement", "signature", "text"],
        _ => &[],
    }
}

fn body(
    given: &LedgerAttachment,
    commitment: gatehold_ledger::Hash,
    index: u64,
) -> Result<Body, &'static str> {
    match (&given.bytes, &given.salt, given.erased_by) {
        (Some(bytes), Some(salt), None) => {
            let salt = Salt::try_from(salt.0.as_slice()).map_err(|_| "has no salt of 32 bytes")?;
            if !attachment_opens(commitment, &salt, &bytes.0) {
                return Err("is not the one that was logged: it was altered or swapped");
            }
            Ok(Body::Bytes(bytes.0.clone()))
        }
        (None, None, Some(by)) if by > index => Ok(Body::Erased(by)),
        (None, None, Some(_)) => Err("is said to be erased by an earlier leaf"),
        (None, Some(_), Some(_)) => Err("was erased and still has its salt"),
        (Some(_), _, Some(_)) => Err("is said to be erased and is still there"),
        (Some(_), None, None) => Err("has lost its salt"),
        (None, _, None) => Ok(Body::Withheld),
    }
}
