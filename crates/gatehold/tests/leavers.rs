//! People who leave and people who are new, with the real program and a real identity provider (npm `oidc-provider`): whoever the
//! provider deactivates by SCIM is out, and is let in again when it says so.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(
    dead_code,
    reason = "another test has the provider lie, and moves cookies"
)]
mod identity_provider;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use identity_provider::{Browser, Desk};

/// What the provider and the gate share; it is as long as a token has to be.
fn token(desk: &Desk) -> String {
    std::fs::read_to_string(desk.folder.path().join("gate/client.secret")).unwrap()
}

/// Tells the gate of a user; gives the status. The id of `ann` is her subject in base64url.
fn tells(desk: &Desk, method: &str, path: &str, token: &str, body: &str) -> u16 {
    let host = desk.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "{method} /scim/v2{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn active(active: bool) -> String {
    format!(r#"{{"Operations":[{{"op":"replace","path":"active","value":{active}}}]}}"#)
}

#[test]
fn a26_whoever_the_provider_deactivates_is_out_until_it_has_them_back() {
    let mut desk = Desk::open("scim_token_file = \"client.secret\"");
    desk.provider.start("RS256", "client_secret_basic");
    let token = token(&desk);
    let mut browser = Browser::default();
    assert_eq!(desk.sign_in(&mut browser, "ann", "").location(), "/");
    assert_eq!(desk.sees(&mut browser), Some(desk.human("ann")));
    assert_eq!(
        tells(&desk, "PATCH", "/Users/YW5u", "x", &active(false)),
        401
    );
    assert_eq!(desk.sees(&mut browser), Some(desk.human("ann")));
    assert_eq!(
        tells(&desk, "PATCH", "/Users/YW5u", &token, &active(false)),
        200
    );
    assert_eq!(desk.sees(&mut browser), None);
    let answer = desk.sign_in(&mut browser, "ann", "");
    assert_eq!(answer.status, 403);
    let gone = "The same provider told this gate that you are gone";
    assert!(answer.body.contains(gone), "{}", answer.body);
    assert!(!answer.body.contains("/sign-in/passkey"), "{}", answer.body);
    // Others go on.
    let mut other = Browser::default();
    assert_eq!(desk.sign_in(&mut other, "bob", "").location(), "/");
    assert_eq!(
        tells(&desk, "PATCH", "/Users/YW5u", &token, &active(true)),
        200
    );
    assert_eq!(desk.sign_in(&mut browser, "ann", "").location(), "/");
    assert_eq!(desk.sees(&mut browser), Some(desk.human("ann")));
    // Removed, and the ledger says so to whoever verifies it.
    assert_eq!(tells(&desk, "DELETE", "/Users/YW5u", &token, ""), 204);
    assert_eq!(desk.sees(&mut browser), None);
    desk.end();
    // It ends with 1: two of three people decide no change of the gate.
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["doctor", "--config", "gate/gatehold.toml"])
        .current_dir(desk.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("the identity provider says who is gone"),
        "{said}"
    );
    assert!(
        said.contains(&format!("deactivated {}", desk.human("ann"))),
        "{said}"
    );
}

/// Without a page on which passkeys sign there is nothing to make; the way to a key in a terminal stays.
#[test]
fn a_newcomer_is_told_how_to_get_a_key() {
    let mut desk = Desk::open("");
    desk.provider.start("RS256", "client_secret_basic");
    let mut browser = Browser::default();
    let answer = desk.sign_in(&mut browser, "mallory", "");
    assert!(
        answer.body.contains("gatehold human prove"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("/sign-in/passkey"), "{}", answer.body);
    // Nobody makes the gate look at keys without having been there.
    let target = format!("{}/sign-in/passkey", desk.url);
    let proof = "%7B%22assurance%22%3A%22verified%22%2C%22human%22%3A%22mallory%40x%22%2C%22key%22%3A%22k%22%2C%22possession%22%3A%22p%22%7D";
    for (token, status) in [("", 403), (&*"ab".repeat(32), 403)] {
        let form = format!("token={token}&proof={proof}");
        let answer = browser.from("same-origin").post(&target, &form);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains("this page is over"), "{}", answer.body);
    }
    let answer = browser
        .from("cross-site")
        .post(&target, "token=&proof=%7B%7D");
    assert_eq!(answer.status, 403);
    assert_eq!(desk.sees(&mut browser), None);
}
