//! What whoever asks for something is told of what there is: requests and tasks.

use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::task::{Task, TaskState};

use super::Oracle;

impl Oracle {
    /// The request of this action.
    #[must_use]
    pub fn by_digest(&self, digest: &Hash) -> Option<RequestId> {
        let mut requests = self.requests.values();
        requests
            .find(|request| request.action.digest() == *digest)
            .map(|request| request.id)
    }

    /// The key that began a task.
    #[must_use]
    pub fn task_key(&self, task: &TaskId) -> Option<Hash> {
        self.tasks.get(task).map(|task| task.task.key)
    }

    /// Tasks that are open and were begun last.
    #[must_use]
    pub fn recent_tasks(&self) -> Vec<TaskId> {
        let mut open: Vec<&Task> = self
            .tasks
            .values()
            .map(|task| &task.task)
            .filter(|task| task.state == TaskState::Open)
            .collect();
        open.sort_by_key(|task| core::cmp::Reverse(task.started_at));
        open.iter().take(5).map(|task| task.id).collect()
    }
}
