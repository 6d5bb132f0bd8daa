use super::*;

const GOOD: &str = r#"
listen = "127.0.0.1:7400"
public_url = "http://127.0.0.1:7400"
[store]
sqlite_file = "gatehold.db"
[ledger]
anchors_folder = "anchors"
key_file = "log.key"
[[resource]]
prefix = "shop/"
env = "production"
sensitivity = "internal"
"#;

fn mistakes(text: &str) -> Vec<Mistake> {
    check(Path::new("/etc/gatehold/gatehold.toml"), text)
        .map(drop)
        .unwrap_err()
}

#[test]
fn a_whole_file_is_used_and_paths_are_its_folders() {
    let config = check(Path::new("/etc/gatehold/gatehold.toml"), GOOD).unwrap();
    assert_eq!(config.anchors, Path::new("/etc/gatehold/anchors"));
    assert_eq!(config.resources.len(), 1);
    assert!(config.root.is_none());
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = GOOD
        .replace("127.0.0.1:7400\"\npublic", "nowhere\"\nextra = 1\npublic")
        .replace("sqlite_file", "postgres_url_file = \"no\"\nsqlite_file")
        .replace("env = \"production\"", "env = \"prod\"")
        + "[trust]\nroot = \"sha256:1\"\n[limits]\nopen_holds_max = 0\n";
    let keys: Vec<String> = mistakes(&text)
        .into_iter()
        .map(|mistake| mistake.key)
        .collect();
    for key in [
        "store",
        "trust.root",
        "limits.open_holds_max",
        "resource[1].env",
        "extra",
        "listen",
    ] {
        assert!(
            keys.iter().any(|found| found == key),
            "{key} is not among {keys:?}"
        );
    }
}

#[test]
fn m054_a_coarse_system_says_when_it_is_looked_at_again() {
    let file = Path::new("/etc/gatehold/gatehold.toml");
    let with = |line: &str| format!("{GOOD}[[resource]]\nid = \"old/shop\"\n{line}\n");
    let day = |text: &str| format!("legacy_coarse = true\nreview_by = \"{text}\"");
    let config = check(file, &with(&day("2027-06-30"))).unwrap();
    let said = config.resources[1].review_by.map(|by| by.to_string());
    assert_eq!(said.as_deref(), Some("2027-06-30T00:00:00Z"));
    for wrong in [
        "legacy_coarse = true",
        "review_by = \"2027-06-30\"",
        "legacy_coarse = false\nreview_by = \"2027-06-30\"",
        &day("2027-02-30"),
        &day("2027-6-30"),
        &day("soon"),
        &day(""),
    ] {
        let told = mistakes(&with(wrong));
        let named = |mistake: &Mistake| mistake.key == "resource[2].review_by";
        assert!(told.iter().any(named), "{wrong}");
    }
}

#[test]
fn sessions_are_bounded() {
    let with = |limits: &str| format!("{GOOD}[limits]\n{limits}\n");
    let file = Path::new("/etc/gatehold/gatehold.toml");
    let config = check(file, &with("session_seconds_max = 3600")).unwrap();
    assert_eq!(config.sessions.seconds_max, 3_600);
    assert_eq!(config.sessions.idle_seconds_max, 1_800);
    for wrong in [
        "session_seconds_max = 59",
        "session_seconds_max = 43201",
        "session_idle_seconds_max = 0",
        "session_idle_seconds_max = 14401",
    ] {
        let key = wrong.split(' ').next().unwrap_or_default();
        let told = mistakes(&with(wrong));
        let named = format!("limits.{key}");
        assert!(told.iter().any(|mistake| mistake.key == named), "{wrong}");
    }
}

#[test]
fn an_empty_or_broken_file_says_so() {
    assert!(mistakes("").len() >= 3);
    let told = mistakes("listen = \"127.0.0.1:7400\"\nfoo");
    let [told] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(told.why.contains("line 2"), "{told}");
    assert!(!told.why.contains('|'), "{told}");
    assert_eq!(mistakes("listen = ").len(), 1);
}

#[test]
fn m055_whoever_may_only_have_things_held_says_for_how_long() {
    let with = |lines: &str| {
        let sender = "[[signals]]\nname = \"cloud\"\nissuer = \"https://cloud.example\"\n\
             audience = \"https://gate.example/v1/signals\"\njwks_file = \"cloud.jwks.json\"\nown_names = true\n";
        let found = mistakes(&format!("{GOOD}{sender}{lines}\n"));
        let keys = found.into_iter().map(|mistake| mistake.key);
        keys.filter(|key| !key.ends_with("jwks_file"))
            .collect::<Vec<_>>()
    };
    let seconds = ["signals[1].hold_seconds"];
    for (lines, wrong) in [
        ("may = [\"hold_workload\"]\nhold_seconds = 60", &[][..]),
        ("may = [\"hold_workload\"]\nhold_seconds = 14400", &[]),
        ("may = [\"hold_workload\"]", &seconds),
        ("may = [\"hold_workload\"]\nhold_seconds = 59", &seconds),
        ("may = [\"hold_workload\"]\nhold_seconds = 14401", &seconds),
        ("may = [\"stop_workload\"]\nhold_seconds = 3600", &seconds),
        ("may = [\"hold\"]", &["signals[1].may"; 2]),
    ] {
        assert_eq!(with(lines), wrong, "{lines}");
    }
}
