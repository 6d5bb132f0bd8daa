//! The links of a gate's chain of trust: asked for, and kept between one command and the next.
//!
//! Nothing here believes a link. What is kept was folded under the pinned root before, and is folded again like any other.

use std::path::{Path, PathBuf};

use gatehold_client::Client;
use gatehold_client::wire::{TrustLink, TrustLinks};
use gatehold_core::hash::Hash;

use crate::exit::Failure;
use crate::files;
use crate::profile::Profile;

/// Most bytes of links that are taken from a gate.
const BYTES_MAX: usize = 256 << 20;

/// Asks for the links after those that are here, until there are no more.
pub(super) async fn fetch(client: &Client, links: &mut Vec<TrustLink>) -> Result<(), Failure> {
    let next = "check that the URL is that of your gate, and tell its operators";
    let mut bytes = 0_usize;
    loop {
        let after = links.last().map(|link| link.leaf);
        let page = client.trust_links(after).await?;
        if page.more && page.links.is_empty() {
            let cause = "the gate says that its chain of trust goes on, and gives no link";
            return Err(Failure::verification(cause, next));
        }
        for link in page.links {
            if links.last().is_some_and(|last| link.leaf <= last.leaf) {
                let cause = "the links of the gate's chain of trust are out of order";
                return Err(Failure::verification(cause, next));
            }
            bytes = bytes.saturating_add(link.evidence.0.len());
            links.push(link);
        }
        if bytes > BYTES_MAX {
            let cause = format!("the gate's chain of trust has more than {BYTES_MAX} bytes");
            return Err(Failure::verification(cause, next));
        }
        if !page.more {
            return Ok(());
        }
    }
}

/// Where the links of this root are kept.
pub(super) fn place(profile: &Profile, root: Hash) -> PathBuf {
    profile
        .home
        .join("trust")
        .join(format!("{}.json", root.hex()))
}

/// The links that had force before. They are verified again like any other; what cannot be read is fetched anew.
pub(super) fn kept(place: &Path) -> Vec<TrustLink> {
    let read = std::fs::read(place).ok();
    let read = read.and_then(|bytes| serde_json::from_slice::<TrustLinks>(&bytes).ok());
    read.unwrap_or_default().links
}

/// Keeps them for the next time: those that have force and no others. One without never gets any, and its number, which nobody
/// signed, could leave no room for those that come. A folder that cannot be written only makes that slower, and forgetful.
pub(super) fn keep(place: &Path, links: Vec<TrustLink>) {
    let all = TrustLinks { links, more: false };
    // Several commands may keep at once, each in a file of its own until it is whole.
    let own = place.with_added_extension(std::process::id().to_string());
    let written = place
        .parent()
        .map_or(Ok(()), files::private_folder)
        .and_then(|()| {
            let bytes =
                serde_json::to_vec(&all).map_err(|error| Failure::fault(error, "report this"))?;
            files::replace_secret(&own, &bytes)
        })
        .and_then(|()| std::fs::rename(&own, place).map_err(|error| Failure::file(place, &error)));
    if let Err(failure) = written {
        tracing::debug!(%failure, "the links of the chain of trust are not kept");
    }
}
