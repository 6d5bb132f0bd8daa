//! Channels to people: webhook, chat and mail. Where a message goes stands in a file of the operator's alone, never in a request;
//! it carries words of the descriptor and of the gate, and a link. Nothing that comes back is read but its status: nobody
//! approves, denies or answers through a channel.

mod addressees;
pub(crate) mod chat;
pub(crate) mod mail;
pub(crate) mod post;
mod text;
pub(crate) mod webhook;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice, NoticeKind};
use serde::Serialize;

use crate::facts::OnCall;
use addressees::Addressees;
use chat::Chat;
use mail::Mail;
use text::Message;
use webhook::Webhook;

/// The time, for what people read and for signatures. Only the binary reads a clock, so it hands one in.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Every kind of notice, by the word that configurations and messages use.
pub(crate) const KINDS: [(&str, NoticeKind); 6] = [
    ("asked", NoticeKind::Asked),
    ("escalated", NoticeKind::Escalated),
    ("changed", NoticeKind::Changed),
    ("question", NoticeKind::Question),
    ("closed", NoticeKind::Closed),
    ("outcome", NoticeKind::Outcome),
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
    /// `webhook`, `chat` or `mail`.
    pub kind: &'static str,
    /// The server.
    pub server: String,
    /// Which notices it takes; nothing is all.
    pub kinds: Vec<&'static str>,
    /// Of which teams; nothing is all.
    pub teams: BTreeSet<TeamId>,
    /// From which tier on.
    pub tiers_at_least: Option<Tier>,
    /// Whom it has an address of. A webhook and a chat reach whoever reads them.
    pub people: Option<BTreeSet<HumanId>>,
}

impl Filter {
    fn wants(&self, notice: &Notice) -> bool {
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

    /// Opens them for the notices of a gate.
    #[must_use]
    pub fn open(self, clock: &Clock, on_call: Option<&Arc<OnCall>>) -> Vec<Arc<dyn Channel>> {
        let open = |configured| -> Arc<dyn Channel> {
            Arc::new(Open {
                configured,
                clock: clock.clone(),
                addressees: Addressees::new(on_call.cloned()),
            })
        };
        self.0.into_iter().map(open).collect()
    }

    /// Sends a message that is marked as a test, and says what the server answered. To these people, where it is mail.
    ///
    /// # Errors
    /// When there is no such channel, nobody to send it to, or it did not arrive.
    pub async fn test(
        &self,
        name: &str,
        key: &str,
        to: &BTreeSet<HumanId>,
        now: Timestamp,
    ) -> Result<String, NotDelivered> {
        let found = self.0.iter().find(|configured| configured.name == name);
        let Some(configured) = found else {
            let names: Vec<&str> = self.0.iter().map(|one| one.name.as_str()).collect();
            let names = names.join(", ");
            return Err(NotDelivered(format!(
                "there is no channel `{name}`; there are: {names}"
            )));
        };
        configured
            .send(&Message::test(name, key, now), to, now)
            .await
    }
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

    /// Sends it, and says what was answered.
    async fn send(
        &self,
        message: &Message,
        to: &BTreeSet<HumanId>,
        now: Timestamp,
    ) -> Result<String, NotDelivered> {
        match &self.way {
            Way::Webhook(webhook) => webhook.send(message, now).await,
            Way::Chat(chat) => chat.send(message).await,
            Way::Mail(mail) => mail.send(&self.name, message, to).await,
        }
    }
}

/// A channel that is used.
struct Open {
    configured: Configured,
    clock: Clock,
    addressees: Addressees,
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
        };
        reaches && self.configured.filter.wants(notice)
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        let now = (self.clock)();
        let message = Message::of(notice, now);
        let to = match &self.configured.way {
            Way::Mail(mail) => self.addressees.of(notice, mail, now).await,
            Way::Webhook(_) | Way::Chat(_) => BTreeSet::new(),
        };
        let sent = self.configured.send(&message, &to, now).await;
        sent.map(drop)
    }
}
