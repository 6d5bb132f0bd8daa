//! What is not there, what is somewhere else, and what outlived its role.

use super::*;

#[tokio::test]
async fn c01_what_was_never_made_is_gone_only_where_it_would_have_been() {
    let house = House::new(&[]).await;
    let planned = lease(&house.leases, "orders_reader", 1);
    assert_eq!(house.remove(&planned).await, Removal::Gone);
    // Another server was configured since: that one not knowing it says nothing.
    let mut elsewhere = planned.recipe.clone();
    elsewhere
        .parts
        .insert("host".to_owned(), "10.0.0.7".to_owned());
    let ended = house.leases.remove(TARGET, &elsewhere).await;
    assert_eq!(ended, Removal::Remains("target_changed"));
    // Where it stands, it is the one: its name is nobody else's.
    house.issued("orders_reader", 1).await;
    assert_eq!(house.leases.remove(TARGET, &elsewhere).await, Removal::Gone);
}

#[tokio::test]
async fn c01_a_session_that_outlived_its_role_is_not_gone() {
    let house = House::new(&[]).await;
    let (lease, credential) = house.issued("orders_reader", 1).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    let pid: i32 = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    house
        .server
        .admin(&format!("DROP ROLE {}", lease.recipe.handle))
        .await;
    client.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(
        house.remove(&lease).await,
        Removal::Remains("sessions_left")
    );
    drop(client);
    house
        .server
        .admin(&format!("SELECT pg_terminate_backend({pid}, 20000)"))
        .await;
    assert_eq!(house.remove(&lease).await, Removal::Gone);
}

#[tokio::test]
async fn a_broker_that_is_a_superuser_works_as_well() {
    let house = House::new(&[("max_prepared_transactions", "5")]).await;
    house.server.admin("ALTER ROLE broker SUPERUSER").await;
    let (lease, credential) = house.issued("orders_writer", 1).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    client
        .batch_execute("BEGIN; UPDATE orders SET total = 0")
        .await
        .unwrap();
    client
        .batch_execute("PREPARE TRANSACTION 'mine'")
        .await
        .unwrap();
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}
