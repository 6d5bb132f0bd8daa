//! Delivers notices: reads the outbox, hands each notice to every channel that wants it, and has a message forgotten once all of
//! them took it or gave it up. At least once: what was delivered and not acknowledged comes again, under the same key.
//!
//! It holds no authority and is in nobody's way: a beat waits for the store and never for a channel, each channel stands alone,
//! and nothing waits for a beat. Of several processes over one store the one with the lease delivers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use gatehold_core::guard;
use gatehold_core::hash::hex;
use gatehold_core::time::Timestamp;
use tokio::task::{Id, JoinSet};

use super::beat::{Beat, ChannelBeat};
use super::message::{self, About};
use super::schedule::{Stand, is_stale};
use super::waiting::{Waiting, Why};
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::notifier::{Channel, NotDelivered, Notice};
use crate::ports::store::{Announced, StoreFault};
use crate::signals::Signals;

/// What the lease is called.
const LEASE: &str = "notices";
/// Seconds for which it is taken; each beat takes it anew.
const LEASE_SECONDS: u32 = 30;
/// Messages read in one beat, the most a store gives.
const READ: u32 = 1_000;
/// Messages that wait; beyond it the oldest are given up, as the store forgets them too.
const WAITING_MAX: usize = 10_000;
/// Requests loaded in one beat, so that a beat ends.
const LOADED: usize = 200;
/// Notices on their way to one channel at a time.
const UNDER_WAY_MAX: usize = 8;
/// Acknowledgements at a time: fewer than the store keeps room for.
const ACKNOWLEDGED_AT_ONCE: usize = 16;
/// After which a delivery counts as failed, whatever its channel does.
const DELIVERY_MAX: Duration = Duration::from_secs(60);

/// One notice on its way.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    number: u64,
    channel: usize,
    about: About,
}

/// Delivers what the outbox of one gate holds.
pub struct Dispatcher {
    gate: Gate,
    channels: Vec<Arc<dyn Channel>>,
    public_url: String,
    /// Who sends signals: it says which teams are told of one.
    signals: Option<Arc<Signals>>,
    holder: String,
    /// Messages up to this number were read.
    read_to: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// To be acknowledged.
    done: BTreeSet<u64>,
    /// The directory for which it was looked who has left.
    looked: Option<u64>,
    tasks: JoinSet<Result<(), NotDelivered>>,
    under_way: HashMap<Id, Delivery>,
    /// What was done since somebody was told.
    counted: BTreeMap<String, ChannelBeat>,
    /// Why the last try in vain since then was in vain.
    failures: BTreeMap<String, String>,
}

impl Dispatcher {
    /// Delivers to these channels. Links lead to the pages under this URL.
    #[must_use]
    pub fn new(gate: Gate, channels: Vec<Arc<dyn Channel>>, public_url: &str) -> Self {
        let names = channels.iter().map(|channel| channel.name().to_owned());
        Self {
            counted: names.map(|name| (name, ChannelBeat::default())).collect(),
            holder: hex(&gate.inner.parts.entropy.bytes()),
            gate,
            channels,
            public_url: public_url.to_owned(),
            signals: None,
            read_to: 0,
            waiting: BTreeMap::new(),
            done: BTreeSet::new(),
            looked: None,
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Tells the teams that these senders name, too.
    #[must_use]
    pub fn with_signals(self, signals: Option<Arc<Signals>>) -> Self {
        Self { signals, ..self }
    }

    /// Takes in what came back, reads what is new, and sends what is due on its way. Called about once a second, beside the
    /// clock; it never waits for a channel.
    ///
    /// # Errors
    /// When the store does not answer. Nothing is lost: the next beat goes on.
    pub async fn beat(&mut self) -> Result<Beat, GateError> {
        let now = self.gate.store().now().await?;
        while let Some(finished) = self.tasks.try_join_next_with_id() {
            self.came_back(finished, now);
        }
        let store = self.gate.store();
        let leads = store.lease(LEASE, &self.holder, LEASE_SECONDS).await?;
        if guard!("notice-lease", !leads) {
            self.waiting.clear();
            self.done.clear();
            self.read_to = 0;
            return Ok(self.told(now, false));
        }
        self.read_on().await?;
        self.send_due(now).await?;
        self.acknowledge().await?;
        Ok(self.told(now, true))
    }

    /// Waits until nothing is on its way, within the time limits of the channels, and acknowledges what was taken.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn settled(&mut self) -> Result<(), GateError> {
        let now = self.gate.store().now().await?;
        while let Some(finished) = self.tasks.join_next_with_id().await {
            self.came_back(finished, now);
        }
        self.acknowledge().await
    }

    /// Ends in order: waits for what is on its way, and lets another process deliver at once.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end(mut self) -> Result<(), GateError> {
        self.settled().await?;
        let store = self.gate.store();
        // Only whoever has it can give it back.
        store.lease(LEASE, &self.holder, 0).await?;
        Ok(())
    }

    fn told(&mut self, now: Timestamp, delivers: bool) -> Beat {
        let oldest = self.waiting.values().next();
        let oldest = oldest.map_or(0, |oldest| {
            now.seconds().saturating_sub(oldest.message.at.seconds())
        });
        let channels = self.counted.clone();
        self.counted
            .values_mut()
            .for_each(|counted| *counted = ChannelBeat::default());
        Beat {
            channels,
            undelivered: self.undelivered(),
            failures: std::mem::take(&mut self.failures),
            waiting: u64::try_from(self.waiting.len()).unwrap_or(u64::MAX),
            oldest_seconds: u64::try_from(oldest).unwrap_or(0),
            delivers,
        }
    }

    /// How many notices each channel has not taken yet.
    fn undelivered(&self) -> BTreeMap<String, u64> {
        let of = |place: usize| {
            let waiting = self.waiting.values();
            let open =
                waiting.filter(|one| one.stands.get(place).is_some_and(|stand| !stand.is_over()));
            u64::try_from(open.count()).unwrap_or(u64::MAX)
        };
        let channels = self.channels.iter().enumerate();
        channels
            .map(|(place, channel)| (channel.name().to_owned(), of(place)))
            .collect()
    }

    /// What became of one delivery.
    fn came_back(
        &mut self,
        finished: Result<(Id, Result<(), NotDelivered>), tokio::task::JoinError>,
        now: Timestamp,
    ) {
        let (id, answer) = match finished {
            Ok(finished) => finished,
            Err(error) => (
                error.id(),
                Err(NotDelivered("it ended unexpectedly".to_owned())),
            ),
        };
        let Some(delivery) = self.under_way.remove(&id) else {
            return;
        };
        let Some(channel) = self.channels.get(delivery.channel) else {
            return;
        };
        let counted = self.counted.entry(channel.name().to_owned()).or_default();
        match &answer {
            Ok(()) => counted.delivered = counted.delivered.saturating_add(1),
            Err(error) => {
                counted.failed = counted.failed.saturating_add(1);
                self.failures
                    .insert(channel.name().to_owned(), error.to_string());
                tracing::warn!(channel = channel.name(), about = %delivery.about, %error, "a notice was not delivered");
            }
        }
        let waiting = self.waiting.get_mut(&delivery.number);
        let Some(waiting) = waiting else { return };
        if let Some(stand) = waiting.stands.get_mut(delivery.channel) {
            *stand = match answer {
                Ok(()) => Stand::Over,
                Err(_) => stand.again(now),
            };
        }
        self.finish(delivery.number);
    }

    /// Has a message acknowledged that no channel waits for.
    fn finish(&mut self, number: u64) {
        if self.waiting.get(&number).is_some_and(Waiting::is_over) {
            self.waiting.remove(&number);
            self.done.insert(number);
        }
    }

    async fn read_on(&mut self) -> Result<(), GateError> {
        let new = self.gate.store().outbox(self.read_to, READ).await?;
        for announced in new {
            self.read_to = announced.number;
            self.take(&announced);
        }
        while self.waiting.len() > WAITING_MAX {
            let Some(oldest) = self.waiting.keys().next().copied() else {
                break;
            };
            self.give_up(oldest, Why::Full);
        }
        Ok(())
    }

    fn take(&mut self, announced: &Announced) {
        match message::read(announced) {
            Ok(Some(message)) if !self.channels.is_empty() => {
                let waiting = Waiting::new(message, self.channels.len());
                self.waiting.insert(announced.number, waiting);
            }
            Ok(_) => {
                self.done.insert(announced.number);
            }
            Err(error) => {
                let number = announced.number;
                tracing::error!(number, %error, "a message of the outbox can never be read and is left out");
                self.done.insert(number);
            }
        }
    }

    /// Sends on its way what is due, as far as there is room. One that cannot be made now is nobody else's delay.
    async fn send_due(&mut self, now: Timestamp) -> Result<(), GateError> {
        let active = self.gate.current().await?;
        let version = active.directory.version;
        if self.looked != Some(version) {
            self.gate.forget_leavers(&active).await?;
            self.looked = Some(version);
        }
        let numbers: Vec<u64> = self.waiting.keys().copied().collect();
        let mut loaded = 0;
        for number in numbers {
            if loaded == LOADED {
                break;
            }
            let Some(waiting) = self.waiting.get(&number) else {
                continue;
            };
            if is_stale(waiting.message.at, now) {
                self.give_up(number, Why::Stale);
                continue;
            }
            let due = self.due(waiting, now);
            if due.is_empty() {
                continue;
            }
            loaded += 1;
            let message = &waiting.message;
            let made = match message.about {
                About::Request(id) => {
                    let told = (&active.directory, self.public_url.as_str());
                    self.gate.notice(message, id, told).await
                }
                About::Signal(key) => {
                    let signals = self.signals.as_deref();
                    let told = (&active.directory, self.public_url.as_str());
                    self.gate.signal_notice(message, key, signals, told).await
                }
            };
            match made {
                Ok(Some(notice)) => self.send(number, &due, &Arc::new(notice)),
                Ok(None) => self.give_up(number, Why::Past),
                // What is damaged is one request's, and no reason to keep quiet about the others.
                Err(error @ GateError::Store(StoreFault::Unavailable(_))) => return Err(error),
                Err(error) => self.look_later(number, now, &error),
            }
        }
        Ok(())
    }

    /// The channels that it is to be sent to now: each takes so many at a time, and one of each request, so that what becomes of
    /// one arrives in order.
    fn due(&self, waiting: &Waiting, now: Timestamp) -> Vec<usize> {
        let mut due = waiting.due(now);
        due.retain(|channel| {
            let mut theirs = self
                .under_way
                .values()
                .filter(|one| one.channel == *channel);
            let about = waiting.message.about;
            theirs.clone().count() < UNDER_WAY_MAX && theirs.all(|one| one.about != about)
        });
        due
    }

    fn send(&mut self, number: u64, due: &[usize], notice: &Arc<Notice>) {
        let Some(waiting) = self.waiting.get_mut(&number) else {
            return;
        };
        for place in due {
            let (Some(channel), Some(stand)) =
                (self.channels.get(*place), waiting.stands.get_mut(*place))
            else {
                continue;
            };
            if !channel.wants(notice) {
                *stand = Stand::Over;
                continue;
            }
            *stand = stand.begun();
            let (channel, notice) = (Arc::clone(channel), Arc::clone(notice));
            let task = self.tasks.spawn(async move {
                let late = || NotDelivered("it took longer than a minute".to_owned());
                let delivered = tokio::time::timeout(DELIVERY_MAX, channel.deliver(&notice)).await;
                delivered.unwrap_or_else(|_| Err(late()))
            });
            let delivery = Delivery {
                number,
                channel: *place,
                about: waiting.message.about,
            };
            self.under_way.insert(task.id(), delivery);
        }
        self.finish(number);
    }

    /// The request could not be read: somebody may put right what somebody wrote into the database.
    fn look_later(&mut self, number: u64, now: Timestamp, error: &GateError) {
        if let Some(waiting) = self.waiting.get_mut(&number) {
            waiting.look_later(now);
            tracing::error!(about = %waiting.message.about, %error, "nobody can be told about it");
        }
    }

    fn give_up(&mut self, number: u64, why: Why) {
        let Some(waiting) = self.waiting.get_mut(&number) else {
            return;
        };
        for missed in waiting.give_up(why) {
            let Some(channel) = self.channels.get(missed) else {
                continue;
            };
            let counted = self.counted.entry(channel.name().to_owned()).or_default();
            counted.given_up = counted.given_up.saturating_add(1);
            tracing::error!(
                channel = channel.name(),
                key = waiting.message.key,
                why = why.text(),
                "a notice is given up"
            );
        }
        self.finish(number);
    }

    /// Has the store forget what nobody waits for.
    async fn acknowledge(&mut self) -> Result<(), GateError> {
        while !self.done.is_empty() {
            let some: Vec<u64> = self
                .done
                .iter()
                .take(ACKNOWLEDGED_AT_ONCE)
                .copied()
                .collect();
            let mut acknowledged = JoinSet::new();
            for number in &some {
                let (gate, number) = (self.gate.clone(), *number);
                acknowledged.spawn(async move { gate.store().acknowledge(number).await });
            }
            while let Some(answer) = acknowledged.join_next().await {
                answer.map_err(GateError::damaged)??;
            }
            for number in some {
                self.done.remove(&number);
            }
        }
        Ok(())
    }
}
