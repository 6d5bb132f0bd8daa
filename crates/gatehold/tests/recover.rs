//! Founding with offline keys, losing the quorum and getting it back, with the program's own commands and real SSH keys;
//! and what is said about it wherever the ledger is shown afterwards.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A folder with keys and gates; commands run in it.
struct Desk(tempfile::TempDir);

impl Desk {
    /// Keys for everybody, and a founded gate in `gate`.
    fn founded() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in ["ann", "bob", "cem", "eve", "vault-1", "vault-2", "vault-3"] {
            let key = desk.path().join(name);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(key)
                .status();
            assert!(made.unwrap().success());
        }
        let mut arguments = vec!["init", "new", "gate", "--origin", "dev.acme.example"];
        let people = ["ann", "bob", "cem"].map(|name| format!("{name}@acme={name}.pub"));
        arguments.extend(people.iter().flat_map(|one| ["--human", one.as_str()]));
        let offline = ["vault-1.pub", "vault-2.pub", "vault-3.pub"];
        arguments.extend(offline.iter().flat_map(|one| ["--recovery-key", *one]));
        desk.done(&arguments);
        for key in ["ann", "bob", "cem", "vault-1", "vault-2", "vault-3"] {
            desk.done(&["init", "sign", "gate", "--key", key]);
        }
        desk.done(&["init", "finish", "gate"]);
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(arguments)
            .current_dir(self.path())
            .env("GATEHOLD_HOME", self.path().join("home"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(7), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn drawn_up(&self, folder: &str) {
        self.done(&[
            "recover",
            "new",
            folder,
            "--config",
            "gate/gatehold.toml",
            "--human",
            "eve@acme=eve.pub",
            "--team",
            "owners=bob@acme,eve@acme",
            "--team",
            "reviewers=bob@acme,cem@acme,eve@acme",
        ]);
    }

    fn finish(folder: &str) -> [&str; 5] {
        [
            "recover",
            "finish",
            folder,
            "--config",
            "gate/gatehold.toml",
        ]
    }
}

#[test]
fn a_lost_quorum_comes_back_with_offline_keys_and_is_said_aloud_for_ever() {
    let desk = Desk::founded();
    let before = desk.done(&["doctor", "--config", "gate/gatehold.toml"]);
    assert!(!before.contains("QUORUM LOST"), "{before}");
    desk.drawn_up("back");
    // One offline key is not enough, and the new key must be there.
    desk.done(&["recover", "sign", "back", "--key", "vault-1"]);
    assert!(desk.refused(&Desk::finish("back")).contains("2 are needed"));
    desk.done(&["recover", "sign", "back", "--key", "vault-3"]);
    assert!(
        desk.refused(&Desk::finish("back"))
            .contains("has not signed")
    );
    desk.done(&["recover", "sign", "back", "--key", "eve"]);
    let restored = desk.done(&Desk::finish("back"));
    assert!(
        restored.contains("QUORUM LOST") && restored.contains("leaf  1"),
        "{restored}"
    );
    // Once.
    let again = desk.refused(&Desk::finish("back"));
    assert!(again.contains("draw it up anew"), "{again}");
    for arguments in [
        &["doctor", "--config", "gate/gatehold.toml"][..],
        &["audit", "verify", "--config", "gate/gatehold.toml"],
    ] {
        let said = desk.done(arguments);
        assert!(
            said.contains("QUORUM LOST at leaf 1"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn people_cannot_stand_in_for_offline_keys() {
    let desk = Desk::founded();
    desk.drawn_up("back");
    for key in ["ann", "bob", "cem", "eve"] {
        desk.done(&["recover", "sign", "back", "--key", key]);
    }
    let refused = desk.refused(&Desk::finish("back"));
    assert!(refused.contains("0 of 3 signed"), "{refused}");
}

#[test]
fn an_attestation_that_holds_for_no_key_is_refused_before_anything_is_written() {
    let desk = Desk::founded();
    desk.done(&[
        "human",
        "challenge",
        "ann@acme",
        "--origin",
        "gate.acme.example",
        "--out",
        "challenge",
    ]);
    assert_eq!(
        std::fs::read(desk.path().join("challenge")).unwrap().len(),
        32
    );
    let mut arguments = vec!["init", "new", "other", "--origin", "gate.acme.example"];
    arguments.extend(["--human", "ann@acme=ann.pub", "--human", "bob@acme=bob.pub"]);
    let mut attested = arguments.clone();
    attested.extend(["--attestation", "ann@acme=challenge"]);
    let refused = desk.refused(&attested);
    assert!(refused.contains("gatehold human challenge"), "{refused}");
    arguments.extend(["--assurance", "verified"]);
    let output = desk.run(&arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("can count as `software` at most"), "{said}");
    let without = &arguments[..arguments.len() - 2];
    let output = desk.run(without);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("such keys approve nothing"), "{said}");
    assert!(!desk.path().join("other/root.json").exists());
}
