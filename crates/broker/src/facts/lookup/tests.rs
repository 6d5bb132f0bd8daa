//! A look-up against a real server on this machine: a friendly one, and every kind of hostile one.

use gatehold_core::view::Source;

use super::*;
use crate::facts::testing::Asked;
use crate::testing::listener::{Manner, Upstream};
use crate::testing::{CANARY, secret_file};

const NOW: &str = "2026-11-23T10:00:00Z";
const OPEN: &str = r#"{"id": "INC-42", "state": "open", "severity": 2, "major": true, "resources": ["hr/", "shop/orders"]}"#;

fn toml(port: u16, more: &str) -> String {
    format!(
        r#"
[[lookup]]
recipe = "lookup.incident"
url = "http://127.0.0.1:{port}/api/incidents/{{claim.incident}}"
private = true
{more}
assert = [
  {{ pointer = "/id", equals = "{{claim.incident}}" }},
  {{ pointer = "/state", equals = "open" }},
  {{ pointer = "/resources", contains_resource = true }},
]
"#
    )
}

fn lookups(toml: &str) -> Lookups {
    Lookups::from_toml(toml, &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

fn http(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn json(body: &str) -> Manner {
    Manner::Answer(http("200 OK\r\ncontent-type: application/json", body))
}

/// `VERIFIED yes…`, `VERIFIED no…` or `UNKNOWN why`.
async fn ask(lookups: &Lookups, asked: &Asked, at: &str) -> String {
    let told = lookups.answer(&asked.at(at)).await.remove("incident");
    let told = told.unwrap();
    assert_eq!(told.from, "look-up `lookup.incident`");
    let text = match told.answer {
        Ok(found) => {
            let yes = found.value == TypedValue::Bool(true);
            assert!(found.detail.starts_with(if yes { "yes" } else { "no" }));
            format!(
                "{:?} {} ({} s)",
                Source::Verified,
                found.detail,
                told.age_seconds
            )
        }
        Err(why) => format!("{:?} {why}", Source::Unknown),
    };
    assert!(!text.contains(CANARY), "{text}");
    text
}

async fn told_by(manner: Manner) -> (String, Upstream) {
    let upstream = Upstream::start(manner).await;
    let lookups = lookups(&toml(upstream.port, ""));
    let asked = Asked::claiming("incident", "INC-42");
    (ask(&lookups, &asked, NOW).await, upstream)
}

#[tokio::test]
async fn an_answer_that_says_all_of_it_is_verified_and_one_that_does_not_is_a_no() {
    let (told, upstream) = told_by(json(OPEN)).await;
    assert_eq!(told, "Verified yes: INC-42 (0 s)");
    let requests = upstream.requests();
    assert!(
        requests[0].starts_with("GET /api/incidents/INC-42 HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(requests[0].contains("\r\naccept: application/json\r\n"));
    for (from, to, refuted) in [
        ("\"open\"", "\"closed\"", "no: INC-42; `/state` is another"),
        ("INC-42", "INC-43", "no: INC-42; `/id` is another"),
        (
            "shop/orders",
            "shop/ordersx",
            "`/resources` does not name this resource",
        ),
        (
            "shop/orders",
            "shop",
            "`/resources` does not name this resource",
        ),
        (
            "[\"hr/\", \"shop/orders\"]",
            "[]",
            "`/resources` does not name this resource",
        ),
    ] {
        let (told, _) = told_by(json(&OPEN.replace(from, to))).await;
        assert!(
            told.starts_with("Verified no") && told.contains(refuted),
            "{to}: {told}"
        );
    }
    for prefix in ["[\"shop/\"]", "\"shop/orders\"", "\"shop/\""] {
        let (told, _) = told_by(json(&OPEN.replace("[\"hr/\", \"shop/orders\"]", prefix))).await;
        assert!(told.starts_with("Verified yes"), "{prefix}: {told}");
    }
}

#[tokio::test]
async fn an_answer_of_another_form_is_unknown() {
    for (from, to) in [
        ("\"state\": \"open\", ", ""),
        ("\"open\"", "1"),
        ("\"open\"", "null"),
        ("\"open\"", "[\"open\"]"),
        ("[\"hr/\", \"shop/orders\"]", "{}"),
        ("[\"hr/\", \"shop/orders\"]", "[\"shop/orders\", 1]"),
        ("\"state\"", "\"state\": \"open\", \"state\""),
        ("}", "} trailing"),
        ("{", ""),
        ("\"severity\": 2", "\"severity\": 2."),
    ] {
        let (told, _) = told_by(json(&OPEN.replacen(from, to, 1))).await;
        assert!(told.starts_with("Unknown"), "{to}: {told}");
    }
    for garbage in ["", "null", "[]", "\u{0}", "<html>", "{\"id\":"] {
        let (told, _) = told_by(json(garbage)).await;
        assert!(told.starts_with("Unknown"), "{garbage}: {told}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(told_by(json(&deep)).await.0.starts_with("Unknown"));
}

#[tokio::test]
async fn a_hostile_server_is_unknown_and_nothing_else() {
    let ok = "200 OK\r\ncontent-type: application/json";
    let big = format!("{{\"id\": \"{}\"}}", "x".repeat(200_000));
    let endless = format!("HTTP/1.1 {ok}\r\ntransfer-encoding: chunked\r\n\r\n");
    let endless = endless + &format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(100);
    for (name, manner, why) in [
        ("huge", Manner::Answer(http(ok, &big)), "too large"),
        ("endless", Manner::Answer(endless.into_bytes()), "too large"),
        (
            "announced",
            Manner::Answer(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n{}".to_vec()),
            "too large, or cannot be read whole",
        ),
        ("type", Manner::Answer(http("200 OK\r\ncontent-type: text/html", OPEN)), "not JSON by its type"),
        ("no type", Manner::Answer(http("200 OK", OPEN)), "not JSON by its type"),
        (
            "packed",
            Manner::Answer(http(&format!("{ok}\r\ncontent-encoding: gzip"), OPEN)),
            "cannot be read whole",
        ),
        ("not found", Manner::Answer(http("404 Not Found\r\ncontent-type: application/json", OPEN)), "it answered 404"),
        ("broken", Manner::Answer(http("500 Oops\r\ncontent-type: application/json", OPEN)), "it answered 500"),
        ("partial", Manner::Answer(http("206 Partial\r\ncontent-type: application/json", OPEN)), "it answered 206"),
        ("closed", Manner::Close, ""),
        ("no http", Manner::Answer(b"SSH-2.0-OpenSSH\r\n".to_vec()), ""),
        ("headers", Manner::Answer(format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(5_000)).into_bytes()), ""),
    ] {
        let (told, upstream) = told_by(manner).await;
        assert!(told.starts_with("Unknown") && told.contains(why), "{name}: {told}");
        assert_eq!(upstream.accepted(), 1, "{name}");
    }
}

#[tokio::test]
async fn nobody_follows_a_redirect() {
    let elsewhere = Upstream::start(json(OPEN)).await;
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!(
            "{status}\r\nlocation: http://127.0.0.1:{}/x",
            elsewhere.port
        );
        let (told, upstream) = told_by(Manner::Answer(http(&location, OPEN))).await;
        assert!(told.contains("points elsewhere"), "{told}");
        assert_eq!(upstream.accepted(), 1);
    }
    assert_eq!(elsewhere.accepted(), 0);
}

#[tokio::test]
async fn a_server_that_takes_its_time_is_not_waited_for() {
    for manner in [
        Manner::Silence,
        Manner::Linger(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"
                .to_vec(),
        ),
    ] {
        let upstream = Upstream::start(manner).await;
        let mut lookups = lookups(&toml(upstream.port, ""));
        for lookup in lookups.systems.values_mut() {
            lookup.timeout = Duration::from_millis(50);
        }
        let asked = Asked::claiming("incident", "INC-42");
        let told = ask(&lookups, &asked, NOW).await;
        assert_eq!(told, "Unknown there was no answer in time");
    }
}

#[tokio::test]
async fn a_private_address_is_reached_only_where_that_is_configured() {
    let upstream = Upstream::start(json(OPEN)).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let toml = toml(upstream.port, "plaintext = true")
            .replace("private = true\n", "")
            .replace("127.0.0.1", host);
        let asked = Asked::claiming("incident", "INC-42");
        let told = ask(&lookups(&toml), &asked, NOW).await;
        assert!(told.contains("private address"), "{host}: {told}");
    }
    assert_eq!(upstream.accepted(), 0);
}

#[tokio::test]
async fn nothing_is_asked_without_an_identifier_that_fits() {
    let upstream = Upstream::start(json(OPEN)).await;
    let lookups = lookups(&toml(upstream.port, ""));
    assert!(
        ask(&lookups, &Asked::new(), NOW)
            .await
            .contains("claims no `incident`")
    );
    let long = "x".repeat(257);
    for identifier in [
        "",
        ".",
        "..",
        "../admin",
        "a/b",
        "a\\b",
        "a%2fb",
        "a?b",
        "a#b",
        "a;b",
        "a\r\nb",
        "a\u{0}b",
        "\u{202e}a",
        "a\u{200b}b",
        &long,
    ] {
        let asked = Asked::claiming("incident", identifier);
        let told = ask(&lookups, &asked, NOW).await;
        assert!(told.starts_with("Unknown"), "{identifier:?}: {told}");
        assert!(identifier.len() < 3 || !told.contains(identifier), "{told}");
    }
    assert_eq!(upstream.accepted(), 0);
    // What is no path separator is encoded, and not shown because it may be words.
    let asked = Asked::claiming("incident", "a b&c=d@é");
    let told = ask(&lookups, &asked, NOW).await;
    assert_eq!(told, "Verified no: …; `/id` is another (0 s)");
    let request = upstream.requests().remove(0);
    assert!(
        request.starts_with("GET /api/incidents/a%20b%26c%3Dd%40%C3%A9 HTTP/1.1\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn identifiers_stay_within_their_value_of_the_query() {
    let upstream = Upstream::start(json(OPEN)).await;
    let toml = toml(
        upstream.port,
        "query = { on = \"{resource}\", id = \"x-{claim.incident}\" }",
    )
    .replace("incidents/{claim.incident}", "incidents");
    let asked = Asked::claiming("incident", "1&state=open#?/%");
    ask(&lookups(&toml), &asked, NOW).await;
    let request = upstream.requests().remove(0);
    let wanted =
        "GET /api/incidents?id=x-1%26state%3Dopen%23%3F%2F%25&on=shop%2Forders HTTP/1.1\r\n";
    assert!(request.starts_with(wanted), "{request}");
}

#[tokio::test]
async fn an_answer_is_used_until_it_is_old_and_never_where_something_is_let_out() {
    let upstream = Upstream::start(json(OPEN)).await;
    let lookups = lookups(&toml(upstream.port, "max_age_seconds = 30"));
    let mut asked = Asked::claiming("incident", "INC-42");
    let yes = |age: u32| format!("Verified yes: INC-42 ({age} s)");
    assert_eq!(ask(&lookups, &asked, "2026-11-23T10:00:00Z").await, yes(0));
    assert_eq!(ask(&lookups, &asked, "2026-11-23T10:00:29Z").await, yes(29));
    assert_eq!(upstream.accepted(), 1);
    assert_eq!(ask(&lookups, &asked, "2026-11-23T10:00:30Z").await, yes(0));
    assert_eq!(upstream.accepted(), 2);
    asked.anew = true;
    assert_eq!(ask(&lookups, &asked, "2026-11-23T10:00:31Z").await, yes(0));
    assert_eq!(upstream.accepted(), 3);
    asked.anew = false;
    // Of another resource, or another claim, nothing is known by that.
    asked.envelope.resource = "shop/other".parse().unwrap();
    assert!(
        ask(&lookups, &asked, "2026-11-23T10:00:32Z")
            .await
            .starts_with("Verified no")
    );
    assert_eq!(upstream.accepted(), 4);
}

#[tokio::test]
async fn its_own_credential_is_sent_and_comes_back_nowhere() {
    let echo = OPEN.replace("\"open\"", &format!("\"{CANARY}\""));
    let upstream = Upstream::start(json(&echo)).await;
    let (_folder, secret) = secret_file();
    let inject = format!(
        "inject = [{{ header = \"authorization\", prefix = \"Bearer \", secret_file = \"{}\" }}]",
        secret.display()
    );
    let lookups = lookups(&toml(upstream.port, &inject));
    let asked = Asked::claiming("incident", "INC-42");
    assert!(ask(&lookups, &asked, NOW).await.starts_with("Unknown"));
    let request = upstream.requests().remove(0);
    assert!(request.contains(&format!("authorization: Bearer {CANARY}")));
    std::fs::remove_file(&secret).unwrap();
    let mut asked = asked;
    asked.anew = true;
    let told = ask(&lookups, &asked, NOW).await;
    assert!(told.starts_with("Unknown it cannot be asked"), "{told}");
}

#[test]
fn every_mistake_of_a_configuration_is_told() {
    let good = toml(7999, "");
    assert_eq!(lookups(&good).len(), 1);
    for (from, to) in [
        ("recipe = \"lookup.incident\"", "recipe = \"\""),
        ("http://127.0.0.1:7999", "ftp://127.0.0.1"),
        ("http://127.0.0.1:7999", "http://{claim.host}"),
        ("http://127.0.0.1:7999", "http://tracker.example"),
        ("http://127.0.0.1:7999", "https://tracker.example"),
        ("http://127.0.0.1:7999", "http://user@127.0.0.1"),
        ("/api/incidents/{claim.incident}", ""),
        (
            "/api/incidents/{claim.incident}",
            "/api?id={claim.incident}",
        ),
        (
            "/api/incidents/{claim.incident}",
            "/api/../{claim.incident}",
        ),
        ("{claim.incident}\"\nprivate", "{claim.incident\"\nprivate"),
        ("{claim.incident}\"\nprivate", "{claimed}\"\nprivate"),
        ("{claim.incident}\"\nprivate", "{claim.}\"\nprivate"),
        ("private = true", "timeout_seconds = 0"),
        ("private = true", "timeout_seconds = 31"),
        ("private = true", "bytes_max = 0"),
        ("private = true", "bytes_max = 2000000"),
        ("private = true", "max_age_seconds = 100000"),
        ("private = true", "follow_redirects = true"),
        ("private = true", "query = { \"a b\" = \"c\" }"),
        ("private = true", "tls_roots = \"/nonexistent\""),
        ("contains_resource = true", "contains_resource = false"),
        (
            "contains_resource = true",
            "exists = true, contains_resource = true",
        ),
        ("equals = \"open\"", "equals = 1.5"),
        ("pointer = \"/state\"", "pointer = \"state\""),
    ] {
        assert!(good.contains(from), "{from}");
        let read = Lookups::from_toml(&good.replacen(from, to, 1), &|_| None);
        assert!(read.is_err(), "{from} -> {to}");
    }
    assert!(Lookups::from_toml(&format!("{good}{good}"), &|_| None).is_err());
    let nothing = good.split("assert").next().unwrap().to_owned() + "assert = []\n";
    assert!(Lookups::from_toml(&nothing, &|_| None).is_err());
}

proptest::proptest! {
    /// Whatever an identifier is, it is refused or stands, whole, in the one segment that is its place.
    #[test]
    fn an_identifier_never_leaves_its_segment(identifier in "\\PC{0,40}|[./\\\\%;?#a-f0-9]{0,12}") {
        let template = Template::parse("/api/incidents/{claim.incident}/state").unwrap();
        let asked = Asked::claiming("incident", &identifier);
        if let Ok(path) = template.path(&asked.at(NOW)) {
            let segments: Vec<&str> = path.split('/').collect();
            let [empty, api, incidents, segment, state] = segments[..] else {
                panic!("{path}");
            };
            assert_eq!((empty, api, incidents, state), ("", "api", "incidents", "state"));
            let mut bytes = Vec::new();
            let mut rest = segment.bytes();
            while let Some(byte) = rest.next() {
                if byte == b'%' {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    let digits = std::str::from_utf8(&digits).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                } else {
                    assert!(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
                    bytes.push(byte);
                }
            }
            assert_eq!(bytes, identifier.as_bytes());
            assert!(segment != "." && segment != ".." && !segment.is_empty());
        }
    }
}

#[tokio::test]
async fn whether_somebody_answers_is_found_by_a_question_of_nobodys() {
    let (_folder, secret) = secret_file();
    let more = format!(
        "inject = [{{ header = \"authorization\", prefix = \"Bearer \", secret_file = \"{}\" }}]",
        secret.display()
    );
    let probed = async |manner: Manner| {
        let upstream = Upstream::start(manner).await;
        let lookups = lookups(&toml(
            upstream.port,
            &format!("timeout_seconds = 1\n{more}"),
        ));
        let mut probed = lookups.probe().await;
        assert_eq!((probed.len(), upstream.requests().len()), (1, 1));
        let request = upstream.requests().remove(0);
        assert!(request.starts_with("GET /api/incidents/gatehold-doctor HTTP/1.1\r\n"));
        assert!(request.contains(CANARY));
        let probed = probed.remove(0);
        assert_eq!(probed.name, "look-up `lookup.incident`");
        assert!(!format!("{probed:?}").contains(CANARY), "{probed:?}");
        probed.answer
    };
    assert!(probed(json(OPEN)).await.is_ok());
    let none = http("404 Not Found", "");
    assert!(probed(Manner::Answer(none)).await.is_ok());
    for (head, wanted) in [
        ("401 Unauthorized", "a credential that it takes"),
        ("503 Service Unavailable", "503"),
        ("302 Found\r\nlocation: /elsewhere", "302"),
    ] {
        let told = probed(Manner::Answer(http(head, ""))).await.unwrap_err();
        assert!(told.contains(wanted), "{head}: {told}");
    }
    assert!(probed(Manner::Silence).await.is_err());
    let gone = Upstream::start(Manner::Silence).await.port;
    let lookups = lookups(&toml(gone, "timeout_seconds = 1"));
    assert!(lookups.probe().await[0].answer.is_err());
}
