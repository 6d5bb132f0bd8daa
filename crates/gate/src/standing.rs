//! How things stand, for operators: what waits, for how long, and what is allowed and not yet used up. Counted from rows as
//! they are stored; nothing is decided by it, so nothing of it is verified.

use gatehold_core::commit::Table;
use gatehold_core::grant::GrantState;
use gatehold_core::request::State;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use serde::Deserialize;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{Row, RowQuery};

/// Rows of one page, the most a store gives.
const PAGE: u32 = 1_000;
/// Pages of one count, so that a count ends; beyond it the numbers stop growing.
const PAGES_MAX: usize = 100;

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Requests that wait for people: green, amber, red.
    pub holds: [u64; 3],
    /// How long the oldest of them has waited.
    pub oldest_hold_millis: u64,
    /// Grants that may be used.
    pub live_grants: u64,
    /// Actions being performed now.
    pub executing: u64,
    /// How often a row was refused because it does not follow from the ledger.
    pub tampered: u64,
    /// Links and rows that do not follow from the chain of trust: signs that somebody changed the database.
    pub chain_findings: u64,
    /// How often a lost quorum was restored with offline keys.
    pub quorum_lost: u64,
    /// Requests that were let out by break-glass and that too few people have looked at.
    pub glass_open: u64,
    /// Those of them whose time for that is over.
    pub glass_overdue: u64,
}

/// As much of a request as is counted.
#[derive(Deserialize)]
struct Waiting {
    tier: Tier,
    submitted_at: Timestamp,
}

impl Gate {
    /// Counts what waits and what may be used now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn standing(&self) -> Result<Standing, GateError> {
        let now = self.now().await?;
        // Looks at the directory row too, so that what was written to it is found while nobody decides anything.
        let active = self.current().await?;
        self.inner
            .chain
            .lock()
            .await
            .look_at_rows(self.store())
            .await?;
        let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
        let openings = active.restraints.openings();
        let overdue = openings.open().filter(|opening| opening.is_overdue(now));
        let mut standing = Standing {
            chain_findings: count(self.chain_findings().await.len()),
            quorum_lost: count(active.directory.quorum_lost.len()),
            glass_open: count(openings.open().count()),
            glass_overdue: count(overdue.count()),
            ..Standing::default()
        };
        self.each(Table::Request, State::Held.name(), |row| {
            let Ok(waiting) = serde_json::from_slice::<Waiting>(&row.body) else {
                return;
            };
            let [green, amber, red] = &mut standing.holds;
            let count = match waiting.tier {
                Tier::Green => green,
                Tier::Amber => amber,
                Tier::Red => red,
            };
            *count = count.saturating_add(1);
            let waited = now.millis().saturating_sub(waiting.submitted_at.millis());
            let waited = u64::try_from(waited).unwrap_or(0);
            standing.oldest_hold_millis = standing.oldest_hold_millis.max(waited);
        })
        .await?;
        let (mut live, mut executing) = (0_u64, 0_u64);
        self.each(Table::Grant, GrantState::Active.name(), |row| {
            // An expired one is ended by the next tick; it permits nothing until then either.
            if row.index.due.is_none_or(|due| due >= now) {
                live = live.saturating_add(1);
            }
        })
        .await?;
        self.each(Table::Request, State::Executing.name(), |_| {
            executing = executing.saturating_add(1);
        })
        .await?;
        standing.live_grants = live;
        standing.executing = executing;
        standing.tampered = self.row_findings().0;
        Ok(standing)
    }

    async fn each(
        &self,
        table: Table,
        state: &str,
        count: impl FnMut(&Row),
    ) -> Result<(), GateError> {
        self.each_of(table, &[state], count).await.map(drop)
    }

    /// Every row in one of these states, oldest first, and whether that were all of them.
    pub(crate) async fn each_of(
        &self,
        table: Table,
        states: &[&str],
        mut count: impl FnMut(&Row),
    ) -> Result<bool, GateError> {
        let mut query = RowQuery {
            states: states.iter().map(|state| (*state).to_owned()).collect(),
            limit: PAGE,
            ..RowQuery::default()
        };
        for _ in 0..PAGES_MAX {
            let rows = self.store().rows(table, &query).await?;
            rows.iter().for_each(&mut count);
            let full = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= PAGE;
            query.after_leaf = rows.last().map(|row| row.first_leaf);
            if !full {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
