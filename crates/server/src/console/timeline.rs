//! What happened to a request, in order: who did it, and why as far as they said. Only for requests that are decided: while
//! one is held nobody learns that a review exists.

use gatehold_core::request::{RequestRecord, State};
use gatehold_core::review::ReviewAct;
use gatehold_core::time::Timestamp;
use gatehold_gate::{Asked, Looked, Said};

use super::decided::by;
use super::said::{Moment, Quiet, code, each, limits, lines, moment};

/// One thing that happened.
#[derive(Debug)]
pub(super) struct Happened {
    pub at: Moment,
    pub what: String,
    /// Their words; nobody of us says this.
    pub words: Vec<Quiet>,
    /// What belongs to it.
    pub more: Vec<Quiet>,
}

/// Everything that is known of it, oldest first.
pub(super) fn timeline(looked: &Looked, questions: &[Asked]) -> Vec<Happened> {
    let record = &looked.record;
    let mut all: Vec<(Timestamp, u8, Happened)> = Vec::new();
    let mut add = |at: Timestamp, order: u8, what: String, words: Vec<Quiet>, more: Vec<String>| {
        let at_shown = moment(at, looked.now);
        all.push((
            at,
            order,
            Happened {
                at: at_shown,
                what,
                words,
                more: each(&more),
            },
        ));
    };
    let asked = format!("{} asked for it", record.requester.name());
    add(record.submitted_at, 0, asked, Vec::new(), Vec::new());
    if let Some(held) = &record.held {
        let names: Vec<String> = held
            .requirement
            .checkpoints()
            .map(|(_, checkpoint)| checkpoint.name.to_string())
            .collect();
        let what = format!("Held at {}", names.join(", "));
        add(held.since, 1, what, Vec::new(), Vec::new());
    }
    for question in questions {
        let what = format!("Question {} of {}", question.number, question.by);
        add(question.at, 2, what, lines(&question.text), Vec::new());
        if let Some(answer) = &question.answer {
            let what = format!("The requester answered question {}", question.number);
            add(answer.at, 2, what, lines(&answer.text), Vec::new());
        }
    }
    for review in &looked.said {
        let (what, words, more) = reviewed(review);
        add(review.context.issued_at, 3, what, words, more);
    }
    end(looked, &mut add);
    all.sort_by_key(|(at, order, _)| (*at, *order));
    all.into_iter().map(|(_, _, happened)| happened).collect()
}

fn reviewed(review: &Said) -> (String, Vec<Quiet>, Vec<String>) {
    let reviewer = &review.context.reviewer;
    let act = match review.context.act {
        ReviewAct::Approve => "approved",
        ReviewAct::Deny => "denied",
    };
    let what = format!("{}@{} {act} it, signed", reviewer.subject, reviewer.issuer);
    let Some(answers) = &review.answers else {
        let gone = "What they answered was erased, or is not what they signed.";
        return (what, Vec::new(), vec![gone.to_owned()]);
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
    (what, words, more)
}

fn end(looked: &Looked, add: &mut impl FnMut(Timestamp, u8, String, Vec<Quiet>, Vec<String>)) {
    let record = &looked.record;
    if let Some(outcome) = &record.outcome {
        let quantity = outcome
            .quantity
            .map(|quantity| format!("{quantity} rows or objects"));
        let what = format!("Executed: {}", code(&outcome.code));
        add(
            outcome.at,
            5,
            what,
            Vec::new(),
            quantity.into_iter().collect(),
        );
    }
    if let Some(closing) = &record.closing {
        let who = looked.ended_by.as_ref();
        let what = match who {
            Some(ended) => format!("{} {}", ended.human, did(&ended.act)),
            None => format!("Ended: {} (decided by {})", code(&closing.code), by(record)),
        };
        let text = who
            .and_then(|ended| ended.text.as_deref())
            .unwrap_or_default();
        let words = if text.is_empty() {
            Vec::new()
        } else {
            lines(text)
        };
        let channel = who.map(|ended| ended.channel.as_str()).unwrap_or_default();
        let more = if channel.is_empty() || channel == "signed" {
            Vec::new()
        } else {
            vec![format!("unsigned, by {channel}")]
        };
        add(closing.at, 6, what, words, more);
    }
    if let Some(latest) = latest(record, looked) {
        add(looked.now, 7, latest, Vec::new(), Vec::new());
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
