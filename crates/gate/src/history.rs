//! What became of a request that is decided: its leaves, in the order of the ledger and with the times that stand in them. Times of
//! others, as of whoever signed, say nothing about order.
//!
//! A row names the leaves that its reviews and questions are in, its first and its last. What lies between them is looked for in the
//! ledger, which is read only so far for one page: what is not found is counted, and a dossier has it.

use std::collections::BTreeMap;

use gatehold_core::commit::UniqueKey;
use gatehold_core::delegation::Through;
use gatehold_core::entry::{Entry, Event, Grounds};
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::lease::step_key;
use gatehold_core::request::State;
use gatehold_core::review::{Answers, ReviewContext};
use gatehold_core::time::Timestamp;

use crate::believed::record_opens;
use crate::chain::opened;
use crate::corrections::{entry_about, through};
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{StoredLeaf, StoredRecord};
use crate::stored::StoredRequest;

/// Records of one answer of the store.
const AT_ONCE: u32 = 1_000;
/// The same, of those that are named.
const NAMED_AT_ONCE: usize = 1_000;
/// Steps of a lease that are shown.
const LEASE_STEPS_MAX: u64 = 32;
/// Such answers that are read for one request.
const ANSWERS_MAX: u32 = 16;

/// Everything of a request that is decided.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Its leaves, in their order.
    pub entered: Vec<Entered>,
    /// Leaves of it that were not found so far from the others.
    pub unread: u64,
}

/// One leaf of a request.
#[derive(Debug, Clone)]
pub struct Entered {
    /// Its number.
    pub leaf: u64,
    /// When it was decided, on the store's clock.
    pub at: Timestamp,
    /// Where the request stood after it.
    pub to: Option<State>,
    /// What happened.
    pub event: Event,
    /// The checkpoints that hold it from here on, if they do and were not erased.
    pub held_at: Vec<String>,
    /// What was signed, if it is a review.
    pub said: Option<Said>,
    /// What somebody wrote with it, if they did.
    pub text: Option<Text>,
}

/// One review of a request that is decided.
#[derive(Debug, Clone)]
pub struct Said {
    /// What was signed: who, what act, under which limits; nothing once it was erased.
    pub context: Option<ReviewContext>,
    /// What was answered; nothing once it was erased.
    pub answers: Option<Answers>,
    /// For whom else they decided, who was away.
    pub through: Vec<Through>,
}

/// Words of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// As they were written.
    Said(String),
    /// They were erased.
    Erased,
}

impl Gate {
    /// What became of it. Only for what is decided: before, a leaf tells of a review.
    pub(crate) async fn history(
        &self,
        stored: &StoredRequest,
        submission: &StoredLeaf,
    ) -> Result<History, GateError> {
        let entries = self.entries(stored).await?;
        let found = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let mut history = History {
            entered: Vec::with_capacity(entries.len()),
            unread: stored.version.saturating_sub(found),
        };
        for (index, entry) in entries {
            let read = if index == submission.index || entry.attachments.is_empty() {
                None
            } else {
                self.whole_leaf(index).await?
            };
            let leaf = if index == submission.index {
                Some(submission)
            } else {
                read.as_ref()
            };
            history.entered.push(entered(index, entry, leaf));
        }
        let beside = self.lease_entries(stored).await?;
        let beside = beside
            .into_iter()
            .map(|(index, entry)| entered(index, entry, None));
        history.entered.extend(beside);
        history.entered.sort_by_key(|entered| entered.leaf);
        Ok(history)
    }

    /// What became of what was handed out for it: the latest steps, found by the versions of the grant's row.
    async fn lease_entries(
        &self,
        stored: &StoredRequest,
    ) -> Result<BTreeMap<u64, Entry>, GateError> {
        let mut found = BTreeMap::new();
        let Some((grant, version)) = self.grant_of(&stored.record).await? else {
            return Ok(found);
        };
        if grant.lease.is_none() {
            return Ok(found);
        }
        let mut named = Vec::new();
        for version in version.saturating_sub(LEASE_STEPS_MAX)..=version {
            let key = UniqueKey(step_key(&grant.id, version));
            named.extend(self.store().unique(&key).await?);
        }
        for record in self.store().records_of(&named).await? {
            if !record_opens(&record.leaf, &record.salt, &record.record) {
                continue;
            }
            let entry = Entry::from_bytes(&record.record).map_err(GateError::damaged)?;
            if matches!(&entry.event, Event::Lease { of, .. } if *of == stored.record.id) {
                found.insert(record.index, entry);
            }
        }
        Ok(found)
    }

    /// Its leaves by their numbers: those that its row names, and what is found between them.
    async fn entries(&self, stored: &StoredRequest) -> Result<BTreeMap<u64, Entry>, GateError> {
        let id = stored.record.id;
        let mut found = BTreeMap::new();
        let named: Vec<u64> = self.leaves_of(stored).await?.into_iter().collect();
        for some in named.chunks(NAMED_AT_ONCE) {
            take(&mut found, &self.store().records_of(some).await?, &id);
        }
        let mut answers = ANSWERS_MAX;
        for Gap {
            mut next,
            end,
            missing,
        } in gaps(&found)
        {
            let wanted = found.len().saturating_add(missing);
            while next < end && answers > 0 && found.len() < wanted {
                answers -= 1;
                let limit = u32::try_from(end - next).map_or(AT_ONCE, |left| left.min(AT_ONCE));
                let page = self.store().records(next, limit).await?;
                let Some(last) = page.last() else { break };
                next = last.index.saturating_add(1);
                take(&mut found, &page, &id);
            }
        }
        Ok(found)
    }
}

/// Leaves among which some of a request are.
struct Gap {
    next: u64,
    end: u64,
    /// How many: each write of a row counts its version.
    missing: usize,
}

fn gaps(found: &BTreeMap<u64, Entry>) -> Vec<Gap> {
    let neighbours = found.iter().zip(found.iter().skip(1));
    let gap = |((before, one), (after, other)): ((&u64, &Entry), (&u64, &Entry))| Gap {
        next: before.saturating_add(1),
        end: *after,
        missing: usize::try_from(other.version.saturating_sub(one.version).saturating_sub(1))
            .unwrap_or(usize::MAX),
    };
    let gaps = neighbours.map(gap);
    gaps.filter(|gap| gap.missing > 0).collect()
}

/// Keeps those of this request. Most of a ledger is of others, and is not parsed to see that.
fn take(found: &mut BTreeMap<u64, Entry>, records: &[StoredRecord], id: &RequestId) {
    let name = id.to_string();
    for record in records {
        let text = core::str::from_utf8(&record.record).unwrap_or_default();
        if !text.contains(&name) {
            continue;
        }
        if let Some(entry) = entry_about(record, id) {
            found.insert(record.index, entry);
        }
    }
}

pub(crate) fn entered(index: u64, entry: Entry, leaf: Option<&StoredLeaf>) -> Entered {
    let bytes = |name: &str| leaf.and_then(|leaf| opened(leaf, name).ok());
    let grounds = bytes("verdict");
    let grounds = grounds.and_then(|bytes| canonical::from_canonical_bytes::<Grounds>(bytes).ok());
    let requirement = grounds.and_then(|grounds| grounds.requirement);
    let held_at = requirement.iter().flat_map(|requirement| {
        let checkpoints = requirement.checkpoints();
        checkpoints.map(|(_, checkpoint)| checkpoint.name.to_string())
    });
    let said = matches!(entry.event, Event::Reviewed { .. }).then(|| said(leaf));
    let wrote = entry.attachments.contains_key("text");
    let text = wrote.then(|| match bytes("text") {
        Some(text) => Text::Said(String::from_utf8_lossy(text).into_owned()),
        None => Text::Erased,
    });
    Entered {
        leaf: index,
        at: entry.at,
        to: entry.to,
        held_at: held_at.collect(),
        said,
        text,
        event: entry.event,
    }
}

/// What was signed and answered, as it stands in the leaf of a review.
fn said(leaf: Option<&StoredLeaf>) -> Said {
    let bytes = |name: &str| leaf.and_then(|leaf| opened(leaf, name).ok());
    let context = bytes("context");
    let context =
        context.and_then(|bytes| canonical::from_canonical_bytes::<ReviewContext>(bytes).ok());
    let answers = bytes("answers");
    let answers = answers.and_then(|bytes| canonical::from_canonical_bytes::<Answers>(bytes).ok());
    let signed = |answers: &Answers| {
        let hash = context.as_ref().map(|context| context.answers_hash);
        hash.is_some() && answers.hash().ok() == hash
    };
    Said {
        answers: answers.filter(signed),
        through: leaf.map(through).unwrap_or_default(),
        context,
    }
}
