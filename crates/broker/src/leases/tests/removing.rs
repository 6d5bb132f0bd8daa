//! Gone means gone: no login, no session, no prepared transaction, no role; and nothing of anybody else's.

use super::*;

#[tokio::test]
async fn c02_open_sessions_end_in_the_middle_of_a_transaction() {
    let house = House::new(&[]).await;
    house.server.database("other").await;
    let (lease, credential) = house.issued("orders_writer", 1).await;
    let working = house.login(&credential, "postgres").await.unwrap();
    let work = "CREATE TEMP TABLE mine (a int); BEGIN; UPDATE orders SET total = 0; SELECT pg_advisory_lock(1)";
    working.batch_execute(work).await.unwrap();
    let elsewhere = house.login(&credential, "other").await.unwrap();
    elsewhere.batch_execute("BEGIN; SELECT 1").await.unwrap();
    assert_eq!(house.left().await, ["1", "2", "0"]);

    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
    for client in [working, elsewhere] {
        assert!(client.batch_execute("COMMIT").await.is_err());
    }
    let changed = house
        .server
        .admin("SELECT count(*) FROM orders WHERE total = 0")
        .await;
    assert_eq!(changed, [["0"]]);
    let refused = house.login(&credential, "postgres").await.err().unwrap();
    assert!(refused.starts_with("28P01"), "{refused}");
    assert_eq!(house.remove(&lease).await, Removal::Gone, "a second time");
}

#[tokio::test]
async fn c02_a_session_that_took_another_role_ends_too() {
    let house = House::new(&[]).await;
    let (lease, credential) = house.issued("orders_writer", 1).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    let taken = client.batch_execute("SET ROLE orders_writer").await;
    assert_eq!(taken.is_ok(), house.may_take_up_groups().await);
    client
        .batch_execute("BEGIN; UPDATE orders SET total = 0")
        .await
        .unwrap();
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn c02_a_workload_that_holds_its_own_role_is_ended_all_the_same() {
    let house = House::new(&[("max_prepared_transactions", "5")]).await;
    holding_its_own_role(&house, "1").await;
    let house = House::ending_sessions(&[("max_prepared_transactions", "5")]).await;
    // With each living lease that it is a member of, whatever it does costs more: it joins to take away.
    let joined = if house.may_take_up_groups().await {
        "0"
    } else {
        "1"
    };
    holding_its_own_role(&house, joined).await;
}

async fn holding_its_own_role(house: &House, joined: &str) {
    for (number, work) in (1..).zip([
        &["ALTER ROLE CURRENT_USER PASSWORD 'mine'"][..],
        &[
            "ALTER ROLE CURRENT_USER PASSWORD 'mine'",
            "PREPARE TRANSACTION 'row'",
        ],
    ]) {
        let (lease, credential) = house.issued("orders_writer", number).await;
        assert_eq!(house.joined().await, [joined]);
        let handle = postgres::names::Name::new(&lease.recipe.handle).unwrap();
        let client = house.login(&credential, "postgres").await.unwrap();
        // The lock between making and removing is open to everybody.
        let lock = postgres::remove::lock_of(&handle);
        let holder = house.login(&credential, "postgres").await.unwrap();
        let hold = format!("SELECT pg_advisory_lock({lock})");
        holder.batch_execute(&hold).await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        for statement in work {
            client.batch_execute(statement).await.unwrap();
        }
        assert_eq!(house.remove(&lease).await, Removal::Gone, "{work:?}");
        assert_eq!(house.left().await, ["0", "0", "0"], "{work:?}");
    }
    // Nor can it keep the broker from ending its sessions.
    let (lease, credential) = house.issued("orders_writer", 9).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    let handle = &lease.recipe.handle;
    for refused in [
        format!("REVOKE {handle} FROM broker"),
        format!("GRANT {handle} TO broker"),
    ] {
        let refused = client.batch_execute(&refused).await.unwrap_err();
        assert!(said(&refused).starts_with("42501"), "{refused}");
    }
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn c02_prepared_transactions_are_rolled_back_in_every_database() {
    prepared_everywhere(&House::new(&[("max_prepared_transactions", "5")]).await).await;
    prepared_everywhere(&House::ending_sessions(&[("max_prepared_transactions", "5")]).await).await;
}

async fn prepared_everywhere(house: &House) {
    house.server.database("other").await;
    let (lease, credential) = house.issued("orders_writer", 1).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    let hostile = r"PREPARE TRANSACTION E'x\\''; DROP ROLE broker; --'";
    client
        .batch_execute("BEGIN; UPDATE orders SET total = 0 WHERE id = 1")
        .await
        .unwrap();
    client.batch_execute(hostile).await.unwrap();
    let elsewhere = house.login(&credential, "other").await.unwrap();
    elsewhere
        .batch_execute("BEGIN; SELECT pg_current_xact_id()")
        .await
        .unwrap();
    elsewhere
        .batch_execute("PREPARE TRANSACTION 'elsewhere'")
        .await
        .unwrap();
    let mut prepared = 2;
    if house.may_take_up_groups().await {
        let taken = "SET ROLE orders_writer; BEGIN; UPDATE orders SET total = 0 WHERE id = 2";
        client.batch_execute(taken).await.unwrap();
        client
            .batch_execute("PREPARE TRANSACTION 'as the group'")
            .await
            .unwrap();
        prepared = 3;
    }
    assert_eq!(
        house.left().await,
        ["1".to_owned(), "2".to_owned(), prepared.to_string()]
    );
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
    let changed = "SELECT count(*) FROM orders WHERE total = 0";
    assert_eq!(house.server.admin(changed).await, [["0"]]);
    house
        .server
        .admin("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE NOWAIT; COMMIT")
        .await;
}

#[tokio::test]
async fn c05_what_may_be_anothers_is_left_and_said() {
    let house = House::new(&[("max_prepared_transactions", "5")]).await;
    if !house.may_take_up_groups().await {
        // Here whatever a lease prepares carries its own name: there is nothing that could be another's.
        return;
    }
    let (first, credential) = house.issued("orders_writer", 1).await;
    let (second, other) = house.issued("orders_writer", 2).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    let taken = "SET ROLE orders_writer; BEGIN; UPDATE orders SET total = 0";
    client.batch_execute(taken).await.unwrap();
    client
        .batch_execute("PREPARE TRANSACTION 'whose'")
        .await
        .unwrap();
    assert_eq!(
        house.remove(&first).await,
        Removal::Remains("prepared_left")
    );
    // Nobody gets in meanwhile, and the other lease goes on.
    assert!(house.login(&credential, "postgres").await.is_err());
    house.login(&other, "postgres").await.unwrap();
    // Once nobody else can have made it, it goes.
    assert_eq!(house.remove(&second).await, Removal::Gone);
    assert_eq!(house.remove(&first).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn c05_one_lease_that_ends_takes_nothing_from_another() {
    let house = House::new(&[("max_prepared_transactions", "5")]).await;
    let (first, _) = house.issued("orders_writer", 1).await;
    let (second, credential) = house.issued("orders_writer", 2).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    client
        .batch_execute("BEGIN; UPDATE orders SET total = 0 WHERE id = 1")
        .await
        .unwrap();
    client
        .batch_execute("PREPARE TRANSACTION 'second'")
        .await
        .unwrap();
    client
        .batch_execute("BEGIN; UPDATE orders SET total = 0 WHERE id = 3")
        .await
        .unwrap();
    assert_eq!(house.remove(&first).await, Removal::Gone);
    client.batch_execute("COMMIT").await.unwrap();
    client
        .batch_execute("COMMIT PREPARED 'second'")
        .await
        .unwrap();
    let again = house.login(&credential, "postgres").await.unwrap();
    again
        .batch_execute("UPDATE orders SET total = 0 WHERE id = 4")
        .await
        .unwrap();
    let changed = "SELECT count(*) FROM orders WHERE total = 0";
    assert_eq!(house.server.admin(changed).await, [["3"]]);
    let found = house.leases.found(TARGET).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&second.recipe));
    assert_eq!(house.remove(&second).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn what_it_owns_goes_with_it_in_every_database_and_nothing_of_others() {
    let house = House::new(&[]).await;
    house.server.database("other").await;
    let (lease, credential) = house.issued("orders_reader", 1).await;
    let scratch = "CREATE SCHEMA scratch; GRANT CREATE, USAGE ON SCHEMA scratch TO PUBLIC";
    for database in ["postgres", "other"] {
        house.server.admin_in(database, scratch).await;
        let client = house.login(&credential, database).await.unwrap();
        let make = "CREATE TABLE scratch.mine (a int); SELECT lo_create(0)";
        client.batch_execute(make).await.unwrap();
    }
    let view = "CREATE VIEW theirs AS SELECT * FROM scratch.mine";
    house.server.admin(view).await;
    assert_eq!(
        house.remove(&lease).await,
        Removal::Remains("target_refused")
    );
    assert!(house.login(&credential, "postgres").await.is_err());
    house.server.admin("DROP VIEW theirs").await;
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
    let objects = "SELECT (SELECT count(*) FROM pg_class WHERE relname = 'mine'), \
        (SELECT count(*) FROM pg_largeobject_metadata)";
    for database in ["postgres", "other"] {
        let left = house.server.admin_in(database, objects).await;
        assert_eq!(left, [["0", "0"]], "{database}");
    }
}

#[tokio::test]
async fn c01_what_somebody_gave_it_by_hand_is_not_the_brokers_to_take_and_is_not_gone() {
    let house = House::new(&[]).await;
    house.server.database("other").await;
    let (lease, credential) = house.issued("orders_reader", 1).await;
    let handle = &lease.recipe.handle;
    let given =
        format!("GRANT SELECT ON payroll TO {handle}; GRANT CONNECT ON DATABASE other TO {handle}");
    house.server.admin(&given).await;
    assert_eq!(
        house.remove(&lease).await,
        Removal::Remains("target_refused")
    );
    assert!(house.login(&credential, "postgres").await.is_err());
    house.server.admin("ALTER ROLE broker SUPERUSER").await;
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    assert_eq!(house.left().await, ["0", "0", "0"]);
}

#[tokio::test]
async fn c06_only_roles_of_this_gate_are_found() {
    let house = House::new(&[]).await;
    let (first, _) = house.issued("orders_reader", 1).await;
    let (second, _) = house.issued("orders_writer", 2).await;
    let other = leases_of(
        &config(house.server.port(), "'orders_reader'", ""),
        "https://other.example",
    );
    let theirs = lease(&other, "orders_reader", 3);
    assert!(matches!(
        other.make(TARGET, &theirs, b"").await,
        Issuance::Issued(_)
    ));
    // Names that LIKE would take for ours, and names that begin as ours do.
    let handle = &first.recipe.handle;
    for name in [
        handle.replacen('_', "x", 2),
        format!("{handle}0"),
        handle.to_uppercase(),
    ] {
        house.server.admin(&format!("CREATE ROLE \"{name}\"")).await;
    }
    let found = house.leases.found(TARGET).await.unwrap();
    assert_eq!(found, [first.recipe.clone(), second.recipe.clone()]);
    assert_eq!(
        other.found(TARGET).await.unwrap(),
        std::slice::from_ref(&theirs.recipe)
    );
    assert_eq!(
        other.remove(TARGET, &first.recipe).await,
        Removal::Remains("no_target")
    );
    for lease in [first, second] {
        assert_eq!(house.remove(&lease).await, Removal::Gone);
    }
    assert_eq!(house.leases.found(TARGET).await.unwrap(), []);
}

impl House {
    /// Whether a member of a group can take it up: a server before version 16 cannot forbid it.
    pub(super) async fn may_take_up_groups(&self) -> bool {
        let version = self.server.admin("SHOW server_version_num").await.concat();
        version.concat().parse::<u32>().unwrap() < 160_000
    }
}
