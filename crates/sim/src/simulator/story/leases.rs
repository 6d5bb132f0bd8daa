//! What becomes of a lease in a story.

use gatehold_core::commit::Table;
use gatehold_core::decide::LeaseStep;
use gatehold_core::grant::Grant;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId};
use gatehold_core::lease::{Lease, LeaseEvent};

use super::{No, Story, Told};
use crate::simulator::target::ACCESS;
use crate::simulator::work::Intent;

impl Story {
    /// A workload asks for a credential in a task, and its making is claimed.
    ///
    /// # Panics
    /// When it is not let out.
    pub fn claim_access(&mut self, workload: &str, task: TaskId) -> (RequestId, GrantId) {
        let intent = self.submission(workload, task, ACCESS);
        let request = self.submitted(intent);
        let told = self.redeem(request).expect("it is allowed");
        assert!(told.is_let_out(), "{told:?}");
        let grant = self.record(request).grant.expect("it was allowed");
        (request, grant)
    }

    /// The lease as its row has it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn lease(&self, grant: GrantId) -> Lease {
        let row: Option<Grant> = self.row(Table::Grant, &grant);
        row.and_then(|row| row.lease).expect("it was claimed")
    }

    /// What says that this became of a lease.
    ///
    /// # Panics
    /// When there is no such grant.
    #[must_use]
    pub fn step_of(&self, grant: GrantId, what: LeaseEvent, human: Option<HumanId>) -> Intent {
        let row: Option<Grant> = self.row(Table::Grant, &grant);
        Intent::Lease {
            grant,
            request: row.expect("it was written").request,
            step: LeaseStep {
                what,
                code: "story",
                human,
            },
            returned: None,
        }
    }

    /// This becomes of a lease, by a process itself.
    ///
    /// # Errors
    /// [`No`].
    pub fn lease_step(&mut self, grant: GrantId, what: LeaseEvent) -> Result<Told, No> {
        let intent = self.step_of(grant, what, None);
        self.tell(intent)
    }

    /// What asks policy again about what lives.
    ///
    /// # Panics
    /// When there is no such grant.
    #[must_use]
    pub fn asking_again(&self, grant: GrantId) -> Intent {
        let row: Option<Grant> = self.row(Table::Grant, &grant);
        let request = row.expect("it was written").request;
        Intent::Again { grant, request }
    }

    /// Policy is asked again about what lives.
    ///
    /// # Errors
    /// [`No`]; also where it stands.
    pub fn ask_again(&mut self, grant: GrantId) -> Result<Told, No> {
        let intent = self.asking_again(grant);
        self.tell(intent)
    }

    /// The target is asked, and has nothing of it.
    pub fn target_has_nothing(&mut self, grant: GrantId) {
        let leaves = self.0.shelf.leaves().len();
        let leaves = u64::try_from(leaves).unwrap_or(u64::MAX);
        self.0.oracle.target_had_nothing(&grant, leaves);
    }
}
