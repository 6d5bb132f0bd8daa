//! `calendar.toml` and the iCalendar files it names. Read whole, within limits, or not at all.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use gatehold_core::effect::Environment;
use gatehold_core::ids::{HumanId, ResourceId, TargetId};
use gatehold_core::strict_toml::StrictTable;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::span::{Span, Window};
use super::steps::Steps;
use super::{Calendar, Days, Freezes, Hours, Said, Scope, ics};

/// Largest `calendar.toml` in bytes.
pub(super) const TOML_BYTES_MAX: u64 = 256 << 10;
/// Largest iCalendar file in bytes.
pub(super) const ICS_BYTES_MAX: u64 = 1 << 20;
/// Most iCalendar files of one gate.
pub(super) const ICS_FILES_MAX: usize = 32;
/// Most calendars, and most lines of any list.
const LINES_MAX: usize = 1_000;
/// Longest name of a day or a window, in characters.
const NAME_CHARS_MAX: usize = 80;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    calendar: Vec<RawCalendar>,
    freezes: Option<RawFreezes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    name: String,
    zone: String,
    #[serde(default)]
    owners: Vec<HumanId>,
    #[serde(default)]
    default: bool,
    hours: Option<Vec<RawHours>>,
    weekend: Option<Vec<Day>>,
    holidays: Option<RawHolidays>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHours {
    days: Vec<Day>,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHolidays {
    until: toml::value::Datetime,
    #[serde(default)]
    days: Vec<RawDay>,
    #[serde(default)]
    ics: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDay {
    date: toml::value::Datetime,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFreezes {
    zone: String,
    until: toml::value::Datetime,
    #[serde(default)]
    window: Vec<RawWindow>,
    #[serde(default)]
    ics: Vec<RawIcs>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    name: String,
    from: toml::value::Datetime,
    to: toml::value::Datetime,
    #[serde(default)]
    environments: Vec<Environment>,
    #[serde(default)]
    targets: Vec<TargetId>,
    #[serde(default)]
    resources: Vec<ResourceId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIcs {
    file: PathBuf,
    #[serde(default)]
    environments: Vec<Environment>,
    #[serde(default)]
    targets: Vec<TargetId>,
    #[serde(default)]
    resources: Vec<ResourceId>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<Day> for Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Monday => Self::Monday,
            Day::Tuesday => Self::Tuesday,
            Day::Wednesday => Self::Wednesday,
            Day::Thursday => Self::Thursday,
            Day::Friday => Self::Friday,
            Day::Saturday => Self::Saturday,
            Day::Sunday => Self::Sunday,
        }
    }
}

/// Reading one set of files.
struct Reading<'a> {
    folder: &'a Path,
    window: Window,
    steps: Steps,
    ics_files: usize,
}

/// Reads the file and all that it names.
pub(super) fn read(path: &Path, window: Window) -> Result<Said, String> {
    let text = bounded(path, TOML_BYTES_MAX)?;
    let document: Document = strict("calendar.toml", &text)?;
    let mut reading = Reading {
        folder: path.parent().unwrap_or(Path::new(".")),
        window,
        steps: Steps::default(),
        ics_files: 0,
    };
    if document.calendar.len() > LINES_MAX {
        return Err(format!("it holds more than {LINES_MAX} calendars"));
    }
    let mut calendars: Vec<Calendar> = Vec::new();
    for raw in document.calendar {
        let calendar = reading.calendar(raw)?;
        for other in &calendars {
            let shared = calendar
                .owners
                .iter()
                .find(|owner| other.owners.contains(owner));
            if let Some(owner) = shared {
                return Err(format!("two calendars are of {owner}"));
            }
            if other.default && calendar.default {
                return Err("two calendars are the default".to_owned());
            }
        }
        calendars.push(calendar);
    }
    let freezes = document.freezes.map(|raw| reading.freezes(raw));
    Ok(Said {
        calendars,
        freezes: freezes.transpose()?,
    })
}

/// The text of a regular file, if it is not too long.
pub(super) fn bounded(path: &Path, most: u64) -> Result<String, String> {
    let unreadable = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !metadata.is_file() {
        return Err(unreadable(&"it is no file"));
    }
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(unreadable(&format!("it is longer than {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))
}

pub(super) fn strict<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    // Looks at length and depth, and tells the line.
    if let Err(problems) = StrictTable::parse(text) {
        let first = problems.first().map(ToString::to_string);
        return Err(format!("{name}: {}", first.unwrap_or_default()));
    }
    toml::from_str(text).map_err(|error| {
        let what = error.message().lines().next().unwrap_or_default();
        let line = error.span().and_then(|span| text.get(..span.start));
        let line = line.map_or(1, |before| before.matches('\n').count() + 1);
        format!("{name}, line {line}: {what}")
    })
}

pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone of the IANA database"))
}

fn named(name: &str) -> Result<String, String> {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(format!("a name has 1 to {NAME_CHARS_MAX} characters"));
    }
    Ok(name.to_owned())
}

pub(super) fn few<T>(list: Vec<T>) -> Result<Vec<T>, String> {
    if list.len() > LINES_MAX {
        return Err(format!("a list holds more than {LINES_MAX} lines"));
    }
    Ok(list)
}

pub(super) fn date(value: toml::value::Datetime) -> Result<Date, String> {
    let text = value.to_string();
    text.parse::<Date>()
        .ok()
        .filter(|_| text.len() == 10)
        .ok_or_else(|| format!("`{text}`: write a day, such as 2026-12-25"))
}

/// A time without a zone of its own.
pub(super) fn time(value: toml::value::Datetime) -> Result<DateTime, String> {
    let text = value.to_string();
    if value.offset.is_some() || value.date.is_none() || value.time.is_none() {
        return Err(format!(
            "`{text}`: write a local time, such as 2026-12-15T18:00:00"
        ));
    }
    text.parse().map_err(|_| format!("`{text}` is no time"))
}

pub(super) fn millis(zone: &TimeZone, at: DateTime) -> Result<i64, String> {
    let at = zone.to_timestamp(at);
    at.map(jiff::Timestamp::as_millisecond)
        .map_err(|_| "a time lies beyond the calendar".to_owned())
}

pub(super) fn midnight(day: Date) -> DateTime {
    day.to_datetime(Time::midnight())
}

/// A whole day of a zone.
fn whole(zone: &TimeZone, day: Date, name: String) -> Result<Span, String> {
    let next = day
        .tomorrow()
        .map_err(|_| "a day lies beyond the calendar")?;
    Ok(Span {
        begins: millis(zone, midnight(day))?,
        ends: millis(zone, midnight(next))?,
        name,
        attendees: Vec::new(),
    })
}

fn hours(raw: RawHours) -> Result<Hours, String> {
    let clock = |text: &str| {
        let plain = text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit() || b == b':');
        let read = text.parse::<Time>().ok().filter(|_| plain);
        read.ok_or_else(|| format!("`{text}`: write hours and minutes, such as 08:00"))
    };
    let from = clock(&raw.from)?;
    let to = if raw.to == "24:00" {
        None
    } else {
        Some(clock(&raw.to)?)
    };
    if raw.days.is_empty() || to.is_some_and(|to| to <= from) {
        return Err("hours name days, and end after they begin, on the same day".to_owned());
    }
    Ok(Hours {
        days: raw.days.into_iter().map(Weekday::from).collect(),
        from,
        to,
    })
}

impl Reading<'_> {
    fn calendar(&mut self, raw: RawCalendar) -> Result<Calendar, String> {
        let zone = zone(&raw.zone)?;
        let hours = raw
            .hours
            .map(|all| few(all)?.into_iter().map(hours).collect());
        let weekend = raw.weekend.map(few).transpose()?;
        let weekend = weekend.map(|days| days.into_iter().map(Weekday::from).collect());
        let holidays = raw.holidays.map(|raw| self.holidays(raw, &zone));
        if raw.owners.is_empty() && !raw.default {
            return Err("a calendar names `owners`, or is the `default`".to_owned());
        }
        Ok(Calendar {
            name: named(&raw.name)?,
            hours: hours.transpose()?,
            weekend,
            holidays: holidays.transpose()?,
            zone,
            zone_name: raw.zone,
            owners: few(raw.owners)?,
            default: raw.default,
        })
    }

    fn holidays(&mut self, raw: RawHolidays, zone: &TimeZone) -> Result<Days, String> {
        let mut spans = Vec::new();
        for day in few(raw.days)? {
            spans.push(whole(zone, date(day.date)?, named(&day.name)?)?);
        }
        let mut broken = None;
        for file in raw.ics {
            match self.ics(&file, zone) {
                Ok(more) => spans.extend(more),
                Err(why) => broken = Some(why),
            }
        }
        Ok(Days {
            until: millis(zone, midnight(date(raw.until)?))?,
            spans,
            broken,
        })
    }

    fn freezes(&mut self, raw: RawFreezes) -> Result<Freezes, String> {
        let zone = zone(&raw.zone)?;
        let mut windows = Vec::new();
        for window in few(raw.window)? {
            let (begins, ends) = (time(window.from)?, time(window.to)?);
            let span = Span {
                begins: millis(&zone, begins)?,
                ends: millis(&zone, ends)?,
                name: named(&window.name)?,
                attendees: Vec::new(),
            };
            if span.ends <= span.begins {
                return Err(format!("freeze `{}` ends before it begins", span.name));
            }
            let scope = scope(window.environments, window.targets, window.resources)?;
            windows.push((scope, span));
        }
        let mut broken = None;
        for one in few(raw.ics)? {
            let scope = scope(one.environments, one.targets, one.resources)?;
            match self.ics(&one.file, &zone) {
                Ok(more) => windows.extend(more.into_iter().map(|span| (scope.clone(), span))),
                Err(why) => broken = Some(why),
            }
        }
        Ok(Freezes {
            until: millis(&zone, midnight(date(raw.until)?))?,
            zone,
            zone_name: raw.zone,
            windows,
            broken,
        })
    }

    fn ics(&mut self, file: &Path, zone: &TimeZone) -> Result<Vec<Span>, String> {
        self.ics_files += 1;
        if self.ics_files > ICS_FILES_MAX {
            return Err(format!(
                "more than {ICS_FILES_MAX} iCalendar files are named"
            ));
        }
        let text = bounded(&self.folder.join(file), ICS_BYTES_MAX)?;
        ics::spans(&text, zone, self.window, &mut self.steps)
            .map_err(|why| format!("{}: {why}", file.display()))
    }
}

fn scope(
    environments: Vec<Environment>,
    targets: Vec<TargetId>,
    resources: Vec<ResourceId>,
) -> Result<Scope, String> {
    Ok(Scope {
        environments: few(environments)?,
        targets: few(targets)?,
        resources: few(resources)?.into_iter().collect(),
    })
}
