//! A Terraform plan, as `terraform show -json` writes it: how much it makes, changes, destroys and replaces, then each
//! change with what differs.
//!
//! What the plan masks is counted and never shown. What says one thing and holds another, or is of a form that is not
//! known here, is uninspectable.

mod compare;
mod masks;

use std::collections::BTreeSet;

use gatehold_core::json::payload::Json;
use gatehold_core::wording::{counted, grouped};

use crate::display::{Flag, Line, Run, RunKind};
use crate::document::{self, Reading, Understood};
use crate::findings::Findings;
use compare::Compared;

pub(crate) use masks::mask;

/// What is known of the whole plan; everything else of it is not described.
const HEAD: [&str; 6] = [
    "format_version",
    "terraform_version",
    "timestamp",
    "applyable",
    "complete",
    "errored",
];
/// What is known of one change of a resource.
const CHANGE: [&str; 5] = [
    "address",
    "previous_address",
    "provider_name",
    "deposed",
    "action_reason",
];
/// What an address is made of.
const NAMES: [&str; 5] = ["module_address", "mode", "type", "name", "index"];

/// What a plan does to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Create,
    Change,
    Destroy,
    Replace,
    Forget,
    Read,
    Nothing,
}

impl Act {
    const ALL: [Self; 7] = [
        Self::Create,
        Self::Change,
        Self::Destroy,
        Self::Replace,
        Self::Forget,
        Self::Read,
        Self::Nothing,
    ];

    fn of(actions: &[&str]) -> Option<Self> {
        Some(match actions {
            ["create"] => Self::Create,
            ["update"] => Self::Change,
            ["delete"] => Self::Destroy,
            ["delete", "create"] | ["create", "delete"] => Self::Replace,
            ["forget"] => Self::Forget,
            ["read"] => Self::Read,
            ["no-op"] => Self::Nothing,
            _ => return None,
        })
    }

    const fn said(self) -> &'static str {
        match self {
            Self::Create => "makes",
            Self::Change => "changes",
            Self::Destroy => "destroys",
            Self::Replace => "destroys and makes again",
            Self::Forget => "forgets, and leaves as it is",
            Self::Read => "reads",
            Self::Nothing => "leaves as it is",
        }
    }

    const fn counted(self) -> &'static str {
        match self {
            Self::Create => "to make",
            Self::Change => "to change",
            Self::Destroy => "to destroy",
            Self::Replace => "to replace",
            Self::Forget => "to forget",
            Self::Read => "to read",
            Self::Nothing => "left as they are",
        }
    }

    const fn destroys(self) -> bool {
        matches!(self, Self::Destroy | Self::Replace)
    }

    /// Whether a change that says so may have these sides.
    fn fits(self, before: &Json, after: &Json) -> bool {
        let (was, is) = (*before != Json::Null, *after != Json::Null);
        match self {
            Self::Create => !was && is,
            Self::Change | Self::Replace => was && is,
            Self::Destroy | Self::Forget => was && !is,
            Self::Read => true,
            Self::Nothing => before == after,
        }
    }
}

/// One change, as far as it is understood.
struct Change<'a> {
    name: String,
    /// Its names are those that its address is made of.
    is_called_so: bool,
    act: Option<Act>,
    record: &'a Json,
    change: &'a Json,
}

impl Change<'_> {
    /// An output is its own change; a resource has one.
    fn is_output(&self) -> bool {
        std::ptr::eq(self.record, self.change)
    }
}

/// Shows a plan and says what of it was understood.
pub(crate) fn show(plan: &Json, reading: &mut Reading, findings: &mut Findings) {
    let form = plan.pointer("/format_version").and_then(Json::as_str);
    let known = form.is_some_and(|form| form.starts_with("0.") || form.starts_with("1."));
    let Some(Json::Array(records)) = plan.pointer("/resource_changes").filter(|_| known) else {
        findings.raise(Flag::Uninspectable);
        let why = "no Terraform plan of a known form: format_version and resource_changes";
        return findings.note_text(Flag::Malformed, why);
    };
    let changes: Vec<Change<'_>> = records.iter().map(|one| resource(one, findings)).collect();
    let outputs: Vec<Change<'_>> = members(plan, "output_changes")
        .iter()
        .map(|(name, record)| Change {
            name: format!("output {name}"),
            is_called_so: false,
            act: act(record),
            record,
            change: record,
        })
        .collect();
    let mut lines = vec![total(&changes)];
    lines.extend(head(plan, &outputs, findings));
    reading
        .blocks
        .extend(document::block("Terraform plan", lines));
    let mut lost = Vec::new();
    for act in [Act::Destroy, Act::Replace] {
        for change in changes.iter().filter(|change| change.act == Some(act)) {
            lost.extend(findings.again(|findings| named(act.said(), change, findings)));
        }
    }
    reading
        .blocks
        .extend(document::block("Destroyed or replaced", lost));
    let mut shown = Vec::new();
    for change in changes.iter().chain(&outputs) {
        shown.extend(one(change, &mut reading.understood, findings));
    }
    reading.blocks.extend(document::block("Changes", shown));
    // A list without changes says nothing but that.
    if records.is_empty() {
        plan.pointer("/resource_changes")
            .into_iter()
            .for_each(|none| reading.understood.add(none));
    }
    for name in HEAD {
        if let Some(value) = plain(plan, name) {
            reading.understood.add(value);
        }
    }
}

fn resource<'a>(record: &'a Json, findings: &mut Findings) -> Change<'a> {
    let change = record.pointer("/change").unwrap_or(&Json::Null);
    let name = record.pointer("/address").and_then(Json::as_str);
    if name.is_none() {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "a change of a resource without an address");
    }
    let is_called_so = name == called(record).as_deref();
    if !is_called_so {
        findings.raise(Flag::Uninspectable);
        let mut runs = vec![Run::new(
            RunKind::Text,
            "its names are not those of its address: ",
        )];
        runs.extend(document::short(name.unwrap_or(""), findings));
        findings.note(Flag::Ambiguous, runs);
    }
    Change {
        name: name.unwrap_or("without an address").to_owned(),
        is_called_so,
        act: act(change),
        record,
        change,
    }
}

/// The address that the names of a resource make.
fn called(record: &Json) -> Option<String> {
    let text = |name: &str| record.pointer(name).and_then(Json::as_str);
    let module = text("/module_address").map_or_else(String::new, |module| format!("{module}."));
    let mode = match text("/mode")? {
        "managed" => "",
        "data" => "data.",
        _ => return None,
    };
    let index = match record.pointer("/index") {
        None => String::new(),
        Some(Json::Number(lexeme)) => format!("[{}]", lexeme.as_str()),
        Some(Json::String(key)) => {
            format!("[\"{}\"]", key.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Some(_) => return None,
    };
    Some(format!(
        "{module}{mode}{}.{}{index}",
        text("/type")?,
        text("/name")?
    ))
}

fn act(change: &Json) -> Option<Act> {
    let actions: Option<Vec<&str>> = change
        .pointer("/actions")?
        .as_array()?
        .iter()
        .map(Json::as_str)
        .collect();
    Act::of(&actions?)
}

/// `2 to make, 0 to change, 1 to destroy, 0 to replace`
fn total(changes: &[Change<'_>]) -> Line {
    let mut said = Vec::new();
    for act in Act::ALL {
        let count = changes
            .iter()
            .filter(|change| change.act == Some(act))
            .count();
        let always = matches!(act, Act::Create | Act::Change | Act::Destroy | Act::Replace);
        if count > 0 || always {
            said.push(format!("{} {}", grouped(count), act.counted()));
        }
    }
    let odd = changes.iter().filter(|change| change.act.is_none()).count();
    if odd > 0 {
        said.push(format!("{} not understood", grouped(odd)));
    }
    Line::of(RunKind::Label, said.join(", "))
}

fn head(plan: &Json, outputs: &[Change<'_>], findings: &mut Findings) -> Vec<Line> {
    let mut lines = Vec::new();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let changed = outputs
        .iter()
        .filter(|output| output.act != Some(Act::Nothing))
        .count();
    if changed > 0 {
        let said = format!("{} changed", counted(count(changed), "output"));
        lines.push(Line::of(RunKind::Text, said));
    }
    if findings.masks() > 0 {
        let said = format!(
            "{} masked by the plan",
            counted(count(findings.masks()), "value")
        );
        lines.push(Line::of(RunKind::Warning, said));
    }
    for (name, label) in [
        ("terraform_version", "made by Terraform"),
        ("format_version", "form"),
        ("timestamp", "made at"),
    ] {
        if let Some(value) = plain(plan, name) {
            let head = Line::labelled(label, Vec::new()).runs;
            lines.extend(document::value_lines(head, value, findings));
        }
    }
    let providers: BTreeSet<&str> = elements(plan, "resource_changes")
        .iter()
        .filter_map(|record| record.pointer("/provider_name")?.as_str())
        .collect();
    for provider in providers {
        lines.extend(document::labelled("provider", provider, findings));
    }
    for (name, usual, said) in [
        (
            "errored",
            false,
            "planning failed: this is not the whole plan",
        ),
        (
            "complete",
            true,
            "more is to be planned after this was applied",
        ),
        ("applyable", true, "Terraform would not apply this plan"),
    ] {
        let Some(value) = plan.pointer(&format!("/{name}")) else {
            continue;
        };
        if *value != Json::Bool(usual) {
            lines.push(Line::of(RunKind::Warning, said));
            findings.raise(Flag::Uninspectable);
            findings.note_text(Flag::Malformed, said);
        }
    }
    lines
}

/// `destroys: aws_db_instance.orders`
fn named(said: &str, change: &Change<'_>, findings: &mut Findings) -> Vec<Line> {
    document::labelled(said, &change.name, findings)
}

fn one(change: &Change<'_>, understood: &mut Understood, findings: &mut Findings) -> Vec<Line> {
    let said = change.act.map_or("not understood", Act::said);
    let mut lines = named(said, change, findings);
    for (name, label) in [
        ("previous_address", "  was called"),
        ("deposed", "  an object that was left behind"),
        ("action_reason", "  because"),
    ] {
        if let Some(value) = plain(change.record, name) {
            let head = Line::labelled(label, Vec::new()).runs;
            lines.extend(document::value_lines(head, value, findings));
        }
    }
    for name in NAMES {
        let value = change.record.pointer(&format!("/{name}"));
        if let Some(value) = value.filter(|_| change.is_called_so) {
            understood.add(value);
        }
    }
    for name in CHANGE.iter().filter(|_| !change.is_output()) {
        if let Some(value) = plain(change.record, name) {
            understood.add(value);
        }
    }
    let side = |name: &str| change.change.pointer(name).unwrap_or(&Json::Null);
    let unknown = change.change.pointer("/after_unknown");
    let compared = Compared {
        before: side("/before"),
        after: side("/after"),
        unknown,
    };
    let differences = compared.differences(findings);
    check(change, &compared, differences.count, findings);
    lines.extend(differences.lines);
    for name in ["/before", "/after"] {
        if let Some(value) = change.change.pointer(name) {
            understood.add(value);
        }
    }
    for marks in ["/after_unknown", "/before_sensitive", "/after_sensitive"] {
        if let Some(marks) = change.change.pointer(marks) {
            understood.add_marks(marks);
        }
    }
    if let Some(actions) = change
        .change
        .pointer("/actions")
        .filter(|_| change.act.is_some())
    {
        understood.add(actions);
    }
    if let Some(paths) = change.change.pointer("/replace_paths")
        && let Some(more) = compare::paths("  replaced because of", paths, findings)
    {
        understood.add(paths);
        lines.extend(more);
    }
    lines
}

/// What a change says it does is what its two sides show, or nobody can tell.
fn check(change: &Change<'_>, compared: &Compared<'_>, differ: usize, findings: &mut Findings) {
    let note = |flag: Flag, before: &str, findings: &mut Findings| {
        let mut runs = vec![Run::new(RunKind::Text, before)];
        runs.extend(document::short(&change.name, findings));
        findings.note(flag, runs);
    };
    let Some(act) = change.act else {
        findings.raise(Flag::Uninspectable);
        return note(Flag::Malformed, "actions that are not known: ", findings);
    };
    let later = matches!(act, Act::Create | Act::Change | Act::Replace | Act::Read);
    let fits = act.fits(compared.before, compared.after)
        || later && compared.unknown == Some(&Json::Bool(true));
    // An output may be planned to be nothing.
    let is_free = change.is_output() && act != Act::Nothing;
    let lies = act == Act::Nothing && differ > 0;
    if lies || !(fits || is_free) {
        findings.raise(Flag::Uninspectable);
        note(
            Flag::Ambiguous,
            "what it says it does is not what it holds: ",
            findings,
        );
    }
    if act.destroys() && !change.is_output() {
        note(Flag::Destroys, "", findings);
    }
    let whole = |marks: &str| change.change.pointer(marks) == Some(&Json::Bool(true));
    if !change.is_output() && (whole("/before_sensitive") || whole("/after_sensitive")) {
        findings.raise(Flag::Uninspectable);
        note(Flag::Hidden, "the plan masks all of it: ", findings);
    }
}

/// A text, a truth value: nothing that has parts.
fn plain<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    value
        .pointer(&format!("/{name}"))
        .filter(|value| value.as_str().is_some() || value.as_bool().is_some())
}

fn elements<'a>(value: &'a Json, name: &str) -> &'a [Json] {
    let found = value.pointer(&format!("/{name}"));
    found.and_then(Json::as_array).unwrap_or_default()
}

fn members<'a>(value: &'a Json, name: &str) -> &'a [(String, Json)] {
    let found = value.pointer(&format!("/{name}"));
    found.and_then(Json::as_object).unwrap_or_default()
}
