//! The list as it is to be: what is on it, what the log says was to be on it, and without what ended long ago.

use gatehold_core::ssh::{Krl, SshPublicKey};
use gatehold_core::time::Timestamp;

use super::book::Book;
use super::files::Trouble;
use super::{CERTIFICATES_MAX, serial};

/// Out of what was read, with these certificates too. A list that was lost is whole again by this.
pub(super) fn list(
    there: Option<&Krl>,
    book: &Book,
    more: &[(&SshPublicKey, u64)],
    now: Timestamp,
) -> Result<Krl, Trouble> {
    let mut next = Krl {
        version: there.map_or(0, |krl| krl.version).saturating_add(1),
        ..Krl::default()
    };
    let ends = book.ends();
    let over = |authority: &SshPublicKey, number: u64| {
        ends.get(&(authority, number))
            .is_some_and(|issued| issued.is_over(now))
    };
    for (authority, serials) in there.iter().flat_map(|krl| &krl.revoked) {
        for number in serials.iter().filter(|number| !over(authority, **number)) {
            next.insert(authority, *number);
        }
    }
    for revoked in book.revoked.values() {
        let number = serial(&revoked.handle);
        if !over(&revoked.authority, number) {
            next.insert(&revoked.authority, number);
        }
    }
    for (authority, number) in more {
        next.insert(authority, *number);
    }
    if next.count() > CERTIFICATES_MAX {
        return Err(Trouble::Damaged(format!(
            "the revocation list would hold more than {CERTIFICATES_MAX} certificates"
        )));
    }
    Ok(next)
}
