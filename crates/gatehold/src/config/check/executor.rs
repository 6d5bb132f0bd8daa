//! The executor: where the gate finds one in a process of its own, and that process's own file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatehold_broker::{Remote, Targets};
use gatehold_core::hash::Hash;
use gatehold_core::ids::Origin;
use gatehold_server::listen::{ClientCertificates, ListenLimits, ListenSettings};
use toml::{Table, Value};

use super::Checks;
use super::alone::{self, Kept};
use crate::ambient::text_variable;
use crate::config::{ExecutorConfig, ExecutorPlace, Mistake, raw};

/// Connections at once: one gate, a call each.
const CONNECTIONS_MAX: usize = 128;

/// The files of a section, and which of them only its owner may read.
fn tls_files(tls: &raw::Tls) -> impl Iterator<Item = (&'static str, &Path, Kept)> {
    let files = [
        (
            "tls.certificate_file",
            &tls.certificate_file,
            Kept::Unchanged,
        ),
        ("tls.private_key_file", &tls.private_key_file, Kept::Secret),
        ("tls.client_ca_file", &tls.client_ca_file, Kept::Unchanged),
    ];
    files
        .into_iter()
        .filter_map(|(key, file, kept)| Some((key, file.as_deref()?, kept)))
}

impl Checks {
    /// `[executor]` of the gate. With it no target may stand in the gate's own files: its secrets would lie here.
    pub(super) fn executor(
        &mut self,
        raw: raw::Executor,
        targets: Option<&Targets>,
    ) -> Option<ExecutorPlace> {
        for id in targets.into_iter().flat_map(Targets::ids) {
            let why = format!(
                "target {id} stands here, and with [executor] the executor alone holds what opens targets and makes credentials at them: \
                 move it to its file"
            );
            self.say("targets_file", why);
        }
        let url = self.missing(
            "executor.url",
            raw.url,
            "where it listens, such as \"https://127.0.0.1:7443\"",
        );
        let mut path = |key: &str, file: Option<PathBuf>, what: &str| {
            let file = self.missing(&format!("executor.{key}"), file, what);
            file.map(|file| self.folder.join(file))
        };
        let roots = path("ca_file", raw.ca_file, "the roots of its certificate (PEM)");
        let certificate = path(
            "certificate_file",
            raw.certificate_file,
            "the certificate that shows it this gate (PEM)",
        );
        let key = path(
            "key_file",
            raw.key_file,
            "the key of that certificate (PEM)",
        );
        let (url, roots, certificate, key) = (url?, roots?, certificate?, key?);
        match Remote::new(&url, &roots, &certificate, &key) {
            Ok(remote) => Some(ExecutorPlace {
                url,
                remote: Arc::new(remote),
            }),
            Err(wrong) => {
                for (key, why) in wrong {
                    self.say(&format!("executor.{key}"), why);
                }
                None
            }
        }
    }

    /// The whole file of an executor.
    pub(super) fn executor_config(&mut self, mut table: Table) -> Option<ExecutorConfig> {
        let targets = self.own_targets(table.remove("target"));
        let resources = self.resources(&mut table);
        let tls = self.section::<raw::Tls>(&mut table, "tls");
        self.alone_with(PathBuf::from(&self.file), "(file)", Kept::Secret);
        for (key, file, kept) in tls.iter().flat_map(tls_files) {
            self.alone_with(self.folder.join(file), key, kept);
        }
        let top = self.read::<raw::ExecutorTop>(table, "").unwrap_or_default();
        let tls_is_meant = tls.is_some();
        let tls = tls.and_then(|tls| self.tls(&tls));
        let address = self.listen(top.listen.as_deref());
        let public_url = self.public_url(top.public_url);
        let what = "the log origin of the gate, as in its root statement";
        let origin = self.missing("origin", top.origin, what);
        let origin = origin.and_then(|text| self.parsed::<Origin>("origin", &text));
        let what = "the hash of the gate's root statement, as your operators wrote it down";
        let root = self.missing("root", top.root, what);
        let root = root.and_then(|text| self.parsed::<Hash>("root", &text));
        let what = "a folder of its own that nobody else can write";
        let state = self.missing("state_folder", top.state_folder, what);
        let state = state.map(|folder| self.folder.join(folder));
        if let Some(folder) = &state {
            self.alone_with(folder.clone(), "state_folder", Kept::State);
        }
        if let Some(tls) = &tls
            && tls.clients == ClientCertificates::NotAsked
        {
            let what = "it is missing; write the roots of the gate's certificate (PEM): whoever has one may ask";
            self.say("tls.client_ca_file", what);
        }
        let settings = ListenSettings {
            address: address?,
            tls,
            behind_proxy: false,
            limits: ListenLimits {
                connections_max: CONNECTIONS_MAX,
                ..ListenLimits::default()
            },
        };
        if tls_is_meant && settings.tls.is_some() {
            self.listener(&settings);
        }
        settings.tls.as_ref()?;
        Some(ExecutorConfig {
            listen: settings,
            origin: origin?,
            public_url: public_url?,
            root: root?,
            state: state?,
            targets: targets?,
            resources,
        })
    }

    /// That nobody else changes what stands there, or reads what is secret.
    fn alone_with(&mut self, path: PathBuf, key: &str, kept: Kept) {
        for why in alone::shared(&path, kept) {
            self.say(key, why);
        }
    }

    fn own_targets(&mut self, given: Option<Value>) -> Option<Targets> {
        let tables: Option<Vec<Table>> = match given {
            None => Some(Vec::new()),
            Some(Value::Array(given)) => given
                .into_iter()
                .map(|one| match one {
                    Value::Table(table) => Some(table),
                    _ => None,
                })
                .collect(),
            Some(_) => None,
        };
        let Some(tables) = tables else {
            self.say("target", "write each as a section: [[target]]");
            return None;
        };
        if tables.is_empty() {
            self.say(
                "target",
                "there is none; write each target that it executes or makes credentials at as [[target]]",
            );
        }
        let environment = |name: &str| text_variable(name);
        match Targets::from_tables(tables, &environment) {
            Ok(targets) => Some(targets),
            Err(errors) => {
                let file = self.file.clone();
                self.found.extend(errors.0.iter().map(|problem| Mistake {
                    file: file.clone(),
                    key: format!("target {}, {}", problem.target, problem.field),
                    why: problem.text.clone(),
                }));
                None
            }
        }
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        key: &str,
        text: &str,
    ) -> Option<T> {
        let parsed = text.parse();
        parsed
            .map_err(|error| self.say(key, format!("`{text}`: {error}")))
            .ok()
    }
}
