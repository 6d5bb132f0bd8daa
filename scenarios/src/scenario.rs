//! A story as written: the world it happens in, who acts, and its steps in order, each with what must come of it.
//!
//! The format is read strictly: a word that means nothing is an error, or a story would assert less than it says.

mod step;

pub use step::{
    Asked, AskedDatabase, AskedLedger, AskedState, AskedWeb, Bounded, Cheat, Cheated, Does,
    EndTask, Ending, Enrolment, Looked, Redeemed, Reviewed, Saw, Signalled, StartTask, Step,
    Verdict, Wanted,
};

use std::collections::{BTreeMap, BTreeSet};
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
    /// Systems of record that the gate asks before a decision.
    #[serde(default)]
    pub records: Vec<Records>,
    /// Platforms that say of workloads what they see, in signed tokens.
    #[serde(default)]
    pub sender: Vec<Sender>,
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

/// A system of record on this machine, such as a change calendar, and the look-up that asks it. It answers each path that stands in
/// it, and 404 where there is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// The look-up's recipe.
    pub recipe: String,
    /// The path that the gate asks for, with places such as `{claim.change}`.
    pub path: String,
    /// What the answer must say, as in a file of look-ups.
    pub assert: Vec<toml::Table>,
    /// A secret that the gate adds; the system refuses calls without it.
    pub secret: String,
    /// What stands in it: JSON by path.
    pub entries: BTreeMap<String, String>,
}

/// A platform with a key of its own, whose public half the operator pins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// What the configuration calls it.
    pub name: String,
    /// What it may do.
    pub may: Vec<String>,
    /// For how long it has things held.
    pub hold_seconds: Option<u32>,
    /// What it calls workloads: its name for one, and the name here.
    pub calls: BTreeMap<String, String>,
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
