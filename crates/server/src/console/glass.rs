//! `/break-glass`: what two people let out with offline keys within the last day or nobody has looked at yet: what, by whom, why, and
//! whose look is owed until when. It is read here; both are signed in a terminal, with keys that no page has.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gatehold_core::glass::{GLASS_OF_ALL_MAX, Judgement, Opening, POST_REVIEWERS_MIN};
use gatehold_core::ids::HumanId;
use gatehold_core::time::Timestamp;
use gatehold_gate::OpeningShown;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Moment, Quiet, lines, mark, moment, quiet};
use crate::app::App;

#[derive(Template)]
#[template(path = "glass.html")]
struct GlassPage {
    frame: Frame,
    openings: Vec<Line>,
    /// Something is overdue, so nothing else is let out so.
    closed: bool,
    of_a_day: usize,
}

/// One request that was let out so.
struct Line {
    id: String,
    mark: Mark,
    sentence: Quiet,
    incident: Quiet,
    signers: Vec<String>,
    /// Their words; nothing where they are erased.
    why: Vec<Quiet>,
    at: Moment,
    review_by: Moment,
    open: bool,
    missing: usize,
    /// Who may look at it, as the checkpoints name them.
    lookers: String,
    looks: Vec<String>,
    /// Whether whoever reads this had a part in it.
    involved: bool,
}

/// `GET /break-glass`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    let visitor = &signed_in.visitor;
    let shown = app.gate().openings_shown().await?;
    let now = visitor.now;
    let overdue = |one: &OpeningShown| one.opening.is_overdue(now);
    html(&GlassPage {
        frame: Frame::of(&app, visitor, "overview"),
        closed: shown.iter().any(overdue),
        openings: shown
            .iter()
            .rev()
            .map(|one| line(one, &visitor.human, now))
            .collect(),
        of_a_day: GLASS_OF_ALL_MAX,
    })
}

fn line(shown: &OpeningShown, reader: &HumanId, now: Timestamp) -> Line {
    let opening = &shown.opening;
    let teams = opening.post_review.teams.iter().map(ToString::to_string);
    let humans = opening.post_review.humans.iter().map(ToString::to_string);
    let lookers: Vec<String> = teams.chain(humans).collect();
    Line {
        id: opening.request.to_string(),
        mark: stands(opening, now),
        sentence: quiet(&shown.sentence),
        incident: quiet(&opening.incident),
        signers: opening.signers.iter().map(ToString::to_string).collect(),
        why: shown.why.as_deref().map(lines).unwrap_or_default(),
        at: moment(opening.at, now),
        review_by: moment(opening.review_by, now),
        open: opening.is_open(),
        missing: POST_REVIEWERS_MIN.saturating_sub(opening.reviewed.len()),
        lookers: lookers.join(", "),
        looks: opening.reviewed.iter().map(look).collect(),
        involved: opening.involved.contains(reader),
    }
}

fn look((human, found): (&HumanId, &Judgement)) -> String {
    let found = match found {
        Judgement::Justified => "it was right",
        Judgement::NotJustified => "it was not right",
    };
    format!("{human}: {found}")
}

/// How it stands, for whoever looks at it afterwards.
pub(super) fn stands(opening: &Opening, now: Timestamp) -> Mark {
    if opening.is_overdue(now) {
        mark("bad", "\u{25f4}", "LOOK OVERDUE")
    } else if opening.is_open() {
        mark("wait", "\u{25cb}", "LOOK OWED")
    } else {
        mark("good", "\u{2713}", "LOOKED AT")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use gatehold_core::checkpoint::Eligible;
    use gatehold_core::hash::Hash;
    use gatehold_core::ids::RequestId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn human(name: &str) -> HumanId {
        HumanId::new("acme.example", name).unwrap()
    }

    fn opened() -> OpeningShown {
        let signers: BTreeSet<HumanId> = [human("gus"), human("gia")].into();
        OpeningShown {
            opening: Opening {
                request: RequestId::from_bytes([7; 16]),
                glass: Hash::of(b"glass"),
                incident: "INC-7".to_owned(),
                involved: signers.clone(),
                signers,
                at: NOW,
                post_review: Eligible {
                    teams: ["auditors".parse().unwrap()].into(),
                    humans: BTreeSet::new(),
                },
                review_by: NOW.plus_seconds(3_600),
                reviewed: BTreeMap::new(),
            },
            sentence: "deploy-bot wants to change 1 row".to_owned(),
            why: Some("orders are stuck <b>now</b>\u{202e}".to_owned()),
        }
    }

    fn shown(openings: &[OpeningShown], reader: &str, now: Timestamp) -> String {
        let page = GlassPage {
            frame: Frame {
                gate: "gate.example".to_owned(),
                dev: false,
                who: None,
                part: "overview",
            },
            closed: openings.iter().any(|one| one.opening.is_overdue(now)),
            openings: openings
                .iter()
                .map(|one| line(one, &human(reader), now))
                .collect(),
            of_a_day: GLASS_OF_ALL_MAX,
        };
        page.render().unwrap()
    }

    #[test]
    fn a25_what_was_opened_by_whom_why_and_whose_look_is_owed_stand_there() {
        let page = shown(&[opened()], "ada", NOW);
        for said in [
            "LOOK OWED",
            "INC-7",
            "gia@acme.example, gus@acme.example",
            "deploy-bot wants to change 1 row",
            "auditors, who had no part in it",
            "2 owed until",
            "gatehold break-glass review req_",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        // Their words are words.
        assert!(
            !page.contains("<b>") && !page.contains('\u{202e}'),
            "{page}"
        );
        assert!(!page.contains("<form") && !page.contains("A look is overdue"));
        let page = shown(&[opened()], "gus", NOW);
        assert!(page.contains("somebody else looks at it") && !page.contains("--found"));
    }

    #[test]
    fn a25_what_is_overdue_says_that_the_glass_is_closed_and_who_looked_ends_it() {
        let late = NOW.plus_seconds(3_601);
        let page = shown(&[opened()], "ada", late);
        assert!(page.contains("LOOK OVERDUE") && page.contains("A look is overdue"));
        let mut looked = opened();
        for (name, found) in [
            ("ada", Judgement::Justified),
            ("abe", Judgement::NotJustified),
        ] {
            looked.opening.reviewed.insert(human(name), found);
        }
        let page = shown(&[looked], "ada", late);
        assert!(
            page.contains("LOOKED AT") && !page.contains("overdue"),
            "{page}"
        );
        assert!(
            page.contains("abe@acme.example: it was not right"),
            "{page}"
        );
        assert!(!page.contains("--found"));
        assert!(shown(&[], "ada", NOW).contains("Nothing."));
    }
}
