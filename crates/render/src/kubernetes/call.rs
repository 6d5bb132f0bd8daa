//! A call of the API of Kubernetes, as an HTTP target takes it: its verb, and which object its path names.

use gatehold_core::json::payload::Json;

use crate::display::{Flag, Line, Run, RunKind};
use crate::document::{self, Understood};
use crate::findings::Findings;

/// What is done beside the object itself.
const SUBRESOURCES: [(&str, &str); 9] = [
    ("exec", "runs a program in a container"),
    ("attach", "speaks with a program in a container"),
    ("portforward", "reaches ports of a pod"),
    ("proxy", "reaches what listens behind the API"),
    ("ephemeralcontainers", "puts a container into a running pod"),
    ("token", "makes a token of a service account"),
    ("eviction", "removes a pod"),
    ("binding", "places a pod on a node"),
    ("approval", "approves a certificate"),
];

pub(super) struct Call<'a> {
    pub(super) verb: &'static str,
    method: &'a str,
    path: &'a str,
    /// `apps/v1` or `v1`.
    version: Option<String>,
    namespace: Option<&'a str>,
    pub(super) resource: Option<&'a str>,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
    /// Whether the path is one of the API.
    is_known: bool,
    pub(super) body: Option<&'a Json>,
}

impl<'a> Call<'a> {
    /// A call has a method and a path. What says its kind is an object, whatever else it holds.
    pub(super) fn of(value: &'a Json) -> Option<Self> {
        if value.pointer("/kind").is_some() || value.pointer("/apiVersion").is_some() {
            return None;
        }
        let method = value.pointer("/method")?.as_str()?;
        let path = value.pointer("/path")?.as_str()?;
        let steps: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let (version, rest) = match steps.as_slice() {
            ["api", version, rest @ ..] => (Some((*version).to_owned()), rest),
            ["apis", group, version, rest @ ..] => (Some(format!("{group}/{version}")), rest),
            _ => (None, [].as_slice()),
        };
        let (namespace, rest) = match rest {
            // Three steps name something in a namespace, two the namespace itself.
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let mut rest = rest.iter().copied();
        let (resource, name, subresource) = (rest.next(), rest.next(), rest.next());
        let plain = |step: &&str| !step.is_empty() && !step.contains(['%', '?', '#', '\\']);
        let is_known = version.is_some()
            && resource.is_some()
            && rest.next().is_none()
            && steps.iter().all(plain);
        let verb = match (method, name) {
            ("POST", _) => "create",
            ("PUT", _) => "replace",
            ("PATCH", _) => "patch",
            ("DELETE", Some(_)) => "delete",
            ("DELETE", None) => "delete all",
            ("GET" | "HEAD", Some(_)) => "get",
            ("GET" | "HEAD", None) => "list",
            _ => "unknown",
        };
        Some(Self {
            verb,
            method,
            path,
            version,
            namespace,
            resource,
            name,
            subresource,
            is_known: is_known && verb != "unknown",
            body: value.pointer("/body"),
        })
    }

    pub(super) fn lines(&self, findings: &mut Findings) -> Vec<Line> {
        if !self.is_known {
            findings.raise(Flag::Uninspectable);
            let mut runs = vec![Run::new(
                RunKind::Text,
                "no call of the API that is known: ",
            )];
            runs.extend(document::short(self.path, findings));
            findings.note(Flag::Malformed, runs);
        }
        let verb = vec![Run::new(RunKind::Text, self.verb)];
        let mut lines = vec![Line::labelled("verb", verb)];
        lines.extend(document::labelled("method", self.method, findings));
        lines.extend(document::labelled("path", self.path, findings));
        findings.again(|findings| {
            for (label, text) in [
                ("version", self.version.as_deref()),
                ("resource", self.resource),
                ("namespace", self.namespace),
                ("name", self.name),
                ("subresource", self.subresource),
            ] {
                if let Some(text) = text {
                    lines.extend(document::labelled(label, text, findings));
                }
            }
        });
        if self.verb == "delete all" {
            findings.note_text(Flag::Destroys, "every object of the resource is deleted");
        } else if self.verb == "delete" {
            let mut runs = vec![Run::new(RunKind::Text, "deletes ")];
            runs.extend(document::short(self.name.unwrap_or(""), findings));
            findings.note(Flag::Destroys, runs);
        }
        if let Some(subresource) = self.subresource {
            let known = SUBRESOURCES.iter().find(|(name, _)| *name == subresource);
            if let Some((_, said)) = known {
                findings.note_text(Flag::GrantsRights, *said);
            }
        }
        lines
    }

    /// What a call holds is understood but for its headers, its query and what nobody knows.
    pub(super) fn understood(&self, value: &Json, understood: &mut Understood) {
        for part in ["/method", "/path"] {
            if let Some(value) = value.pointer(part) {
                understood.add(value);
            }
        }
    }

    /// The object in the body is the one that the path names, or nobody can tell which counts.
    pub(super) fn compare(&self, object: &Json, findings: &mut Findings) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
        let differs = |said: Option<&str>, named: Option<&str>| matches!((said, named), (Some(said), Some(named)) if said != named);
        if text("/kind") == Some("DeleteOptions") {
            return;
        }
        let kind = text("/kind").filter(|_| self.subresource.is_none());
        let other = kind
            .zip(self.resource)
            .is_some_and(|(kind, resource)| !is_plural(kind, resource));
        let version = self
            .version
            .as_deref()
            .filter(|_| self.subresource.is_none());
        if other
            || differs(text("/metadata/name"), self.name)
            || differs(text("/metadata/namespace"), self.namespace)
            || differs(text("/apiVersion"), version)
            || text("/metadata/namespace").is_some() && self.namespace.is_none()
        {
            findings.raise(Flag::Uninspectable);
            findings.note_text(
                Flag::Ambiguous,
                "the path names another object than the body holds",
            );
        }
    }
}

/// `deployments` is the resource of a `Deployment`, `networkpolicies` that of a `NetworkPolicy`.
fn is_plural(kind: &str, resource: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let begin = kind.strip_suffix('y').unwrap_or(&kind);
    resource
        .strip_prefix(begin)
        .is_some_and(|end| matches!(end, "" | "s" | "es" | "ies" | "ys"))
}
