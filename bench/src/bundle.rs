//! A bundle with so many rules: nine in ten permit a team within an amount, one in ten holds a team above another. Exactly
//! one permit and at most one hold are about the asking workload, as in a real bundle.

use std::fmt::Write as _;
use std::path::Path;

use gatehold_scenarios::{Outcome, trouble};

/// The kind of action that is asked for.
pub const ACTION: &str = "bench.read";
/// The team whose rules apply.
pub const TEAM: &str = "team-0";
/// What the permits allow at most.
pub const ALLOWED_MAX: u32 = 1_000;
/// Above this people decide.
pub const HELD_ABOVE: u32 = 100;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Permits a team.
    Permit(usize),
    /// Holds a team's larger amounts.
    Hold(usize),
}

/// So many rules.
pub fn rules(number: usize) -> Vec<Rule> {
    let holds = number / 10;
    let permits = (0..number - holds).map(Rule::Permit);
    permits.chain((0..holds).map(Rule::Hold)).collect()
}

/// Writes the bundle: the gate's own actions of the default pack, one kind of action, and the rules.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(pack: &Path, folder: &Path, number: usize) -> Outcome<()> {
    for within in ["checkpoints", "criteria", "descriptors"] {
        std::fs::create_dir_all(folder.join(within)).map_err(trouble(within))?;
        for entry in std::fs::read_dir(pack.join(within)).map_err(trouble(pack.display()))? {
            let path = entry.map_err(trouble(within))?.path();
            let name = path.file_name().unwrap_or_default();
            std::fs::copy(&path, folder.join(within).join(name))
                .map_err(trouble(path.display()))?;
        }
    }
    let put =
        |name: &str, text: &str| std::fs::write(folder.join(name), text).map_err(trouble(name));
    for name in ["bundle.toml", "gate.cedar"] {
        let text = std::fs::read_to_string(pack.join(name)).map_err(trouble(name))?;
        put(name, &text)?;
    }
    put(&format!("descriptors/{ACTION}.toml"), DESCRIPTOR)?;
    put("people.cedar", PEOPLE)?;
    put("bench.cedar", &cedar(number))
}

fn cedar(number: usize) -> String {
    let mut text = String::new();
    for rule in rules(number) {
        let written = match rule {
            Rule::Permit(team) => writeln!(
                text,
                "@id(\"permit-{team}\")\n@owner(\"owners\")\n@rationale(\"bench\")\n@attest_by(\"2099-01-01\")\n\
                 permit (principal in Team::\"team-{team}\", action == Action::\"{ACTION}\", resource)\n\
                 when {{ context.fields.amount.known && context.fields.amount.value <= {ALLOWED_MAX} }};"
            ),
            Rule::Hold(team) => writeln!(
                text,
                "@id(\"hold-{team}\")\n@checkpoint(\"material-write\")\n@owner(\"owners\")\n@rationale(\"bench\")\n\
                 forbid (principal in Team::\"team-{team}\", action == Action::\"{ACTION}\", resource)\n\
                 when {{ !context.fields.amount.known || context.fields.amount.value > {HELD_ABOVE} }};"
            ),
        };
        // Writing into text does not fail.
        written.unwrap_or_default();
    }
    text
}

const PEOPLE: &str = r#"
@id("people-ask-the-gate")
@owner("security")
@rationale("Only people ask the gate to change itself")
@attest_by("2099-01-01")
permit (principal is Human, action in [Action::"executor:gate"], resource);
"#;

const DESCRIPTOR: &str = r#"
id = "bench.read"
version = 1
title = "Read one record"
effects = ["read"]
reversibility = "read_only"
media_types = ["application/json"]
payload = "json"
fields = [
  { name = "amount", pointer = "/amount", label = "Amount", type = "integer", required = true },
]
quantity = "one"
recipients = "nobody"
sensitivity = "resource"
sentence = "{workload} wants to read {resource}"
criteria = []
requires = []
downstream = { declared = [] }
infers = []
facts = []
dry_run = "none"
revocation = "none"
executor = { kind = "http", caps = [] }
"#;
