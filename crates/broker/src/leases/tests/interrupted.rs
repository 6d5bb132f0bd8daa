//! A removal that is cut short is never Gone, and the next one goes on; an issuance that is cut short is Unknown.

use super::relay::{Break, relay};
use super::*;

#[tokio::test]
async fn c01_a_removal_cut_short_at_any_step_is_not_gone_until_the_server_says_so() {
    let mut house = House::new(&[("max_prepared_transactions", "5")]).await;
    let steps = [
        "ALTER ROLE",
        "pg_has_role(current_user, $1",
        "pg_terminate_backend",
        "pg_prepared_xact() p(transaction, gid, prepared, ownerid, dbid) JOIN",
        "ROLLBACK PREPARED",
        "REVOKE",
        "DROP OWNED",
        "DROP ROLE",
        "a.usename",
    ];
    let cuts = steps
        .iter()
        .flat_map(|step| [(*step, Break::Before), (*step, Break::After)]);
    for (number, (step, when)) in (1..).zip(cuts) {
        let (lease, credential) = house.issued("orders_writer", number).await;
        let client = house.login(&credential, "postgres").await.unwrap();
        let work = "BEGIN; UPDATE orders SET total = 0 WHERE id = 1";
        client.batch_execute(work).await.unwrap();
        client
            .batch_execute("PREPARE TRANSACTION 'left'")
            .await
            .unwrap();
        let broken = relay(house.server.port(), step, when).await;
        let broken = leases_at(broken, "");
        let ended = broken.remove(TARGET, &lease.recipe).await;
        assert!(
            matches!(ended, Removal::Remains("unreachable" | "timeout")),
            "{step} {when:?}: {ended:?}"
        );
        if number > 1 {
            let refused = house.login(&credential, "postgres").await;
            assert!(refused.is_err(), "{step} {when:?}");
        }
        assert_eq!(house.remove(&lease).await, Removal::Gone, "{step} {when:?}");
        assert_eq!(house.left().await, ["0", "0", "0"], "{step} {when:?}");
    }

    let (lease, _) = house.issued("orders_reader", 200).await;
    let broken = relay(house.server.port(), "DROP OWNED", Break::Before).await;
    let ended = leases_at(broken, "").remove(TARGET, &lease.recipe).await;
    assert_eq!(ended, Removal::Remains("unreachable"));
    house.server.stop();
    assert_eq!(house.remove(&lease).await, Removal::Remains("unreachable"));
    assert!(house.leases.found(TARGET).await.is_err());
    house.server.go_on();
    assert_eq!(house.leases.found(TARGET).await.unwrap().len(), 1);
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.remove(&lease).await, Removal::Gone, "a second time");
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn c01_what_nobody_can_tell_of_an_issuance_is_taken_away_as_if_it_had_been_made() {
    let house = House::new(&[]).await;
    let steps = [
        ("pg_advisory_xact_lock", Break::Before, "unreachable", 0),
        ("CREATE ROLE", Break::Before, "unreachable", 0),
        ("CREATE ROLE", Break::After, "unreachable", 0),
        ("COMMIT", Break::Before, "lost", 0),
        ("COMMIT", Break::After, "lost", 1),
    ];
    for (number, (step, when, code, made)) in (1..).zip(steps) {
        let broken = relay(house.server.port(), step, when).await;
        let broken = leases_at(broken, "");
        let lease = lease(&broken, "orders_reader", number);
        let ended = broken.make(TARGET, &lease, b"").await;
        assert!(
            matches!(ended, Issuance::Unknown(said) if said == code),
            "{step} {when:?}: {ended:?}"
        );
        let there = house.leases.found(TARGET).await.unwrap();
        assert_eq!(there.len(), made, "{step} {when:?}");
        let planned = super::lease(&house.leases, "orders_reader", number);
        assert_eq!(
            house.remove(&planned).await,
            Removal::Gone,
            "{step} {when:?}"
        );
        assert_eq!(house.left().await, ["0", "0", "0"], "{step} {when:?}");
    }
}

#[tokio::test]
async fn c01_a_removal_waits_for_whoever_is_still_making_the_role() {
    let house = House::new(&[]).await;
    let planned = lease(&house.leases, "orders_reader", 1);
    let handle = postgres::names::Name::new(&planned.recipe.handle).unwrap();
    // A COMMIT that hangs, as one that waits for a replica: the role is not to be seen yet.
    let lock = postgres::remove::lock_of(&handle);
    let quoted = handle.quoted();
    let making = house.server.client("postgres").await;
    making
        .batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({lock}); CREATE ROLE {quoted} LOGIN; GRANT {quoted} TO broker WITH ADMIN OPTION"))
        .await
        .unwrap();
    let impatient = leases_at(house.server.port(), "statement_timeout_seconds = 1");
    let ended = impatient.remove(TARGET, &planned.recipe).await;
    assert_eq!(ended, Removal::Remains("timeout"));
    making.batch_execute("COMMIT").await.unwrap();
    assert_eq!(house.remove(&planned).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}
