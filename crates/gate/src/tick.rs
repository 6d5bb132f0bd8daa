//! What only time does: requests expire, executions nobody heard of become Unknown, counted refusals are written.

use gatehold_core::commit::Table;
use gatehold_core::decide::Command;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::request::state::Event as Step;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;

/// Rows looked at in one tick, so that a tick ends.
const PAGE: u32 = 500;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Requests that expired.
    pub expired: u64,
    /// Executions that became Unknown.
    pub lost: u64,
    /// Refusal leaves written.
    pub refusals: u64,
}

impl Gate {
    /// Does what is due. Called about once a second, by any process; doing it twice is harmless.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tick(&self) -> Result<Tick, GateError> {
        let now = self.store().now().await?;
        self.current().await?;
        let expired = self.expire_due(now).await?;
        let lost = self.lose_executing(false).await?;
        let refusals = self.write_refusals(now, false).await?;
        Ok(Tick {
            expired,
            lost,
            refusals,
        })
    }

    /// Writes what is only in memory. For a graceful end.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn flush(&self) -> Result<(), GateError> {
        let now = self.store().now().await?;
        self.write_refusals(now, true).await.map(drop)
    }

    async fn expire_due(&self, now: Timestamp) -> Result<u64, GateError> {
        let query = RowQuery {
            states: [State::Allowed, State::Held, State::Redeemable]
                .map(|state| state.name().to_owned())
                .to_vec(),
            // Due means after the deadline; at the deadline a review may still be committed.
            due_by: Some(Timestamp::from_millis(now.millis().saturating_sub(1))),
            limit: PAGE,
            ..RowQuery::default()
        };
        let mut expired = 0;
        for row in self.store().rows(Table::Request, &query).await? {
            let Ok(id) = row.key.id.parse() else { continue };
            match self.on_request(id, |_| Ok(Command::Expire)).await {
                Ok(_) => expired += 1,
                // Decided in the meantime, or not due on the store's clock after all.
                Err(GateError::Refused(_) | GateError::Busy) => {}
                Err(GateError::Damaged(what)) => {
                    tracing::error!(request = %row.key.id, what, "cannot expire")
                }
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }

    /// Executions of which nothing was heard for too long. `all` when no other process can be executing.
    pub(crate) async fn lose_executing(&self, all: bool) -> Result<u64, GateError> {
        let now = self.store().now().await?;
        let query = RowQuery {
            states: vec![State::Executing.name().to_owned()],
            limit: PAGE,
            ..RowQuery::default()
        };
        let mut lost = 0;
        for row in self.store().rows(Table::Request, &query).await? {
            let Ok(id) = row.key.id.parse() else { continue };
            let claimed = self
                .store()
                .leaves(row.last_leaf, 1, false)
                .await?
                .into_iter()
                .next();
            let since = claimed.map_or(now, |leaf| leaf.time);
            if !all && now <= since.plus_seconds(self.inner.parts.execution_seconds_max) {
                continue;
            }
            match self.report_step(id, Step::Lost, "lost", None, &[]).await {
                Ok(_) => lost += 1,
                Err(GateError::Refused(Refusal::WrongState { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }
}
