//! `docs/reference/configuration.md` and `action-file.md` beside the parsers they speak of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::raw;
use super::section::keys;
use crate::draft::Draft;
use crate::profile::{Profile, Raw};

fn page(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// The fenced blocks of a language.
fn examples(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The keys that the table of this name describes.
fn described(name: &str) -> BTreeSet<String> {
    let text = page("configuration.md");
    let table = text.split(&format!("<!-- {name} -->")).nth(1).unwrap();
    let table = table.split(&format!("<!-- /{name} -->")).next().unwrap();
    let keys = table.lines();
    keys.filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect()
}

#[test]
fn every_key_of_an_executors_file_is_described_and_no_other() {
    let top = keys::<raw::ExecutorTop>().iter();
    let tls = keys::<raw::Tls>().iter().map(|key| format!("tls.{key}"));
    let known = top.map(|key| (*key).to_owned()).chain(tls);
    assert_eq!(described("executor-keys"), known.collect());
}

#[test]
fn every_key_of_the_configuration_is_described_and_no_other() {
    let described = described("keys");
    let mut known = BTreeSet::new();
    for (section, keys) in [
        ("", keys::<raw::Top>()),
        ("tls.", keys::<raw::Tls>()),
        ("store.", keys::<raw::Store>()),
        ("ledger.", keys::<raw::Ledger>()),
        ("trust.", keys::<raw::Trust>()),
        ("executor.", keys::<raw::Executor>()),
        ("identity_provider.", keys::<raw::IdentityProvider>()),
        ("resource[].", keys::<raw::Resource>()),
        ("signals[].", keys::<raw::Signals>()),
        ("signals[].subjects[].", keys::<raw::SignalSubject>()),
        ("limits.", keys::<raw::Limits>()),
    ] {
        known.extend(keys.iter().map(|key| format!("{section}{key}")));
    }
    assert_eq!(described, known);
}

#[test]
fn the_examples_are_read_as_they_stand() {
    let text = page("configuration.md");
    let [gate, client] = &examples(&text, "toml")[..] else {
        panic!("two examples")
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("targets.toml"), "").unwrap();
    let read = super::check::check(&folder.path().join("gatehold.toml"), gate);
    assert!(read.is_ok(), "{read:?}");
    let read: Raw = toml::from_str(client).unwrap();
    Profile::write(folder.path(), &read).unwrap();
    let profile = Profile::load(folder.path()).unwrap();
    assert_eq!(profile.person(None).unwrap().name, "priya");

    for (number, example) in examples(&page("action-file.md"), "json").iter().enumerate() {
        let path = folder.path().join(format!("{number}.json"));
        std::fs::write(&path, example).unwrap();
        let draft = Draft::read(Path::new(&path)).unwrap();
        assert!(!draft.payload.is_empty());
    }
}
