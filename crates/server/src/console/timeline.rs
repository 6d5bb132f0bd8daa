//! What happened to a request, in order: who did it, and why as far as they said. Only for requests that are decided: while
//! one is held nobody learns that a review exists.

use gatehold_core::request::{RequestRecord, State};
use gatehold_core::review::ReviewAct;
use gatehold_core::time::Timestamp;
use gatehold_gate::{Asked, Corrected, Looked, Said};

use super::decided::by;
use super::said::{Mark, Moment, Quiet, UNKNOWN, VERIFIED, code, each, limits, lines, moment};

/// One thing that happened.
#[derive(Debug)]
pub(super) struct Happened {
    pub at: Moment,
    pub what: String,
    /// Where it is recorded, once it is.
    pub leaf: Option<u64>,
    /// Their words; nobody of us says this.
    pub words: Vec<Quiet>,
    /// What belongs to it.
    pub more: Vec<Quiet>,
    /// What people say is wrong in it.
    pub corrections: Vec<Fix>,
}

/// One correction, as it stands beside what it corrects.
#[derive(Debug)]
pub(super) struct Fix {
    pub leaf: u64,
    pub by: String,
    pub at: Moment,
    pub mark: Mark,
    pub signed: &'static str,
    pub words: Vec<Quiet>,
}

/// Something that happened, as it is put together.
struct New {
    at: Timestamp,
    /// What comes first of two at the same time.
    order: u8,
    leaf: Option<u64>,
    what: String,
    words: Vec<Quiet>,
    more: Vec<String>,
}

impl New {
    fn at(at: Timestamp, order: u8, leaf: Option<u64>, what: String) -> Self {
        let (words, more) = (Vec::new(), Vec::new());
        Self {
            at,
            order,
            leaf,
            what,
            words,
            more,
        }
    }
}

/// Everything that is known of it, oldest first, and beside each part what was corrected.
pub(super) fn timeline(looked: &Looked, questions: &[Asked]) -> Vec<Happened> {
    let mut all = begun(looked);
    for asked in questions {
        let what = format!("Question {} of {}", asked.number, asked.by);
        let question = New::at(asked.at, 2, Some(asked.leaf), what);
        all.push(New {
            words: lines(&asked.text),
            ..question
        });
        if let Some(answer) = &asked.answer {
            let what = format!("The requester answered question {}", asked.number);
            let answered = New::at(answer.at, 2, Some(answer.leaf), what);
            all.push(New {
                words: lines(&answer.text),
                ..answered
            });
        }
    }
    all.extend(looked.said.iter().map(|said| reviewed(said, looked.now)));
    end(looked, &mut all);
    all.sort_by_key(|new| (new.at, new.order));
    let mut open: Vec<&Corrected> = looked.corrections.iter().collect();
    let mut happened: Vec<Happened> = Vec::with_capacity(all.len());
    for new in all {
        let (beside, left) = open
            .into_iter()
            .partition(|one: &&Corrected| new.leaf == Some(one.corrects));
        open = left;
        happened.push(shown(new, beside, looked.now));
    }
    // Beside a leaf that this page does not name otherwise.
    for one in open {
        let what = format!("Something else is recorded in leaf {}", one.corrects);
        let new = New::at(one.at, 9, Some(one.corrects), what);
        happened.push(shown(new, vec![one], looked.now));
    }
    happened
}

fn shown(new: New, corrections: Vec<&Corrected>, now: Timestamp) -> Happened {
    Happened {
        at: moment(new.at, now),
        what: new.what,
        leaf: new.leaf,
        words: new.words,
        more: each(&new.more),
        corrections: corrections.into_iter().map(|one| fix(one, now)).collect(),
    }
}

fn fix(one: &Corrected, now: Timestamp) -> Fix {
    let (mark, signed) = if one.verifies_now {
        (VERIFIED, "their key signed it")
    } else {
        (UNKNOWN, "their key has no force now; the dossier proves it")
    };
    let erased = "The words were erased.";
    Fix {
        leaf: one.leaf,
        by: one.human.to_string(),
        at: moment(one.at, now),
        mark,
        signed,
        words: lines(one.text.as_deref().unwrap_or(erased)),
    }
}

/// How it began.
fn begun(looked: &Looked) -> Vec<New> {
    let record = &looked.record;
    let first = Some(looked.first_leaf);
    let asked = format!("{} asked for it", record.requester.name());
    let mut all = vec![New::at(record.submitted_at, 0, first, asked)];
    if let Some(held) = &record.held {
        let names: Vec<String> = held
            .requirement
            .checkpoints()
            .map(|(_, checkpoint)| checkpoint.name.to_string())
            .collect();
        // Held again is recorded elsewhere.
        let leaf = first.filter(|_| held.since == record.submitted_at);
        let what = format!("Held at {}", names.join(", "));
        all.push(New::at(held.since, 1, leaf, what));
    }
    all
}

fn reviewed(review: &Said, now: Timestamp) -> New {
    let reviewer = &review.context.reviewer;
    let act = match review.context.act {
        ReviewAct::Approve => "approved",
        ReviewAct::Deny => "denied",
    };
    let through = review.through.iter();
    let away: String = through
        .map(|one| {
            let until = moment(one.until, now);
            format!(" for {}, who was away until {},", one.from, until.absolute)
        })
        .collect();
    let what = format!(
        "{}@{} {act} it{away} signed",
        reviewer.subject,
        reviewer.issuer,
        away = if away.is_empty() {
            ",".to_owned()
        } else {
            away
        }
    );
    let new = New::at(review.context.issued_at, 3, review.leaf, what);
    let Some(answers) = &review.answers else {
        let gone = "What they answered was erased, or is not what they signed.";
        return New {
            more: vec![gone.to_owned()],
            ..new
        };
    };
    let mut more: Vec<String> = answers
        .criteria
        .iter()
        .map(|(criterion, answer)| format!("{}: {answer}", code(criterion)))
        .collect();
    if review.context.act == ReviewAct::Approve {
        more.push(format!("within {}", limits(&review.context.limits)));
    }
    let words = if answers.justification.is_empty() {
        Vec::new()
    } else {
        lines(&answers.justification)
    };
    New { words, more, ..new }
}

fn end(looked: &Looked, all: &mut Vec<New>) {
    let record = &looked.record;
    let last = looked.last_leaf.filter(|_| record.state.is_terminal());
    if let Some(outcome) = &record.outcome {
        let quantity = outcome
            .quantity
            .map(|quantity| format!("{quantity} rows or objects"));
        let what = format!("Executed: {}", code(&outcome.code));
        let executed = New::at(outcome.at, 5, last, what);
        all.push(New {
            more: quantity.into_iter().collect(),
            ..executed
        });
    }
    if let Some(closing) = &record.closing {
        let who = looked.ended_by.as_ref();
        let what = match who {
            Some(ended) => format!("{} {}", ended.human, did(&ended.act)),
            None => format!("Ended: {} (decided by {})", code(&closing.code), by(record)),
        };
        let text = who.and_then(|ended| ended.text.as_deref());
        let text = text.unwrap_or_default();
        let channel = who.map(|ended| ended.channel.as_str()).unwrap_or_default();
        let unsigned = !channel.is_empty() && channel != "signed";
        let ended = New::at(closing.at, 6, last, what);
        all.push(New {
            words: if text.is_empty() {
                Vec::new()
            } else {
                lines(text)
            },
            more: Vec::from_iter(unsigned.then(|| format!("unsigned, by {channel}"))),
            ..ended
        });
    }
    if let Some(latest) = latest(record, looked) {
        all.push(New::at(looked.now, 7, None, latest));
    }
}

/// What somebody did who ended it.
fn did(act: &str) -> String {
    match act {
        "deny" => "denied it".to_owned(),
        "suspicious" => "denied it and reported it as suspicious".to_owned(),
        "revoked" => "took it away".to_owned(),
        "withdrawn" => "took it back".to_owned(),
        other => format!("ended it: {}", code(other)),
    }
}

/// What may still become of it.
fn latest(record: &RequestRecord, looked: &Looked) -> Option<String> {
    match record.state {
        State::Allowed | State::Redeemable => {
            let until = moment(record.spend_by, looked.now);
            Some(format!(
                "It may be used until {}, and was not yet; revoking takes that away",
                until.absolute
            ))
        }
        State::Executing => Some("It is being performed".to_owned()),
        _ => None,
    }
}
