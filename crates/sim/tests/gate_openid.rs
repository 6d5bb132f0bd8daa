//! Signing in through an identity provider: one question a guard. The tokens are really signed and really verified; calling a
//! real provider over the network is `crates/gatehold/tests/openid.rs`.

#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

mod shop;

use gatehold_core::ids::RequestId;
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;
use gatehold_gate::openid::{
    Arrived, Expected, Groups, LEEWAY_SECONDS, NotVouched, TRANSACTION_SECONDS, Transaction,
    Vouched, provider,
};
use gatehold_gate::{GateError, May, SessionLimits};
use gatehold_proof::id_token::{IssuerKeys, SignedClaims, sign};
use gatehold_proof::{Algorithm, SigningKey};
use serde_json::{Value, json};

use shop::{Person, Shop};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ISSUER: &str = "dev.local";
const CLIENT: &str = "gate";
const MAX_AGE: u32 = 3_600;

/// Sessions last eight hours, while this provider is asked about these teams.
fn limits(groups: Option<&Groups>) -> SessionLimits {
    SessionLimits {
        seconds_max: 8 * 3_600,
        idle_seconds_max: 8 * 3_600,
        provider: Some(provider(ISSUER, CLIENT, None, groups)),
    }
}

fn groups(teams: &[(&str, &str)]) -> Groups {
    let group = |(team, group): &(&str, &str)| (team.parse().unwrap(), (*group).to_owned());
    Groups {
        claim: "roles".to_owned(),
        teams: teams.iter().map(group).collect(),
    }
}

fn begun() -> Transaction {
    gatehold_sim::mutants::remove_the_named_guard();
    Transaction::begin([7; 32], NOW, Some(RequestId::from_bytes([3; 16])))
}

/// What a provider signs for this sign-in, a minute after it was begun.
fn claims() -> Value {
    let now = NOW.seconds() + 60;
    json!({
        "iss": ISSUER, "sub": "reviewer", "aud": CLIENT, "nonce": begun().nonce(),
        "iat": now, "exp": now + 300, "auth_time": now,
    })
}

/// Signed and verified.
fn opened(claims: &Value) -> SignedClaims {
    let key = SigningKey::from_seed(Algorithm::Ed25519, &[5; 32]).unwrap();
    let published = format!(r#"{{"keys":[{}]}}"#, key.public().to_jwk());
    let keys = IssuerKeys::parse(published.as_bytes()).unwrap();
    let token = sign(&key, r#"{"alg":"EdDSA"}"#, &claims.to_string()).unwrap();
    keys.open(&token).unwrap()
}

fn judged_at(
    claims: &Value,
    max_age_seconds: Option<u32>,
    now: Timestamp,
) -> Result<Vouched, NotVouched> {
    let begun = begun();
    let expected = Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: &begun.nonce(),
        begun: begun.begun(),
        max_age_seconds,
        groups: None,
        now,
    };
    Vouched::by(&opened(claims), &expected)
}

/// The same, where the provider is asked about teams.
fn grouped(claims: &Value, teams: &[(&str, &str)]) -> Result<Vouched, NotVouched> {
    let begun = begun();
    let groups = groups(teams);
    let expected = Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: &begun.nonce(),
        begun: begun.begun(),
        max_age_seconds: None,
        groups: Some(&groups),
        now: NOW,
    };
    Vouched::by(&opened(claims), &expected)
}

fn judged(claims: &Value) -> Result<Vouched, NotVouched> {
    judged_at(claims, Some(MAX_AGE), NOW.plus_seconds(60))
}

/// The claims with one of them put, or taken away.
fn with(name: &str, value: Value) -> Value {
    let mut all = claims();
    let object = all.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    all
}

#[test]
fn a_token_for_this_sign_in_vouches_for_one_person() {
    let vouched = judged(&claims()).unwrap();
    assert_eq!(vouched.human(), &Person::Reviewer.id());
    assert_eq!(vouched.until(), Some(NOW.plus_seconds(60 + MAX_AGE)));
    let unasked = judged_at(&with("auth_time", Value::Null), None, NOW).unwrap();
    assert_eq!(unasked.until(), None);
}

#[test]
fn another_providers_token_is_nobodys() {
    for other in [
        "dev.local/",
        "DEV.local",
        "https://dev.local",
        "evil.example",
    ] {
        let refused = judged(&with("iss", json!(other)));
        assert_eq!(refused, Err(NotVouched::Claim("iss")), "{other}");
    }
}

#[test]
fn a_token_for_somebody_else_is_not_for_us() {
    assert!(judged(&with("aud", json!([CLIENT]))).is_ok());
    for aud in [
        json!("shop"),
        json!([]),
        json!([CLIENT, "shop"]),
        json!(["shop", CLIENT]),
    ] {
        let refused = judged(&with("aud", aud.clone()));
        assert_eq!(refused, Err(NotVouched::Claim("aud")), "{aud}");
    }
}

#[test]
fn a_token_that_another_client_asked_for_is_not_for_us() {
    assert!(judged(&with("azp", json!(CLIENT))).is_ok());
    let refused = judged(&with("azp", json!("shop")));
    assert_eq!(refused, Err(NotVouched::Claim("azp")));
}

#[test]
fn a_token_of_another_sign_in_is_refused() {
    let other = Transaction::begin([8; 32], NOW, None).nonce();
    for nonce in [json!(other), json!(""), Value::Null] {
        let refused = judged(&with("nonce", nonce.clone()));
        assert_eq!(refused, Err(NotVouched::Claim("nonce")), "{nonce}");
    }
}

#[test]
fn a_token_is_over_when_it_says_so() {
    let expires = NOW.seconds() + 60 + 300 + i64::from(LEEWAY_SECONDS);
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    assert!(judged_at(&claims(), None, at(expires)).is_ok());
    let refused = judged_at(&claims(), None, at(expires + 1));
    assert_eq!(refused, Err(NotVouched::Time("exp")));
}

#[test]
fn a_token_is_made_during_the_sign_in() {
    let [earliest, latest] = [NOW.seconds() - 60, NOW.seconds() + 60 + 60];
    for (issued, good) in [
        (earliest, true),
        (earliest - 1, false),
        (latest, true),
        (latest + 1, false),
    ] {
        let found = judged(&with("iat", json!(issued)));
        assert_eq!(found.is_ok(), good, "{issued}");
        assert!(good || found == Err(NotVouched::Time("iat")));
    }
}

#[test]
fn a_token_is_not_used_early() {
    let latest = NOW.seconds() + 60 + 60;
    assert!(judged(&with("nbf", json!(latest))).is_ok());
    let refused = judged(&with("nbf", json!(latest + 1)));
    assert_eq!(refused, Err(NotVouched::Time("nbf")));
}

#[test]
fn whoever_was_last_seen_there_long_ago_signs_in_again() {
    let now = NOW.seconds() + 60;
    let youngest = now - i64::from(MAX_AGE) + 1;
    let last = judged(&with("auth_time", json!(youngest))).unwrap();
    assert_eq!(last.until(), Some(NOW.plus_seconds(61)));
    for old in [json!(youngest - 1), json!(0), json!(now + 61), Value::Null] {
        let refused = judged(&with("auth_time", old.clone()));
        assert_eq!(refused, Err(NotVouched::TooOld), "{old}");
    }
    // A provider whose clock is ahead gives nobody more time.
    let ahead = judged(&with("auth_time", json!(now + 60))).unwrap();
    assert_eq!(ahead.until(), Some(NOW.plus_seconds(60 + MAX_AGE)));
}

#[test]
fn a_name_that_nobody_can_see_is_no_name() {
    for subject in [
        "",
        "reviewer\u{202e}",
        " reviewer",
        "a\nb",
        &"a".repeat(257),
    ] {
        let refused = judged(&with("sub", json!(subject)));
        assert_eq!(refused, Err(NotVouched::Name), "{subject:?}");
    }
}

#[test]
fn a_group_that_is_not_named_takes_the_seat_of_its_team() {
    let teams = [("security", "Gate security"), ("owners", "Gate owners")];
    let narrowed = |claims: &Value| -> Result<Vec<String>, NotVouched> {
        let vouched = grouped(claims, &teams)?;
        Ok(vouched.without().iter().map(ToString::to_string).collect())
    };
    for (roles, missing) in [
        (json!(["Gate owners", "Gate security", "Everybody"]), vec![]),
        (json!("Gate security"), vec!["owners"]),
        (
            json!(["gate security", "Gate owners "]),
            vec!["owners", "security"],
        ),
        (json!([]), vec!["owners", "security"]),
        // Where it says nothing, or names the groups elsewhere, they are in none.
        (Value::Null, vec!["owners", "security"]),
    ] {
        assert_eq!(
            narrowed(&with("roles", roles.clone())).unwrap(),
            missing,
            "{roles}"
        );
    }
    for unreadable in [
        json!(7),
        json!({"Gate owners": true}),
        json!([["Gate owners"]]),
    ] {
        let refused = narrowed(&with("roles", unreadable.clone()));
        assert_eq!(refused, Err(NotVouched::Groups), "{unreadable}");
    }
}

fn answered(state: &str, issuer: Option<&str>, names_itself: bool) -> Result<(), NotVouched> {
    let arrived = Arrived { state, issuer };
    begun().answered(arrived, ISSUER, names_itself, NOW)
}

#[test]
fn an_answer_that_this_browser_did_not_ask_for_is_refused() {
    let transaction = begun();
    assert_eq!(answered(&transaction.state(), None, false), Ok(()));
    let other = Transaction::begin([8; 32], NOW, None);
    for state in [
        other.state(),
        transaction.nonce(),
        String::new(),
        transaction.state().to_uppercase(),
    ] {
        let refused = answered(&state, None, false);
        assert_eq!(refused, Err(NotVouched::NotBegunHere), "{state}");
    }
}

#[test]
fn an_answer_comes_within_ten_minutes() {
    let state = begun().state();
    let arrived = Arrived {
        state: &state,
        issuer: None,
    };
    let at = |now| begun().answered(arrived, ISSUER, false, now);
    assert_eq!(at(NOW.plus_seconds(TRANSACTION_SECONDS)), Ok(()));
    let late = NOW.plus_seconds(TRANSACTION_SECONDS + 1);
    let early = Timestamp::from_millis(NOW.millis() - 1);
    for now in [late, early] {
        assert_eq!(at(now), Err(NotVouched::Over));
    }
}

#[test]
fn an_answer_names_the_provider_that_was_asked() {
    let state = begun().state();
    assert_eq!(answered(&state, Some(ISSUER), true), Ok(()));
    assert_eq!(answered(&state, Some(ISSUER), false), Ok(()));
    for (named, names_itself) in [
        (Some("evil.example"), true),
        (Some("evil.example"), false),
        (Some(""), false),
        (None, true),
    ] {
        let refused = answered(&state, named, names_itself);
        assert_eq!(refused, Err(NotVouched::OtherProvider), "{named:?}");
    }
}

#[tokio::test]
async fn a_session_ends_when_what_the_provider_said_is_too_old() {
    let shop = Shop::in_memory().await;
    let clock = shop.memory().clock();
    clock.set(NOW.plus_seconds(60));
    let vouched = judged(&claims()).unwrap();
    let limits = SessionLimits {
        provider: Some(provider(ISSUER, CLIENT, Some(MAX_AGE), None)),
        ..limits(None)
    };
    let signed_in = shop.gate.sign_in_vouched(&vouched, limits).await.unwrap();
    assert_eq!(signed_in.visitor.human, Person::Reviewer.id());
    assert_eq!(signed_in.visitor.how, "identity provider");
    assert_eq!(signed_in.visitor.ends, NOW.plus_seconds(60 + MAX_AGE));
    // The gate's own bound holds as well.
    let short = SessionLimits {
        seconds_max: 600,
        ..limits
    };
    let shorter = shop.gate.sign_in_vouched(&vouched, short).await.unwrap();
    assert_eq!(shorter.visitor.ends, NOW.plus_seconds(660));
    let mut there = Vec::new();
    for seconds in [60 + MAX_AGE, 61 + MAX_AGE] {
        clock.set(NOW.plus_seconds(seconds));
        let visitor = shop.gate.visitor(&signed_in.id, limits).await.unwrap();
        there.push(visitor.is_some());
    }
    assert_eq!(there, [true, false]);
}

#[tokio::test]
async fn a26_a_shorter_max_age_ends_sessions_that_run() {
    let shop = Shop::in_memory().await;
    let clock = shop.memory().clock();
    clock.set(NOW.plus_seconds(60));
    let asked = |seconds: Option<u32>| SessionLimits {
        provider: Some(provider(ISSUER, CLIENT, seconds, None)),
        ..limits(None)
    };
    let before = asked(Some(MAX_AGE));
    let vouched = judged(&claims()).unwrap();
    let session = shop.gate.sign_in_vouched(&vouched, before).await.unwrap();
    // The same gate, started again with another bound: what was said under the old one is asked for again.
    for (seconds, has_force) in [
        (Some(MAX_AGE), true),
        (Some(MAX_AGE / 2), false),
        (Some(MAX_AGE * 2), false),
        (None, false),
    ] {
        let visitor = shop
            .gate
            .visitor(&session.id, asked(seconds))
            .await
            .unwrap();
        assert_eq!(visitor.is_some(), has_force, "{seconds:?}");
    }
    // Nor does one that was begun without a bound outlive its introduction.
    let vouched = judged_at(&claims(), None, NOW.plus_seconds(60)).unwrap();
    let session = shop
        .gate
        .sign_in_vouched(&vouched, asked(None))
        .await
        .unwrap();
    let visitor = shop.gate.visitor(&session.id, before).await.unwrap();
    assert!(visitor.is_none());
}

#[tokio::test]
async fn a26_a_session_ends_when_another_provider_or_other_groups_are_asked() {
    let shop = Shop::in_memory().await;
    let teams = [("reviewers", "gates")];
    let own = groups(&teams);
    let vouched = grouped(&with("roles", json!(["gates"])), &teams).unwrap();
    let before = limits(Some(&own));
    let session = shop.gate.sign_in_vouched(&vouched, before).await.unwrap();
    let other_claim = Groups {
        claim: "groups".to_owned(),
        ..own.clone()
    };
    let run_together = groups(&[("reviewersg", "ates")]);
    for (provider, has_force) in [
        (before.provider, true),
        (Some(provider(ISSUER, CLIENT, None, None)), false),
        (
            Some(provider("evil.example", CLIENT, None, Some(&own))),
            false,
        ),
        (Some(provider(ISSUER, "another", None, Some(&own))), false),
        (
            Some(provider(ISSUER, CLIENT, None, Some(&other_claim))),
            false,
        ),
        (
            Some(provider(ISSUER, CLIENT, None, Some(&run_together))),
            false,
        ),
        (
            limits(Some(&groups(&[("reviewers", "Others")]))).provider,
            false,
        ),
        (limits(Some(&groups(&[]))).provider, false),
        (None, false),
    ] {
        let now = SessionLimits { provider, ..before };
        let visitor = shop.gate.visitor(&session.id, now).await.unwrap();
        assert_eq!(visitor.is_some(), has_force, "{provider:?}");
    }
    // Nor is the session of a printed code one of a provider's.
    let by_code = SessionLimits {
        provider: None,
        ..before
    };
    let human = Person::Reviewer.id();
    let session = shop.gate.sign_in_by_code(&human, by_code).await.unwrap();
    for (limits, has_force) in [(by_code, true), (before, false)] {
        let visitor = shop.gate.visitor(&session.id, limits).await.unwrap();
        assert_eq!(visitor.is_some(), has_force);
    }
}

#[tokio::test]
async fn whoever_is_out_of_the_group_has_no_seat_of_the_team_through_the_console() {
    let shop = Shop::in_memory().await;
    let task = shop.task().await;
    let submitted = shop.submit(&task, "shop.write", "DELETE FROM orders").await;
    let id = submitted.unwrap().record.id;
    let teams = [("reviewers", "Gate reviewers")];
    let limits = limits(Some(&groups(&teams)));
    let seen = async |subject: &str, roles: Value| {
        let mut claims = with("roles", roles);
        claims["sub"] = json!(subject);
        let vouched = grouped(&claims, &teams).unwrap();
        let signed_in = shop.gate.sign_in_vouched(&vouched, limits).await.unwrap();
        // As the store gives it back, with every page.
        let visitor = shop.gate.visitor(&signed_in.id, limits).await.unwrap();
        let visitor = visitor.unwrap();
        let looked = shop.gate.look_through(&visitor, id).await.unwrap();
        let inbox = shop.gate.held_now().await.unwrap().through(&visitor);
        let line = inbox.iter().find(|line| line.id == id).unwrap();
        let seated = shop.gate.seated(&visitor, id).await.is_ok();
        assert_eq!(seated, looked.may != May::Narrowed);
        // They are told what they may decide, and where this session gives them nothing.
        let scope = shop
            .gate
            .scope(&visitor.human, &visitor.without)
            .await
            .unwrap();
        let narrowed = looked.may == May::Narrowed;
        assert_eq!(!scope.without.is_empty(), narrowed, "{scope:?}");
        assert_eq!(scope.seats.is_empty(), narrowed, "{scope:?}");
        (looked.may, line.mine, line.asked)
    };
    let within = seen("reviewer", json!(["Gate reviewers"])).await;
    assert_eq!(within, (May::Decide, true, true));
    for without in [json!([]), json!(["Reviewers"]), Value::Null] {
        let found = seen("reviewer", without).await;
        assert_eq!(found, (May::Narrowed, false, false));
    }
    // A group gives nobody a seat, and what is theirs by other means stays so.
    let own = seen("owner", json!(["Gate reviewers"])).await;
    assert_eq!(own, (May::Own, false, false));
    let at_a_terminal = shop.gate.look(&Person::Reviewer.id(), id).await.unwrap();
    assert_eq!(at_a_terminal.may, May::Decide);
    shop.approve(Person::Reviewer, id).await.unwrap();
    // Nor does what they signed there let them act through a session that has not the seat.
    let signed = seen("reviewer", json!([])).await;
    assert_eq!(signed, (May::Narrowed, false, false));
    let signed = seen("reviewer", json!(["Gate reviewers"])).await;
    assert_eq!(signed, (May::Signed, false, false));
}

#[tokio::test]
async fn a_provider_vouches_for_nobody_without_a_key() {
    let shop = Shop::in_memory().await;
    let stranger = judged(&with("sub", json!("mallory"))).unwrap();
    let revoked = judged(&with("sub", json!("second"))).unwrap();
    shop.revoke_key(Person::Second).await.unwrap();
    for vouched in [stranger, revoked] {
        let refused = shop.gate.sign_in_vouched(&vouched, limits(None)).await;
        assert!(
            matches!(refused, Err(GateError::Refused(Refusal::UnknownPrincipal))),
            "{refused:?}"
        );
    }
}
