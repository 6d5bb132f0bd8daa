//! What people are told is what stands on the page, and a channel through which nobody can be told is shown as such.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod gate;
mod receivers;
mod running;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use gate::say;
use receivers::Receivers;
use running::{Machine, Running};
use serde_json::Value;

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// A development gate with these channels, and a reviewer who is signed in at its pages.
struct Told {
    home: PathBuf,
    address: String,
    cookie: String,
    _dev: Running,
    _machine: Machine,
}

impl Told {
    fn with(channels: &str) -> Self {
        Self::keeping(channels, "")
    }

    /// With a schedule of who is on call, where one is given.
    fn keeping(channels: &str, on_call: &str) -> Self {
        let machine = Machine::new();
        let home = machine.path("kept");
        let start = || machine.start(&["dev", "--keep", home.to_str().unwrap()]);
        // Founded without channels, so that nobody is told of that.
        let mut dev = start();
        dev.says("End with Ctrl-C");
        dev.ends_by("TERM");
        std::fs::write(home.join("channels.toml"), channels).unwrap();
        let config = home.join("gatehold.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let mut first = "channels_file = \"channels.toml\"\n".to_owned();
        if !on_call.is_empty() {
            std::fs::write(home.join("on-call.toml"), on_call).unwrap();
            first.push_str("on_call_file = \"on-call.toml\"\n");
        }
        std::fs::write(&config, first + &text).unwrap();
        let mut dev = start();
        let welcome = dev.says("End with Ctrl-C");
        let line = welcome
            .lines()
            .find(|line| line.contains("one-time code"))
            .unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = words.iter().position(|word| *word == "code:").unwrap();
        let (url, code) = (words[1], words[place + 1]);
        let address = url
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches('/')
            .to_owned();
        let form = format!("code={code}&person=reviewer%40dev.gatehold.local&to=");
        let call = format!(
            "POST /sign-in HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nsec-fetch-site: same-origin\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        let head = answer(&address, &call);
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        Self {
            home,
            address,
            cookie,
            _dev: dev,
            _machine: machine,
        }
    }

    fn page(&self, path: &str) -> String {
        let (address, cookie) = (&self.address, &self.cookie);
        let call = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"
        );
        let (status, page) = say(address, call.as_bytes());
        assert_eq!(status, 200, "{page}");
        page
    }

    fn run(&self, words: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(words)
            .env("GATEHOLD_HOME", &self.home)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.is_empty(),
            "{words:?}: {:?}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[words, &["-o", "json"]].concat())).unwrap()
    }

    /// Asks for a write that people must decide; gives what the requester is told.
    fn held(&self) -> Value {
        self.held_up_to("rows=1", WRITE)
    }

    /// The same with another cap.
    fn held_up_to(&self, cap: &str, sql: &str) -> Value {
        let task = self.json(&["task", "start", "--purpose", "repair order 7"]);
        let mut write = gate::write(task["task"].as_str().unwrap(), sql);
        for word in &mut write {
            if *word == "rows=1" {
                *word = cap;
            }
        }
        self.json(&write)
    }
}

/// The head of an answer, in lower case but for values.
fn answer(address: &str, call: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(call.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_owned()
}

fn joined(words: &Value) -> String {
    let words = words.as_array().unwrap().iter();
    let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words.len(), 4);
    words.join("-")
}

/// What stands between these in a text.
fn between(text: &str, from: &str, to: &str) -> String {
    let (_, rest) = text
        .split_once(from)
        .unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0.trim().to_owned()
}

#[test]
fn the_four_words_are_the_same_on_page_terminal_notice_and_for_the_requester() {
    let mut receivers = Receivers::start();
    let told = Told::with(&receivers.channels());
    let held = told.held();
    let request = held["request"].as_str().unwrap().to_owned();
    let id = request.as_str();
    let of_requester = joined(&held["words"]);
    let page = told.page(&format!("/requests/{id}"));
    let hook = receivers.hook(id, "asked");
    let chat = receivers.first(|said| {
        said["chat"]["text"]
            .as_str()
            .is_some_and(|text| text.contains(id))
    });
    let mail = receivers.first(|said| said["text"].as_str().is_some_and(|text| text.contains(id)));
    let line = |text: &str, name: &str| between(text, name, "\n");
    let surfaces = [
        (
            "the requester's status",
            joined(&told.json(&["request", "show", id])["words"]),
        ),
        (
            "the page",
            between(&page, "<span class=\"words\"", "</span>")
                .split('>')
                .next_back()
                .unwrap()
                .to_owned(),
        ),
        (
            "the terminal",
            joined(&told.json(&["show", id, "--as", "reviewer"])["words"]),
        ),
        (
            "the webhook",
            hook["hook"]["data"]["words"].as_str().unwrap().to_owned(),
        ),
        (
            "the chat",
            between(chat["chat"]["text"].as_str().unwrap(), "Words: ", " "),
        ),
    ];
    for (surface, words) in surfaces {
        assert_eq!(words, of_requester, "{surface}");
    }
    // As people read them, in lines of their own.
    let status = told.run(&["request", "show", id]);
    assert_eq!(line(&status, "words "), of_requester, "{status}");
    for (surface, text) in [
        ("the terminal", told.run(&["show", id, "--as", "reviewer"])),
        ("the mail", mail["text"].as_str().unwrap().to_owned()),
    ] {
        assert!(text.contains(&of_requester), "{surface}: {text}");
    }
    // Of another request, of the same action, they are others: nobody gets used to them.
    let other = told.held();
    assert_ne!(joined(&other["words"]), of_requester);
}

#[test]
fn a_number_reads_the_same_on_page_terminal_and_notice_and_never_in_the_bytes() {
    let mut receivers = Receivers::start();
    let told = Told::with(&receivers.channels());
    let sql = "UPDATE orders SET status = 'retry' WHERE id < 4213";
    let held = told.held_up_to("rows=4212", sql);
    let request = held["request"].as_str().unwrap().to_owned();
    let id = request.as_str();
    let says = "change at most 4,212 rows";
    let chat = receivers.first(|said| {
        said["chat"]["text"]
            .as_str()
            .is_some_and(|text| text.contains(id))
    });
    let mail = receivers.first(|said| said["text"].as_str().is_some_and(|text| text.contains(id)));
    let page = told.page(&format!("/requests/{id}"));
    let terminal = told.run(&["show", id, "--as", "reviewer"]);
    for (surface, text) in [
        ("the page", page.as_str()),
        ("the inbox", &told.page("/")),
        ("the terminal", &terminal),
        (
            "the inbox of the terminal",
            &told.run(&["inbox", "--as", "reviewer"]).replace('\n', " "),
        ),
        ("the chat", chat["chat"]["text"].as_str().unwrap()),
        ("the mail", mail["text"].as_str().unwrap()),
    ] {
        let text: Vec<&str> = text.split_whitespace().collect();
        assert!(text.join(" ").contains(says), "{surface}: {text:?}");
    }
    for (surface, text) in [("the page", page), ("the terminal", terminal)] {
        assert!(text.contains("at most 4,212 rows"), "{surface}: {text}");
        assert!(text.contains("quantity 4,212,"), "{surface}: {text}");
        // What is executed is no number of ours.
        assert!(text.contains("4213"), "{surface}: {text}");
        assert!(!text.contains("4,213"), "{surface}: {text}");
    }
}

#[test]
fn the_page_and_the_terminal_say_in_the_same_words_who_can_approve_and_who_is_on_call() {
    let schedule = "[[schedule]]\nteam = \"reviewers\"\nzone = \"UTC\"\nuntil = 2099-01-01\n\
        rotation = { from = 2026-01-05T09:00:00, every = \"week\", people = [\"second@dev.gatehold.local\"] }\n";
    let told = Told::keeping("", schedule);
    let held = told.held();
    let id = held["request"].as_str().unwrap().to_owned();
    let page = told.page(&format!("/requests/{id}/deciders"));
    let terminal = told.run(&["who-can-approve", &id, "--as", "reviewer"]);
    for says in [
        "2 people needed, of these:",
        "second@dev.gatehold.local",
        "ON CALL",
        "schedule `on-call.toml`",
        "read ",
    ] {
        assert!(page.contains(says), "{says}: {page}");
        assert!(terminal.contains(says), "{says}: {terminal}");
    }
    let row = |human: &str| {
        let found = page.split("<li class=\"row\">").skip(1);
        let mut found = found.filter(|row| row.contains(&format!(">{human}@dev")));
        found.next().unwrap().to_owned()
    };
    assert!(row("second").contains("ON CALL"), "{page}");
    assert!(!row("reviewer").contains("ON CALL"), "{page}");
    // As documents, for whoever tells people by other means.
    let who = told.json(&["who-can-approve", &id, "--as", "reviewer"]);
    let mut teams = who["on_call"].as_array().unwrap().iter();
    let on_call = teams.find(|one| one["team"] == "reviewers").unwrap();
    assert_eq!(
        on_call["people"],
        serde_json::json!(["second@dev.gatehold.local"])
    );
    assert!(on_call["age_seconds"].is_u64(), "{who}");
}

#[test]
fn a_receiver_that_refuses_is_shown_as_such_and_decides_nothing() {
    let mut receivers = Receivers::start();
    // Before there is a gate: on a slow machine somebody is told of how it was founded.
    receivers.be("be/500");
    let told = Told::with(
        &(receivers.webhook("pager") + &receivers.mail("mail", "plain", "tls = \"none\"")),
    );
    let held = told.held();
    let request = held["request"].as_str().unwrap().to_owned();
    let of_request = |said: &Value| said["hook"]["data"]["request"] == request.as_str();
    receivers.first(|said| of_request(said) && said["status"] == 500);
    let line =
        |page: &str, name: &str| between(page, &format!("dir=\"ltr\">{name}</bdi>"), "</li>");
    // Seen at the next beat after the answer came back.
    let overview = |says: &str| loop {
        let page = told.page("/overview");
        if line(&page, "pager").contains(says) {
            return page;
        }
    };
    let page = overview("FAILING");
    assert!(line(&page, "pager").contains("since 20"), "{page}");
    assert!(page.contains("nothing is approved by that"), "{page}");
    // No address, no secret, and nothing that a server said.
    for other in ["127.0.0.1", "acme.example", "whsec", "/hook", "500"] {
        assert!(!line(&page, "pager").contains(other), "{other}: {page}");
        assert!(!line(&page, "mail").contains(other), "{other}: {page}");
    }
    // Operators read more, from the gate's own folder.
    let pager = |command: &str, like: &dyn Fn(&Value) -> bool| loop {
        let said = told.json(&[command]);
        let channels = said["channels"].as_array().unwrap();
        let found = channels.iter().find(|one| one["name"] == "pager").unwrap();
        if like(found) {
            return (found.clone(), said);
        }
    };
    for command in ["status", "doctor"] {
        let (found, said) = pager(command, &|one| {
            one["standing"]["undelivered"].as_u64() > Some(0)
        });
        assert_eq!(
            (&found["kind"], &found["reachable"]),
            (&"webhook".into(), &true.into())
        );
        let standing = &found["standing"];
        assert!(standing["failing_since"].is_number(), "{found}");
        assert!(standing["last_delivered"].is_null(), "{found}");
        assert_eq!(
            standing["last_failure"]["why"], "it answered 500",
            "{found}"
        );
        let lines = said["findings"].to_string();
        for part in [
            "it FAILS since 20",
            "undelivered",
            "gatehold channel test pager",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
    let status = told.json(&["request", "show", &request]);
    assert_eq!(status["state"], "held", "{status}");
    // Another channel is not drawn in, and the same one comes back.
    receivers.be("be/200");
    receivers.hook(&request, "asked");
    let page = overview("WORKS");
    assert!(
        line(&page, "pager").contains("took something last at 20"),
        "{page}"
    );
    assert!(!line(&page, "mail").contains("FAILING"), "{page}");
    let (found, _) = pager("status", &|one| one["standing"]["undelivered"] == 0);
    let standing = &found["standing"];
    assert!(standing["failing_since"].is_null(), "{found}");
    assert!(standing["last_delivered"].is_number(), "{found}");
    assert_eq!(
        standing["last_failure"]["why"], "it answered 500",
        "{found}"
    );
    // Nobody is there any more: seen before anybody had to be told.
    receivers.end();
    let (found, said) = pager("status", &|_| true);
    assert_eq!(found["reachable"], false, "{found}");
    assert_eq!(found["unreachable"], "nobody takes connections there");
    let lines = said["findings"].to_string();
    for name in ["pager", "mail"] {
        let part = format!("and try `gatehold channel test {name}`");
        assert!(lines.contains(&part), "{part}: {lines}");
    }
    // And told in vain: the gate says so, too.
    told.held();
    let (found, _) = pager("status", &|one| {
        one["standing"]["failing_since"].is_number()
    });
    let why = found["standing"]["last_failure"]["why"].to_string();
    assert!(why.contains("it cannot be reached"), "{found}");
}
