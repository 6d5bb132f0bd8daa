//! What operators see, and how a server ends.

use std::time::Duration;

use gatehold_client::Submission;
use gatehold_client::wire::Submitted;
use gatehold_gate::{Beat, ChannelBeat};
use gatehold_server::listen::{Ended, ListenLimits, ListenSettings, Listener};
use tokio::sync::oneshot;

use crate::support::House;
use crate::support::call::Call;

async fn serve(
    router: axum::Router,
) -> (String, oneshot::Sender<()>, tokio::task::JoinHandle<Ended>) {
    let listener = Listener::bind(&ListenSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        behind_proxy: false,
        limits: ListenLimits::default(),
    })
    .await
    .unwrap();
    let url = format!("http://{}", listener.address());
    let (end, ended) = oneshot::channel();
    let serving = tokio::spawn(listener.serve(router, async { drop(ended.await) }));
    (url, end, serving)
}

#[tokio::test]
async fn metrics_count_words_and_never_names() {
    let mut house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    for (descriptor, sql) in [
        ("shop.read", "SELECT 1"),
        ("shop.write", "DELETE FROM orders"),
    ] {
        let action = house.action(&task, descriptor, sql);
        bot.submit(&action, &Submission::default()).await.unwrap();
    }
    let stranger = Call::new("GET", "/v1/gate?secret=canary-7", "").header("x-canary", "canary-7");
    assert_eq!(stranger.send(&house).await.status, 401);
    let odd = Call::new("BREW", "/v1/gate", "");
    assert_eq!(odd.send(&house).await.status, 405);

    let done = ChannelBeat {
        delivered: 3,
        failed: 2,
        given_up: 1,
    };
    house.app.metrics().notices(&Beat {
        channels: [("on-call".to_owned(), done)].into(),
        waiting: 4,
        ..Beat::default()
    });

    house.app.metrics().leases(&gatehold_gate::LeaseTick {
        verified: 5,
        waiting: 6,
        overdue: 7,
        orphans: 8,
        ..gatehold_gate::LeaseTick::default()
    });

    let (url, _end, _serving) = serve(gatehold_server::operations_router(&house.app)).await;
    house.url = url;
    let answer = Call::new("GET", "/metrics", "").send(&house).await;
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        r#"gatehold_notices_delivered_total{channel="on-call"} 3"#,
        r#"gatehold_notices_failed_total{channel="on-call"} 2"#,
        r#"gatehold_notices_given_up_total{channel="on-call"} 1"#,
        "gatehold_notices_waiting 4",
        "gatehold_leases_revoking 6",
        "gatehold_leases_verified_total 5",
        "gatehold_leases_overdue_total 7",
        "gatehold_lease_orphans_total 8",
        "gatehold_holds_nobody_can_approve 0",
        r#"gatehold_decisions_total{source="policy",tier=""#,
        r#"outcome="allowed"} 1"#,
        r#"outcome="held"} 1"#,
        r#"gatehold_refusals_total{kind="unsigned"} 1"#,
        r#"method="OTHER",route="/v1/gate",status="405""#,
        "gatehold_build_info{",
        "gatehold_decision_duration_seconds_bucket{",
        "gatehold_audit_head_sequence ",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    for name in ["deploy-bot", "canary", "req_", "tsk_", "owner", "orders"] {
        assert!(!text.contains(name), "{name} is in\n{text}");
    }
    assert_eq!(
        Call::new("GET", "/healthz", "").send(&house).await.status,
        200
    );
    assert_eq!(
        Call::new("GET", "/v1/gate", "").send(&house).await.word().1,
        "no_such_path"
    );
}

#[tokio::test]
async fn whoever_waits_is_answered_before_the_server_ends() {
    let mut house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let write = house.action(&task, "shop.write", "DELETE FROM orders");
    let Submitted::Held(held) = bot.submit(&write, &Submission::default()).await.unwrap() else {
        panic!("decided")
    };
    // The same API on a listener of its own, so that it can end.
    let (url, end, serving) = serve(gatehold_server::router(&house.app)).await;
    let signed_for = house.url.clone();
    house.url = url;
    let wait = Call::new("GET", &held.location.unwrap(), "")
        .header("prefer", "wait=60")
        .signed_at(&house, &house.workload, &signed_for, 0);
    let waiting = tokio::spawn({
        let house = std::sync::Arc::new(house);
        let app = house.app.clone();
        async move {
            let sent = wait.send(&house);
            // Polled first: the call is on its way before the end is announced.
            let (answer, ()) = tokio::join!(biased; sent, async { app.end_waiting() });
            answer
        }
    });
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .to_lowercase()
            .contains("preference-applied: wait=60")
    );
    end.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), serving)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended, Ended::Orderly);
}
