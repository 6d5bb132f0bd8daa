//! A gate to measure: a process of its own, one workload enrolled in the team that the rules are about.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gatehold_client::wire::Claims;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource};
use gatehold_scenarios::{Outcome, Trouble, trouble};
use tempfile::TempDir;

use crate::load::{self, Measured, Round, Server};
use crate::{bundle, signed};

/// Tasks under which the calls are made.
const TASKS: usize = 32;
/// Calls of a warm-up.
const WARM_UP: usize = 2_000;
/// Held requests whose memory is measured.
const PENDING: u32 = 10_000;
/// In so many parts.
const PARTS: u32 = 10;
/// Spare requests, so that a faster round does not run out of them.
const SPARE: f64 = 1.5;

/// A gate to measure.
pub struct BenchGate {
    /// Its process.
    pub process: GateProcess,
    /// Who asks.
    pub workload: Workload,
    bodies: Vec<Vec<u8>>,
    held: Vec<Vec<u8>>,
    _folder: TempDir,
}

impl BenchGate {
    /// Starts one with so many rules.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn start(gatehold: &Path, pack: &Path, policies: usize) -> Outcome<Self> {
        let folder = TempDir::new().map_err(trouble("a folder"))?;
        let place = folder.path().join("bundle");
        bundle::write(pack, &place, policies)?;
        let mut ground = Ground::new(folder.path());
        ground.bundle = Some(place);
        ground.http_never_called("bench");
        ground
            .limits
            .insert("connections_max".to_owned(), 2_000.into());
        ground
            .limits
            .insert("open_holds_max".to_owned(), PENDING.into());
        ground.resources.push(Resource {
            name: "bench/".to_owned(),
            environment: Environment::Production,
            zone: "bench".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        let process = GateProcess::start(gatehold, &ground).await?;
        let people = process.people().await?;
        let descriptors = process.descriptors(&people).await?;
        let people: Vec<Person> = people.into_values().collect();
        let workload = Workload::new("bench-agent", process.url())?;
        let Some((owner, others)) = people.split_first() else {
            return Err(Trouble("a gate has people".to_owned()));
        };
        let mut create = nhi_create(&enrolled(), &workload, owner)?;
        create
            .teams
            .insert(bundle::TEAM.parse().map_err(trouble("team"))?);
        let descriptor = |id: &str| {
            let found = descriptors.get(id).cloned();
            found.ok_or_else(|| Trouble(format!("the bundle has no `{id}`")))
        };
        enrol(owner, others, &descriptor("nhi.create")?, &create).await?;
        let action = descriptor(bundle::ACTION)?;
        let mut bodies = Vec::with_capacity(TASKS);
        let mut held = Vec::with_capacity(TASKS);
        for number in 0..TASKS {
            let task = workload
                .start_task(&format!("bench {number}"))
                .await
                .map_err(trouble("task"))?;
            let ask = |payload| Ask {
                descriptor: action.clone(),
                task: &task,
                target: "bench",
                resource: "bench/record",
                duration_seconds: 60,
                caps: BTreeMap::new(),
                media_type: "application/json",
                payload,
                claims: Claims::default(),
            };
            let body = |payload| {
                let body = workload.body(&ask(payload))?;
                serde_json::to_vec(&body).map_err(trouble("body"))
            };
            bodies.push(body(br#"{"amount":50}"#)?);
            held.push(body(br#"{"amount":500}"#)?);
        }
        Ok(Self {
            process,
            workload,
            bodies,
            held,
            _folder: folder,
        })
    }

    /// What is driven.
    ///
    /// # Errors
    /// When its URL is no address.
    pub fn server(&self) -> Outcome<Server> {
        let url = self.process.url();
        let address = url.trim_start_matches("http://").parse();
        Ok(Server {
            address: address.map_err(trouble(url))?,
            pid: self.process.pid(),
        })
    }

    /// Sends a few thousand calls; gives how many a second.
    ///
    /// # Errors
    /// When a call is not allowed.
    pub async fn warm_up(&mut self, connections: usize) -> Outcome<f64> {
        let round = self.round(WARM_UP)?;
        let (measured, _) = load::drive(&self.server()?, round, connections, 30).await?;
        Ok(measured.per_second)
    }

    /// One timed round, with requests for so many a second.
    ///
    /// # Errors
    /// When a call is not allowed, or the requests run out.
    pub async fn measure(
        &mut self,
        connections: usize,
        seconds: u64,
        expected: f64,
    ) -> Outcome<Measured> {
        let seconds_32 = u32::try_from(seconds).unwrap_or(u32::MAX);
        let number = expected * f64::from(seconds_32) * SPARE;
        let number = format!("{:.0}", number.ceil())
            .parse()
            .map_err(trouble("number"))?;
        let round = self.round(number)?;
        let (measured, ran_out) = load::drive(&self.server()?, round, connections, seconds).await?;
        if ran_out {
            eprintln!("note: all signed requests were sent before the time was over");
        }
        Ok(measured)
    }

    /// Signed requests, each to be sent once.
    ///
    /// # Errors
    /// Without randomness.
    pub fn round(&self, number: usize) -> Outcome<Arc<Round>> {
        self.signed(&self.bodies, number, "\"outcome\":\"allowed\"")
    }

    /// Makes as many held requests as one workload may have; gives how many, and resident KiB before and after.
    ///
    /// # Errors
    /// When one is not held.
    pub async fn hold_many(&mut self) -> Outcome<(u32, Option<u64>, Option<u64>)> {
        let before = self.resident_kib();
        // Fewer at once than a signature's minute has room for.
        for part in 0..PARTS {
            let number = PENDING / PARTS;
            let round = self.signed(
                &self.held,
                usize::try_from(number).map_err(trouble("number"))?,
                "\"checkpoints\":[\"material-write\"]",
            )?;
            let (_, ran_out) = load::drive(&self.server()?, round, 32, 50).await?;
            if !ran_out {
                return Err(Trouble(format!(
                    "part {part} took longer than its signatures are good"
                )));
            }
        }
        Ok((PENDING, before, self.resident_kib()))
    }

    /// So many decisions at machine speed; whether all were made within the time that their signatures are good.
    ///
    /// # Errors
    /// When a call is not allowed.
    pub async fn decide_many(&mut self, number: usize) -> Outcome<bool> {
        let round = self.round(number)?;
        let (_, ran_out) = load::drive(&self.server()?, round, 32, 50).await?;
        Ok(ran_out)
    }

    fn signed(
        &self,
        bodies: &[Vec<u8>],
        number: usize,
        wanted: &'static str,
    ) -> Outcome<Arc<Round>> {
        let requests = signed::requests(&self.workload.key(), self.process.url(), bodies, number)?;
        Ok(Arc::new(Round {
            requests,
            once: true,
            wanted: Some(wanted),
        }))
    }

    /// Resident memory, KiB.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        resident_kib(self.process.pid()?)
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop(&mut self) -> Outcome<()> {
        self.process.stop().await
    }
}

/// Resident memory of a process, KiB.
pub fn resident_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn enrolled() -> Enrolled {
    Enrolled {
        name: "bench-agent".to_owned(),
        kind: WorkloadKind::ServiceAccount,
        assurance: WorkloadAssurance::Pop,
        owner: String::new(),
        normal_actions: [bundle::ACTION.to_owned()].into(),
        normal_targets: ["bench".to_owned()].into(),
        normal_resources: ["bench/".to_owned()].into(),
        normal_scopes: None,
    }
}
