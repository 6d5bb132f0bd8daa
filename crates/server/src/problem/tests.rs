//! Every way of saying no, in one file that a writer can review: `tests/problems.snap`. To accept a change on purpose, run
//! the tests with `GATEHOLD_ACCEPT=1` and read the difference.

use gatehold_client::wire::{ReadError, SubmitRequest, read_request};
use gatehold_core::action::ActionError;
use gatehold_core::assurance::Assurance;
use gatehold_core::correction::CorrectionError;
use gatehold_core::glass::{GlassError, PostReviewError};
use gatehold_core::json::canonical;
use gatehold_core::reason::ReasonError;
use gatehold_core::review::ReviewError;
use gatehold_core::signer::Signer;

use super::*;

#[test]
fn every_problem_says_what_it_is_and_what_to_do() {
    let mut text = String::new();
    let mut kinds = std::collections::BTreeMap::new();
    for error in all() {
        let said = error.said();
        let words = [said.title, said.next];
        assert!(words.iter().all(|words| !words.is_empty()), "{said:?}");
        assert!(said.next.ends_with('.'), "{said:?}");
        assert!(
            !said.title.ends_with('.') && !said.detail.ends_with('.'),
            "{said:?}"
        );
        // One kind has one status and one title, whatever happened.
        let same = kinds.entry(said.kind).or_insert((said.status, said.title));
        let sizes = said.kind == "invalid_action";
        assert!(sizes || *same == (said.status, said.title), "{said:?}");
        text.push_str(&format!(
            "{} {} ({:?})\n  {}\n  {}\n  {}\n\n",
            said.status.as_u16(),
            said.kind,
            said.code,
            said.title,
            if said.detail.is_empty() {
                "-"
            } else {
                &said.detail
            },
            said.next
        ));
    }
    same(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/problems.snap"),
        &text,
    );
}

#[test]
fn the_reference_lists_every_kind_of_problem() {
    let mut rows = std::collections::BTreeMap::new();
    for error in all() {
        let said = error.said();
        let (statuses, _, nexts) = rows
            .entry(said.kind)
            .or_insert_with(|| (Vec::new(), said.title, Vec::new()));
        let status = said.status.as_u16().to_string();
        for (list, item) in [(statuses, status), (nexts, said.next.to_owned())] {
            if !list.contains(&item) {
                list.push(item);
            }
        }
    }
    let mut text = REFERENCE.to_owned();
    for (kind, (statuses, title, nexts)) in rows {
        let line = format!(
            "| `{kind}` | {} | {title} | {} |\n",
            statuses.join(", "),
            nexts.join(" / ")
        );
        text.push_str(&line);
    }
    same(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/problems.md"
        ),
        &text,
    );
}

const REFERENCE: &str = "\
# Problems

What could not be decided is answered with `application/problem+json` (RFC 9457); a denial is a decision and no problem. `type`
is `urn:gatehold:problem:` and the word below, stable for ever; `title` is the same for every problem of a type, `detail` says
what happened this time, `next` what to do, `code` a coarser word, and `request_id` names the call in the gate's log. Generated
from the program; a test compares it.

| type | status | title | next |
|---|---|---|---|
";

fn same(path: &str, text: &str) {
    if accepting() {
        std::fs::write(path, text).unwrap();
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert!(known == text, "{path} differs; it should be:\n{text}");
}

#[test]
fn a_fault_says_nothing_about_its_cause() {
    for error in [
        ApiError::Gate(GateError::Damaged("row of bob".to_owned())),
        ApiError::Gate(GateError::Store(StoreFault::Damaged("page 7".to_owned()))),
        ApiError::Gate(GateError::Store(StoreFault::Unavailable(
            "10.0.0.7".to_owned(),
        ))),
        ApiError::Fault("a detail of ours"),
    ] {
        let said = error.said();
        let shown = format!("{} {} {}", said.title, said.detail, said.next);
        for secret in ["bob", "page 7", "10.0.0.7", "a detail of ours"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(said.status.is_server_error());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, read where it is used"
)]
fn accepting() -> bool {
    std::env::var_os("GATEHOLD_ACCEPT").is_some()
}

/// One of each; a new variant is missed here only by who also ignores the match in `said`.
fn all() -> Vec<ApiError> {
    let mut all = vec![
        ApiError::UnknownKey,
        ApiError::WrongPrincipal {
            needed: "people who are logged in",
            given: "a workload",
        },
        ApiError::ActingFor("an enforcement point must name the workload it acts for"),
        ApiError::BodyTooLarge,
        ApiError::BodyTooSlow,
        ApiError::BodyBroken,
        ApiError::MediaType,
        ApiError::Read(ReadError::TooLarge),
        ApiError::Read(ReadError::Malformed(
            "expected value at line 1 column 1".to_owned(),
        )),
        ApiError::Read(
            read_request::<SubmitRequest>(br#"{"envelope":"","payload":""}"#).unwrap_err(),
        ),
        ApiError::Member {
            member: "id",
            why: "an id of this kind is written `req_` and 32 lower-case hex digits".to_owned(),
        },
        ApiError::Query("unknown field `x`".to_owned()),
        ApiError::TargetTooLong,
        ApiError::NoSuchPath,
        ApiError::Method,
        ApiError::Login("the reviewer's key has no force".to_owned()),
        ApiError::Replayed,
        ApiError::TooMany,
        ApiError::NoSuchLeaf,
        ApiError::Gate(GateError::Journaled),
        ApiError::Gate(GateError::JournalWaits(2)),
        ApiError::Gate(GateError::Busy),
        ApiError::Gate(GateError::Store(StoreFault::Unavailable("why".to_owned()))),
        ApiError::Gate(GateError::Store(StoreFault::OutcomeUnknown)),
        ApiError::Gate(GateError::Store(StoreFault::Damaged("why".to_owned()))),
        ApiError::Gate(GateError::Damaged("why".to_owned())),
        ApiError::Fault("why"),
    ];
    all.extend(signatures().into_iter().map(ApiError::from));
    all.extend(
        refusals()
            .into_iter()
            .map(|refusal| ApiError::Gate(GateError::Refused(refusal))),
    );
    all
}

fn signatures() -> Vec<SignatureError> {
    use SignatureError as E;
    vec![
        E::MissingHeader("signature"),
        E::RepeatedHeader("signature"),
        E::MalformedHeader("content-digest"),
        E::NotOneSignature,
        E::Components,
        E::MissingParameter("nonce"),
        E::Parameter,
        E::Tag,
        E::Lifetime,
        E::Expired,
        E::CreatedInFuture,
        E::KeyMismatch,
        E::AlgorithmMismatch,
        E::Target,
        E::BadSignature,
        E::BodyMismatch,
        E::Evidence,
    ]
}

fn refusals() -> Vec<Refusal> {
    use Refusal as R;
    let not_json = canonical::from_bytes::<u8>(b"{").unwrap_err();
    vec![
        R::Action(ActionError::EnvelopeSize(70_000)),
        R::Action(ActionError::PayloadSize(2_000_000)),
        R::Action(ActionError::Envelope(not_json)),
        R::Action(ActionError::Payload("sha256")),
        R::Action(ActionError::Member {
            member: "caps",
            why: "too many".to_owned(),
        }),
        R::Action(ActionError::Digest),
        R::UnknownDescriptor,
        R::UnknownTarget,
        R::MediaType,
        R::Claims("at most 32 are kept".to_owned()),
        R::InlineSecret {
            place: "payload",
            kind: "a private key",
        },
        R::UnknownPrincipal,
        R::NotYours("a workload asks only for itself"),
        R::Task("it has ended"),
        R::Stopped("lockdown"),
        R::NoSuchRequest,
        R::WrongState { state: "denied" },
        R::Bundle("rules.cedar:4: the rule needs `@owner(\"…\")`".into()),
        R::Erasure("leaf 7 has no attachment `x`".into()),
        R::Correction(CorrectionError::Other("leaf")),
        R::TooManyCorrections,
        R::Glass(GlassError::NotOffered),
        R::PostReview(PostReviewError::Involved),
        R::Subscription("its endpoint is no https address"),
        R::TooLate("the time to decide"),
        R::ChangedSinceShown,
        R::Review(ReviewError::Key),
        R::OwnRequest,
        R::NotEntitled,
        R::Factor {
            given: Assurance::Software,
        },
        R::Signer { asked: Signer::Cli },
        R::AlreadyDecided,
        R::Criterion("scope".to_owned()),
        R::Fact("fact.rows".to_owned()),
        R::Reason(ReasonError::Missing),
        R::Limits,
        R::CapNotEnforced {
            cap: "files".to_owned(),
            enforced: "bytes, rows".to_owned(),
        },
        R::Stale,
        R::NotProven("grant"),
        R::Replayed,
        R::IdempotencyMismatch,
    ]
}
