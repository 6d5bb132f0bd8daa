//! The database server of `gatehold demo --postgres`: a PostgreSQL of its own, on the loopback address, with data that nobody needs.
//! It is made when the demo begins and gone when it ends, however it does.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gatehold_core::hash::hex;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::cast::apart;
use crate::ambient::random;
use crate::dev::{remove, temporary_folder};
use crate::exit::Failure;
use crate::files::write_secret;

/// The target at which the gate makes logins.
pub const TARGET: &str = "pg:warehouse";
/// The group whose rights it gives.
pub const ROLE: &str = "orders_reader";
/// The database.
const DATABASE: &str = "warehouse";
/// Who the gate is there.
const BROKER: &str = "gatehold_broker";
/// Who made it.
const ADMIN: &str = "postgres";
/// Where Debian keeps the programs, out of the search path, a folder for each version; and where others do.
const VERSIONS: &str = "/usr/lib/postgresql";
const ELSEWHERE: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"];
/// What is needed.
const INSTALL: &str = "install PostgreSQL: on Debian `apt-get install postgresql`, which also brings `psql` and the user `postgres`";
/// What the server says once it takes logins.
const READY: &str = "ready to accept connections";
/// Lines of its log that are read for it.
const LINES_MAX: usize = 10_000;

/// A server that runs.
pub struct Cluster {
    server: Child,
    programs: PathBuf,
    port: u16,
    password: String,
    folder: TempDir,
}

impl Cluster {
    /// Makes a cluster, starts its server, and fills a database.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, with what to install; and what it says.
    pub async fn start() -> Result<Self, Failure> {
        let programs = programs()?;
        let user = User::find()?;
        let folder = temporary_folder("gatehold-demo-postgres-")?;
        let password = password()?;
        let secret = folder.path().join("admin.password");
        write_secret(&secret, password.as_bytes())?;
        user.own(folder.path())?;
        user.own(&secret)?;
        let data = folder.path().join("data");
        init(&user, &programs, &data, &secret).await?;
        let port = free_port()?;
        let mut server = user.command(&programs.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
        ] {
            server.args(["-c", setting]);
        }
        let server = served(server).await?;
        let cluster = Self {
            server,
            programs,
            port,
            password,
            folder,
        };
        cluster.fill().await?;
        Ok(cluster)
    }

    /// The program with which the agent logs in.
    pub fn psql(&self) -> PathBuf {
        self.programs.join("psql")
    }

    /// Where it is.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}, database {DATABASE}", self.port)
    }

    /// Writes what the gate is to know of it; gives the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn target(&self) -> Result<PathBuf, Failure> {
        let Self { port, folder, .. } = self;
        let secret = broker_password(folder.path()).display().to_string();
        let text = format!(
            "\n[[target]]\nid = \"{TARGET}\"\nkind = \"postgres_role\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             user = \"{BROKER}\"\ndatabase = \"{DATABASE}\"\npassword_file = {secret:?}\nroles = [\"{ROLE}\"]\n"
        );
        let path = folder.path().join("target.toml");
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
        Ok(path)
    }

    /// What stands there of logins that a gate made: asked at the server itself, as its administrator.
    ///
    /// # Errors
    /// What the server says.
    pub async fn logins(&self) -> Result<Vec<String>, Failure> {
        let query =
            "SELECT rolname || ', until ' || rolvaliduntil FROM pg_roles WHERE rolname ~ '^gh_';";
        self.lines(query).await
    }

    /// What such logins have open there, also what nobody is logged in for any more.
    ///
    /// # Errors
    /// What the server says.
    pub async fn open(&self) -> Result<Vec<String>, Failure> {
        let query = "SELECT usename || ' ' || state FROM pg_stat_activity WHERE usename ~ '^gh_'
                     UNION ALL SELECT gid FROM pg_prepared_xacts WHERE owner ~ '^gh_';";
        self.lines(query).await
    }

    /// Stops it and removes all of it.
    ///
    /// # Errors
    /// When something is left behind.
    pub async fn put_away(mut self) -> Result<String, Failure> {
        let pid = self.server.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // At once, and its shared memory is given back.
            kill_process(pid, Signal::QUIT).map_err(|error| left(&error.into()))?;
        }
        self.server.wait().await.map_err(|error| left(&error))?;
        remove(self.folder)
    }

    async fn fill(&self) -> Result<(), Failure> {
        let secret = password()?;
        write_secret(&broker_password(self.folder.path()), secret.as_bytes())?;
        let made = format!("CREATE DATABASE {DATABASE};");
        self.ask("postgres", &made).await?;
        let filled = format!(
            "CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
             CREATE TABLE cards (customer text, number text);
             INSERT INTO orders VALUES (6, 'paid'), (7, 'failed'), (8, 'shipped');
             CREATE ROLE {ROLE} NOLOGIN;
             GRANT USAGE ON SCHEMA public TO {ROLE};
             GRANT SELECT ON orders TO {ROLE};
             REVOKE CREATE ON SCHEMA public FROM PUBLIC;
             CREATE ROLE {BROKER} LOGIN CREATEROLE PASSWORD '{secret}';
             GRANT {ROLE} TO {BROKER} WITH ADMIN OPTION;"
        );
        self.ask(DATABASE, &filled).await.map(drop)
    }

    async fn lines(&self, query: &str) -> Result<Vec<String>, Failure> {
        let said = self.ask(DATABASE, query).await?;
        Ok(said.lines().map(str::to_owned).collect())
    }

    async fn ask(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let place = Place {
            host: "127.0.0.1",
            port: &self.port.to_string(),
            database,
            user: ADMIN,
            password: &self.password,
        };
        let mut psql = place.psql(&self.psql());
        psql.args(["-v", "ON_ERROR_STOP=1", "-f", "-"]);
        let mut child = psql.spawn().map_err(|error| missing(&error))?;
        if let Some(mut to) = child.stdin.take() {
            let told = to.write_all(sql.as_bytes()).await;
            told.map_err(|error| Failure::fault(error, "report this"))?;
        }
        let output = child.wait_with_output().await;
        let output = output.map_err(|error| Failure::fault(error, "report this"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::fault(said.trim(), "report this"))
    }
}

/// Where somebody logs in, and as whom.
pub struct Place<'a> {
    /// The server.
    pub host: &'a str,
    /// Its port.
    pub port: &'a str,
    /// The database.
    pub database: &'a str,
    /// Who.
    pub user: &'a str,
    /// Their password.
    pub password: &'a str,
}

impl Place<'_> {
    /// `psql` there. Nothing of the user's own settings is read, and the password is in no argument.
    pub fn psql(&self, program: &Path) -> Command {
        let mut psql = apart(Command::new(program));
        psql.args(["-X", "-A", "-t", "-q", "-w"])
            .args(["-h", self.host, "-p", self.port])
            .args(["-U", self.user, "-d", self.database])
            .current_dir("/")
            .env_clear()
            .env("PGPASSWORD", self.password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        psql
    }
}

/// Who the server runs as: it refuses to be root.
enum User {
    Own,
    Other { uid: u32, gid: u32 },
}

impl User {
    fn find() -> Result<Self, Failure> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let line = users
            .lines()
            .find_map(|line| line.strip_prefix("postgres:"));
        let mut fields = line.into_iter().flat_map(|line| line.split(':')).skip(1);
        let mut number = || fields.next()?.parse().ok();
        match number().zip(number()) {
            Some((uid, gid)) => Ok(Self::Other { uid, gid }),
            None => Err(Failure::usage(
                "PostgreSQL does not run as root, and there is no user `postgres` to run it as",
                INSTALL,
            )),
        }
    }

    fn own(&self, path: &Path) -> Result<(), Failure> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => {
                chown(path, Some(*uid), Some(*gid)).map_err(|error| Failure::file(path, &error))
            }
        }
    }

    /// The program as this user. It ends with the demo, even one that is killed.
    fn command(&self, program: &Path) -> Command {
        let mut command = apart(Command::new("setpriv"));
        command.args(["--pdeathsig", "QUIT"]);
        if let Self::Other { uid, gid } = self {
            command.args([
                &format!("--reuid={uid}"),
                &format!("--regid={gid}"),
                "--clear-groups",
            ]);
        }
        command
            .arg("--")
            .arg(program)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

/// The newest that is installed.
fn programs() -> Result<PathBuf, Failure> {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let numbered = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    let elsewhere = ELSEWHERE.map(|folder| (0, PathBuf::from(folder)));
    let has_all = |folder: &Path| {
        let mut wanted = ["initdb", "postgres", "psql"].iter();
        wanted.all(|program| folder.join(program).exists())
    };
    let found = numbered
        .chain(elsewhere)
        .filter(|(_, folder)| has_all(folder))
        .max_by_key(|(number, _)| *number);
    found.map(|(_, folder)| folder).ok_or_else(|| {
        Failure::usage(
            format!(
                "PostgreSQL is not installed: no `initdb`, `postgres` and `psql` below {VERSIONS}"
            ),
            INSTALL,
        )
    })
}

async fn init(user: &User, programs: &Path, data: &Path, secret: &Path) -> Result<(), Failure> {
    let mut initdb = user.command(&programs.join("initdb"));
    initdb.arg("-D").arg(data).arg("--pwfile").arg(secret);
    initdb.args(["-U", ADMIN, "--auth=scram-sha-256", "--no-sync"]);
    initdb.args(["-E", "UTF8", "--no-locale"]);
    let output = initdb.output().await.map_err(|error| missing(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::fault(
        format!("initdb: {}", said.trim()),
        "make room in the temporary folder, or report this",
    ))
}

/// Starts the server and waits until it takes logins.
async fn served(mut server: Command) -> Result<Child, Failure> {
    let mut child = server.spawn().map_err(|error| missing(&error))?;
    let stderr = child.stderr.take();
    let stderr = stderr.ok_or_else(|| Failure::fault("PostgreSQL has no output", "report this"))?;
    let mut lines = BufReader::new(stderr).lines();
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains(READY) {
            // Read on, so that it never waits for a reader.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(child);
        }
        if said.len() < LINES_MAX {
            said.push(line);
        }
    }
    Err(Failure::fault(
        format!("PostgreSQL did not start: {}", said.join("; ")),
        "run the demo again",
    ))
}

fn broker_password(folder: &Path) -> PathBuf {
    folder.join("broker.password")
}

fn password() -> Result<String, Failure> {
    let random = random();
    let random =
        random.map_err(|error| Failure::fault(error, "check the system's random source"))?;
    Ok(hex(&random))
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
    let address = bound.map_err(|error| Failure::fault(error, "free a port on 127.0.0.1"))?;
    Ok(address.port())
}

fn missing(error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("PostgreSQL could not be started: {error}"),
        format!("{INSTALL}; `setpriv` is in the package util-linux"),
    )
}

fn left(error: &std::io::Error) -> Failure {
    Failure::fault(error, "end the process `postgres` of the demo by hand")
}
