//! `gatehold on-call`: who is on call now, by the operator's file. It says whom a gate tells first, and gives nobody authority.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;
use gatehold_broker::{OnCall, Roster};
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::time::Timestamp;
use serde::Serialize;

use crate::config::{Config, ConfigLookedAt, looked_at};
use crate::context::Ctx;
use crate::exit::{Exit, Failure};
use crate::screen::{Style, plain};

/// Arguments of `gatehold on-call`.
#[derive(Debug, Args)]
pub struct OnCallArgs {
    /// Of this team only.
    #[arg(long)]
    pub team: Option<TeamId>,
    /// Where it is configured.
    #[command(flatten)]
    pub file: ConfigLookedAt,
}

/// One team.
#[derive(Debug, Serialize)]
struct Duty {
    /// Empty when nobody knows.
    people: BTreeSet<HumanId>,
    /// Why nobody knows; then everybody with a seat is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    at: String,
    teams: BTreeMap<TeamId, Duty>,
}

/// Runs it. Ends with 1 when it is unknown for a team that was asked about, for scripts that watch.
///
/// # Errors
/// When no file is configured, or it cannot be read.
pub fn run(ctx: &Ctx, args: &OnCallArgs) -> Result<Exit, Failure> {
    let config = Config::require(&looked_at(ctx, args.file.config.as_deref()))?;
    let file = config.on_call.as_deref().ok_or_else(|| {
        Failure::usage(
            "no schedule is configured: everybody with a seat is told at once",
            "name an `on_call_file` in the configuration",
        )
    })?;
    let now = Timestamp::from_millis(crate::ambient::now_millis());
    let roster = OnCall::look(file, now);
    let teams: Vec<TeamId> = match (&roster.0, &args.team) {
        (Err(why), _) => {
            let next = "correct it; until then everybody with a seat is told";
            return Err(Failure::usage(why, next));
        }
        (Ok(_), Some(team)) => vec![team.clone()],
        (Ok(teams), None) => teams.keys().cloned().collect(),
    };
    let duty = |team: TeamId| {
        let duty = match roster.of(&team) {
            Ok(people) => Duty {
                people: people.clone(),
                unknown: None,
            },
            Err(why) => Duty {
                people: BTreeSet::new(),
                unknown: Some(why.to_owned()),
            },
        };
        (team, duty)
    };
    let answer = Answer {
        at: now.to_string(),
        teams: teams.into_iter().map(duty).collect(),
    };
    ctx.print(&answer, || lines(ctx, &answer))?;
    let unknown = answer.teams.values().any(|duty| duty.unknown.is_some());
    Ok(if unknown { Exit::Fault } else { Exit::Done })
}

fn lines(ctx: &Ctx, answer: &Answer) -> String {
    let mut text = String::new();
    for (team, duty) in &answer.teams {
        let people: Vec<String> = duty.people.iter().map(ToString::to_string).collect();
        let said = match &duty.unknown {
            None => plain(&people.join(", ")),
            Some(why) => {
                let word = ctx.screen.paint(Style::Amber, "UNKNOWN");
                format!("{word}: {}; everybody with a seat is told", plain(why))
            }
        };
        let _ = writeln!(text, "{}: {said}", plain(team.as_str()));
    }
    if text.is_empty() {
        text.push_str("no team has a schedule; everybody with a seat is told\n");
    }
    text
}

/// Why it is unknown who is on call now, for whoever checks a configuration: of the whole file, or of teams.
pub fn unknown(roster: &Roster) -> Option<String> {
    let teams = match &roster.0 {
        Err(why) => return Some(why.clone()),
        Ok(teams) => teams,
    };
    let unknown = teams.keys().filter_map(|team| {
        let why = roster.of(team).err()?;
        Some(format!("{team}: {why}"))
    });
    let unknown: Vec<String> = unknown.collect();
    (!unknown.is_empty()).then(|| unknown.join("; "))
}
