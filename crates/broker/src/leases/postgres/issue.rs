//! Makes a role, in one transaction. The password is drawn here and never sent: what travels is what the server would keep of it,
//! so that no log of the server, and nobody who listens, learns it (threat C14).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehold_core::lease::Lease;
use gatehold_gate::ports::issuer::{Credential, Issuance};
use postgres_protocol::password::scram_sha_256;
use tokio_postgres::error::SqlState;
use zeroize::Zeroizing;

use super::names::Name;
use super::remove::{lock_of, membership};
use super::talk::{Talk, Trouble};
use super::{RoleTarget, entitlement, plan};
use crate::sql::postgres::quote;

/// The first version in which a role has no say over its own members.
const VERSION_MIN: i32 = 15_00_00;

/// Makes it, with a password out of these random bytes.
pub(crate) async fn issue(
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
    let made = tokio::time::timeout(
        target.call_limit(),
        make(target, lease, &handle, &group, &password),
    );
    let no = match made.await {
        Ok(Ok(())) => return Issuance::Issued(credential(target, lease, &handle, &password)),
        Ok(Err(no)) => no,
        Err(_elapsed) => No::Unknown(Trouble::timeout()),
    };
    no.said(target_id, &handle)
}

/// Why no role was made, or nobody can tell.
enum No {
    /// The group is not to be given.
    Group(String),
    /// The server's word that nothing happened.
    Refused(Trouble),
    Unknown(Trouble),
}

impl No {
    fn said(self, target_id: &str, handle: &Name) -> Issuance {
        let handle = handle.as_str();
        match self {
            Self::Group(why) => {
                tracing::warn!(target_id, handle, why = ?why, "a role that is configured is not given");
                Issuance::Refused("entitlement_refused")
            }
            // The server's text is left out: it could repeat what it was sent of the password.
            Self::Refused(trouble) => {
                let state = trouble.state.as_ref().map_or("", SqlState::code);
                tracing::warn!(target_id, handle, state, "the database makes no role");
                Issuance::Refused("target_refused")
            }
            Self::Unknown(trouble) => {
                let state = trouble.state.as_ref().map_or("", SqlState::code);
                tracing::warn!(
                    target_id,
                    handle,
                    code = trouble.code,
                    state,
                    "nobody can tell whether a role was made"
                );
                Issuance::Unknown(match trouble.code {
                    "unreachable" | "timeout" => trouble.code,
                    _ => "lost",
                })
            }
        }
    }

    /// In the transaction, before COMMIT. A role of that name that came meanwhile is not known to be ours.
    fn before_commit(trouble: Trouble) -> Self {
        let there = [SqlState::DUPLICATE_OBJECT, SqlState::UNIQUE_VIOLATION];
        match &trouble.state {
            Some(state) if there.contains(state) => Self::Unknown(Trouble::new("lost", "")),
            Some(_) if trouble.rolled_back && trouble.code != "timeout" => Self::Refused(trouble),
            _ => Self::Unknown(trouble),
        }
    }
}

async fn make(
    target: &RoleTarget,
    lease: &Lease,
    handle: &Name,
    group: &Name,
    password: &str,
) -> Result<(), No> {
    // Until the server was asked whether the role is there, nobody can tell: an earlier attempt may have made it.
    let talk = Talk::open(&target.server, None)
        .await
        .map_err(No::Unknown)?;
    talk.run("BEGIN").await.map_err(No::Unknown)?;
    // Whoever takes this role away waits until this transaction is over, even one whose COMMIT nobody waits for any more.
    let lock = "SELECT pg_advisory_xact_lock($1)";
    let asked = talk.row(lock, &[&lock_of(handle)]).await;
    asked.map_err(No::Unknown)?;
    let there = "SELECT count(*) FROM pg_roles r WHERE r.rolname = $1::text::name";
    let row = talk
        .row(there, &[&handle.as_str()])
        .await
        .map_err(No::Unknown)?;
    if talk.get::<i64>(&row, 0).map_err(No::Unknown)? != 0 {
        return Err(No::Unknown(Trouble::new("lost", "")));
    }
    if let Some(why) = too_old(talk.version) {
        return Err(No::Group(why));
    }
    match entitlement::too_much(&talk, group).await {
        Ok(None) => {}
        Ok(Some(why)) => return Err(No::Group(why)),
        Err(trouble) => return Err(No::before_commit(trouble)),
    }
    let mut statements = vec![
        create(target, lease, handle, password),
        grant(&talk, handle, group),
    ];
    // Now, while nobody holds the credential: later its holder could keep the broker from it, unless the broker ends sessions without. Then
    // it joins for the removal only: with each change of a membership a server looks through all that the broker has.
    if !talk.superuser && !talk.ends_sessions {
        statements.push(membership(&talk, handle));
    }
    for statement in statements {
        talk.run(&statement).await.map_err(No::before_commit)?;
    }
    commit(&talk).await
}

/// Before version 15 a role decides who its members are, and so could keep the broker from ending its sessions.
fn too_old(version: i32) -> Option<String> {
    (version < VERSION_MIN).then(|| {
        let major = version / 10_000;
        format!("the server is of version {major}, and no role is made before version 15")
    })
}

/// After COMMIT was sent, only the server's answer tells whether it happened.
async fn commit(talk: &Talk) -> Result<(), No> {
    talk.run("COMMIT").await.map_err(|trouble| {
        if trouble.rolled_back && trouble.code != "timeout" {
            No::Refused(trouble)
        } else {
            No::Unknown(Trouble::new("lost", trouble.said))
        }
    })
}

/// INHERIT, because a workload's program does not say SET ROLE.
fn create(target: &RoleTarget, lease: &Lease, handle: &Name, password: &str) -> String {
    format!(
        "CREATE ROLE {} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS \
         CONNECTION LIMIT {} VALID UNTIL {} PASSWORD {}",
        handle.quoted(),
        target.connections,
        quote::literal(&lease.not_after.to_string()),
        kept(password).as_str(),
    )
}

/// What the server keeps of a password, as it stands in a statement. The salt is drawn by the library; it is no secret.
pub(super) fn kept(password: &str) -> Zeroizing<String> {
    let verifier = Zeroizing::new(scram_sha_256(password.as_bytes()));
    Zeroizing::new(quote::literal(&verifier))
}

/// A membership that is inherited and cannot be passed on. Where the server can say so it cannot be taken up by SET ROLE either:
/// whatever the lease makes is then its own, and found by its name.
fn grant(talk: &Talk, handle: &Name, group: &Name) -> String {
    let (group, handle) = (group.quoted(), handle.quoted());
    if talk.has_membership_options() {
        format!("GRANT {group} TO {handle} WITH ADMIN FALSE, INHERIT TRUE, SET FALSE")
    } else {
        format!("GRANT {group} TO {handle}")
    }
}

pub(super) fn credential(
    target: &RoleTarget,
    lease: &Lease,
    handle: &Name,
    password: &str,
) -> Credential {
    let (host, port) = &target.public;
    // As strictly as the broker itself makes sure of the server.
    let tls = match target.server.tls {
        Some(_) => "verify-full",
        None => "prefer",
    };
    Credential {
        kind: "postgres_login",
        public: vec![
            ("host", host.clone()),
            ("port", port.to_string()),
            ("database", target.gives.database.clone()),
            ("user", handle.as_str().to_owned()),
            ("sslmode", tls.to_owned()),
            ("expires", lease.not_after.to_string()),
        ],
        secret: password.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_is_made_where_it_could_shut_the_broker_out() {
        assert!(too_old(14_00_18).is_some_and(|why| why.contains("version 14,")));
        assert!(too_old(9_06_24).is_some());
        assert_eq!(too_old(15_00_00), None);
        assert_eq!(too_old(17_00_02), None);
    }
}
