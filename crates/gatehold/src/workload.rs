//! `gatehold workload keygen|enrol|resume` and `gatehold point enrol`: machines and their keys. Enrolling is a held action.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use gatehold_core::directory::{Baseline, Lifecycle};
use gatehold_core::ids::{
    DescriptorId, HumanId, PointId, ResourceId, TargetId, TeamId, WorkloadId,
};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::change::{NhiCreate, PointEnrol, WorkloadResume};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_proof::WorkloadKey;

use crate::ambient::now_millis;
use crate::change::{Submitting, submit};
use crate::connect::new_key;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};

/// `gatehold workload …`.
#[derive(Debug, Subcommand)]
pub enum Workload {
    /// Make a key pair: FILE (private, mode 0600) and FILE.jwk (public).
    Keygen {
        /// Where the private key goes.
        file: PathBuf,
    },
    /// Ask for a workload to be enrolled, or changed.
    Enrol(Box<Enrol>),
    /// Ask for a paused workload to go on.
    Resume {
        /// Which.
        id: WorkloadId,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// Arguments of `gatehold workload enrol`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gatehold workload enrol deploy-bot --jwk bot.pem.jwk --owner priya@login.acme.example \\\n    --backup tomas@login.acme.example --baseline-action sql.read --baseline-target sql:shop --baseline-resource shop/"
)]
pub struct Enrol {
    /// Its name.
    pub id: WorkloadId,
    /// The public key: FILE.jwk of `workload keygen`.
    #[arg(long, value_name = "FILE")]
    pub jwk: PathBuf,
    /// What kind of identity it is.
    #[arg(long, value_parser = kind, default_value = "ai_agent")]
    pub kind: WorkloadKind,
    /// Who answers for it, as subject@issuer.
    #[arg(long)]
    pub owner: HumanId,
    /// Their stand-in.
    #[arg(long)]
    pub backup: HumanId,
    /// Who may hold the private key; the owner when nobody is named.
    #[arg(long)]
    pub custodian: Vec<HumanId>,
    /// A team it counts into for policy.
    #[arg(long)]
    pub team: Vec<TeamId>,
    /// A kind of action it normally takes. More than its baseline is elevation.
    #[arg(long, value_name = "DESCRIPTOR")]
    pub baseline_action: Vec<DescriptorId>,
    /// A target it normally touches.
    #[arg(long, value_name = "TARGET")]
    pub baseline_target: Vec<TargetId>,
    /// A resource it normally touches, or a prefix that ends in `/`.
    #[arg(long, value_name = "RESOURCE")]
    pub baseline_resource: Vec<ResourceId>,
    /// A scope of access it normally has. Named at least once, every other scope is elevation; never named, scopes are compared
    /// with nothing.
    #[arg(long, value_name = "SCOPE")]
    pub baseline_scope: Vec<String>,
    /// When its key stops having force, from now.
    #[arg(long, default_value = "90d", value_parser = crate::parse::seconds)]
    pub lifetime: u32,
    /// How it is asked for.
    #[command(flatten)]
    pub how: Submitting,
}

/// `gatehold point …`.
#[derive(Debug, Subcommand)]
pub enum Point {
    /// Ask for an enforcement point to be enrolled.
    Enrol {
        /// Its name.
        id: PointId,
        /// Its public key.
        #[arg(long, value_name = "FILE")]
        jwk: PathBuf,
        /// Who answers for it.
        #[arg(long)]
        owner: HumanId,
        /// A workload it may submit for.
        #[arg(long, required = true)]
        workload: Vec<WorkloadId>,
        /// How it is asked for.
        #[command(flatten)]
        how: Submitting,
    },
}

/// Runs a workload command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn run(ctx: &Ctx, workload: &Workload) -> Result<Exit, Failure> {
    match workload {
        Workload::Keygen { file } => {
            let jwk = keygen(file)?;
            let file = file.display();
            let public: serde_json::Value =
                serde_json::from_str(&jwk).map_err(|error| Failure::fault(error, "report this"))?;
            let next =
                format!("gatehold workload enrol NAME --jwk {file}.jwk --owner … --backup …");
            let answer = serde_json::json!({
                "wrote": file.to_string(), "public": format!("{file}.jwk"), "jwk": public, "next": next,
            });
            ctx.print(&answer, || {
                format!("wrote {file} and {file}.jwk\n{jwk}\nnext: {next}\n")
            })?;
            Ok(Exit::Done)
        }
        Workload::Enrol(enrol) => {
            let change = created(enrol)?;
            let resource = format!("gatehold/workload/{}", enrol.id);
            submit(ctx, &enrol.how, "nhi.create", &resource, &change).await
        }
        Workload::Resume { id, how } => {
            let change = WorkloadResume {
                workload: id.clone(),
            };
            submit(
                ctx,
                how,
                "workload.resume",
                &format!("gatehold/workload/{id}"),
                &change,
            )
            .await
        }
    }
}

/// Runs a point command.
///
/// # Errors
/// When the gate refuses or does not answer.
pub async fn point(ctx: &Ctx, point: &Point) -> Result<Exit, Failure> {
    let Point::Enrol {
        id,
        jwk,
        owner,
        workload,
        how,
    } = point;
    let change = PointEnrol {
        id: id.clone(),
        jwk: read_jwk(jwk)?,
        owner: owner.clone(),
        workloads: workload.iter().cloned().collect(),
    };
    submit(
        ctx,
        how,
        "point.enrol",
        &format!("gatehold/point/{id}"),
        &change,
    )
    .await
}

/// Writes a key pair; gives the public half.
///
/// # Errors
/// When a file exists or cannot be written.
pub fn keygen(file: &Path) -> Result<String, Failure> {
    let key = new_key()?;
    let pem = key
        .to_pem()
        .map_err(|error| Failure::fault(error, "try again"))?;
    crate::files::write_secret(file, pem.as_bytes())?;
    let jwk = key.public().to_jwk();
    let public = file.with_added_extension("jwk");
    std::fs::write(&public, format!("{jwk}\n")).map_err(|error| Failure::file(&public, &error))?;
    Ok(jwk)
}

fn created(enrol: &Enrol) -> Result<NhiCreate, Failure> {
    let custodians: BTreeSet<HumanId> = if enrol.custodian.is_empty() {
        [enrol.owner.clone()].into()
    } else {
        enrol.custodian.iter().cloned().collect()
    };
    Ok(NhiCreate {
        id: enrol.id.clone(),
        kind: enrol.kind,
        jwk: read_jwk(&enrol.jwk)?,
        owner: enrol.owner.clone(),
        backup: enrol.backup.clone(),
        custodians,
        assurance: WorkloadAssurance::Pop,
        teams: enrol.team.iter().cloned().collect(),
        baseline: Baseline {
            descriptors: enrol.baseline_action.iter().cloned().collect(),
            targets: enrol.baseline_target.iter().cloned().collect(),
            resources: enrol.baseline_resource.iter().cloned().collect(),
            scopes: (!enrol.baseline_scope.is_empty())
                .then(|| enrol.baseline_scope.iter().cloned().collect()),
        },
        lifecycle: Lifecycle::Active,
        not_after: Timestamp::from_millis(now_millis()).plus_seconds(enrol.lifetime),
    })
}

fn read_jwk(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    WorkloadKey::from_jwk(text.trim_ascii())
        .map(|key| key.to_jwk())
        .map_err(|error| {
            Failure::usage(
                format!("{}: {error}", path.display()),
                "give FILE.jwk of `gatehold workload keygen`",
            )
        })
}

fn kind(text: &str) -> Result<WorkloadKind, String> {
    WorkloadKind::ALL
        .iter()
        .find(|kind| kind.as_str() == text)
        .copied()
        .ok_or_else(|| format!("write one of {}", WorkloadKind::WORDS.join(", ")))
}
