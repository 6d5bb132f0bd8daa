//! How many rows a statement is about, as a fact (threat C18): counted by a role of its own, over a connection of its own, in a
//! transaction that only reads, from a statement that we write ourselves. Never by running or planning what a requester wrote.

pub(crate) mod statement;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

use gatehold_core::context::TypedValue;
use gatehold_core::hash::Hash;
use gatehold_core::ids::TargetId;
use gatehold_core::wording::grouped;
use gatehold_gate::ports::facts::{Found, Question, Told};
use tokio::sync::Semaphore;

use super::lookup::kept::Kept;
use crate::sql::postgres::{self, PostgresTarget};
use crate::sql::sqlite::{self, SqliteTarget};
use statement::{Name, Rows};

/// What is said of a count that a database would work at for long.
pub(crate) const TOO_MUCH: &str = "counting them would be too much work for the database";
/// Most counts at one database at once.
const AT_ONCE_MAX: usize = 4;

/// A database that may be counted in.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) recipe: String,
    /// For actions on this target.
    pub(crate) target: TargetId,
    /// The field of the payload that holds the statement.
    pub(crate) field: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) database: Database,
    pub(crate) timeout: Duration,
    max_age_seconds: u32,
    kept: Kept,
    free: Semaphore,
}

/// A table that may be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// Where it is.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(SqliteTarget),
    Postgres(Box<PostgresTarget>),
}

impl Count {
    pub(crate) fn new(
        recipe: String,
        target: TargetId,
        field: String,
        tables: Vec<Table>,
        database: Database,
        timeout: Duration,
        max_age_seconds: u32,
    ) -> Self {
        Self {
            recipe,
            target,
            field,
            tables,
            database,
            timeout,
            max_age_seconds,
            kept: Kept::default(),
            free: Semaphore::new(AT_ONCE_MAX),
        }
    }

    pub(super) fn name(&self) -> String {
        format!("count at {}", self.target)
    }

    pub(super) async fn told(&self, question: &Question<'_>) -> Told<Found> {
        let Some(TypedValue::Text(sql)) = question.fields.get(&self.field) else {
            let why = format!("the payload has no readable `{}`", self.field);
            return Told::unknown(self.name(), why);
        };
        let key = Hash::of(sql.as_bytes()).to_string();
        if !question.anew
            && let Some((answer, age_seconds)) =
                self.kept.get(&key, question.now, self.max_age_seconds)
        {
            return Told {
                answer,
                from: self.name(),
                age_seconds,
            };
        }
        let answer = match tokio::time::timeout(self.timeout, self.count(sql)).await {
            Ok(answer) => answer.map(|rows| Found {
                value: TypedValue::Integer(rows),
                detail: grouped(rows),
            }),
            Err(_elapsed) => Err("there was no answer in time".to_owned()),
        };
        self.kept.put(key, question.now, answer.clone());
        Told {
            answer,
            from: self.name(),
            age_seconds: 0,
        }
    }

    async fn count(&self, sql: &str) -> Result<i64, String> {
        let not_understood = "the statement is not one table with a condition of columns, literals and known operators";
        let rows = statement::read(sql).ok_or(not_understood)?;
        let table = self.table(&rows).ok_or("its table may not be counted")?;
        let _free = self
            .free
            .acquire()
            .await
            .map_err(|_| "it cannot be asked any more")?;
        let found = self.found(table, &rows).await?;
        let found = rows.limit.map_or(found, |limit| found.min(limit));
        i64::try_from(found).map_err(|_| "there are too many to count".to_owned())
    }

    pub(super) async fn found(&self, table: &Table, rows: &Rows) -> Result<u64, String> {
        match &self.database {
            Database::Sqlite(target) => sqlite::count(target, table, rows, self.timeout).await,
            Database::Postgres(target) => postgres::count(target, table, rows, self.timeout).await,
        }
    }

    /// The configured table that is meant, by the database's own way of reading names.
    fn table(&self, rows: &Rows) -> Option<&Table> {
        let same = |name: &Name, table: &str| match &self.database {
            Database::Sqlite(_) => name.text.eq_ignore_ascii_case(table),
            Database::Postgres(_) if name.quoted => name.text == table,
            Database::Postgres(_) => name.text.to_ascii_lowercase() == table,
        };
        let schema = |table: &&Table| match &rows.schema {
            Some(schema) => same(schema, &table.schema),
            None => true,
        };
        let mut meant = self.tables.iter().filter(schema);
        let mut meant = meant
            .by_ref()
            .filter(|table| same(&rows.table, &table.name));
        // Without a schema a search path would say which of two is meant, and that is the target's own.
        let only = meant.next();
        only.filter(|_| meant.next().is_none())
    }
}
