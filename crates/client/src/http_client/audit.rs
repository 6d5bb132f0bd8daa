//! The calls of an auditor: bytes to be verified elsewhere.

use super::call::{Call, path};
use super::{Client, ClientError};
use crate::wire::{TreeHead, TrustLinks};

impl Client {
    /// The newest published tree head.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tree_head(&self) -> Result<TreeHead, ClientError> {
        self.call_json(Call::get("/v1/audit/tree-head")).await
    }

    /// Links of the chain of trust after a leaf, or from the root on, at most 16 MiB.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn trust_links(&self, after: Option<u64>) -> Result<TrustLinks, ClientError> {
        let query = after.map_or_else(String::new, |leaf| format!("?after={leaf}"));
        let call = Call::get(format!("/v1/trust/links{query}")).answer_bytes_max(LINKS_BYTES_MAX);
        self.call_json(call).await
    }

    /// The receipt of one leaf, as bytes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn receipt(&self, leaf: u64) -> Result<Vec<u8>, ClientError> {
        Ok(self
            .call(Call::get(format!("/v1/audit/receipts/{leaf}")))
            .await?
            .body)
    }

    /// The dossier of one request, as bytes, at most 64 MiB.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn dossier(&self, request: &str) -> Result<Vec<u8>, ClientError> {
        let call =
            Call::get(path("audit/dossiers", request, "")?).answer_bytes_max(DOSSIER_BYTES_MAX);
        Ok(self.call(call).await?.body)
    }
}

const LINKS_BYTES_MAX: usize = 16 * 1024 * 1024;
const DOSSIER_BYTES_MAX: usize = 64 * 1024 * 1024;
