//! Evidence as the tables of the documents name it: `path`, or `path::name` for one test of that file.

use crate::tree::root;

/// What is wrong with it: `path` must exist; in `path::name` there must be a test of that name.
pub fn missing(evidence: &str) -> Option<String> {
    let (path, name) = match evidence.split_once("::") {
        Some((path, name)) => (path, Some(name)),
        None => (evidence, None),
    };
    let full = root().join(path);
    if !full.exists() {
        return Some(format!("{path} does not exist"));
    }
    let name = name?;
    let text = std::fs::read_to_string(full).unwrap_or_default();
    (!holds_test(&text, name)).then(|| format!("{path} holds no test {name}"))
}

/// Whether a function of this name is a test, or a macro of this file that makes tests makes one of it. A comment, a string
/// or a function that nobody runs is none.
fn holds_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_fn = |line: &str, name: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let runs = |at: usize| {
        let before = lines.get(..at).unwrap_or_default().iter().rev();
        let mut attributes = before.take_while(|line| {
            !line.is_empty() && !line.starts_with(['}', '{']) && !line.ends_with(['{', ';'])
        });
        attributes.any(|line| {
            ["#[test]", "#[tokio::test]", "#[tokio::test("]
                .iter()
                .any(|test| line.starts_with(test))
        })
    };
    let test = |name: &str| {
        let mut numbered = lines.iter().enumerate();
        numbered.any(|(at, line)| is_fn(line, name) && runs(at))
    };
    let listed = || {
        let mut made = lines
            .iter()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        made.any(|rest| rest.ends_with("\","))
    };
    test(name) || (test("$name") && listed())
}

#[test]
fn only_a_test_is_evidence() {
    let text = "
        /// It rests on spoken_of and quoted.
        #[test]
        fn tried() { quoted(\"fn in_a_string()\"); }

        // fn commented_out() {}
        #[tokio::test(flavor = \"multi_thread\")]
        #[expect(clippy::panic, reason = \"so\")]
        async fn tried_too() {}

        fn called() {}
    ";
    for name in ["tried", "tried_too"] {
        assert!(holds_test(text, name), "{name}");
    }
    for name in [
        "spoken_of",
        "quoted",
        "in_a_string",
        "commented_out",
        "called",
        "tri",
    ] {
        assert!(!holds_test(text, name), "{name}");
    }
    let made = "
        #[test]
        fn $name() { run($file); }

        documents! {
            listed = \"a.md\",
        }
        // commented = \"b.md\",
    ";
    assert!(holds_test(made, "listed"));
    assert!(!holds_test(made, "commented"));
    assert!(!holds_test("listed = \"a.md\",", "listed"));
}
