//! What this gate certified and has not revoked, whether or not anybody remembers it: from the log, which was written first.

use gatehold_core::lease::Recipe;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::issuer::NotTold;

use super::files::{Files, Trouble};
use super::{CertificateTarget, serial};
use crate::leases::handle::Prefix;

/// Every certificate that this gate can have made, is not on the list, and did not end long ago.
pub(crate) async fn found(
    target: &CertificateTarget,
    prefix: &Prefix,
    now: Timestamp,
) -> Result<Vec<Recipe>, NotTold> {
    let files = target.files.clone();
    let reading = tokio::task::spawn_blocking(move || read(&files, now));
    let issued = match tokio::time::timeout(target.call_limit(), reading).await {
        Ok(Ok(read)) => read.map_err(|trouble| NotTold(trouble.to_string()))?,
        Ok(Err(_)) => return Err(NotTold("the reading of the log broke off".to_owned())),
        Err(_elapsed) => return Err(NotTold("the disk is too slow".to_owned())),
    };
    let ours = issued
        .into_iter()
        .filter(|issued| prefix.grant(&issued.handle).is_some());
    Ok(ours
        .map(|issued| {
            target
                .gives
                .recipe(&issued.handle, &issued.principal, &issued.authority)
        })
        .collect())
}

fn read(files: &Files, now: Timestamp) -> Result<Vec<super::book::Issued>, Trouble> {
    // The log first: what is revoked meanwhile is then on the list, and not told as standing.
    let book = files.book()?;
    let list = files.list()?.unwrap_or_default();
    let Some(book) = book else {
        if list.count() == 0 {
            return Ok(Vec::new());
        }
        let text =
            "the log of what was certified is gone, and the revocation list is not: put it back";
        return Err(Trouble::Damaged(text.to_owned()));
    };
    let standing = book.issued.into_values().filter(|issued| {
        !issued.is_over(now) && !list.contains(&issued.authority, serial(&issued.handle))
    });
    Ok(standing.collect())
}
