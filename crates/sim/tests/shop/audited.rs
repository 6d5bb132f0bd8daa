//! What an auditor is given of a shop: its leaves, a signed tree head over them, and what to trust.

use std::convert::Infallible;

use gatehold_audit::{
    Base64, DossierCollector, Hex, LedgerAttachment, LedgerLeaf, References, Report, Trusted,
    verify_dossier, verify_ledger,
};
use gatehold_core::ids::RequestId;
use gatehold_gate::ports::store::StoredLeaf;
use gatehold_ledger::{Frontier, LogSigner, Origin, SignedTreeHead, leaf_hash};

use super::{LOG_SEED, Shop};

/// A leaf as an auditor reads it.
pub fn given(leaf: StoredLeaf) -> LedgerLeaf {
    let attachments = leaf.attachments.into_iter();
    LedgerLeaf {
        index: leaf.index,
        leaf: leaf.leaf.to_vec(),
        time: leaf.time,
        salt: leaf.salt.to_vec(),
        record: leaf.record,
        attachments: attachments
            .map(|attachment| LedgerAttachment {
                name: attachment.name,
                salt: attachment.salt.map(|salt| Hex(salt.to_vec())),
                bytes: attachment.bytes.map(Base64),
                erased_by: attachment.erased_by,
            })
            .collect(),
    }
}

/// A shop's ledger as it stands now.
pub struct Audited {
    pub leaves: Vec<LedgerLeaf>,
    pub signer: LogSigner,
    pub head: SignedTreeHead,
    pub trusted: Trusted,
}

impl Audited {
    pub async fn of(shop: &Shop) -> Self {
        let leaves = shop.stored().await.into_iter().map(given).collect();
        Self::over(shop, leaves)
    }

    /// What an auditor is given by somebody who holds the log's key and writes other leaves.
    pub fn over(shop: &Shop, leaves: Vec<LedgerLeaf>) -> Self {
        let signer = LogSigner::from_seed(Origin::new("dev.local/gate").unwrap(), &LOG_SEED);
        let mut frontier = Frontier::new();
        for leaf in &leaves {
            frontier.push(leaf_hash(&leaf.leaf)).unwrap();
        }
        let head = SignedTreeHead::sign(frontier.size(), frontier.root(), &signer).unwrap();
        let trusted = Trusted {
            pinned_root: Some(shop.gate.directory().root),
            log_key: Some(signer.log_key()),
        };
        Self {
            leaves,
            signer,
            head,
            trusted,
        }
    }

    pub fn report(&self) -> Report {
        let references = References {
            tree_heads: vec![self.head.to_string()],
            ..References::default()
        };
        let given = self.leaves.iter().cloned().map(Ok::<_, Infallible>);
        verify_ledger(given, &references, &self.trusted).unwrap()
    }

    /// The dossier of a request, verified by itself: whether it is sound, and what it says.
    pub fn dossier(&self, request: RequestId) -> (bool, String) {
        let mut collector = DossierCollector::new(request);
        self.leaves.iter().for_each(|leaf| collector.leaf(leaf));
        let dossier = collector.finish(&self.head).unwrap().to_bytes().unwrap();
        let report = verify_dossier(&dossier, &self.trusted).unwrap();
        (report.is_sound(), report.to_string())
    }
}
