//! A checkpoint that takes one kind of key alone, as people meet it in a terminal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::path::Path;

use gate::Gate;

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A gate whose checkpoints, those of its own changes excepted, take only this kind of key.
fn demanding(signer: &str) -> Gate {
    let gate = Gate::start();
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let own = gate.home.join("pack");
    copied(&pack, &own);
    for entry in std::fs::read_dir(own.join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("gate-")
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace(
            "separate = ",
            &format!("signer = \"{signer}\"\nseparate = "),
        );
        std::fs::write(&path, text).unwrap();
    }
    let pack = own.to_str().unwrap();
    let linted = gate.run(&["policy", "lint", pack]);
    assert!(linted.status.success(), "{linted:?}");
    let submit = [
        "policy",
        "submit",
        pack,
        "--reason",
        "by one kind of key",
        "--as",
        "owner",
    ];
    let held = gate.json(&submit);
    gate.approved(held["request"].as_str().unwrap());
    gate
}

#[test]
fn where_a_passkey_is_demanded_a_terminal_says_so_before_it_asks_anything() {
    let gate = demanding("passkey");
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let show = gate.run(&["show", &request, "--as", "reviewer"]);
    let page = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(show.status.success(), "{show:?}");
    let how = "signed in a browser, with a passkey";
    assert!(
        page.contains(&format!("an approval of yours counts only {how}")),
        "{page}"
    );

    let approve = gate.run(&["approve", &request, "--as", "reviewer"]);
    let said = String::from_utf8_lossy(&approve.stderr).into_owned();
    assert_eq!(approve.status.code(), Some(2), "{said}");
    assert!(said.contains("this one is signed in a browser"), "{said}");
    assert!(said.contains(&format!("/requests/{request}")), "{said}");
    assert!(approve.stdout.is_empty(), "nothing was asked: {approve:?}");

    // Nobody here has a passkey.
    let who = gate.run(&["who-can-approve", &request, "--as", "reviewer"]);
    let said = String::from_utf8_lossy(&who.stdout).into_owned();
    assert_eq!(who.status.code(), Some(1), "{said}");
    assert!(said.contains("nobody can approve this"), "{said}");
    assert!(
        said.contains("no key of theirs is of the kind that is asked for"),
        "{said}"
    );
    let config = gate.home.join("gatehold.toml");
    let doctor = gate.run(&["doctor", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!(
            "can be approved: it takes 1 `software`, {how}, of"
        )),
        "{said}"
    );

    // A denial is the safe direction.
    let deny = [
        "deny",
        &request,
        "--reason",
        "too_broad",
        "--as",
        "reviewer",
    ];
    assert!(gate.run(&deny).status.success());
}

#[test]
fn where_a_terminal_is_demanded_it_is_signed_there_as_ever() {
    let gate = demanding("cli");
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let show = gate.run(&["show", &request, "--as", "reviewer"]);
    let page = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(
        page.contains("an approval of yours counts only signed in a terminal, with an SSH key"),
        "{page}"
    );
    gate.approved(&request);
    let redeemed = gate.run(&["request", "redeem", &request]);
    assert!(redeemed.status.success(), "{redeemed:?}");
}
