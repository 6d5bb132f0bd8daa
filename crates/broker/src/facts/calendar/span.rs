//! Spans of time on the store's clock, and the window that is looked at.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Length, Timestamp};

/// How far around now is looked, in milliseconds: what is read lasts at least so long.
const AROUND_MILLIS: i64 = 3 * 86_400_000;

/// From `begins` until before `ends`, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) begins: i64,
    pub(super) ends: i64,
    /// As the calendar says it.
    pub(super) name: String,
    /// Whom an event invites, as addresses in lower case.
    pub(super) attendees: Vec<String>,
}

impl Span {
    pub(super) fn covers(&self, now: i64) -> bool {
        (self.begins..self.ends).contains(&now)
    }
}

/// The time that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    begins: i64,
    ends: i64,
}

impl Window {
    pub(super) const fn around(now: i64) -> Self {
        Self {
            begins: now.saturating_sub(AROUND_MILLIS),
            ends: now.saturating_add(AROUND_MILLIS),
        }
    }

    /// Whether an answer can be given about this moment.
    pub(super) fn holds(&self, now: i64) -> bool {
        (self.begins..self.ends).contains(&now)
    }

    pub(super) fn touches(&self, span: &Span) -> bool {
        span.begins < self.ends && span.ends > self.begins
    }

    /// The days on which an event may begin that lasts at most `longest` days, in whatever zone.
    pub(super) fn days(&self, longest: i64) -> Result<(Date, Date), String> {
        let day = |millis: i64, days: i64| {
            let at = Timestamp::from_millisecond(millis).ok()?;
            let day = TimeZone::UTC.to_datetime(at).date();
            day.checked_add(Length::new().try_days(days).ok()?).ok()
        };
        let beyond = || "the store's time lies beyond the calendar".to_owned();
        Ok((
            day(self.begins, -longest - 2).ok_or_else(beyond)?,
            day(self.ends, 2).ok_or_else(beyond)?,
        ))
    }
}
