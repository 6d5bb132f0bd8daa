//! Gives a role another password. The role, its rights and its end stay as they are, and a role that is not there is not made. As at its
//! making the password is never sent: what travels is what the server keeps of it.
//!
//! First nobody can log in, then nobody is logged in, and only then is there another password: whoever holds the earlier one could
//! change it from a session of theirs. Each step is confirmed before the next, and what is cut short leaves a role that lets nobody in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehold_core::lease::Lease;
use gatehold_gate::ports::issuer::Issuance;
use tokio_postgres::error::SqlState;
use zeroize::Zeroizing;

use super::issue::{credential, kept};
use super::names::Name;
use super::remove::{end_sessions, join, lock_out, number, while_ending};
use super::talk::{Talk, Trouble};
use super::{RoleTarget, entitlement, plan};
use crate::sql::postgres::quote;

/// How often logins that had begun are looked at before it is said that some are left: twenty a second.
const ROUNDS_MAX: usize = 1_500;

/// Processes that have begun to let somebody in, as whom the server does not say: each holds a transaction of its own from before it
/// reads what it keeps of the password, and stands among the sessions before that ends. From version 18 on it stands there as starting.
const COMING: &str = "SELECT l.pid FROM pg_locks l WHERE l.locktype = 'virtualxid' AND NOT EXISTS ( \
    SELECT FROM pg_stat_activity a WHERE a.pid = l.pid AND a.state IS DISTINCT FROM 'starting')";

/// Whether the role is the same one as before, and lets in.
const STANDS: &str = "SELECT count(*) FROM pg_roles r \
    WHERE r.oid = $1 AND r.rolname = $2::text::name AND r.rolcanlogin";

/// Why there is no other password, or nobody can tell.
enum No {
    /// The role is as it was.
    Unchanged(Trouble),
    Unknown(Trouble),
}

/// Gives it another password, out of these random bytes.
pub(crate) async fn rekey(
    target: &RoleTarget,
    target_id: &str,
    lease: &Lease,
    random: [u8; 32],
) -> Issuance {
    let random = Zeroizing::new(random);
    let names = Name::new(&lease.recipe.handle)
        .ok()
        .zip(plan::group(&lease.recipe.entitlement));
    let Some((handle, group)) = names else {
        return Issuance::Refused("entitlement_refused");
    };
    let password = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random));
    let limit = target.call_limit();
    let changing = change(target, lease, &handle, &group, &password);
    let no = match tokio::time::timeout(limit, changing).await {
        Ok(Ok(())) => return Issuance::Issued(credential(target, lease, &handle, &password)),
        Ok(Err(no)) => no,
        Err(_elapsed) => No::Unknown(Trouble::timeout()),
    };
    // The server's text is left out: it could repeat what it was sent of the password.
    let (trouble, unchanged) = match no {
        No::Unchanged(trouble) => (trouble, true),
        No::Unknown(trouble) => (trouble, false),
    };
    let state = trouble.state.as_ref().map_or("", SqlState::code);
    let (handle, code) = (handle.as_str(), trouble.code);
    tracing::warn!(
        target_id,
        handle,
        code,
        state,
        unchanged,
        "a role has no other password"
    );
    if unchanged {
        Issuance::Refused(code)
    } else {
        Issuance::Unknown(code)
    }
}

async fn change(
    target: &RoleTarget,
    lease: &Lease,
    handle: &Name,
    group: &Name,
    password: &str,
) -> Result<(), No> {
    let talk = Talk::open(&target.server, None).await;
    let talk = talk.map_err(No::Unchanged)?;
    let role = number(&talk, handle).await.map_err(No::Unchanged)?;
    let role = role.ok_or_else(|| No::Unchanged(Trouble::new("target_refused", "")))?;
    let too_much = entitlement::too_much(&talk, group).await;
    if let Some(why) = too_much.map_err(No::Unchanged)? {
        tracing::warn!(handle = handle.as_str(), why = ?why, "a role that is configured is not given");
        return Err(No::Unchanged(Trouble::new("entitlement_refused", "")));
    }
    shut(target, &talk, handle, role)
        .await
        .map_err(No::Unknown)?;
    let statement = Zeroizing::new(format!(
        "ALTER ROLE {} LOGIN CONNECTION LIMIT {} VALID UNTIL {} PASSWORD {}",
        handle.quoted(),
        target.connections,
        quote::literal(&lease.not_after.to_string()),
        kept(password).as_str(),
    ));
    talk.run(&statement).await.map_err(No::Unknown)?;
    let row = talk.row(STANDS, &[&role, &handle.as_str()]).await;
    let stands = row.and_then(|row| talk.get::<i64>(&row, 0));
    match stands.map_err(No::Unknown)? {
        1 => Ok(()),
        // It is being taken away.
        _ => Err(No::Unknown(Trouble::new("target_refused", ""))),
    }
}

/// Nobody logs in with the earlier password any more, nobody is logged in, and nobody who had begun to comes through.
async fn shut(target: &RoleTarget, talk: &Talk, handle: &Name, role: u32) -> Result<(), Trouble> {
    // Whoever holds the earlier one may hold the role's row: that keeps it from nothing.
    while_ending(target, talk, role, &lock_out(handle)).await?;
    if !talk.ends_sessions {
        join(target, talk, handle, role).await?;
    }
    let begun = coming(talk).await?;
    come_to_an_end(talk, &begun).await?;
    end_sessions(talk, role).await
}

/// Waits for logins that had begun. Their clients can hold them up for `authentication_timeout`.
async fn come_to_an_end(talk: &Talk, begun: &[i32]) -> Result<(), Trouble> {
    for _ in 0..ROUNDS_MAX {
        let still = coming(talk).await?;
        if !begun.iter().any(|process| still.contains(process)) {
            return Ok(());
        }
        talk.run("SELECT pg_sleep(0.05)").await?;
    }
    Err(Trouble::timeout())
}

async fn coming(talk: &Talk) -> Result<Vec<i32>, Trouble> {
    let rows = talk.rows(COMING, &[]).await?;
    rows.iter().map(|row| talk.get(row, 0)).collect()
}
