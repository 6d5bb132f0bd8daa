//! A PostgreSQL server for one test: its own cluster, on a socket in its own folder, gone with the test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::sql::postgres::{Login, Parts, PostgresTarget, Where};
use crate::testing::CANARY;

/// A running server; its superuser is `gate`, the password is the canary.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT: at once, with all its children. The process is ours: setpriv replaces itself by postgres.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Makes a cluster and waits until it accepts connections.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, CANARY).unwrap();
        let owner = owner(folder.path());
        for path in [folder.path(), &password] {
            if let Some(owner) = owner {
                chown(path, Some(owner), None).unwrap();
            }
        }
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        let data = folder.path().join("data");
        let made = command(owner, "initdb")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=gate", "--auth=scram-sha-256", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--no-instructions"])
            .arg(format!("--pwfile={}", password.display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut server = command(owner, "postgres");
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in ["listen_addresses=", "fsync=off", "port=5432"]
            .iter()
            .chain(settings)
        {
            server.args(["-c", setting]);
        }
        let mut process = server
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until_ready(&mut process);
        Self { folder, process }
    }

    /// The folder of its socket.
    pub(crate) fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// As a target with short limits.
    pub(crate) fn target(&self) -> PostgresTarget {
        target(Where::Socket(self.folder.path().to_owned()), 5432)
    }

    /// Runs statements as the superuser, past everything that is tested.
    pub(crate) async fn admin(&self, sql: &str) -> Vec<Vec<String>> {
        let path = self.folder.path().join(".s.PGSQL.5432");
        let stream = tokio::net::UnixStream::connect(path).await.unwrap();
        let mut config = tokio_postgres::Config::new();
        config.user("gate").password(CANARY).dbname("postgres");
        let (client, connection) = config
            .connect_raw(stream, tokio_postgres::NoTls)
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        let messages = client.simple_query(sql).await.unwrap();
        driver.abort();
        messages
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|index| row.get(index).unwrap_or("NULL").to_owned())
                        .collect(),
                ),
                _ => None,
            })
            .collect()
    }
}

/// A target with the canary as its password.
pub(crate) fn target(host: Where, port: u16) -> PostgresTarget {
    let password = crate::secret::Secret::new(CANARY.as_bytes().to_vec()).unwrap();
    PostgresTarget {
        login: Login::Parts(Parts {
            host,
            port,
            user: "gate".to_owned(),
            database: "postgres".to_owned(),
            password: Some(crate::secret::Source::Captured(password)),
        }),
        tls: None,
        plaintext: false,
        connect_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        bytes_max: 1 << 20,
    }
}

/// PostgreSQL refuses to run as root: then it runs as the user its package made.
fn owner(folder: &Path) -> Option<u32> {
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let id = Command::new("id")
        .args(["-u", "postgres"])
        .output()
        .unwrap();
    let id = String::from_utf8(id.stdout).unwrap();
    Some(
        id.trim()
            .parse()
            .expect("install PostgreSQL: it brings a user `postgres`"),
    )
}

fn command(owner: Option<u32>, program: &str) -> Command {
    let program = programs().join(program);
    let Some(owner) = owner else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={owner}"))
        .args(["--clear-groups", "--"])
        .arg(program);
    command
}

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found
        .pop()
        .expect("install PostgreSQL: its programs are under /usr/lib/postgresql")
}

fn wait_until_ready(process: &mut Child) {
    let log = BufReader::new(process.stderr.take().unwrap());
    let (ready, wait) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        for line in log.lines() {
            let Ok(line) = line else { break };
            if line.contains("database system is ready to accept connections") {
                let _ = ready.send(Ok(()));
            }
            seen.push(line);
        }
        let _ = ready.send(Err(seen.join("\n")));
    });
    wait.recv()
        .unwrap()
        .unwrap_or_else(|log| panic!("PostgreSQL did not start:\n{log}"));
}
