//! What a rule may not do with what is unknown, checked on its syntax alone.
//!
//! `has` is refused: with the attribute missing the rule would vanish. A `.value` is read only where its own `.known` is
//! certain. And an unknown may only make a rule stricter: in a permit `.known` occurs only so that losing it makes the
//! rule match less, in a forbid only so that it makes the rule match more. Since a guarded `.value` is not evaluated
//! once its `.known` is false, flipping any `.known` to false then never loosens an outcome (threat A15).

use std::collections::BTreeSet;

use gatehold_core::context::Context;
use serde_json::Value;

use crate::bundle::{Effect, Rule};
use crate::schema::RESOURCE_ATTRIBUTES;

/// Records whose members each descriptor declares; all of them may be unknown.
const OPEN_RECORDS: [&str; 3] = ["context.caps.", "context.fields.", "context.facts."];

/// Everything the syntax of a rule gives away about it.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Names read, as `context.tier` or `resource.zone`, without `.known` and `.value`.
    pub(crate) names: BTreeSet<String>,
}

/// What is wrong with a rule.
// INVARIANT(unknown-never-loosens): a bundle in which this finds anything is not used.
pub(crate) fn check(rule: &Rule) -> Vec<String> {
    walk(rule).1
}

/// The names a rule reads.
pub(crate) fn reads(rule: &Rule) -> Reads {
    walk(rule).0
}

fn walk(rule: &Rule) -> (Reads, Vec<String>) {
    let mut walk = Walk {
        permits: rule.effect == Effect::Permit,
        reads: Reads::default(),
        problems: Vec::new(),
    };
    match rule.policy.to_json() {
        Ok(json) => walk.conditions(&json),
        Err(error) => walk
            .problems
            .push(format!("its syntax cannot be read: {error}")),
    }
    (walk.reads, walk.problems)
}

/// In which direction a part can move the whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    /// When it becomes false, the rule matches less.
    Same,
    /// When it becomes false, the rule matches more.
    Opposite,
    /// Not certain.
    Either,
}

impl Sense {
    const fn negated(self) -> Self {
        match self {
            Self::Same => Self::Opposite,
            Self::Opposite => Self::Same,
            Self::Either => Self::Either,
        }
    }
}

struct Walk {
    permits: bool,
    reads: Reads,
    problems: Vec<String>,
}

impl Walk {
    fn conditions(&mut self, policy: &Value) {
        let conditions = policy.get("conditions").and_then(Value::as_array);
        for condition in conditions.into_iter().flatten() {
            let unless = condition.get("kind").and_then(Value::as_str) == Some("unless");
            let sense = if unless { Sense::Opposite } else { Sense::Same };
            if let Some(body) = condition.get("body") {
                self.expression(body, sense, &BTreeSet::new());
            }
        }
    }

    /// `known` holds the names whose `.known` is true wherever this is evaluated.
    fn expression(&mut self, expression: &Value, sense: Sense, known: &BTreeSet<String>) {
        let Some((operator, arguments)) = only_member(expression) else {
            return self.children(expression, known);
        };
        let part = |name: &str| arguments.get(name).unwrap_or(&Value::Null);
        match operator {
            "&&" | "||" => {
                // What comes later is asked only when all before came out like this.
                let asked_when = operator == "&&";
                let mut known = known.clone();
                for part in chain(expression, operator) {
                    self.expression(part, sense, &known);
                    known.extend(certain_if(part, asked_when));
                }
            }
            "!" => self.expression(part("arg"), sense.negated(), known),
            "if-then-else" => {
                self.expression(part("if"), Sense::Either, known);
                let (yes, no) = (certain_if(part("if"), true), certain_if(part("if"), false));
                self.expression(part("then"), sense, &(known | &yes));
                self.expression(part("else"), sense, &(known | &no));
            }
            "." => self.access(expression, sense, known),
            "Var" if arguments == "context" => self
                .problems
                .push("it uses `context` as a whole; read single names of it".to_owned()),
            "Var" | "Value" => {}
            "has" | "hasTag" | "getTag" => self.problems.push(format!(
                "`{operator}` is refused: nothing is optional here; ask `.known` before `.value`"
            )),
            _ => self.children(arguments, known),
        }
    }

    fn children(&mut self, value: &Value, known: &BTreeSet<String>) {
        match value {
            Value::Array(elements) => {
                elements
                    .iter()
                    .for_each(|element| self.expression(element, Sense::Either, known));
            }
            Value::Object(members) => {
                members
                    .values()
                    .for_each(|member| self.expression(member, Sense::Either, known));
            }
            _ => {}
        }
    }

    fn access(&mut self, expression: &Value, sense: Sense, known: &BTreeSet<String>) {
        let Some(path) = path(expression) else {
            self.problems.push(
                "a name is read from something computed; read `context` or `resource`".to_owned(),
            );
            return;
        };
        if let Some(name) = path
            .strip_suffix(".value")
            .filter(|name| may_be_unknown(name))
        {
            self.reads.names.insert(name.to_owned());
            if !known.contains(name) {
                self.problems.push(format!(
                    "`{path}` is read where `{name}.known` is not certain; write `{name}.known && …` or `!{name}.known || …`"
                ));
            }
        } else if let Some(name) = path
            .strip_suffix(".known")
            .filter(|name| may_be_unknown(name))
        {
            self.reads.names.insert(name.to_owned());
            let right = if self.permits {
                Sense::Same
            } else {
                Sense::Opposite
            };
            if sense != right {
                let how = if self.permits {
                    format!("a permit must need it: `{path} && …`")
                } else {
                    format!("a forbid must match without it: `!{path} || …`")
                };
                self.problems.push(format!(
                    "when `{path}` is false the rule would be looser; {how}"
                ));
            }
        } else if may_be_unknown(&path) {
            self.problems.push(format!(
                "`{path}` may be unknown; read its `.known` and `.value`"
            ));
        } else if is_plain(&path) {
            self.reads.names.insert(path);
        } else {
            // A record compared as a whole would compare what is unknown in it.
            self.problems.push(format!(
                "`{path}` is no documented name of its own; read the names in docs/reference/policy-context.md"
            ));
        }
    }
}

/// The parts of `a && b && c` in order, and of `||`. Looked at one after the other, and not each with all before it, a long
/// chain costs no more than its length.
fn chain<'v>(mut expression: &'v Value, operator: &str) -> Vec<&'v Value> {
    let mut parts = Vec::new();
    while let Some((_, arguments)) = only_member(expression).filter(|(of, _)| *of == operator) {
        parts.push(arguments.get("right").unwrap_or(&Value::Null));
        expression = arguments.get("left").unwrap_or(&Value::Null);
    }
    parts.push(expression);
    parts.reverse();
    parts
}

/// The names whose `.known` is certainly true when the expression is `outcome`.
fn certain_if(expression: &Value, outcome: bool) -> BTreeSet<String> {
    let Some((operator, arguments)) = only_member(expression) else {
        return BTreeSet::new();
    };
    let part = |name: &str| arguments.get(name).unwrap_or(&Value::Null);
    match (operator, outcome) {
        ("&&", true) | ("||", false) => {
            &certain_if(part("left"), outcome) | &certain_if(part("right"), outcome)
        }
        ("!", outcome) => certain_if(part("arg"), !outcome),
        (".", true) => path(expression)
            .and_then(|path| path.strip_suffix(".known").map(str::to_owned))
            .into_iter()
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// `context.chain.steps` for such an access; nothing when it does not begin at a variable.
fn path(expression: &Value) -> Option<String> {
    let (operator, arguments) = only_member(expression)?;
    match operator {
        "Var" => arguments.as_str().map(str::to_owned),
        "." => {
            let left = path(arguments.get("left")?)?;
            Some(format!("{left}.{}", arguments.get("attr")?.as_str()?))
        }
        _ => None,
    }
}

fn may_be_unknown(name: &str) -> bool {
    let declared = |record: &str| {
        name.strip_prefix(record)
            .is_some_and(|member| !member.contains('.'))
    };
    OPEN_RECORDS.iter().any(|record| declared(record))
        || name
            .strip_prefix("resource.")
            .is_some_and(|attribute| RESOURCE_ATTRIBUTES.iter().any(|(a, _)| *a == attribute))
        || name.strip_prefix("context.").is_some_and(|path| {
            Context::documented()
                .iter()
                .any(|field| field.path == path && field.may_be_unknown())
        })
}

fn is_plain(name: &str) -> bool {
    name.strip_prefix("context.").is_some_and(|path| {
        Context::documented()
            .iter()
            .any(|field| field.path == path && !field.may_be_unknown())
    })
}

fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let mut members = value.as_object()?.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Some((name, value)),
        _ => None,
    }
}
