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
        &["status"],
        &["serve"],
        &["executor"],
        &["audit", "verify"],
        &["request", "create", "-f", "nowhere.json"],
        &["init", "finish", "nowhere"],
        &["exec", "pg", "-c", "SELECT 1; BEGIN"],
        &["exec", "ssh", "--request", REQUEST, "--", "shop.example"],
        &[
            "workload", "enrol", "bot", "--jwk", "nowhere", "--owner", "a@b", "--backup", "c@d",
        ],
    ] {
        let output = gatehold(home.path(), arguments);
        assert_eq!(code(&output), Some(2), "{arguments:?}: {output:?}");
        let errors = errors(&output);
        assert!(
            errors.contains("error: ")
                && (errors.contains("next:  ") || errors.contains("try:   ")),
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
        &["exec", "ssh", "--principal", "deploy", "--", "shop.example"],
        &["exec", "psql", "--role", "reader", "--blind", "1h"],
        &["exec", "pg", "--dialect", "oracle"],
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

/// Runs a program at a pseudo-terminal of 150 columns and prints what was on it.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 150, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
screen = b""
try:
    while piece := os.read(terminal, 4096):
        screen += piece
except OSError:
    pass
os.waitpid(child, 0)
sys.stdout.buffer.write(screen)
"#;

fn at_a_terminal(home: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .args(["-c", TERMINAL, env!("CARGO_BIN_EXE_gatehold")])
        .args(arguments)
        .current_dir(home)
        .env("GATEHOLD_HOME", home)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The longest line, colours aside.
fn width(text: &str) -> usize {
    text.lines()
        .map(|line| line.trim_end().chars().count())
        .max()
        .unwrap()
}

#[test]
fn a_table_is_as_wide_as_columns_or_the_terminal_say_or_80() {
    let home = tempfile::tempdir().unwrap();
    let table = ["policy", "checkpoints"];
    let terminal = width(&at_a_terminal(home.path(), &[], &table));
    let said = width(&at_a_terminal(home.path(), &[("COLUMNS", "120")], &table));
    let piped = gatehold(home.path(), &table);
    let piped = width(&String::from_utf8(piped.stdout).unwrap());
    assert!(
        piped < said && said <= 120 && said < terminal && terminal <= 150,
        "{terminal} {said} {piped}"
    );
}

#[test]
fn colour_is_for_terminals_that_take_it() {
    let home = tempfile::tempdir().unwrap();
    let explain = ["policy", "explain", "--case", "read"];
    assert!(at_a_terminal(home.path(), &[], &explain).contains('\u{1b}'));
    for variable in [("TERM", "dumb"), ("NO_COLOR", "1")] {
        let screen = at_a_terminal(home.path(), &[variable], &explain);
        assert!(!screen.contains('\u{1b}'), "{variable:?}: {screen:?}");
    }
}

#[test]
fn completions_name_no_process_of_the_program_itself() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = gatehold(home.path(), &["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("lockdown"), "{shell}");
        assert!(
            !script.contains("demo-agent") && !script.contains("demo__agent"),
            "{shell}"
        );
    }
}

#[test]
fn a_mistake_in_client_toml_is_told_on_one_line() {
    let home = tempfile::tempdir().unwrap();
    let text = "url = \"http://127.0.0.1:1\"\norigin = \"dev.x\"\ncolour = \"red\"\n";
    std::fs::write(home.path().join("client.toml"), text).unwrap();
    let output = gatehold(home.path(), &["inbox"]);
    assert_eq!(code(&output), Some(2));
    let errors = errors(&output);
    assert!(
        errors.contains("client.toml: line 3: unknown field `colour`"),
        "{errors}"
    );
    assert!(!errors.contains("U+000A"), "{errors}");
    assert_eq!(errors.lines().count(), 2, "{errors}");
}
