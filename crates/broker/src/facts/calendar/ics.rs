//! iCalendar (RFC 5545) files as spans of time: holidays and freezes that another program keeps. A closed profile: what it does
//! not know makes the whole file unknown, because an event that was left out would read as an ordinary day.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span as Length, Timestamp};

use super::moment::{Moment, parse};
use super::rule::Rule;
use super::span::{Span, Window};
use super::steps::Steps;

/// Longest line once it is unfolded, in bytes.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Most events of one file.
const EVENTS_MAX: usize = 5_000;
/// Most components inside each other.
const DEPTH_MAX: usize = 8;
/// Longest event in days.
const DAYS_MAX: i64 = 400;
/// Longest name of an event that is kept, in characters.
const NAME_CHARS_MAX: usize = 80;
/// Most attendees of one event that are kept.
const ATTENDEES_MAX: usize = 100;

/// One content line: `NAME;PARAM=VALUE:value`.
struct Line<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    value: &'a str,
}

/// When something is, in the event's own zone.
#[derive(Clone)]
struct When {
    at: DateTime,
    whole_day: bool,
    zone: TimeZone,
}

/// One `VEVENT`, as far as it was read.
#[derive(Default)]
struct Event {
    uid: String,
    name: String,
    start: Option<When>,
    end: Option<When>,
    lasts: Option<Length>,
    rules: Vec<Rule>,
    without: Vec<When>,
    besides: Vec<When>,
    replaces: Option<When>,
    cancelled: bool,
    attendees: Vec<String>,
}

/// The spans of a file that touch the window. Times without a zone are of `zone`.
pub(super) fn spans(
    text: &str,
    zone: &TimeZone,
    window: Window,
    steps: &mut Steps,
) -> Result<Vec<Span>, String> {
    let mut events = read(text, zone)?;
    let mut replaced: BTreeMap<String, Vec<When>> = BTreeMap::new();
    for event in &events {
        if let Some(when) = &event.replaces {
            // Without one it would be taken for an instance of every other event that has none.
            if event.uid.is_empty() {
                return Err(
                    "an event replaces an instance and has no UID that says of which".to_owned(),
                );
            }
            let all = replaced.entry(event.uid.clone()).or_default();
            all.push(when.clone());
        }
    }
    let mut spans = Vec::new();
    for event in &mut events {
        if event.cancelled {
            continue;
        }
        if event.replaces.is_none()
            && let Some(others) = replaced.get(&event.uid)
        {
            event.without.extend(others.iter().cloned());
        }
        event.spans(window, steps, &mut spans)?;
    }
    Ok(spans)
}

/// Every event of the file; calendars may follow each other.
fn read(text: &str, zone: &TimeZone) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut event = Event::default();
    let mut whole = false;
    for line in unfolded(text)? {
        let line = content(&line)?;
        match line.name.as_str() {
            "BEGIN" => {
                let component = line.value.to_ascii_uppercase();
                let inside = open.last().map(String::as_str);
                if inside.is_none() && component != "VCALENDAR" || open.len() >= DEPTH_MAX {
                    return Err("it is no calendar".to_owned());
                }
                if inside == Some("VCALENDAR") && component == "VEVENT" {
                    event = Event::default();
                }
                open.push(component);
            }
            "END" => {
                if open.pop().as_deref() != Some(&line.value.to_ascii_uppercase()) {
                    return Err("something ends that did not begin".to_owned());
                }
                if open == ["VCALENDAR"] && line.value.eq_ignore_ascii_case("VEVENT") {
                    if events.len() >= EVENTS_MAX {
                        return Err(format!("it holds more than {EVENTS_MAX} events"));
                    }
                    events.push(std::mem::take(&mut event));
                }
                whole |= open.is_empty();
            }
            _ if open.is_empty() => return Err("it is no calendar".to_owned()),
            _ if open == ["VCALENDAR", "VEVENT"] => event.take(&line, zone)?,
            _ => {}
        }
    }
    if whole && open.is_empty() {
        Ok(events)
    } else {
        Err("it breaks off".to_owned())
    }
}

/// Lines as they were before they were folded (section 3.1).
fn unfolded(text: &str) -> Result<Vec<String>, String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some(last)) if !more.is_empty() => last.push_str(more),
            (Some(_), _) => {}
            (None, _) if line.is_empty() => {}
            (None, _) => lines.push(line.to_owned()),
        }
        if lines.last().is_some_and(|line| line.len() > LINE_BYTES_MAX) {
            return Err(format!("a line is longer than {LINE_BYTES_MAX} bytes"));
        }
    }
    Ok(lines)
}

/// Splits a line at what stands outside of quotes.
fn content(line: &str) -> Result<Line<'_>, String> {
    let wrong = || "a line has no name or no value".to_owned();
    let mut quoted = false;
    let mut parts = Vec::new();
    let mut from = 0;
    let mut value = None;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ';' | ':' if !quoted => {
                parts.push(line.get(from..at).ok_or_else(wrong)?);
                from = at + 1;
                if character == ':' {
                    value = line.get(from..);
                    break;
                }
            }
            _ => {}
        }
    }
    let mut parts = parts.into_iter();
    let name = parts.next().filter(|name| !name.is_empty());
    let parameters = parts.map(|part| {
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        Ok((name.to_ascii_uppercase(), value.trim_matches('"')))
    });
    Ok(Line {
        name: name.ok_or_else(wrong)?.to_ascii_uppercase(),
        parameters: parameters.collect::<Result<_, String>>()?,
        value: value.ok_or_else(wrong)?,
    })
}

impl Line<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| *value)
    }

    /// The times of a value, in their zone.
    fn times(&self, zone: &TimeZone) -> Result<Vec<When>, String> {
        let kind = self.parameter("VALUE").unwrap_or("DATE-TIME");
        if !kind.eq_ignore_ascii_case("DATE") && !kind.eq_ignore_ascii_case("DATE-TIME") {
            return Err(format!("{} holds something else than times", self.name));
        }
        let zone = match self.parameter("TZID") {
            None => zone.clone(),
            Some(name) => TimeZone::get(name)
                .map_err(|_| "it names a time zone that is not in the IANA database".to_owned())?,
        };
        let time = |text: &str| {
            let (at, whole_day, zone) = match parse(text)? {
                Moment::Day(day) => (midnight(day), true, zone.clone()),
                Moment::Local(at) => (at, false, zone.clone()),
                Moment::Instant(at) => (TimeZone::UTC.to_datetime(at), false, TimeZone::UTC),
            };
            Ok(When {
                at,
                whole_day,
                zone,
            })
        };
        self.value.split(',').map(time).collect()
    }

    fn time(&self, zone: &TimeZone) -> Result<When, String> {
        let times = self.times(zone)?;
        let [only] = <[When; 1]>::try_from(times).map_err(|_| "it gives several times for one")?;
        Ok(only)
    }
}

fn midnight(day: Date) -> DateTime {
    day.to_datetime(jiff::civil::Time::midnight())
}

impl When {
    fn instant(&self) -> Result<Timestamp, String> {
        let at = self.zone.to_timestamp(self.at);
        at.map_err(|_| "it holds a time beyond the calendar".to_owned())
    }

    /// The same moment: the same instant, or a whole day of the same date.
    fn is(&self, other: &Self) -> bool {
        if self.whole_day || other.whole_day {
            return self.at.date() == other.at.date();
        }
        matches!((self.instant(), other.instant()), (Ok(one), Ok(two)) if one == two)
    }
}

impl Event {
    fn take(&mut self, line: &Line<'_>, zone: &TimeZone) -> Result<(), String> {
        let once = |free: bool| {
            let twice = || format!("an event says {} twice", line.name);
            if free { Ok(()) } else { Err(twice()) }
        };
        match line.name.as_str() {
            "UID" => {
                once(self.uid.is_empty())?;
                line.value.clone_into(&mut self.uid);
            }
            "SUMMARY" => self.name = text(line.value),
            "STATUS" => self.cancelled = line.value.eq_ignore_ascii_case("CANCELLED"),
            "ATTENDEE" => self.attends(line),
            "DTSTART" => {
                once(self.start.is_none())?;
                self.start = Some(line.time(zone)?);
            }
            "DTEND" => {
                once(self.end.is_none() && self.lasts.is_none())?;
                self.end = Some(line.time(zone)?);
            }
            "DURATION" => {
                once(self.end.is_none() && self.lasts.is_none())?;
                self.lasts = Some(length(line.value)?);
            }
            "RRULE" => {
                once(self.rules.is_empty())?;
                self.rules.push(Rule::parse(line.value)?);
            }
            "EXDATE" => self.without.extend(line.times(zone)?),
            "RDATE" => self.besides.extend(line.times(zone)?),
            "RECURRENCE-ID" => {
                once(self.replaces.is_none())?;
                if line.parameter("RANGE").is_some() {
                    return Err("it moves many instances at once (RANGE)".to_owned());
                }
                self.replaces = Some(line.time(zone)?);
            }
            "EXRULE" => return Err("it says EXRULE, which is not supported".to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// Somebody is invited, by a mail address, and has not said no.
    fn attends(&mut self, line: &Line<'_>) {
        let address = line.value.to_lowercase();
        let declined = line
            .parameter("PARTSTAT")
            .is_some_and(|said| said.eq_ignore_ascii_case("DECLINED"));
        if let Some(address) = address.strip_prefix("mailto:")
            && !declined
            && self.attendees.len() < ATTENDEES_MAX
        {
            self.attendees.push(address.to_owned());
        }
    }

    /// The instances that touch the window.
    fn spans(&self, window: Window, steps: &mut Steps, out: &mut Vec<Span>) -> Result<(), String> {
        let start = self.start.as_ref().ok_or("an event has no DTSTART")?;
        let lasts = self.lasts(start)?;
        let (from, to) = window.days(DAYS_MAX)?;
        let mut starts = vec![start.clone()];
        for rule in &self.rules {
            let instant = |at| start.zone.to_timestamp(at).ok();
            let found = rule.instances(start.at, from, to, instant, steps)?;
            starts.extend(found.into_iter().map(|at| When {
                at,
                ..start.clone()
            }));
        }
        for when in &self.besides {
            if when.whole_day != start.whole_day {
                return Err("RDATE and DTSTART are of two kinds".to_owned());
            }
        }
        starts.extend(self.besides.iter().cloned());
        for when in starts {
            steps.take()?;
            let taken_out = self.without.iter().any(|other| other.is(&when));
            let begins = when.instant()?;
            let ends = lasts.after(&when, begins)?;
            let span = Span {
                begins: begins.as_millisecond(),
                ends: ends.as_millisecond(),
                name: self.name.clone(),
                attendees: self.attendees.clone(),
            };
            if !taken_out && window.touches(&span) && !out.contains(&span) {
                out.push(span);
            }
        }
        Ok(())
    }

    fn lasts(&self, start: &When) -> Result<Lasts, String> {
        let lasts = match (&self.end, self.lasts) {
            (Some(end), _) if end.whole_day != start.whole_day => {
                return Err("DTSTART and DTEND are of two kinds".to_owned());
            }
            (Some(end), _) if start.whole_day => {
                let days = end.at.date().duration_since(start.at.date());
                Lasts::Days((days.as_hours() / 24).max(1))
            }
            (Some(end), _) => Lasts::Exactly(end.instant()?.duration_since(start.instant()?)),
            (None, Some(length)) => Lasts::Nominally(length),
            (None, None) if start.whole_day => Lasts::Days(1),
            (None, None) => return Err("an event has no end".to_owned()),
        };
        let begins = start.instant()?;
        let long = lasts.after(start, begins)?.duration_since(begins);
        if long.is_negative() || long.is_zero() || long.as_hours() > DAYS_MAX * 24 {
            return Err(format!(
                "an event does not last between a moment and {DAYS_MAX} days"
            ));
        }
        Ok(lasts)
    }
}

/// How long an instance is.
enum Lasts {
    Days(i64),
    Exactly(SignedDuration),
    Nominally(Length),
}

impl Lasts {
    fn after(&self, when: &When, begins: Timestamp) -> Result<Timestamp, String> {
        let beyond = || "it holds a time beyond the calendar".to_owned();
        let civil = |length: Length| {
            let at = when.at.checked_add(length).ok()?;
            when.zone.to_timestamp(at).ok()
        };
        match self {
            Self::Days(days) => Length::new().try_days(*days).ok().and_then(civil),
            Self::Exactly(long) => begins.checked_add(*long).ok(),
            Self::Nominally(length) => civil(*length),
        }
        .ok_or_else(beyond)
    }
}

/// `P2W`, `P1DT2H30M`: section 3.3.6, without a sign.
fn length(value: &str) -> Result<Length, String> {
    let wrong = || "it says a DURATION that is none".to_owned();
    let plain = |c: char| c.is_ascii_digit() || "PTWDHMS".contains(c);
    if !value.starts_with('P') || !value.chars().all(plain) {
        return Err(wrong());
    }
    value.parse::<Length>().map_err(|_| wrong())
}

/// Section 3.3.11, cut to what fits on a line.
fn text(value: &str) -> String {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(character) = chars.next() {
        let plain = match character {
            '\\' => match chars.next() {
                Some('n' | 'N') | None => ' ',
                Some(other) => other,
            },
            other => other,
        };
        out.push(plain);
        if out.chars().count() >= NAME_CHARS_MAX {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests;
