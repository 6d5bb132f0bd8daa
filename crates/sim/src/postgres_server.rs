//! A PostgreSQL server for one test: its own data, its own port on the loopback address, gone with the value.
//!
//! Real servers only. Where the programs are missing this fails and names the package; it never skips.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fixture fails by panicking"
)]

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A running server. Its superuser is `postgres`, authenticated by password (SCRAM).
pub struct PostgresServer {
    port: u16,
    password: String,
    settings: Vec<String>,
    running: Option<Running>,
    log: Arc<Log>,
    data: TempDir,
}

struct Running {
    process: u32,
    ended: JoinHandle<()>,
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
        let mut server = Self {
            port,
            password,
            settings: all,
            running: None,
            log: Arc::default(),
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
        let (ready, started) = sync_channel(1);
        let log = self.log.clone();
        let thread = std::thread::Builder::new().name("postgres".to_owned());
        let ended = thread
            .spawn(move || drive(server, &ready, &log))
            .expect("a thread");
        let process = match started.recv() {
            Ok(Ok(process)) => process,
            Ok(Err(output)) => panic!("PostgreSQL did not start:\n{output}"),
            Err(_) => panic!("PostgreSQL did not start"),
        };
        self.running = Some(Running { process, ended });
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let _ = Command::new("kill")
            .args(["-QUIT", &running.process.to_string()])
            .status();
        let _ = running.ended.join();
    }

    /// Everything that it wrote to its log, once this text is in it.
    ///
    /// # Panics
    /// The text does not come.
    #[must_use]
    pub fn log_until(&self, text: &str) -> String {
        let log = self.log.text.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .log
            .grown
            .wait_timeout_while(log, LOG_WAIT, |log| !log.contains(text));
        let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(log.contains(text), "the log never held {text}");
        log.clone()
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

/// What the server wrote.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    fn add(&self, line: &str) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() < LOG_BYTES_MAX {
            text.push_str(line);
            text.push('\n');
        }
        self.grown.notify_all();
    }
}

/// How much of a log is kept.
const LOG_BYTES_MAX: usize = 8 << 20;
/// How long a line of the log is waited for.
const LOG_WAIT: Duration = Duration::from_secs(60);

/// Owns the server's process until it ends. The server dies with the thread that started it, so this one stays.
fn drive(mut server: Command, ready: &SyncSender<Result<u32, String>>, log: &Log) {
    let spawned = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let _ = ready.send(Err(format!("setpriv (package util-linux): {error}")));
            return;
        }
    };
    let lines = child
        .stderr
        .take()
        .map(|stderr| BufReader::new(stderr).lines());
    for line in lines.into_iter().flatten().map_while(Result::ok) {
        log.add(&line);
        if line.contains("ready to accept connections") {
            let _ = ready.try_send(Ok(child.id()));
        }
    }
    let _ = child.wait();
    let text = log.text.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = ready.try_send(Err(text.clone()));
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

/// PostgreSQL refuses to run as root; then it runs as the user of the package.
enum User {
    Own,
    Package { uid: u32, gid: u32 },
}

impl User {
    fn find() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let root = status.lines().any(|line| line.starts_with("Uid:\t0\t0\t"));
        if !root {
            return Self::Own;
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let line = users
            .lines()
            .find_map(|line| line.strip_prefix("postgres:"));
        let mut fields = line.into_iter().flat_map(|line| line.split(':')).skip(1);
        let mut number = || fields.next()?.parse().ok();
        match number().zip(number()) {
            Some((uid, gid)) => Self::Package { uid, gid },
            None => panic!(
                "there is no user postgres to run a server as; install the Debian package `postgresql`"
            ),
        }
    }

    fn own(&self, path: &Path) {
        if let Self::Package { uid, gid } = self {
            chown(path, Some(*uid), Some(*gid)).expect("to give a file away as root");
        }
    }

    /// The program under this user; it dies with the thread that started it.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Self::Package { uid, gid } = self {
            command.args([
                &format!("--reuid={uid}"),
                &format!("--regid={gid}"),
                "--clear-groups",
            ]);
        }
        command.arg("--").arg(program).current_dir("/");
        command
    }
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

/// Outside the range from which the system draws ports for outgoing connections, so that none is taken meanwhile; and
/// apart for each process, so that servers of tests that run side by side do not meet.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = (std::process::id() % 1_000) * 12;
    for _ in 0..12_000 {
        let offset = (spread + u32::from(NEXT.fetch_add(1, Ordering::SeqCst))) % 12_000;
        let port = 20_000 + u16::try_from(offset).unwrap_or(0);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 32000 on 127.0.0.1");
}
