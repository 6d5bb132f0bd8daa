//! D8, D12: what people had erased is gone from the store, a leaf says so, and everything else still verifies.

use gatehold_core::commit::{AttachmentDraft, LeafDraft, LeafKind, Write};
use gatehold_core::decide::{ActKind, Claims};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_core::trust::{Evidence, Executed};
use gatehold_gate::{GateError, StartTask, Submit};
use gatehold_sim::postgres_server::PostgresServer;

use crate::shop::audited::Audited;
use crate::shop::ending::Ending;
use crate::shop::faulty::{Faulty, Health};
use crate::shop::{Person, Shop};

const PURPOSE: &str = "canary of the purpose";
const PAYLOAD: &str = "DELETE FROM orders WHERE note = 'canary of the payload'";
const CLAIM: &str = "canary of the claims";
const QUESTION: &str = "canary of the question";
const STOPPED: &str = "canary of the stop";

/// Everything in one life of a request that is personal or free text.
struct Life {
    task: TaskId,
    request: RequestId,
}

async fn asked(shop: &Shop, task: TaskId, sql: &str) -> RequestId {
    let input = Submit {
        claims: Claims([("reason".to_owned(), CLAIM.to_owned())].into()),
        ..shop.asked(Some(task), "shop.write", sql, false)
    };
    let caller = shop.asking(&input).await;
    shop.gate.submit(&caller, input).await.unwrap().record.id
}

async fn lived(shop: &Shop) -> Life {
    let start = StartTask {
        purpose: PURPOSE.to_owned(),
        on_behalf_of: None,
        boundary: None,
    };
    let task = shop.gate.start_task(&shop.caller(), start).await.unwrap();
    let request = asked(shop, task.id, PAYLOAD).await;
    let second = shop.human(Person::Second);
    shop.gate
        .act(&second, request, ActKind::Ask, QUESTION, "signed")
        .await
        .unwrap();
    shop.approve(Person::Reviewer, request).await.unwrap();
    shop.approve(Person::Second, request).await.unwrap();
    let stops = Stops {
        targets: ["crm".parse().unwrap()].into(),
        ..Stops::default()
    };
    shop.gate.stop(&second, stops, STOPPED).await.unwrap();
    Life {
        task: task.id,
        request,
    }
}

fn payload(leaf: u64, name: &str) -> String {
    format!(r#"{{"leaf":{leaf},"name":"{name}"}}"#)
}

async fn erase(shop: &Shop, leaf: u64, name: &str) -> RequestId {
    let payload = payload(leaf, name);
    let record = shop.change("record.erase", &payload, Person::Owner).await;
    assert_eq!(record.state, State::Completed, "{name} of leaf {leaf}");
    record.id
}

async fn refused(shop: &Shop, leaf: u64, name: &str) -> String {
    let payload = payload(leaf, name);
    match shop
        .try_propose("record.erase", &payload, Person::Owner)
        .await
    {
        Err(GateError::Refused(refusal)) => refusal.to_string(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// What can be erased of a life: every attachment of its leaves and of the stop.
async fn erasable(shop: &Shop, life: &Life) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for leaf in shop.stored().await {
        let entry = Entry::from_bytes(&leaf.record).unwrap();
        let of_task = matches!(&entry.event, Event::Task { task, .. } if *task == life.task);
        let of_stop = matches!(entry.event, Event::Stops { .. });
        if entry.request == Some(life.request) || of_task || of_stop {
            let names = leaf.attachments.into_iter();
            all.extend(names.map(|known| (leaf.index, known.name)));
        }
    }
    all
}

async fn is_there(shop: &Shop, leaf: u64, name: &str) -> bool {
    let leaf = shop.store.leaves(leaf, 1, true).await.unwrap();
    let mut known = leaf.iter().flat_map(|leaf| &leaf.attachments);
    known
        .find(|known| known.name == name)
        .unwrap()
        .bytes
        .is_some()
}

/// Erases every kind of attachment, one by one, and looks at the whole ledger after each.
async fn each_kind_goes_alone(shop: &Shop) {
    let life = lived(shop).await;
    let live = asked(shop, life.task, "DELETE FROM orders WHERE id = 1").await;
    shop.approve(Person::Reviewer, live).await.unwrap();
    shop.approve(Person::Second, live).await.unwrap();
    shop.gate
        .redeem(&shop.caller(), life.request)
        .await
        .unwrap();
    let other = shop.task().await;
    let proof = asked(shop, other, "DELETE FROM orders WHERE id = 2").await;
    shop.approve(Person::Reviewer, proof).await.unwrap();
    shop.approve(Person::Second, proof).await.unwrap();
    shop.gate.redeem(&shop.caller(), live).await.unwrap();
    shop.gate.end_task(&shop.caller(), life.task).await.unwrap();
    let all = erasable(shop, &life).await;
    let names: std::collections::BTreeSet<&str> =
        all.iter().map(|(_, name)| name.as_str()).collect();
    for name in [
        "answers",
        "body",
        "claims",
        "context",
        "display",
        "envelope",
        "payload",
        "proof",
        "purpose",
        "reason",
        "request",
        "result",
        "signature",
        "text",
        "verdict",
        "view",
    ] {
        assert!(names.contains(name), "{name} is one of {names:?}");
    }
    for (leaf, name) in &all {
        if !is_there(shop, *leaf, name).await {
            assert_eq!(name, "body", "only the body went with another");
            continue;
        }
        let by = erase(shop, *leaf, name).await;
        assert!(!is_there(shop, *leaf, name).await, "{name} of leaf {leaf}");
        if ["envelope", "payload", "claims"].contains(&name.as_str()) {
            assert!(!is_there(shop, *leaf, "body").await, "with {name}");
        }
        let audited = Audited::of(shop).await;
        let report = audited.report();
        assert!(report.is_sound(), "{name} of leaf {leaf}:\n{report}");
        let at = audited.leaves.iter().rposition(|leaf| {
            leaf.leaf.starts_with(&[1, 0, LeafKind::Erasure as u8])
                && Entry::from_bytes(&leaf.record).unwrap().request == Some(by)
        });
        let said = format!("`{name}` was erased by leaf {}", at.unwrap());
        let gaps: Vec<_> = report.gaps.iter().map(ToString::to_string).collect();
        assert!(
            gaps.contains(&format!("leaf {leaf}: {said}")),
            "{said}: {gaps:#?}"
        );
    }
    let audited = Audited::of(shop).await;
    for request in [life.request, live, proof] {
        let (sound, text) = audited.dossier(request);
        assert!(sound, "{text}");
    }
    // What is live is proven again from its own attachments, and executed.
    let redeemed = shop.gate.redeem(&shop.caller(), proof).await.unwrap();
    assert_eq!(redeemed.record.state, State::Completed);
}

#[tokio::test]
async fn d12_each_kind_is_erased_alone_and_the_rest_verifies_in_memory() {
    each_kind_goes_alone(&Shop::in_memory().await).await;
}

#[tokio::test]
async fn d12_each_kind_is_erased_alone_and_the_rest_verifies_in_sqlite() {
    let shop = Shop::open().await;
    each_kind_goes_alone(&shop).await;
    // Not in the file, nor in the log beside it.
    let path = shop.database_path();
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        let bytes = std::fs::read(file).unwrap_or_default();
        for canary in [PURPOSE, "canary of the payload", CLAIM, QUESTION, STOPPED] {
            let found = bytes
                .windows(canary.len())
                .any(|part| part == canary.as_bytes());
            // The other two requests claim the same and were not erased.
            assert_eq!(found, canary == CLAIM && suffix.is_empty(), "{canary}");
        }
    }
    shop.restart().await.gate.tick().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d12_each_kind_is_erased_alone_and_the_rest_verifies_in_postgres() {
    let server = PostgresServer::start();
    let shop = Shop::in_postgres(&server.create_database("erased").await).await;
    each_kind_goes_alone(&shop).await;
    let rows = server.connect("erased").await;
    for canary in [PURPOSE, "canary of the payload", QUESTION, STOPPED] {
        let found =
            "SELECT count(*) FROM gatehold.attachment WHERE position($1::bytea IN bytes) > 0";
        let found = rows.query_one(found, &[&canary.as_bytes()]).await.unwrap();
        assert_eq!(found.get::<_, i64>(0), 0, "{canary}");
    }
    let half = "SELECT count(*) FROM gatehold.attachment
        WHERE (bytes IS NULL) <> (erased_by IS NOT NULL) OR (salt IS NULL) <> (bytes IS NULL)";
    let half = rows.query_one(half, &[]).await.unwrap();
    assert_eq!(half.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn d12_nothing_that_is_live_is_erased_and_no_link_ever() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let held = asked(&shop, task, PAYLOAD).await;
    let life = Life {
        task,
        request: held,
    };
    let all = erasable(&shop, &life).await;
    let of = |wanted: &str| all.iter().find(|(_, name)| name == wanted).unwrap().0;
    let (leaf, started) = (of("payload"), of("purpose"));
    let live = refused(&shop, leaf, "payload").await;
    assert!(live.contains("is held") && live.contains(&held.to_string()));
    shop.approve(Person::Reviewer, held).await.unwrap();
    shop.approve(Person::Second, held).await.unwrap();
    assert!(refused(&shop, leaf, "claims").await.contains("redeemable"));
    let open = refused(&shop, started, "purpose").await;
    assert!(open.contains("is open"), "{open}");
    let link = refused(&shop, 0, "evidence").await;
    assert!(link.contains("never erased"), "{link}");
    let link = refused(&shop, 0, "bundle").await;
    assert!(link.contains("never erased"), "{link}");
    assert!(refused(&shop, leaf, "nothing").await.contains("no attach"));
    assert!(refused(&shop, 9_999, "claims").await.contains("no leaf"));

    // It ends, and then it may go, once.
    shop.gate.redeem(&shop.caller(), held).await.unwrap();
    erase(&shop, leaf, "payload").await;
    assert!(refused(&shop, leaf, "payload").await.contains("already"));
    assert!(refused(&shop, started, "purpose").await.contains("is open"));
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    erase(&shop, started, "purpose").await;
}

#[tokio::test]
async fn d12_one_person_erases_nothing() {
    let shop = Shop::in_memory().await;
    let life = lived(&shop).await;
    shop.gate
        .redeem(&shop.caller(), life.request)
        .await
        .unwrap();
    let all = erasable(&shop, &life).await;
    let (leaf, name) = all.iter().find(|(_, name)| name == "claims").unwrap();
    let asked = shop
        .propose("record.erase", &payload(*leaf, name), Person::Owner)
        .await;
    shop.approve(Person::Reviewer, asked.id).await.unwrap();
    shop.gate.tick().await.unwrap();
    assert!(is_there(&shop, *leaf, name).await);
    shop.deny(Person::Second, asked.id).await.unwrap();
    shop.gate.tick().await.unwrap();
    assert!(is_there(&shop, *leaf, name).await);
}

#[tokio::test]
async fn d12_a_leaf_written_past_the_gate_erases_nothing() {
    let shop = Shop::in_memory().await;
    let life = lived(&shop).await;
    shop.gate
        .redeem(&shop.caller(), life.request)
        .await
        .unwrap();
    let all = erasable(&shop, &life).await;
    let (leaf, name) = all.iter().find(|(_, name)| name == "claims").unwrap();
    // Asked for by one person, approved by nobody, and put into a well-formed leaf that the store itself appends.
    let payload = payload(*leaf, name);
    let asked = shop.propose("record.erase", &payload, Person::Owner).await;
    let stored = shop.stored().await;
    let mut proofs = stored.iter().rev().flat_map(|leaf| &leaf.attachments);
    let proof = proofs.find(|given| given.name == "proof").unwrap();
    let submit = canonical::from_canonical_bytes(proof.bytes.as_ref().unwrap()).unwrap();
    let executed = Executed::new(asked, payload.as_bytes(), submit);
    let evidence = Evidence::Executed(Box::new(executed));
    let attachment = AttachmentDraft {
        name: "evidence",
        salt: [7; 32],
        bytes: evidence.to_bytes().unwrap(),
    };
    let entry = Entry {
        at: shop.gate.now().await.unwrap(),
        request: None,
        version: 0,
        from: None,
        to: None,
        row: None,
        rows: [].into(),
        event: Event::Trust {
            directory: shop.gate.directory().version,
            what: "record.erase".to_owned(),
            evidence: evidence.hash().unwrap(),
            trace: None,
        },
        attachments: [("evidence".to_owned(), attachment.commitment())].into(),
    };
    let write = Write {
        guards: vec![],
        deadline: None,
        rows: vec![],
        counters: vec![],
        leaf: LeafDraft {
            kind: LeafKind::Erasure,
            salt: [9; 32],
            record: entry.to_bytes().unwrap(),
            attachments: vec![attachment],
        },
        outbox: vec![],
    };
    let written = shop.store().commit(vec![write]).await.unwrap().remove(0);
    written.unwrap();
    let started = shop.beside(None).await;
    assert_eq!(started.tick().await.unwrap().erased, 0);
    assert!(is_there(&shop, *leaf, name).await);
}

#[tokio::test]
async fn d12_what_a_crash_left_between_leaf_and_erasing_is_erased_by_whoever_looks_next() {
    let shop = Shop::in_memory().await;
    let life = lived(&shop).await;
    shop.gate
        .redeem(&shop.caller(), life.request)
        .await
        .unwrap();
    let all = erasable(&shop, &life).await;
    let (leaf, name) = all.iter().find(|(_, name)| name == "claims").unwrap();
    let running = shop.beside(None).await;
    running.tick().await.unwrap();
    let store = Ending::of(shop.store.clone());
    let ending = shop.over_store(store.clone()).await;
    let asked = shop
        .propose("record.erase", &payload(*leaf, name), Person::Owner)
        .await;
    shop.approve(Person::Reviewer, asked.id).await.unwrap();
    let last = shop.sign(Person::Second, asked.id, true).await;
    // The review and the change are written, and then the process is gone.
    store.after(2);
    ending.review(last).await.unwrap_err();
    let record = shop.gate.show(asked.id).await.unwrap();
    assert_eq!(record.state, State::Completed);
    assert!(is_there(&shop, *leaf, name).await);

    // Who approved it loses their key meanwhile: it was theirs to approve when they did.
    shop.revoke_key(Person::Second).await.unwrap();

    // One that runs finds it within a minute, and one that starts at once.
    let started = shop.beside(None).await;
    let now = shop.gate.now().await.unwrap();
    shop.memory().clock().set(now.plus_seconds(60));
    let tick = running.tick().await.unwrap();
    assert_eq!(tick.erased, 2, "the claims and the body");
    assert!(!is_there(&shop, *leaf, name).await);
    assert_eq!(started.tick().await.unwrap().erased, 0);
    let report = Audited::of(&shop).await.report();
    assert!(report.is_sound(), "{report}");
}

#[tokio::test]
async fn d12_what_is_erased_is_not_verified_again_and_what_is_left_reads_each_link_once() {
    let shop = Shop::in_memory().await;
    let life = lived(&shop).await;
    shop.gate
        .redeem(&shop.caller(), life.request)
        .await
        .unwrap();
    let all = erasable(&shop, &life).await;
    let store = Faulty::of(shop.store.clone());
    let ending = shop.over_store(store.clone()).await;
    for name in ["claims", "payload", "signature"] {
        let (leaf, _) = all.iter().find(|(_, known)| known == name).unwrap();
        let asked = shop
            .propose("record.erase", &payload(*leaf, name), Person::Owner)
            .await;
        shop.approve(Person::Reviewer, asked.id).await.unwrap();
        let last = shop.sign(Person::Second, asked.id, true).await;
        store.is(Health::NoErasing);
        ending.review(last).await.unwrap_err();
        store.is(Health::Well);
        assert!(is_there(&shop, *leaf, name).await);
    }
    let looked_at_root = |store: &Faulty| {
        let looked = store.looked_at();
        looked.into_iter().filter(|leaf| *leaf == 0).count()
    };
    // Leaf 0 is the first link.
    let other = shop.over_store(store.clone()).await;
    store.looked_at();
    assert_eq!(other.tick().await.unwrap().erased, 4, "and the body");
    assert_eq!(looked_at_root(&store), 1);
    let started = shop.over_store(store.clone()).await;
    store.looked_at();
    assert_eq!(started.tick().await.unwrap().erased, 0);
    assert_eq!(looked_at_root(&store), 0);
}

#[tokio::test]
async fn d12_a_link_that_was_replaced_after_it_was_read_makes_the_gate_forget_nothing() {
    let shop = Shop::open().await;
    let life = lived(&shop).await;
    shop.gate
        .redeem(&shop.caller(), life.request)
        .await
        .unwrap();
    let all = erasable(&shop, &life).await;
    let (leaf, name) = all.iter().find(|(_, name)| name == "claims").unwrap();
    let store = Faulty::of(shop.store.clone());
    let running = shop.over_store(store.clone()).await;
    let asked = shop
        .propose("record.erase", &payload(*leaf, name), Person::Owner)
        .await;
    shop.approve(Person::Reviewer, asked.id).await.unwrap();
    let last = shop.sign(Person::Second, asked.id, true).await;
    store.is(Health::NoErasing);
    running.review(last).await.unwrap_err();
    store.is(Health::Well);
    // Another leaf stands where the root stood, and opens by itself: the same record under another salt.
    let root = shop.store.leaves(0, 1, false).await.unwrap().remove(0);
    let other = LeafDraft {
        kind: LeafKind::Root,
        salt: [3; 32],
        record: root.record.clone(),
        attachments: vec![],
    };
    let put = |leaf: &[u8], salt: &[u8]| {
        let sql = "UPDATE leaf SET leaf = ?1, salt = ?2 WHERE number = 0";
        let changed = shop.database().execute(sql, rusqlite::params![leaf, salt]);
        assert_eq!(changed.unwrap(), 1);
    };
    put(&other.bytes(), &other.salt);
    assert_eq!(running.tick().await.unwrap().erased, 0);
    assert!(is_there(&shop, *leaf, name).await);
    // As it was: whoever starts finishes it.
    put(&root.leaf, &root.salt);
    let started = shop.beside(None).await;
    assert_eq!(
        started.tick().await.unwrap().erased,
        2,
        "the claims and the body"
    );
}
