//! Who asked, for whom and within which task, and what they say: read here from the very bytes that `request_hash` and
//! `claims_head` are over, and held against the action, against what is shown, and against the key directory under the pinned root.
//!
//! That the requester's own key signed the call is proven by the dossier, and not here.

use gatehold_client::wire::Opened;
use gatehold_core::action::Action;
use gatehold_core::decide::Claims;
use gatehold_core::hash::{Hash, unhex};
use gatehold_core::request::record::Asked;
use gatehold_core::requester::Requester;
use gatehold_core::review::ReviewContext;
use gatehold_core::trust::Change;
use gatehold_core::view::{Source, View};
use gatehold_gate::Past;

use super::shown::Looking;

/// What was made again of a submission, and how the gate's own differs from it.
#[derive(Debug)]
pub struct Submission {
    /// Everything that differs, in words; nothing when all is as the gate says.
    pub differs: Vec<String>,
    /// What the requester says and answers, each with its name and whole.
    pub says: Vec<(String, String)>,
    /// Whether the key directory says something else of the requester now than when it asked.
    pub has_changed: bool,
    /// Why nothing that was asked for could be carried out as things stand: whoever asked has no force now.
    pub without_force: Option<String>,
}

impl Submission {
    /// Makes it again.
    pub fn of(
        opened: &Opened,
        asked: &Asked,
        context: &ReviewContext,
        view: &View,
        action: &Action,
        looking: &Looking<'_>,
    ) -> Self {
        let claims = Claims(opened.claims.clone());
        let answers = opened.answers.iter().map(String::as_str);
        let who = Who::of(&view.requester, action, looking);
        let root = claims.root();
        let head = claims.head(answers);
        let says = says(claims, view);
        let checks = [
            (
                context.request_hash == Asked::hash_of(&opened.asked.0),
                "request_hash is not that of what was asked",
            ),
            (
                asked.digest == context.digest,
                "another action was asked for than is shown",
            ),
            (
                asked.task == action.envelope().task,
                "it was asked within another task than is shown",
            ),
            (
                asked.requester == view.requester,
                "who asked, or for whom, is not whom the view names",
            ),
            (
                asked.key == asked.requester.key(),
                "it was asked with another key than the requester's",
            ),
            (
                asked.request_nonce == nonce(opened),
                "request_nonce is not that of what was asked",
            ),
            (
                asked.submitted_at <= context.issued_at,
                "it was asked later than it was opened",
            ),
            (
                asked.claims_root == root,
                "the requester said something else when it asked",
            ),
            (
                view.claims_head == head,
                "claims_head is not that of what the requester says",
            ),
            (
                says.is_some(),
                "the view names other claims than those of the requester",
            ),
        ];
        let wrong = checks.into_iter().filter(|(same, _)| !same);
        let mut differs: Vec<String> = wrong.map(|(_, what)| what.to_owned()).collect();
        differs.extend(who.differs);
        Self {
            differs,
            says: says.unwrap_or_default(),
            has_changed: who.has_changed,
            without_force: without_force(&view.requester, context, looking),
        }
    }
}

/// What was drawn for this request.
fn nonce(opened: &Opened) -> Hash {
    let bytes = unhex(opened.request_nonce.trim_start_matches("sha256:"));
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    Hash::from_bytes(bytes.unwrap_or_default())
}

/// The claims of the view, each as it was made: the view has the beginning of a long one. Nothing when it names others.
fn says(claims: Claims, view: &View) -> Option<Vec<(String, String)>> {
    let mut claims = claims.0;
    let claimed = view.facts.iter();
    let claimed = claimed.filter(|fact| fact.source == Source::Claimed);
    let says = claimed.map(|fact| match claims.remove(&fact.label) {
        Some(whole) => (fact.label.clone(), whole),
        None => (fact.label.clone(), fact.value.clone()),
    });
    let says = says.collect();
    claims.is_empty().then_some(says)
}

/// The requester, as the chain of trust knows it.
#[derive(Default)]
struct Who {
    differs: Vec<String>,
    has_changed: bool,
}

impl Who {
    fn of(requester: &Requester, action: &Action, looking: &Looking<'_>) -> Self {
        let mut who = match requester {
            Requester::Workload { .. } => Self::workload(requester, &looking.rooted.past),
            Requester::Human { .. } => Self::human(requester, action, looking),
        };
        if requester.is_crossed(action.envelope()) {
            let what = "who asks is not whom the action names";
            who.differs.push(what.to_owned());
        }
        who
    }

    /// An identity anchor is fixed at submission, so it may be as the workload was enrolled then.
    fn workload(requester: &Requester, past: &Past) -> Self {
        let Requester::Workload { id, initiator, .. } = requester else {
            return Self::default();
        };
        let mut differs = Vec::new();
        // A task that a point began may go on without it; where none ever spoke for the workload, none vouched for anybody.
        let attested = initiator.as_ref().is_some_and(|one| one.attested);
        if attested && !past.has_point_for(id) {
            differs.push(format!(
                "whoever is behind it is said to be attested, and no enforcement point speaks for {id}"
            ));
        }
        let mut known = past
            .workloads(id)
            .map(|entry| past.unlike(requester, entry));
        let now = known.next();
        let has_changed = match now {
            None => {
                differs.push(format!("the key directory knows no workload {id}"));
                false
            }
            Some(now) if now.is_empty() => false,
            Some(_) if known.any(|earlier| earlier.is_empty()) => true,
            Some(now) => {
                let what = now.join(", ");
                differs.push(format!("the key directory has another {what} of {id}"));
                false
            }
        };
        Self {
            differs,
            has_changed,
        }
    }

    fn human(requester: &Requester, action: &Action, looking: &Looking<'_>) -> Self {
        let Requester::Human {
            human,
            key,
            beneficiaries,
        } = requester
        else {
            return Self::default();
        };
        let mut who = Self::default();
        if !looking.rooted.past.has_enrolled(human, key) {
            let what = format!("the key directory has another key of {human}");
            who.differs.push(what);
        }
        // Whoever gains by a change is asked of the directory as it stands: one that names others could not be applied.
        let gain = Change::of(action).map(|change| change.beneficiaries(&looking.rooted.directory));
        if gain.as_ref() != Ok(beneficiaries) {
            let what = "who gains by the change, as things stand, is not whom the view names";
            who.differs.push(what.to_owned());
        }
        who
    }
}

/// Who asked and has no force now, by name. An honest gate shows such a request as well, and would carry out nothing of it.
fn without_force(
    requester: &Requester,
    context: &ReviewContext,
    looking: &Looking<'_>,
) -> Option<String> {
    let directory = &looking.rooted.directory;
    if requester.still_has_force(directory, context.issued_at) {
        return None;
    }
    Some(match requester {
        Requester::Human { human, key, .. } => {
            let known = directory.humans.get(human);
            if known.is_some_and(|known| known.keys.contains_key(key)) {
                format!(
                    "{human} asked with a key without force: their identity provider says that they are gone"
                )
            } else {
                format!("{human} asked with a key that was taken from them since and has no force")
            }
        }
        Requester::Workload { id, .. } => {
            format!("{id} asked with a key, or through a point, that has no force for it any more")
        }
    })
}
