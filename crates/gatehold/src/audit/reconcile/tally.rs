//! What comes of the lines of a log: findings, counts, and what is not known. Bounded, whatever the log holds.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_broker::{LogKind, Names};
use gatehold_core::ids::{GrantId, TargetId};
use gatehold_core::lease::certificate_serial;
use gatehold_core::reconcile::{Handed, HandedOut, Judged, Shown};
use gatehold_core::ssh::SshPublicKey;
use gatehold_core::time::Timestamp;
use serde::Serialize;

use super::executed::{Executed, Executions};
use super::{Event, Seen};
use crate::exit::Exit;
use crate::screen::{counted, counted_as};

/// Most findings that are listed; they are counted beyond it.
const FINDINGS_MAX: usize = 10_000;
/// Most sessions whose lines are counted.
const SESSIONS_MAX: usize = 200_000;
/// The first line of a session that names somebody: the server logs before that that a connection came.
const FIRST_NAMED: u64 = 3;
/// Most things of one kind that are told of what is not known.
const TOLD_MAX: usize = 20;

/// An access that no grant covers.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub file: String,
    pub line: u64,
    pub at: Option<String>,
    pub who: String,
    pub what: String,
    pub from: String,
    /// Which database, or which user of the machine.
    pub place: String,
    pub why: String,
    /// How many lines of the session say the same.
    pub lines: u64,
}

/// What came of all lines.
#[derive(Debug, Default, Serialize)]
pub struct Reconciled {
    pub target: String,
    /// How many credentials were ever handed out there.
    pub leases: usize,
    /// How many actions were ever executed there.
    pub executions: usize,
    /// The first and the last time in the log.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Lines of whoever was there, by what they are.
    pub granted: u64,
    pub own: u64,
    pub known: u64,
    pub elsewhere: u64,
    pub refused: u64,
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
    pub unknown: Vec<String>,
    pub notes: Vec<String>,
}

impl Reconciled {
    pub fn exit(&self) -> Exit {
        match (self.findings.is_empty(), self.unknown.is_empty()) {
            (false, _) => Exit::Verification,
            (true, false) => Exit::Fault,
            (true, true) => Exit::Done,
        }
    }

    /// In one sentence.
    pub fn sum(&self) -> String {
        let found = u64::try_from(self.findings.len()).unwrap_or(u64::MAX);
        let found = found.saturating_add(self.more);
        let found = counted_as(found, "access without a grant", "accesses without a grant");
        let span = match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!(", from {from} to {to}"),
            _ => String::new(),
        };
        format!(
            "{}: {found}; {} under grants, {} of the gate's own, {} of known ones, {} elsewhere, {} refused{span}",
            self.target,
            counted(self.granted, "line"),
            self.own,
            self.known,
            self.elsewhere,
            self.refused
        )
    }
}

/// Counts.
pub struct Tally<'a> {
    target: &'a TargetId,
    handed: &'a HandedOut,
    executions: Executions<'a>,
    names: &'a Names,
    kind: LogKind,
    apart: u32,
    silent: u32,
    reconciled: Reconciled,
    /// Where each finding of a session stands.
    sessions: BTreeMap<(String, String, String), usize>,
    /// The last number of each session.
    numbers: BTreeMap<String, u64>,
    used: BTreeSet<GrantId>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    latest: Option<Timestamp>,
    logins: u64,
    untimed: u64,
    missing: u64,
    begun_before: u64,
    unreadable: u64,
    back: u64,
    gaps: usize,
}

impl<'a> Tally<'a> {
    pub fn new(
        target: &'a TargetId,
        handed: &'a HandedOut,
        executions: Executions<'a>,
        names: &'a Names,
        kind: LogKind,
        (apart, silent): (u32, u32),
    ) -> Self {
        let executed = executions.count();
        Self {
            target,
            handed,
            executions,
            names,
            kind,
            apart,
            silent,
            reconciled: Reconciled {
                target: target.to_string(),
                leases: handed.count(target),
                executions: executed,
                ..Reconciled::default()
            },
            sessions: BTreeMap::new(),
            numbers: BTreeMap::new(),
            used: BTreeSet::new(),
            first: None,
            last: None,
            latest: None,
            logins: 0,
            untimed: 0,
            missing: 0,
            begun_before: 0,
            unreadable: 0,
            back: 0,
            gaps: 0,
        }
    }

    /// Counts what a line says.
    pub fn event(&mut self, file: &str, event: Event) {
        match event {
            Event::Nothing(at) => self.time(file, at),
            Event::Refused(at) => {
                self.time(file, Some(at));
                self.reconciled.refused = self.reconciled.refused.saturating_add(1);
            }
            Event::Unreadable(line, why) => self.unreadable(file, line, why),
            Event::Unfinished(line) => self.reconciled.notes.push(format!(
                "{file} ends in the middle of what begins at line {line}"
            )),
            Event::Seen(seen) => {
                self.time(file, seen.access.at);
                self.seen(file, *seen);
            }
        }
    }

    fn unreadable(&mut self, file: &str, line: u64, why: &str) {
        self.unreadable = self.unreadable.saturating_add(1);
        if self.unreadable <= u64::try_from(TOLD_MAX).unwrap_or(0) {
            let text = format!("who was there by {file}:{line}: {why}");
            self.reconciled.unknown.push(text);
        }
    }

    /// A log that is silent for long, or whose time goes back, may have lost something.
    fn time(&mut self, file: &str, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        if let Some(last) = self.last {
            if at > last.plus_seconds(self.silent) {
                self.gaps = self.gaps.saturating_add(1);
                if self.gaps <= TOLD_MAX {
                    let text = format!(
                        "{file} is silent from {last} to {at}: a log that was lost looks the same"
                    );
                    self.reconciled.notes.push(text);
                }
            }
            if at.plus_seconds(self.apart) < last {
                self.back = self.back.saturating_add(1);
                if self.back == 1 {
                    let text = format!(
                        "what else there was: time goes back in {file} from {last} to {at}. Give the logs in order, the oldest first"
                    );
                    self.reconciled.unknown.push(text);
                }
            }
        }
        self.last = Some(at);
        self.latest = self.latest.max(Some(at));
    }

    fn seen(&mut self, file: &str, seen: Seen) {
        if seen.access.login {
            self.logins = self.logins.saturating_add(1);
        }
        self.number(&seen);
        let counter = match self.executions.judge(&seen) {
            Executed::Granted => &mut self.reconciled.granted,
            Executed::Question => &mut self.reconciled.own,
            Executed::Elsewhere => &mut self.reconciled.elsewhere,
            Executed::Found(why) => return self.found(file, seen, why),
            Executed::Unknown(why) => return self.unreadable(file, seen.line, &why),
            Executed::NotOurs => return self.under_a_lease(file, seen),
        };
        *counter = counter.saturating_add(1);
    }

    /// Whether it is under a credential that was handed out, or of somebody who needs none.
    fn under_a_lease(&mut self, file: &str, seen: Seen) {
        let judged = self
            .handed
            .judge(self.target, &seen.access, self.apart, |handed| {
                certificate(self.kind, handed)
            });
        let why = match judged {
            Judged::Granted(handed) => {
                self.used.insert(handed.grant);
                self.reconciled.granted = self.reconciled.granted.saturating_add(1);
                return;
            }
            Judged::NoTime(_) => {
                self.untimed = self.untimed.saturating_add(1);
                return;
            }
            Judged::NotThen(handed) => format!(
                "the lease of {} did not let anybody in then. Find out what let it in, and revoke it by hand",
                handed.request
            ),
            Judged::Another(handed) => format!(
                "it is called as the lease of {} at {}, and is not that. Find out who made it",
                handed.request, handed.target
            ),
            Judged::Nobody => {
                if self.is_no_matter(&seen) {
                    return;
                }
                "no grant covers it. Find out who that is; take it away, or name it as `known` of the target".to_owned()
            }
        };
        self.found(file, seen, why);
    }

    /// The gate itself, whoever is known, and whoever is in another database.
    fn is_no_matter(&mut self, seen: &Seen) -> bool {
        let name = &seen.access.name;
        let authority = seen.access.certificate.as_ref();
        let known = |name: &String| self.names.known.contains_key(name);
        let counter = if self.names.own.contains(name) {
            &mut self.reconciled.own
        } else if known(name) || authority.is_some_and(|shown| known(&shown.authority)) {
            &mut self.reconciled.known
        } else if self.kind == LogKind::Postgres
            && !seen.place.is_empty()
            && self
                .names
                .database
                .as_ref()
                .is_some_and(|own| *own != seen.place)
        {
            &mut self.reconciled.elsewhere
        } else {
            return false;
        };
        *counter = counter.saturating_add(1);
        true
    }

    fn found(&mut self, file: &str, seen: Seen, why: String) {
        let key = (seen.session.clone(), seen.access.name.clone(), why.clone());
        let listed = self.sessions.get(&key).copied();
        if let Some(finding) = listed.and_then(|place| self.reconciled.findings.get_mut(place)) {
            finding.lines = finding.lines.saturating_add(1);
            return;
        }
        if self.reconciled.findings.len() >= FINDINGS_MAX {
            self.reconciled.more = self.reconciled.more.saturating_add(1);
            return;
        }
        self.sessions.insert(key, self.reconciled.findings.len());
        self.reconciled.findings.push(Finding {
            file: file.to_owned(),
            line: seen.line,
            at: seen.access.at.map(|at| at.to_string()),
            who: seen.access.name,
            what: seen.what,
            from: seen.from,
            place: seen.place,
            why,
            lines: 1,
        });
    }

    /// The server counts the lines of a session: one that was taken out is missed.
    fn number(&mut self, seen: &Seen) {
        let Some(number) = seen.number else { return };
        match self.numbers.get_mut(&seen.session) {
            Some(last) => {
                if number != last.saturating_add(1) {
                    self.missing = self.missing.saturating_add(1);
                }
                *last = number;
            }
            None => {
                if number > FIRST_NAMED {
                    self.begun_before = self.begun_before.saturating_add(1);
                }
                if self.numbers.len() < SESSIONS_MAX {
                    self.numbers.insert(seen.session.clone(), number);
                }
            }
        }
    }

    /// Ends after the last file.
    pub fn finish(mut self, open_end: bool) -> Reconciled {
        let unknown = &mut self.reconciled.unknown;
        let told = u64::try_from(TOLD_MAX).unwrap_or(0);
        if self.unreadable > told {
            let more = counted(self.unreadable.saturating_sub(told), "more line");
            unknown.push(format!("{more} cannot be read"));
        }
        if self.untimed > 0 {
            unknown.push(format!(
                "whether {} under leases came while they stood: the log has no year and zone. Have it written with times as \
                 2026-11-23T01:20:00+00:00",
                counted(self.untimed, "login")
            ));
        }
        if self.missing > 0 {
            unknown.push(format!(
                "what stood in lines that are missing: the numbers of a session jump {}",
                counted(self.missing, "time")
            ));
        }
        if self.latest.is_none() && self.untimed == 0 {
            unknown
                .push("all of it: no line of the log has a time. Name the right file".to_owned());
        } else if self.logins == 0 && self.kind == LogKind::Postgres {
            let text =
                "who logged in and did nothing: no login is in the log. Set log_connections = on";
            unknown.push(text.to_owned());
        }
        let missing = self.first.zip(self.latest);
        let missing = missing.map_or(0, |(from, to)| self.executions.missing(from, to));
        if missing > 0 {
            unknown.push(format!(
                "where {} went that the ledger says completed: the log has no line with its name. Have the server log the header, and \
                 look for lines that were taken out",
                counted(missing, "execution")
            ));
        }
        let notes = &mut self.reconciled.notes;
        if self.begun_before > 0 {
            let sessions = counted_as(self.begun_before, "session begins", "sessions begin");
            notes.push(format!(
                "{sessions} before the log does: give the one before it too"
            ));
        }
        if self.gaps > TOLD_MAX {
            notes.push(format!(
                "it is silent {} in all",
                counted(u64::try_from(self.gaps).unwrap_or(u64::MAX), "time")
            ));
        }
        if open_end {
            let text =
                "no tree head covers the last leaves of the ledger yet; run it again once one does";
            notes.push(text.to_owned());
        }
        if self.kind != LogKind::Http {
            let used = u64::try_from(self.used.len()).unwrap_or(u64::MAX);
            let used = counted_as(used, "lease is", "leases are");
            notes.push(format!("{used} in the log"));
        }
        self.reconciled.from = self.first.map(|at| at.to_string());
        self.reconciled.to = self.latest.map(|at| at.to_string());
        self.reconciled
    }
}

/// What a certificate of this lease shows; nothing of a role.
fn certificate(kind: LogKind, handed: &Handed) -> Option<Shown> {
    if kind != LogKind::Ssh {
        return None;
    }
    let authority = SshPublicKey::from_line(handed.authority.as_deref()?).ok()?;
    Some(Shown {
        serial: certificate_serial(&handed.handle),
        authority: authority.fingerprint(),
    })
}
