//! Who at the server reaches what this target gives without asking the gate. Only asks: nothing is changed, and everything that it
//! asks for but the rules of `pg_hba.conf` every role may read.
//!
//! It counts what a role could take up, not what it has now: a membership that is not inherited, one that may only be passed on, and
//! on old servers the right to create roles.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_gate::ports::issuer::NotTold;
use tokio_postgres::error::SqlState;

use super::talk::{Talk, Trouble};
use crate::sql::postgres::PostgresTarget;

/// Most reasons that are told of one database.
const REASONS_MAX: usize = 10_000;
/// Most databases beside the configured one.
const DATABASES_MAX: usize = 100;
/// Most rules of `pg_hba.conf` that are told.
const RULES_MAX: usize = 1_000;

/// What stands for everybody who can log in: no role can have this name.
pub(crate) const EVERYBODY: &str = "public";

/// How the reason ends for which a lease reaches what the target gives: through its group.
pub(crate) const AS_A_LEASE: &str = ": has what this target gives";

/// The roles of $1 with everything above them.
const CLOSURES: &str = "WITH RECURSIVE aim(oid) AS ( \
        SELECT r.oid FROM pg_roles r WHERE r.rolname::text = ANY ($1::text[]) \
        UNION SELECT m.roleid FROM pg_auth_members m JOIN aim ON m.member = aim.oid)";

/// Each login but those of $2 with everything that it can become; tables and views that the roles of $1 may use, who owns them, and
/// who may use them too. Functions, sequences, foreign servers and large
/// objects are not looked at.
const REASONS: &str = ", reach(login, oid) AS ( \
        SELECT r.oid, r.oid FROM pg_roles r WHERE r.rolcanlogin AND r.rolname::text <> ALL ($2::text[]) \
        UNION SELECT reach.login, m.roleid FROM reach JOIN pg_auth_members m ON m.member = reach.oid), \
    things(oid, name, owner, place, priv) AS ( \
        SELECT DISTINCT c.oid, n.nspname::text || '.' || c.relname::text, c.relowner, n.oid, p.priv \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN aim \
        CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) p(priv) \
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' \
        AND NOT starts_with(n.nspname::text, 'pg_') \
        AND CASE WHEN p.priv IN ('DELETE', 'TRUNCATE') THEN has_table_privilege(aim.oid, c.oid, p.priv) \
            ELSE has_any_column_privilege(aim.oid, c.oid, p.priv) END), \
    everybody(oid, name, priv) AS ( \
        SELECT t.oid, t.name, t.priv FROM things t WHERE has_schema_privilege('public'::name, t.place, 'USAGE') \
        AND CASE WHEN t.priv IN ('DELETE', 'TRUNCATE') THEN has_table_privilege('public'::name, t.oid, t.priv) \
            ELSE has_any_column_privilege('public'::name, t.oid, t.priv) END), \
    above(login) AS ( \
        SELECT reach.login FROM reach JOIN pg_roles u ON u.oid = reach.oid \
        WHERE u.rolsuper OR u.oid IN (SELECT aim.oid FROM aim)), \
    direct(login, name, priv) AS ( \
        SELECT DISTINCT reach.login, t.name, t.priv FROM things t CROSS JOIN reach \
        WHERE reach.login NOT IN (SELECT above.login FROM above) \
        AND NOT EXISTS (SELECT FROM everybody e WHERE e.oid = t.oid AND e.priv = t.priv) \
        AND has_schema_privilege(reach.oid, t.place, 'USAGE') \
        AND CASE WHEN t.priv IN ('DELETE', 'TRUNCATE') THEN has_table_privilege(reach.oid, t.oid, t.priv) \
            ELSE has_any_column_privilege(reach.oid, t.oid, t.priv) END) \
    SELECT r.rolname::text AS who, \
        CASE WHEN u.oid = r.oid THEN '' ELSE 'through ' || u.rolname::text || ': ' END || why.how AS how \
    FROM reach JOIN pg_roles r ON r.oid = reach.login JOIN pg_roles u ON u.oid = reach.oid CROSS JOIN LATERAL (VALUES \
        (u.rolsuper, 'is a superuser'), \
        (u.rolcreaterole AND $3::bool, 'may create roles, and so become each that is no superuser'), \
        (u.rolreplication, 'may replicate, and so copy everything'), \
        (u.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'), \
            'has power over files or programs of the server'), \
        (u.oid IN (SELECT aim.oid FROM aim), 'has what this target gives') \
    ) AS why(so, how) WHERE why.so \
    UNION ALL SELECT r.rolname::text, 'owns ' || min(t.name) \
        || CASE WHEN count(DISTINCT t.name) > 1 THEN ' and ' || (count(DISTINCT t.name) - 1)::text || ' more' ELSE '' END \
        || ' in ' || current_database()::text \
        FROM reach JOIN pg_roles r ON r.oid = reach.login JOIN things t ON t.owner = reach.oid GROUP BY r.rolname \
    UNION ALL SELECT r.rolname::text, 'may ' || string_agg(DISTINCT d.priv, ', ') || ' at ' || min(d.name) \
        || CASE WHEN count(DISTINCT d.name) > 1 THEN ' and ' || (count(DISTINCT d.name) - 1)::text || ' more' ELSE '' END \
        || ' in ' || current_database()::text \
        FROM direct d JOIN pg_roles r ON r.oid = d.login GROUP BY r.rolname \
    UNION ALL SELECT 'public', 'everybody who can log in may ' || string_agg(DISTINCT e.priv, ', ') || ' at ' || min(e.name) \
        || CASE WHEN count(DISTINCT e.name) > 1 THEN ' and ' || (count(DISTINCT e.name) - 1)::text || ' more' ELSE '' END \
        || ' in ' || current_database()::text \
        FROM everybody e HAVING count(*) > 0 \
    ORDER BY 1, 2 LIMIT $4";

/// Databases beside this one in which the roles of $1 have rights; all, where one of them is predefined.
const DATABASES: &str = "SELECT d.datname::text FROM pg_database d \
    WHERE d.datallowconn AND d.datname <> current_database() AND ( \
        EXISTS (SELECT FROM pg_shdepend s JOIN aim ON aim.oid = s.refobjid \
            WHERE s.dbid = d.oid AND s.refclassid = 'pg_authid'::regclass) \
        OR EXISTS (SELECT FROM aim JOIN pg_roles g ON g.oid = aim.oid WHERE starts_with(g.rolname::text, 'pg_'))) \
    ORDER BY 1 LIMIT $2";

const MISSING: &str = "SELECT a.name FROM unnest($1::text[]) a(name) \
    WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname::text = a.name) ORDER BY 1";

/// Rules by which somebody logs in without a password, as the files are now; and what the server cannot read of them.
const RULES: &str = "SELECT h.line_number, to_jsonb(h) ->> 'file_name', h.type, array_to_string(h.database, ','), h.user_name, \
        h.address, h.auth_method, h.error \
    FROM pg_hba_file_rules h WHERE h.error IS NOT NULL OR h.auth_method IN ('trust', 'peer', 'ident') \
    ORDER BY 2 NULLS FIRST, 1 LIMIT $1";

/// One rule by which somebody logs in without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its file, where the server says so, and line.
    pub(crate) place: String,
    /// What it says.
    pub(crate) text: String,
    /// Whom it lets in, as it names them.
    pub(crate) users: Vec<String>,
}

/// What the server said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// As whom the gate itself logs in.
    pub(crate) user: String,
    /// Whether that is a superuser.
    pub(crate) superuser: bool,
    /// Each login with every reason why it reaches what this target gives.
    pub(crate) roles: BTreeMap<String, BTreeSet<String>>,
    /// Who gets in without a password.
    pub(crate) rules: Vec<Rule>,
    /// Which databases were looked at.
    pub(crate) databases: Vec<String>,
    /// What could not be read, and what to do about it.
    pub(crate) unknown: Vec<String>,
}

/// Asks the server. Without groups it is what the gate's own login reaches that counts. Each step has a time limit, and there are only
/// so many.
pub(crate) async fn look(
    server: &PostgresTarget,
    groups: Option<Vec<String>>,
    own: &BTreeSet<String>,
) -> Result<Seen, NotTold> {
    let asked = ask(server, groups, own).await;
    asked.map_err(|trouble| NotTold(format!("{}: {}", trouble.code, trouble.said)))
}

async fn ask(
    server: &PostgresTarget,
    groups: Option<Vec<String>>,
    own: &BTreeSet<String>,
) -> Result<Seen, Trouble> {
    let talk = Talk::open(server, None).await?;
    let mut seen = Seen {
        user: talk.user.clone(),
        superuser: talk.superuser,
        ..Seen::default()
    };
    let aims = groups.unwrap_or_else(|| vec![talk.user.clone()]);
    let mut own: Vec<String> = own.iter().cloned().collect();
    own.push(talk.user.clone());
    for row in &talk.rows(MISSING, &[&aims]).await? {
        let name: String = talk.get(row, 0)?;
        seen.unknown.push(format!(
            "who reaches what {name} may: there is no such role at the server. Make it, or take it out of the target"
        ));
    }
    reasons(&talk, &aims, &own, &mut seen).await?;
    for database in others(&talk, &aims, &mut seen).await? {
        let looked = async {
            let there = Talk::open(server, Some(&database)).await?;
            reasons(&there, &aims, &own, &mut seen).await
        }
        .await;
        if let Err(trouble) = looked {
            seen.unknown.push(format!(
                "who reaches what the groups may in the database {database}: {}. Let {} connect to it",
                trouble.said, seen.user
            ));
        }
    }
    rules(&talk, &mut seen).await?;
    Ok(seen)
}

async fn reasons(
    talk: &Talk,
    aims: &[String],
    own: &[String],
    seen: &mut Seen,
) -> Result<(), Trouble> {
    let asked = format!("{CLOSURES}{REASONS}");
    let creates_all = !talk.has_membership_options();
    let rows = talk
        .rows(&asked, &[&aims, &own, &creates_all, &limit(REASONS_MAX)])
        .await?;
    for row in rows.iter().take(REASONS_MAX) {
        let (who, how): (String, String) = (talk.get(row, 0)?, talk.get(row, 1)?);
        seen.roles.entry(who).or_default().insert(how);
    }
    if rows.len() > REASONS_MAX {
        seen.unknown.push(format!(
            "whoever comes after the first {REASONS_MAX} in {}: take rights away, and look again",
            talk.database
        ));
    }
    seen.databases.push(talk.database.clone());
    Ok(())
}

async fn others(talk: &Talk, aims: &[String], seen: &mut Seen) -> Result<Vec<String>, Trouble> {
    let asked = format!("{CLOSURES} {DATABASES}");
    let rows = talk.rows(&asked, &[&aims, &limit(DATABASES_MAX)]).await?;
    let names: Result<Vec<String>, Trouble> = rows.iter().map(|row| talk.get(row, 0)).collect();
    let mut names = names?;
    if names.len() > DATABASES_MAX {
        names.truncate(DATABASES_MAX);
        seen.unknown.push(format!(
            "who reaches what the groups may in more than {DATABASES_MAX} databases: give the groups rights in fewer"
        ));
    }
    Ok(names)
}

/// Only a superuser, or whoever was let, reads them.
async fn rules(talk: &Talk, seen: &mut Seen) -> Result<(), Trouble> {
    let rows = match talk.rows(RULES, &[&limit(RULES_MAX)]).await {
        Ok(rows) => rows,
        Err(trouble) if trouble.state == Some(SqlState::INSUFFICIENT_PRIVILEGE) => {
            let text = format!(
                "who logs in without a password: {} may not read the rules of pg_hba.conf. In the database {}: GRANT SELECT ON \
                 pg_hba_file_rules TO {}; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {}",
                seen.user, talk.database, seen.user, seen.user
            );
            seen.unknown.push(text);
            return Ok(());
        }
        Err(trouble) => return Err(trouble),
    };
    for row in rows.iter().take(RULES_MAX) {
        let line: Option<i32> = talk.get(row, 0)?;
        let file: Option<String> = talk.get(row, 1)?;
        let file = file.unwrap_or_else(|| "pg_hba.conf".to_owned());
        let place = line.map_or_else(|| file.clone(), |line| format!("{file} line {line}"));
        let error: Option<String> = talk.get(row, 7)?;
        if let Some(error) = error {
            seen.unknown.push(format!(
                "who logs in by {place}: the server cannot read it: {error}. Put it right"
            ));
            continue;
        }
        let part = |column| talk.get::<Option<String>>(row, column);
        let (kind, databases) = (part(2)?, part(3)?);
        let (address, method) = (part(5)?, part(6)?);
        let users: Option<Vec<String>> = talk.get(row, 4)?;
        let users = users.unwrap_or_default();
        let names = users.join(",");
        let parts = [kind, databases, Some(names), address, method];
        let text: Vec<String> = parts.into_iter().flatten().collect();
        seen.rules.push(Rule {
            place,
            text: text.join(" "),
            users,
        });
    }
    if rows.len() > RULES_MAX {
        let text = format!("rules of pg_hba.conf after the first {RULES_MAX} without a password");
        seen.unknown
            .push(format!("{text}: take some away, and look again"));
    }
    Ok(())
}

/// One more than is told, so that more are noticed.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1)
}
