//! The demo at a real terminal, played by a person who reads every prompt: questions are answered, on red also the one about the
//! action, the first of the four words is typed. A slip of the finger is asked again. And by one who says no: nothing is signed then.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output, Stdio};

/// Runs a program at a pseudo-terminal, answers its prompts, prints what was on the screen, and ends as it does.
const PERSON: &str = r#"
import os, pty, re, sys
word_typed = sys.argv[1]
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
screen, unread, slipped = "", "", set()
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    screen += piece.decode(errors="replace")
    unread += re.sub(r"\x1b\[[0-9;]*m", "", piece.decode(errors="replace"))
    if not unread.endswith("> "):
        continue
    asked = re.search(r"type `(\w+)` to sign[^>]*> $", unread)
    facts = {"How many rows": "1", "Which resource": "shop/orders", "At which target": "sql:shop"}
    fact = re.search(r"(How many rows|Which resource|At which target)[^?]*\?[^(]*\([^>]*> $", unread)
    answer = (word_typed or asked.group(1)) if asked else facts[fact.group(1)] if fact else "yes"
    kind = "word" if asked else "fact" if fact else "criterion"
    if not word_typed and kind not in slipped:
        slipped.add(kind)
        answer = "yse"
    unread = ""
    os.write(terminal, (answer + "\n").encode())
print(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn demo(word_typed: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new("python3")
        .args(["-c", PERSON, word_typed])
        .arg(env!("CARGO_BIN_EXE_gatehold"))
        .arg("demo")
        .env("XDG_CONFIG_HOME", folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_person_at_a_terminal_plays_the_demo_to_its_end() {
    let output = demo("");
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{screen}");
    for wanted in [
        "You are reviewer.",
        "(yes / no / cannot tell) > yse",
        "that is none of the answers; nothing is lost",
        "(yes / no / cannot tell) > yes",
        "(as it stands above) > yse",
        "that is not what stands above",
        "It is RED: why do you approve it?",
        "because: yes",
        "`no` to stop > yse",
        "YOU SIGN:",
        "recorded; it is decided when enough people have looked",
        "You are second.",
        "decided: allowed",
        "order 7 is `retry`",
        "altered, and found",
    ] {
        assert!(screen.contains(wanted), "{wanted} is not in:\n{screen}");
    }
}

#[test]
fn whoever_says_no_has_signed_nothing_and_sees_what_a_denial_is() {
    let output = demo("no");
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{screen}");
    for wanted in [
        "nothing was signed",
        "reviewer signed nothing, so nothing can happen",
        "--reason not_justified --as reviewer",
        "it ended as denied; the agent is told so, and why  not justified: stopped at the terminal of the demo",
        "REFUSED the agent uses it all the same",
        "order 7 is still `failed`",
        "reviewer@dev.gatehold.local, deny; the words lie beside it",
        "play it again and approve",
        "altered, and found",
    ] {
        assert!(screen.contains(wanted), "{wanted} is not in:\n{screen}");
    }
    assert!(!screen.contains("order 7 is `retry`"), "{screen}");
    assert!(!screen.contains("report this"), "{screen}");
}
