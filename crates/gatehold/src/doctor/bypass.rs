//! `gatehold doctor bypass`: who else reaches what a target guards. What the target does not say is UNKNOWN, and never said to be fine.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use gatehold_broker::{Brought, SshFiles, Targets, Way, Ways, ways_round};
use gatehold_core::grant::GrantState;
use gatehold_core::ids::{GrantId, TargetId};
use gatehold_gate::grant_as_written;
use gatehold_gate::ports::store::Store;

use super::{Found, Level, Report};
use crate::config::{Config, ConfigLookedAt, ExecutorConfig, looked_at};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::leases::named_by;
use crate::screen::{counted, counted_as};
use crate::serve::open_store;
use crate::targets::TargetsFile;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Arguments of `gatehold doctor bypass`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold doctor bypass orders-access\n  gatehold doctor bypass ssh:shop --sshd sshd-T.txt \
                  --authorities authority.pub --authorized-keys deploy.keys"
)]
pub struct Bypass {
    /// Which target of the configuration.
    pub target: TargetId,
    /// Which configuration: of the gate, or of the executor that has the target.
    #[command(flatten)]
    pub file: ConfigLookedAt,
    /// Where the target stands.
    #[command(flatten)]
    pub targets: TargetsFile,
    /// Of a target of SSH: what `sshd -T` prints at its server.
    #[arg(long, value_name = "FILE")]
    pub sshd: Option<PathBuf>,
    /// Of a target of SSH: a file that TrustedUserCAKeys of its server names.
    #[arg(long, value_name = "FILE")]
    pub authorities: Vec<PathBuf>,
    /// Of a target of SSH: a file that AuthorizedKeysFile of its server names.
    #[arg(long, value_name = "FILE")]
    pub authorized_keys: Vec<PathBuf>,
}

/// What was found.
#[derive(Debug, serde::Serialize)]
struct Looked<'a> {
    target: &'a TargetId,
    /// How many ways there are that nobody wants.
    bypasses: usize,
    /// How many leases live there, where that is known.
    leases: Option<usize>,
    findings: &'a [Found],
    ways: &'a Ways,
}

/// Looks at one target.
///
/// # Errors
/// When the configuration is wrong, a file cannot be read, or the store does not answer.
pub(super) async fn run(ctx: &Ctx, args: &Bypass) -> Result<Exit, Failure> {
    let place = Place::of(&looked_at(ctx, args.file.config.as_deref()), &args.targets).await?;
    let files = SshFiles {
        settings: args.sshd.as_deref().map(brought).transpose()?,
        authorities: all(&args.authorities)?,
        authorized_keys: all(&args.authorized_keys)?,
    };
    let ways = ways_round(&place.targets, &args.target, &place.gate, &files).await;
    let Some(ways) = ways else {
        return Err(no_target(&place, &args.target));
    };
    let mut report = Report::default();
    let mut leases = 0_usize;
    let mut bypasses = 0_usize;
    let mut unknown = Vec::new();
    for what in &ways.looked_at {
        report.say(Level::See, format!("looked at: {what}"));
    }
    for way in &ways.found {
        let lives = match (way.grant, &place.store) {
            (Some(grant), Some(store)) => lives(store.as_ref(), &args.target, grant).await?,
            (Some(grant), None) if way.known.is_none() && way.like_a_lease => {
                unknown.push(format!(
                    "whether {}, called as the lease of {grant}, lives: only the gate knows. Run `gatehold doctor bypass {} --targets` there \
                     with the [[target]] tables of this file",
                    way.who, args.target
                ));
                continue;
            }
            _ => false,
        };
        if lives && way.like_a_lease {
            leases = leases.saturating_add(1);
            continue;
        }
        if way.known.is_none() {
            bypasses = bypasses.saturating_add(1);
        }
        told(&mut report, way, lives);
    }
    let leases = place.store.is_some().then_some(leases);
    unknown.extend(ways.unknown.iter().cloned());
    for what in &unknown {
        report.say(Level::Bad, format!("UNKNOWN: {what}"));
    }
    sum(
        &mut report,
        &args.target,
        unknown.is_empty(),
        (bypasses, leases),
    );
    let looked = Looked {
        target: &args.target,
        bypasses,
        leases,
        findings: &report.findings,
        ways: &ways,
    };
    ctx.print(&looked, || report.text(ctx))?;
    Ok(report.exit())
}

/// Where the target is configured.
struct Place {
    targets: Targets,
    /// Where it is written which leases live; an executor does not know.
    store: Option<Arc<dyn Store>>,
    /// What those are named by.
    gate: String,
    /// Whether an executor of its own has targets that this configuration does not.
    apart: bool,
}

impl Place {
    /// In the configuration of a gate, or of an executor.
    async fn of(path: &Path, targets: &TargetsFile) -> Result<Self, Failure> {
        if ExecutorConfig::is_in(path) {
            let config = ExecutorConfig::require(path)?;
            return Ok(Self {
                targets: config.targets,
                store: None,
                gate: config.root.to_string(),
                apart: false,
            });
        }
        let mut config = Config::require(path)?;
        targets.put_into(&mut config)?;
        let store = open_store(&config.store, None).await?;
        Ok(Self {
            gate: named_by(&config, store.as_ref()).await?,
            targets: config.targets,
            store: Some(store),
            apart: config.executor.is_some(),
        })
    }
}

fn told(report: &mut Report, way: &Way, lives: bool) {
    let (who, how) = (&way.who, way.how.join("; "));
    match (&way.known, way.grant) {
        (Some(why), _) => report.say(Level::See, format!("{who} is known ({why}): {how}")),
        (None, None) => report.say(Level::Bad, format!("{who} {how}. {}", way.next)),
        (None, Some(grant)) if lives => report.say(
            Level::Bad,
            format!("{who} is the lease of {grant} and more than that: {how}. Revoke it, and find out who gave it more"),
        ),
        (None, Some(grant)) => report.say(
            Level::Bad,
            format!(
                "{who} is called as the lease of {grant}, which does not live here: {how}. A gate that runs takes it away within a \
                 minute; if it stays, the gate's log says why"
            ),
        ),
    }
}

/// What it comes to. Never that all is well while something is unknown.
fn sum(
    report: &mut Report,
    target: &TargetId,
    known: bool,
    (bypasses, leases): (usize, Option<usize>),
) {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let leases = leases.map_or_else(
        || "leases that the gate alone knows".to_owned(),
        |leases| counted(number(leases), "living lease"),
    );
    let round = counted_as(number(bypasses), "way leads", "ways lead");
    if bypasses > 0 {
        let text = format!("{round} round the gate to what {target} guards, beside {leases}");
        report.say(Level::Bad, text);
    } else if known {
        let text = format!(
            "nothing that was looked at leads round the gate to what {target} guards, beside {leases}"
        );
        report.say(Level::Ok, text);
    } else {
        let text = format!(
            "whether a way leads round the gate to what {target} guards is UNKNOWN, until what is said above is known"
        );
        report.say(Level::Bad, text);
    }
}

/// Whether this grant has a lease at the target that is not known to be gone, and is not over.
async fn lives(store: &dyn Store, target: &TargetId, grant: GrantId) -> Result<bool, Failure> {
    let repair = "repair the store, or run `gatehold doctor`";
    let found = grant_as_written(store, grant).await;
    let found = found.map_err(|error| Failure::fault(error, repair))?;
    let now = store.now().await;
    let now = now.map_err(|fault| Failure::fault(fault, repair))?;
    Ok(found.is_some_and(|grant| {
        let there = matches!(
            grant.state,
            GrantState::Active | GrantState::Suspended | GrantState::Revoking
        );
        let lease = grant.lease.as_ref();
        there && lease.is_some_and(|lease| lease.target == *target && now <= lease.not_after)
    }))
}

fn no_target(place: &Place, target: &TargetId) -> Failure {
    let names: Vec<String> = place.targets.ids().map(ToString::to_string).collect();
    let next = if place.apart {
        format!(
            "if its executor has it, name its file with --targets; or run there, as the executor's user: `gatehold doctor bypass {target} --config executor.toml`"
        )
    } else if names.is_empty() {
        "this configuration names no target: name another with --config".to_owned()
    } else {
        format!("name one of {}", names.join(", "))
    };
    Failure::usage(format!("no target is called {target} here"), next)
}

fn all(paths: &[PathBuf]) -> Result<Vec<Brought>, Failure> {
    paths.iter().map(|path| brought(path)).collect()
}

/// A file of another machine: of any size and any bytes.
fn brought(path: &Path) -> Result<Brought, Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(Failure::usage(
            format!(
                "{}: it has more than {FILE_BYTES_MAX} bytes",
                path.display()
            ),
            "split it, and name each part",
        ));
    }
    Ok(Brought {
        name: path.display().to_string(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
