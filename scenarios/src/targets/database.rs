//! A SQLite file that exists before the gate starts.

use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::trouble::{Outcome, trouble};

/// A database on disk.
#[derive(Debug, Clone)]
pub struct DatabaseFile(PathBuf);

impl DatabaseFile {
    /// Makes and fills it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn create(path: PathBuf, setup: &str) -> Outcome<Self> {
        let connection = Connection::open(&path).map_err(trouble(path.display()))?;
        connection.execute_batch(setup).map_err(trouble("setup"))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Asks it something; every value as text.
    ///
    /// Opened for writing although nothing is written: a gate killed in the middle of a statement leaves a journal, and only
    /// a connection that may write can roll the half statement back. It is never created.
    ///
    /// # Errors
    /// What SQLite says; it also refuses a query that would change something.
    pub fn ask(&self, query: &str) -> Outcome<Vec<Vec<String>>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(&self.0, flags).map_err(trouble(query))?;
        connection
            .pragma_update(None, "query_only", true)
            .map_err(trouble(query))?;
        let mut statement = connection.prepare(query).map_err(trouble(query))?;
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                (0..columns).map(|at| row.get_ref(at).map(text)).collect()
            })
            .map_err(trouble(query))?;
        rows.collect::<Result<_, _>>().map_err(trouble(query))
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
