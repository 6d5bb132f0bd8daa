//! The world of one story: its targets, its gate, its cast, and what has happened so far.

use std::collections::BTreeMap;
use std::path::Path;

use gatehold_client::wire::{Claims, ReviewRequest};
use gatehold_core::action::DescriptorRef;
use tempfile::TempDir;

use crate::cast::{Person, Workload};
use crate::gate_process::{GateProcess, Ground};
use crate::scenario::{Asked, Scenario, Wanted};
use crate::targets::{DatabaseFile, WebService};
use crate::trouble::{Outcome, Trouble, trouble};

/// The world of one story.
pub struct Stage {
    pub(super) gate: GateProcess,
    pub(super) people: BTreeMap<String, Person>,
    pub(super) workloads: BTreeMap<String, Workload>,
    pub(super) tasks: BTreeMap<String, String>,
    pub(super) requests: BTreeMap<String, Played>,
    pub(super) databases: BTreeMap<String, DatabaseFile>,
    pub(super) webs: BTreeMap<String, WebService>,
    _lookups: Vec<WebService>,
    descriptors: BTreeMap<String, DescriptorRef>,
    _folder: TempDir,
}

/// A request that was made.
#[derive(Clone)]
pub(super) struct Played {
    /// Its id at the gate.
    pub id: String,
    /// The workload that asked; for a change of the gate, the person.
    pub who: String,
    /// How it was asked.
    pub asked: Asked,
    /// With which key.
    pub idempotency_key: String,
    /// The last review that a person signed for it.
    pub review: Option<ReviewRequest>,
}

impl Played {
    /// A change that a person asked for.
    pub fn of_person(who: &str) -> Self {
        Self {
            id: String::new(),
            who: who.to_owned(),
            asked: Asked {
                who: who.to_owned(),
                task: String::new(),
                request: String::new(),
                action: String::new(),
                target: String::new(),
                resource: String::new(),
                minutes: 0,
                caps: BTreeMap::new(),
                media_type: String::new(),
                payload: String::new(),
                claims: Claims::default(),
                outcome: Wanted::Held,
                tier: None,
                held_at: Vec::new(),
                refused_as: None,
            },
            idempotency_key: String::new(),
            review: None,
        }
    }
}

impl Stage {
    /// Makes the targets, starts the gate, logs the people in and enrols the workloads.
    ///
    /// # Errors
    /// What did not come about.
    pub async fn build(gatehold: &Path, scenario: &Scenario) -> Outcome<Self> {
        let folder = TempDir::new().map_err(trouble("a folder"))?;
        let mut ground = Ground::new(folder.path());
        let mut databases = BTreeMap::new();
        for (number, database) in scenario.database.iter().enumerate() {
            let path = folder.path().join(format!("target-{number}.sqlite"));
            let file = DatabaseFile::create(path, &database.setup)?;
            ground.sqlite(&database.target, file.path());
            databases.insert(database.target.clone(), file);
        }
        let mut webs = BTreeMap::new();
        for web in &scenario.web {
            let service = WebService::start(&web.secret, &web.answer).await?;
            ground.http(web, &service.url())?;
            webs.insert(web.target.clone(), service);
        }
        let mut lookups = Vec::new();
        for lookup in &scenario.lookup {
            let service = WebService::start(&lookup.secret, &lookup.answer).await?;
            ground.looked_up(lookup, &service.url())?;
            lookups.push(service);
        }
        ground.resources.clone_from(&scenario.resource);
        let gate = GateProcess::start(gatehold, &ground).await?;
        let people = gate.people().await?;
        let descriptors = gate.descriptors(&people).await?;
        let mut stage = Self {
            gate,
            people,
            workloads: BTreeMap::new(),
            tasks: BTreeMap::new(),
            requests: BTreeMap::new(),
            databases,
            webs,
            _lookups: lookups,
            descriptors,
            _folder: folder,
        };
        for enrolled in &scenario.workload {
            stage.enrol_before(enrolled).await?;
        }
        Ok(stage)
    }

    /// Stops the gate in order.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn end(mut self) -> Outcome<()> {
        self.gate.stop().await
    }

    /// The last lines that the gate wrote.
    #[must_use]
    pub fn gate_says(&self) -> String {
        self.gate.says()
    }

    pub(super) fn new_workload(&self, name: &str) -> Outcome<Workload> {
        Workload::new(name, self.gate.url())
    }

    pub(super) fn workload(&self, name: &str) -> Outcome<&Workload> {
        named(&self.workloads, "workload", name)
    }

    pub(super) fn person(&self, name: &str) -> Outcome<&Person> {
        named(&self.people, "person", name)
    }

    pub(super) fn request(&self, name: &str) -> Outcome<&Played> {
        named(&self.requests, "request", name)
    }

    pub(super) fn task(&self, name: &str) -> Outcome<&str> {
        named(&self.tasks, "task", name).map(String::as_str)
    }

    pub(super) fn descriptor(&self, id: &str) -> Outcome<DescriptorRef> {
        named(&self.descriptors, "kind of action", id).cloned()
    }
}

fn named<'m, T>(map: &'m BTreeMap<String, T>, what: &str, name: &str) -> Outcome<&'m T> {
    map.get(name).ok_or_else(|| {
        let known: Vec<&str> = map.keys().map(String::as_str).collect();
        Trouble(format!(
            "there is no {what} `{name}`, only {}",
            known.join(", ")
        ))
    })
}
