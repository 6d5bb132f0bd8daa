//! What a sound bundle can still get wrong: rules that ask people too often, rules that nobody looks after, and outcomes
//! that loosen when something is not known.

mod asking;
mod flips;
mod never;

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehold_core::ids::TeamId;

use crate::bundle::{Bundle, Effect};
use crate::golden;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The bundle should not be activated.
    Error,
    /// Somebody should look.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// Stable code.
    pub code: &'static str,
    /// The rule, checkpoint, descriptor or case it is about.
    pub about: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// What lint is told about the world; it reads no clock and no directory.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Today as `2026-11-21`, to find permits nobody attested in time.
    pub today: Option<String>,
    /// How many people each team has, to find checkpoints with too few.
    pub teams: Option<BTreeMap<TeamId, usize>>,
}

/// All findings, errors first.
#[must_use]
pub fn lint(bundle: &Arc<Bundle>, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(failing_cases(bundle));
    findings.extend(flips::findings(bundle));
    findings.extend(asking::findings(bundle));
    findings.extend(rules(bundle, options));
    findings.extend(never::findings(bundle));
    findings.extend(checkpoints(bundle, options));
    findings.sort();
    findings.dedup();
    findings
}

fn failing_cases(bundle: &Arc<Bundle>) -> Vec<Finding> {
    let failed = golden::run(bundle)
        .into_iter()
        .filter(|result| !result.passed());
    failed
        .map(|result| Finding {
            level: Level::Error,
            code: "case_fails",
            about: result.name.clone(),
            text: result.line(),
        })
        .collect()
}

fn rules(bundle: &Bundle, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in bundle.rules() {
        let mut add = |level, code, text: String| {
            findings.push(Finding {
                level,
                code,
                about: rule.id.clone(),
                text,
            });
        };
        let shape = asking::Shape::of(rule);
        if rule.effect == Effect::Permit && shape.is_blank() {
            add(
                Level::Error,
                "permits_everything",
                "it permits everything to everyone; draw a boundary".to_owned(),
            );
        } else if shape.is_name_alone() && rule.effect != Effect::Forbid {
            let text = "it looks at the action's name alone; use identity, effect or impact (M152)";
            add(Level::Warning, "name_alone", text.to_owned());
        }
        if let (Some(today), Some(by)) = (&options.today, &rule.attest_by)
            && by < today
        {
            let text = format!(
                "its owner {} was to attest it by {by}; attest it or remove it (M113)",
                rule.owner
            );
            add(Level::Warning, "attestation_overdue", text);
        }
    }
    findings
}

fn checkpoints(bundle: &Bundle, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, checkpoint) in bundle.checkpoints() {
        let mut add = |level, code, text: String| {
            findings.push(Finding {
                level,
                code,
                about: name.to_string(),
                text,
            });
        };
        let used = bundle
            .rules()
            .iter()
            .any(|rule| matches!(&rule.effect, Effect::Hold(held) if held == name));
        if !used {
            add(
                Level::Warning,
                "checkpoint_unused",
                "no rule holds at it; remove it or write the rule".to_owned(),
            );
        }
        let Some(teams) = &options.teams else {
            continue;
        };
        for team in checkpoint
            .eligible
            .teams
            .iter()
            .filter(|team| !teams.contains_key(*team))
        {
            add(
                Level::Error,
                "team_unknown",
                format!("there is no team `{team}`"),
            );
        }
        // Teams may overlap, so this is the most there can be.
        let people: usize = checkpoint
            .eligible
            .teams
            .iter()
            .filter_map(|team| teams.get(team))
            .sum::<usize>()
            + checkpoint.eligible.humans.len();
        let seats = checkpoint
            .alternatives
            .iter()
            .map(|alternative| usize::from(alternative.seats.get()))
            .min();
        if people < seats.unwrap_or(usize::MAX) {
            add(
                Level::Error,
                "nobody_can_decide",
                format!("{people} people are eligible, fewer than its seats"),
            );
        } else if people < 2 {
            add(
                Level::Warning,
                "one_reviewer",
                "only one person is eligible; name a second (M050)".to_owned(),
            );
        }
    }
    findings
}
