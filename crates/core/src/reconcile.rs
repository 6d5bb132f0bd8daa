//! Compares what a target logged with what was handed out, as the ledger tells it. Pure: facts and lines come as values, and what nobody
//! can tell is never taken for a grant.

mod calls;

use std::collections::BTreeMap;

use crate::ids::{GrantId, RequestId, TargetId};
use crate::time::Timestamp;

pub use calls::{Act, Called, Calls, Covered, Hit};

/// A time in which a credential stood at its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stood {
    /// From when on: before it was made, or when it was found there again.
    pub from: Timestamp,
    /// Until its target said that nothing of it is left; nothing while it was not asked.
    pub until: Option<Timestamp>,
}

/// A credential that was handed out, as its leaves tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The grant that it is part of.
    pub grant: GrantId,
    /// The request that it was handed out for.
    pub request: RequestId,
    /// Where it stands.
    pub target: TargetId,
    /// Its own name there.
    pub handle: String,
    /// Of a certificate: the public key that certified it, in one line.
    pub authority: Option<String>,
    /// When it ends whatever happens: nobody logs in with it afterwards.
    pub not_after: Timestamp,
    /// When it stood there, in order.
    pub stood: Vec<Stood>,
}

/// What a certificate said of itself at a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its serial number.
    pub serial: u64,
    /// The fingerprint of the key that certified it.
    pub authority: String,
}

/// One access, as a target logged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Under which name of a credential: a role, the id of a certificate.
    pub name: String,
    /// When; nothing where the line does not say so that everybody reads the same.
    pub at: Option<Timestamp>,
    /// Whether somebody logged in just then, and did not go on.
    pub login: bool,
    /// Of a login by certificate: what that said.
    pub certificate: Option<Shown>,
}

/// What an access is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged<'a> {
    /// It was granted.
    Granted(&'a Handed),
    /// The credential was handed out, and did not stand at its target then.
    NotThen(&'a Handed),
    /// The credential was handed out, and nobody can tell whether it stood there then.
    NoTime(&'a Handed),
    /// It has the name of a credential that was handed out for another target, or by another authority.
    Another(&'a Handed),
    /// Nothing of this name was handed out.
    Nobody,
}

/// Everything that was handed out.
#[derive(Debug, Default)]
pub struct HandedOut(BTreeMap<String, Handed>);

impl HandedOut {
    /// No two credentials have one name; of two the first stands, as an auditor says of the ledger.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = Handed>) -> Self {
        let mut handed = BTreeMap::new();
        for one in all {
            handed.entry(one.handle.clone()).or_insert(one);
        }
        Self(handed)
    }

    /// How many of them are of a target.
    #[must_use]
    pub fn count(&self, target: &TargetId) -> usize {
        let of_target = |one: &&Handed| one.target == *target;
        self.0.values().filter(of_target).count()
    }

    /// What an access at this target is. The clocks of target and gate may be so many seconds apart. `certificate` says of a credential
    /// what a certificate of it shows.
    pub fn judge(
        &self,
        target: &TargetId,
        access: &Access,
        apart_seconds: u32,
        certificate: impl Fn(&Handed) -> Option<Shown>,
    ) -> Judged<'_> {
        let Some(handed) = self.0.get(&access.name) else {
            return Judged::Nobody;
        };
        if handed.target != *target || access.certificate != certificate(handed) {
            return Judged::Another(handed);
        }
        let Some(at) = access.at else {
            return Judged::NoTime(handed);
        };
        let stood = handed
            .stood
            .iter()
            .any(|stood| within(at, *stood, apart_seconds));
        let in_time = !access.login || at <= handed.not_after.plus_seconds(apart_seconds);
        if stood && in_time {
            Judged::Granted(handed)
        } else {
            Judged::NotThen(handed)
        }
    }
}

fn within(at: Timestamp, stood: Stood, apart_seconds: u32) -> bool {
    let begun = at.plus_seconds(apart_seconds) >= stood.from;
    let over = stood
        .until
        .is_some_and(|until| at > until.plus_seconds(apart_seconds));
    begun && !over
}

/// A time as servers write it: `2026-11-23 01:20:00.123 UTC`, `2026-11-23T01:20:00+01:00`. Nothing where the zone is a name other than
/// `UTC`, `GMT` or `Z`, which not everybody reads the same, or is left out.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (
        number(date.next()?, 4)?,
        number(date.next()?, 2)?,
        number(date.next()?, 2)?,
    );
    let rest = rest.strip_prefix([' ', 'T'])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let mut clock = clock.splitn(3, ':');
    let (hour, minute, second) = (
        number(clock.next()?, 2)?,
        number(clock.next()?, 2)?,
        number(clock.next()?, 2)?,
    );
    let (millis, rest) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (digits, rest) = rest.split_at_checked(end)?;
            if digits.is_empty() || digits.len() > 9 {
                return None;
            }
            let first: String = digits.chars().chain("00".chars()).take(3).collect();
            (number(&first, 3)?, rest)
        }
    };
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_days(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let east = offset_seconds(rest.strip_prefix(' ').unwrap_or(rest))?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - east;
    Some(Timestamp::from_millis(seconds * 1_000 + millis))
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Seconds east of UTC: `UTC`, `Z`, `+01`, `-0330`, `+05:45`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if ["UTC", "GMT", "Z"].contains(&zone) {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = rest.split_at_checked(2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        minutes => number(minutes, 2)?,
    };
    let hours = number(hours, 2)?;
    (hours <= 15 && minutes < 60).then(|| sign * (hours * 3_600 + minutes * 60))
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date that exists (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn handed() -> Handed {
        Handed {
            grant: GrantId::from_bytes([1; 16]),
            request: RequestId::from_bytes([2; 16]),
            target: "orders-access".parse().unwrap(),
            handle: "gh_1".to_owned(),
            authority: None,
            not_after: at(300),
            stood: vec![
                Stood {
                    from: at(100),
                    until: Some(at(320)),
                },
                Stood {
                    from: at(400),
                    until: None,
                },
            ],
        }
    }

    fn access(name: &str, when: Option<i64>, login: bool) -> Access {
        Access {
            name: name.to_owned(),
            at: when.map(at),
            login,
            certificate: None,
        }
    }

    #[test]
    fn m023_an_access_is_granted_while_its_credential_stood_and_never_otherwise() {
        let all = HandedOut::new([handed()]);
        let target = "orders-access".parse().unwrap();
        let judged = |access: &Access| match all.judge(&target, access, 5, |_| None) {
            Judged::Granted(_) => "granted",
            Judged::NotThen(_) => "not then",
            Judged::NoTime(_) => "no time",
            Judged::Another(_) => "another",
            Judged::Nobody => "nobody",
        };
        for (when, login, wanted) in [
            (94, true, "not then"),
            (95, true, "granted"),
            (305, true, "granted"),
            // Nobody logs in after its end; who was in goes on until the target has said that they are not.
            (306, true, "not then"),
            (306, false, "granted"),
            (325, false, "granted"),
            (326, false, "not then"),
            // It stood there again, and for no login.
            (500, false, "granted"),
            (500, true, "not then"),
        ] {
            assert_eq!(
                judged(&access("gh_1", Some(when), login)),
                wanted,
                "{when} {login}"
            );
        }
        assert_eq!(judged(&access("gh_1", None, true)), "no time");
        assert_eq!(judged(&access("gh_2", Some(200), true)), "nobody");
        assert_eq!(judged(&access("", Some(200), true)), "nobody");
        let shown = Shown {
            serial: 7,
            authority: "SHA256:other".to_owned(),
        };
        let forged = Access {
            certificate: Some(shown.clone()),
            ..access("gh_1", Some(200), true)
        };
        assert_eq!(
            judged(&forged),
            "another",
            "somebody else certified that name"
        );
        let own = all.judge(&target, &forged, 5, |_| Some(shown.clone()));
        assert!(matches!(own, Judged::Granted(_)));
        let elsewhere = "other".parse().unwrap();
        let moved = all.judge(&elsewhere, &access("gh_1", Some(200), true), 5, |_| None);
        assert!(matches!(moved, Judged::Another(_)));
    }

    #[test]
    fn a_time_is_read_only_where_everybody_reads_the_same() {
        for (text, wanted) in [
            ("1970-01-01 00:00:00.000 UTC", 0),
            ("2026-11-23 01:20:00.123 UTC", 1_795_396_800_123),
            ("2026-11-23T02:20:00.123456+01:00", 1_795_396_800_123),
            ("2026-11-23T02:50:00.1+0130", 1_795_396_800_100),
            ("2026-11-22 22:20:00 -03", 1_795_396_800_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ] {
            assert_eq!(moment(text).map(Timestamp::millis), Some(wanted), "{text}");
        }
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23 01:20:00",
            "2026-11-23 01:20:00 CET",
            "2026-13-01 00:00:00 UTC",
            "2026-02-29 00:00:00 UTC",
            "2026-11-23 24:00:00 UTC",
            "2026-11-23 01:20:00. UTC",
            "2026-11-23 01:20:00 +1",
            "2026-11-23 01:20:00 +01:",
            "2026-11-23 01:20:00 +99",
            "+026-11-23 01:20:00 UTC",
            "Nov 23 01:20:00 host",
            "２026-11-23 01:20:00 UTC",
            "\u{0}",
        ] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
