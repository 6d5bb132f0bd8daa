//! When a lease ends: its time is over, somebody took it away, its task ended, a stop covers it, whoever asked has no force
//! any more, or nobody knows that it was ever handed over. Looked at again whenever something changed that it rests on, and
//! each minute besides (M191).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::LeaseStep;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::guard;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId};
use gatehold_core::lease::LeaseEvent;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::task::{Task, TaskState};
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;
use crate::stored::body;

/// Grants looked through at once.
const PAGE: u32 = 500;

impl Gate {
    /// A grant by its id, with the version it was read at.
    pub(crate) async fn grant(&self, id: GrantId) -> Result<(Grant, u64), GateError> {
        let row = self.row(&RowKey::new(Table::Grant, &id)).await?;
        let row = row.ok_or(Refusal::NoSuchRequest)?;
        let grant: Grant = body(&row)?;
        if grant.id != id {
            return Err(GateError::damaged("a grant stands under another id"));
        }
        Ok((grant, row.version))
    }

    /// Ends a lease for a stable reason. One that ends already ends for the first.
    ///
    /// # Errors
    /// [`GateError`] when that cannot be stored now.
    pub(crate) async fn end_lease(
        &self,
        id: GrantId,
        code: &'static str,
        human: Option<HumanId>,
    ) -> Result<bool, GateError> {
        let step = LeaseStep {
            what: LeaseEvent::Ended,
            code,
            human,
        };
        match self.lease_step(id, &step).await {
            Ok(_) => {
                self.inner.lease_ended.notify_one();
                Ok(true)
            }
            Err(GateError::Refused(Refusal::WrongState { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The same, where nobody waits for the answer: what cannot be stored now is found again by the next look.
    pub(crate) async fn end_lease_soon(&self, id: GrantId, code: &'static str) {
        if let Err(error) = self.end_lease(id, code, None).await {
            tracing::warn!(grant = %id, %error, "a lease is to end, and that cannot be stored yet");
            self.look_again();
        }
    }

    /// A human takes away what was handed out for a request. Whether there was anything.
    pub(crate) async fn revoke_lease(
        &self,
        human: &HumanId,
        id: RequestId,
    ) -> Result<Option<RequestRecord>, GateError> {
        let record = self.request(id).await?.record;
        let Some((grant, _)) = self.grant_of(&record).await? else {
            return Ok(None);
        };
        if grant.lease.is_none() {
            return Ok(None);
        }
        self.end_lease(grant.id, "revoked", Some(human.clone()))
            .await?;
        Ok(Some(record))
    }

    /// Ends every lease of a task.
    pub(crate) async fn end_leases_of(&self, task: TaskId) -> Result<u64, GateError> {
        let query = RowQuery {
            group: Some(task.to_string()),
            ..RowQuery::default()
        };
        self.end_where(query, |_, _| Some("task_ended")).await
    }

    /// Looks at every lease again at the next turn.
    pub(crate) fn look_again(&self) {
        let mut looked = self.lease_looks();
        *looked = super::remove::Looks::default();
    }

    /// Ends what is over by its time alone.
    pub(super) async fn end_due_leases(&self, now: Timestamp) -> Result<u64, GateError> {
        let query = RowQuery {
            due_by: Some(Timestamp::from_millis(now.millis().saturating_sub(1))),
            ..RowQuery::default()
        };
        let over = |grant: &Grant, _: &RequestRecord| {
            let lease = grant.lease.as_ref()?;
            (now > lease.not_after).then_some("expired")
        };
        self.end_where(query, over).await
    }

    /// Ends what nothing supports any more.
    pub(super) async fn end_unsupported_leases(&self, now: Timestamp) -> Result<u64, GateError> {
        let stops = self.stops_now().await?.value;
        let directory = self.current().await?;
        let mut open = BTreeMap::new();
        let mut tasks = Vec::new();
        let unsupported = |grant: &Grant, of: &RequestRecord| {
            let lease = grant.lease.as_ref()?;
            let envelope = &of.envelope;
            let stopped = stops.reason(
                &envelope.workload,
                envelope.task.as_ref(),
                &envelope.target,
                &envelope.resource,
            );
            if guard!("lease-ends-stopped", stopped.is_some()) {
                return Some("stopped");
            }
            let gone = !of.requester.still_has_force(&directory.directory, now);
            if guard!("lease-ends-requester-gone", gone) {
                return Some("requester_gone");
            }
            // Nobody was handed it, and nobody will be.
            let handed = match of.state {
                State::Completed => lease.issued_at.is_some(),
                State::Executing => true,
                _ => false,
            };
            if guard!("lease-ends-not-handed", !handed) {
                return Some("not_delivered");
            }
            if let Some(task) = grant.task {
                tasks.push((task, grant.id));
            }
            None
        };
        let mut ended = self.end_where(RowQuery::default(), unsupported).await?;
        for (task, id) in tasks {
            if let Entry::Vacant(unknown) = open.entry(task) {
                unknown.insert(self.task_is_open(&task, now).await?);
            }
            let is_open = open.get(&task).copied().unwrap_or(false);
            if guard!("lease-ends-task-ended", !is_open) {
                ended += u64::from(self.end_lease(id, "task_ended", None).await?);
            }
        }
        Ok(ended)
    }

    async fn task_is_open(&self, id: &TaskId, now: Timestamp) -> Result<bool, GateError> {
        let row = self.row(&RowKey::new(Table::Task, id)).await?;
        let task = row.as_ref().map(body::<Task>).transpose()?;
        Ok(task.is_some_and(|task| {
            let over = task
                .boundary
                .is_some_and(|boundary| now > boundary.not_after);
            task.state == TaskState::Open && !over
        }))
    }

    /// Ends every living lease of a list for which there is a reason.
    async fn end_where(
        &self,
        mut query: RowQuery,
        mut reason: impl FnMut(&Grant, &RequestRecord) -> Option<&'static str>,
    ) -> Result<u64, GateError> {
        query.states = vec![GrantState::Active.name().to_owned()];
        query.limit = PAGE;
        let mut ended = 0;
        loop {
            let rows = self.store().rows(Table::Grant, &query).await?;
            let Some(last) = rows.last() else {
                return Ok(ended);
            };
            query.after_leaf = Some(last.first_leaf);
            for row in &rows {
                let Ok(id) = row.key.id.parse::<GrantId>() else {
                    continue;
                };
                // As listed, to skip what has no lease; what is ended is loaded again and decided.
                let listed: Result<Grant, _> = body(row);
                if listed.is_ok_and(|grant| grant.lease.is_none()) {
                    continue;
                }
                match self.end_one(id, &mut reason).await {
                    Ok(done) => ended += u64::from(done),
                    // Somebody changed its row: what it says cannot be believed, so what it names is not left standing.
                    Err(GateError::Damaged(what)) => {
                        tracing::error!(grant = %id, what, "a lease's row cannot be believed");
                    }
                    Err(GateError::Refused(_) | GateError::Busy) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn end_one(
        &self,
        id: GrantId,
        reason: &mut impl FnMut(&Grant, &RequestRecord) -> Option<&'static str>,
    ) -> Result<bool, GateError> {
        let (grant, _) = self.grant(id).await?;
        let of = self.request(grant.request).await?.record;
        match reason(&grant, &of) {
            Some(code) => self.end_lease(id, code, None).await,
            None => Ok(false),
        }
    }
}
