//! `[[signals]]`: who may stop workloads from outside, by which keys, and what they call them.

use std::collections::BTreeSet;

use gatehold_core::ids::{TeamId, WorkloadId};
use gatehold_core::signal::FLAG_SECONDS_MAX;
use gatehold_gate::{Named, SignalMay, SignalRules};
use gatehold_proof::Algorithm;
use gatehold_proof::id_token::IssuerKeys;
use gatehold_proof::security_event::{EventVerifier, SubjectId};
use toml::{Table, Value};

use super::Checks;
use crate::config::raw;

/// Most senders.
const SENDERS_MAX: usize = 16;
/// Most subjects of one sender.
const SUBJECTS_MAX: usize = 10_000;
/// Longest name of a sender, issuer, audience or subject.
const NAME_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 512;
/// Stops of one sender in a minute, where it is not said.
const PER_MINUTE: u32 = 30;
const PER_MINUTE_MAX: u32 = 600;
/// Shortest time for which what a workload asks for is held.
const HOLD_SECONDS_MIN: u32 = 60;
/// Teams of one sender.
const TEAMS_MAX: usize = 16;

impl Checks {
    /// Nothing where something is wrong with one of them.
    pub(super) fn signals(&mut self, table: &mut Table) -> Vec<SignalRules> {
        let senders = match table.remove("signals") {
            None => return Vec::new(),
            Some(Value::Array(senders)) if senders.len() <= SENDERS_MAX => senders,
            Some(_) => {
                self.say(
                    "signals",
                    format!("write [[signals]] tables, at most {SENDERS_MAX}"),
                );
                return Vec::new();
            }
        };
        let numbered = senders.into_iter().enumerate();
        let read: Vec<SignalRules> = numbered
            .filter_map(|(index, sender)| {
                let key = format!("signals[{}]", index + 1);
                let Value::Table(sender) = sender else {
                    self.say(&key, "write it as [[signals]]");
                    return None;
                };
                let sender = self.read::<raw::Signals>(sender, &key)?;
                self.sender(&key, sender)
            })
            .collect();
        let mut names = BTreeSet::new();
        let mut whose = BTreeSet::new();
        for one in &read {
            if !names.insert(one.name.clone()) {
                self.say("signals", format!("two are called `{}`", one.name));
            }
            let of = (one.verifier.issuer(), one.verifier.audience());
            if !whose.insert(of) {
                let (issuer, audience) = of;
                let why = format!("two take tokens of `{issuer}` for `{audience}`; write one");
                self.say("signals", why);
            }
        }
        read
    }

    fn sender(&mut self, key: &str, raw: raw::Signals) -> Option<SignalRules> {
        let name = self.plain_name(key, raw.name);
        let issuer = self.text(key, "issuer", raw.issuer, "`iss` of its tokens");
        let audience = self.text(
            key,
            "audience",
            raw.audience,
            "`aud` of its tokens: what this gate is called there",
        );
        let jwks = format!("{key}.jwks_file");
        let file = self.missing(
            &jwks,
            raw.jwks_file,
            "a file with the sender's public keys (a JWK set); nothing is fetched",
        );
        let keys = file.and_then(|file| {
            let bytes = self.file(&jwks, &file)?;
            let keys = IssuerKeys::parse(&bytes);
            keys.map_err(|error| self.say(&jwks, error.to_string()))
                .ok()
        });
        let algorithms = self.algorithms(key, raw.algorithms);
        let may = self.may(key, raw.may, raw.hold_seconds);
        let subjects = self.subjects(key, raw.subjects.unwrap_or_default());
        if subjects.is_empty() && !raw.own_names {
            self.say(
                &format!("{key}.subjects"),
                "it names nothing that this sender may stop; write what it calls each workload, or own_names = true",
            );
        }
        let per_minute_max = raw.per_minute_max.unwrap_or(PER_MINUTE);
        if !(1..=PER_MINUTE_MAX).contains(&per_minute_max) {
            let why = format!("write a number from 1 to {PER_MINUTE_MAX}");
            self.say(&format!("{key}.per_minute_max"), why);
        }
        let tell = self.told(key, raw.tell.unwrap_or_default());
        let verifier = EventVerifier::new(issuer?, audience?, keys?, algorithms?);
        let verifier = verifier.map_err(|_| {
            let why =
                "no key in it has a `kid` and one of the algorithms ES256 and EdDSA that are taken";
            self.say(&jwks, why);
        });
        Some(SignalRules {
            name: name?,
            verifier: verifier.ok()?,
            may: may?,
            subjects,
            own_names: raw.own_names,
            per_minute_max,
            tell,
        })
    }

    fn plain_name(&mut self, key: &str, name: Option<String>) -> Option<String> {
        let key = format!("{key}.name");
        let name = self.missing(&key, name, "what it is called here, such as \"corp-idp\"")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            let why = format!("write letters, digits, `-`, `_` and `.`, at most {NAME_BYTES_MAX}");
            self.say(&key, why);
            return None;
        }
        Some(name)
    }

    fn text(&mut self, key: &str, name: &str, text: Option<String>, what: &str) -> Option<String> {
        let key = format!("{key}.{name}");
        let text = self.missing(&key, text, what)?;
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            self.say(&key, format!("write 1 to {TEXT_BYTES_MAX} bytes"));
            return None;
        }
        Some(text)
    }

    fn algorithms(&mut self, key: &str, words: Option<Vec<String>>) -> Option<Vec<Algorithm>> {
        let all = [Algorithm::EcdsaP256, Algorithm::Ed25519];
        let Some(words) = words else {
            return Some(all.to_vec());
        };
        let read = words.iter().map(|word| {
            let mut all = all.into_iter();
            all.find(|known| known.jose_name() == word)
        });
        let read: Option<Vec<Algorithm>> = read.collect();
        if read.as_ref().is_none_or(Vec::is_empty) {
            let key = format!("{key}.algorithms");
            self.say(&key, "write one or both of \"ES256\", \"EdDSA\"");
            return None;
        }
        read
    }

    fn may(
        &mut self,
        key: &str,
        words: Option<Vec<String>>,
        hold_seconds: Option<u32>,
    ) -> Option<SignalMay> {
        let mut may = SignalMay::default();
        let mut holds = false;
        for word in words.iter().flatten() {
            match word.as_str() {
                "stop_workload" => may.stop_workload = true,
                "stop_task" => may.stop_task = true,
                "hold_workload" => holds = true,
                _ => {
                    let why =
                        format!("`{word}` is not one of stop_workload, stop_task, hold_workload");
                    self.say(&format!("{key}.may"), why);
                }
            }
        }
        match (holds, hold_seconds) {
            (true, Some(seconds)) if (HOLD_SECONDS_MIN..=FLAG_SECONDS_MAX).contains(&seconds) => {
                may.hold_seconds = Some(seconds);
            }
            (true, _) => {
                let why = format!(
                    "write for how long its word counts, {HOLD_SECONDS_MIN} to {FLAG_SECONDS_MAX}"
                );
                self.say(&format!("{key}.hold_seconds"), why);
                return None;
            }
            (false, Some(_)) => {
                let why =
                    "it counts only with \"hold_workload\" in `may`; write that, or leave it out";
                self.say(&format!("{key}.hold_seconds"), why);
                return None;
            }
            (false, None) => {}
        }
        if may == SignalMay::default() {
            let why =
                "write what it may do: some of \"stop_workload\", \"stop_task\", \"hold_workload\"";
            self.say(&format!("{key}.may"), why);
            return None;
        }
        Some(may)
    }

    fn subjects(&mut self, key: &str, lines: Vec<raw::SignalSubject>) -> Vec<Named> {
        let key = format!("{key}.subjects");
        if lines.len() > SUBJECTS_MAX {
            self.say(&key, format!("at most {SUBJECTS_MAX} can be written"));
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut read = Vec::new();
        for (index, line) in lines.into_iter().enumerate() {
            let key = format!("{key}[{}]", index + 1);
            let Some(one) = self.subject(&key, line) else {
                continue;
            };
            if seen.insert(one.subject.clone()) {
                read.push(one);
            } else {
                self.say(&key, "the same subject stands there twice");
            }
        }
        read
    }

    fn subject(&mut self, key: &str, line: raw::SignalSubject) -> Option<Named> {
        let subject = match (line.opaque, line.uri, line.iss, line.sub) {
            (Some(id), None, None, None) => SubjectId::Opaque(id),
            (None, Some(uri), None, None) => SubjectId::Uri(uri),
            (None, None, Some(issuer), Some(subject)) => {
                SubjectId::IssuerSubject { issuer, subject }
            }
            _ => {
                let why =
                    "give either `opaque`, or `uri`, or `iss` and `sub`, as its tokens have it";
                self.say(key, why);
                return None;
            }
        };
        let workload = line.workload.unwrap_or_default().parse::<WorkloadId>();
        match workload {
            Ok(workload) => Some(Named { subject, workload }),
            Err(error) => {
                self.say(&format!("{key}.workload"), error.to_string());
                None
            }
        }
    }

    fn told(&mut self, key: &str, teams: Vec<String>) -> Vec<TeamId> {
        let key = format!("{key}.tell");
        if teams.len() > TEAMS_MAX {
            self.say(&key, format!("at most {TEAMS_MAX} teams can be told"));
        }
        let mut read = Vec::new();
        for team in teams.into_iter().take(TEAMS_MAX) {
            match team.parse() {
                Ok(team) => read.push(team),
                Err(error) => self.say(&key, format!("`{team}`: {error}")),
            }
        }
        read
    }
}
