//! `gatehold init`: the first people agree on a root statement, each signs it with the key that it names, and the store
//! begins with it. `new` writes the statement, `sign` adds one signature, `finish` founds the gate.
//!
//! Private keys of people are never collected: each person signs where their key is, and hands over one small file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatehold_core::assurance::Assurance;
use gatehold_core::hash::hex;
use gatehold_core::ids::{HumanId, Origin, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::Change;
use gatehold_core::trust::root::ROOT_TYPE;
use gatehold_core::trust::{
    ROOT_NAMESPACE, RootHuman, RootKey, RootSignature, RootStatement, SignedRoot,
};
use gatehold_gate::Gate;
use gatehold_ledger::LogSigner;
use gatehold_policy::Bundle;

use crate::ambient::{Os, now_millis};
use crate::config::Config;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::human_key::{HumanKey, read_public};
use crate::screen::plain;
use crate::serve::{open_anchors, open_store, refused};

const STATEMENT: &str = "root.json";
const BUNDLE: &str = "bundle.json";
const CONFIG: &str = "gatehold.toml";
const LOG_KEY: &str = "log.key";
const SIGNATURES: &str = "signatures";

/// `gatehold init …`.
#[derive(Debug, Subcommand)]
pub enum Init {
    /// Write the root statement, the log key and a configuration into a folder.
    New(New),
    /// Show a root statement and sign it with your key.
    Sign(Sign),
    /// Collect the signatures, found the gate and print the hash to pin.
    Finish(Finish),
}

/// Arguments of `gatehold init new`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gatehold init new gate --origin gate.acme.example --human priya@login.acme.example=priya.pub \\\n    --human tomas@login.acme.example=tomas.pub --human ana@login.acme.example=ana.pub"
)]
pub struct New {
    /// The folder; it must not hold a gate.
    pub folder: PathBuf,
    /// The log's origin, which names the gate for ever, such as gate.acme.example.
    #[arg(long)]
    pub origin: Origin,
    /// A person and their SSH public key, as subject@issuer=FILE; three or more.
    #[arg(long, required = true, value_name = "HUMAN=FILE", value_parser = human)]
    pub human: Vec<(HumanId, PathBuf)>,
    /// A team and its members, as TEAM=HUMAN,HUMAN; without any, `owners` and `reviewers` hold everybody.
    #[arg(long, value_name = "TEAM=HUMANS", value_parser = team)]
    pub team: Vec<(TeamId, BTreeSet<HumanId>)>,
    /// The first bundle, a folder; without it the default pack.
    #[arg(long, value_name = "FOLDER")]
    pub bundle: Option<PathBuf>,
    /// What the keys of people count as; more than `software` needs security keys.
    #[arg(long, default_value = "verified", value_parser = crate::people::assurance)]
    pub assurance: Assurance,
}

/// Arguments of `gatehold init sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// The folder of `init new`, or a copy of it.
    pub folder: PathBuf,
    /// Your SSH key.
    #[arg(long)]
    pub key: PathBuf,
}

/// Arguments of `gatehold init finish`.
#[derive(Debug, Args)]
pub struct Finish {
    /// The folder, with everybody's signature.
    pub folder: PathBuf,
}

/// Runs one of them.
///
/// # Errors
/// When a file is missing, a signature does not verify, or the store is not empty.
pub async fn run(ctx: &Ctx, init: &Init) -> Result<Exit, Failure> {
    match init {
        Init::New(new) => self::new(new)?,
        Init::Sign(sign) => self::sign(sign)?,
        Init::Finish(finish) => {
            let hash = self::finish(&finish.folder).await?;
            println!("{}", ctx.screen.title("the gate is founded"));
            println!("root  {hash}");
            println!(
                "next: gatehold serve --config {}",
                finish.folder.join(CONFIG).display()
            );
        }
    }
    Ok(Exit::Done)
}

fn new(new: &New) -> Result<(), Failure> {
    let bundle = match &new.bundle {
        Some(folder) => Bundle::load(folder)
            .map_err(crate::policy::broken)?
            .to_bytes(),
        None => crate::default_pack::bytes()?,
    };
    let mut humans: BTreeMap<HumanId, Vec<RootKey>> = BTreeMap::new();
    for (human, file) in &new.human {
        let (key, _) = read_public(file)?;
        humans.entry(human.clone()).or_default().push(RootKey {
            key,
            assurance: new.assurance,
        });
    }
    if humans.len() < 3 {
        println!(
            "note: {} people; a root of fewer than three is printed in every dossier",
            humans.len()
        );
    }
    if humans.len() < 4 && !new.origin.is_dev() {
        println!(
            "note: enrolling a workload takes two people besides its owner and backup: name four or more"
        );
    }
    let everybody: BTreeSet<HumanId> = humans.keys().cloned().collect();
    let teams = if new.team.is_empty() {
        first_teams(&everybody)?
    } else {
        new.team.iter().cloned().collect()
    };
    let humans = humans
        .into_iter()
        .map(|(human, keys)| RootHuman { human, keys })
        .collect();
    write(&new.folder, &new.origin, humans, teams, &bundle)?;
    println!("wrote {}", new.folder.join(STATEMENT).display());
    println!(
        "next: each person runs `gatehold init sign {} --key THEIR_KEY`",
        new.folder.display()
    );
    Ok(())
}

/// The teams that the default pack names, with everybody in them.
fn first_teams(
    everybody: &BTreeSet<HumanId>,
) -> Result<BTreeMap<TeamId, BTreeSet<HumanId>>, Failure> {
    let names = crate::default_pack::teams()?;
    Ok(names
        .into_iter()
        .map(|name| (name, everybody.clone()))
        .collect())
}

/// Writes statement, bundle, log key and configuration.
///
/// # Errors
/// When the folder holds a gate or cannot be written.
pub fn write(
    folder: &Path,
    origin: &Origin,
    humans: Vec<RootHuman>,
    teams: BTreeMap<TeamId, BTreeSet<HumanId>>,
    bundle: &[u8],
) -> Result<(), Failure> {
    let place = folder.join(STATEMENT);
    if place.exists() {
        return Err(Failure::usage(
            format!("{} is there already", place.display()),
            "a root statement is written once; use another folder",
        ));
    }
    files::private_folder(&folder.join(SIGNATURES))?;
    let seed = crate::ambient::random()
        .map_err(|error| Failure::fault(error, "check the system's random source"))?;
    let log = gatehold_ledger::Origin::new(origin.as_str())
        .map_err(|error| Failure::usage(error, "use another origin, such as gate.acme.example"))?;
    files::write_secret(
        &folder.join(LOG_KEY),
        format!("{}\n", hex(&seed)).as_bytes(),
    )?;
    let statement = RootStatement {
        type_: ROOT_TYPE.to_owned(),
        origin: origin.clone(),
        created_at: Timestamp::from_millis(now_millis()),
        humans,
        teams,
        bundle: Change::bundle_hash(bundle),
        log_key: LogSigner::from_seed(log, &seed).log_key().to_string(),
        recovery_keys: Vec::new(),
    };
    let bytes = canonical::to_bytes(&statement)
        .map_err(|error| Failure::usage(error, "correct the names"))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| Failure::file(&path, &error))
    };
    put(STATEMENT, &bytes)?;
    put(BUNDLE, bundle)?;
    if !folder.join(CONFIG).exists() {
        put(CONFIG, TEMPLATE.as_bytes())?;
    }
    Ok(())
}

fn sign(sign: &Sign) -> Result<(), Failure> {
    let text = statement(&sign.folder)?;
    let root: RootStatement = canonical::from_canonical_bytes(text.as_bytes())
        .map_err(|error| Failure::verification(error, "ask for the statement again"))?;
    let (line, key) = read_public(&sign.key)?;
    println!(
        "ROOT of {}, drawn up {}",
        plain(root.origin.as_str()),
        root.created_at
    );
    for human in &root.humans {
        for key in &human.keys {
            println!("  {}  {} ({})", human.human, plain(&key.key), key.assurance);
        }
    }
    for (team, members) in &root.teams {
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        println!("  team {team}: {}", members.join(", "));
    }
    println!("  bundle {}", root.bundle);
    println!("  log {}", plain(&root.log_key));
    let named = root
        .humans
        .iter()
        .any(|human| human.keys.iter().any(|named| named.key == line));
    if !named {
        return Err(Failure::usage(
            "your key does not stand in this statement",
            "give the key that was named for you, or have the statement drawn up anew",
        ));
    }
    let signature = RootSignature {
        key: line,
        sshsig: HumanKey::from_file(&sign.key)?.sign(ROOT_NAMESPACE, text.as_bytes())?,
    };
    let path = put_signature(&sign.folder, &key.fingerprint(), &signature)?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Stores one signature under its key's fingerprint.
///
/// # Errors
/// When it cannot be written.
pub fn put_signature(
    folder: &Path,
    fingerprint: &str,
    signature: &RootSignature,
) -> Result<PathBuf, Failure> {
    let name: String = fingerprint
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let path = folder.join(SIGNATURES).join(format!("{name}.json"));
    let bytes =
        canonical::to_bytes(signature).map_err(|error| Failure::fault(error, "report this"))?;
    std::fs::write(&path, bytes).map_err(|error| Failure::file(&path, &error))?;
    Ok(path)
}

/// Founds the gate and pins its root in the configuration. Gives the root's hash.
///
/// # Errors
/// When a signature is missing or wrong, or the store is not empty.
pub async fn finish(folder: &Path) -> Result<String, Failure> {
    let root = SignedRoot {
        statement: statement(folder)?,
        signatures: signatures(&folder.join(SIGNATURES))?,
    };
    root.verify().map_err(|error| {
        Failure::verification(
            error,
            "collect the missing signature files into `signatures`",
        )
    })?;
    let bundle = folder.join(BUNDLE);
    let bundle = std::fs::read(&bundle).map_err(|error| Failure::file(&bundle, &error))?;
    let path = folder.join(CONFIG);
    let config = Config::require(&path)?;
    if config.root.is_some_and(|pinned| pinned != root.hash()) {
        return Err(Failure::usage(
            "`trust.root` pins another root",
            "remove the [trust] section, or use the folder it belongs to",
        ));
    }
    let hash = root.hash().to_string();
    let anchors = open_anchors(&config)?;
    let store = open_store(&config.store, Some(anchors.clone())).await?;
    anchors
        .compare(store.as_ref())
        .await
        .map_err(|fault| Failure::verification(fault, "use an empty store"))?;
    Gate::found(store.as_ref(), &Os, root, bundle)
        .await
        .map_err(|error| refused(&error))?;
    if config.root.is_none() {
        let mut text =
            std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        text.push_str(&format!("\n[trust]\nroot = \"{hash}\"\n"));
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
    }
    Ok(hash)
}

fn statement(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(STATEMENT);
    std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))
}

fn signatures(folder: &Path) -> Result<Vec<RootSignature>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut signatures = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Failure::file(folder, &error))?.path();
        let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        signatures.push(canonical::from_bytes(&bytes).map_err(|error| {
            Failure::usage(
                format!("{}: {error}", path.display()),
                "remove what is no signature",
            )
        })?);
    }
    Ok(signatures)
}

fn human(text: &str) -> Result<(HumanId, PathBuf), String> {
    let (human, file) = text.split_once('=').ok_or("write subject@issuer=FILE")?;
    Ok((
        human.parse().map_err(|error| format!("{error}"))?,
        file.into(),
    ))
}

fn team(text: &str) -> Result<(TeamId, BTreeSet<HumanId>), String> {
    let (team, humans) = text.split_once('=').ok_or("write TEAM=HUMAN,HUMAN")?;
    let humans: Result<BTreeSet<HumanId>, _> = humans.split(',').map(str::parse).collect();
    Ok((
        team.parse().map_err(|error| format!("{error}"))?,
        humans.map_err(|error| format!("{error}"))?,
    ))
}

const TEMPLATE: &str = r#"# Everything here is checked at once by `gatehold config check`.
listen = "127.0.0.1:7400"
public_url = "http://127.0.0.1:7400"
# operations_listen = "127.0.0.1:7401"
# targets_file = "targets.toml"

[store]
sqlite_file = "gatehold.db"

[ledger]
# Best on another disk than the store, and never in its backup.
anchors_folder = "anchors"
published_folder = "published"
key_file = "log.key"
"#;
