//! What is planned: from the approved bytes and the configuration alone.

use super::*;

#[test]
fn the_same_is_planned_for_the_same() {
    let leases = leases_at(
        5432,
        "coarse = true\npublic_host = \"db.example\"\npublic_port = 6432",
    );
    let plan = |grant| {
        let action = action(br#"{"role": "orders_reader"}"#, |_| {});
        leases.plan(&action, grant_id(grant)).unwrap()
    };
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7).recipe.handle, plan(8).recipe.handle);
    let recipe = plan(7).recipe;
    assert_eq!(recipe.entitlement, "role orders_reader");
    assert_eq!(
        recipe.parts["host"], "127.0.0.1",
        "where the broker finds it"
    );
    assert_eq!(leases.grant_of(&recipe), Some(grant_id(7)));
    recipe.check().unwrap();
    let terms = leases.terms(TARGET).unwrap();
    assert_eq!(terms.class, plan(7).class);
    assert_eq!(terms.enforces, ["not_after", "coarse"]);
    assert_eq!(leases.targets(), [TARGET]);
    assert!(leases.terms("sql:other").is_none());
    // What another kind of broker made, or another gate, is not taken for ours.
    let token = Recipe {
        broker: "token".to_owned(),
        ..recipe.clone()
    };
    assert_eq!(leases.grant_of(&token), None);
    let roles = "'orders_reader'";
    let other = leases_of(&config(5432, roles, ""), "https://other.example");
    assert_eq!(other.grant_of(&recipe), None);
}

#[test]
fn what_is_not_given_is_said_before_anybody_decides() {
    let leases = leases_at(5432, "");
    let no = |payload: &[u8], change: fn(&mut Envelope)| {
        let planned = leases.plan(&action(payload, change), grant_id(1));
        planned.unwrap_err().to_string()
    };
    let role = br#"{"role": "orders_reader"}"#;
    for payload in [
        &br#"{"role": "postgres"}"#[..],
        br#"{"role": "orders_reader "}"#,
        br#"{"role": "ORDERS_READER"}"#,
        br#"{"role": "orders_reader", "role": "orders_writer"}"#,
        br#"{"role": "orders_reader", "admin": true}"#,
        br#"{"role": ["orders_reader"]}"#,
        br#"{"Role": "orders_reader"}"#,
        br#"["orders_reader"]"#,
        b"{}",
        b"orders_reader",
        b"",
        b"\xff",
    ] {
        let text = no(payload, |_| {});
        assert!(text.ends_with("orders_reader, orders_writer"), "{text}");
    }
    let sql = no(role, |envelope| {
        envelope.payload.media_type = "application/sql".to_owned()
    });
    assert!(sql.contains("application/json"), "{sql}");
    let caps = no(role, |envelope| {
        envelope.caps.insert("rows".to_owned(), 1);
    });
    assert!(caps.contains("no caps"), "{caps}");
    let precondition = no(role, |envelope| {
        envelope.precondition = Some("rows=1".to_owned())
    });
    assert!(precondition.contains("no precondition"), "{precondition}");
    let elsewhere = no(role, |envelope| {
        envelope.target = "sql:other".parse().unwrap()
    });
    assert!(elsewhere.contains("issues nothing"), "{elsewhere}");
}

#[tokio::test]
async fn only_what_this_gate_can_have_made_is_ever_removed() {
    // Nothing listens there: a connection would say so.
    let leases = leases_at(1, "");
    let recipe = lease(&leases, "orders_reader", 1).recipe;
    for handle in [
        "postgres",
        "gh_",
        "GH_00000000_",
        "gh_00000000_01010101010101010101010101010101",
    ] {
        let edited = Recipe {
            handle: handle.to_owned(),
            ..recipe.clone()
        };
        assert_eq!(
            leases.remove(TARGET, &edited).await,
            Removal::Remains("no_target"),
            "{handle}"
        );
    }
    // A certificate's recipe takes no role away.
    let ssh = Recipe {
        broker: "ssh".to_owned(),
        ..recipe.clone()
    };
    assert_eq!(
        leases.remove(TARGET, &ssh).await,
        Removal::Remains("no_target")
    );
    assert_eq!(
        leases.remove("sql:other", &recipe).await,
        Removal::Remains("no_target")
    );
    assert_eq!(
        leases.remove(TARGET, &recipe).await,
        Removal::Remains("unreachable")
    );
    assert!(leases.found("sql:other").await.is_err() && leases.found(TARGET).await.is_err());
}

#[test]
fn what_an_executor_tells_of_its_targets_plans_the_same_and_holds_no_secret() {
    let leases = leases_at(5432, "coarse = true");
    let told = leases.told().unwrap();
    assert!(!told.to_string().contains(CANARY));
    let places: gives::Places = serde_json::from_value(told.clone()).unwrap();
    let ask = |role: &str| action(format!(r#"{{"role":"{role}"}}"#).as_bytes(), |_| {});
    for role in ["orders_reader", "orders_writer", "payroll_reader"] {
        let (ours, theirs) = (
            leases.plan(&ask(role), grant_id(7)),
            places.plan(&ask(role), grant_id(7)),
        );
        assert_eq!(ours, theirs, "{role}");
    }
    assert_eq!(leases.terms(TARGET), places.terms(TARGET));
    let recipe = leases
        .plan(&ask("orders_reader"), grant_id(7))
        .unwrap()
        .recipe;
    assert_eq!(places.grant_of(&recipe), Some(grant_id(7)));
    // What no broker of this version says is not read.
    let mut other = told;
    other["prefix"] = "gh_".into();
    assert!(serde_json::from_value::<gives::Places>(other).is_err());
}
