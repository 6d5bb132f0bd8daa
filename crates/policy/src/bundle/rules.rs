//! Cedar sources to rules: one policy each, with the annotations that make it answerable.
//!
//! Every annotation is known by name, so that a misspelt one is an error and not a rule without its meaning.

use std::str::FromStr;

use cedar_policy::{Policy, PolicyId, PolicySet};
use gatehold_core::ids::CheckpointName;
use miette::Diagnostic as _;

use super::BundleProblem;
use crate::nesting::{self, TooDeep};

/// What a rule does when it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Draws the boundary within which something may happen at all.
    Permit,
    /// Denies.
    Forbid,
    /// Holds at this checkpoint.
    Hold(CheckpointName),
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its `@id`.
    pub id: String,
    /// The file it stands in.
    pub file: String,
    /// The line it begins at.
    pub line: usize,
    /// What it does.
    pub effect: Effect,
    /// The team or person who answers for it.
    pub owner: String,
    /// Why it exists.
    pub rationale: String,
    /// The last day on which a permit counts as looked after (M113): `2027-06-30`.
    pub attest_by: Option<String>,
    pub(crate) policy: Policy,
}

const ANNOTATIONS: [&str; 5] = ["id", "owner", "rationale", "checkpoint", "attest_by"];

/// The rules of one file, or what is wrong with it.
pub(super) fn parse(file: &str, text: &str) -> (Vec<Rule>, Vec<BundleProblem>) {
    let problem = |line: usize, problem: String| BundleProblem {
        file: file.to_owned(),
        line,
        problem,
    };
    // INVARIANT(cedar-is-shallow): Cedar reads only what was measured.
    if let Err(TooDeep { at, what }) = nesting::check(text) {
        let told = problem(line_at(text, at), what.to_string());
        return (Vec::new(), vec![told]);
    }
    let set = match PolicySet::from_str(text) {
        Ok(set) => set,
        Err(errors) => {
            let told = errors.iter().map(|error| {
                let label = error.labels().and_then(|mut labels| labels.next());
                let help = error
                    .help()
                    .map(|help| format!("; {help}"))
                    .unwrap_or_default();
                problem(
                    line_at(text, label.map_or(0, |label| label.offset())),
                    format!("{error}{help}"),
                )
            });
            return (Vec::new(), told.collect());
        }
    };
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    if set.templates().next().is_some() {
        problems.push(problem(
            1,
            "templates with `?principal` or `?resource` are not used here".to_owned(),
        ));
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy.id()));
    let starts = starts(text, &policies);
    for (policy, line) in policies.into_iter().zip(starts) {
        match rule(file, line, policy) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found.into_iter().map(|text| problem(line, text))),
        }
    }
    (rules, problems)
}

/// Parsed anew by every engine, because a shared copy does not scale over threads.
pub(crate) fn parse_policies(text: &str) -> Vec<Policy> {
    if nesting::check(text).is_err() {
        return Vec::new();
    }
    let Ok(set) = PolicySet::from_str(text) else {
        return Vec::new();
    };
    set.policies()
        .filter_map(|policy| Some(policy.new_id(PolicyId::new(policy.annotation("id")?))))
        .collect()
}

fn rule(file: &str, line: usize, policy: &Policy) -> Result<Rule, Vec<String>> {
    let mut problems: Vec<String> = policy
        .annotations()
        .filter(|(name, _)| !ANNOTATIONS.contains(name))
        .map(|(name, _)| {
            format!(
                "`@{name}` means nothing here; known are @{}",
                ANNOTATIONS.join(", @")
            )
        })
        .collect();
    let mut needed = |name: &str| match policy.annotation(name).map(str::trim) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => {
            problems.push(format!("the rule needs `@{name}(\"…\")`"));
            String::new()
        }
    };
    let (id, owner, rationale) = (needed("id"), needed("owner"), needed("rationale"));
    let permits = policy.effect() == cedar_policy::Effect::Permit;
    let attest_by = permits.then(|| needed("attest_by"));
    if !id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    {
        problems.push(format!(
            "`@id` {id:?} must be lower-case letters, digits, `-`, `.` and `_`"
        ));
    }
    if attest_by
        .as_ref()
        .is_some_and(|day| !day.is_empty() && !is_day(day))
    {
        problems.push("`@attest_by` is a day such as `2027-06-30`".to_owned());
    }
    if !permits && policy.annotation("attest_by").is_some() {
        problems.push(
            "`@attest_by` belongs to permits; a rule that forbids does not expire".to_owned(),
        );
    }
    let effect = match (permits, policy.annotation("checkpoint")) {
        (true, None) => Effect::Permit,
        (false, None) => Effect::Forbid,
        (true, Some(_)) => {
            problems.push("`@checkpoint` on a permit holds nothing; write a forbid".to_owned());
            Effect::Permit
        }
        (false, Some(name)) => match name.parse() {
            Ok(name) => Effect::Hold(name),
            Err(error) => {
                problems.push(format!("`@checkpoint`: {error}"));
                Effect::Forbid
            }
        },
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let policy = policy.new_id(PolicyId::new(&id));
    Ok(Rule {
        id,
        file: file.to_owned(),
        line,
        effect,
        owner,
        rationale,
        attest_by,
        policy,
    })
}

/// Cedar numbers policies in the order of the file: `policy0`, `policy1`.
fn number(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    id.strip_prefix("policy")
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX)
}

/// The line each policy begins at: its own text is found after the one before.
fn starts(text: &str, policies: &[&Policy]) -> Vec<usize> {
    let mut from = 0;
    policies
        .iter()
        .map(|policy| {
            let source = policy.to_cedar().unwrap_or_default();
            let at = text
                .get(from..)
                .and_then(|rest| rest.find(&source))
                .map_or(from, |at| from + at);
            from = at + source.len();
            line_at(text, at)
        })
        .collect()
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

fn is_day(day: &str) -> bool {
    let parts: Vec<&str> = day.split('-').collect();
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    match parts.as_slice() {
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}
