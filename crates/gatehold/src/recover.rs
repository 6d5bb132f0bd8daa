//! `gatehold recover`: too few people can sign, and the offline keys that the root names put people back. `new` draws up
//! what is to happen, `sign` adds one signature, `finish` writes the leaf that says aloud what happened.
//!
//! It works on the store itself, not through a gate: the offline keys never meet a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::recovery::{
    LostKey, RECOVERY_NAMESPACE, RECOVERY_TYPE, RecoverySignature, signers_needed,
};
use gatehold_core::trust::{Recovery, RootHuman, SignedRecovery};
use gatehold_gate::{Gate, Trust};
use serde_json::json;

use crate::ambient::{Os, now_millis};
use crate::config::Config;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::human_key::{HumanKey, read_public};
use crate::init::{self, SIGNATURES};
use crate::screen::{Style, plain};
use crate::serve::{open_anchors, open_store, refused};

const STATEMENT: &str = "recovery.json";

/// `gatehold recover …`.
#[derive(Debug, Subcommand)]
pub enum Recover {
    /// Draw up a recovery: whose keys are lost, who gets a key, which teams there are.
    New(New),
    /// Show a recovery and sign it, with an offline key or with a key that it enrols.
    Sign(Sign),
    /// Restore the quorum. It stands in the ledger for ever and is said wherever the ledger is shown.
    Finish(Finish),
}

/// Arguments of `gatehold recover new`.
#[derive(Debug, Args)]
pub struct New {
    /// A new folder for the statement and its signatures.
    pub folder: PathBuf,
    /// The gate's configuration.
    #[arg(long)]
    pub config: PathBuf,
    /// A key that is lost, as subject@issuer=THUMBPRINT; `gatehold human list` shows thumbprints.
    #[arg(long, value_name = "HUMAN=KEY", value_parser = lost)]
    pub revoke: Vec<LostKey>,
    /// A person and the SSH public key they get, as subject@issuer=FILE.
    #[arg(long, required = true, value_name = "HUMAN=FILE", value_parser = init::human)]
    pub human: Vec<(HumanId, PathBuf)>,
    /// The attestation that was written with a person's security key, as subject@issuer=FILE.
    #[arg(long, value_name = "HUMAN=FILE", value_parser = init::human)]
    pub attestation: Vec<(HumanId, PathBuf)>,
    /// A team that is to have exactly these members, as TEAM=HUMAN,HUMAN.
    #[arg(long, value_name = "TEAM=HUMANS", value_parser = init::team)]
    pub team: Vec<(TeamId, BTreeSet<HumanId>)>,
}

/// Arguments of `gatehold recover sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// The folder of `recover new`, or a copy of it.
    pub folder: PathBuf,
    /// Your SSH key.
    #[arg(long)]
    pub key: PathBuf,
}

/// Arguments of `gatehold recover finish`.
#[derive(Debug, Args)]
pub struct Finish {
    /// The folder, with everybody's signature.
    pub folder: PathBuf,
    /// The gate's configuration.
    #[arg(long)]
    pub config: PathBuf,
}

/// Runs one of them.
///
/// # Errors
/// When a file is missing, a signature does not verify, or the store cannot be used.
pub async fn run(ctx: &Ctx, recover: &Recover) -> Result<Exit, Failure> {
    match recover {
        Recover::New(new) => self::new(ctx, new).await?,
        Recover::Sign(sign) => self::sign(ctx, sign)?,
        Recover::Finish(finish) => self::finish(ctx, finish).await?,
    }
    Ok(Exit::Done)
}

async fn new(ctx: &Ctx, new: &New) -> Result<(), Failure> {
    let config = Config::require(&new.config)?;
    let store = open_store(&config.store, None).await?;
    let trust = Trust::read(store.as_ref(), config.root)
        .await
        .map_err(|error| refused(&error))?;
    let directory = trust.directory;
    let named = directory.recovery.len();
    if named == 0 {
        return Err(Failure::usage(
            "the root statement names no offline keys, so nobody can restore a quorum",
            "found a new gate with `gatehold init new --recovery-key …`",
        ));
    }
    let humans = init::first_keys(
        &directory.origin,
        &new.human,
        &new.attestation,
        None,
        &directory.attestation_roots,
    )?;
    let humans = humans.into_iter();
    let recovery = Recovery {
        type_: RECOVERY_TYPE.to_owned(),
        gate: directory.origin.clone(),
        root: directory.root,
        directory: directory.version,
        created_at: Timestamp::from_millis(now_millis()),
        revoke: new.revoke.clone(),
        enrol: humans
            .map(|(human, keys)| RootHuman { human, keys })
            .collect(),
        teams: new.team.iter().cloned().collect::<BTreeMap<_, _>>(),
    };
    let place = new.folder.join(STATEMENT);
    if place.exists() {
        return Err(Failure::usage(
            format!("{} is there already", place.display()),
            "use another folder",
        ));
    }
    files::private_folder(&new.folder.join(SIGNATURES))?;
    let bytes = canonical::to_bytes(&recovery)
        .map_err(|error| Failure::usage(error, "correct the names"))?;
    std::fs::write(&place, bytes).map_err(|error| Failure::file(&place, &error))?;
    let next = format!(
        "{} of {named} keepers of offline keys, and everybody who gets a key, run `gatehold recover sign {} --key THEIR_KEY`",
        signers_needed(named),
        new.folder.display()
    );
    ctx.wrote(&place, &next)
}

fn sign(ctx: &Ctx, sign: &Sign) -> Result<(), Failure> {
    let text = statement(&sign.folder)?;
    let recovery: Recovery = canonical::from_canonical_bytes(text.as_bytes())
        .map_err(|error| Failure::verification(error, "ask for the statement again"))?;
    ctx.say(&shown(&recovery));
    let (line, key) = read_public(&sign.key)?;
    let signature = RecoverySignature {
        key: line,
        signature: HumanKey::from_file(&sign.key)?.sign(RECOVERY_NAMESPACE, text.as_bytes())?,
    };
    let path = init::put_signature(&sign.folder, &key.fingerprint(), &signature)?;
    ctx.wrote(
        &path,
        "hand it to whoever runs `gatehold recover finish` with everybody's signature",
    )
}

/// What is signed.
fn shown(recovery: &Recovery) -> String {
    let mut lines = vec![
        format!(
            "RECOVERY of a lost quorum at {}, drawn up {}",
            plain(recovery.gate.as_str()),
            recovery.created_at
        ),
        format!("  under root {}", recovery.root),
    ];
    for lost in &recovery.revoke {
        lines.push(format!("  {} loses the key {}", lost.human, lost.key));
    }
    for human in &recovery.enrol {
        let keys = human.keys.iter();
        lines.extend(keys.map(|key| {
            format!(
                "  {} gets {} ({})",
                human.human,
                plain(&key.key),
                key.assurance
            )
        }));
    }
    for (team, members) in &recovery.teams {
        let members: Vec<String> = members.iter().map(ToString::to_string).collect();
        lines.push(format!("  team {team}: {}", members.join(", ")));
    }
    lines.join("\n") + "\n"
}

async fn finish(ctx: &Ctx, finish: &Finish) -> Result<(), Failure> {
    let recovery = SignedRecovery {
        statement: statement(&finish.folder)?,
        signatures: init::signatures(&finish.folder.join(SIGNATURES))?,
    };
    let config = Config::require(&finish.config)?;
    let anchors = open_anchors(&config)?;
    let store = open_store(&config.store, Some(anchors.clone())).await?;
    anchors.compare(store.as_ref()).await.map_err(|fault| {
        Failure::verification(fault, "restore the newest copy of the store first")
    })?;
    let leaf = Gate::recover(store.as_ref(), &Os, recovery, config.root)
        .await
        .map_err(|error| refused(&error))?;
    let next = "tell everybody who relies on this gate, and run `gatehold audit verify`";
    ctx.print(&json!({ "leaf": leaf, "next": next }), || {
        let loud = ctx.screen.paint(
            Style::Red,
            "QUORUM LOST: it is restored with offline keys, and the ledger says so for ever",
        );
        format!("{loud}\nleaf  {leaf}\nnext: {next}\n")
    })
}

fn statement(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(STATEMENT);
    std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))
}

fn lost(text: &str) -> Result<LostKey, String> {
    let (human, key) = text
        .split_once('=')
        .ok_or("write subject@issuer=THUMBPRINT")?;
    Ok(LostKey {
        human: human.parse().map_err(|error| format!("{error}"))?,
        key: key.parse::<Hash>().map_err(|error| format!("{error}"))?,
    })
}
