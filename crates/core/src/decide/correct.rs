//! A correction is put into the ledger: a leaf that changes no row, no counter that anything decides by and no request. The
//! gate's own rules never read it again.

use super::world::{Fresh, World};
use super::writer::{About, Writer};
use crate::commit::{LeafKind, Write};
use crate::correction::{
    CORRECTION_TEXT_BYTES_MAX, CorrectionError, CorrectionText, CorrectionsBefore,
    UnverifiedCorrection, VerifiedCorrection,
};
use crate::entry::Event;
use crate::hash::Hash;
use crate::ids::{HumanId, RequestId};
use crate::refusal::Refusal;
use crate::request::{RequestRecord, State};
use crate::time::Timestamp;

/// A person says that something recorded of a request was wrong.
#[derive(Debug, Clone)]
pub struct Correct {
    /// What they signed.
    pub correction: UnverifiedCorrection,
    /// Their words, as an attachment: what `text_hash` names.
    pub text: Vec<u8>,
    /// What the leaf commits to that the statement names, read from the ledger; nothing when that is no leaf of this request.
    pub commitment: Option<Hash>,
    /// How many corrections of this request there are; those of whoever signed this one are read after all of them, and the
    /// number that is consumed makes both exact.
    pub before: CorrectionsBefore,
}

/// The unique key of a request's corrections, numbered from 1.
#[must_use]
pub fn correction_key(request: &RequestId, number: u32) -> String {
    format!("correction:{request}:{number}")
}

/// The unique key of one signed statement: it is recorded once.
#[must_use]
pub fn signed_key(statement: &str) -> String {
    format!("correction-of:{}", Hash::of(statement.as_bytes()).hex())
}

/// The counter of one person's corrections of a request.
#[must_use]
pub fn corrections_of_one(request: &RequestId, human: &HumanId) -> String {
    format!("corrections:{request}:{human}")
}

/// The write of one correction.
///
/// # Errors
/// [`Refusal`] when it does not verify, names no leaf of this request, or is one too many.
pub fn correct(
    correct: &Correct,
    record: &RequestRecord,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Write, Refusal> {
    // While it is held nobody learns what others did about it; whoever may decide says no, asks or reports it.
    if guard!("correction-decided", record.state == State::Held) {
        return Err(Refusal::WrongState {
            state: record.state.name(),
        });
    }
    let verified = VerifiedCorrection::verify(&correct.correction, world.directory)?;
    let statement = verified.statement();
    check(correct, &verified, record.id, now)?;
    let human = &statement.human;
    let mut writer = Writer::new(fresh);
    writer.guard_actor(world);
    let signed = Hash::of(correct.correction.statement.as_bytes());
    if guard!("correction-once", true) {
        writer.once(signed_key(&correct.correction.statement), None);
    }
    let number = correct.before.all.saturating_add(1);
    writer.once(correction_key(&record.id, number), None);
    let mine = corrections_of_one(&record.id, human);
    writer.add(mine, 1);
    let parts = [
        ("statement", correct.correction.statement.as_bytes()),
        ("signature", correct.correction.signature.as_bytes()),
        ("text", &correct.text),
    ];
    for (name, bytes) in parts {
        writer.attach(name, bytes.to_vec());
    }
    let event = Event::Corrected {
        of: record.id,
        leaf: statement.leaf,
        commitment: statement.commitment,
        human: human.clone(),
        key: statement.key,
        signed,
    };
    writer.finish(LeafKind::Correction, &About::default(), event, now)
}

fn check(
    correct: &Correct,
    verified: &VerifiedCorrection,
    request: RequestId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let statement = verified.statement();
    if guard!("correction-request", statement.request != request) {
        return Err(CorrectionError::Other("request").into());
    }
    if guard!(
        "correction-leaf",
        correct.commitment != Some(statement.commitment)
    ) {
        return Err(CorrectionError::Other("leaf").into());
    }
    let text = CorrectionText::from_bytes(&correct.text)
        .map_err(|error| CorrectionError::Form(error.to_string()))?;
    let other = statement.text_hash != CorrectionText::hash_of(&correct.text);
    if guard!("correction-text", other) {
        return Err(CorrectionError::Other("text").into());
    }
    let unusable = text.text.trim().is_empty() || text.text.len() > CORRECTION_TEXT_BYTES_MAX;
    if guard!("correction-words", unusable) {
        return Err(CorrectionError::Text.into());
    }
    if guard!("correction-time", !verified.is_timely(now)) {
        return Err(CorrectionError::Time.into());
    }
    if guard!("correction-few", !correct.before.leave_room()) {
        return Err(Refusal::TooManyCorrections);
    }
    Ok(())
}
