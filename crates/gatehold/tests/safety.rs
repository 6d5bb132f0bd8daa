//! `stop`, `lockdown`, `revoke`, `key revoke` and `login` take the address that only stops, where the client knows one, and the other one where nobody
//! answers there.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use gate::Gate;

/// Connections of the gate's other listener.
const ROOM: usize = 4;

/// A port that nobody else has.
fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn put_in_front(gate: &Gate, file: &str, line: &str) {
    let path = gate.home.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{line}\n{text}")).unwrap();
}

/// A gate with such an address, and a client that knows this one.
fn gate_with(port: u16, known: u16) -> Gate {
    let mut gate = Gate::start();
    gate.kill();
    put_in_front(
        &gate,
        "gatehold.toml",
        &format!("safety_listen = \"127.0.0.1:{port}\""),
    );
    let path = gate.home.join("gatehold.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        format!("{text}\n[limits]\nconnections_max = {ROOM}\n"),
    )
    .unwrap();
    put_in_front(
        &gate,
        "client.toml",
        &format!("safety_url = \"http://127.0.0.1:{known}\""),
    );
    gate.start_again();
    // What a development gate writes anew whenever it starts, and this not.
    assert_eq!(
        gate.client_key("safety_url"),
        format!("http://127.0.0.1:{known}")
    );
    gate
}

/// Takes every connection of the other listener: each was served once and stays.
fn saturated(gate: &Gate) -> Vec<TcpStream> {
    let address = gate.configured("listen");
    let taken = (0..ROOM).map(|_| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream
            .write_all(format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes())
            .unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream
    });
    taken.collect()
}

#[test]
fn m068_a_stop_and_a_lockdown_pass_while_the_other_listener_has_no_room() {
    let port = port();
    let gate = gate_with(port, port);
    let taken = saturated(&gate);
    for command in [
        &[
            "stop",
            "workload",
            "deploy-bot",
            "--reason",
            "odd",
            "--as",
            "reviewer",
        ][..],
        &["lockdown", "--reason", "odd", "--as", "reviewer"],
    ] {
        let output = gate.run(command);
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("was not done at"), "{told}");
    }
    drop(taken);
}

/// The gate's program over the folder, until it is killed.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn m068_whoever_has_no_login_and_whoever_lost_a_key_pass_where_the_other_address_is_dead() {
    let safety = port();
    let mut gate = gate_with(safety, safety);
    let me = gate.json(&["me", "--as", "second"]);
    let (human, key) = (&me["human"], &me["keys"][0]["key"]);
    gate.terminate();
    assert!(gate.ended());
    std::fs::remove_dir_all(gate.home.join("sessions")).unwrap();
    // Nobody answers any more where everything else is.
    let url = gate.client_key("url");
    let dead = format!("http://127.0.0.1:{}", port());
    for file in ["gatehold.toml", "client.toml"] {
        let path = gate.home.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&url), "{text}");
        std::fs::write(&path, text.replace(&url, &dead)).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["serve", "--config"])
        .arg(gate.home.join("gatehold.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let _served = Served(child);
    let mut said = String::new();
    while !said.contains("serves") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended: {said}");
    }
    let login = &["login", "--as", "second"][..];
    let revoke = &[
        "key",
        "revoke",
        human.as_str().unwrap(),
        key.as_str().unwrap(),
        "--as",
        "second",
    ];
    for (command, dead_is_said) in [(login, true), (revoke, false)] {
        let output = gate.run(command);
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("was not done at"), "{told}");
        let said = told.contains("does not answer");
        assert_eq!(said, dead_is_said, "{told}");
    }
    // A root that is given is only pinned once it was seen there.
    let root = gate.client_key("root");
    let pinning = gate.run(&["login", "--as", "reviewer", "--root", &root]);
    assert!(!pinning.status.success(), "{pinning:?}");
}

#[test]
fn where_it_is_refused_there_the_other_address_is_taken() {
    let other = Gate::start();
    let address = other.configured("listen");
    let (_, wrong) = address.rsplit_once(':').unwrap();
    let gate = gate_with(port(), wrong.parse().unwrap());
    let output = gate.run(&["lockdown", "--reason", "odd", "--as", "reviewer"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("was not done at"), "{told}");
}

#[test]
fn where_nobody_answers_there_the_other_address_is_taken() {
    let gate = gate_with(port(), port());
    let output = gate.run(&["lockdown", "--reason", "odd", "--as", "reviewer"]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("was not done at"), "{told}");
    let inbox = gate.run(&["inbox", "--as", "reviewer"]);
    assert!(inbox.status.success(), "{inbox:?}");
}
