//! What reviewers asked and the requester answered about a request. The row says who spoke in which version; the words stand
//! in the attachment of that version's leaf, and are given only after they were hashed into it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gatehold_core::commit::{AttachmentDraft, UniqueKey};
use gatehold_core::delegation::Lending;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::json::ident;
use gatehold_core::request::{RequestRecord, Turn};
use gatehold_core::time::Timestamp;

use crate::believed::record_opens;
use crate::error::GateError;
use crate::gate::Gate;

/// One question about a request, and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Counts the questions of a request, from 1.
    pub number: u32,
    /// The team for which it is asked, or the person where they are asked by name.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Its leaf.
    pub leaf: u64,
    /// The question: what cannot be seen or would move a cursor is shown by its number.
    pub text: String,
    /// The answer, once there is one; it answers every question that was open.
    pub answer: Option<Answered>,
}

/// An answer of the requester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When.
    pub at: Timestamp,
    /// Its leaf.
    pub leaf: u64,
    /// The answer, shown as the question is.
    pub text: String,
    /// The answer as it was given: what the chain of claims is over.
    pub said: String,
}

/// The answers as they were given, oldest first. One that answers several questions was given once.
#[must_use]
pub fn answers(questions: &[Asked]) -> Vec<String> {
    let answers = questions.iter().filter_map(|asked| asked.answer.as_ref());
    let mut answers: Vec<&Answered> = answers.collect();
    answers.dedup_by_key(|answer| answer.leaf);
    answers
        .into_iter()
        .map(|answer| answer.said.clone())
        .collect()
}

impl Gate {
    /// The questions about a request, oldest first.
    ///
    /// # Errors
    /// When the store does not answer, or a leaf is not the one that the row names.
    pub async fn questions(&self, record: &RequestRecord) -> Result<Vec<Asked>, GateError> {
        let mut questions: Vec<Asked> = Vec::new();
        if record.turns.is_empty() {
            return Ok(questions);
        }
        let active = self.current().await?;
        let moment = self.moment_of(record, &active.directory).await?;
        let lending = record.held.as_ref().map(|held| {
            let requirement = &held.requirement;
            Lending::new(&active.directory, requirement, &record.requester, moment)
        });
        for turn in &record.turns {
            let (leaf, said) = self.words_of(record, turn).await?;
            let text = visible(&said);
            if let Some(human) = &turn.asked_by {
                let number = u32::try_from(questions.len()).unwrap_or(u32::MAX);
                questions.push(Asked {
                    number: number.saturating_add(1),
                    by: spoken_for(lending.as_ref(), human),
                    at: turn.at,
                    leaf,
                    text,
                    answer: None,
                });
                continue;
            }
            let answer = Answered {
                at: turn.at,
                leaf,
                text,
                said,
            };
            for open in questions.iter_mut().filter(|asked| asked.answer.is_none()) {
                open.answer = Some(answer.clone());
            }
        }
        Ok(questions)
    }

    async fn words_of(
        &self,
        record: &RequestRecord,
        turn: &Turn,
    ) -> Result<(u64, String), GateError> {
        let damaged = || {
            let id = &record.id;
            GateError::damaged(format!(
                "the leaf of question or answer {} of {id} does not hold",
                turn.version
            ))
        };
        let key = UniqueKey(Turn::key(&record.id, turn.version));
        let index = self.store().unique(&key).await?.ok_or_else(damaged)?;
        let leaf = self.store().leaves(index, 1, true).await?;
        let leaf = leaf
            .into_iter()
            .next()
            .filter(|leaf| record_opens(&leaf.leaf, &leaf.salt, &leaf.record))
            .ok_or_else(damaged)?;
        let entry = Entry::from_bytes(&leaf.record).map_err(GateError::damaged)?;
        let said = match &entry.event {
            Event::Acted { human, .. } => {
                *human == turn.asked_by
                    && entry.request == Some(record.id)
                    && entry.version == turn.version
            }
            _ => false,
        };
        let committed = entry.attachments.get("text");
        if !said {
            return Err(damaged());
        }
        let Some(committed) = committed else {
            return Ok((index, String::new()));
        };
        let kept = leaf
            .attachments
            .into_iter()
            .find(|kept| kept.name == "text");
        let Some((salt, bytes)) = kept.and_then(|kept| kept.salt.zip(kept.bytes)) else {
            return Ok((index, "(erased)".to_owned()));
        };
        let draft = AttachmentDraft {
            name: "text",
            salt,
            bytes,
        };
        if draft.commitment() != *committed {
            return Err(damaged());
        }
        Ok((index, String::from_utf8_lossy(&draft.bytes).into_owned()))
    }
}

/// For whom a reviewer speaks: the team that the checkpoints ask, their own or one that somebody who is away gave them now, or
/// their own name where they are asked by it.
fn spoken_for(lending: Option<&Lending<'_>>, human: &HumanId) -> String {
    let nobody = || "a reviewer who is no longer entitled".to_owned();
    let Some(lending) = lending else {
        return nobody();
    };
    let teams = lending.directory().teams_of(human);
    let through = lending.through(human);
    let mut asked: BTreeSet<&TeamId> = BTreeSet::new();
    let mut by_name = false;
    for (_, checkpoint) in lending.requirement().checkpoints() {
        let eligible = &checkpoint.eligible;
        asked.extend(eligible.teams.intersection(&teams));
        for one in through.iter().filter(|one| one.admits(checkpoint)) {
            asked.extend(eligible.teams.intersection(&one.teams));
        }
        by_name |= eligible.humans.contains(human);
    }
    match asked.first() {
        Some(team) => format!("team {team}"),
        None if by_name => human.to_string(),
        None => nobody(),
    }
}

/// Text of people as anybody may print it: lines stay, and every character that cannot be seen or would move the cursor is
/// shown by its number.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && ident::hazard(character).is_some() {
            let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delegations::tests::{directory, moment, requester, requirement};

    #[test]
    fn a_reviewer_speaks_for_the_teams_that_a_delegation_gives_them_now() {
        let (requirement, requester) = (requirement(1), requester());
        let ann: HumanId = "ann@acme".parse().unwrap();
        let mut directory = directory();
        let given = Lending::new(&directory, &requirement, &requester, moment());
        assert_eq!(spoken_for(Some(&given), &ann), "team owners");
        // Whoever is away has left the team, so their word gives nothing.
        directory.teams.values_mut().for_each(BTreeSet::clear);
        let nothing = Lending::new(&directory, &requirement, &requester, moment());
        let nobody = "a reviewer who is no longer entitled";
        assert_eq!(spoken_for(Some(&nothing), &ann), nobody);
        assert_eq!(spoken_for(None, &ann), nobody);
    }

    #[test]
    fn what_would_move_a_cursor_is_shown_by_its_number() {
        assert_eq!(
            visible("why?\n\u{202e}now\u{1b}[2J"),
            "why?\n\u{27e8}U+202E\u{27e9}now\u{27e8}U+001B\u{27e9}[2J"
        );
    }
}
