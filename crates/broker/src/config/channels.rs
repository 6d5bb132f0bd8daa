//! `[[channel]]`: how people are told, whom, and of what. Destinations stand here and nowhere else, but for browsers, of which the
//! push services do.

mod push;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::tier::Tier;
use lettre::message::Mailbox;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::is_loopback;
use super::problems::{ConfigErrors, Problems};
use crate::channels::chat::Chat;
use crate::channels::mail::{Login, Mail, Protection, Tls};
use crate::channels::post::{Address, Reached};
use crate::channels::taken::Taken;
use crate::channels::webhook::Webhook;
use crate::channels::{Channels, Configured, Filter, KINDS, Way};
use crate::http::reach::Reach;
use crate::secret::{Secret, Source};
use crate::tls;

/// Most channels of one gate.
const CHANNELS_MAX: usize = 32;
/// Longest name of a channel.
const NAME_BYTES_MAX: usize = 64;
/// Most people of one channel.
const PEOPLE_MAX: usize = 1_000;
/// Longest time for one message in seconds, and the time unless configured.
const TIMEOUT_SECONDS_MAX: u64 = 30;
const TIMEOUT_SECONDS: u64 = 10;
/// How much of a secret's file is looked at.
const FILE_BYTES_MAX: u64 = 16 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    channel: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFields {
    url: String,
    secret_file: PathBuf,
    tls_roots: Option<PathBuf>,
    #[serde(default)]
    plaintext: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatFields {
    url_file: PathBuf,
    tls_roots: Option<PathBuf>,
    #[serde(default)]
    plaintext: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailFields {
    server: String,
    tls: String,
    tls_roots: Option<PathBuf>,
    from: String,
    username: Option<String>,
    password_file: Option<PathBuf>,
    people: BTreeMap<String, String>,
}

impl Channels {
    /// Reads a document that holds `[[channel]]` tables and nothing else.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, ConfigErrors> {
        let document: Document = match toml::from_str(text) {
            Ok(document) => document,
            Err(error) => return Err(ConfigErrors::one("channels", error.to_string())),
        };
        if document.channel.len() > CHANNELS_MAX {
            let text = format!("at most {CHANNELS_MAX} are read");
            return Err(ConfigErrors::one("channels", text));
        }
        let mut found = Vec::new();
        let mut channels: Vec<Configured> = Vec::new();
        for (index, table) in document.channel.into_iter().enumerate() {
            let name = table.get("name").and_then(Value::as_str);
            let name = name.map_or_else(|| format!("number {}", index + 1), str::to_owned);
            let mut problems = Problems::new(name, &mut found);
            let Some(channel) = channel(table, &mut problems) else {
                continue;
            };
            if channels.iter().any(|other| other.name == channel.name) {
                problems.add("name", "another channel has it: names are unique");
            }
            let pushes = |one: &Configured| matches!(one.way, Way::Push(_));
            if pushes(&channel) && channels.iter().any(pushes) {
                problems.add(
                    "kind",
                    "a gate has one channel of this kind: browsers subscribe under its key",
                );
            }
            channels.push(channel);
        }
        if found.is_empty() {
            Ok(Self(channels))
        } else {
            Err(ConfigErrors(found))
        }
    }
}

/// `None` when something is wrong with it; what that is stands in `problems`.
fn channel(mut table: Table, problems: &mut Problems<'_>) -> Option<Configured> {
    let name: Option<String> = take(&mut table, "name", problems);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = name.unwrap_or_default();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
        let text = format!("1 to {NAME_BYTES_MAX} lower-case letters, digits and hyphens");
        problems.add("name", text);
    }
    let filter = filter(&mut table, problems);
    let seconds: Option<u64> = take(&mut table, "timeout_seconds", problems);
    let seconds = seconds.unwrap_or(TIMEOUT_SECONDS);
    if seconds == 0 || seconds > TIMEOUT_SECONDS_MAX {
        let text = format!("must be between 1 and {TIMEOUT_SECONDS_MAX}");
        problems.add("timeout_seconds", text);
    }
    let limit = Duration::from_secs(seconds);
    let kind: Option<String> = take(&mut table, "kind", problems);
    let way = match kind.as_deref() {
        Some("webhook") => webhook(table, limit, problems).map(Way::Webhook),
        Some("chat") => chat(table, limit, problems).map(Way::Chat),
        Some("mail") => mail(table, limit, problems).map(Way::Mail),
        Some("push") => push::push(table, limit, problems).map(Way::Push),
        other => {
            let text = format!(
                "`{}` is not one of webhook, chat, mail, push",
                other.unwrap_or_default()
            );
            problems.add("kind", text);
            None
        }
    };
    Some(Configured {
        name,
        filter,
        way: way?,
    })
}

/// A value that may be missing; one of another type is a problem.
fn take<T: DeserializeOwned>(
    table: &mut Table,
    field: &str,
    problems: &mut Problems<'_>,
) -> Option<T> {
    let value = table.remove(field)?;
    problems.check(field, value.try_into::<T>())
}

fn filter(table: &mut Table, problems: &mut Problems<'_>) -> Filter {
    let words: Vec<String> = take(table, "kinds", problems).unwrap_or_default();
    let mut kinds = BTreeSet::new();
    for word in words {
        match KINDS.iter().find(|(known, _)| *known == word) {
            Some((_, kind)) => {
                kinds.insert(*kind);
            }
            None => {
                let known: Vec<&str> = KINDS.iter().map(|(known, _)| *known).collect();
                let text = format!("`{word}` is not one of {}", known.join(", "));
                problems.add("kinds", text);
            }
        }
    }
    let teams: Option<BTreeSet<TeamId>> = take(table, "teams", problems);
    let tiers_at_least: Option<Tier> = take(table, "tiers_at_least", problems);
    Filter {
        kinds,
        teams: teams.unwrap_or_default(),
        tiers_at_least,
    }
}

/// What a file holds that only its owner may read, as it is now. It is read again for each message.
fn secret(field: &str, file: &Path, problems: &mut Problems<'_>) -> Option<Secret> {
    if !file.is_absolute() {
        problems.add(field, "name the file by its absolute path");
        return None;
    }
    let source = Source::File(file.to_owned());
    problems.check(field, source.check())?;
    let bytes = bounded(file);
    problems
        .check(field, bytes.map(Secret::new))
        .and_then(|secret| problems.check(field, secret))
}

fn bounded(file: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let mut read = Vec::new();
    let opened = std::fs::File::open(file);
    opened
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut read))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(read)
}

fn reached(
    roots: Option<PathBuf>,
    plaintext: bool,
    limit: Duration,
    problems: &mut Problems<'_>,
) -> Option<Reached> {
    let tls = match roots {
        None => None,
        Some(roots) => Some(problems.check("tls_roots", tls::client(&roots))?),
    };
    Some(Reached {
        tls,
        plaintext,
        reach: Reach::Anywhere,
        limit,
    })
}

fn webhook(table: Table, limit: Duration, problems: &mut Problems<'_>) -> Option<Webhook> {
    let fields: WebhookFields = problems.fields(table)?;
    let secret = secret("secret_file", &fields.secret_file, problems);
    if let Some(secret) = secret {
        let parsed = gatehold_proof::webhook::WebhookSecret::parse(secret.expose_text());
        problems.check("secret_file", parsed);
    }
    let reached = reached(fields.tls_roots, fields.plaintext, limit, problems)?;
    let address = problems.check("url", Address::read(&fields.url, &reached));
    Some(Webhook {
        address: address?,
        secret_file: fields.secret_file,
    })
}

fn chat(table: Table, limit: Duration, problems: &mut Problems<'_>) -> Option<Chat> {
    let fields: ChatFields = problems.fields(table)?;
    let secret = secret("url_file", &fields.url_file, problems);
    let reached = reached(fields.tls_roots, fields.plaintext, limit, problems)?;
    let address = Address::read(secret?.expose_text(), &reached);
    let address = problems.check("url_file", address)?;
    Some(Chat {
        url_file: fields.url_file,
        reached,
        server: address.server(),
    })
}

fn mail(table: Table, limit: Duration, problems: &mut Problems<'_>) -> Option<Mail> {
    let fields: MailFields = problems.fields(table)?;
    let server = server(&fields.server, problems);
    let host = server.as_ref().map(|(host, _)| host.as_str());
    let protection = protection(&fields.tls, fields.tls_roots.as_deref(), host, problems);
    let from = fields.from.parse::<Mailbox>();
    let from = problems.check(
        "from",
        from.map_err(|_| "write `Gatehold <gate@acme.example>`"),
    );
    if let Some(from) = &from
        && !from.email.domain().is_ascii()
    {
        problems.add("from", "its domain must be ASCII; write it in Punycode");
    }
    let login = match (fields.username, fields.password_file) {
        (None, None) => None,
        (Some(username), Some(password_file)) => {
            secret("password_file", &password_file, problems);
            Some(Login {
                username,
                password_file,
            })
        }
        _ => {
            problems.add("username", "give username and password_file, or neither");
            None
        }
    };
    let people = people(fields.people, problems);
    let (host, port) = server?;
    Some(Mail {
        host,
        port,
        protection: protection?,
        from: from?,
        login,
        people,
        limit,
        taken: Taken::default(),
    })
}

/// `mail.example:587`, `[::1]:25`.
fn server(text: &str, problems: &mut Problems<'_>) -> Option<(String, u16)> {
    let parts = text.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let plain = |host: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        !host.is_empty() && host.chars().all(plain)
    };
    let found = parts.map(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (host.to_owned(), port)
    });
    let found = found.filter(|(host, port)| plain(host) && *port != 0);
    if found.is_none() {
        problems.add("server", "write host:port, such as mail.acme.example:587");
    }
    found
}

fn protection(
    word: &str,
    roots: Option<&Path>,
    host: Option<&str>,
    problems: &mut Problems<'_>,
) -> Option<Protection> {
    if !matches!(word, "starttls" | "tls" | "none") {
        let text = format!("`{word}` is not one of starttls, tls, none");
        problems.add("tls", text);
        return None;
    }
    if word == "none" {
        if roots.is_some() {
            problems.add("tls_roots", "there is no TLS to use them for");
        }
        if host.is_some_and(|host| !is_loopback(host)) {
            let text = "`none` is for a server on this machine; use starttls or tls";
            problems.add("tls", text);
        }
        return Some(Protection::None);
    }
    let Some(roots) = roots else {
        problems.add("tls_roots", "name the roots of its certificate");
        return None;
    };
    let config = problems.check("tls_roots", tls::client(roots))?;
    let name = problems.check("server", tls::server_name(host?))?;
    let tls = Tls { config, name };
    Some(if word == "tls" {
        Protection::Tls(tls)
    } else {
        Protection::StartTls(tls)
    })
}

fn people(
    all: BTreeMap<String, String>,
    problems: &mut Problems<'_>,
) -> BTreeMap<HumanId, lettre::Address> {
    if all.is_empty() || all.len() > PEOPLE_MAX {
        let text = format!("write \"subject@issuer\" = \"address\", 1 to {PEOPLE_MAX} of them");
        problems.add("people", text);
    }
    let mut people = BTreeMap::new();
    for (person, address) in all {
        let human = person.parse::<HumanId>();
        let human = problems.check("people", human.map_err(|why| format!("`{person}`: {why}")));
        let read = address.parse::<lettre::Address>();
        // The address itself is personal, so the person is named instead.
        let why = |_| format!("`{person}`: what is written there is no mail address");
        let read = problems.check("people", read.map_err(why));
        if let (Some(human), Some(read)) = (human, read) {
            people.insert(human, read);
        }
    }
    people
}

#[cfg(test)]
mod tests;
