//! Enforcement points: they name the workload they act for, in what they sign, and act for nobody else.

use crate::support::House;
use crate::support::call::Call;

#[tokio::test]
async fn a_point_acts_for_the_workloads_it_names_and_no_other() {
    let house = House::open().await;
    let point = &house.point;
    let purpose = r#"{"purpose":"fix","on_behalf_of":"ann@corp.example"}"#;
    let table = [
        ("/v1/tasks?workload=deploy-bot", (200, "")),
        ("/v1/tasks", (403, "acting_for")),
        ("/v1/tasks?workload=another-bot", (403, "not_permitted")),
        ("/v1/tasks?workload=deploy%0abot", (400, "malformed_member")),
    ];
    for (target, (status, word)) in table {
        let answer = Call::new("POST", target, purpose)
            .signed(&house, point)
            .send(&house)
            .await;
        assert_eq!(answer.status, status, "{target}");
        if status != 200 {
            assert_eq!(answer.word().1, word, "{target}");
        }
    }
    // For whom it acts is covered by the signature.
    let mut moved =
        Call::new("POST", "/v1/tasks?workload=deploy-bot", purpose).signed(&house, point);
    moved.target = "/v1/tasks?workload=other-bot".to_owned();
    assert_eq!(
        moved.send(&house).await.word(),
        (401, "bad_signature".to_owned())
    );
}

#[tokio::test]
async fn a_stolen_address_is_worth_nothing() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    let held = bot
        .submit(&write, &gatehold_client::Submission::default())
        .await
        .unwrap();
    let gatehold_client::wire::Submitted::Held(held) = held else {
        panic!("decided")
    };
    let location = held.location.unwrap();
    // C13: no key is refused, and another known key learns nothing.
    let unsigned = Call::new("GET", &location, "");
    assert_eq!(unsigned.send(&house).await.status, 401);
    let other = Call::new("GET", &format!("{location}?workload=deploy-bot"), "")
        .signed(&house, &house.point);
    assert_eq!(
        other.send(&house).await.word(),
        (404, "no_such_request".to_owned())
    );
    for verb in ["withdraw", "redeem"] {
        let target = format!("{location}/{verb}?workload=deploy-bot");
        let other = Call::new("POST", &target, "").signed(&house, &house.point);
        assert_eq!(other.send(&house).await.word().0, 404, "{verb}");
    }
}
