//! The queue in front of a writer: callers wait their turn, the writer takes what is there and commits it as one batch.
//!
//! Bounded twice: by what may be in flight and by what one batch takes. Changes that hold no authority have bounds of their
//! own, so that they hold up no decision. A caller that goes away does not take its writes with it: what was queued is
//! committed.

use std::collections::VecDeque;
use std::sync::Arc;

use gatehold_core::commit::Write;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{BrowserSession, OpenedView, StoreFault, StoredSubscription};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::after_commit::Answers;
use crate::form::{BATCH_WRITES_MAX, Prepared};

/// Writes in flight: more only makes each of them slower.
const IN_FLIGHT_MAX: u32 = 1_024;
/// Changes without authority in flight. The others wait for their turn without a place in the queue.
const SIDES_IN_FLIGHT_MAX: usize = 64;
/// Most of them beside one batch.
const BATCH_SIDES_MAX: usize = 16;
/// A write counts once more for each of these bytes, so that large ones cannot fill memory or one batch.
const BYTES_PER_UNIT: usize = 256 << 10;

/// The callers' end.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    sides_room: Arc<Semaphore>,
}

/// The writer's end.
pub(crate) struct Jobs {
    receiver: mpsc::Receiver<Job>,
    /// Taken from the queue but too large for the batch it came up in.
    carried: Option<CommitJob>,
    /// Taken from the queue and too many for the batches so far.
    sides: VecDeque<SideJob>,
}

/// Something for the writer to do.
enum Job {
    Commit(CommitJob),
    Side(SideJob),
}

/// One call to `commit`.
pub(crate) struct CommitJob {
    pub writes: Vec<Prepared>,
    pub answer: oneshot::Sender<Answers>,
    _room: OwnedSemaphorePermit,
}

/// One change that holds no authority.
pub(crate) struct SideJob {
    pub side: Side,
    answer: oneshot::Sender<Result<(), StoreFault>>,
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
    Lease {
        name: String,
        holder: String,
        seconds: u32,
    },
    PutOpened(OpenedView),
    PutSession(BrowserSession),
    UseSession(Hash, Timestamp),
    EndSession(Hash),
    PutSubscription(StoredSubscription),
    EndSubscription(Hash, String),
}

/// A queue's two ends.
pub(crate) fn queue() -> (Queue, Jobs) {
    // Room for every permit: whoever has one is queued at once.
    let (sender, receiver) = mpsc::channel(IN_FLIGHT_MAX as usize + SIDES_IN_FLIGHT_MAX);
    let queue = Queue {
        sender,
        room: Arc::new(Semaphore::new(IN_FLIGHT_MAX as usize)),
        sides_room: Arc::new(Semaphore::new(SIDES_IN_FLIGHT_MAX)),
    };
    let jobs = Jobs {
        receiver,
        carried: None,
        sides: VecDeque::new(),
    };
    (queue, jobs)
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
        let room = Arc::clone(&self.sides_room).acquire_owned();
        let room = room.await.map_err(|_| stopped())?;
        let (answer, receive) = oneshot::channel();
        let job = Job::Side(SideJob {
            side,
            answer,
            _room: room,
        });
        self.sender.send(job).await.map_err(|_| stopped())?;
        receive.await.unwrap_or(Err(StoreFault::OutcomeUnknown))
    }
}

impl Jobs {
    /// Waits for work on the writer's own thread. `None` once every caller's end is gone.
    pub fn next_blocking(&mut self) -> Option<Taken> {
        let first = if self.is_left() {
            None
        } else {
            Some(self.receiver.blocking_recv()?)
        };
        Some(self.fill(first))
    }

    /// Waits for work in a task.
    pub async fn next(&mut self) -> Option<Taken> {
        let first = if self.is_left() {
            None
        } else {
            Some(self.receiver.recv().await?)
        };
        Some(self.fill(first))
    }

    /// Whether something is at hand that came up before.
    fn is_left(&self) -> bool {
        self.carried.is_some() || !self.sides.is_empty()
    }

    /// What was left, the first job and whatever else is queued, as far as it fits.
    fn fill(&mut self, first: Option<Job>) -> Taken {
        let mut commits: Vec<CommitJob> = self.carried.take().into_iter().collect();
        let mut taken = commits.iter().map(|job| units(&job.writes)).sum::<usize>();
        let mut next = first.or_else(|| self.receiver.try_recv().ok());
        while let Some(job) = next {
            match job {
                Job::Side(side) => self.sides.push_back(side),
                Job::Commit(job) => {
                    taken += units(&job.writes);
                    if !commits.is_empty() && taken > BATCH_WRITES_MAX {
                        self.carried = Some(job);
                        break;
                    }
                    commits.push(job);
                }
            }
            next = self.receiver.try_recv().ok();
        }
        let sides = self.sides.len().min(BATCH_SIDES_MAX);
        let sides = self.sides.drain(..sides).collect();
        Taken { commits, sides }
    }
}

fn units(writes: &[Prepared]) -> usize {
    let unit = |write: &Prepared| 1 + write.bytes / BYTES_PER_UNIT;
    writes.iter().map(unit).sum()
}

fn stopped() -> StoreFault {
    StoreFault::Unavailable("its writer has stopped; restart the process".into())
}

/// A batch: decisions, and beside them changes without authority.
pub(crate) struct Taken {
    pub commits: Vec<CommitJob>,
    pub sides: Vec<SideJob>,
}

impl Taken {
    /// Tells everybody.
    pub fn release(self, answers: Vec<Answers>) {
        release(self.commits, answers);
        for side in self.sides {
            side.tell(Ok(()));
        }
    }

    /// Tells everybody that the batch failed.
    pub fn refuse(self, fault: &StoreFault) {
        for job in self.commits {
            let _ = job.answer.send(Err(fault.clone()));
        }
        for side in self.sides {
            side.tell(Err(fault.clone()));
        }
    }
}

/// Tells whoever waits for a decision. Whoever stopped waiting can ask for the receipt.
pub(crate) fn release(commits: Vec<CommitJob>, answers: Vec<Answers>) {
    for (job, answer) in commits.into_iter().zip(answers) {
        let _ = job.answer.send(answer);
    }
}

impl SideJob {
    pub fn tell(self, answer: Result<(), StoreFault>) {
        let _ = self.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn changes_without_authority_hold_up_no_commit() {
        let (queue, mut jobs) = queue();
        let mut sides: Vec<_> = (0..200)
            .map(|number| queue.side(Side::Acknowledge(number)).boxed())
            .collect();
        for side in &mut sides {
            assert!(side.now_or_never().is_none());
        }
        // Behind all of them, and in the first batch.
        let mut commits = [
            queue.commit(Vec::new()).boxed(),
            queue.commit(Vec::new()).boxed(),
        ];
        for commit in &mut commits {
            assert!(commit.now_or_never().is_none());
        }
        let taken = jobs.next_blocking().unwrap();
        assert_eq!(
            (taken.commits.len(), taken.sides.len()),
            (2, BATCH_SIDES_MAX)
        );
        taken.release(vec![Ok(Vec::new()), Ok(Vec::new())]);
        for commit in commits {
            assert_eq!(commit.now_or_never(), Some(Ok(Vec::new())));
        }
        // The others come later, in their order, and none is lost.
        let mut told: Vec<u64> = (0..16).collect();
        while told.len() < SIDES_IN_FLIGHT_MAX {
            let taken = jobs.next_blocking().unwrap();
            assert!(taken.commits.is_empty() && taken.sides.len() <= BATCH_SIDES_MAX);
            for job in taken.sides {
                if let Side::Acknowledge(number) = job.side {
                    told.push(number);
                }
                job.tell(Ok(()));
            }
        }
        assert_eq!(told, (0..64).collect::<Vec<_>>());
        assert!(!jobs.is_left() && jobs.receiver.is_empty());
    }
}
