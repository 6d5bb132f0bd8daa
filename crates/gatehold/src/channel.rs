//! `gatehold channel …`: on which ways people are told, and whether one works. It looks at the operator's configuration, and for
//! browsers at the store; what it sends is marked as a test and asks nothing of anybody.

pub mod standing;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use gatehold_broker::{Channels, Clock, Described, PushParts};
use gatehold_core::hash::hex;
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_gate::Trust;
use gatehold_gate::push::StoredSubscribers;
use gatehold_proof::web_push::VapidKey;
use serde_json::json;

use crate::ambient::Os;
use crate::config::{Config, ConfigLookedAt, looked_at};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{counted, plain, table};
use crate::serve::{open_store, refused};

/// `gatehold channel …`.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// The channels of the configuration, and whom they reach.
    List(ConfigLookedAt),
    /// Send a message that is marked as a test, and say what the server answered.
    Test {
        /// Its name in the channels file.
        name: String,
        /// To this person; mail and push need one. May be given more than once.
        #[arg(long, value_name = "SUBJECT@ISSUER")]
        to: Vec<HumanId>,
        /// Where it is configured.
        #[command(flatten)]
        file: ConfigLookedAt,
    },
    /// Make the key under which browsers are told, for `key_file` of a push channel.
    Key {
        /// A new file, for the gate's user alone.
        file: PathBuf,
    },
}

/// Runs a channel command.
///
/// # Errors
/// When the configuration is wrong, or the message did not arrive.
pub async fn run(ctx: &Ctx, channel: &Channel) -> Result<Exit, Failure> {
    match channel {
        Channel::List(file) => {
            let config = Config::require(&looked_at(ctx, file.config.as_deref()))?;
            let described = config.channels.described();
            ctx.print(&json!({ "channels": described }), || {
                listed(ctx, &described)
            })?;
        }
        Channel::Test { name, to, file } => {
            let config = Config::require(&looked_at(ctx, file.config.as_deref()))?;
            let to = to.iter().cloned().collect();
            check(&config.channels, name, &to)?;
            let random = crate::ambient::random()
                .map_err(|error| Failure::fault(error, "check the system's random source"))?;
            let key: String = hex(&random).chars().take(32).collect();
            let key = format!("test_{key}");
            let push = pushing(&config, name).await?;
            let told = (push.as_ref(), now());
            let sent = config.channels.test(name, &key, &to, told).await;
            let answered = sent.map_err(|error| {
                let next = format!("correct channel `{name}`, or repair what it speaks to");
                Failure::fault(format!("channel `{name}`: {error}"), next)
            })?;
            let answer = json!({ "channel": name, "key": key, "answered": answered });
            ctx.print(&answer, || {
                format!("channel `{name}` works: {}\n", plain(&answered))
            })?;
        }
        Channel::Key { file } => {
            let public = new_key(file)?;
            let made = json!({ "file": file, "public_key": public });
            ctx.print(&made, || {
                let file = file.display().to_string();
                format!(
                    "{}: name it in `key_file`\npublic key: {public}\n",
                    plain(&file)
                )
            })?;
        }
    }
    Ok(Exit::Done)
}

/// Writes a key that nobody had, and gives its public half.
fn new_key(file: &Path) -> Result<String, Failure> {
    let mut broken = None;
    let key = VapidKey::generate(|seed| match crate::ambient::random() {
        Ok(bytes) => *seed = bytes,
        Err(error) => broken = Some(error),
    });
    if let Some(error) = broken {
        return Err(Failure::fault(error, "check the system's random source"));
    }
    let failed = |error| Failure::fault(error, "check the system's random source");
    let key = key.map_err(failed)?;
    let text = key.to_text().map_err(failed)?;
    crate::files::write_secret(file, text.as_bytes())?;
    Ok(key.public().to_owned())
}

/// Whose browsers there are, for a channel that tells browsers.
async fn pushing(config: &Config, name: &str) -> Result<Option<PushParts>, Failure> {
    let mut described = config.channels.described().into_iter();
    let pushes = described.any(|one| one.name == name && one.kind == PUSH);
    let Some(rules) = config.channels.push().filter(|_| pushes) else {
        return Ok(None);
    };
    let store = open_store(&config.store, None).await?;
    let trust = Trust::read(store.as_ref(), config.root)
        .await
        .map_err(|error| refused(&error))?;
    let dev = trust.directory.origin.is_dev();
    Ok(Some(PushParts {
        subscriptions: Arc::new(StoredSubscribers::new(store, rules, dev)),
        entropy: Arc::new(Os),
    }))
}

/// The time, as people and receivers of messages read it.
pub fn clock() -> Clock {
    Arc::new(now)
}

fn now() -> Timestamp {
    Timestamp::from_millis(crate::ambient::now_millis())
}

/// Whether there is such a channel, and whether it has somebody to go to.
fn check(channels: &Channels, name: &str, to: &BTreeSet<HumanId>) -> Result<(), Failure> {
    let described = channels.described();
    let Some(found) = described.iter().find(|one| one.name == name) else {
        return Err(Failure::usage(
            format!("there is no channel `{name}`"),
            "name one of `gatehold channel list`",
        ));
    };
    let next = "name somebody of `gatehold channel list` with --to";
    if found.kind == PUSH {
        return match to.is_empty() {
            false => Ok(()),
            true => Err(Failure::usage(
                "a push is sent to somebody",
                "name somebody with --to who has a browser told",
            )),
        };
    }
    match &found.people {
        None if to.is_empty() => Ok(()),
        None => Err(Failure::usage(
            format!("channel `{name}` is read by whoever is there, and by nobody alone"),
            "leave out --to",
        )),
        Some(_) if to.is_empty() => Err(Failure::usage("mail is sent to somebody", next)),
        Some(people) => match to.iter().find(|person| !people.contains(*person)) {
            None => Ok(()),
            Some(person) => Err(Failure::usage(
                format!("channel `{name}` has no address of {person}"),
                next,
            )),
        },
    }
}

fn listed(ctx: &Ctx, described: &[Described]) -> String {
    if described.is_empty() {
        return format!("{NOBODY}\n");
    }
    let all = |words: String| {
        if words.is_empty() {
            "all".to_owned()
        } else {
            words
        }
    };
    let rows: Vec<Vec<String>> = described
        .iter()
        .map(|one| {
            let teams: Vec<String> = one.teams.iter().map(ToString::to_string).collect();
            let people = one.people.as_ref().map(|people| {
                let people: Vec<String> = people.iter().map(ToString::to_string).collect();
                people.join(", ")
            });
            vec![
                one.name.clone(),
                one.kind.to_owned(),
                one.server.clone(),
                all(one.kinds.join(", ")),
                all(teams.join(", ")),
                one.tiers_at_least
                    .map_or("green", |tier| tier.as_str())
                    .to_owned(),
                people.unwrap_or_else(|| match one.kind {
                    PUSH => "whoever subscribed".to_owned(),
                    _ => "whoever reads it".to_owned(),
                }),
            ]
        })
        .collect();
    let headings = [
        "CHANNEL",
        "KIND",
        "SERVER",
        "NOTICES",
        "TEAMS",
        "FROM TIER",
        "REACHES",
    ];
    table(&headings, &rows, ctx.screen.width)
}

/// The kind of channel that people subscribe to themselves.
const PUSH: &str = "push";

/// What is said where there is no channel.
pub const NOBODY: &str = "no channel is configured: nobody is told that something waits for them; name a `channels_file`";

/// One line about all of them.
pub fn summary(described: &[Described]) -> String {
    let each: Vec<String> = described
        .iter()
        .map(|one| match &one.people {
            None => format!("{} ({})", one.name, one.kind),
            Some(people) => {
                let people = counted(u64::try_from(people.len()).unwrap_or(0), "person");
                let people = people.replace("persons", "people");
                format!("{} ({} to {people})", one.name, one.kind)
            }
        })
        .collect();
    format!("channels: {}", each.join(", "))
}

/// Who of these is reached by none. A webhook or chat for all teams reaches whoever reads it; a push whoever subscribed.
pub fn unreached<'h>(
    described: &[Described],
    subscribers: &BTreeSet<String>,
    humans: impl Iterator<Item = &'h HumanId>,
) -> Vec<&'h HumanId> {
    let open = described
        .iter()
        .any(|one| one.people.is_none() && one.teams.is_empty() && one.kind != PUSH);
    let pushed = described.iter().any(|one| one.kind == PUSH);
    let told = |human: &HumanId| {
        let mut lists = described.iter().filter_map(|one| one.people.as_ref());
        lists.any(|people| people.contains(human))
            || pushed && subscribers.contains(&human.to_string())
    };
    humans.filter(|human| !open && !told(human)).collect()
}
