//! `gatehold init`: the first people agree on a root statement, each signs it with the key that it names, and the store
//! begins with it. `new` writes the statement, `sign` adds one signature, `finish` founds the gate.
//!
//! Private keys of people are never collected: each person signs where their key is, and hands over one small file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use gatehold_core::assurance::Assurance;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, Origin, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::passkey::WebOrigin;
use gatehold_core::ssh::{self, SshPublicKey};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::Change;
use gatehold_core::trust::root::ROOT_TYPE;
use gatehold_core::trust::{
    AttestationRoots, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature, RootStatement, SignedRoot,
};
use gatehold_gate::{Gate, People};
use gatehold_ledger::LogSigner;
use gatehold_policy::Bundle;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::ambient::{Os, now_millis};
use crate::attestation;
use crate::config::Config;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::human_key::{HumanKey, read_public};
use crate::screen::{counted_as, plain};
use crate::serve::{open_anchors, open_store, refused};

const STATEMENT: &str = "root.json";
const BUNDLE: &str = "bundle.json";
const CONFIG: &str = "gatehold.toml";
const LOG_KEY: &str = "log.key";
/// What to do while nobody has signed.
const NEW_STATEMENT: &str = "gatehold init new OTHER-FOLDER with another --human in the teams that decide; once the gate is \
                             founded, adding a person is itself such a change";
/// What to do once everybody has.
const NEW_GATE: &str = "gatehold init new OTHER-FOLDER with another --human, and leave this gate, before anything depends on it";
/// The folder of signatures beside a statement.
pub const SIGNATURES: &str = "signatures";

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
    /// What the keys of people count as; without it each as much as it can prove.
    #[arg(long, value_parser = crate::people::assurance)]
    pub assurance: Option<Assurance>,
    /// The attestation that was written with a person's security key, as subject@issuer=FILE.
    #[arg(long, value_name = "HUMAN=FILE", value_parser = human)]
    pub attestation: Vec<(HumanId, PathBuf)>,
    /// A maker whose attestations count, as NAME=CERTIFICATE (PEM or DER).
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    pub attestation_root: Vec<(String, PathBuf)>,
    /// A certificate between such a root and its authenticators.
    #[arg(long, value_name = "FILE")]
    pub attestation_intermediate: Vec<PathBuf>,
    /// The public half of an offline key that can restore a lost quorum; two or more, kept apart from each other.
    #[arg(long, value_name = "FILE")]
    pub recovery_key: Vec<PathBuf>,
    /// The origin of a page on which passkeys sign: https, host and port, without a path; without any, people sign in terminals.
    #[arg(long, value_name = "ORIGIN")]
    pub console: Vec<WebOrigin>,
}

/// What the first people agree on, but for the bundle and the log.
#[derive(Debug)]
pub struct Founding<'a> {
    /// Names the gate.
    pub origin: &'a Origin,
    /// The first people.
    pub humans: Vec<RootHuman>,
    /// The first teams.
    pub teams: BTreeMap<TeamId, BTreeSet<HumanId>>,
    /// Offline keys.
    pub recovery_keys: Vec<String>,
    /// Makers whose attestations count.
    pub attestation_roots: AttestationRoots,
    /// Pages on which passkeys sign.
    pub consoles: Vec<WebOrigin>,
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
        Init::New(new) => self::new(ctx, new)?,
        Init::Sign(sign) => self::sign(ctx, sign)?,
        Init::Finish(finish) => {
            let hash = self::finish(&finish.folder).await?;
            let root = agreed(&statement(&finish.folder)?)?;
            let bundle = finish.folder.join(BUNDLE);
            let bundle = std::fs::read(&bundle).map_err(|error| Failure::file(&bundle, &error))?;
            warn(ctx, &root, &bundle, NEW_GATE)?;
            let config = finish.folder.join(CONFIG);
            let next = format!("gatehold serve --config {}", config.display());
            ctx.print(&json!({ "root": hash, "next": next }), || {
                let title = ctx.screen.title("the gate is founded");
                format!("{title}\nroot  {hash}\nnext: {next}\n")
            })?;
        }
    }
    Ok(Exit::Done)
}

fn new(ctx: &Ctx, new: &New) -> Result<(), Failure> {
    let bundle = match &new.bundle {
        Some(folder) => Bundle::load(folder)
            .map_err(crate::policy::broken)?
            .to_bytes(),
        None => crate::default_pack::bytes()?,
    };
    let attestation_roots =
        attestation::pins(&new.attestation_root, &new.attestation_intermediate)?;
    let humans = first_keys(
        &new.origin,
        &new.human,
        &new.attestation,
        new.assurance,
        &attestation_roots,
    )?;
    if humans.len() < 3 {
        ctx.say(&format!(
            "note: {}; a root of fewer than three is printed in every dossier\n",
            counted_as(humans.len(), "person", "people")
        ));
    }
    if new.recovery_key.is_empty() {
        ctx.say(
            "note: no offline recovery keys; if too few people can sign some day, this gate cannot be changed any more\n",
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
    let recovery = new.recovery_key.iter();
    let founding = Founding {
        origin: &new.origin,
        humans,
        teams,
        recovery_keys: recovery
            .map(|file| read_public(file).map(|(line, _)| line))
            .collect::<Result<_, _>>()?,
        attestation_roots,
        consoles: new.console.clone(),
    };
    let root = write(&new.folder, founding, &bundle)?;
    warn(ctx, &root, &bundle, NEW_STATEMENT)?;
    let who = if new.recovery_key.is_empty() {
        "each person"
    } else {
        "each person, and each keeper of an offline key,"
    };
    let next = format!(
        "{who} runs `gatehold init sign {} --key THEIR_KEY`",
        new.folder.display()
    );
    ctx.wrote(&new.folder.join(STATEMENT), &next)
}

/// Everybody's keys, each with the attestation that speaks of it and at the level that is asked for.
///
/// # Errors
/// When a key or attestation cannot be used, or more is asked for than it can prove.
pub fn first_keys(
    origin: &Origin,
    people: &[(HumanId, PathBuf)],
    attestations: &[(HumanId, PathBuf)],
    level: Option<Assurance>,
    pinned: &AttestationRoots,
) -> Result<BTreeMap<HumanId, Vec<RootKey>>, Failure> {
    let mut humans: BTreeMap<HumanId, Vec<RootKey>> = BTreeMap::new();
    for (human, file) in people {
        let (key, _) = read_public(file)?;
        humans.entry(human.clone()).or_default().push(RootKey {
            key,
            assurance: Assurance::Software,
            attestation: None,
        });
    }
    let now = Timestamp::from_millis(now_millis());
    for (human, file) in attestations {
        let keys = humans.get_mut(human).ok_or_else(|| {
            Failure::usage(
                format!("{human} is not among the people"),
                "name them with --human too",
            )
        })?;
        attestation::attach(file, (origin, human), keys, pinned, now)?;
    }
    for named in humans.values_mut().flatten() {
        let key = SshPublicKey::from_line(&named.key)
            .map_err(|error| Failure::usage(error, "give another key"))?;
        let most = attestation::most(&key, named.attestation.is_some());
        named.assurance = level.unwrap_or(most);
        if named.assurance > most {
            return Err(Failure::usage(
                format!("{} can count as `{most}` at most", plain(&named.key)),
                "leave --assurance out, or give security keys and their attestations",
            ));
        }
        if named.assurance == Assurance::Software && !origin.is_dev() {
            return Err(Failure::usage(
                format!(
                    "{} counts as `software`, and at {origin} such keys approve nothing",
                    plain(&named.key)
                ),
                "give security keys (`ssh-keygen -t ed25519-sk`), or use an origin that begins with `dev.`",
            ));
        }
    }
    Ok(humans)
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

/// Says which changes of the gate the first people could never decide, while more people can still be named.
fn warn(ctx: &Ctx, root: &RootStatement, bundle: &[u8], remedy: &str) -> Result<(), Failure> {
    let bundle = Bundle::from_bytes(bundle).map_err(crate::policy::broken)?;
    let undecidable = People::from(root).cannot_decide(&Arc::new(bundle));
    for one in &undecidable {
        ctx.say(&format!("WARNING: {}\n", plain(&one.to_string())));
    }
    if !undecidable.is_empty() {
        ctx.say(&format!("  try: {remedy}\n"));
    }
    Ok(())
}

/// Writes statement, bundle, log key and configuration. Gives the statement.
///
/// # Errors
/// When the folder holds a gate or cannot be written.
pub fn write(
    folder: &Path,
    founding: Founding<'_>,
    bundle: &[u8],
) -> Result<RootStatement, Failure> {
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
    let log = gatehold_ledger::Origin::new(founding.origin.as_str())
        .map_err(|error| Failure::usage(error, "use another origin, such as gate.acme.example"))?;
    files::write_secret(
        &folder.join(LOG_KEY),
        format!("{}\n", hex(&seed)).as_bytes(),
    )?;
    let statement = RootStatement {
        type_: ROOT_TYPE.to_owned(),
        origin: founding.origin.clone(),
        created_at: Timestamp::from_millis(now_millis()),
        humans: founding.humans,
        teams: founding.teams,
        bundle: Change::bundle_hash(bundle),
        log_key: LogSigner::from_seed(log, &seed).log_key().to_string(),
        recovery_keys: founding.recovery_keys,
        attestation_roots: founding.attestation_roots,
        consoles: founding.consoles,
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
    Ok(statement)
}

/// Reads a statement.
fn agreed(text: &str) -> Result<RootStatement, Failure> {
    canonical::from_canonical_bytes(text.as_bytes())
        .map_err(|error| Failure::verification(error, "ask for the statement again"))
}

fn sign(ctx: &Ctx, sign: &Sign) -> Result<(), Failure> {
    let text = statement(&sign.folder)?;
    let root = agreed(&text)?;
    let (line, key) = read_public(&sign.key)?;
    ctx.say(&shown(&root));
    let people = root.humans.iter().flat_map(|human| &human.keys);
    let named = people.into_iter().find(|named| named.key == line);
    if named.is_none() && !root.recovery_keys.contains(&line) {
        return Err(Failure::usage(
            "your key does not stand in this statement",
            "give the key that was named for you, or have the statement drawn up anew",
        ));
    }
    let signature = RootSignature {
        key: line,
        signature: HumanKey::from_file(&sign.key)?.sign(ROOT_NAMESPACE, text.as_bytes())?,
    };
    if let Some(named) = named {
        let flags = ssh::verify(
            signature.signature.as_bytes(),
            text.as_bytes(),
            ROOT_NAMESPACE,
            &key,
        )
        .map_err(|error| Failure::fault(error, "report this"))?
        .flags();
        let given = Assurance::of_signature(Assurance::Attested, flags);
        if given < named.assurance {
            return Err(Failure::verification(
                format!(
                    "this signature counts as `{given}`, and the statement says `{}`",
                    named.assurance
                ),
                "sign with the key's PIN (`ssh-keygen -O verify-required`), or have the statement drawn up with a lower --assurance",
            ));
        }
    }
    let path = put_signature(&sign.folder, &key.fingerprint(), &signature)?;
    ctx.wrote(
        &path,
        "hand it to whoever runs `gatehold init finish` with everybody's signature",
    )
}

/// What a founder signs.
fn shown(root: &RootStatement) -> String {
    let mut lines = vec![format!(
        "ROOT of {}, drawn up {}",
        plain(root.origin.as_str()),
        root.created_at
    )];
    for human in &root.humans {
        let keys = human.keys.iter();
        lines.extend(
            keys.map(|key| format!("  {}  {} ({})", human.human, plain(&key.key), key.assurance)),
        );
    }
    for (team, members) in &root.teams {
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        lines.push(format!("  team {team}: {}", members.join(", ")));
    }
    for offline in &root.recovery_keys {
        lines.push(format!("  offline recovery key {}", plain(offline)));
    }
    for maker in &root.attestation_roots.roots {
        lines.push(format!("  attestations by {} count", plain(&maker.name)));
    }
    lines.push(format!("  bundle {}", root.bundle));
    lines.push(format!("  log {}\n", plain(&root.log_key)));
    lines.join("\n")
}

/// Stores one signature under its key's fingerprint.
///
/// # Errors
/// When it cannot be written.
pub fn put_signature(
    folder: &Path,
    fingerprint: &str,
    signature: &impl Serialize,
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

/// The hash of the root statement in a folder: what everybody who uses its gate pins.
///
/// # Errors
/// When it cannot be read.
pub fn root_of(folder: &Path) -> Result<Hash, Failure> {
    Ok(Hash::tagged(ROOT_TYPE, &[statement(folder)?.as_bytes()]))
}

fn statement(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(STATEMENT);
    std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))
}

/// The signatures that were collected in a folder.
///
/// # Errors
/// When one of its files is no signature.
pub fn signatures<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, Failure> {
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

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE")?;
    Ok((name.to_owned(), file.into()))
}

/// A person and a file, as `subject@issuer=FILE`.
///
/// # Errors
/// What would have been right.
pub fn human(text: &str) -> Result<(HumanId, PathBuf), String> {
    let (human, file) = text.split_once('=').ok_or("write subject@issuer=FILE")?;
    Ok((
        human.parse().map_err(|error| format!("{error}"))?,
        file.into(),
    ))
}

/// A team and its members, as `TEAM=HUMAN,HUMAN`.
///
/// # Errors
/// What would have been right.
pub fn team(text: &str) -> Result<(TeamId, BTreeSet<HumanId>), String> {
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
