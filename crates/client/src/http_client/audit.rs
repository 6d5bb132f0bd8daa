//! The calls of an auditor: bytes to be verified elsewhere.

use super::call::{Call, path};
use super::{Client, ClientError};
use crate::wire::TreeHead;

impl Client {
    /// The newest published tree head.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tree_head(&self) -> Result<TreeHead, ClientError> {
        self.call_json(Call::get("/v1/audit/tree-head")).await
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

const DOSSIER_BYTES_MAX: usize = 64 * 1024 * 1024;
