//! The command line from outside: what a wrong or closed input leads to, by exit code and by text.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn gatehold(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .env("GATEHOLD_HOME", home)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const REQUEST: &str = "req_00000000000000000000000000000001";

#[test]
fn a_wrong_input_is_exit_2_and_says_what_to_do_next() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["inbox"][..],
        &["approve", REQUEST],
        &["config", "check"],
        &["doctor"],
        &["serve"],
        &["audit", "verify"],
        &["request", "create", "-f", "nowhere.json"],
        &["init", "finish", "nowhere"],
        &[
            "workload", "enrol", "bot", "--jwk", "nowhere", "--owner", "a@b", "--backup", "c@d",
        ],
    ] {
        let output = gatehold(home.path(), arguments);
        assert_eq!(code(&output), Some(2), "{arguments:?}: {output:?}");
        let errors = errors(&output);
        assert!(
            errors.contains("error: ") && errors.contains("next:  "),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn what_the_parser_refuses_is_exit_2_too() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["nonsense"][..],
        &["approve", "req_1"],
        &["approve", REQUEST, "-y"],
        &["deny", REQUEST],
        &["deny", REQUEST, "--reason", "because"],
        &["narrow", REQUEST, "--cap", "rows"],
    ] {
        assert_eq!(
            code(&gatehold(home.path(), arguments)),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let text = "listen = \"nowhere\"\npublic_url = \"ftp://x\"\n[store]\n[ledger]\nanchors_folder = \"a\"\nkey_file = \"k\"\n\
                colour = \"red\"\n[limits]\nopen_holds_max = 0\n";
    std::fs::write(home.path().join("gatehold.toml"), text).unwrap();
    let errors = errors(&gatehold(home.path(), &["config", "check"]));
    for wanted in [
        "`store`",
        "`ledger.colour`",
        "`limits.open_holds_max`",
        "`listen`",
        "`public_url`",
    ] {
        assert!(errors.contains(wanted), "{wanted} is not in:\n{errors}");
    }
}

#[test]
fn a_broken_bundle_is_exit_6() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("bundle.toml"), "name = 1\n").unwrap();
    for verb in ["lint", "test", "checkpoints"] {
        assert_eq!(
            code(&gatehold(home.path(), &["policy", verb, "."])),
            Some(6),
            "{verb}"
        );
    }
}

#[test]
fn a_forged_receipt_or_dossier_is_exit_7() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("file"), "{}").unwrap();
    let output = gatehold(home.path(), &["audit", "explain", "file"]);
    assert_eq!(code(&output), Some(7), "{output:?}");
    let output = gatehold(home.path(), &["audit", "verify", "--export", "file"]);
    assert_eq!(code(&output), Some(7), "{output:?}");
}

#[test]
fn the_default_pack_is_linted_tested_and_explained() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["policy", "lint"][..],
        &["policy", "test"],
        &["policy", "checkpoints", "-o", "json"],
    ] {
        let output = gatehold(home.path(), arguments);
        assert_eq!(code(&output), Some(0), "{arguments:?}: {output:?}");
    }
    assert_eq!(
        code(&gatehold(
            home.path(),
            &["policy", "explain", "--case", "no such case"]
        )),
        Some(2)
    );
}

#[test]
fn what_lists_also_speaks_to_programs() {
    let home = tempfile::tempdir().unwrap();
    for (verb, member) in [("lint", "findings"), ("test", "cases")] {
        let output = gatehold(home.path(), &["policy", verb, "-o", "json"]);
        assert_eq!(code(&output), Some(0), "{output:?}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer.get(member).unwrap().is_array(), "{answer}");
        let output = gatehold(home.path(), &["policy", verb, "-o", "yaml"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("\"{member}\":")), "{text}");
    }
}

#[test]
fn nothing_is_coloured_where_nobody_sees_it() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["policy", "checkpoints"][..], &["--help"], &["inbox"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(arguments)
            .env("GATEHOLD_HOME", home.path())
            .output()
            .unwrap();
        let all = [output.stdout, output.stderr].concat();
        assert!(!all.contains(&0x1b), "{arguments:?}");
    }
}
