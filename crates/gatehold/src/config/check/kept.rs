//! What the gate keeps: its root, its ledger and its store.

use std::path::PathBuf;

use gatehold_core::hash::Hash;

use super::Checks;
use crate::config::{Secret, StorePlace, raw};

impl Checks {
    pub(super) fn root(&mut self, trust: &raw::Trust) -> Option<Hash> {
        let printed = "`gatehold init finish` prints it";
        let root = self.missing(
            "trust.root",
            trust.root.as_deref(),
            "the hash of the root statement; `gatehold init finish` prints it",
        )?;
        root.parse()
            .map_err(|error| self.say("trust.root", format!("{error}; {printed}")))
            .ok()
    }

    pub(super) fn ledger(&mut self, ledger: raw::Ledger) -> Option<(raw::Ledger, PathBuf)> {
        let folder = ledger.anchors_folder.as_ref().map(drop);
        self.missing(
            "ledger.anchors_folder",
            folder,
            "a folder that backups of the store do not cover",
        );
        let key = self.missing(
            "ledger.key_file",
            ledger.key_file.clone(),
            "the log.key that `gatehold init new` wrote",
        );
        let name = ledger.anchor_name.as_str();
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(named) {
            self.say(
                "ledger.anchor_name",
                "it has 1 to 64 lower-case letters, digits and hyphens",
            );
        }
        Some((ledger, self.folder.join(key?)))
    }

    pub(super) fn store(&mut self, store: &raw::Store) -> Option<StorePlace> {
        match (&store.sqlite_file, &store.postgres_url_file) {
            (Some(file), None) => Some(StorePlace::Sqlite(self.folder.join(file))),
            (None, Some(file)) => {
                let bytes = self.file("store.postgres_url_file", file)?;
                let url = String::from_utf8_lossy(&bytes).trim().to_owned();
                Some(StorePlace::Postgres(Secret(url)))
            }
            _ => {
                self.say(
                    "store",
                    "give exactly one of sqlite_file and postgres_url_file",
                );
                None
            }
        }
    }
}
