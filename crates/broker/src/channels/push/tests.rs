//! What a push service learns, and when it is told. What a browser reads is tested in crates/gatehold/tests/browser/push.mjs.

use gatehold_gate::ports::notifier::{Notice, NoticeKind};
use gatehold_proof::web_push::BrowserKeys;

use super::super::text::tests::{NOW, notice};
use super::*;
use crate::testing::listener::{Manner, Upstream};

struct Counting(std::sync::atomic::AtomicU8);

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 32] {
        [self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst); 32]
    }
}

fn subscription(endpoint: &str, services: &PushServices) -> Subscription {
    Subscription {
        id: Hash::of(endpoint.as_bytes()),
        human: "priya@login.acme.example".parse().unwrap(),
        endpoint: gatehold_gate::push::Endpoint::parse(endpoint, services, true).unwrap(),
        keys: BrowserKeys::parse(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        )
        .unwrap(),
        since: NOW,
    }
}

#[test]
fn it_waits_until_the_decision_and_no_longer_than_a_week() {
    let by = |seconds: i64| Notice {
        decide_by: Some(Timestamp::from_millis(NOW.millis() + seconds * 1_000 + 999)),
        ..notice()
    };
    for (notice, seconds) in [
        (by(90), 90),
        (by(0), 0),
        (by(-100), 0),
        (by(30 * 24 * 3_600), 7 * 24 * 3_600),
        (
            Notice {
                kind: NoticeKind::Closed,
                decide_by: None,
                ..notice()
            },
            24 * 3_600,
        ),
    ] {
        assert_eq!(ttl(&Message::of(&notice, NOW).brief, NOW), seconds);
    }
}

#[test]
fn a_phone_wakes_for_what_is_red_and_asks() {
    for (tier, kind, wanted) in [
        (Tier::Red, NoticeKind::Asked, "high"),
        (Tier::Amber, NoticeKind::Escalated, "normal"),
        (Tier::Green, NoticeKind::Asked, "low"),
        (Tier::Red, NoticeKind::Closed, "low"),
    ] {
        let decide_by = (kind != NoticeKind::Closed).then_some(NOW);
        let notice = Notice {
            tier,
            kind,
            decide_by,
            ..notice()
        };
        assert_eq!(urgency(&Message::of(&notice, NOW).brief), wanted);
    }
    assert_eq!(urgency(&Message::test("x", "k", NOW).brief), "low");
}

#[test]
fn a_topic_is_one_requests_for_one_browser_and_tells_neither() {
    let usual = PushServices::default();
    let one = subscription("https://fcm.googleapis.com/fcm/send/one", &usual);
    let two = subscription("https://fcm.googleapis.com/fcm/send/two", &usual);
    let asked = Message::of(&notice(), NOW);
    let closed = Notice {
        kind: NoticeKind::Closed,
        key: "another".to_owned(),
        ..notice()
    };
    let closed = Message::of(&closed, NOW);
    let other = Notice {
        request: Some(gatehold_core::ids::RequestId::from_bytes([8; 16])),
        ..notice()
    };
    let of_one = topic(&asked, &one);
    assert_eq!(of_one.len(), 32);
    assert_eq!(of_one, topic(&closed, &one));
    assert_ne!(of_one, topic(&asked, &two));
    assert_ne!(of_one, topic(&Message::of(&other, NOW), &one));
    assert!(!of_one.contains("0707"));
}

#[test]
fn every_message_is_as_long_whatever_its_sentence() {
    let to = subscription("https://web.push.apple.com/one", &PushServices::default());
    let entropy = Counting(1.into());
    let sizes: Vec<usize> = ["", "short", "\"\u{202e}\u{1d173}", "€"]
        .into_iter()
        .map(|text| {
            let notice = Notice {
                sentence: text.repeat(500),
                ..notice()
            };
            let brief = Message::of(&notice, NOW).brief;
            sealed(&brief, &to, &entropy).unwrap().len()
        })
        .collect();
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    // A draw that is no key is followed by another.
    let from_zero = Counting(1.into());
    assert!(sealed(&Message::test("x", "k", NOW).brief, &to, &from_zero).is_ok());
    let broken = Zeros;
    let refused = sealed(&Message::test("x", "k", NOW).brief, &to, &broken);
    assert_eq!(refused, Err(PushError::Key));
}

/// What no source of randomness gives.
struct Zeros;

impl Entropy for Zeros {
    fn bytes(&self) -> [u8; 32] {
        [0; 32]
    }
}

struct Nobody;

#[async_trait::async_trait]
impl Subscriptions for Nobody {
    async fn of(
        &self,
        _: &std::collections::BTreeSet<gatehold_core::ids::HumanId>,
    ) -> Result<Vec<Subscription>, NotDelivered> {
        Ok(Vec::new())
    }

    async fn gone(&self, _: &Subscription) -> Result<(), NotDelivered> {
        Ok(())
    }
}

fn push(folder: &std::path::Path, key: &VapidKey) -> Push {
    let roots = folder.join("roots.pem");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let push = Push {
        key_file: folder.join("key"),
        public_key: key.public().to_owned(),
        contact: "mailto:ops@acme.example".to_owned(),
        tls: Some(crate::tls::client(&roots).unwrap()),
        limit: Duration::from_secs(10),
        taken: Taken::default(),
        refused: Refused::default(),
        services: PushServices::default(),
    };
    write_key(&push, key);
    push
}

fn write_key(push: &Push, key: &VapidKey) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(&push.key_file, key.to_text().unwrap().as_bytes()).unwrap();
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&push.key_file, private).unwrap();
}

#[tokio::test]
async fn a_push_services_name_that_comes_to_mean_this_machine_is_not_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    let key = VapidKey::generate(|seed| seed.fill(5)).unwrap();
    let push = push(folder.path(), &key);
    let address = Address::read("https://localhost/canary-5f1c", &push.reached(false)).unwrap();
    let NotDelivered(why) = address
        .answer(Vec::new(), Vec::new(), &[])
        .await
        .unwrap_err();
    assert!(why.contains("private address"), "{why}");
    assert!(!why.contains("canary"), "{why}");
    assert_eq!(push.reached(true).reach, Reach::Anywhere);
    assert!(push.reached(true).tls.is_none());
}

#[tokio::test]
async fn a_key_that_was_changed_while_the_gate_ran_reaches_nobody_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let key = VapidKey::generate(|seed| seed.fill(5)).unwrap();
    let push = push(folder.path(), &key);
    let parts = PushParts {
        subscriptions: Arc::new(Nobody),
        entropy: Arc::new(Counting(1.into())),
    };
    let message = Message::of(&notice(), NOW);
    let sent = push.send("browsers", &message, &[], &parts, NOW).await;
    assert_eq!(sent.unwrap(), "the push services took 0 messages");
    write_key(&push, &VapidKey::generate(|seed| seed.fill(6)).unwrap());
    let NotDelivered(why) = push
        .send("browsers", &message, &[], &parts, NOW)
        .await
        .unwrap_err();
    assert!(why.contains("another key"), "{why}");
    assert!(!format!("{push:?}").contains(key.to_text().unwrap().as_str()));
}

/// Remembers which browsers are to be forgotten.
#[derive(Default)]
struct Forgotten(std::sync::Mutex<Vec<Hash>>);

#[async_trait::async_trait]
impl Subscriptions for Forgotten {
    async fn of(
        &self,
        _: &std::collections::BTreeSet<gatehold_core::ids::HumanId>,
    ) -> Result<Vec<Subscription>, NotDelivered> {
        Ok(Vec::new())
    }

    async fn gone(&self, subscription: &Subscription) -> Result<(), NotDelivered> {
        self.0.lock().unwrap().push(subscription.id);
        Ok(())
    }
}

/// A push service of this machine that answers so, and the one browser it knows.
struct Service {
    push: Push,
    parts: PushParts,
    forgotten: Arc<Forgotten>,
    notices: std::sync::atomic::AtomicU64,
    _folder: tempfile::TempDir,
}

impl Service {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = VapidKey::generate(|seed| seed.fill(5)).unwrap();
        let forgotten = Arc::new(Forgotten::default());
        Self {
            push: Push {
                services: PushServices::new(vec!["127.0.0.1".to_owned()]).unwrap(),
                ..push(folder.path(), &key)
            },
            parts: PushParts {
                subscriptions: forgotten.clone(),
                entropy: Arc::new(Counting(1.into())),
            },
            forgotten,
            notices: 0.into(),
            _folder: folder,
        }
    }

    /// Sends another notice so many seconds later, to which this is answered; gives what an operator is told.
    async fn answers(&self, status: u16, seconds: u32) -> Result<String, String> {
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        let upstream = Upstream::start(Manner::Answer(answer.into_bytes())).await;
        let endpoint = format!("http://127.0.0.1:{}/push/1", upstream.port);
        let to = [Subscription {
            id: Hash::of(b"browser"),
            ..subscription(&endpoint, &self.push.services)
        }];
        let number = self
            .notices
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let another = Notice {
            key: format!("notice-{number}"),
            ..notice()
        };
        let now = NOW.plus_seconds(seconds);
        let message = Message::of(&another, now);
        let sent = self.push.send("browsers", &message, &to, &self.parts, now);
        let sent = sent.await.map_err(|NotDelivered(why)| why);
        assert_eq!(upstream.requests().len(), 1, "{sent:?}");
        sent
    }

    fn is_forgotten(&self) -> bool {
        !self.forgotten.0.lock().unwrap().is_empty()
    }
}

const HOUR: u32 = super::refused::APART_SECONDS;

#[tokio::test]
async fn a_browser_that_is_refused_for_hours_is_forgotten() {
    for status in [400, 405, 406, 422, 451, 499] {
        let service = Service::new();
        for hour in 1..super::refused::REFUSALS_MAX {
            // Tries within the hour say the same.
            for minutes in [0, 5, 59] {
                let told = service.answers(status, hour * HOUR + minutes * 60).await;
                let why = told.unwrap_err();
                assert!(why.contains(&format!("it answered {status}")), "{why}");
            }
        }
        assert!(!service.is_forgotten());
        let last = super::refused::REFUSALS_MAX * HOUR;
        assert!(service.answers(status, last).await.is_ok());
        assert!(service.is_forgotten(), "{status}");
    }
}

#[tokio::test]
async fn a_message_that_is_taken_begins_the_count_anew() {
    let service = Service::new();
    for round in 0..3 {
        let begin = round * 100 * HOUR;
        for hour in 1..super::refused::REFUSALS_MAX {
            assert!(service.answers(400, begin + hour * HOUR).await.is_err());
        }
        assert!(service.answers(201, begin + 50 * HOUR).await.is_ok());
    }
    assert!(!service.is_forgotten());
}

#[tokio::test]
async fn what_passes_and_what_is_the_gates_own_fault_forgets_nobody() {
    for status in [302, 401, 403, 408, 413, 425, 429, 500, 503] {
        let service = Service::new();
        for hour in 0..2 * super::refused::REFUSALS_MAX {
            assert!(service.answers(status, hour * HOUR).await.is_err());
        }
        assert!(!service.is_forgotten(), "{status}");
    }
    for status in [404, 410] {
        let service = Service::new();
        assert!(service.answers(status, 0).await.is_ok());
        assert!(service.is_forgotten(), "{status}");
    }
}
