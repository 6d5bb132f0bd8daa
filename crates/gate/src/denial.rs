//! What whoever denied a request says to whoever asked: a reason, and what would be better. It stands in the leaf that ended the request.

use gatehold_core::entry::{Entry, Event};
use gatehold_core::request::{RequestRecord, State};

use crate::believed::record_opens;
use crate::conversation::visible;
use crate::error::GateError;
use crate::gate::Gate;
use crate::history::{Text, entered};

/// How a request is closed that somebody denied. What is reported as suspicious is closed otherwise, and whoever asked is told no more.
const DENIED: &str = "denied_by_human";

fn is_denied(record: &RequestRecord) -> bool {
    let closing = record.closing.as_ref();
    record.state == State::Denied && closing.is_some_and(|closing| closing.code == DENIED)
}

impl Gate {
    /// What whoever denied it wrote, shown as questions are: the code of a reason, then their words. Nothing where nobody denied it
    /// or what they wrote was erased, and then nothing is read; else the row once more and the one leaf that ended it.
    ///
    /// # Errors
    /// When the store does not answer, or the leaf is not the one that the row names.
    pub async fn denial(&self, record: &RequestRecord) -> Result<Option<String>, GateError> {
        if !is_denied(record) {
            return Ok(None);
        }
        let id = record.id;
        // Which leaf ended it stands beside the row, and only the row as it is stored is believed.
        let stored = self.request(id).await?;
        if !is_denied(&stored.record) {
            return Ok(None);
        }
        let damaged = || GateError::damaged(format!("the leaf that ended {id} does not hold"));
        let leaf = self.whole_leaf(stored.last_leaf).await?;
        let leaf = leaf
            .filter(|leaf| record_opens(&leaf.leaf, &leaf.salt, &leaf.record))
            .ok_or_else(damaged)?;
        let entry = Entry::from_bytes(&leaf.record).map_err(GateError::damaged)?;
        if entry.request != Some(id) || entry.to != Some(State::Denied) {
            return Err(damaged());
        }
        let is_act = matches!(entry.event, Event::Acted { .. });
        let ended = entered(leaf.index, entry, Some(&leaf));
        let words = if is_act {
            match ended.text {
                Some(Text::Said(text)) => Some(text),
                Some(Text::Erased) | None => None,
            }
        } else {
            let answers = ended.said.and_then(|said| said.answers);
            answers.map(|answers| answers.justification)
        };
        let words = words.filter(|words| !words.trim().is_empty());
        Ok(words.map(|words| visible(&words)))
    }
}
