//! What there is to see when nothing needs anybody: what policy let through today, what people decided last, and whether every
//! checkpoint has people who could decide. Three queries, and nothing of what is held.

use gatehold_core::commit::Table;
use gatehold_core::habits::day_of;
use gatehold_core::ids::CheckpointName;
use gatehold_core::request::{DecidedBy, RequestRecord, State};

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;
use crate::stored::body;
use crate::undecidable::People;

/// The newest requests that are looked at.
const LOOKED_AT: u32 = 1_000;

/// One day, in UTC, as far as the newest 1,000 requests tell.
#[derive(Debug, Clone, Default)]
pub struct Today {
    /// Let through by policy alone.
    pub let_through: u64,
    /// Denied by policy alone.
    pub denied: u64,
    /// People were asked about it, and it is held no more.
    pub by_people: u64,
    /// Whether there may be more of each.
    pub at_least: bool,
    /// What was decided last of what people were asked about, today or before.
    pub last: Option<RequestRecord>,
    /// How many checkpoints the active bundle has.
    pub checkpoints: usize,
    /// Those of them that nobody could decide, were everybody there.
    pub uncovered: Vec<CheckpointName>,
}

impl Gate {
    /// What happened today.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn today(&self) -> Result<Today, GateError> {
        let active = self.current().await?;
        let query = RowQuery {
            newest_first: true,
            limit: LOOKED_AT,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Request, &query).await?;
        let believed = self.believe_all(&rows).await?;
        let today = day_of(self.store().now().await?);
        let mut told = Today {
            at_least: u32::try_from(rows.len()).unwrap_or(u32::MAX) >= LOOKED_AT,
            ..Today::default()
        };
        for (row, believed) in rows.iter().zip(believed) {
            if !believed {
                continue;
            }
            let record: RequestRecord = body(row)?;
            let of_today = day_of(record.submitted_at) == today;
            told.at_least &= of_today;
            told.take(record, of_today);
        }
        let people = People::from(&active.directory);
        let checkpoints = active.bundle.checkpoints();
        told.checkpoints = checkpoints.len();
        told.uncovered = checkpoints
            .iter()
            .filter(|(_, checkpoint)| !people.could_fill(checkpoint))
            .map(|(name, _)| name.clone())
            .collect();
        Ok(told)
    }
}

impl Today {
    /// Counts one request, from the newest on. What is held is nobody's to be told about.
    fn take(&mut self, record: RequestRecord, of_today: bool) {
        if record.state == State::Held {
            return;
        }
        let count = match (&record.held, record.state) {
            (Some(_), _) => &mut self.by_people,
            (None, State::Denied) => &mut self.denied,
            (None, _) => &mut self.let_through,
        };
        if of_today {
            *count = count.saturating_add(1);
        }
        let by_people = record.held.is_some() && record.decided_by == Some(DecidedBy::Human);
        if by_people && self.last.is_none() {
            self.last = Some(record);
        }
    }
}
