//! Sends recorded runs through a gate of their own: one task a run, calls in order, several workloads side by side.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gatehold_client::wire::Outcome as Decided;
use gatehold_client::wire::{Claims, Submitted};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use tempfile::TempDir;

use super::pack::write_pack;
use super::record::{Call, Run, Suite};
use super::score::{Fate, Table};
use crate::cast::{Ask, Person, Workload};
use crate::gate_process::{GateProcess, Ground};
use crate::play::{enrol, nhi_create};
use crate::scenario::{Enrolled, Resource};
use crate::trouble::{Outcome, Trouble, trouble};

/// How long access is asked for.
const DURATION_SECONDS: u32 = 300;
/// Longest purpose the API takes, in bytes.
const PURPOSE_BYTES_MAX: usize = 8 * 1024;

/// Against what, and by how many.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The program.
    pub gatehold: &'a Path,
    /// The folder of the default pack.
    pub default_pack: &'a Path,
    /// Workloads side by side.
    pub workloads: usize,
}

/// What every worker knows.
struct Stand {
    suites: BTreeMap<String, Suite>,
    descriptors: BTreeMap<String, DescriptorRef>,
}

/// Sends every run and counts what came of it.
///
/// # Errors
/// When the gate does not start, or a run names a suite without tools.
pub async fn send_all(plan: &Plan<'_>, suites: &[Suite], runs: Vec<Run>) -> Outcome<Table> {
    let folder = TempDir::new().map_err(trouble("a folder"))?;
    let bundle = folder.path().join("bundle");
    write_pack(plan.default_pack, suites, &bundle)?;
    let mut ground = Ground::new(folder.path());
    ground.bundle = Some(bundle);
    for suite in suites {
        ground.http_never_called(&suite.name);
        ground.resources.push(Resource {
            name: format!("{}/", suite.name),
            environment: Environment::Production,
            zone: suite.name.clone(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
    }
    let mut gate = GateProcess::start(plan.gatehold, &ground).await?;
    let people = gate.people().await?;
    let stand = Arc::new(Stand {
        suites: suites
            .iter()
            .map(|suite| (suite.name.clone(), suite.clone()))
            .collect(),
        descriptors: gate.descriptors(&people).await?,
    });
    let people: Vec<Person> = people.into_values().collect();
    let mut shares: Vec<Vec<Run>> = vec![Vec::new(); plan.workloads.max(1)];
    let number = shares.len();
    for (at, run) in runs.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(at % number) {
            share.push(run);
        }
    }
    let mut workers = Vec::new();
    for (number, share) in shares.into_iter().enumerate() {
        let workload = agent(number, &gate, &people, &stand).await?;
        workers.push(tokio::spawn(work(workload, Arc::clone(&stand), share)));
    }
    let mut table = Table::default();
    for worker in workers {
        for (run, fates) in worker.await.map_err(trouble("worker"))?? {
            let changes: Vec<bool> = run
                .calls
                .iter()
                .map(|call| stand.changes(&run, call))
                .collect();
            table.count(&run.suite, &fates, &changes, &run.truth);
        }
    }
    gate.stop().await?;
    Ok(table)
}

impl Stand {
    fn changes(&self, run: &Run, call: &Call) -> bool {
        let tool = self
            .suites
            .get(&run.suite)
            .and_then(|suite| suite.tools.get(&call.tool));
        tool.is_none_or(|tool| !tool.only_reads())
    }
}

/// Enrols one agent whose baseline is every recorded tool.
async fn agent(
    number: usize,
    gate: &GateProcess,
    people: &[Person],
    stand: &Stand,
) -> Outcome<Workload> {
    let name = format!("agent-{number}");
    let workload = Workload::new(&name, gate.url())?;
    let mut enrolled = Enrolled {
        name,
        kind: WorkloadKind::AiAgent,
        assurance: WorkloadAssurance::Pop,
        owner: String::new(),
        normal_actions: Default::default(),
        normal_targets: Default::default(),
        normal_resources: Default::default(),
        normal_scopes: None,
    };
    for suite in stand.suites.values() {
        let ids = suite
            .tools
            .values()
            .map(|tool| tool.descriptor_id(&suite.name));
        enrolled.normal_actions.extend(ids);
        enrolled.normal_targets.insert(suite.name.clone());
        enrolled.normal_resources.insert(format!("{}/", suite.name));
    }
    let Some((owner, others)) = people.split_first() else {
        return Err(Trouble("a gate has people".to_owned()));
    };
    let descriptor = stand
        .descriptors
        .get("nhi.create")
        .ok_or_else(|| Trouble("the bundle cannot enrol a workload".to_owned()))?;
    enrol(
        owner,
        others,
        descriptor,
        &nhi_create(&enrolled, &workload, owner)?,
    )
    .await?;
    Ok(workload)
}

async fn work(
    workload: Workload,
    stand: Arc<Stand>,
    runs: Vec<Run>,
) -> Outcome<Vec<(Run, Vec<Fate>)>> {
    let mut done = Vec::with_capacity(runs.len());
    for run in runs {
        let suite = stand
            .suites
            .get(&run.suite)
            .ok_or_else(|| Trouble(format!("no tools-{}.json", run.suite)))?;
        let fates = send(&workload, &stand, suite, &run.prompt, &run.calls).await?;
        done.push((run, fates));
    }
    Ok(done)
}

/// Sends one run: its prompt and its calls, and nothing else of it.
async fn send(
    workload: &Workload,
    stand: &Stand,
    suite: &Suite,
    prompt: &str,
    calls: &[Call],
) -> Outcome<Vec<Fate>> {
    let purpose = shortened(prompt);
    let task = workload
        .start_task(&purpose)
        .await
        .map_err(trouble("task"))?;
    let mut fates = Vec::with_capacity(calls.len());
    for call in calls {
        fates.push(send_call(workload, stand, suite, &task, call).await?);
    }
    workload
        .client
        .end_task(&task)
        .await
        .map_err(trouble("end"))?;
    Ok(fates)
}

async fn send_call(
    workload: &Workload,
    stand: &Stand,
    suite: &Suite,
    task: &str,
    call: &Call,
) -> Outcome<Fate> {
    let descriptor = suite
        .tools
        .get(&call.tool)
        .and_then(|tool| stand.descriptors.get(&tool.descriptor_id(&suite.name)));
    let Some(descriptor) = descriptor else {
        return Ok(Fate::FormError(format!(
            "no descriptor for the tool `{}`",
            call.tool
        )));
    };
    let body = workload.body(&Ask {
        descriptor: descriptor.clone(),
        task,
        target: &suite.name,
        resource: &format!("{}/{}", suite.name, call.tool),
        duration_seconds: DURATION_SECONDS,
        caps: BTreeMap::new(),
        media_type: "application/json",
        payload: &call.payload,
        claims: Claims::default(),
    })?;
    match workload.submit(&body, None).await {
        Ok(Submitted::Decided(decision)) => Ok(match decision.outcome {
            Decided::Allowed => Fate::Allowed,
            Decided::Denied => Fate::Denied,
        }),
        Ok(Submitted::Held(held)) => {
            // The recorded agent did not wait for anybody; nobody is to find its request in an inbox either.
            let request = held.request.unwrap_or_default();
            workload
                .client
                .withdraw(&request)
                .await
                .map_err(trouble("withdraw"))?;
            Ok(Fate::Held)
        }
        Err(error) => match error.problem() {
            Some(problem) if problem.status < 500 => Ok(Fate::FormError(problem.to_string())),
            _ => Err(Trouble(error.to_string())),
        },
    }
}

fn shortened(prompt: &str) -> String {
    let mut bytes = 0;
    let kept = |c: &char| {
        bytes += c.len_utf8();
        bytes <= PURPOSE_BYTES_MAX
    };
    prompt.chars().take_while(kept).collect()
}
