//! An executor in a process of its own, and a gate that lies to it: whatever is forged, nothing is executed. What a gate shows
//! honestly is taken from a real one, and each test changes exactly one thing of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod shop;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::action::Action;
use gatehold_core::approved::Approved;
use gatehold_core::checkpoint::{CHECKPOINT_SECONDS_MAX, Requirement};
use gatehold_core::decide::Claims;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::glass::SignedGlass;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::known::Known;
use gatehold_core::limits::Limits;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::{Initiator, Requester};
use gatehold_core::review::{REVIEW_TYPE, ReviewContext, UnverifiedReview};
use gatehold_core::signed_body::SignedBody;
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::delegation::DELEGATION_TYPE;
use gatehold_core::trust::{DelegationReason, DelegationStatement, SignedDelegation};
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};
use gatehold_gate::ports::issuer::NoIssuer;
use gatehold_gate::{
    Apart, ApartParts, Case, Catalog, CatalogEntry, DelegationInput, TargetTerms, TrustLink,
};
use gatehold_policy::Bundle;
use gatehold_store::kept::KeptIn;

use shop::glass::{WAIT_SECONDS, signed_by};
use shop::{Called, Person, Shop, bundle_folder, signed_call_to, team_set};

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";
const READ: &str = "SELECT status FROM orders WHERE id = 7";
const URL: &str = "https://gate.example";

/// Keeps what a gate would send.
#[derive(Default)]
struct Capture(Mutex<Option<(Case, Vec<TrustLink>)>>);

#[async_trait]
impl Executor for Capture {
    async fn execute(&self, _: Approved, evidence: &dyn Evidence) -> Execution {
        let case = evidence.case().await.unwrap();
        let links = evidence.links(None).await.unwrap();
        assert!(!links.more);
        *self.0.lock().unwrap() = Some((case, links.links));
        done()
    }

    fn has_target(&self, _: &str) -> bool {
        true
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        vec!["rows".to_owned()]
    }
}

/// Remembers what it was told to do, and within which limits.
#[derive(Default)]
struct Doer(Mutex<Vec<(String, Limits)>>);

#[async_trait]
impl Executor for Doer {
    async fn execute(&self, approved: Approved, _: &dyn Evidence) -> Execution {
        let text = String::from_utf8(approved.action().payload().to_vec()).unwrap();
        let limits = approved.limits().clone();
        self.0.lock().unwrap().push((text, limits));
        done()
    }

    fn has_target(&self, target: &str) -> bool {
        target == "sql:shop"
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        vec!["rows".to_owned()]
    }
}

fn done() -> Execution {
    Execution {
        ending: Ending::Completed,
        code: "ok",
        quantity: Some(1),
        status: None,
        media_type: "text/plain".to_owned(),
        body: b"done".to_vec(),
        truncated: false,
    }
}

/// An executor of its own, with a folder and a clock of its own.
struct Own {
    apart: Apart,
    doer: Arc<Doer>,
    now: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    shop: Shop,
}

impl Own {
    async fn open() -> Self {
        Self::knowing(None).await
    }

    /// The same with what its own operator says of resources.
    async fn knowing(catalog: Option<Catalog>) -> Self {
        let shop = Shop::in_memory().await;
        let now = Arc::new(AtomicI64::new(shop.gate.now().await.unwrap().millis()));
        let folder = tempfile::tempdir().unwrap();
        let doer = Arc::new(Doer::default());
        let apart = opened(&shop, &folder, (&doer, catalog), &now);
        Self {
            apart,
            doer,
            now,
            folder,
            shop,
        }
    }

    /// As after `kill -9`: what it remembers is what stands in its folder.
    fn restarted(self) -> Self {
        let Self {
            apart,
            doer,
            now,
            folder,
            shop,
        } = self;
        drop(apart);
        let apart = opened(&shop, &folder, (&doer, None), &now);
        Self {
            apart,
            doer,
            now,
            folder,
            shop,
        }
    }

    fn later(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// What a gate sends of a request that it lets out, and the links it has by then.
    async fn sent(&self, id: RequestId) -> (Case, Vec<TrustLink>) {
        let capture = Arc::new(Capture::default());
        let gate = self.shop.beside(Some(capture.clone())).await;
        let redeemed = gate.redeem(&self.shop.caller(), id).await.unwrap();
        assert_eq!(redeemed.record.state, State::Completed);
        let mut sent = capture.0.lock().unwrap();
        sent.take().unwrap()
    }

    /// The same of a read that policy allows; the links are learned.
    async fn allowed(&self) -> Case {
        let task = self.shop.task().await;
        let asked = self.shop.submit(&task, "shop.read", READ).await.unwrap();
        assert_eq!(asked.record.state, State::Allowed);
        let (case, links) = self.sent(asked.record.id).await;
        self.apart.learn(links).await.unwrap();
        case
    }

    /// The same of a write that two people approved.
    async fn approved(&self) -> Case {
        let (case, links) = self.approved_unlearned().await;
        self.apart.learn(links).await.unwrap();
        case
    }

    async fn approved_unlearned(&self) -> (Case, Vec<TrustLink>) {
        let id = self.held().await;
        for person in [Person::Reviewer, Person::Second] {
            self.shop.approve(person, id).await.unwrap();
        }
        self.sent(id).await
    }

    async fn held(&self) -> RequestId {
        let task = self.shop.task().await;
        let asked = self.shop.submit(&task, "shop.write", WRITE).await.unwrap();
        assert_eq!(asked.record.state, State::Held);
        asked.record.id
    }

    /// Nothing is done, for this reason.
    #[track_caller]
    fn refuses(&self, case: &Case, code: &str) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        let (apart, doer, case) = (self.apart.clone(), self.doer.clone(), case.clone());
        let code = code.to_owned();
        async move {
            let before = doer.0.lock().unwrap().len();
            let answer = apart.execute(&case).await;
            let refused = answer.map_err(|refused| (refused.code(), refused.to_string()));
            let (told, text) = match refused {
                Ok(execution) => panic!("{at}: it was executed: {execution:?}"),
                Err(refused) => refused,
            };
            assert_eq!(told, code, "{at}: {text}");
            assert_eq!(doer.0.lock().unwrap().len(), before, "{at}");
        }
    }

    /// It is done, and it is the first time.
    async fn does(&self, case: &Case) -> Limits {
        let before = self.doer.0.lock().unwrap().len();
        let execution = self.apart.execute(case).await.unwrap();
        assert_eq!(execution.ending, Ending::Completed);
        let done = self.doer.0.lock().unwrap();
        assert_eq!(done.len(), before + 1);
        done.last().unwrap().1.clone()
    }
}

fn opened(
    shop: &Shop,
    folder: &tempfile::TempDir,
    (doer, catalog): (&Arc<Doer>, Option<Catalog>),
    now: &Arc<AtomicI64>,
) -> Apart {
    let now = Arc::clone(now);
    let directory = shop.gate.directory();
    Apart::open(ApartParts {
        root: directory.root,
        origin: directory.origin,
        public_url: URL.to_owned(),
        kept: Arc::new(KeptIn::open(folder.path()).unwrap()),
        executor: doer.clone(),
        targets: vec![TargetTerms {
            target: "sql:shop".to_owned(),
            enforces: vec!["rows".to_owned()],
        }],
        issuer: Arc::new(NoIssuer),
        issuing: serde_json::Value::Null,
        catalog,
        clock: Arc::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed))),
    })
    .unwrap()
}

/// The case with one thing changed in the record, and the request's own hash to match.
fn changed(case: &Case, change: impl FnOnce(&mut RequestRecord)) -> Case {
    let mut case = case.clone();
    change(&mut case.record);
    case.record.request_hash = case.record.computed_request_hash();
    case
}

/// The parts of a requester that is a workload.
fn requester(record: &mut RequestRecord, change: impl FnOnce(&mut Requester)) {
    change(&mut record.requester);
}

/// The case with a call in the place of its own.
fn called(case: &Case, call: &Called<'_>) -> Case {
    called_with(case, call, "another-nonce-0000")
}

fn called_with(case: &Case, call: &Called<'_>, nonce: &str) -> Case {
    let mut case = case.clone();
    let created = case.record.submitted_at.seconds();
    let created = u64::try_from(created).unwrap();
    let proof = signed_call_to(call, &case.body, created, nonce);
    case.proof = String::from_utf8(proof).unwrap();
    case
}

#[tokio::test]
async fn what_people_approved_is_executed_once_and_for_all() {
    let own = Own::open().await;
    let case = own.approved().await;
    let limits = own.does(&case).await;
    assert_eq!((limits.ttl_seconds, limits.uses), (600, 1));
    assert_eq!(own.doer.0.lock().unwrap()[0].0, WRITE);
    own.refuses(&case, "already_spent").await;
    let own = own.restarted();
    own.refuses(&case, "already_spent").await;
    // What was seen is kept as well: nothing has to be shown again.
    assert!(own.apart.standing().await.link.is_some());
    assert!(own.folder.path().join("spent").exists());
}

#[tokio::test]
async fn c16_one_signed_call_is_executed_once_whatever_the_gate_calls_the_request() {
    let own = Own::open().await;
    let case = own.allowed().await;
    own.does(&case).await;
    // All that a gate draws itself, drawn anew: the call stays the one that was spent.
    let again = changed(&case, |record| {
        record.request_nonce = gatehold_core::hash::Hash::of(b"another");
        record.id = RequestId::from_bytes([7; 16]);
    });
    own.refuses(&again, "already_spent").await;
    let own = own.restarted();
    own.refuses(&again, "already_spent").await;
    // And another call of the same request.
    let another = called(&case, &Called::honest(URL));
    own.refuses(&another, "already_spent").await;
}

/// A gate that keeps an answer to itself is asked again, with another nonce; what is asked for is the same.
#[tokio::test]
async fn what_a_gate_says_of_a_call_does_not_shorten_how_long_it_is_remembered() {
    let own = Own::open().await;
    let mut case = own.allowed().await;
    case.record.spend_by = case.record.submitted_at.plus_seconds(60);
    own.does(&case).await;
    let spent = std::fs::read_to_string(own.folder.path().join("spent")).unwrap();
    let until: i64 = spent
        .lines()
        .last()
        .unwrap()
        .split(' ')
        .nth(2)
        .unwrap()
        .parse()
        .unwrap();
    // People may have had the longest time to decide about the same one, and the longest to use it.
    let longest = case
        .record
        .submitted_at
        .plus_seconds(2 * CHECKPOINT_SECONDS_MAX);
    assert!(until >= longest.millis(), "{until} {longest:?}");
}

#[tokio::test]
async fn c16_what_a_workload_sends_again_under_its_key_is_executed_once() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let call = Called {
        idempotency_key: Some("order-7-retry-000001"),
        ..Called::honest(URL)
    };
    own.does(&called_with(&case, &call, "first-nonce-00000"))
        .await;
    let anew = changed(&case, |record| {
        record.request_nonce = gatehold_core::hash::Hash::of(b"another");
        record.id = RequestId::from_bytes([7; 16]);
    });
    let again = called_with(&anew, &call, "second-nonce-0000");
    own.refuses(&again, "already_spent").await;
    // Under another key it is another thing that is wanted.
    let other = Called {
        idempotency_key: Some("order-7-retry-000002"),
        ..Called::honest(URL)
    };
    own.does(&called_with(&anew, &other, "third-nonce-00000"))
        .await;
}

#[tokio::test]
async fn before_any_link_was_shown_nothing_is_executed() {
    let own = Own::open().await;
    let (case, links) = own.approved_unlearned().await;
    own.refuses(&case, "chain_missing").await;
    // Neither is a chain that begins elsewhere a chain.
    let headless = links[1..].to_vec();
    assert_eq!(
        own.apart.learn(headless).await.unwrap_err().code(),
        "chain_refused"
    );
    own.refuses(&case, "chain_missing").await;
    own.apart.learn(links).await.unwrap();
    own.does(&case).await;
}

#[tokio::test]
async fn c16_what_the_workload_did_not_sign_is_not_executed() {
    let own = Own::open().await;
    for case in [own.allowed().await, own.approved().await] {
        // Nothing, something broken, and the signature of somebody else.
        for proof in [
            "",
            "{}",
            &case
                .proof
                .replacen("\"signature\":\"", "\"signature\":\"A", 1),
        ] {
            let mut forged = case.clone();
            forged.proof = proof.to_owned();
            own.refuses(&forged, "call_not_signed").await;
        }
        let stranger = called(
            &case,
            &Called {
                seed: [9; 32],
                ..Called::honest(URL)
            },
        );
        own.refuses(&stranger, "call_not_signed").await;
        // Other bytes under the same call.
        let mut other = case.clone();
        let action = Action::rebuild(
            &canonical::to_bytes(&case.record.envelope).unwrap(),
            SignedBody::read(&case.body).unwrap().into_payload(),
            case.record.digest,
        );
        let claims = Claims([("reason".to_owned(), "another".to_owned())].into());
        other.body = SignedBody::write(&action.unwrap(), &claims);
        own.refuses(&other, "call_not_signed").await;
        own.does(&case).await;
    }
}

#[tokio::test]
async fn a_call_for_another_action_asks_for_nothing_else() {
    let own = Own::open().await;
    let case = own.allowed().await;
    // The same payload, for longer: its envelope was never signed.
    let longer = changed(&case, |record| {
        record.envelope.duration_seconds = 3_600;
        record.digest = Action::digest_of(&canonical::to_bytes(&record.envelope).unwrap());
    });
    own.refuses(&longer, "call_not_signed").await;
    own.does(&case).await;
}

#[tokio::test]
async fn a_call_that_only_tried_asks_for_nothing() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let tried = called(
        &case,
        &Called {
            target: "/v1/requests?dry_run=true",
            ..Called::honest(URL)
        },
    );
    own.refuses(&tried, "call_not_signed").await;
    let read = called(
        &case,
        &Called {
            method: "PUT",
            ..Called::honest(URL)
        },
    );
    own.refuses(&read, "call_not_signed").await;
}

#[tokio::test]
async fn a_call_to_another_gate_asks_for_nothing_here() {
    let own = Own::open().await;
    let case = own.allowed().await;
    for url in ["https://staging.example", "https://gate.example.evil"] {
        let elsewhere = called(&case, &Called::honest(url));
        own.refuses(&elsewhere, "call_not_signed").await;
    }
}

#[tokio::test]
async fn a_call_of_another_time_is_not_the_requests() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let later = changed(&case, |record| {
        record.submitted_at = record.submitted_at.plus_seconds(400);
    });
    own.refuses(&later, "call_of_another_time").await;
}

#[tokio::test]
async fn another_workload_or_a_person_is_not_who_asked() {
    let own = Own::open().await;
    for case in [own.allowed().await, own.approved().await] {
        let other = changed(&case, |record| {
            record.envelope.workload = "other-bot".parse().unwrap();
            record.digest = Action::digest_of(&canonical::to_bytes(&record.envelope).unwrap());
            requester(record, |requester| {
                if let Requester::Workload { id, .. } = requester {
                    *id = "other-bot".parse().unwrap();
                }
            });
        });
        own.refuses(&other, "requester_unknown").await;
        let human = changed(&case, |record| {
            record.requester = Requester::Human {
                human: Person::Owner.id(),
                key: Person::Owner.key(),
                beneficiaries: [].into(),
            };
        });
        own.refuses(&human, "own_change").await;
    }
}

#[tokio::test]
async fn a_requester_is_as_it_was_enrolled() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let freed = changed(&case, |record| {
        requester(record, |requester| {
            if let Requester::Workload { owner, .. } = requester {
                *owner = "mallory@evil.example".parse().unwrap();
            }
        });
    });
    own.refuses(&freed, "requester_unknown").await;
}

#[tokio::test]
async fn nobody_is_attested_for_whom_no_point_ever_spoke() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let freed = changed(&case, |record| {
        requester(record, |requester| {
            if let Requester::Workload { initiator, .. } = requester {
                *initiator = Some(Initiator {
                    human: "mallory@evil.example".parse().unwrap(),
                    attested: true,
                });
            }
        });
    });
    own.refuses(&freed, "requester_unknown").await;
}

/// What somebody would have signed, signed with another key.
fn invented(review: &UnverifiedReview, by: Person, seed: [u8; 32]) -> UnverifiedReview {
    let mut context: ReviewContext =
        canonical::from_canonical_bytes(review.context.as_bytes()).unwrap();
    context.reviewer.issuer = by.id().issuer().to_owned();
    context.reviewer.subject = by.id().subject().to_owned();
    context.reviewer.key = by.key();
    let text = String::from_utf8(context.to_bytes().unwrap()).unwrap();
    let signature = sign_software(&seed, REVIEW_TYPE, text.as_bytes()).unwrap();
    UnverifiedReview::new(text, signature)
}

#[tokio::test]
async fn without_enough_genuine_reviews_nothing_is_executed() {
    let own = Own::open().await;
    let case = own.approved().await;
    assert_eq!(case.record.reviews.len(), 2);
    let reviewed = |reviews: Vec<UnverifiedReview>| {
        let mut forged = case.clone();
        forged.record.reviews = reviews;
        forged
    };
    let [one, other] = [0, 1].map(|at| case.record.reviews[at].clone());
    own.refuses(&reviewed(vec![]), "not_approved").await;
    own.refuses(&reviewed(vec![one.clone()]), "not_approved")
        .await;
    own.refuses(&reviewed(vec![one.clone(), one.clone()]), "not_approved")
        .await;
    // Somebody's name under a key of the gate's own. It names a chain that nobody signed, or verifies nowhere.
    let forged = invented(&one, Person::Second, [66; 32]);
    own.refuses(&reviewed(vec![one.clone(), forged]), "chain_unseen")
        .await;
    let mut unsigned = other.clone();
    unsigned.signature.clone_from(&one.signature);
    own.refuses(&reviewed(vec![one.clone(), unsigned]), "not_approved")
        .await;
    // And one whose words were changed after it was signed.
    let mut wider = other.clone();
    wider.context = wider
        .context
        .replace("\"ttl_seconds\":600", "\"ttl_seconds\":800");
    assert_ne!(wider, other);
    own.refuses(&reviewed(vec![one, wider]), "not_approved")
        .await;
    own.does(&case).await;
}

#[tokio::test]
async fn a_denial_that_is_shown_ends_it() {
    let own = Own::open().await;
    let case = own.approved().await;
    let id = own.held().await;
    let denial = own.shop.sign(Person::Second, id, false).await;
    let mut denied = case.clone();
    denied.record.reviews.push(denial.review);
    // It is about another request, so it counts for nothing here: the two approvals stand.
    own.does(&denied).await;
}

#[tokio::test]
async fn a_requirement_that_nobody_signed_asks_for_nobody_less() {
    let own = Own::open().await;
    let case = own.approved().await;
    // None at all.
    let unheld = changed(&case, |record| record.held = None);
    own.refuses(&unheld, "not_approved").await;
    // A weaker one: a single seat.
    let weaker = changed(&case, |record| {
        let held = record.held.as_mut().unwrap();
        let mut checkpoints: Vec<_> = held
            .requirement
            .checkpoints()
            .map(|(_, checkpoint)| checkpoint.clone())
            .collect();
        checkpoints[0].alternatives[0].seats = std::num::NonZero::new(1).unwrap();
        held.requirement = Requirement::new(checkpoints).unwrap();
        held.requirement_hash = held.requirement.requirement_hash();
        record.reviews.pop();
    });
    own.refuses(&weaker, "not_approved").await;
    // The same under the name of the one that was signed.
    let renamed = {
        let mut forged = weaker.clone();
        let held = forged.record.held.as_mut().unwrap();
        held.requirement_hash = case.record.held.as_ref().unwrap().requirement_hash;
        forged
    };
    own.refuses(&renamed, "case_damaged").await;
    own.does(&case).await;
}

#[tokio::test]
async fn limits_are_those_that_were_signed_whatever_the_row_says() {
    let own = Own::open().await;
    let wide = |record: &mut RequestRecord| {
        record.limits.ttl_seconds = 86_400;
        record.limits.uses = 9;
        record.limits.caps.insert("rows".to_owned(), 1_000_000);
        record.limits.not_after = record.limits.not_after.plus_seconds(1_000_000);
    };
    for case in [own.allowed().await, own.approved().await] {
        let mut wider = case.clone();
        wide(&mut wider.record);
        let limits = own.does(&wider).await;
        assert_eq!((limits.ttl_seconds, limits.uses), (600, 1));
    }
}

#[tokio::test]
async fn the_time_to_use_it_that_people_signed_is_not_extended() {
    let own = Own::open().await;
    let case = own.approved().await;
    let mut extended = case.clone();
    extended.record.spend_by = case.record.spend_by.plus_seconds(86_400);
    own.refuses(&extended, "case_damaged").await;
    own.does(&case).await;
}

#[tokio::test]
async fn what_was_allowed_is_not_executed_after_its_time() {
    let own = Own::open().await;
    let case = own.allowed().await;
    own.later(400);
    own.refuses(&case, "too_late").await;
}

#[tokio::test]
async fn an_old_call_is_no_call_whatever_time_a_gate_gives_it() {
    let own = Own::open().await;
    let mut case = own.allowed().await;
    case.record.spend_by = case.record.spend_by.plus_seconds(1_000_000);
    case.record.limits.not_after = case.record.limits.not_after.plus_seconds(1_000_000);
    own.later(2 * 86_400);
    own.refuses(&case, "too_late").await;
}

#[tokio::test]
async fn the_window_of_a_decision_is_kept_on_the_executors_clock() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let mut over = case.clone();
    over.record.limits.not_after = over.record.submitted_at;
    own.later(1);
    own.refuses(&over, "too_late").await;
    own.later(-1);
    let mut early = case.clone();
    early.record.limits.not_before = early.record.submitted_at.plus_seconds(60);
    own.refuses(&early, "too_early").await;
    own.does(&case).await;
}

/// The glass is broken at the gate; the executor sees what was signed, and makes the proof itself.
#[tokio::test]
async fn a25_what_two_people_signed_behind_glass_is_executed_once_and_nothing_less_is() {
    let own = Own::open().await;
    own.shop.behind_glass().await;
    let id = own.shop.broken(&own.shop.gate).await.unwrap();
    own.later(i64::from(WAIT_SECONDS));
    let (case, links) = own.sent(id).await;
    own.apart.learn(links).await.unwrap();
    let unsigned = changed(&case, |record| record.glass = None);
    own.refuses(&unsigned, "not_approved").await;
    let glass = case.record.glass.clone().unwrap();
    let statement = glass.read().unwrap();
    for hands in [
        &[Person::Reviewer][..],
        &[Person::Reviewer, Person::Reviewer],
        &[Person::Reviewer, Person::Ada],
    ] {
        let fewer = changed(&case, |record| {
            record.glass = Some(signed_by(&statement, hands));
        });
        own.refuses(&fewer, "not_approved").await;
        let mut alone = statement.clone();
        alone.signers = hands.iter().map(|person| person.id()).collect();
        let fewer = changed(&case, |record| {
            record.glass = Some(signed_by(&alone, hands));
        });
        own.refuses(&fewer, "not_approved").await;
    }
    let mut wider = statement;
    wider.limits.ttl_seconds += 1;
    let wider = changed(&case, |record| {
        let glass = SignedGlass {
            statement: String::from_utf8(wider.to_bytes().unwrap()).unwrap(),
            ..glass
        };
        record.glass = Some(glass);
    });
    own.refuses(&wider, "not_approved").await;
    let limits = own.does(&case).await;
    assert_eq!((limits.ttl_seconds, limits.uses), (120, 1));
    own.refuses(&case, "already_spent").await;
}

#[tokio::test]
async fn what_was_signed_behind_glass_lasts_no_longer_than_that() {
    let own = Own::open().await;
    own.shop.behind_glass().await;
    let id = own.shop.broken(&own.shop.gate).await.unwrap();
    let (case, links) = own.sent(id).await;
    own.apart.learn(links).await.unwrap();
    own.later(i64::from(WAIT_SECONDS) + 601);
    own.refuses(&case, "not_approved").await;
}

#[tokio::test]
async fn what_people_approved_lasts_no_longer_than_they_signed() {
    let own = Own::open().await;
    let case = own.approved().await;
    // Decided by 900 s at the latest and good for 600 s; it could be spent until 1,800 s.
    own.later(1_600);
    own.refuses(&case, "too_late").await;
}

#[tokio::test]
async fn a_clock_that_was_put_back_does_not_bring_back_a_time_that_was_seen() {
    let own = Own::open().await;
    let early = own.allowed().await;
    let later = own.approved().await;
    own.later(500);
    own.does(&later).await;
    own.later(-500);
    own.refuses(&early, "too_late").await;
    let own = own.restarted();
    own.refuses(&early, "too_late").await;
}

#[tokio::test]
async fn a_reviewer_whose_key_was_revoked_counts_no_more() {
    let own = Own::open().await;
    let case = own.approved().await;
    own.shop.revoke_key(Person::Second).await.unwrap();
    let links = own.shop.gate.trust_links(None).await.unwrap().links;
    let before = own.apart.standing().await.link;
    own.apart.learn(links.clone()).await.unwrap();
    assert!(own.apart.standing().await.link > before);
    own.refuses(&case, "not_approved").await;
    // The gate shows the chain as it was before: nobody goes back behind what was seen, nor after a start.
    own.apart
        .learn(links[..links.len() - 1].to_vec())
        .await
        .unwrap();
    own.refuses(&case, "not_approved").await;
    let own = own.restarted();
    own.refuses(&case, "not_approved").await;
}

#[tokio::test]
async fn a_link_that_is_kept_back_is_missed_by_the_next_review() {
    let own = Own::open().await;
    let first = own.approved().await;
    own.shop
        .change("team.set", &team_set(), Person::Owner)
        .await;
    let (case, links) = own.approved_unlearned().await;
    own.refuses(&case, "chain_unseen").await;
    own.does(&first).await;
    own.apart.learn(links).await.unwrap();
    own.does(&case).await;
}

/// The first bundle with one of its files changed.
fn first_bundle() -> serde_json::Value {
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

/// The bundle with a file of it changed.
fn bundle_with(
    mut packed: serde_json::Value,
    file: &str,
    change: impl FnOnce(&str) -> String,
) -> serde_json::Value {
    let changed = change(packed["files"][file].as_str().unwrap());
    packed["files"][file] = changed.into();
    packed
}

fn written(packed: &serde_json::Value) -> String {
    String::from_utf8(canonical::to_bytes(packed).unwrap()).unwrap()
}

/// The first bundle, whose reads need people as well where this is so.
fn held_when(what: &str) -> String {
    written(&reads_held_when(what))
}

fn reads_held_when(what: &str) -> serde_json::Value {
    let held = format!(
        "@id(\"hold-reads\")\n@owner(\"owners\")\n@rationale(\"Reads are looked at\")\n@checkpoint(\"shop-write\")\n\
         forbid (principal, action == Action::\"shop.read\", resource)\nwhen {{ {what} }};\n"
    );
    bundle_with(first_bundle(), "rules.cedar", |rules| {
        format!("{rules}\n{held}")
    })
}

fn stricter() -> String {
    held_when("true")
}

async fn activate(own: &Own, bundle: &str) {
    let changed = own.shop.change("bundle.activate", bundle, Person::Owner);
    assert_eq!(changed.await.state, State::Completed);
    let links = own.shop.gate.trust_links(None).await.unwrap().links;
    own.apart.learn(links).await.unwrap();
}

/// A gate may say of a resource that nothing of it matters. Whoever runs the executor knows what is production.
#[tokio::test]
async fn what_its_own_catalogue_says_is_believed_and_a_gate_that_says_otherwise_is_not() {
    let production = CatalogEntry {
        resource: "shop/".to_owned(),
        environment: Some(Environment::Production),
        ..CatalogEntry::default()
    };
    let in_production = "!context.environment.known || context.environment.value == \"production\"";
    for (catalog, knows) in [(None, false), (Some(Catalog::new(vec![production])), true)] {
        let own = Own::knowing(catalog).await;
        let honest = own.allowed().await;
        activate(&own, &held_when(in_production)).await;
        let mut lie = honest.clone();
        lie.word.resource.environment = Known::some(Environment::Development);
        lie.word.resource.sensitivity = Known::some(Sensitivity::Public);
        if knows {
            own.refuses(&lie, "not_approved").await;
        } else {
            // Without one of its own it is the gate's word, which says nothing here and so asks for people.
            own.refuses(&honest, "not_approved").await;
            own.does(&lie).await;
        }
    }
}

/// A signed word of somebody who is away, until this time.
async fn away(own: &Own, from: Person, to: Person, seconds: u32) {
    let now = own.shop.gate.now().await.unwrap();
    let reason = DelegationReason {
        text: "away".to_owned(),
        salt: "ab".to_owned(),
    };
    let statement = DelegationStatement {
        type_: DELEGATION_TYPE.to_owned(),
        gate: own.shop.gate.origin(),
        from: from.id(),
        key: from.key(),
        to: to.id(),
        teams: ["reviewers".parse().unwrap()].into(),
        task: None,
        checkpoints: None,
        not_before: now,
        not_after: now.plus_seconds(seconds),
        reason: DelegationReason::hash_of(&reason.to_bytes().unwrap()),
        nonce: "0123456789abcdef".to_owned(),
        created_at: now,
    };
    let statement = canonical::to_bytes(&statement).unwrap();
    let signature = sign_software(&from.seed(), DELEGATION_TYPE, &statement).unwrap();
    let delegation = SignedDelegation {
        statement: String::from_utf8(statement).unwrap(),
        signature,
    };
    let given = own
        .shop
        .gate
        .delegate(DelegationInput { delegation, reason });
    given.await.unwrap();
}

#[tokio::test]
async fn what_somebody_approved_for_another_is_executed_no_longer_than_they_were_away() {
    let own = Own::open().await;
    // A read, for which one of them is enough.
    let one_seat = bundle_with(
        reads_held_when("true"),
        "checkpoints/shop-write.toml",
        |text| text.replace("seats = 2", "seats = 1"),
    );
    activate(&own, &written(&one_seat)).await;
    let members = [Person::Owner.id(), Person::Second.id()];
    let team = serde_json::json!({ "team": "reviewers", "members": members }).to_string();
    let changed = own.shop.change("team.set", &team, Person::Owner).await;
    assert_eq!(changed.state, State::Completed);
    away(&own, Person::Second, Person::Reviewer, 400).await;

    let task = own.shop.task().await;
    let asked = own.shop.submit(&task, "shop.read", READ).await.unwrap();
    let id = asked.record.id;
    let approved = own.shop.approve(Person::Reviewer, id).await.unwrap();
    assert_eq!(approved.state, State::Redeemable);
    let (case, links) = own.sent(id).await;
    own.apart.learn(links).await.unwrap();
    own.later(401);
    own.refuses(&case, "not_approved").await;
    // Nothing was spent by that; and in its time it is done.
    own.later(-2);
    own.does(&case).await;
}

#[tokio::test]
async fn policy_is_asked_of_the_bundle_that_people_approved_last() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let old = own.shop.gate.trust_links(None).await.unwrap().links;
    let changed = own
        .shop
        .change("bundle.activate", &stricter(), Person::Owner)
        .await;
    assert_eq!(changed.state, State::Completed);
    let links = own.shop.gate.trust_links(None).await.unwrap().links;
    own.apart.learn(links).await.unwrap();
    own.refuses(&case, "not_approved").await;
    own.apart.learn(old).await.unwrap();
    own.refuses(&case, "not_approved").await;
}

#[tokio::test]
async fn a_target_that_is_not_here_is_not_called_and_spends_nothing() {
    let own = Own::open().await;
    let task = own.shop.task().await;
    let mut asked = own.shop.asked(Some(task), "shop.read", READ, false);
    let text = String::from_utf8(asked.envelope.clone()).unwrap();
    asked.envelope = text.replace("sql:shop", "sql:depot").into_bytes();
    let caller = own.shop.asking(&asked).await;
    let asked = own.shop.gate.submit(&caller, asked).await.unwrap();
    let (case, links) = own.sent(asked.record.id).await;
    own.apart.learn(links).await.unwrap();
    own.refuses(&case, "target_unknown").await;
    own.refuses(&case, "target_unknown").await;
}

/// The stated limit: what only a gate can know is its word. It cannot make bytes happen that the workload did not sign.
#[tokio::test]
async fn what_only_a_gate_can_know_is_its_word_and_what_it_can_raise_it_raises() {
    let own = Own::open().await;
    let case = own.allowed().await;
    let mut unusual = case.clone();
    unusual.word.anomaly = Known::some(true);
    unusual.word.chain.untrusted = Known::unknown();
    own.does(&unusual).await;
    let mut forged = case.clone();
    forged.word.facts.insert(
        "made_up".to_owned(),
        gatehold_core::context::TypedValue::Bool(true),
    );
    // A fact that the descriptor does not declare is an error of the question, and an error never allows.
    own.refuses(&forged, "forbidden").await;
}
