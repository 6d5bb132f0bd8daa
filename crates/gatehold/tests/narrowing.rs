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
        let answers = gate.answers(&request, "reviewer");
        let mut narrow = gate::approve(&request, "reviewer", &answers);
        narrow[0] = "narrow";
        gate.run(&[&narrow, more].concat())
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

/// A read of one row, and having it done.
const READ: [&str; 13] = [
    "request",
    "create",
    "--descriptor",
    "sql.read",
    "--target",
    "sql:shop",
    "--resource",
    "shop/orders",
    "--payload",
    "SELECT status FROM orders WHERE id = 7",
    "--cap",
    "rows=1",
    "--redeem",
];

#[test]
fn a_task_is_bounded_by_options_or_by_a_file_and_takes_the_steps_it_says() {
    let gate = Gate::start();
    let start = ["task", "start", "--purpose", "repair"];
    let options = [
        "--steps",
        "1",
        "--duration",
        "30m",
        "--descriptor",
        "sql.read",
        "--target",
        "sql:shop",
        "--resource",
        "shop/",
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boundary.json");
    let boundary = serde_json::json!({
        "descriptors": ["sql.read"], "targets": ["sql:shop"], "resources": ["shop/"], "steps": 1,
        "not_after": 4_000_000_000_000_i64,
    });
    std::fs::write(&file, boundary.to_string()).unwrap();
    let by_file = ["--boundary", file.to_str().unwrap()];
    for said in [&options[..], &by_file] {
        let task = gate.json(&[&start[..], said].concat());
        let task = task["task"].as_str().unwrap();
        let read = [&READ[..], &["--task", task]].concat();
        let done = gate.run(&read);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let beyond = gate.run(&read);
        assert_eq!(beyond.status.code(), Some(3), "{beyond:?}");
    }
    // Half a boundary is none, and so are both at once and a file that says more.
    std::fs::write(&file, r#"{"steps": 1, "forever": true}"#).unwrap();
    let both = [&options[..], &by_file].concat();
    for wrong in [&options[..2], &options[4..6], &both, &by_file] {
        let refused = gate.run(&[&start[..], wrong].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}: {refused:?}");
    }
}
