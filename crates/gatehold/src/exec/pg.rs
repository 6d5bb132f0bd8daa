//! `gatehold exec pg`: statements that the gate executes, one after the other. Each is a request of its own over its exact bytes, held
//! where policy holds it; nothing is handed out. The first that is not done ends it, and what was done is said.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};

use clap::{Args, ValueEnum};
use gatehold_client::wire::{ExecutionOutcome, ExecutionResult};
use gatehold_core::ids::DescriptorId;
use gatehold_render::{NotSplit, SQL_BYTES_MAX, SqlDialect, SqlStatement, split_sql};
use serde::Serialize;
use serde_json::Value;

use super::arguments::{Asking, Wanted};
use super::asking::Asker;
use super::{Stop, told};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::interrupt::Signals;
use crate::output::Format;
use crate::result;
use crate::screen::{counted, plain};

/// Arguments of `gatehold exec pg`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold exec pg --purpose 'repair order 7' --target sql:shop --resource shop/orders --cap rows=10 \\\n    -c 'SELECT status FROM orders WHERE id = 7'\n  gatehold exec pg --task $TASK --target sql:shop --resource shop/orders --cap rows=1 --rollback 'set it back' < repair.sql"
)]
pub struct Pg {
    /// What is asked for.
    #[command(flatten)]
    pub asking: Asking,
    /// The statements, verbatim; without it those of standard input.
    #[arg(short, long = "command", value_name = "SQL")]
    pub command: Option<String>,
    /// An upper bound of each statement, as NAME=NUMBER.
    #[arg(long, value_parser = crate::parse::cap, value_name = "NAME=NUMBER")]
    pub cap: Vec<(String, u64)>,
    /// How a change would be undone. A claim.
    #[arg(long)]
    pub rollback: Option<String>,
    /// Which database splits the text into statements.
    #[arg(long, value_enum, default_value_t)]
    pub dialect: Dialect,
    /// Which kind of action a query is that writes nothing.
    #[arg(long, default_value = "sql.read", value_name = "DESCRIPTOR")]
    pub read: DescriptorId,
    /// Which kind any other statement is.
    #[arg(long, default_value = "sql.write", value_name = "DESCRIPTOR")]
    pub write: DescriptorId,
    /// Print rows as CSV, where -o says nothing else.
    #[arg(long)]
    pub csv: bool,
}

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Dialect {
    /// PostgreSQL.
    #[default]
    Postgresql,
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    Mysql,
}

impl Dialect {
    const fn named(self) -> SqlDialect {
        match self {
            Self::Postgresql => SqlDialect::PostgreSql,
            Self::Sqlite => SqlDialect::Sqlite,
            Self::Mysql => SqlDialect::MySql,
        }
    }
}

/// What came of one statement.
#[derive(Debug, Serialize)]
struct Done<'a> {
    /// Counts from 1.
    statement: usize,
    request: &'a str,
    outcome: ExecutionOutcome,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u64>,
    /// The result set, or the text of whatever else came back.
    result: Value,
    truncated: bool,
}

/// Runs it.
///
/// # Errors
/// When the text cannot be split, and when the gate does not answer.
pub async fn run(ctx: &Ctx, args: &Pg) -> Result<Exit, Failure> {
    let text = text(args)?;
    let statements = split_sql(&text, args.dialect.named()).map_err(not_split)?;
    let mut signals = Signals::catch()?;
    let mut asker = Asker::new(ctx, &args.asking).await?;
    let mut done = 0;
    let all = all(
        ctx,
        args,
        &statements,
        (&mut asker, &mut signals),
        &mut done,
    );
    let ended = all.await;
    if ended.is_err() || statements.len() > 1 {
        eprintln!("{}", so_far(done, statements.len()));
    }
    asker.put_away().await;
    told(ended)
}

/// What was done and what was not. Of the statement at which it ended the line before says what came of it.
fn so_far(done: usize, all: usize) -> String {
    let every = counted(all, "statement");
    if done == all {
        return format!("{every}: all executed");
    }
    let ended = done + 1;
    let executed = match done {
        0 => "none before it was executed".to_owned(),
        1 => "the one before it was executed, and stays so".to_owned(),
        more => format!("the {more} before it were executed, and stay so"),
    };
    let left = match all - ended {
        0 => String::new(),
        1 => "; the one behind it was not asked for".to_owned(),
        more => format!("; the {more} behind it were not asked for"),
    };
    format!("{every}: ended at statement {ended}; {executed}{left}")
}

fn text(args: &Pg) -> Result<String, Failure> {
    if let Some(command) = &args.command {
        return Ok(command.clone());
    }
    let limit = u64::try_from(SQL_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(limit.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(error, "pipe SQL in UTF-8 into standard input"))?;
    Ok(text)
}

fn not_split(why: NotSplit) -> Failure {
    let next = match why {
        NotSplit::Empty => "give statements with -c, or in standard input",
        NotSplit::TooLong => "give it in parts",
        NotSplit::OfASession(..) => {
            "leave it out; what must happen together or not at all is one statement, such as WITH … UPDATE …"
        }
        NotSplit::Ambiguous(_)
        | NotSplit::Unfinished(_)
        | NotSplit::Unread(_)
        | NotSplit::Disagree => {
            "correct it, name the database with --dialect, or ask for one statement with `gatehold request create --payload -`"
        }
    };
    Failure::usage(format!("nothing was asked for: {why}"), next)
}

async fn all(
    ctx: &Ctx,
    args: &Pg,
    statements: &[SqlStatement<'_>],
    (asker, signals): (&mut Asker<'_>, &mut Signals),
    done: &mut usize,
) -> Result<Exit, Stop> {
    for (number, statement) in (1..).zip(statements) {
        let wanted = wanted(args, statement);
        let request = asker.asked(wanted, signals).await?;
        let result = loop {
            asker.usable(&request, signals).await?;
            // Not to be broken off: it is executed once, and its answer is given once.
            if let Some(redeemed) = asker.redeemed(&request).await? {
                break redeemed;
            }
        };
        let Some(result) = result.result else {
            let state = crate::request::exit_of(result.status.state);
            eprint!("{}", crate::request::status_text(&result.status));
            return Err(Stop::Said(state));
        };
        print(ctx, args, (number, &request), &result)?;
        let outcome = match result.outcome {
            ExecutionOutcome::Completed => {
                *done += 1;
                continue;
            }
            ExecutionOutcome::Failed => "was refused by its target, and changed nothing",
            ExecutionOutcome::Unknown => "may have been executed: nobody knows",
        };
        let (request, code) = (plain(&request), plain(&result.code));
        eprintln!("statement {number} {outcome} ({code}, {request})");
        return Err(Stop::Said(Exit::Fault));
    }
    Ok(Exit::Done)
}

fn wanted(args: &Pg, statement: &SqlStatement<'_>) -> Wanted {
    let (descriptor, rollback) = if statement.reads {
        (&args.read, None)
    } else {
        (&args.write, args.rollback.clone())
    };
    Wanted {
        descriptor: descriptor.clone(),
        payload: statement.text.as_bytes().to_vec(),
        caps: BTreeMap::from_iter(args.cap.iter().cloned()),
        rollback,
    }
}

fn print(
    ctx: &Ctx,
    args: &Pg,
    (number, request): (usize, &str),
    result: &ExecutionResult,
) -> Result<(), Failure> {
    let body = &result.body.0;
    let as_text = || Value::from(String::from_utf8_lossy(body).into_owned());
    let done = Done {
        statement: number,
        request,
        outcome: result.outcome,
        code: &result.code,
        quantity: result.quantity,
        result: serde_json::from_slice(body).unwrap_or_else(|_| as_text()),
        truncated: result.truncated,
    };
    if ctx.format != Format::Table {
        return ctx.print_one_of_many(&done, String::new);
    }
    if let Some(words) = result::words(body) {
        eprintln!("{number}  {}  {words}", plain(request));
    }
    let rows = args
        .csv
        .then(|| result::csv(body, std::io::stdout().is_terminal()));
    ctx.print(&done, || match rows.flatten() {
        Some(rows) => rows,
        None => result::text(body, ctx.screen.width),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_and_what_was_not_is_said() {
        for (done, all, wanted) in [
            (3, 3, "3 statements: all executed"),
            (
                0,
                1,
                "1 statement: ended at statement 1; none before it was executed",
            ),
            (
                1,
                3,
                "3 statements: ended at statement 2; the one before it was executed, and stays so; the one behind it was not asked for",
            ),
            (
                2,
                5,
                "5 statements: ended at statement 3; the 2 before it were executed, and stay so; the 2 behind it were not asked for",
            ),
        ] {
            assert_eq!(so_far(done, all), wanted);
        }
    }
}
