//! From what is written to what can be used. Every section is looked at, whatever is wrong with the others.

mod alone;
mod executor;
mod kept;
mod limits;
mod listening;
mod others;
mod resources;
mod signals;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gatehold_server::listen::{ListenLimits, ListenSettings, TlsSettings};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::section::one_line;
use super::{Config, ExecutorConfig, Mistake, raw, section};

/// The file of an executor in a process of its own.
pub(super) fn check_executor(path: &Path, text: &str) -> Result<ExecutorConfig, Vec<Mistake>> {
    checked(path, text, Checks::executor_config)
}

pub(super) fn check(path: &Path, text: &str) -> Result<Config, Vec<Mistake>> {
    checked(path, text, Checks::config)
}

fn checked<T>(
    path: &Path,
    text: &str,
    check: impl FnOnce(&mut Checks, Table) -> Option<T>,
) -> Result<T, Vec<Mistake>> {
    let mut checks = Checks {
        file: path.display().to_string(),
        folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
        found: Vec::new(),
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            checks.say("(file)", one_line(&error));
            return Err(checks.found);
        }
    };
    let config = check(&mut checks, table);
    match config {
        Some(config) if checks.found.is_empty() => Ok(config),
        _ => Err(checks.found),
    }
}

struct Checks {
    file: String,
    folder: PathBuf,
    found: Vec<Mistake>,
}

impl Checks {
    fn say(&mut self, key: &str, why: impl Into<String>) {
        self.found.push(Mistake {
            file: self.file.clone(),
            key: key.to_owned(),
            why: why.into(),
        });
    }

    fn config(&mut self, mut table: Table) -> Option<Config> {
        let tls = self.optional::<raw::Tls>(&mut table, "tls");
        let store = self.section::<raw::Store>(&mut table, "store");
        let ledger = self.section::<raw::Ledger>(&mut table, "ledger");
        let trust = self.optional::<raw::Trust>(&mut table, "trust");
        let executor = self.optional::<raw::Executor>(&mut table, "executor");
        let executor_is_meant = executor.is_some();
        let provider = self.optional::<raw::IdentityProvider>(&mut table, "identity_provider");
        let provider_is_meant = provider.is_some();
        let limits = self
            .optional::<raw::Limits>(&mut table, "limits")
            .unwrap_or_default();
        let resources = self.resources(&mut table);
        let signals = self.signals(&mut table);
        let top = self.read::<raw::Top>(table, "").unwrap_or_default();

        let tls_is_meant = tls.is_some();
        let tls = tls.and_then(|tls| self.tls(&tls));
        let store = store.and_then(|store| self.store(&store));
        let ledger = ledger.and_then(|ledger| self.ledger(ledger));
        let root = trust.and_then(|trust| self.root(&trust));
        let (settings, listen_limits, execution_seconds_max) = self.limits(&limits);
        let sessions = self.sessions(&limits);
        let targets = self.targets(top.targets_file.as_deref());
        let executor = executor.and_then(|raw| self.executor(raw, targets.as_ref()));
        let lookups = self.lookups(top.lookups_file.as_deref());
        let calendar = top.calendar_file.map(|file| self.folder.join(file));
        let channels = self.channels(top.channels_file.as_deref());
        let on_call = top.on_call_file.map(|file| self.folder.join(file));
        let listen = self.listen(top.listen.as_deref());
        let public_url = self.public_url(top.public_url);
        let provider = provider.and_then(|raw| self.identity_provider(raw, public_url.as_deref()));
        let operations = top
            .operations_listen
            .as_deref()
            .and_then(|text| self.operations(text));
        let safety = self.safety(top.safety_listen.as_deref(), listen);
        if tls_is_meant == tls.is_some() {
            self.listeners(
                [listen, safety],
                tls.as_ref(),
                (top.behind_proxy, listen_limits),
            );
        }
        let (ledger, log_key) = ledger?;
        if provider_is_meant && provider.is_none() || executor_is_meant && executor.is_none() {
            return None;
        }
        Some(Config {
            listen: listen?,
            operations,
            safety,
            public_url: public_url?,
            tls,
            behind_proxy: top.behind_proxy,
            store: store?,
            anchors: self.folder.join(ledger.anchors_folder?),
            published: ledger
                .published_folder
                .map(|folder| self.folder.join(folder)),
            anchor_name: ledger.anchor_name,
            log_key,
            root,
            targets: targets?,
            executor,
            lookups: lookups?,
            calendar,
            channels: channels?,
            on_call,
            resources,
            signals,
            settings,
            listen_limits,
            execution_seconds_max,
            sessions,
            identity_provider: provider,
        })
    }

    /// Whether those addresses may be listened at.
    fn listeners(
        &mut self,
        addresses: [Option<SocketAddr>; 2],
        tls: Option<&TlsSettings>,
        (behind_proxy, limits): (bool, ListenLimits),
    ) {
        for address in addresses.into_iter().flatten() {
            self.listener(&ListenSettings {
                address,
                tls: tls.cloned(),
                behind_proxy,
                limits,
            });
        }
    }

    fn read<T: DeserializeOwned>(&mut self, table: Table, section: &str) -> Option<T> {
        let (read, wrong) = section::read(table);
        for (key, why) in wrong {
            let names = [section, &key].map(str::to_owned);
            let name = names.into_iter().filter(|name| !name.is_empty());
            self.say(&name.collect::<Vec<_>>().join("."), why);
        }
        read
    }

    fn section<T: DeserializeOwned>(&mut self, table: &mut Table, key: &str) -> Option<T> {
        if !table.contains_key(key) {
            self.say(
                key,
                "the section is missing; `gatehold init new` writes one",
            );
        }
        self.optional(table, key)
    }

    fn optional<T: DeserializeOwned>(&mut self, table: &mut Table, key: &str) -> Option<T> {
        match table.remove(key)? {
            Value::Table(section) => self.read(section, key),
            _ => {
                self.say(key, format!("write it as a section: [{key}]"));
                None
            }
        }
    }

    fn missing<T>(&mut self, key: &str, value: Option<T>, what: &str) -> Option<T> {
        if value.is_none() {
            self.say(key, format!("it is missing; write {what}"));
        }
        value
    }

    fn file(&mut self, key: &str, path: &Path) -> Option<Vec<u8>> {
        let path = self.folder.join(path);
        std::fs::read(&path)
            .map_err(|error| self.say(key, format!("{}: {error}", path.display())))
            .ok()
    }
}
