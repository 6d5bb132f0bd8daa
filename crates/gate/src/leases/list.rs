//! What was handed out, for people to look at: whose it is, where it stands, how soon it can be taken away, and why it is still
//! there. Read in a page at a time; a row that does not follow from the ledger is reported and left out.

use std::str::FromStr;

use gatehold_core::commit::Table;
use gatehold_core::directory::Directory;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::{GrantId, HumanId, NameError, RequestId, TargetId, TaskId, WorkloadId};
use gatehold_core::lease::Lease;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::inbox::answers_for;
use crate::owned::ROWS_MAX;
use crate::ports::store::RowQuery;
use crate::redeem::blind;
use crate::stored::body;

/// Leases of one page: each is a read of its request.
const LINES: usize = 50;

/// Which leases are wanted; everything that is given must match.
#[derive(Debug, Clone, Default)]
pub struct LeaseFilter {
    /// Where they stand; without it all that are not known to be gone.
    pub state: Option<GrantState>,
    /// Whose.
    pub workload: Option<WorkloadId>,
    /// At which target.
    pub target: Option<TargetId>,
    /// In which task.
    pub task: Option<TaskId>,
    /// Older than this leaf: the cursor of the next page.
    pub before: Option<u64>,
}

/// One of them, by its own name or by that of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseName {
    /// The grant that it is part of.
    Grant(GrantId),
    /// The request that it was handed out for.
    Request(RequestId),
}

impl FromStr for LeaseName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.parse()
            .map(Self::Grant)
            .or_else(|_| text.parse().map(Self::Request))
    }
}

/// A lease as one person sees it.
#[derive(Debug, Clone)]
pub struct SeenLease {
    /// The grant that it is part of.
    pub grant: GrantId,
    /// The request that it was handed out for.
    pub request: RequestId,
    /// Whose it is.
    pub workload: WorkloadId,
    /// The unit of work that it was asked for in.
    pub task: Option<TaskId>,
    /// Where it stands.
    pub state: GrantState,
    /// What it is.
    pub lease: Lease,
    /// The request; nothing where somebody changed its row.
    pub record: Option<RequestRecord>,
    /// Whether this person answers for whoever asked.
    pub mine: bool,
    /// How often this process tried to take it away, since it began to or was started.
    pub attempts: u32,
    /// Why it was still there when that was tried last.
    pub remains: Option<&'static str>,
    /// What the configuration of this process lacks for it to be taken away.
    pub missing: Option<String>,
}

/// A page of them, newest first.
#[derive(Debug, Clone)]
pub struct LeasePage {
    /// The leases.
    pub items: Vec<SeenLease>,
    /// Where the next page begins.
    pub older: Option<u64>,
    /// The store's time.
    pub now: Timestamp,
}

impl Gate {
    /// What was handed out, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leases(
        &self,
        human: &HumanId,
        filter: &LeaseFilter,
    ) -> Result<LeasePage, GateError> {
        let active = self.current().await?;
        let now = self.store().now().await?;
        let there = [
            GrantState::Active,
            GrantState::Suspended,
            GrantState::Revoking,
        ];
        let states = filter.state.map_or_else(|| there.to_vec(), |one| vec![one]);
        let query = RowQuery {
            states: states.iter().map(|state| state.name().to_owned()).collect(),
            owner: filter.workload.as_ref().map(ToString::to_string),
            group: filter.task.map(|task| task.to_string()),
            before_leaf: filter.before,
            newest_first: true,
            limit: ROWS_MAX,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Grant, &query).await?;
        let whole = u32::try_from(rows.len()).unwrap_or(u32::MAX) < query.limit;
        let believed = self.believe_all(&rows).await?;
        let mut page = LeasePage {
            items: Vec::new(),
            older: rows.last().map(|row| row.first_leaf).filter(|_| !whole),
            now,
        };
        let mut last = None;
        for (row, believed) in rows.iter().zip(believed) {
            // Whatever one leaf created stays on one page, as the cursor names leaves.
            if page.items.len() >= LINES && last != Some(row.first_leaf) {
                page.older = last;
                break;
            }
            last = Some(row.first_leaf);
            if !believed {
                continue;
            }
            let grant: Grant = body(row)?;
            let wanted = grant.lease.as_ref().is_some_and(|lease| {
                let target = filter.target.as_ref();
                target.is_none_or(|target| lease.target == *target)
            });
            if wanted {
                let seen = self.seen_lease(grant, human, &active.directory).await?;
                page.items.extend(seen);
            }
        }
        Ok(page)
    }

    /// One lease.
    ///
    /// # Errors
    /// When there is none, or what is stored of it does not follow from the ledger.
    pub async fn lease_named(
        &self,
        human: &HumanId,
        name: LeaseName,
    ) -> Result<SeenLease, GateError> {
        let active = self.current().await?;
        let id = match name {
            LeaseName::Grant(id) => Some(id),
            LeaseName::Request(id) => self.request(id).await?.record.grant,
        };
        let (grant, _) = self.grant(id.ok_or(Refusal::NoSuchRequest)?).await?;
        let seen = self.seen_lease(grant, human, &active.directory).await?;
        Ok(seen.ok_or(Refusal::NoSuchRequest)?)
    }

    async fn seen_lease(
        &self,
        grant: Grant,
        human: &HumanId,
        directory: &Directory,
    ) -> Result<Option<SeenLease>, GateError> {
        let Some(lease) = grant.lease else {
            return Ok(None);
        };
        let record = match self.request(grant.request).await {
            Ok(stored) => Some(blind(stored.record)),
            // Told already; what was handed out stands there all the same.
            Err(GateError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        let mine = record
            .as_ref()
            .is_some_and(|record| answers_for(human, &record.requester, directory));
        let (attempts, remains) = self.tried_so_far(&grant.id);
        let there = grant.state != GrantState::Revoked;
        let issuer = self.issuer();
        let missing = there.then(|| issuer.missing(lease.target.as_str(), &lease.recipe));
        Ok(Some(SeenLease {
            grant: grant.id,
            request: grant.request,
            workload: grant.workload,
            task: grant.task,
            state: grant.state,
            lease,
            record,
            mine,
            attempts,
            remains,
            missing: missing.flatten(),
        }))
    }
}
