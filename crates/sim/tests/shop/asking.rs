//! What a workload and the people of a shop ask for.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::decide::{CallNonce, Claims};
use gatehold_core::hash::Hash;
use gatehold_core::ids::TaskId;
use gatehold_core::json::canonical;
use gatehold_core::request::RequestRecord;
use gatehold_core::signed_body::SignedBody;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::trust::{SUBMIT_NAMESPACE, SubmitSignature};
use gatehold_gate::{Caller, GateError, HumanSubmit, StartTask, Submit, Submitted};
use gatehold_proof::{
    Algorithm, PublicUrl, RequestParts, RequestToSign, SigningKey, UnverifiedRequestSignature,
    Window, sign_request,
};

use super::{JWK, Person, Shop};

/// The private half of it (RFC 8037, appendix A).
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/// A call, as somebody signs it.
pub struct Called<'a> {
    pub seed: [u8; 32],
    pub method: &'a str,
    pub url: &'a str,
    pub target: &'a str,
    pub idempotency_key: Option<&'a str>,
}

impl<'a> Called<'a> {
    /// A submission by the workload itself.
    pub fn honest(url: &'a str) -> Self {
        let seed = gatehold_core::hash::unhex(SEED).unwrap();
        Self {
            seed: seed.try_into().unwrap(),
            method: "POST",
            url,
            target: "/v1/requests",
            idempotency_key: None,
        }
    }
}

/// The evidence of a call to submit, as the server makes it from the headers.
fn signed_call(body: &[u8], created: u64, nonce: &str) -> Vec<u8> {
    signed_call_to(
        &Called::honest("https://gate.example"),
        body,
        created,
        nonce,
    )
}

/// The same of any call.
pub fn signed_call_to(call: &Called<'_>, body: &[u8], created: u64, nonce: &str) -> Vec<u8> {
    let key = SigningKey::from_seed(Algorithm::Ed25519, &call.seed).unwrap();
    let public_url = PublicUrl::parse(call.url).unwrap();
    let request = RequestToSign {
        method: call.method,
        public_url: &public_url,
        request_target: call.target,
        idempotency_key: call.idempotency_key,
        body,
        created,
        life_seconds: 30,
        nonce,
    };
    let signed = sign_request(&key, &request).unwrap();
    let headers = [
        ("content-digest", signed.content_digest),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ];
    let key_header = call
        .idempotency_key
        .map(|key| ("idempotency-key", key.to_owned()));
    let headers = headers
        .into_iter()
        .chain(key_header)
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let parts =
        RequestParts::collect(call.method, &public_url, call.target, &headers, body).unwrap();
    let window = Window {
        now: created,
        skew_seconds: 5,
    };
    let proof = UnverifiedRequestSignature::parse(parts).unwrap();
    let proof = proof.verify(key.public(), &window).unwrap();
    proof.evidence().to_bytes()
}

impl Shop {
    pub fn caller(&self) -> Caller {
        Caller {
            key: gatehold_core::jwk::Jwk::parse(JWK).unwrap().thumbprint(),
            nonce: CallNonce {
                text: format!("call-{}", self.calls.fetch_add(1, Ordering::Relaxed)),
                until: None,
            },
            evidence: Vec::new(),
            body: Vec::new(),
            idempotency: None,
            workload: None,
        }
    }

    /// A caller whose call, signed as the server takes it, asks for exactly this.
    pub async fn asking(&self, input: &Submit) -> Caller {
        let action = Action::parse(&input.envelope, input.payload.clone()).unwrap();
        let body = SignedBody::write(&action, &input.claims);
        let now = u64::try_from(self.gate.now().await.unwrap().seconds()).unwrap();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Caller {
            evidence: signed_call(&body, now, &format!("shop-call-{call:016}")),
            body,
            ..self.caller()
        }
    }

    pub async fn task(&self) -> TaskId {
        let start = StartTask {
            purpose: "retry failed orders".into(),
            on_behalf_of: None,
            boundary: None,
        };
        self.gate
            .start_task(&self.caller(), start)
            .await
            .unwrap()
            .id
    }

    pub async fn submit(
        &self,
        task: &TaskId,
        descriptor: &str,
        sql: &str,
    ) -> Result<Submitted, GateError> {
        let input = self.asked(Some(*task), descriptor, sql, false);
        self.gate.submit(&self.asking(&input).await, input).await
    }

    pub async fn dry_run(
        &self,
        task: &TaskId,
        descriptor: &str,
        sql: &str,
    ) -> Result<Submitted, GateError> {
        let input = self.asked(Some(*task), descriptor, sql, true);
        self.gate.submit(&self.asking(&input).await, input).await
    }

    pub async fn submit_keyed(
        &self,
        task: &TaskId,
        descriptor: &str,
        sql: &str,
        key: &str,
    ) -> Result<Submitted, GateError> {
        let input = self.asked(Some(*task), descriptor, sql, false);
        let caller = Caller {
            idempotency: Some(key.to_owned()),
            ..self.asking(&input).await
        };
        self.gate.submit(&caller, input).await
    }

    /// Changes the gate itself: submitted by one, approved by the two others.
    pub async fn change(&self, descriptor: &str, payload: &str, by: Person) -> RequestRecord {
        let mut record = self.propose(descriptor, payload, by).await;
        for person in Person::ALL.into_iter().filter(|person| *person != by) {
            record = self.approve(person, record.id).await.unwrap();
        }
        record
    }

    /// Asks for a change of the gate itself.
    pub async fn propose(&self, descriptor: &str, payload: &str, by: Person) -> RequestRecord {
        self.try_propose(descriptor, payload, by).await.unwrap()
    }

    pub async fn try_propose(
        &self,
        descriptor: &str,
        payload: &str,
        by: Person,
    ) -> Result<RequestRecord, GateError> {
        let signed = self.signed_proposal(descriptor, payload, by);
        Ok(self.gate.submit_human(signed).await?.record)
    }

    /// What somebody sends who asks for a change of the gate.
    pub fn signed_proposal(&self, descriptor: &str, payload: &str, by: Person) -> HumanSubmit {
        self.signed_by(self.asked(None, descriptor, payload, false), by)
    }

    /// The same for anything that is asked for.
    pub fn signed_by(&self, input: Submit, by: Person) -> HumanSubmit {
        let nonce = format!("human-{}", self.calls.fetch_add(1, Ordering::Relaxed));
        let envelope: Envelope = canonical::from_bytes(&input.envelope).unwrap();
        let message = SubmitSignature::message(&canonical::to_bytes(&envelope).unwrap(), &nonce);
        let signature = sign_software(&by.seed(), SUBMIT_NAMESPACE, message.as_bytes()).unwrap();
        HumanSubmit {
            human: by.id(),
            key: Hash::from_bytes(software_key(&by.seed()).thumbprint()),
            envelope: input.envelope,
            payload: input.payload,
            claims: Claims::default(),
            submit: SubmitSignature { nonce, signature },
            dry_run: false,
        }
    }

    pub fn asked(
        &self,
        task: Option<TaskId>,
        descriptor: &str,
        payload: &str,
        dry_run: bool,
    ) -> Submit {
        let found = self
            .gate
            .descriptors()
            .into_iter()
            .find(|known| known.id.as_str() == descriptor)
            .unwrap();
        let human = task.is_none();
        let envelope = Envelope {
            descriptor: DescriptorRef {
                id: found.id.clone(),
                hash: found.hash(),
            },
            workload: if human { "gatehold" } else { "deploy-bot" }
                .parse()
                .unwrap(),
            task,
            target: if human { "gatehold" } else { "sql:shop" }.parse().unwrap(),
            resource: if human { "gatehold" } else { "shop/orders" }
                .parse()
                .unwrap(),
            duration_seconds: 600,
            caps: BTreeMap::new(),
            precondition: None,
            payload: PayloadRef {
                media_type: found.media_types.first().unwrap().clone(),
                size: u64::try_from(payload.len()).unwrap(),
                sha256: Hash::of(payload.as_bytes()),
            },
        };
        Submit {
            envelope: canonical::to_bytes(&envelope).unwrap(),
            payload: payload.as_bytes().to_vec(),
            claims: Claims([("reason".to_owned(), "a test".to_owned())].into()),
            dry_run,
        }
    }
}
