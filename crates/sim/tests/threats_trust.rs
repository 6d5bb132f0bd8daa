//! Threats D9 and D11 through the real gate on SQLite: somebody with the database at hand writes keys, teams, bundles and
//! counts into it, changes or removes links of the chain, and gives nothing force; what they did is found.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod shop;

use std::path::Path;

use gatehold_core::commit::{AttachmentDraft, LeafDraft, LeafKind, RowKey, Table, Write};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::request::State;
use gatehold_core::trust::Evidence;
use gatehold_gate::{GateError, OpenError, Trust};
use rusqlite::Connection;

use shop::{Person, Shop};

const SQL: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

fn run(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// The leaves of the chain: number and what the last of them says.
fn links(path: &Path) -> Vec<i64> {
    let connection = Connection::open(path).unwrap();
    let mut numbers = connection
        .prepare("SELECT leaf FROM attachment WHERE name = 'evidence' ORDER BY leaf")
        .unwrap();
    let rows = numbers.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

async fn refused(shop: Shop, edit: impl FnOnce(&Path)) -> String {
    match shop.restart_after(edit).await {
        Err(error @ OpenError::Chain(_)) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the gate opened on a changed database"),
    }
}

#[tokio::test]
async fn d09_rows_that_nobody_signed_give_nothing_force_and_are_reported() {
    let shop = Shop::open().await;
    let before = shop.gate.directory();
    assert_eq!(shop.gate.standing().await.unwrap().chain_findings, 0);
    for kind in [
        "human",
        "key",
        "team",
        "workload",
        "point",
        "bundle",
        "delegation",
        "directory",
    ] {
        run(
            &shop.database_path(),
            &format!(
                "INSERT INTO state_row VALUES ('{kind}', 'eve@evil.example', 1, 0, 0, 'active', NULL, '', '',
                 CAST('{{\"assurance\":\"attested\",\"members\":[\"eve@evil.example\"],\"workloads\":[\"deploy-bot\"]}}' AS BLOB))"
            ),
        );
    }
    assert_eq!(shop.gate.directory(), before);
    assert_eq!(shop.gate.standing().await.unwrap().chain_findings, 1);
    let shop = shop.restart_after(|_| {}).await.unwrap();
    assert_eq!(shop.gate.directory(), before);
    // What people decide goes on as before.
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", SQL).await.unwrap();
    assert_eq!(held.record.state, State::Held);
    let found = Trust::read(shop.store(), None).await.unwrap().findings;
    assert!(
        found
            .iter()
            .any(|finding| finding.contains("directory/eve@evil.example")),
        "{found:?}"
    );
}

#[tokio::test]
async fn d09_an_edited_count_of_links_refuses_decisions_and_is_reported() {
    for count in ["version - 1", "version + 1", "version + 1000"] {
        let shop = Shop::open().await;
        let task = shop.task().await;
        run(
            &shop.database_path(),
            &format!("UPDATE state_row SET version = {count} WHERE kind = 'directory'"),
        );
        let answer = shop.submit(&task, "shop.read", "SELECT 1").await;
        let Err(GateError::Damaged(why)) = answer else {
            panic!("{answer:?}");
        };
        assert!(
            why.contains("links") && why.contains("restore a copy"),
            "{why}"
        );
        assert!(shop.executed().is_empty());
        assert_eq!(
            shop.gate.standing().await.unwrap().chain_findings,
            1,
            "{count}"
        );
        let found = Trust::read(shop.store(), None).await.unwrap().findings;
        assert!(
            found.iter().any(|finding| finding.contains("links")),
            "{found:?}"
        );
        // It is told in the ledger, once; the count as it was lets the gate go on.
        assert_eq!(shop.gate.tick().await.unwrap().tampering, 1);
        assert_eq!(shop.gate.tick().await.unwrap().tampering, 0);
        let was = match count.rsplit_once(' ') {
            Some(("version -", by)) => format!("version + {by}"),
            Some((_, by)) => format!("version - {by}"),
            None => panic!("{count}"),
        };
        run(
            &shop.database_path(),
            &format!("UPDATE state_row SET version = {was} WHERE kind = 'directory'"),
        );
        let answer = shop.submit(&task, "shop.read", "SELECT 1").await;
        assert_eq!(answer.unwrap().record.state, State::Allowed);
    }
}

#[tokio::test]
async fn d09_an_edited_link_keeps_the_gate_from_starting() {
    // The workload's key in the approved change is swapped for another.
    let edit = |path: &Path| {
        run(
            path,
            "UPDATE attachment SET bytes = CAST(replace(CAST(bytes AS TEXT), '31317159', '41317159') AS BLOB)
             WHERE name = 'evidence' AND leaf > 0",
        );
    };
    let why = refused(Shop::open().await, edit).await;
    assert!(why.contains("does not open"), "{why}");
    // With the record and the leaf's own bytes made to fit, the tree does not.
    let why = refused(Shop::open().await, |path| {
        let last = *links(path).last().unwrap();
        run(
            path,
            &format!("UPDATE leaf SET leaf = CAST(x'01' || x'000c' || substr(leaf, 4) AS BLOB) WHERE number = {last}"),
        );
    })
    .await;
    assert!(why.contains("not those that the head commits to"), "{why}");
}

#[tokio::test]
async fn d09_a_revoked_key_cannot_be_brought_back_by_removing_its_revocation() {
    type Edit = fn(&Path);
    let edits: [Edit; 4] = [
        |path| {
            let last = *links(path).last().unwrap();
            run(path, &format!("DELETE FROM attachment WHERE leaf = {last}"));
        },
        |path| {
            let last = *links(path).last().unwrap();
            run(
                path,
                &format!("UPDATE attachment SET bytes = NULL, salt = NULL WHERE leaf = {last}"),
            );
        },
        |path| {
            let last = *links(path).last().unwrap();
            run(
                path,
                &format!("UPDATE attachment SET bytes = x'7b7d' WHERE leaf = {last}"),
            );
        },
        // Another kind, so that it is no link any more, with the count of links put back.
        |path| {
            let last = *links(path).last().unwrap();
            run(
                path,
                &format!(
                    "UPDATE leaf SET leaf = CAST(x'01' || x'000c' || substr(leaf, 4) AS BLOB) WHERE number = {last};
                     UPDATE state_row SET version = version - 1 WHERE kind = 'directory'"
                ),
            );
        },
    ];
    for edit in edits {
        let shop = Shop::open().await;
        shop.revoke_key(Person::Second).await.unwrap();
        refused(shop, edit).await;
    }
    let shop = Shop::open().await;
    shop.revoke_key(Person::Second).await.unwrap();
    let shop = shop.restart_after(|_| {}).await.unwrap();
    let keys = &shop.gate.directory().humans[&Person::Second.id()].keys;
    assert!(keys.is_empty());
}

#[tokio::test]
async fn d09_a_link_that_was_written_past_the_gate_gives_nothing_force_and_is_reported() {
    let shop = Shop::open().await;
    let before = shop.gate.directory();
    let stored = shop.stored().await;
    let link = stored.iter().rfind(|leaf| {
        leaf.attachments
            .iter()
            .any(|given| given.name == "evidence")
    });
    let evidence = link
        .unwrap()
        .attachments
        .iter()
        .find(|given| given.name == "evidence");
    let evidence = evidence.unwrap().bytes.clone().unwrap();
    // The same approved change once more, in a well-formed leaf that the store itself appends.
    let attachment = AttachmentDraft {
        name: "evidence",
        salt: [7; 32],
        bytes: evidence.clone(),
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
            directory: before.version + 1,
            what: "nhi.create".to_owned(),
            evidence: Evidence::from_bytes(&evidence).unwrap().hash().unwrap(),
            trace: None,
        },
        attachments: [("evidence".to_owned(), attachment.commitment())].into(),
    };
    for kind in [LeafKind::Trust, LeafKind::QuorumLost] {
        let write = Write {
            guards: vec![],
            deadline: None,
            rows: vec![],
            counters: vec![],
            leaf: LeafDraft {
                kind,
                salt: [kind as u8; 32],
                record: entry.to_bytes().unwrap(),
                attachments: vec![attachment.clone()],
            },
            outbox: vec![],
        };
        shop.store()
            .commit(vec![write])
            .await
            .unwrap()
            .remove(0)
            .unwrap();
    }
    let shop = shop.restart_after(|_| {}).await.unwrap();
    assert_eq!(shop.gate.directory(), before);
    let found = shop.gate.chain_findings().await;
    assert!(found[0].contains("applied before"), "{found:?}");
    assert!(found[1].contains("QuorumLost"), "{found:?}");
    assert_eq!(shop.gate.standing().await.unwrap().chain_findings, 2);
}

#[tokio::test]
async fn d11_the_bundle_of_the_last_activation_is_loaded_or_none() {
    // The stored bundle is edited: one checkpoint less. Nothing is loaded in its place.
    let shop = Shop::open().await;
    let answer = shop
        .restart_after(|path| {
            run(
                path,
                "UPDATE attachment SET bytes = CAST(replace(CAST(bytes AS TEXT), '@checkpoint', '@chockpoint') AS BLOB)
                 WHERE name = 'bundle'",
            );
        })
        .await;
    assert!(matches!(
        answer,
        Err(OpenError::Bundle(_) | OpenError::Chain(_))
    ));
    // A bundle that lies beside it, in a row or a leaf of another kind, is not looked for.
    let shop = Shop::open().await;
    let active = shop.gate.directory().bundle;
    let shop = shop
        .restart_after(|path| {
            run(
                path,
                "INSERT INTO state_row VALUES ('bundle', 'active', 1, 0, 0, 'active', NULL, '', '', x'7b7d')",
            );
        })
        .await
        .unwrap();
    assert_eq!(shop.gate.bundle().hash(), active);
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", SQL).await.unwrap();
    assert_eq!(held.record.state, State::Held);
}

#[tokio::test]
async fn a26_a_key_revoked_before_use_takes_its_review_with_it() {
    let shop = Shop::open().await;
    let task = shop.task().await;
    let id = shop
        .submit(&task, "shop.write", SQL)
        .await
        .unwrap()
        .record
        .id;
    shop.approve(Person::Reviewer, id).await.unwrap();
    let approved = shop.approve(Person::Second, id).await.unwrap();
    assert_eq!(approved.state, State::Redeemable);
    shop.revoke_key(Person::Second).await.unwrap();
    let answer = shop.gate.redeem(&shop.caller(), id).await;
    let executed = answer.is_ok_and(|redeemed| redeemed.execution.is_some());
    assert!(!executed && shop.executed().is_empty());
    // Nor by a process that has only the ledger to go by.
    let shop = shop.restart_after(|_| {}).await.unwrap();
    let answer = shop.gate.redeem(&shop.caller(), id).await;
    let executed = answer.is_ok_and(|redeemed| redeemed.execution.is_some());
    assert!(!executed && shop.executed().is_empty());
}

#[tokio::test]
async fn d09_rows_that_nobody_signed_are_reported_up_to_a_limit() {
    let shop = Shop::in_memory().await;
    for round in 0..20 {
        let key = |number: u64| RowKey {
            table: Table::Directory,
            id: format!("row-{}", round * 16 + number),
        };
        for number in 0..16 {
            shop.memory().tamper(&key(number), Some(b"{}".to_vec()));
        }
        shop.gate.standing().await.unwrap();
        for number in 0..16 {
            shop.memory().tamper(&key(number), None);
        }
    }
    assert_eq!(shop.gate.chain_findings().await.len(), 256);
}
