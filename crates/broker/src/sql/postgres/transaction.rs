//! One statement in one transaction. It is committed only within its caps and preconditions; the answer to COMMIT is the
//! only thing that says whether it happened.

use std::time::Duration;

use futures_util::TryStreamExt;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Portal, Row, Statement, Transaction};

use super::super::{Plan, completed};
use super::session::Session;
use super::value::{Format, Raw, Text};
use crate::call::Mode;
use crate::metered::Meter;
use crate::outcome::{Execution, Stop, code};
use crate::table::Table;

/// Rows fetched at once from a reading statement, so that the server is never far ahead of the cap.
const CHUNK_ROWS: usize = 500;

/// Everything this transaction wrote so far, by triggers, cascades and nested statements too; whether it took a lock that
/// only statements need which make rows vanish uncounted (TRUNCATE, DROP, ALTER); whether the server counts at all.
const WRITTEN: &str = "SELECT \
    (SELECT COALESCE(pg_catalog.sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::pg_catalog.int8 \
     FROM pg_catalog.pg_stat_xact_user_tables), \
    EXISTS (SELECT FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' \
     AND mode = 'AccessExclusiveLock' AND relation >= 16384), \
    pg_catalog.current_setting('track_counts') = 'on'";

pub(super) async fn run(
    session: &mut Session,
    plan: &Plan,
    commit_limit: Duration,
    statement_limit: Duration,
) -> Result<Execution, Stop> {
    let meter = session.meter.clone();
    // The server's own limit comes first and says more; this one is for a server that does not keep it.
    let limit = statement_limit.saturating_add(Duration::from_secs(1));
    let before_commit = async {
        let transaction = session
            .client
            .build_transaction()
            .read_only(plan.mode == Mode::Read)
            .start()
            .await
            .map_err(|error| stop(&error, &meter))?;
        let (table, affected) = statement(&transaction, plan, &meter).await?;
        if plan.mode == Mode::Read {
            return Ok((transaction, table, None));
        }
        let written = written(&transaction, plan, affected, &meter).await?;
        plan.check_written(written)?;
        Ok((transaction, table, Some(written)))
    };
    let (transaction, table, written) = tokio::time::timeout(limit, before_commit)
        .await
        .map_err(|_| timed_out())??;
    if written.is_some() {
        commit(transaction, commit_limit).await?;
    }
    Ok(completed(table, written))
}

async fn statement(
    transaction: &Transaction<'_>,
    plan: &Plan,
    meter: &Meter,
) -> Result<(Table, u64), Stop> {
    let stopped = |error: Error| stop(&error, meter);
    // The extended protocol takes exactly one statement; the server refuses a second one here.
    let statement = transaction.prepare(&plan.sql).await.map_err(stopped)?;
    let formats = formats(&statement)?;
    if statement.params().len() != plan.params.len() {
        let text = format!(
            "the statement has {} parameters, the payload {}",
            statement.params().len(),
            plan.params.len()
        );
        return Err(Stop::failed(code::PAYLOAD, text));
    }
    let texts: Vec<Text> = plan.params.iter().map(Text::of).collect();
    let mut params: Vec<&(dyn ToSql + Sync)> = Vec::new();
    for text in &texts {
        params.push(text);
    }
    let portal = transaction
        .bind(&statement, &params)
        .await
        .map_err(stopped)?;
    let columns = statement
        .columns()
        .iter()
        .map(|column| (column.name(), Some(column.type_().name().to_owned())));
    let mut table = Table::new(columns, plan.caps.bytes);
    let affected = match plan.mode {
        Mode::Read => {
            read(transaction, &portal, plan.caps.rows, &formats, &mut table)
                .await
                .map_err(|failed| failed.into_stop(meter))?;
            0
        }
        Mode::Write => write(transaction, &portal, &formats, &mut table)
            .await
            .map_err(|failed| failed.into_stop(meter))?,
    };
    Ok((table, affected))
}

/// Why rows stopped coming.
enum RowsFailed {
    Server(Error),
    Unreadable,
}

impl From<Error> for RowsFailed {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl RowsFailed {
    fn into_stop(self, meter: &Meter) -> Stop {
        match self {
            Self::Server(error) => stop(&error, meter),
            Self::Unreadable => Stop::failed(
                code::RESULT,
                "the database sent a value that cannot be handed over exactly; select it as text",
            ),
        }
    }
}

/// Stops at the caps; the server has produced at most one chunk more.
async fn read(
    transaction: &Transaction<'_>,
    portal: &Portal,
    rows_max: Option<u64>,
    formats: &[Format],
    table: &mut Table,
) -> Result<(), RowsFailed> {
    let chunk = i32::try_from(CHUNK_ROWS).unwrap_or(i32::MAX);
    loop {
        let rows = transaction.query_portal(portal, chunk).await?;
        let last = rows.len() < CHUNK_ROWS;
        for row in rows {
            if rows_max.is_some_and(|cap| table.rows() >= cap) {
                table.cut();
                return Ok(());
            }
            if !table.push(&cells(&row, formats).ok_or(RowsFailed::Unreadable)?) {
                return Ok(());
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// Runs to its end, because its effect is what was approved; only the answer may be cut.
async fn write(
    transaction: &Transaction<'_>,
    portal: &Portal,
    formats: &[Format],
    table: &mut Table,
) -> Result<u64, RowsFailed> {
    let rows = transaction.query_portal_raw(portal, 0).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        table.push(&cells(&row, formats).ok_or(RowsFailed::Unreadable)?);
    }
    Ok(rows.rows_affected().unwrap_or_default())
}

/// Every column must have a form we can write exactly, known before the statement runs.
fn formats(statement: &Statement) -> Result<Vec<Format>, Stop> {
    let readable = |column: &tokio_postgres::Column| {
        Format::of(column.type_()).ok_or_else(|| {
            let (name, type_) = (column.name(), column.type_().name());
            let text =
                format!("column `{name}` is of type {type_}; select it as text: {name}::text");
            Stop::failed(code::RESULT, text)
        })
    };
    statement.columns().iter().map(readable).collect()
}

fn cells(row: &Row, formats: &[Format]) -> Option<Vec<crate::table::Cell>> {
    let cell = |(index, format): (usize, &Format)| {
        let raw: Option<Raw<'_>> = row.try_get(index).ok()?;
        format.cell(raw)
    };
    formats.iter().enumerate().map(cell).collect()
}

/// The larger of what the statement says and what the transaction did: neither alone sees everything.
async fn written(
    transaction: &Transaction<'_>,
    plan: &Plan,
    affected: u64,
    meter: &Meter,
) -> Result<u64, Stop> {
    let stopped = |error: Error| stop(&error, meter);
    // Deferred triggers would otherwise write during COMMIT, after the count.
    transaction
        .batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
        .await
        .map_err(stopped)?;
    let row = transaction.query_one(WRITTEN, &[]).await.map_err(stopped)?;
    let counted: i64 = row.try_get(0).map_err(stopped)?;
    let reshaped: bool = row.try_get(1).map_err(stopped)?;
    let counts: bool = row.try_get(2).map_err(stopped)?;
    if plan.counts_rows() && (reshaped || !counts) {
        let text = "what this does cannot be counted in rows, and a number of rows was approved";
        return Err(Stop::failed(code::CAP, text));
    }
    Ok(affected.max(u64::try_from(counted).unwrap_or_default()))
}

/// After COMMIT was sent, only the server's answer tells whether it happened.
async fn commit(transaction: Transaction<'_>, limit: Duration) -> Result<(), Stop> {
    let lost = || {
        let text =
            "the answer to COMMIT was lost; look at the database before anything is repeated";
        Stop::unknown(code::LOST, text)
    };
    match tokio::time::timeout(limit, transaction.commit()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(match error.as_db_error() {
            Some(said) if rolled_back(said) => said_no(said),
            _ => lost(),
        }),
        Err(_elapsed) => Err(lost()),
    }
}

/// An ERROR at COMMIT rolls back. A FATAL one ends the session and can come after the commit record was written; class
/// 08 and 40003 say themselves that nobody knows.
pub(crate) fn rolled_back(said: &DbError) -> bool {
    let code = said.code();
    said.parsed_severity() == Some(Severity::Error)
        && *code != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
        && !code.code().starts_with("08")
}

/// Before COMMIT: whatever went wrong, nothing happened.
fn stop(error: &Error, meter: &Meter) -> Stop {
    match error.as_db_error() {
        Some(said) => said_no(said),
        None if meter.exceeded() => Stop::failed(
            code::CAP,
            "the database sent more than was approved; nothing was changed",
        ),
        None => Stop::failed(
            code::LOST,
            "the connection broke before COMMIT; the database rolls back",
        ),
    }
}

fn said_no(said: &DbError) -> Stop {
    if *said.code() == SqlState::QUERY_CANCELED || *said.code() == SqlState::LOCK_NOT_AVAILABLE {
        return timed_out();
    }
    // Detail, hint and context can quote rows; the message names what is wrong.
    let text = format!("{}: {}", said.code().code(), said.message());
    Stop::failed(code::REFUSED, text)
}

fn timed_out() -> Stop {
    Stop::failed(
        code::TIMEOUT,
        "the statement took too long; nothing was changed",
    )
}
