//! What reviewers and the requester say to each other about a held request: who spoke, when, and in which leaf the words
//! stand. The words themselves are attachments; a row never holds them.
//!
//! An answer answers every question that is open, so that there are never more answers than questions.

use serde::{Deserialize, Serialize};

use super::RequestRecord;
use super::record::stated;
use crate::ids::{HumanId, RequestId};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Most questions and answers about one request.
pub const TURNS_MAX: usize = 32;

/// A question of a reviewer, or an answer of the requester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The version of the request's row after it: names the leaf that holds the text.
    pub version: u64,
    /// The reviewer who asked; nobody where the requester answered.
    #[serde(deserialize_with = "stated")]
    pub asked_by: Option<HumanId>,
    /// When.
    pub at: Timestamp,
}

impl Turn {
    /// Whether this is a question.
    #[must_use]
    pub const fn is_question(&self) -> bool {
        self.asked_by.is_some()
    }

    /// The unique key that the write of a turn takes: it leads from the row to the leaf.
    #[must_use]
    pub fn key(request: &RequestId, version: u64) -> String {
        format!("turn:{request}:{version}")
    }
}

impl RequestRecord {
    /// Whether a question waits for an answer.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.turns.last().is_some_and(Turn::is_question)
    }

    /// Adds a turn, written as this version of the row.
    pub(crate) fn take_turn(
        &mut self,
        asked_by: Option<HumanId>,
        version: u64,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let refuse = |why: String| Err(Refusal::Claims(why));
        if asked_by.is_none() && !self.is_asked() {
            return refuse("no question waits for an answer; ask anew to say more".to_owned());
        }
        // Of the last turns one is left for the answer, so that nobody can be asked what cannot be answered.
        let room = usize::from(asked_by.is_some());
        if self.turns.len().saturating_add(room) >= TURNS_MAX {
            return refuse(format!(
                "at most {TURNS_MAX} questions and answers are kept; decide, or pass it on"
            ));
        }
        self.turns.push(Turn {
            version,
            asked_by,
            at,
        });
        Ok(())
    }
}
