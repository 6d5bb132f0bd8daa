//! What happened to a request, in order: who did it, and why as far as they said. Only for requests that are decided: while
//! one is held nobody learns that a review exists.

use gatehold_core::entry::Event;
use gatehold_core::lease::LeaseEvent;
use gatehold_core::request::{DecidedBy, Outcome, State};
use gatehold_core::review::ReviewAct;
use gatehold_core::time::Timestamp;
use gatehold_gate::{Asked, Corrected, Entered, Looked, Said, Text};

use super::decided::decided_by;
use super::said::{
    Mark, Moment, Quiet, UNKNOWN, VERIFIED, code, counted, duration, each, grouped, limits, lines,
    moment,
};

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
    leaf: Option<u64>,
    what: String,
    words: Vec<Quiet>,
    more: Vec<String>,
}

impl New {
    fn of(entered: &Entered, what: String) -> Self {
        Self {
            at: entered.at,
            leaf: Some(entered.leaf),
            what,
            words: Vec::new(),
            more: Vec::new(),
        }
    }

    /// With what somebody wrote.
    fn saying(self, text: Option<&Text>) -> Self {
        let words = match text {
            Some(Text::Said(text)) => lines(text),
            Some(Text::Erased) => lines("The words were erased."),
            None => Vec::new(),
        };
        Self { words, ..self }
    }

    fn with(self, more: Vec<String>) -> Self {
        Self { more, ..self }
    }

    fn voided(mut self) -> Self {
        let void = "It counts no more: the request was held again";
        self.more.push(void.to_owned());
        self
    }

    /// Of a denial that nobody signed, the channel it came by.
    fn by(mut self, act: &str, channel: &str) -> Self {
        if ["deny", "suspicious"].contains(&act) && channel != "signed" {
            self.more.push(format!("unsigned, by {channel}"));
        }
        self
    }
}

/// Everything that is known of it, in the order of its leaves, and beside each part what was corrected.
pub(super) fn timeline(looked: &Looked, questions: &[Asked]) -> Vec<Happened> {
    let entered = &looked.history.entered;
    let mut open: Vec<&Corrected> = looked.corrections.iter().collect();
    let mut happened: Vec<Happened> = Vec::with_capacity(entered.len());
    for (place, one) in entered.iter().enumerate() {
        let later = entered.get(place..).unwrap_or_default();
        for new in told(one, later, looked, questions) {
            // Beside the first that stands in its leaf.
            let (beside, left) = open
                .into_iter()
                .partition(|fix: &&Corrected| new.leaf == Some(fix.corrects));
            open = left;
            happened.push(shown(new, beside, looked.now));
        }
    }
    let bare = |at, leaf, what| New {
        at,
        leaf,
        what,
        words: Vec::new(),
        more: Vec::new(),
    };
    // Beside a leaf that was not found.
    for one in open {
        let what = format!("Something else is recorded in leaf {}", one.corrects);
        let new = bare(one.at, Some(one.corrects), what);
        happened.push(shown(new, vec![one], looked.now));
    }
    if looked.history.unread > 0 {
        let what = format!(
            "{} of it lie far from these in the ledger and are not shown; its dossier has all",
            counted(looked.history.unread, "more record")
        );
        happened.push(shown(bare(looked.now, None, what), Vec::new(), looked.now));
    }
    if let Some(latest) = latest(looked) {
        let new = bare(looked.now, None, latest);
        happened.push(shown(new, Vec::new(), looked.now));
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

/// How much an execution touched.
fn touched(quantity: u64) -> String {
    match quantity {
        1 => "1 row or object".to_owned(),
        many => format!("{} rows or objects", grouped(many)),
    }
}

/// What one leaf says. `later` begins with it.
fn told(one: &Entered, later: &[Entered], looked: &Looked, questions: &[Asked]) -> Vec<New> {
    let new = |what: String| New::of(one, what);
    let what = match &one.event {
        Event::Submitted {
            requester,
            decided_by,
            ..
        } => return asked(one, requester, *decided_by, looked),
        Event::Reviewed { reviewer, act, .. } => {
            let said = one.said.as_ref();
            let new = reviewed(
                new(String::new()),
                &reviewer.to_string(),
                *act,
                said,
                looked,
            );
            return vec![if is_void(later) { new.voided() } else { new }];
        }
        Event::Acted {
            human,
            act,
            channel,
            ..
        } => {
            let who = human.as_ref().map(ToString::to_string);
            let new = new(acted(one.leaf, who.as_deref(), act, questions));
            return vec![new.saying(one.text.as_ref()).by(act, channel)];
        }
        Event::Escalated {
            after_seconds,
            teams,
        } => {
            let teams: Vec<&str> = teams.iter().map(|team| team.as_str()).collect();
            let after = duration(i64::from(*after_seconds));
            format!(
                "Nobody had decided after {after}: asked as well: {}",
                teams.join(", ")
            )
        }
        Event::Reheld { decide_by, .. } => {
            let until = moment(*decide_by, looked.now).absolute;
            let more = vec![
                "Policy asks for something else than before; every review until here counts no more".to_owned(),
                format!("to be decided until {until}"),
            ];
            return vec![new(held("Held again", one)).with(more)];
        }
        Event::Closed {
            code: why,
            human: Some(human),
            ..
        } => format!("{human} {}", did(why)),
        Event::Closed { code: why, .. } if why == "withdrawn" => {
            format!("{} took it back", looked.record.requester.name())
        }
        Event::Closed {
            code: why,
            decided_by: by,
            ..
        } => format!(
            "Ended: {} (decided by {})",
            code(why),
            decided_by(Some(*by))
        ),
        Event::BrokeGlass { .. } => return vec![broken(one, looked)],
        Event::Lease { .. } => lease_said(&one.event),
        Event::Claimed { limits: within, .. } => {
            let more = vec![format!("within {}", limits(within))];
            return vec![new("Its execution began".to_owned()).with(more)];
        }
        Event::Executed { outcome, .. } => return vec![executed(one, outcome)],
        Event::Trust { what, .. } => format!("It was applied: {}", code(what)),
        _ => "Something else is recorded".to_owned(),
    };
    vec![new(what)]
}

/// What the target said.
fn executed(one: &Entered, outcome: &Outcome) -> New {
    let more = outcome.quantity.map(touched);
    let what = format!("Executed: {}", code(&outcome.code));
    New::of(one, what).with(more.into_iter().collect())
}

/// Who broke the glass, for what, and until when others look at that.
fn broken(one: &Entered, looked: &Looked) -> New {
    let Event::BrokeGlass {
        signers,
        incident,
        review_by,
        limits: within,
        ..
    } = &one.event
    else {
        return New::of(one, String::new());
    };
    let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
    let until = moment(*review_by, looked.now).absolute;
    let more = vec![
        format!("for {incident}, within {}", limits(within)),
        format!("people who had no part in it look at it until {until}"),
    ];
    let what = format!("THE GLASS WAS BROKEN by {}", signers.join(" and "));
    New::of(one, what).with(more)
}

/// What became of what was handed out.
fn lease_said(event: &Event) -> String {
    let Event::Lease {
        what,
        code: why,
        human,
        ..
    } = event
    else {
        return String::new();
    };
    match (what, human) {
        (LeaseEvent::Issued, _) => "The credential was made at its target".to_owned(),
        (LeaseEvent::Rekeying, _) => {
            "Whoever asked lost the credential: it is about to be made anew".to_owned()
        }
        (LeaseEvent::Rekeyed, _) => {
            "The credential was made anew, and the earlier one is dead".to_owned()
        }
        (LeaseEvent::Ended, Some(human)) => format!("{human} took the credential away"),
        (LeaseEvent::Ended, None) if why == "forbidden" => {
            "The credential is to end: policy, asked again, denies it".to_owned()
        }
        (LeaseEvent::Ended, None) if why == "held_again" => {
            "The credential is to end: policy, asked again, asks for what nobody signed".to_owned()
        }
        (LeaseEvent::Ended, None) if why == "reviews_lost" => {
            "The credential is to end: what was signed for it is not enough any more".to_owned()
        }
        (LeaseEvent::Ended, None) => format!("The credential is to end: {}", code(why)),
        (LeaseEvent::Overdue, _) => {
            "The credential is still at its target: it is tried again until it is gone".to_owned()
        }
        (LeaseEvent::Verified, _) => {
            "The credential is gone: its target was asked, and nothing of it is left".to_owned()
        }
        (LeaseEvent::Returned, _) => {
            "The credential stands at its target again, and is taken away again".to_owned()
        }
    }
}

/// How it began.
fn asked(one: &Entered, requester: &str, decided: Option<DecidedBy>, looked: &Looked) -> Vec<New> {
    let mut all = vec![New::of(one, format!("{requester} asked for it"))];
    let by = decided_by(decided);
    let what = match (one.to, &looked.record.closing) {
        (Some(State::Held), _) => held("Held", one),
        (Some(State::Denied), Some(closing)) => {
            format!("Ended: {} (decided by {by})", code(&closing.code))
        }
        (Some(State::Denied), None) => format!("Denied by {by}"),
        (Some(_), _) => format!("Let through by {by}"),
        (None, _) => return all,
    };
    all.push(New::of(one, what));
    all
}

/// At which checkpoints it is held from here on.
fn held(how: &str, one: &Entered) -> String {
    if one.held_at.is_empty() {
        return format!("{how}; at which checkpoints was erased");
    }
    format!("{how} at {}", one.held_at.join(", "))
}

/// Whether a review was taken back by a later hold. Each voids all before it.
fn is_void(later: &[Entered]) -> bool {
    let mut later = later.iter();
    later.any(|one| matches!(one.event, Event::Reheld { .. }))
}

fn reviewed(new: New, reviewer: &str, act: ReviewAct, said: Option<&Said>, looked: &Looked) -> New {
    let act = match act {
        ReviewAct::Approve => "approved",
        ReviewAct::Deny => "denied",
    };
    let through = said.into_iter().flat_map(|said| &said.through);
    let away: String = through
        .map(|one| {
            let until = moment(one.until, looked.now);
            format!(" for {}, who was away until {},", one.from, until.absolute)
        })
        .collect();
    let away = if away.is_empty() { "," } else { &away };
    let what = format!("{reviewer} {act} it{away} signed");
    let signed = said.and_then(|said| said.context.as_ref().zip(said.answers.as_ref()));
    let Some((context, answers)) = signed else {
        let gone = "What they answered was erased, or is not what they signed.".to_owned();
        return New { what, ..new }.with(vec![gone]);
    };
    let mut more: Vec<String> = answers
        .criteria
        .iter()
        .map(|(criterion, answer)| format!("{}: {answer}", code(criterion)))
        .collect();
    if context.act == ReviewAct::Approve {
        more.push(format!("within {}", limits(&context.limits)));
    }
    let words = answers.justification.as_str();
    let words = if words.is_empty() {
        Vec::new()
    } else {
        lines(words)
    };
    New {
        what,
        words,
        more,
        ..new
    }
}

/// What somebody did who signed no review. The requester has no name here: what it answers is its claim.
fn acted(leaf: u64, who: Option<&str>, act: &str, questions: &[Asked]) -> String {
    let numbers = |leaf_of: fn(&Asked) -> Option<u64>| -> String {
        let about = questions
            .iter()
            .filter(|asked| leaf_of(asked) == Some(leaf));
        let numbers: Vec<String> = about.map(|asked| asked.number.to_string()).collect();
        numbers.join(" and ")
    };
    let Some(who) = who else {
        let numbers = numbers(|asked| asked.answer.as_ref().map(|answer| answer.leaf));
        return format!("The requester answered question {numbers}");
    };
    match act {
        "ask" => {
            let by = questions.iter().find(|asked| asked.leaf == leaf);
            let by = by.map_or(who, |asked| asked.by.as_str());
            format!("Question {} of {by}", numbers(|asked| Some(asked.leaf)))
        }
        "claim" => format!("{who} said that they look at it"),
        "release" => format!("{who} said that they look at it no more"),
        "escalate" => format!("{who} had more people asked"),
        act => format!("{who} {}", did(act)),
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
fn latest(looked: &Looked) -> Option<String> {
    let record = &looked.record;
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
