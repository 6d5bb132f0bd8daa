//! Every mistake at once, by channel and field, and no secret in any text.

use super::*;
use crate::testing::{CANARY, secret_file};

fn read(text: &str) -> Result<Channels, Vec<String>> {
    Channels::from_toml(text).map_err(|errors| {
        let text = errors.to_string();
        assert!(!text.contains(CANARY), "{text}");
        let told = errors.0.iter();
        told.map(|problem| format!("{} {}", problem.target, problem.field))
            .collect()
    })
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Every kind, and a folder with what they name.
fn good() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let secret = file(
        folder.path(),
        "hook",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
    );
    let url = format!("http://127.0.0.1:7000/services/{CANARY}\n");
    let url = file(folder.path(), "url", &url);
    let password = file(folder.path(), "password", CANARY);
    let key = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\n";
    let key = file(folder.path(), "push.key", key);
    let text = format!(
        r#"
[[channel]]
name = "pager"
kind = "webhook"
url = "http://127.0.0.1:7000/hook?source=gate"
secret_file = "{}"
kinds = ["asked", "escalated"]
teams = ["payments"]
tiers_at_least = "red"

[[channel]]
name = "chat"
kind = "chat"
url_file = "{}"
timeout_seconds = 5

[[channel]]
name = "mail"
kind = "mail"
server = "localhost:25"
tls = "none"
from = "Gatehold <gate@acme.example>"
username = "gate"
password_file = "{}"
people = {{ "priya@login.acme.example" = "priya@acme.example" }}

[[channel]]
name = "browsers"
kind = "push"
key_file = "{}"
contact = "mailto:ops@acme.example"
hosts = ["127.0.0.1"]
"#,
        secret.display(),
        url.display(),
        password.display(),
        key.display()
    );
    (folder, text)
}

#[test]
fn a_whole_file_is_read_and_prints_no_secret() {
    let (_folder, text) = good();
    let channels = read(&text).unwrap();
    let described = channels.described();
    let servers: Vec<&str> = described.iter().map(|one| one.server.as_str()).collect();
    assert_eq!(
        servers,
        [
            "http://127.0.0.1:7000",
            "http://127.0.0.1:7000",
            "localhost:25",
            "127.0.0.1"
        ]
    );
    assert_eq!(described[0].kinds, ["asked", "escalated"]);
    assert_eq!(described[0].tiers_at_least, Some(Tier::Red));
    let people = described[2].people.as_ref().unwrap();
    assert_eq!(people.len(), 1);
    let printed = format!("{channels:?} {described:?}");
    assert!(
        !printed.contains(CANARY) && !printed.contains("MfKQ9") && !printed.contains("yfWPiYE"),
        "{printed}"
    );
    assert!(read("").unwrap().is_empty());
    let rules = channels.push().unwrap();
    assert_eq!(rules.services.names(), ["127.0.0.1"]);
    assert!(rules.public_key.starts_with("BP4z9KsN6nGRTbVYI_c7VJSP"));
    assert!(read("").unwrap().push().is_none());
}

#[test]
fn every_mistake_is_told_at_once_by_channel_and_field() {
    let (_folder, text) = good();
    for (from, to, told) in [
        ("name = \"chat\"", "name = \"pager\"", "pager name"),
        ("name = \"chat\"", "name = \"Chat room\"", "Chat room name"),
        ("name = \"chat\"\n", "", "number 2 name"),
        ("kind = \"chat\"", "kind = \"sms\"", "chat kind"),
        ("kind = \"chat\"\n", "", "chat kind"),
        ("\"asked\"", "\"approved\"", "pager kinds"),
        ("\"payments\"", "\"pay\\nments\"", "pager teams"),
        ("\"red\"", "\"purple\"", "pager tiers_at_least"),
        (
            "timeout_seconds = 5",
            "timeout_seconds = 31",
            "chat timeout_seconds",
        ),
        (
            "timeout_seconds = 5",
            "timeout_seconds = 0",
            "chat timeout_seconds",
        ),
        (
            "http://127.0.0.1:7000/hook",
            "http://hooks.example/hook",
            "pager url",
        ),
        (
            "http://127.0.0.1:7000/hook",
            "https://127.0.0.1:7000/hook",
            "pager url",
        ),
        (
            "http://127.0.0.1:7000/hook",
            "http://a:b@127.0.0.1/hook",
            "pager url",
        ),
        (
            "http://127.0.0.1:7000/hook",
            "ftp://127.0.0.1/hook",
            "pager url",
        ),
        ("?source=gate", "#x", "pager url"),
        (
            "kind = \"webhook\"",
            "kind = \"webhook\"\nto = \"x\"",
            "pager fields",
        ),
        ("localhost:25", "mail.example:25", "mail tls"),
        ("localhost:25", "localhost", "mail server"),
        ("localhost:25", "local host:25", "mail server"),
        ("tls = \"none\"", "tls = \"maybe\"", "mail tls"),
        ("tls = \"none\"", "tls = \"starttls\"", "mail tls_roots"),
        (
            "tls = \"none\"",
            "tls = \"none\"\ntls_roots = \"/x.pem\"",
            "mail tls_roots",
        ),
        ("<gate@acme.example>", "", "mail from"),
        ("username = \"gate\"\n", "", "mail username"),
        (
            "\"priya@login.acme.example\" =",
            "\"priya\" =",
            "mail people",
        ),
        (
            "\"priya@acme.example\"",
            "\"priya@acme.example\\r\\nBcc: eve@evil.example\"",
            "mail people",
        ),
        (
            "{ \"priya@login.acme.example\" = \"priya@acme.example\" }",
            "{}",
            "mail people",
        ),
        ("push.key\"", "url\"", "browsers key_file"),
        ("push.key\"", "none\"", "browsers key_file"),
        ("mailto:", "", "browsers contact"),
        ("mailto:ops", "mailto:o p s", "browsers contact"),
        ("[\"127.0.0.1\"]", "[]", "browsers hosts"),
        ("[\"127.0.0.1\"]", "[\"10.0.0.1\"]", "browsers hosts"),
        ("[\"127.0.0.1\"]", "[\"*\"]", "browsers hosts"),
        ("hosts = [\"127.0.0.1\"]", "", "browsers tls_roots"),
        ("hosts =", "host =", "browsers fields"),
        (
            "[\"127.0.0.1\"]",
            "[\"127.0.0.1\"]\nurl = \"x\"",
            "browsers fields",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let broken = text.replacen(from, to, 1);
        let errors = read(&broken).map(drop).unwrap_err();
        assert_eq!(errors, [told], "{from} -> {to}");
    }
    let (_, push) = text.split_at(text.rfind("[[channel]]").unwrap());
    let twice = format!("{text}{}", push.replace("\"browsers\"", "\"again\""));
    assert_eq!(read(&twice).map(drop).unwrap_err(), ["again kind"]);
    let broken = text
        .replace("\"asked\"", "\"x\"")
        .replace("localhost:25", "y")
        .replace("tls = \"none\"", "tls = \"z\"");
    assert_eq!(
        read(&broken).map(drop).unwrap_err(),
        ["pager kinds", "mail server", "mail tls"]
    );
    assert_eq!(
        read("[[channels]]").map(drop).unwrap_err(),
        ["all channels"]
    );
    let many = "[[channel]]\nname = \"a\"\nkind = \"chat\"\n".repeat(CHANNELS_MAX + 1);
    assert_eq!(read(&many).map(drop).unwrap_err(), ["all channels"]);
}

#[test]
fn secrets_are_files_of_their_owner_in_their_form() {
    let (folder, text) = good();
    let (_own, canary) = secret_file();
    let canary = canary.display().to_string();
    let open = folder.path().join("open");
    std::fs::write(&open, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let hook = folder.path().join("hook").display().to_string();
    for to in [
        canary.as_str(),
        "/nonexistent",
        "hook",
        &open.display().to_string(),
    ] {
        let broken = text.replace(&hook, to);
        assert_eq!(
            read(&broken).map(drop).unwrap_err(),
            ["pager secret_file"],
            "{to}"
        );
    }
    let url = folder.path().join("url").display().to_string();
    let broken = text.replace(&url, &canary);
    assert_eq!(read(&broken).map(drop).unwrap_err(), ["chat url_file"]);
}

/// The page of reference, beside what reads it.
#[test]
fn the_page_is_read_as_it_stands() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/channels.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    let block = |number: usize, language: &str| {
        let fence = format!("```{language}\n");
        let rest = page.split(&fence).nth(number).unwrap();
        rest.split("```").next().unwrap().to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let roots = rcgen::generate_simple_self_signed(vec!["mail.acme.example".to_owned()]).unwrap();
    let mut channels = block(1, "toml");
    for (named, text) in [
        (
            "/etc/gatehold/pager.secret",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        ),
        (
            "/etc/gatehold/payments-room.url",
            "https://chat.acme.example/hooks/x".to_owned(),
        ),
        ("/etc/gatehold/mail.password", "x".to_owned()),
        (
            "/etc/gatehold/push.key",
            "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw".to_owned(),
        ),
        ("/etc/ssl/certs/ca-certificates.crt", roots.cert.pem()),
    ] {
        let name = named.rsplit('/').next().unwrap();
        let path = file(folder.path(), name, &text).display().to_string();
        channels = channels.replace(named, &path);
    }
    let read = read(&channels).unwrap().described();
    assert_eq!(read.len(), 4);
    assert_eq!(read[3].kind, "push");
    assert!(read[3].server.contains("web.push.apple.com"));
    assert_eq!(read[2].people.as_ref().unwrap().len(), 2);

    let on_call = file(folder.path(), "on-call.toml", &block(2, "toml"));
    file(
        folder.path(),
        "security.ics",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:tomas on call\nDTSTART:20261101T000000Z\nDTEND:20261130T000000Z\nEND:VEVENT\nEND:VCALENDAR\n",
    );
    let now = gatehold_core::time::Timestamp::from_millis(1_795_385_580_000);
    let roster = crate::OnCall::look(&on_call, now);
    for (team, subject) in [("payments", "tomas"), ("security", "tomas")] {
        let people = roster.of(&team.parse().unwrap()).unwrap();
        let subjects: Vec<&str> = people.iter().map(HumanId::subject).collect();
        assert_eq!(subjects, [subject], "{team}");
    }
}
