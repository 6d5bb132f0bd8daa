//! Who is on call for a team, from a file that the operator keeps: rotations, overrides, and iCalendar files beside it.
//!
//! It says whom to tell first and gives nobody authority. What a file does not say is unknown, and then everybody with a seat is
//! told: so it is with a file that is missing or broken, a schedule that has ended, and a time at which nobody is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::facts::{OnCall as OnCallOf, Told};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::file::{
    ICS_BYTES_MAX, ICS_FILES_MAX, TOML_BYTES_MAX, bounded, date, few, midnight, millis, strict,
    time, zone,
};
use super::ics;
use super::reread::{Read, Reread};
use super::span::{Span, Window};
use super::steps::Steps;

/// Most people of a rotation, and of an override.
const PEOPLE_MAX: usize = 100;

/// The file, and what was last read of it.
#[derive(Debug)]
pub struct OnCall(Reread<Vec<Schedule>>);

/// Who is on call for one team, or why nobody knows.
pub type OfTeam = Result<BTreeSet<HumanId>, String>;

/// Who is on call for each team at one moment, or why nobody knows.
#[derive(Debug, Clone)]
pub struct Roster(pub Result<BTreeMap<TeamId, OfTeam>, String>);

impl Roster {
    /// For this team. Never empty.
    ///
    /// # Errors
    /// Why nobody knows.
    pub fn of(&self, team: &TeamId) -> Result<&BTreeSet<HumanId>, &str> {
        let teams = self.0.as_ref().map_err(String::as_str)?;
        match teams.get(team) {
            None => Err("it has no schedule"),
            Some(Err(why)) => Err(why),
            Some(Ok(people)) if people.is_empty() => Err("its schedule names nobody now"),
            Some(Ok(people)) => Ok(people),
        }
    }
}

/// One team's.
#[derive(Debug)]
struct Schedule {
    team: TeamId,
    zone: TimeZone,
    /// In milliseconds; from then on nobody knows.
    until: i64,
    overrides: Vec<(i64, i64, BTreeSet<HumanId>)>,
    /// Events, each with whom it names; or why they could not be read.
    events: Result<Vec<Span>, String>,
    names: BTreeMap<String, HumanId>,
    rotation: Option<Rotation>,
}

/// People in turn, each for so many days by the clock of the zone.
#[derive(Debug)]
struct Rotation {
    from: DateTime,
    days: i64,
    people: Vec<HumanId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    schedule: Vec<RawSchedule>,
    /// Whom addresses and titles in iCalendar files mean.
    #[serde(default)]
    people: BTreeMap<String, HumanId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchedule {
    team: TeamId,
    zone: String,
    until: toml::value::Datetime,
    rotation: Option<RawRotation>,
    #[serde(default)]
    r#override: Vec<RawOverride>,
    #[serde(default)]
    ics: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRotation {
    from: toml::value::Datetime,
    every: Every,
    people: Vec<HumanId>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Every {
    Day,
    Week,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOverride {
    from: toml::value::Datetime,
    to: toml::value::Datetime,
    people: BTreeSet<HumanId>,
}

impl OnCall {
    /// Over a file, which is read when it is first asked, and again every minute.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let unknown = "nobody knows who is on call; everybody is asked";
        Self(Reread::new(file, read, unknown))
    }

    /// Who is on call at this moment, as the file stands; for whoever checks a configuration.
    #[must_use]
    pub fn look(file: &Path, now: Timestamp) -> Roster {
        roster(&Read::of(file, read, now), now)
    }

    /// Who is on call for these teams, with the schedule that says so and how long ago it was read.
    pub(crate) async fn of(&self, teams: &BTreeSet<TeamId>, now: Timestamp) -> Vec<OnCallOf> {
        let read = self.0.at(now).await;
        let roster = roster(&read, now);
        let age = read.age(now);
        let name = self.0.name();
        let told = |team: &TeamId| OnCallOf {
            team: team.clone(),
            told: Told {
                answer: roster.of(team).cloned().map_err(str::to_owned),
                from: format!("schedule `{name}`"),
                age_seconds: age,
            },
        };
        teams.iter().map(told).collect()
    }

    /// Who is on call at this moment.
    pub async fn at(&self, now: Timestamp) -> Roster {
        roster(self.0.at(now).await.as_ref(), now)
    }
}

fn roster(read: &Read<Vec<Schedule>>, now: Timestamp) -> Roster {
    let teams = read.about(now).map_err(str::to_owned);
    let of = |schedule: &Schedule| (schedule.team.clone(), schedule.at(now));
    Roster(teams.map(|schedules| schedules.iter().map(of).collect()))
}

impl Schedule {
    /// An override first, then an event, then the rotation.
    fn at(&self, now: Timestamp) -> OfTeam {
        let millis = now.millis();
        if millis >= self.until {
            return Err("its schedule has ended; continue it and raise `until`".to_owned());
        }
        let live = self
            .overrides
            .iter()
            .filter(|(begins, ends, _)| (*begins..*ends).contains(&millis));
        let people: BTreeSet<HumanId> = live.flat_map(|(_, _, people)| people.clone()).collect();
        if !people.is_empty() {
            return Ok(people);
        }
        let events = self.events.as_ref().map_err(Clone::clone)?;
        let mut people = BTreeSet::new();
        for event in events.iter().filter(|event| event.covers(millis)) {
            people.extend(self.named(event)?);
        }
        if !people.is_empty() {
            return Ok(people);
        }
        match &self.rotation {
            None => Ok(BTreeSet::new()),
            Some(rotation) => Ok(rotation.at(now, &self.zone)?.into_iter().collect()),
        }
    }

    /// Whom an event names: its attendees, or else its title.
    fn named(&self, event: &Span) -> OfTeam {
        let names: &[String] = if event.attendees.is_empty() {
            std::slice::from_ref(&event.name)
        } else {
            &event.attendees
        };
        let people = names.iter().filter_map(|name| {
            let named = self.names.get(&name.to_lowercase());
            named.cloned()
        });
        let people: BTreeSet<HumanId> = people.collect();
        if people.is_empty() {
            return Err("an event names nobody of `[people]`".to_owned());
        }
        Ok(people)
    }
}

impl Rotation {
    fn at(&self, now: Timestamp, zone: &TimeZone) -> Result<Option<HumanId>, String> {
        let now = jiff::Timestamp::from_millisecond(now.millis());
        let now = now.map_err(|_| "the time lies beyond the calendar")?;
        let local = zone.to_datetime(now);
        if local < self.from {
            return Ok(None);
        }
        // By the clock on the wall: a turn begins at the same hour in summer and in winter.
        let hours = local.duration_since(self.from).as_hours();
        let turn = hours.div_euclid(self.days * 24);
        let count = i64::try_from(self.people.len()).unwrap_or(i64::MAX);
        let place = usize::try_from(turn.rem_euclid(count)).unwrap_or(0);
        Ok(self.people.get(place).cloned())
    }
}

/// Reads the file and all that it names.
fn read(path: &Path, window: Window) -> Result<Vec<Schedule>, String> {
    let text = bounded(path, TOML_BYTES_MAX)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let document: Document = strict(&name, &text)?;
    let people = document.people.into_iter();
    let names: BTreeMap<String, HumanId> = people
        .map(|(name, person)| (name.to_lowercase(), person))
        .collect();
    let mut reading = Reading {
        folder: path.parent().unwrap_or(Path::new(".")),
        window,
        names,
        steps: Steps::default(),
        ics_files: 0,
    };
    let mut schedules: Vec<Schedule> = Vec::new();
    for raw in few(document.schedule)? {
        let schedule = reading.schedule(raw)?;
        if schedules.iter().any(|other| other.team == schedule.team) {
            return Err(format!("two schedules are of {}", schedule.team));
        }
        schedules.push(schedule);
    }
    Ok(schedules)
}

struct Reading<'a> {
    folder: &'a Path,
    window: Window,
    names: BTreeMap<String, HumanId>,
    steps: Steps,
    ics_files: usize,
}

impl Reading<'_> {
    fn schedule(&mut self, raw: RawSchedule) -> Result<Schedule, String> {
        let team = raw.team;
        let zone = zone(&raw.zone)?;
        let rotation = raw.rotation.map(rotation).transpose()?;
        let mut overrides = Vec::new();
        for one in few(raw.r#override)? {
            let (begins, ends) = (
                millis(&zone, time(one.from)?)?,
                millis(&zone, time(one.to)?)?,
            );
            if ends <= begins {
                return Err(format!("an override of {team} ends before it begins"));
            }
            if one.people.is_empty() || one.people.len() > PEOPLE_MAX {
                return Err(format!(
                    "an override of {team} names 1 to {PEOPLE_MAX} people"
                ));
            }
            overrides.push((begins, ends, one.people));
        }
        if rotation.is_none() && overrides.is_empty() && raw.ics.is_empty() {
            return Err(format!(
                "the schedule of {team} has no `rotation`, no `override` and no `ics`"
            ));
        }
        let mut events = Ok(Vec::new());
        for file in raw.ics {
            match (self.ics(&file, &zone), &mut events) {
                (Ok(more), Ok(events)) => events.extend(more),
                (Err(why), Ok(_)) => events = Err(why),
                (_, Err(_)) => {}
            }
        }
        Ok(Schedule {
            until: millis(&zone, midnight(date(raw.until)?))?,
            team,
            zone,
            overrides,
            events,
            names: self.names.clone(),
            rotation,
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

fn rotation(raw: RawRotation) -> Result<Rotation, String> {
    if raw.people.is_empty() || raw.people.len() > PEOPLE_MAX {
        return Err(format!("a rotation names 1 to {PEOPLE_MAX} people"));
    }
    Ok(Rotation {
        from: time(raw.from)?,
        days: match raw.every {
            Every::Day => 1,
            Every::Week => 7,
        },
        people: raw.people,
    })
}

#[cfg(test)]
mod tests;
