use super::*;

const STORY: &str = r#"
requirement = "M000"
title = "A title"
story = "A story."

[[step]]
says = "A task begins"
[step.start_task]
who = "bot"
task = "t"
purpose = "p"
"#;

#[test]
fn a_story_is_read_strictly() {
    assert_eq!(Scenario::parse(STORY).unwrap().step.len(), 1);
    for (what, bad) in [
        ("an unknown member", STORY.replace("title", "titel")),
        (
            "an unknown member of a step",
            STORY.replace("purpose", "purpos"),
        ),
        ("an unknown step", STORY.replace("start_task", "start_tsk")),
        (
            "two things in one step",
            format!("{STORY}\n[step.end_task]\nwho = \"bot\"\ntask = \"t\"\n"),
        ),
        (
            "no step",
            STORY.split("[[step]]").next().unwrap().to_owned(),
        ),
    ] {
        assert!(Scenario::parse(&bad).is_err(), "{what}");
    }
}

#[test]
fn every_story_can_be_read_and_each_requirement_has_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('m') && name.ends_with(".toml") {
            found.insert(Scenario::read(&path).unwrap().requirement);
        }
    }
    let wanted = [
        "M022", "M029", "M030", "M051", "M052", "M053", "M054", "M055", "M090", "M092", "M093",
        "M094", "M105", "M106", "M121", "M207", "M208", "M209",
    ];
    assert_eq!(found, wanted.map(str::to_owned).into());
}
