//! Signals from outside: security event tokens by keys that an operator pinned. A signal stops workloads that its sender may stop,
//! or their tasks, or has what they ask for held for a while, and can do nothing else; lifting stays a held action.
//!
//! A token has its effect once, by its issuer and `jti`, for at least as long as it would be accepted (threat C11). What it says of
//! people, sessions and anything that nobody here is called changes nothing.

pub(crate) mod hold;

use std::sync::{Mutex, PoisonError};

use gatehold_core::commit::{RowKey, Table, UniqueKey};
use gatehold_core::decide::{Command, Record, Release, StopBy, StopChange, decide};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{TaskId, TeamId, WorkloadId};
use gatehold_core::refusal::Refusal;
use gatehold_core::signal::{HeardSignal, Signal};
use gatehold_core::stops::Stops;
use gatehold_core::task::Task;
use gatehold_core::time::Timestamp;
use gatehold_proof::Window;
use gatehold_proof::jws::TokenError;
use gatehold_proof::security_event::{
    EventKind, EventVerifier, RefusedEvent, Subject, SubjectId, VerifiedEvent,
};

use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::safe_act::SafeAct;
use crate::stored::body;

/// How old a token may be, in seconds: a transmitter tries again for days, and what it says is as true then.
pub const SIGNAL_SECONDS_MAX: u32 = 7 * 24 * 3_600;
/// Allowance for the clock of whoever signs.
const SKEW_SECONDS: u32 = 5;
/// How much longer than it is accepted a token is known: both clocks may be off, and this machine's too where the store does not say
/// the time.
const KNOWN_LONGER_SECONDS: u32 = 3_600;
/// In front of a workload's or a task's name, where it is written as a URI.
const WORKLOAD_URI: &str = "urn:gatehold:workload:";
const TASK_URI: &str = "urn:gatehold:task:";

/// What whoever sends a signal may stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalMay {
    /// Workloads that it names.
    pub stop_workload: bool,
    /// Tasks of theirs.
    pub stop_task: bool,
    /// For so many seconds, what workloads that it names ask for is an anomaly; nothing where it may not say so.
    pub hold_seconds: Option<u32>,
}

/// What somebody outside calls a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// There.
    pub subject: SubjectId,
    /// Here.
    pub workload: WorkloadId,
}

/// One sender of signals.
#[derive(Debug)]
pub struct SignalRules {
    /// What the operator calls it.
    pub name: String,
    /// Whose tokens, for whom, by which keys.
    pub verifier: EventVerifier,
    /// What it may stop.
    pub may: SignalMay,
    /// What it calls the workloads that it may stop.
    pub subjects: Vec<Named>,
    /// It names every workload as this gate does, and may stop each.
    pub own_names: bool,
    /// How many stops it sets in a minute, by one process; and as many say again what is stopped already.
    pub per_minute_max: u32,
    /// Teams that are told, besides whoever answers for the workload.
    pub tell: Vec<TeamId>,
}

/// Every sender of signals, and what each has stopped lately.
#[derive(Debug)]
pub struct Signals(Vec<Sender>);

#[derive(Debug)]
struct Sender {
    rules: SignalRules,
    counted: Mutex<Counted>,
}

/// How much a sender said within a minute. What it says again takes no room from what it stops.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    minute: i64,
    stops: u32,
    again: u32,
}

/// What became of a token that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Heeded {
    /// What it names is stopped.
    Stopped,
    /// What it names goes on, and what that asks for is an anomaly for a while.
    Held,
    /// It was heeded before, and is not heeded twice; or what it names is stopped already.
    Known,
    /// It asks for nothing, or names nothing that its sender may stop.
    Nothing,
}

/// Why a token had no effect, and is to be corrected or sent again.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// It is not one of a sender that is configured.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The sender stops more within a minute than it may, or says more of what is stopped.
    #[error("this sender has said as much within the minute as it may; send it again in a minute")]
    TooMany,
    /// What it names is configured, and no workload of that name is enrolled.
    #[error("no workload is enrolled here for what this names; send it again later")]
    NotEnrolled,
    /// The gate could not do it.
    #[error(transparent)]
    Gate(#[from] GateError),
}

impl Signals {
    /// These senders.
    #[must_use]
    pub fn new(all: Vec<SignalRules>) -> Self {
        let sender = |rules| Sender {
            rules,
            counted: Mutex::default(),
        };
        Self(all.into_iter().map(sender).collect())
    }

    /// The teams that are told of a signal of this sender.
    #[must_use]
    pub fn told(&self, name: &str) -> &[TeamId] {
        let mut named = self.0.iter().filter(|sender| sender.rules.name == name);
        named.next().map_or(&[], |sender| &sender.rules.tell)
    }

    /// Every team that is told of some signal.
    pub fn teams(&self) -> impl Iterator<Item = &TeamId> {
        self.0.iter().flat_map(|sender| &sender.rules.tell)
    }

    /// Whose token it is. Several senders may have the same keys: the one that it names by issuer and audience is meant.
    fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(&Sender, VerifiedEvent), RefusedEvent> {
        let window = Window {
            now: u64::try_from(now.seconds()).unwrap_or(0),
            skew_seconds: SKEW_SECONDS.into(),
        };
        let mut refused = RefusedEvent {
            error: TokenError::UnknownKey,
            signer: None,
        };
        for sender in &self.0 {
            let verifier = &sender.rules.verifier;
            match verifier.verify(token, &window, SIGNAL_SECONDS_MAX.into()) {
                Ok(event) => return Ok((sender, event)),
                // What is known of the most is said: the signature first, then that it is for this gate.
                Err(error) if knows(&error) > knows(&refused) => refused = error,
                Err(_) => {}
            }
        }
        Err(refused)
    }
}

/// How much of a token was found to be right.
fn knows(refused: &RefusedEvent) -> u8 {
    match (&refused.signer, &refused.error) {
        (Some(_), TokenError::NotForUs("iss")) => 2,
        (Some(_), TokenError::NotForUs(_)) => 3,
        (Some(_), _) => 4,
        (None, TokenError::UnknownKey) => 0,
        (None, _) => 1,
    }
}

impl Sender {
    /// Counts one more: a stop, or what says one again.
    fn one(&self, now: Timestamp, again: bool) -> Result<(), SignalError> {
        let minute = now.seconds().div_euclid(60);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.minute != minute {
            *counted = Counted {
                minute,
                ..Counted::default()
            };
        }
        let count = if again {
            &mut counted.again
        } else {
            &mut counted.stops
        };
        if guard!("signals-of-a-minute", *count >= self.rules.per_minute_max) {
            return Err(SignalError::TooMany);
        }
        *count = count.saturating_add(1);
        Ok(())
    }

    fn workload(&self, id: &SubjectId) -> Option<WorkloadId> {
        let named = self.rules.subjects.iter().find(|one| one.subject == *id);
        if let Some(named) = named {
            return Some(named.workload.clone());
        }
        let text = own_name(id, WORKLOAD_URI).filter(|_| self.rules.own_names)?;
        text.parse().ok()
    }

    /// Whether it may stop this workload at all.
    fn may_stop(&self, workload: &WorkloadId) -> bool {
        self.rules.own_names || self.lists(workload)
    }

    /// Whether the operator wrote this workload among its subjects.
    fn lists(&self, workload: &WorkloadId) -> bool {
        let mut named = self.rules.subjects.iter();
        named.any(|one| one.workload == *workload)
    }

    /// What an event is about. A subject that the operator gave a workload is that workload, also where it looks like a task.
    fn about(&self, event: &VerifiedEvent) -> About {
        let Some((kind, subject)) = event.asks_to_stop().zip(event.subject()) else {
            return About::default();
        };
        let (session, user) = match subject {
            Subject::Simple(id) => {
                let given = self.rules.subjects.iter().any(|one| one.subject == *id);
                if task(id).is_some() && !given {
                    (Some(id), None)
                } else {
                    (None, Some(id))
                }
            }
            // What is said of a credential or an account is said of every session.
            Subject::Complex(_) => (
                subject.member("session").filter(|_| is_of_session(kind)),
                subject.member("user"),
            ),
        };
        About {
            task: session.filter(|_| self.rules.may.stop_task).and_then(task),
            has_user: user.is_some(),
            workload: user.and_then(|id| self.workload(id)),
        }
    }

    /// The workload of an event, if it may stop workloads.
    fn stoppable<'a>(&self, about: &'a About) -> Option<&'a WorkloadId> {
        let workload = about.workload.as_ref();
        workload.filter(|_| self.rules.may.stop_workload)
    }
}

/// What an event is about, as far as its sender says it in names that are known.
#[derive(Debug, Default)]
struct About {
    /// A task that its sender may stop, if it is of the right workload.
    task: Option<TaskId>,
    /// Somebody is named beside a task, or alone.
    has_user: bool,
    /// What that is here.
    workload: Option<WorkloadId>,
}

/// Whether one session of its subject can be meant alone.
const fn is_of_session(kind: EventKind) -> bool {
    matches!(kind, EventKind::SessionRevoked | EventKind::Anomaly)
}

fn own_name<'a>(id: &'a SubjectId, uri: &str) -> Option<&'a str> {
    match id {
        SubjectId::Opaque(id) => Some(id),
        SubjectId::Uri(text) => text.strip_prefix(uri),
        SubjectId::IssuerSubject { .. } | SubjectId::Other => None,
    }
}

fn task(id: &SubjectId) -> Option<TaskId> {
    own_name(id, TASK_URI)?.parse().ok()
}

impl Gate {
    /// Heeds a token, if a sender that is configured signed it: what it names is stopped before this returns, in the ledger or, while
    /// the store refuses, in the journal and here.
    ///
    /// # Errors
    /// When the token is refused, its sender stops too much, what it names is not enrolled, or nobody keeps it.
    pub async fn heed(&self, signals: &Signals, token: &str) -> Result<Heeded, SignalError> {
        let now = self.now_for_calls().await?;
        let (sender, event) = signals.verify(token, now).map_err(|refused| {
            // Whoever is unknown leaves no leaf.
            if let Some(signer) = refused.signer {
                let refusal = Refusal::Claims(refused.error.to_string());
                self.note_refusal(Hash::from_bytes(*signer.as_bytes()), &refusal);
            }
            refused.error
        })?;
        let signal = Signal {
            name: sender.rules.name.clone(),
            issuer: sender.rules.verifier.issuer().to_owned(),
            token_id: event.token_id().to_owned(),
            event: event.uri().to_owned(),
            token: Hash::of(token.as_bytes()),
        };
        let known = self.store().unique(&UniqueKey(signal.key())).await;
        if matches!(known, Ok(Some(_))) {
            return Ok(Heeded::Known);
        }
        let heard = HeardSignal {
            known_until: known_until(&event),
            token: Some(token.as_bytes().to_vec()),
            signal,
        };
        let Some(add) = self.to_stop(sender, &event).await? else {
            return self.heed_hold(sender, &event, heard, now).await;
        };
        // It changes nothing, and is written down all the same: sent once more after people lifted that stop, it is known.
        let again = self.stop_stands(&add).await;
        sender.one(now, again)?;
        let act = || SafeAct::Signal {
            signal: Box::new(heard.signal.clone()),
            known_until: heard.known_until,
            add: add.clone(),
        };
        let stored = self.signal_stored(&add, heard.clone()).await;
        if again {
            // Nothing waits for it in the journal: what it names is stopped already.
            return Ok(stored.map(|_| Heeded::Known)?);
        }
        match self.or_keep(stored, act).await {
            // On the device: it is in force here, and nothing is decided before it is in the ledger.
            Err(GateError::Journaled) => Ok(Heeded::Stopped),
            heeded => Ok(heeded?),
        }
    }

    /// What of it is to be stopped: one task, or else its workload.
    async fn to_stop(
        &self,
        sender: &Sender,
        event: &VerifiedEvent,
    ) -> Result<Option<Stops>, SignalError> {
        let about = sender.about(event);
        if let Some(task) = about.task
            && self.is_task_of(sender, &about, &task).await?
        {
            return Ok(Some(Stops {
                tasks: [task].into(),
                ..Stops::default()
            }));
        }
        let Some(workload) = sender.stoppable(&about) else {
            return Ok(None);
        };
        let there = self.is_there_for(sender, workload).await?;
        Ok(there.then(|| Stops {
            workloads: [workload.clone()].into(),
            ..Stops::default()
        }))
    }

    /// Whether such a workload is enrolled. It is an error where it is not and the operator wrote it among the sender's subjects.
    async fn is_there_for(
        &self,
        sender: &Sender,
        workload: &WorkloadId,
    ) -> Result<bool, SignalError> {
        let there = self.is_enrolled_as_known(workload).await?;
        if !there && sender.lists(workload) {
            let signal = &sender.rules.name;
            tracing::warn!(%signal, %workload, "a signal names a subject of its sender, and no such workload is enrolled; nothing is stopped or held");
            return Err(SignalError::NotEnrolled);
        }
        Ok(there)
    }

    /// Whether there is such a workload, by the newest directory; while the store does not answer, one that was known is still there.
    async fn is_enrolled_as_known(&self, workload: &WorkloadId) -> Result<bool, GateError> {
        let read = self.current().await;
        let enrolled = self.with_directory(|directory| directory.workloads.contains_key(workload));
        match read {
            Err(error) if !enrolled || self.journal().is_none() => Err(error),
            _ => Ok(enrolled),
        }
    }

    /// Whether all of it is stopped and nobody asks to lift any of it: to say it again changes nothing.
    async fn stop_stands(&self, add: &Stops) -> bool {
        // Who may have asked to lift it is in the leaves.
        if self.read_on().await.is_err() {
            return false;
        }
        let Ok(stops) = self.stops_now().await else {
            return false;
        };
        let settled = self.active().restraints.is_settled(add);
        stops.version > 0 && stops.value.and(add) == stops.value && settled
    }

    /// Whether there is such a task of a workload that the sender may stop, and of the one that it names beside it. Only who is told
    /// may stop it, so a row is enough: what is written into it past the gate stops a task, or does not.
    async fn is_task_of(
        &self,
        sender: &Sender,
        about: &About,
        task: &TaskId,
    ) -> Result<bool, GateError> {
        let row = match self.store().row(&RowKey::new(Table::Task, task)).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(false),
            Err(fault) if self.journal().is_none() => return Err(fault.into()),
            // Nobody can say whose it is: the workload beside it is stopped in its place.
            Err(_) if sender.stoppable(about).is_some() => return Ok(false),
            // Its sender may stop any task.
            Err(_) if sender.rules.own_names && !about.has_user => return Ok(true),
            Err(fault) => return Err(fault.into()),
        };
        let task: Task = body(&row)?;
        let foreign = !sender.may_stop(&task.workload);
        if guard!("signal-own-task", foreign) {
            return Ok(false);
        }
        Ok(!about.has_user || about.workload.as_ref() == Some(&task.workload))
    }

    /// In the store, once.
    pub(crate) async fn signal_stored(
        &self,
        add: &Stops,
        heard: HeardSignal,
    ) -> Result<Heeded, GateError> {
        let key = UniqueKey(heard.signal.key());
        let event = heard.signal.event.rsplit(['/', ':']).next();
        let reason = format!("{}: {}", heard.signal.name, event.unwrap_or_default());
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            if self.store().unique(&key).await?.is_some() {
                return Ok(Heeded::Known);
            }
            let world = loaded.world(None, self.settings());
            // What waited in the journal for longer is still written.
            let soon = loaded.now.plus_seconds(KNOWN_LONGER_SECONDS);
            let heard = HeardSignal {
                known_until: heard.known_until.max(soon),
                ..heard.clone()
            };
            let change = StopChange {
                by: StopBy::Signal(Box::new(heard)),
                add: add.clone(),
                reason: reason.clone(),
            };
            let fresh = self.fresh(loaded.now);
            let command = Command::Stop(Box::new(change));
            let (write, sealed) = decide(Record::Absent, command, &world, &fresh, loaded.now)?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Stops(_)) => {
                    self.give_up_ended().await;
                    return Ok(Heeded::Stopped);
                }
                Committed::Done(..) => return Err(GateError::damaged("a stop releases stops")),
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }
}

/// A token is known for longer than it is accepted.
// INVARIANT(nonce-outlives-proof): it is accepted for SIGNAL_SECONDS_MAX and SKEW_SECONDS after it was issued.
fn known_until(event: &VerifiedEvent) -> Timestamp {
    let issued = i64::try_from(event.issued_at()).unwrap_or(i64::MAX / 1_000);
    Timestamp::from_millis(issued.saturating_mul(1_000))
        .plus_seconds(SIGNAL_SECONDS_MAX)
        .plus_seconds(KNOWN_LONGER_SECONDS)
}
