//! What runs when its task ends, when it is revoked or when a stop covers it is given up at its target: the connection is
//! closed and nobody claims to know what came of it. And no connection exists before the decision.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use gatehold_core::ids::RequestId;
use gatehold_core::request::State;
use gatehold_core::stops::Stops;
use gatehold_gate::Gate;
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};
use gatehold_store::journal::Journal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::shop::faulty::{Faulty, Health};
use crate::shop::{Person, Shop};

/// Sends the payload to a real socket and waits for an answer that does not come.
struct Dialing(SocketAddr);

#[async_trait]
impl Executor for Dialing {
    async fn execute(&self, approved: Approved, _: &dyn Evidence) -> Execution {
        let mut target = TcpStream::connect(self.0).await.unwrap();
        let payload = approved.action().payload();
        target.write_all(payload).await.unwrap();
        let mut answer = Vec::new();
        target.read_to_end(&mut answer).await.unwrap();
        Execution {
            ending: Ending::Completed,
            code: "ok",
            quantity: None,
            status: None,
            media_type: String::new(),
            body: answer,
            truncated: false,
        }
    }

    fn has_target(&self, target: &str) -> bool {
        target == "sql:shop"
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// How it is ended, and what the record then says.
#[derive(Clone, Copy)]
enum By {
    TaskEnd,
    Revocation,
    Stop,
    StopElsewhere,
}

async fn end(by: By, shop: &Shop, here: &Gate, id: RequestId) {
    let human = shop.human(Person::Reviewer);
    let everything = Stops {
        everything: true,
        ..Stops::default()
    };
    match by {
        By::TaskEnd => {
            let task = here.show(id).await.unwrap().envelope.task.unwrap();
            here.end_task(&shop.caller(), task).await.unwrap();
        }
        By::Revocation => {
            let record = here.revoke(&human, id).await.unwrap();
            assert_eq!(record.state, State::Unknown);
        }
        By::Stop => {
            here.stop(&human, everything, "incident").await.unwrap();
        }
        By::StopElsewhere => {
            shop.gate
                .stop(&human, everything, "incident")
                .await
                .unwrap();
            here.tick().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_runs_is_given_up_at_its_target() {
    for (by, code) in [
        (By::TaskEnd, "task_ended"),
        (By::Revocation, "revoked"),
        (By::Stop, "stopped"),
        (By::StopElsewhere, "stopped"),
    ] {
        let shop = Shop::open().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let here = shop.beside(Some(Arc::new(Dialing(address)))).await;
        let task = shop.task().await;
        let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
        let id = read.record.id;
        let caller = shop.caller();
        let (redeemed, ()) = tokio::join!(here.redeem(&caller, id), async {
            let (mut target, _) = listener.accept().await.unwrap();
            let mut sent = [0; 8];
            target.read_exact(&mut sent).await.unwrap();
            assert_eq!(&sent, b"SELECT 1");
            end(by, &shop, &here, id).await;
            // The end of the stream: the connection was closed from the other side.
            assert_eq!(target.read(&mut sent).await.unwrap(), 0);
        });
        let record = redeemed.unwrap().record;
        assert_eq!(record.state, State::Unknown);
        assert_eq!(record.outcome.unwrap().code, code);
    }
}

#[tokio::test]
async fn no_connection_to_the_target_exists_before_the_decision() {
    let shop = Shop::open().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let dialled = || listener.accept().is_ok();
    let address = listener.local_addr().unwrap();
    let here = shop.beside(Some(Arc::new(Dialing(address)))).await;
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM a").await;
    let id = held.unwrap().record.id;
    shop.approve(Person::Reviewer, id).await.unwrap();
    here.redeem(&shop.caller(), id).await.unwrap_err();
    here.tick().await.unwrap();
    assert!(!dialled(), "a connection before the decision");
    shop.approve(Person::Second, id).await.unwrap();
    assert!(!dialled(), "a connection before the claim");
    let caller = shop.caller();
    let execution = here.redeem(&caller, id);
    let given_up = async {
        let human = shop.human(Person::Owner);
        // Looks until the call is there; a gate that never dials hangs here and is killed by the runner.
        while !dialled() {
            tokio::task::yield_now().await;
        }
        here.revoke(&human, id).await.unwrap();
    };
    let (execution, ()) = tokio::join!(execution, given_up);
    assert_eq!(execution.unwrap().record.state, State::Unknown);
    assert!(!dialled(), "a second connection");
}

#[tokio::test]
async fn what_the_row_stops_ends_what_runs_although_the_leaves_cannot_be_read() {
    let shop = Shop::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = Faulty::of(shop.store.clone());
    let journal = Journal::open(shop.folder().join("other.journal")).unwrap();
    let executor = Arc::new(Dialing(address));
    let here = shop.keeping(store.clone(), Some(executor), &journal).await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let id = read.record.id;
    let caller = shop.caller();
    let (_not_stored, ()) = tokio::join!(here.redeem(&caller, id), async {
        let (mut target, _) = listener.accept().await.unwrap();
        let mut sent = [0; 8];
        target.read_exact(&mut sent).await.unwrap();
        let everything = Stops {
            everything: true,
            ..Stops::default()
        };
        let human = shop.human(Person::Reviewer);
        shop.gate.stop(&human, everything, "x").await.unwrap();
        store.is(Health::NoRecords);
        let _unfinished = here.tick().await;
        assert_eq!(target.read(&mut sent).await.unwrap(), 0);
    });
    store.is(Health::Well);
    here.tick().await.unwrap();
    let record = shop.gate.show(id).await.unwrap();
    assert_eq!(record.state, State::Unknown);
    assert_eq!(record.outcome.unwrap().code, "stopped");
}
