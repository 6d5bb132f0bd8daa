//! A server of the system, for one test: a process of its own that dies with it, its log, a port that nobody else draws.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The user that the Debian package `postgresql` makes.
const PACKAGE: &str = "postgres";
/// How much of a log is kept.
const LOG_BYTES_MAX: usize = 8 << 20;
/// How long a line of the log is waited for.
const LOG_WAIT: Duration = Duration::from_secs(60);

/// A server that runs.
pub(crate) struct Running {
    process: u32,
    ended: JoinHandle<()>,
}

impl Running {
    /// Starts it, and waits until it says that it is ready; or everything that it said.
    pub(crate) fn start(
        server: Command,
        ready: &'static str,
        log: &Arc<Log>,
    ) -> Result<Self, String> {
        let (told, started) = sync_channel(1);
        let log = log.clone();
        let thread = std::thread::Builder::new().name("server".to_owned());
        let ended = thread
            .spawn(move || drive(server, ready, &told, &log))
            .expect("a thread");
        let process = started
            .recv()
            .unwrap_or_else(|_| Err("it said nothing".to_owned()))?;
        Ok(Self { process, ended })
    }

    /// Stops it at once.
    pub(crate) fn stop(self) {
        let _ = Command::new("kill")
            .args(["-QUIT", &self.process.to_string()])
            .status();
        let _ = self.ended.join();
    }
}

/// What a server wrote.
#[derive(Default)]
pub(crate) struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    pub(crate) fn add(&self, line: &str) {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() < LOG_BYTES_MAX {
            text.push_str(line);
            text.push('\n');
        }
        self.grown.notify_all();
    }

    /// All of it, once this text is in it.
    pub(crate) fn until(&self, wanted: &str) -> String {
        let log = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .grown
            .wait_timeout_while(log, LOG_WAIT, |log| !log.contains(wanted));
        let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(log.contains(wanted), "the log never held {wanted}:\n{log}");
        log.clone()
    }
}

/// Owns the server's process until it ends. The server dies with the thread that started it, so this one stays.
fn drive(mut server: Command, ready: &str, told: &SyncSender<Result<u32, String>>, log: &Log) {
    let spawned = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let _ = told.send(Err(format!("setpriv (package util-linux): {error}")));
            return;
        }
    };
    let lines = child
        .stderr
        .take()
        .map(|stderr| BufReader::new(stderr).lines());
    for line in lines.into_iter().flatten().map_while(Result::ok) {
        log.add(&line);
        if line.contains(ready) {
            let _ = told.try_send(Ok(child.id()));
        }
    }
    let _ = child.wait();
    let text = log.text.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = told.try_send(Err(text.clone()));
}

/// As whom a server runs. PostgreSQL refuses to run as root, and a server of SSH that is root could log in anybody; then they run as
/// the user of PostgreSQL's package, who has a shell and a home.
pub(crate) enum User {
    Own,
    Package { uid: u32, gid: u32 },
}

impl User {
    pub(crate) fn find() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let root = status.lines().any(|line| line.starts_with("Uid:\t0\t0\t"));
        if !root {
            return Self::Own;
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut lines = users.lines();
        let line = lines.find(|line| line.split(':').next() == Some(PACKAGE));
        let mut fields = line.into_iter().flat_map(|line| line.split(':')).skip(2);
        let mut number = || fields.next()?.parse().ok();
        match number().zip(number()) {
            Some((uid, gid)) => Self::Package { uid, gid },
            None => panic!(
                "there is no user postgres to run a server as; install the Debian package `postgresql`"
            ),
        }
    }

    /// What the system calls it.
    pub(crate) fn name(&self) -> String {
        if let Self::Package { .. } = self {
            return PACKAGE.to_owned();
        }
        let said = Command::new("id").arg("-un").output();
        let said = said.expect("id, of package coreutils").stdout;
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    pub(crate) fn own(&self, path: &Path) {
        if let Self::Package { uid, gid } = self {
            chown(path, Some(*uid), Some(*gid)).expect("to give a file away as root");
        }
    }

    /// The program under this user; it dies with the thread that started it.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
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

/// Outside the range from which the system draws ports for outgoing connections, so that none is taken meanwhile; and
/// apart for each process, so that servers of tests that run side by side do not meet.
pub(crate) fn free_port() -> u16 {
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
