//! Real receivers in a process of their own: webhooks checked by the library of the specification, a chat, mail servers.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "several tests share it; not every one of them needs all of it"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::gate::get;

/// What both sides of the webhook know.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What the chat's address ends in.
pub const TOKEN: &str = "T00/B00/canary-chat-token-71c5";
/// What the mail servers ask of `gate`.
pub const PASSWORD: &str = "mail-password-1";

/// The process, and everything it has said so far.
pub struct Receivers {
    child: Child,
    out: BufReader<ChildStdout>,
    pub said: Vec<Value>,
    ports: Value,
    folder: tempfile::TempDir,
}

impl Receivers {
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../../target/python/bin/python3");
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(&python)
            .arg(root.join("tests/receivers/receiver.py"))
            .arg(folder.path())
            .arg(SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}: run `cargo xtask packages`", python.display())
            });
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut receivers = Self {
            child,
            out,
            said: Vec::new(),
            ports: Value::Null,
            folder,
        };
        receivers.ports = receivers.next();
        receivers.said.clear();
        receivers.file("hook.secret", SECRET);
        let url = format!(
            "http://127.0.0.1:{}/services/{TOKEN}",
            receivers.ports["http"]
        );
        receivers.file("chat.url", &url);
        receivers.file("mail.password", PASSWORD);
        receivers
    }

    /// Ends them; their files stay.
    pub fn end(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }

    /// A file of its folder that only its owner reads.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn port(&self, name: &str) -> u64 {
        self.ports[name].as_u64().unwrap()
    }

    /// The next thing that reaches it.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "it has ended");
        let said: Value = serde_json::from_str(&line).unwrap();
        self.said.push(said.clone());
        said
    }

    /// The first thing like this, whether it has come or will.
    pub fn first(&mut self, like: impl Fn(&Value) -> bool) -> Value {
        if let Some(said) = self.said.iter().find(|said| like(said)) {
            return said.clone();
        }
        loop {
            let said = self.next();
            if like(&said) {
                return said;
            }
        }
    }

    /// What it has been told about a request as of now, by the kind of notice.
    pub fn hook(&mut self, request: &str, event: &str) -> Value {
        let event = format!("gatehold.request.{event}");
        self.first(|said| {
            said["hook"]["data"]["request"] == request
                && said["hook"]["type"] == event.as_str()
                && said["status"] == 200
        })
    }

    /// Has it answer so from now on.
    pub fn be(&self, how: &str) {
        let address = format!("127.0.0.1:{}", self.port("http"));
        assert_eq!(get(&address, &format!("/{how}")).0, 200);
    }

    /// `[[channel]]` tables of a webhook, a chat, and mail to two people.
    pub fn channels(&self) -> String {
        format!(
            "{}{}{}",
            self.webhook("pager"),
            self.chat("chat"),
            self.mail("mail", "plain", "tls = \"none\"")
        )
    }

    pub fn webhook(&self, name: &str) -> String {
        let secret = self.path("hook.secret");
        format!(
            "[[channel]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/hook?from=gate\"\nsecret_file = \"{}\"\n",
            self.port("http"),
            secret.display()
        )
    }

    pub fn chat(&self, name: &str) -> String {
        let url = self.path("chat.url");
        format!(
            "[[channel]]\nname = \"{name}\"\nkind = \"chat\"\nurl_file = \"{}\"\n",
            url.display()
        )
    }

    /// Mail to Reviewer and Second; `more` says how the connection is kept from others.
    pub fn mail(&self, name: &str, server: &str, more: &str) -> String {
        format!(
            "[[channel]]\nname = \"{name}\"\nkind = \"mail\"\nserver = \"localhost:{}\"\n{more}\nfrom = \"Gatehold <gate@acme.example>\"\n\
             people = {{ \"reviewer@dev.gatehold.local\" = \"reviewer@acme.example\", \"second@dev.gatehold.local\" = \"second@acme.example\" }}\n",
            self.port(server)
        )
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.end();
    }
}
