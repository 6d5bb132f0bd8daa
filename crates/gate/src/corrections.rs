//! Corrections: what people say was recorded wrong of a request that is decided. Each is a leaf of its own, found by its number
//! among those of its request and given only after it was hashed into its leaf. No decision reads any of this.

use std::collections::BTreeSet;

use gatehold_core::commit::{CounterKey, LeafBytes, UniqueKey};
use gatehold_core::correction::{
    CORRECTIONS_MAX, CorrectionText, CorrectionsBefore, UnverifiedCorrection, VerifiedCorrection,
};
use gatehold_core::decide::{Correct, correct, correction_key, corrections_of_one, signed_key};
use gatehold_core::delegation::Through;
use gatehold_core::directory::Authority;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State, Turn};
use gatehold_core::review::{ReviewAct, ReviewContext};
use gatehold_core::time::Timestamp;

use crate::believed::record_opens;
use crate::chain::opened;
use crate::drive::TRIES;
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{StoredLeaf, StoredRecord};
use crate::stored::StoredRequest;

/// A correction as somebody hands it in.
#[derive(Debug, Clone)]
pub struct CorrectionInput {
    /// Of which request.
    pub request: RequestId,
    /// What they signed.
    pub correction: UnverifiedCorrection,
    /// Their words.
    pub text: CorrectionText,
}

/// One correction as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// Its own leaf.
    pub leaf: u64,
    /// The leaf that it says is wrong.
    pub corrects: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who says so.
    pub human: HumanId,
    /// With which key.
    pub key: Hash,
    /// Whether the signature verifies under the keys that have force now. Whether it did then, a dossier proves.
    pub verifies_now: bool,
    /// Their words; nothing once they were erased.
    pub text: Option<String>,
}

/// A leaf of a request that can be corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub leaf: u64,
    /// What it commits to: a correction names it.
    pub commitment: Hash,
    /// When it was recorded.
    pub at: Timestamp,
    /// What it says happened, in a few words of ours.
    pub what: String,
}

impl Gate {
    /// Records what a person signed: that something recorded of a request was wrong. Nothing else changes.
    ///
    /// # Errors
    /// When it does not verify, names no leaf of this request, was recorded before, or the request is not decided.
    pub async fn correct(&self, input: CorrectionInput) -> Result<Corrected, GateError> {
        let CorrectionInput {
            request,
            correction,
            text,
        } = input;
        let text = text.to_bytes().map_err(GateError::damaged)?;
        self.journal_first().await?;
        for _ in 0..TRIES {
            let stored = self.request(request).await?;
            let loaded = self.load("", None, None).await?;
            let verified = VerifiedCorrection::verify(&correction, &loaded.active.directory)
                .map_err(Refusal::from)?;
            let said = verified.statement();
            let signed = UniqueKey(signed_key(&correction.statement));
            if self.store().unique(&signed).await?.is_some() {
                return Err(Refusal::Replayed.into());
            }
            let known = count(self.correction_leaves(&request).await?.len());
            let mine = CounterKey(corrections_of_one(&request, &said.human));
            let mine = self.store().counters(&[mine]).await?;
            let command = Correct {
                correction: correction.clone(),
                text: text.clone(),
                commitment: self.commitment_of(&request, said.leaf).await?,
                before: CorrectionsBefore {
                    all: known,
                    mine: mine.first().copied().map_or(0, count),
                },
            };
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let write = correct(&command, &stored.record, &world, &fresh, loaded.now)?;
            if let Some(receipt) = self.commit_plain(write).await? {
                self.inner.decided.notify_waiters();
                let all = self.corrections(request).await?;
                let new = all.into_iter().find(|one| one.leaf == receipt.index);
                return new
                    .ok_or_else(|| GateError::damaged("a correction is not where it was put"));
            }
        }
        Err(self.overtaken().await)
    }

    /// The corrections of a request, oldest first. Callers show them only once it is decided: [`Gate::recorded`] refuses before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn corrections(&self, request: RequestId) -> Result<Vec<Corrected>, GateError> {
        let active = self.current().await?;
        let mut all = Vec::new();
        for index in self.correction_leaves(&request).await? {
            let Some(leaf) = self.whole_leaf(index).await? else {
                continue;
            };
            match corrected(&leaf, &request) {
                Some((mut one, statement)) => {
                    let verified = VerifiedCorrection::verify(&statement, &active.directory);
                    one.verifies_now = verified.is_ok();
                    all.push(one);
                }
                None => {
                    let _ = self.tampered(format!("leaf {index} is no correction of {request}"));
                }
            }
        }
        Ok(all)
    }

    /// What of a request that is decided can be corrected: its submission, what was signed, asked and answered, its latest
    /// leaf, and one more that somebody names.
    ///
    /// # Errors
    /// When there is no such request, it is held, or the store does not answer.
    pub async fn recorded(
        &self,
        request: RequestId,
        also: Option<u64>,
    ) -> Result<Vec<Recorded>, GateError> {
        let stored = self.request(request).await?;
        if guard!("recorded-blind", stored.record.state == State::Held) {
            return Err(Refusal::WrongState {
                state: stored.record.state.name(),
            }
            .into());
        }
        let mut leaves = self.leaves_of(&stored).await?;
        leaves.extend(also);
        let leaves: Vec<u64> = leaves.into_iter().collect();
        let mut records = self.store().records_of(&leaves).await?;
        records.sort_by_key(|record| record.index);
        let mut recorded = Vec::with_capacity(records.len());
        for record in &records {
            let Some(entry) = entry_about(record, &request) else {
                continue;
            };
            let away = self.away(record.index, &entry.event).await?;
            recorded.push(Recorded {
                leaf: record.index,
                commitment: commitment(&record.leaf),
                at: entry.at,
                what: what(&entry.event) + &away,
            });
        }
        Ok(recorded)
    }

    /// For whom a review was signed, besides whoever signed it.
    async fn away(&self, leaf: u64, event: &Event) -> Result<String, GateError> {
        let by = matches!(event, Event::Reviewed { delegations, .. } if !delegations.is_empty());
        if !by {
            return Ok(String::new());
        }
        let leaf = self.whole_leaf(leaf).await?;
        let through = leaf.as_ref().map(through).unwrap_or_default();
        let away = through.iter().map(|one| {
            let (from, until) = (&one.from, one.until);
            format!(" for {from}, who was away until {until}")
        });
        let away: String = away.collect();
        Ok(if away.is_empty() {
            " for somebody who was away; what they could do for them is not here".to_owned()
        } else {
            away
        })
    }

    /// The leaves that a row names, directly or by its reviews and turns.
    pub(crate) async fn leaves_of(
        &self,
        stored: &StoredRequest,
    ) -> Result<BTreeSet<u64>, GateError> {
        let record = &stored.record;
        let mut leaves = BTreeSet::from([stored.first_leaf, stored.last_leaf]);
        for review in &record.reviews {
            leaves.extend(self.review_leaf(record, &review.context).await?);
        }
        for turn in &record.turns {
            let key = UniqueKey(Turn::key(&record.id, turn.version));
            leaves.extend(self.store().unique(&key).await?);
        }
        Ok(leaves)
    }

    /// The leaf of a review.
    pub(crate) async fn review_leaf(
        &self,
        record: &RequestRecord,
        context: &str,
    ) -> Result<Option<u64>, GateError> {
        let context: ReviewContext =
            canonical::from_canonical_bytes(context.as_bytes()).map_err(GateError::damaged)?;
        let key = UniqueKey(format!("review:{}:{}", record.id, context.review_nonce));
        Ok(self.store().unique(&key).await?)
    }

    /// The leaves of a request's corrections, by number.
    async fn correction_leaves(&self, request: &RequestId) -> Result<Vec<u64>, GateError> {
        let mut leaves = Vec::new();
        for number in 1..=CORRECTIONS_MAX {
            let key = UniqueKey(correction_key(request, number));
            match self.store().unique(&key).await? {
                Some(leaf) => leaves.push(leaf),
                None => break,
            }
        }
        Ok(leaves)
    }

    /// What a leaf commits to, if it is one of this request.
    async fn commitment_of(
        &self,
        request: &RequestId,
        leaf: u64,
    ) -> Result<Option<Hash>, GateError> {
        let records = self.store().records_of(&[leaf]).await?;
        let record = records.iter().find(|record| record.index == leaf);
        let own = record.filter(|record| entry_about(record, request).is_some());
        Ok(own.map(|record| commitment(&record.leaf)))
    }
}

/// For whom else a reviewer decided, by the authority in the leaf of their review.
pub(crate) fn through(leaf: &StoredLeaf) -> Vec<Through> {
    let authority = opened(leaf, "authority").ok();
    let authority =
        authority.and_then(|bytes| canonical::from_canonical_bytes::<Authority>(bytes).ok());
    authority.map_or_else(Vec::new, |authority| authority.through)
}

/// A number of corrections; one that is beyond all bounds leaves no room.
fn count(of: impl TryInto<u32>) -> u32 {
    of.try_into().unwrap_or(u32::MAX)
}

/// The entry of a leaf of this request.
// INVARIANT(leaf-opens): read only after it was hashed into its leaf.
pub(crate) fn entry_about(record: &StoredRecord, request: &RequestId) -> Option<Entry> {
    if !record_opens(&record.leaf, &record.salt, &record.record) {
        return None;
    }
    let entry = Entry::from_bytes(&record.record).ok()?;
    (entry.request == Some(*request)).then_some(entry)
}

/// The last 32 bytes of a leaf.
fn commitment(leaf: &LeafBytes) -> Hash {
    let bytes = leaf.last_chunk::<32>().copied().unwrap_or_default();
    Hash::from_bytes(bytes)
}

/// A correction from its leaf, and what was signed.
fn corrected(leaf: &StoredLeaf, request: &RequestId) -> Option<(Corrected, UnverifiedCorrection)> {
    if !record_opens(&leaf.leaf, &leaf.salt, &leaf.record) {
        return None;
    }
    let entry = Entry::from_bytes(&leaf.record).ok()?;
    let Event::Corrected {
        of,
        leaf: corrects,
        human,
        key,
        signed,
        ..
    } = entry.event
    else {
        return None;
    };
    let text_of = |name| String::from_utf8(opened(leaf, name).ok()?.to_vec()).ok();
    let statement = text_of("statement").unwrap_or_default();
    let erased = statement.is_empty();
    if of != *request || !(erased || Hash::of(statement.as_bytes()) == signed) {
        return None;
    }
    let words = opened(leaf, "text").ok();
    let words = words.and_then(|bytes| CorrectionText::from_bytes(bytes).ok());
    let correction = UnverifiedCorrection {
        statement,
        signature: text_of("signature").unwrap_or_default(),
    };
    let shown = Corrected {
        leaf: leaf.index,
        corrects,
        at: entry.at,
        human,
        key,
        verifies_now: false,
        text: words.map(|words| words.text),
    };
    Some((shown, correction))
}

/// What a leaf of a request says happened.
fn what(event: &Event) -> String {
    match event {
        Event::Submitted { requester, .. } => format!("{requester} asked for it"),
        Event::Reviewed { reviewer, act, .. } => match act {
            ReviewAct::Approve => format!("{reviewer} approved it"),
            ReviewAct::Deny => format!("{reviewer} denied it"),
        },
        Event::Acted {
            human: Some(human),
            act,
            ..
        } => format!("{human}: {act}"),
        Event::Acted { act, .. } => format!("the requester: {act}"),
        Event::Escalated { .. } => "more people were asked".to_owned(),
        Event::Reheld { .. } => "it was held again".to_owned(),
        Event::BrokeGlass { incident, .. } => format!("the glass was broken for {incident}"),
        Event::Closed {
            code,
            human: Some(human),
            ..
        } => format!("{human} ended it: {code}"),
        Event::Closed { code, .. } => format!("it ended: {code}"),
        Event::Claimed { .. } => "its execution began".to_owned(),
        Event::Executed { outcome, .. } => format!("the target said: {}", outcome.code),
        Event::Trust { what, .. } => format!("it was applied: {what}"),
        _ => "something else".to_owned(),
    }
}
