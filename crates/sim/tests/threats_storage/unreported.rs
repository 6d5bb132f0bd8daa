//! What came of an execution is not lost because the store failed when it was to be stored.

use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use gatehold_core::request::State;
use gatehold_gate::ports::executor::{Ending, Evidence, Execution, Executor};
use gatehold_store::memory::{Injected, MemoryStore};

use crate::shop::Shop;

/// Executes, and the store fails right after.
struct Breaking(Arc<MemoryStore>, Injected);

#[async_trait]
impl Executor for Breaking {
    async fn execute(&self, _: Approved, _: &dyn Evidence) -> Execution {
        self.0.inject(self.1);
        Execution {
            ending: Ending::Completed,
            code: "ok",
            quantity: Some(7),
            status: None,
            media_type: "text/plain".to_owned(),
            body: b"seven".to_vec(),
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

#[tokio::test]
async fn d05_what_came_of_an_execution_is_stored_once_the_store_works_again() {
    let shop = Shop::in_memory().await;
    let memory = shop.shared_memory();
    let here = shop
        .beside(Some(Arc::new(Breaking(memory, Injected::Before))))
        .await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let id = read.record.id;
    let caller = shop.caller();
    here.redeem(&caller, id).await.unwrap_err();
    assert_eq!(
        here.status(&caller, id).await.unwrap().state,
        State::Executing
    );
    assert_eq!(here.tick().await.unwrap().reported, 1);
    let record = here.status(&caller, id).await.unwrap();
    assert_eq!(record.state, State::Completed);
    assert_eq!(record.outcome.unwrap().quantity, Some(7));
    assert_eq!(here.tick().await.unwrap().reported, 0, "and once");
}

#[tokio::test]
async fn d05_a_report_that_was_stored_and_reported_failed_is_not_stored_twice() {
    let shop = Shop::in_memory().await;
    let memory = shop.shared_memory();
    let lost = Injected::StoredButReportedFailed;
    let here = shop.beside(Some(Arc::new(Breaking(memory, lost)))).await;
    let task = shop.task().await;
    let read = shop.submit(&task, "shop.read", "SELECT 1").await.unwrap();
    let before = shop.leaves().await;
    let redeemed = here.redeem(&shop.caller(), read.record.id).await.unwrap();
    assert_eq!(redeemed.record.state, State::Completed);
    assert_eq!(here.tick().await.unwrap().reported, 0);
    assert_eq!(shop.leaves().await, before + 2, "the claim and the end");
}
