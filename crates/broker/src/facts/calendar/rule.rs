//! RFC 5545 recurrence, as much of it as calendars of holidays and freezes use. A part that this file does not know makes the
//! whole calendar unknown: a day that was left out would read as an ordinary one.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, Timestamp};

use super::steps::Steps;

/// Largest interval and count.
const NUMBER_MAX: u32 = 10_000;
/// Most values of one part.
const VALUES_MAX: usize = 400;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// The last instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// That day, in the event's own zone.
    Day(Date),
    /// That time in the event's own zone.
    Local(DateTime),
    /// That instant.
    Instant(Timestamp),
}

/// One `RRULE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: u32,
    count: Option<u32>,
    until: Option<Until>,
    months: Vec<i8>,
    month_days: Vec<i8>,
    /// Weekdays, each with which of them in its month or year; 0 is every one.
    days: Vec<(i16, Weekday)>,
    positions: Vec<i32>,
    week_start: Weekday,
}

impl Rule {
    /// Reads the value of an `RRULE`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut frequency = None;
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            days: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut seen = Vec::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("a part of RRULE has no value")?;
            let name = name.to_ascii_uppercase();
            if seen.contains(&name) {
                return Err(format!("RRULE says {name} twice"));
            }
            match name.as_str() {
                "FREQ" => frequency = Some(parse_frequency(value)?),
                "INTERVAL" => rule.interval = number(value, 1, NUMBER_MAX)?,
                "COUNT" => rule.count = Some(number(value, 1, NUMBER_MAX)?),
                "UNTIL" => rule.until = Some(parse_until(value)?),
                "BYMONTH" => rule.months = list(value, |month| signed(month, 1, 12))?,
                "BYMONTHDAY" => rule.month_days = list(value, |day| nonzero(day, 31))?,
                "BYDAY" => rule.days = list(value, parse_day)?,
                "BYSETPOS" => rule.positions = list(value, |at| nonzero(at, 366))?,
                "WKST" => rule.week_start = weekday(value)?,
                _ => return Err(format!("RRULE says {name}, which is not supported")),
            }
            seen.push(name);
        }
        rule.frequency = frequency.ok_or("RRULE says no FREQ")?;
        rule.checked()
    }

    /// Parts that RFC 5545 forbids together, or that mean something only elsewhere.
    fn checked(self) -> Result<Self, String> {
        let numbered = self.days.iter().any(|(which, _)| *which != 0);
        let wide = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        if self.count.is_some() && self.until.is_some() {
            return Err("RRULE says COUNT and UNTIL".to_owned());
        }
        if numbered && !wide {
            return Err("RRULE numbers a weekday outside of months and years".to_owned());
        }
        if self.frequency == Frequency::Weekly && !self.month_days.is_empty() {
            return Err("RRULE says BYMONTHDAY of weeks".to_owned());
        }
        let expands =
            !(self.months.is_empty() && self.month_days.is_empty() && self.days.is_empty());
        if !self.positions.is_empty() && !expands {
            return Err("RRULE says BYSETPOS of nothing".to_owned());
        }
        Ok(self)
    }

    /// The instances that begin from `from` on and before `to`, in order; the first is `start` itself, whether or not the rest
    /// of the rule says so. `instant` tells when a time of the event's zone is.
    pub(super) fn instances(
        &self,
        start: DateTime,
        from: Date,
        to: Date,
        instant: impl Fn(DateTime) -> Option<Timestamp>,
        steps: &mut Steps,
    ) -> Result<Vec<DateTime>, String> {
        let mut found = vec![start];
        let mut left = self.count.map_or(u32::MAX, |count| count - 1);
        let mut period = if self.count.is_some() {
            0
        } else {
            self.periods_until(start.date(), from)
        };
        loop {
            steps.take()?;
            let Some(begins) = self.period(start.date(), period) else {
                return Ok(found);
            };
            if begins >= to {
                return Ok(found);
            }
            for day in self.days_of(begins, start.date())? {
                let at = day.to_datetime(start.time());
                if at <= start {
                    continue;
                }
                if left == 0 || self.is_over(at, &instant) {
                    return Ok(found);
                }
                left -= 1;
                if day >= from && day < to {
                    steps.take()?;
                    found.push(at);
                }
            }
            period += 1;
        }
    }

    fn is_over(&self, at: DateTime, instant: &impl Fn(DateTime) -> Option<Timestamp>) -> bool {
        match self.until {
            None => false,
            Some(Until::Day(last)) => at.date() > last,
            Some(Until::Local(last)) => at > last,
            Some(Until::Instant(last)) => instant(at).is_none_or(|at| at > last),
        }
    }

    /// How many whole periods surely lie before `from`.
    fn periods_until(&self, start: Date, from: Date) -> i64 {
        let days = from.duration_since(start).as_hours() / 24;
        let length = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => 31,
            Frequency::Yearly => 366,
        };
        (days / length / i64::from(self.interval) - 2).max(0)
    }

    /// The first day of a period; nothing beyond the end of the calendar.
    fn period(&self, start: Date, number: i64) -> Option<Date> {
        let by = number.checked_mul(i64::from(self.interval))?;
        let (from, span) = match self.frequency {
            Frequency::Daily => (start, Span::new().try_days(by)),
            Frequency::Weekly => {
                let back = days_since(self.week_start, start.weekday());
                let from = start.checked_sub(Span::new().try_days(back).ok()?).ok()?;
                (from, Span::new().try_weeks(by))
            }
            Frequency::Monthly => (start.first_of_month(), Span::new().try_months(by)),
            Frequency::Yearly => (start.first_of_year(), Span::new().try_years(by)),
        };
        from.checked_add(span.ok()?).ok()
    }

    /// The days of the period that begins here, in order.
    fn days_of(&self, begins: Date, start: Date) -> Result<Vec<Date>, String> {
        let mut days = match self.frequency {
            Frequency::Daily => vec![begins],
            Frequency::Weekly => {
                let all = run(begins, 7);
                let plain = |day: &Date| self.days.is_empty() && day.weekday() == start.weekday();
                all.into_iter()
                    .filter(|day| plain(day) || self.names(day.weekday()))
                    .collect()
            }
            Frequency::Monthly => self.days_of_month(begins, start),
            Frequency::Yearly => self.days_of_year(begins, start),
        };
        if !self.months.is_empty() {
            days.retain(|day| self.months.contains(&day.month()));
        }
        if self.frequency == Frequency::Daily {
            days.retain(|day| self.days.is_empty() || self.names(day.weekday()));
            days.retain(|day| self.month_days.is_empty() || self.is_month_day(*day));
        }
        days.sort_unstable();
        days.dedup();
        if self.positions.is_empty() {
            return Ok(days);
        }
        let total = i32::try_from(days.len()).map_err(|_| "RRULE gives too many days")?;
        let index = |position: &i32| {
            let from_one = if *position > 0 {
                *position
            } else {
                total + 1 + position
            };
            usize::try_from(from_one - 1).ok()
        };
        let mut chosen: Vec<Date> = self
            .positions
            .iter()
            .filter_map(|position| days.get(index(position)?).copied())
            .collect();
        chosen.sort_unstable();
        chosen.dedup();
        Ok(chosen)
    }

    fn days_of_month(&self, first: Date, start: Date) -> Vec<Date> {
        let all = run(first, i64::from(first.days_in_month()));
        match (self.month_days.is_empty(), self.days.is_empty()) {
            (true, true) => all
                .into_iter()
                .filter(|day| day.day() == start.day())
                .collect(),
            (false, true) => all
                .into_iter()
                .filter(|day| self.is_month_day(*day))
                .collect(),
            (unlimited, false) => self
                .numbered(&all)
                .into_iter()
                .filter(|day| unlimited || self.is_month_day(*day))
                .collect(),
        }
    }

    fn days_of_year(&self, first: Date, start: Date) -> Vec<Date> {
        // Numbers of weekdays count within the year when no month is named.
        if self.days.is_empty() || !self.months.is_empty() {
            let plain = self.months.is_empty() && self.month_days.is_empty();
            let months = (0..12_i64).filter_map(|month| {
                let span = Span::new().try_months(month).ok()?;
                first.checked_add(span).ok()
            });
            return months
                .filter(|month| !plain || month.month() == start.month())
                .flat_map(|month| self.days_of_month(month, start))
                .collect();
        }
        let all = run(first, i64::from(first.days_in_year()));
        self.numbered(&all)
            .into_iter()
            .filter(|day| self.month_days.is_empty() || self.is_month_day(*day))
            .collect()
    }

    /// Those of `all` that BYDAY names, counted within `all`.
    fn numbered(&self, all: &[Date]) -> Vec<Date> {
        let mut found = Vec::new();
        for (which, weekday) in &self.days {
            let same: Vec<Date> = all
                .iter()
                .copied()
                .filter(|day| day.weekday() == *weekday)
                .collect();
            let at = usize::from(which.unsigned_abs());
            match *which {
                0 => found.extend(same),
                1.. => found.extend(same.get(at - 1)),
                _ => found.extend(same.len().checked_sub(at).and_then(|at| same.get(at))),
            }
        }
        found
    }

    fn names(&self, weekday: Weekday) -> bool {
        self.days.iter().any(|(_, named)| *named == weekday)
    }

    fn is_month_day(&self, day: Date) -> bool {
        let from_end = day.day() - day.days_in_month() - 1;
        self.month_days.contains(&day.day()) || self.month_days.contains(&from_end)
    }
}

/// So many days, beginning with this one.
fn run(first: Date, days: i64) -> Vec<Date> {
    let at = |day: i64| first.checked_add(Span::new().try_days(day).ok()?).ok();
    (0..days).filter_map(at).collect()
}

/// How many days `weekday` comes after the last `start`.
fn days_since(start: Weekday, weekday: Weekday) -> i64 {
    let number = |day: Weekday| i64::from(day.to_monday_zero_offset());
    (number(weekday) - number(start)).rem_euclid(7)
}

fn parse_frequency(text: &str) -> Result<Frequency, String> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "DAILY" => Frequency::Daily,
        "WEEKLY" => Frequency::Weekly,
        "MONTHLY" => Frequency::Monthly,
        "YEARLY" => Frequency::Yearly,
        _ => return Err("RRULE says a FREQ that is not supported".to_owned()),
    })
}

fn parse_until(text: &str) -> Result<Until, String> {
    match super::moment::parse(text)? {
        super::moment::Moment::Day(day) => Ok(Until::Day(day)),
        super::moment::Moment::Local(at) => Ok(Until::Local(at)),
        super::moment::Moment::Instant(at) => Ok(Until::Instant(at)),
    }
}

fn parse_day(text: &str) -> Result<(i16, Weekday), String> {
    let split = text.len().saturating_sub(2);
    let (which, day) = text
        .split_at_checked(split)
        .ok_or("RRULE names no weekday")?;
    let which = if which.is_empty() {
        0
    } else {
        nonzero(which, 53)?
    };
    Ok((which, weekday(day)?))
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return Err("RRULE names no weekday".to_owned()),
    })
}

fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let values: Vec<T> = text.split(',').map(read).collect::<Result<_, _>>()?;
    if values.len() > VALUES_MAX {
        return Err(format!("RRULE lists more than {VALUES_MAX} values"));
    }
    Ok(values)
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| plain && (least..=most).contains(number))
        .ok_or_else(|| format!("RRULE says a number that is not between {least} and {most}"))
}

fn signed<T>(text: &str, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + Copy + std::fmt::Display,
{
    text.parse()
        .ok()
        .filter(|number: &T| (least..=most).contains(number))
        .ok_or_else(|| format!("RRULE says a number that is not between {least} and {most}"))
}

/// A number counted from the front, or with a minus from the back.
fn nonzero<T>(text: &str, most: i16) -> Result<T, String>
where
    T: TryFrom<i16>,
{
    let read: i16 = signed(text, -most, most)?;
    let wrong = || format!("RRULE says a number that is not between 1 and {most}");
    if read == 0 {
        return Err(wrong());
    }
    T::try_from(read).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn days(rule: &str, start: &str, from: &str, to: &str) -> Vec<String> {
        let rule = Rule::parse(rule).unwrap();
        let zone = TimeZone::get("America/New_York").unwrap();
        let mut steps = Steps::default();
        let found = rule
            .instances(
                start.parse().unwrap(),
                from.parse().unwrap(),
                to.parse().unwrap(),
                |at| zone.to_timestamp(at).ok(),
                &mut steps,
            )
            .unwrap();
        found.iter().map(|at| at.date().to_string()).collect()
    }

    /// The examples of RFC 5545, section 3.8.5.3, with the dates that it lists.
    #[test]
    fn the_examples_of_the_standard_give_its_dates() {
        let all = |rule: &str, start: &str| days(rule, start, "1997-01-01", "1999-01-01");
        for (rule, start, dates) in [
            (
                "FREQ=DAILY;COUNT=4",
                "1997-09-02T09:00",
                "1997-09-02 1997-09-03 1997-09-04 1997-09-05",
            ),
            (
                "FREQ=DAILY;INTERVAL=10;COUNT=5",
                "1997-09-02T09:00",
                "1997-09-02 1997-09-12 1997-09-22 1997-10-02 1997-10-12",
            ),
            (
                "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
                "1997-09-02T09:00",
                "1997-09-02 1997-09-04 1997-09-09 1997-09-11 1997-09-16 1997-09-18 1997-09-23 1997-09-25 1997-09-30 1997-10-02",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
                "1997-08-05T09:00",
                "1997-08-05 1997-08-10 1997-08-19 1997-08-24",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
                "1997-08-05T09:00",
                "1997-08-05 1997-08-17 1997-08-19 1997-08-31",
            ),
            (
                "FREQ=MONTHLY;COUNT=4;BYDAY=1FR",
                "1997-09-05T09:00",
                "1997-09-05 1997-10-03 1997-11-07 1997-12-05",
            ),
            (
                "FREQ=MONTHLY;COUNT=3;BYDAY=-2MO",
                "1997-09-22T09:00",
                "1997-09-22 1997-10-20 1997-11-17",
            ),
            (
                "FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1",
                "1997-09-30T09:00",
                "1997-09-30 1997-10-01 1997-10-31 1997-11-01",
            ),
            (
                "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
                "1997-09-04T09:00",
                "1997-09-04 1997-10-07 1997-11-06",
            ),
            (
                "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3",
                "1997-09-29T09:00",
                "1997-09-29 1997-10-30 1997-11-27",
            ),
            (
                "FREQ=YEARLY;COUNT=4;BYMONTH=6,7",
                "1997-06-10T09:00",
                "1997-06-10 1997-07-10 1998-06-10 1998-07-10",
            ),
            (
                "FREQ=YEARLY;BYDAY=20MO;COUNT=2",
                "1997-05-19T09:00",
                "1997-05-19 1998-05-18",
            ),
            (
                "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=4",
                "1997-03-13T09:00",
                "1997-03-13 1997-03-20 1997-03-27 1998-03-05",
            ),
            (
                "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=4",
                "1998-02-13T09:00",
                "1998-02-13 1998-03-13 1998-11-13",
            ),
        ] {
            assert_eq!(all(rule, start).join(" "), dates, "{rule}");
        }
    }

    #[test]
    fn going_ahead_gives_what_walking_gives() {
        for rule in [
            "FREQ=DAILY;INTERVAL=3",
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR",
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1TU",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "FREQ=YEARLY;INTERVAL=2;BYDAY=-1SU",
        ] {
            let start = "1999-12-31T10:00";
            let near = days(rule, start, "2026-02-01", "2029-03-01");
            let walked = days(
                &format!("{rule};COUNT=10000"),
                start,
                "1999-01-01",
                "2029-03-01",
            );
            let from = |day: &String| day.as_str() >= "2026-02-01";
            let walked: Vec<String> = walked.into_iter().filter(from).collect();
            assert_eq!(near[1..], walked[..], "{rule}");
            assert!(!walked.is_empty());
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_left_out() {
        for rule in [
            "",
            "COUNT=3",
            "FREQ=HOURLY",
            "FREQ=SECONDLY;COUNT=2",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;INTERVAL=+1",
            "FREQ=DAILY;COUNT=99999999",
            "FREQ=DAILY;COUNT=2;COUNT=3",
            "FREQ=DAILY;COUNT=2;UNTIL=20270101",
            "FREQ=YEARLY;BYWEEKNO=20",
            "FREQ=YEARLY;BYYEARDAY=1",
            "FREQ=DAILY;BYHOUR=9",
            "FREQ=WEEKLY;BYDAY=1MO",
            "FREQ=MONTHLY;BYDAY=XX",
            "FREQ=MONTHLY;BYDAY=0MO",
            "FREQ=MONTHLY;BYDAY=é",
            "FREQ=MONTHLY;BYMONTHDAY=32",
            "FREQ=YEARLY;BYMONTH=0",
            "FREQ=MONTHLY;BYSETPOS=1",
            "FREQ=DAILY;UNTIL=tomorrow",
            "FREQ=DAILY;RSCALE=CHINESE",
            "FREQ",
        ] {
            assert!(Rule::parse(rule).is_err(), "{rule}");
        }
    }

    #[test]
    fn a_rule_that_gives_nothing_ends() {
        let none = days(
            "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31;COUNT=5",
            "2000-01-01T00:00",
            "2026-01-01",
            "2026-02-01",
        );
        assert_eq!(none, ["2000-01-01"]);
        let rule = Rule::parse("FREQ=DAILY;COUNT=10000;BYMONTHDAY=31;BYMONTH=2").unwrap();
        let mut steps = Steps::of(1_000);
        let (start, from, to) = ("1970-01-01T00:00", "2026-01-01", "2026-02-01");
        let ended = rule.instances(
            start.parse().unwrap(),
            from.parse().unwrap(),
            to.parse().unwrap(),
            |_| None,
            &mut steps,
        );
        assert!(ended.unwrap_err().contains("too long"));
    }
}
