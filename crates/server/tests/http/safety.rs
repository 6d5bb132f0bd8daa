//! What only stops has a router of its own: its doors are few, ask for the same proofs, and answer while the other listener has no
//! room.

use std::sync::Arc;
use std::time::Duration;

use gatehold_client::wire::{StopRequest, StopScope, TaskRequest};
use gatehold_client::{Client, ClientError};
use gatehold_server::listen::{ListenLimits, ListenSettings, Listener};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::call::Call;
use crate::support::people::Person;
use crate::support::{House, key};

/// Connections of the gate's other listener.
const ROOM: usize = 3;

struct Safety {
    url: String,
    _end: oneshot::Sender<()>,
}

/// The safety listener beside a house whose other listener has little room.
async fn house() -> (House, Safety) {
    let limits = ListenLimits {
        connections_max: ROOM,
        // Nobody is cut off while a test looks.
        head_timeout: Duration::from_secs(600),
        ..ListenLimits::default()
    };
    let house = House::open_within(limits, None).await;
    let listener = Listener::bind(&ListenSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        behind_proxy: false,
        limits: ListenLimits::default(),
    })
    .await
    .unwrap();
    let url = format!("http://{}", listener.address());
    let router = gatehold_server::safety_router(&house.app);
    let (end, ended) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _ended = listener.serve(router, async { drop(ended.await) }).await;
    });
    (house, Safety { url, _end: end })
}

/// Takes every connection that the other listener gives, and does not let go.
async fn saturated(house: &House) -> Vec<TcpStream> {
    let mut taken = Vec::new();
    for _ in 0..ROOM {
        let mut stream = house.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        taken.push(stream);
    }
    taken
}

async fn log_in(house: &House, safety: &Safety) -> Client {
    let ephemeral = Arc::new(key(b"a session of its own"));
    let client = house.client_at(&ephemeral, Some(&safety.url));
    let login = Person::Reviewer.login_request(&house.gate, &ephemeral);
    client.login(&login).await.unwrap();
    client
}

#[tokio::test]
async fn people_log_in_stop_and_lock_down_while_the_other_listener_has_no_room() {
    let (house, safety) = house().await;
    let taken = saturated(&house).await;
    let waits = tokio::spawn({
        let bot = house.client(&house.workload);
        async move {
            let start = TaskRequest {
                purpose: "repair".to_owned(),
                on_behalf_of: None,
                boundary: None,
            };
            bot.start_task(&start).await
        }
    });
    let person = log_in(&house, &safety).await;
    for (scope, name) in [
        (StopScope::Workload, Some("deploy-bot")),
        (
            StopScope::Task,
            Some("tsk_07070707070707070707070707070707"),
        ),
        (StopScope::Target, Some("sql:shop")),
        (StopScope::Resource, Some("shop/")),
        (StopScope::All, None),
    ] {
        let stop = StopRequest {
            scope,
            name: name.map(ToOwned::to_owned),
            reason: "odd".to_owned(),
        };
        let stopped = person.stop(&stop).await.unwrap();
        assert_eq!(stopped.everything, scope == StopScope::All, "{scope:?}");
    }
    // Nobody was served there meanwhile; when there is room, everybody is.
    assert!(!waits.is_finished());
    drop(taken);
    waits.await.unwrap().unwrap();
}

#[tokio::test]
async fn its_doors_are_few_and_ask_for_the_same_proofs() {
    let (house, safety) = house().await;
    let person = log_in(&house, &safety).await;
    for refused in [
        person.inbox().await.map(drop),
        person.humans().await.map(drop),
    ] {
        let Err(ClientError::Problem(problem)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(problem.status, 404);
    }
    let address = safety.url.strip_prefix("http://").unwrap();
    for (method, path, status) in [
        ("POST", "/v1/stops", 401),
        ("POST", "/v1/keys/revoke", 401),
        (
            "POST",
            "/v1/requests/req_07070707070707070707070707070707/revoke",
            401,
        ),
        ("POST", "/v1/sessions", 401),
        ("POST", "/v1/requests", 404),
        ("POST", "/v1/changes", 404),
        ("GET", "/", 404),
        ("POST", "/v1/signals", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let answer = Call::new(method, path, "").send_on(stream).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    // A call that was signed for the gate is good once, at whichever listener.
    let stop = StopRequest {
        scope: StopScope::All,
        name: None,
        reason: "odd".to_owned(),
    };
    let machine = house.client_at(&house.workload, Some(&safety.url));
    let refused = machine.stop(&stop).await;
    assert!(
        matches!(refused, Err(ClientError::Problem(_))),
        "{refused:?}"
    );
}
