//! Calendars as files on a disk, asked at times that matter: ends of hours, changes of the clock, the end of a list.

use std::path::Path;

use gatehold_core::effect::Environment;
use gatehold_core::known::Known;
use gatehold_gate::ports::facts::{Flag, Moment, Told};

use super::Calendars;
use crate::facts::testing::Asked;

const BERLIN: &str = r#"
[[calendar]]
name = "berlin"
zone = "Europe/Berlin"
owners = ["tomas@login.acme.example"]
weekend = ["saturday", "sunday"]
hours = [
  { days = ["monday", "tuesday", "wednesday", "thursday"], from = "08:00", to = "18:00" },
  { days = ["friday"], from = "08:00", to = "24:00" },
]

[calendar.holidays]
until = 2027-01-01
days = [{ date = 2026-12-25, name = "Christmas Day" }]

[freezes]
zone = "Europe/Berlin"
until = 2027-06-01

[[freezes.window]]
name = "year end"
from = 2026-12-20T00:00:00
to = 2027-01-04T06:00:00
"#;

fn folder(toml: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("calendar.toml"), toml).unwrap();
    folder
}

async fn ask(folder: &Path, asked: &Asked, at: &str) -> Moment {
    let calendars = Calendars::new(folder.join("calendar.toml"));
    calendars.moment(&asked.at(at)).await
}

/// Outside hours, weekend, holiday, freeze: `y`, `n`, or `?` for unknown.
fn letters(moment: &Moment) -> String {
    let letter = |told: &Told<Flag>| match &told.answer {
        Ok(flag) if flag.set => 'y',
        Ok(_) => 'n',
        Err(_) => '?',
    };
    [
        &moment.outside_hours,
        &moment.weekend,
        &moment.holiday,
        &moment.change_freeze,
    ]
    .map(letter)
    .iter()
    .collect()
}

#[tokio::test]
async fn the_owners_own_clock_counts() {
    let folder = folder(BERLIN);
    for (at, letters_wanted) in [
        // Berlin is an hour ahead of UTC in winter, two in summer.
        ("2026-11-23T06:59:59Z", "ynnn"),
        ("2026-11-23T07:00:00Z", "nnnn"),
        ("2026-11-23T16:59:59Z", "nnnn"),
        ("2026-11-23T17:00:00Z", "ynnn"),
        ("2026-07-06T06:00:00Z", "nnnn"),
        ("2026-07-06T16:00:00Z", "ynnn"),
        // Friday lasts until midnight, which is Saturday in no other place.
        ("2026-11-27T22:59:59Z", "nnnn"),
        ("2026-11-27T23:00:00Z", "yynn"),
        // The holiday is a day of Berlin, and the freeze begins and ends by its clock.
        ("2026-12-24T22:59:59Z", "ynny"),
        ("2026-12-24T23:00:00Z", "ynyy"),
        ("2026-12-25T22:59:59Z", "nnyy"),
        ("2026-12-25T23:00:00Z", "yyny"),
        ("2026-12-19T22:59:59Z", "yynn"),
        ("2026-12-19T23:00:00Z", "yyny"),
        // After its end nobody knows of holidays; of freezes until a later one.
        ("2026-12-31T22:59:59Z", "ynny"),
        ("2026-12-31T23:00:00Z", "yn?y"),
        ("2027-01-04T04:59:59Z", "yn?y"),
        ("2027-01-04T05:00:00Z", "yn?n"),
        ("2027-05-31T22:00:00Z", "yn??"),
    ] {
        let moment = ask(folder.path(), &Asked::new(), at).await;
        assert_eq!(letters(&moment), letters_wanted, "{at}");
    }
    let moment = ask(folder.path(), &Asked::new(), "2026-12-25T23:00:00Z").await;
    let freeze = moment.change_freeze.answer.unwrap().detail;
    assert_eq!(freeze, "year end, until 2027-01-04 06:00 Europe/Berlin");
    let hours = moment.outside_hours;
    assert_eq!(hours.from, "calendar `berlin`");
    assert_eq!(hours.answer.unwrap().detail, "Saturday 00:00 Europe/Berlin");
}

#[tokio::test]
async fn a_missing_or_broken_file_is_unknown_and_never_false() {
    let empty = tempfile::tempdir().unwrap();
    let ordinary = "2026-11-23T10:00:00Z";
    let asked = Asked::new();
    assert_eq!(letters(&ask(empty.path(), &asked, ordinary).await), "????");
    assert_eq!(
        letters(&ask(folder(BERLIN).path(), &asked, ordinary).await),
        "nnnn"
    );
    for (from, to) in [
        (
            "zone = \"Europe/Berlin\"\nowners",
            "zone = \"Europe/Nowhere\"\nowners",
        ),
        ("[[calendar]]", "[[calendars]]"),
        ("\"18:00\"", "\"25:00\""),
        ("\"18:00\"", "\"07:00\""),
        ("\"18:00\"", "\"18\""),
        ("\"sunday\"", "\"someday\""),
        ("2026-12-25,", "2026-12-25T00:00:00,"),
        ("until = 2027-01-01", "until = \"2027\""),
        ("until = 2027-01-01\n", ""),
        ("from = 2026-12-20T00:00:00", "from = 2026-12-20T00:00:00Z"),
        ("from = 2026-12-20", "from = 2028-12-20"),
        ("owners = [\"tomas@login.acme.example\"]\n", ""),
        ("[freezes]", "[freezes"),
        ("name = \"berlin\"", "name = \"\""),
        ("weekend", "weekends"),
    ] {
        assert!(BERLIN.contains(from), "{from}");
        let broken = folder(&BERLIN.replacen(from, to, 1));
        let moment = ask(broken.path(), &asked, ordinary).await;
        assert_eq!(letters(&moment), "????", "{from} -> {to}");
        let now = gatehold_core::time::Timestamp::from_millis(1_795_428_000_000);
        assert!(Calendars::check(&broken.path().join("calendar.toml"), now).is_err());
    }
    let huge = folder(&format!("{BERLIN}\n#{}", "x".repeat(300_000)));
    assert_eq!(letters(&ask(huge.path(), &asked, ordinary).await), "????");
    let no_file = tempfile::tempdir().unwrap();
    std::fs::create_dir(no_file.path().join("calendar.toml")).unwrap();
    assert_eq!(
        letters(&ask(no_file.path(), &asked, ordinary).await),
        "????"
    );
}

#[tokio::test]
async fn what_is_not_said_is_unknown() {
    let toml = "[[calendar]]\nname = \"a\"\nzone = \"UTC\"\ndefault = true\n";
    let moment = ask(folder(toml).path(), &Asked::new(), "2026-11-23T10:00:00Z").await;
    assert_eq!(letters(&moment), "????");
    // An owner without a calendar, and no default: only freezes are everybody's.
    let mut other = Asked::new();
    other.owner = "else@login.acme.example".parse().unwrap();
    let moment = ask(folder(BERLIN).path(), &other, "2026-12-23T10:00:00Z").await;
    assert_eq!(letters(&moment), "???y");
    let with_default = format!(
        "{BERLIN}\n[[calendar]]\nname = \"rest\"\nzone = \"Asia/Tokyo\"\ndefault = true\nweekend = [\"friday\"]\n"
    );
    let moment = ask(folder(&with_default).path(), &other, "2026-11-26T20:00:00Z").await;
    assert_eq!(letters(&moment), "?y?n");
    let two = with_default.replace("default = true", "owners = [\"tomas@login.acme.example\"]");
    let moment = ask(folder(&two).path(), &other, "2026-11-26T20:00:00Z").await;
    assert_eq!(letters(&moment), "????");
}

#[tokio::test]
async fn a_freeze_is_about_what_it_names() {
    let scoped = format!("{BERLIN}environments = [\"production\"]\n");
    let folder = folder(&scoped);
    let frozen = "2026-12-22T10:00:00Z";
    let mut asked = Asked::new();
    // Whether it is about this resource is unknown, as its environment is.
    assert_eq!(letters(&ask(folder.path(), &asked, frozen).await), "nnn?");
    asked.resource.environment = Known::some(Environment::Staging);
    assert_eq!(letters(&ask(folder.path(), &asked, frozen).await), "nnnn");
    asked.resource.environment = Known::some(Environment::Production);
    assert_eq!(letters(&ask(folder.path(), &asked, frozen).await), "nnny");
    for (more, letters_wanted) in [
        ("targets = [\"sql:shop\"]", "nnny"),
        ("targets = [\"sql:else\"]", "nnnn"),
        ("resources = [\"shop/\"]", "nnny"),
        ("resources = [\"hr/\"]", "nnnn"),
        ("targets = [\"sql:else\"]\nresources = [\"shop/\"]", "nnnn"),
    ] {
        let folder = self::folder(&format!("{scoped}{more}\n"));
        assert_eq!(
            letters(&ask(folder.path(), &asked, frozen).await),
            letters_wanted,
            "{more}"
        );
    }
}

const FREEZE_ICS: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Release week\r\nDTSTART;TZID=Europe/Berlin:20261123T090000\r\nDTEND;TZID=Europe/Berlin:20261123T120000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[tokio::test]
async fn icalendar_files_stand_beside_and_one_that_is_broken_leaves_only_what_is_certain() {
    let toml = format!("{BERLIN}\n[[freezes.ics]]\nfile = \"freezes.ics\"\n")
        .replace("days = [{ date", "ics = [\"days.ics\"]\ndays = [{ date");
    let folder = folder(&toml);
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let day = FREEZE_ICS.replace(
        "DTSTART;TZID=Europe/Berlin:20261123T090000",
        "DTSTART;VALUE=DATE:20261124",
    );
    let day = day.replace("DTEND;TZID=Europe/Berlin:20261123T120000\r\n", "");
    put("days.ics", &day);
    put("freezes.ics", FREEZE_ICS);
    let asked = Asked::new();
    let at = async |at: &str| letters(&ask(folder.path(), &asked, at).await);
    assert_eq!(at("2026-11-23T08:30:00Z").await, "nnny");
    assert_eq!(at("2026-11-23T11:30:00Z").await, "nnnn");
    assert_eq!(at("2026-11-24T11:30:00Z").await, "nnyn");
    put("freezes.ics", &FREEZE_ICS.replace("END:VCALENDAR\r\n", ""));
    assert_eq!(at("2026-11-23T11:30:00Z").await, "nnn?");
    // The freeze that the other file says is in force whatever this one would have said.
    assert_eq!(at("2026-12-22T10:00:00Z").await, "nnny");
    std::fs::remove_file(folder.path().join("days.ics")).unwrap();
    assert_eq!(at("2026-11-24T11:30:00Z").await, "nn??");
    assert_eq!(at("2026-12-25T11:30:00Z").await, "nnyy");
}

#[tokio::test]
async fn a_file_is_read_again_after_a_minute_of_the_stores_clock() {
    let folder = folder(BERLIN);
    let path = folder.path().join("calendar.toml");
    let calendars = Calendars::new(path.clone());
    let asked = Asked::new();
    let first = calendars.moment(&asked.at("2026-11-23T10:00:00Z")).await;
    assert_eq!(
        (letters(&first).as_str(), first.weekend.age_seconds),
        ("nnnn", 0)
    );
    std::fs::write(&path, BERLIN.replace("\"saturday\"", "\"monday\"")).unwrap();
    let kept = calendars.moment(&asked.at("2026-11-23T10:00:59Z")).await;
    assert_eq!(
        (letters(&kept).as_str(), kept.weekend.age_seconds),
        ("nnnn", 59)
    );
    let again = calendars.moment(&asked.at("2026-11-23T10:01:00Z")).await;
    assert_eq!(
        (letters(&again).as_str(), again.weekend.age_seconds),
        ("nynn", 0)
    );
    std::fs::remove_file(&path).unwrap();
    let gone = calendars.moment(&asked.at("2026-11-23T10:02:00Z")).await;
    assert_eq!(letters(&gone), "????");
}
