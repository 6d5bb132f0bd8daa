//! Certifies a key: what is about to be signed is written to the log first, and nothing is signed that could not be revoked.

use gatehold_core::lease::Lease;
use gatehold_core::ssh::{SshSecretKey, UserCertificate};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::issuer::{Credential, Issuance};

use super::book::{Issued, Line};
use super::files::{Locked, Trouble};
use super::plan::{Wanted, wanted};
use super::{CERTIFICATES_MAX, CertificateTarget, authority, revoked, serial};

/// How much earlier than now a certificate is valid: the clock of a server may be late.
const SKEW_SECONDS: i64 = 60;
/// From how many that ended long ago on the log is written again without them.
const OVER_MAX: usize = 1_000;

/// Certifies what the approved bytes ask for, with a nonce out of these random bytes.
pub(crate) async fn issue(
    target: &CertificateTarget,
    target_id: &str,
    lease: &Lease,
    payload: &[u8],
    (nonce, now): ([u8; 32], Timestamp),
) -> Issuance {
    let handle = lease.recipe.handle.as_str();
    let refused = |code, why: &str| {
        tracing::warn!(target_id, handle, why, "nothing is certified");
        Issuance::Refused(code)
    };
    let wanted = match wanted(&target.gives, payload) {
        Ok(wanted) => wanted,
        Err(error) => return refused("entitlement_refused", &error.to_string()),
    };
    let certificate = certificate(target, lease, &wanted, nonce, now);
    if let Err(error) = certificate.check() {
        return refused("entitlement_refused", &error.to_string());
    }
    let file = target.authority_file.clone();
    let key = match tokio::task::spawn_blocking(move || authority(&file)).await {
        Ok(Ok(key)) if key.public_key() == target.gives.authority => key,
        Ok(Ok(_)) => {
            let why = "the file holds another key than when the gate was started: start it again";
            return refused("target_refused", why);
        }
        Ok(Err(error)) => return refused("target_refused", &error.to_string()),
        Err(_) => return refused("target_refused", "the reading of the key broke off"),
    };
    let line = Issued {
        handle: handle.to_owned(),
        principal: wanted.principal.as_str().to_owned(),
        authority: target.gives.authority.clone(),
        not_after: lease.not_after,
    };
    match logged(target, line, now).await {
        Logged::Yes => sign(target, lease, &certificate, &key)
            .unwrap_or_else(|error| refused("entitlement_refused", &error.to_string())),
        Logged::No(trouble) => refused("target_refused", &trouble.to_string()),
        Logged::Unknown(code) => {
            tracing::warn!(
                target_id,
                handle,
                code,
                "nobody can tell whether it was certified"
            );
            Issuance::Unknown(code)
        }
    }
}

/// What is certified.
fn certificate<'a>(
    target: &'a CertificateTarget,
    lease: &'a Lease,
    wanted: &'a Wanted,
    nonce: [u8; 32],
    now: Timestamp,
) -> UserCertificate<'a> {
    // Before 1970 nothing is valid; and a server counts the second of the end as over.
    let seconds = |seconds: i64| u64::try_from(seconds).unwrap_or(0);
    UserCertificate {
        nonce,
        key: &wanted.key,
        serial: serial(&lease.recipe.handle),
        key_id: &lease.recipe.handle,
        principal: wanted.principal.as_str(),
        command: wanted.command.as_str(),
        source_addresses: &target.source_addresses,
        valid_after: seconds(now.seconds().saturating_sub(SKEW_SECONDS)),
        valid_before: seconds(lease.not_after.seconds()),
    }
}

fn sign(
    target: &CertificateTarget,
    lease: &Lease,
    certificate: &UserCertificate<'_>,
    key: &SshSecretKey,
) -> Result<Issuance, gatehold_core::ssh::CertificateError> {
    // It is no secret: nobody can use it without the workload's own key. It is handed over once all the same.
    let secret = certificate.sign(key)?;
    Ok(Issuance::Issued(Credential {
        kind: "ssh_certificate",
        public: vec![
            ("hosts", target.hosts.join(", ")),
            ("user", certificate.principal.to_owned()),
            ("from", certificate.source_addresses.to_owned()),
            ("key_id", certificate.key_id.to_owned()),
            ("serial", certificate.serial.to_string()),
            ("expires", lease.not_after.to_string()),
        ],
        secret,
    }))
}

/// Whether it is on the disk that something is about to be signed.
enum Logged {
    Yes,
    /// Nothing is.
    No(Trouble),
    /// It may be, or was before.
    Unknown(&'static str),
}

async fn logged(target: &CertificateTarget, line: Issued, now: Timestamp) -> Logged {
    let locked = match target.files.lock(target.lock_timeout).await {
        Ok(locked) => locked,
        Err(trouble) => return Logged::No(trouble),
    };
    let writing = tokio::task::spawn_blocking(move || log(&locked, line, now));
    match tokio::time::timeout(target.call_limit(), writing).await {
        Ok(Ok(logged)) => logged.unwrap_or_else(Logged::No),
        Ok(Err(_)) => Logged::Unknown("lost"),
        Err(_elapsed) => Logged::Unknown("timeout"),
    }
}

fn log(locked: &Locked, line: Issued, now: Timestamp) -> Result<Logged, Trouble> {
    let there = locked.files.list()?;
    let mut book = locked.files.book()?.unwrap_or_default();
    // An earlier attempt may have signed: what stands is never altered.
    let known = book.issued.contains_key(&line.handle) || book.revoked.contains_key(&line.handle);
    if known {
        return Ok(Logged::Unknown("lost"));
    }
    let list = revoked::list(there.as_ref(), &book, &[], now)?;
    let number = serial(&line.handle);
    let taken = list.contains(&line.authority, number)
        || book.ends().contains_key(&(&line.authority, number));
    if taken {
        let text = "another certificate has this serial number: ask again";
        return Err(Trouble::Damaged(text.to_owned()));
    }
    let living = book.issued.len().saturating_sub(book.count_over(now));
    if list.count().saturating_add(living) >= CERTIFICATES_MAX {
        let text =
            "the revocation list may have no room for one more: wait until others have ended";
        return Err(Trouble::Damaged(text.to_owned()));
    }
    // A server that finds no list lets nobody in.
    if there.is_none() {
        locked.replace_list(&list, now)?;
    }
    if book.count_over(now) >= OVER_MAX {
        // The list first: it forgets by what the log knows.
        locked.replace_list(&list, now)?;
        let bytes = book.without_over(now)?;
        locked.replace_log(&bytes)?;
        book.whole = bytes.len();
    }
    locked.append(&book, &Line::Issued(line))?;
    Ok(Logged::Yes)
}
