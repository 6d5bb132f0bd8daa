//! Somebody whom an identity provider vouches for and who has no key: what they may have looked at, and that it gives them nothing.
//! One question a guard. The page itself is `crates/gatehold/tests/openid.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: helpers outside test functions"
)]

mod shop;

use gatehold_core::assurance::Assurance;
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_core::words;
use gatehold_gate::openid::{Expected, Transaction, Vouched};
use gatehold_gate::{NEWCOMER_SECONDS, Newcomers, NotShown, SessionLimits, Shown};
use gatehold_proof::id_token::{IssuerKeys, sign};
use gatehold_proof::{Algorithm, SigningKey};
use serde_json::json;

use shop::Shop;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SEED: [u8; 32] = [77; 32];

fn human(subject: &str) -> HumanId {
    HumanId::new("dev.local", subject).unwrap()
}

/// Somebody whom a provider vouches for: the token is really signed and really verified.
fn vouched(subject: &str) -> Vouched {
    let begun = Transaction::begin([7; 32], NOW, None);
    let now = NOW.seconds();
    let claims = json!({
        "iss": "dev.local", "sub": subject, "aud": "gate", "nonce": begun.nonce(),
        "iat": now, "exp": now + 300,
    });
    let key = SigningKey::from_seed(Algorithm::Ed25519, &[5; 32]).unwrap();
    let published = format!(r#"{{"keys":[{}]}}"#, key.public().to_jwk());
    let keys = IssuerKeys::parse(published.as_bytes()).unwrap();
    let token = sign(&key, r#"{"alg":"EdDSA"}"#, &claims.to_string()).unwrap();
    let expected = Expected {
        issuer: "dev.local",
        client_id: "gate",
        nonce: &begun.nonce(),
        begun: begun.begun(),
        max_age_seconds: None,
        groups: None,
        now: NOW,
    };
    Vouched::by(&keys.open(&token).unwrap(), &expected).unwrap()
}

/// A new key of theirs, proven for this gate.
fn proof(shop: &Shop, subject: &str) -> HumanEnrol {
    let key = software_key(&SEED).to_line();
    let origin = shop.gate.origin();
    let message = HumanEnrol::possession_message(&origin, &human(subject), &key).unwrap();
    HumanEnrol {
        human: human(subject),
        key,
        assurance: Assurance::Software,
        possession: sign_software(&SEED, ENROL_NAMESPACE, &message).unwrap(),
        attestation: None,
        suspension: None,
    }
}

fn look(
    shop: &Shop,
    newcomers: &Newcomers,
    token: &str,
    proof: &HumanEnrol,
    after: u32,
) -> Result<Shown, NotShown> {
    let now = NOW.plus_seconds(after);
    newcomers.look(&shop.gate.directory(), token, proof, now)
}

#[tokio::test]
async fn whoever_makes_a_key_is_told_its_words_and_is_not_signed_in() {
    let shop = Shop::in_memory().await;
    let (newcomers, before) = (Newcomers::default(), shop.gate.directory());
    let token = newcomers.welcome(&vouched("eve"), [1; 32], NOW);
    let shown = look(&shop, &newcomers, &token, &proof(&shop, "eve"), 0).unwrap();
    let name = Hash::from_bytes(software_key(&SEED).thumbprint());
    assert_eq!(shown.words, words::of_key(&name).join(" "));
    assert!(shown.fingerprint.starts_with("SHA256:"), "{shown:?}");
    assert_eq!(shop.gate.directory(), before);
    let limits = SessionLimits::default();
    let session = shop.gate.sign_in_vouched(&vouched("eve"), limits).await;
    assert!(session.is_err());
    // What does not hold is said at once, and not by those who sign days later.
    let mut wrong = proof(&shop, "eve");
    wrong.possession = proof(&shop, "ann").possession;
    let refused = look(&shop, &newcomers, &token, &wrong, 0);
    assert!(matches!(refused, Err(NotShown::Unproven(_))), "{refused:?}");
}

#[tokio::test]
async fn nobody_proves_a_key_in_anothers_name() {
    let shop = Shop::in_memory().await;
    let newcomers = Newcomers::default();
    let token = newcomers.welcome(&vouched("eve"), [1; 32], NOW);
    let refused = look(&shop, &newcomers, &token, &proof(&shop, "ann"), 0);
    assert_eq!(refused, Err(NotShown::Another));
}

#[tokio::test]
async fn a_page_is_good_for_ten_minutes() {
    let shop = Shop::in_memory().await;
    let newcomers = Newcomers::default();
    let token = newcomers.welcome(&vouched("eve"), [1; 32], NOW);
    let good = proof(&shop, "eve");
    assert!(look(&shop, &newcomers, &token, &good, NEWCOMER_SECONDS).is_ok());
    let late = look(&shop, &newcomers, &token, &good, NEWCOMER_SECONDS + 1);
    assert_eq!(late, Err(NotShown::Over));
}

#[tokio::test]
async fn a_page_looks_at_a_few_keys_and_no_more() {
    let shop = Shop::in_memory().await;
    let newcomers = Newcomers::default();
    let token = newcomers.welcome(&vouched("eve"), [1; 32], NOW);
    let mut wrong = proof(&shop, "eve");
    wrong.possession.clear();
    for _ in 0..5 {
        let refused = look(&shop, &newcomers, &token, &wrong, 0);
        assert!(matches!(refused, Err(NotShown::Unproven(_))), "{refused:?}");
    }
    let good = proof(&shop, "eve");
    assert_eq!(
        look(&shop, &newcomers, &token, &good, 0),
        Err(NotShown::Over)
    );
}

#[tokio::test]
async fn there_are_so_many_at_once_and_everybody_has_one_page() {
    let shop = Shop::in_memory().await;
    let newcomers = Newcomers::default();
    let first = newcomers.welcome(&vouched("eve"), [1; 32], NOW);
    let second = newcomers.welcome(&vouched("eve"), [2; 32], NOW.plus_seconds(1));
    let good = proof(&shop, "eve");
    assert_eq!(
        look(&shop, &newcomers, &first, &good, 1),
        Err(NotShown::Over)
    );
    assert!(look(&shop, &newcomers, &second, &good, 1).is_ok());
    for number in 0..256_u16 {
        let secret = *Hash::of(&number.to_be_bytes()).as_bytes();
        let later = NOW.plus_seconds(2);
        newcomers.welcome(&vouched(&format!("p{number}")), secret, later);
    }
    // Whose time was over first made room.
    assert_eq!(
        look(&shop, &newcomers, &second, &good, 2),
        Err(NotShown::Over)
    );
    assert_eq!(look(&shop, &newcomers, "", &good, 2), Err(NotShown::Over));
}
