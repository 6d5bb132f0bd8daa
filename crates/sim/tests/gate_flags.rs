//! Signals that stop nothing: for a while what a workload asks for is an anomaly, which policy holds. They only tighten.

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
use gatehold_core::ids::TaskId;
use gatehold_core::json::canonical;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::signal::FLAG_SECONDS_MAX;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_core::view::{Fact, Source, View};
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice, NoticeKind};
use gatehold_gate::{
    Dispatcher, Gate, Heeded, LeaseTick, Named, SignalError, SignalMay, SignalRules, Signals,
};
use gatehold_policy::Bundle;
use gatehold_proof::id_token::IssuerKeys;
use gatehold_proof::security_event::{EventVerifier, SubjectId, UNUSUAL, sign};
use gatehold_proof::{Algorithm, SigningKey};
use gatehold_sim::mutants::remove_the_named_guard;
use gatehold_sim::pretend_target::PretendTarget;

use shop::audited::Audited;
use shop::{Person, Shop, bundle_folder};

const ISSUER: &str = "https://cloud.example";
const AUDIENCE: &str = "https://gate.example/v1/signals";
const RISK: &str = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
const ANOMALY: &str = "urn:gatehold:event:anomaly";
/// For how long the sender has things held.
const SECONDS: u32 = 3_600;

/// What people look at where a signal says that it is unusual; a credential besides, which nobody holds otherwise.
const RULES: &str = r#"
@id("hold-unusual")
@owner("owners")
@rationale("What looks like misuse is looked at")
@checkpoint("shop-write")
forbid (principal is Workload, action, resource)
when { !context.conditions.anomaly.known || context.conditions.anomaly.value };

@id("access")
@owner("owners")
@rationale("Access to the shop is possible")
@attest_by("2027-06-30")
permit (principal, action == Action::"shop.access", resource);
"#;

const DESCRIPTOR: &str = r#"
id = "shop.access"
version = 1
title = "Read the shop by itself"
effects = ["access_grant"]
reversibility = "reversible"
media_types = ["application/json"]
payload = "json"
fields = [{ name = "role", pointer = "/role", label = "Role", type = "string", required = true }]
quantity = "one"
recipients = "nobody"
sensitivity = "resource"
sentence = "{workload} wants to be {role} on {resource} for {duration}"
criteria = []
requires = []
downstream = { declared = [] }
infers = []
facts = []
dry_run = "none"
revocation = "none"
executor = { kind = "broker", caps = [] }
"#;

/// A shop whose policy holds what is unusual.
async fn watched() -> Shop {
    watched_by(RULES).await
}

async fn watched_by(added: &str) -> Shop {
    remove_the_named_guard();
    let shop = Shop::in_memory().await;
    let bytes = Bundle::load(&bundle_folder()).unwrap().to_bytes();
    let mut packed: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let rules = packed["files"]["rules.cedar"].as_str().unwrap();
    packed["files"]["rules.cedar"] = format!("{rules}\n{added}").into();
    packed["files"]["descriptors/shop.access.toml"] = DESCRIPTOR.into();
    let payload = String::from_utf8(canonical::to_bytes(&packed).unwrap()).unwrap();
    let activated = shop.change("bundle.activate", &payload, Person::Owner);
    assert_eq!(activated.await.state, State::Completed);
    shop
}

fn key() -> SigningKey {
    SigningKey::from_seed(Algorithm::EcdsaP256, &[7; 32]).unwrap()
}

/// Calls the workload `svc-1`, and may have what it asks for held.
fn rules(may: SignalMay) -> SignalRules {
    let jwk = key().public().to_jwk();
    let set = format!(r#"{{"keys":[{},"kid":"k1"}}]}}"#, jwk.trim_end_matches('}'));
    let keys = IssuerKeys::parse(set.as_bytes()).unwrap();
    SignalRules {
        name: "cloud".to_owned(),
        verifier: EventVerifier::new(ISSUER, AUDIENCE, keys, vec![Algorithm::EcdsaP256]).unwrap(),
        may,
        subjects: vec![Named {
            subject: SubjectId::Opaque("svc-1".to_owned()),
            workload: "deploy-bot".parse().unwrap(),
        }],
        own_names: false,
        per_minute_max: 2,
        tell: Vec::new(),
    }
}

fn holds(seconds: u32) -> Signals {
    Signals::new(vec![rules(SignalMay {
        hold_seconds: Some(seconds),
        ..SignalMay::default()
    })])
}

async fn token(gate: &Gate, jti: &str, uri: &str, event: &str) -> String {
    let at = gate.now_for_calls().await.unwrap().seconds();
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","iat":{at},"jti":"{jti}","sub_id":{{"format":"opaque","id":"svc-1"}},"events":{{"{uri}":{event}}}}}"#
    );
    let header = r#"{"alg":"ES256","kid":"k1","typ":"secevent+jwt"}"#;
    sign(&key(), header, &claims).unwrap()
}

async fn heed(shop: &Shop, signals: &Signals, jti: &str) -> Result<Heeded, SignalError> {
    let token = token(&shop.gate, jti, UNUSUAL, "{}").await;
    shop.gate.heed(signals, &token).await
}

fn pass(shop: &Shop, seconds: u32) {
    shop.memory().clock().advance(i64::from(seconds) * 1_000);
}

async fn read(shop: &Shop, task: &TaskId) -> RequestRecord {
    let asked = shop.submit(task, "shop.read", "SELECT 1").await.unwrap();
    asked.record
}

fn said(view: &View) -> Option<&Fact> {
    let mut facts = view.facts.iter();
    facts.find(|fact| fact.label == "said to be unusual")
}

/// The workload and the times of each leaf that a signal left.
async fn flags(shop: &Shop) -> Vec<(String, Timestamp, Timestamp)> {
    let leaves = shop.stored().await;
    let entries = leaves
        .iter()
        .map(|leaf| Entry::from_bytes(&leaf.record).unwrap());
    entries
        .filter_map(|entry| match entry.event {
            Event::Flagged {
                workload, until, ..
            } => Some((workload.to_string(), entry.at, until)),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn m055_what_a_workload_asks_for_is_held_for_a_while_and_people_see_who_says_why() {
    let shop = watched().await;
    let task = shop.task().await;
    assert_eq!(read(&shop, &task).await.state, State::Allowed);
    let heeded = heed(&shop, &holds(SECONDS), "j1").await.unwrap();
    assert_eq!(heeded, Heeded::Held);
    // Nothing is stopped: people decide.
    assert_eq!(shop.gate.overview().await.unwrap().stops, Stops::default());
    let [(workload, at, until)] = &flags(&shop).await[..] else {
        panic!("one leaf");
    };
    assert_eq!(workload, "deploy-bot");
    assert_eq!(*until, at.plus_seconds(SECONDS));
    let held = read(&shop, &task).await;
    assert_eq!(held.state, State::Held);
    let (human, key) = (Person::Reviewer.id(), Person::Reviewer.key());
    let opened = shop.gate.open_request(&human, &key, held.id);
    let opened = opened.await.unwrap();
    let view: View = canonical::from_canonical_bytes(&opened.view).unwrap();
    let fact = said(&view).unwrap();
    assert_eq!(fact.source, Source::Verified);
    assert_eq!(fact.from, format!("signal: cloud, {ISSUER}"));
    assert!(fact.value.starts_with("unusual, said "), "{}", fact.value);
    assert!(fact.value.contains(&until.to_string()), "{}", fact.value);
    shop.approve(Person::Reviewer, held.id).await.unwrap();
    let decided = shop.approve(Person::Second, held.id).await.unwrap();
    assert_eq!(decided.state, State::Redeemable);
    // It ends by itself.
    pass(&shop, SECONDS);
    let after = read(&shop, &task).await;
    assert_eq!(after.state, State::Allowed);
    let report = Audited::of(&shop).await.report();
    assert!(report.is_sound(), "{report}");
}

#[tokio::test]
async fn another_process_that_has_read_no_leaf_since_holds_it_too() {
    let shop = watched().await;
    let task = shop.task().await;
    let other = shop.beside(None).await;
    let token = token(&other, "j1", UNUSUAL, "{}").await;
    let heeded = other.heed(&holds(SECONDS), &token).await.unwrap();
    assert_eq!(heeded, Heeded::Held);
    assert_eq!(read(&shop, &task).await.state, State::Held);
}

#[tokio::test]
async fn c11_a_token_counts_once_and_no_signal_makes_it_shorter() {
    let shop = watched().await;
    let task = shop.task().await;
    let signals = holds(SECONDS);
    let first = token(&shop.gate, "j1", UNUSUAL, "{}").await;
    let heeded = shop.gate.heed(&signals, &first).await.unwrap();
    assert_eq!(heeded, Heeded::Held);
    // Somebody says it for a minute: what was said for longer stays.
    assert_eq!(heed(&shop, &holds(60), "j2").await.unwrap(), Heeded::Held);
    pass(&shop, 61);
    assert_eq!(read(&shop, &task).await.state, State::Held);
    pass(&shop, SECONDS);
    let again = shop.gate.heed(&signals, &first).await.unwrap();
    assert_eq!(again, Heeded::Known);
    assert_eq!(read(&shop, &task).await.state, State::Allowed);
    assert_eq!(flags(&shop).await.len(), 2);
}

#[tokio::test]
async fn a_sender_that_may_not_hold_holds_nothing_and_one_that_may_not_stop_holds() {
    let shop = watched().await;
    let task = shop.task().await;
    let stops = Signals::new(vec![rules(SignalMay {
        stop_workload: true,
        ..SignalMay::default()
    })]);
    let before = shop.leaves().await;
    assert_eq!(heed(&shop, &stops, "j1").await.unwrap(), Heeded::Nothing);
    let risk = |level| format!(r#"{{"current_level":"{level}"}}"#);
    let medium = token(&shop.gate, "j2", RISK, &risk("MEDIUM")).await;
    let heeded = shop.gate.heed(&stops, &medium).await.unwrap();
    assert_eq!(heeded, Heeded::Nothing);
    let low = token(&shop.gate, "j3", RISK, &risk("LOW")).await;
    let heeded = shop.gate.heed(&holds(SECONDS), &low).await.unwrap();
    assert_eq!(heeded, Heeded::Nothing);
    assert_eq!(shop.leaves().await, before);
    assert_eq!(read(&shop, &task).await.state, State::Allowed);
    // By the standard's event; and what asks for a stop is heeded as far as its sender may.
    let signals = holds(SECONDS);
    let heeded = shop.gate.heed(&signals, &medium).await.unwrap();
    assert_eq!(heeded, Heeded::Held);
    let anomaly = token(&shop.gate, "j4", ANOMALY, "{}").await;
    let heeded = shop.gate.heed(&signals, &anomaly).await.unwrap();
    assert_eq!(heeded, Heeded::Held);
    assert_eq!(shop.gate.overview().await.unwrap().stops, Stops::default());
    assert_eq!(read(&shop, &task).await.state, State::Held);
}

#[tokio::test]
async fn a_flood_and_a_time_that_is_too_long_are_refused() {
    let shop = watched().await;
    let signals = holds(SECONDS);
    for (jti, taken) in [("j1", true), ("j2", true), ("j3", true), ("j4", false)] {
        let heeded = heed(&shop, &signals, jti).await;
        assert_eq!(heeded.is_ok(), taken, "{jti}");
        assert!(taken || matches!(heeded, Err(SignalError::TooMany)));
    }
    let long = heed(&shop, &holds(FLAG_SECONDS_MAX + 1), "j5").await;
    assert!(matches!(long, Err(SignalError::Gate(_))), "{long:?}");
    // The first, and as many again that say the same, in this minute.
    assert_eq!(flags(&shop).await.len(), 3);
}

#[tokio::test]
async fn m055_a_lease_that_lives_ends_when_a_signal_says_that_its_workload_is_unusual() {
    let mut shop = watched().await;
    let target = Arc::new(PretendTarget::default());
    shop.issuing(target.clone()).await;
    let task = shop.task().await;
    let asked = shop.submit(&task, "shop.access", r#"{"role":"reader"}"#);
    let id = asked.await.unwrap().record.id;
    let redeemed = shop.gate.redeem(&shop.caller(), id).await.unwrap();
    assert!(redeemed.credential.is_some());
    while shop.gate.tick_leases().await.unwrap() != LeaseTick::default() {}
    assert_eq!(target.standing().len(), 1);
    let heeded = heed(&shop, &holds(SECONDS), "j1").await.unwrap();
    assert_eq!(heeded, Heeded::Held);
    assert_eq!(shop.gate.tick_leases().await.unwrap().ended, 1);
    assert_eq!(shop.gate.tick_leases().await.unwrap().verified, 1);
    assert_eq!(target.standing(), Vec::<String>::new());
    let report = Audited::of(&shop).await.report();
    assert!(report.is_sound(), "{report}");
}

#[tokio::test]
async fn m055_policy_tells_what_somebody_says_from_what_the_gate_counts() {
    let rules = RULES.replace("conditions.anomaly", "signals.flagged");
    let shop = watched_by(&rules).await;
    let task = shop.task().await;
    assert_eq!(read(&shop, &task).await.state, State::Allowed);
    assert_eq!(
        heed(&shop, &holds(SECONDS), "j1").await.unwrap(),
        Heeded::Held
    );
    assert_eq!(read(&shop, &task).await.state, State::Held);
    pass(&shop, SECONDS);
    assert_eq!(read(&shop, &task).await.state, State::Allowed);
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
        notice.kind == NoticeKind::Flagged
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

#[tokio::test]
async fn m055_whoever_answers_for_it_is_told_once_and_it_stands_on_both_pages_while_it_counts() {
    let shop = watched().await;
    let told = Arc::new(Told::default());
    let channels = vec![Arc::clone(&told) as Arc<dyn Channel>];
    let mut team = rules(SignalMay {
        hold_seconds: Some(SECONDS),
        ..SignalMay::default()
    });
    team.tell = vec!["reviewers".parse().unwrap()];
    let signals = Arc::new(Signals::new(vec![team]));
    let dispatcher = Dispatcher::new(shop.gate.clone(), channels, "https://gate.example/");
    let mut dispatcher = dispatcher.with_signals(Some(signals.clone()));
    for jti in ["j1", "j2"] {
        assert_eq!(heed(&shop, &signals, jti).await.unwrap(), Heeded::Held);
    }
    dispatcher.beat().await.unwrap();
    dispatcher.settled().await.unwrap();
    let notices = std::mem::take(&mut *told.0.lock().unwrap());
    let [notice] = &notices[..] else {
        panic!("what is said again is news to nobody: {notices:?}");
    };
    let says = "Signal cloud (unusual) says of workload deploy-bot that it is unusual, until ";
    assert!(notice.sentence.starts_with(says), "{notice:?}");
    assert_eq!((notice.state.as_str(), notice.request), ("flagged", None));
    assert_eq!(notice.owner, Some(Person::Owner.id()));
    for person in [Person::Owner, Person::Reviewer, Person::Second] {
        assert!(notice.people.contains(&person.id()), "{notice:?}");
    }
    let [flagged] = &shop.gate.overview().await.unwrap().flagged[..] else {
        panic!("one is flagged");
    };
    assert_eq!(flagged.workload.as_str(), "deploy-bot");
    assert_eq!(
        (flagged.event.as_str(), flagged.by.as_str()),
        ("unusual", "signal: cloud, https://cloud.example")
    );
    let owned = async || {
        shop.gate
            .owned(&Person::Owner.id())
            .await
            .unwrap()
            .workloads
    };
    assert_eq!(owned().await[0].flagged, Some(flagged.until));
    pass(&shop, SECONDS);
    assert_eq!(shop.gate.overview().await.unwrap().flagged, []);
    assert_eq!(owned().await[0].flagged, None);
}
