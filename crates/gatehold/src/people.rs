//! `gatehold team set`, `human enrol`, `key revoke`, `stops lift`: people, their keys, and what was stopped.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatehold_client::wire::{Humans, KeyRevocationRequest, KeySignature};
use gatehold_core::assurance::Assurance;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, Origin, ResourceId, TargetId, TaskId, TeamId, WorkloadId};
use gatehold_core::json::canonical;
use gatehold_core::person_key::PersonKey;
use gatehold_core::ssh;
use gatehold_core::stops::Stops;
use gatehold_core::trust::change::{HumanEnrol, TeamSet};
use gatehold_core::trust::revocation::REVOCATION_TYPE;
use gatehold_core::trust::{
    ENROL_NAMESPACE, GLASS_ENROL_NAMESPACE, GlassEnrol, KeyRevocation, SAFE_NAMESPACE,
};

use crate::act::safely;
use crate::attestation::{self, Challenge};
use crate::change::{Submitting, submit, submit_as};
use crate::context::Ctx;
use crate::delegation::{said, standing};
use crate::exit::{Exit, Failure};
use crate::human_key::{HumanKey, read_public};
use crate::screen::plain;
use crate::session::acting;

/// `gatehold team …`.
#[derive(Debug, Subcommand)]
pub enum Team {
    /// Ask for a team to have exactly these members.
    Set {
        /// Which team.
        team: TeamId,
        /// A member, as subject@issuer.
        #[arg(long, required = true)]
        member: Vec<HumanId>,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// `gatehold human …`.
#[derive(Debug, Subcommand)]
pub enum Human {
    /// Who is enrolled, with which keys, what each counts as and why.
    List,
    /// Write the challenge that a security key is made with, so that its attestation counts at this gate.
    Challenge(Challenge),
    /// Prove possession of a new key: the person with the new key runs this and hands the file to whoever enrols them.
    Prove {
        /// Who gets the key.
        human: HumanId,
        /// The new SSH key.
        #[arg(long)]
        key: PathBuf,
        /// The attestation that was written with it.
        #[arg(long, value_name = "FILE")]
        attestation: Option<PathBuf>,
        /// It is to lie in a drawer: it breaks the glass with somebody else's, and does nothing else.
        #[arg(long, conflicts_with = "attestation")]
        offline: bool,
        /// Where the proof goes.
        #[arg(long)]
        out: PathBuf,
    },
    /// Ask for a person's offline key to be enrolled, for break-glass alone.
    EnrolOffline {
        /// The file of `gatehold human prove --offline`.
        proof: PathBuf,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
    /// Ask for a person's new key to be enrolled.
    Enrol {
        /// The file of `gatehold human prove`.
        proof: PathBuf,
        /// What the key counts as; without it as much as is proven.
        #[arg(long, value_parser = assurance)]
        assurance: Option<Assurance>,
        /// The attestation that was written with the key, if it is not in the proof already.
        #[arg(long, value_name = "FILE")]
        attestation: Option<PathBuf>,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// `gatehold key …`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Take a key's force away, at once: your own, or with --cosign as one of two others.
    Revoke(RevokeKey),
}

/// Arguments of `gatehold key revoke`.
#[derive(Debug, Args)]
pub struct RevokeKey {
    /// Whose key.
    pub human: HumanId,
    /// Its thumbprint.
    pub key: Hash,
    /// A signature of another person over the same revocation, as this command prints it with --sign-only.
    #[arg(long, value_name = "FILE")]
    pub cosign: Vec<PathBuf>,
    /// Print the signature instead of sending it.
    #[arg(long)]
    pub sign_only: bool,
}

/// `gatehold stops …`.
#[derive(Debug, Subcommand)]
pub enum StopsCommand {
    /// Ask for stops to be lifted.
    Lift {
        /// Lift the lockdown.
        #[arg(long)]
        everything: bool,
        /// A stopped workload.
        #[arg(long)]
        workload: Vec<WorkloadId>,
        /// A stopped task.
        #[arg(long)]
        task: Vec<TaskId>,
        /// A stopped target.
        #[arg(long)]
        target: Vec<TargetId>,
        /// A stopped resource.
        #[arg(long)]
        resource: Vec<ResourceId>,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// Runs a team command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn team(ctx: &Ctx, team: &Team) -> Result<Exit, Failure> {
    let Team::Set { team, member, how } = team;
    let change = TeamSet {
        team: team.clone(),
        members: member.iter().cloned().collect(),
    };
    submit(
        ctx,
        how,
        "team.set",
        &format!("gatehold/team/{team}"),
        &change,
    )
    .await
}

/// Runs a human command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn human(ctx: &Ctx, human: &Human) -> Result<Exit, Failure> {
    match human {
        Human::List => list(ctx).await,
        Human::Challenge(challenge) => attestation::challenge(ctx, challenge),
        Human::Prove {
            human,
            key,
            offline: true,
            out,
            ..
        } => prove_offline(ctx, human, key, out),
        Human::EnrolOffline { proof, how } => enrol_offline(ctx, how, proof).await,
        Human::Prove {
            human,
            key,
            attestation,
            out,
            ..
        } => {
            let (line, _) = read_public(key)?;
            let origin = ctx.profile()?.origin;
            let message = HumanEnrol::possession_message(&origin, human, &line)
                .map_err(|error| Failure::usage(error, "correct the name"))?;
            let proof = HumanEnrol {
                human: human.clone(),
                possession: HumanKey::from_file(key)?.sign(ENROL_NAMESPACE, &message)?,
                key: line,
                assurance: Assurance::Software,
                attestation: attestation.as_deref().map(attestation::read).transpose()?,
                suspension: None,
            };
            let bytes = canonical::to_bytes(&proof)
                .map_err(|error| Failure::fault(error, "report this"))?;
            std::fs::write(out, bytes).map_err(|error| Failure::file(out, &error))?;
            ctx.wrote(out, "hand it to whoever enrols you")?;
            Ok(Exit::Done)
        }
        Human::Enrol {
            proof,
            assurance,
            attestation,
            how,
        } => {
            let bytes = std::fs::read(proof).map_err(|error| Failure::file(proof, &error))?;
            let mut change: HumanEnrol = canonical::from_bytes(&bytes).map_err(|error| {
                Failure::usage(
                    format!("{}: {error}", proof.display()),
                    "give the file of `gatehold human prove`",
                )
            })?;
            if let Some(path) = attestation {
                change.attestation = Some(attestation::read(path)?);
            }
            change.assurance = match assurance {
                Some(assurance) => *assurance,
                None => proven(&change, &ctx.profile()?.origin)?,
            };
            enrol(ctx, how, change).await
        }
    }
}

/// Proves that an offline key is there.
fn prove_offline(ctx: &Ctx, human: &HumanId, key: &Path, out: &Path) -> Result<Exit, Failure> {
    let origin = ctx.profile()?.origin;
    let key = HumanKey::offline(key, &origin)?;
    let line = key.line();
    let message = GlassEnrol::possession_message(&origin, human, &line)
        .map_err(|error| Failure::usage(error, "correct the name"))?;
    let proof = GlassEnrol {
        human: human.clone(),
        possession: key.sign(GLASS_ENROL_NAMESPACE, &message)?,
        key: line,
        suspension: None,
    };
    let bytes =
        canonical::to_bytes(&proof).map_err(|error| Failure::fault(error, "report this"))?;
    std::fs::write(out, bytes).map_err(|error| Failure::file(out, &error))?;
    ctx.wrote(
        out,
        "put the key in its drawer, and hand this to whoever runs `gatehold human enrol-offline`",
    )?;
    Ok(Exit::Done)
}

/// Asks for an offline key to be enrolled.
async fn enrol_offline(ctx: &Ctx, how: &Submitting, proof: &Path) -> Result<Exit, Failure> {
    let bytes = std::fs::read(proof).map_err(|error| Failure::file(proof, &error))?;
    let mut change: GlassEnrol = canonical::from_bytes(&bytes).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", proof.display()),
            "give the file of `gatehold human prove --offline`",
        )
    })?;
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let people = acting.client.humans().await?;
    change.suspension = last_gone(&people, &change.human)?;
    let resource = format!("gatehold/human/{}", change.human);
    let payload =
        canonical::to_bytes(&change).map_err(|error| Failure::usage(error, "correct the input"))?;
    submit_as(ctx, &acting, how, ("glass.enrol", &resource), payload).await
}

/// Asks for a new key. What the identity provider said last of its holder, the change names; where they are gone, whoever asks is
/// told.
async fn enrol(ctx: &Ctx, how: &Submitting, mut change: HumanEnrol) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let people = acting.client.humans().await?;
    change.suspension = last_gone(&people, &change.human)?;
    let name = change.human.to_string();
    if people.suspended.iter().any(|one| one.human == name) {
        ctx.say(&format!(
            "the identity provider deactivated {}, and this key would count all the same\n",
            plain(&name)
        ));
    }
    let resource = format!("gatehold/human/{}", change.human);
    let payload =
        canonical::to_bytes(&change).map_err(|error| Failure::usage(error, "correct the input"))?;
    submit_as(ctx, &acting, how, ("human.enrol", &resource), payload).await
}

/// The suspension of somebody that was said last, as the gate says: one that stands, or has ended. Another one is refused when the
/// change is to be applied.
///
/// # Errors
/// With no name.
pub fn last_gone(people: &Humans, human: &HumanId) -> Result<Option<Hash>, Failure> {
    let name = human.to_string();
    let standing = people.suspended.iter();
    let standing = standing.map(|one| (&one.human, &one.suspension));
    let ended = people.returned.iter();
    let mut said = standing.chain(ended.map(|one| (&one.human, &one.suspension)));
    let said = said.find(|(whose, _)| **whose == name);
    let named = said.map(|(_, suspension)| suspension.parse());
    named
        .transpose()
        .map_err(|_| Failure::fault("the gate names a suspension by no hash", "report this"))
}

/// The most that a proof shows of its key. A passkey's is checked by the gate, which knows the pages it may sign on: every one
/// asks who is there, and whether its maker vouches for it is asked for by `--assurance attested`.
fn proven(change: &HumanEnrol, origin: &Origin) -> Result<Assurance, Failure> {
    let ask_again = |error: String| Failure::verification(error, "ask for the proof again");
    let key = match PersonKey::from_line(&change.key) {
        Ok(PersonKey::Ssh(key)) => key,
        Ok(PersonKey::Passkey(_)) => return Ok(Assurance::Verified),
        Err(error) => return Err(ask_again(error.to_string())),
    };
    let message = HumanEnrol::possession_message(origin, &change.human, &change.key)
        .map_err(|error| ask_again(error.to_string()))?;
    let flags = ssh::verify(
        change.possession.as_bytes(),
        &message,
        ENROL_NAMESPACE,
        &key,
    )
    .map_err(|error| ask_again(error.to_string()))?
    .flags();
    let most = attestation::most(&key, change.attestation.is_some());
    Ok(Assurance::of_signature(most, flags))
}

async fn list(ctx: &Ctx) -> Result<Exit, Failure> {
    let profile = ctx.profile()?;
    let acting = acting(&profile, ctx.person.as_deref()).await?;
    let people = acting.client.humans().await?;
    ctx.print(&people, || lines(&people))?;
    Ok(Exit::Done)
}

fn lines(people: &Humans) -> String {
    let mut text = String::new();
    for leaf in &people.quorum_lost {
        let _ = writeln!(
            text,
            "QUORUM LOST: at leaf {leaf} it was restored with offline keys"
        );
    }
    let known = |name: &String| people.humans.iter().any(|human| human.human == *name);
    for one in (people.suspended.iter()).filter(|one| !known(&one.human)) {
        let _ = writeln!(
            text,
            "{}  was never enrolled, SUSPENDED by the identity provider",
            plain(&one.human)
        );
    }
    for human in &people.humans {
        let _ = writeln!(
            text,
            "{}  {}",
            plain(&human.human),
            plain(&human.teams.join(", "))
        );
        for key in &human.keys {
            let _ = writeln!(
                text,
                "  {}  {}: {} (leaf {}){}",
                plain(&key.key),
                plain(&key.assurance),
                plain(&key.proof),
                key.leaf,
                if key.suspended {
                    ", SUSPENDED by the identity provider"
                } else {
                    ""
                }
            );
        }
        if human.keys.is_empty() {
            text.push_str("  no key has force\n");
        }
        for one in (people.offline.iter()).filter(|one| one.human == human.human) {
            let force = if one.has_force { "" } else { ", WITHOUT FORCE" };
            let _ = writeln!(
                text,
                "  {}  offline: for break-glass alone (leaf {}){force}",
                plain(&one.key),
                one.leaf
            );
        }
        for one in (people.delegations.iter()).filter(|one| one.from == human.human) {
            let _ = writeln!(text, "  {} ({})", said(one), standing(one.standing));
        }
    }
    text
}

/// Runs a key command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn key(ctx: &Ctx, key: &Key) -> Result<Exit, Failure> {
    let Key::Revoke(revoke) = key;
    let profile = ctx.profile()?;
    // The signatures are what counts; a session is only needed to hand them in.
    let person = profile.person(ctx.person.as_deref())?;
    let own = HumanKey::of(&person, &profile.origin)?;
    let statement = KeyRevocation {
        type_: REVOCATION_TYPE.to_owned(),
        gate: profile.origin.clone(),
        human: revoke.human.clone(),
        key: revoke.key,
    };
    let bytes = canonical::to_bytes(&statement)
        .map_err(|error| Failure::usage(error, "correct the name"))?;
    let signature = KeySignature {
        human: person.human.to_string(),
        key: own.thumbprint().to_string(),
        signature: own.sign(SAFE_NAMESPACE, &bytes)?,
    };
    if revoke.sign_only {
        let text = serde_json::to_string_pretty(&signature)
            .map_err(|error| Failure::fault(error, "report this"))?;
        ctx.print(&signature, || text + "\n")?;
        return Ok(Exit::Done);
    }
    let mut signatures = vec![signature];
    for path in &revoke.cosign {
        let text = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
        signatures.push(serde_json::from_slice(&text).map_err(|error| {
            Failure::usage(
                format!("{}: {error}", path.display()),
                "give what `gatehold key revoke --sign-only` printed",
            )
        })?);
    }
    let request = KeyRevocationRequest {
        statement: bytes.into(),
        signatures,
    };
    safely(ctx, async |client| client.revoke_key(&request).await).await?;
    let answer = serde_json::json!({ "human": revoke.human, "revoked": revoke.key });
    ctx.print(&answer, || {
        "revoked; the key has no force from now on\n".to_owned()
    })?;
    Ok(Exit::Done)
}

/// Runs a stops command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn stops(ctx: &Ctx, stops: &StopsCommand) -> Result<Exit, Failure> {
    let StopsCommand::Lift {
        everything,
        workload,
        task,
        target,
        resource,
        how,
    } = stops;
    let change = Stops {
        everything: *everything,
        workloads: workload.iter().cloned().collect(),
        tasks: task.iter().copied().collect(),
        targets: target.iter().cloned().collect(),
        resources: resource.iter().cloned().collect(),
    };
    if change == Stops::default() {
        return Err(Failure::usage(
            "nothing is named to be lifted",
            "name what was stopped, such as --workload NAME",
        ));
    }
    submit(ctx, how, "stop.lift", "gatehold/stops", &change).await
}

/// A level of assurance by its word.
///
/// # Errors
/// What would have been right.
pub fn assurance(text: &str) -> Result<Assurance, String> {
    [
        Assurance::Software,
        Assurance::Present,
        Assurance::Verified,
        Assurance::Attested,
    ]
    .into_iter()
    .find(|level| level.as_str() == text)
    .ok_or_else(|| "write software, present, verified or attested".to_owned())
}
