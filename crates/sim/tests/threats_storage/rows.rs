//! D9: a row is believed only when it follows from the ledger.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_gate::GateError;

use crate::shop::audited::Audited;
use crate::shop::{Person, Shop};

fn damaged<T: std::fmt::Debug>(answer: Result<T, GateError>) -> String {
    match answer {
        Err(GateError::Damaged(what)) => what,
        other => panic!("expected a damaged row, got {other:?}"),
    }
}

#[tokio::test]
async fn d09_an_edited_request_is_refused_and_the_others_go_on() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let other = shop.submit(&task, "shop.write", "DELETE FROM b").await;
    let (held, other) = (held.unwrap().record.id, other.unwrap().record.id);
    let edited = shop.database().execute(
        "UPDATE state_row SET state = 'redeemable',
             body = CAST(replace(CAST(body AS TEXT), '\"state\":\"held\"', '\"state\":\"redeemable\"') AS BLOB)
         WHERE id = ?1",
        [held.to_string()],
    );
    assert_eq!(edited.unwrap(), 1);

    let said = damaged(shop.gate.redeem(&shop.caller(), held).await);
    assert!(said.contains("audit verify"), "{said}");
    damaged(shop.gate.show(held).await);
    let inbox = shop
        .gate
        .inbox(&shop.human(Person::Reviewer))
        .await
        .unwrap();
    let ids: Vec<_> = inbox.iter().map(|item| item.id).collect();
    assert_eq!(ids, [other]);
    shop.approve(Person::Reviewer, other).await.unwrap();
    shop.approve(Person::Second, other).await.unwrap();
    let done = shop.gate.redeem(&shop.caller(), other).await.unwrap();
    assert_eq!(done.record.state, State::Completed);
    assert_eq!(shop.executed(), ["DELETE FROM b"]);

    let (refused, findings) = shop.gate.row_findings();
    assert!(refused >= 2);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(shop.gate.standing().await.unwrap().tampered, refused);

    // Said in the ledger, once, whichever process finds it again.
    assert_eq!(shop.gate.tick().await.unwrap().tampering, 1);
    assert_eq!(shop.gate.tick().await.unwrap().tampering, 0);
    let beside = shop.beside(None).await;
    damaged(beside.show(held).await);
    assert_eq!(beside.tick().await.unwrap().tampering, 0);
    let report = Audited::of(&shop).await.report();
    assert!(report.is_sound(), "{report}");
    let told: Vec<_> = report.gaps.iter().map(|gap| gap.text.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(&findings[0]), "{told:?}");
}

#[tokio::test]
async fn d09_an_edited_row_in_memory_is_refused_too() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let key = RowKey::new(Table::Task, &task);
    let row = shop.store.row(&key).await.unwrap().unwrap();
    let text = String::from_utf8(row.body.clone()).unwrap();
    let edited = text.replace("deploy-bot", "other-bot");
    assert_ne!(edited, text);
    shop.memory().tamper(&key, Some(edited.into_bytes()));
    damaged(shop.gate.redeem(&shop.caller(), read.record.id).await);
    assert!(shop.executed().is_empty());
    shop.memory().tamper(&key, Some(row.body));
    shop.gate
        .redeem(&shop.caller(), read.record.id)
        .await
        .unwrap();
}

#[tokio::test]
async fn d09_a_stop_is_not_lifted_by_taking_its_row_away_or_putting_an_older_one_back() {
    for put_back in [false, true] {
        let shop = Shop::open().await;
        let task = shop.task().await;
        let human = shop.human(Person::Reviewer);
        let some = Stops {
            targets: ["sql:other".parse().unwrap()].into(),
            ..Stops::default()
        };
        shop.gate.stop(&human, some, "first").await.unwrap();
        let key = RowKey::new(Table::Stops, &"main");
        let older = shop.store.row(&key).await.unwrap().unwrap();
        let all = Stops {
            everything: true,
            ..Stops::default()
        };
        shop.gate.stop(&human, all, "incident").await.unwrap();
        let database = shop.database();
        let changed = if put_back {
            database.execute(
                "UPDATE state_row SET body = ?1, version = ?2, last_leaf = ?3 WHERE kind = 'stops'",
                rusqlite::params![
                    older.body,
                    i64::try_from(older.version).unwrap(),
                    i64::try_from(older.last_leaf).unwrap()
                ],
            )
        } else {
            database.execute("DELETE FROM state_row WHERE kind = 'stops'", [])
        };
        assert_eq!(changed.unwrap(), 1);
        drop(database);
        // The process that saw it, and one that starts afterwards.
        damaged(shop.submit(&task, "shop.read", "SELECT 1").await);
        let shop = shop.restart().await;
        damaged(shop.submit(&task, "shop.read", "SELECT 1").await);
    }
}
