//! What is held, and how it stands to one person: read at once in three queries however much it is, believed only as far as it
//! follows from the ledger, and told each person without a word about anybody's review.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use gatehold_core::checkpoint::Checkpoint;
use gatehold_core::commit::Table;
use gatehold_core::delegation::{Delegation, Lending, Moment};
use gatehold_core::directory::Directory;
use gatehold_core::effect::Environment;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId, TaskId, TeamId};
use gatehold_core::request::{HeldAt, RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;

use crate::answers::InboxItem;
use crate::browser::Visitor;
use crate::delegations::moment;
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::look::{May, may};
use crate::ports::store::{Row, RowQuery};
use crate::stored::body;
use crate::view::people_needed;
use crate::who_stopped::{StoppedNow, WhoStopped, reason};

/// Most lines of an inbox.
const INBOX_MAX: u32 = 1_000;
/// How often a gate that waits looks whether another process wrote something.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How everything that is held stands to each person, by who they are and the teams their session is without: a few bits for
/// each request, so that it stays small for as many people as look.
type Known = BTreeMap<(HumanId, BTreeSet<TeamId>), Arc<OnceLock<Arc<[Stance]>>>>;

/// Everything that was held at one moment. Reviews are in it, so it gives nothing but what one person may see.
#[derive(Clone)]
pub struct HeldNow {
    records: Arc<[RequestRecord]>,
    /// Which world each of them is about, as the catalogue of this process has it.
    environments: Arc<[Option<Environment>]>,
    /// What stops each of them.
    stopped: Arc<[Option<StoppedNow>]>,
    active: Arc<Active>,
    /// When, and which tasks of delegations were open then.
    now: Timestamp,
    open: Arc<BTreeSet<TaskId>>,
    whole: bool,
    /// Names the rows it was read from, and the directory.
    read: Hash,
    known: Arc<Mutex<Known>>,
    worked_out: Arc<AtomicUsize>,
}

impl HeldNow {
    /// Whether that is all of it; else the rest is younger.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether it was read from the same rows under the same directory, so that it is the same for everybody.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.read == other.read
    }

    /// As one person may see it, most urgent first.
    #[must_use]
    pub fn of(&self, human: &HumanId) -> Vec<InboxItem> {
        self.without(human, &BTreeSet::new())
    }

    /// The same through a session, which may have fewer seats than its person.
    #[must_use]
    pub fn through(&self, visitor: &Visitor) -> Vec<InboxItem> {
        self.without(&visitor.human, &visitor.without)
    }

    /// How often it was worked out how all of that stands to somebody: once for each person, however often they look.
    #[must_use]
    pub fn worked_out(&self) -> usize {
        self.worked_out.load(Ordering::Relaxed)
    }

    fn without(&self, human: &HumanId, without: &BTreeSet<TeamId>) -> Vec<InboxItem> {
        let dev = self.active.directory.origin.is_dev();
        let stances = self.stances(human, without);
        let each = self.records.iter().zip(stances.iter());
        let mut items: Vec<InboxItem> = each
            .zip(self.environments.iter().zip(self.stopped.iter()))
            .filter_map(|((record, stance), (environment, stopped))| {
                let held = record.held.as_ref()?;
                let found = (*environment, stopped.clone());
                Some(item(record, held, *stance, dev, found))
            })
            .collect();
        items.sort_by_key(InboxItem::urgency);
        items
    }

    /// How each stands to somebody. Signatures are verified for it, so it is worked out once and shared by all their windows.
    fn stances(&self, human: &HumanId, without: &BTreeSet<TeamId>) -> Arc<[Stance]> {
        let own = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let own = known.entry((human.clone(), without.clone())).or_default();
            Arc::clone(own)
        };
        // Nobody waits here for another person's.
        let stances = own.get_or_init(|| {
            self.worked_out.fetch_add(1, Ordering::Relaxed);
            let directory = &self.active.directory;
            let teams = directory.teams_of(human);
            let who = Looker {
                human,
                left: teams.difference(without).cloned().collect(),
                teams,
                without,
            };
            let stance = |record| {
                let at = moment(record, &self.open, self.now);
                Stance::of(record, directory, at, &who)
            };
            self.records.iter().map(stance).collect()
        });
        Arc::clone(stances)
    }
}

/// How something that is held stands to one person.
#[derive(Debug, Clone, Copy, Default)]
struct Stance {
    mine: bool,
    asked: bool,
    signed: bool,
    seat: bool,
    accountable: bool,
}

/// Who looks, and with which of their teams: the same for everything that is held.
struct Looker<'a> {
    human: &'a HumanId,
    teams: BTreeSet<TeamId>,
    without: &'a BTreeSet<TeamId>,
    /// The teams that the session has.
    left: BTreeSet<TeamId>,
}

impl Stance {
    fn of(record: &RequestRecord, directory: &Directory, at: Moment, who: &Looker<'_>) -> Self {
        let Some(held) = &record.held else {
            return Self::default();
        };
        let (human, left) = (who.human, &who.left);
        let lending = Lending::new(directory, &held.requirement, &record.requester, at);
        let through = lending.through(human);
        let may = may(record, held, &lending, (human, &who.teams, who.without));
        let by_name =
            |(_, checkpoint): (_, &Checkpoint)| checkpoint.eligible.humans.contains(human);
        let theirs = |team: &TeamId| {
            left.contains(team) || through.iter().any(|through| through.teams.contains(team))
        };
        let asked =
            held.asked().into_iter().any(theirs) || held.requirement.checkpoints().any(by_name);
        let mut seats = held.requirement.checkpoints();
        Self {
            mine: may == May::Decide,
            asked: may == May::Decide && asked,
            signed: may == May::Signed,
            seat: seats.any(|(_, checkpoint)| {
                checkpoint.admits(human, left)
                    || through.iter().any(|through| through.admits(checkpoint))
            }),
            accountable: answers_for(human, &record.requester, directory),
        }
    }
}

fn item(
    record: &RequestRecord,
    held: &HeldAt,
    stance: Stance,
    dev: bool,
    (environment, stopped): (Option<Environment>, Option<StoppedNow>),
) -> InboxItem {
    let (kind, owner) = match &record.requester {
        Requester::Workload { kind, owner, .. } => (Some(*kind), owner),
        Requester::Human { human, .. } => (None, human),
    };
    InboxItem {
        kind,
        owner: owner.clone(),
        environment,
        id: record.id,
        sentence: record.sentence.clone(),
        descriptor: record.envelope.descriptor.id.to_string(),
        tier: record.tier,
        raised: record.raised.clone(),
        requester: record.requester.name(),
        target: record.envelope.target.to_string(),
        resource: record.envelope.resource.to_string(),
        why: record.reasons.clone(),
        stopped,
        submitted_at: record.submitted_at,
        decide_by: held.decide_by,
        claimed_by: record.claimed_by.clone(),
        people_needed: people_needed(record, held, dev),
        mine: stance.mine,
        asked: stance.asked,
        signed: stance.signed,
        seat: stance.seat,
        accountable: stance.accountable,
        escalations: record.escalations,
    }
}

impl InboxItem {
    /// What waits in this order needs somebody the sooner: by tier, then by how many inputs raise it, then by how many of them are
    /// not known, then by the time that is left. No weights: what stands above says why by its own row.
    fn urgency(
        &self,
    ) -> (
        Reverse<Tier>,
        Reverse<usize>,
        Reverse<usize>,
        Timestamp,
        RequestId,
    ) {
        let unknown = self.raised.iter().filter(|raised| raised.unknown).count();
        (
            Reverse(self.tier),
            Reverse(self.raised.len()),
            Reverse(unknown),
            self.decide_by,
            self.id,
        )
    }
}

/// Whether somebody owns or backs up whoever asks, by what the directory says now.
pub(crate) fn answers_for(human: &HumanId, requester: &Requester, directory: &Directory) -> bool {
    match requester {
        Requester::Human { human: asks, .. } => asks == human,
        Requester::Workload {
            id, owner, backup, ..
        } => match directory.workloads.get(id) {
            Some(now) => now.owner == *human || now.backup == *human,
            None => owner == human || backup == human,
        },
    }
}

/// What stops each of them, by the leaves that were read: no query for it.
fn stopped(records: &[RequestRecord], active: &Active) -> Vec<Option<StoppedNow>> {
    let restraints = &active.restraints;
    let who = WhoStopped::of(restraints);
    let each = records.iter().map(|record| {
        let Requester::Workload { id, .. } = &record.requester else {
            return None;
        };
        let paused = || {
            restraints
                .is_paused(id.as_str())
                .then_some("workload_paused")
        };
        let code = reason(restraints.stops(), record).or_else(paused)?;
        Some(who.of_request(record, code))
    });
    each.collect()
}

/// One name for them all; it lives as long as what was read, and no longer than the same delegations count.
fn named(
    rows: &[Row],
    stopped: &[Option<StoppedNow>],
    directory: &Directory,
    (open, now): (&BTreeSet<TaskId>, Timestamp),
) -> Hash {
    let row = |row: &Row| format!("{} {} {}\n", row.key, row.version, row.last_leaf);
    let all: String = rows.iter().map(row).collect();
    let counts = |(id, given): (&Hash, &Delegation)| {
        let in_time = given.not_before <= now && now <= given.not_after;
        let in_task = given.task.is_none_or(|task| open.contains(&task));
        (in_time && in_task).then(|| format!("{id}\n"))
    };
    let given: String = directory.delegations.iter().filter_map(counts).collect();
    Hash::of(format!("{}\n{given}{stopped:?}\n{all}", directory.version).as_bytes())
}

impl Gate {
    /// What is held, most urgent first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn inbox(&self, human: &HumanId) -> Result<Vec<InboxItem>, GateError> {
        Ok(self.held_now().await?.of(human))
    }

    /// What is held, for several people at once.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn held_now(&self) -> Result<HeldNow, GateError> {
        let active = self.current().await?;
        let query = RowQuery {
            states: vec![State::Held.name().to_owned()],
            limit: INBOX_MAX,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Request, &query).await?;
        // Nothing but a delegation depends on the time here, and most gates have none.
        let (now, open) = if active.directory.delegations.is_empty() {
            (Timestamp::from_millis(0), BTreeSet::new())
        } else {
            let now = self.store().now().await?;
            (now, self.open_tasks(&active.directory, now).await?)
        };
        let believed = self.believe_all(&rows).await?;
        // One row that somebody changed is reported and left out; the others are still to be decided.
        let believed = rows.iter().zip(believed).filter(|(_, believed)| *believed);
        let records: Result<Vec<RequestRecord>, GateError> =
            believed.map(|(row, _)| body(row)).collect();
        let records = records?;
        let catalog = &self.inner.parts.catalog;
        let environment = |record: &RequestRecord| {
            let facts = catalog.facts(&record.envelope.target, &record.envelope.resource);
            facts.environment.get().copied()
        };
        let stopped = stopped(&records, &active);
        Ok(HeldNow {
            environments: records.iter().map(environment).collect(),
            records: records.into(),
            read: named(&rows, &stopped, &active.directory, (&open, now)),
            stopped: stopped.into(),
            active,
            now,
            open: Arc::new(open),
            known: Arc::default(),
            worked_out: Arc::default(),
            whole: u32::try_from(rows.len()).unwrap_or(u32::MAX) < INBOX_MAX,
        })
    }

    /// Waits until the ledger is no longer so many leaves long, at most so long, and gives how long it is: whatever is held
    /// may have changed then. What this process writes is heard at once, what others write within a second.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn grown(&self, leaves: u64, at_most: Duration) -> Result<u64, GateError> {
        let growing = async {
            loop {
                let decided = self.inner.decided.notified();
                let size = self.store().head().await?.size;
                if size != leaves {
                    // What stops something stands in the leaves; where they cannot be read, it is said later.
                    let _ = self.read_on().await;
                    return Ok(size);
                }
                let _ = tokio::time::timeout(LOOK_EVERY, decided).await;
            }
        };
        match tokio::time::timeout(at_most, growing).await {
            Ok(size) => size,
            Err(_) => Ok(leaves),
        }
    }
}

#[cfg(test)]
mod tests {
    use gatehold_core::tier::Raised;

    use super::*;

    fn item(number: u8, tier: Tier, raised: &[bool], decide_by: i64) -> InboxItem {
        InboxItem {
            id: RequestId::from_bytes([number; 16]),
            sentence: String::new(),
            descriptor: String::new(),
            tier,
            raised: raised
                .iter()
                .map(|unknown| Raised {
                    input: "effect".to_owned(),
                    unknown: *unknown,
                })
                .collect(),
            requester: String::new(),
            target: String::new(),
            resource: String::new(),
            kind: None,
            owner: "ann@acme".parse().unwrap(),
            environment: None,
            stopped: None,
            why: Vec::new(),
            submitted_at: Timestamp::from_millis(0),
            decide_by: Timestamp::from_millis(decide_by),
            claimed_by: None,
            people_needed: 1,
            mine: true,
            asked: true,
            signed: false,
            seat: true,
            accountable: false,
            escalations: 0,
        }
    }

    #[test]
    fn what_is_raised_more_and_known_less_stands_above_what_ends_sooner() {
        let mut items = [
            item(1, Tier::Green, &[], 1),
            item(2, Tier::Red, &[false, false], 20),
            item(3, Tier::Red, &[false, false], 10),
            item(4, Tier::Red, &[false, true], 30),
            item(5, Tier::Red, &[false, false, false], 40),
            item(6, Tier::Amber, &[true], 2),
            // At one moment the order is one and the same all the same.
            item(8, Tier::Amber, &[false], 3),
            item(7, Tier::Amber, &[false], 3),
        ];
        items.sort_by_key(InboxItem::urgency);
        let order = items.map(|item| item.id);
        let wanted = [5, 4, 3, 2, 6, 7, 8, 1].map(|number| RequestId::from_bytes([number; 16]));
        assert_eq!(order, wanted);
    }
}
