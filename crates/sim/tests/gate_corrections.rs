//! Corrections: a person's signed word beside what it corrects, which changes nothing. One question a guard.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails should say where"
)]

mod shop;

use gatehold_core::commit::Table;
use gatehold_core::correction::{
    CORRECTION_TYPE, CORRECTIONS_OF_ONE_MAX, CorrectionError, CorrectionStatement, CorrectionText,
    UnverifiedCorrection,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::RowQuery;
use gatehold_gate::{Corrected, CorrectionInput, GateError, Recorded};

use shop::{Person, Shop};

const WRONG: &str = "the ticket that I named was another one";

/// A request that people denied.
async fn denied(shop: &Shop) -> RequestId {
    let id = held(shop).await;
    shop.deny(Person::Reviewer, id).await.unwrap();
    id
}

async fn held(shop: &Shop) -> RequestId {
    let task = shop.task().await;
    let held = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let held = held.unwrap();
    assert_eq!(held.record.state, State::Held);
    held.record.id
}

fn words(text: &str) -> CorrectionText {
    CorrectionText {
        text: text.to_owned(),
        salt: "00".repeat(32),
    }
}

/// What a person says of a leaf.
async fn statement(shop: &Shop, by: Person, of: RequestId, text: &str) -> CorrectionStatement {
    let recorded: Vec<Recorded> = shop.gate.recorded(of, None).await.unwrap();
    let last = recorded.last().unwrap();
    CorrectionStatement {
        type_: CORRECTION_TYPE.to_owned(),
        gate: shop.gate.origin(),
        request: of,
        leaf: last.leaf,
        commitment: last.commitment,
        text_hash: CorrectionText::hash_of(&words(text).to_bytes().unwrap()),
        human: by.id(),
        key: by.key(),
        issued_at: shop.gate.now().await.unwrap(),
    }
}

fn signed(statement: &CorrectionStatement, seed: [u8; 32]) -> UnverifiedCorrection {
    let statement = String::from_utf8(canonical::to_bytes(statement).unwrap()).unwrap();
    let signature = sign_software(&seed, CORRECTION_TYPE, statement.as_bytes()).unwrap();
    UnverifiedCorrection {
        statement,
        signature,
    }
}

async fn hand_in(
    shop: &Shop,
    of: RequestId,
    correction: UnverifiedCorrection,
    text: &str,
) -> Result<Corrected, GateError> {
    let input = CorrectionInput {
        request: of,
        correction,
        text: words(text),
    };
    shop.gate.correct(input).await
}

/// What comes of a statement that is changed before it is signed.
async fn changed(change: impl FnOnce(&mut CorrectionStatement)) -> Result<Corrected, GateError> {
    let shop = Shop::in_memory().await;
    let id = denied(&shop).await;
    let mut said = statement(&shop, Person::Reviewer, id, WRONG).await;
    change(&mut said);
    hand_in(&shop, id, signed(&said, Person::Reviewer.seed()), WRONG).await
}

#[track_caller]
fn refused(answer: Result<Corrected, GateError>, why: &CorrectionError) {
    match answer {
        Err(GateError::Refused(Refusal::Correction(said))) => assert_eq!(said, *why),
        other => panic!("this should have been refused with `{why}`: {other:?}"),
    }
}

async fn rows(shop: &Shop) -> Vec<String> {
    let mut all = Vec::new();
    for table in Table::ALL {
        let query = RowQuery {
            limit: 1_000,
            ..RowQuery::default()
        };
        let rows = shop.store().rows(table, &query).await.unwrap();
        all.extend(rows.iter().map(|row| format!("{row:?}")));
    }
    all
}

#[tokio::test]
async fn a_correction_stands_beside_its_leaf_and_changes_nothing() {
    let shop = Shop::open().await;
    let id = denied(&shop).await;
    let (before, leaves) = (rows(&shop).await, shop.leaves().await);
    let said = statement(&shop, Person::Second, id, WRONG).await;
    let correction = signed(&said, Person::Second.seed());
    let one = hand_in(&shop, id, correction, WRONG).await.unwrap();
    assert_eq!((one.leaf, one.corrects), (leaves, said.leaf));
    assert_eq!(one.human, Person::Second.id());
    assert!(one.verifies_now);
    assert_eq!(one.text.as_deref(), Some(WRONG));
    assert_eq!(rows(&shop).await, before);
    assert_eq!(shop.leaves().await, leaves + 1);
    let looked = shop.gate.look(&Person::Owner.id(), id).await.unwrap();
    assert_eq!(looked.corrections, [one]);
    assert_eq!(looked.record.state, State::Denied);
    // Another process reads the same, and so does this one after a start.
    let shop = shop.restart().await;
    assert_eq!(shop.gate.corrections(id).await.unwrap().len(), 1);
    // Whoever loses their key said it all the same; that it was signed then, the ledger proves.
    shop.revoke_key(Person::Second).await.unwrap();
    let left = shop.gate.corrections(id).await.unwrap();
    assert!(
        left.iter()
            .all(|one| !one.verifies_now && one.text.is_some())
    );
}

#[tokio::test]
async fn a_signature_for_something_else_corrects_nothing() {
    let other = changed(|said| said.type_ = "gatehold/review/v1".to_owned()).await;
    refused(other, &CorrectionError::Other("kind of document"));
}

#[tokio::test]
async fn what_was_said_at_another_gate_corrects_nothing() {
    let other = changed(|said| said.gate = "dev.elsewhere.example".parse().unwrap()).await;
    refused(other, &CorrectionError::Other("gate"));
}

#[tokio::test]
async fn nobody_corrects_in_anothers_name() {
    let shop = Shop::in_memory().await;
    let id = denied(&shop).await;
    let said = statement(&shop, Person::Reviewer, id, WRONG).await;
    let forged = signed(&said, Person::Second.seed());
    let answer = hand_in(&shop, id, forged, WRONG).await;
    assert!(matches!(
        answer,
        Err(GateError::Refused(Refusal::Correction(
            CorrectionError::Signature(_)
        )))
    ));
    let stranger = changed(|said| said.human = "mallory@dev.local".parse().unwrap()).await;
    refused(stranger, &CorrectionError::Key);
}

#[tokio::test]
async fn a_correction_names_the_request_it_is_put_beside() {
    let shop = Shop::in_memory().await;
    let (one, two) = (denied(&shop).await, denied(&shop).await);
    let said = statement(&shop, Person::Reviewer, one, WRONG).await;
    let mut elsewhere = statement(&shop, Person::Reviewer, two, WRONG).await;
    elsewhere.request = one;
    let answer = hand_in(
        &shop,
        two,
        signed(&elsewhere, Person::Reviewer.seed()),
        WRONG,
    )
    .await;
    refused(answer, &CorrectionError::Other("request"));
    assert!(
        hand_in(&shop, one, signed(&said, Person::Reviewer.seed()), WRONG)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_correction_names_a_leaf_of_its_request_by_what_it_commits_to() {
    for change in [
        |said: &mut CorrectionStatement| said.commitment = Hash::of(b"another"),
        |said: &mut CorrectionStatement| said.leaf = 0,
        |said: &mut CorrectionStatement| said.leaf = 1 << 40,
    ] {
        refused(changed(change).await, &CorrectionError::Other("leaf"));
    }
}

#[tokio::test]
async fn the_words_are_those_that_were_signed_and_there_are_some() {
    let other = changed(|said| said.text_hash = Hash::of(b"another")).await;
    refused(other, &CorrectionError::Other("text"));
}

#[tokio::test]
async fn a_correction_says_something_and_not_too_much() {
    let shop = Shop::in_memory().await;
    let id = denied(&shop).await;
    for text in [" \n", &"long ".repeat(1_000)] {
        let said = statement(&shop, Person::Reviewer, id, text).await;
        let answer = hand_in(&shop, id, signed(&said, Person::Reviewer.seed()), text).await;
        refused(answer, &CorrectionError::Text);
    }
}

#[tokio::test]
async fn a_correction_is_of_now() {
    let hour = |said: &mut CorrectionStatement| {
        said.issued_at = Timestamp::from_millis(said.issued_at.millis() - 3_601_000);
    };
    refused(changed(hour).await, &CorrectionError::Time);
    let ahead = |said: &mut CorrectionStatement| said.issued_at = said.issued_at.plus_seconds(120);
    refused(changed(ahead).await, &CorrectionError::Time);
}

#[tokio::test]
async fn a_signed_correction_counts_once() {
    let shop = Shop::in_memory().await;
    let id = denied(&shop).await;
    let said = statement(&shop, Person::Reviewer, id, WRONG).await;
    let correction = signed(&said, Person::Reviewer.seed());
    assert!(hand_in(&shop, id, correction.clone(), WRONG).await.is_ok());
    let again = hand_in(&shop, id, correction, WRONG).await;
    assert!(matches!(again, Err(GateError::Refused(Refusal::Replayed))));
    assert_eq!(shop.gate.corrections(id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_person_corrects_one_request_a_few_times() {
    let shop = Shop::in_memory().await;
    let id = denied(&shop).await;
    for number in 0..CORRECTIONS_OF_ONE_MAX {
        let text = format!("{WRONG}, {number}");
        let said = statement(&shop, Person::Reviewer, id, &text).await;
        let done = hand_in(&shop, id, signed(&said, Person::Reviewer.seed()), &text).await;
        assert!(done.is_ok(), "{number}: {done:?}");
    }
    let said = statement(&shop, Person::Reviewer, id, WRONG).await;
    let answer = hand_in(&shop, id, signed(&said, Person::Reviewer.seed()), WRONG).await;
    assert!(matches!(
        answer,
        Err(GateError::Refused(Refusal::TooManyCorrections))
    ));
    let said = statement(&shop, Person::Second, id, WRONG).await;
    assert!(
        hand_in(&shop, id, signed(&said, Person::Second.seed()), WRONG)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn what_is_held_is_not_corrected() {
    let shop = Shop::in_memory().await;
    let id = denied(&shop).await;
    let said = statement(&shop, Person::Reviewer, id, WRONG).await;
    let waits = held(&shop).await;
    let leaf = shop.stored().await.into_iter().next_back().unwrap();
    let said = CorrectionStatement {
        request: waits,
        leaf: leaf.index,
        commitment: Hash::from_bytes(*leaf.leaf.last_chunk::<32>().unwrap()),
        ..said
    };
    let answer = hand_in(&shop, waits, signed(&said, Person::Reviewer.seed()), WRONG).await;
    assert!(matches!(
        answer,
        Err(GateError::Refused(Refusal::WrongState { state: "held" }))
    ));
}

#[tokio::test]
async fn the_leaves_of_what_is_held_are_nobodys_to_list() {
    let shop = Shop::in_memory().await;
    let waits = held(&shop).await;
    let listed = shop.gate.recorded(waits, None).await;
    assert!(matches!(
        listed,
        Err(GateError::Refused(Refusal::WrongState { state: "held" }))
    ));
}
