//! Shuts many roles at once: nobody logs in as one of them any more, and whoever is logged in is thrown out. What cannot be done at once
//! is left to the removal of each, and what is done is confirmed there: here nothing is said, and nothing has to be on disk.

use super::RoleTarget;
use super::names::Name;
use super::remove::lock_out;
use super::talk::{Talk, Trouble};

/// A role whose row somebody holds is left alone soon: others wait behind it. And nobody rests on it, so that no disk is waited for.
const HASTE: &str = "SET lock_timeout = '100ms'; SET synchronous_commit = off";

/// Ends the sessions of these roles, as far as the broker may. By the login and not by the current role: SET ROLE hides nobody.
const END_SESSIONS: &str = "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a \
    JOIN pg_roles r ON r.oid = a.usesysid WHERE r.rolname::text = ANY ($1) \
    AND ($2 OR pg_has_role(current_user, r.oid, 'USAGE'))";

/// Shuts the roles of these names.
pub(crate) async fn shut(target: &RoleTarget, target_id: &str, handles: &[Name]) {
    let shutting = tokio::time::timeout(target.call_limit(), all(target, handles));
    match shutting.await.unwrap_or_else(|_| Err(Trouble::timeout())) {
        Ok(()) => {
            let many = handles.len();
            tracing::info!(target_id, many, "roles are shut that are to be taken away");
        }
        Err(trouble) => {
            let (code, said) = (trouble.code, &trouble.said);
            tracing::warn!(
                target_id,
                code,
                ?said,
                "roles are not shut before each is taken away"
            );
        }
    }
}

async fn all(target: &RoleTarget, handles: &[Name]) -> Result<(), Trouble> {
    let talk = Talk::open(&target.server, None).await?;
    talk.run(HASTE).await?;
    // First: a session that changes its own role holds the role's row.
    end_sessions(&talk, handles).await?;
    for handle in handles {
        // It may be gone, or held: then its own removal sees to it. Where nothing is answered, nothing more is asked.
        match talk.run(&lock_out(handle)).await {
            Err(trouble) if trouble.state.is_none() => return Err(trouble),
            Ok(()) | Err(_) => {}
        }
    }
    end_sessions(&talk, handles).await
}

async fn end_sessions(talk: &Talk, handles: &[Name]) -> Result<(), Trouble> {
    let names: Vec<&str> = handles.iter().map(Name::as_str).collect();
    talk.row(END_SESSIONS, &[&names, &talk.ends_sessions])
        .await
        .map(drop)
}
