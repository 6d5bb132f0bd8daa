//! Working hours, weekends, holidays and change freezes, from files that the operator keeps: TOML, and iCalendar beside it.
//!
//! What a file does not say is unknown, and so is everything that a missing or broken one would have said. A list of days ends
//! on a day that is written down; after it nobody knows, because a list that was forgotten reads like one without days.

mod file;
mod ics;
mod moment;
pub(crate) mod on_call;
mod reread;
mod rule;
mod span;
mod steps;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use gatehold_core::effect::Environment;
use gatehold_core::ids::{HumanId, ResourceId, TargetId};
use gatehold_core::task::covers;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::facts::{Flag, Moment, Question, Told};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use reread::Reread;
use span::{Span, Window};

/// The calendars of a gate: a file and what was last read of it.
#[derive(Debug)]
pub struct Calendars(Reread<Said>);

/// Everything that the files say about the days around now.
#[derive(Debug)]
struct Said {
    calendars: Vec<Calendar>,
    freezes: Option<Freezes>,
}

/// Working time somewhere.
#[derive(Debug)]
struct Calendar {
    name: String,
    zone: TimeZone,
    zone_name: String,
    owners: Vec<HumanId>,
    /// For everybody who has no calendar of their own.
    default: bool,
    hours: Option<Vec<Hours>>,
    weekend: Option<Vec<Weekday>>,
    holidays: Option<Days>,
}

/// Working hours of some weekdays: from, until before.
#[derive(Debug)]
struct Hours {
    days: Vec<Weekday>,
    from: Time,
    /// Nothing is the end of the day.
    to: Option<Time>,
}

/// A list of spans that is whole until a day.
#[derive(Debug)]
struct Days {
    /// In milliseconds; from then on nobody knows.
    until: i64,
    spans: Vec<Span>,
    /// Why a part of it could not be read.
    broken: Option<String>,
}

/// When nothing may be changed, and what of it.
#[derive(Debug)]
struct Freezes {
    until: i64,
    zone: TimeZone,
    zone_name: String,
    windows: Vec<(Scope, Span)>,
    broken: Option<String>,
}

/// What a freeze is about. An empty list is everything.
#[derive(Debug, Clone, Default)]
struct Scope {
    environments: Vec<Environment>,
    targets: Vec<TargetId>,
    resources: std::collections::BTreeSet<ResourceId>,
}

impl Calendars {
    /// Over a file, which is read when it is first asked, and again every minute.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self(Reread::new(file, file::read, "the calendar is unknown"))
    }

    /// What is wrong with the file as of this time, for whoever checks a configuration.
    ///
    /// # Errors
    /// Why nothing is known, or which part of it.
    pub fn check(file: &Path, now: Timestamp) -> Result<(), String> {
        let said = file::read(file, Window::around(now.millis()))?;
        let broken = said.calendars.iter().filter_map(|calendar| {
            let holidays = calendar.holidays.as_ref()?;
            holidays.broken.clone()
        });
        let freezes = said.freezes.and_then(|freezes| freezes.broken);
        broken.chain(freezes).next().map_or(Ok(()), Err)
    }

    /// What they say about the moment of a question.
    pub(super) async fn moment(&self, question: &Question<'_>) -> Moment {
        let read = self.0.at(question.now).await;
        match read.about(question.now) {
            Err(why) => Moment::unknown("calendar", why),
            Ok(said) => said.moment(question, read.age(question.now)),
        }
    }
}

impl Said {
    fn moment(&self, question: &Question<'_>, age: u32) -> Moment {
        let freeze = match &self.freezes {
            Some(freezes) => freezes.flag(question),
            None => Err("no list of freezes is configured".to_owned()),
        };
        let change_freeze = Told {
            answer: freeze,
            from: "freezes".to_owned(),
            age_seconds: age,
        };
        let own = |calendar: &&Calendar| calendar.owners.contains(question.owner);
        let others = || self.calendars.iter().find(|calendar| calendar.default);
        let Some(calendar) = self.calendars.iter().find(own).or_else(others) else {
            let unknown = Moment::unknown("calendar", "there is none for the owner");
            return Moment {
                change_freeze,
                ..unknown
            };
        };
        let told = |answer| Told {
            answer,
            from: format!("calendar `{}`", calendar.name),
            age_seconds: age,
        };
        Moment {
            outside_hours: told(calendar.outside_hours(question.now)),
            weekend: told(calendar.weekend(question.now)),
            holiday: told(calendar.holiday(question.now)),
            change_freeze,
        }
    }
}

impl Calendar {
    fn local(&self, now: Timestamp) -> Result<jiff::civil::DateTime, String> {
        let now = jiff::Timestamp::from_millisecond(now.millis());
        let now = now.map_err(|_| "the store's time lies beyond the calendar")?;
        Ok(self.zone.to_datetime(now))
    }

    fn outside_hours(&self, now: Timestamp) -> Result<Flag, String> {
        let hours = self.hours.as_ref().ok_or("it says no hours")?;
        let local = self.local(now)?;
        let within = |hours: &Hours| {
            hours.days.contains(&local.weekday())
                && local.time() >= hours.from
                && hours.to.is_none_or(|to| local.time() < to)
        };
        Ok(Flag {
            set: !hours.iter().any(within),
            detail: format!("{} {}", local.strftime("%A %H:%M"), self.zone_name),
        })
    }

    fn weekend(&self, now: Timestamp) -> Result<Flag, String> {
        let weekend = self.weekend.as_ref().ok_or("it says no weekend")?;
        let local = self.local(now)?;
        Ok(Flag {
            set: weekend.contains(&local.weekday()),
            detail: format!("{} {}", local.strftime("%A"), self.zone_name),
        })
    }

    fn holiday(&self, now: Timestamp) -> Result<Flag, String> {
        let days = self.holidays.as_ref().ok_or("it says no holidays")?;
        let covers = days.spans.iter().find(|span| span.covers(now.millis()));
        settled(covers, days.broken.as_ref(), days.until, now, |span| {
            span.name.clone()
        })
    }
}

impl Freezes {
    fn flag(&self, question: &Question<'_>) -> Result<Flag, String> {
        let now = question.now.millis();
        let live = || self.windows.iter().filter(|(_, span)| span.covers(now));
        let about = |wanted| live().find(|(scope, _)| scope.covers(question) == wanted);
        if about(Some(true)).is_none() && about(None).is_some() {
            return Err("one is in force that may be about this resource".to_owned());
        }
        let covers = about(Some(true)).map(|(_, span)| span);
        settled(
            covers,
            self.broken.as_ref(),
            self.until,
            question.now,
            |span| {
                let ends = jiff::Timestamp::from_millisecond(span.ends).ok();
                let ends = ends.map(|ends| {
                    self.zone
                        .to_datetime(ends)
                        .strftime("%Y-%m-%d %H:%M")
                        .to_string()
                });
                let ends = ends.unwrap_or_default();
                format!("{}, until {ends} {}", span.name, self.zone_name)
            },
        )
    }
}

/// What is found is true whatever else cannot be read; what is not found is false only if everything was read and the list has
/// not ended.
fn settled(
    covers: Option<&Span>,
    broken: Option<&String>,
    until: i64,
    now: Timestamp,
    detail: impl Fn(&Span) -> String,
) -> Result<Flag, String> {
    match (covers, broken) {
        (Some(span), _) => Ok(Flag {
            set: true,
            detail: detail(span),
        }),
        (None, Some(why)) => Err(why.clone()),
        (None, None) if now.millis() >= until => {
            Err("its list has ended; continue it and raise `until`".to_owned())
        }
        (None, None) => Ok(Flag {
            set: false,
            detail: String::new(),
        }),
    }
}

impl Scope {
    /// Whether it is about the resource of the question; nothing when nobody knows.
    fn covers(&self, question: &Question<'_>) -> Option<bool> {
        let envelope = question.envelope;
        let elsewhere = !self.targets.is_empty() && !self.targets.contains(&envelope.target)
            || !self.resources.is_empty() && !covers(&self.resources, &envelope.resource);
        if elsewhere {
            return Some(false);
        }
        if self.environments.is_empty() {
            return Some(true);
        }
        let environment = question.resource.environment.get()?;
        Some(self.environments.contains(environment))
    }
}
