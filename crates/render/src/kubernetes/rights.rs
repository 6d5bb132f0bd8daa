//! Roles and their bindings: who may do what, and which of it leads to more.

use gatehold_core::json::payload::Json;

use crate::display::{Flag, Line, Run, RunKind};
use crate::document;
use crate::findings::Findings;

/// Roles that may do everything, or nearly so.
const STRONG: [&str; 4] = ["cluster-admin", "admin", "edit", "system:node"];
/// Groups of everybody, and the one that no rule binds.
const EVERYBODY: [&str; 6] = [
    "system:masters",
    "system:anonymous",
    "system:unauthenticated",
    "system:authenticated",
    "system:serviceaccounts",
    "system:nodes",
];
/// Resources, verbs on them (none is any that changes), and what they make possible.
const LEADS_ON: [(&str, &[&str], &str); 9] = [
    ("secrets", &["get", "list", "watch"], "read secrets"),
    (
        "pods/exec",
        &["create", "get"],
        "run programs in containers",
    ),
    (
        "pods/attach",
        &["create", "get"],
        "speak with programs in containers",
    ),
    (
        "pods",
        &["create"],
        "run anything as any service account of the namespace",
    ),
    (
        "serviceaccounts/token",
        &["create"],
        "act as any service account",
    ),
    ("nodes/proxy", &["create", "get"], "run programs on nodes"),
    (
        "certificatesigningrequests/approval",
        &["update", "patch"],
        "have certificates of others signed",
    ),
    (
        "mutatingwebhookconfigurations",
        &["create", "update", "patch"],
        "change every object on its way in",
    ),
    (
        "validatingwebhookconfigurations",
        &["create", "update", "patch"],
        "read every object on its way in",
    ),
];

/// What a role or a binding of roles gives; nothing for other objects.
pub(super) fn lines(object: &Json, findings: &mut Findings) -> Vec<Line> {
    let kind = object.pointer("/kind").and_then(Json::as_str).unwrap_or("");
    if kind.ends_with("RoleBinding") {
        return binding(object, findings);
    }
    if !kind.ends_with("Role") {
        return Vec::new();
    }
    if object.pointer("/aggregationRule").is_some() {
        findings.note_text(
            Flag::GrantsRights,
            "the rules of other roles are added to this one",
        );
    }
    let rules = object.pointer("/rules").and_then(Json::as_array);
    let mut lines = Vec::new();
    for rule in rules.unwrap_or_default() {
        lines.extend(self::rule(rule, findings));
    }
    lines
}

fn texts<'a>(value: &'a Json, pointer: &str) -> Vec<&'a str> {
    let list = value.pointer(pointer).and_then(Json::as_array);
    let list = list.unwrap_or_default();
    list.iter().filter_map(Json::as_str).collect()
}

/// `may: get, list of secrets`
fn rule(rule: &Json, findings: &mut Findings) -> Vec<Line> {
    let verbs = texts(rule, "/verbs");
    let mut things = texts(rule, "/resources");
    things.extend(texts(rule, "/nonResourceURLs"));
    let groups = texts(rule, "/apiGroups");
    let names = texts(rule, "/resourceNames");
    let of = match names.as_slice() {
        [] => String::new(),
        names => format!(", named {}", names.join(", ")),
    };
    let said = format!("{} of {}{of}", verbs.join(", "), things.join(", "));
    for (list, what) in [
        (&verbs, "every verb"),
        (&things, "every resource"),
        (&groups, "every group of resources"),
    ] {
        if list.contains(&"*") {
            findings.note_text(Flag::Wildcard, what);
        }
    }
    let may = |wanted: &[&str]| {
        verbs
            .iter()
            .any(|verb| *verb == "*" || wanted.contains(verb))
    };
    for (verb, possible) in [
        (
            "escalate",
            "give a role rights that the giver does not have",
        ),
        ("bind", "give any role to anybody"),
        ("impersonate", "act as somebody else"),
    ] {
        if may(&[verb]) {
            possible_now(possible, findings);
        }
    }
    for (resource, wanted, possible) in LEADS_ON {
        let part = resource
            .split_once('/')
            .map(|(_, part)| format!("*/{part}"));
        let on = things
            .iter()
            .any(|thing| *thing == "*" || *thing == resource || part.as_deref() == Some(*thing));
        if on && may(wanted) {
            possible_now(possible, findings);
        }
    }
    shown("may", &said, findings)
}

fn binding(object: &Json, findings: &mut Findings) -> Vec<Line> {
    let text = |value: &Json, pointer: &str| {
        let text = value.pointer(pointer).and_then(Json::as_str);
        text.unwrap_or("not named").to_owned()
    };
    let role = text(object, "/roleRef/name");
    let mut lines = shown("role", &role, findings);
    if STRONG.contains(&role.as_str()) {
        let mut runs = vec![Run::new(RunKind::Text, "the role ")];
        runs.extend(document::short(&role, findings));
        findings.note(Flag::GrantsRights, runs);
    }
    let subjects = object.pointer("/subjects").and_then(Json::as_array);
    for subject in subjects.unwrap_or_default() {
        let name = text(subject, "/name");
        let place = subject.pointer("/namespace").and_then(Json::as_str);
        let said = match place {
            Some(place) => format!("{} {place}/{name}", text(subject, "/kind")),
            None => format!("{} {name}", text(subject, "/kind")),
        };
        let is_group = EVERYBODY
            .iter()
            .any(|group| name == *group || name.starts_with(&format!("{group}:")));
        if is_group {
            let mut runs = vec![Run::new(RunKind::Text, "to ")];
            runs.extend(document::short(&name, findings));
            findings.note(Flag::GrantsRights, runs);
        }
        lines.extend(shown("  to", &said, findings));
    }
    lines
}

fn possible_now(possible: &str, findings: &mut Findings) {
    let said = format!("this makes it possible to {possible}");
    findings.note_text(Flag::GrantsRights, said);
}

fn shown(label: &str, text: &str, findings: &mut Findings) -> Vec<Line> {
    findings.again(|findings| document::labelled(label, text, findings))
}
