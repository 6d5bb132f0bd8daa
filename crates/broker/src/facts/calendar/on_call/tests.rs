//! Schedules as files on a disk, asked at times that matter: handovers, changes of the clock, overrides, the end of a list.

use super::*;

const FILE: &str = r#"
[[schedule]]
team = "payments"
zone = "Europe/Berlin"
until = 2027-01-01
rotation = { from = 2026-10-05T09:00:00, every = "week", people = ["ann@acme.example", "bob@acme.example", "cem@acme.example"] }

[[schedule.override]]
from = 2026-11-24T09:00:00
to = 2026-11-25T09:00:00
people = ["dee@acme.example"]

[[schedule]]
team = "security"
zone = "UTC"
until = 2027-01-01
ics = ["security.ics"]

[people]
"Ann.N@acme.example" = "ann@acme.example"
"Bob on call" = "bob@acme.example"
"#;

const ICS: &str = "BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
SUMMARY:Security on call
ATTENDEE;CN=\"N., Ann\":MAILTO:ann.n@acme.example
ATTENDEE;PARTSTAT=DECLINED:mailto:ann.n@acme.example
ATTENDEE:mailto:list@acme.example
DTSTART:20261123T000000Z
DTEND:20261124T000000Z
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:bob on call
DTSTART:20261124T000000Z
DTEND:20261125T000000Z
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:Somebody
DTSTART:20261126T000000Z
DTEND:20261127T000000Z
END:VEVENT
END:VCALENDAR
";

fn folder(toml: &str, ics: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("on-call.toml"), toml).unwrap();
    std::fs::write(folder.path().join("security.ics"), ics).unwrap();
    folder
}

fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(at.as_millisecond())
}

/// Subjects of those who are on call, or `?`.
fn who(folder: &Path, team: &str, now: &str) -> String {
    let roster = OnCall::look(&folder.join("on-call.toml"), at(now));
    let people = roster.of(&team.parse().unwrap());
    people.map_or("?".to_owned(), |people| {
        let subjects: Vec<&str> = people.iter().map(HumanId::subject).collect();
        subjects.join(" ")
    })
}

#[test]
fn turns_change_by_the_clock_on_the_wall_and_overrides_stand_above_them() {
    let folder = folder(FILE, ICS);
    for (now, wanted) in [
        // Berlin is two hours ahead of UTC in summer, one in winter: a turn begins at nine in both.
        ("2026-10-05T06:59:59Z", "?"),
        ("2026-10-05T07:00:00Z", "ann"),
        ("2026-10-12T06:59:59Z", "ann"),
        ("2026-10-12T07:00:00Z", "bob"),
        ("2026-10-26T07:59:59Z", "cem"),
        ("2026-10-26T08:00:00Z", "ann"),
        ("2026-11-24T07:59:59Z", "bob"),
        ("2026-11-24T08:00:00Z", "dee"),
        ("2026-11-25T07:59:59Z", "dee"),
        ("2026-11-25T08:00:00Z", "bob"),
        ("2026-12-31T22:59:59Z", "ann"),
        ("2026-12-31T23:00:00Z", "?"),
    ] {
        assert_eq!(who(folder.path(), "payments", now), wanted, "{now}");
    }
    assert_eq!(who(folder.path(), "nobodys", "2026-11-23T12:00:00Z"), "?");
}

#[test]
fn events_name_people_by_attendee_or_title() {
    let folder = folder(FILE, ICS);
    for (now, wanted) in [
        ("2026-11-22T23:59:59Z", "?"),
        ("2026-11-23T00:00:00Z", "ann"),
        ("2026-11-24T00:00:00Z", "bob"),
        ("2026-11-25T00:00:00Z", "?"),
        // An event that names nobody we know is not read as nobody.
        ("2026-11-26T00:00:00Z", "?"),
    ] {
        assert_eq!(who(folder.path(), "security", now), wanted, "{now}");
    }
    let roster = OnCall::look(
        &folder.path().join("on-call.toml"),
        at("2026-11-26T00:00:00Z"),
    );
    let why = roster.of(&"security".parse().unwrap()).unwrap_err();
    assert!(why.contains("[people]"), "{why}");
}

#[test]
fn what_cannot_be_read_is_unknown_and_says_why() {
    let now = "2026-11-23T12:00:00Z";
    for (from, to) in [
        ("Europe/Berlin", "Europe/Nowhere"),
        ("\"week\"", "\"month\""),
        ("[[schedule]]", "[[schedules]]"),
        ("from = 2026-10-05T09:00:00", "from = 2026-10-05T09:00:00Z"),
        ("until = 2027-01-01\nrotation", "rotation"),
        (
            "\"ann@acme.example\", \"bob@acme.example\", \"cem@acme.example\"",
            "",
        ),
        ("people = [\"dee@acme.example\"]", "people = []"),
        ("to = 2026-11-25T09:00:00", "to = 2026-11-24T09:00:00"),
        ("team = \"security\"", "team = \"payments\""),
        ("ics = [\"security.ics\"]", ""),
        ("\"ann@acme.example\"", "\"ann\""),
    ] {
        assert!(FILE.contains(from), "{from}");
        let broken = folder(&FILE.replacen(from, to, 1), ICS);
        let roster = OnCall::look(&broken.path().join("on-call.toml"), at(now));
        assert!(roster.0.is_err(), "{from} -> {to}: {roster:?}");
        assert_eq!(who(broken.path(), "payments", now), "?", "{from} -> {to}");
    }
    // One team's broken calendar is not another's, and an override above it is known.
    let broken = folder(FILE, "BEGIN:VCALENDAR\n");
    assert_eq!(who(broken.path(), "payments", now), "bob");
    assert_eq!(who(broken.path(), "security", now), "?");
    let empty = tempfile::tempdir().unwrap();
    assert!(
        OnCall::look(&empty.path().join("on-call.toml"), at(now))
            .0
            .is_err()
    );
}

#[tokio::test]
async fn a_file_is_read_again_after_a_minute() {
    let folder = folder(FILE, ICS);
    let file = folder.path().join("on-call.toml");
    let on_call = OnCall::new(file.clone());
    let team: TeamId = "payments".parse().unwrap();
    let start = at("2026-11-23T12:00:00Z");
    let ask = async |seconds: u32| {
        let roster = on_call.at(start.plus_seconds(seconds)).await;
        roster.of(&team).map(BTreeSet::len).unwrap_or_default()
    };
    assert_eq!(ask(0).await, 1);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ask(59).await, 1);
    // With which schedule says so, and how old that is; of a team without one it is said that nobody knows.
    let teams = [team.clone(), "auditors".parse().unwrap()].into();
    let told = on_call.of(&teams, start.plus_seconds(59)).await;
    let [auditors, payments] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(payments.told.answer.as_ref().map(BTreeSet::len), Ok(1));
    assert_eq!(payments.told.from, "schedule `on-call.toml`");
    assert_eq!(payments.told.age_seconds, 59);
    assert_eq!(
        auditors.told.answer,
        Err("it has no schedule".to_owned()),
        "{auditors:?}"
    );
    assert_eq!(ask(60).await, 0, "what is gone is unknown");
    std::fs::write(&file, FILE).unwrap();
    assert_eq!(ask(120).await, 1);
}
