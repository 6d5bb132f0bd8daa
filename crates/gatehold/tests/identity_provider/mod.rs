//! A real identity provider, a gate whose people it vouches for, and browsers that go between them, all on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the provider knows of us; `provider.mjs` has the same.
const SECRET: &str = "s3cret+/=&%:x~and-long-enough-for-a-shared-secret";

/// `oidc-provider`, in a process of its own.
pub struct Provider {
    pub port: u16,
    gate: String,
    child: Option<Child>,
}

impl Provider {
    /// One that does not run yet.
    fn at(port: u16, gate: &str) -> Self {
        Self {
            port,
            gate: gate.to_owned(),
            child: None,
        }
    }

    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it with new keys. Tokens are signed so, and a client shows its secret so.
    pub fn start(&mut self, algorithm: &str, method: &str) {
        self.stop();
        let packages = repository().join("target/identity-provider");
        assert!(
            packages.join("node_modules/oidc-provider").is_dir(),
            "oidc-provider is missing: run `cargo xtask packages`"
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity_provider");
        let mut child = Command::new("node")
            .arg(script.join("provider.mjs"))
            .arg(packages)
            .args([&self.port.to_string(), &self.gate, algorithm, method])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        self.child = Some(child);
        let mut line = String::new();
        while line != "ready\n" {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it did not start");
        }
        // Whatever else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Has its next answers at the token endpoint be this; nothing ends it.
    pub fn lie(&self, what: &str) {
        let url = format!("{}/lie?be={what}", self.issuer());
        assert_eq!(Browser::default().get(&url).status, 200);
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A gate of three people, and the provider that vouches for them.
pub struct Desk {
    pub url: String,
    pub provider: Provider,
    pub folder: tempfile::TempDir,
    gate: Option<Child>,
}

impl Desk {
    /// Founded and served; the provider does not run yet. `more` stands in its section.
    pub fn open(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Both are kept open until both are known, so that they differ.
        let [one, other] = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [port, providers] = [&one, &other].map(|it| it.local_addr().unwrap().port());
        drop((one, other));
        let url = format!("http://127.0.0.1:{port}");
        let provider = Provider::at(providers, &url);
        let mut desk = Self {
            url,
            provider,
            folder,
            gate: None,
        };
        desk.found();
        let config = desk.folder.path().join("gate/gatehold.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let text = text.replace("127.0.0.1:7400", &format!("127.0.0.1:{port}"));
        let section = format!(
            "\n[identity_provider]\nissuer = \"{}\"\nclient_id = \"gatehold\"\nclient_secret_file = \"client.secret\"\n{more}\n",
            desk.provider.issuer()
        );
        std::fs::write(&config, text + &section).unwrap();
        std::fs::write(desk.folder.path().join("gate/client.secret"), SECRET).unwrap();
        desk.serve();
        desk
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehold"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GATEHOLD_HOME", self.folder.path().join("home"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    fn found(&self) {
        let issuer = self.provider.issuer();
        let people = ["ann", "bob", "cem"];
        let mut new = vec!["init", "new", "gate", "--origin", "dev.acme.example"];
        let named = people.map(|name| format!("{name}@{issuer}={name}.pub"));
        for (name, human) in people.iter().zip(&named) {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(self.folder.path().join(name))
                .status();
            assert!(made.unwrap().success());
            new.extend(["--human", human]);
        }
        self.run(&new);
        for name in people {
            self.run(&["init", "sign", "gate", "--key", name]);
        }
        self.run(&["init", "finish", "gate"]);
    }

    fn serve(&mut self) {
        let mut command = self.command(&["serve", "--config", "gate/gatehold.toml"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        self.gate = Some(child);
        let mut line = String::new();
        while !line.contains("gatehold serves") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "it did not start");
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    }

    /// Somebody's name here.
    pub fn human(&self, subject: &str) -> String {
        format!("{subject}@{}", self.provider.issuer())
    }

    /// Presses the link of the sign-in page; gives where it leads.
    pub fn press(&self, browser: &mut Browser, to: &str) -> Answer {
        let query = if to.is_empty() {
            String::new()
        } else {
            format!("?to={to}")
        };
        browser
            .from("same-origin")
            .get(&format!("{}/sign-in/start{query}", self.url))
    }

    /// Goes to the provider, is this person there, and gives the address it sends the browser back to.
    pub fn through(&self, browser: &mut Browser, subject: &str, to: &str) -> String {
        let mut next = self.press(browser, to).location();
        loop {
            assert!(next.starts_with(&self.provider.issuer()), "{next}");
            let answer = browser.from("cross-site").get(&next);
            let answer = if answer.status == 200 {
                let login = format!("prompt=login&login={subject}&password=x");
                let is_login = answer.body.contains("name=\"login\"");
                let form = if is_login {
                    login.as_str()
                } else {
                    "prompt=consent"
                };
                browser.from("same-origin").post(&next, form)
            } else {
                answer
            };
            let location = answer.location();
            if location.starts_with(&self.url) {
                return location;
            }
            next = if location.starts_with('/') {
                format!("{}{location}", self.provider.issuer())
            } else {
                location
            };
        }
    }

    /// The whole way; gives what the gate answers.
    pub fn sign_in(&self, browser: &mut Browser, subject: &str, to: &str) -> Answer {
        let back = self.through(browser, subject, to);
        browser.from("cross-site").get(&back)
    }

    /// Whose inbox this browser sees, if it sees one.
    pub fn sees(&self, browser: &mut Browser) -> Option<String> {
        let answer = browser.from("none").get(&format!("{}/", self.url));
        let (_, after) = answer.body.split_once("<span class=\"human\">")?;
        Some(after.split('<').next().unwrap().to_owned())
    }
}

impl Desk {
    /// Ends the gate; its files stay.
    pub fn end(&mut self) {
        if let Some(mut child) = self.gate.take() {
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end();
    }
}

/// A browser as far as sign-in can tell one: it keeps cookies for each origin, and says where a page was asked from.
#[derive(Default, Clone)]
pub struct Browser {
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    site: &'static str,
    /// Further headers.
    pub more: &'static str,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    fn headers(&self, name: &str) -> Vec<&str> {
        let named = self.head.lines().filter_map(|line| line.split_once(": "));
        let named = named.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    pub fn location(&self) -> String {
        assert!([302, 303].contains(&self.status), "{self:?}");
        self.header("location").unwrap().to_owned()
    }
}

impl Browser {
    pub fn from(&mut self, site: &'static str) -> &mut Self {
        self.site = site;
        self
    }

    pub fn get(&mut self, url: &str) -> Answer {
        self.send("GET", url, "")
    }

    pub fn post(&mut self, url: &str, form: &str) -> Answer {
        self.send("POST", url, form)
    }

    /// The cookies of an origin.
    pub fn cookies(&self, origin: &str) -> BTreeMap<String, String> {
        let host = origin.strip_prefix("http://").unwrap();
        self.cookies.get(host).cloned().unwrap_or_default()
    }

    /// Puts them back as they were.
    pub fn put(&mut self, origin: &str, cookies: BTreeMap<String, String>) {
        let host = origin.strip_prefix("http://").unwrap();
        self.cookies.insert(host.to_owned(), cookies);
    }

    fn send(&mut self, method: &str, url: &str, form: &str) -> Answer {
        let rest = url.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let jar = self.cookies.entry(host.to_owned()).or_default();
        let pairs: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request =
            format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        if !pairs.is_empty() {
            request.push_str(&format!("cookie: {}\r\n", pairs.join("; ")));
        }
        if !self.site.is_empty() {
            request.push_str(&format!(
                "sec-fetch-site: {}\r\nsec-fetch-dest: document\r\n",
                self.site
            ));
        }
        request.push_str(self.more);
        if method == "POST" {
            let length = form.len();
            request.push_str(&format!(
                "content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"
            ));
        }
        let mut stream = TcpStream::connect(host).unwrap();
        stream
            .write_all(format!("{request}\r\n{form}").as_bytes())
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let answer = Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        for set in answer.headers("set-cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
