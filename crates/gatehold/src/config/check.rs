//! From what is written to what can be used. Every section is looked at, whatever is wrong with the others.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatehold_broker::{Channels, ConfigErrors, Lookups, Targets};
use gatehold_core::decide::Settings;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::hash::Hash;
use gatehold_core::ids::TargetId;
use gatehold_gate::{CatalogEntry, SessionLimits};
use gatehold_server::listen::{ClientCertificates, ListenLimits, ListenSettings, TlsSettings};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::section::one_line;
use super::{
    Config, IdentityProviderPlace, Mistake, Secret, StorePlace, identity_provider, raw, section,
};
use crate::ambient::text_variable;

/// Shortest setting of a session: people must get to read a page.
const SESSION_SECONDS_MIN: u32 = 60;
/// Longest sign-in at the console: a working day.
const SESSION_SECONDS_MAX: u32 = 12 * 3_600;
/// Longest without a sign of the person.
const SESSION_IDLE_SECONDS_MAX: u32 = 4 * 3_600;

/// Most lines of the catalogue.
const RESOURCES_MAX: usize = 10_000;
/// Seconds of an execution, unless configured.
const EXECUTION_SECONDS: u32 = 120;

pub(super) fn check(path: &Path, text: &str) -> Result<Config, Vec<Mistake>> {
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
    let config = checks.config(table);
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
        let provider = self.optional::<raw::IdentityProvider>(&mut table, "identity_provider");
        let provider_is_meant = provider.is_some();
        let limits = self
            .optional::<raw::Limits>(&mut table, "limits")
            .unwrap_or_default();
        let resources = self.resources(&mut table);
        let top = self.read::<raw::Top>(table, "").unwrap_or_default();

        let tls_is_meant = tls.is_some();
        let tls = tls.and_then(|tls| self.tls(&tls));
        let store = store.and_then(|store| self.store(&store));
        let ledger = ledger.and_then(|ledger| self.ledger(ledger));
        let root = trust.and_then(|trust| self.root(&trust));
        let (settings, listen_limits, execution_seconds_max) = self.limits(&limits);
        let sessions = self.sessions(&limits);
        let targets = self.targets(top.targets_file.as_deref());
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
        if let Some(address) = listen
            && tls_is_meant == tls.is_some()
        {
            self.listener(&ListenSettings {
                address,
                tls: tls.clone(),
                behind_proxy: top.behind_proxy,
                limits: listen_limits,
            });
        }
        let (ledger, log_key) = ledger?;
        if provider_is_meant && provider.is_none() {
            return None;
        }
        Some(Config {
            listen: listen?,
            operations,
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
            lookups: lookups?,
            calendar,
            channels: channels?,
            on_call,
            resources,
            settings,
            listen_limits,
            execution_seconds_max,
            sessions,
            identity_provider: provider,
        })
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

    fn listen(&mut self, text: Option<&str>) -> Option<SocketAddr> {
        let text = self.missing("listen", text, "an address, such as \"127.0.0.1:7400\"")?;
        let address = text.parse();
        address
            .map_err(|error| self.say("listen", format!("`{text}`: {error}; write 127.0.0.1:7400")))
            .ok()
    }

    fn public_url(&mut self, url: Option<String>) -> Option<String> {
        let url = self.missing(
            "public_url",
            url,
            "what clients call, such as \"https://gate.example\"",
        )?;
        gatehold_proof::PublicUrl::parse(&url)
            .map_err(|_| {
                self.say(
                    "public_url",
                    format!(
                        "`{url}` is no URL to sign; write https://host, or http:// on loopback, without a final slash"
                    ),
                );
            })
            .ok()
            .map(|_| url)
    }

    fn operations(&mut self, text: &str) -> Option<SocketAddr> {
        let address = text.parse::<SocketAddr>();
        let why = match address {
            Ok(address) if address.ip().is_loopback() => return Some(address),
            Ok(_) => "it is served on loopback only".to_owned(),
            Err(error) => error.to_string(),
        };
        self.say(
            "operations_listen",
            format!("`{text}`: {why}; write 127.0.0.1:7401"),
        );
        None
    }

    /// What the listener itself would refuse to start with.
    fn listener(&mut self, settings: &ListenSettings) {
        for problem in settings.problems() {
            self.say("listen, tls, behind_proxy", problem);
        }
    }

    fn root(&mut self, trust: &raw::Trust) -> Option<Hash> {
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

    fn ledger(&mut self, ledger: raw::Ledger) -> Option<(raw::Ledger, PathBuf)> {
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

    fn file(&mut self, key: &str, path: &Path) -> Option<Vec<u8>> {
        let path = self.folder.join(path);
        std::fs::read(&path)
            .map_err(|error| self.say(key, format!("{}: {error}", path.display())))
            .ok()
    }

    fn tls(&mut self, tls: &raw::Tls) -> Option<TlsSettings> {
        let certificates = self.missing(
            "tls.certificate_file",
            tls.certificate_file.as_deref(),
            "the file of the certificate chain (PEM)",
        );
        let certificates = certificates.and_then(|file| self.file("tls.certificate_file", file));
        let key = self.missing(
            "tls.private_key_file",
            tls.private_key_file.as_deref(),
            "the file of its key (PEM)",
        );
        let key = key.and_then(|file| self.file("tls.private_key_file", file));
        let clients = match &tls.client_ca_file {
            None => ClientCertificates::NotAsked,
            Some(path) => ClientCertificates::Required {
                roots_pem: self.file("tls.client_ca_file", path)?,
            },
        };
        Some(TlsSettings {
            certificates_pem: certificates?,
            key_pem: key?,
            clients,
        })
    }

    fn store(&mut self, store: &raw::Store) -> Option<StorePlace> {
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

    fn identity_provider(
        &mut self,
        raw: raw::IdentityProvider,
        public_url: Option<&str>,
    ) -> Option<IdentityProviderPlace> {
        let folder = self.folder.clone();
        let mut say = |key: &str, why: String| self.say(key, why);
        identity_provider::read(raw, &folder, public_url, &mut say)
    }

    fn targets(&mut self, file: Option<&Path>) -> Option<Targets> {
        let Some(file) = file else {
            return Some(Targets::default());
        };
        let text = self.file("targets_file", file)?;
        let environment = |name: &str| text_variable(name);
        let read = Targets::from_toml(&String::from_utf8_lossy(&text), &environment);
        read.map_err(|errors| self.all_of(file, "target", &errors))
            .ok()
    }

    fn lookups(&mut self, file: Option<&Path>) -> Option<Lookups> {
        let Some(file) = file else {
            return Some(Lookups::default());
        };
        let text = self.file("lookups_file", file)?;
        let environment = |name: &str| text_variable(name);
        let read = Lookups::from_toml(&String::from_utf8_lossy(&text), &environment);
        read.map_err(|errors| self.all_of(file, "lookup", &errors))
            .ok()
    }

    fn channels(&mut self, file: Option<&Path>) -> Option<Channels> {
        let Some(file) = file else {
            return Some(Channels::default());
        };
        let text = self.file("channels_file", file)?;
        let read = Channels::from_toml(&String::from_utf8_lossy(&text));
        read.map_err(|errors| self.all_of(file, "channel", &errors))
            .ok()
    }

    /// Every mistake of another file.
    fn all_of(&mut self, file: &Path, what: &str, errors: &ConfigErrors) {
        let name = self.folder.join(file).display().to_string();
        self.found.extend(errors.0.iter().map(|problem| Mistake {
            file: name.clone(),
            key: format!("{what} {}, {}", problem.target, problem.field),
            why: problem.text.clone(),
        }));
    }

    fn resources(&mut self, table: &mut Table) -> Vec<CatalogEntry> {
        let lines = match table.remove("resource") {
            None => return Vec::new(),
            Some(Value::Array(lines)) if lines.len() <= RESOURCES_MAX => lines,
            Some(_) => {
                self.say(
                    "resource",
                    format!("write [[resource]] tables, at most {RESOURCES_MAX}"),
                );
                return Vec::new();
            }
        };
        let numbered = lines.into_iter().enumerate();
        numbered
            .filter_map(|(index, line)| {
                let key = format!("resource[{}]", index + 1);
                let Value::Table(line) = line else {
                    self.say(&key, "write it as [[resource]]");
                    return None;
                };
                let line = self.read::<raw::Resource>(line, &key)?;
                self.resource(&key, line)
            })
            .collect()
    }

    fn resource(&mut self, key: &str, line: raw::Resource) -> Option<CatalogEntry> {
        let resource = match (line.id, line.prefix) {
            (Some(id), None) if !id.ends_with('/') => id,
            (None, Some(prefix)) if prefix.ends_with('/') => prefix,
            _ => {
                self.say(key, "give either `id`, or a `prefix` that ends in /");
                return None;
            }
        };
        let environment = line
            .env
            .map(|word| self.word(key, "env", &word, Environment::ALL, Environment::WORDS));
        let sensitivity = line.sensitivity.map(|word| {
            self.word(
                key,
                "sensitivity",
                &word,
                Sensitivity::ALL,
                Sensitivity::WORDS,
            )
        });
        let target = match line.target.map(|name| name.parse::<TargetId>()).transpose() {
            Ok(target) => target,
            Err(error) => {
                self.say(&format!("{key}.target"), error.to_string());
                None
            }
        };
        Some(CatalogEntry {
            target,
            resource,
            environment: environment.flatten(),
            zone: line.zone,
            sensitivity: sensitivity.flatten(),
            owner: line.owner,
            legacy_coarse: line.legacy_coarse,
        })
    }

    fn word<T: Copy>(
        &mut self,
        key: &str,
        name: &str,
        word: &str,
        all: &[T],
        words: &[&str],
    ) -> Option<T> {
        let found = words
            .iter()
            .position(|known| *known == word)
            .and_then(|index| all.get(index));
        if found.is_none() {
            self.say(
                &format!("{key}.{name}"),
                format!("`{word}` is not one of {}", words.join(", ")),
            );
        }
        found.copied()
    }

    fn limits(&mut self, raw: &raw::Limits) -> (Settings, ListenLimits, u32) {
        let mut settings = Settings::default();
        let mut listen = ListenLimits::default();
        let mut bounded = |name: &str, value: u64, most: u64| {
            let fits = (1..=most).contains(&value);
            if !fits {
                self.say(
                    &format!("limits.{name}"),
                    format!("{value} is not between 1 and {most}"),
                );
            }
            fits
        };
        if let Some(value) = raw.connections_max
            && bounded(
                "connections_max",
                u64::try_from(value).unwrap_or(u64::MAX),
                65_536,
            )
        {
            listen.connections_max = value;
        }
        if let Some(value) = raw.open_holds_max
            && bounded("open_holds_max", value, 10_000)
        {
            settings.open_holds_max = value;
        }
        if let Some(value) = raw.allowed_spend_seconds
            && bounded("allowed_spend_seconds", value.into(), 86_400)
        {
            settings.allowed_spend_seconds = value;
        }
        if let Some(value) = raw.shutdown_seconds_max
            && bounded("shutdown_seconds_max", value, 300)
        {
            listen.shutdown_timeout = Duration::from_secs(value);
        }
        let execution = raw.execution_seconds_max.unwrap_or(EXECUTION_SECONDS);
        bounded("execution_seconds_max", execution.into(), 3_600);
        (settings, listen, execution)
    }

    fn sessions(&mut self, raw: &raw::Limits) -> SessionLimits {
        let mut sessions = SessionLimits::default();
        for (name, given, limit, most) in [
            (
                "session_seconds_max",
                raw.session_seconds_max,
                &mut sessions.seconds_max,
                SESSION_SECONDS_MAX,
            ),
            (
                "session_idle_seconds_max",
                raw.session_idle_seconds_max,
                &mut sessions.idle_seconds_max,
                SESSION_IDLE_SECONDS_MAX,
            ),
        ] {
            let Some(value) = given else { continue };
            if (SESSION_SECONDS_MIN..=most).contains(&value) {
                *limit = value;
            } else {
                self.say(
                    &format!("limits.{name}"),
                    format!("{value} is not between {SESSION_SECONDS_MIN} and {most}"),
                );
            }
        }
        sessions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
listen = "127.0.0.1:7400"
public_url = "http://127.0.0.1:7400"
[store]
sqlite_file = "gatehold.db"
[ledger]
anchors_folder = "anchors"
key_file = "log.key"
[[resource]]
prefix = "shop/"
env = "production"
sensitivity = "internal"
"#;

    fn mistakes(text: &str) -> Vec<Mistake> {
        check(Path::new("/etc/gatehold/gatehold.toml"), text)
            .map(drop)
            .unwrap_err()
    }

    #[test]
    fn a_whole_file_is_used_and_paths_are_its_folders() {
        let config = check(Path::new("/etc/gatehold/gatehold.toml"), GOOD).unwrap();
        assert_eq!(config.anchors, Path::new("/etc/gatehold/anchors"));
        assert_eq!(config.resources.len(), 1);
        assert!(config.root.is_none());
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = GOOD
            .replace("127.0.0.1:7400\"\npublic", "nowhere\"\nextra = 1\npublic")
            .replace("sqlite_file", "postgres_url_file = \"no\"\nsqlite_file")
            .replace("env = \"production\"", "env = \"prod\"")
            + "[trust]\nroot = \"sha256:1\"\n[limits]\nopen_holds_max = 0\n";
        let keys: Vec<String> = mistakes(&text)
            .into_iter()
            .map(|mistake| mistake.key)
            .collect();
        for key in [
            "store",
            "trust.root",
            "limits.open_holds_max",
            "resource[1].env",
            "extra",
            "listen",
        ] {
            assert!(
                keys.iter().any(|found| found == key),
                "{key} is not among {keys:?}"
            );
        }
    }

    #[test]
    fn sessions_are_bounded() {
        let with = |limits: &str| format!("{GOOD}[limits]\n{limits}\n");
        let file = Path::new("/etc/gatehold/gatehold.toml");
        let config = check(file, &with("session_seconds_max = 3600")).unwrap();
        assert_eq!(config.sessions.seconds_max, 3_600);
        assert_eq!(config.sessions.idle_seconds_max, 1_800);
        for wrong in [
            "session_seconds_max = 59",
            "session_seconds_max = 43201",
            "session_idle_seconds_max = 0",
            "session_idle_seconds_max = 14401",
        ] {
            let key = wrong.split(' ').next().unwrap_or_default();
            let told = mistakes(&with(wrong));
            let named = format!("limits.{key}");
            assert!(told.iter().any(|mistake| mistake.key == named), "{wrong}");
        }
    }

    #[test]
    fn an_empty_or_broken_file_says_so() {
        assert!(mistakes("").len() >= 3);
        assert_eq!(mistakes("listen = ").len(), 1);
    }
}
