//! One connection: opened for one call, driven by a task that dies with it.

use std::time::Duration;

use gatehold_core::ids::RequestId;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Connection, NoTls};

use super::{Login, PostgresTarget, Where, read_secret};
use crate::config::is_loopback;
use crate::metered::{Duplex, Meter, Metered};
use crate::outcome::{Stop, code};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::tls::{PostgresTls, server_name};

/// What a server may send beyond four times the result: start-up, notices, type look-ups.
const BUDGET_BYTES: usize = 4 << 20;

/// What every session of the gate calls itself at a server.
const APPLICATION: &str = "gatehold";

/// Everything known before the first byte: nothing is open yet.
pub(crate) struct Door {
    at: Where,
    port: u16,
    config: Config,
    tls: Option<PostgresTls>,
    budget: usize,
    scrubber: Scrubber,
}

/// An open connection.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) meter: Meter,
    pub(crate) scrubber: Scrubber,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    // The connection ends with the call, whatever the server is still doing; what was not committed is rolled back.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads the secret and decides how to connect.
pub(crate) async fn door(target: &PostgresTarget, limit: Duration) -> Result<Door, Stop> {
    let (at, port, mut config, scrubber) = login(&target.login, limit).await?;
    let tls = match (&target.tls, &at) {
        (Some(client), Where::Tcp(host)) => Some(PostgresTls {
            config: client.clone(),
            name: server_name(host).map_err(|text| Stop::failed(code::UNREACHABLE, text))?,
        }),
        (None, Where::Tcp(host)) if !target.plaintext && !is_loopback(host) => {
            let text = "the URL leads off this machine: configure tls_roots for it";
            return Err(Stop::failed(code::SECRET, text));
        }
        (_, Where::Socket(_)) | (None, Where::Tcp(_)) => None,
    };
    config.ssl_mode(if tls.is_some() {
        SslMode::Require
    } else {
        SslMode::Disable
    });
    config.application_name(APPLICATION);
    Ok(Door {
        at,
        port,
        config,
        tls,
        budget: target
            .bytes_max
            .saturating_mul(4)
            .saturating_add(BUDGET_BYTES),
        scrubber,
    })
}

async fn login(login: &Login, limit: Duration) -> Result<(Where, u16, Config, Scrubber), Stop> {
    let unusable = |text: &str| Stop::failed(code::SECRET, text);
    match login {
        Login::Parts(parts) => {
            let mut config = Config::new();
            config.user(&parts.user).dbname(&parts.database);
            let mut scrubber = Scrubber::default();
            if let Some(source) = &parts.password {
                let password = read_secret(source, limit).await?;
                config.password(password.expose());
                scrubber = Scrubber::new([&password]);
            }
            Ok((parts.host.clone(), parts.port, config, scrubber))
        }
        Login::Url(source) => {
            let url = read_secret(source, limit).await?;
            // The parser's error may quote the URL, so it is not repeated.
            let config: Config = url
                .expose_text()
                .parse()
                .map_err(|_| unusable("the content of url_file is no PostgreSQL URL"))?;
            let (at, port) = one_host(&config)
                .ok_or_else(|| unusable("the URL in url_file must name exactly one host"))?;
            let password = config
                .get_password()
                .map(|password| Secret::new(password.to_vec()))
                .transpose()
                .map_err(|_| unusable("the password in url_file is not usable"))?;
            Ok((
                at,
                port,
                config,
                Scrubber::new(password.iter().chain([&url])),
            ))
        }
    }
}

/// Several hosts would be several chances, and nobody said which was meant.
fn one_host(config: &Config) -> Option<(Where, u16)> {
    let port = match config.get_ports() {
        [] => 5432,
        [port] => *port,
        _ => return None,
    };
    match config.get_hosts() {
        [Host::Tcp(name)] if config.get_hostaddrs().is_empty() => {
            Some((Where::Tcp(name.clone()), port))
        }
        [Host::Unix(folder)] => Some((Where::Socket(folder.clone()), port)),
        _ => None,
    }
}

impl Door {
    /// The same for one request, which the server's log then names.
    pub(crate) fn named(mut self, request: Option<RequestId>) -> Self {
        if let Some(request) = request {
            self.config
                .application_name(format!("{APPLICATION} {request}"));
        }
        self
    }

    /// The same server and the same login, in another database.
    pub(crate) fn into_database(mut self, name: &str) -> Self {
        self.config.dbname(name);
        self
    }

    /// Connects. The caller limits the time.
    pub(crate) async fn open(self, statement_limit: Duration) -> Result<Session, Stop> {
        let unreachable = |_| Stop::failed(code::UNREACHABLE, "no connection to the database");
        let stream: Box<dyn Duplex> = match &self.at {
            Where::Tcp(host) => Box::new(
                TcpStream::connect((host.as_str(), self.port))
                    .await
                    .map_err(unreachable)?,
            ),
            Where::Socket(folder) => {
                let path = folder.join(format!(".s.PGSQL.{}", self.port));
                Box::new(UnixStream::connect(path).await.map_err(unreachable)?)
            }
        };
        let (stream, meter) = Metered::new(stream, self.budget);
        let refused = |error| refused(&error, &self.scrubber);
        let (client, driver) = match self.tls {
            None => {
                let opened = self.config.connect_raw(stream, NoTls).await;
                let (client, connection) = opened.map_err(refused)?;
                (client, drive(connection))
            }
            Some(tls) => {
                let opened = self.config.connect_raw(stream, tls).await;
                let (client, connection) = opened.map_err(refused)?;
                (client, drive(connection))
            }
        };
        let session = Session {
            client,
            meter,
            scrubber: self.scrubber,
            driver,
        };
        session.settle(statement_limit).await?;
        Ok(session)
    }
}

impl Session {
    /// The server's own limits, behind ours.
    async fn settle(&self, statement_limit: Duration) -> Result<(), Stop> {
        let refused = |error| refused(&error, &self.scrubber);
        let millis = statement_limit.as_millis();
        let settings = format!(
            "SET statement_timeout = {millis}; SET lock_timeout = {millis}; \
             SET idle_in_transaction_session_timeout = {millis}"
        );
        self.client
            .batch_execute(&settings)
            .await
            .map_err(refused)?;
        // Since version 14 a server notices in mid-statement that nobody waits any more. An older one refuses this.
        let noticed = self
            .client
            .batch_execute("SET client_connection_check_interval = 1000");
        match noticed.await {
            Err(error) if error.as_db_error().is_none() => Err(refused(error)),
            _ => Ok(()),
        }
    }
}

fn refused(error: &tokio_postgres::Error, scrubber: &Scrubber) -> Stop {
    match error.as_db_error() {
        Some(said) => {
            let text = format!("{}: {}", said.code().code(), said.message());
            Stop::failed(code::REFUSED, scrubber.scrub_text(text))
        }
        None => Stop::failed(
            code::UNREACHABLE,
            "the database broke off, or does not speak as expected",
        ),
    }
}

/// Notices are read and dropped: their text is the target's, and the log is ours.
fn drive<T>(mut connection: Connection<Metered, T>) -> JoinHandle<()>
where
    T: Duplex + 'static,
{
    tokio::spawn(async move {
        while let Some(Ok(_)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {}
    })
}
