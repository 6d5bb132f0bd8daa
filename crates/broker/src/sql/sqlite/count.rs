//! Counts rows of one table, for a fact before a decision: a read-only handle of its own, a statement of ours, and an authorizer
//! that knows this one table and `count` alone, so that a view, a computed column or a function is refused by SQLite itself.

use std::fmt::Write as _;
use std::time::Duration;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params_from_iter};

use super::run::open;
use super::{Halt, HaltOnDrop, SqliteTarget};
use crate::call::Mode;
use crate::facts::count::Table;
use crate::facts::count::statement::{Condition, Name, Rows, Value};

/// How many steps of SQLite's machine pass between two looks at the halt.
const STEPS: i32 = 1_000;

/// How many rows these are.
pub(crate) async fn count(
    target: &SqliteTarget,
    table: &Table,
    rows: &Rows,
    limit: Duration,
) -> Result<u64, String> {
    // Whoever waits no more drops this, and the statement stops.
    let guard = HaltOnDrop(Halt::default());
    let (halt, path) = (guard.0.clone(), target.path.clone());
    let (table, rows) = (table.clone(), rows.clone());
    let lock_timeout = target.lock_timeout.min(limit);
    let worker = tokio::task::spawn_blocking(move || {
        let connection = open(&path, lock_timeout, Mode::Read);
        let mut connection = connection.map_err(|_| "the database file cannot be opened")?;
        counted(&mut connection, &table, &rows, &halt)
    });
    worker
        .await
        .unwrap_or_else(|_| Err("counting broke off".to_owned()))
}

fn counted(
    connection: &mut Connection,
    table: &Table,
    rows: &Rows,
    halt: &Halt,
) -> Result<u64, String> {
    let refused = |_| "the database does not answer that".to_owned();
    let watched = halt.clone();
    let watch = Some(move || watched.is_set());
    connection.progress_handler(STEPS, watch).map_err(refused)?;
    // SQLite's own tables tell of every other one.
    let own = table.name.to_ascii_lowercase().starts_with("sqlite_");
    let columns = columns(connection, table).map_err(refused)?;
    if own || columns.is_empty() {
        return Err("its table is no ordinary one".to_owned());
    }
    let (sql, texts) = written(table, rows, &columns)?;
    let known = table.name.clone();
    connection
        .authorizer(Some(move |context: AuthContext<'_>| {
            judge(&context, &known)
        }))
        .map_err(refused)?;
    let found: i64 = connection
        .query_row(&sql, params_from_iter(texts), |row| row.get(0))
        .map_err(refused)?;
    u64::try_from(found).map_err(|_| "the database counted less than nothing".to_owned())
}

fn judge(context: &AuthContext<'_>, table: &str) -> Authorization {
    let allowed = match &context.action {
        AuthAction::Select => true,
        AuthAction::Read { table_name, .. } => table_name.eq_ignore_ascii_case(table),
        AuthAction::Function { function_name } => function_name.eq_ignore_ascii_case("count"),
        _ => false,
    };
    if allowed && context.accessor.is_none() {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

/// The columns of an ordinary table that nothing computes.
fn columns(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<String>> {
    let mut ordinary = connection.prepare(
        "SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = ?1 AND type = 'table'",
    )?;
    if !ordinary.exists([&table.name])? {
        return Ok(Vec::new());
    }
    let mut columns =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE hidden = 0")?;
    let names = columns.query_map([&table.name], |row| row.get(0))?;
    names.collect()
}

fn written(table: &Table, rows: &Rows, columns: &[String]) -> Result<(String, Vec<Bound>), String> {
    let mut sql = format!("SELECT count(*) FROM main.{}", quoted(&table.name));
    let mut texts = Vec::new();
    if let Some(condition) = &rows.condition {
        sql.push_str(" WHERE ");
        write(condition, columns, &mut sql, &mut texts)?;
    }
    Ok((sql, texts))
}

fn write(
    condition: &Condition,
    columns: &[String],
    sql: &mut String,
    texts: &mut Vec<Bound>,
) -> Result<(), String> {
    let mut two = |left: &Condition, word: &str, right: &Condition| {
        sql.push('(');
        write(left, columns, sql, texts)?;
        sql.push_str(word);
        write(right, columns, sql, texts)?;
        sql.push(')');
        Ok(())
    };
    match condition {
        Condition::Both(left, right) => two(left, " AND ", right),
        Condition::Either(left, right) => two(left, " OR ", right),
        Condition::Not(inside) => {
            sql.push_str("(NOT ");
            write(inside, columns, sql, texts)?;
            sql.push(')');
            Ok(())
        }
        Condition::IsNull(name) => {
            let _ = write!(sql, "({} IS NULL)", column(name, columns)?);
            Ok(())
        }
        Condition::Compared(name, operator, value) => {
            let name = column(name, columns)?;
            let value = match value {
                Value::Column(other) => column(other, columns)?,
                Value::Number(number) => number.clone(),
                Value::Bool(value) => u8::from(*value).to_string(),
                Value::Text(text) => {
                    texts.push(Bound::Text(text.clone()));
                    format!("?{}", texts.len())
                }
            };
            let _ = write!(sql, "({name} {} {value})", operator.as_str());
            Ok(())
        }
    }
}

/// A column as it is called; SQLite would take another word in double quotes as a text.
fn column(name: &Name, columns: &[String]) -> Result<String, String> {
    let same = |column: &&String| column.eq_ignore_ascii_case(&name.text);
    let found = columns.iter().find(same);
    let found = found.ok_or("its condition is not of plain columns of that table")?;
    Ok(quoted(found))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
