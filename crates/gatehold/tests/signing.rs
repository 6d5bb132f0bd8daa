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
    let answers: Vec<String> = asked.iter().map(|(id, _)| format!("{id}=yes")).collect();
    let mut approve = vec!["approve", &request, "--as", "reviewer", "--criteria"];
    let answers = answers.join(",");
    approve.extend([&answers, "--because", "the incident is real"]);
    let signed = gate.run(&approve);
    assert!(signed.status.success(), "{signed:?}");
    let page = String::from_utf8(signed.stdout).unwrap();
    let (_, under) = page.split_once("\nCRITERIA\n").unwrap();
    for (id, text) in asked {
        let line = format!("  {id} {text}\n    answered: yes\n");
        assert!(under.contains(&line), "{line} is not in:\n{page}");
    }
    let (_, signed) = under.split_once("YOU SIGN:").unwrap();
    assert!(
        signed.contains("\n  because: the incident is real\n"),
        "{page}"
    );
}
