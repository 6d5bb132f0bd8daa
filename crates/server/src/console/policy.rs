//! `/policy`: what policy is in force: at which checkpoints people decide and who they are, and what each kind of action is. It is
//! read here and changed nowhere on these pages: another bundle is asked for and approved like anything else.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Alternative, Checkpoint};
use gatehold_core::descriptor::Descriptor;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Quiet, counted, duration, grouped, mark, quiet};
use crate::app::App;

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    frame: Frame,
    name: Quiet,
    version: String,
    profile: Quiet,
    owner: Quiet,
    rationale: Quiet,
    hash: String,
    rules: String,
    checkpoints: Vec<Point>,
    kinds: Vec<Kind>,
}

/// One checkpoint.
struct Point {
    mark: Mark,
    name: String,
    title: Quiet,
    rationale: Quiet,
    /// Who decides, with how many, and by when.
    facts: Vec<(&'static str, Quiet)>,
}

/// One kind of action.
struct Kind {
    id: String,
    title: Quiet,
    effects: String,
    reversibility: String,
}

/// `GET /policy`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    let (bundle, today) = (app.gate().bundle(), app.gate().today().await?);
    let header = bundle.header();
    let checkpoints = bundle.checkpoints().iter();
    html(&PolicyPage {
        frame: Frame::of(&app, &signed_in.visitor, "policy"),
        name: quiet(&header.name),
        version: grouped(header.version),
        profile: quiet(&header.profile),
        owner: quiet(&header.owner),
        rationale: quiet(&header.rationale),
        hash: bundle.hash().to_string(),
        rules: counted(bundle.rules().len(), "rule"),
        checkpoints: checkpoints
            .map(|(name, checkpoint)| point(checkpoint, today.uncovered.contains(name)))
            .collect(),
        kinds: bundle.descriptors().values().map(kind).collect(),
    })
}

fn point(checkpoint: &Checkpoint, uncovered: bool) -> Point {
    let eligible = &checkpoint.eligible;
    let teams = eligible.teams.iter().map(ToString::to_string);
    let humans = eligible.humans.iter().map(ToString::to_string);
    let who: Vec<String> = teams.chain(humans).collect();
    let seats: Vec<String> = checkpoint.alternatives.iter().map(alternative).collect();
    let mut facts = vec![
        ("Who decides", quiet(&who.join(", "))),
        ("How many", quiet(&seats.join(", or "))),
        (
            "Within",
            quiet(&duration(checkpoint.decide_within_seconds.get().into())),
        ),
        ("Owner", quiet(&checkpoint.owner)),
    ];
    if let Some(how) = checkpoint.signer.in_words() {
        facts.insert(2, ("Counts when", quiet(how)));
    }
    for step in &checkpoint.escalation {
        let teams: Vec<&str> = step.teams.iter().map(|team| team.as_str()).collect();
        let after = duration(step.after_seconds.get().into());
        let says = format!("{} as well, after {after}", teams.join(", "));
        facts.push(("Then asked", quiet(&says)));
    }
    Point {
        mark: match uncovered {
            false => mark("good", "\u{2713}", "COVERED"),
            true => mark("bad", "\u{2715}", "TOO FEW PEOPLE"),
        },
        name: checkpoint.name.to_string(),
        title: quiet(&checkpoint.title),
        rationale: quiet(&checkpoint.rationale),
        facts,
    }
}

/// `2 people, each with a verified key`.
fn alternative(alternative: &Alternative) -> String {
    let people = match alternative.seats.get() {
        1 => "1 person".to_owned(),
        several => format!("{several} people"),
    };
    match alternative.factor {
        Assurance::Software => people,
        factor => format!("{people} with a {factor} key"),
    }
}

fn kind(descriptor: &Descriptor) -> Kind {
    let effects: Vec<String> = descriptor
        .effects
        .iter()
        .map(|one| one.as_str().replace('_', " "))
        .collect();
    Kind {
        id: descriptor.id.to_string(),
        title: quiet(&descriptor.title),
        effects: effects.join(", "),
        reversibility: descriptor.reversibility.as_str().replace('_', " "),
    }
}
