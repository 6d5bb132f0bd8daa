//! What is no sound bundle, told with its file and line, all at once.

use gatehold_policy::BundleProblem;

use crate::kit::{bundle_of, checkpoint, files, permit_all, rule};

fn problems(
    change: impl FnOnce(&mut std::collections::BTreeMap<String, String>),
) -> Vec<BundleProblem> {
    let mut files = files(&permit_all());
    change(&mut files);
    bundle_of(files).err().unwrap_or_default()
}

fn with_rule(text: &str) -> Vec<BundleProblem> {
    problems(|files| {
        files.insert("more.cedar".to_owned(), format!("// one\n// two\n{text}"));
    })
}

/// Exactly one problem, in line 3 of the added file, with these words.
fn refused(text: &str, words: &str) {
    let found = with_rule(text);
    let fits = matches!(found.as_slice(), [one] if one.file == "more.cedar" && one.line == 3 && one.problem.contains(words));
    assert!(fits, "{text}\nwanted `{words}` in line 3, found {found:#?}");
}

#[test]
fn the_kit_is_sound() {
    assert_eq!(problems(|_| {}), []);
    assert_eq!(
        with_rule(&rule(
            "more",
            "@checkpoint(\"one\")",
            "forbid (principal, action, resource);"
        )),
        []
    );
}

#[test]
fn annotations_are_needed_and_known() {
    let all = "@id(\"a\") @owner(\"o\") @rationale(\"r\")";
    let forbid = "forbid (principal, action, resource);";
    for (missing, words) in [
        (all.replace("@id(\"a\")", ""), "`@id("),
        (all.replace("@owner(\"o\")", ""), "`@owner("),
        (all.replace("\"r\"", "\" \""), "`@rationale("),
        (format!("{all} @chekpoint(\"one\")"), "@chekpoint"),
        (
            format!("{all} @checkpoint(\"nowhere\")"),
            "no checkpoint `nowhere`",
        ),
        (all.replace("\"a\"", "\"A b\""), "lower-case"),
        (
            format!("{all} @attest_by(\"2030-01-01\")"),
            "belongs to permits",
        ),
    ] {
        refused(&format!("{missing} {forbid}"), words);
    }
    let permit = "permit (principal is Human, action, resource);";
    refused(&format!("{all} {permit}"), "`@attest_by(");
    refused(&format!("{all} @attest_by(\"soon\") {permit}"), "is a day");
    refused(
        &format!("{all} @attest_by(\"2030-01-01\") @checkpoint(\"one\") {permit}"),
        "on a permit",
    );
}

#[test]
fn the_ids_of_the_question_on_red_are_no_criteria() {
    let question = "{ id = \"fact.target\", text = \"Where?\", kind = \"text\", required = true }";
    let asks = |question: &str| format!("criteria = [{question}]");
    let refused = |found: &[BundleProblem], file: &str, line: usize| {
        let says = |one: &BundleProblem| {
            one.file == file && one.line == line && one.problem.contains("`fact.`")
        };
        assert!(found.iter().any(says), "{file}: {found:#?}");
    };
    let found = problems(|files| {
        let one = files["checkpoints/one.toml"].replace("criteria = []", &asks(question));
        files.insert("checkpoints/one.toml".to_owned(), one);
    });
    refused(&found, "checkpoints/one.toml", 10);
    let template = |id: &str| {
        let question = question.replace("fact.target", id);
        problems(|files| {
            let text = format!(
                "id = \"extra\"\nversion = 1\nowner = \"o\"\n{}\n",
                asks(&question)
            );
            files.insert("criteria/extra.toml".to_owned(), text);
        })
    };
    // Also where no descriptor asks it yet.
    refused(&template("fact.target"), "criteria/extra.toml", 4);
    assert_eq!(template("facts"), []);
}

#[test]
fn an_id_names_one_rule() {
    let found = with_rule(&rule(
        "permit-all",
        "",
        "forbid (principal, action, resource);",
    ));
    assert!(
        found
            .iter()
            .any(|p| p.problem.contains("taken by another rule")),
        "{found:#?}"
    );
}

#[test]
fn a15_unknowns_only_make_a_rule_stricter() {
    let forbid = |body: &str| {
        rule(
            "a",
            "",
            &format!("forbid (principal, action, resource) when {{ {body} }};"),
        )
    };
    let hold = |body: &str| {
        rule(
            "a",
            "@checkpoint(\"one\")",
            &format!("forbid (principal, action, resource) when {{ {body} }};"),
        )
    };
    let permit = |body: &str| {
        rule(
            "a",
            "",
            &format!("permit (principal, action, resource) when {{ {body} }};"),
        )
    };
    let unless = |body: &str| {
        rule(
            "a",
            "",
            &format!("forbid (principal, action, resource) unless {{ {body} }};"),
        )
    };

    for sound in [
        forbid("!context.quantity.known || context.quantity.value > 5"),
        hold("context.tier == \"red\" && (!context.quantity.known || context.quantity.value > 5)"),
        hold(
            "!context.quantity.known || (!context.fields.n.known || context.fields.n.value > context.quantity.value)",
        ),
        hold("!(context.reversibility.known && context.reversibility.value == \"read_only\")"),
        permit("context.quantity.known && context.quantity.value < 5"),
        permit(
            "!(!context.quantity.known || context.quantity.value > 5) || context.duration_seconds < 9",
        ),
        unless("context.quantity.known && context.quantity.value < 5"),
        hold(
            "if context.tier == \"red\" then !context.caps.rows.known || context.caps.rows.value > 5 else false",
        ),
        hold("!resource.zone.known || resource.zone.value == \"dmz\""),
    ] {
        assert_eq!(with_rule(&sound), [], "{sound}");
    }
    for signal in [
        "outside_hours",
        "weekend",
        "holiday",
        "change_freeze",
        "burst",
        "wide",
        "new_resource",
        "flagged",
    ] {
        let (known, value) = (
            format!("context.signals.{signal}.known"),
            format!("context.signals.{signal}.value"),
        );
        for sound in [
            hold(&format!("!{known} || {value}")),
            forbid(&format!("!{known} || {value}")),
            permit(&format!("{known} && !{value}")),
        ] {
            assert_eq!(with_rule(&sound), [], "{sound}");
        }
        for loose in [
            hold(&format!("{known} && {value}")),
            forbid(&format!("{known} && {value}")),
            permit(&format!("!{known} || !{value}")),
            hold(&value),
        ] {
            assert_ne!(with_rule(&loose), [], "{loose}");
        }
    }
    for (loose, words) in [
        // The guard that strict validation of optional attributes would force, and that opens the gate.
        (
            hold("context.quantity.known && context.quantity.value > 5"),
            "would be looser",
        ),
        (forbid("context.quantity.known"), "would be looser"),
        (permit("!context.quantity.known"), "would be looser"),
        (unless("!context.quantity.known"), "would be looser"),
        (permit("context.quantity.known == true"), "would be looser"),
        (
            hold("if context.quantity.known then context.quantity.value > 5 else true"),
            "would be looser",
        ),
        (hold("context.quantity.value > 5"), "is not certain"),
        (
            hold("!context.quantity.known || context.fields.n.value > 5"),
            "is not certain",
        ),
        (
            permit("context.quantity.known || context.quantity.value < 5"),
            "is not certain",
        ),
        (
            hold(
                "(!context.quantity.known || context.tier == \"red\") && context.quantity.value > 5",
            ),
            "is not certain",
        ),
        (hold("context has quantity"), "`has` is refused"),
        (
            hold("context.quantity == {known: true, value: 5}"),
            "may be unknown; read",
        ),
        (hold("[context.signals].contains(context.signals)"), ""),
    ] {
        let found = with_rule(&loose);
        assert!(
            !found.is_empty()
                && found
                    .iter()
                    .any(|p| p.line == 3 && p.problem.contains(words)),
            "{loose}: {found:#?}"
        );
    }
}

#[test]
fn cedar_is_read_strictly_and_placed() {
    let found = with_rule("@id(\"a\")\nforbid (principal, action");
    assert!(
        matches!(found.as_slice(), [one] if one.file == "more.cedar" && one.line == 4),
        "{found:#?}"
    );
    let found = with_rule(&rule(
        "a",
        "",
        "forbid (principal, action, resource) when { context.teir == \"red\" };",
    ));
    assert!(
        found.iter().all(|p| p.file == "more.cedar" && p.line == 3) && !found.is_empty(),
        "{found:#?}"
    );
    let found = with_rule(&rule(
        "a",
        "",
        "forbid (principal, action == Action::\"x.raed\", resource);",
    ));
    assert!(found.iter().any(|p| p.line == 3), "{found:#?}");
    let found = with_rule(&rule(
        "a",
        "",
        "forbid (principal == ?principal, action, resource);",
    ));
    assert!(
        found.iter().any(|p| p.problem.contains("templates")),
        "{found:#?}"
    );
}

#[test]
fn every_file_is_checked_and_all_is_told() {
    let found = problems(|files| {
        files.insert(
            "bundle.toml".to_owned(),
            files["bundle.toml"].replace("routine = []", "routine = [\"x.none\"]\nextra = 1"),
        );
        files.insert(
            "checkpoints/bad.toml".to_owned(),
            checkpoint("other", "").replace("seats = 1", "seats = 0"),
        );
        files.insert(
            "checkpoints/asks2.toml".to_owned(),
            checkpoint("asks2", "\"facts.none\""),
        );
        files.insert(
            "checkpoints/signed.toml".to_owned(),
            format!("signer = \"console\"\n{}", checkpoint("signed", "")),
        );
        let read =
            files["descriptors/x.read.toml"].replace("criteria = []", "criteria = [\"gone\"]");
        files.insert("descriptors/x.read.toml".to_owned(), read);
        files.insert(
            "tests/more.toml".to_owned(),
            "[[case]]\nname = \"n\"\ndescriptor = \"x.none\"\nexpect = { hold = [\"nowhere\"] }\n"
                .to_owned(),
        );
    });
    for (file, words) in [
        ("bundle.toml", "`extra`"),
        ("checkpoints/bad.toml", "alternatives"),
        ("checkpoints/asks2.toml", "facts.none"),
        ("checkpoints/signed.toml", "`signer`"),
        ("checkpoints/signed.toml", "`cli`"),
        ("descriptors/x.read.toml", "`gone`"),
        ("tests/more.toml", "`x.none`"),
        ("tests/more.toml", "`nowhere`"),
    ] {
        assert!(
            found
                .iter()
                .any(|p| p.file == file && p.problem.contains(words)),
            "{file} {words}: {found:#?}"
        );
    }
}

#[test]
fn names_of_files_are_a_closed_list() {
    for path in [
        "notes.txt",
        "checkpoints/x.json",
        "deep/er/x.toml",
        "../x.cedar",
        "checkpoints/../x.toml",
        ".hidden.cedar",
    ] {
        let found = problems(|files| {
            files.insert(path.to_owned(), String::new());
        });
        assert!(found.iter().any(|p| p.file == path), "{path}");
    }
    let found = problems(|files| {
        let text = files.remove("checkpoints/one.toml").unwrap();
        files.insert("checkpoints/uno.toml".to_owned(), text);
    });
    assert!(
        found.iter().any(|p| p.problem.contains("named for it")),
        "{found:#?}"
    );
}

#[test]
fn one_id_is_one_question() {
    let found = problems(|files| {
        for (name, text) in [("one", "Why?"), ("two", "Why not?")] {
            let asked = format!(
                "criteria = [{{ id = \"why\", text = \"{text}\", kind = \"text\", required = true }}]"
            );
            let changed =
                files[&format!("checkpoints/{name}.toml")].replace("criteria = []", &asked);
            files.insert(format!("checkpoints/{name}.toml"), changed);
        }
    });
    assert!(
        found
            .iter()
            .any(|p| p.problem.contains("one id is one question")),
        "{found:#?}"
    );
}
