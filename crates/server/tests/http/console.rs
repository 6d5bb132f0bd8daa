//! The review console over a real port: who gets in, what pages say and hide, and that looking changes nothing.

mod blind;
mod doors;
mod files;
mod hostile;
mod inbox;
mod live;
mod me;
mod owners;
mod pages;
mod push;
mod record;
mod sessions;
mod timeline;

use gatehold_client::Submission;
use gatehold_client::wire::Submitted;
use serde_json::Value;

use crate::support::House;

/// Something that is asked for, with what its requester says.
async fn ask(house: &House, sql: &str, says: &[(&str, &str)]) -> Submitted {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let mut write = house.action(&task, "shop.write", sql);
    let says = says
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
    write.claims = serde_json::from_value(Value::Object(says.collect())).unwrap();
    bot.submit(&write, &Submission::default()).await.unwrap()
}

/// The same, of what people must decide.
async fn hold_saying(house: &House, sql: &str, says: &[(&str, &str)]) -> String {
    match ask(house, sql, says).await {
        Submitted::Held(held) => held.request.unwrap(),
        Submitted::Decided(decision) => panic!("{decision:?}"),
    }
}

async fn hold(house: &House) -> String {
    hold_saying(
        house,
        "DELETE FROM orders",
        &[("reason", "orders are stuck")],
    )
    .await
}

/// Something that policy let through and nobody used yet.
async fn usable(house: &House) -> String {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let read = house.action(&task, "shop.read", "SELECT 1");
    match bot.submit(&read, &Submission::default()).await.unwrap() {
        Submitted::Decided(decision) => decision.request.unwrap(),
        Submitted::Held(held) => panic!("{held:?}"),
    }
}
