//! Many at once: nobody logs in, nobody is logged in, and nothing is called gone for it.

use super::*;

#[tokio::test]
async fn c02_many_are_shut_at_once_and_none_of_them_is_gone_for_that() {
    shut_at_once(&House::new(&[("max_prepared_transactions", "5")]).await).await;
    shut_at_once(&House::ending_sessions(&[("max_prepared_transactions", "5")]).await).await;
}

async fn shut_at_once(house: &House) {
    let mut given = Vec::new();
    for number in 1..=4 {
        given.push(house.issued("orders_writer", number).await);
    }
    let mut sessions = Vec::new();
    for (_, credential) in &given {
        sessions.push(house.login(credential, "postgres").await.unwrap());
    }
    // One works, one holds its own role, one holds it beyond its session, and one has taken another role where it may.
    let works = "BEGIN; UPDATE orders SET total = 0";
    sessions[0].batch_execute(works).await.unwrap();
    let holds = "BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'mine'";
    sessions[1].batch_execute(holds).await.unwrap();
    sessions[2].batch_execute(holds).await.unwrap();
    let prepares = "PREPARE TRANSACTION 'row'";
    sessions[2].batch_execute(prepares).await.unwrap();
    let takes = sessions[3].batch_execute("SET ROLE orders_writer").await;
    assert_eq!(takes.is_ok(), house.may_take_up_groups().await);
    let (other, others) = house.issued("orders_writer", 5).await;
    let stays = house.login(&others, "postgres").await.unwrap();

    let of = |(lease, _): &(Lease, Credential)| lease.recipe.clone();
    let mut recipes: Vec<_> = given.iter().map(of).collect();
    // What this gate cannot have made is nobody's to shut.
    let mut broker = recipes[0].clone();
    broker.handle = "broker".to_owned();
    recipes.insert(0, broker);
    house.leases.shut(TARGET, &recipes).await;

    for session in &sessions {
        assert!(session.batch_execute("SELECT 1").await.is_err());
    }
    for (number, (_, credential)) in given.iter().enumerate() {
        // Whoever holds its role beyond its session keeps that from being changed: its own removal sees to it.
        let refused = house.login(credential, "postgres").await.is_err();
        assert_eq!(refused, number != 2, "{number}");
    }
    assert_eq!(
        stays
            .batch_execute("SELECT 1")
            .await
            .err()
            .map(|error| said(&error)),
        None
    );
    assert_eq!(house.remove(&other).await, Removal::Gone);
    for (lease, _) in &given {
        assert_eq!(house.remove(lease).await, Removal::Gone);
    }
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_asked_to_shut_nothing_more() {
    let house = House::new(&[]).await;
    let (lease, _) = house.issued("orders_reader", 1).await;
    let recipes = [lease.recipe.clone()];
    house.leases.shut("elsewhere", &recipes).await;
    house.server.admin("ALTER ROLE broker NOLOGIN").await;
    house.leases.shut(TARGET, &recipes).await;
    assert_eq!(house.left().await, ["1", "0", "0"]);
}
