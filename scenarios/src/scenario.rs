//! A story as written: the world it happens in, who acts, and its steps in order, each with what must come of it.
//!
//! The format is read strictly: a word that means nothing is an error, or a story would assert less than it says.

mod step;

pub use step::{
    Asked, AskedDatabase, AskedLedger, AskedState, AskedWeb, Bounded, Cheat, Cheated, Does,
    EndTask, Ending, Enrolment, Looked, Redeemed, Reviewed, Saw, StartTask, Step, Verdict, Wanted,
};

use std::collections::BTreeSet;
use std::path::Path;

use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use serde::Deserialize;

use crate::trouble::{Outcome, Trouble, trouble};

/// One story.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The requirement it shows, such as `M051`.
    pub requirement: String,
    /// What it is about, in one line.
    pub title: String,
    /// The same for a reader who has a minute.
    pub story: String,
    /// Databases that exist before the gate starts.
    #[serde(default)]
    pub database: Vec<Database>,
    /// Web services that exist before the gate starts.
    #[serde(default)]
    pub web: Vec<Web>,
    /// Systems at which the gate looks up what is claimed.
    #[serde(default)]
    pub lookup: Vec<LookUp>,
    /// What the operator says about resources.
    #[serde(default)]
    pub resource: Vec<Resource>,
    /// Workloads that people enrol before the first step.
    #[serde(default)]
    pub workload: Vec<Enrolled>,
    /// What happens.
    pub step: Vec<Step>,
}

/// A real SQLite database, and the target of that name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The target's id.
    pub target: String,
    /// Statements that fill it.
    pub setup: String,
}

/// A real HTTP service on this machine, and the target of that name. It remembers what it is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// The target's id.
    pub target: String,
    /// Methods that may be called.
    pub methods: Vec<String>,
    /// Paths that may be called.
    pub paths: Vec<String>,
    /// What it answers, always.
    pub answer: String,
    /// A secret that the gate adds and the workload never sees; the service refuses calls without it.
    pub secret: String,
}

/// A real HTTP service on this machine at which the gate looks up what a claim names. It knows of one thing alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUp {
    /// The claim that names it, such as `incident`: recipe `lookup.incident`.
    pub claim: String,
    /// The state in which it counts.
    pub state: String,
    /// What it answers, always: `id`, `state` and `resources`.
    pub answer: String,
    /// A secret that the gate brings; the service refuses calls without it.
    pub secret: String,
}

/// One line of the operator's catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// A resource, or a prefix that ends in `/`.
    pub name: String,
    /// Which world it belongs to.
    pub environment: Environment,
    /// Its trust zone.
    pub zone: String,
    /// How sensitive its data is.
    pub sensitivity: Sensitivity,
    /// Who answers for it.
    pub owner: String,
    /// Whether its system cannot enforce finely.
    #[serde(default)]
    pub legacy_coarse: bool,
    /// The day by which that is looked at again; where it cannot.
    #[serde(default)]
    pub review_by: Option<String>,
}

/// A workload that is enrolled, through the held change that people approve, before the first step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// Its name.
    pub name: String,
    /// What kind of software it is.
    pub kind: WorkloadKind,
    /// How well its key is tied to it.
    pub assurance: WorkloadAssurance,
    /// Who answers for it, and so never decides for it.
    pub owner: String,
    /// Kinds of action it normally takes.
    pub normal_actions: BTreeSet<String>,
    /// Targets it normally touches.
    pub normal_targets: BTreeSet<String>,
    /// Resources it normally touches; a prefix ends in `/`.
    pub normal_resources: BTreeSet<String>,
    /// Scopes of access it normally has, where its enrolment speaks of them.
    #[serde(default)]
    pub normal_scopes: Option<BTreeSet<String>>,
}

impl Scenario {
    /// Reads a story from its file.
    ///
    /// # Errors
    /// What cannot be read, by line.
    pub fn read(path: &Path) -> Outcome<Self> {
        let place = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(path).map_err(trouble(&place))?;
        let scenario = Self::parse(&text).map_err(trouble(&place))?;
        if !place.starts_with(&format!("{}-", scenario.requirement.to_lowercase())) {
            return Err(Trouble(format!(
                "{place}: the file of {} begins with its name",
                scenario.requirement
            )));
        }
        Ok(scenario)
    }

    /// Reads a story.
    ///
    /// # Errors
    /// What cannot be read, by line.
    pub fn parse(text: &str) -> Outcome<Self> {
        let scenario: Self = toml::from_str(text).map_err(|error| Trouble(error.to_string()))?;
        if scenario.step.is_empty() {
            return Err(Trouble("a story has at least one step".to_owned()));
        }
        Ok(scenario)
    }
}

#[cfg(test)]
mod tests;
