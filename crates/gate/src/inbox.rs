//! What is held, and how it stands to one person: read at once in three queries however much it is, believed only as far as it
//! follows from the ledger, and told each person without a word about anybody's review.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gatehold_core::checkpoint::Checkpoint;
use gatehold_core::commit::Table;
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;

use crate::answers::InboxItem;
use crate::browser::Visitor;
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::look::{May, may};
use crate::ports::store::{Row, RowQuery};
use crate::stored::body;
use crate::view::people_needed;

/// Most lines of an inbox.
const INBOX_MAX: u32 = 1_000;
/// How often a gate that waits looks whether another process wrote something.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Everything that was held at one moment. Reviews are in it, so it gives nothing but what one person may see.
#[derive(Clone)]
pub struct HeldNow {
    records: Arc<[RequestRecord]>,
    active: Arc<Active>,
    whole: bool,
    /// Names the rows it was read from, and the directory.
    read: Hash,
}

impl HeldNow {
    /// Whether that is all of it; else the rest is younger.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether it was read from the same rows under the same directory, so that it is the same for everybody.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.read == other.read
    }

    /// As one person may see it, most urgent first within a tier.
    #[must_use]
    pub fn of(&self, human: &HumanId) -> Vec<InboxItem> {
        self.without(human, &BTreeSet::new())
    }

    /// The same through a session, which may have fewer seats than its person.
    #[must_use]
    pub fn through(&self, visitor: &Visitor) -> Vec<InboxItem> {
        self.without(&visitor.human, &visitor.without)
    }

    fn without(&self, human: &HumanId, without: &BTreeSet<TeamId>) -> Vec<InboxItem> {
        let directory = &self.active.directory;
        let teams = directory.teams_of(human);
        let left: BTreeSet<TeamId> = teams.difference(without).cloned().collect();
        let each = self.records.iter().filter_map(|record| {
            let held = record.held.as_ref()?;
            let may = may(record, held, directory, (human, &teams, without));
            let (mine, signed) = (may == May::Decide, may == May::Signed);
            let by_name =
                |(_, checkpoint): (_, &Checkpoint)| checkpoint.eligible.humans.contains(human);
            let asked = held.asked().into_iter().any(|team| left.contains(team))
                || held.requirement.checkpoints().any(by_name);
            let mut seats = held.requirement.checkpoints();
            Some(InboxItem {
                id: record.id,
                sentence: record.sentence.clone(),
                descriptor: record.envelope.descriptor.id.to_string(),
                tier: record.tier,
                requester: record.requester.name(),
                target: record.envelope.target.to_string(),
                resource: record.envelope.resource.to_string(),
                why: record.reasons.clone(),
                submitted_at: record.submitted_at,
                decide_by: held.decide_by,
                claimed_by: record.claimed_by.clone(),
                people_needed: people_needed(record, held, directory.origin.is_dev()),
                mine,
                asked: mine && asked,
                signed,
                seat: seats.any(|(_, checkpoint)| checkpoint.admits(human, &left)),
                accountable: answers_for(human, &record.requester, directory),
                escalations: record.escalations,
            })
        });
        let mut items: Vec<InboxItem> = each.collect();
        items.sort_by(|left, right| {
            right
                .tier
                .cmp(&left.tier)
                .then(left.decide_by.cmp(&right.decide_by))
        });
        items
    }
}

/// Whether somebody owns or backs up whoever asks, by what the directory says now.
fn answers_for(human: &HumanId, requester: &Requester, directory: &Directory) -> bool {
    match requester {
        Requester::Human { human: asks, .. } => asks == human,
        Requester::Workload {
            id, owner, backup, ..
        } => match directory.workloads.get(id) {
            Some(now) => now.owner == *human || now.backup == *human,
            None => owner == human || backup == human,
        },
    }
}

/// One name for them all; it lives as long as what was read.
fn named(rows: &[Row], directory: u64) -> Hash {
    let row = |row: &Row| format!("{} {} {}\n", row.key, row.version, row.last_leaf);
    let all: String = rows.iter().map(row).collect();
    Hash::of(format!("{directory}\n{all}").as_bytes())
}

impl Gate {
    /// What is held, most urgent first within a tier.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn inbox(&self, human: &HumanId) -> Result<Vec<InboxItem>, GateError> {
        Ok(self.held_now().await?.of(human))
    }

    /// What is held, for several people at once.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn held_now(&self) -> Result<HeldNow, GateError> {
        let active = self.current().await?;
        let query = RowQuery {
            states: vec![State::Held.name().to_owned()],
            limit: INBOX_MAX,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Request, &query).await?;
        let believed = self.believe_all(&rows).await?;
        // One row that somebody changed is reported and left out; the others are still to be decided.
        let believed = rows.iter().zip(believed).filter(|(_, believed)| *believed);
        let records: Result<Vec<RequestRecord>, GateError> =
            believed.map(|(row, _)| body(row)).collect();
        Ok(HeldNow {
            records: records?.into(),
            read: named(&rows, active.directory.version),
            active,
            whole: u32::try_from(rows.len()).unwrap_or(u32::MAX) < INBOX_MAX,
        })
    }

    /// Waits until the ledger is no longer so many leaves long, at most so long, and gives how long it is: whatever is held
    /// may have changed then. What this process writes is heard at once, what others write within a second.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn grown(&self, leaves: u64, at_most: Duration) -> Result<u64, GateError> {
        let growing = async {
            loop {
                let decided = self.inner.decided.notified();
                let size = self.store().head().await?.size;
                if size != leaves {
                    return Ok(size);
                }
                let _ = tokio::time::timeout(LOOK_EVERY, decided).await;
            }
        };
        match tokio::time::timeout(at_most, growing).await {
            Ok(size) => size,
            Err(_) => Ok(leaves),
        }
    }
}
