//! `/overview`: how things go: what is held, may be used and runs, how requests came out, how long people took and how long others
//! wait. Pictures are drawn here, of numbers alone, and each stands as a table too.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gatehold_core::glass::Opening;
use gatehold_core::time::Timestamp;
use gatehold_core::wording::grouped;
use gatehold_gate::{FlaggedNow, Outcome, Overview, Slot};

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::plots::{Bar, Column, Look, bars, columns, height};
use super::said::{Mark, Moment, Quiet, mark, moment, quiet};
use super::stops::stopped;
use crate::app::App;
use crate::channels::{ChannelStanding, ChannelsSeen};

/// The spans of time, in words.
const SPANS: [&str; 6] = [
    "under 1 min",
    "1 to 5 min",
    "5 to 15 min",
    "15 to 60 min",
    "1 to 4 h",
    "over 4 h",
];
/// Tiers, as bars of what is held are drawn.
const TIERS: [Look; 3] = [("p-green", false), ("p-amber", true), ("p-red", false)];
/// People's decisions.
const PEOPLE: [Look; 1] = [("p-blue", false)];

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    token: String,
    now: Moment,
    figures: Vec<(&'static str, String)>,
    stops: Vec<Quiet>,
    paused: Vec<Quiet>,
    flagged: Vec<Quiet>,
    owed: Vec<(Mark, String, Moment)>,
    told: Option<Told>,
    lockdown: bool,
    whole_day: bool,
    legend: Vec<Key>,
    outcomes: Vec<Column>,
    hours: Vec<(String, Vec<u64>)>,
    took: Vec<Bar>,
    took_any: bool,
    waits: Vec<Bar>,
    waits_by_tier: Vec<(&'static str, Vec<u64>)>,
    height: u64,
}

/// How people are told.
struct Told {
    channels: Vec<Channel>,
    /// Whether this process is the one that delivers.
    here: bool,
}

/// How one channel stands.
struct Channel {
    name: Quiet,
    mark: Mark,
    says: String,
}

/// What a part of a column stands for.
struct Key {
    class: &'static str,
    hatched: bool,
    word: &'static str,
    number: u64,
}

/// `GET /overview`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    let visitor = &signed_in.visitor;
    let seen = app.gate().overview().await?;
    let hours: Vec<(String, Vec<u64>)> = seen.slots.iter().map(hour).collect();
    let looks = Outcome::ALL.map(|outcome| look(outcome).0);
    let labelled: Vec<(String, Vec<u64>)> = hours
        .iter()
        .enumerate()
        .map(|(number, (hour, counts))| {
            let shown = number.is_multiple_of(3);
            let label = if shown { hour.clone() } else { String::new() };
            (label, counts.clone())
        })
        .collect();
    let took: Vec<(&'static str, Vec<u64>)> = SPANS
        .into_iter()
        .zip(seen.took.map(|count| vec![count]))
        .collect();
    let waits: Vec<(&'static str, Vec<u64>)> = SPANS
        .into_iter()
        .zip(seen.waits.map(|counts| counts.to_vec()))
        .collect();
    let took_drawn = bars(&took, &PEOPLE);
    html(&OverviewPage {
        frame: Frame::of(&app, visitor, "overview"),
        token: visitor.form_token(),
        now: moment(seen.now, seen.now),
        figures: figures(&seen),
        stops: stopped(&seen.stops, &seen.who_stopped),
        paused: seen.paused.iter().map(|name| quiet(name)).collect(),
        flagged: seen.flagged.iter().map(said_of).collect(),
        owed: seen.owed.iter().map(|one| owed(one, seen.now)).collect(),
        told: app.channels().map(|channels| told(&channels, seen.now)),
        lockdown: seen.stops.everything,
        whole_day: seen.whole_day,
        legend: legend(&seen),
        outcomes: columns(&labelled, &looks),
        hours,
        took_any: seen.took.iter().any(|count| *count > 0),
        height: height(&took_drawn),
        took: took_drawn,
        waits: bars(&waits, &TIERS),
        waits_by_tier: waits,
    })
}

/// Which workload is said to be unusual, by whom, and until when.
fn said_of(one: &FlaggedNow) -> Quiet {
    let until = moment(one.until, one.until).absolute;
    let text = format!(
        "{} ({} by {}, until {until})",
        one.workload, one.event, one.by
    );
    quiet(&text)
}

fn owed(opening: &Opening, now: Timestamp) -> (Mark, String, Moment) {
    let mark = super::glass::stands(opening, now);
    let until = moment(opening.review_by, now);
    (mark, opening.request.to_string(), until)
}

fn told(seen: &ChannelsSeen, now: Timestamp) -> Told {
    let channel = |(name, standing): (&String, &ChannelStanding)| {
        let (mark, says) = stands(standing, now);
        let name = quiet(name);
        Channel { name, mark, says }
    };
    Told {
        channels: seen.channels.iter().map(channel).collect(),
        here: seen.delivers,
    }
}

/// A mark, times and how much waits: an address or what a server said is for operators, who read it with `gatehold status`.
fn stands(standing: &ChannelStanding, now: Timestamp) -> (Mark, String) {
    let at = |time: Timestamp| {
        let Moment {
            absolute, relative, ..
        } = moment(time, now);
        format!("{absolute} ({relative})")
    };
    let last = match standing.last_delivered {
        Some(time) => format!("took something last at {}", at(time)),
        None => "took nothing since this process began".to_owned(),
    };
    let last = match standing.undelivered {
        0 => last,
        waiting => format!("{last}; {} undelivered", grouped(waiting)),
    };
    match (standing.failing_since, standing.last_delivered) {
        (Some(since), _) => {
            let says = format!(
                "since {}; {last}. Operators read why with `gatehold status`",
                at(since)
            );
            (mark("bad", "\u{2715}", "FAILING"), says)
        }
        (None, Some(_)) => (mark("good", "\u{2713}", "WORKS"), last),
        (None, None) => (mark("quiet", "\u{25cb}", "NOT USED YET"), last),
    }
}

/// How an outcome is drawn and called.
const fn look(outcome: Outcome) -> (Look, &'static str) {
    match outcome {
        Outcome::LetThrough => (("p-quiet", false), "let through by policy"),
        Outcome::DeniedByPolicy => (("p-amber", true), "denied by policy"),
        Outcome::Approved => (("p-green", false), "approved by people"),
        Outcome::DeniedByPeople => (("p-red", true), "denied by people"),
        Outcome::Undecided => (("p-violet", false), "ended undecided"),
    }
}

/// A slot, called by the hour at which it begins.
fn hour(slot: &Slot) -> (String, Vec<u64>) {
    let hours = slot.from.seconds().rem_euclid(86_400).div_euclid(3_600);
    (format!("{hours:02}:00"), slot.counts.to_vec())
}

fn legend(seen: &Overview) -> Vec<Key> {
    let keys = Outcome::ALL.iter().enumerate().map(|(place, outcome)| {
        let ((class, hatched), word) = look(*outcome);
        let counts = seen.slots.iter().filter_map(|slot| slot.counts.get(place));
        Key {
            class,
            hatched,
            word,
            number: counts.sum(),
        }
    });
    keys.collect()
}

fn figures(seen: &Overview) -> Vec<(&'static str, String)> {
    let number = |count: u64| {
        let more = if seen.at_least { "+" } else { "" };
        format!("{}{more}", grouped(count))
    };
    vec![
        ("held", number(seen.held)),
        ("may be used", number(seen.usable)),
        ("running", number(seen.running)),
        ("paused", grouped(seen.paused.len())),
    ]
}
