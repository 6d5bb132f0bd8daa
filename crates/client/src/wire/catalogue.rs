//! `GET /v1/gate`, `GET /v1/descriptors`: what a gate is and which kinds of action it knows, for anyone who is known to it.

use std::collections::BTreeMap;

use super::bytes::Base64Bytes;
use serde::{Deserialize, Serialize};

/// The gate, as `GET /v1/gate` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateInfo {
    /// Its log origin.
    pub origin: String,
    /// Hash of its root statement.
    pub root: String,
    /// Hash of the bundle that decides now.
    pub bundle: String,
    /// The store's time.
    pub now: i64,
    /// The caller, as the gate knows it: a workload, a point, or `subject@issuer`.
    pub caller: String,
    /// Where it executes what was approved: `in_process`, where the secrets of the targets lie in its own process, or `executor`, one of
    /// its own that alone has them and proves everything again.
    pub execution: String,
    /// What its pages are made of; nothing where it has none.
    pub page_files: Option<PageFilesInfo>,
}

/// The files that a gate says its pages are made of. Whoever doubts it compares them with a program of their own:
/// `gatehold doctor --pages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PageFilesInfo {
    /// One hash of all of them, as a view names it.
    pub set: String,
    /// The hash of each file below `/static/`, by its name.
    pub files: BTreeMap<String, String>,
}

/// The kinds of action of the active bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Descriptors {
    /// Hash of the bundle they stand in.
    pub bundle: String,
    /// Ordered by id.
    pub descriptors: Vec<DescriptorItem>,
}

/// One kind of action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DescriptorItem {
    /// Its id.
    pub id: String,
    /// The hash that an envelope names.
    pub hash: String,
    /// Counts its changes.
    pub version: u32,
    /// What it is, in a few words.
    pub title: String,
    /// The definition, canonical JSON.
    pub definition: Base64Bytes,
}
