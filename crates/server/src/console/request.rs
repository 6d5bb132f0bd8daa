//! `/requests/{id}`: one request in the fixed order: strip, sentence, why held, exact action, what is unlike its baseline, who,
//! what is granted, what its task has done, evidence, criteria; what the requester says comes last and collapsed.
//!
//! It looks and opens nothing: to sign, a reviewer opens it with the key that signs. When it is decided the page says what
//! became of it instead.

mod shown;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use gatehold_core::checkpoint::{Criterion, CriterionKind};
use gatehold_core::decide::MODEL_RECOMMENDATION;
use gatehold_core::grant::GrantState;
use gatehold_core::ids::RequestId;
use gatehold_core::lease::RevocationClass;
use gatehold_core::request::{RequestRecord, State as Stands};
use gatehold_core::requester::Requester;
use gatehold_core::signer::{KeyKind, Signer};
use gatehold_core::view::{Source, View};
use gatehold_gate::{Looked, May, Visitor};
use gatehold_render::Display;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::access::SignedIn;
use super::corrections::{Correctable, correctable};
use super::frame::{Frame, PageError, html};
use super::passkeys::{OwnPasskey, own_passkeys, signing_origin};
use super::review::{REASONS, stamp_of};
use super::said::{
    CLAIMED, Mark, Moment, Page, Quiet, REFUTED, UNKNOWN, VERIFIED, asker, code, counted, duration,
    each, limits, mark, moment, pages, people, quiet, state, tier,
};
use super::stops::in_words;
use super::timeline::{Happened, timeline};
use crate::app::App;
use shown::{Block, blocks};

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    frame: Frame,
    id: String,
    digest: String,
    words: String,
    state: Mark,
    tier: Mark,
    sentence: Quiet,
    requester: Option<Quiet>,
    target: Quiet,
    resource: Quiet,
    submitted: Moment,
    /// Header of the exact action.
    size: String,
    blocks: Vec<Block>,
    uninspectable: Option<Mark>,
    erased: bool,
    held: Option<Held>,
    no_view: Option<(String, String)>,
    /// What stops it now.
    stopped: Option<Quiet>,
    may: Option<Answer>,
    claims: Vec<Fold>,
    claims_erased: bool,
    happened: Vec<Happened>,
    by: &'static str,
    /// Whether there is something to take away.
    revocable: Option<Revocable>,
    correct: Option<Correctable>,
    /// Names what stands here, while more may still become of it.
    unfinished: Option<String>,
    /// When and by whom it was looked at, for paper.
    looked: Moment,
}

/// What can be taken away, and what that means.
struct Revocable {
    token: String,
    means: &'static str,
}

/// What is shown while it is held.
struct Held {
    decide_by: Moment,
    spend_by: Moment,
    people: String,
    /// What asks.
    kind: &'static str,
    /// Environment and reversibility, with where they are from.
    strip: Vec<Fact>,
    why: Vec<(Quiet, String)>,
    change: Vec<Quiet>,
    unlike_baseline: Vec<Quiet>,
    narrower: Vec<Quiet>,
    who: Vec<Quiet>,
    how: String,
    limits: String,
    revocation: String,
    not_enforced: Vec<Quiet>,
    checkpoints: Vec<(String, Quiet)>,
    so_far: Vec<Quiet>,
    facts: Vec<Fact>,
    page_files: Option<String>,
    raised: Vec<Quiet>,
    criteria: Vec<Asked>,
}

struct Fact {
    mark: Mark,
    label: Quiet,
    value: Quiet,
}

struct Asked {
    text: Quiet,
    kind: String,
    required: bool,
    beside: Option<Beside>,
}

/// What the requester says about one criterion.
struct Beside {
    name: Quiet,
    /// Its beginning, line by line; nothing where it says nothing of it.
    lines: Option<Vec<Quiet>>,
    size: String,
    /// How much more only stands below; empty where nothing does.
    more: String,
}

/// Claims that are unfolded together.
struct Fold {
    summary: String,
    claims: Vec<Claim>,
}

struct Claim {
    name: Quiet,
    pages: Vec<Page>,
    size: String,
}

/// What whoever looks can do, and how.
struct Answer {
    sentence: &'static str,
    /// Commands of the terminal, which has its own renderer.
    commands: Vec<String>,
    /// What the page's own module needs, for whoever may decide.
    decide: Option<Decide>,
}

/// What whoever may decide signs and sends.
struct Decide {
    human: String,
    token: String,
    /// Names what this page shows, so that its module signs nothing else.
    stamp: String,
    relying_party: String,
    keys: Vec<OwnPasskey>,
    /// How it is approved where a checkpoint takes no passkey: the page then has no key to arm with.
    in_terminal: Option<String>,
    reasons: &'static [(&'static str, &'static str)],
}

/// `GET /requests/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: RequestId = id.parse().map_err(|_| PageError::Nothing)?;
    let visitor = &signed_in.visitor;
    let looked = app.gate().look_through(visitor, id).await?;
    let questions = app.gate().questions(&looked.record).await?;
    let record = &looked.record;
    let display = match &looked.display {
        None => None,
        Some(bytes) => Some(
            Display::from_bytes(bytes)
                .map_err(|_| PageError::Fault("a stored rendering cannot be read"))?,
        ),
    };
    let is_held = record.state == Stands::Held;
    let may = is_held.then_some(looked.may);
    let dev_name = app
        .gate()
        .origin()
        .is_dev()
        .then(|| visitor.human.subject());
    let decide = match may {
        Some(May::Decide) => {
            let approve = command("approve", &id, dev_name);
            Some(decide(&app, visitor, &looked, approve)?)
        }
        _ => None,
    };
    let correct = match is_held {
        true => None,
        false => Some(correctable(&app, visitor, id).await?),
    };
    let leased = living_class(&app, record).await?;
    html(&RequestPage {
        frame: Frame::of(&app, visitor, "request"),
        id: id.to_string(),
        digest: record.digest.to_string(),
        words: looked.words.join("-"),
        state: state(record.state),
        tier: tier(record.tier),
        sentence: quiet(&record.sentence),
        requester: asker(&record.requester.name(), &record.sentence),
        target: quiet(record.envelope.target.as_str()),
        resource: quiet(record.envelope.resource.as_str()),
        submitted: moment(record.submitted_at, looked.now),
        size: display
            .as_ref()
            .map(|display| display.counts.in_words())
            .unwrap_or_default(),
        uninspectable: display
            .as_ref()
            .filter(|display| display.counts.uninspectable)
            .map(|_| UNINSPECTABLE),
        erased: display.is_none(),
        blocks: display.as_ref().map(blocks).unwrap_or_default(),
        held: looked.view.as_ref().map(|view| held(view, &looked)),
        no_view: looked
            .no_view
            .as_ref()
            .map(|why| (why.to_string(), why.next().to_owned())),
        stopped: looked.stopped.as_ref().map(in_words),
        may: may.map(|may| answer((may, looked.signer), &id, dev_name, decide)),
        claims: folds(claims(&looked, &questions)),
        claims_erased: looked.claims.is_none(),
        happened: if is_held {
            Vec::new()
        } else {
            timeline(&looked, &questions)
        },
        by: super::decided::by(record),
        revocable: revocable(record.state, leased, visitor),
        correct,
        unfinished: unfinished(&app, &looked)?,
        looked: moment(looked.now, looked.now),
    })
}

/// What taking it away does, where something is handed out.
async fn living_class(
    app: &App,
    record: &RequestRecord,
) -> Result<Option<RevocationClass>, PageError> {
    let lease = app.gate().lease_of(record).await?;
    let living = lease.filter(|(state, _)| *state == GrantState::Active);
    Ok(living.map(|(_, lease)| lease.class))
}

/// Names what a page shows of what was decided and is not over.
fn unfinished(app: &App, looked: &Looked) -> Result<Option<String>, PageError> {
    match looked.record.state {
        Stands::Allowed | Stands::Redeemable | Stands::Executing => stamp_of(app, looked).map(Some),
        _ => Ok(None),
    }
}

/// What taking it away would do now.
fn revocable(
    state: Stands,
    leased: Option<RevocationClass>,
    visitor: &Visitor,
) -> Option<Revocable> {
    let means = match (leased, state) {
        (Some(RevocationClass::Immediate), _) => {
            "Its target ends every session and login of it, and says when nothing is left."
        }
        (Some(RevocationClass::NewUseOnly), _) => {
            "Nobody begins to use it any more; what is in use goes on until it ends by itself."
        }
        (Some(RevocationClass::ExpiryOnly), _) => {
            "It stays usable until its own end, whatever is done here."
        }
        (None, state) => not_used(state)?,
    };
    let token = visitor.form_token();
    Some(Revocable { token, means })
}

/// What taking away does where nothing was handed out.
const fn not_used(state: Stands) -> Option<&'static str> {
    Some(match state {
        Stands::Allowed | Stands::Redeemable => {
            "It was not used yet. Once taken away it never is, and whoever asked must ask anew."
        }
        Stands::Executing => {
            "It is being performed. What can be given up at its target is, and what came of it is then unknown."
        }
        _ => return None,
    })
}

/// `GET /requests/{id}/dossier`: everything that proves it. Not while it is held, or it would tell who has reviewed.
pub(super) async fn dossier(
    State(app): State<App>,
    _signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: RequestId = id.parse().map_err(|_| PageError::Nothing)?;
    let record = app.gate().show(id).await?;
    if record.state == Stands::Held {
        return Err(PageError::Nothing);
    }
    let dossier = app.ledger().dossier(id).await?;
    let dossier = dossier.ok_or(PageError::Nothing)?;
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{id}.dossier\""))
        .map_err(|_| PageError::Fault("a name is no header"))?;
    let bytes = HeaderValue::from_static("application/octet-stream");
    let headers = [(CONTENT_TYPE, bytes), (CONTENT_DISPOSITION, name)];
    Ok((headers, dossier).into_response())
}

fn held(view: &View, looked: &Looked) -> Held {
    let fact = |fact: &gatehold_core::view::Fact| Fact {
        mark: match fact.source {
            Source::Verified if fact.refuted => REFUTED,
            Source::Verified => VERIFIED,
            Source::Claimed => CLAIMED,
            Source::Unknown => UNKNOWN,
        },
        label: quiet(&fact.label),
        value: quiet(&said_by(fact)),
    };
    let short = |fact: &gatehold_core::view::Fact| Fact {
        mark: if fact.source == Source::Verified {
            VERIFIED
        } else {
            UNKNOWN
        },
        label: quiet(&fact.label),
        value: quiet(&fact.value),
    };
    let known = |fact: &&gatehold_core::view::Fact| fact.source != Source::Claimed;
    let on_top = |fact: &&gatehold_core::view::Fact| {
        known(fact) && ["environment", "reversibility"].contains(&fact.label.as_str())
    };
    let raised = view.tier.inputs.iter().filter(|input| input.raised);
    Held {
        decide_by: moment(view.decide_by, looked.now),
        spend_by: moment(view.spend_by, looked.now),
        people: people(view.people_needed),
        kind: match &view.requester {
            Requester::Workload { kind, .. } => kind.in_words(),
            Requester::Human { .. } => "a person",
        },
        strip: view.facts.iter().filter(on_top).map(short).collect(),
        why: view
            .why
            .iter()
            .map(|(reason, text)| (quiet(text), code(reason)))
            .collect(),
        change: each(&view.change),
        unlike_baseline: each(&view.unlike_baseline),
        narrower: each(&view.narrower),
        who: each(&view.requester.in_words()),
        how: match view.terms.kind.as_str() {
            "held_execution" => {
                "The gate runs exactly these bytes, once; nothing is handed out.".to_owned()
            }
            "credential" => {
                "The workload is handed a credential of its own, which ends at the target by itself."
                    .to_owned()
            }
            other => code(other),
        },
        limits: limits(&view.terms.limits),
        revocation: code(&view.terms.revocation),
        not_enforced: each(&view.terms.not_enforced),
        checkpoints: view
            .checkpoints
            .iter()
            .map(|(name, who)| (name.clone(), quiet(who)))
            .collect(),
        so_far: each(&view.so_far.in_words()),
        page_files: view.page_files.map(|set| set.to_string()),
        facts: view.facts.iter().filter(known).map(fact).collect(),
        raised: raised.map(|input| quiet(&input.in_words())).collect(),
        criteria: view
            .criteria
            .iter()
            .map(|criterion| asked(criterion, looked))
            .collect(),
    }
}

/// A fact with who says so and how old it is; of an unknown, why nobody knows.
fn said_by(fact: &gatehold_core::view::Fact) -> String {
    match fact.source {
        Source::Claimed => fact.value.clone(),
        Source::Unknown => fact.from.clone(),
        Source::Verified if fact.age_seconds == 0 => format!("{} ({})", fact.value, fact.from),
        Source::Verified => format!(
            "{} ({}, {} old)",
            fact.value,
            fact.from,
            duration(fact.age_seconds.into())
        ),
    }
}

fn asked(criterion: &Criterion, looked: &Looked) -> Asked {
    let said = |name: &String| {
        let text = looked.claims.as_ref()?.0.get(name)?;
        (!text.trim().is_empty()).then_some(text.as_str())
    };
    Asked {
        beside: criterion
            .claim
            .as_ref()
            .map(|name| beside(name, said(name))),
        text: quiet(&criterion.text),
        kind: match &criterion.kind {
            CriterionKind::Yes => "yes, no or cannot tell".to_owned(),
            CriterionKind::Choice(words) => words.join(", "),
            CriterionKind::Text => "in your own words".to_owned(),
        },
        required: criterion.required,
    }
}

/// Lines and characters of a claim beside the criterion that needs it; all of it stands below. `claims.js` has the same.
const BESIDE_LINES: usize = 20;
const BESIDE_CHARACTERS: usize = 600;

fn beside(name: &str, text: Option<&str>) -> Beside {
    let whole = text.unwrap_or_default();
    let start: Vec<&str> = whole.split('\n').take(BESIDE_LINES).collect();
    let shown: String = start.join("\n").chars().take(BESIDE_CHARACTERS).collect();
    Beside {
        name: quiet(name),
        lines: text.map(|_| {
            pages(&shown)
                .into_iter()
                .flat_map(|page| page.lines)
                .collect()
        }),
        size: counted(whole.len(), "byte"),
        more: match whole.chars().count().saturating_sub(shown.chars().count()) {
            0 => String::new(),
            more => counted(more, "character"),
        },
    }
}

/// What the requester says, and while it is held its answers to questions, whole: nobody has checked any of it.
fn claims(looked: &Looked, questions: &[gatehold_gate::Asked]) -> Vec<(String, Claim)> {
    let claim = |name: &str, text: &str| {
        let claim = Claim {
            name: quiet(name),
            pages: pages(text),
            size: counted(text.len(), "byte"),
        };
        (name.to_owned(), claim)
    };
    let first = looked.claims.iter().flat_map(|claims| &claims.0);
    let mut all: Vec<(String, Claim)> = first.map(|(name, text)| claim(name, text)).collect();
    if looked.view.is_some() {
        let answered = questions.iter().filter_map(|asked| {
            let answer = asked.answer.as_ref()?;
            let name = format!("answer to question {}", asked.number);
            Some(claim(&name, &answer.text))
        });
        all.extend(answered);
    }
    all
}

/// What it says a model thinks: a claim as any other, and no reviewer of ours. `claims.js` has the same words.
pub(super) const OF_A_MODEL: &str = "What a model thinks of it, as the requester has it: which model nobody has checked, and it decides nothing";

fn folds(claims: Vec<(String, Claim)>) -> Vec<Fold> {
    let (model, own): (Vec<_>, Vec<_>) = claims
        .into_iter()
        .partition(|(name, _)| name == MODEL_RECOMMENDATION);
    let parts = counted(own.len(), "part");
    let folds = [
        (
            format!("Untrusted text, {parts}, whole: nobody has checked it"),
            own,
        ),
        (OF_A_MODEL.to_owned(), model),
    ];
    let said = folds.into_iter().filter(|(_, claims)| !claims.is_empty());
    said.map(|(summary, claims)| Fold {
        summary,
        claims: claims.into_iter().map(|(_, claim)| claim).collect(),
    })
    .collect()
}

fn decide(
    app: &App,
    visitor: &Visitor,
    looked: &Looked,
    approve: String,
) -> Result<Decide, PageError> {
    let in_terminal = !looked.signer.takes(KeyKind::Passkey);
    let keys = if in_terminal {
        Vec::new()
    } else {
        own_passkeys(app, &visitor.human)?
    };
    Ok(Decide {
        human: visitor.human.to_string(),
        token: visitor.form_token(),
        stamp: stamp_of(app, looked)?,
        relying_party: signing_origin(app)?
            .map(|origin| origin.relying_party().to_string())
            .unwrap_or_default(),
        keys,
        in_terminal: in_terminal.then_some(approve),
        reasons: REASONS,
    })
}

/// What can be done here and now. The passkey of this page comes with its own module; the terminal has its own renderer.
fn answer(
    (may, signer): (May, Signer),
    id: &RequestId,
    dev_name: Option<&str>,
    decide: Option<Decide>,
) -> Answer {
    let (sentence, verbs): (_, &[&str]) = match may {
        May::Decide if signer == Signer::Cli => (
            "It is approved in a terminal alone",
            &["approve", "deny", "ask"],
        ),
        May::Decide if signer == Signer::Passkey => (
            "A terminal shows it as well, and denies or asks; it is approved with a passkey alone",
            &["show", "deny", "ask"],
        ),
        May::Decide => (
            "You may decide in a terminal as well",
            &["approve", "deny", "ask"],
        ),
        May::Signed => (
            "Your review is in. If more people are needed it waits for them; what they did is said when it is decided.",
            &[],
        ),
        May::Own => (
            "You cannot decide on this: you are among those who asked for it.",
            &[],
        ),
        May::Nothing => ("You have no seat at any checkpoint that holds this.", &[]),
        May::Narrowed => (
            "You have no seat here through this session: your identity provider does not say that you are in the group that \
             a team of yours takes. Ask whoever runs it, and sign in again.",
            &[],
        ),
    };
    let commands = verbs.iter().map(|verb| command(verb, id, dev_name));
    Answer {
        sentence,
        commands: commands.collect(),
        decide,
    }
}

/// What is typed in a terminal.
fn command(verb: &str, id: &RequestId, dev_name: Option<&str>) -> String {
    let like = dev_name.map_or_else(String::new, |name| format!(" --as {name}"));
    match verb {
        "deny" => format!("gatehold deny {id} --reason REASON{like}"),
        "ask" => format!("gatehold ask {id} 'QUESTION'{like}"),
        verb => format!("gatehold {verb} {id}{like}"),
    }
}

/// The mark of what nobody can judge by reading.
const UNINSPECTABLE: Mark = mark("red", "\u{25a0}", "UNINSPECTABLE");
