//! The folder of a development gate: generated people, a founded store, targets, and the client's own file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gatehold_core::assurance::Assurance;
use gatehold_core::ids::{HumanId, NameError, Origin};
use gatehold_core::passkey::WebOrigin;
use gatehold_core::trust::{AttestationRoots, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature};

use super::{sample, tracker};
use crate::exit::Failure;
use crate::human_key::{HumanKey, generate_seed};
use crate::init::Founding;
use crate::profile::{KeyPlace, Person, Profile, Raw, RawPerson};
use crate::{default_pack, files, init};

/// The generated people.
pub const PEOPLE: [&str; 3] = ["owner", "reviewer", "second"];
/// What stands in the configuration of a development gate.
const WRITTEN_BY: &str = "# Written by `gatehold dev`.";
/// Names every development gate.
const ORIGIN: &str = "dev.gatehold.local";

/// Where a development gate answers; both in its files, so both are known before it starts.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The API.
    pub service: SocketAddr,
    /// Metrics and health.
    pub operations: SocketAddr,
    /// The tracker that its look-ups ask.
    pub tracker: SocketAddr,
}

impl Addresses {
    /// Where its pages are.
    pub fn console(&self) -> String {
        format!("http://localhost:{}", self.service.port())
    }
}

/// Makes the folder ready, with further targets out of a file where it is new. Gives whether it is new.
///
/// # Errors
/// When it cannot be written.
pub async fn prepare(
    home: &Path,
    addresses: Addresses,
    further: Option<&Path>,
) -> Result<bool, Failure> {
    let address = addresses.service;
    ensure_own(home)?;
    files::private_folder(&home.join("people"))?;
    let fresh = !home.join("root.json").exists();
    if fresh {
        write_config(home, addresses)?;
        if let Some(further) = further {
            add_targets(home, further)?;
        }
        sample::write_shop(home)?;
        tracker::write(home)?;
        found(home, addresses).await?;
    } else {
        set_addresses(home, addresses)?;
    }
    write_client(home, address)?;
    Ok(fresh)
}

/// A configuration that somebody wrote stays as it is, and so does the gate that it is of.
fn ensure_own(home: &Path) -> Result<(), Failure> {
    let path = home.join("gatehold.toml");
    match std::fs::read_to_string(&path) {
        // Somebody may have put more in front of it.
        Ok(text) if text.lines().any(|line| line.starts_with(WRITTEN_BY)) => Ok(()),
        Ok(_) => Err(Failure::usage(
            format!(
                "{} is not of a gatehold dev, and would be overwritten",
                path.display()
            ),
            "name another folder with --keep, or serve that gate with `gatehold serve --config FILE`",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file(&path, &error)),
    }
}

async fn found(home: &Path, addresses: Addresses) -> Result<(), Failure> {
    let origin: Origin = ORIGIN.parse().map_err(named)?;
    let mut humans = Vec::new();
    let mut everybody = BTreeSet::new();
    for name in PEOPLE {
        let human: HumanId = human(name)?;
        let key = generate_seed(&seed_file(home, name))?;
        everybody.insert(human.clone());
        humans.push(RootHuman {
            human,
            keys: vec![RootKey {
                key,
                assurance: Assurance::Software,
                attestation: None,
            }],
        });
    }
    let teams: BTreeMap<_, _> = default_pack::teams()?
        .into_iter()
        .map(|team| (team, everybody.clone()))
        .collect();
    let console = WebOrigin::new(&addresses.console())
        .map_err(|error| Failure::fault(error, "report this"))?;
    let founding = Founding {
        origin: &origin,
        humans: humans.clone(),
        teams,
        recovery_keys: Vec::new(),
        attestation_roots: AttestationRoots::default(),
        consoles: vec![console],
    };
    init::write(home, founding, &default_pack::bytes()?)?;
    let statement = std::fs::read(home.join("root.json"))
        .map_err(|error| Failure::file(&home.join("root.json"), &error))?;
    for (name, human) in PEOPLE.into_iter().zip(humans) {
        let person = Person {
            name: name.to_owned(),
            human: human.human,
            key: KeyPlace::Seed(seed_file(home, name)),
        };
        let line = human
            .keys
            .into_iter()
            .next()
            .map(|key| key.key)
            .unwrap_or_default();
        let signature = RootSignature {
            key: line,
            signature: HumanKey::of(&person, &origin)?.sign(ROOT_NAMESPACE, &statement)?,
        };
        init::put_signature(home, name, &signature)?;
    }
    init::finish(home).await.map(drop)
}

fn human(name: &str) -> Result<HumanId, Failure> {
    HumanId::new(ORIGIN, name).map_err(named)
}

fn named(error: NameError) -> Failure {
    Failure::fault(error, "report this")
}

fn seed_file(home: &Path, name: &str) -> PathBuf {
    home.join("people").join(format!("{name}.seed"))
}

fn write_config(home: &Path, addresses: Addresses) -> Result<(), Failure> {
    let Addresses {
        service,
        operations,
        tracker,
    } = addresses;
    let config = format!(
        r#"{WRITTEN_BY}
listen = "{service}"
public_url = "http://{service}"
operations_listen = "{operations}"
targets_file = "targets.toml"
lookups_file = "lookups.toml"

[store]
sqlite_file = "gatehold.db"

[ledger]
anchors_folder = "anchors"
published_folder = "published"
key_file = "log.key"

[[resource]]
prefix = "shop/"
target = "{shop}"
env = "production"
zone = "shop"
sensitivity = "internal"
owner = "owner@{ORIGIN}"
legacy_coarse = false

[[resource]]
prefix = "gatehold/"
env = "development"
zone = "gate"
sensitivity = "internal"
owner = "owner@{ORIGIN}"
"#,
        shop = sample::SHOP
    );
    put(home, "gatehold.toml", &config)?;
    let targets = format!(
        "[[target]]\nid = \"{}\"\nkind = \"sqlite\"\npath = {:?}\n",
        sample::SHOP,
        home.join(sample::SHOP_FILE).display().to_string()
    );
    put(home, "targets.toml", &targets)?;
    put(home, "lookups.toml", &tracker::lookups(tracker))
}

/// Targets that somebody brings along, and what lies behind them.
fn add_targets(home: &Path, further: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(further).map_err(|error| Failure::file(further, &error))?;
    add(home, "targets.toml", &text)?;
    let resource = format!(
        "\n[[resource]]\nprefix = \"warehouse/\"\nenv = \"production\"\nzone = \"warehouse\"\n\
         sensitivity = \"internal\"\nowner = \"owner@{ORIGIN}\"\nlegacy_coarse = false\n"
    );
    add(home, "gatehold.toml", &resource)
}

fn add(home: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = home.join(name);
    let before = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    put(home, name, &(before + text))
}

/// A kept folder may come back under other ports.
fn set_addresses(home: &Path, addresses: Addresses) -> Result<(), Failure> {
    let Addresses {
        service,
        operations,
        tracker,
    } = addresses;
    let path = home.join("gatehold.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some(("listen", _)) => format!("listen = \"{service}\""),
            Some(("public_url", _)) => format!("public_url = \"http://{service}\""),
            Some(("operations_listen", _)) => format!("operations_listen = \"{operations}\""),
            _ => line.to_owned(),
        })
        .collect();
    put(home, "gatehold.toml", &(lines.join("\n") + "\n"))?;
    let path = home.join("lookups.toml");
    // Whoever took it away asks somebody else, or nobody.
    match std::fs::read_to_string(&path) {
        Ok(text) => put(home, "lookups.toml", &tracker::moved(&text, tracker)),
        Err(_) => Ok(()),
    }
}

fn write_client(home: &Path, address: SocketAddr) -> Result<(), Failure> {
    let mut people = BTreeMap::new();
    for name in PEOPLE {
        let person = RawPerson {
            human: human(name)?.to_string(),
            key_file: None,
            seed_file: Some(Path::new("people").join(format!("{name}.seed"))),
        };
        people.insert(name.to_owned(), person);
    }
    let raw = Raw {
        url: format!("http://{address}"),
        // An address of theirs stays: whoever put it there has the gate listen at it.
        safety_url: Profile::load(home)
            .ok()
            .and_then(|before| before.safety_url),
        origin: ORIGIN.to_owned(),
        root: Some(init::root_of(home)?.to_string()),
        ca_file: None,
        person: None,
        workload_key_file: Some(PathBuf::from(sample::KEY_FILE)),
        people,
    };
    Profile::write(home, &raw)
}

fn put(home: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = home.join(name);
    std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))
}
