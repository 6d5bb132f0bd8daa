//! What a reviewer signs is what stands on the page, also where the answers were given on the command line.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

#[test]
fn answers_of_the_command_line_stand_on_the_page() {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let shown = gate.json(&["show", &request, "--as", "reviewer"]);
    let criteria = shown["view"]["criteria"].as_array().unwrap();
    assert!(!criteria.is_empty(), "{shown}");
    let asked: Vec<(&str, &str)> = criteria
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["text"].as_str().unwrap()))
        .collect();
    let because = "the incident is real";
    let answers = gate.answers(&request, "reviewer");
    let id = shown["fact"]["id"].as_str().unwrap();
    let question = shown["fact"]["question"].as_str().unwrap();
    let stands = gate::stands(&shown, id);
    let right = format!("{id}={stands}");
    let approve = |why: &[&str], answers: &str| {
        let who = [
            "approve",
            &request,
            "--as",
            "reviewer",
            "--criteria",
            answers,
        ];
        gate.run(&[&who[..], why].concat())
    };
    // It is red: nobody approves it without saying why, and blank is nothing.
    for blank in [&[][..], &["--because", ""], &["--because", " \t"]] {
        let refused = approve(blank, &answers);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.starts_with("error: it is RED, and nothing says why you approve it\n"),
            "{said}"
        );
        assert!(said.contains("--because WHY"), "{said}");
    }
    // What is not on the page is signed by nobody, and a question that was skipped neither.
    for wrong in [
        answers.replace(&right, &format!("{id}=7")),
        answers.replace(&format!(",{right}"), ""),
    ] {
        assert_ne!(wrong, answers);
        let refused = approve(&["--because", because], &wrong);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.starts_with(&format!("error: question `{id}` is ")),
            "{said}"
        );
    }
    let signed = approve(&["--because", because], &answers);
    assert!(signed.status.success(), "{signed:?}");
    let page = String::from_utf8(signed.stdout).unwrap();
    let (_, under) = page.split_once("\nCRITERIA\n").unwrap();
    for (id, text) in asked {
        let line = format!("  {id} {text}\n    answered: yes\n");
        assert!(under.contains(&line), "{line} is not in:\n{page}");
    }
    let fact = format!("  {id} {question}\n    answered: {stands}\n");
    assert!(under.contains(&fact), "{page}");
    let (_, signed) = under.split_once("YOU SIGN:").unwrap();
    assert!(
        signed.contains("\n  because: the incident is real\n"),
        "{page}"
    );
}
