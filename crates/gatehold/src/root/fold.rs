//! The fold of a gate's chain of trust under a pinned root, signature by signature, to the bundle that people approved; and what a
//! terminal says when the links lead nowhere.

use gatehold_client::wire::{Base64Bytes, TrustLink};
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::Origin;
use gatehold_gate::{Folding, RootedError, TrustLink as Link};
use gatehold_policy::Definitions;

use super::Rooted;
use crate::exit::{Exit, Failure};

/// Folds the links under this root. Gives what follows from them, and those that have force.
///
/// # Errors
/// Verification failed, when they do not lead from that root to a bundle, or people signed under another chain than this.
pub(super) fn fold(
    origin: &Origin,
    root: Hash,
    links: Vec<TrustLink>,
) -> Result<(Rooted, Vec<TrustLink>), Failure> {
    let mut folding = Folding::new(root);
    for link in links {
        folding.take(taken(link)).map_err(said)?;
    }
    let directory = folding.directory().cloned();
    let (past, bundles, links) = folding.into_parts();
    let (Some(directory), Some((_, bytes))) = (directory, bundles.last()) else {
        return Err(not_this_root(root, "it shows no link at all"));
    };
    ensure_origin(&directory, origin)?;
    let active = Definitions::from_bytes(bytes).map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        Failure::verification(
            format!(
                "the active bundle cannot be read: {}",
                first.unwrap_or_default()
            ),
            "install the gatehold that the gate runs, and look again",
        )
    })?;
    let rooted = Rooted {
        root,
        first_use: false,
        directory,
        past,
        active,
        bundles,
    };
    Ok((rooted, links.into_iter().map(given).collect()))
}

fn taken(link: TrustLink) -> Link {
    Link {
        leaf: link.leaf,
        evidence: link.evidence.0,
        bundle: link.bundle.map(|bundle| bundle.0),
    }
}

fn given(link: Link) -> TrustLink {
    TrustLink {
        leaf: link.leaf,
        evidence: Base64Bytes(link.evidence),
        bundle: link.bundle.map(Base64Bytes),
    }
}

fn ensure_origin(directory: &Directory, origin: &Origin) -> Result<(), Failure> {
    if directory.origin == *origin {
        return Ok(());
    }
    let cause = format!(
        "the root is that of {}, and not of {origin}",
        directory.origin
    );
    Err(Failure::verification(
        cause,
        "correct `origin` or `root` in client.toml",
    ))
}

fn said(error: RootedError) -> Failure {
    match error {
        RootedError::NotThisRoot { root, why } => not_this_root(root, &why),
        error @ RootedError::NoBundle { .. } => Failure::verification(
            error,
            "do not approve; keep this output and tell the gate's operators",
        ),
        error => Failure::verification(
            error,
            "sign nothing; keep this output and tell the gate's operators",
        ),
    }
}

fn not_this_root(root: Hash, why: &str) -> Failure {
    Failure {
        exit: Exit::Verification,
        causes: vec![format!(
            "the gate's chain of trust does not begin at the pinned root {root}: {why}"
        )],
        next: "sign nothing; ask the gate's operators, and only if they founded it anew pin its root with `gatehold login \
               --root HASH`"
            .to_owned(),
    }
}
