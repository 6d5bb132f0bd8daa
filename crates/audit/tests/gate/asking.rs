//! What a workload asks for, signed as its call is, and what policy is made to answer.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::decide::{Claims, Command, Described, Rendered, Submission, TaskStart};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::requester::Requester;
use gatehold_core::signed_body::SignedBody;
use gatehold_core::task::StepLabels;
use gatehold_core::tier::{Tier, TierReport};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::SubmitSignature;
use gatehold_core::verdict::{Evaluated, Reason, Trace, Verdict};
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_proof::{
    Algorithm, PublicUrl, RequestToSign, SigningKey, SubmitEvidence, sign_request,
};
use gatehold_render::{Field, PayloadKind, RenderInput, render};
use sha2::{Digest as _, Sha256};

use super::{Gate, Who};

impl Gate {
    /// Policy's answer as the test wants it.
    pub fn answer(&self, verdict: Verdict, tier: Tier) -> Evaluated {
        let code = match &verdict {
            Verdict::Allow => "permitted",
            Verdict::Deny => "no_permit",
            Verdict::Hold(_) => "checkpoint:production-change",
        };
        let trace = Trace {
            bundle: self.directory().bundle,
            input: Hash::of(b"input"),
            rules: vec!["production-change".to_owned()],
            reasons: vec![Reason {
                code: code.to_owned(),
                text: "A rule says so.".to_owned(),
            }],
            errors: vec![],
            tier: TierReport {
                tier,
                inputs: vec![],
            },
        };
        Evaluated::new(verdict, trace)
    }

    pub fn task(&mut self) -> TaskId {
        let start = TaskStart {
            workload: "deploy-bot".parse().unwrap(),
            key: self.workload_key(),
            nonce: format!("nonce-{}", self.draws).into(),
            purpose: "repair the failed deployment".to_owned(),
            on_behalf_of: None,
            attested: false,
            boundary: None,
        };
        let fresh = self.fresh();
        self.run_with(
            None,
            Command::StartTask(Box::new(start)),
            None,
            None,
            &fresh,
        )
        .unwrap();
        fresh.task
    }

    pub fn workload_key(&self) -> Hash {
        self.directory().workloads[&"deploy-bot".parse().unwrap()].key
    }

    /// The workload asks for a write; policy answers as given.
    pub fn submit(&mut self, task: TaskId, sql: &str, verdict: Verdict, tier: Tier) -> RequestId {
        let envelope = envelope(
            "sql.write",
            "deploy-bot",
            Some(task),
            "sql:shop",
            sql.as_bytes(),
        );
        let requester = Requester::Workload {
            id: "deploy-bot".parse().unwrap(),
            kind: WorkloadKind::AiAgent,
            key: self.workload_key(),
            owner: Who::Ann.id(),
            backup: Who::Ann.id(),
            custodians: [Who::Ann.id()].into(),
            proposer: Who::Ann.id(),
            assurance: WorkloadAssurance::Pop,
            point: None,
            initiator: None,
            delegators: BTreeSet::new(),
            drafters: BTreeSet::new(),
        };
        let evaluated = self.answer(verdict, tier);
        self.submitted(&envelope, sql.as_bytes(), requester, &evaluated, None)
    }

    pub(super) fn submitted(
        &mut self,
        envelope: &Envelope,
        payload: &[u8],
        requester: Requester,
        evaluated: &Evaluated,
        by_human: Option<&SubmitSignature>,
    ) -> RequestId {
        let bytes = canonical::to_bytes(envelope).unwrap();
        let action = Action::parse(&bytes, payload.to_vec()).unwrap();
        let body = by_human
            .is_none()
            .then(|| SignedBody::write(&action, &claims()));
        let proof = match (by_human, &body) {
            (Some(submit), _) => canonical::to_bytes(submit).unwrap(),
            (None, body) => signed_call(body.as_deref().unwrap(), self.time()),
        };
        let rendered = rendered(envelope, payload);
        let fresh = self.fresh();
        let submission = Submission {
            action,
            described: Described {
                descriptor: envelope.descriptor.clone(),
                media_types: [envelope.payload.media_type.clone()].into(),
                reads_only: false,
                sentence: format!("Change {} at {}", envelope.resource, envelope.target),
                intent: Hash::of(b"intent"),
            },
            claims: claims(),
            requester,
            proof,
            body,
            nonce: format!("nonce-{}", self.draws).into(),
            idempotency: None,
            labels: StepLabels::default(),
        };
        let command = Command::Submit(Box::new(submission));
        self.run_with(None, command, Some(evaluated), Some(&rendered), &fresh)
            .unwrap();
        fresh.request
    }
}

/// What the workload says with everything it asks for.
pub fn claims() -> Claims {
    Claims([("reason".to_owned(), "the deployment failed".to_owned())].into())
}

/// The evidence of a call that the workload signed.
pub fn signed_call(body: &[u8], now: Timestamp) -> Vec<u8> {
    signed_call_to("POST", "/v1/requests", body, now)
}

/// The evidence of any call that the workload signed.
pub fn signed_call_to(method: &str, target: &str, body: &[u8], now: Timestamp) -> Vec<u8> {
    let seed = hex_seed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = SigningKey::from_seed(Algorithm::Ed25519, &seed).unwrap();
    let url = PublicUrl::parse("https://gate.example").unwrap();
    let request = RequestToSign {
        method,
        public_url: &url,
        request_target: target,
        idempotency_key: None,
        body,
        created: u64::try_from(now.seconds()).unwrap(),
        life_seconds: 30,
        nonce: "0123456789abcdefABCDEF",
    };
    let headers = sign_request(&key, &request).unwrap();
    let base = format!(
        "\"@method\": {method}\n\"@target-uri\": https://gate.example{target}\n\"content-digest\": {}\n\"@signature-params\": {}",
        headers.content_digest,
        headers.signature_input.strip_prefix("gatehold=").unwrap(),
    );
    let signature = headers
        .signature
        .trim_start_matches("gatehold=:")
        .trim_end_matches(':');
    let signature = STANDARD.decode(signature).unwrap();
    let stored = serde_json::json!({
        "signature": URL_SAFE_NO_PAD.encode(signature),
        "signature_base": base,
        "type": "gatehold/submit-evidence/v1",
    });
    let bytes = stored.to_string().into_bytes();
    SubmitEvidence::from_bytes(&bytes).unwrap();
    bytes
}

fn hex_seed(hex: &str) -> [u8; 32] {
    gatehold_core::hash::unhex(hex).unwrap().try_into().unwrap()
}

pub(super) fn envelope(
    descriptor: &str,
    workload: &str,
    task: Option<TaskId>,
    target: &str,
    payload: &[u8],
) -> Envelope {
    Envelope {
        descriptor: DescriptorRef {
            id: descriptor.parse().unwrap(),
            hash: Hash::of(descriptor.as_bytes()),
        },
        workload: workload.parse().unwrap(),
        task,
        target: target.parse().unwrap(),
        resource: "shop/orders".parse().unwrap(),
        duration_seconds: 600,
        caps: [("rows".to_owned(), 10)].into(),
        precondition: None,
        payload: PayloadRef {
            media_type: "application/sql".to_owned(),
            size: payload.len() as u64,
            sha256: Hash::from_bytes(Sha256::digest(payload).into()),
        },
    }
}

pub(super) fn rendered(envelope: &Envelope, payload: &[u8]) -> Rendered {
    let target = envelope.target.to_string();
    let fields = [Field {
        label: "Target",
        value: &target,
    }];
    let display = render(&RenderInput {
        media_type: &envelope.payload.media_type,
        kind: PayloadKind::Sql,
        envelope: &fields,
        described: &[],
        internal: &[],
        payload,
    });
    Rendered::new(display.to_bytes().unwrap(), false, false)
}
