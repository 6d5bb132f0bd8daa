//! What a change holds before and after, attribute by attribute. Both sides are walked once, side by side.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::json::payload::{Json, escape_token};
use gatehold_core::wording::counted;

use crate::display::{Flag, Line, Run, RunKind};
use crate::document;
use crate::escape::named;
use crate::findings::Findings;
use crate::json::scalar_lines;
use crate::leaves::{Leaf, scalars};

const LATER: &str = "known after apply";

pub(super) struct Compared<'a> {
    pub(super) before: &'a Json,
    pub(super) after: &'a Json,
    pub(super) unknown: Option<&'a Json>,
}

/// What differs.
pub(super) struct Differences {
    pub(super) lines: Vec<Line>,
    /// How many values do.
    pub(super) count: usize,
}

impl Compared<'_> {
    pub(super) fn differences(&self, findings: &mut Findings) -> Differences {
        if let Some(unknown) = self.unknown {
            scalars(unknown, &mut |mark| {
                if *mark == Json::Bool(true) {
                    findings.raise(Flag::KnownLater);
                }
            });
        }
        let mut walk = Walk {
            pointer: String::new(),
            kept: 0,
            lines: Vec::new(),
            differ: 0,
            same: 0,
            findings,
        };
        for side in [self.before, self.after] {
            document::look_for_hidden(side, walk.findings);
        }
        walk.enter(Some(self.before), Some(self.after), self.unknown);
        let (mut lines, count) = (walk.lines, walk.differ);
        if walk.same > 0 {
            let same = u64::try_from(walk.same).unwrap_or(u64::MAX);
            let said = format!("  {} the same, in the exact bytes", counted(same, "value"));
            lines.push(Line::of(RunKind::Text, said));
        }
        Differences { lines, count }
    }
}

/// Members by name; names are distinct.
pub(super) fn index(members: &[(String, Json)]) -> BTreeMap<&str, &Json> {
    members
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    Members,
    Elements,
}

/// What a value has parts of, if it has any.
fn parts(value: Option<&Json>) -> Option<Parts> {
    match value? {
        Json::Object(members) if !members.is_empty() => Some(Parts::Members),
        Json::Array(elements) if !elements.is_empty() => Some(Parts::Elements),
        _ => None,
    }
}

struct Walk<'f> {
    pointer: String,
    kept: usize,
    lines: Vec<Line>,
    differ: usize,
    same: usize,
    findings: &'f mut Findings,
}

impl Walk<'_> {
    fn enter(&mut self, before: Option<&Json>, after: Option<&Json>, unknown: Option<&Json>) {
        // To Terraform, null is an attribute that is not set.
        let before = before.filter(|value| **value != Json::Null);
        let after = after.filter(|value| **value != Json::Null);
        if unknown == Some(&Json::Bool(true)) {
            if before.is_some() && (parts(before).is_some() || after.is_some()) {
                self.enter(before, after, None);
                return self.sides(None, None);
            }
            if after.is_some() {
                self.enter(None, after, None);
            }
            return self.sides(before, None);
        }
        match (parts(before), parts(after)) {
            (Some(was), Some(is)) if was == is => self.walk(was, before, after, unknown),
            (Some(was), Some(is)) => {
                self.walk(was, before, None, None);
                self.walk(is, None, after, unknown);
            }
            (Some(was), None) => {
                self.walk(was, before, None, unknown);
                if after.is_some() {
                    self.sides(None, after);
                }
            }
            (None, Some(is)) => {
                if before.is_some() {
                    self.gone(before);
                }
                self.walk(is, None, after, unknown);
            }
            (None, None) => match parts(unknown) {
                Some(later) if before.is_none() => self.walk(later, None, None, unknown),
                _ if before == after => self.same += usize::from(before.is_some()),
                _ if after.is_none() => self.gone(before),
                _ => self.sides(before, after),
            },
        }
    }

    fn walk(
        &mut self,
        parts: Parts,
        before: Option<&Json>,
        after: Option<&Json>,
        unknown: Option<&Json>,
    ) {
        match parts {
            Parts::Members => {
                let (before, after, unknown) = (members(before), members(after), members(unknown));
                let names: BTreeSet<&str> = [&before, &after, &unknown]
                    .into_iter()
                    .flat_map(|side| side.keys().copied())
                    .collect();
                for name in names {
                    let of = [&before, &after, &unknown].map(|side| side.get(name).copied());
                    self.step(&escape_token(name), of);
                }
            }
            Parts::Elements => {
                let sides = [before, after, unknown]
                    .map(|side| side.and_then(Json::as_array).unwrap_or_default());
                let length = sides.iter().map(|side| side.len()).max().unwrap_or(0);
                for at in 0..length {
                    self.step(&at.to_string(), sides.map(|side| side.get(at)));
                }
            }
        }
    }

    fn step(&mut self, token: &str, [before, after, unknown]: [Option<&Json>; 3]) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(token);
        self.enter(before, after, unknown);
        self.pointer.truncate(length);
        self.kept = self.kept.min(length);
    }

    fn gone(&mut self, before: Option<&Json>) {
        self.line(|head, findings| {
            let mut lines =
                before.map_or_else(Vec::new, |value| scalar_lines(head, value, findings));
            if let Some(last) = lines.last_mut() {
                last.runs.push(Run::new(RunKind::Text, " goes"));
            }
            lines
        });
    }

    /// One value in place of another; what stands in its place may be known later only.
    fn sides(&mut self, before: Option<&Json>, after: Option<&Json>) {
        self.line(|head, findings| {
            let mut lines = vec![Line { runs: head }];
            if let Some(value) = before {
                let head = lines.pop().unwrap_or_default().runs;
                lines.extend(scalar_lines(head, value, findings));
                if let Some(last) = lines.last_mut() {
                    last.runs.push(Run::new(RunKind::Text, " becomes "));
                }
            }
            let mut head = lines.pop().unwrap_or_default().runs;
            match after {
                Some(value) => lines.extend(document::value_lines(head, value, findings)),
                None => {
                    head.push(Run::new(RunKind::Warning, LATER));
                    lines.push(Line { runs: head });
                }
            }
            lines
        });
    }

    fn line(&mut self, value: impl FnOnce(Vec<Run>, &mut Findings) -> Vec<Line>) {
        self.differ += 1;
        let mut margin = vec![Run::new(RunKind::Text, "    ")];
        let leaf = Leaf {
            pointer: &self.pointer,
            kept: self.kept,
            value: &Json::Null,
        };
        let name = leaf.own(&mut margin);
        if !self.findings.secrets_in(name).is_empty() {
            self.findings.raise(Flag::Exposed);
        }
        let lines = if name.is_empty() {
            margin.push(Run::new(RunKind::Text, "value = "));
            value(margin, self.findings)
        } else {
            named(margin, name, " = ", self.findings, value)
        };
        self.lines.extend(lines);
        self.kept = self.pointer.len();
    }
}

fn members(value: Option<&Json>) -> BTreeMap<&str, &Json> {
    index(value.and_then(Json::as_object).unwrap_or_default())
}

/// Names of attributes, a line each; nothing when they are not written as names.
pub(super) fn paths(label: &str, paths: &Json, findings: &mut Findings) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    for path in paths.as_array()? {
        let steps: Option<Vec<&str>> = path
            .as_array()?
            .iter()
            .map(|step| match step {
                Json::Number(lexeme) => Some(lexeme.as_str()),
                other => other.as_str(),
            })
            .collect();
        let name = steps?.join("/");
        lines.extend(document::labelled(label, &name, findings));
    }
    Some(lines)
}
