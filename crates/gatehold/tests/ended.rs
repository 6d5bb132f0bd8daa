//! What a signal ends leaves nothing behind: real processes, real signals, each sent when a line was printed. A folder with
//! private keys is gone, no child lives, one line says so, and the exit code is that of the signal.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::read_dir;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const SIGNALS: [(&str, i32); 3] = [("HUP", 129), ("INT", 130), ("TERM", 143)];

/// A running program whose temporary folders are in one of ours.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

/// What it said at its end.
struct Ended {
    code: Option<i32>,
    errors: String,
    folder: tempfile::TempDir,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        // Whatever the runner of the tests ignores is not ignored here.
        let mut child = Command::new("env")
            .arg("--default-signal")
            .arg(env!("CARGO_BIN_EXE_gatehold"))
            .args(arguments)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path().join("tmp"))
            .env("XDG_CONFIG_HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, folder }
    }

    /// Reads until this is printed.
    fn says(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "never {text}");
        }
    }

    /// The processes it has started, and what is in its temporary folder.
    fn children(&self) -> Vec<String> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let of = |task: PathBuf| std::fs::read_to_string(task.join("children")).unwrap();
        let lists = read_dir(tasks)
            .unwrap()
            .map(|task| of(task.unwrap().path()));
        let lists: Vec<String> = lists.collect();
        let pids = lists.iter().flat_map(|list| list.split_whitespace());
        pids.map(str::to_owned).collect()
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    fn ends_by(mut self, signal: &str) -> Ended {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Ended {
            code: output.status.code(),
            errors: String::from_utf8(output.stderr).unwrap(),
            folder: self.folder,
        }
    }
}

impl Ended {
    /// In order, and nothing is left of it.
    fn leaves_nothing(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}", self.errors);
        assert!(self.errors.contains(" is removed"), "{}", self.errors);
        assert_eq!(self.errors.trim().lines().count(), 1, "{}", self.errors);
        assert_eq!(entries(&self.folder.path().join("tmp")), 0);
        assert!(!self.folder.path().join("gatehold/dev-home").exists());
    }
}

fn entries(folder: &Path) -> usize {
    read_dir(folder).unwrap().count()
}

#[test]
fn dev_removes_its_folder_whatever_ends_it() {
    for (signal, code) in SIGNALS {
        let mut dev = Running::start(&["dev"]);
        dev.says("End with Ctrl-C");
        assert_eq!(entries(&dev.temporary()), 1);
        dev.ends_by(signal).leaves_nothing(code);
    }
}

#[test]
fn dev_keeps_what_is_to_be_kept() {
    let mut dev = Running::start(&["dev", "--keep", "mine"]);
    dev.says("End with Ctrl-C");
    let ended = dev.ends_by("INT");
    assert_eq!(ended.code, Some(130));
    assert!(ended.errors.contains("mine is kept"), "{}", ended.errors);
    assert!(ended.folder.path().join("mine/root.json").exists());
}

#[test]
fn the_demo_stops_its_gate_and_agents_whatever_ends_it() {
    for (signal, code) in SIGNALS {
        let mut demo = Running::start(&["demo", "--auto"]);
        demo.says("an agent process with its own key");
        let children = demo.children();
        assert_eq!(children.len(), 3, "a gate and two agents");
        assert_eq!(entries(&demo.temporary()), 1);
        demo.ends_by(signal).leaves_nothing(code);
        for pid in children {
            assert!(!Path::new("/proc").join(&pid).exists(), "{pid} lives");
        }
    }
}

#[test]
fn the_demo_stops_before_its_gate_is_ready() {
    let mut demo = Running::start(&["demo", "--auto"]);
    demo.says("GATEHOLD DEMO");
    demo.ends_by("TERM").leaves_nothing(143);
}

#[test]
fn what_the_caller_ignores_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' HUP; exec \"$0\" dev";
    let mut dev = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_gatehold")])
        .env("TMPDIR", folder.path())
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = BufReader::new(dev.stdout.take().unwrap()).lines();
    running.find(|line| line.as_ref().unwrap().starts_with("End with Ctrl-C"));
    let pid = dev.id().to_string();
    for signal in ["HUP", "TERM"] {
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }
    assert_eq!(dev.wait().unwrap().code(), Some(143), "not the hang-up");
}

/// Plays the demo at a pseudo-terminal up to its first question; there presses Ctrl-C, or is gone.
const PERSON: &str = r#"
import os, pty, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
screen = b""
while not screen.endswith(b"> "):
    screen += os.read(terminal, 4096)
if sys.argv[1] == "gone":
    os.close(terminal)
else:
    os.write(terminal, b"\x03")
    try:
        while piece := os.read(terminal, 4096):
            screen += piece
    except OSError:
        pass
print(screen.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[test]
fn a_person_who_leaves_the_demo_leaves_nothing() {
    for (how, code) in [("ctrl-c", 130), ("gone", 129)] {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("python3")
            .args(["-c", PERSON, how, env!("CARGO_BIN_EXE_gatehold"), "demo"])
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{how}: {output:?}");
        assert_eq!(entries(folder.path()), 0, "{how}");
    }
}
