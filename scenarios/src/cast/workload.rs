//! A workload: a key, and calls signed with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehold_client::wire::{Boundary, Claims, SubmitRequest, Submitted, TaskRequest};
use gatehold_client::{Client, ClientError, IdempotencyKey, Submission};
use gatehold_core::action::{DescriptorRef, Envelope, PayloadRef};
use gatehold_core::hash::Hash;
use gatehold_core::ids::WorkloadId;
use gatehold_core::json::canonical;
use gatehold_proof::{Algorithm, SigningKey};

use crate::Os;
use crate::trouble::{Outcome, Trouble, trouble};

/// A workload that calls the gate.
#[derive(Clone)]
pub struct Workload {
    /// Its name at the gate.
    pub id: WorkloadId,
    /// Calls signed with its key.
    pub client: Client,
    key: Arc<SigningKey>,
    seed: [u8; 32],
}

/// One action as a workload asks for it.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The descriptor, by id and hash.
    pub descriptor: DescriptorRef,
    /// The task's id.
    pub task: &'a str,
    /// Where it would be executed.
    pub target: &'a str,
    /// The resource.
    pub resource: &'a str,
    /// How long access is wanted.
    pub duration_seconds: u32,
    /// Upper bounds it accepts.
    pub caps: BTreeMap<String, u64>,
    /// Media type of the payload.
    pub media_type: &'a str,
    /// The payload, verbatim.
    pub payload: &'a [u8],
    /// What it claims.
    pub claims: Claims,
}

impl Workload {
    /// A workload with a fresh key. The gate does not know it yet.
    ///
    /// # Errors
    /// Without randomness, or when the URL cannot be used.
    pub fn new(name: &str, url: &str) -> Outcome<Self> {
        let seed = Os.random().map_err(trouble(name))?;
        let key = SigningKey::from_seed(Algorithm::Ed25519, &seed).map_err(trouble(name))?;
        let key = Arc::new(key);
        Ok(Self {
            id: name.parse().map_err(trouble(name))?,
            client: super::client(url, Arc::clone(&key))?,
            key,
            seed,
        })
    }

    /// The same workload, with a client that reaches this process of the gate.
    ///
    /// # Errors
    /// When an address cannot be used.
    pub fn at(&self, url: &str, address: &str) -> Outcome<Self> {
        let client = super::client_at(url, address, Arc::clone(&self.key))?;
        Ok(Self {
            client,
            ..self.clone()
        })
    }

    /// Its public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> String {
        self.key.public().to_jwk()
    }

    /// The seed of its key: what an agent would misuse to sign as if it were a person.
    #[must_use]
    pub const fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The key, for whoever signs calls ahead of time.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.key)
    }

    /// Declares a task.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn start_task(&self, purpose: &str) -> Result<String, ClientError> {
        self.start_task_within(purpose, None).await
    }

    /// Declares a task, and what it may touch.
    ///
    /// # Errors
    /// What the gate says.
    pub async fn start_task_within(
        &self,
        purpose: &str,
        boundary: Option<Boundary>,
    ) -> Result<String, ClientError> {
        let request = TaskRequest {
            purpose: purpose.to_owned(),
            on_behalf_of: None,
            boundary,
        };
        Ok(self.client.start_task(&request).await?.task)
    }

    /// The body of a submission.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn body(&self, ask: &Ask<'_>) -> Outcome<SubmitRequest> {
        let name = |error: gatehold_core::ids::NameError| Trouble(error.to_string());
        let envelope = Envelope {
            descriptor: ask.descriptor.clone(),
            workload: self.id.clone(),
            task: Some(ask.task.parse().map_err(name)?),
            target: ask.target.parse().map_err(name)?,
            resource: ask.resource.parse().map_err(name)?,
            duration_seconds: ask.duration_seconds,
            caps: ask.caps.clone(),
            precondition: None,
            payload: payload_ref(ask.media_type, ask.payload),
        };
        Ok(SubmitRequest {
            envelope: canonical::to_bytes(&envelope)
                .map_err(trouble("envelope"))?
                .into(),
            payload: ask.payload.to_vec().into(),
            claims: ask.claims.clone(),
        })
    }

    /// Asks for one action.
    ///
    /// # Errors
    /// What the gate says. A denial is an answer.
    pub async fn submit(
        &self,
        body: &SubmitRequest,
        idempotency_key: Option<&str>,
    ) -> Result<Submitted, ClientError> {
        let how = Submission {
            idempotency_key: idempotency_key.and_then(IdempotencyKey::parse),
            ..Submission::default()
        };
        self.client.submit(body, &how).await
    }
}

/// What an envelope says about a payload.
pub(super) fn payload_ref(media_type: &str, payload: &[u8]) -> PayloadRef {
    PayloadRef {
        media_type: media_type.to_owned(),
        size: u64::try_from(payload.len()).unwrap_or(u64::MAX),
        sha256: Hash::of(payload),
    }
}
