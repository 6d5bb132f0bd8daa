//! The main job through real processes, as a newcomer sees it: `gatehold demo` asserts each of its own steps, so here it
//! only has to end well.

use std::process::{Command, Stdio};

#[test]
fn every_step_of_the_demo_happens() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["demo", "--auto"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}\n{errors}");
    for wanted in [
        "40 of 40 allowed",
        "deployment 991 failed  1 row read\n",
        "holds no credential  1 row changed\n",
        "order 7 is still `failed`",
        "order 7 is `retry`",
        "Ledger verified",
        "altered, and found",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    assert!(!text.contains("\"columns\""), "{text}");
    assert_eq!(text.matches("REFUSED").count(), 9, "{text}");
    // The next command works as this one did, whether or not the program is in the path.
    let next = format!("\nNext: {} dev ", env!("CARGO_BIN_EXE_gatehold"));
    assert!(text.contains(&next), "{next} is not in:\n{text}");
}
