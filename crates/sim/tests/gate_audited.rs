//! What the real gate writes is what an auditor, who has none of its code, can verify: the whole ledger, a receipt of
//! every leaf, a dossier of every request.

#![allow(clippy::unwrap_used, reason = "tests: helpers outside test functions")]

mod shop;

use gatehold_audit::{DossierCollector, issue_receipt, verify_dossier, verify_receipt};
use gatehold_core::decide::ActKind;
use gatehold_core::ids::RequestId;
use gatehold_ledger::leaf_hash;
use shop::audited::Audited;
use shop::{Person, Shop};

/// Reads, writes, denials, questions, a pause and its end, a task's end, a stop: through the real gate.
async fn journey(shop: &Shop) -> Vec<RequestId> {
    let task = shop.task().await;
    let read = shop
        .submit(&task, "shop.read", "SELECT 1")
        .await
        .unwrap()
        .record
        .id;
    shop.gate.redeem(&shop.caller(), read).await.unwrap();
    let write = shop.submit(&task, "shop.write", "DELETE FROM orders WHERE id = 1");
    let write = write.await.unwrap().record.id;
    let second = shop.human(Person::Second);
    shop.gate
        .act(&second, write, ActKind::Ask, "why?", "signed")
        .await
        .unwrap();
    shop.gate
        .answer(&shop.caller(), write, "it is test data")
        .await
        .unwrap();
    shop.approve(Person::Reviewer, write).await.unwrap();
    shop.approve(Person::Second, write).await.unwrap();
    shop.gate.redeem(&shop.caller(), write).await.unwrap();
    let denied = shop.submit(&task, "shop.write", "DELETE FROM orders");
    let denied = denied.await.unwrap().record.id;
    shop.deny(Person::Reviewer, denied).await.unwrap();
    let mut all = vec![read, write, denied];
    for n in 0..4 {
        let sql = format!("DELETE FROM orders WHERE id = {n}");
        all.push(
            shop.submit(&task, "shop.write", &sql)
                .await
                .unwrap()
                .record
                .id,
        );
    }
    all.push(
        shop.submit(&task, "shop.read", "SELECT 2")
            .await
            .unwrap()
            .record
            .id,
    );
    let resume = r#"{"workload":"deploy-bot"}"#;
    all.push(
        shop.change("workload.resume", resume, Person::Owner)
            .await
            .id,
    );
    all.push(
        shop.submit(&task, "shop.read", "SELECT 3")
            .await
            .unwrap()
            .record
            .id,
    );
    shop.gate.end_task(&shop.caller(), task).await.unwrap();
    let stops = gatehold_core::stops::Stops {
        everything: true,
        ..Default::default()
    };
    shop.gate.stop(&second, stops, "incident").await.unwrap();
    let task = shop.task().await;
    all.push(
        shop.submit(&task, "shop.read", "SELECT 4")
            .await
            .unwrap()
            .record
            .id,
    );
    shop.gate.tick().await.unwrap();
    all
}

#[tokio::test]
async fn everything_the_gate_writes_can_be_verified_without_it() {
    let shop = Shop::open().await;
    let requests = journey(&shop).await;
    let audited = Audited::of(&shop).await;
    let (leaves, head, signer) = (&audited.leaves, &audited.head, &audited.signer);
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(&leaf.leaf)).collect();
    let report = audited.report();
    assert!(report.is_sound(), "{report}");
    assert!(report.gaps.is_empty(), "{report}");

    for leaf in leaves {
        let receipt = issue_receipt(leaf, &hashes[..], head).unwrap().to_string();
        verify_receipt(&receipt, &signer.log_key()).unwrap();
        assert!(
            receipt.len() <= 4_096,
            "leaf {}: {} bytes",
            leaf.index,
            receipt.len()
        );
    }

    for request in requests {
        let mut collector = DossierCollector::new(request);
        leaves.iter().for_each(|leaf| collector.leaf(leaf));
        let dossier = collector.finish(head).unwrap().to_bytes().unwrap();
        let report = verify_dossier(&dossier, &audited.trusted).unwrap();
        assert!(report.is_sound(), "{report}");
        assert!(report.gaps.is_empty(), "{report}");
    }
}
