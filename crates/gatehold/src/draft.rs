//! An action as people write it, and the exact envelope it becomes. Descriptor hash, payload size and payload hash are
//! filled in here; the payload's bytes are never touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gatehold_client::wire::{Claims, DescriptorItem, Descriptors, SubmitRequest};
use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{DescriptorId, ResourceId, TargetId, TaskId, WorkloadId};
use gatehold_core::json::canonical;
use serde::Deserialize;

use crate::exit::Failure;

/// An action file: JSON with exactly these members. Give the payload in one of three ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFile {
    /// Id of the descriptor.
    pub descriptor: DescriptorId,
    /// Where.
    pub target: TargetId,
    /// On what.
    pub resource: ResourceId,
    /// How long.
    pub duration_seconds: u32,
    /// Upper bounds.
    #[serde(default)]
    pub caps: BTreeMap<String, u64>,
    /// A state the target must still be in.
    #[serde(default)]
    pub precondition: Option<String>,
    /// Media type; the descriptor's own when it has only one.
    #[serde(default)]
    pub media_type: Option<String>,
    /// The payload as text, verbatim.
    #[serde(default)]
    pub payload: Option<String>,
    /// A file with the payload, beside the action file.
    #[serde(default)]
    pub payload_file: Option<PathBuf>,
    /// The task.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// What is said about it.
    #[serde(default)]
    pub claims: Claims,
}

/// An action that was read, before it is exact.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Id of the descriptor.
    pub descriptor: DescriptorId,
    /// Where.
    pub target: TargetId,
    /// On what.
    pub resource: ResourceId,
    /// How long.
    pub duration_seconds: u32,
    /// Upper bounds.
    pub caps: BTreeMap<String, u64>,
    /// A state the target must still be in.
    pub precondition: Option<String>,
    /// Media type.
    pub media_type: Option<String>,
    /// The payload.
    pub payload: Vec<u8>,
    /// The task; none for a human's own change of the gate.
    pub task: Option<TaskId>,
    /// What is said about it.
    pub claims: Claims,
}

impl Draft {
    /// Reads an action file.
    ///
    /// # Errors
    /// When it is not exactly of the form.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |cause: String| {
            Failure::usage(
                format!("{}: {cause}", path.display()),
                "compare it with docs/reference/action-file.md",
            )
        };
        let text = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
        let file: ActionFile =
            canonical::from_bytes(&text).map_err(|error| wrong(error.to_string()))?;
        let payload = match (file.payload, file.payload_file) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(name)) => {
                let beside = path.parent().unwrap_or(Path::new(".")).join(name);
                std::fs::read(&beside).map_err(|error| Failure::file(&beside, &error))?
            }
            (None, None) => Vec::new(),
            (Some(_), Some(_)) => {
                return Err(wrong("give payload or payload_file, not both".into()));
            }
        };
        Ok(Self {
            descriptor: file.descriptor,
            target: file.target,
            resource: file.resource,
            duration_seconds: file.duration_seconds,
            caps: file.caps,
            precondition: file.precondition,
            media_type: file.media_type,
            payload,
            task: file.task,
            claims: file.claims,
        })
    }

    /// The exact action for this workload under these descriptors.
    ///
    /// # Errors
    /// When there is no such descriptor, or the action is not readable as the gate would read it.
    pub fn exact(&self, workload: &WorkloadId, known: &Descriptors) -> Result<Action, Failure> {
        let descriptor = find(known, &self.descriptor)?;
        let media_type = match &self.media_type {
            Some(media_type) => media_type.clone(),
            None => only(&descriptor)?,
        };
        let envelope = Envelope {
            descriptor: DescriptorRef {
                id: self.descriptor.clone(),
                hash: descriptor.hash(),
            },
            workload: workload.clone(),
            task: self.task,
            target: self.target.clone(),
            resource: self.resource.clone(),
            duration_seconds: self.duration_seconds,
            caps: self.caps.clone(),
            precondition: self.precondition.clone(),
            payload: PayloadRef {
                media_type,
                size: u64::try_from(self.payload.len()).unwrap_or(u64::MAX),
                sha256: Hash::of(&self.payload),
            },
        };
        let bytes = canonical::to_bytes(&envelope)
            .map_err(|error| Failure::usage(error, "lower the numbers"))?;
        Action::parse(&bytes, self.payload.clone())
            .map_err(|error| Failure::usage(error, "correct the action and try again"))
    }

    /// The body that asks for it.
    #[must_use]
    pub fn submission(&self, action: &Action) -> SubmitRequest {
        SubmitRequest {
            envelope: action.envelope_bytes().to_vec().into(),
            payload: action.payload().to_vec().into(),
            claims: self.claims.clone(),
        }
    }
}

/// The descriptor of that id, when its definition has the hash that is listed.
fn find(known: &Descriptors, id: &DescriptorId) -> Result<Descriptor, Failure> {
    let item: &DescriptorItem = known
        .descriptors
        .iter()
        .find(|item| item.id == id.as_str())
        .ok_or_else(|| {
            Failure::usage(
                format!("the active bundle has no descriptor `{id}`"),
                "list them with `gatehold descriptor list`",
            )
        })?;
    let descriptor: Descriptor = canonical::from_canonical_bytes(&item.definition.0)
        .map_err(|error| Failure::verification(error, "update this program, or report it"))?;
    if descriptor.hash().to_string() != item.hash {
        return Err(Failure::verification(
            format!("the definition of `{id}` does not have the hash the gate lists"),
            "do not use this gate before somebody has looked at it",
        ));
    }
    Ok(descriptor)
}

fn only(descriptor: &Descriptor) -> Result<String, Failure> {
    match descriptor.media_types.len() {
        1 => Ok(descriptor.media_types.first().cloned().unwrap_or_default()),
        _ => Err(Failure::usage(
            format!("`{}` takes several media types", descriptor.id),
            format!(
                "say --media-type with one of: {}",
                descriptor
                    .media_types
                    .iter()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )),
    }
}
