//! Commands that go on until a signal ends them, at a machine of their own: folders for what is temporary, for the user's
//! configuration, and to work in.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "several tests share it; not every one of them needs all of it"
)]

use std::fs::read_dir;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::JoinHandle;

/// Runs the rest where a core would be made of whatever crashes.
const CORES: &str = "ulimit -c unlimited || exit; exec \"$0\" \"$@\"";

/// The folders.
pub struct Machine(tempfile::TempDir);

impl Machine {
    pub fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(machine.path("tmp")).unwrap();
        std::fs::create_dir(machine.path("gatehold")).unwrap();
        machine
    }

    /// A file or folder of it; `gatehold` holds the user's configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// How many temporary folders there are.
    pub fn temporary(&self) -> usize {
        read_dir(self.path("tmp")).unwrap().count()
    }

    /// Folders of gates in temporary folders.
    pub fn gates(&self) -> Vec<PathBuf> {
        let folders = read_dir(self.path("tmp")).unwrap();
        let gates = folders.map(|folder| folder.unwrap().path().join("gate"));
        gates.filter(|gate| gate.exists()).collect()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_CONFIG_HOME", self.0.path())
            .env_remove("GATEHOLD_HOME")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_gatehold"));
        command.args(arguments).output().unwrap()
    }

    /// Starts one that goes on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(&[], arguments)
    }

    /// The same with variables of the environment.
    pub fn start_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Running {
        // Whatever the runner of the tests ignores is not ignored here.
        let mut child = self
            .command("sh")
            .args(["-c", CORES, "env"])
            .arg("--default-signal")
            .arg(env!("CARGO_BIN_EXE_gatehold"))
            .args(arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        // Read as it comes: a long log waits for nobody.
        let errors = std::thread::spawn(move || {
            let mut errors = String::new();
            stderr.read_to_string(&mut errors).unwrap();
            errors
        });
        Running {
            child,
            out,
            errors: Some(errors),
        }
    }
}

/// A command that goes on.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    errors: Option<JoinHandle<String>>,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads until this is printed; gives what was read.
    pub fn says(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            assert_ne!(self.out.read_line(&mut read).unwrap(), 0, "{read}");
        }
        read
    }

    /// The processes it has started.
    pub fn children(&self) -> Vec<String> {
        let tasks = read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let of = |task: PathBuf| std::fs::read_to_string(task.join("children")).unwrap();
        let lists: Vec<String> = tasks.map(|task| of(task.unwrap().path())).collect();
        let pids = lists.iter().flat_map(|list| list.split_whitespace());
        pids.map(str::to_owned).collect()
    }

    /// Sends a signal and waits for the end; gives exit code and standard error.
    pub fn ends_by(&mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
        let errors = self.errors.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code(), errors)
    }
}

impl Running {
    /// Ends it as a fault would; gives whether the system made a core of it.
    pub fn crashes(&mut self) -> bool {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", "ABRT", &pid]).status();
        assert!(sent.unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.signal().is_some(), "{status}");
        status.core_dumped()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
