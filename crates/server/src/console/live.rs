//! `/events`: says that a page of the inbox has changed, as server-sent events. It never says what: the page is asked for again,
//! through the same door as ever, so that nothing is shown here that the page would not show.
//!
//! It reads, keeps no session alive and ends with it. Somebody who must not know of a review learns of none: an event is sent
//! only when what this person sees has changed, beats come by the clock alone, and an id names what is shown.

mod pulse;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gatehold_core::hash::{Hash, unhex};
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_gate::HeldNow;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::access::SignedIn;
use super::frame::PageError;
use super::stacks::Shown;
use super::views::{Likeness, View, Which};
use crate::app::App;
use pulse::Pulse;

/// Streams at once of one person: so many windows hear of changes.
const OF_ONE_MAX: usize = 8;
/// Streams at once of everybody.
const OF_ALL_MAX: usize = 512;
/// Events that wait for a reader; whoever reads none of them is cut off.
const UNREAD_MAX: usize = 4;
/// How long a browser waits before it asks again, in milliseconds.
const RETRY: &str = "retry: 3000\n\n";

/// Which page it is about, and what of it is shown already.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    #[serde(default)]
    view: View,
    #[serde(default)]
    page: usize,
    like: Option<Likeness>,
    seen: Option<String>,
}

/// The streams of one process.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    of: Arc<Mutex<BTreeMap<HumanId, usize>>>,
    pulse: Pulse,
}

/// One place among the streams, given back when it is dropped.
#[derive(Debug)]
struct Place {
    of: Arc<Mutex<BTreeMap<HumanId, usize>>>,
    human: HumanId,
}

impl Streams {
    fn take(&self, human: &HumanId) -> Option<Place> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = of.values().sum();
        let own = of.get(human).copied().unwrap_or_default();
        if all >= OF_ALL_MAX || own >= OF_ONE_MAX {
            return None;
        }
        of.insert(human.clone(), own.saturating_add(1));
        Some(Place {
            of: Arc::clone(&self.of),
            human: human.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let left = of.get(&self.human).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            of.remove(&self.human);
        } else {
            of.insert(self.human.clone(), left);
        }
    }
}

/// `GET /events`.
pub(super) async fn events(
    State(app): State<App>,
    signed_in: SignedIn,
    headers: HeaderMap,
    query: Result<Query<About>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(about) = query.map_err(|_| PageError::Form)?;
    let first = match about.seen.as_deref() {
        None => None,
        Some(text) => Some(named(text).ok_or(PageError::Form)?),
    };
    // What a browser heard last, when it asks again by itself. What is none is nothing: the page is said to have changed.
    let seen = match headers.get(LAST_EVENT_ID) {
        None => first,
        Some(value) => value.to_str().ok().and_then(named),
    };
    let Some(place) = app.console()?.streams().take(&signed_in.visitor.human) else {
        let wait = HeaderValue::from_static("60");
        let too_many = StatusCode::TOO_MANY_REQUESTS;
        return Ok((too_many, [(http::header::RETRY_AFTER, wait)]).into_response());
    };
    let which = Which {
        view: about.view,
        page: about.page,
        like: about.like,
    };
    let (send, read) = mpsc::channel(UNREAD_MAX);
    let stream = Stream {
        app: app.clone(),
        signed_in,
        which,
        seen,
        beat: None,
        send,
        _place: place,
    };
    tokio::spawn(stream.run());
    let event_stream = HeaderValue::from_static("text/event-stream");
    // Said to proxies that would keep it until it is whole.
    let unbuffered = (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    let headers = [(CONTENT_TYPE, event_stream), unbuffered];
    Ok((headers, Body::new(Events(read))).into_response())
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What was shown, as an id names it.
fn named(id: &str) -> Option<Hash> {
    let bytes: [u8; 32] = unhex(id)?.try_into().ok()?;
    let hash = Hash::from_bytes(bytes);
    (hash.hex() == id).then_some(hash)
}

/// What a browser reads.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let read = self.0.poll_recv(context);
        read.map(|event| event.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// One window that hears of changes.
struct Stream {
    app: App,
    signed_in: SignedIn,
    which: Which,
    /// What it shows.
    seen: Option<Hash>,
    /// When it beat last. What the clock alone changes is said with a beat; in between it stands still.
    beat: Option<Timestamp>,
    send: mpsc::Sender<Bytes>,
    _place: Place,
}

impl Stream {
    /// Until it is not read, its session is over, the store does not answer or the server ends.
    async fn run(mut self) {
        let Ok(console) = self.app.console() else {
            return;
        };
        let mut heard = console.streams().pulse.listen(&self.app);
        let app = self.app.clone();
        let ending = app.ending();
        tokio::pin!(ending);
        let mut beats = tokio::time::interval(app.settings().beat);
        // After a machine slept, one beat is enough: several at once would look like nobody read them.
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if !self.say(RETRY.to_owned()) {
            return;
        }
        loop {
            let beat = tokio::select! {
                biased;
                () = &mut ending => return,
                () = self.send.closed() => return,
                _ = beats.tick() => true,
                changed = heard.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => return,
                },
            };
            let now = heard.borrow_and_update().clone();
            if !self.heard(now.as_ref(), beat).await {
                return;
            }
        }
    }

    /// Looks at what is held, and says so when that is no longer what this window shows. Gives whether the stream goes on.
    async fn heard(&mut self, held: Option<&HeldNow>, beat: bool) -> bool {
        if beat {
            self.beat = self.is_signed_in().await;
            let beat = self.beat.map(|now| format!("event: beat\ndata: {now}\n\n"));
            let said = beat.is_some_and(|beat| self.say(beat));
            if !said {
                return false;
            }
        }
        // Else a row that changed where this person sees nothing would have what the clock changed said early, and tell of it.
        let (Some(held), Some(now)) = (held, self.beat) else {
            // Nothing was read yet.
            return true;
        };
        let print = self.print(held, now);
        if self.seen == Some(print) {
            return true;
        }
        // Asked before it is said: whoever has signed out hears nothing more.
        if !beat && self.is_signed_in().await.is_none() {
            return false;
        }
        self.seen = Some(print);
        let id = print.hex();
        self.say(format!("event: changed\nid: {id}\ndata: changed\n\n"))
    }

    /// The store's time, while the session has force; otherwise the last thing that is said is that it is over.
    async fn is_signed_in(&self) -> Option<Timestamp> {
        let limits = self.app.console().ok()?.sessions();
        // A store that does not answer ends the stream: what the page shows cannot be vouched for.
        let visitor = self
            .app
            .gate()
            .visitor(&self.signed_in.id, limits)
            .await
            .ok()?;
        if visitor.is_none() {
            self.say("event: over\ndata: signed out\n\n".to_owned());
        }
        visitor.map(|visitor| visitor.now)
    }

    fn print(&self, held: &HeldNow, now: Timestamp) -> Hash {
        let items = held.through(&self.signed_in.visitor);
        Shown::of(&items, self.which.clone(), now).print()
    }

    /// Whether it is read: one that lets events wait is cut off, and asks again when it is there again.
    fn say(&self, text: String) -> bool {
        self.send.try_send(Bytes::from(text)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_what_is_shown_in_one_spelling() {
        let hash = Hash::of(b"shown");
        assert_eq!(named(&hash.hex()), Some(hash));
        let upper = hash.hex().to_uppercase();
        let long = "f".repeat(5_000);
        for bad in [
            "",
            "0",
            "\u{202e}",
            "-1",
            "18446744073709551616",
            upper.as_str(),
            &long,
        ] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let streams = Streams::default();
        let person = |name: usize| HumanId::new("dev.local", &format!("p{name}")).unwrap();
        let first: Vec<Place> = (0..OF_ONE_MAX)
            .map(|_| streams.take(&person(0)).unwrap())
            .collect();
        assert!(streams.take(&person(0)).is_none());
        let others: Vec<Place> = (OF_ONE_MAX..OF_ALL_MAX)
            .map(|number| streams.take(&person(number)).unwrap())
            .collect();
        assert!(streams.take(&person(1)).is_none());
        drop(others);
        assert!(streams.take(&person(1)).is_some());
        assert!(streams.take(&person(0)).is_none());
        drop(first);
        assert!(streams.take(&person(0)).is_some());
        assert!(streams.of.lock().unwrap().is_empty());
    }
}
