//! What the gate says a request shows, computed again here. A reviewer signs hashes; this is where each of them is tied
//! to bytes that were rendered by this program and not by the gate, through a descriptor that people approved.
//!
//! It must never take a hash, a word or a rendering from the gate without its preimage, nor a definition that does not follow from
//! the pinned root.

use gatehold_client::wire::Opened;
use gatehold_core::action::Action;
use gatehold_core::checkpoint::Offer;
use gatehold_core::decide::Rendered;
use gatehold_core::delegation::Through;
use gatehold_core::descriptor::Descriptor;
use gatehold_core::directory::Authority;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, Origin, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::request::record::Asked;
use gatehold_core::review::{REVIEW_TYPE, ReviewAct, ReviewContext, ReviewerRef};
use gatehold_core::signer::Signer;
use gatehold_core::view::View;
use gatehold_core::words::words;
use gatehold_render::{Display, Flag};
use serde::de::DeserializeOwned;

use super::asked::Submission;
use super::change::Told;
use super::graded;
use super::recomputed::Recomputed;
use crate::exit::Failure;
use crate::root::Rooted;

/// Who looks, and at what.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'a> {
    /// Whose gate it must be.
    pub origin: &'a Origin,
    /// Which request was asked for.
    pub request: RequestId,
    /// Who will sign.
    pub human: &'a HumanId,
    /// With which key.
    pub key: Hash,
    /// What follows from the pinned root.
    pub rooted: &'a Rooted,
}

/// A request whose every signed part was computed again.
#[derive(Debug)]
pub struct Shown {
    /// The rendering, made here from the payload, and equal to the stored one.
    pub display: Display,
    /// Everything else that is shown.
    pub view: View,
    /// What will be signed, but for act, limits and answers.
    pub context: ReviewContext,
    /// The four digest words.
    pub words: [&'static str; 4],
    /// The exact action.
    pub action: Action,
    /// For whom else the reviewer may decide here.
    pub through: Vec<Through>,
    /// Drawn for this request; the words are computed from it, and it says which question is asked on red.
    pub request_nonce: Hash,
    /// With what it must be signed, so that it counts wherever this reviewer has a seat.
    pub signer: Signer,
    /// What break-glass its checkpoints offer for it, by the definitions that people approved.
    pub offer: Option<Offer>,
    /// The root that all of this follows from.
    pub root: Hash,
    /// What the requester says and answers, each with its name and whole: the view's `claims_head` is over it.
    pub says: Vec<(String, String)>,
    /// Whether the key directory says something else of the requester now than when it asked.
    pub has_changed: bool,
    /// Why nothing that was asked for could be carried out as things stand: whoever asked has no force now.
    pub without_force: Option<String>,
    /// Whose word it is what a change of the gate changes.
    pub change_told: Told,
}

/// Checks an opened request.
///
/// # Errors
/// Verification failed, with everything that differs.
// INVARIANT(signed-is-shown): a context is signed only after each of its hashes was computed here from what is shown.
pub fn check(opened: &Opened, looking: &Looking<'_>) -> Result<Shown, Failure> {
    let context: ReviewContext = read(&opened.context_template.0, "the review context")?;
    let view: View = read(&opened.view.0, "the view")?;
    let authority: Authority = read(&opened.authority.0, "what you may do here")?;
    let asked: Asked = read(&opened.asked.0, "what was asked")?;
    let action = Action::rebuild(&opened.envelope.0, opened.payload.0.clone(), context.digest)
        .map_err(|error| differs(vec![format!("the action: {error}")]))?;
    let descriptor = descriptor(opened, &action, looking.rooted)?;
    let display = gatehold_gate::display(&action, descriptor);

    let mut found = about(&context, looking);
    let own = (looking.human, looking.key);
    found.extend(unlike(&opened.authority.0, &context.reviewer, own));
    let recomputed = Recomputed::of(&context, &view, &action, descriptor, looking);
    found.extend(recomputed.differs);
    found.extend(graded::unlike(
        &view, &action, descriptor, &display, looking,
    ));
    let submission = Submission::of(opened, &asked, &context, &view, &action, looking);
    found.extend(submission.differs);
    let change_told = Told::or_differs(&view, &action, looking.rooted, &mut found);
    let mut same = |same: bool, what: &str| {
        if !same {
            found.push(what.to_owned());
        }
    };
    let rendered = display
        .to_bytes()
        .map_err(|error| differs(vec![error.to_string()]))?;
    same(
        rendered == opened.display.0,
        "this program renders the action differently than the gate",
    );
    let display_hash = Rendered::new(rendered, false, false).display_hash;
    same(
        context.display_hash == display_hash,
        "the exact action that is shown is not the one that would be signed",
    );
    same(
        context.view_hash == View::hash_of(&opened.view.0),
        "the facts that are shown are not those that would be signed",
    );
    same(
        view.request == context.request
            && view.decide_by == context.decide_by
            && view.spend_by == context.spend_by
            && view.terms.limits == context.limits,
        "the times that are shown are not those that would be signed",
    );
    same(
        authority.chain == looking.rooted.directory.chain,
        "the gate goes by another chain of trust than the links that it gave",
    );
    let words = words(context.digest.as_bytes(), asked.request_nonce.as_bytes());
    same(
        opened.words == words,
        "the four words are not those of this action",
    );
    if !found.is_empty() {
        return Err(differs(found));
    }
    if display.flags.contains(&Flag::TooLargeToShow) {
        return Err(too_large());
    }
    Ok(Shown {
        display,
        view,
        context,
        words,
        action,
        through: authority.through,
        request_nonce: asked.request_nonce,
        signer: recomputed.signer,
        offer: recomputed.offer,
        root: looking.rooted.root,
        says: submission.says,
        has_changed: submission.has_changed,
        without_force: submission.without_force,
        change_told,
    })
}

/// The definition that the action names, from the bundle that people approved; the gate's must be the same.
// INVARIANT(own-root): what the gate sends is compared with it, and never rendered with.
fn descriptor<'a>(
    opened: &Opened,
    action: &Action,
    rooted: &'a Rooted,
) -> Result<&'a Descriptor, Failure> {
    let named = &action.envelope().descriptor;
    let approved = rooted.descriptor(&named.id);
    let approved = approved.filter(|approved| approved.hash() == named.hash);
    let approved = approved.ok_or_else(|| {
        differs(vec![format!(
            "the action names a definition of `{}` that is not the one in the bundle that people approved",
            named.id
        )])
    })?;
    if canonical::to_bytes(approved).ok().as_deref() != Some(&opened.descriptor.0) {
        let what = "the descriptor is not the one in the bundle that people approved";
        return Err(differs(vec![what.to_owned()]));
    }
    Ok(approved)
}

/// What in the context is about somebody or something else.
fn about(context: &ReviewContext, looking: &Looking<'_>) -> Vec<String> {
    let reviewer = &context.reviewer;
    [
        (context.type_ == REVIEW_TYPE, "it is no review"),
        (
            context.act == ReviewAct::Approve,
            "it is not an approval that would be signed",
        ),
        (context.gate == *looking.origin, "it is another gate's"),
        (
            context.request == looking.request,
            "it is about another request",
        ),
        (
            reviewer.issuer == looking.human.issuer()
                && reviewer.subject == looking.human.subject(),
            "it names another reviewer",
        ),
        (reviewer.key == looking.key, "it names another key"),
    ]
    .into_iter()
    .filter(|(same, _)| !same)
    .map(|(_, what)| what.to_owned())
    .collect()
}

/// What differs between who the reviewer is said to be here and what they would sign of it.
fn unlike(bytes: &[u8], reviewer: &ReviewerRef, (human, key): (&HumanId, Hash)) -> Option<String> {
    let said: Result<Authority, _> = canonical::from_canonical_bytes(bytes);
    let own = |said: Authority| said.human == *human && said.key == key;
    if reviewer.authority_hash != Authority::hash_of(bytes) {
        return Some("what you may do here is not what would be signed".to_owned());
    }
    (!said.is_ok_and(own)).then(|| "it says what somebody else may do here".to_owned())
}

fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Failure> {
    canonical::from_canonical_bytes(bytes)
        .map_err(|error| differs(vec![format!("{what}: {error}")]))
}

fn differs(causes: Vec<String>) -> Failure {
    Failure {
        exit: crate::exit::Exit::Verification,
        causes,
        next: "do not approve; keep this output and report it: the gate shows something else than it asks to be signed, or than \
               follows from the root that you pinned"
            .to_owned(),
    }
}

fn too_large() -> Failure {
    Failure::verification(
        "the payload is too large to be shown in full",
        "deny it and ask for smaller steps; nobody can approve what was not shown",
    )
}

#[cfg(test)]
mod tests {
    use gatehold_core::assurance::Assurance;

    use super::*;

    #[test]
    fn whoever_signs_is_shown_what_they_themselves_may_do_and_sign_the_hash_of_that() {
        let human: HumanId = "ann@corp.example".parse().unwrap();
        let looking = (&human, Hash::of(b"key"));
        let own = Authority {
            human: human.clone(),
            key: looking.1,
            assurance: Assurance::Present,
            teams: ["owners".parse().unwrap()].into(),
            directory: 1,
            chain: Hash::of(b"chain"),
            through: Vec::new(),
        };
        let differs = |signed: &Authority, shown: &Authority| {
            let reviewer = ReviewerRef {
                issuer: human.issuer().to_owned(),
                subject: human.subject().to_owned(),
                key: looking.1,
                authority_hash: signed.hash(),
            };
            unlike(&canonical::to_bytes(shown).unwrap(), &reviewer, looking).is_some()
        };
        assert!(!differs(&own, &own));
        let fewer = Authority {
            teams: [].into(),
            ..own.clone()
        };
        assert!(differs(&own, &fewer), "what is shown is what is signed");
        for other in [
            Authority {
                human: "bob@corp.example".parse().unwrap(),
                ..own.clone()
            },
            Authority {
                key: Hash::of(b"other"),
                ..own.clone()
            },
        ] {
            assert!(differs(&other, &other), "{other:?}");
        }
    }
}
