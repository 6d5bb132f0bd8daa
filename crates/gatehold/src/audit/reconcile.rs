//! `gatehold audit reconcile`: a target's own log, compared with what was handed out. The facts are those of a verified ledger, which no gate can
//! change unseen; the log is read as bytes of somebody else. What has no grant is a finding with its line; what cannot be read is UNKNOWN.

#[cfg(test)]
mod any_bytes;
mod csvlog;
mod executed;
mod http;
mod jsonlog;
mod lines;
mod place;
mod postgres;
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
use gatehold_core::reconcile::{Access, Calls, HandedOut};
use gatehold_core::time::Timestamp;

use self::csvlog::Csvlog;
use self::executed::Executions;
use self::lines::Lines;
use self::place::Place;
use self::tally::{Reconciled, Tally};
use super::Ledger;
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, counted, plain};
use crate::targets::TargetsFile;

/// Arguments of `gatehold audit reconcile`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold audit reconcile orders-access --log postgresql.csv\n  gatehold audit reconcile ssh:shop --log \
                  auth.log.1 --log auth.log\n  gatehold audit reconcile http:shop --http access.log"
)]
pub struct Reconcile {
    /// Whose log it is: a target of the configuration.
    pub target: TargetId,
    /// A log of it: csvlog or jsonlog of PostgreSQL, what sshd logs, or the access log of a server of HTTP. Several are read in the
    /// order given, the oldest first.
    #[arg(long, visible_alias = "http", value_name = "FILE", required = true)]
    pub log: Vec<PathBuf>,
    /// How far the clocks of target and gate may be apart.
    #[arg(long, default_value = "5s", value_parser = crate::parse::seconds)]
    pub apart: u32,
    /// For how long a log may be silent before that is told.
    #[arg(long, default_value = "1h", value_parser = crate::parse::seconds)]
    pub silent: u32,
    /// Whose ledger. With --export the configuration of an executor will do: it names the targets that it executes at.
    #[command(flatten)]
    pub ledger: Ledger,
    /// Where the target stands.
    #[command(flatten)]
    pub targets: TargetsFile,
    /// An export of the gate's ledger instead of its store.
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
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
    /// Which request it says it is for.
    named: Option<Named>,
    /// Whether it asks a database, and changes nothing that is seen.
    asks: bool,
}

/// What a line says of a request.
#[derive(Debug)]
struct Named {
    /// What stands where the request's name does: anybody may have written it.
    request: String,
    /// Method and path, of a call over HTTP.
    act: Option<(String, String)>,
    /// Whether the target says that it did it.
    done: bool,
}

/// Verifies the ledger, reads the logs, and compares.
///
/// # Errors
/// When the ledger does not verify, or a file cannot be read.
pub(super) async fn run(ctx: &Ctx, args: &Reconcile) -> Result<Exit, Failure> {
    let place = Place::of(ctx, args).await?;
    let Some(names) = names_at(&place.targets, &args.target) else {
        return Err(no_target(&args.target, &place));
    };
    let Some(kind) = names.log else {
        return Err(Failure::usage(
            format!(
                "nobody reads the logs of {}: a file of a database has none",
                args.target
            ),
            "name a target of kind postgres, postgres_role, ssh_certificate or http",
        ));
    };
    let (report, handed, called) = place.granted().await?;
    if !report.is_sound() {
        return Err(Failure::verification(
            "the ledger does not verify, so nothing that it says was granted",
            "run `gatehold audit verify`, and find out why",
        ));
    }
    let handed = HandedOut::new(handed);
    let executions = Executions::new(&args.target, &names, Calls::new(called), args.apart);
    let mut tally = Tally::new(
        &args.target,
        &handed,
        executions,
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

fn no_target(target: &TargetId, place: &Place) -> Failure {
    let all: Vec<String> = place.targets.ids().map(ToString::to_string).collect();
    let next = if place.apart {
        format!(
            "if its executor has it, name its file with --targets; or export the ledger here with `gatehold audit export --out ledger.export`, and run there, as the \
             executor's user: `gatehold audit reconcile {target} --log FILE --export ledger.export --config executor.toml`"
        )
    } else {
        format!("name one of {}", all.join(", "))
    };
    Failure::usage(format!("no target is called {target} here"), next)
}

fn read(path: &Path, kind: LogKind, tally: &mut Tally<'_>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let name = path.display().to_string();
    let mut lines = Lines::new(BufReader::new(File::open(path).map_err(failed)?));
    let mut csvlog = Csvlog::default();
    let mut form = None;
    while let Some(line) = lines.next().map_err(failed)? {
        let bytes = line.bytes.as_deref();
        // The whole file has the form of its first line: what a statement holds cannot change it.
        let form = *form.get_or_insert_with(|| Form::of(kind, bytes.unwrap_or_default()));
        let event = match form {
            Form::Csvlog => csvlog.line(line),
            Form::Jsonlog => jsonlog::line(&line),
            Form::Sshd => sshd::line(&line),
            Form::Access => http::line(&line),
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

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Csvlog,
    Jsonlog,
    Sshd,
    Access,
}

impl Form {
    fn of(kind: LogKind, first: &[u8]) -> Self {
        match kind {
            LogKind::Postgres if first.starts_with(b"{") => Self::Jsonlog,
            LogKind::Postgres => Self::Csvlog,
            LogKind::Ssh => Self::Sshd,
            LogKind::Http => Self::Access,
        }
    }
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
