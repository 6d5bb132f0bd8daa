//! When a lease ends: its time is over, somebody took it away, its task ended, a stop or a pause covers it, whoever asked has no
//! force any more, or nobody knows that it was ever handed over. Looked at again whenever something changed that it rests on,
//! and each minute besides (M191). What cannot be read about one lease keeps no other alive.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures_util::future::join_all;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::LeaseStep;
use gatehold_core::directory::Directory;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::guard;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId};
use gatehold_core::lease::{Lease, LeaseEvent};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::stops::Stops;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::time::Timestamp;
use tokio::task::JoinHandle;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{Row, RowQuery};
use crate::stored::body;

/// Grants looked through at once.
pub(super) const PAGE: u32 = 500;
/// Leases that are ended at once: their leaves are made durable together.
const ENDED_AT_ONCE: usize = 64;

/// What a look at all leases came to.
#[derive(Debug)]
pub(super) struct Look {
    /// Leases that were ended.
    pub(super) ended: u64,
    /// Whether each of them could be looked at.
    pub(super) whole: bool,
    /// Removals that were begun.
    pub(super) begun: Vec<JoinHandle<()>>,
}

/// How many leases were ended, and the removals that were begun.
pub(super) type Did = (u64, Vec<JoinHandle<()>>);

/// A lease that is to end, and why.
struct ToEnd {
    id: GrantId,
    target: String,
    code: &'static str,
}

/// What leases rest on, read once for many.
struct Support {
    now: Timestamp,
    stops: Stops,
    directory: Directory,
    tasks: BTreeMap<TaskId, bool>,
    paused: BTreeMap<String, bool>,
}

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

    /// What was handed out for a request, and where its grant stands.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn lease_of(
        &self,
        record: &RequestRecord,
    ) -> Result<Option<(GrantState, Lease)>, GateError> {
        // Nothing is handed out before it is executed.
        let done = matches!(
            record.state,
            State::Executing | State::Completed | State::Failed | State::Unknown
        );
        if !done {
            return Ok(None);
        }
        let grant = self.grant_of(record).await?;
        Ok(grant.and_then(|(grant, _)| Some((grant.state, grant.lease?))))
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

    /// A human takes away what was handed out for a request; nothing where nothing was.
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
        // Whoever is not known learns nothing, also where it ends already.
        if !self.current().await?.directory.humans.contains_key(human) {
            return Err(Refusal::NotEntitled.into());
        }
        self.end_lease(grant.id, "revoked", Some(human.clone()))
            .await?;
        Ok(Some(record))
    }

    /// Ends every lease of a task.
    pub(crate) async fn end_leases_of(&self, task: TaskId) -> Result<(), GateError> {
        let query = RowQuery {
            group: Some(task.to_string()),
            ..RowQuery::default()
        };
        for some in self.living(query).await?.chunks(ENDED_AT_ONCE) {
            let ends = some.iter().map(|id| self.end_lease_soon(*id, "task_ended"));
            let _: Vec<()> = join_all(ends).await;
        }
        Ok(())
    }

    /// Looks at every lease again at the next turn.
    pub(crate) fn look_again(&self) {
        self.lease_looks().supported = None;
        self.inner.lease_ended.notify_one();
    }

    /// Ends what is over by its time alone.
    pub(super) async fn end_due_leases(&self, now: Timestamp) -> Result<Look, GateError> {
        let query = RowQuery {
            due_by: Some(Timestamp::from_millis(now.millis().saturating_sub(1))),
            ..RowQuery::default()
        };
        let mut look = Look::new();
        for some in self.living(query).await?.chunks(ENDED_AT_ONCE) {
            let mut due = Vec::new();
            for id in some.iter().copied() {
                match self.grant(id).await {
                    Ok((grant, _)) => due.extend(
                        grant
                            .lease
                            .filter(|lease| now > lease.not_after)
                            .map(|lease| ToEnd::new(id, &lease, "expired")),
                    ),
                    Err(error) => look.missed(id, &error),
                }
            }
            self.end_all(due, &mut look).await;
        }
        Ok(look)
    }

    /// Ends what nothing supports any more.
    pub(super) async fn end_unsupported_leases(&self, now: Timestamp) -> Result<Look, GateError> {
        let active = self.current().await?;
        let mut support = Support {
            now,
            stops: self.stops_known().await,
            directory: active.directory.clone(),
            tasks: BTreeMap::new(),
            paused: BTreeMap::new(),
        };
        let mut look = Look::new();
        for some in self
            .living(RowQuery::default())
            .await?
            .chunks(ENDED_AT_ONCE)
        {
            let mut unsupported = Vec::new();
            for id in some.iter().copied() {
                match self.unsupported(id, &mut support).await {
                    Ok(to_end) => unsupported.extend(to_end),
                    Err(error) => look.missed(id, &error),
                }
            }
            self.end_all(unsupported, &mut look).await;
        }
        Ok(look)
    }

    /// Ends these, and has them taken away at once: the others may be many.
    async fn end_all(&self, to_end: Vec<ToEnd>, look: &mut Look) {
        let ends = to_end
            .iter()
            .map(|one| self.end_lease(one.id, one.code, None));
        let ended = join_all(ends).await;
        let mut gone = Vec::new();
        for (one, ended) in to_end.into_iter().zip(ended) {
            if matches!(ended, Ok(true)) {
                gone.push((one.target, one.id));
            }
            look.took(one.id, ended);
        }
        look.begun.extend(self.take_away(gone));
    }

    /// Why a lease is to end, if it is.
    async fn unsupported(
        &self,
        id: GrantId,
        support: &mut Support,
    ) -> Result<Option<ToEnd>, GateError> {
        let (grant, _) = self.grant(id).await?;
        let Some(lease) = grant.lease.clone() else {
            return Ok(None);
        };
        if grant.state != GrantState::Active {
            return Ok(None);
        }
        let code = self.unsupported_code(&grant, &lease, support).await?;
        Ok(code.map(|code| ToEnd::new(id, &lease, code)))
    }

    async fn unsupported_code(
        &self,
        grant: &Grant,
        lease: &Lease,
        support: &mut Support,
    ) -> Result<Option<&'static str>, GateError> {
        let of = match self.request(grant.request).await {
            Ok(stored) => stored.record,
            // What somebody changed supports nothing.
            Err(GateError::Damaged(_)) => return Ok(Some("row_damaged")),
            Err(error) => return Err(error),
        };
        if let Some(code) = support.ends(&of, lease.issued_at.is_some()) {
            return Ok(Some(code));
        }
        if let Some(task) = grant.task
            && guard!(
                "lease-ends-task-ended",
                !self.task_supports(task, support).await?
            )
        {
            return Ok(Some("task_ended"));
        }
        let paused = self
            .workload_paused(grant.workload.as_str(), support)
            .await?;
        Ok(guard!("lease-ends-paused", paused).then_some("workload_paused"))
    }

    async fn task_supports(&self, task: TaskId, support: &mut Support) -> Result<bool, GateError> {
        let unknown = match support.tasks.entry(task) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(unknown) => unknown,
        };
        let row = match self.row(&RowKey::new(Table::Task, &task)).await {
            Ok(row) => row.as_ref().map(body::<Task>).transpose(),
            Err(error) => Err(error),
        };
        let open = match row {
            Ok(task) => task.is_some_and(|task| {
                let over = task
                    .boundary
                    .is_some_and(|boundary| support.now > boundary.not_after);
                task.state == TaskState::Open && !over
            }),
            // What somebody changed supports nothing.
            Err(GateError::Damaged(_)) => false,
            Err(error) => return Err(error),
        };
        Ok(*unknown.insert(open))
    }

    async fn workload_paused(
        &self,
        workload: &str,
        support: &mut Support,
    ) -> Result<bool, GateError> {
        if let Some(known) = support.paused.get(workload) {
            return Ok(*known);
        }
        let paused = match self.pause_now(workload).await {
            Ok(pause) => pause.value.code.is_some(),
            Err(GateError::Damaged(_)) => true,
            Err(error) => return Err(error),
        };
        support.paused.insert(workload.to_owned(), paused);
        Ok(paused)
    }

    /// The living leases of a list, by the ids of their rows: what is done about one is decided from its row as it is then.
    pub(super) async fn living(&self, mut query: RowQuery) -> Result<Vec<GrantId>, GateError> {
        query.states = vec![GrantState::Active.name().to_owned()];
        let listed = self.leased_rows(query).await?;
        Ok(listed.into_iter().map(|(id, _)| id).collect())
    }

    /// The first leases of a page of grants, at least so many where it has them. What one leaf created stays together.
    pub(super) async fn leased_page(
        &self,
        query: &RowQuery,
        at_least: usize,
    ) -> Result<Leased, GateError> {
        let rows = self.store().rows(Table::Grant, query).await?;
        let mut page = Leased {
            leased: Vec::new(),
            last: None,
        };
        for row in &rows {
            if page.leased.len() >= at_least && page.last != Some(row.first_leaf) {
                break;
            }
            page.leased.extend(leased(row).map(|(id, _)| id));
            page.last = Some(row.first_leaf);
        }
        Ok(page)
    }

    /// The leases of a list, by the ids of their rows, with the target that is listed.
    pub(super) async fn leased_rows(
        &self,
        mut query: RowQuery,
    ) -> Result<Vec<(GrantId, String)>, GateError> {
        query.limit = PAGE;
        let mut found = Vec::new();
        loop {
            let rows = self.store().rows(Table::Grant, &query).await?;
            let Some(last) = rows.last() else {
                return Ok(found);
            };
            query.after_leaf = Some(last.first_leaf);
            found.extend(rows.iter().filter_map(leased));
        }
    }
}

/// A page of leases.
pub(super) struct Leased {
    pub(super) leased: Vec<GrantId>,
    /// The leaf after which the next page begins; nothing where there is none.
    pub(super) last: Option<u64>,
}

/// The id of a row that has a lease, and its target, as listed; one that cannot be read may have one, at no target that is known.
fn leased(row: &Row) -> Option<(GrantId, String)> {
    let target = match body::<Grant>(row) {
        Ok(grant) => grant.lease?.target.to_string(),
        Err(_) => String::new(),
    };
    Some((row.key.id.parse().ok()?, target))
}

impl Support {
    /// What a request alone says of its lease.
    fn ends(&self, of: &RequestRecord, issued: bool) -> Option<&'static str> {
        let envelope = &of.envelope;
        let stopped = self.stops.reason(
            &envelope.workload,
            envelope.task.as_ref(),
            &envelope.target,
            &envelope.resource,
        );
        if guard!("lease-ends-stopped", stopped.is_some()) {
            return Some("stopped");
        }
        let gone = !of.requester.still_has_force(&self.directory, self.now);
        if guard!("lease-ends-requester-gone", gone) {
            return Some("requester_gone");
        }
        // Nobody was handed it, and nobody will be.
        let handed = match of.state {
            State::Completed => issued,
            State::Executing => true,
            _ => false,
        };
        guard!("lease-ends-not-handed", !handed).then_some("not_delivered")
    }
}

impl ToEnd {
    fn new(id: GrantId, lease: &Lease, code: &'static str) -> Self {
        Self {
            id,
            target: lease.target.to_string(),
            code,
        }
    }
}

impl Look {
    fn new() -> Self {
        Self {
            ended: 0,
            whole: true,
            begun: Vec::new(),
        }
    }

    /// How many were ended, and the removals that this began.
    pub(super) fn did(self) -> Did {
        (self.ended, self.begun)
    }

    fn took(&mut self, id: GrantId, ended: Result<bool, GateError>) {
        match ended {
            Ok(ended) => self.ended = self.ended.saturating_add(u64::from(ended)),
            Err(error) => self.missed(id, &error),
        }
    }

    /// One lease that could not be looked at is looked at again soon, and keeps no other from it.
    fn missed(&mut self, id: GrantId, error: &GateError) {
        // What somebody changed is told once, and whoever asks its target takes away what stands there: to look at it every second
        // would find nothing else.
        if matches!(error, GateError::Damaged(_)) {
            return;
        }
        tracing::warn!(grant = %id, %error, "a lease could not be looked at; it is tried again");
        self.whole = false;
    }
}
