//! Reads what a workload usually does. Bounded: seven counters a question, and 56 of the days before, which change no more, once
//! a day per workload and process. Ten more, and its grants, when a person looks.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use gatehold_core::action::Envelope;
use gatehold_core::commit::Table;
use gatehold_core::context::Signals;
use gatehold_core::effect::Environment;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::habits::{self, HabitKeys, Habits, Past};
use gatehold_core::ids::WorkloadId;
use gatehold_core::known::Known;
use gatehold_core::refusal::Refusal;
use gatehold_core::requester::Requester;
use gatehold_core::time::Timestamp;
use gatehold_core::view::{Fact, Source};
use gatehold_core::wording::grouped;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{RowQuery, StoreFault};
use crate::stored::body;

/// Most workloads whose days before today are remembered.
const WORKLOADS_MAX: usize = 10_000;
/// Most live grants that are looked at for one page.
const GRANTS_MAX: u32 = 50;
/// Most of them that a page names, each by what it lets the workload do.
const GRANTS_SHOWN: usize = 10;

/// The days before today, by workload, each with the day that it was read on.
#[derive(Debug, Default)]
pub(crate) struct Days(BTreeMap<WorkloadId, (i64, Past)>);

impl Gate {
    /// What the workload usually does, and where it stands; nothing for a person.
    pub(crate) async fn habits(
        &self,
        requester: &Requester,
        envelope: &Envelope,
        environment: Option<Environment>,
        now: Timestamp,
    ) -> Result<Option<Habits>, GateError> {
        let Requester::Workload { id, .. } = requester else {
            return Ok(None);
        };
        let past = self.days_before(id, habits::day_of(now)).await?;
        let keys = HabitKeys::of(id, envelope, environment, now);
        let counts = self.store().counters(&keys.read()).await?;
        Ok(Some(Habits::from_counts(keys, past, &counts)))
    }

    async fn days_before(&self, id: &WorkloadId, today: i64) -> Result<Past, GateError> {
        let days = || {
            self.inner
                .days
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let known = days().0.get(id).copied();
        if let Some((day, past)) = known
            && day == today
        {
            return Ok(past);
        }
        let counts = self.store().counters(&habits::past(id, today)).await?;
        let past = Past::from_counts(&counts);
        let mut days = days();
        if days.0.len() >= WORKLOADS_MAX && !days.0.contains_key(id) {
            days.0.clear();
        }
        days.0.insert(id.clone(), (today, past));
        Ok(past)
    }

    /// What it holds now, and how that has grown (M062).
    pub(crate) async fn holds_now(
        &self,
        habits: &Habits,
        workload: &WorkloadId,
        now: Timestamp,
    ) -> Result<Holds, GateError> {
        let query = RowQuery {
            states: vec![GrantState::Active.name().to_owned()],
            owner: Some(workload.to_string()),
            limit: GRANTS_MAX,
            ..RowQuery::default()
        };
        let (rows, mut wrong) = match self.store().rows(Table::Grant, &query).await {
            Ok(rows) => (rows, None),
            Err(StoreFault::Damaged(_)) => {
                (Vec::new(), Some("a grant cannot be read from the database"))
            }
            Err(fault) => return Err(fault.into()),
        };
        let more = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= GRANTS_MAX;
        let mut live = Vec::new();
        for row in rows {
            match self.believe(&row).await {
                // An expired one is ended by the next tick; it permits nothing until then either.
                Ok(()) if row.index.due.is_none_or(|due| due >= now) => live.push(row),
                Ok(()) => {}
                Err(GateError::Damaged(_)) => {
                    wrong = Some("somebody changed a grant in the database");
                }
                Err(error) => return Err(error),
            }
        }
        let counts = self.store().counters(&habits.keys.first_used).await?;
        let grown = habits::grown(&counts);
        let count = live.len();
        let count = match (wrong, more) {
            (Some(why), _) => unknown("live grants of this workload", why),
            (None, true) => fact(
                "live grants of this workload",
                format!("{} or more", grouped(count)),
            ),
            (None, false) => fact("live grants of this workload", grouped(count)),
        };
        let mut facts = vec![count];
        let beyond = live.len().saturating_sub(GRANTS_SHOWN);
        for row in live.into_iter().take(GRANTS_SHOWN) {
            facts.push(self.held_by(&body(&row)?).await?);
        }
        if beyond > 0 {
            facts.push(fact("it holds", format!("{} more", grouped(beyond))));
        }
        let (month, quarter) = grown;
        let value = format!(
            "{} in the last 30 days, {} in the last 90",
            grouped(month),
            grouped(quarter)
        );
        facts.push(fact("kinds of access first used", value));
        Ok(Holds { facts, grown })
    }

    /// What a grant lets it do, in the words of its request. A request that somebody changed keeps nobody from reviewing
    /// another one: what it was for is then what nobody knows.
    async fn held_by(&self, grant: &Grant) -> Result<Fact, GateError> {
        match self.request(grant.request).await {
            Ok(of) => {
                let value = format!("{}, until {}", of.record.sentence, grant.expires_at);
                Ok(fact("it holds", value))
            }
            Err(GateError::Store(StoreFault::Damaged(_))) => {
                let why = "the request of a grant cannot be read from the database";
                Ok(unknown("it holds", why))
            }
            Err(GateError::Damaged(_) | GateError::Refused(Refusal::NoSuchRequest)) => {
                let why = "somebody changed the request of a grant in the database";
                Ok(unknown("it holds", why))
            }
            Err(error) => Err(error),
        }
    }
}

fn fact(label: &str, value: String) -> Fact {
    Fact {
        label: label.to_owned(),
        value,
        source: Source::Verified,
        from: "the ledger".to_owned(),
        age_seconds: 0,
        refuted: false,
    }
}

fn unknown(label: &str, why: &str) -> Fact {
    Fact {
        source: Source::Unknown,
        from: why.to_owned(),
        ..fact(label, String::new())
    }
}

/// What a workload holds now, and how many kinds of access were new in the last 30 and the last 90 days.
pub(crate) struct Holds {
    pub(crate) facts: Vec<Fact>,
    grown: (u64, u64),
}

impl Holds {
    /// What of it is unlike a workload whose access stays what it is (M062).
    pub(crate) fn unlike(&self) -> Option<String> {
        let (month, quarter) = self.grown;
        habits::accumulates(month, quarter).then(|| {
            format!(
                "access accumulates: {} kinds first used in 30 days, {} in the 60 before",
                grouped(month),
                grouped(quarter.saturating_sub(month))
            )
        })
    }
}

/// What policy reads of it.
pub(crate) fn signals(habits: Option<&Habits>, asking: bool, signals: &mut Signals) {
    if let Some(habits) = habits {
        signals.burst = Known::some(habits.is_burst(asking));
        signals.wide = Known::some(habits.is_wide(asking));
        signals.new_resource = Known::some(habits.is_new());
    }
}

/// What people read of it: what is different from the baseline.
pub(crate) fn unlike(habits: &Habits, asking: bool, envelope: &Envelope) -> Vec<String> {
    let mut unlike = Vec::new();
    if habits.is_burst(asking) {
        let (hour, limit) = (habits.hour + u64::from(asking), habits.hour_limit());
        unlike.push(format!(
            "{} requests this hour; up to {} are usual",
            grouped(hour),
            grouped(limit)
        ));
    }
    if habits.is_wide(asking) {
        let more = u64::from(asking && habits.resource == 0);
        let (resources, limit) = (habits.resources + more, habits.resources_limit());
        unlike.push(format!(
            "{} different resources today; up to {} are usual",
            grouped(resources),
            grouped(limit)
        ));
    }
    if habits.is_new() {
        unlike.push(format!(
            "first `{}` on {} in 30 days",
            envelope.descriptor.id, envelope.resource
        ));
    }
    unlike
}
