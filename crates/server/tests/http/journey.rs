//! The main job over HTTP, with the client that ships: asked, held, opened, signed, executed once.

use gatehold_client::wire::{
    Act, ActRequest, DecidedBy, ExecutionOutcome, Outcome, ProblemCode, RequestState, StopRequest,
    StopScope, Submitted,
};
use gatehold_client::{IdempotencyKey, Submission};

use crate::support::House;
use crate::support::people::Person;

fn held(submitted: Submitted) -> gatehold_client::wire::Held {
    match submitted {
        Submitted::Held(held) => *held,
        Submitted::Decided(decision) => panic!("decided: {decision:?}"),
    }
}

fn decided(submitted: Submitted) -> gatehold_client::wire::Decision {
    match submitted {
        Submitted::Decided(decision) => *decision,
        Submitted::Held(held) => panic!("held: {held:?}"),
    }
}

#[tokio::test]
async fn a_read_is_allowed_and_executed_once() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let read = house.action(&task, "shop.read", "SELECT 1");

    let dry = Submission {
        dry_run: true,
        ..Submission::default()
    };
    let leaves = house.leaves().await;
    let decision = decided(bot.submit(&read, &dry).await.unwrap());
    assert_eq!(
        (decision.outcome, decision.request),
        (Outcome::Allowed, None)
    );
    assert_eq!(house.leaves().await, leaves, "a dry run leaves nothing");

    let decision = decided(bot.submit(&read, &Submission::default()).await.unwrap());
    assert_eq!(
        (decision.outcome, decision.decided_by),
        (Outcome::Allowed, DecidedBy::Policy)
    );
    assert!(
        decision.trace.rules.iter().any(|rule| rule == "reads"),
        "{:?}",
        decision.trace
    );
    assert_eq!(decision.receipt.unwrap().leaf, leaves);
    let request = decision.request.unwrap();

    let redeemed = bot.redeem(&request, 0).await.unwrap();
    assert_eq!(redeemed.status.state, RequestState::Completed);
    let result = redeemed.result.unwrap();
    assert_eq!(
        (result.outcome, result.body.0.as_slice()),
        (ExecutionOutcome::Completed, &b"done"[..])
    );
    assert_eq!(*house.executed.lock().unwrap(), [b"SELECT 1"]);
    let again = bot.redeem(&request, 0).await.unwrap_err();
    assert_eq!(again.problem().unwrap().code, ProblemCode::Conflict);
    assert_eq!(house.executed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_is_held_until_two_people_signed_exactly_it() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let sql = "UPDATE orders SET status = 'retry' WHERE id = 7";
    let write = house.action(&task, "shop.write", sql);
    let once = Submission {
        idempotency_key: IdempotencyKey::parse("attempt-1"),
        ..Submission::default()
    };
    let first = held(bot.submit(&write, &once).await.unwrap());
    let request = first.request.clone().unwrap();
    assert_eq!(
        first.location.as_deref(),
        Some(format!("/v1/requests/{request}").as_str())
    );
    assert_eq!(first.checkpoints, ["shop-write"]);
    let again = held(bot.submit(&write, &once).await.unwrap());
    assert_eq!(
        again.request.as_ref(),
        Some(&request),
        "the same key and body is the same request"
    );
    let other = house.action(&task, "shop.write", "DELETE FROM orders");
    let mismatch = bot.submit(&other, &once).await.unwrap_err();
    assert_eq!(
        mismatch.problem().unwrap().code,
        ProblemCode::IdempotencyMismatch
    );

    let reviewer = Person::Reviewer.log_in(&house).await;
    let second = Person::Second.log_in(&house).await;
    let owner = Person::Owner.log_in(&house).await;
    let inbox = reviewer.inbox().await.unwrap();
    let item = inbox
        .items
        .iter()
        .find(|item| item.request == request)
        .unwrap();
    assert!(item.mine && item.people_needed == 2 && item.requester == "deploy-bot");
    let mine = owner.inbox().await.unwrap();
    assert!(
        mine.items.iter().all(|item| !item.mine),
        "the owner is in the requester set"
    );

    let opened = owner.open(&request).await.unwrap();
    let own = owner
        .review(&request, &Person::Owner.review(&opened, true))
        .await
        .unwrap_err();
    assert_eq!(own.problem().unwrap().code, ProblemCode::Forbidden);

    let opened = reviewer.open(&request).await.unwrap();
    assert_eq!(opened.payload.0, sql.as_bytes());
    assert_eq!(opened.words, first.words);
    let signed = Person::Reviewer.review(&opened, true);
    let result = reviewer.review(&request, &signed).await.unwrap();
    assert_eq!(
        (result.state, result.decision),
        (RequestState::Held, None),
        "blind"
    );
    let status = bot.status(&request, 0).await.unwrap();
    assert_eq!(
        (status.state, status.decision),
        (RequestState::Held, None),
        "blind"
    );

    // The second one decides; whoever waits is told at once.
    let opened = second.open(&request).await.unwrap();
    let signed = Person::Second.review(&opened, true);
    let (waited, reviewed) =
        tokio::join!(bot.status(&request, 60), second.review(&request, &signed));
    assert_eq!(reviewed.unwrap().state, RequestState::Redeemable);
    let waited = waited.unwrap();
    assert_eq!(waited.state, RequestState::Redeemable);
    assert_eq!(waited.decision.unwrap().decided_by, DecidedBy::Human);

    assert_eq!(
        bot.redeem(&request, 0).await.unwrap().status.state,
        RequestState::Completed
    );
    assert_eq!(*house.executed.lock().unwrap(), [sql.as_bytes()]);
}

#[tokio::test]
async fn people_deny_stop_and_look() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    let request = held(bot.submit(&write, &Submission::default()).await.unwrap())
        .request
        .unwrap();
    let reviewer = Person::Reviewer.log_in(&house).await;

    let claim = ActRequest {
        act: Act::Claim,
        reason: None,
        text: None,
    };
    assert_eq!(
        reviewer.act(&request, &claim).await.unwrap().state,
        RequestState::Held
    );
    let seen = reviewer.status(&request, 0).await.unwrap();
    assert_eq!((seen.state, seen.decision), (RequestState::Held, None));
    let deny = ActRequest {
        act: Act::Deny,
        reason: Some(gatehold_client::wire::DenyReason::TooBroad),
        text: Some("all orders".into()),
    };
    let denied = reviewer.act(&request, &deny).await.unwrap();
    let decision = denied.decision.unwrap();
    assert_eq!(
        (decision.outcome, decision.decided_by),
        (Outcome::Denied, DecidedBy::Human)
    );

    let stop = StopRequest {
        scope: StopScope::Workload,
        name: Some("deploy-bot".into()),
        reason: "odd".into(),
    };
    assert_eq!(
        reviewer.stop(&stop).await.unwrap().workloads,
        ["deploy-bot"]
    );
    let read = house.action(&task, "shop.read", "SELECT 1");
    let stopped = bot.submit(&read, &Submission::default()).await;
    match stopped {
        Err(error) => assert_eq!(error.problem().unwrap().code, ProblemCode::Stopped),
        Ok(submitted) => assert_eq!(decided(submitted).outcome, Outcome::Denied),
    }
}

#[tokio::test]
async fn auditors_get_receipts_of_what_is_decided_and_nobody_those_of_open_reviews() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    let held = held(bot.submit(&write, &Submission::default()).await.unwrap());
    let request = held.request.unwrap();
    let submission = held.receipt.unwrap().leaf;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let opened = reviewer.open(&request).await.unwrap();
    reviewer
        .review(&request, &Person::Reviewer.review(&opened, true))
        .await
        .unwrap();
    let review = house.leaves().await - 1;

    assert_eq!(bot.tree_head().await.unwrap().size, review + 1);
    assert!(bot.receipt(submission).await.is_ok());
    assert!(
        bot.receipt(0).await.is_err(),
        "not about a request of this workload"
    );
    assert!(reviewer.receipt(0).await.is_ok());
    for client in [&bot, &reviewer] {
        let closed = client.receipt(review).await.unwrap_err();
        assert_eq!(closed.problem().unwrap().code, ProblemCode::NotFound);
        assert!(client.dossier(&request).await.is_err());
    }
    bot.withdraw(&request).await.unwrap();
    assert!(reviewer.receipt(review).await.is_ok());
    assert!(bot.dossier(&request).await.is_ok());
}
