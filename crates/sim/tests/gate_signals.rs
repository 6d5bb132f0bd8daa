//! Signals from outside: a token by a pinned key stops what it names and its sender may stop, once, and does nothing else. One
//! question a guard, and what becomes of it while the store refuses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::ids::TaskId;
use gatehold_core::request::State;
use gatehold_core::signal::StoppedBy;
use gatehold_core::stops::Stops;
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice, NoticeKind};
use gatehold_gate::{
    Dispatcher, Gate, GateError, Heeded, Named, SIGNAL_SECONDS_MAX, SignalError, SignalMay,
    SignalRules, Signals,
};
use gatehold_proof::id_token::IssuerKeys;
use gatehold_proof::jws::TokenError;
use gatehold_proof::security_event::{EventKind, EventVerifier, SubjectId, sign};
use gatehold_proof::{Algorithm, SigningKey};
use gatehold_store::journal::Journal;

use shop::audited::Audited;
use shop::faulty::{Faulty, Health};
use shop::{Person, Shop};

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "https://gate.example/v1/signals";

fn key() -> SigningKey {
    SigningKey::from_seed(Algorithm::EcdsaP256, &[7; 32]).unwrap()
}

fn verifier() -> EventVerifier {
    let jwk = key().public().to_jwk();
    let set = format!(r#"{{"keys":[{},"kid":"k1"}}]}}"#, jwk.trim_end_matches('}'));
    let keys = IssuerKeys::parse(set.as_bytes()).unwrap();
    EventVerifier::new(ISSUER, AUDIENCE, keys, vec![Algorithm::EcdsaP256]).unwrap()
}

/// Calls the workload `svc-1`, and may stop it and its tasks.
fn rules() -> SignalRules {
    SignalRules {
        name: "corp-idp".to_owned(),
        verifier: verifier(),
        may: SignalMay {
            stop_workload: true,
            stop_task: true,
            hold_seconds: None,
        },
        subjects: vec![Named {
            subject: SubjectId::Opaque("svc-1".to_owned()),
            workload: "deploy-bot".parse().unwrap(),
        }],
        own_names: false,
        per_minute_max: 30,
        tell: vec!["reviewers".parse().unwrap()],
    }
}

fn signals() -> Signals {
    Signals::new(vec![rules()])
}

/// A token of this moment about somebody.
async fn token(gate: &Gate, jti: &str, kind: EventKind, subject: &str) -> String {
    let now = gate.now_for_calls().await.unwrap().seconds();
    issued(now, jti, kind, subject)
}

fn issued(at: i64, jti: &str, kind: EventKind, subject: &str) -> String {
    let event = match kind {
        EventKind::CredentialChange => r#"{"change_type":"revoke"}"#,
        EventKind::RiskLevelChange => r#"{"current_level":"HIGH"}"#,
        _ => "{}",
    };
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","iat":{at},"jti":"{jti}","sub_id":{subject},"events":{{"{}":{event}}}}}"#,
        kind.uri()
    );
    let header = r#"{"alg":"ES256","kid":"k1","typ":"secevent+jwt"}"#;
    sign(&key(), header, &claims).unwrap()
}

const BOT: &str = r#"{"format":"opaque","id":"svc-1"}"#;

fn session(task: &TaskId) -> String {
    format!(r#"{{"format":"complex","user":{BOT},"session":{{"format":"opaque","id":"{task}"}}}}"#)
}

fn bot() -> Stops {
    Stops {
        workloads: ["deploy-bot".parse().unwrap()].into(),
        ..Stops::default()
    }
}

async fn stops(gate: &Gate) -> Stops {
    gate.overview().await.unwrap().stops
}

async fn lift(shop: &Shop, stops: &Stops) {
    let payload = serde_json::to_string(stops).unwrap();
    shop.change("stop.lift", &payload, Person::Owner).await;
}

/// Whether policy lets a read of this task through.
async fn is_stopped(shop: &Shop, task: &TaskId) -> bool {
    let read = shop.submit(task, "shop.read", "SELECT 1").await.unwrap();
    read.record.state == State::Denied
}

#[tokio::test]
async fn every_event_that_says_that_trust_is_gone_stops_the_workload_and_its_leaf_says_who() {
    for kind in EventKind::ALL {
        let shop = Shop::in_memory().await;
        let task = shop.task().await;
        let token = token(&shop.gate, "j1", kind, BOT).await;
        let heeded = shop.gate.heed(&signals(), &token).await.unwrap();
        assert_eq!(heeded, Heeded::Stopped, "{kind:?}");
        assert_eq!(stops(&shop.gate).await, bot());
        let leaf = shop.stored().await.pop().unwrap();
        assert!(is_stopped(&shop, &task).await, "{kind:?}");
        let entry = Entry::from_bytes(&leaf.record).unwrap();
        let Event::Stops { by, added, .. } = entry.event else {
            panic!("a stop");
        };
        let StoppedBy::Signal(signal) = by else {
            panic!("by a signal");
        };
        assert_eq!((&*signal.name, &*signal.issuer), ("corp-idp", ISSUER));
        assert_eq!((&*signal.token_id, signal.event), ("j1", kind.uri()));
        assert_eq!(signal.token, Hash::of(token.as_bytes()));
        assert_eq!(added, bot());
        let kept = leaf.attachments.iter().find(|one| one.name == "token");
        assert!(kept.is_some());
        let overview = shop.gate.overview().await.unwrap();
        let who = overview.who_stopped.last(|said| !said.workloads.is_empty());
        let who = who.unwrap();
        assert_eq!(who.by, format!("signal: corp-idp, {ISSUER}"));
        assert_eq!(who.at, entry.at);
    }
}

#[tokio::test]
async fn c11_a_token_is_heeded_once_also_after_people_lifted_its_stop() {
    let shop = Shop::in_memory().await;
    let signals = signals();
    let token = token(&shop.gate, "j1", EventKind::SessionRevoked, BOT).await;
    assert_eq!(
        shop.gate.heed(&signals, &token).await.unwrap(),
        Heeded::Stopped
    );
    let leaves = shop.leaves().await;
    assert_eq!(
        shop.gate.heed(&signals, &token).await.unwrap(),
        Heeded::Known
    );
    assert_eq!(shop.leaves().await, leaves);
    lift(&shop, &bot()).await;
    assert_eq!(stops(&shop.gate).await, Stops::default());
    // Another process, and the last second at which it is accepted.
    let other = shop.beside(None).await;
    let seconds = i64::from(SIGNAL_SECONDS_MAX) + 5;
    shop.memory().clock().advance(seconds * 1_000);
    let again = other.heed(&self::signals(), &token).await.unwrap();
    assert_eq!(again, Heeded::Known);
    assert_eq!(stops(&other).await, Stops::default());
    shop.memory().clock().advance(1_000);
    let late = other.heed(&signals, &token).await;
    assert!(
        matches!(late, Err(SignalError::Token(TokenError::Expired))),
        "{late:?}"
    );
    // A stop by a signal, its end by people, and nothing that an auditor would miss.
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn two_processes_that_hear_one_token_write_one_leaf() {
    let shop = Shop::in_memory().await;
    let other = shop.beside(None).await;
    let token = token(&shop.gate, "j1", EventKind::SessionRevoked, BOT).await;
    let before = shop.leaves().await;
    let (here, there) = (signals(), signals());
    let (one, two) = tokio::join!(shop.gate.heed(&here, &token), other.heed(&there, &token));
    let mut became = [one.unwrap(), two.unwrap()];
    became.sort_by_key(|one| *one == Heeded::Known);
    assert_eq!(became, [Heeded::Stopped, Heeded::Known]);
    assert_eq!(shop.leaves().await, before + 1);
}

#[tokio::test]
async fn a_session_is_a_task_and_only_one_of_a_workload_that_its_sender_may_stop() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let one_task = Stops {
        tasks: [task].into(),
        ..Stops::default()
    };
    let named = session(&task);
    let revoked = token(&shop.gate, "j1", EventKind::SessionRevoked, &named).await;
    let _stopped = shop.gate.heed(&signals(), &revoked).await.unwrap();
    assert_eq!(stops(&shop.gate).await, one_task);
    let other = shop.task().await;
    assert!(!is_stopped(&shop, &other).await);
    assert!(is_stopped(&shop, &task).await);
    // What is said of a credential is said of every session.
    let shop = Shop::in_memory().await;
    let named = session(&shop.task().await);
    let changed = token(&shop.gate, "j1", EventKind::CredentialCompromise, &named).await;
    let _stopped = shop.gate.heed(&signals(), &changed).await.unwrap();
    assert_eq!(stops(&shop.gate).await, bot());
    // A sender that may stop other workloads names this one's task in vain.
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let mut foreign = rules();
    foreign.subjects[0].workload = "report-bot".parse().unwrap();
    let alone = format!(r#"{{"format":"opaque","id":"{task}"}}"#);
    let revoked = token(&shop.gate, "j1", EventKind::SessionRevoked, &alone).await;
    let heeded = shop.gate.heed(&Signals::new(vec![foreign]), &revoked).await;
    assert_eq!(heeded.unwrap(), Heeded::Nothing);
    assert_eq!(stops(&shop.gate).await, Stops::default());
}

#[tokio::test]
async fn what_its_sender_may_not_stop_stays_as_it_is_and_leaves_no_leaf() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let mut few = rules();
    few.may.stop_workload = false;
    let mut own = rules();
    own.own_names = true;
    let before = shop.leaves().await;
    let revoked = EventKind::SessionRevoked;
    for (rules, subject) in [
        (rules(), r#"{"format":"opaque","id":"svc-2"}"#),
        // Its own name there is no name here.
        (rules(), r#"{"format":"opaque","id":"deploy-bot"}"#),
        (rules(), r#"{"format":"uri","uri":"svc-1"}"#),
        (
            rules(),
            r#"{"format":"email","email":"svc-1@corp.example"}"#,
        ),
        (few, BOT),
        // Nobody has this name.
        (own, r#"{"format":"opaque","id":"nobody"}"#),
    ] {
        let token = token(&shop.gate, "j1", revoked, subject).await;
        let heeded = shop.gate.heed(&Signals::new(vec![rules]), &token).await;
        assert_eq!(heeded.unwrap(), Heeded::Nothing, "{subject}");
    }
    assert_eq!(shop.leaves().await, before);
    assert!(!is_stopped(&shop, &task).await);
    let mut own = rules();
    own.own_names = true;
    let subject = r#"{"format":"uri","uri":"urn:gatehold:workload:deploy-bot"}"#;
    let token = token(&shop.gate, "j1", revoked, subject).await;
    let heeded = shop.gate.heed(&Signals::new(vec![own]), &token).await;
    assert_eq!(heeded.unwrap(), Heeded::Stopped);
}

#[tokio::test]
async fn a_sender_stops_so_often_in_a_minute_and_no_more() {
    let shop = Shop::in_memory().await;
    let signals = Signals::new(vec![SignalRules {
        per_minute_max: 2,
        ..rules()
    }]);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(session(&shop.task().await));
    }
    for (jti, of, taken) in [
        ("j1", 0, true),
        ("j2", 1, true),
        ("j3", 2, false),
        ("j1", 0, true),
    ] {
        let token = token(&shop.gate, jti, EventKind::Anomaly, &tasks[of]).await;
        let heeded = shop.gate.heed(&signals, &token).await;
        assert_eq!(heeded.is_ok(), taken, "{jti}");
        assert!(taken || matches!(heeded, Err(SignalError::TooMany)));
    }
    shop.memory().clock().advance(60_000);
    let token = token(&shop.gate, "j3", EventKind::Anomaly, &tasks[2]).await;
    assert_eq!(
        shop.gate.heed(&signals, &token).await.unwrap(),
        Heeded::Stopped
    );
}

#[tokio::test]
async fn c11_a_token_that_changed_nothing_is_known_as_well_and_told_to_nobody() {
    let shop = Shop::in_memory().await;
    let task = session(&shop.task().await);
    let signals = Signals::new(vec![SignalRules {
        per_minute_max: 2,
        ..rules()
    }]);
    let first = token(&shop.gate, "j1", EventKind::Anomaly, BOT).await;
    let heeded = shop.gate.heed(&signals, &first).await.unwrap();
    assert_eq!(heeded, Heeded::Stopped);
    let told = shop.store().outbox(0, 10).await.unwrap().len();
    let mut more = Vec::new();
    for jti in ["j2", "j3", "j4"] {
        let token = token(&shop.gate, jti, EventKind::Anomaly, BOT).await;
        let heeded = shop.gate.heed(&signals, &token).await;
        match &*more {
            // Each is a leaf, and of these a minute has so many and no more.
            [_, _] => assert!(matches!(heeded, Err(SignalError::TooMany)), "{heeded:?}"),
            _ => assert_eq!(heeded.unwrap(), Heeded::Known, "{jti}"),
        }
        more.push(token);
    }
    assert_eq!(shop.store().outbox(0, 10).await.unwrap().len(), told);
    // They took no room from what stops something.
    let other = token(&shop.gate, "j0", EventKind::SessionRevoked, &task).await;
    let heeded = shop.gate.heed(&signals, &other).await.unwrap();
    assert_eq!(heeded, Heeded::Stopped);

    // People lift it, and every token that was heeded is spent.
    shop.memory().clock().advance(60_000);
    let named = stops(&shop.gate).await;
    lift(&shop, &named).await;
    assert_eq!(stops(&shop.gate).await, Stops::default());
    for token in [&first, &more[0], &more[1]] {
        let heeded = shop.gate.heed(&signals, token).await.unwrap();
        assert_eq!(heeded, Heeded::Known);
    }
    assert_eq!(stops(&shop.gate).await, Stops::default());
    // The one that was not taken was not heeded.
    let heeded = shop.gate.heed(&signals, &more[2]).await.unwrap();
    assert_eq!(heeded, Heeded::Stopped);
    assert!(Audited::of(&shop).await.report().is_sound());
}

#[tokio::test]
async fn what_is_stopped_already_is_said_again_where_somebody_asks_to_lift_it() {
    let shop = Shop::in_memory().await;
    let signals = signals();
    let first = token(&shop.gate, "j1", EventKind::Anomaly, BOT).await;
    let heeded = shop.gate.heed(&signals, &first).await.unwrap();
    assert_eq!(heeded, Heeded::Stopped);
    let payload = serde_json::to_string(&bot()).unwrap();
    let _held = shop.propose("stop.lift", &payload, Person::Owner).await;
    for (jti, became) in [("j5", Heeded::Stopped), ("j6", Heeded::Known)] {
        let since = token(&shop.gate, jti, EventKind::Anomaly, BOT).await;
        let heeded = shop.gate.heed(&signals, &since).await.unwrap();
        assert_eq!(heeded, became, "{jti}");
    }
}

#[tokio::test]
async fn a_task_beside_another_workload_is_not_stopped_and_what_is_not_enrolled_comes_again() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let mut two = rules();
    two.subjects.push(Named {
        subject: SubjectId::Opaque("svc-2".to_owned()),
        workload: "report-bot".parse().unwrap(),
    });
    let signals = Signals::new(vec![two]);
    let revoked = EventKind::SessionRevoked;
    let before = shop.leaves().await;
    for subject in [
        session(&task).replace("svc-1", "svc-2"),
        BOT.replace("svc-1", "svc-2"),
    ] {
        let token = token(&shop.gate, "j1", revoked, &subject).await;
        let heeded = shop.gate.heed(&signals, &token).await;
        assert!(
            matches!(heeded, Err(SignalError::NotEnrolled)),
            "{heeded:?}"
        );
    }
    let stranger = session(&task).replace("svc-1", "svc-3");
    let token = token(&shop.gate, "j1", revoked, &stranger).await;
    let heeded = shop.gate.heed(&signals, &token).await.unwrap();
    assert_eq!(heeded, Heeded::Nothing);
    assert_eq!(shop.leaves().await, before);
    assert_eq!(stops(&shop.gate).await, Stops::default());
}

#[tokio::test]
async fn a_task_that_nobody_can_look_up_is_stopped_only_by_whoever_may_stop_every_task() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let store = Faulty::of(shop.store.clone());
    let journal = Journal::open(shop.folder().join("other.journal")).unwrap();
    let gate = shop.keeping(store.clone(), None, &journal).await;
    let alone = format!(r#"{{"format":"opaque","id":"{task}"}}"#);
    store.is(Health::Unreachable);
    let alone = token(&gate, "j1", EventKind::SessionRevoked, &alone).await;
    let refused = gate.heed(&signals(), &alone).await;
    assert!(
        matches!(refused, Err(SignalError::Gate(GateError::Store(_)))),
        "{refused:?}"
    );
    assert_eq!(gate.journal_waiting(), 0);
    // Beside its workload: that is stopped.
    let beside = token(&gate, "j2", EventKind::SessionRevoked, &session(&task)).await;
    let heeded = gate.heed(&signals(), &beside).await.unwrap();
    assert_eq!(heeded, Heeded::Stopped);
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 1);
    assert_eq!(stops(&gate).await, bot());
    let mut own = rules();
    own.own_names = true;
    store.is(Health::Unreachable);
    let heeded = gate.heed(&Signals::new(vec![own]), &alone).await;
    assert_eq!(heeded.unwrap(), Heeded::Stopped);
    store.is(Health::Well);
    assert_eq!(gate.tick().await.unwrap().replayed, 1);
    let mut both = bot();
    both.tasks.insert(task);
    assert_eq!(stops(&gate).await, both);
}

#[tokio::test]
async fn d06_a_signal_that_the_store_refuses_is_kept_and_in_force_and_heeded_once() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let store = Faulty::of(shop.store.clone());
    let journal = Journal::open(shop.folder().join("other.journal")).unwrap();
    let gate = shop.keeping(store.clone(), None, &journal).await;
    let signals = signals();
    for health in [Health::ReadOnly, Health::Unreachable] {
        store.is(health);
        let token = token(&gate, &format!("{health:?}"), EventKind::Anomaly, BOT).await;
        let heeded = gate.heed(&signals, &token).await.unwrap();
        assert_eq!(heeded, Heeded::Stopped, "{health:?}");
        assert_eq!(gate.journal_waiting(), 1);
        store.is(Health::Well);
        assert_eq!(gate.tick().await.unwrap().replayed, 1);
        assert_eq!(stops(&gate).await, bot());
        if health == Health::ReadOnly {
            let again = gate.heed(&signals, &token).await.unwrap();
            assert_eq!(again, Heeded::Known);
        }
    }
    assert!(is_stopped(&shop, &task).await);
    // Without a journal nobody is told that it was heeded.
    let bare = shop.over_store(store.clone()).await;
    store.is(Health::ReadOnly);
    let token = token(&bare, "j9", EventKind::Anomaly, &session(&task)).await;
    let refused = bare.heed(&signals, &token).await;
    assert!(
        matches!(refused, Err(SignalError::Gate(GateError::Store(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn whoever_signs_what_is_refused_leaves_a_leaf_and_strangers_none() {
    let shop = Shop::in_memory().await;
    let now = shop.gate.now().await.unwrap().seconds();
    let early = issued(now + 60, "j1", EventKind::Anomaly, BOT);
    let refused = shop.gate.heed(&signals(), &early).await;
    assert!(matches!(
        refused,
        Err(SignalError::Token(TokenError::NotYetValid))
    ));
    let mut broken = issued(now, "j1", EventKind::Anomaly, BOT);
    broken.pop();
    let refused = shop.gate.heed(&signals(), &broken).await;
    assert!(matches!(refused, Err(SignalError::Token(_))));
    let before = shop.leaves().await;
    shop.gate.flush().await.unwrap();
    let leaf = shop.stored().await.pop().unwrap();
    assert_eq!(shop.leaves().await, before + 1);
    let entry = Entry::from_bytes(&leaf.record).unwrap();
    let Event::Refused {
        principal, count, ..
    } = entry.event
    else {
        panic!("a refusal");
    };
    let key = Hash::from_bytes(*key().public().thumbprint().as_bytes());
    assert_eq!((principal, count), (key, 1));
}

/// Remembers what it is handed.
#[derive(Default)]
struct Told(Mutex<Vec<Notice>>);

#[async_trait]
impl Channel for Told {
    fn name(&self) -> &str {
        "chat"
    }

    fn wants(&self, notice: &Notice) -> bool {
        notice.kind == NoticeKind::Stopped
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

#[tokio::test]
async fn whoever_answers_for_the_workload_and_the_teams_of_the_signal_are_told_and_nobody_who_is_gone()
 {
    let shop = Shop::in_memory().await;
    let told = Arc::new(Told::default());
    let channels = vec![Arc::clone(&told) as Arc<dyn Channel>];
    let signals = Arc::new(signals());
    let dispatcher = Dispatcher::new(shop.gate.clone(), channels, "https://gate.example/");
    let mut dispatcher = dispatcher.with_signals(Some(signals.clone()));
    let _gone = shop
        .gate
        .suspend(&Person::Second.id(), false)
        .await
        .unwrap();
    let token = token(&shop.gate, "j1", EventKind::CredentialCompromise, BOT).await;
    let _stopped = shop.gate.heed(&signals, &token).await.unwrap();
    dispatcher.beat().await.unwrap();
    dispatcher.settled().await.unwrap();
    let notices = std::mem::take(&mut *told.0.lock().unwrap());
    let [notice] = &notices[..] else {
        panic!("one notice: {notices:?}");
    };
    assert_eq!(
        notice.sentence,
        "Signal corp-idp (credential-compromise) stopped workload deploy-bot"
    );
    assert_eq!(notice.owner, Some(Person::Owner.id()));
    assert_eq!(
        notice.people,
        [Person::Owner.id(), Person::Reviewer.id()].into()
    );
    assert_eq!(notice.link, "https://gate.example/workloads");
    assert_eq!(notice.request, None);
    assert!(shop.store().outbox(0, 10).await.unwrap().is_empty());
}
