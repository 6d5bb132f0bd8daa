use std::collections::BTreeSet;

use super::*;

const PROBLEMS: &str = include_str!("../../../../docs/reference/problems.md");
const CLI: &str = include_str!("../../../../docs/reference/cli.md");

/// Problems to which no command is the answer: the caller's own bytes, the clock, another person, or waiting.
const WITHOUT_COMMAND: [&str; 37] = [
    "acting_for",
    "bad_signature",
    "body_mismatch",
    "broken_body",
    "busy",
    "cap_not_enforced",
    "fault",
    "idempotency_mismatch",
    "inline_secret",
    "invalid_action",
    "invalid_claims",
    "invalid_subscription",
    "journaled",
    "malformed_body",
    "malformed_member",
    "malformed_query",
    "malformed_signature",
    "no_such_leaf",
    "no_such_path",
    "not_permitted",
    "out_of_bounds",
    "replayed",
    "signature_expired",
    "signature_from_future",
    "stale",
    "target_too_long",
    "too_large",
    "too_many",
    "too_many_corrections",
    "too_slow",
    "unavailable",
    "unknown_target",
    "unsigned",
    "wrong_content_type",
    "wrong_key",
    "wrong_method",
    "wrong_principal",
];

/// Type, title and each sentence of what is to be done.
fn rows() -> Vec<(String, String, Vec<String>)> {
    let rows = PROBLEMS.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [kind, _, title, next] = cells[..] else {
            panic!("{line}");
        };
        (
            kind.trim_matches('`').to_owned(),
            title.to_owned(),
            next.split(" / ").map(ToOwned::to_owned).collect(),
        )
    })
    .collect()
}

fn problem(title: &str, detail: &str, next: &str) -> Failure {
    let problem = Problem {
        kind: "urn:gatehold:problem:x".to_owned(),
        title: title.to_owned(),
        status: 422,
        detail: detail.to_owned(),
        code: ProblemCode::Unprocessable,
        next: next.to_owned(),
        instance: None,
        request_id: Some("call-7".to_owned()),
    };
    ClientError::Problem(Box::new(problem)).into()
}

#[test]
fn every_problem_is_one_line_of_what_is_wrong_and_one_of_what_to_do() {
    let mut without = BTreeSet::new();
    let commands: BTreeSet<&str> = CLI
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert!(rows().len() > 30);
    for (kind, title, nexts) in rows() {
        for next in nexts {
            assert!(
                next.split(' ').count() > 1 && next.ends_with('.'),
                "{kind}: {next}"
            );
            let text = problem(&title, "what happened", &next).to_string();
            let [wrong, to_do] = text.lines().collect::<Vec<_>>()[..] else {
                panic!("{kind}: {text}");
            };
            assert_eq!(wrong, "error: what happened");
            if to_do == format!("next:  {next}") {
                without.insert(kind.clone());
            } else {
                assert_eq!(to_do, format!("try:   {next}"));
            }
            // Every command that is named is there.
            for span in next.split('`').skip(1).step_by(2) {
                let known =
                    |command: &&str| span == *command || span.starts_with(&format!("{command} "));
                let is_command = span.starts_with("gatehold ");
                assert!(!is_command || commands.iter().any(known), "{kind}: {span}");
            }
        }
    }
    let known: BTreeSet<String> = WITHOUT_COMMAND.iter().map(ToString::to_string).collect();
    assert_eq!(without, known);
}

#[test]
fn a_problem_without_a_detail_is_its_title_and_the_call() {
    let text = problem(
        "The gate failed",
        "",
        "Give the request_id to the operators.",
    )
    .to_string();
    assert_eq!(
        text,
        "error: The gate failed (request_id call-7)\nnext:  Give the request_id to the operators."
    );
}

#[test]
fn the_same_cause_is_said_once() {
    let failure = Failure {
        exit: Exit::Usage,
        causes: ["a", "b", "a"].map(ToOwned::to_owned).to_vec(),
        next: "correct these".to_owned(),
    };
    assert_eq!(
        failure.to_string(),
        "error: a\nerror: b\nnext:  correct these"
    );
}

#[test]
fn of_two_failures_each_is_said() {
    let fault = |cause: &str, next: &str| Failure::fault(cause, next);
    let kept = fault("a folder is left", "remove it by hand");
    let failed: Result<(), Failure> = Err(fault("the store is full", "make room"));
    let said = both(failed, Err::<(), _>(kept)).unwrap_err().to_string();
    assert_eq!(
        said,
        "error: the store is full\nerror: a folder is left\nnext:  make room; remove it by hand"
    );
    let alone = both(
        Ok(1),
        Err::<(), _>(fault("a folder is left", "remove it by hand")),
    );
    assert_eq!(alone.unwrap_err().causes, ["a folder is left"]);
    assert_eq!(both::<_, ()>(Ok(1), Ok(())).unwrap(), (1, ()));
}
