//! The console as `gatehold dev` prints it: the code opens the inbox once, and a request has the same words there as in the
//! terminal.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod running;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use running::Machine;

/// One call; gives status line and headers, and the body.
fn call(address: &str, method: &str, target: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

const FORM: &str =
    "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";

#[test]
fn the_printed_code_opens_the_inbox_once() {
    let machine = Machine::new();
    let mut dev = machine.start(&["dev"]);
    let welcome = dev.says("End with Ctrl-C");
    let line = welcome.lines().find(|line| line.contains("one-time code"));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    let place = words.iter().position(|word| *word == "code:").unwrap();
    let (url, code) = (words[1], words[place + 1]);
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');

    let (head, _) = call(address, "GET", "/", "", "");
    assert!(
        head.contains("303") && head.contains("location: /sign-in"),
        "{head}"
    );
    let form = format!("code={code}&person=reviewer%40dev.gatehold.local&to=");
    let (head, _) = call(address, "POST", "/sign-in", FORM, &form);
    assert!(head.starts_with("http/1.1 303"), "{head}");
    let cookie = head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
    let (again, _) = call(address, "POST", "/sign-in", FORM, &form);
    assert!(again.starts_with("http/1.1 403"), "{again}");

    let task = machine.run(&["task", "start", "--purpose", "repair order 7"]);
    let task = String::from_utf8(task.stdout).unwrap();
    let ask = [
        "request",
        "create",
        "--task",
        task.trim(),
        "--descriptor",
        "sql.write",
        "--target",
        "sql:shop",
    ];
    let what = [
        "--resource",
        "shop/orders",
        "--payload",
        "UPDATE orders SET status = 'retry' WHERE id = 7",
    ];
    let asked = machine.run(&[&ask[..], &what, &["--cap", "rows=1", "-o", "json"]].concat());
    let held: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let id = held["request"].as_str().unwrap();
    let words: Vec<&str> = held["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();

    let cookie = format!("cookie: {cookie}\r\n");
    let (_, inbox) = call(address, "GET", "/", &cookie, "");
    assert!(inbox.contains(&format!("/requests/{id}")), "{inbox}");
    let (_, page) = call(address, "GET", &format!("/requests/{id}"), &cookie, "");
    let shown = words.join("-");
    for wanted in [
        shown.as_str(),
        "UPDATE",
        "gatehold approve",
        "reviewer@dev.gatehold.local",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    // The four words of the terminal, which computes them itself.
    let terminal = machine.run(&["show", id, "--as", "reviewer"]);
    assert!(String::from_utf8(terminal.stdout).unwrap().contains(&shown));
}
