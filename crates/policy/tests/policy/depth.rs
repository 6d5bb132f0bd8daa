//! Text that nests too deep is refused in words and never overflows a stack; what is just within the limits works whole.

use std::fmt::Write as _;
use std::sync::Arc;

use gatehold_policy::lint::{self, Options};
use gatehold_policy::{Bundle, Engine, golden};

use crate::kit::{bundle_of, files, permit_all, rule};

/// What a thread of the gate has.
const STACK: usize = 2 << 20;

/// Runs it on a stack of the size that threads of the gate have.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap()
}

/// What is said about one rule with this condition.
fn said(condition: String) -> String {
    let text = permit_all()
        + &rule(
            "deep",
            "",
            &format!("forbid (principal, action, resource) when {{ {condition} }};"),
        );
    said_of(text)
}

fn said_of(text: String) -> String {
    on_a_small_stack(move || {
        let problems = bundle_of(files(&text)).unwrap_err();
        let mut said = String::new();
        for problem in problems {
            writeln!(said, "{problem}").unwrap();
        }
        said
    })
}

#[test]
fn deep_text_is_refused_with_its_file_and_what_to_do() {
    let nested = |open: &str, close: &str| open.repeat(100_000) + "1" + &close.repeat(100_000);
    for deep in [nested("(", ")"), nested("[", "]"), nested("{a:", "}")] {
        let said = said(deep);
        assert!(
            said.starts_with(
                "rules.cedar:4: brackets stand more than 32 deep in each other; split the rule"
            ),
            "{said}"
        );
    }
    let tier = "context.tier == 1";
    for long in [
        "!".repeat(100_000) + "true",
        "-".repeat(100_000) + "1 == 1",
        format!("{tier}{}", format!(" && {tier}").repeat(30_000)),
        format!("{tier}{}", format!(" || {tier}").repeat(30_000)),
        format!("context{}", ".a".repeat(100_000)),
        format!("context{}", "[\"a\"]".repeat(100_000)),
        format!("context{}", ".a()".repeat(100_000)),
        format!("1{} == 1", " + 1".repeat(100_000)),
        format!("1{} == 1", "*1".repeat(100_000)),
    ] {
        let said = said(long);
        assert!(
            said.contains("rules.cedar:4: the rule has more than 1024 characters of operators"),
            "{said}"
        );
    }
    let said = said(format!("{}true", "if true then true else ".repeat(30_000)));
    assert!(
        said.contains("rules.cedar:4: the rule has more than 32 `if`"),
        "{said}"
    );
    let whens = "when{1==1}".repeat(50_000);
    let said = said_of(rule(
        "deep",
        "",
        &format!("forbid (principal, action, resource) {whens};"),
    ));
    assert!(said.contains("more than"), "{said}");
}

#[test]
fn what_is_just_within_the_limits_works_whole() {
    // One bracket is around it already: that of `when`.
    let nested = "(".repeat(31) + "context.tier == \"red\"" + &")".repeat(31);
    let tier = "context.tier == \"red\"";
    for condition in [
        nested,
        format!("{tier}{}", format!(" && {tier}").repeat(140)),
        format!("{tier}{}", format!(" || {tier}").repeat(140)),
        format!(
            "{}{tier}{}",
            format!("({tier} || ").repeat(31),
            ")".repeat(31)
        ),
        format!(
            "{}{tier}",
            format!("if {tier} then {tier} else ").repeat(31)
        ),
        format!("context.chain.steps{} == 7", " + 1".repeat(250)),
        format!("context.chain.steps{} == 7", " * 1".repeat(250)),
        format!("context.chain.steps{} == 7", " - (1)".repeat(200)),
        format!("{tier}{}", " && true".repeat(250)),
        format!("{tier}{}", " || false".repeat(250)),
        format!(
            "{}{tier}{}{}",
            format!("if {tier} then (").repeat(31),
            " && true".repeat(210),
            ") else false".repeat(31)
        ),
    ] {
        let text = permit_all()
            + &rule(
                "deep",
                "",
                &format!("forbid (principal, action, resource) when {{ {condition} }};"),
            );
        on_a_small_stack(move || {
            let bundle = bundle_of(files(&text)).unwrap_or_else(|problems| panic!("{problems:?}"));
            drop(lint::lint(&bundle, &Options::default()));
            for result in golden::run(&bundle) {
                let errors = result.got.as_ref().unwrap().trace().errors.clone();
                assert!(errors.is_empty(), "{errors:?}");
            }
            let again = Bundle::from_bytes(&bundle.to_bytes()).unwrap();
            drop(Engine::new(Arc::new(again)));
        });
    }
}

#[test]
fn toml_cannot_nest_so_deep_that_a_stack_overflows() {
    let dotted = |times: usize| vec!["a"; times].join(".");
    // Dotted keys within inline tables: the deepest that TOML's own limits let through.
    let mut within = "1".to_owned();
    for _ in 0..79 {
        within = format!("{{ {} = {within} }}", dotted(79));
    }
    for deep in [
        format!("[{}]\n{} = {within}\n", dotted(79), dotted(79)),
        format!("x = {within}\n"),
        format!("x = {}{}\n", "[".repeat(79), "]".repeat(79)),
        format!("x = {}{}\n", "[".repeat(100_000), "]".repeat(100_000)),
        format!("x = {}1{}\n", "{a=".repeat(60_000), "}".repeat(60_000)),
        format!("{} = 1\n", dotted(100_000)),
        format!("[{}]\n", dotted(100_000)),
        format!("[[{}]]\n", dotted(100_000)),
        format!("[[case]]\nname = {within}\n"),
        format!("[[case]]\nset = {within}\n"),
    ] {
        on_a_small_stack(move || {
            for file in [
                "bundle.toml",
                "checkpoints/one.toml",
                "descriptors/x.read.toml",
                "criteria/one.toml",
                "tests/calm.toml",
            ] {
                let mut files = files(&permit_all());
                files.insert(file.to_owned(), deep.clone());
                let problems = bundle_of(files).unwrap_err();
                assert!(problems.iter().any(|problem| problem.file == file));
            }
        });
    }
}
