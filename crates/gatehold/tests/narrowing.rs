//! What a reviewer may lower, and what a requester may bound, against a real gate: a cap that could only fail at the target is
//! refused when it is set.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

#[test]
fn a_review_adds_no_cap_that_the_target_does_not_keep() {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let yes = |more: &[&str]| {
        let narrow = ["narrow", &request, "--as", "reviewer", "--criteria"];
        let unanswered = gate.run(&["approve", &request, "--as", "reviewer"]);
        let told = String::from_utf8(unanswered.stderr).unwrap();
        let ids = told.lines().filter_map(|line| {
            let id = line.strip_prefix("error: criterion `")?.split('`').next()?;
            Some(format!("{id}=yes"))
        });
        let answers = ids.collect::<Vec<_>>().join(",");
        gate.run(&[&narrow[..], &[&answers], more].concat())
    };
    let refused = yes(&["--cap", "files=3"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("does not enforce the cap `files`; it enforces bytes, rows"),
        "{said}"
    );
    assert!(said.contains("Leave this cap out"), "{said}");
    // One that it keeps may be added, and the request is executed within it.
    let narrowed = yes(&["--cap", "bytes=4096"]);
    assert!(narrowed.status.success(), "{narrowed:?}");
    gate.approved_by(&request, &["second"]);
    let done = gate.json(&["request", "redeem", &request]);
    assert_eq!(done["status"]["state"], "completed", "{done}");
}

#[test]
fn a_request_names_no_cap_that_the_target_does_not_keep() {
    let gate = Gate::start();
    let task = gate.json(&["task", "start", "--purpose", "repair"]);
    let task = task["task"].as_str().unwrap();
    let ask = gate::write(task, "UPDATE orders SET status = 'retry' WHERE id = 7");
    let refused = gate.run(&[&ask[..], &["--cap", "files=3"]].concat());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.starts_with(
            "error: the target of this request does not enforce the cap `files`; it enforces "
        ),
        "{said}"
    );
}
