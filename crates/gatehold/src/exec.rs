//! `gatehold exec`: has something handed out, starts the program that uses it, and ends that program when the lease ends. What was
//! handed out stands in a folder of its own that is gone afterwards, and in no argument, variable or log. `gatehold exec pg` hands
//! out nothing: the gate executes one statement after the other.

mod arguments;
mod asking;
mod folder;
mod left;
mod pg;
mod psql;
mod session;
mod ssh;
mod started;

use clap::Subcommand;

use crate::context::Ctx;
use crate::exit::{Exit, Failure};

pub use started::{CHILD, ChildArgs, become_it};

/// `gatehold exec …`.
#[derive(Debug, Subcommand)]
pub enum Exec {
    /// Run ssh with a certificate for one approved command, and end it with the lease.
    Ssh(Box<ssh::Ssh>),
    /// Run psql, or another client of PostgreSQL, with an approved login, and end it with the lease.
    Psql(Box<psql::Psql>),
    /// Have the gate execute statements of SQL, each a request of its own, and print what comes back.
    Pg(Box<pg::Pg>),
}

/// Runs one of them.
///
/// # Errors
/// When the gate refuses or does not answer, and when the lease ended before the program did.
pub async fn run(ctx: &Ctx, exec: &Exec) -> Result<Exit, Failure> {
    match exec {
        Exec::Ssh(args) => ssh::run(ctx, args).await,
        Exec::Psql(args) => psql::run(ctx, args).await,
        Exec::Pg(args) => pg::run(ctx, args).await,
    }
}

/// Why nothing more is done: something that was said already, or a failure that is still to be said.
enum Stop {
    Said(Exit),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<gatehold_client::ClientError> for Stop {
    fn from(error: gatehold_client::ClientError) -> Self {
        Self::Failed(error.into())
    }
}

/// The exit code of what was stopped, or its failure.
fn told(stopped: Result<Exit, Stop>) -> Result<Exit, Failure> {
    match stopped {
        Ok(exit) | Err(Stop::Said(exit)) => Ok(exit),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}
