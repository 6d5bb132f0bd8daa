//! A PostgreSQL server for one test: its own data, its own port on the loopback address, gone with the value.
//!
//! Real servers only. Where the programs are missing this fails and names the package; it never skips.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fixture fails by panicking"
)]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::system_server::{Log, Running, User, free_port};

/// A running server. Its superuser is `postgres`, authenticated by password (SCRAM).
pub struct PostgresServer {
    port: u16,
    password: String,
    settings: Vec<String>,
    running: Option<Running>,
    log: Arc<Log>,
    /// What it writes as csvlog, where it does.
    csvlog: Option<Arc<Log>>,
    data: TempDir,
}

impl PostgresServer {
    /// Creates a cluster and starts it.
    ///
    /// # Panics
    /// The programs of PostgreSQL are missing, or the server does not come up; the message says why.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings, such as `("max_connections", "20")`.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_logging(settings, None)
    }

    /// The same, and it writes its log as csvlog, which is read as it comes.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    #[must_use]
    pub fn start_writing_csvlog(settings: &[(&str, &str)]) -> Self {
        Self::start_logging(settings, Some(Arc::default()))
    }

    fn start_logging(settings: &[(&str, &str)], csvlog: Option<Arc<Log>>) -> Self {
        let programs = programs();
        let user = User::find();
        let data = tempfile::tempdir().expect("a temporary directory");
        let password = format!("{:016x}", RandomState::new().build_hasher().finish());
        let secret = data.path().join("password");
        std::fs::write(&secret, &password).expect("the password file");
        user.own(data.path());
        user.own(&secret);
        let cluster = data.path().join("cluster");
        init(&user, &programs, &cluster, &secret);
        let port = free_port();
        let mut all = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
        ];
        all.extend(
            settings
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        if csvlog.is_some() {
            let folder = data.path().display();
            all.extend([
                "logging_collector=on".to_owned(),
                "log_destination=csvlog".to_owned(),
                format!("log_directory={folder}"),
                "log_filename=server.log".to_owned(),
                "log_rotation_age=0".to_owned(),
                "log_rotation_size=0".to_owned(),
            ]);
        }
        let mut server = Self {
            port,
            password,
            settings: all,
            running: None,
            log: Arc::default(),
            csvlog,
            data,
        };
        server.go_on();
        server
    }

    /// Starts it again, over the data that it had when it was stopped.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    pub fn go_on(&mut self) {
        let mut server = User::find().command(programs().join("postgres"));
        server
            .arg("-D")
            .arg(self.data.path().join("cluster"))
            .args(["-p", &self.port.to_string()]);
        for setting in &self.settings {
            server.arg("-c").arg(setting);
        }
        let started = "ready to accept connections";
        let ready = match &self.csvlog {
            None => started,
            Some(csvlog) => {
                read_as_it_comes(&self.data.path().join("server.csv"), csvlog);
                // The rest is in the csvlog.
                "Future log output will appear"
            }
        };
        let running = Running::start(server, ready, &self.log);
        self.running =
            Some(running.unwrap_or_else(|said| panic!("PostgreSQL did not start:\n{said}")));
        if let Some(csvlog) = &self.csvlog {
            let _ = csvlog.until(started);
        }
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    /// Everything that it wrote to its log, once this text is in it.
    ///
    /// # Panics
    /// The text does not come.
    #[must_use]
    pub fn log_until(&self, text: &str) -> String {
        self.log.until(text)
    }

    /// Everything that it wrote as csvlog, once this text is in it.
    ///
    /// # Panics
    /// The text does not come, or the server writes none.
    #[must_use]
    pub fn csvlog_until(&self, text: &str) -> String {
        let csvlog = self.csvlog.as_ref();
        csvlog.expect("a server that writes csvlog").until(text)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A connection string for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// Creates an empty database and returns the superuser's connection string for it.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn create_database(&self, name: &str) -> String {
        let client = self.connect("postgres").await;
        let create = format!("CREATE DATABASE \"{name}\"");
        client.batch_execute(&create).await.expect("a new database");
        self.url(name)
    }

    /// A superuser's connection.
    ///
    /// # Panics
    /// The server refuses.
    pub async fn connect(&self, database: &str) -> Client {
        let connected = tokio_postgres::connect(&self.url(database), NoTls).await;
        let (client, connection) = connected.expect("a connection");
        tokio::spawn(async move { connection.await.ok() });
        client
    }

    /// A connection of somebody with a password, or why there is none.
    ///
    /// # Errors
    /// What the server says.
    pub async fn log_in(
        &self,
        database: &str,
        user: &str,
        password: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port);
        config.dbname(database).user(user).password(password);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move { connection.await.ok() });
        Ok(client)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Nothing of the data is wanted any more, and shared memory is given back.
        self.stop();
    }
}

/// Reads a pipe that the server takes for the file of its log: so nobody has to look again and again whether something was written.
fn read_as_it_comes(path: &Path, log: &Arc<Log>) {
    if !path.exists() {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "mkfifo, of package coreutils"
        );
        User::find().own(path);
    }
    let (path, log) = (path.to_owned(), log.clone());
    let thread = std::thread::Builder::new().name("csvlog".to_owned());
    thread
        .spawn(move || {
            let pipe = std::fs::File::open(path).expect("a pipe");
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                log.add(&line);
            }
        })
        .expect("a thread");
}

fn init(user: &User, programs: &Path, cluster: &Path, secret: &Path) {
    let mut initdb = user.command(programs.join("initdb"));
    initdb.arg("-D").arg(cluster).arg("--pwfile").arg(secret);
    initdb.args([
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    ]);
    let output = initdb.output().expect("setpriv, of package util-linux");
    assert!(
        output.status.success(),
        "initdb failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where `initdb` and `postgres` are: Debian keeps them out of the search path.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            let programs = version.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((number, programs))
        })
        .collect();
    found.sort();
    match found.pop() {
        Some((_, programs)) => programs,
        None => panic!(
            "PostgreSQL's initdb is not below /usr/lib/postgresql; install the Debian package `postgresql`"
        ),
    }
}
