//! Files as calendar programs write them, and files that nobody should believe.

use super::*;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// What stands inside of one event.
fn event(inside: &str) -> String {
    let lines = inside.trim().replace('\n', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn around(text: &str, at: &str) -> Result<Vec<Span>, String> {
    let at: Timestamp = at.parse().unwrap();
    let window = Window::around(at.as_millisecond());
    spans(text, &zone(), window, &mut Steps::default())
}

/// Whether an event covers the moment.
fn covers(text: &str, at: &str) -> bool {
    let now: Timestamp = at.parse().unwrap();
    let found = around(text, at).unwrap_or_else(|why| panic!("{why}: {text}"));
    found.iter().any(|span| span.covers(now.as_millisecond()))
}

#[test]
fn an_event_covers_from_its_start_until_before_its_end() {
    for (inside, inside_at, outside_at) in [
        (
            "DTSTART;TZID=Europe/Berlin:20261123T090000\nDTEND;TZID=Europe/Berlin:20261123T100000",
            "2026-11-23T08:59:59Z",
            "2026-11-23T09:00:00Z",
        ),
        (
            "DTSTART:20261123T090000Z\nDTEND:20261123T100000Z",
            "2026-11-23T09:00:00Z",
            "2026-11-23T08:59:59Z",
        ),
        (
            "DTSTART;TZID=\"America/New_York\":20261123T090000\nDURATION:PT1H30M",
            "2026-11-23T15:29:59Z",
            "2026-11-23T15:30:00Z",
        ),
        (
            // Without a zone it is the calendar's own.
            "DTSTART:20261123T090000\nDURATION:P1D",
            "2026-11-24T07:59:59Z",
            "2026-11-24T08:00:00Z",
        ),
        (
            "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227",
            "2026-12-26T22:59:59Z",
            "2026-12-26T23:00:00Z",
        ),
        (
            "DTSTART;VALUE=DATE:20261225",
            "2026-12-24T23:00:00Z",
            "2026-12-24T22:59:59Z",
        ),
        (
            // The night in which the clock goes back has an hour more.
            "DTSTART;VALUE=DATE:20261025",
            "2026-10-25T22:59:59Z",
            "2026-10-25T23:00:00Z",
        ),
        (
            "DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY",
            "2026-12-25T12:00:00Z",
            "2026-12-26T12:00:00Z",
        ),
        (
            // The last weekday of every month, without one that was taken out.
            "DTSTART;TZID=Europe/Berlin:20260130T180000\nDTEND;TZID=Europe/Berlin:20260131T060000\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1\nEXDATE;TZID=Europe/Berlin:20261130T180000",
            "2026-12-31T20:00:00Z",
            "2026-11-30T20:00:00Z",
        ),
        (
            "DTSTART;VALUE=DATE:20260101\nRDATE;VALUE=DATE:20261111,20261123\nEXDATE;VALUE=DATE:20261111",
            "2026-11-23T10:00:00Z",
            "2026-11-11T10:00:00Z",
        ),
        (
            // Across the change of the clock it stays at nine in the morning of its zone.
            "DTSTART;TZID=Europe/Berlin:20260601T090000\nDTEND;TZID=Europe/Berlin:20260601T100000\nRRULE:FREQ=DAILY;UNTIL=20261124T080000Z",
            "2026-11-24T08:30:00Z",
            "2026-11-25T08:30:00Z",
        ),
    ] {
        let text = event(inside);
        assert!(covers(&text, inside_at), "{inside_at} in {inside}");
        assert!(!covers(&text, outside_at), "{outside_at} out of {inside}");
    }
}

#[test]
fn an_instance_that_was_moved_is_where_it_was_moved_to() {
    let weekly = "DTSTART:20261102T090000Z\nDTEND:20261102T100000Z\nRRULE:FREQ=WEEKLY";
    let moved = event(weekly).replace(
        "END:VEVENT\r\n",
        "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID:20261123T090000Z\r\nDTSTART:20261123T130000Z\r\nDTEND:20261123T140000Z\r\nEND:VEVENT\r\n",
    );
    assert!(covers(&event(weekly), "2026-11-23T09:30:00Z"));
    assert!(!covers(&moved, "2026-11-23T09:30:00Z"));
    assert!(covers(&moved, "2026-11-23T13:30:00Z"));
    assert!(covers(&moved, "2026-11-30T09:30:00Z"));
    let nameless = moved.replace("UID:a\r\n", "");
    let error = around(&nameless, "2026-11-23T09:30:00Z").unwrap_err();
    assert!(error.contains("no UID"), "{error}");
    let twice = moved.replace("UID:a\r\n", "UID:a\r\nUID:b\r\n");
    assert!(around(&twice, "2026-11-23T09:30:00Z").is_err());
    let cancelled = moved.replace("RECURRENCE-ID", "STATUS:CANCELLED\r\nRECURRENCE-ID");
    assert!(!covers(&cancelled, "2026-11-23T13:30:00Z"));
    assert!(!covers(&cancelled, "2026-11-23T09:30:00Z"));
}

#[test]
fn what_surrounds_the_events_is_passed_over() {
    let text = event(
        "SUMMARY;LANGUAGE=de:Tag der \\, Arbeit\\nund mehr\nX-THING;A=\"x;y:z\":1\nDTSTART;VALUE=DATE:20261123\nBEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT15M\nEND:VALARM",
    )
    .replace(
        "BEGIN:VEVENT",
        "X-WR-CALNAME:Days\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VJOURNAL\r\nDTSTART:20261123T000000Z\r\nEND:VJOURNAL\r\nBEGIN:VEVENT",
    );
    let found = around(&text, "2026-11-23T10:00:00Z").unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name, "Tag der , Arbeit und mehr");
    // Folded anywhere, also within a name, and with the line ends of another system.
    let folded = text.replace(
        "DTSTART;VALUE=DATE:2026",
        "DTST\r\n ART;VALUE=DA\r\n\tTE:2026",
    );
    assert_eq!(around(&folded, "2026-11-23T10:00:00Z"), Ok(found.clone()));
    let unix = text.replace("\r\n", "\n");
    assert_eq!(around(&unix, "2026-11-23T10:00:00Z"), Ok(found));
}

#[test]
fn what_is_not_understood_makes_the_whole_file_unknown() {
    let day = "DTSTART;VALUE=DATE:20261123";
    let good = event(day);
    for bad in [
        String::new(),
        "hello".to_owned(),
        "<html>".to_owned(),
        good.replace("END:VCALENDAR\r\n", ""),
        good.replace("END:VEVENT\r\n", ""),
        good.replace("END:VEVENT", "END:VJOURNAL"),
        good.replace("BEGIN:VCALENDAR\r\n", ""),
        good.replace("BEGIN:VCALENDAR", "BEGIN:VCARD"),
        format!("{good}trailing\r\n"),
        format!("{good}X:1\r\n"),
        event(""),
        event(&format!("{day}\n{day}")),
        event("DTSTART;VALUE=DATE:20261323"),
        event("DTSTART;VALUE=PERIOD:20261123T000000Z/PT1H"),
        event("DTSTART;TZID=W. Europe Standard Time:20261123T090000\nDURATION:PT1H"),
        event("DTSTART:20261123T090000Z"),
        event("DTSTART:20261123T090000Z\nDTEND:20261123T080000Z"),
        event("DTSTART:20261123T090000Z\nDTEND:20261123T090000Z"),
        event("DTSTART:20261123T090000Z\nDTEND;VALUE=DATE:20261124"),
        event("DTSTART:20261123T090000Z\nDTEND:20281123T090000Z"),
        event("DTSTART:20261123T090000Z\nDURATION:-PT1H"),
        event("DTSTART:20261123T090000Z\nDURATION:1H"),
        event("DTSTART:20261123T090000Z\nDURATION:PT1H\nDTEND:20261123T100000Z"),
        event(&format!("{day}\nRRULE:FREQ=HOURLY")),
        event(&format!("{day}\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY")),
        event(&format!("{day}\nEXRULE:FREQ=DAILY")),
        event(&format!("{day}\nRDATE;VALUE=PERIOD:20261123T000000Z/PT1H")),
        event(&format!("{day}\nRDATE:20261123T000000Z")),
        event(&format!(
            "{day}\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261123"
        )),
        event(&format!("{day}\nno colon here")),
        event(&format!("{day}\nX-LONG:{}", "x".repeat(20_000))),
        "BEGIN:VCALENDAR\r\n".repeat(100),
        "BEGIN:VEVENT\r\nEND:VEVENT\r\n".to_owned(),
    ] {
        let found = around(&bad, "2026-11-23T10:00:00Z");
        assert!(found.is_err(), "{found:?}: {bad}");
    }
    assert!(covers(&good, "2026-11-23T10:00:00Z"));
    let many = good.replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200101\r\nEND:VEVENT\r\nEND:VCALENDAR",
    );
    assert!(covers(&many, "2026-11-23T10:00:00Z"));
}

#[test]
fn reading_ends_however_much_work_a_file_would_be() {
    let rule = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:19700101\r\nRRULE:FREQ=DAILY;COUNT=10000\r\nEND:VEVENT\r\n";
    let text = format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", rule.repeat(4_000));
    assert!(
        around(&text, "2026-11-23T10:00:00Z")
            .unwrap_err()
            .contains("too long")
    );
    let text = format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", rule.repeat(6_000));
    assert!(
        around(&text, "2026-11-23T10:00:00Z")
            .unwrap_err()
            .contains("5000 events")
    );
}

proptest::proptest! {
    /// Nothing that a file may hold ends the gate.
    #[test]
    fn reading_never_panics(
        lines in proptest::collection::vec(
            proptest::prelude::prop_oneof![
                "(BEGIN|END):(VCALENDAR|VEVENT|VALARM)",
                "(DTSTART|DTEND|EXDATE|RDATE|RECURRENCE-ID)(;VALUE=DATE|;TZID=Asia/Tokyo)?:[0-9]{8}(T[0-9]{6}Z?)?",
                "RRULE:FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;(INTERVAL|COUNT)=[0-9]{1,4})?(;BYDAY=-?[0-9]{0,2}(MO|SU))?(;BYMONTHDAY=-?[0-9]{1,2})?(;BYSETPOS=-?[0-9]{1,3})?",
                "DURATION:P[0-9]{1,4}[WD]",
                "\\PC{0,20}",
            ],
            0..30,
        )
    ) {
        let inside = lines.join("\r\n");
        let _read = around(&inside, "2026-11-23T10:00:00Z");
        let _read = around(&event(&inside), "2026-11-23T10:00:00Z");
    }
}
