//! One statement on one handle, on a thread of its own.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

use super::super::{Param, Plan, completed};
use super::Halt;
use super::fence::Fence;
use crate::call::Mode;
use crate::outcome::{Execution, Stop, code};
use crate::table::{Cell, Table};

/// Longest value SQLite may build, in bytes.
const VALUE_BYTES_MAX: i32 = 64 << 20;
/// How many steps of SQLite's machine pass between two looks at the halt.
const STEPS: i32 = 1_000;

pub(super) fn run(
    path: &Path,
    lock_timeout: Duration,
    plan: &Plan,
    halt: &Halt,
) -> Result<Execution, Stop> {
    let mut connection = open(path, lock_timeout, plan.mode)?;
    let watched = halt.clone();
    let begin = match plan.mode {
        Mode::Read => "BEGIN",
        Mode::Write => "BEGIN IMMEDIATE",
    };
    connection
        .progress_handler(STEPS, Some(move || watched.is_set()))
        .and_then(|()| connection.execute_batch(begin))
        .map_err(|error| refused(&error))?;
    // Whatever returns early from here on drops the connection, and SQLite rolls back.
    let before = connection.total_changes();
    let fence = Fence {
        mode: plan.mode,
        counts_rows: plan.counts_rows(),
    };
    connection
        .authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| {
            fence.judge(&context)
        }))
        .map_err(|error| refused(&error))?;
    let table = statement(&connection, plan)?;
    connection
        .authorizer::<fn(rusqlite::hooks::AuthContext<'_>) -> rusqlite::hooks::Authorization>(None)
        .map_err(|error| refused(&error))?;
    if plan.mode == Mode::Read {
        return Ok(completed(table, None));
    }
    // Triggers and cascades included: the cap is about what happens, not about what the statement says.
    let written = connection.total_changes().saturating_sub(before);
    plan.check_written(written)?;
    if halt.is_set() {
        return Err(timed_out());
    }
    commit(&mut connection)?;
    Ok(completed(table, Some(written)))
}

pub(super) fn open(path: &Path, lock_timeout: Duration, mode: Mode) -> Result<Connection, Stop> {
    let access = match mode {
        Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let unreachable = |_| {
        let text = "the database file cannot be opened: check its path and owner";
        Stop::failed(code::UNREACHABLE, text)
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(unreachable)?;
    let fenced = || -> rusqlite::Result<()> {
        connection.busy_timeout(lock_timeout)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
        if mode == Mode::Read {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok(())
    };
    fenced().map_err(unreachable)?;
    Ok(connection)
}

fn statement(connection: &Connection, plan: &Plan) -> Result<Table, Stop> {
    let mut statement = connection
        .prepare(&plan.sql)
        .map_err(|error| refused(&error))?;
    if statement.expanded_sql().is_none() {
        return Err(Stop::failed(code::PAYLOAD, "there is no statement in it"));
    }
    if statement.parameter_count() != plan.params.len() {
        let text = format!(
            "the statement has {} parameters, the payload {}",
            statement.parameter_count(),
            plan.params.len()
        );
        return Err(Stop::failed(code::PAYLOAD, text));
    }
    for (index, param) in plan.params.iter().enumerate() {
        statement
            .raw_bind_parameter(index + 1, bound(param)?)
            .map_err(|error| refused(&error))?;
    }
    let columns: Vec<(String, Option<String>)> = statement
        .columns()
        .map(|column| {
            (
                column.name().to_owned(),
                column.decl_type().map(str::to_owned),
            )
        })
        .collect();
    let mut table = Table::new(
        columns
            .iter()
            .map(|(name, type_)| (name.as_str(), type_.clone())),
        plan.caps.bytes,
    );
    rows(&mut statement, plan, columns.len(), &mut table)?;
    Ok(table)
}

/// A reading call stops at its cap. A changing one runs to its end, because its effect is what was approved.
fn rows(
    statement: &mut Statement<'_>,
    plan: &Plan,
    columns: usize,
    table: &mut Table,
) -> Result<(), Stop> {
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| refused(&error))? {
        if plan.mode == Mode::Read && plan.caps.rows.is_some_and(|cap| table.rows() >= cap) {
            table.cut();
            break;
        }
        let cells = (0..columns)
            .map(|index| row.get_ref(index).map(cell))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refused(&error))?;
        if !table.push(&cells) && plan.mode == Mode::Read {
            break;
        }
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::integer(value),
        ValueRef::Real(value) => Cell::real(value),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Bytes(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

/// SQLite knows 64-bit integers and doubles. A number that is neither exactly would be another number.
fn bound(param: &Param) -> Result<Value, Stop> {
    Ok(match param {
        Param::Null => Value::Null,
        Param::Bool(value) => Value::Integer(i64::from(*value)),
        Param::Text(text) => Value::Text(text.clone()),
        Param::Number(lexeme) => {
            let text = lexeme.as_str();
            if let Ok(integer) = text.parse() {
                return Ok(Value::Integer(integer));
            }
            let real: f64 = text.parse().unwrap_or(f64::NAN);
            let exact = serde_json::to_string(&real)
                .ok()
                .and_then(|written| gatehold_core::json::lexeme::Lexeme::new(&written).ok())
                .is_some_and(|written| real.is_finite() && written.same_value(lexeme));
            if !exact {
                let text = format!("SQLite cannot hold the number {text} exactly; send it as text");
                return Err(Stop::failed(code::PAYLOAD, text));
            }
            Value::Real(real)
        }
    })
}

fn commit(connection: &mut Connection) -> Result<(), Stop> {
    // From here on the outcome is SQLite's to say; a halt no longer interrupts.
    connection
        .progress_handler::<fn() -> bool>(0, None)
        .map_err(|error| refused(&error))?;
    connection
        .execute_batch("COMMIT")
        .map_err(|error| match error.sqlite_error_code() {
            // SQLite says that these leave the transaction open or rolled back.
            Some(
                ErrorCode::DatabaseBusy | ErrorCode::ConstraintViolation | ErrorCode::DiskFull,
            ) => refused(&error),
            _ => Stop::unknown(
                code::LOST,
                "the commit failed; nobody can tell how far it got",
            ),
        })
}

fn timed_out() -> Stop {
    Stop::failed(
        code::TIMEOUT,
        "the statement took too long; nothing was changed",
    )
}

fn refused(error: &rusqlite::Error) -> Stop {
    if let rusqlite::Error::MultipleStatement = error {
        return Stop::failed(code::PAYLOAD, "exactly one statement is executed");
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => timed_out(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Stop::failed(code::TIMEOUT, "the database is locked by somebody else")
        }
        Some(ErrorCode::AuthorizationForStatementDenied) => Stop::failed(
            code::REFUSED,
            "the statement holds something that this kind of call may not do",
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase) => {
            Stop::failed(code::UNREACHABLE, "this is not a database that can be read")
        }
        _ => Stop::failed(code::REFUSED, error.to_string()),
    }
}
