//! `[[count]]`: where rows may be counted before a decision, as whom, and which tables.

use std::time::Duration;

use gatehold_core::ids::TargetId;
use toml::Value;

use super::problems::Problems;
use super::{Environment, sql, take_text};
use crate::facts::count::{Count, Database, Table};

/// Most tables of one database.
const TABLES_MAX: usize = 1_000;
/// Longest time for one answer in seconds, and the time unless configured.
const TIMEOUT_SECONDS_MAX: i64 = 30;
const TIMEOUT_SECONDS: i64 = 2;
/// Longest time that an answer is used, and the time unless configured.
const AGE_SECONDS_MAX: i64 = 86_400;
const AGE_SECONDS: i64 = 60;

/// Reads one; what is left of the table is where the database is, as for a target.
pub(super) fn count(
    recipe: String,
    mut table: toml::Table,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<Count> {
    let target = take_text(&mut table, "target", problems)?;
    let target: TargetId = problems.check("target", target.parse())?;
    let field = match table.remove("field") {
        None => "statement".to_owned(),
        Some(Value::String(field)) => field,
        Some(_) => {
            problems.add("field", "name the field that holds the statement");
            return None;
        }
    };
    let timeout = match table.remove("timeout_seconds") {
        None => TIMEOUT_SECONDS,
        Some(Value::Integer(seconds)) if (1..=TIMEOUT_SECONDS_MAX).contains(&seconds) => seconds,
        Some(_) => {
            let text = format!("must be between 1 and {TIMEOUT_SECONDS_MAX}");
            problems.add("timeout_seconds", text);
            return None;
        }
    };
    let max_age = match table.remove("max_age_seconds") {
        None => AGE_SECONDS,
        Some(Value::Integer(seconds)) if (0..=AGE_SECONDS_MAX).contains(&seconds) => seconds,
        Some(_) => {
            problems.add("max_age_seconds", format!("at most {AGE_SECONDS_MAX}"));
            return None;
        }
    };
    let names = match table.remove("tables") {
        Some(Value::Array(names)) if !names.is_empty() && names.len() <= TABLES_MAX => names,
        _ => {
            problems.add("tables", "name the tables that may be counted");
            return None;
        }
    };
    let kind = take_text(&mut table, "kind", problems)?;
    let (database, schema) = match kind.as_str() {
        "sqlite" => (Database::Sqlite(sql::sqlite(table, problems)?), "main"),
        "postgres" => {
            let target = sql::postgres(table, environment, problems)?;
            (Database::Postgres(Box::new(target)), "public")
        }
        other => {
            problems.add("kind", format!("`{other}` is not one of sqlite, postgres"));
            return None;
        }
    };
    let mut tables = Vec::new();
    for name in names {
        let Value::String(name) = name else {
            problems.add("tables", "write names in quotes");
            return None;
        };
        let (schema, name) = name.split_once('.').unwrap_or((schema, &name));
        if schema.is_empty() || name.is_empty() || name.contains('.') {
            problems.add("tables", "write `table` or `schema.table`");
        }
        tables.push(Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
        });
    }
    let timeout = Duration::from_secs(u64::try_from(timeout).unwrap_or(1));
    let max_age = u32::try_from(max_age).unwrap_or(0);
    Some(Count::new(
        recipe, target, field, tables, database, timeout, max_age,
    ))
}
