//! The only task of this process that writes decisions: takes what is queued, commits it, then releases the answers.
//!
//! After any fault the connection is thrown away. A commit whose answer was lost is looked up by its leaf before anybody
//! is told anything.

use std::sync::Arc;

use gatehold_core::commit::LeafBytes;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::StoreFault;
use tokio::sync::watch;
use tokio_postgres::Config;

use super::fault::damaged;
use super::transaction::{Unfinished, WriteSession};
use crate::after_commit::{Answers, Release};
use crate::batch::{Evaluated, evaluate};
use crate::clock::{Clock, Shown};
use crate::queue::{CommitJob, Jobs, Side, Taken};

pub(super) struct Writer {
    pub config: Config,
    pub jobs: Jobs,
    pub shown: Arc<Shown>,
    /// In tests the time instead of the server's.
    pub set_clock: Option<Arc<dyn Clock>>,
    pub release: Arc<Release>,
    /// `None` after a fault, until it could be opened again.
    pub session: Option<WriteSession>,
    /// Tells the notifier how long the ledger is.
    pub grown: watch::Sender<u64>,
}

impl Writer {
    /// Runs until every caller's end of the queue is gone.
    pub async fn run(mut self) {
        while let Some(jobs) = self.jobs.next().await {
            let taken = Taken::new(jobs);
            match self.work(&taken).await {
                Ok(answers) => taken.release(answers),
                Err(fault) => {
                    tracing::error!(%fault, "a batch failed; PostgreSQL is connected to anew before the next");
                    self.session = None;
                    taken.refuse(&fault);
                }
            }
        }
    }

    async fn work(&mut self, taken: &Taken) -> Result<Vec<Answers>, StoreFault> {
        for side in &taken.sides {
            self.side(side).await?;
        }
        if taken.commits.is_empty() {
            return Ok(Vec::new());
        }
        let (answers, size) = self.batch(&taken.commits).await?;
        self.grown.send_replace(size);
        Ok(answers)
    }

    /// Changes that hold no authority, each for itself and before the batch: what fails here has begun nothing.
    async fn side(&mut self, side: &Side) -> Result<(), StoreFault> {
        let Side::PutOpened(view) = side else {
            return Err(damaged("this goes another way"));
        };
        // Whoever asked looked at the time just now; without it nothing is forgotten this time.
        let now = self.shown.recent().unwrap_or(Timestamp::from_millis(0));
        self.session().await?.put_opened(view, now).await
    }

    async fn batch(&mut self, commits: &[CommitJob]) -> Result<(Vec<Answers>, u64), StoreFault> {
        let session = self.session().await?;
        let writes = commits.iter().flat_map(|job| &job.writes);
        let loaded = session.begin(writes).await?;
        if self.set_clock.is_none() {
            self.shown.look(loaded.clock);
        }
        let now = self.shown.at_least(loaded.head_time);
        let evaluated = evaluate(commits, loaded.frontier, now, loaded.known, &self.release);
        let session = self.session.as_ref().ok_or_else(no_session)?;
        if !evaluated.saves() {
            session.roll_back().await?;
        } else if let Err(unfinished) = session
            .finish(&evaluated.staged, &evaluated.frontier, now)
            .await
        {
            self.resolve(unfinished, &evaluated).await?;
        }
        let size = evaluated.frontier.size();
        Ok((evaluated.told(commits, &self.release), size))
    }

    /// A batch is stored whole or not at all, so one of its leaves tells for all.
    async fn resolve(
        &mut self,
        unfinished: Unfinished,
        evaluated: &Evaluated<'_>,
    ) -> Result<(), StoreFault> {
        let lost = match unfinished {
            Unfinished::RolledBack(fault) => return Err(fault),
            Unfinished::Lost(fault) => fault,
        };
        tracing::error!(%lost, "the answer to a commit was lost; asking for its leaf");
        let leaf = evaluated.staged.leaves.first().map(|put| put.prepared.leaf);
        let Some(leaf) = leaf else {
            return Err(lost);
        };
        match self.look_up(&leaf).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(lost),
            Err(fault) => {
                tracing::error!(%fault, "PostgreSQL cannot be asked what became of a commit");
                Err(StoreFault::OutcomeUnknown)
            }
        }
    }

    async fn look_up(&mut self, leaf: &LeafBytes) -> Result<bool, StoreFault> {
        self.session = None;
        self.session().await?.is_stored(leaf).await
    }

    async fn session(&mut self) -> Result<&WriteSession, StoreFault> {
        if self
            .session
            .as_ref()
            .is_none_or(|session| session.client.is_closed())
        {
            self.session = Some(WriteSession::open(&self.config).await?);
        }
        self.session.as_ref().ok_or_else(no_session)
    }
}

fn no_session() -> StoreFault {
    damaged("no connection")
}
