//! What only time does: requests expire, executions nobody heard of become Unknown, counted refusals are written.

use gatehold_core::commit::Table;
use gatehold_core::decide::Command;
use gatehold_core::guard;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::state::Event as Step;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::GATE_TARGET;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{Row, RowQuery};
use crate::stored::body;

/// Rows looked at in one tick, so that a tick ends.
const PAGE: u32 = 500;

/// What one tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Requests that expired.
    pub expired: u64,
    /// Held requests that nobody decided in time, so that more people are asked.
    pub escalated: u64,
    /// Executions whose end could not be stored when it came.
    pub reported: u64,
    /// Executions that became Unknown.
    pub lost: u64,
    /// Changes of the gate itself that were approved and whose process ended before it applied them.
    pub applied: u64,
    /// Refusal leaves written.
    pub refusals: u64,
    /// Attachments erased that a leaf said were.
    pub erased: u64,
    /// Acts of the revocation journal that are in the ledger now.
    pub replayed: u64,
    /// Leaves that tell what somebody changed in the database.
    pub tampering: u64,
    /// Looks at broken glass of which everybody was told that they are overdue.
    pub overdue: u64,
}

impl Gate {
    /// Does what is due. Called about once a second, by any process; doing it twice is harmless.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tick(&self) -> Result<Tick, GateError> {
        // What waits keeps everything else undecided; what only ends things goes on beside it.
        let replayed = self.replay_journal().await.unwrap_or_default();
        let now = self.store().now().await?;
        self.current().await?;
        let (expired, escalated) = self.look_at_due(now).await?;
        self.give_up_ended().await;
        let reported = self.report_kept().await?;
        let lost = self.lose_executing(false).await?;
        let applied = self.apply_approved().await?;
        let refusals = self.write_refusals(now, false).await?;
        let tampering = self.write_tampering(now).await;
        self.read_on_each_minute(now).await?;
        let overdue = self.tell_overdue(now).await?;
        self.look_at_coverage(now).await?;
        let erased = self.finish_erasures().await?;
        Ok(Tick {
            expired,
            escalated,
            reported,
            lost,
            applied,
            refusals,
            erased,
            replayed,
            tampering,
            overdue,
        })
    }

    /// Writes what is only in memory. For a graceful end.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn flush(&self) -> Result<(), GateError> {
        let now = self.store().now().await?;
        self.report_kept().await?;
        self.write_refusals(now, true).await.map(drop)
    }

    /// What has passed its deadline expires; what only waited long is escalated. Gives how many of each.
    async fn look_at_due(&self, now: Timestamp) -> Result<(u64, u64), GateError> {
        let query = RowQuery {
            states: [State::Allowed, State::Held, State::Redeemable]
                .map(|state| state.name().to_owned())
                .to_vec(),
            // Due means after the deadline; at the deadline a review may still be committed.
            due_by: Some(Timestamp::from_millis(now.millis().saturating_sub(1))),
            limit: PAGE,
            ..RowQuery::default()
        };
        let (mut expired, mut escalated) = (0, 0);
        for row in self.store().rows(Table::Request, &query).await? {
            let Ok(id) = row.key.id.parse() else { continue };
            let look = |record: &RequestRecord| {
                let over = record.deadline().is_none_or(|deadline| deadline < now);
                Ok(if over {
                    Command::Expire
                } else {
                    Command::Escalate
                })
            };
            match self.on_request(id, look).await {
                Ok(record) if record.state == State::Held => escalated += 1,
                Ok(_) => expired += 1,
                // Decided in the meantime, or not due on the store's clock after all.
                Err(GateError::Refused(_) | GateError::Busy) => {}
                Err(GateError::Damaged(what)) => {
                    tracing::error!(request = %row.key.id, what, "cannot expire")
                }
                Err(error) => return Err(error),
            }
        }
        Ok((expired, escalated))
    }

    /// Changes of the gate itself that people approved and nobody applied: whoever took the last review has ended. Each is
    /// proven anew, and applied once however many processes try; what cannot be proven any more expires.
    async fn apply_approved(&self) -> Result<u64, GateError> {
        let mut query = RowQuery {
            states: vec![State::Redeemable.name().to_owned()],
            limit: PAGE,
            ..RowQuery::default()
        };
        let mut applied = 0;
        loop {
            let rows = self.store().rows(Table::Request, &query).await?;
            query.after_leaf = rows.last().map(|row| row.first_leaf);
            for row in &rows {
                applied += u64::from(self.apply_row(row).await?);
            }
            if rows.is_empty() {
                return Ok(applied);
            }
        }
    }

    async fn apply_row(&self, row: &Row) -> Result<bool, GateError> {
        // Looked at as stored, to skip what workloads redeem themselves; what is applied is loaded again and proven.
        let gates_own = body::<RequestRecord>(row)
            .is_ok_and(|record| record.envelope.target.as_str() == GATE_TARGET);
        let Ok(id) = row.key.id.parse() else {
            return Ok(false);
        };
        if !gates_own {
            return Ok(false);
        }
        match self.apply_change(id).await {
            Ok(record) => Ok(record.state == State::Completed),
            Err(error @ GateError::Store(_)) => Err(error),
            Err(error) => {
                // Whoever signed last applies it too, and may have done so between two reads here.
                let waits = self.request(id).await;
                if waits.is_ok_and(|stored| stored.record.state == State::Redeemable) {
                    tracing::warn!(request = %row.key.id, %error, "an approved change cannot be applied");
                }
                Ok(false)
            }
        }
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
            let under_way =
                !all && now <= since.plus_seconds(self.inner.parts.execution_seconds_max);
            if guard!("lost-after-its-time", under_way) {
                continue;
            }
            match self.report_step(id, Step::Lost, "lost", None, &[]).await {
                Ok(_) => lost += 1,
                Err(GateError::Refused(Refusal::WrongState { .. })) => {}
                Err(GateError::Damaged(what)) => {
                    tracing::error!(request = %row.key.id, what, "cannot be called Unknown");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }
}
