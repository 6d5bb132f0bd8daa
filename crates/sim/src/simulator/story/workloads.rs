//! What workloads do in a story.

use std::sync::Arc;

use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::decide::{Claims, Release};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, RequestId, TaskId};
use gatehold_core::task::{Boundary, StepLabels};

use super::{No, Story, Told, id_of, unreachable_answer};
use crate::simulator::asks::action;
use crate::simulator::found::descriptor_hash;
use crate::simulator::work::{Call, Intent};

impl Story {
    /// A call signed by a workload, now.
    pub fn call(&mut self, workload: &str) -> Call {
        Call {
            key: self.key_of(workload),
            nonce: self.0.seed.text(),
            created: self.0.shelf.now(),
        }
    }

    /// A workload begins a task of its own.
    pub fn start(&mut self, workload: &str) -> TaskId {
        self.start_with(workload, None, None)
    }

    /// A workload begins a task.
    pub fn start_with(
        &mut self,
        workload: &str,
        on_behalf_of: Option<(HumanId, bool)>,
        boundary: Option<Boundary>,
    ) -> TaskId {
        let call = self.call(workload);
        let told = self.tell(Intent::StartTask {
            call,
            on_behalf_of,
            boundary,
        });
        match told.map(|told| told.release) {
            Ok(Some(Release::Task(task))) => task.id,
            other => unreachable_answer(other.err()),
        }
    }

    /// What a workload would send to ask for this kind of action.
    pub fn submission(&mut self, workload: &str, task: TaskId, kind: &str) -> Intent {
        let envelope = self.envelope(workload, task, kind);
        let payload = format!("{{\"n\":{}}}", self.0.seed.below(1 << 30)).into_bytes();
        Intent::Submit {
            call: self.call(workload),
            action: action(envelope, payload).expect("a well-formed action"),
            labels: StepLabels {
                sensitive: kind == "db.secret",
                untrusted: false,
                external: kind == "mail.send",
            },
            claims: Claims::default(),
            idempotency: None,
        }
    }

    /// The envelope of such an action, its payload aside.
    #[must_use]
    pub fn envelope(&self, workload: &str, task: TaskId, kind: &str) -> Envelope {
        Envelope {
            descriptor: DescriptorRef {
                id: kind.parse().expect("a plain name"),
                hash: descriptor_hash(kind),
            },
            workload: id_of(workload),
            task: Some(task),
            target: "db".parse().expect("a plain name"),
            resource: "shop/orders".parse().expect("a plain name"),
            duration_seconds: 300,
            caps: [("rows".to_owned(), 50)].into(),
            precondition: None,
            payload: PayloadRef {
                media_type: "application/json".to_owned(),
                size: 0,
                sha256: Hash::of(b""),
            },
        }
    }

    /// An action of this envelope over these bytes.
    #[must_use]
    pub fn action(envelope: Envelope, payload: &[u8]) -> Arc<Action> {
        action(envelope, payload.to_vec()).expect("a well-formed action")
    }

    /// A workload asks, in a new task.
    pub fn submit(&mut self, workload: &str, kind: &str) -> RequestId {
        let task = self.start(workload);
        let intent = self.submission(workload, task, kind);
        self.submitted(intent)
    }

    /// The request that this submission makes.
    pub fn submitted(&mut self, intent: Intent) -> RequestId {
        match self.tell(intent).map(|told| told.release) {
            Ok(Some(Release::Request(record))) => record.id,
            other => unreachable_answer(other.err()),
        }
    }

    /// The requester's own call to have it done.
    pub fn redemption(&mut self, request: RequestId) -> Intent {
        let key = self.record(request).requester.key();
        let call = Call {
            key,
            nonce: self.0.seed.text(),
            created: self.0.shelf.now(),
        };
        Intent::Redeem { call, request }
    }

    /// Has it done.
    ///
    /// # Errors
    /// [`No`].
    pub fn redeem(&mut self, request: RequestId) -> Result<Told, No> {
        let intent = self.redemption(request);
        self.tell(intent)
    }
}
