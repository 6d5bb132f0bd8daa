//! `push`: a notification in a browser that somebody subscribed. What it says is encrypted to that browser, as long as any other,
//! and says tier, sentence and words with a link: it stands on screens that others may see.
//!
//! An endpoint is a capability and stands in no log or error. One that its push service calls gone is forgotten, and one that it
//! refuses again and again.

mod refused;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use gatehold_core::hash::Hash;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::notifier::{NotDelivered, Subscriptions};
use gatehold_gate::push::{PushRules, PushServices, Subscription};
use gatehold_proof::web_push::{MESSAGE_BYTES, PushError, VapidKey};
use rustls::ClientConfig;
use serde_json::json;

use super::post::{Address, Reached};
use super::taken::Taken;
use super::text::{Brief, Message, harmless};
use crate::http::reach::Reach;
use crate::secret::Source;
use refused::Refused;

/// How many are sent at once.
const AT_ONCE: usize = 8;
/// Longest time for one notice, however many its browsers are.
const WHOLE: Duration = Duration::from_secs(50);
/// A file is read in less.
const READ: Duration = Duration::from_secs(5);
/// How long a push service keeps what waits for a browser that is off: until the decision, and never longer than a week.
const TTL_SECONDS_MAX: i64 = 7 * 24 * 3_600;
/// The same for what asks nothing of anybody: as long as the gate itself would try.
const TTL_SECONDS_OVER: i64 = 24 * 3_600;
/// Longest sentence, in characters; a screen that is locked shows less.
const SENTENCE_CHARS: [usize; 4] = [240, 120, 60, 30];
/// A topic has at most 32 characters.
const TOPIC_BYTES: usize = 24;
/// How often a key is drawn until it is one: that it is none happens once in 2^32.
const DRAWS: usize = 4;

/// What it needs beside its configuration.
#[derive(Clone)]
pub struct PushParts {
    /// Whose browsers there are.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// Where the keys of messages come from.
    pub entropy: Arc<dyn Entropy>,
}

/// How browsers are told.
#[derive(Debug)]
pub(crate) struct Push {
    /// Holds the gate's key; read for each notice.
    pub(crate) key_file: PathBuf,
    /// Its public half when the configuration was read: browsers subscribed under it.
    pub(crate) public_key: String,
    /// Whom a push service asks when something is wrong.
    pub(crate) contact: String,
    pub(crate) services: PushServices,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// For one browser.
    pub(crate) limit: Duration,
    /// Which browsers have been told.
    pub(crate) taken: Taken<Hash>,
    /// Which of them are refused.
    pub(crate) refused: Refused,
}

/// What a push service said.
enum Said {
    Taken,
    Gone,
    /// No, and it would be no again.
    Refused(u16),
}

impl Push {
    pub(crate) fn server(&self) -> String {
        self.services.names().join(", ")
    }

    pub(crate) fn rules(&self) -> PushRules {
        PushRules {
            services: self.services.clone(),
            public_key: self.public_key.clone(),
        }
    }

    /// One message each. One that fails stops no other, and the notice is told as not delivered.
    pub(crate) async fn send(
        &self,
        channel: &str,
        message: &Message,
        to: &[Subscription],
        parts: &PushParts,
        now: Timestamp,
    ) -> Result<String, NotDelivered> {
        let key = self.key().await?;
        let missing: Vec<&Subscription> = to
            .iter()
            .filter(|one| !self.taken.has(&message.key, &one.id))
            .collect();
        let mut failed = None;
        let mut count = 0_usize;
        let sending = async {
            for some in missing.chunks(AT_ONCE) {
                let sent = some.iter().map(|one| {
                    let sent = self.one(&key, message, one, parts, now);
                    async move { (*one, sent.await) }
                });
                for (one, sent) in join_all(sent).await {
                    let Err(why) = sent else { continue };
                    let server = one.endpoint.origin();
                    tracing::warn!(channel, person = %one.human, server, why, "a browser was not told");
                    count += 1;
                    failed.get_or_insert(why);
                }
            }
        };
        if tokio::time::timeout(WHOLE, sending).await.is_err() {
            failed.get_or_insert_with(|| "the push services are too slow".to_owned());
        }
        if let Some(why) = failed {
            let of = missing.len();
            return Err(NotDelivered(format!(
                "{count} of {of} browsers were not told, the first because {why}"
            )));
        }
        self.taken.all(&message.key);
        Ok(match missing.len() {
            1 => "the push service took 1 message".to_owned(),
            several => format!("the push services took {several} messages"),
        })
    }

    /// A name of a push service never means a machine of ours, but for a development gate's own.
    fn reached(&self, here: bool) -> Reached {
        Reached {
            tls: self.tls.clone().filter(|_| !here),
            plaintext: false,
            reach: if here {
                Reach::Anywhere
            } else {
                Reach::PublicOnly
            },
            limit: self.limit,
        }
    }

    async fn key(&self) -> Result<VapidKey, NotDelivered> {
        let source = Source::File(self.key_file.clone());
        let secret = source.read(READ).await;
        let secret = secret.map_err(|error| NotDelivered(error.to_string()))?;
        let key = VapidKey::parse(secret.expose_text());
        let key = key.map_err(|error| NotDelivered(format!("its key_file: {error}")))?;
        if key.public() == self.public_key {
            Ok(key)
        } else {
            Err(NotDelivered(
                "its key_file holds another key than when the gate started; restart it, and people subscribe anew"
                    .to_owned(),
            ))
        }
    }

    async fn one(
        &self,
        key: &VapidKey,
        message: &Message,
        to: &Subscription,
        parts: &PushParts,
        now: Timestamp,
    ) -> Result<(), String> {
        match self.said(key, message, to, parts, now).await? {
            Said::Taken => {}
            Said::Refused(status) if !self.refused.once_more(&to.id, now) => {
                return Err(format!("it answered {status}"));
            }
            said @ (Said::Gone | Said::Refused(_)) => {
                let gone = parts.subscriptions.gone(to).await;
                gone.map_err(|error| error.to_string())?;
                let why = match said {
                    Said::Refused(_) => "its push service refuses every message",
                    _ => "it is gone",
                };
                tracing::info!(person = %to.human, why, "a browser is told nothing any more");
            }
        }
        self.refused.over(&to.id);
        self.taken.by(&message.key, &to.id);
        Ok(())
    }

    async fn said(
        &self,
        key: &VapidKey,
        message: &Message,
        to: &Subscription,
        parts: &PushParts,
        now: Timestamp,
    ) -> Result<Said, String> {
        let body = sealed(&message.brief, to, parts.entropy.as_ref()).map_err(text)?;
        let authorization = key.authorization(to.endpoint.origin(), &self.contact, now.seconds());
        let headers = vec![
            ("authorization", authorization.map_err(text)?),
            ("content-encoding", "aes128gcm".to_owned()),
            ("content-type", "application/octet-stream".to_owned()),
            ("ttl", ttl(&message.brief, now).to_string()),
            ("urgency", urgency(&message.brief).to_owned()),
            ("topic", topic(message, to)),
        ];
        let reached = self.reached(to.endpoint.is_here());
        let address = Address::read(to.endpoint.expose(), &reached).map_err(str::to_owned)?;
        let (status, _) = address
            .answer(headers, body, &[])
            .await
            .map_err(|NotDelivered(why)| why)?;
        match status {
            200..=299 => Ok(Said::Taken),
            404 | 410 => Ok(Said::Gone),
            // Of every browser alike, until an operator sees to it.
            401 | 403 => Err(format!(
                "it answered {status}: it does not accept the gate's key"
            )),
            // Later, or smaller (RFC 8030, 7 and 8.4).
            408 | 413 | 425 | 429 => Err(format!("it answered {status}")),
            400..=499 => Ok(Said::Refused(status)),
            _ => Err(format!("it answered {status}")),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Tier, which notice, sentence, words and link, and nothing else, encrypted to the browser.
fn sealed(brief: &Brief, to: &Subscription, entropy: &dyn Entropy) -> Result<Vec<u8>, PushError> {
    let written = SENTENCE_CHARS.iter().map(|chars| {
        json!({
            "tier": brief.tier.map_or("", Tier::as_str),
            "what": brief.what,
            "sentence": harmless(&brief.sentence, *chars),
            "words": brief.words,
            "link": brief.link,
        })
        .to_string()
    });
    let mut written = written.filter(|text| text.len() <= MESSAGE_BYTES);
    let written = written.next().ok_or(PushError::Size)?;
    let mut sealed = Err(PushError::Key);
    for _ in 0..DRAWS {
        let [salt @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = entropy.bytes();
        sealed = to.keys.seal(written.as_bytes(), &entropy.bytes(), &salt);
        if sealed != Err(PushError::Key) {
            break;
        }
    }
    sealed
}

/// Seconds for which it is worth delivering.
fn ttl(brief: &Brief, now: Timestamp) -> i64 {
    let left = |by: Timestamp| (by.millis() - now.millis()).div_euclid(1_000);
    let seconds = brief.decide_by.map_or(TTL_SECONDS_OVER, left);
    seconds.clamp(0, TTL_SECONDS_MAX)
}

/// Whether a phone wakes for it.
fn urgency(brief: &Brief) -> &'static str {
    match (brief.decide_by, brief.tier) {
        (Some(_), Some(Tier::Red)) => "high",
        (Some(_), Some(Tier::Amber)) => "normal",
        _ => "low",
    }
}

/// What waits for a browser that is off is replaced by what is told later of the same request. It names the request to this browser
/// alone: nobody learns from it who else is told of the same.
fn topic(message: &Message, to: &Subscription) -> String {
    let hash = Hash::tagged(
        "gatehold/push-topic/v1",
        &[message.thread.as_bytes(), to.id.as_bytes()],
    );
    let first = hash.as_bytes().get(..TOPIC_BYTES).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(first)
}

#[cfg(test)]
mod tests;
