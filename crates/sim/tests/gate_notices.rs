//! Who is told what of a request, and what becomes of a notice: over a gate with a store of its own, through a channel that
//! remembers, fails when it is told to, and never approves.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::{ActKind, Claims};
use gatehold_core::ids::{HumanId, RequestId, TaskId};
use gatehold_gate::ports::notifier::{Channel, NotDelivered, Notice, NoticeKind};
use gatehold_gate::{Beat, Dispatcher, Gate, StartTask};
use shop::{Person, Shop};
use tokio::sync::Semaphore;

const PUBLIC_URL: &str = "https://gate.example/";

/// Remembers what it was handed.
struct Recording {
    name: &'static str,
    told: Mutex<Vec<Notice>>,
    fails: AtomicBool,
    only: Option<NoticeKind>,
    /// Waits for a permit before it takes anything, if it is slow.
    slow: Option<Semaphore>,
}

impl Recording {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            told: Mutex::default(),
            fails: AtomicBool::new(false),
            only: None,
            slow: None,
        }
    }

    fn open() -> Arc<Self> {
        Arc::new(Self::named("chat"))
    }

    fn fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// What it was handed since somebody asked.
    fn told(&self) -> Vec<Notice> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    fn kinds(&self) -> Vec<NoticeKind> {
        self.told().iter().map(|notice| notice.kind).collect()
    }
}

#[async_trait]
impl Channel for Recording {
    fn name(&self) -> &str {
        self.name
    }

    fn wants(&self, notice: &Notice) -> bool {
        self.only.is_none_or(|only| only == notice.kind)
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), NotDelivered> {
        if let Some(slow) = &self.slow {
            slow.acquire().await.unwrap().forget();
        }
        self.told.lock().unwrap().push(notice.clone());
        if self.fails.load(Ordering::SeqCst) {
            return Err(NotDelivered("switched off by the test".to_owned()));
        }
        Ok(())
    }
}

fn dispatcher(gate: &Gate, channels: &[&Arc<Recording>]) -> Dispatcher {
    let channels = channels.iter().map(|channel| Arc::clone(channel) as _);
    Dispatcher::new(gate.clone(), channels.collect(), PUBLIC_URL)
}

/// Beats until nothing more is on its way, however much there is to tell of one request: that goes one by one. Gives what was
/// done by then.
async fn beat(dispatcher: &mut Dispatcher) -> Beat {
    let mut done = Beat::default();
    for _ in 0..4 {
        let before = std::mem::take(&mut done.channels);
        done = dispatcher.beat().await.unwrap();
        dispatcher.settled().await.unwrap();
        for (name, counted) in before {
            let sum = done.channels.entry(name).or_default();
            sum.delivered += counted.delivered;
            sum.failed += counted.failed;
            sum.given_up += counted.given_up;
        }
    }
    done
}

/// What it took to found the shop is told, and forgotten.
async fn begun(shop: &Shop, channels: &[&Arc<Recording>]) -> Dispatcher {
    let mut dispatcher = dispatcher(&shop.gate, channels);
    beat(&mut dispatcher).await;
    assert_eq!(waiting(shop).await, 0);
    for channel in channels {
        channel.told();
    }
    dispatcher
}

async fn waiting(shop: &Shop) -> usize {
    shop.store().outbox(0, 1_000).await.unwrap().len()
}

async fn held(shop: &Shop, task: &TaskId, sql: &str) -> RequestId {
    let held = shop.submit(task, "shop.write", sql).await;
    held.unwrap().record.id
}

fn people(all: &[Person]) -> BTreeSet<HumanId> {
    all.iter().map(|person| person.id()).collect()
}

/// Both stores that a test can have for nothing.
async fn shops() -> [Shop; 2] {
    [Shop::in_memory().await, Shop::open().await]
}

#[tokio::test]
async fn people_are_asked_and_told_the_end_and_the_requester_is_asked_nothing() {
    for shop in shops().await {
        let chat = Recording::open();
        let mut dispatcher = begun(&shop, &[&chat]).await;
        let task = shop.task().await;
        // What policy lets through is nobody's to be told.
        let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
        let read = read.record.id;
        shop.gate.redeem(&shop.caller(), read).await.unwrap();
        assert_eq!(waiting(&shop).await, 0);

        let id = held(&shop, &task, "DELETE FROM orders").await;
        beat(&mut dispatcher).await;
        let [asked] = &chat.told()[..] else {
            panic!("one notice");
        };
        let record = shop.gate.show(id).await.unwrap();
        assert_eq!((asked.kind, asked.request), (NoticeKind::Asked, Some(id)));
        assert_eq!(asked.sentence, record.sentence);
        assert_eq!(asked.requester, "deploy-bot");
        assert_eq!(asked.owner, Some(Person::Owner.id()));
        assert_eq!(asked.held_at, ["Something that people decide"]);
        assert_eq!((asked.people_needed, asked.tier), (2, record.tier));
        assert_eq!(asked.decide_by, Some(record.held.unwrap().decide_by));
        assert_eq!(asked.link, format!("https://gate.example/requests/{id}"));
        assert_eq!(asked.words.split('-').count(), 4);
        assert_eq!(asked.people, people(&[Person::Reviewer, Person::Second]));
        assert_eq!(asked.teams, ["reviewers".parse().unwrap()].into());

        shop.approve(Person::Reviewer, id).await.unwrap();
        assert_eq!(beat(&mut dispatcher).await.waiting, 0);
        assert_eq!(chat.kinds(), []);
        shop.approve(Person::Second, id).await.unwrap();
        beat(&mut dispatcher).await;
        shop.gate.redeem(&shop.caller(), id).await.unwrap();
        beat(&mut dispatcher).await;
        let told = chat.told();
        let ends: Vec<_> = told
            .iter()
            .map(|notice| (notice.kind, notice.state.as_str(), notice.decide_by))
            .collect();
        assert_eq!(
            ends,
            [
                (NoticeKind::Closed, "redeemable", None),
                (NoticeKind::Outcome, "completed", None),
            ]
        );
        let everyone = people(&[Person::Owner, Person::Reviewer, Person::Second]);
        assert!(told.iter().all(|notice| notice.people == everyone));
        let mut keys: BTreeSet<&str> = told.iter().map(|notice| notice.key.as_str()).collect();
        keys.insert(&asked.key);
        assert_eq!(keys.len(), 3);
        assert_eq!(waiting(&shop).await, 0);
    }
}

#[tokio::test]
async fn nobody_of_the_requester_set_is_asked() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    held(&shop, &task, "DELETE FROM orders").await;
    // A change of the gate: whoever asks for it has a seat like everybody else.
    shop.propose("team.set", &shop::team_set(), Person::Second)
        .await;
    beat(&mut dispatcher).await;
    let told = chat.told();
    let asked: Vec<_> = told.iter().map(|notice| notice.people.clone()).collect();
    // Whoever joins the team gains by it, and is not asked either.
    assert_eq!(
        asked,
        [
            people(&[Person::Reviewer, Person::Second]),
            people(&[Person::Reviewer]),
        ]
    );
    assert_eq!(told[1].owner, None);
}

/// Standby is a team of its own, of one person who is in no other.
async fn with_standby(shop: &Shop) {
    let standby = serde_json::json!({ "team": "standby", "members": [Person::Reviewer.id()] });
    shop.change("team.set", &standby.to_string(), Person::Reviewer)
        .await;
    let members = [Person::Owner.id(), Person::Second.id()];
    let reviewers = serde_json::json!({ "team": "reviewers", "members": members });
    shop.change("team.set", &reviewers.to_string(), Person::Owner)
        .await;
}

#[tokio::test]
async fn an_escalation_widens_who_is_told() {
    let shop = Shop::in_memory().await;
    with_standby(&shop).await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM orders").await;
    beat(&mut dispatcher).await;
    shop.memory().clock().advance(601_000);
    assert_eq!(shop.gate.tick().await.unwrap().escalated, 1);
    beat(&mut dispatcher).await;
    shop.gate
        .act(&Person::Second.id(), id, ActKind::Deny, "no", "chat")
        .await
        .unwrap();
    beat(&mut dispatcher).await;
    let told = chat.told();
    let told: Vec<_> = told
        .iter()
        .map(|notice| (notice.kind, notice.people.clone(), notice.teams.len()))
        .collect();
    let [one, two] = [
        people(&[Person::Second]),
        people(&[Person::Second, Person::Reviewer]),
    ];
    let everyone = people(&[Person::Owner, Person::Reviewer, Person::Second]);
    assert_eq!(
        told,
        [
            (NoticeKind::Asked, one, 1),
            (NoticeKind::Escalated, two, 2),
            (NoticeKind::Closed, everyone, 2),
        ]
    );
}

#[tokio::test]
async fn a_review_changes_no_notice_and_sends_none() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM orders").await;
    chat.fails(true);
    beat(&mut dispatcher).await;
    shop.approve(Person::Reviewer, id).await.unwrap();
    shop.gate
        .act(&Person::Second.id(), id, ActKind::Claim, "", "signed")
        .await
        .unwrap();
    shop.memory().clock().advance(5_000);
    beat(&mut dispatcher).await;
    let told = chat.told();
    assert_eq!(told.len(), 2, "the first is tried again, and nothing else");
    // Not a byte of it says that somebody has signed, and another one is looking at it.
    assert_eq!(format!("{:?}", told[0]), format!("{:?}", told[1]));
}

#[tokio::test]
async fn a_question_is_told_to_whoever_answers_for_the_workload() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM orders").await;
    beat(&mut dispatcher).await;
    chat.told();
    shop.gate
        .act(&Person::Second.id(), id, ActKind::Ask, "why?", "signed")
        .await
        .unwrap();
    shop.gate
        .answer(&shop.caller(), id, "because")
        .await
        .unwrap();
    beat(&mut dispatcher).await;
    let [question] = &chat.told()[..] else {
        panic!("an answer stands in the inbox, and calls nobody");
    };
    assert_eq!(question.kind, NoticeKind::Question);
    assert_eq!(question.people, people(&[Person::Owner]));
    assert!(question.teams.is_empty());
}

#[tokio::test]
async fn whom_a_workload_only_names_is_told_nothing() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let start = StartTask {
        purpose: "in somebody's name".into(),
        on_behalf_of: Some(Person::Second.id()),
        boundary: None,
    };
    let task = shop.gate.start_task(&shop.caller(), start).await.unwrap();
    let id = held(&shop, &task.id, "DELETE FROM orders").await;
    shop.gate.withdraw(&shop.caller(), id).await.unwrap();
    beat(&mut dispatcher).await;
    let told = chat.told();
    // Asked is no more: it was withdrawn before anybody was told.
    let [closed] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        (closed.kind, closed.state.as_str()),
        (NoticeKind::Closed, "withdrawn")
    );
    assert_eq!(closed.people, people(&[Person::Owner, Person::Reviewer]));
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_over() {
    for shop in shops().await {
        let chat = Recording::open();
        let mut dispatcher = begun(&shop, &[&chat]).await;
        let task = shop.task().await;
        let id = held(&shop, &task, "DELETE FROM orders").await;
        shop.deny(Person::Reviewer, id).await.unwrap();
        let done = beat(&mut dispatcher).await;
        assert_eq!(chat.kinds(), [NoticeKind::Closed]);
        // Nothing was tried in vain, so nothing was given up.
        assert_eq!(done.channels["chat"].given_up, 0);
        assert_eq!(waiting(&shop).await, 0);
    }
}

#[tokio::test]
async fn a_channel_that_fails_holds_up_no_other_and_no_later_message() {
    let shop = Shop::in_memory().await;
    let (chat, mail) = (Recording::open(), Arc::new(Recording::named("mail")));
    let mut dispatcher = begun(&shop, &[&chat, &mail]).await;
    chat.fails(true);
    let task = shop.task().await;
    let mut ids = Vec::new();
    for sql in ["DELETE FROM a", "DELETE FROM b"] {
        ids.push(held(&shop, &task, sql).await);
        let done = beat(&mut dispatcher).await;
        assert_eq!(done.channels["chat"].failed, 1);
        assert_eq!(done.channels["mail"].delivered, 1);
        assert_eq!((mail.told().len(), chat.told().len()), (1, 1));
    }
    // Five seconds, then ten, and not before.
    for (millis, tries) in [(4_999, 0), (1, 2), (9_999, 0), (1, 2)] {
        shop.memory().clock().advance(millis);
        beat(&mut dispatcher).await;
        assert_eq!(chat.told().len(), tries, "{millis}");
    }
    assert_eq!(waiting(&shop).await, 2);
    // One is over before the channel works again: that one is given up, and its end is told.
    shop.deny(Person::Reviewer, ids[0]).await.unwrap();
    chat.fails(false);
    shop.memory().clock().advance(20_000);
    let done = beat(&mut dispatcher).await;
    assert_eq!(chat.kinds(), [NoticeKind::Asked, NoticeKind::Closed]);
    let counted = done.channels["chat"];
    assert_eq!((counted.delivered, counted.given_up), (2, 1));
    assert_eq!((done.waiting, waiting(&shop).await), (0, 0));
}

#[tokio::test]
async fn a_slow_channel_holds_up_no_other_and_is_handed_few_at_a_time() {
    let shop = Shop::in_memory().await;
    let slow = Arc::new(Recording {
        slow: Some(Semaphore::new(1_000)),
        ..Recording::named("slow")
    });
    let mail = Arc::new(Recording::named("mail"));
    let mut dispatcher = begun(&shop, &[&slow, &mail]).await;
    let gate = slow.slow.as_ref().unwrap();
    gate.forget_permits(1_000);
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM orders").await;
    // Nothing waits for it: every beat comes back, and the other channel is told.
    for _ in 0..3 {
        assert_eq!(dispatcher.beat().await.unwrap().waiting, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(mail.kinds(), [NoticeKind::Asked]);
    shop.deny(Person::Reviewer, id).await.unwrap();
    // What becomes of one request arrives in order: its end waits for the notice that is on its way.
    for _ in 0..3 {
        assert_eq!(dispatcher.beat().await.unwrap().waiting, 2);
        tokio::task::yield_now().await;
    }
    assert_eq!(mail.kinds(), [NoticeKind::Closed]);
    gate.add_permits(2);
    beat(&mut dispatcher).await;
    dispatcher.settled().await.unwrap();
    assert_eq!(slow.kinds(), [NoticeKind::Asked, NoticeKind::Closed]);
    assert_eq!(waiting(&shop).await, 0);
}

#[tokio::test]
async fn after_a_day_a_notice_is_given_up_and_counted() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    chat.fails(true);
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM orders").await;
    shop.deny(Person::Reviewer, id).await.unwrap();
    assert_eq!(beat(&mut dispatcher).await.waiting, 1);
    shop.memory().clock().advance(24 * 3_600_000);
    let done = beat(&mut dispatcher).await;
    assert_eq!((done.waiting, done.oldest_seconds), (1, 24 * 3_600));
    shop.memory().clock().advance(1_000);
    let done = beat(&mut dispatcher).await;
    assert_eq!((done.waiting, waiting(&shop).await), (0, 0));
    assert_eq!(done.channels["chat"].given_up, 1);
    assert_eq!(chat.kinds(), [NoticeKind::Closed; 2]);
}

#[tokio::test]
async fn what_was_delivered_and_not_acknowledged_comes_again_under_the_same_key() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    held(&shop, &task, "DELETE FROM orders").await;
    dispatcher.beat().await.unwrap();
    while chat.told.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // The process ends here, and never knows.
    drop(dispatcher);
    assert_eq!(waiting(&shop).await, 1);
    let mut another = dispatching_again(&shop, &chat);
    assert!(!beat(&mut another).await.delivers, "the lease is not over");
    shop.memory().clock().advance(31_000);
    assert!(beat(&mut another).await.delivers);
    let told = chat.told();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    assert_eq!(waiting(&shop).await, 0);
}

fn dispatching_again(shop: &Shop, chat: &Arc<Recording>) -> Dispatcher {
    dispatcher(&shop.gate, &[chat])
}

#[tokio::test]
async fn of_two_processes_over_one_store_one_delivers() {
    for shop in shops().await {
        let chat = Recording::open();
        let mut one = begun(&shop, &[&chat]).await;
        let beside = shop.beside(None).await;
        let mut two = dispatcher(&beside, &[&chat]);
        let task = shop.task().await;
        held(&shop, &task, "DELETE FROM a").await;
        for dispatcher in [&mut one, &mut two] {
            beat(dispatcher).await;
        }
        assert_eq!(chat.kinds(), [NoticeKind::Asked]);
        assert!(!beat(&mut two).await.delivers);
        // Whoever ends in order has another one go on at once.
        one.end().await.unwrap();
        held(&shop, &task, "DELETE FROM b").await;
        assert!(beat(&mut two).await.delivers);
        assert_eq!(chat.kinds(), [NoticeKind::Asked]);
        assert_eq!(waiting(&shop).await, 0);
    }
}

#[tokio::test]
async fn a_channel_is_handed_what_it_wants_and_nothing_waits_for_nobody() {
    let shop = Shop::in_memory().await;
    let only = Arc::new(Recording {
        only: Some(NoticeKind::Closed),
        ..Recording::named("only")
    });
    let mut dispatcher = begun(&shop, &[&only]).await;
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM a").await;
    assert_eq!(beat(&mut dispatcher).await.waiting, 0);
    shop.deny(Person::Reviewer, id).await.unwrap();
    beat(&mut dispatcher).await;
    assert_eq!(only.kinds(), [NoticeKind::Closed]);
    dispatcher.end().await.unwrap();
    // Without any channel the outbox is emptied all the same.
    held(&shop, &task, "DELETE FROM b").await;
    let mut none = Dispatcher::new(shop.gate.clone(), Vec::new(), PUBLIC_URL);
    assert!(beat(&mut none).await.channels.is_empty());
    assert_eq!(waiting(&shop).await, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_in_nobodys_way() {
    let shop = Shop::open().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    for (dedup, topic, body) in [
        ("a", "moved", "req_00000000000000000000000000000000"),
        ("b", "held", "no request"),
        ("c\r\nto: x", "held", "req_00000000000000000000000000000000"),
        ("d", "held", "req_00000000000000000000000000000000"),
    ] {
        let sql = "INSERT INTO outbox (dedup, topic, body, time) VALUES (?1, ?2, ?3, ?4)";
        let now = shop.gate.now().await.unwrap().millis();
        let database = shop.database();
        database.execute(sql, (dedup, topic, body, now)).unwrap();
    }
    held(&shop, &task, "DELETE FROM orders").await;
    let done = beat(&mut dispatcher).await;
    assert_eq!(chat.kinds(), [NoticeKind::Asked]);
    // A request that is not there may have been taken away: somebody may put it back.
    assert_eq!((done.waiting, waiting(&shop).await), (1, 1));
}

#[tokio::test]
async fn nobody_is_told_what_does_not_follow_from_the_ledger() {
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let task = shop.task().await;
    let id = held(&shop, &task, "DELETE FROM a").await;
    let key = RowKey::new(Table::Request, &id);
    let row = shop.store().row(&key).await.unwrap().unwrap();
    let text = String::from_utf8(row.body.clone()).unwrap();
    let forged = text.replace("deploy-bot wants", "deploy-bot never wants");
    assert_ne!(forged, text);
    shop.memory().tamper(&key, Some(forged.into_bytes()));
    held(&shop, &task, "DELETE FROM b").await;
    assert_eq!(beat(&mut dispatcher).await.waiting, 1);
    assert_eq!(chat.told().len(), 1, "the other one is told");
    // Put right, it is told as well.
    shop.memory().tamper(&key, Some(row.body));
    shop.memory().clock().advance(5_000);
    beat(&mut dispatcher).await;
    let told = chat.told();
    assert_eq!((told.len(), told[0].request), (1, Some(id)));
    assert_eq!(waiting(&shop).await, 0);
}

#[tokio::test]
async fn c14_a20_no_word_of_the_requester_or_of_a_reviewer_is_in_a_notice() {
    const CANARY: &str = "canary-of-the-requester";
    let shop = Shop::in_memory().await;
    let chat = Recording::open();
    let mut dispatcher = begun(&shop, &[&chat]).await;
    let start = StartTask {
        purpose: format!("purpose {CANARY}"),
        on_behalf_of: None,
        boundary: None,
    };
    let task = shop.gate.start_task(&shop.caller(), start).await.unwrap();
    let sql = format!("DELETE FROM orders WHERE note = '{CANARY}'");
    let mut input = shop.asked(Some(task.id), "shop.write", &sql, false);
    let claims = ["reason", "evidence", "prompt", "model"].map(|name| {
        let claim = format!("{name} {CANARY}");
        (name.to_owned(), claim)
    });
    input.claims = Claims(claims.into());
    let caller = shop.asking(&input).await;
    let id = shop.gate.submit(&caller, input).await.unwrap().record.id;
    beat(&mut dispatcher).await;
    let second = Person::Second.id();
    for (act, channel) in [(ActKind::Ask, "signed"), (ActKind::Escalate, "signed")] {
        shop.gate
            .act(&second, id, act, &format!("text {CANARY}"), channel)
            .await
            .unwrap();
        beat(&mut dispatcher).await;
    }
    let answer = format!("answer {CANARY}");
    shop.gate.answer(&shop.caller(), id, &answer).await.unwrap();
    shop.approve(Person::Reviewer, id).await.unwrap();
    shop.approve(Person::Second, id).await.unwrap();
    beat(&mut dispatcher).await;
    shop.gate.redeem(&shop.caller(), id).await.unwrap();
    beat(&mut dispatcher).await;
    let told = chat.told();
    let kinds: Vec<NoticeKind> = told.iter().map(|notice| notice.kind).collect();
    assert_eq!(
        kinds,
        [
            NoticeKind::Asked,
            NoticeKind::Question,
            NoticeKind::Escalated,
            NoticeKind::Closed,
            NoticeKind::Outcome,
        ]
    );
    for notice in told {
        assert!(!format!("{notice:?}").contains(CANARY), "{notice:?}");
    }
}

#[tokio::test]
async fn a_held_request_that_nobody_can_approve_is_noticed_once_a_minute() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    held(&shop, &task, "DELETE FROM a").await;
    held(&shop, &task, "DELETE FROM b").await;
    shop.gate.tick().await.unwrap();
    assert_eq!(shop.gate.holds_nobody_can_approve(), 0);
    // Two of three people may approve, and it takes both.
    shop.revoke_key(Person::Second).await.unwrap();
    shop.gate.tick().await.unwrap();
    assert_eq!(shop.gate.holds_nobody_can_approve(), 0, "not looked yet");
    shop.memory().clock().advance(60_000);
    shop.gate.tick().await.unwrap();
    assert_eq!(shop.gate.holds_nobody_can_approve(), 2);
}
