//! `gatehold channel …`: on which ways people are told, and whether one works. It looks at the operator's configuration and at no
//! gate; what it sends is marked as a test and asks nothing of anybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Subcommand;
use gatehold_broker::{Channels, Clock, Described};
use gatehold_core::hash::hex;
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use serde_json::json;

use crate::config::{Config, ConfigLookedAt, looked_at};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{counted, plain, table};

/// `gatehold channel …`.
#[derive(Debug, Subcommand)]
pub enum Channel {
    /// The channels of the configuration, and whom they reach.
    List(ConfigLookedAt),
    /// Send a message that is marked as a test, and say what the server answered.
    Test {
        /// Its name in the channels file.
        name: String,
        /// To this person; mail needs one. May be given more than once.
        #[arg(long, value_name = "SUBJECT@ISSUER")]
        to: Vec<HumanId>,
        /// Where it is configured.
        #[command(flatten)]
        file: ConfigLookedAt,
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
            let sent = config.channels.test(name, &key, &to, now()).await;
            let answered = sent.map_err(|error| {
                let next = format!("correct channel `{name}`, or repair what it speaks to");
                Failure::fault(format!("channel `{name}`: {error}"), next)
            })?;
            let answer = json!({ "channel": name, "key": key, "answered": answered });
            ctx.print(&answer, || {
                format!("channel `{name}` works: {}\n", plain(&answered))
            })?;
        }
    }
    Ok(Exit::Done)
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
                people.unwrap_or_else(|| "whoever reads it".to_owned()),
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

/// Who of these is reached by none. A webhook or chat for all teams reaches whoever reads it.
pub fn unreached<'h>(
    described: &[Described],
    humans: impl Iterator<Item = &'h HumanId>,
) -> Vec<&'h HumanId> {
    let open = described
        .iter()
        .any(|one| one.people.is_none() && one.teams.is_empty());
    let mailed = |human: &HumanId| {
        let mut lists = described.iter().filter_map(|one| one.people.as_ref());
        lists.any(|people| people.contains(human))
    };
    humans.filter(|human| !open && !mailed(human)).collect()
}
