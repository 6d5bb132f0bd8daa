//! What a credential gives, what it does not, and where its password is not.

use super::*;

#[tokio::test]
async fn p10_a_credential_gives_the_rights_of_its_group_until_its_end_and_nothing_more() {
    let house = House::new(&[]).await;
    let (lease, credential) = house.issued("orders_reader", 1).await;
    let port = house.server.port().to_string();
    assert_eq!(credential.kind, "postgres_login");
    let shown: Vec<_> = credential
        .public
        .iter()
        .map(|(name, text)| format!("{name}={text}"))
        .collect();
    let wanted = [
        "host=127.0.0.1".to_owned(),
        format!("port={port}"),
        "database=postgres".to_owned(),
        format!("user={}", lease.recipe.handle),
        "sslmode=prefer".to_owned(),
        "expires=2100-01-01T00:00:00Z".to_owned(),
    ];
    assert_eq!(shown, wanted);
    assert!(!format!("{credential:?} {credential:#?}").contains(&credential.secret));

    let client = house.login(&credential, "postgres").await.unwrap();
    let rows = client.query("SELECT * FROM orders", &[]).await.unwrap();
    assert_eq!(rows.len(), 20);
    for refused in [
        "UPDATE orders SET total = 0",
        "SELECT * FROM payroll",
        "CREATE TABLE own (a int)",
        "CREATE SCHEMA own",
        "CREATE ROLE own",
        "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'",
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT 100",
        "GRANT orders_reader TO PUBLIC",
        "GRANT orders_reader TO broker",
        "SET ROLE broker",
    ] {
        let error = client.batch_execute(refused).await.unwrap_err();
        assert!(error.as_db_error().is_some(), "{refused}: {error}");
    }
    let role = format!(
        "SELECT rolvaliduntil AT TIME ZONE 'UTC', rolconnlimit, rolcanlogin, rolinherit, \
         rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls \
         FROM pg_roles WHERE rolname = '{}'",
        lease.recipe.handle
    );
    assert_eq!(
        house.server.admin(&role).await,
        [["2100-01-01 00:00:00", "5", "t", "t", "f"]]
    );
    let more: Vec<_> =
        futures_util::future::join_all((0..5).map(|_| house.login(&credential, "postgres"))).await;
    let refused = more.iter().filter(|login| login.is_err()).count();
    assert!(refused >= 1, "one session more than the limit");
}

#[tokio::test]
async fn p10_the_server_itself_lets_nobody_in_after_the_end() {
    let house = House::new(&[]).await;
    let mut over = lease(&house.leases, "orders_reader", 1);
    over.not_after = Timestamp::from_millis(1_000_000_000_000);
    let Issuance::Issued(credential) = house.leases.make(TARGET, &over, b"").await else {
        panic!("it is made, and useless");
    };
    let refused = house.login(&credential, "postgres").await.err().unwrap();
    assert!(refused.starts_with("28P01"), "{refused}");
}

#[tokio::test]
async fn c06_a_hostile_name_is_only_a_name() {
    let house = House::new(&[]).await;
    let names = [
        "o\"; DROP ROLE orders_writer; --".to_owned(),
        "x'); ALTER ROLE broker SUPERUSER; --\\".to_owned(),
        "größe 数 $1 %L".to_owned(),
        "ORDERS_READER".to_owned(),
        "n".repeat(63),
    ];
    for name in &names {
        let quoted = crate::sql::postgres::quote::identifier(name);
        house.server.admin(&format!("CREATE ROLE {quoted}; GRANT SELECT ON payroll TO {quoted}; GRANT {quoted} TO broker WITH ADMIN OPTION")).await;
    }
    let roles: Vec<_> = names
        .iter()
        .map(|name| toml::Value::String(name.clone()).to_string())
        .collect();
    let leases = leases_of(&config(house.server.port(), &roles.join(", "), ""), ORIGIN);
    for (grant, name) in (1..).zip(&names) {
        let lease = lease(&leases, name, grant);
        let Issuance::Issued(credential) = leases.make(TARGET, &lease, b"").await else {
            panic!("{name}");
        };
        let client = house.login(&credential, "postgres").await.unwrap();
        client.query("SELECT * FROM payroll", &[]).await.unwrap();
        assert!(client.query("SELECT * FROM orders", &[]).await.is_err());
        let found = leases.found(TARGET).await.unwrap();
        assert_eq!(
            found,
            std::slice::from_ref(&lease.recipe),
            "what stands there is what was planned"
        );
        assert_eq!(
            leases.remove(TARGET, &lease.recipe).await,
            Removal::Gone,
            "{name}"
        );
    }
    let untouched = house.server.admin(
        "SELECT count(*), bool_or(rolsuper) FROM pg_roles WHERE rolname IN ('orders_writer', 'broker')",
    );
    assert_eq!(untouched.await, [["2", "f"]]);
}

#[tokio::test]
async fn a_group_with_more_than_rights_to_data_is_not_given() {
    let house = House::new(&[]).await;
    house.server.database("other").await;
    let groups = [
        ("g_super", "ALTER ROLE g_super SUPERUSER"),
        ("g_login", "ALTER ROLE g_login LOGIN"),
        ("g_createrole", "ALTER ROLE g_createrole CREATEROLE"),
        ("g_createdb", "ALTER ROLE g_createdb CREATEDB"),
        ("g_replication", "ALTER ROLE g_replication REPLICATION"),
        ("g_bypassrls", "ALTER ROLE g_bypassrls BYPASSRLS"),
        ("g_schema", "GRANT CREATE ON SCHEMA public TO g_schema"),
        ("g_database", "GRANT CREATE ON DATABASE other TO g_database"),
        (
            "g_above",
            "CREATE ROLE above CREATEDB; GRANT above TO between; GRANT between TO g_above",
        ),
        (
            "g_programs",
            "GRANT pg_execute_server_program TO g_programs",
        ),
        (
            "g_admin",
            "GRANT orders_reader TO g_admin WITH ADMIN OPTION",
        ),
        ("g_owner", "ALTER TABLE payroll OWNER TO g_owner"),
        (
            "g_grants",
            "GRANT SELECT ON orders TO g_grants WITH GRANT OPTION",
        ),
        (
            "g_column",
            "GRANT SELECT (id) ON orders TO g_column WITH GRANT OPTION",
        ),
    ];
    house.server.admin("CREATE ROLE between").await;
    let mut roles = vec!["'g_missing'".to_owned()];
    for (name, power) in groups {
        house
            .server
            .admin(&format!("CREATE ROLE {name}; {power}"))
            .await;
        roles.push(format!("'{name}'"));
    }
    let leases = leases_of(&config(house.server.port(), &roles.join(","), ""), ORIGIN);
    for role in roles.iter().map(|role| role.trim_matches('\'')) {
        let ended = leases.make(TARGET, &lease(&leases, role, 1), b"").await;
        assert!(
            matches!(ended, Issuance::Refused("entitlement_refused")),
            "{role}: {ended:?}"
        );
    }
    assert_eq!(house.left().await, ["0", "0", "0"]);
    // A right that PUBLIC has, everybody has.
    house
        .server
        .admin("GRANT CREATE ON SCHEMA public TO PUBLIC")
        .await;
    let ended = house
        .leases
        .make(TARGET, &lease(&house.leases, "orders_reader", 1), b"")
        .await;
    assert!(
        matches!(ended, Issuance::Refused("entitlement_refused")),
        "{ended:?}"
    );
    house
        .server
        .admin(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT pg_read_all_data TO orders_reader",
        )
        .await;
    house.issued("orders_reader", 1).await;
}

#[tokio::test]
async fn what_stands_there_is_not_touched_and_nobody_can_tell() {
    let house = House::new(&[]).await;
    let (lease, credential) = house.issued("orders_reader", 1).await;
    let again = house.leases.make(TARGET, &lease, b"").await;
    assert!(matches!(again, Issuance::Unknown("lost")), "{again:?}");
    house.login(&credential, "postgres").await.unwrap();
    // A broker without the power to make roles is told so by the server: nothing was made.
    house.server.admin("ALTER ROLE broker NOCREATEROLE").await;
    let other = super::lease(&house.leases, "orders_reader", 2);
    let ended = house.leases.make(TARGET, &other, b"").await;
    assert!(
        matches!(ended, Issuance::Refused("target_refused")),
        "{ended:?}"
    );
    let ended = house.leases.make("sql:other", &other, b"").await;
    assert!(matches!(ended, Issuance::Refused("no_target")), "{ended:?}");
}

#[tokio::test]
async fn c14_the_password_is_in_no_log_of_the_server() {
    let settings = [
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_parameter_max_length", "-1"),
        ("log_connections", "on"),
        ("debug_print_parse", "on"),
    ];
    let house = House::new(&settings).await;
    let (lease, credential) = house.issued("orders_reader", 1).await;
    let client = house.login(&credential, "postgres").await.unwrap();
    client.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(house.remove(&lease).await, Removal::Gone);
    house
        .server
        .admin("SELECT 'the log is read up to here'")
        .await;
    let log = house.server.log_until("the log is read up to here");
    assert!(log.contains("CREATE ROLE") && log.contains("SCRAM-SHA-256$"));
    assert!(log.contains(&lease.recipe.handle) && log.contains("DROP ROLE"));
    assert!(!log.contains(&credential.secret));
}
