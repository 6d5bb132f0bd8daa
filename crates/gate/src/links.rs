//! The links of the chain of trust as they stand in the ledger, for whoever folds it under a root of their own instead of
//! believing this gate. Nothing is left out but what is not a link: what does not verify gives nothing force there either.

use serde::{Deserialize, Serialize};

use crate::chain::{Link, opened};
use crate::error::GateError;
use crate::gate::Gate;

/// Most links given at once.
const LINKS_MAX: usize = 200;
/// Bytes after which no more are given at once; the last may go beyond.
const BYTES_MAX: usize = 2 << 20;

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustLink {
    /// Its leaf.
    pub leaf: u64,
    /// Its evidence, as hashed into the leaf.
    #[serde(with = "crate::case::base64_text")]
    pub evidence: Vec<u8>,
    /// The first bundle, beside the root. Every later one is the payload of its activation.
    #[serde(with = "crate::case::base64_text::stated")]
    pub bundle: Option<Vec<u8>>,
}

/// Some links in the order of their leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustLinks {
    /// The links.
    pub links: Vec<TrustLink>,
    /// Whether there are more after these.
    pub more: bool,
}

impl Gate {
    /// The links after a leaf, or from the root on.
    ///
    /// # Errors
    /// When the store does not answer, or a link is not what its leaf commits to.
    pub async fn trust_links(&self, after: Option<u64>) -> Result<TrustLinks, GateError> {
        self.current().await?;
        let so_far = self.inner.chain.lock().await;
        let later = |link: &&Link| after.is_none_or(|after| link.index > after);
        let wanted: Vec<Link> = so_far.links.iter().filter(later).copied().collect();
        drop(so_far);
        let mut given = TrustLinks::default();
        let mut bytes = 0_usize;
        for link in &wanted {
            if given.links.len() == LINKS_MAX || bytes >= BYTES_MAX {
                given.more = true;
                break;
            }
            let leaf = link.read(self.store()).await?;
            let evidence = opened(&leaf, "evidence")?.to_vec();
            let bundle = match link.index {
                0 => Some(opened(&leaf, "bundle")?.to_vec()),
                _ => None,
            };
            bytes = bytes
                .saturating_add(evidence.len())
                .saturating_add(bundle.as_ref().map_or(0, Vec::len));
            given.links.push(TrustLink {
                leaf: link.index,
                evidence,
                bundle,
            });
        }
        Ok(given)
    }
}
