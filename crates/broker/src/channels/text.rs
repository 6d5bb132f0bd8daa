//! A notice in words: six lines at most, one link, nothing of the requester's free text. What others named stands in lines of
//! their own and has no character in it that could lie to a reader; how a channel marks text up is the channel's to undo.

use std::fmt::Write as _;

use gatehold_core::json::ident::hazard;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::wording::grouped;
use gatehold_gate::ports::notifier::{Notice, NoticeKind};
use serde_json::{Value, json};

use super::KINDS;

/// Longest line of others' words, in characters. A sentence is shorter unless its descriptor is long-winded.
const LINE_CHARS_MAX: usize = 600;
/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 120;
/// Most titles of checkpoints that are named.
const TITLES_MAX: usize = 4;
/// What the last line says of whatever asks for a decision.
const NOTHING_APPROVES: &str =
    "Nothing here approves: people decide on the page, or with `gatehold show`.";

/// What a channel is handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Names it for ever.
    pub(crate) key: String,
    /// What belongs together.
    pub(crate) thread: String,
    /// `gatehold.request.asked` and the like.
    pub(crate) event: String,
    /// When it was written, on the store's clock.
    pub(crate) at: Timestamp,
    /// The same for all of a thread, so that it stays one in a mailbox.
    pub(crate) subject: String,
    /// For people.
    pub(crate) text: Text,
    /// For machines.
    pub(crate) data: Value,
    /// For screens that others may see.
    pub(crate) brief: Brief,
}

/// The least that is worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) tier: Option<Tier>,
    /// Which notice, in the word of configurations; `test` for a test.
    pub(crate) what: &'static str,
    /// As the descriptor has it: whoever writes it down makes it harmless.
    pub(crate) sentence: String,
    pub(crate) words: String,
    pub(crate) link: Option<String>,
    /// Until when somebody is to do something.
    pub(crate) decide_by: Option<Timestamp>,
}

/// Six lines at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// Ours alone: tier, what is going on, until when.
    pub(crate) head: String,
    /// With names that others chose.
    pub(crate) body: Vec<String>,
    /// The page.
    pub(crate) link: Option<String>,
    /// Ours alone.
    pub(crate) foot: &'static str,
}

impl Text {
    /// One under the other.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let head = std::iter::once(self.head.as_str());
        let body = self.body.iter().map(String::as_str);
        let end = self.link.iter().map(String::as_str);
        head.chain(body)
            .chain(end)
            .chain(std::iter::once(self.foot))
            .collect()
    }
}

impl Message {
    /// A notice, as of now.
    pub(crate) fn of(notice: &Notice, now: Timestamp) -> Self {
        let word = KINDS.iter().find(|(_, kind)| *kind == notice.kind);
        let word = word.map_or("told", |(word, _)| word);
        let tier = notice.tier.as_str().to_ascii_uppercase();
        let sentence = harmless(&notice.sentence, LINE_CHARS_MAX);
        let request = notice.request.map(|request| request.to_string());
        let family = if request.is_some() {
            "request"
        } else {
            "signal"
        };
        Self {
            key: notice.key.clone(),
            thread: request.clone().unwrap_or_else(|| notice.key.clone()),
            event: format!("gatehold.{family}.{word}"),
            at: notice.at,
            subject: harmless(&format!("[{tier}] {}", notice.sentence), SUBJECT_CHARS_MAX),
            text: Text {
                head: format!("[{tier}] {}", head(notice, now)),
                body: body(notice, &sentence),
                link: Some(notice.link.clone()),
                foot: match notice.kind {
                    NoticeKind::Closed | NoticeKind::Outcome => {
                        "Nothing can be decided here any more; the page says what happened."
                    }
                    NoticeKind::Remains => {
                        "Nothing can be decided here; it is tried again until its target says that it is gone."
                    }
                    NoticeKind::Stopped => {
                        "Nothing can be decided here; that it goes on is asked for with `gatehold stops lift`."
                    }
                    NoticeKind::Flagged => {
                        "Nothing can be decided here; what it asks for waits wherever policy says so, and this ends by itself."
                    }
                    NoticeKind::TakenAway => {
                        "Nothing can be decided here; the page says why. Who still needs it asks anew."
                    }
                    NoticeKind::GlassBroken | NoticeKind::GlassUsed => {
                        "Two people signed for it with offline keys; people who had no part in it have to look at it: gatehold break-glass list."
                    }
                    NoticeKind::GlassOverdue => {
                        "Until two people who had no part in it have looked at it, nobody breaks the glass again: gatehold break-glass review."
                    }
                    NoticeKind::GlassReviewed => {
                        "Nothing can be decided here any more; two people have to look at it: gatehold break-glass list."
                    }
                    _ => NOTHING_APPROVES,
                },
            },
            data: json!({
                "request": request,
                "tier": notice.tier.as_str(),
                "sentence": sentence,
                "requester": harmless(&notice.requester, LINE_CHARS_MAX),
                "owner": notice.owner.as_ref().map(ToString::to_string),
                "held_at": titles(notice),
                "people_needed": notice.people_needed,
                "words": notice.words,
                "state": harmless(&notice.state, LINE_CHARS_MAX),
                "decide_by": notice.decide_by.map(|at| at.to_string()),
                "link": notice.link,
                "people": notice.people,
                "teams": notice.teams,
            }),
            brief: Brief {
                tier: Some(notice.tier),
                what: word,
                sentence: notice.sentence.clone(),
                words: notice.words.clone(),
                link: Some(notice.link.clone()),
                decide_by: notice.decide_by,
            },
        }
    }

    /// A message that asks nothing of anybody.
    pub(crate) fn test(channel: &str, key: &str, now: Timestamp) -> Self {
        let head =
            format!("[TEST] This is a test of the channel {channel}: nobody is asked anything.");
        Self {
            key: key.to_owned(),
            thread: key.to_owned(),
            event: "gatehold.channel.test".to_owned(),
            at: now,
            subject: format!("[TEST] Test of the channel {channel}"),
            text: Text {
                head,
                body: Vec::new(),
                link: None,
                foot: "An operator ran `gatehold channel test`; nothing needs to be done.",
            },
            data: json!({ "channel": channel, "test": true }),
            brief: Brief {
                tier: None,
                what: "test",
                sentence: format!("Test of the channel {channel}: nobody is asked anything."),
                words: String::new(),
                link: None,
                decide_by: None,
            },
        }
    }
}

/// What is going on.
fn head(notice: &Notice, now: Timestamp) -> String {
    let by = notice.decide_by.map(|by| until(by, now));
    let needed = match notice.people_needed {
        1 => "1 person needed".to_owned(),
        several => format!("{several} people needed"),
    };
    let by = by.map_or_else(String::new, |by| format!(" by {by}"));
    let state = harmless(&notice.state, SUBJECT_CHARS_MAX);
    match notice.kind {
        NoticeKind::Asked => format!("Decision needed{by}: {needed}"),
        NoticeKind::Escalated => {
            format!(
                "Nobody has decided yet, so more people are asked. Decision needed{by}: {needed}"
            )
        }
        NoticeKind::Changed => format!("The question has changed. Decision needed{by}: {needed}"),
        NoticeKind::Question => format!("A reviewer has a question; its answer is wanted{by}"),
        NoticeKind::Closed => format!("Closed: {state}. Nobody need decide any more."),
        NoticeKind::Outcome => format!("Outcome: {state}"),
        NoticeKind::Remains => {
            "A credential should be gone and is still at its target. Look at the target.".to_owned()
        }
        NoticeKind::Stopped => "Stopped by a signal. Look whether it was to be.".to_owned(),
        NoticeKind::Flagged => {
            "Said to be unusual by a signal. Look whether it is a planned change, or misuse."
                .to_owned()
        }
        NoticeKind::TakenAway => {
            "A credential was taken away before its time: it would not be handed out now."
                .to_owned()
        }
        NoticeKind::GlassBroken => {
            "THE GLASS WAS BROKEN: this goes on without those who decide about it.".to_owned()
        }
        NoticeKind::GlassUsed => {
            "THE GLASS WAS BROKEN: what two people let out so is being carried out.".to_owned()
        }
        NoticeKind::GlassReviewed => {
            "Somebody has looked at it since the glass was broken for it.".to_owned()
        }
        NoticeKind::GlassOverdue => {
            "THE GLASS WAS BROKEN, and too few people have looked at it in time.".to_owned()
        }
    }
}

/// Who asks what, where it is held, how to compare it, who answers for it.
fn body(notice: &Notice, sentence: &str) -> Vec<String> {
    if matches!(notice.kind, NoticeKind::Stopped | NoticeKind::Flagged) {
        let owner = notice.owner.as_ref().map(|owner| format!("Owner: {owner}"));
        let owner = owner.map(|owner| harmless(&owner, LINE_CHARS_MAX));
        return std::iter::once(sentence.to_owned()).chain(owner).collect();
    }
    let mut lines = vec![format!(
        "{} asks: {sentence}",
        harmless(&notice.requester, SUBJECT_CHARS_MAX)
    )];
    let titles = titles(notice);
    if !titles.is_empty() {
        lines.push(harmless(
            &format!("Held: {}", titles.join("; ")),
            LINE_CHARS_MAX,
        ));
    }
    let owner = notice.owner.as_ref();
    let owner = owner.map(|owner| format!("   Owner: {owner}"));
    lines.push(harmless(
        &format!("Words: {}{}", notice.words, owner.unwrap_or_default()),
        LINE_CHARS_MAX,
    ));
    lines
}

fn titles(notice: &Notice) -> Vec<String> {
    let all = notice.held_at.iter();
    let mut titles: Vec<String> = all
        .take(TITLES_MAX)
        .map(|title| harmless(title, SUBJECT_CHARS_MAX))
        .collect();
    if let Some(more) = notice.held_at.len().checked_sub(TITLES_MAX)
        && more > 0
    {
        titles.push(format!("and {} more", grouped(more)));
    }
    titles
}

/// `2026-11-22 22:31 UTC (18 min)`.
fn until(by: Timestamp, now: Timestamp) -> String {
    let text = by.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    let time = time.get(..5).unwrap_or(time);
    let left = (by.millis() - now.millis()).div_euclid(60_000);
    let left = match left {
        ..0 => "over".to_owned(),
        0 => "less than a minute".to_owned(),
        1..120 => format!("{left} min"),
        120..2_880 => format!("{} h", left / 60),
        _ => format!("{} days", left / 1_440),
    };
    format!("{day} {time} UTC ({left})")
}

/// On one line: every character that cannot be seen or would reorder others is shown by its number; what is too long is cut, and
/// says so.
pub(super) fn harmless(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        if at == chars_max {
            out.push_str("… (cut; the page shows all)");
            break;
        }
        if hazard(character).is_some() {
            let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests;
