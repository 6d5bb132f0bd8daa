//! Corrections: a person's signed word that a leaf is wrong. Checked like any signature, under the keys of its own leaf, and
//! against the leaf that it names; nothing of a request follows from it.

use gatehold_core::assurance::Assurance;
use gatehold_core::correction::{
    CorrectionText, CorrectionsBefore, UnverifiedCorrection, VerifiedCorrection,
};
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::request::State;
use gatehold_core::time::Timestamp;
use serde::Serialize;

use super::{Checked, Fold, ensure, wrong};
use crate::finding::Code;
use crate::opened::{Expect, Opened};

/// One correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CorrectionShown {
    /// Its leaf.
    pub leaf: u64,
    /// The leaf that it says is wrong.
    pub corrects: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who says so.
    pub human: HumanId,
    /// With which key.
    pub key: Hash,
    /// What the signature counted for; nothing when it was not checked.
    pub assurance: Option<Assurance>,
    /// What was wrong, in their words; nothing once they were erased.
    pub text: Option<String>,
}

impl Fold {
    /// Keeps what a leaf commits to, so that a correction can be compared with what it names.
    pub(super) fn keep_commitment(&mut self, leaf: &Opened) {
        let own = |id: &RequestId| self.subject.is_none_or(|subject| subject == *id);
        if let Some(id) = leaf.entry.request.filter(own) {
            let leaves = self.leaves_of.entry(id).or_default();
            leaves.push((leaf.index, leaf.commitment));
        }
    }

    pub(super) fn corrected(&mut self, leaf: &Opened) -> Checked {
        let Event::Corrected {
            of,
            leaf: corrects,
            commitment,
            human,
            key,
            signed,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        ensure(
            leaf.entry.row.is_none() && leaf.entry.to.is_none(),
            Code::Row,
            "a correction changes no request, and this one does",
        )?;
        let named = (*corrects, *commitment);
        let known = self.leaves_of.get(of);
        ensure(
            known.is_some_and(|leaves| leaves.contains(&named)),
            Code::Correction,
            "what it corrects is no leaf of its request before it, or another one",
        )?;
        ensure(
            self.corrections_signed.insert(*signed),
            Code::Correction,
            "the same signed statement was recorded before",
        )?;
        // While it is held nobody may learn what others did about it.
        let of_one = self.requests.get(of);
        ensure(
            of_one.is_none_or(|request| request.broken || request.state != State::Held),
            Code::Correction,
            "a request that is held was corrected",
        )?;
        self.one_more(of, human)?;
        let assurance = self.signed_correction(leaf)?;
        if self.expect == Expect::Selection {
            let text = leaf.bytes("text").map(CorrectionText::from_bytes);
            self.corrections.push(CorrectionShown {
                leaf: leaf.index,
                corrects: *corrects,
                at: leaf.entry.at,
                human: human.clone(),
                key: *key,
                assurance,
                text: text.and_then(Result::ok).map(|text| text.text),
            });
        }
        Ok(())
    }

    /// Counts it, where there is room for it.
    fn one_more(&mut self, of: &RequestId, human: &HumanId) -> Checked {
        let by = self.corrections_by.entry(*of).or_default();
        let before = CorrectionsBefore {
            all: by.values().sum(),
            mine: by.get(human).copied().unwrap_or_default(),
        };
        ensure(
            before.leave_room(),
            Code::Correction,
            "there are more corrections of one request than a gate records",
        )?;
        *by.entry(human.clone()).or_default() += 1;
        Ok(())
    }

    /// What the signature counts for, once everything in the leaf agrees with what was signed.
    // INVARIANT(exact-signer): under the directory of this leaf, by the function that the gate uses.
    fn signed_correction(&mut self, leaf: &Opened) -> Checked<Option<Assurance>> {
        let (Some(statement), Some(signature)) = (leaf.bytes("statement"), leaf.bytes("signature"))
        else {
            let gone = if leaf.bytes("statement").is_none() {
                "statement"
            } else {
                "signature"
            };
            let text = format!("{}: the correction was not checked", leaf.absence(gone));
            self.gap(Some(leaf.index), text);
            return Ok(None);
        };
        let Some(directory) = self.directory() else {
            return Ok(None);
        };
        let Event::Corrected { signed, .. } = &leaf.entry.event else {
            return Ok(None);
        };
        ensure(
            Hash::of(statement) == *signed,
            Code::Correction,
            "the record names another statement than was signed",
        )?;
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
        let (Ok(statement), Ok(signature)) = (utf8(statement), utf8(signature)) else {
            return wrong(Code::Correction, "statement and signature are texts");
        };
        let correction = UnverifiedCorrection {
            statement,
            signature,
        };
        let verified = VerifiedCorrection::verify(&correction, directory)
            .map_err(|error| (Code::Correction, error.to_string()))?;
        agrees(leaf, &verified)?;
        Ok(Some(verified.assurance()))
    }
}

/// Record, text and time are those of the statement.
fn agrees(leaf: &Opened, verified: &VerifiedCorrection) -> Checked {
    let Event::Corrected {
        of,
        leaf: corrects,
        commitment,
        human,
        key,
        ..
    } = &leaf.entry.event
    else {
        return Ok(());
    };
    let said = verified.statement();
    ensure(
        said.request == *of
            && said.leaf == *corrects
            && said.commitment == *commitment
            && said.human == *human
            && said.key == *key,
        Code::Correction,
        "the record says something else than was signed",
    )?;
    let text = leaf.bytes("text").map(CorrectionText::hash_of);
    ensure(
        text.is_none_or(|text| text == said.text_hash),
        Code::Correction,
        "its words are not those that were signed",
    )?;
    ensure(
        verified.is_timely(leaf.entry.at),
        Code::Deadline,
        "it was signed too long before it was recorded, or after",
    )
}
