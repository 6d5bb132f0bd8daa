//! `-o`, over the whole tree of commands: each one that answers is run with `-o json` and says one JSON document on standard
//! output, whatever else it has to say. The tree is `docs/reference/cli.md`, which is made from the program.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gate::{Gate, write};
use serde_json::Value;

/// Commands whose answer is looked at elsewhere, because it takes five people and another bundle to get one.
const ELSEWHERE: [(&str, &str); 2] = [
    ("break-glass sign", "tests/break_glass.rs"),
    ("break-glass review", "tests/break_glass.rs"),
];

/// Commands without an answer, and why.
const WITHOUT: [(&str, &str); 8] = [
    (
        "dev",
        "runs until it is ended, and tells people how to use it",
    ),
    ("demo", "is a story for people; its exit code is the answer"),
    ("demo tamper", "is a part of that story"),
    ("serve", "runs until it is ended"),
    ("executor", "runs until it is ended"),
    ("exec ssh", "says what the program says that it starts"),
    ("exec psql", "says what the program says that it starts"),
    ("completions", "is a script for a shell"),
];

/// Every command of the reference.
fn tree() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    let text = std::fs::read_to_string(path).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("## gatehold "));
    names.map(ToOwned::to_owned).collect()
}

struct Walk {
    gate: Gate,
    said: BTreeSet<String>,
}

impl Walk {
    /// Runs a command of the tree, which ends with this code and says one document.
    fn exits(&mut self, code: i32, command: &str, arguments: &[&str]) -> Value {
        let words = command.split(' ').chain(arguments.iter().copied());
        let words: Vec<&str> = words.chain(["-o", "json"]).collect();
        let mut program = self.gate.command(&words);
        let output = program.current_dir(&self.gate.home).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {output:?}");
        let answer: Result<Value, _> = serde_json::from_slice(&output.stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{command}: {error}: {output:?}"));
        assert!(
            answer.is_object() || answer.is_array(),
            "{command}: {answer}"
        );
        self.said.insert(command.to_owned());
        answer
    }

    fn says(&mut self, command: &str, arguments: &[&str]) -> Value {
        self.exits(0, command, arguments)
    }

    /// A command that changes the gate: people must decide.
    fn asks(&mut self, command: &str, arguments: &[&str]) {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--as", "owner"]).collect();
        self.exits(5, command, &arguments);
    }

    fn held(&mut self) -> String {
        let task = self.says("task start", &["--purpose", "repair"]);
        let task = task["task"].as_str().unwrap();
        let ask = write(task, "UPDATE orders SET status = 'retry' WHERE id = 7");
        let held = self.exits(5, "request create", &ask[2..]);
        held["request"].as_str().unwrap().to_owned()
    }

    /// Somebody approves, with `yes` to everything.
    fn approves(&mut self, command: &str, request: &str, person: &str) {
        let shown = self.says("show", &[request, "--as", person]);
        let yes = gate::answers(&shown);
        let mut arguments = gate::approve(request, person, &yes).split_off(1);
        if command == "narrow" {
            arguments.extend(["--ttl", "10m"]);
        }
        self.says(command, &arguments);
    }

    fn requests(&mut self) {
        let request = self.held();
        self.says("me", &["--as", "reviewer"]);
        self.says("inbox", &["--as", "reviewer"]);
        self.says("who-can-approve", &[&request, "--as", "reviewer"]);
        self.says("claim", &[&request, "--as", "reviewer"]);
        self.says("release", &[&request, "--as", "reviewer"]);
        self.says("ask", &[&request, "which order?", "--as", "reviewer"]);
        self.says("request answer", &[&request, "number 7"]);
        self.says("escalate", &[&request, "--as", "reviewer"]);
        self.exits(5, "request show", &[&request]);
        self.approves("narrow", &request, "reviewer");
        self.approves("approve", &request, "second");
        self.says("request wait", &[&request]);
        self.says("request redeem", &[&request]);
        let mut read = vec![
            "--purpose",
            "look",
            "--dialect",
            "sqlite",
            "--cap",
            "rows=1",
        ];
        read.extend(["--target", "sql:shop", "--resource", "shop/orders"]);
        read.extend(["-c", "SELECT status FROM orders WHERE id = 7"]);
        self.says("exec pg", &read);
        let task = self.says("task start", &["--purpose", "nothing"]);
        self.says("task end", &[task["task"].as_str().unwrap()]);
        self.says("record list", &[&request]);
        self.says("lease list", &["--as", "reviewer"]);
        self.says("lease show", &[&request, "--as", "reviewer"]);
        self.says("lease bounds", &["--as", "reviewer"]);
        let file = self.gate.home.join("dossier").display().to_string();
        self.says("audit dossier", &[&request, "--out", &file]);
        self.says("audit explain", &[&file]);

        let taken = self.held();
        self.approves("approve", &taken, "reviewer");
        self.approves("approve", &taken, "second");
        self.says("revoke", &[&taken, "--as", "reviewer"]);
        let withdrawn = self.held();
        self.says("request withdraw", &[&withdrawn]);
        let denied = self.held();
        self.says(
            "deny",
            &[&denied, "--reason", "too_broad", "--as", "reviewer"],
        );
        self.says("correct", &[&denied, "--as", "reviewer"]);
        let parts = self.says("record list", &[&denied]);
        let leaf = parts[0]["leaf"].to_string();
        self.asks("record erase", &[&leaf, "display"]);
        let suspicious = self.held();
        self.says("suspicious", &[&suspicious, "--as", "reviewer"]);
        self.asks("workload resume", &["deploy-bot"]);
    }

    fn people(&mut self) {
        self.says("login", &["--as", "reviewer"]);
        let humans = self.says("human list", &["--as", "owner"]);
        let human = humans["humans"][0]["human"].as_str().unwrap().to_owned();
        let key = humans["humans"][0]["keys"][0]["key"].as_str().unwrap();
        let alone = [&human, key, "--sign-only", "--as", "reviewer"];
        self.says("key revoke", &alone);
        let reviewer = humans["humans"][1]["human"].as_str().unwrap();
        let to = ["--to", reviewer, "--team", "owners", "--until", "5d"];
        let given = self.says("delegation add", &[&to[..], &["--as", "owner"]].concat());
        self.says("delegation list", &["--as", "owner"]);
        let given = given["delegation"].as_str().unwrap().to_owned();
        self.says("delegation end", &[&given, "--as", "owner"]);
        let home = self.gate.home.clone();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(home.join("new"))
            .status();
        assert!(made.unwrap().success());
        self.says("human challenge", &[&human, "--out", "challenge"]);
        self.says("human prove", &[&human, "--key", "new", "--out", "proof"]);
        self.asks("human enrol", &["proof"]);
        let drawer = ["--key", "new", "--offline", "--out", "offline"];
        self.says("human prove", &[&[human.as_str()][..], &drawer].concat());
        self.asks("human enrol-offline", &["offline"]);
        self.says("break-glass list", &["--as", "owner"]);
        let page = ["--origin", "https://gate.acme.example"];
        self.asks("console set", &page);
        self.asks("team set", &["owners", "--member", &human]);
        self.says("workload keygen", &["bot.pem"]);
        let backup = humans["humans"][1]["human"].as_str().unwrap();
        let owned = ["--jwk", "bot.pem.jwk", "--owner", &human];
        let enrol = [&["bot"][..], &owned, &["--backup", backup]].concat();
        self.asks("workload enrol", &enrol);
        let point = [&["door"][..], &owned, &["--workload", "deploy-bot"]].concat();
        self.asks("point enrol", &point);
    }

    fn operators(&mut self) {
        self.says("dev tracker list", &[]);
        self.says("dev tracker set", &["incident", "INC-7", "closed"]);
        self.says("config check", &[]);
        self.says("doctor", &[]);
        // Of a file nobody tells who else opens it: that is unknown, and never fine.
        let unknown = self.exits(1, "doctor bypass", &["sql:shop"]);
        assert_eq!(unknown["bypasses"], 0, "{unknown}");
        self.says("status", &[]);
        self.channels();
        self.says("policy lint", &[]);
        self.says("policy test", &[]);
        self.says("policy explain", &["--case", "read"]);
        self.says("policy checkpoints", &[]);
        self.asks("policy submit", &[]);
        self.says("descriptor list", &[]);
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let descriptor = first(&pack, "descriptors");
        self.says("descriptor lint", &[&descriptor]);
        self.says("audit verify", &[]);
        self.reconciles();
        self.says("audit export", &["--out", "export"]);
        let issued = self.says("audit issue", &["0", "--out", "receipt"]);
        let next = issued["next"].as_str().unwrap();
        let key = next.split('\'').nth(1).unwrap().to_owned();
        self.says("audit receipt", &["receipt", "--log-key", &key]);
        self.says(
            "stop",
            &["resource", "x/", "--reason", "x", "--as", "reviewer"],
        );
        self.says("lockdown", &["--reason", "x", "--as", "reviewer"]);
        self.asks("stops lift", &["--everything"]);
    }

    /// A log in which nothing stands proves nothing.
    fn reconciles(&mut self) {
        let home = self.gate.home.clone();
        let server = "\n[[target]]\nid = \"shop-login\"\nkind = \"postgres_role\"\nhost = \"127.0.0.1\"\nport = 1\n\
            user = \"broker\"\ndatabase = \"shop\"\nroles = [\"orders_reader\"]\n";
        let targets = std::fs::read_to_string(home.join("targets.toml")).unwrap() + server;
        std::fs::write(home.join("logged-targets.toml"), targets).unwrap();
        let config = std::fs::read_to_string(home.join("gatehold.toml")).unwrap();
        let config = config.replace("\"targets.toml\"", "\"logged-targets.toml\"");
        std::fs::write(home.join("logged.toml"), config).unwrap();
        std::fs::write(home.join("server.csv"), "").unwrap();
        let arguments = [
            "shop-login",
            "--log",
            "server.csv",
            "--config",
            "logged.toml",
        ];
        let nothing = self.exits(1, "audit reconcile", &arguments);
        assert!(
            nothing["unknown"][0]
                .as_str()
                .unwrap()
                .contains("all of it"),
            "{nothing}"
        );
    }

    /// A channel that works, and somebody on call.
    fn channels(&mut self) {
        let home = self.gate.home.clone();
        let write = |name: &str, text: &str| {
            std::fs::write(home.join(name), text).unwrap();
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(home.join(name), private).unwrap();
            home.join(name).display().to_string()
        };
        let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", receiver.local_addr().unwrap());
        let url = write("url", &url);
        write(
            "channels.toml",
            &format!("[[channel]]\nname = \"room\"\nkind = \"chat\"\nurl_file = \"{url}\"\n"),
        );
        let who = "[[schedule]]\nteam = \"owners\"\nzone = \"UTC\"\nuntil = 2099-01-01\n\
            rotation = { from = 2026-01-05T09:00:00, every = \"day\", people = [\"ann@acme\"] }\n";
        write("on-call.toml", who);
        let config = std::fs::read_to_string(home.join("gatehold.toml")).unwrap();
        let more = "channels_file = \"channels.toml\"\non_call_file = \"on-call.toml\"\n";
        let config = write("told.toml", &format!("{more}{config}"));
        let config = ["--config", &config];
        self.says("channel list", &config);
        let key = home.join("push.key").display().to_string();
        self.says("channel key", &[&key]);
        let answering = std::thread::spawn(move || {
            let (mut called, _) = receiver.accept().unwrap();
            let mut head = [0; 4096];
            assert_ne!(called.read(&mut head).unwrap(), 0);
            called
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap();
        });
        self.says("channel test", &[&["room"][..], &config].concat());
        answering.join().unwrap();
        self.says("on-call", &config);
    }

    /// Founding, a lost quorum, a restored database: without a running gate.
    fn folders(&mut self) {
        for name in ["ann", "bob", "cem", "eve", "vault-1", "vault-2"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(self.gate.home.join(name))
                .status();
            assert!(made.unwrap().success());
        }
        let mut new = vec!["founded", "--origin", "dev.acme.example"];
        new.extend(["--human", "ann@acme=ann.pub", "--human", "bob@acme=bob.pub"]);
        new.extend(["--human", "cem@acme=cem.pub"]);
        new.extend([
            "--recovery-key",
            "vault-1.pub",
            "--recovery-key",
            "vault-2.pub",
        ]);
        self.says("init new", &new);
        for key in ["ann", "bob", "cem", "vault-1", "vault-2"] {
            self.says("init sign", &["founded", "--key", key]);
        }
        self.says("init finish", &["founded"]);
        let config = ["--config", "founded/gatehold.toml"];
        let human = ["--human", "eve@acme=eve.pub"];
        let new = [
            &["lost"][..],
            &config,
            &human,
            &["--team", "owners=bob@acme,eve@acme"],
        ];
        self.says("recover new", &new.concat());
        for key in ["vault-1", "vault-2", "eve"] {
            self.says("recover sign", &["lost", "--key", key]);
        }
        let home = self.gate.home.clone();
        let (now, old) = (home.join("founded/gatehold.db"), home.join("old.db"));
        std::fs::copy(&now, &old).unwrap();
        self.says(
            "recover finish",
            &["lost", "--config", "founded/gatehold.toml"],
        );
        std::fs::copy(&old, &now).unwrap();
        self.says("ledger rejoin", &config);
    }
}

/// The first file of the first folder of this name.
fn first(root: &Path, name: &str) -> String {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.parent().unwrap().ends_with(name) {
                return path.display().to_string();
            }
        }
    }
    panic!("no {name} below {}", root.display());
}

#[test]
fn every_command_that_answers_answers_in_json() {
    let mut walk = Walk {
        gate: Gate::start(),
        said: BTreeSet::new(),
    };
    walk.requests();
    walk.people();
    walk.operators();
    walk.folders();
    let without = WITHOUT
        .iter()
        .chain(&ELSEWHERE)
        .map(|(name, _)| (*name).to_owned());
    walk.said.extend(without);
    assert_eq!(walk.said, tree());
}
