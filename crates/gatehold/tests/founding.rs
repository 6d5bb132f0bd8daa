//! Founding a gate whose people could not change it: `init` says so while others can still be named, `doctor` afterwards.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Stdio};

/// A folder in which keys are made and commands run.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with_keys(people: &[&str]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in people {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(desk.path().join(name))
                .status();
            assert!(made.unwrap().success());
        }
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn done(&self, arguments: &[&str]) -> String {
        self.ends(0, arguments)
    }

    /// Runs it to its end with this exit code; gives what it says.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        self.both(code, arguments).0
    }

    /// The same, and what it says on standard error.
    fn both(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(arguments)
            .current_dir(self.path())
            .env("GATEHOLD_HOME", self.path().join("home"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:?}"
        );
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// Founds a gate of these people, and gives what `new`, `finish` and `doctor`, which ends so, say.
    fn founded(&self, people: &[&str], more: &[&str], doctor: i32) -> [String; 3] {
        let named: Vec<String> = people
            .iter()
            .map(|name| format!("{name}@acme={name}.pub"))
            .collect();
        let mut new = vec!["init", "new", "gate", "--origin", "dev.acme.example"];
        new.extend(named.iter().flat_map(|one| ["--human", one.as_str()]));
        new.extend(more);
        let new = self.done(&new);
        for key in people {
            self.done(&["init", "sign", "gate", "--key", key]);
        }
        let finish = self.done(&["init", "finish", "gate"]);
        let doctor = self.ends(doctor, &["doctor", "--config", "gate/gatehold.toml"]);
        [new, finish, doctor]
    }
}

const ALL: &str = "bundle.activate, human.enrol, team.set, config.change, glass.enrol, record.erase: at gate-change (owners, reviewers, security) it takes 2 \
                   people besides whoever asks, with keys that count as 2 `software`; there are 1";

#[test]
fn two_people_are_told_that_they_can_decide_nothing() {
    let people = ["ann", "bob"];
    let desk = Desk::with_keys(&people);
    let [new, finish, doctor] = desk.founded(&people, &[], 1);
    for said in [&new, &finish] {
        let warning = format!("WARNING: nobody could ever decide {ALL}\n");
        assert!(said.contains(&warning), "{said}");
        assert!(said.contains("  try: gatehold init new"), "{said}");
    }
    let bad = format!("BAD nobody could ever decide {ALL}. Nothing in it can be changed any more");
    assert!(doctor.contains(&bad), "{doctor}");
}

#[test]
fn a_team_that_is_too_small_is_told_by_the_teams_it_takes() {
    let people = ["ann", "bob", "cem", "dan"];
    let desk = Desk::with_keys(&people);
    let teams = ["--team", "owners=ann@acme,bob@acme"];
    let [new, _, doctor] = desk.founded(&people, &teams, 0);
    // Whoever asks need not be of the team, so two deciders are enough, and it is said nowhere that they are not.
    assert!(!new.contains("WARNING"), "{new}");
    assert!(
        doctor.contains("ok  every change of the gate could be decided by its people"),
        "{doctor}"
    );
    let desk = Desk::with_keys(&people);
    let [new, _, doctor] = desk.founded(&people, &["--team", "owners=ann@acme"], 1);
    assert!(new.contains("there are 1\n"), "{new}");
    assert!(doctor.contains("BAD nobody could ever decide"), "{doctor}");
}

#[test]
fn ssh_keygen_is_heard_only_when_it_does_not_sign() {
    let desk = Desk::with_keys(&["ann", "bob", "cem"]);
    let mut new = vec!["init", "new", "gate", "--origin", "dev.acme.example"];
    new.extend(["--human", "ann@acme=ann.pub", "--human", "bob@acme=bob.pub"]);
    new.extend(["--human", "cem@acme=cem.pub"]);
    desk.done(&new);
    let sign = ["init", "sign", "gate", "--key", "ann"];
    assert_eq!(desk.both(0, &sign).1, "");
    std::fs::remove_file(desk.path().join("bob")).unwrap();
    let (_, said) = desk.both(1, &["init", "sign", "gate", "--key", "bob"]);
    let [its_own, ours] = ["private key", "`ssh-keygen -Y sign -f bob` did not sign"];
    assert!(said.contains(its_own) && said.contains(ours), "{said}");
}

#[test]
fn three_people_of_a_development_gate_are_enough() {
    let people = ["ann", "bob", "cem"];
    let desk = Desk::with_keys(&people);
    let [new, finish, doctor] = desk.founded(&people, &[], 0);
    for said in [new, finish, doctor] {
        assert!(
            !said.contains("WARNING") && !said.contains("nobody could ever"),
            "{said}"
        );
    }
}
