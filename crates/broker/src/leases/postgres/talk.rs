//! A conversation with the server, as the broker's own role: settled so that nothing there changes what a statement means.

use std::time::Duration;

use gatehold_gate::ports::issuer::Removal;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::names::Name;
use crate::outcome::{Stop, code};
use crate::scrub::Scrubber;
use crate::sql::postgres::PostgresTarget;
use crate::sql::postgres::session::{self, Session};
use crate::sql::postgres::transaction::rolled_back;

/// Names are looked up in the catalogue first. What is confirmed is on disk, or it could be undone by a crash.
const SETTLE: &str = "SET search_path = pg_catalog, pg_temp; \
    SELECT pg_catalog.set_config('synchronous_commit', 'on', false) \
    WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";

const WHO: &str = "SELECT current_user::text, current_database()::text, pg_is_in_recovery(), \
    current_setting('server_version_num')::int4, \
    (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user), pg_backend_pid(), \
    pg_has_role(current_user, 'pg_signal_backend', 'USAGE')";

/// The first version in which a membership says what it allows.
const MEMBERSHIP_OPTIONS: i32 = 16_00_00;

/// Longest text of a server in a log line, in characters.
const SAID_CHARS_MAX: usize = 300;

/// Why a conversation did not come to its end.
#[derive(Debug)]
pub(super) struct Trouble {
    /// A stable code: `unreachable`, `timeout`, `target_refused`, or of what is left.
    pub(super) code: &'static str,
    /// What the server said, for the operator; never anything of a credential.
    pub(super) said: String,
    /// Its own code, when it answered.
    pub(super) state: Option<SqlState>,
    /// Whether its answer is that nothing of the transaction happened.
    pub(super) rolled_back: bool,
}

impl Trouble {
    pub(super) fn new(code: &'static str, said: impl Into<String>) -> Self {
        Self {
            code,
            said: said.into(),
            state: None,
            rolled_back: false,
        }
    }

    pub(super) fn timeout() -> Self {
        Self::new("timeout", "the database took too long")
    }

    pub(super) fn remains(&self, target: &str, handle: &Name) -> Removal {
        tracing::warn!(
            target_id = target,
            handle = handle.as_str(),
            code = self.code,
            said = ?self.said,
            "a lease's role is not gone"
        );
        Removal::Remains(self.code)
    }

    fn of(error: &Error, scrubber: &Scrubber) -> Self {
        let Some(said) = error.as_db_error() else {
            return Self::new("unreachable", "the connection broke");
        };
        let slow = [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE];
        let code = if slow.contains(said.code()) {
            "timeout"
        } else {
            "target_refused"
        };
        let text = format!("{}: {}", said.code().code(), said.message());
        let text = scrubber.scrub_text(text);
        Self {
            code,
            said: text.chars().take(SAID_CHARS_MAX).collect(),
            state: Some(said.code().clone()),
            rolled_back: rolled_back(said),
        }
    }

    /// Nobody looked at the role yet.
    fn before(stop: Stop) -> Self {
        let code = match stop.code {
            code::REFUSED => "target_refused",
            _ => "unreachable",
        };
        Self::new(code, stop.message)
    }
}

/// Who speaks, and with what.
pub(super) struct Talk {
    session: Session,
    limit: Duration,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) superuser: bool,
    /// Whether it ends sessions of whoever is no superuser, and not only of roles that it is a member of.
    pub(super) ends_sessions: bool,
    /// The server's process for this conversation.
    pub(super) process: i32,
    pub(super) version: i32,
}

impl Talk {
    /// Opens the configured database, or another one of the same server.
    pub(super) async fn open(
        target: &PostgresTarget,
        database: Option<&str>,
    ) -> Result<Self, Trouble> {
        let limit = target.statement_timeout;
        let open = async {
            let mut door = session::door(target, target.connect_timeout).await?;
            if let Some(name) = database {
                door = door.into_database(name);
            }
            door.open(limit).await
        };
        let session = tokio::time::timeout(target.connect_timeout, open)
            .await
            .map_err(|_| Trouble::new("unreachable", "the database did not answer in time"))?
            .map_err(Trouble::before)?;
        let mut talk = Self {
            session,
            limit,
            user: String::new(),
            database: String::new(),
            superuser: false,
            ends_sessions: false,
            process: 0,
            version: 0,
        };
        talk.run(SETTLE).await?;
        let row = talk.row(WHO, &[]).await?;
        talk.user = talk.get(&row, 0)?;
        talk.database = talk.get(&row, 1)?;
        // A replica can be behind: what it does not show may stand at the primary.
        if talk.get::<bool>(&row, 2)? {
            let text = "this server is a replica: name the primary as the target";
            return Err(Trouble::new("target_refused", text));
        }
        talk.version = talk.get(&row, 3)?;
        talk.superuser = talk.get(&row, 4)?;
        talk.process = talk.get(&row, 5)?;
        talk.ends_sessions = talk.get(&row, 6)?;
        Ok(talk)
    }

    /// Whether a membership says what it allows.
    pub(super) fn has_membership_options(&self) -> bool {
        self.version >= MEMBERSHIP_OPTIONS
    }

    /// Statements without an answer.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Trouble> {
        self.within(self.session.client.batch_execute(sql)).await
    }

    pub(super) async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        self.within(self.session.client.query(sql, params)).await
    }

    pub(super) async fn row(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Trouble> {
        self.within(self.session.client.query_one(sql, params))
            .await
    }

    /// A column as it was asked for; a server that answers something else is not believed.
    pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
        &self,
        row: &'a Row,
        column: usize,
    ) -> Result<T, Trouble> {
        let unread = |_| {
            Trouble::new(
                "target_refused",
                "the database answered something else than was asked",
            )
        };
        row.try_get(column).map_err(unread)
    }

    // The server's own limit comes first and says more; this one is for a server that does not keep it.
    async fn within<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
        let limit = self.limit.saturating_add(Duration::from_secs(1));
        tokio::time::timeout(limit, asked)
            .await
            .map_err(|_| Trouble::timeout())?
            .map_err(|error| Trouble::of(&error, &self.session.scrubber))
    }
}
