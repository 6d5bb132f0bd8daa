//! A connection to PostgreSQL and what is prepared on it.
//!
//! Refuses a server that would acknowledge what is not on its disk. TLS to the server is not spoken yet: connect over a
//! socket, a private network or a local proxy.

use futures_util::future::try_join_all;
use gatehold_gate::ports::store::StoreFault;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::fault::{damaged, fault};

/// Connects. The driving task ends by itself when the client is dropped or the connection lost.
pub(super) async fn connect(config: &Config) -> Result<Client, StoreFault> {
    let (client, connection) = config.connect(NoTls).await.map_err(fault)?;
    // Whoever uses the client is told about a lost connection by the query at hand.
    tokio::spawn(async move { connection.await.ok() });
    client
        .batch_execute(
            "SET synchronous_commit = on; SET lock_timeout = '10s'; SET client_min_messages = warning;
             SET idle_in_transaction_session_timeout = '5s';",
        )
        .await
        .map_err(fault)?;
    Ok(client)
}

/// What must be true of the server.
pub(super) async fn check_durable(client: &Client) -> Result<(), StoreFault> {
    for setting in ["fsync", "full_page_writes"] {
        let value: String = client
            .query_one("SELECT current_setting($1)", &[&setting])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(fault)?;
        if value != "on" {
            return Err(StoreFault::Unavailable(format!(
                "PostgreSQL runs with {setting} = {value} and would lose decisions; set it to on"
            )));
        }
    }
    Ok(())
}

/// Prepares statements in one round trip.
pub(super) async fn prepare<const N: usize>(
    client: &Client,
    statements: [&str; N],
) -> Result<[Statement; N], StoreFault> {
    let prepared = try_join_all(statements.map(|sql| client.prepare(sql))).await;
    let prepared = prepared.map_err(fault)?;
    prepared
        .try_into()
        .map_err(|_| damaged("a statement is missing"))
}

/// Declares a struct of prepared statements, each beside its SQL.
macro_rules! statements {
    ($name:ident { $($field:ident: $sql:expr,)* }) => {
        pub(super) struct $name {
            $($field: tokio_postgres::Statement,)*
        }

        impl $name {
            pub(super) async fn prepare(client: &tokio_postgres::Client) -> Result<Self, StoreFault> {
                let [$($field),*] = $crate::postgres::session::prepare(client, [$($sql),*]).await?;
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(super) use statements;
