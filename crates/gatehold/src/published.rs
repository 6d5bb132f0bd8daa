//! The published ledger: one task signs tree heads and writes tiles about once a second; this hands them out.
//!
//! Derived and rebuildable. Nothing here decides anything, and nothing here is believed by whoever verifies it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use gatehold_core::commit::LeafKind;
use gatehold_core::entry::Entry;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_gate::GateError;
use gatehold_gate::ports::store::Store;
use gatehold_ledger::{LogKey, LogSigner, SignedTreeHead};
use gatehold_server::{About, PublishedHead, PublishedLedger};
use gatehold_store::derive::{PublishFault, Publisher, receipt};

use crate::audit::source::Source;
use crate::exit::Failure;

/// Reads what the publisher wrote.
pub struct Published {
    store: Arc<dyn Store>,
    folder: PathBuf,
    key: LogKey,
    newest: RwLock<Option<SignedTreeHead>>,
}

impl Published {
    /// Over a folder and the log's key.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, folder: PathBuf, signer: &LogSigner) -> Arc<Self> {
        Arc::new(Self {
            store,
            folder,
            key: signer.log_key(),
            newest: RwLock::new(None),
        })
    }

    /// Brings the folder up to the store's head, and gives how many leaves that is.
    ///
    /// # Errors
    /// When the store and what was signed before do not fit together, or the folder cannot be written.
    pub async fn publish(&self, publisher: &mut Publisher) -> Result<u64, PublishFault> {
        let head = publisher.publish(self.store.as_ref()).await?;
        let size = head.size();
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Some(head);
        Ok(size)
    }

    fn newest(&self) -> Option<SignedTreeHead> {
        self.newest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl PublishedLedger for Published {
    async fn tree_head(&self) -> Result<Option<PublishedHead>, GateError> {
        Ok(self.newest().map(|head| PublishedHead {
            size: head.size(),
            root: Hash::from_bytes(head.root().0).to_string(),
            note: head.note().to_string(),
        }))
    }

    async fn about(&self, leaf: u64) -> Result<Option<About>, GateError> {
        let stored = self.store.leaves(leaf, 1, false).await?.pop();
        let Some(stored) = stored.filter(|stored| stored.index == leaf) else {
            return Ok(None);
        };
        let entry: Entry = canonical::from_canonical_bytes(&stored.record)
            .map_err(|error| GateError::Damaged(format!("leaf {leaf}: {error}")))?;
        let [_, high, low, ..] = stored.leaf;
        let kind = u16::from_be_bytes([high, low]);
        Ok(Some(About {
            request: entry.request,
            opens_request: kind == LeafKind::Submission as u16,
        }))
    }

    async fn receipt(&self, leaf: u64) -> Result<Option<String>, GateError> {
        let receipt = receipt(self.store.as_ref(), &self.folder, &self.key, leaf)
            .await
            .map_err(|fault| GateError::Damaged(fault.to_string()))?;
        Ok(receipt.map(|receipt| receipt.to_string()))
    }

    async fn dossier(&self, request: RequestId) -> Result<Option<Vec<u8>>, GateError> {
        let Some(head) = self.newest() else {
            return Ok(None);
        };
        // Not covered yet is no dossier yet; whoever asks comes back within a second.
        Ok(Source::over(self.store.clone())
            .dossier_under(request, &head)
            .await
            .ok())
    }
}

/// What writes tree heads to a folder.
///
/// # Errors
/// When the folder is not one it can write to.
pub fn publisher_to(folder: &std::path::Path, signer: LogSigner) -> Result<Publisher, Failure> {
    let next = "correct `ledger.published_folder`, or leave it out here";
    Publisher::open(folder, signer).map_err(|fault| Failure::fault(fault, next))
}

/// The log's signing key.
///
/// # Errors
/// When the file is no seed, or the origin cannot name a log.
pub fn signer(path: &std::path::Path, origin: &str) -> Result<LogSigner, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let seed: [u8; 32] = gatehold_core::hash::unhex(text.trim())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Failure::usage(
                format!("{} is not a seed of 64 hex digits", path.display()),
                "give the log.key that `gatehold init new` wrote",
            )
        })?;
    let origin = gatehold_ledger::Origin::new(origin)
        .map_err(|error| Failure::usage(error, "found the gate under another origin"))?;
    Ok(LogSigner::from_seed(origin, &seed))
}
