//! `gatehold audit reconcile`: a target's own log, compared with what was handed out. The facts are those of a verified ledger, which no gate can
//! change unseen; the log is read as bytes of somebody else. What has no grant is a finding with its line; what cannot be read is UNKNOWN.

mod csvlog;
mod lines;
mod sshd;
mod tally;

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use gatehold_broker::{LogKind, names_at};
use gatehold_core::hash::Hash;
use gatehold_core::ids::TargetId;
use gatehold_core::reconcile::{Access, HandedOut};
use gatehold_core::time::Timestamp;

use self::csvlog::Csvlog;
use self::lines::Lines;
use self::tally::{Reconciled, Tally};
use super::Ledger;
use super::source::Source;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, counted, plain};
use crate::targets::{TargetsFile, no_target};

/// Arguments of `gatehold audit reconcile`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold audit reconcile orders-access --log postgresql.csv\n  gatehold audit reconcile ssh:shop --log \
                  auth.log.1 --log auth.log"
)]
pub struct Reconcile {
    /// Whose log it is: a target of the configuration.
    pub target: TargetId,
    /// A log of it: csvlog of PostgreSQL, or what sshd logs. Several are read in the order given, the oldest first.
    #[arg(long, value_name = "FILE", required = true)]
    pub log: Vec<PathBuf>,
    /// How far the clocks of target and gate may be apart.
    #[arg(long, default_value = "5s", value_parser = crate::parse::seconds)]
    pub apart: u32,
    /// For how long a log may be silent before that is told.
    #[arg(long, default_value = "1h", value_parser = crate::parse::seconds)]
    pub silent: u32,
    /// Whose ledger.
    #[command(flatten)]
    pub ledger: Ledger,
    /// Where the target stands.
    #[command(flatten)]
    pub targets: TargetsFile,
    /// The hash of the root statement; without it the one the configuration pins.
    #[arg(long)]
    pub root: Option<Hash>,
}

/// What a line of a log says.
#[derive(Debug)]
enum Event {
    /// Somebody was there.
    Seen(Box<Seen>),
    /// Somebody was not let in.
    Refused(Timestamp),
    /// Nothing that matters, at this time.
    Nothing(Option<Timestamp>),
    /// From this line on nobody can tell, and why.
    Unreadable(u64, &'static str),
    /// The file ends in the middle of what begins at this line.
    Unfinished(u64),
}

/// Somebody was there.
#[derive(Debug)]
struct Seen {
    line: u64,
    access: Access,
    /// From where.
    from: String,
    /// What lines of one session have in common.
    session: String,
    /// Its number among the lines of the session, where they are numbered.
    number: Option<u64>,
    /// Which database, or which user of the machine.
    place: String,
    /// What they did, without their own words.
    what: String,
}

/// Verifies the ledger, reads the logs, and compares.
///
/// # Errors
/// When the ledger does not verify, or a file cannot be read.
pub(super) async fn run(ctx: &Ctx, args: &Reconcile) -> Result<Exit, Failure> {
    let mut config = super::config(ctx, &args.ledger)?;
    args.targets.put_into(&mut config)?;
    let Some(names) = names_at(&config.targets, &args.target) else {
        return Err(no_target(&config, &args.target));
    };
    let Some(kind) = names.log else {
        return Err(Failure::usage(
            format!(
                "nobody reads the logs of {} yet: they name no credential of the gate's",
                args.target
            ),
            "name a target of kind postgres, postgres_role or ssh_certificate",
        ));
    };
    let source = Source::open(&config).await?;
    let (report, handed) = source.verify_handed(args.root.or(config.root)).await?;
    if !report.is_sound() {
        return Err(Failure::verification(
            "the ledger does not verify, so nothing that it says was granted",
            "run `gatehold audit verify`, and find out why",
        ));
    }
    let handed = HandedOut::new(handed);
    let mut tally = Tally::new(
        &args.target,
        &handed,
        &names,
        kind,
        (args.apart, args.silent),
    );
    for path in &args.log {
        read(path, kind, &mut tally)?;
    }
    let reconciled = tally.finish(report.covered < report.leaves);
    ctx.print(&reconciled, || text(ctx, &reconciled))?;
    Ok(reconciled.exit())
}

fn read(path: &Path, kind: LogKind, tally: &mut Tally<'_>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let name = path.display().to_string();
    let mut lines = Lines::new(BufReader::new(File::open(path).map_err(failed)?));
    let mut csvlog = Csvlog::default();
    while let Some(line) = lines.next().map_err(failed)? {
        let event = match kind {
            LogKind::Postgres => csvlog.line(line),
            LogKind::Ssh => sshd::line(&line),
        };
        if let Some(event) = event {
            tally.event(&name, event);
        }
    }
    if let Some(event) = csvlog.end() {
        tally.event(&name, event);
    }
    Ok(())
}

/// For people: findings first, then what is not known, then what it comes to.
fn text(ctx: &Ctx, reconciled: &Reconciled) -> String {
    let mut out = String::new();
    let mut say = |style: Style, word: &str, what: &str| {
        let _ = writeln!(out, "{} {}", ctx.screen.paint(style, word), plain(what));
    };
    for finding in &reconciled.findings {
        let lines = match finding.lines {
            1 => String::new(),
            more => format!(" ({} of this session)", counted(more, "line")),
        };
        let what = format!(
            "{}:{} {} {} {} from {}{lines}: {}",
            finding.file,
            finding.line,
            finding.at.as_deref().unwrap_or("at an UNKNOWN time"),
            finding.who,
            finding.what,
            finding.from,
            finding.why
        );
        say(Style::Red, "BAD", &what);
    }
    if reconciled.more > 0 {
        let what = format!("{} more are counted and not listed", reconciled.more);
        say(Style::Red, "BAD", &what);
    }
    for what in &reconciled.unknown {
        say(Style::Red, "BAD", &format!("UNKNOWN: {what}"));
    }
    for what in &reconciled.notes {
        say(Style::Amber, "see", what);
    }
    let (style, word) = if reconciled.exit() == Exit::Done {
        (Style::Green, "ok ")
    } else {
        (Style::Amber, "see")
    };
    say(style, word, &reconciled.sum());
    out
}
