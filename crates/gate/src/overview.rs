//! How things go, for whoever runs the gate: what was decided and how, how long people took, and how long others wait. Counted
//! from the newest rows that follow from the ledger, in as many queries as it takes for an empty gate.

use std::collections::BTreeMap;

use gatehold_core::commit::Table;
use gatehold_core::glass::Opening;
use gatehold_core::grant::Grant;
use gatehold_core::ids::{RequestId, WorkloadId};
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::restraints::Restraints;
use gatehold_core::stops::Stops;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::owned::ROWS_MAX;
use crate::ports::store::RowQuery;
use crate::stored::body;
use crate::who_stopped::WhoStopped;

/// Slots of the last day.
pub const SLOTS: usize = 12;
/// Seconds of one slot: two hours.
pub const SLOT_SECONDS: u32 = 7_200;
/// Upper ends of the spans of time that are told apart, in seconds; the last span has none.
pub const SPANS: [u32; 5] = [60, 300, 900, 3_600, 14_400];

/// How a request came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Policy let it through by itself.
    LetThrough,
    /// Policy denied it.
    DeniedByPolicy,
    /// People approved it.
    Approved,
    /// People denied it.
    DeniedByPeople,
    /// Nobody decided in time, or it was taken back.
    Undecided,
}

impl Outcome {
    /// All of them, in the order in which they are drawn.
    pub const ALL: [Self; 5] = [
        Self::LetThrough,
        Self::DeniedByPolicy,
        Self::Approved,
        Self::DeniedByPeople,
        Self::Undecided,
    ];

    /// How it came out; nothing while people have still to decide.
    fn of(record: &RequestRecord) -> Option<Self> {
        let closed_by = record.closing.as_ref().map(|closing| closing.decided_by);
        Some(match (&record.held, record.state) {
            (_, State::Held) => return None,
            (None, State::Denied) => Self::DeniedByPolicy,
            (None, _) => Self::LetThrough,
            (Some(_), State::Denied) if closed_by == Some(DecidedBy::Human) => Self::DeniedByPeople,
            (Some(_), State::Denied) => Self::DeniedByPolicy,
            (Some(_), _) if record.grant.is_some() => Self::Approved,
            (Some(_), _) => Self::Undecided,
        })
    }
}

/// Two hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When they begin.
    pub from: Timestamp,
    /// How many requests of theirs came out how, in the order of [`Outcome::ALL`].
    pub counts: [u64; 5],
}

/// A workload of which a signal says that it is unusual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaggedNow {
    /// Which.
    pub workload: WorkloadId,
    /// Who said so: the sender's name here, and its issuer.
    pub by: String,
    /// The last word of its event.
    pub event: String,
    /// Until when that counts.
    pub until: Timestamp,
}

/// Every workload of which a signal says so at this time.
pub(crate) fn flagged(restraints: &Restraints, now: Timestamp) -> Vec<FlaggedNow> {
    let each = restraints.flagged(now).map(|(workload, flag)| {
        let event = flag.signal.event.rsplit(['/', ':']).next();
        FlaggedNow {
            workload: workload.clone(),
            by: format!("signal: {}, {}", flag.signal.name, flag.signal.issuer),
            event: event.unwrap_or_default().to_owned(),
            until: flag.until,
        }
    });
    each.collect()
}

/// How things go.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The last day by two hours, by when it was asked.
    pub slots: Vec<Slot>,
    /// Whether all of that day is in it; else only the newest requests are.
    pub whole_day: bool,
    /// How long people took, by [`SPANS`]: of the same requests.
    pub took: [u64; 6],
    /// How long what is held has waited, by [`SPANS`]: green, amber, red.
    pub waits: [[u64; 3]; 6],
    /// How many are held, may be used, and run.
    pub held: u64,
    /// Decided, and not used yet.
    pub usable: u64,
    /// Being performed.
    pub running: u64,
    /// Whether there may be more of each.
    pub at_least: bool,
    /// Everything that is stopped.
    pub stops: Stops,
    /// Who said so.
    pub who_stopped: WhoStopped,
    /// Workloads that are paused.
    pub paused: Vec<String>,
    /// Workloads of which a signal says that they are unusual.
    pub flagged: Vec<FlaggedNow>,
    /// Requests behind broken glass that people have still to look at.
    pub owed: Vec<Opening>,
    /// The store's time.
    pub now: Timestamp,
}

impl Gate {
    /// How things go now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn overview(&self) -> Result<Overview, GateError> {
        let stops = self.stops_now().await?.value;
        let active = self.read_on().await?;
        let now = self.store().now().await?;
        let newest = RowQuery {
            newest_first: true,
            limit: ROWS_MAX,
            ..RowQuery::default()
        };
        let (recent, all) = self.believed_requests(&newest).await?;
        let granted = self.granted(&newest).await?;
        let (held, all_held) = self.in_states(&[State::Held]).await?;
        let live = [State::Allowed, State::Redeemable, State::Executing];
        let (live, all_live) = self.in_states(&live).await?;
        let running = |record: &&RequestRecord| record.state == State::Executing;
        let usable = |record: &&RequestRecord| !running(record) && record.spend_by >= now;
        let slots = slots(&recent, now);
        let oldest = recent.last().map(|record| record.submitted_at);
        let begins = slots.first().map(|slot| slot.from);
        let names = active.directory.workloads.keys();
        let paused = names.filter(|id| active.restraints.is_paused(id.as_str()));
        Ok(Overview {
            whole_day: all || oldest < begins,
            took: took(&recent, &granted),
            waits: waits(&held, now),
            held: count(held.len()),
            usable: count(live.iter().filter(usable).count()),
            running: count(live.iter().filter(running).count()),
            at_least: !(all_held && all_live),
            paused: paused.map(ToString::to_string).collect(),
            slots,
            stops,
            who_stopped: WhoStopped::of(&active.restraints),
            flagged: flagged(&active.restraints, now),
            owed: active.restraints.openings().open().cloned().collect(),
            now,
        })
    }

    /// When the newest grants were made.
    async fn granted(&self, query: &RowQuery) -> Result<BTreeMap<RequestId, Timestamp>, GateError> {
        let rows = self.store().rows(Table::Grant, query).await?;
        let believed = self.believe_all(&rows).await?;
        let believed = rows.iter().zip(believed).filter(|(_, believed)| *believed);
        let each = believed.map(|(row, _)| {
            let grant: Grant = body(row)?;
            Ok((grant.request, grant.created_at))
        });
        each.collect()
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

/// The last day, slot by slot.
fn slots(recent: &[RequestRecord], now: Timestamp) -> Vec<Slot> {
    let length = i64::from(SLOT_SECONDS) * 1_000;
    let slots = i64::try_from(SLOTS).unwrap_or(i64::MAX);
    // They begin at even hours, so that they stay as they are while somebody looks.
    let end = now.millis().div_euclid(length).saturating_add(1);
    let first = end.saturating_sub(slots);
    let mut all: Vec<Slot> = (first..end)
        .map(|number| Slot {
            from: Timestamp::from_millis(number.saturating_mul(length)),
            counts: [0; 5],
        })
        .collect();
    for record in recent {
        let Some(outcome) = Outcome::of(record) else {
            continue;
        };
        let number = record.submitted_at.millis().div_euclid(length);
        let place = usize::try_from(number.saturating_sub(first)).ok();
        let slot = place.and_then(|place| all.get_mut(place));
        let outcomes = Outcome::ALL.iter().position(|known| *known == outcome);
        let count = slot
            .zip(outcomes)
            .and_then(|(slot, place)| slot.counts.get_mut(place));
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
    }
    all
}

/// Into which span of time something falls.
fn span(from: Timestamp, to: Timestamp) -> usize {
    let millis = to.millis().saturating_sub(from.millis());
    let ends = SPANS.iter().map(|seconds| i64::from(*seconds) * 1_000);
    ends.take_while(|end| millis >= *end).count()
}

/// How long people took to decide.
fn took(recent: &[RequestRecord], granted: &BTreeMap<RequestId, Timestamp>) -> [u64; 6] {
    let mut all = [0_u64; 6];
    for record in recent {
        let Some(held) = &record.held else { continue };
        let decided = match Outcome::of(record) {
            Some(Outcome::Approved) => granted.get(&record.id).copied(),
            Some(Outcome::DeniedByPeople) => record.closing.as_ref().map(|closing| closing.at),
            _ => None,
        };
        let Some(decided) = decided else { continue };
        if let Some(count) = all.get_mut(span(held.since, decided)) {
            *count = count.saturating_add(1);
        }
    }
    all
}

/// How long what is held has waited.
fn waits(held: &[RequestRecord], now: Timestamp) -> [[u64; 3]; 6] {
    let mut all = [[0_u64; 3]; 6];
    for record in held {
        let since = record
            .held
            .as_ref()
            .map_or(record.submitted_at, |at| at.since);
        let Some([green, amber, red]) = all.get_mut(span(since, now)) else {
            continue;
        };
        let count = match record.tier {
            Tier::Green => green,
            Tier::Amber => amber,
            Tier::Red => red,
        };
        *count = count.saturating_add(1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_where_the_next_begins() {
        let at = Timestamp::from_millis;
        for (millis, into) in [
            (-1, 0),
            (0, 0),
            (59_999, 0),
            (60_000, 1),
            (299_999, 1),
            (900_000, 3),
            (14_400_000, 5),
            (i64::MAX, 5),
        ] {
            assert_eq!(span(at(0), at(millis)), into, "{millis}");
        }
    }

    #[test]
    fn a_day_has_twelve_slots_and_the_last_is_this_one() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let slots = slots(&[], now);
        assert_eq!(slots.len(), SLOTS);
        let last = slots.last().unwrap().from;
        assert!(last <= now && now < last.plus_seconds(SLOT_SECONDS));
    }
}
