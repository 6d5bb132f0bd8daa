//! What people answer for: workloads, what of theirs waits, runs or may be used now, and what is stopped. Read in a few queries
//! however much it is; a row that does not follow from the ledger is reported and left out.

use std::collections::BTreeMap;

use gatehold_core::commit::Table;
use gatehold_core::directory::{Lifecycle, Workload};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::{HumanId, WorkloadId};
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_core::workload::WorkloadKind;

use crate::error::GateError;
use crate::gate::Gate;
use crate::inbox::answers_for;
use crate::ports::store::RowQuery;
use crate::redeem::blind;
use crate::stored::body;
use crate::who_stopped::WhoStopped;

/// Credentials that are listed.
const LEASES_MAX: usize = 100;
/// Rows of one list, the most a store gives.
pub(crate) const ROWS_MAX: u32 = 1_000;

/// Workloads, and what they may use now.
#[derive(Debug, Clone)]
pub struct Owned {
    /// Every workload, by name; first those that this person answers for.
    pub workloads: Vec<OwnedWorkload>,
    /// Decisions that may be used now, or are being used, oldest first.
    pub live: Vec<Live>,
    /// Everything that is stopped.
    pub stops: Stops,
    /// Who said so.
    pub who_stopped: WhoStopped,
    /// Whether that is all of it; else the rest is younger.
    pub whole: bool,
    /// The store's time.
    pub now: Timestamp,
}

/// One workload as it stands.
#[derive(Debug, Clone)]
pub struct OwnedWorkload {
    /// Its name.
    pub id: WorkloadId,
    /// What kind of identity.
    pub kind: WorkloadKind,
    /// Whether it may ask.
    pub lifecycle: Lifecycle,
    /// Who answers for it.
    pub owner: HumanId,
    /// Who does when the owner is not there.
    pub backup: HumanId,
    /// It stops having force at this time.
    pub not_after: Timestamp,
    /// Whether this person is its owner or backup.
    pub mine: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether a stop names it.
    pub stopped: bool,
    /// Until when a signal says that it is unusual, if one does.
    pub flagged: Option<Timestamp>,
    /// How much of its waits for people, may be used, and runs.
    pub counts: Counts,
}

/// How much of a workload waits, may be used, and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Held.
    pub held: u64,
    /// Decided, and not used yet.
    pub usable: u64,
    /// Being performed.
    pub running: u64,
}

/// A decision that may be used now, or is being used.
#[derive(Debug, Clone)]
pub struct Live {
    /// The request.
    pub record: RequestRecord,
    /// Whether this person answers for whoever asked.
    pub mine: bool,
    /// The credential that was handed out, where one was and it is not known to be gone.
    pub lease: Option<LiveLease>,
}

/// A credential that is not known to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveLease {
    /// When it ends at the latest.
    pub not_after: Timestamp,
    /// Since when it is to end, if it is.
    pub ending_since: Option<Timestamp>,
    /// Whether it should be gone by now.
    pub overdue: bool,
}

impl Gate {
    /// What there is to answer for, as one person sees it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn owned(&self, human: &HumanId) -> Result<Owned, GateError> {
        let stops = self.stops_now().await?.value;
        let active = self.read_on().await?;
        let now = self.store().now().await?;
        let (held, all_held) = self.in_states(&[State::Held]).await?;
        let live = [State::Allowed, State::Redeemable, State::Executing];
        let (mut live, all_live) = self.in_states(&live).await?;
        // What is over is ended by the next tick; it permits nothing until then either.
        live.retain(|record| record.state == State::Executing || record.spend_by >= now);
        let mut counts: BTreeMap<&WorkloadId, Counts> = BTreeMap::new();
        for record in held.iter().chain(&live) {
            let Requester::Workload { id, .. } = &record.requester else {
                continue;
            };
            let of = counts.entry(id).or_default();
            let count = match record.state {
                State::Held => &mut of.held,
                State::Executing => &mut of.running,
                _ => &mut of.usable,
            };
            *count = count.saturating_add(1);
        }
        let directory = &active.directory;
        let each = directory.workloads.iter().map(|(id, workload)| {
            let paused = active.restraints.is_paused(id.as_str());
            let counts = counts.get(id).copied().unwrap_or_default();
            let stopped = stops.everything || stops.workloads.contains(id);
            let flag = active.restraints.flag_of(id, now);
            OwnedWorkload {
                flagged: flag.map(|flag| flag.until),
                ..owned(id, workload, human, (paused, stopped, counts))
            }
        });
        let mut workloads: Vec<OwnedWorkload> = each.collect();
        workloads.sort_by_key(|workload| !workload.mine);
        let (leased, all_leased) = self.leased().await?;
        let unused = live.iter().map(|record| (record.clone(), None));
        let live = unused.chain(leased).map(|(record, lease)| Live {
            mine: answers_for(human, &record.requester, directory),
            record,
            lease,
        });
        Ok(Owned {
            workloads,
            live: live.collect(),
            stops,
            who_stopped: WhoStopped::of(&active.restraints),
            whole: all_held && all_live && all_leased,
            now,
        })
    }

    /// What was handed out and is not known to be gone, oldest first, and whether that is all of it.
    async fn leased(&self) -> Result<(Vec<(RequestRecord, Option<LiveLease>)>, bool), GateError> {
        let query = RowQuery {
            states: [
                GrantState::Active,
                GrantState::Suspended,
                GrantState::Revoking,
            ]
            .map(|state| state.name().to_owned())
            .to_vec(),
            limit: ROWS_MAX,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Grant, &query).await?;
        let mut whole = u32::try_from(rows.len()).unwrap_or(u32::MAX) < query.limit;
        let believed = self.believe_all(&rows).await?;
        let mut leased = Vec::new();
        for (row, _) in rows.iter().zip(believed).filter(|(_, believed)| *believed) {
            let grant: Grant = body(row)?;
            let Some(lease) = grant.lease.filter(|lease| lease.issued_at.is_some()) else {
                continue;
            };
            // Each is a read of its request.
            if leased.len() == LEASES_MAX {
                whole = false;
                break;
            }
            let record = match self.request(grant.request).await {
                Ok(stored) => blind(stored.record),
                // Told already; people must be able to stop the rest.
                Err(GateError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            let live = LiveLease {
                not_after: lease.not_after,
                ending_since: lease.end.map(|end| end.at),
                overdue: lease.overdue,
            };
            leased.push((record, Some(live)));
        }
        Ok((leased, whole))
    }

    /// The requests in these states that follow from the ledger, oldest first, and whether those are all. Of the held ones
    /// reviews are withheld.
    pub(crate) async fn in_states(
        &self,
        states: &[State],
    ) -> Result<(Vec<RequestRecord>, bool), GateError> {
        let query = RowQuery {
            states: states.iter().map(|state| state.name().to_owned()).collect(),
            limit: ROWS_MAX,
            ..RowQuery::default()
        };
        self.believed_requests(&query).await
    }

    /// The requests of a list that follow from the ledger, and whether those are all.
    pub(crate) async fn believed_requests(
        &self,
        query: &RowQuery,
    ) -> Result<(Vec<RequestRecord>, bool), GateError> {
        let rows = self.store().rows(Table::Request, query).await?;
        let whole = u32::try_from(rows.len()).unwrap_or(u32::MAX) < query.limit;
        let believed = self.believe_all(&rows).await?;
        let believed = rows.iter().zip(believed).filter(|(_, believed)| *believed);
        let records: Result<Vec<RequestRecord>, GateError> =
            believed.map(|(row, _)| Ok(blind(body(row)?))).collect();
        Ok((records?, whole))
    }
}

fn owned(
    id: &WorkloadId,
    workload: &Workload,
    human: &HumanId,
    (paused, stopped, counts): (bool, bool, Counts),
) -> OwnedWorkload {
    OwnedWorkload {
        id: id.clone(),
        kind: workload.kind,
        lifecycle: workload.lifecycle,
        owner: workload.owner.clone(),
        backup: workload.backup.clone(),
        not_after: workload.not_after,
        mine: workload.owner == *human || workload.backup == *human,
        paused,
        stopped,
        flagged: None,
        counts,
    }
}
