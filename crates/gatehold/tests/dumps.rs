//! Threat C14 on real processes: whatever ends a gate, no core of it is left, and nobody else's process reads its memory.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod running;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use running::{Machine, Running};

/// A line of a file below `/proc/PID`.
fn line(process: &Running, file: &str, begins: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", process.pid())).unwrap();
    let line = text.lines().find(|line| line.starts_with(begins));
    line.unwrap()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn cannot_be_dumped(process: &Running) {
    let limit = line(process, "limits", "Max core file size");
    assert_eq!(limit, "Max core file size 0 0 bytes");
    // The files about a process that is not dumpable belong to root: nobody else opens its memory or attaches to it.
    let about = std::fs::metadata(format!("/proc/{}/environ", process.pid())).unwrap();
    assert_eq!(about.uid(), 0);
}

#[test]
fn c14_a_gate_leaves_no_core() {
    let machine = Machine::new();
    let mut dev = machine.start(&["dev", "--keep", "mine"]);
    dev.says("End with Ctrl-C");
    cannot_be_dumped(&dev);
    assert_eq!(dev.ends_by("TERM").0, Some(143));

    let mut serve = machine.start(&["serve", "--config", "mine/gatehold.toml"]);
    serve.says("gatehold serves");
    cannot_be_dumped(&serve);
    let ended = serve.crashes();
    assert!(!ended, "a core was made");
    assert!(!Path::new(&machine.path("core")).exists());
}
