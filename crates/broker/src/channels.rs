//! Channels to people: webhook, chat, mail and push. Where a message goes stands in a file of the operator's, or is a browser that
//! somebody subscribed for themselves at a push service of that file; never in a request;
//! it carries words of the descriptor and of the gate, and a link. Nothing that comes back is read but its status: nobody
//! approves, denies or answers through a channel.

mod addressees;
pub(crate) mod chat;
pub(crate) mod mail;
pub(crate) mod post;
pub(crate) mod push;
pub(crate) mod taken;
mod text;
pub(crate) mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice, NoticeKind};
use gatehold_gate::push::{PushRules, Subscription};
use serde::Serialize;

use crate::facts::OnCall;
use addressees::Addressees;
use chat::Chat;
use mail::Mail;
use push::{Push, PushParts};
use text::Message;
use webhook::Webhook;

/// The time, for what people read and for signatures. Only the binary reads a clock, so it hands one in.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A server that is there takes a connection in less.
const REACH: Duration = Duration::from_secs(3);

/// Every kind of notice, by the word that configurations and messages use.
pub(crate) const KINDS: [(&str, NoticeKind); 14] = [
    ("asked", NoticeKind::Asked),
    ("escalated", NoticeKind::Escalated),
    ("changed", NoticeKind::Changed),
    ("question", NoticeKind::Question),
    ("closed", NoticeKind::Closed),
    ("outcome", NoticeKind::Outcome),
    ("remains", NoticeKind::Remains),
    ("stopped", NoticeKind::Stopped),
    ("flagged", NoticeKind::Flagged),
    ("taken_away", NoticeKind::TakenAway),
    ("glass_broken", NoticeKind::GlassBroken),
    ("glass_used", NoticeKind::GlassUsed),
    ("glass_reviewed", NoticeKind::GlassReviewed),
    ("glass_overdue", NoticeKind::GlassOverdue),
];

/// The channels of a gate, as configured. Nothing is connected to yet.
#[derive(Debug, Default)]
pub struct Channels(pub(crate) Vec<Configured>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Configured {
    pub(crate) name: String,
    pub(crate) filter: Filter,
    pub(crate) way: Way,
}

/// How it reaches people.
#[derive(Debug)]
pub(crate) enum Way {
    Webhook(Webhook),
    Chat(Chat),
    Mail(Mail),
    Push(Push),
}

/// Whom a message goes to. A webhook and a chat take it for whoever reads them.
enum To {
    Readers,
    People(BTreeSet<HumanId>),
    Browsers(Vec<Subscription>, PushParts),
}

/// What the channels of a gate need beside their configuration.
pub struct Opening {
    /// The time.
    pub clock: Clock,
    /// Who is on call, where somebody says so.
    pub on_call: Option<Arc<OnCall>>,
    /// For a channel to browsers.
    pub push: Option<PushParts>,
}

/// What a channel is for. An empty list is everything.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) kinds: BTreeSet<NoticeKind>,
    pub(crate) teams: BTreeSet<TeamId>,
    pub(crate) tiers_at_least: Option<Tier>,
}

/// A channel, for whoever looks at the configuration. No secret, and no address of a person.
#[derive(Debug, Serialize)]
pub struct Described {
    /// The operator's name for it.
    pub name: String,
    /// `webhook`, `chat`, `mail` or `push`.
    pub kind: &'static str,
    /// The server.
    pub server: String,
    /// Which notices it takes; nothing is all.
    pub kinds: Vec<&'static str>,
    /// Of which teams; nothing is all.
    pub teams: BTreeSet<TeamId>,
    /// From which tier on.
    pub tiers_at_least: Option<Tier>,
    /// Whom it has an address of. A webhook and a chat reach whoever reads them, a push whoever subscribed.
    pub people: Option<BTreeSet<HumanId>>,
}

/// What no channel is told to keep quiet about.
const fn is_for_all(kind: NoticeKind) -> bool {
    matches!(
        kind,
        NoticeKind::GlassBroken | NoticeKind::GlassUsed | NoticeKind::GlassOverdue
    )
}

impl Filter {
    fn wants(&self, notice: &Notice) -> bool {
        // No channel is told to keep quiet about it.
        if is_for_all(notice.kind) {
            return true;
        }
        (self.kinds.is_empty() || self.kinds.contains(&notice.kind))
            && (self.teams.is_empty() || !self.teams.is_disjoint(&notice.teams))
            && self.tiers_at_least.is_none_or(|least| notice.tier >= least)
    }

    fn words(&self) -> Vec<&'static str> {
        let known = KINDS.iter().filter(|(_, kind)| self.kinds.contains(kind));
        known.map(|(word, _)| *word).collect()
    }
}

impl Channels {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: nobody is told anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they are, in the order of the file.
    #[must_use]
    pub fn described(&self) -> Vec<Described> {
        self.0.iter().map(Configured::described).collect()
    }

    /// How browsers are told, where a channel does.
    #[must_use]
    pub fn push(&self) -> Option<PushRules> {
        self.0.iter().find_map(|configured| match &configured.way {
            Way::Push(push) => Some(push.rules()),
            Way::Webhook(_) | Way::Chat(_) | Way::Mail(_) => None,
        })
    }

    /// Whether a server answers where each channel goes, by the channel's name. Nothing is sent. Of a push nobody can tell before
    /// somebody's browser is told.
    pub async fn reached(&self) -> BTreeMap<String, Result<(), NotDelivered>> {
        let each = self.0.iter().map(|configured| async {
            let reached = configured.reached().await?;
            Some((configured.name.clone(), reached))
        });
        join_all(each).await.into_iter().flatten().collect()
    }

    /// Opens them for the notices of a gate.
    #[must_use]
    pub fn open(self, opening: &Opening) -> Vec<Arc<dyn Channel>> {
        let open = |configured| -> Arc<dyn Channel> {
            Arc::new(Open {
                configured,
                clock: opening.clock.clone(),
                addressees: Addressees::new(opening.on_call.clone()),
                push: opening.push.clone(),
            })
        };
        self.0.into_iter().map(open).collect()
    }

    /// Sends a message that is marked as a test, and says what the server answered. To these people, where it is mail or a push.
    ///
    /// # Errors
    /// When there is no such channel, nobody to send it to, or it did not arrive.
    pub async fn test(
        &self,
        name: &str,
        key: &str,
        to: &BTreeSet<HumanId>,
        (push, now): (Option<&PushParts>, Timestamp),
    ) -> Result<String, NotDelivered> {
        let found = self.0.iter().find(|configured| configured.name == name);
        let Some(configured) = found else {
            let names: Vec<&str> = self.0.iter().map(|one| one.name.as_str()).collect();
            let names = names.join(", ");
            return Err(NotDelivered(format!(
                "there is no channel `{name}`; there are: {names}"
            )));
        };
        let to = match &configured.way {
            Way::Webhook(_) | Way::Chat(_) => To::Readers,
            Way::Mail(_) => To::People(to.clone()),
            Way::Push(_) => {
                let parts = push.ok_or_else(no_store)?.clone();
                let browsers = parts.subscriptions.of(to).await?;
                if browsers.is_empty() {
                    return Err(NotDelivered(
                        "nobody of them has a browser that is told: people subscribe theirs on the page of their keys"
                            .to_owned(),
                    ));
                }
                To::Browsers(browsers, parts)
            }
        };
        let message = Message::test(name, key, now);
        configured.send(&message, &to, now).await
    }
}

fn no_store() -> NotDelivered {
    NotDelivered(
        "the store was not opened, and nobody else knows whose browsers there are".to_owned(),
    )
}

impl Configured {
    fn described(&self) -> Described {
        let (kind, server, people) = match &self.way {
            Way::Webhook(webhook) => ("webhook", webhook.server(), None),
            Way::Chat(chat) => ("chat", chat.server(), None),
            Way::Mail(mail) => (
                "mail",
                mail.server(),
                Some(mail.people().cloned().collect()),
            ),
            Way::Push(push) => ("push", push.server(), None),
        };
        Described {
            name: self.name.clone(),
            kind,
            server,
            kinds: self.filter.words(),
            teams: self.filter.teams.clone(),
            tiers_at_least: self.filter.tiers_at_least,
            people,
        }
    }

    /// Whether a connection is taken, where somebody can tell.
    async fn reached(&self) -> Option<Result<(), NotDelivered>> {
        let (host, port) = match &self.way {
            Way::Webhook(webhook) => webhook.address.place(),
            Way::Mail(mail) => (mail.host.as_str(), mail.port),
            Way::Chat(chat) => {
                return Some(match chat.address().await {
                    Ok((address, _)) => connected(address.place()).await,
                    Err(why) => Err(why),
                });
            }
            Way::Push(_) => return None,
        };
        Some(connected((host, port)).await)
    }

    /// Sends it, and says what was answered.
    async fn send(
        &self,
        message: &Message,
        to: &To,
        now: Timestamp,
    ) -> Result<String, NotDelivered> {
        match (&self.way, to) {
            (Way::Webhook(webhook), _) => webhook.send(message, now).await,
            (Way::Chat(chat), _) => chat.send(message).await,
            (Way::Mail(mail), To::People(to)) => mail.send(&self.name, message, to).await,
            (Way::Push(push), To::Browsers(to, parts)) => {
                push.send(&self.name, message, to, parts, now).await
            }
            (Way::Mail(_) | Way::Push(_), _) => Err(NotDelivered("it is for nobody".to_owned())),
        }
    }
}

/// Whether somebody takes a connection there. Why not is said without the address, which may be secret.
async fn connected(place: (&str, u16)) -> Result<(), NotDelivered> {
    let connecting = tokio::net::TcpStream::connect(place);
    match tokio::time::timeout(REACH, connecting).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(NotDelivered(match error.kind() {
            ErrorKind::ConnectionRefused => "nobody takes connections there".to_owned(),
            _ => "its name means nothing here, or nothing leads there".to_owned(),
        })),
        Err(_) => Err(NotDelivered("it does not answer".to_owned())),
    }
}

/// A channel that is used.
struct Open {
    configured: Configured,
    clock: Clock,
    addressees: Addressees,
    push: Option<PushParts>,
}

impl Open {
    /// Whom a notice goes to here.
    async fn to(&self, notice: &Notice, now: Timestamp) -> Result<To, NotDelivered> {
        Ok(match &self.configured.way {
            Way::Webhook(_) | Way::Chat(_) => To::Readers,
            Way::Mail(mail) => To::People(self.addressees.of(notice, mail.people(), now).await),
            Way::Push(_) => {
                let parts = self.push.as_ref().ok_or_else(no_store)?;
                let mut browsers = parts.subscriptions.of(&notice.people).await?;
                let reached: BTreeSet<HumanId> = browsers
                    .iter()
                    .map(|browser| browser.human.clone())
                    .collect();
                let people = self.addressees.of(notice, reached.iter(), now).await;
                browsers.retain(|browser| people.contains(&browser.human));
                To::Browsers(browsers, parts.clone())
            }
        })
    }
}

#[async_trait]
impl Channel for Open {
    fn name(&self) -> &str {
        &self.configured.name
    }

    fn wants(&self, notice: &Notice) -> bool {
        let reaches = match &self.configured.way {
            Way::Webhook(_) | Way::Chat(_) => true,
            Way::Mail(mail) => mail.people().any(|person| notice.people.contains(person)),
            Way::Push(_) => !notice.people.is_empty(),
        };
        reaches && self.configured.filter.wants(notice)
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        let now = (self.clock)();
        let message = Message::of(notice, now);
        let to = self.to(notice, now).await?;
        let sent = self.configured.send(&message, &to, now).await;
        sent.map(drop)
    }
}
