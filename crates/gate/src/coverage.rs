//! Whether what is held can be approved at all, by people and keys as they are now. Somebody who leaves a team or loses a key can
//! leave a request that can only run out, and nobody would notice before it does. It decides nothing, and tells of no review.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use gatehold_core::commit::Table;
use gatehold_core::directory::Directory;
use gatehold_core::ids::TaskId;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::time::Timestamp;

use crate::deciders::Deciders;
use crate::delegations::moment;
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;
use crate::stored::body;

/// Held requests looked at, oldest first.
const LOOKED_AT: u32 = 1_000;
/// Different questions among them that are answered; most requests of one workload ask the same.
const QUESTIONS_MAX: usize = 200;

impl Gate {
    /// How many held requests nobody could approve at the last look, at least. They can be denied or withdrawn, or run out.
    #[must_use]
    pub fn holds_nobody_can_approve(&self) -> u64 {
        self.inner.uncovered.load(Ordering::Relaxed)
    }

    /// Looks once a minute, and says so when there is one.
    pub(crate) async fn look_at_coverage(&self, now: Timestamp) -> Result<(), GateError> {
        let minute = now.seconds().div_euclid(60);
        if self.inner.covered_minute.swap(minute, Ordering::Relaxed) == minute {
            return Ok(());
        }
        let uncovered = self.uncovered().await?;
        let count = u64::try_from(uncovered.len()).unwrap_or(u64::MAX);
        let before = self.inner.uncovered.swap(count, Ordering::Relaxed);
        if let Some(first) = uncovered.first()
            && before == 0
        {
            tracing::error!(
                request = %first.id,
                count,
                "a held request can be approved by nobody: enrol keys, or change the teams of its checkpoints; `gatehold \
                 who-can-approve` says what is missing"
            );
        }
        Ok(())
    }

    /// The held requests that nobody could approve.
    async fn uncovered(&self) -> Result<Vec<RequestRecord>, GateError> {
        let active = self.current().await?;
        let now = self.store().now().await?;
        let open = self.open_tasks(&active.directory, now).await?;
        let query = RowQuery {
            states: vec![State::Held.name().to_owned()],
            limit: LOOKED_AT,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Request, &query).await?;
        let believed = self.believe_all(&rows).await?;
        let believed = rows.iter().zip(believed).filter(|(_, believed)| *believed);
        let records = believed.filter_map(|(row, _)| body::<RequestRecord>(row).ok());
        let records: Vec<RequestRecord> = records.collect();
        // Matching many people to many seats takes its time, and nobody else is to wait for it.
        let look = move || beyond(records, &active.directory, &open, now);
        let looked = tokio::task::spawn_blocking(look);
        looked.await.map_err(GateError::damaged)
    }
}

/// Those of them that nobody could approve.
fn beyond(
    records: Vec<RequestRecord>,
    directory: &Directory,
    open: &BTreeSet<TaskId>,
    now: Timestamp,
) -> Vec<RequestRecord> {
    let mut answers = BTreeMap::new();
    let mut uncovered = Vec::new();
    for record in records {
        let Some(held) = &record.held else { continue };
        // Everything that the answer depends on beside people, keys and the time.
        let moment = moment(&record, open, now);
        let question = (
            held.requirement_hash,
            record.tier,
            moment.task,
            record.requester.people_min(),
            record.requester.excluded(directory),
        );
        if answers.len() >= QUESTIONS_MAX && !answers.contains_key(&question) {
            continue;
        }
        let answered = answers.entry(question);
        let enough =
            *answered.or_insert_with(|| Deciders::of(&record, held, directory, moment).enough);
        if !enough {
            uncovered.push(record);
        }
    }
    uncovered
}
