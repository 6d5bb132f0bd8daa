//! A real PostgreSQL server for one test, with a superuser whose password is the canary.

use std::time::Duration;

use gatehold_sim::postgres_server::PostgresServer;

use crate::secret::{Secret, Source};
use crate::sql::postgres::{Login, Parts, PostgresTarget, Where};
use crate::testing::CANARY;

/// A running server.
pub(crate) struct Server(PostgresServer);

impl Server {
    /// Starts it and makes the superuser `gate`.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let server = Self(PostgresServer::start_with(settings));
        server
            .admin(&format!(
                "CREATE ROLE gate SUPERUSER LOGIN PASSWORD '{CANARY}'"
            ))
            .await;
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port()
    }

    /// As a target.
    pub(crate) fn target(&self) -> PostgresTarget {
        target(Where::Tcp("127.0.0.1".to_owned()), self.0.port())
    }

    /// Stops it at once, as a crash would.
    pub(crate) fn stop(&mut self) {
        self.0.stop();
    }

    /// Starts it again, over the same data.
    pub(crate) fn go_on(&mut self) {
        self.0.go_on();
    }

    /// Its log, once this text is in it.
    pub(crate) fn log_until(&self, text: &str) -> String {
        self.0.log_until(text)
    }

    /// Makes an empty database.
    pub(crate) async fn database(&self, name: &str) {
        let _ = self.0.create_database(name).await;
    }

    /// A superuser's connection.
    pub(crate) async fn client(&self, database: &str) -> tokio_postgres::Client {
        self.0.connect(database).await
    }

    /// Runs statements past everything that is tested.
    pub(crate) async fn admin(&self, sql: &str) -> Vec<Vec<String>> {
        self.admin_in("postgres", sql).await
    }

    /// The same in another database.
    pub(crate) async fn admin_in(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        let client = self.client(database).await;
        let messages = client.simple_query(sql).await.unwrap();
        let mut rows = Vec::new();
        for message in &messages {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                let text = |index| row.get(index).unwrap_or("NULL").to_owned();
                rows.push((0..row.len()).map(text).collect());
            }
        }
        rows
    }
}

/// A target with the canary as its password.
pub(crate) fn target(host: Where, port: u16) -> PostgresTarget {
    let password = Secret::new(CANARY.as_bytes().to_vec()).unwrap();
    PostgresTarget {
        login: Login::Parts(Parts {
            host,
            port,
            user: "gate".to_owned(),
            database: "postgres".to_owned(),
            password: Some(Source::Captured(password)),
        }),
        tls: None,
        plaintext: false,
        connect_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        bytes_max: 1 << 20,
    }
}
