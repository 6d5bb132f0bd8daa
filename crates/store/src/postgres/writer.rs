//! The only task of this process that writes decisions: takes what is queued, commits it, then releases the answers. What
//! holds no authority comes after that, by itself: no decision is refused for it, or waits for more of it than a few.
//!
//! After any fault the connection is thrown away. A commit whose answer was lost is looked up by its leaf before anybody
//! is told anything.

use std::sync::Arc;

use gatehold_core::commit::LeafBytes;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{OpenedView, StoreFault};
use tokio::sync::watch;
use tokio_postgres::Config;

use super::fault::damaged;
use super::transaction::{Unfinished, WriteSession};
use crate::after_commit::{Answers, Release};
use crate::batch::{Evaluated, evaluate};
use crate::clock::{Clock, Shown};
use crate::queue::{CommitJob, Jobs, Side, SideJob, Taken, release};

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
        while let Some(Taken { commits, sides }) = self.jobs.next().await {
            match self.work(&commits).await {
                Ok(answers) => release(commits, answers),
                Err(fault) => {
                    tracing::error!(%fault, "a batch failed; PostgreSQL is connected to anew before the next");
                    self.session = None;
                    Taken { commits, sides }.refuse(&fault);
                    continue;
                }
            }
            self.sides(sides).await;
        }
    }

    async fn work(&mut self, commits: &[CommitJob]) -> Result<Vec<Answers>, StoreFault> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let (answers, size) = self.batch(commits).await?;
        self.grown.send_replace(size);
        Ok(answers)
    }

    /// Changes that hold no authority, each of which may fail by itself.
    async fn sides(&mut self, sides: Vec<SideJob>) {
        let mut views = Vec::new();
        let mut jobs = Vec::new();
        for job in sides {
            if let Side::PutOpened(view) = &job.side {
                views.push(view.clone());
                jobs.push(job);
            } else {
                job.tell(Err(damaged("this goes another way")));
            }
        }
        if views.is_empty() {
            return;
        }
        match self.put_opened(&views).await {
            Ok(answers) => {
                for (job, answer) in jobs.into_iter().zip(answers) {
                    job.tell(answer);
                }
            }
            Err(fault) => {
                tracing::error!(%fault, "opened views failed; PostgreSQL is connected to anew before the next batch");
                self.session = None;
                for job in jobs {
                    job.tell(Err(fault.clone()));
                }
            }
        }
    }

    async fn put_opened(
        &mut self,
        views: &[OpenedView],
    ) -> Result<Vec<Result<(), StoreFault>>, StoreFault> {
        // Whoever asked looked at the time just now; without it nothing is forgotten this time.
        let now = self.shown.recent().unwrap_or(Timestamp::from_millis(0));
        self.session().await?.put_opened(views, now).await
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
