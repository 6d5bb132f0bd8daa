//! A development gate in a process of its own, asked through the command line and through plain sockets.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "several tests share it; not every one of them needs all of it"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A running `gatehold dev`, and the folder it keeps.
pub struct Gate {
    pub home: PathBuf,
    child: Option<Child>,
    _folder: tempfile::TempDir,
}

impl Gate {
    /// Starts one in a fresh folder.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("gate");
        let mut gate = Self {
            home,
            child: None,
            _folder: folder,
        };
        gate.start_again();
        gate
    }

    /// Starts it on the folder it has.
    pub fn start_again(&mut self) {
        self.start_by(Command::new(env!("CARGO_BIN_EXE_gatehold")));
    }

    /// The same, and the system lets no file of it grow beyond so many bytes: as on a full disk.
    pub fn start_with_files_up_to(&mut self, bytes: u64) {
        let script = format!(
            "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
            bytes / 512
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_gatehold")]);
        self.start_by(shell);
    }

    /// The same in a namespace of its own, after a script that may mount what it likes there. `$0` is the folder.
    pub fn start_among(&mut self, mounts: &str) {
        let mut program = Command::new("unshare");
        let script = format!("set -e; {mounts}; exec \"$@\"");
        program.args(["--map-root-user", "--mount", "sh", "-c", &script]);
        program.arg(&self.home).arg(env!("CARGO_BIN_EXE_gatehold"));
        self.start_by(program);
    }

    /// Runs a script in the gate's namespace. `$0` is the folder.
    pub fn inside(&self, script: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let ran = Command::new("nsenter")
            .args(["--preserve-credentials", "-U", "-m", "-t", &pid, "sh", "-c"])
            .arg(script)
            .arg(&self.home)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }

    fn start_by(&mut self, mut program: Command) {
        let mut child = program
            .args(["dev", "--quiet", "--keep"])
            .arg(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        self.child = Some(child);
        assert_eq!(line, "ready\n");
    }

    /// Runs a command against it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// A command against it, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehold"));
        command
            .args(arguments)
            .env("GATEHOLD_HOME", &self.home)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The answer of a command in JSON, whatever its exit code.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).args(["-o", "json"]).output();
        let output = output.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Starts a task and asks for a write that people must decide; gives the request.
    pub fn held(&self, payload: &str) -> String {
        let task = self.json(&["task", "start", "--purpose", "repair"]);
        let task = task["task"].as_str().unwrap().to_owned();
        let held = self.json(&write(&task, payload));
        held["request"].as_str().unwrap().to_owned()
    }

    /// `yes` to every criterion, and on red what stands on the page, for `--criteria`.
    pub fn answers(&self, request: &str, person: &str) -> String {
        answers(&self.json(&["show", request, "--as", person]))
    }

    /// Has both reviewers approve, with `yes` to everything that is asked.
    pub fn approved(&self, request: &str) {
        self.approved_by(request, &["reviewer", "second"]);
    }

    /// Has these people approve, in turn, until it is decided.
    pub fn approved_by(&self, request: &str, people: &[&str]) {
        for person in people {
            let answers = self.answers(request, person);
            let output = self.run(&approve(request, person, &answers));
            assert!(output.status.success(), "{output:?}");
            if String::from_utf8_lossy(&output.stdout).contains("decided: allowed") {
                return;
            }
        }
        panic!("two people are enough");
    }

    /// A key of its configuration.
    pub fn configured(&self, key: &str) -> String {
        let text = std::fs::read_to_string(self.home.join("gatehold.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        table[key].as_str().unwrap().to_owned()
    }

    /// A key of its client's file.
    pub fn client_key(&self, key: &str) -> String {
        let text = std::fs::read_to_string(self.home.join("client.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        table[key].as_str().unwrap().to_owned()
    }

    /// `GET` on the operators' listener: status and body.
    pub fn operations(&self, path: &str) -> (u16, String) {
        get(&self.configured("operations_listen"), path)
    }

    /// One line of the metrics, as a number.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.operations("/metrics");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|number| number.parse().unwrap())
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, as an operator's service manager does.
    pub fn terminate(&mut self) {
        let pid = self.child.as_ref().unwrap().id();
        let sent = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; gives whether it was orderly.
    pub fn ended(&mut self) -> bool {
        // 128 and SIGTERM: everything was put away first.
        self.child.take().unwrap().wait().unwrap().code() == Some(143)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

/// The arguments with which somebody approves; on red they say why as well.
pub fn approve<'a>(request: &'a str, person: &'a str, answers: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["approve", request, "--as", person];
    arguments.extend(["--because", "looked at it", "--criteria", answers]);
    arguments
}

/// The arguments that ask for a write.
pub fn write<'a>(task: &'a str, payload: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["request", "create", "--task", task];
    arguments.extend(["--descriptor", "sql.write", "--target", "sql:shop"]);
    arguments.extend(["--resource", "shop/orders", "--cap", "rows=1"]);
    arguments.extend(["--rollback", "set it back", "--payload", payload]);
    arguments
}

/// A plain `GET`.
pub fn get(address: &str, path: &str) -> (u16, String) {
    say(
        address,
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes(),
    )
}

/// Sends bytes; gives status and body of what comes back.
pub fn say(address: &str, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

/// A file of the gate's folder.
pub fn read(home: &Path, name: &str) -> String {
    std::fs::read_to_string(home.join(name)).unwrap()
}

/// The codes of the refusal leaves of an export.
pub fn refusals(export: &str) -> std::collections::BTreeSet<String> {
    let lines = export
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter_map(|line| {
            let record = line["leaf"]["record"].as_str()?;
            let record: serde_json::Value = serde_json::from_str(record).unwrap();
            let refused = record["event"]["refused"].as_object()?;
            Some(refused["code"].as_str()?.to_owned())
        })
        .collect()
}

/// What stands where the question on red asks.
pub fn stands(shown: &Value, id: &str) -> String {
    let name = id.strip_prefix("fact.").unwrap();
    match name {
        "resource" | "target" => shown["envelope"][name].as_str().unwrap().to_owned(),
        cap => shown["view"]["terms"]["limits"]["caps"][cap].to_string(),
    }
}

/// The answers to what `show -o json` says is asked.
pub fn answers(shown: &Value) -> String {
    let view = &shown["view"];
    let criteria = view["criteria"].as_array().unwrap().iter();
    let mut answers: Vec<String> = criteria
        .map(|one| format!("{}=yes", one["id"].as_str().unwrap()))
        .collect();
    if let Some(id) = shown["fact"]["id"].as_str() {
        answers.push(format!("{id}={}", stands(shown, id)));
    }
    answers.join(",")
}
