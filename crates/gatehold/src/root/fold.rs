//! The fold of a gate's chain of trust under a pinned root, signature by signature, to the bundle that people approved.
//!
//! A link that does not verify gives nothing force. One that does, and was approved under another chain than this one, ends it:
//! the gate has left out, added, changed or moved a link before it.

use gatehold_client::wire::TrustLink;
use gatehold_core::directory::Directory;
use gatehold_core::hash::{Hash, unhex};
use gatehold_core::ids::Origin;
use gatehold_core::trust::{Chain, Change, Evidence};
use gatehold_policy::Definitions;

use super::Rooted;
use super::past::Past;
use crate::exit::{Exit, Failure};

/// What the links come to.
#[derive(Default)]
struct Folding {
    chain: Chain,
    past: Past,
    bundles: Vec<(Hash, Vec<u8>)>,
    /// The links that have force.
    links: Vec<TrustLink>,
}

impl Folding {
    /// Takes one link; what does not verify changes nothing, here as at the gate.
    // INVARIANT(own-root): nothing enters but by the pinned root and what follows from it, in the order that people signed.
    fn take(&mut self, link: TrustLink, root: Hash) -> Result<(), Failure> {
        let evidence = Evidence::from_bytes(&link.evidence.0).map_err(|error| error.to_string());
        let added = evidence.and_then(|evidence| {
            let added = self.chain.add(link.leaf, &evidence, Some(root));
            added.map(|()| evidence).map_err(|error| error.to_string())
        });
        let Some(directory) = self.chain.directory() else {
            return Err(not_this_root(root, &added.err().unwrap_or_default()));
        };
        let Ok(evidence) = added else {
            return Ok(());
        };
        if !self.past.is_signed_in(&evidence) {
            return Err(another_chain(link.leaf));
        }
        self.past.learn(directory);
        let last = self.bundles.last();
        if last.is_none_or(|(last, _)| *last != directory.bundle) {
            let bytes = bundle_of(&link, &evidence, directory.bundle)?;
            self.bundles.push((directory.bundle, bytes));
        }
        self.links.push(link);
        Ok(())
    }
}

/// Folds the links under this root. Gives what follows from them, and those that have force.
///
/// # Errors
/// Verification failed, when they do not lead from that root to a bundle, or people signed under another chain than this.
pub(super) fn fold(
    origin: &Origin,
    root: Hash,
    links: Vec<TrustLink>,
) -> Result<(Rooted, Vec<TrustLink>), Failure> {
    let mut folding = Folding::default();
    for link in links {
        folding.take(link, root)?;
    }
    let Folding {
        chain,
        past,
        bundles,
        links,
    } = folding;
    let (Some(directory), Some((_, bytes))) = (chain.directory().cloned(), bundles.last()) else {
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
    Ok((rooted, links))
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

/// The bytes that a link gave force: beside the root, or as the payload that people approved.
fn bundle_of(link: &TrustLink, evidence: &Evidence, hash: Hash) -> Result<Vec<u8>, Failure> {
    let bytes = match (&link.bundle, evidence) {
        (Some(bundle), Evidence::Root(_)) => Some(bundle.0.clone()),
        (_, Evidence::Executed(executed)) => unhex(&executed.payload),
        _ => None,
    };
    let found = bytes.filter(|bytes| Change::bundle_hash(bytes) == hash);
    found.ok_or_else(|| {
        Failure::verification(
            format!(
                "the gate does not show bundle {hash}, to which leaf {} gives force",
                link.leaf
            ),
            "do not approve; keep this output and tell the gate's operators",
        )
    })
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

fn another_chain(leaf: u64) -> Failure {
    Failure::verification(
        format!(
            "whoever approved leaf {leaf} of the gate's chain of trust signed it under another chain: a link before it was left \
             out, added, changed or moved"
        ),
        "sign nothing; keep this output and tell the gate's operators",
    )
}
