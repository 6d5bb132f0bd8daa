//! What a signal ends leaves nothing behind: real processes, real signals, each sent when a line was printed. A folder with
//! private keys is gone, no child lives, one line says so, and the exit code is that of the signal.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod running;

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use running::{Machine, Running};

const SIGNALS: [(&str, i32); 3] = [("HUP", 129), ("INT", 130), ("TERM", 143)];

/// It ends in order, and nothing is left of it.
fn leaves_nothing(machine: &Machine, mut running: Running, (signal, code): (&str, i32)) {
    let (exit, errors) = running.ends_by(signal);
    assert_eq!(exit, Some(code), "{errors}");
    assert!(errors.contains(" is removed"), "{errors}");
    assert_eq!(errors.trim().lines().count(), 1, "{errors}");
    assert_eq!(machine.temporary(), 0);
    assert!(!machine.path("gatehold/dev-home").exists());
}

#[test]
fn dev_removes_its_folder_whatever_ends_it() {
    for signal in SIGNALS {
        let machine = Machine::new();
        let mut dev = machine.start(&["dev"]);
        dev.says("End with Ctrl-C");
        assert_eq!(machine.temporary(), 1);
        leaves_nothing(&machine, dev, signal);
    }
}

#[test]
fn dev_keeps_what_is_to_be_kept_and_its_log_is_plain_in_a_file() {
    let machine = Machine::new();
    let mut dev = machine.start_with(&[("GATEHOLD_LOG", "trace")], &["dev", "--keep", "mine"]);
    dev.says("End with Ctrl-C");
    let (exit, errors) = dev.ends_by("INT");
    assert!(errors.contains("TRACE"), "{errors}");
    assert!(!errors.contains('\u{1b}'), "{errors}");
    assert_eq!(exit, Some(130));
    assert!(errors.contains("mine is kept"), "{errors}");
    assert!(machine.path("mine/root.json").exists());
}

#[test]
fn the_demo_stops_its_gate_and_agents_whatever_ends_it() {
    for signal in SIGNALS {
        let machine = Machine::new();
        let mut demo = machine.start(&["demo", "--auto"]);
        demo.says("an agent process with its own key");
        let children = demo.children();
        assert_eq!(children.len(), 3, "a gate and two agents");
        assert_eq!(machine.temporary(), 1);
        leaves_nothing(&machine, demo, signal);
        for pid in children {
            assert!(!Path::new("/proc").join(&pid).exists(), "{pid} lives");
        }
    }
}

#[test]
fn the_demo_waits_for_a_browser_until_a_signal_or_its_time_is_over() {
    let machine = Machine::new();
    let mut demo = machine.start(&["demo", "--browser"]);
    demo.says("YOUR TURN, in the browser: http://localhost:");
    leaves_nothing(&machine, demo, ("INT", 130));

    let output = machine.run(&["demo", "--browser", "--timeout", "1s"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{errors}");
    let told = "nobody decided in the browser within 1 s, so nothing was let out";
    assert!(errors.contains(told), "{errors}");
    assert_eq!(machine.temporary(), 0);
}

#[test]
fn the_demo_stops_before_its_gate_is_ready() {
    let machine = Machine::new();
    let mut demo = machine.start(&["demo", "--auto"]);
    demo.says("GATEHOLD DEMO");
    leaves_nothing(&machine, demo, ("TERM", 143));
}

#[test]
fn a_gate_outlives_no_demo_that_is_killed() {
    let machine = Machine::new();
    let mut demo = machine.start(&["demo", "--auto"]);
    demo.says("an agent process with its own key");
    let children = demo.children();
    let children = children.iter().map(|pid| {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        pidfd_open(pid, PidfdFlags::empty()).unwrap()
    });
    let children: Vec<_> = children.collect();
    let (exit, _) = demo.ends_by("KILL");
    assert_eq!(exit, None, "a killed process has no code");
    // One that does not end is waited for until the runner of the tests gives up.
    for child in &children {
        poll(&mut [PollFd::new(child, PollFlags::IN)], None).unwrap();
    }
    assert!(machine.gates().is_empty(), "its keys are gone");
}

/// The demo's gate, whose demo is gone before it could be ready: nobody writes to it, nobody reads.
fn abandoned_at_once(folder: &Path) {
    let mut dev = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["dev", "--quiet", "--until-eof", "--keep"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop((dev.stdin.take(), dev.stdout.take()));
    assert_eq!(dev.wait().unwrap().code(), Some(129));
}

#[test]
fn a_gate_whose_demo_is_gone_takes_only_its_own_folder_along() {
    let machine = Machine::new();
    let (its, theirs) = (machine.path("its"), machine.path("theirs"));
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("letter"), "to be kept").unwrap();
    for folder in [&its, &theirs] {
        abandoned_at_once(folder);
    }
    assert!(!its.exists(), "its keys are gone");
    assert_eq!(machine.text("theirs/letter"), "to be kept");
}

#[test]
fn what_the_caller_ignores_stays_ignored() {
    let machine = Machine::new();
    let script = "trap '' HUP; exec \"$0\" dev --quiet --keep \"$1\"";
    let mut dev = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_gatehold")])
        .arg(machine.path("mine"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 6];
    std::io::Read::read_exact(dev.stdout.as_mut().unwrap(), &mut said).unwrap();
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
        let machine = Machine::new();
        let output = Command::new("python3")
            .args(["-c", PERSON, how, env!("CARGO_BIN_EXE_gatehold"), "demo"])
            .env("TMPDIR", machine.path("tmp"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{how}: {output:?}");
        assert_eq!(machine.temporary(), 0, "{how}");
    }
}
