//! What workloads and people ask for: mostly what is theirs, now and then what is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::decide::{ActBy, ActKind, Claims};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::requester::GATE_WORKLOAD;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Boundary, StepLabels};
use gatehold_core::trust::GATE_TARGET;

use super::Simulator;
use super::found::descriptor_hash;
use super::rules::ACTIONS;
use super::target::ACCESS;
use super::work::{Call, Intent};

impl Simulator {
    /// Somebody does something.
    pub(super) fn errand(&mut self) {
        let process = self.seed.index(self.processes.len());
        let intent = match self.seed.below(104) {
            0..6 => self.start_task(),
            6..8 => self.end_task(),
            8..32 => self.submit(),
            32..50 => self.open(),
            50..70 => return self.decide_something(process),
            70..84 => self.redeem(),
            84..87 => self.act(),
            87..88 => self.withdraw(),
            88..89 => self.revoke(),
            89..90 => self.stop(),
            90..91 => self.revoke_key(),
            91..93 => self.delegate(),
            93..94 => self.end_delegation(),
            94..96 => self.provider_says(),
            96..98 => self.revoke_lease(),
            _ => self.propose(),
        };
        if let Some(intent) = intent {
            self.ask(process, intent);
        }
    }

    /// A call signed by some workload; by one in eight, the wrong one.
    fn call(&mut self, right: Option<Hash>) -> Option<Call> {
        let keys: Vec<Hash> = self.agents.iter().map(|agent| agent.key).collect();
        let other = self.seed.pick(&keys).copied();
        let key = match right {
            Some(key) if !self.seed.per_mille(120) => Some(key),
            _ => other,
        };
        Some(Call {
            key: key?,
            nonce: self.seed.text(),
            created: self.shelf.now(),
        })
    }

    pub(super) fn some_human(&mut self) -> Option<HumanId> {
        let at = self.seed.index(self.people.len());
        self.people.get(at).map(|person| person.id.clone())
    }

    fn start_task(&mut self) -> Option<Intent> {
        let call = self.call(None)?;
        let on_behalf_of = match self.seed.below(3) {
            0 => self.some_human().map(|human| (human, true)),
            1 => self.some_human().map(|human| (human, false)),
            _ => None,
        };
        let boundary = self.seed.per_mille(250).then(|| Boundary {
            descriptors: ACTIONS
                .map(|name| name.parse().expect("a plain name"))
                .into(),
            targets: ["db".parse().expect("a plain name")].into(),
            resources: Default::default(),
            steps: 1 + self.seed.below(4),
            not_after: self.shelf.now().plus_seconds(400),
        });
        Some(Intent::StartTask {
            call,
            on_behalf_of,
            boundary,
        })
    }

    pub(super) fn some_task(&mut self) -> Option<TaskId> {
        let tasks: Vec<TaskId> = self.oracle.tasks.keys().copied().collect();
        let recent = self.oracle.recent_tasks();
        let from = if self.seed.per_mille(850) {
            &recent
        } else {
            &tasks
        };
        self.seed.pick(from).copied()
    }

    fn end_task(&mut self) -> Option<Intent> {
        let task = self.some_task()?;
        let call = self.call(self.oracle.task_key(&task))?;
        Some(Intent::EndTask { call, task })
    }

    fn submit(&mut self) -> Option<Intent> {
        let task = self.some_task()?;
        let right = self.oracle.task_key(&task);
        let call = self.call(right)?;
        let named = if self.seed.per_mille(950) {
            Some(call.key)
        } else {
            right
        };
        let workload = self
            .agents
            .iter()
            .find(|agent| Some(agent.key) == named)?
            .id
            .clone();
        let often = self.seed.per_mille(300);
        let kind = if often {
            ACCESS
        } else {
            *self.seed.pick(&ACTIONS)?
        };
        let odd = self.seed.below(60);
        let envelope = Envelope {
            descriptor: DescriptorRef {
                id: kind.parse().expect("a plain name"),
                hash: descriptor_hash(if odd == 0 { "old" } else { kind }),
            },
            workload,
            task: Some(task),
            target: match (odd, self.seed.below(4)) {
                (1, _) => GATE_TARGET,
                (_, 0) => "mail",
                _ => "db",
            }
            .parse()
            .expect("a plain name"),
            resource: "shop/orders".parse().expect("a plain name"),
            duration_seconds: 300,
            caps: [("rows".to_owned(), 50)].into(),
            precondition: None,
            payload: PayloadRef {
                media_type: if odd == 2 {
                    "text/plain"
                } else {
                    "application/json"
                }
                .to_owned(),
                size: 0,
                sha256: Hash::of(b""),
            },
        };
        let payload = format!("{{\"n\":{}}}", self.seed.below(1 << 30)).into_bytes();
        Some(Intent::Submit {
            call,
            action: action(envelope, payload)?,
            labels: StepLabels {
                sensitive: kind == "db.secret",
                untrusted: false,
                external: kind == "mail.send",
            },
            claims: Claims(BTreeMap::from([(
                "reason".to_owned(),
                "because".to_owned(),
            )])),
            idempotency: self
                .seed
                .per_mille(300)
                .then(|| format!("key-{}", self.seed.clone().below(6))),
        })
    }

    fn redeem(&mut self) -> Option<Intent> {
        let ready = |request: &super::oracle::Request| {
            matches!(request.state, State::Allowed | State::Redeemable)
        };
        let request = if self.seed.per_mille(880) {
            self.some_request(ready)?
        } else {
            self.some_request(|_| true)?
        };
        let right = self
            .oracle
            .requests
            .get(&request)
            .map(|request| request.key);
        let mut call = self.call(right)?;
        // A change of the gate is redeemed by the gate itself, with its author's submission.
        if self.oracle.requests.get(&request)?.human.is_some() {
            call.key = right?;
        }
        Some(Intent::Redeem { call, request })
    }

    fn withdraw(&mut self) -> Option<Intent> {
        let request = self.some_request(|request| !request.state.is_terminal())?;
        let right = self
            .oracle
            .requests
            .get(&request)
            .map(|request| request.key);
        let call = self.call(right)?;
        Some(Intent::Withdraw { call, request })
    }

    fn act(&mut self) -> Option<Intent> {
        let request = self.some_request(|request| request.state == State::Held)?;
        let human = self.some_human()?;
        let right = self
            .oracle
            .requests
            .get(&request)
            .map(|request| request.key);
        let (by, kind) = match self.seed.below(20) {
            0..7 => {
                let call = self.call(right)?;
                let (key, nonce) = (call.key, call.nonce());
                (ActBy::Requester { key, nonce }, ActKind::Answer)
            }
            7..12 => (ActBy::Human(human), ActKind::Ask),
            12..15 => (ActBy::Human(human), ActKind::Claim),
            15..18 => (ActBy::Human(human), ActKind::Escalate),
            18 => (ActBy::Human(human), ActKind::Deny),
            _ => (ActBy::Human(human), ActKind::Suspicious),
        };
        Some(Intent::Act { by, kind, request })
    }

    fn revoke(&mut self) -> Option<Intent> {
        let request = self.some_request(|request| !request.state.is_terminal())?;
        let stranger = HumanId::new("evil.example", "ann").expect("a plain name");
        let human = match self.seed.below(3) {
            0 => None,
            1 => Some(stranger),
            _ => self.some_human(),
        };
        Some(Intent::Revoke { human, request })
    }

    fn stop(&mut self) -> Option<Intent> {
        let stranger = HumanId::new("evil.example", "ann").expect("a plain name");
        let human = if self.seed.per_mille(150) {
            stranger
        } else {
            self.some_human()?
        };
        let mut add = Stops::default();
        match self.seed.below(4) {
            0 => add.everything = true,
            1 => drop(add.targets.insert("mail".parse().expect("a plain name"))),
            2 => add.tasks.extend(self.some_task()),
            _ => add
                .workloads
                .extend(self.agents.first().map(|agent| agent.id.clone())),
        }
        Some(Intent::Stop { human, add })
    }
}

/// An action over these bytes.
pub(super) fn action(mut envelope: Envelope, payload: Vec<u8>) -> Option<Arc<Action>> {
    envelope.payload.size = u64::try_from(payload.len()).ok()?;
    envelope.payload.sha256 = Hash::of(&payload);
    let bytes = canonical::to_bytes(&envelope).ok()?;
    Action::parse(&bytes, payload).ok().map(Arc::new)
}

/// The envelope of a change of the gate.
pub(super) fn change(kind: &str, payload: Vec<u8>, target: &str) -> Option<Arc<Action>> {
    let envelope = Envelope {
        descriptor: DescriptorRef {
            id: kind.parse().ok()?,
            hash: descriptor_hash(kind),
        },
        workload: GATE_WORKLOAD.parse().ok()?,
        task: None,
        target: target.parse().ok()?,
        resource: kind.parse().ok()?,
        duration_seconds: 900,
        caps: BTreeMap::new(),
        precondition: None,
        payload: PayloadRef {
            media_type: "application/json".to_owned(),
            size: 0,
            sha256: Hash::of(b""),
        },
    };
    action(envelope, payload)
}
