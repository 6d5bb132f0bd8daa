//! The client's own folder: which gate it talks to and who it may be. `client.toml` is read strictly; private keys stand
//! in files of their own, never in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Once;

use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, Origin};
use serde::{Deserialize, Serialize};

use crate::ambient::variable;
use crate::exit::Failure;
use crate::screen::plain;
use crate::standing::Found;

/// The file in the folder.
pub const FILE: &str = "client.toml";

/// `client.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// The gate's public URL, exactly as the gate is configured.
    pub url: String,
    /// Another address of the same gate, where what only stops is sent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_url: Option<String>,
    /// The gate's log origin; whatever is signed names it.
    pub origin: String,
    /// Hash of the gate's root statement, from which this client verifies what it shows. Written at the first login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// PEM of the roots of the gate's certificate, when it is not publicly trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Who acts when no `--as` says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The workload whose key signs requests when no `--key` says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_key_file: Option<PathBuf>,
    /// The people this folder can act as, by a short name. More than one is for development only.
    #[serde(default)]
    pub people: BTreeMap<String, RawPerson>,
}

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPerson {
    /// As `subject@issuer`.
    pub human: String,
    /// An SSH public or private key file; signed with through `ssh-keygen`, so also through an agent or a security key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The seed of a generated `software` key, for a development gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_file: Option<PathBuf>,
}

/// A folder that was read.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Where it stands.
    pub home: PathBuf,
    /// The gate's URL.
    pub url: String,
    /// Where what only stops is sent first.
    pub safety_url: Option<String>,
    /// Where it connects, if not to the URL.
    pub connect_url: Option<String>,
    /// The gate's origin.
    pub origin: Origin,
    /// The pinned root; nothing before the first use.
    pub root: Option<Hash>,
    /// PEM roots.
    pub ca: Option<Vec<u8>>,
    /// Workload key file.
    pub workload_key: Option<PathBuf>,
    person: Option<String>,
    people: BTreeMap<String, Person>,
}

/// A person this client can act as.
#[derive(Debug, Clone)]
pub struct Person {
    /// The short name.
    pub name: String,
    /// Who.
    pub human: HumanId,
    /// Where the key is.
    pub key: KeyPlace,
}

/// Where a person's signing key is.
#[derive(Debug, Clone)]
pub enum KeyPlace {
    /// A generated seed.
    Seed(PathBuf),
    /// Whatever `ssh-keygen -Y sign -f` takes.
    Ssh(PathBuf),
}

/// The folder in use: `--home` or `GATEHOLD_HOME`; the user's own, when there is a client.toml in it; a development gate that
/// runs. What speaks to a real gate is never led elsewhere by a `gatehold dev` that somebody starts.
///
/// # Errors
/// When no folder can be named.
pub fn home(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(home) = given {
        return Ok(home.to_owned());
    }
    let own = configuration_folder()?;
    if own.join(FILE).exists() {
        return Ok(own);
    }
    Ok(Found::by_pointer().map_or(own, |found| found.home))
}

/// Says once which gate is spoken to, where a development gate runs that somebody might mean.
fn say_which(profile: &Profile) {
    static SAID: Once = Once::new();
    let Some(found) = Found::by_pointer().filter(|found| found.home != profile.home) else {
        return;
    };
    SAID.call_once(|| {
        let (file, url) = (profile.home.join(FILE), plain(&profile.url));
        let (file, dev) = (file.display(), found.home.display());
        eprintln!(
            "note:  this speaks to {url}, as {file} says; for the gatehold dev that runs give --home {dev}"
        );
    });
}

/// `$XDG_CONFIG_HOME/gatehold`, or `~/.config/gatehold`.
///
/// # Errors
/// When neither variable is set.
pub fn configuration_folder() -> Result<PathBuf, Failure> {
    if let Some(folder) = variable("XDG_CONFIG_HOME") {
        return Ok(PathBuf::from(folder).join("gatehold"));
    }
    variable("HOME")
        .map(|home| PathBuf::from(home).join(".config").join("gatehold"))
        .ok_or_else(|| {
            Failure::usage(
                "neither GATEHOLD_HOME nor HOME is set",
                "give the client's folder with --home",
            )
        })
}

impl Profile {
    /// Reads the folder.
    ///
    /// # Errors
    /// Every problem of `client.toml`.
    pub fn load(home: &Path) -> Result<Self, Failure> {
        let path = home.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    format!("no gate is known here: there is no {}", path.display())
                }
                _ => format!("{}: {error}", path.display()),
            };
            Failure::usage(
                cause,
                "start `gatehold dev`, or write client.toml with `url` and `origin`, or give --home",
            )
        })?;
        let raw: Raw = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            let why = error.message().lines().collect::<Vec<_>>().join("; ");
            Failure::usage(
                format!("{}: line {line}: {why}", path.display()),
                "correct the file",
            )
        })?;
        check(home, raw)
    }

    /// Reads the folder of `--home` or its defaults, with `--url` over what stands there.
    ///
    /// # Errors
    /// As [`Profile::load`].
    pub fn find(given: Option<&Path>, url: Option<&str>) -> Result<Self, Failure> {
        let mut profile = Self::load(&home(given)?)?;
        if let Some(url) = url {
            url.clone_into(&mut profile.url);
            // It is another gate's, or another way to this one.
            profile.safety_url = None;
        } else if given.is_none() {
            say_which(&profile);
        }
        Ok(profile)
    }

    /// The same client at the address for what only stops, where it knows one.
    #[must_use]
    pub fn at_safety(&self) -> Option<Self> {
        let connect_url = Some(self.safety_url.clone()?);
        Some(Self {
            connect_url,
            ..self.clone()
        })
    }

    /// Writes `client.toml` into a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(home: &Path, raw: &Raw) -> Result<(), Failure> {
        let text = toml::to_string(raw)
            .map_err(|error| Failure::fault(error, "report this: the client file has no form"))?;
        let path = home.join(FILE);
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))
    }

    /// The person who acts.
    ///
    /// # Errors
    /// When nobody is configured, or `--as` is used where people are real.
    pub fn person(&self, name: Option<&str>) -> Result<Person, Failure> {
        // INVARIANT(as-is-for-dev): one terminal plays several people only where everything says `dev`.
        if name.is_some() && !self.origin.is_dev() {
            return Err(Failure::usage(
                "--as is for development gates",
                "set `person` in client.toml; everybody signs with their own key",
            ));
        }
        let name = name.or(self.person.as_deref()).ok_or_else(|| {
            let known: Vec<&str> = self.people.keys().map(String::as_str).collect();
            Failure::usage(
                "nobody is named to act",
                if self.origin.is_dev() {
                    format!("say --as with one of: {}", known.join(", "))
                } else {
                    "set `person` in client.toml".to_owned()
                },
            )
        })?;
        self.people.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.people.keys().map(String::as_str).collect();
            Failure::usage(
                format!("`{name}` is nobody here"),
                format!("use one of: {}", known.join(", ")),
            )
        })
    }
}

fn check(home: &Path, raw: Raw) -> Result<Profile, Failure> {
    let mut causes = Vec::new();
    let path = home.join(FILE);
    let mut say =
        |key: &str, why: String| causes.push(format!("{}: `{key}`: {why}", path.display()));
    let origin = raw
        .origin
        .parse::<Origin>()
        .map_err(|error| say("origin", error.to_string()))
        .ok();
    let root = match raw.root.as_deref().map(str::parse::<Hash>) {
        Some(Ok(root)) => Some(root),
        Some(Err(error)) => {
            say("root", error.to_string());
            None
        }
        None => None,
    };
    let ca = raw
        .ca_file
        .as_ref()
        .map(|file| std::fs::read(home.join(file)));
    let ca = match ca.transpose() {
        Ok(ca) => ca,
        Err(error) => {
            say("ca_file", error.to_string());
            None
        }
    };
    let mut people = BTreeMap::new();
    for (name, person) in raw.people {
        let key = match (person.key_file, person.seed_file) {
            (Some(file), None) => Some(KeyPlace::Ssh(home.join(file))),
            (None, Some(file)) => Some(KeyPlace::Seed(home.join(file))),
            _ => {
                say(
                    &format!("people.{name}"),
                    "give exactly one of key_file and seed_file".into(),
                );
                None
            }
        };
        match (person.human.parse::<HumanId>(), key) {
            (Ok(human), Some(key)) => {
                people.insert(name.clone(), Person { name, human, key });
            }
            (Err(error), _) => say(&format!("people.{name}.human"), error.to_string()),
            (Ok(_), None) => {}
        }
    }
    match origin {
        Some(origin) if causes.is_empty() => Ok(Profile {
            home: home.to_owned(),
            url: raw.url,
            safety_url: raw.safety_url,
            connect_url: None,
            origin,
            root,
            ca,
            workload_key: raw.workload_key_file.map(|file| home.join(file)),
            person: raw.person,
            people,
        }),
        _ => Err(Failure {
            exit: crate::exit::Exit::Usage,
            causes,
            next: "correct client.toml".to_owned(),
        }),
    }
}
