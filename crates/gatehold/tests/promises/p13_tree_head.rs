//! Promise P13 on a real process: how long a decision waits for a tree head that covers it. That it comes is asserted; how
//! soon is printed, because time on a busy machine is no test. `store_derive.rs` counts on the store's own clock.

use std::time::{Duration, Instant};

use crate::world::World;

/// Decisions to wait for.
const DECISIONS: usize = 20;

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a figure that is printed, of a wait in real time"
)]
async fn p13_a_tree_head_covers_what_was_decided() {
    let mut world = World::open().await;
    let mut waited = Vec::new();
    for number in 0..DECISIONS {
        let before = newest(&world).await;
        let sql = format!("SELECT status FROM orders WHERE id = {number}");
        let asked = Instant::now();
        world.ask("sql.read", &sql).await;
        // The decision is a leaf, so the next head is longer; a gate that signs no more hangs here and is ended.
        while newest(&world).await <= before {
            tokio::task::yield_now().await;
        }
        waited.push(asked.elapsed());
    }
    waited.sort();
    let [median, worst] =
        [waited[DECISIONS / 2], waited[DECISIONS - 1]].map(|time: Duration| time.as_millis());
    println!(
        "P13: {DECISIONS} decisions, under a tree head after {median} ms at the median, {worst} ms at most"
    );
    world.gate.stop().await.unwrap();
}

async fn newest(world: &World) -> u64 {
    world.people["owner"].client.tree_head().await.unwrap().size
}
