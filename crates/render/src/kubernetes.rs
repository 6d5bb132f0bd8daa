//! Kubernetes objects, alone, in a list, or as the body of a call: which object, what is done to it, and what in it
//! reaches further than its own work.
//!
//! Everything of an object is listed; data of a Secret by its type alone. What stands where matters more than the kind:
//! a custom kind that holds a pod is read like a pod.

mod call;
mod rights;

use gatehold_core::json::payload::{Json, escape_token};
use gatehold_core::wording::counted;

use crate::display::{Flag, Line, Run, RunKind};
use crate::document::{self, Reading};
use crate::findings::Findings;
use crate::json::leaf_lines;
use crate::leaves::leaves;
use call::Call;

const MASKED: &str = "data of a Secret";
/// Holds the whole object once more, as text.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Masks the data of every Secret.
pub(crate) fn mask(value: &Json, findings: &mut Findings) {
    match Call::of(value) {
        Some(call) => {
            let secrets = call.resource == Some("secrets");
            if let Some(body) = call.body {
                mask_object(body, secrets, findings);
            }
        }
        None => mask_object(value, false, findings),
    }
}

fn mask_object(object: &Json, secret: bool, findings: &mut Findings) {
    let kind = object.pointer("/kind").and_then(Json::as_str);
    if let Some(items) = object.pointer("/items").and_then(Json::as_array) {
        for item in items {
            mask_object(item, secret || kind == Some("SecretList"), findings);
        }
    }
    if !secret && kind != Some("Secret") {
        return;
    }
    if let Json::Array(_) = object {
        // A list of operations: any of them may write data.
        return findings.mask(object, MASKED);
    }
    for part in ["data", "stringData"] {
        if let Some(data) = object.pointer(&format!("/{part}")) {
            findings.mask(data, MASKED);
        }
    }
    let pointer = format!("/metadata/annotations/{}", escape_token(LAST_APPLIED));
    if let Some(text) = object.pointer(&pointer) {
        findings.mask(text, MASKED);
    }
}

/// Shows what is done to which objects, and all of them.
pub(crate) fn show(value: &Json, reading: &mut Reading, findings: &mut Findings) {
    let mut lines = Vec::new();
    let call = Call::of(value);
    let body = match &call {
        Some(call) => {
            lines.extend(call.lines(findings));
            call.understood(value, &mut reading.understood);
            call.body
        }
        None => Some(value),
    };
    let mut table = Vec::new();
    match body {
        None => {}
        Some(body @ Json::Object(_)) => {
            document::look_for_hidden(body, findings);
            objects(body, call.as_ref(), &mut lines, findings);
            leaves(body, &mut |leaf| table.extend(leaf_lines(leaf, findings)));
            reading.understood.add(body);
        }
        Some(_) => {
            findings.raise(Flag::Uninspectable);
            findings.note_text(
                Flag::Malformed,
                "a list of operations on an object is not taken apart",
            );
        }
    }
    reading.blocks.extend(document::block("Kubernetes", lines));
    reading.blocks.extend(document::block("Object", table));
}

/// Each object on a line, with what in it reaches further.
fn objects(object: &Json, call: Option<&Call<'_>>, lines: &mut Vec<Line>, findings: &mut Findings) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
    let kind = text("/kind");
    if let Some(items) = object.pointer("/items").and_then(Json::as_array)
        && kind.is_some_and(|kind| kind.ends_with("List"))
    {
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let said = format!("a list of {}", counted(count, "object"));
        lines.push(Line::of(RunKind::Text, said));
        for item in items {
            objects(item, None, lines, findings);
        }
        return;
    }
    let partial = call.is_some_and(|call| call.verb == "patch" || call.verb == "delete");
    let named = text("/apiVersion").is_some() && kind.is_some();
    if !named && !partial {
        findings.raise(Flag::Uninspectable);
        findings.note_text(Flag::Malformed, "an object without apiVersion and kind");
    }
    if call.is_some_and(|call| call.verb == "patch") {
        lines.push(Line::of(
            RunKind::Text,
            "part of an object: what it becomes together with the rest is not shown",
        ));
    }
    if let Some(call) = call {
        call.compare(object, findings);
    }
    if named || !partial {
        lines.extend(name(object, findings));
    }
    let mut walk = Walk {
        pointer: String::new(),
        findings,
    };
    walk.enter("", object);
    lines.extend(rights::lines(object, findings));
}

/// `apps/v1 Deployment: shop/api`
fn name(object: &Json, findings: &mut Findings) -> Vec<Line> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
    let generated = text("/metadata/generateName").map(|begin| format!("{begin} and a random end"));
    let kind = format!(
        "{} {}",
        text("/apiVersion").unwrap_or("no apiVersion"),
        text("/kind").unwrap_or("no kind")
    );
    let name = text("/metadata/name")
        .map(str::to_owned)
        .or(generated)
        .unwrap_or_else(|| "without a name".to_owned());
    let place = match text("/metadata/namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    };
    let said = format!("{kind}: {place}");
    findings.again(|findings| document::labelled("object", &said, findings))
}

/// Looks at every member of an object, wherever it stands.
struct Walk<'f> {
    pointer: String,
    findings: &'f mut Findings,
}

impl Walk<'_> {
    fn enter(&mut self, name: &str, value: &Json) {
        self.look(name, value);
        match value {
            Json::Object(members) => {
                for (name, member) in members {
                    self.step(&escape_token(name), name, member);
                }
            }
            Json::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    self.step(&at.to_string(), "", element);
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, token: &str, name: &str, value: &Json) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(token);
        self.enter(name, value);
        self.pointer.truncate(length);
    }

    fn look(&mut self, name: &str, value: &Json) {
        let yes = *value == Json::Bool(true);
        let zero = value
            .as_number()
            .is_some_and(|number| number.decimal().to_i64() == Some(0));
        let set = value.as_object().is_some();
        let some = value.as_array().is_some_and(|list| !list.is_empty());
        match name {
            "privileged" if yes => self.note(Flag::HostAccess, "privileged: "),
            "allowPrivilegeEscalation" if yes => {
                self.note(Flag::HostAccess, "may gain more rights: ");
            }
            "hostNetwork" if yes => self.note(Flag::HostAccess, "network of the node: "),
            "hostPID" if yes => self.note(Flag::HostAccess, "processes of the node: "),
            "hostIPC" if yes => self.note(Flag::HostAccess, "shared memory of the node: "),
            "hostPath" if set => self.text(Flag::HostAccess, "files of the node: ", value, "/path"),
            "hostPort" if !zero => self.note(Flag::HostAccess, "port of the node: "),
            "type" | "procMount" if matches!(value.as_str(), Some("Unconfined" | "Unmasked")) => {
                self.note(Flag::HostAccess, "without its usual confinement: ");
            }
            "add" if some && self.pointer.ends_with("/capabilities/add") => {
                let names = value.as_array().unwrap_or_default();
                let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
                let mut runs = vec![Run::new(RunKind::Text, "capabilities added: ")];
                runs.extend(document::short(&names.join(", "), self.findings));
                self.findings.note(Flag::HostAccess, runs);
            }
            "runAsUser" | "runAsGroup" if zero => self.note(Flag::RunsAsRoot, ""),
            "runAsNonRoot" if *value == Json::Bool(false) => self.note(Flag::RunsAsRoot, ""),
            "image" => {
                if let Some(image) = value.as_str().filter(|image| !is_pinned(image)) {
                    let runs = document::short(image, self.findings);
                    self.findings.note(Flag::ImageTag, runs);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, flag: Flag, said: &str) {
        let mut runs = vec![Run::new(RunKind::Text, said)];
        runs.extend(document::short(&self.pointer, self.findings));
        self.findings.note(flag, runs);
    }

    fn text(&mut self, flag: Flag, said: &str, value: &Json, pointer: &str) {
        let text = value.pointer(pointer).and_then(Json::as_str);
        let mut runs = vec![Run::new(RunKind::Text, said)];
        runs.extend(document::short(
            text.unwrap_or(&self.pointer),
            self.findings,
        ));
        self.findings.note(flag, runs);
    }
}

/// Whether an image is named by its digest: a tag may be another image tomorrow.
fn is_pinned(image: &str) -> bool {
    image.rsplit_once("@sha256:").is_some_and(|(_, digest)| {
        digest.len() == 64
            && digest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
