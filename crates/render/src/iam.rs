//! A policy of AWS IAM: each statement in one line, what it makes possible beyond what it says, and what differs from the
//! policy before.
//!
//! What a Deny takes away again, and what conditions bind, is listed and not computed: a sentence says what is possible
//! at most by this policy alone.

mod known;

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::json::payload::{self, Json};
use gatehold_core::json::scan::Limits;
use gatehold_core::wording::counted;

use crate::display::{Flag, Line, Run, RunKind};
use crate::document::{self, Reading};
use crate::findings::Findings;
use crate::json::leaf_lines;
use crate::leaves::leaves;

/// What a statement is made of. AWS refuses others; another reader might not.
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
/// Most patterns of actions that are compared with those that are known.
const PATTERNS_MAX: usize = 512;

/// One statement, in one form however it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    effect: String,
    /// Each member but `Sid` and `Effect`, a lone value as a list of one, in order.
    parts: BTreeMap<&'static str, BTreeSet<String>>,
}

/// A policy that was read.
struct Policy {
    statements: Vec<Statement>,
    /// How many could not be read.
    unread: usize,
}

/// The policy of a text or a document.
pub(crate) fn document(value: &Json) -> Option<Json> {
    match value {
        Json::String(text) => payload::parse(text.as_bytes(), &Limits::PAYLOAD).ok(),
        other => Some(other.clone()),
    }
    .filter(|policy| policy.as_object().is_some())
}

/// Shows a policy, also one that is a text, and what of it is new. False when it is none.
pub(crate) fn show(
    policy: &Json,
    before: Option<&Json>,
    text: bool,
    reading: &mut Reading,
    findings: &mut Findings,
) -> bool {
    let Some(read) = Policy::of(policy, findings) else {
        return false;
    };
    let was = before.and_then(|before| Policy::of(before, findings));
    let mut lines = vec![read.total(was.as_ref())];
    for statement in &read.statements {
        let is_new = was.as_ref().map(|was| !was.statements.contains(statement));
        lines.extend(statement.lines(is_new, findings));
    }
    for statement in was.iter().flat_map(|was| &was.statements) {
        if !read.statements.contains(statement) {
            lines.extend(statement.gone(findings));
        }
    }
    let possible = Possible::of(&read, was.as_ref());
    let some = !possible.now.is_empty() || !possible.as_before.is_empty();
    lines.extend(possible.sentences(findings));
    if read.statements.iter().any(|one| one.effect == "Deny") && some {
        let said = "what a Deny takes away of this is not computed";
        lines.push(Line::of(RunKind::Text, said));
    }
    read.wide(findings);
    reading
        .blocks
        .extend(document::block("What it allows", lines));
    // What stands in a text is decoded below it.
    if !text {
        let mut table = Vec::new();
        findings.again(|findings| {
            leaves(policy, &mut |leaf| table.extend(leaf_lines(leaf, findings)));
        });
        reading.blocks.extend(document::block("Policy", table));
    }
    true
}

/// What is possible at most, with the action and how widely.
type Ways = BTreeMap<&'static str, String>;

/// What a policy makes possible, and what of it the policy before did in the same words.
struct Possible {
    now: Ways,
    as_before: Ways,
}

impl Possible {
    fn of(read: &Policy, was: Option<&Policy>) -> Self {
        // Without a Deny that was there, whatever is allowed is allowed anew.
        let denied = |one: &&Statement| one.effect == "Deny" && !read.statements.contains(one);
        let was = was.filter(|was| !was.statements.iter().any(|one| denied(&one)));
        let is_old = |one: &&Statement| was.is_some_and(|was| was.statements.contains(one));
        let (old, new): (Vec<&Statement>, Vec<&Statement>) =
            read.statements.iter().partition(|one| is_old(one));
        let now = ways(&new);
        let mut as_before = ways(&old);
        as_before.retain(|what, _| !now.contains_key(what));
        Self { now, as_before }
    }

    /// One for each, unless it is everything.
    fn sentences(&self, findings: &mut Findings) -> Vec<Line> {
        let mut possible = |what: &str| {
            let said = format!("this makes it possible to {what}");
            findings.note_text(Flag::GrantsRights, said.clone());
            Line::of(RunKind::Warning, said)
        };
        let everywhere = |how: &String| how.ends_with(", on every resource");
        if self.now.len() == known::KNOWN.len() && self.now.values().all(everywhere) {
            return vec![possible(
                "do anything, and to give itself and others any right",
            )];
        }
        let mut lines = Vec::new();
        for (what, how) in &self.now {
            lines.push(possible(&format!("{what} ({how})")));
        }
        for (what, how) in &self.as_before {
            let said = format!("possible as before: {what} ({how})");
            lines.push(Line::of(RunKind::Text, said));
        }
        lines
    }
}

impl Policy {
    fn of(policy: &Json, findings: &mut Findings) -> Option<Self> {
        let malformed = |why: String, findings: &mut Findings| {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Malformed, why);
        };
        let records = match policy.pointer("/Statement") {
            Some(Json::Array(records)) => records.as_slice(),
            Some(record @ Json::Object(_)) => std::slice::from_ref(record),
            _ => {
                malformed("a policy has a Statement".to_owned(), findings);
                return None;
            }
        };
        let known = ["Version", "Id", "Statement"];
        let members = policy.as_object().unwrap_or_default();
        if members
            .iter()
            .any(|(name, _)| !known.contains(&name.as_str()))
        {
            malformed("a member that no policy has".to_owned(), findings);
        }
        let version = policy.pointer("/Version").and_then(Json::as_str);
        if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
            malformed("a policy of no known version".to_owned(), findings);
        }
        let (mut statements, mut unread) = (Vec::new(), 0);
        for (at, record) in records.iter().enumerate() {
            match Statement::of(record) {
                Ok(statement) => statements.push(statement),
                Err(why) => {
                    unread += 1;
                    malformed(format!("statement {}: {why}", at + 1), findings);
                }
            }
        }
        Some(Self { statements, unread })
    }

    fn total(&self, was: Option<&Self>) -> Line {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let mut said = counted(count(self.statements.len()), "statement");
        match was {
            None => said.push_str("; the policy before is not in the payload"),
            Some(was) => {
                let missing = |one: &Self, other: &Self| {
                    let missing = one
                        .statements
                        .iter()
                        .filter(|statement| !other.statements.contains(statement));
                    missing.count()
                };
                let (added, gone) = (missing(self, was), missing(was, self));
                said.push_str(&format!(", {added} new, {gone} gone"));
            }
        }
        if self.unread > 0 {
            said.push_str(&format!(", {} not understood", self.unread));
        }
        Line::of(RunKind::Label, said)
    }

    /// What reaches beyond what is named.
    fn wide(&self, findings: &mut Findings) {
        let mut patterns = 0;
        for statement in self.statements.iter().filter(|one| one.effect == "Allow") {
            let has = |part: &str, value: &str| {
                let values = statement.parts.get(part);
                values.is_some_and(|values| values.contains(value))
            };
            let some = |part: &str, is: &dyn Fn(&str) -> bool| {
                let mut values = statement.parts.get(part).into_iter().flatten();
                values.any(|value| is(value))
            };
            let anybody = |value: &str| value == "*" || value.ends_with(": *");
            for (found, said) in [
                (has("Action", "*") || has("Action", "*:*"), "every action"),
                (
                    some("Action", &|value| {
                        value.contains(['*', '?']) && !matches!(value, "*" | "*:*")
                    }),
                    "actions by pattern",
                ),
                (
                    statement.parts.contains_key("NotAction"),
                    "every action but those named",
                ),
                (has("Resource", "*"), "every resource"),
                (
                    statement.parts.contains_key("NotResource"),
                    "every resource but those named",
                ),
                (some("Principal", &anybody), "anybody, of any account"),
                (
                    statement.parts.contains_key("NotPrincipal"),
                    "everybody but those named",
                ),
            ] {
                if found {
                    findings.note_text(Flag::Wildcard, said);
                }
            }
            patterns += statement.parts.get("Action").map_or(0, BTreeSet::len);
        }
        if patterns > PATTERNS_MAX {
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Malformed, "more actions than are compared");
        }
    }
}

impl Statement {
    fn of(record: &Json) -> Result<Self, &'static str> {
        let members = record.as_object().ok_or("no object")?;
        let effect = record.pointer("/Effect").and_then(Json::as_str);
        let effect = effect
            .filter(|effect| matches!(*effect, "Allow" | "Deny"))
            .ok_or("its Effect is not Allow or Deny")?;
        let mut parts = BTreeMap::new();
        for (name, value) in members {
            let name = ELEMENTS
                .into_iter()
                .find(|known| known == name)
                .ok_or("a member that no statement has")?;
            match name {
                "Sid" | "Effect" => continue,
                "Principal" | "NotPrincipal" => {
                    parts.insert(
                        name,
                        principals(value).ok_or("principals that are no names")?,
                    );
                }
                "Condition" => {
                    parts.insert(name, conditions(value).ok_or("conditions of another form")?);
                }
                _ => {
                    parts.insert(name, list(value).ok_or("a list of no texts")?);
                }
            }
        }
        let one = |a: &str, b: &str| parts.contains_key(a) != parts.contains_key(b);
        if !one("Action", "NotAction") {
            return Err("it needs Action or NotAction, and not both");
        }
        let resource = one("Resource", "NotResource");
        let principal = one("Principal", "NotPrincipal");
        if !resource && !principal {
            return Err("it names neither resources nor principals");
        }
        Ok(Self {
            effect: effect.to_owned(),
            parts,
        })
    }

    fn lines(&self, is_new: Option<bool>, findings: &mut Findings) -> Vec<Line> {
        let said = match is_new {
            Some(true) => "new, ",
            Some(false) => "as before, ",
            None => "",
        };
        self.shown(said, findings)
    }

    fn gone(&self, findings: &mut Findings) -> Vec<Line> {
        self.shown("gone, ", findings)
    }

    /// `Allow: Action s3:GetObject; Resource *`
    fn shown(&self, said: &str, findings: &mut Findings) -> Vec<Line> {
        let mut lines = vec![Line::of(RunKind::Label, format!("{said}{}", self.effect))];
        for (name, values) in &self.parts {
            for value in values {
                let head = vec![
                    Run::new(RunKind::Text, "  "),
                    Run::new(RunKind::Label, *name),
                    Run::new(RunKind::Text, " "),
                ];
                lines.extend(document::text_lines(head, value, findings));
            }
        }
        lines
    }
}

/// What statements make possible.
fn ways(statements: &[&Statement]) -> Ways {
    let mut possible = BTreeMap::new();
    let mut left = PATTERNS_MAX;
    for statement in statements.iter().filter(|one| one.effect == "Allow") {
        let part = |name: &str| statement.parts.get(name);
        let mut how = String::new();
        if part("Resource").is_some_and(|on| on.contains("*")) {
            how.push_str(", on every resource");
        } else if part("NotResource").is_some() {
            how.push_str(", on every resource but those named");
        }
        if part("Condition").is_some() {
            how.push_str(", under conditions");
        }
        let mut patterns: Vec<&str> = Vec::new();
        for pattern in part("Action").into_iter().flatten() {
            let Some(rest) = left.checked_sub(1) else {
                break;
            };
            left = rest;
            patterns.push(pattern);
        }
        for (action, what) in known::KNOWN {
            let named = patterns
                .iter()
                .any(|pattern| known::matches(pattern, action));
            let others = part("NotAction").is_some_and(|but| {
                !but.iter()
                    .take(PATTERNS_MAX)
                    .any(|pattern| known::matches(pattern, action))
            });
            // In a trust policy the role is the one that is taken, by the principals.
            let trust = action == "sts:AssumeRole" && part("Principal").is_some();
            if named || others {
                let what = if trust {
                    "take this role, by the principals named"
                } else {
                    what
                };
                possible
                    .entry(what)
                    .or_insert_with(|| format!("{action}{how}"));
            }
        }
    }
    possible
}

fn list(value: &Json) -> Option<BTreeSet<String>> {
    match value {
        Json::String(text) => Some(BTreeSet::from([text.clone()])),
        Json::Array(elements) => elements
            .iter()
            .map(|element| element.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// `*`, or names by kind: `AWS: arn:aws:iam::1:root`.
fn principals(value: &Json) -> Option<BTreeSet<String>> {
    let Json::Object(kinds) = value else {
        return list(value);
    };
    let mut found = BTreeSet::new();
    for (kind, names) in kinds {
        if !["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str()) {
            return None;
        }
        for name in list(names)? {
            found.insert(format!("{kind}: {name}"));
        }
    }
    Some(found)
}

/// Operator and key, with their values: `StringEquals aws:PrincipalTag/team = "a" or "b"`.
fn conditions(value: &Json) -> Option<BTreeSet<String>> {
    let quoted = |value: &Json| match value {
        Json::String(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            Some(format!("\"{text}\""))
        }
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(lexeme) => Some(lexeme.as_str().to_owned()),
        _ => None,
    };
    let mut bound = BTreeSet::new();
    for (operator, keys) in value.as_object()? {
        for (key, values) in keys.as_object()? {
            let values: Option<Vec<String>> = match values {
                Json::Array(values) => values.iter().map(quoted).collect(),
                value => quoted(value).map(|value| vec![value]),
            };
            bound.insert(format!("{operator} {key} = {}", values?.join(" or ")));
        }
    }
    Some(bound)
}
