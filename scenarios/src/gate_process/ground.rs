//! The folder a gate of a story stands on: `gatehold.toml`, its targets, its catalogue, and where its bundle comes from.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::scenario::{Records, Resource, Sender, Web};
use crate::trouble::{Outcome, trouble};

pub(super) const CONFIG: &str = "gatehold.toml";
pub(super) const DATABASE: &str = "gatehold.db";
pub(super) const LOG: &str = "gate.log";
const TARGETS: &str = "targets.toml";
const LOOKUPS: &str = "lookups.toml";

/// What a gate stands on.
pub struct Ground {
    folder: PathBuf,
    targets: Vec<Table>,
    lookups: Vec<Table>,
    signals: Vec<Table>,
    /// What the operator says about resources.
    pub resources: Vec<Resource>,
    /// The first bundle; the default pack when absent.
    pub bundle: Option<PathBuf>,
    /// Makers whose attestations count: name and certificate.
    pub attestation_roots: Vec<(String, PathBuf)>,
    /// `[limits]`, by name.
    pub limits: Table,
    /// A PostgreSQL database to stand on, by its connection string; a file of its own when absent.
    pub store_url: Option<String>,
}

impl Ground {
    /// An empty ground in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.join("gate"),
            targets: Vec::new(),
            lookups: Vec::new(),
            signals: Vec::new(),
            resources: Vec::new(),
            bundle: None,
            attestation_roots: Vec::new(),
            limits: Table::new(),
            store_url: None,
        }
    }

    /// Adds a SQLite target.
    pub fn sqlite(&mut self, target: &str, path: &Path) {
        let path = path.to_string_lossy().into_owned();
        self.targets.push(table([
            ("id", target.into()),
            ("kind", "sqlite".into()),
            ("path", path.into()),
        ]));
    }

    /// Adds a database of a PostgreSQL server on this machine.
    ///
    /// # Errors
    /// When the password cannot be written.
    pub fn postgres(
        &mut self,
        target: &str,
        port: u16,
        database: &str,
        password: &str,
    ) -> Outcome<()> {
        let secret = self.secret(password)?;
        self.targets.push(table([
            ("id", target.into()),
            ("kind", "postgres".into()),
            ("host", "127.0.0.1".into()),
            ("port", i64::from(port).into()),
            ("user", "postgres".into()),
            ("database", database.into()),
            ("password_file", secret.into()),
        ]));
        Ok(())
    }

    /// Adds a database of a PostgreSQL server on this machine at which the gate makes roles, as `gatehold_broker`.
    ///
    /// # Errors
    /// When the password cannot be written.
    pub fn postgres_roles(
        &mut self,
        target: &str,
        (port, database): (u16, &str),
        password: &str,
        roles: &[&str],
    ) -> Outcome<()> {
        let secret = self.secret(password)?;
        self.targets.push(table([
            ("id", target.into()),
            ("kind", "postgres_role".into()),
            ("host", "127.0.0.1".into()),
            ("port", i64::from(port).into()),
            ("user", "gatehold_broker".into()),
            ("database", database.into()),
            ("password_file", secret.into()),
            ("roles", roles.to_vec().into()),
        ]));
        Ok(())
    }

    /// Adds a server of SSH on this machine, by its authority's private key and the revocation list that it reads.
    pub fn ssh_certificates(
        &mut self,
        target: &str,
        (authority, list): (PathBuf, PathBuf),
        principal: &str,
        port: u16,
    ) {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        self.targets.push(table([
            ("id", target.into()),
            ("kind", "ssh_certificate".into()),
            ("ca_key_file", text(authority).into()),
            ("krl_file", text(list).into()),
            ("principals", vec![principal].into()),
            ("source_addresses", vec!["127.0.0.1/32"].into()),
            ("hosts", vec![format!("127.0.0.1:{port}")].into()),
        ]));
    }

    /// Adds an HTTP target with its secret.
    ///
    /// # Errors
    /// When the secret cannot be written.
    pub fn http(&mut self, web: &Web, url: &str) -> Outcome<()> {
        let secret = self.secret(&web.secret)?;
        let inject = table([
            ("header", "authorization".into()),
            ("prefix", "Bearer ".into()),
            ("secret_file", secret.into()),
        ]);
        self.targets.push(table([
            ("id", web.target.as_str().into()),
            ("kind", "http".into()),
            ("base_url", url.into()),
            ("methods", web.methods.clone().into()),
            ("paths", web.paths.clone().into()),
            ("inject", Value::Array(vec![Value::Table(inject)])),
        ]));
        Ok(())
    }

    /// Adds an HTTP target that nobody will call.
    pub fn http_never_called(&mut self, target: &str) {
        self.targets.push(table([
            ("id", target.into()),
            ("kind", "http".into()),
            ("base_url", "http://127.0.0.1:9".into()),
            ("methods", vec!["POST"].into()),
            ("paths", vec!["/"].into()),
        ]));
    }

    /// Adds a system of record that is asked before a decision, with its secret.
    ///
    /// # Errors
    /// When the secret cannot be written.
    pub fn records(&mut self, records: &Records, url: &str) -> Outcome<()> {
        let name = format!("secret-lookup-{}", self.lookups.len());
        let secret = self.secret_called(&name, &records.secret)?;
        let inject = table([
            ("header", "authorization".into()),
            ("prefix", "Bearer ".into()),
            ("secret_file", secret.into()),
        ]);
        let assert = records.assert.iter().cloned().map(Value::Table).collect();
        self.lookups.push(table([
            ("recipe", records.recipe.as_str().into()),
            ("url", format!("{url}{}", records.path).into()),
            ("private", true.into()),
            ("assert", Value::Array(assert)),
            ("inject", Value::Array(vec![Value::Table(inject)])),
        ]));
        Ok(())
    }

    /// Pins the public key of whoever sends signals to this audience.
    ///
    /// # Errors
    /// When the key cannot be written.
    pub fn sender(
        &mut self,
        sender: &Sender,
        (issuer, audience): (&str, &str),
        keys: &str,
    ) -> Outcome<()> {
        let path = self
            .folder
            .with_file_name(format!("{}.jwks.json", sender.name));
        std::fs::write(&path, keys).map_err(trouble(&sender.name))?;
        let subject = |(theirs, ours): (&String, &String)| {
            Value::Table(table([
                ("opaque", theirs.as_str().into()),
                ("workload", ours.as_str().into()),
            ]))
        };
        let mut signals = table([
            ("name", sender.name.as_str().into()),
            ("issuer", issuer.into()),
            ("audience", audience.into()),
            ("jwks_file", path.to_string_lossy().into_owned().into()),
            ("may", sender.may.clone().into()),
            (
                "subjects",
                Value::Array(sender.calls.iter().map(subject).collect()),
            ),
        ]);
        if let Some(seconds) = sender.hold_seconds {
            signals.insert("hold_seconds".to_owned(), i64::from(seconds).into());
        }
        self.signals.push(signals);
        Ok(())
    }

    /// Writes what the next target is called with to a file of its own, and gives its path.
    fn secret(&self, text: &str) -> Outcome<String> {
        let name = format!("secret-{}", self.targets.len());
        self.secret_called(&name, text)
    }

    fn secret_called(&self, name: &str, text: &str) -> Outcome<String> {
        let path = self.folder.with_file_name(name);
        std::fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(trouble(name))?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Writes everything; gives the gate's folder.
    pub(super) fn write(&self, url: &str, port: u16) -> Outcome<PathBuf> {
        std::fs::create_dir_all(&self.folder).map_err(trouble("folder"))?;
        let tables =
            |tables: Vec<Table>| Value::Array(tables.into_iter().map(Value::Table).collect());
        let store = match &self.store_url {
            None => ("sqlite_file", DATABASE.into()),
            Some(url) => (
                "postgres_url_file",
                self.secret_called("postgres.url", url)?.into(),
            ),
        };
        let mut config = table([
            ("listen", format!("127.0.0.1:{port}").into()),
            ("public_url", url.into()),
            ("targets_file", TARGETS.into()),
            ("store", Value::Table(table([store]))),
            (
                "ledger",
                Value::Table(table([
                    ("anchors_folder", "anchors".into()),
                    ("key_file", "log.key".into()),
                    ("published_folder", "published".into()),
                ])),
            ),
            ("limits", Value::Table(self.limits.clone())),
        ]);
        let resources = self.resources.iter().map(resource).collect();
        config.insert("resource".to_owned(), tables(resources));
        if !self.signals.is_empty() {
            config.insert("signals".to_owned(), tables(self.signals.clone()));
        }
        if !self.lookups.is_empty() {
            config.insert("lookups_file".to_owned(), LOOKUPS.into());
            let lookups = table([("lookup", tables(self.lookups.clone()))]);
            self.put(LOOKUPS, &lookups)?;
        }
        let targets = table([("target", tables(self.targets.clone()))]);
        self.put(CONFIG, &config)?;
        self.put(TARGETS, &targets)?;
        Ok(self.folder.clone())
    }

    fn put(&self, name: &str, table: &Table) -> Outcome<()> {
        let text = toml::to_string(table).map_err(trouble(name))?;
        std::fs::write(self.folder.join(name), text).map_err(trouble(name))
    }
}

fn resource(resource: &Resource) -> Table {
    let key = if resource.name.ends_with('/') {
        "prefix"
    } else {
        "id"
    };
    let mut line = table([
        (key, resource.name.as_str().into()),
        ("env", resource.environment.as_str().into()),
        ("zone", resource.zone.as_str().into()),
        ("sensitivity", resource.sensitivity.as_str().into()),
        ("owner", resource.owner.as_str().into()),
        ("legacy_coarse", resource.legacy_coarse.into()),
    ]);
    let day = resource.review_by.as_deref().map(Value::from);
    line.extend(day.map(|day| ("review_by".to_owned(), day)));
    line
}

fn table<const N: usize>(members: [(&str, Value); N]) -> Table {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
