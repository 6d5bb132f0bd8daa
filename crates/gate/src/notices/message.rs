//! A message of the outbox, read: which request or signal it is about, and what kind of notice comes of it. It is a claim of the database:
//! what it names is loaded and verified before anybody is told.

use std::fmt;

use gatehold_core::decide::{
    GLASS_BROKEN, GLASS_OVERDUE, GLASS_REVIEWED, GLASS_USED, SIGNAL_FLAGGED, SIGNAL_STOPPED,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::time::Timestamp;

use crate::ports::notifier::NoticeKind;
use crate::ports::store::Announced;

/// Longest name of a message, in bytes: it goes into headers.
const KEY_BYTES_MAX: usize = 200;

/// A message that somebody is to be told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Names the notice for ever.
    pub(super) key: String,
    /// What it is about.
    pub(super) kind: NoticeKind,
    /// Which request or signal.
    pub(super) about: About,
    /// When it was written.
    pub(super) at: Timestamp,
}

/// What a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A request.
    Request(RequestId),
    /// A signal, by the hash that its token took.
    Signal(Hash),
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(id) => id.fmt(f),
            Self::Signal(hash) => write!(f, "signal:{}", hash.hex()),
        }
    }
}

/// What is wrong with a message that can never be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("its topic is not one of this program")]
    Topic,
    #[error("it names no request, and no signal")]
    Request,
    #[error("its name is empty, too long or not plain")]
    Key,
}

/// Reads a message; nothing where it is of no interest to anybody outside.
pub(super) fn read(announced: &Announced) -> Result<Option<Message>, Unreadable> {
    let message = &announced.message;
    let Some(kind) = kind(&message.topic)? else {
        return Ok(None);
    };
    let plain = message.dedup.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || message.dedup.is_empty() || message.dedup.len() > KEY_BYTES_MAX {
        return Err(Unreadable::Key);
    }
    let about = match kind {
        NoticeKind::Stopped | NoticeKind::Flagged => signal(&message.body).map(About::Signal),
        _ => message.body.parse().ok().map(About::Request),
    };
    Ok(Some(Message {
        key: message.dedup.clone(),
        kind,
        about: about.ok_or(Unreadable::Request)?,
        at: announced.at,
    }))
}

fn signal(body: &str) -> Option<Hash> {
    let hex = body.strip_prefix("signal:")?;
    format!("sha256:{hex}").parse().ok()
}

/// What a topic tells. That somebody looks at it, or has answered, stands in the inbox and calls nobody.
fn kind(topic: &str) -> Result<Option<NoticeKind>, Unreadable> {
    Ok(match topic {
        "held" => Some(NoticeKind::Asked),
        "escalated" | "escalate" => Some(NoticeKind::Escalated),
        "reheld" => Some(NoticeKind::Changed),
        "ask" => Some(NoticeKind::Question),
        "decided" | "closed" | "deny" | "suspicious" => Some(NoticeKind::Closed),
        "executed" => Some(NoticeKind::Outcome),
        "lease_remains" => Some(NoticeKind::Remains),
        SIGNAL_STOPPED => Some(NoticeKind::Stopped),
        SIGNAL_FLAGGED => Some(NoticeKind::Flagged),
        "lease_ended" => Some(NoticeKind::TakenAway),
        GLASS_BROKEN => Some(NoticeKind::GlassBroken),
        GLASS_USED => Some(NoticeKind::GlassUsed),
        GLASS_REVIEWED => Some(NoticeKind::GlassReviewed),
        GLASS_OVERDUE => Some(NoticeKind::GlassOverdue),
        "answer" | "claim" | "release" => None,
        _ => return Err(Unreadable::Topic),
    })
}

#[cfg(test)]
mod tests {
    use gatehold_core::commit::Outbox;
    use gatehold_core::decide::ActKind;

    use super::*;

    fn announced(dedup: &str, topic: &str, body: &str) -> Announced {
        Announced {
            number: 1,
            at: Timestamp::from_millis(5),
            message: Outbox {
                dedup: dedup.to_owned(),
                topic: topic.to_owned(),
                body: body.to_owned(),
            },
        }
    }

    #[test]
    fn every_act_is_a_topic_that_is_known() {
        for act in [
            ActKind::Ask,
            ActKind::Answer,
            ActKind::Claim,
            ActKind::Release,
            ActKind::Escalate,
            ActKind::Suspicious,
            ActKind::Deny,
        ] {
            kind(act.name()).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_read_says_why_and_what_calls_nobody_is_nothing() {
        let request = RequestId::from_bytes([7; 16]);
        let id = request.to_string();
        let read_one = |dedup: &str, topic: &str, body: &str| read(&announced(dedup, topic, body));
        let told = read_one("held:1", "held", &id).unwrap().unwrap();
        let about = About::Request(request);
        assert_eq!((told.kind, told.about), (NoticeKind::Asked, about));
        let hash = Hash::of(b"x");
        let signal = About::Signal(hash).to_string();
        let told = read_one("s:1", SIGNAL_STOPPED, &signal).unwrap().unwrap();
        assert_eq!(
            (told.kind, told.about),
            (NoticeKind::Stopped, About::Signal(hash))
        );
        assert_eq!(
            read_one("s:1", SIGNAL_STOPPED, &id),
            Err(Unreadable::Request)
        );
        assert_eq!(read_one("a", "held", &signal), Err(Unreadable::Request));
        let told = read_one("held:1", "held", &id).unwrap().unwrap();
        assert_eq!((told.key.as_str(), told.at.millis()), ("held:1", 5));
        assert_eq!(read_one("a", "claim", &id), Ok(None));
        assert_eq!(read_one("a", "moved", &id), Err(Unreadable::Topic));
        assert_eq!(read_one("a", "held", "{}"), Err(Unreadable::Request));
        for key in ["", "a\r\nb: c", "ä", "x".repeat(201).as_str()] {
            assert_eq!(read_one(key, "held", &id), Err(Unreadable::Key), "{key}");
        }
    }
}
