//! Promises P2 and P3 on the real gate and SQLite: one approval is executed at most once, and never before its leaf is
//! durable, however many redeem it at once and wherever they are cut off.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

#[path = "../../audit/tests/share/mod.rs"]
mod share;
mod shop;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use gatehold_core::ids::RequestId;
use gatehold_core::request::State;
use share::{Seed, count};
use shop::{Person, Shop};
use tokio::task::JoinSet;

const REDEEMERS: usize = 64;
/// Approvals between two restarts of the process.
const BETWEEN_RESTARTS: u64 = 10;

/// A future that is dropped where it waits for the n-th time: a crash at that await point.
struct Cut<F> {
    inner: Option<Pin<Box<F>>>,
    polls: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            self.inner = None;
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.inner.as_mut() {
            Some(inner) => inner.as_mut().poll(context).map(Some),
            None => Poll::Ready(None),
        }
    }
}

/// A write that two people approved.
async fn approved(shop: &Shop, number: u64) -> (RequestId, String) {
    let task = shop.task().await;
    let sql = format!("DELETE FROM orders WHERE id = {number}");
    let id = shop
        .submit(&task, "shop.write", &sql)
        .await
        .unwrap()
        .record
        .id;
    shop.approve(Person::Reviewer, id).await.unwrap();
    shop.approve(Person::Second, id).await.unwrap();
    (id, sql)
}

async fn redeemed_by_many(shop: Shop, id: RequestId, seed: &mut Seed) -> (Shop, u64) {
    let shop = Arc::new(shop);
    let mut redeemers = JoinSet::new();
    for _ in 0..REDEEMERS {
        // Most are cut off early, where the claim is made; some run to their end.
        let polls = match seed.below(8) {
            0 => usize::MAX,
            _ => seed.below(14),
        };
        let shop = Arc::clone(&shop);
        redeemers.spawn(async move {
            let caller = shop.caller();
            let inner = Some(Box::pin(shop.gate.redeem(&caller, id)));
            Cut { inner, polls }.await.is_none()
        });
    }
    let mut cut = 0;
    while let Some(ended) = redeemers.join_next().await {
        cut += u64::from(ended.unwrap());
    }
    let shop = Arc::into_inner(shop).unwrap_or_else(|| panic!("a redeemer is left"));
    (shop, cut)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p02_p03_what_was_approved_runs_at_most_once_and_never_before_its_leaf() {
    let mut seed = Seed::of("p02");
    let mut shop = Shop::open().await;
    let (wanted, mut crashes) = (count(40, 1_000), 0);
    let mut asked = Vec::new();
    for number in 0..wanted {
        let (id, sql) = approved(&shop, number).await;
        let cut;
        (shop, cut) = redeemed_by_many(shop, id, &mut seed).await;
        crashes += cut;
        asked.push((id, sql));
        if number % BETWEEN_RESTARTS == BETWEEN_RESTARTS - 1 {
            shop = shop.restart().await;
        }
    }
    shop = shop.restart().await;
    // Once more for each, after everything: what was never claimed goes through, what was is never run again.
    for (id, _) in &asked {
        let _refused = shop.gate.redeem(&shop.caller(), *id).await;
    }
    let executed = shop.executed();
    let (mut once, mut unknown) = (0, 0);
    for (id, sql) in &asked {
        let times = executed.iter().filter(|known| *known == sql).count();
        assert!(times <= 1, "{id} was executed {times} times");
        let state = shop.gate.show(*id).await.unwrap().state;
        match state {
            State::Completed => assert_eq!(times, 1, "{id}"),
            State::Unknown => unknown += 1,
            other => panic!("{id} ended as {other:?}"),
        }
        once += times;
    }
    println!(
        "{wanted} approvals, {REDEEMERS} redeemers each, {crashes} cut off: {once} executed, {unknown} unknown, 0 doubles"
    );
    // Crashes, executions, and executions whose end nobody knows: without each of them nothing was tried.
    assert!(crashes > wanted && once > 0 && unknown > 0);
    assert_eq!(
        shop.unlogged(),
        0,
        "an execution began before its leaf was durable"
    );
}
