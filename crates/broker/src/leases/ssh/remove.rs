//! Puts a certificate on the list that servers read, and says that it is gone once it stands there. No server is asked: one that is
//! down reads the list before it lets anybody in again.

use gatehold_core::lease::Recipe;
use gatehold_core::ssh::SshPublicKey;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::issuer::Removal;

use super::book::{Book, Line, Revoked};
use super::files::{Locked, Trouble};
use super::{AUTHORITY, CertificateTarget, revoked, serial};
use crate::leases::handle::Handle;

/// Revokes it. Doing it again changes nothing.
pub(crate) async fn remove(
    target: &CertificateTarget,
    target_id: &str,
    recipe: &Recipe,
    handle: &Handle,
    now: Timestamp,
) -> Removal {
    let authority = recipe.parts.get(AUTHORITY);
    let authority = authority.and_then(|line| SshPublicKey::from_line(line).ok());
    let Some(authority) = authority else {
        return Removal::Remains("no_target");
    };
    // Servers read the list that it was made for: to stand on another one revokes nothing.
    if !target.gives.is_of(recipe) {
        return Removal::Remains("target_changed");
    }
    let line = Revoked {
        handle: handle.as_str().to_owned(),
        authority,
    };
    let removed = tokio::time::timeout(target.call_limit(), async {
        let locked = target.files.lock(target.lock_timeout).await?;
        let writing = tokio::task::spawn_blocking(move || revoke(&locked, line, now));
        writing.await.unwrap_or_else(|_| {
            Err(Trouble::Damaged(
                "the writing of the list broke off".to_owned(),
            ))
        })
    });
    match removed.await.unwrap_or(Err(Trouble::Timeout)) {
        Ok(true) => Removal::Gone,
        Ok(false) => Removal::Remains("target_refused"),
        Err(trouble) => {
            let handle = handle.as_str();
            tracing::warn!(target_id, handle, %trouble, "a certificate is not revoked yet");
            Removal::Remains(trouble.code())
        }
    }
}

/// Whether the list that was read back has it.
fn revoke(locked: &Locked, line: Revoked, now: Timestamp) -> Result<bool, Trouble> {
    let (authority, number) = (line.authority.clone(), serial(&line.handle));
    let there = locked.files.list()?;
    if let Some(list) = &there
        && list.contains(&authority, number)
    {
        // It may stand there since a process wrote it that died before it was on the disk.
        locked.sync_list()?;
        return Ok(true);
    }
    let book = match marked(locked, line) {
        Ok(book) => book,
        // A list that is there says all that was revoked: a log that says nothing keeps nobody's certificate alive.
        Err(trouble) if there.is_some() => {
            tracing::warn!(%trouble, "the log of certificates is not written; one is revoked without it");
            Book::default()
        }
        Err(trouble) => return Err(trouble),
    };
    let next = revoked::list(there.as_ref(), &book, &[(&authority, number)], now)?;
    let list = locked.replace_list(&next, now)?;
    Ok(list.contains(&authority, number))
}

/// The log, with this one to be revoked: first, so that a list that is lost can be written again.
fn marked(locked: &Locked, line: Revoked) -> Result<Book, Trouble> {
    let book = locked.files.book()?.unwrap_or_default();
    if !book.revoked.contains_key(&line.handle) {
        locked.append(&book, &Line::Revoked(line))?;
    }
    Ok(book)
}
