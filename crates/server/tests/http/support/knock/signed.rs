//! What people sign and send with a call: reviews, corrections, changes, revocations, delegations, break-glass.

use gatehold_client::wire::Base64Bytes;
use gatehold_core::correction::{CORRECTION_TYPE, CorrectionStatement, CorrectionText};
use gatehold_core::glass::{
    GLASS_TYPE, GlassStatement, Judgement, POST_REVIEW_TYPE, PostReviewStatement,
};
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::review::REVIEW_TYPE;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::delegation::{DELEGATION_END_TYPE, DELEGATION_TYPE};
use gatehold_core::trust::revocation::REVOCATION_TYPE;
use gatehold_core::trust::{
    DelegationEnd, DelegationReason, DelegationStatement, KeyRevocation, SAFE_NAMESPACE,
    SUBMIT_NAMESPACE, SignedDelegation, SubmitSignature,
};
use gatehold_core::wording::FactChallenge;
use gatehold_gate::DelegationInput;
use serde_json::{Value, json};

use super::id;
use crate::support::people::{self, Person};
use crate::support::{House, NOW};

fn base64(bytes: &[u8]) -> Value {
    serde_json::to_value(Base64Bytes(bytes.to_vec())).unwrap()
}

/// What this person signs to approve it, whether or not they have a seat.
pub(super) async fn review(house: &House, person: Person, request: &str) -> Value {
    let by = Person::Reviewer;
    let opened = house
        .gate
        .open_request(&by.id(), &by.thumbprint(), id(request))
        .await;
    let opened = opened.unwrap();
    let context = opened.context;
    let record = &opened.record;
    let fact = FactChallenge::of(&record.request_nonce, &context.limits, &record.envelope);
    let answers = people::answers(fact);
    let mut context = context.answering(&answers).unwrap();
    let human = person.id();
    context.reviewer.subject = human.subject().to_owned();
    context.reviewer.issuer = human.issuer().to_owned();
    context.reviewer.key = person.thumbprint();
    let authority = house.gate.with_directory(|directory| {
        let authority = directory.authority(&human, &person.thumbprint());
        authority.map(|authority| authority.hash())
    });
    context.reviewer.authority_hash = authority.unwrap();
    let bytes = context.to_bytes().unwrap();
    json!({
        "context": base64(&bytes), "signature": person.sign(REVIEW_TYPE, &bytes),
        "answers": answers.criteria, "justification": answers.justification, "salt": answers.salt,
    })
}

pub(super) async fn correction(house: &House, person: Person, request: &str) -> Value {
    let recorded = house.gate.recorded(id(request), None).await.unwrap();
    let last = recorded.last().unwrap();
    let words = CorrectionText {
        text: "the ticket was another one".to_owned(),
        salt: "ab".repeat(32),
    };
    let statement = CorrectionStatement {
        type_: CORRECTION_TYPE.to_owned(),
        gate: house.gate.origin(),
        request: id(request),
        leaf: last.leaf,
        commitment: last.commitment,
        text_hash: CorrectionText::hash_of(&words.to_bytes().unwrap()),
        human: person.id(),
        key: person.thumbprint(),
        issued_at: Timestamp::from_millis(NOW),
    };
    let statement = canonical::to_bytes(&statement).unwrap();
    json!({
        "statement": base64(&statement), "signature": person.sign(CORRECTION_TYPE, &statement),
        "text": words.text, "salt": words.salt,
    })
}

/// What this person alone signs to break the glass, where no checkpoint offers it.
pub(super) async fn glass(house: &House, person: Person, request: &str) -> Value {
    let by = Person::Reviewer;
    let opened = house
        .gate
        .open_request(&by.id(), &by.thumbprint(), id(request))
        .await;
    let opened = opened.unwrap();
    let context = opened.context;
    let answers = people::answers(opened.record.fact_challenge());
    let now = Timestamp::from_millis(NOW);
    let statement = GlassStatement {
        type_: GLASS_TYPE.to_owned(),
        gate: context.gate,
        request: context.request,
        request_hash: context.request_hash,
        digest: context.digest,
        display_hash: context.display_hash,
        requirement_hash: context.requirement_hash,
        tier: opened.record.tier,
        incident: "INC-1".to_owned(),
        responders: [].into(),
        signers: [person.id()].into(),
        limits: context.limits,
        answers_hash: answers.hash().unwrap(),
        nonce: "ab".repeat(32),
        created_at: now,
        use_by: now.plus_seconds(600),
        spend_by: context.spend_by,
    };
    let statement = statement.to_bytes().unwrap();
    let signature = json!({
        "human": person.id(), "key": person.thumbprint(),
        "signature": person.sign(GLASS_TYPE, &statement),
    });
    json!({
        "statement": base64(&statement), "signatures": [signature],
        "answers": answers.criteria, "justification": "nobody who decides answers",
        "salt": answers.salt,
    })
}

/// What this person signs of a request for which nobody broke the glass.
pub(super) fn looked(house: &House, person: Person, request: &str) -> Value {
    let words = CorrectionText {
        text: "it was right".to_owned(),
        salt: "ab".repeat(32),
    };
    let statement = PostReviewStatement {
        type_: POST_REVIEW_TYPE.to_owned(),
        gate: house.gate.origin(),
        request: id(request),
        glass: Hash::of(b"nothing"),
        judgement: Judgement::Justified,
        text_hash: CorrectionText::hash_of(&words.to_bytes().unwrap()),
        human: person.id(),
        key: person.thumbprint(),
        issued_at: Timestamp::from_millis(NOW),
    };
    let statement = canonical::to_bytes(&statement).unwrap();
    json!({
        "statement": base64(&statement), "signature": person.sign(POST_REVIEW_TYPE, &statement),
        "text": words.text, "salt": words.salt,
    })
}

/// What a person sends to have the gate changed.
pub fn change(house: &House, person: Person, descriptor: &str, payload: &[u8]) -> Value {
    let envelope = people::envelope_of(&house.gate, None, descriptor, payload);
    let envelope = canonical::to_bytes(&envelope).unwrap();
    let nonce = format!("change-{}", Hash::of(payload).hex().get(..32).unwrap());
    let message = SubmitSignature::message(&envelope, &nonce);
    json!({
        "envelope": base64(&envelope), "payload": base64(payload),
        "signature": person.sign(SUBMIT_NAMESPACE, message.as_bytes()), "nonce": nonce,
    })
}

pub(super) fn revocation(house: &House, person: Person) -> Value {
    let statement = KeyRevocation {
        type_: REVOCATION_TYPE.to_owned(),
        gate: house.gate.origin(),
        human: person.id(),
        key: person.thumbprint(),
    };
    signed_by(person, &canonical::to_bytes(&statement).unwrap())
}

fn signed_by(person: Person, statement: &[u8]) -> Value {
    let signature = json!({
        "human": person.id(), "key": person.thumbprint(),
        "signature": person.sign(SAFE_NAMESPACE, statement),
    });
    json!({ "statement": base64(statement), "signatures": [signature] })
}

/// The reviewer, or whoever it is, lets the second reviewer decide for them for a day.
pub fn delegation(house: &House, person: Person, nonce: &str) -> (SignedDelegation, Value) {
    let reason = DelegationReason {
        text: String::new(),
        salt: "ab".repeat(32),
    };
    let statement = DelegationStatement {
        type_: DELEGATION_TYPE.to_owned(),
        gate: house.gate.origin(),
        from: person.id(),
        key: person.thumbprint(),
        to: Person::Second.id(),
        teams: ["reviewers".parse().unwrap()].into(),
        task: None,
        checkpoints: None,
        not_before: Timestamp::from_millis(NOW),
        not_after: Timestamp::from_millis(NOW + 86_400_000),
        reason: DelegationReason::hash_of(&reason.to_bytes().unwrap()),
        nonce: Hash::of(nonce.as_bytes()).hex(),
        created_at: Timestamp::from_millis(NOW),
    };
    let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
    let signature = person.sign(DELEGATION_TYPE, statement.as_bytes());
    let sent = json!({
        "statement": base64(statement.as_bytes()), "signature": signature, "reason": "",
        "salt": reason.salt,
    });
    (
        SignedDelegation {
            statement,
            signature,
        },
        sent,
    )
}

/// The end of a delegation of the reviewer's, signed by whoever calls alone.
pub(super) async fn ended(house: &House, person: Person) -> Value {
    let (delegation, _) = delegation(house, Person::Reviewer, "another");
    let statement = DelegationEnd {
        type_: DELEGATION_END_TYPE.to_owned(),
        gate: house.gate.origin(),
        delegation: delegation.id(),
    };
    let reason = DelegationReason {
        text: String::new(),
        salt: "ab".repeat(32),
    };
    house
        .gate
        .delegate(DelegationInput { delegation, reason })
        .await
        .unwrap();
    signed_by(person, &canonical::to_bytes(&statement).unwrap())
}
