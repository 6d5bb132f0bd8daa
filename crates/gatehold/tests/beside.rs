//! Several development gates of one user, and a client of the user's own beside them: none takes, rewrites or removes what belongs
//! to another, and a command says whom it speaks to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod running;

use std::process::Output;

use running::{Machine, Running};

const POINTER: &str = "gatehold/dev-home";

fn dev(machine: &Machine, arguments: &[&str]) -> (Running, String) {
    let mut dev = machine.start(&[&["dev"], arguments].concat());
    let said = dev.says("End with Ctrl-C");
    (dev, said)
}

/// The value of a line of the welcome.
fn told(welcome: &str, name: &str) -> String {
    let line = welcome.lines().find(|line| line.trim().starts_with(name));
    line.unwrap().split_whitespace().last().unwrap().to_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_second_dev_touches_nothing_of_a_folder_that_is_served() {
    let machine = Machine::new();
    let (first, welcome) = dev(&machine, &["--keep", "mine"]);
    let url = told(&welcome, "service");
    let port = url.rsplit(':').next().unwrap();
    let files = || {
        let names = [
            "mine/client.toml",
            "mine/gatehold.toml",
            "mine/dev.lock",
            POINTER,
        ];
        names.map(|name| machine.text(name))
    };
    let before = files();
    for second in [
        &["dev", "--keep", "mine"][..],
        &["dev", "--keep", "mine", "--port", port],
        &["dev", "--keep", "yours", "--port", port],
        &["dev", "--port", port],
    ] {
        let output = machine.run(second);
        assert_eq!(output.status.code(), Some(2), "{second:?}: {output:?}");
        let errors = errors(&output);
        for wanted in [&url, &format!("kill {}", first.pid())] {
            assert!(errors.contains(wanted), "{second:?}: {wanted}: {errors}");
        }
        assert_eq!(files(), before, "{second:?}");
    }
    assert!(!machine.path("yours").exists());
    assert_eq!(machine.temporary(), 0);
    let output = machine.run(&["inbox", "--as", "reviewer"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_second_temporary_dev_lets_the_first_keep_its_pointer() {
    let machine = Machine::new();
    let (mut first, _) = dev(&machine, &[]);
    let pointer = machine.text(POINTER);
    let (mut second, welcome) = dev(&machine, &[]);
    let pid = format!("process {}", first.pid());
    assert!(welcome.contains("Another gatehold dev runs"), "{welcome}");
    assert!(welcome.contains(&pid), "{welcome}");
    let home = told(&welcome, "folder");
    assert!(
        welcome.contains(&format!("export GATEHOLD_HOME={home}\n")),
        "{welcome}"
    );
    let output = machine.run(&["inbox", "--as", "reviewer", "--home", &home]);
    assert!(output.status.success(), "{output:?}");
    second.ends_by("TERM");
    assert_eq!(machine.text(POINTER), pointer);
    let output = machine.run(&["inbox", "--as", "reviewer"]);
    assert!(output.status.success(), "{output:?}");

    // One that was killed is pointed to by nobody, and the next takes over.
    first.ends_by("KILL");
    let output = machine.run(&["inbox", "--as", "reviewer"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        errors(&output).contains("start `gatehold dev`"),
        "{output:?}"
    );
    let (_third, welcome) = dev(&machine, &[]);
    assert!(!welcome.contains("Another"), "{welcome}");
    assert_eq!(machine.text(POINTER).trim(), told(&welcome, "folder"));
}

#[test]
fn whose_client_toml_it_is_is_said_once_where_a_dev_runs_too() {
    let machine = Machine::new();
    let (_first, welcome) = dev(&machine, &[]);
    let home = told(&welcome, "folder");
    let quiet = machine.run(&["inbox", "--as", "reviewer", "-o", "json"]);
    assert_eq!(errors(&quiet), "");

    // The user's own gate is the second one.
    let (_second, welcome) = dev(&machine, &["--keep", "mine"]);
    let own = machine.text("mine/client.toml");
    let people = format!("seed_file = \"{}/people", machine.path("mine").display());
    let own = own.replace("seed_file = \"people", &people);
    std::fs::write(machine.path("gatehold/client.toml"), own).unwrap();
    let output = machine.run(&["inbox", "--as", "reviewer", "-o", "json"]);
    assert!(output.status.success(), "{output:?}");
    assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok());
    let note = errors(&output);
    assert_eq!(note.lines().count(), 1, "{note}");
    for wanted in [&told(&welcome, "service"), &home] {
        assert!(note.contains(wanted), "{wanted}: {note}");
    }
    let given = machine.run(&["inbox", "--as", "reviewer", "--home", &home]);
    assert_eq!(errors(&given), "");
}

#[test]
fn a_running_dev_is_looked_at_without_naming_its_file() {
    let machine = Machine::new();
    for command in [&["doctor"][..], &["config", "check"], &["audit", "verify"]] {
        let output = machine.run(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {output:?}");
    }
    let (_dev, welcome) = dev(&machine, &[]);
    let file = told(&welcome, "folder") + "/gatehold.toml";
    for command in [&["doctor"][..], &["config", "check"]] {
        let output = machine.run(command);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&file), "{command:?}: {text}");
    }
    assert!(machine.run(&["audit", "verify"]).status.success());

    // Whoever has a gate of their own does not verify another one's ledger by mistake.
    let client = "url = \"https://gate.example\"\n";
    std::fs::write(machine.path("gatehold/client.toml"), client).unwrap();
    for command in [&["doctor"][..], &["config", "check"], &["audit", "verify"]] {
        let output = machine.run(command);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {output:?}");
    }
    let elsewhere = machine.path("nowhere").display().to_string();
    let output = machine.run(&["doctor", "--home", &elsewhere]);
    assert!(errors(&output).contains(&elsewhere), "{output:?}");
}

#[test]
fn a_watched_inbox_is_one_document_a_line() {
    let machine = Machine::new();
    let (_dev, _) = dev(&machine, &[]);
    let mut watch = machine.start(&["inbox", "--watch", "--as", "reviewer", "-o", "json"]);
    let mut documents = vec![watch.says("\n")];
    let task = machine.run(&["task", "start", "--purpose", "repair", "-o", "id"]);
    let task = String::from_utf8(task.stdout).unwrap();
    for id in ["6", "7"] {
        let sql = format!("UPDATE orders SET status = 'retry' WHERE id = {id}");
        let ask = [
            "request",
            "create",
            "--task",
            task.trim(),
            "--descriptor",
            "sql.write",
        ];
        let of = [
            "--target",
            "sql:shop",
            "--resource",
            "shop/orders",
            "--cap",
            "rows=1",
        ];
        let held =
            machine.run(&[&ask[..], &of, &["--rollback", "back", "--payload", &sql]].concat());
        assert_eq!(held.status.code(), Some(5), "{held:?}");
        documents.push(watch.says("\n"));
    }
    for (number, document) in documents.iter().enumerate() {
        let inbox: serde_json::Value = serde_json::from_str(document).unwrap();
        let items = inbox.get("items").and_then(serde_json::Value::as_array);
        assert_eq!(items.unwrap().len(), number, "{document}");
    }

    let mut watch = machine.start(&["inbox", "--watch", "--as", "reviewer"]);
    assert!(watch.says("\n").starts_with("--- 20"), "its time first");
}

#[test]
fn a_session_shorter_than_wanted_is_said() {
    let machine = Machine::new();
    let (_dev, _) = dev(&machine, &[]);
    for (lifetime, note) in [
        ("12h", ""),
        ("3d", "note:  a session lasts 12 h at most, not 3 days\n"),
    ] {
        let output = machine.run(&["login", "--as", "reviewer", "--lifetime", lifetime]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(errors(&output), note);
    }
}
