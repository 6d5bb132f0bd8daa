//! The queue in front of a writer: callers wait their turn, the writer takes what is there and commits it as one batch.
//!
//! Bounded twice: by what may be in flight and by what one batch takes. A caller that goes away does not take its writes
//! with it: what was queued is committed.

use std::sync::Arc;

use gatehold_core::commit::Write;
use gatehold_gate::ports::store::{OpenedView, StoreFault};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::after_commit::Answers;
use crate::form::{BATCH_WRITES_MAX, Prepared};

/// Writes in flight: more only makes each of them slower.
const IN_FLIGHT_MAX: u32 = 1_024;
/// A write counts once more for each of these bytes, so that large ones cannot fill memory or one batch.
const BYTES_PER_UNIT: usize = 256 << 10;

/// The callers' end.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

/// The writer's end.
pub(crate) struct Jobs {
    receiver: mpsc::Receiver<Job>,
    /// Taken from the queue but too large for the batch it came up in.
    carried: Option<Job>,
}

/// Something for the writer to do.
pub(crate) enum Job {
    Commit(CommitJob),
    Side(Side, oneshot::Sender<Result<(), StoreFault>>),
}

/// One call to `commit`.
pub(crate) struct CommitJob {
    pub writes: Vec<Prepared>,
    pub answer: oneshot::Sender<Answers>,
    _room: OwnedSemaphorePermit,
}

/// Changes that hold no authority.
#[derive(Debug, Clone)]
pub(crate) enum Side {
    Erase {
        leaf: u64,
        name: String,
        erased_by: u64,
    },
    Acknowledge(u64),
    PutOpened(OpenedView),
}

/// A queue's two ends.
pub(crate) fn queue() -> (Queue, Jobs) {
    let (sender, receiver) = mpsc::channel(IN_FLIGHT_MAX as usize);
    let room = Arc::new(Semaphore::new(IN_FLIGHT_MAX as usize));
    let jobs = Jobs {
        receiver,
        carried: None,
    };
    (Queue { sender, room }, jobs)
}

impl Queue {
    pub async fn commit(&self, writes: Vec<Write>) -> Answers {
        let writes = Prepared::all(writes);
        if writes.len() > BATCH_WRITES_MAX {
            let refused = writes.into_iter().filter_map(|write| write.refused);
            return Ok(refused.map(Err).collect());
        }
        let units = u32::try_from(units(&writes)).unwrap_or(IN_FLIGHT_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(units.min(IN_FLIGHT_MAX));
        let room = room.await.map_err(|_| stopped())?;
        let (answer, receive) = oneshot::channel();
        let job = Job::Commit(CommitJob {
            writes,
            answer,
            _room: room,
        });
        self.sender.send(job).await.map_err(|_| stopped())?;
        // The writer ended with the job in hand: it may have been committed.
        receive.await.unwrap_or(Err(StoreFault::OutcomeUnknown))
    }

    pub async fn side(&self, side: Side) -> Result<(), StoreFault> {
        let (answer, receive) = oneshot::channel();
        let job = Job::Side(side, answer);
        self.sender.send(job).await.map_err(|_| stopped())?;
        receive.await.unwrap_or(Err(StoreFault::OutcomeUnknown))
    }
}

impl Jobs {
    /// Waits for work on the writer's own thread. `None` once every caller's end is gone.
    pub fn next_blocking(&mut self) -> Option<Vec<Job>> {
        let first = self
            .carried
            .take()
            .or_else(|| self.receiver.blocking_recv())?;
        Some(self.fill(first))
    }

    /// Waits for work in a task.
    pub async fn next(&mut self) -> Option<Vec<Job>> {
        let first = match self.carried.take() {
            Some(job) => job,
            None => self.receiver.recv().await?,
        };
        Some(self.fill(first))
    }

    /// The first job and whatever else is queued, as far as it fits.
    fn fill(&mut self, first: Job) -> Vec<Job> {
        let mut taken = first.units();
        let mut batch = vec![first];
        while let Ok(job) = self.receiver.try_recv() {
            taken += job.units();
            if taken > BATCH_WRITES_MAX {
                self.carried = Some(job);
                break;
            }
            batch.push(job);
        }
        batch
    }
}

impl Job {
    fn units(&self) -> usize {
        match self {
            Self::Commit(job) => units(&job.writes),
            Self::Side(..) => 1,
        }
    }
}

fn units(writes: &[Prepared]) -> usize {
    let unit = |write: &Prepared| 1 + write.bytes / BYTES_PER_UNIT;
    writes.iter().map(unit).sum()
}

fn stopped() -> StoreFault {
    StoreFault::Unavailable("its writer has stopped; restart the process".into())
}

/// A batch taken apart.
pub(crate) struct Taken {
    pub commits: Vec<CommitJob>,
    pub sides: Vec<Side>,
    told: Vec<oneshot::Sender<Result<(), StoreFault>>>,
}

impl Taken {
    pub fn new(jobs: Vec<Job>) -> Self {
        let mut taken = Self {
            commits: Vec::new(),
            sides: Vec::new(),
            told: Vec::new(),
        };
        for job in jobs {
            match job {
                Job::Commit(commit) => taken.commits.push(commit),
                Job::Side(side, answer) => {
                    taken.sides.push(side);
                    taken.told.push(answer);
                }
            }
        }
        taken
    }

    /// Tells everybody. Whoever stopped waiting can ask for the receipt.
    pub fn release(self, answers: Vec<Answers>) {
        for (job, answer) in self.commits.into_iter().zip(answers) {
            let _ = job.answer.send(answer);
        }
        for told in self.told {
            let _ = told.send(Ok(()));
        }
    }

    /// Tells everybody that the batch failed.
    pub fn refuse(self, fault: &StoreFault) {
        for job in self.commits {
            let _ = job.answer.send(Err(fault.clone()));
        }
        for told in self.told {
            let _ = told.send(Err(fault.clone()));
        }
    }
}
