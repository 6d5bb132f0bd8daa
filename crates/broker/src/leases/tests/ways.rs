//! Who else reaches what the groups reach, at a real server with rights as they grow.

use super::*;
use crate::bypass::{SshFiles, Way, Ways, ways_round};

/// Rights that somebody gave past the gate, and two roles with none that matter.
const GROWN: &str = "CREATE ROLE dba LOGIN SUPERUSER;
    CREATE ROLE analyst LOGIN; GRANT orders_reader TO analyst;
    CREATE ROLE team; GRANT orders_writer TO team;
    CREATE ROLE member LOGIN NOINHERIT; GRANT team TO member;
    CREATE ROLE direct LOGIN; GRANT SELECT ON orders TO direct;
    CREATE ROLE totals LOGIN; GRANT SELECT (total) ON orders TO totals;
    CREATE ROLE keeper LOGIN;
    CREATE TABLE bills (id int); ALTER TABLE bills OWNER TO keeper; GRANT SELECT ON bills TO orders_reader;
    CREATE ROLE copier LOGIN REPLICATION;
    CREATE ROLE files LOGIN; GRANT pg_read_server_files TO files;
    CREATE ROLE payer LOGIN; GRANT SELECT ON payroll TO payer;
    CREATE ROLE nobody LOGIN;";

async fn ways_by(toml: &str) -> Ways {
    let targets = Targets::from_toml(toml, &|_| Some(CANARY.to_owned()));
    let targets = targets.unwrap_or_else(|errors| panic!("{errors}"));
    let id = TARGET.parse().unwrap();
    let ways = ways_round(&targets, &id, ORIGIN, &SshFiles::default()).await;
    ways.unwrap()
}

async fn ways(house: &House, more: &str) -> Ways {
    let roles = "'orders_reader', 'orders_writer'";
    ways_by(&config(house.server.port(), roles, more)).await
}

fn way<'a>(ways: &'a Ways, who: &str) -> &'a Way {
    let mut found = ways.found.iter();
    let found = found.find(|way| way.who == who);
    found.unwrap_or_else(|| panic!("{who} is not in {ways:#?}"))
}

fn names(ways: &Ways) -> Vec<&str> {
    ways.found.iter().map(|way| way.who.as_str()).collect()
}

#[tokio::test]
async fn m155_every_login_that_reaches_what_a_lease_gives_is_named_with_its_reason() {
    let house = House::new(&[]).await;
    house.server.admin(GROWN).await;
    let known = "known = [{ who = 'dba', why = 'on call' }, { who = 'gone', why = 'left' }]";
    let ways = ways(&house, known).await;
    let all = [
        "analyst", "copier", "dba", "direct", "files", "gate", "keeper", "member", "postgres",
        "totals",
    ];
    assert_eq!(names(&ways), all);
    for (who, how) in [
        (
            "analyst",
            "through orders_reader: has what this target gives",
        ),
        ("copier", "may replicate, and so copy everything"),
        ("dba", "is a superuser"),
        ("direct", "may SELECT at public.orders in postgres"),
        (
            "files",
            "through pg_read_server_files: has power over files or programs of the server",
        ),
        ("keeper", "owns public.bills in postgres"),
        (
            "member",
            "through orders_writer: has what this target gives",
        ),
        ("totals", "may SELECT at public.orders in postgres"),
    ] {
        let all = &way(&ways, who).how;
        assert!(all.iter().any(|one| one == how), "{who}: {all:?}");
    }
    assert_eq!(way(&ways, "dba").known.as_deref(), Some("on call"));
    assert_eq!(way(&ways, "gate").known, None);
    // The rules of pg_hba.conf are for superusers: what cannot be read is said.
    assert_eq!(ways.unknown.len(), 1, "{:?}", ways.unknown);
    assert!(ways.unknown[0].contains("GRANT SELECT ON pg_hba_file_rules TO broker"));
}

#[tokio::test]
async fn m155_a_right_of_everybody_is_named_once() {
    let house = House::new(&[]).await;
    house
        .server
        .admin("CREATE ROLE nobody LOGIN; GRANT SELECT ON orders TO PUBLIC")
        .await;
    let ways = ways(&house, "").await;
    assert_eq!(names(&ways), ["gate", "postgres", "public"]);
    let how = "everybody who can log in may SELECT at public.orders in postgres";
    assert_eq!(way(&ways, "public").how, [how]);
}

#[tokio::test]
async fn m155_rights_in_another_database_count() {
    let house = House::new(&[]).await;
    house.server.database("archive").await;
    let old = "CREATE TABLE old_orders (id int); GRANT SELECT ON old_orders TO orders_reader;
        CREATE ROLE archivist LOGIN; GRANT SELECT ON old_orders TO archivist;";
    house.server.admin_in("archive", old).await;
    let ways = ways(&house, "").await;
    let how = "may SELECT at public.old_orders in archive";
    assert_eq!(way(&ways, "archivist").how, [how]);
    assert!(
        ways.looked_at[0].contains("postgres, archive"),
        "{:?}",
        ways.looked_at
    );
}

#[tokio::test]
async fn m155_a_lease_is_told_from_others_and_from_one_that_was_given_more() {
    let house = House::new(&[]).await;
    let (lease, _credential) = house.issued("orders_reader", 7).await;
    let handle = lease.recipe.handle.clone();
    let seen = ways(&house, "").await;
    let found = way(&seen, &handle);
    assert_eq!((found.grant, found.like_a_lease), (Some(grant_id(7)), true));
    assert_eq!(way(&seen, "gate").grant, None);
    house
        .server
        .admin(&format!(
            "GRANT UPDATE ON orders TO {handle}; ALTER ROLE {handle} REPLICATION"
        ))
        .await;
    let seen = ways(&house, "").await;
    assert!(!way(&seen, &handle).like_a_lease, "{seen:#?}");
}

#[tokio::test]
async fn m155_rules_without_a_password_are_read_where_the_server_lets_the_broker() {
    let house = House::new(&[]).await;
    let file = house
        .server
        .admin("SELECT current_setting('hba_file')")
        .await
        .concat();
    let rules = "VALUES ('local all postgres peer'), ('host all all 127.0.0.1/32 trust'), ('host all all ::1/128 scram-sha-256'), \
        ('nonsense')";
    house
        .server
        .admin(&format!("COPY ({rules}) TO '{}'", file[0]))
        .await;
    let readable = "GRANT SELECT ON pg_hba_file_rules TO broker; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO broker";
    house.server.admin(readable).await;
    let ways = ways(
        &house,
        "known = [{ who = 'postgres', why = 'the machine itself' }]",
    )
    .await;
    let rules: Vec<&Way> = ways
        .found
        .iter()
        .filter(|way| way.who.contains("line"))
        .collect();
    assert_eq!(rules.len(), 2, "{ways:#?}");
    assert!(rules[0].who.ends_with("line 1") && rules[0].known.is_some());
    assert!(rules[1].who.ends_with("line 2") && rules[1].known.is_none());
    assert!(
        rules[1].how[0].contains("host all all 127.0.0.1 trust"),
        "{:?}",
        rules[1]
    );
    // A line that nobody can read is not taken for harmless.
    assert_eq!(ways.unknown.len(), 1, "{:?}", ways.unknown);
    assert!(ways.unknown[0].contains("line 4"));
}

#[tokio::test]
async fn m155_what_a_statement_of_the_gate_reaches_others_may_reach_too() {
    let house = House::new(&[]).await;
    house
        .server
        .admin("CREATE ROLE analyst LOGIN; GRANT orders_reader TO analyst")
        .await;
    let statements = format!(
        "[[target]]\nid = \"{TARGET}\"\nkind = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\n\
         database = \"postgres\"\nuser = \"broker\"\npassword_env = \"BROKER\"",
        house.server.port()
    );
    let ways = ways_by(&statements).await;
    assert_eq!(names(&ways), ["analyst", "gate", "postgres"]);
}

#[tokio::test]
async fn m155_what_a_target_does_not_tell_is_unknown() {
    let roles = "'orders_reader'";
    let down = ways_by(&config(1, roles, "")).await;
    assert_eq!((down.found.len(), down.unknown.len()), (0, 1));
    assert!(
        down.unknown[0].contains("unreachable"),
        "{:?}",
        down.unknown
    );
    let file = format!("[[target]]\nid = \"{TARGET}\"\nkind = \"sqlite\"\npath = \"/shop.db\"");
    let sqlite = ways_by(&file).await;
    assert_eq!((sqlite.found.len(), sqlite.unknown.len()), (0, 1));
    let house = House::new(&[]).await;
    let missing = ways_by(&config(
        house.server.port(),
        "'orders_reader', 'nowhere'",
        "",
    ))
    .await;
    assert!(
        missing.unknown.iter().any(|text| text.contains("nowhere")),
        "{missing:#?}"
    );
}

#[test]
fn who_is_known_is_named_once_with_a_reason() {
    for bad in [
        "known = ['dba']",
        "known = [{ who = 'dba' }]",
        "known = [{ who = 'dba', why = '' }]",
        "known = [{ who = 'd\\nba', why = 'x' }]",
        "known = [{ who = 'dba', why = 'x' }, { who = 'dba', why = 'y' }]",
    ] {
        let bad = bad.replace('\'', "\"");
        let toml = config(5432, "'orders_reader'", &bad);
        let read = Targets::from_toml(&toml, &|_| Some(CANARY.to_owned()));
        let errors = read.unwrap_err();
        assert!(
            errors.0.iter().all(|problem| problem.field == "known"),
            "{bad}: {errors}"
        );
    }
}
