//! A connection to PostgreSQL and what is prepared on it.
//!
//! Refuses a server that would acknowledge what is not on its disk. TLS to the server is not spoken yet: connect over a
//! socket, a private network or a local proxy.

use std::time::Duration;

use futures_util::future::try_join_all;
use gatehold_gate::ports::store::StoreFault;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::fault::{damaged, fault};

/// How long one attempt to connect to one address may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long what was sent may stay without an answer of the other machine's network stack.
const UNHEARD: Duration = Duration::from_secs(10);

/// The same, with an end to waiting for a server that cannot be reached any more, where the connection string does not say: what only
/// stops is then kept in the journal as where it refuses. A server whose machine still acknowledges is waited for. A limit of 0 is
/// read as none given.
pub(super) fn with_an_end(mut config: Config) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNHEARD);
    }
    config
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(url: &str) -> (Option<u64>, Option<u64>) {
        let config = with_an_end(url.parse().unwrap());
        let seconds = |end: Option<&Duration>| end.map(Duration::as_secs);
        (
            seconds(config.get_connect_timeout()),
            seconds(config.get_tcp_user_timeout()),
        )
    }

    #[test]
    fn waiting_for_a_silent_server_has_an_end_which_the_connection_string_may_set() {
        let silent = "postgres://gate@db.example/gate";
        assert_eq!(ends(silent), (Some(5), Some(10)));
        let says = format!("{silent}?connect_timeout=2&tcp_user_timeout=30");
        assert_eq!(ends(&says), (Some(2), Some(30)));
        let zero = format!("{silent}?connect_timeout=0&tcp_user_timeout=0");
        assert_eq!(ends(&zero), (Some(5), Some(10)));
    }
}
