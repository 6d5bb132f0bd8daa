//! `webhook`: signed JSON for a machine of the operator's, as Standard Webhooks has it.

use std::path::PathBuf;
use std::time::Duration;

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::notifier::NotDelivered;
use gatehold_proof::webhook::WebhookSecret;
use serde_json::json;

use super::post::Address;
use super::text::Message;
use crate::secret::Source;

/// A file is read in less.
const READ: Duration = Duration::from_secs(5);

/// A receiver that checks signatures.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) address: Address,
    /// Read for each message, so that it can be changed.
    pub(crate) secret_file: PathBuf,
}

impl Webhook {
    pub(crate) fn server(&self) -> String {
        self.address.server()
    }

    /// Sends it. A repetition has the same id and the same body, and a time and signature of its own.
    pub(crate) async fn send(
        &self,
        message: &Message,
        now: Timestamp,
    ) -> Result<String, NotDelivered> {
        let undelivered = |error: &dyn std::fmt::Display| NotDelivered(error.to_string());
        let source = Source::File(self.secret_file.clone());
        let secret = source
            .read(READ)
            .await
            .map_err(|error| undelivered(&error))?;
        let key =
            WebhookSecret::parse(secret.expose_text()).map_err(|error| undelivered(&error))?;
        let body = json!({
            "type": message.event,
            "timestamp": message.at.to_string(),
            "data": message.data,
        });
        let body = body.to_string();
        let signature = key.sign(&message.key, now.seconds(), body.as_bytes());
        let headers = vec![
            ("webhook-id", message.key.clone()),
            ("webhook-timestamp", now.seconds().to_string()),
            (
                "webhook-signature",
                signature.map_err(|error| undelivered(&error))?,
            ),
        ];
        self.address.post(headers, body, &[secret]).await
    }
}
