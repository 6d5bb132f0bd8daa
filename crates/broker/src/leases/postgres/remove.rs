//! Takes a role away: first nobody can log in, then nobody is logged in, then what it left behind goes, then the role; and then the
//! server is asked whether anything of it is there. Each step is confirmed before the next, so a removal that is cut short has done
//! what it did, and the next goes on.
//!
//! INVARIANT(revoked-is-verified): `Gone` is said in one place, after the server answered every question about what is left.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehold_core::hash::Hash;
use gatehold_core::lease::Recipe;
use gatehold_gate::ports::issuer::Removal;

use super::RoleTarget;
use super::names::Name;
use super::talk::{Talk, Trouble};
use crate::sql::postgres::quote;

/// How often sessions are asked to end before it is said that some are left: twenty a second, about five seconds.
const ROUNDS_MAX: usize = 100;

/// How long a statement about a role takes at most where nobody holds it up.
const UNHINDERED: Duration = Duration::from_millis(100);

/// Ends the sessions of a role. By the login and not by the current role: SET ROLE hides nobody.
const END_SESSIONS: &str =
    "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a WHERE a.usesysid = $1";

/// Ends whoever keeps a statement of ours waiting. Nobody else has anything to change about a role of ours.
const END_HOLDERS: &str = "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a \
    WHERE a.pid = ANY (pg_blocking_pids($1)) AND a.usename <> current_user";

/// Whether the broker may end sessions of the role and drop what is its own.
const MEMBER: &str = "SELECT pg_has_role(current_user, $1::oid, 'USAGE')";

/// Prepared transactions that sessions of the role can have made, each with whom it runs as. Where SET ROLE cannot be forbidden they can
/// run as a group too; then it also counts whether somebody else could have made it.
const PREPARED: &str = "WITH RECURSIVE up(oid) AS ( \
        SELECT $1::oid UNION SELECT m.roleid FROM pg_auth_members m JOIN up ON m.member = up.oid WHERE $2) \
    SELECT p.gid, d.datname::text, r.rolname::text, p.ownerid <> $1 AND EXISTS ( \
        SELECT FROM pg_roles o WHERE o.rolcanlogin AND NOT o.rolsuper AND o.oid <> $1 AND o.rolname <> current_user \
        AND pg_has_role(o.oid, p.ownerid, 'MEMBER')) \
    FROM pg_prepared_xact() p(transaction, gid, prepared, ownerid, dbid) \
    JOIN up ON up.oid = p.ownerid JOIN pg_roles r ON r.oid = p.ownerid JOIN pg_database d ON d.oid = p.dbid \
    ORDER BY 2, 3, 1";

/// Databases in which something belongs to the role or names it.
const DATABASES: &str = "SELECT DISTINCT d.datname::text FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid \
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1 ORDER BY 1";

/// Groups that it is a member of.
const GROUPS: &str = "SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
    WHERE m.member = $1 ORDER BY 1";

/// What is left of a role that was looked up by name and, where it was still there, is known by its number. A session or a prepared
/// transaction of a role that no longer exists could be its own: nobody can tell, so it counts.
const LEFT: &str = "SELECT \
    (SELECT count(*) FROM pg_roles r WHERE r.rolname = $1::text::name OR r.oid = $2), \
    (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = $1::text::name OR a.usesysid = $2 OR $2 IS NULL \
        AND a.usesysid <> 0 AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid)), \
    (SELECT count(*) FROM pg_prepared_xact() p(transaction, gid, prepared, ownerid, dbid) WHERE p.ownerid = $2 \
        OR $2 IS NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = p.ownerid))";

/// Takes the role of this recipe away.
pub(crate) async fn remove(
    target: &RoleTarget,
    target_id: &str,
    recipe: &Recipe,
    handle: &Name,
) -> Removal {
    let limit = target.call_limit();
    let ended = match tokio::time::timeout(limit, taken_away(target, recipe, handle)).await {
        Ok(ended) => ended,
        Err(_elapsed) => Err(Trouble::timeout()),
    };
    match ended {
        Ok(()) => Removal::Gone,
        Err(trouble) => trouble.remains(target_id, handle),
    }
}

/// No error means that the server said: nothing is left.
async fn taken_away(target: &RoleTarget, recipe: &Recipe, handle: &Name) -> Result<(), Trouble> {
    let talk = Talk::open(&target.server, None).await?;
    let mut role = number(&talk, handle).await?;
    if role.is_none() {
        // Whoever is still making it is waited for. Only then: whoever has the credential could hold the lock too.
        let lock = "SELECT pg_advisory_lock($1)";
        talk.row(lock, &[&lock_of(handle)]).await?;
        role = number(&talk, handle).await?;
    }
    match role {
        Some(role) => tidy(target, &talk, handle, role).await?,
        // Not there, and perhaps never: but only at the server that it was written for.
        None if !target.gives.is_of(recipe) => {
            let text = "another server is configured than the one the role was made at: name that one until its leases are gone";
            return Err(Trouble::new("target_changed", text));
        }
        None => {}
    }
    verify(&talk, handle, role).await
}

/// Keeps making and taking away apart.
pub(crate) fn lock_of(handle: &Name) -> i64 {
    let hash = Hash::tagged("gatehold/lease/postgres", &[handle.as_str().as_bytes()]);
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

pub(super) async fn number(talk: &Talk, handle: &Name) -> Result<Option<u32>, Trouble> {
    let rows = talk
        .rows(
            "SELECT r.oid FROM pg_roles r WHERE r.rolname = $1::text::name",
            &[&handle.as_str()],
        )
        .await?;
    rows.first().map(|row| talk.get(row, 0)).transpose()
}

async fn tidy(target: &RoleTarget, talk: &Talk, handle: &Name, role: u32) -> Result<(), Trouble> {
    let quoted = handle.quoted();
    let lock_out = lock_out(handle);
    if talk.ends_sessions {
        // First: or a transaction that is prepared and holds the role's row could not be ended. Whether or not it joined, nobody logs
        // in any more.
        let joined = join(target, talk, handle, role).await;
        while_ending(target, talk, role, &lock_out).await?;
        joined?;
    } else {
        while_ending(target, talk, role, &lock_out).await?;
        join(target, talk, handle, role).await?;
    }
    end_sessions(talk, role).await?;
    end_prepared(target, talk, role).await?;
    for row in &talk.rows(GROUPS, &[&role]).await? {
        let group: String = talk.get(row, 0)?;
        let group = quote::identifier(&group);
        talk.run(&format!("REVOKE {group} FROM {quoted}")).await?;
    }
    drop_owned(target, talk, &quoted, role).await?;
    talk.run(&format!("DROP ROLE {quoted}")).await
}

pub(super) async fn join(
    target: &RoleTarget,
    talk: &Talk,
    handle: &Name,
    role: u32,
) -> Result<(), Trouble> {
    let row = talk.row(MEMBER, &[&role]).await?;
    if talk.get::<bool>(&row, 0)? {
        return Ok(());
    }
    while_ending(target, talk, role, &membership(talk, handle)).await
}

/// From then on nobody logs in as this role.
pub(super) fn lock_out(handle: &Name) -> String {
    let quoted = handle.quoted();
    format!("ALTER ROLE {quoted} NOLOGIN CONNECTION LIMIT 0 PASSWORD NULL")
}

/// Only members drop what a role owns, and end its sessions where the broker does not end everybody's. Whoever made it may become one.
pub(super) fn membership(talk: &Talk, handle: &Name) -> String {
    let (handle, own) = (handle.quoted(), quote::identifier(&talk.user));
    if talk.has_membership_options() {
        format!("GRANT {handle} TO {own} WITH INHERIT TRUE, SET TRUE")
    } else {
        format!("GRANT {handle} TO {own}")
    }
}

/// A statement about the role. A workload that changes its own password in a transaction that it leaves open, or prepares, holds the
/// role's row, and everybody who wants to change it waits: so meanwhile all that is its own is ended.
pub(super) async fn while_ending(
    target: &RoleTarget,
    talk: &Talk,
    role: u32,
    statement: &str,
) -> Result<(), Trouble> {
    let mut asked = std::pin::pin!(talk.run(statement));
    // Most are held up by nobody, and need no second conversation.
    if let Ok(done) = tokio::time::timeout(UNHINDERED, &mut asked).await {
        return done;
    }
    let ending = async {
        match Talk::open(&target.server, None).await {
            Ok(second) => keep_ending(target, &second, role, talk.process).await,
            Err(trouble) => trouble,
        }
    };
    tokio::select! {
        biased;
        done = &mut asked => done,
        // It cannot be helped along: then its own time limit decides.
        _trouble = ending => asked.await,
    }
}

/// Goes on until its caller has what it waits for, or the server refuses.
async fn keep_ending(target: &RoleTarget, second: &Talk, role: u32, waiting: i32) -> Trouble {
    loop {
        if let Err(trouble) = second.run("SELECT pg_sleep(0.1)").await {
            return trouble;
        }
        if let Err(trouble) = second.row(END_SESSIONS, &[&role]).await {
            return trouble;
        }
        // The broker may not end everybody, and whose a transaction is may be unclear: the next round tells a broken connection.
        let _ = second.row(END_HOLDERS, &[&waiting]).await;
        let _ = end_prepared(target, second, role).await;
    }
}

pub(super) async fn end_sessions(talk: &Talk, role: u32) -> Result<(), Trouble> {
    for _ in 0..ROUNDS_MAX {
        let row = talk.row(END_SESSIONS, &[&role]).await?;
        if talk.get::<i64>(&row, 0)? == 0 {
            return Ok(());
        }
        talk.run("SELECT pg_sleep(0.05)").await?;
    }
    Err(Trouble::new(
        "sessions_left",
        "sessions of the role do not end: look for them in pg_stat_activity",
    ))
}

/// A prepared transaction outlives its session with its locks, and can only be ended in its own database.
async fn end_prepared(target: &RoleTarget, talk: &Talk, role: u32) -> Result<(), Trouble> {
    let by_set_role = !talk.has_membership_options();
    let rows = talk.rows(PREPARED, &[&role, &by_set_role]).await?;
    let mut there: Option<Talk> = None;
    for row in &rows {
        let gid: String = talk.get(row, 0)?;
        let (database, owner): (String, String) = (talk.get(row, 1)?, talk.get(row, 2)?);
        if talk.get::<bool>(row, 3)? {
            let text = format!(
                "a prepared transaction of {owner} in {database} can be of the lease or of somebody else: end it by hand"
            );
            return Err(Trouble::new("prepared_left", text));
        }
        let at = match there.take() {
            Some(at) if at.database == database => at,
            _ => Talk::open(&target.server, Some(&database)).await?,
        };
        if !at.superuser {
            let owner = quote::identifier(&owner);
            at.run(&format!("SET ROLE {owner}")).await?;
        }
        at.run(&format!("ROLLBACK PREPARED {}", quote::literal(&gid)))
            .await?;
        at.run("RESET ROLE").await?;
        there = Some(at);
    }
    Ok(())
}

/// What it owns and what it was given, in every database; nothing of others that depends on it, which is then an error.
async fn drop_owned(
    target: &RoleTarget,
    talk: &Talk,
    quoted: &str,
    role: u32,
) -> Result<(), Trouble> {
    let mut databases = BTreeSet::new();
    for row in &talk.rows(DATABASES, &[&role]).await? {
        databases.insert(talk.get::<String>(row, 0)?);
    }
    let drop_here = format!("DROP OWNED BY {quoted} RESTRICT");
    databases.remove(&talk.database);
    for database in &databases {
        let at = Talk::open(&target.server, Some(database)).await?;
        at.run(&drop_here).await?;
    }
    // Here too, for what belongs to no database.
    talk.run(&drop_here).await
}

async fn verify(talk: &Talk, handle: &Name, role: Option<u32>) -> Result<(), Trouble> {
    let row = talk.row(LEFT, &[&handle.as_str(), &role]).await?;
    let left: [i64; 3] = [talk.get(&row, 0)?, talk.get(&row, 1)?, talk.get(&row, 2)?];
    match left {
        [0, 0, 0] => Ok(()),
        [0, 0, _] => Err(Trouble::new(
            "prepared_left",
            "a prepared transaction is left whose role is gone: look at pg_prepared_xacts",
        )),
        [0, _, _] => Err(Trouble::new(
            "sessions_left",
            "a session is left whose role is gone: look at pg_stat_activity",
        )),
        _ => Err(Trouble::new("target_refused", "the role is still there")),
    }
}
