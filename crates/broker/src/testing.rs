//! Real peers for tests: a PostgreSQL server of one's own, and listeners that record what reaches them.

pub(crate) mod listener;
pub(crate) mod postgres;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use gatehold_gate::ports::executor::Execution;

use crate::config::Targets;
use crate::executors::Executors;

/// A secret that must be found nowhere.
pub(crate) const CANARY: &str = "canary-5f3a9b1d-SECRET";

/// A folder with the canary in a file only its owner reads.
pub(crate) fn secret_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{CANARY}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

/// Executors over a configuration, that know every descriptor as a writing one.
pub(crate) fn executors(toml: &str) -> Executors {
    let targets = Targets::from_toml(toml, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
    Executors::new(targets, |_: &_| None)
}

/// The body as JSON.
pub(crate) fn json(execution: &Execution) -> serde_json::Value {
    serde_json::from_slice(&execution.body).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&execution.body));
    })
}

/// Fails when the canary is anywhere in what a call left behind.
pub(crate) fn assert_no_canary(execution: &Execution) {
    let all = format!(
        "{execution:?} {} {}",
        String::from_utf8_lossy(&execution.body),
        execution.media_type
    );
    assert!(!all.contains(CANARY), "{all}");
}
