//! PostgreSQL as a target: one connection for one call, one transaction, one statement.
//!
//! The server may be hostile: every step has a time limit and the whole conversation a byte budget. Until COMMIT is sent
//! nothing has happened; when its answer is lost, nobody can tell, and that is said.

mod count;
pub(crate) mod quote;
pub(crate) mod session;
pub(crate) mod transaction;
mod value;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

pub(crate) use count::count;

use super::Plan;
use crate::call::Call;
use crate::outcome::{Execution, Stop, code};
use crate::secret::{Secret, Source};

/// A database server.
#[derive(Debug)]
pub(crate) struct PostgresTarget {
    pub(crate) login: Login,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) plaintext: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) bytes_max: usize,
}

/// As whom.
#[derive(Debug)]
pub(crate) enum Login {
    /// A connection URL, secret as a whole.
    Url(Source),
    /// Named one by one.
    Parts(Parts),
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) host: Where,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) password: Option<Source>,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Where {
    Tcp(String),
    /// The folder of its socket.
    Socket(PathBuf),
}

/// Makes the call.
pub(crate) async fn execute(target: &PostgresTarget, call: &Call) -> Result<Execution, Stop> {
    let plan = Plan::read(call, target.bytes_max)?;
    let connect_limit = call.within(target.connect_timeout);
    let statement_limit = call.within(target.statement_timeout);
    let door = session::door(target, connect_limit).await?;
    let door = door.named(call.request);
    let mut session = tokio::time::timeout(connect_limit, door.open(statement_limit))
        .await
        .map_err(|_| Stop::failed(code::UNREACHABLE, "the database did not answer in time"))??;
    let ended = transaction::run(&mut session, &plan, connect_limit, statement_limit).await;
    ended.map_err(|stop| Stop {
        message: session.scrubber.scrub_text(stop.message),
        ..stop
    })
}

async fn read_secret(source: &Source, limit: Duration) -> Result<Secret, Stop> {
    source
        .read(limit)
        .await
        .map_err(|error| Stop::failed(code::SECRET, error.to_string()))
}

#[cfg(test)]
mod tests;
