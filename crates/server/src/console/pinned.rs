//! Which bytes the pages are made of: the hash of each file of theirs, one hash of them all, and what a page says of a script or a
//! stylesheet so that a browser takes no other. All of it is computed here, once, from the files in the program.
//!
//! It must never name a hash that was written down, nor leave out what a script brings in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehold_core::hash::Hash;

use super::files::FILES;

/// The files of the console, by what is in them.
#[derive(Debug)]
pub struct PageFiles {
    files: BTreeMap<&'static str, Hash>,
    set: Hash,
}

impl PageFiles {
    /// Those of this program.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<PageFiles> = LazyLock::new(|| {
            let files = FILES
                .iter()
                .map(|(name, _, bytes)| (*name, Hash::of(bytes)));
            let files: BTreeMap<&'static str, Hash> = files.collect();
            let set = set_of(&files);
            PageFiles { files, set }
        });
        &EMBEDDED
    }

    /// The hash of each, by its name.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<&'static str, Hash> {
        &self.files
    }

    /// One hash for all of them.
    #[must_use]
    pub const fn set(&self) -> Hash {
        self.set
    }
}

/// Over a line for each in the order of their names, as `sha256sum` prints it.
fn set_of(files: &BTreeMap<&'static str, Hash>) -> Hash {
    let lines = files.iter();
    let lines: String = lines
        .map(|(name, hash)| format!("{}  {name}\n", hash.hex()))
        .collect();
    Hash::tagged("gatehold/page-files/v1", &[lines.as_bytes()])
}

/// Subresource integrity of each file, as its tag names it.
static INTEGRITY: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    let files = PageFiles::embedded().files.iter();
    let each = files.map(|(name, hash)| {
        (
            *name,
            format!("sha256-{}", STANDARD.encode(hash.as_bytes())),
        )
    });
    each.collect()
});

/// What each script brings in at once, and what that brings in.
static IMPORTS: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let each = FILES.iter();
    each.map(|(name, ..)| (*name, imports_of(name))).collect()
});

/// What each script, with all that it brings in, loads once somebody wants it, as its tag says it: `NAME=INTEGRITY`, each after a space.
static LATER: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
    let each = FILES.iter();
    each.map(|(name, ..)| {
        let named: Vec<String> = later_of(name)
            .into_iter()
            .map(|name| format!("{name}={}", integrity(name)))
            .collect();
        (*name, named.join(" "))
    })
    .collect()
});

/// What a browser compares with bytes of which there are none: it would take a hash that it cannot read for no hash at all.
const OF_NOTHING: &str = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// For a tag that loads it; of a file that there is not, what no bytes are known to have.
pub(super) fn integrity(name: &str) -> &'static str {
    INTEGRITY.get(name).map_or(OF_NOTHING, String::as_str)
}

/// Every script that this one brings in at once: a page names each with its integrity before the script itself, because an `import`
/// has no place for one.
pub(super) fn imports(name: &str) -> &'static [&'static str] {
    IMPORTS.get(name).map_or(&[], Vec::as_slice)
}

/// Everything that this one loads later, with its integrity, for `data-later`: `later.js` takes no file that is not named there.
pub(super) fn later(name: &str) -> &'static str {
    LATER.get(name).map_or("", String::as_str)
}

/// Whatever can be reached from a script by these names, without itself.
fn reached(
    name: &'static str,
    next: impl Fn(&'static str) -> Vec<&'static str>,
) -> Vec<&'static str> {
    let mut found = BTreeSet::new();
    let mut left = vec![name];
    while let Some(name) = left.pop() {
        left.extend(next(name).into_iter().filter(|next| found.insert(*next)));
    }
    found.remove(name);
    found.into_iter().collect()
}

fn imports_of(name: &'static str) -> Vec<&'static str> {
    reached(name, |name| named(name, " from \"./"))
}

/// With what comes later of that: the list names select.js, and select.js its style sheet.
fn later_of(name: &'static str) -> Vec<&'static str> {
    let wanted = |name| named(name, "later(\"");
    let all = reached(name, |name| {
        [named(name, " from \"./"), wanted(name)].concat()
    });
    let each = all.iter().copied().chain([name]).flat_map(wanted);
    each.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The files of ours that a script names between this and the next quotation mark, `from "./panel.js"`.
fn named(name: &str, before: &str) -> Vec<&'static str> {
    let file = FILES.iter().find(|(known, ..)| *known == name);
    let text = file.and_then(|(.., bytes)| std::str::from_utf8(bytes).ok());
    let rest = text.into_iter().flat_map(|text| text.split(before).skip(1));
    let names = rest.filter_map(|rest| rest.split_once('"'));
    names
        .map(|(name, _)| name)
        .filter(|name| FILES.iter().any(|(known, ..)| known == name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        let file = FILES.iter().find(|(known, ..)| *known == name).unwrap();
        std::str::from_utf8(file.2).unwrap()
    }

    #[test]
    fn one_hash_covers_every_file_under_its_name() {
        let embedded = PageFiles::embedded();
        assert_eq!(embedded.files.len(), FILES.len());
        for name in embedded.files.keys() {
            let mut changed = embedded.files.clone();
            changed.insert(name, Hash::of(b"other bytes"));
            assert_ne!(set_of(&changed), embedded.set, "{name}");
            changed.remove(name);
            assert_ne!(set_of(&changed), embedded.set, "{name}");
        }
        // As somebody without this program computes it: `sha256sum * | …` after the tag.
        let one = BTreeMap::from([("a.js", Hash::of(b"abc"))]);
        let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.js\n";
        let expected = Hash::tagged("gatehold/page-files/v1", &[line.as_bytes()]);
        assert_eq!(set_of(&one), expected);
    }

    #[test]
    fn what_a_script_brings_in_is_named_and_with_it_what_that_brings_in() {
        assert_eq!(
            imports("sign.js"),
            [
                "authenticator.js",
                "bytes.js",
                "claims.js",
                "clock.js",
                "fact.js",
                "later.js",
                "panel.js",
                "reading.js",
                "reason.js"
            ]
        );
        assert_eq!(imports("authenticator.js"), ["bytes.js"]);
        assert_eq!(imports("live.js"), ["later.js"]);
        assert_eq!(imports("keys.js"), ["later.js"]);
        assert!(imports("nothing.js").is_empty());
        // In no other way than this is anything brought in.
        for (name, media_type, _) in FILES.iter().filter(|(name, ..)| name.ends_with(".js")) {
            assert_eq!(*media_type, "text/javascript; charset=utf-8");
            let text = text(name);
            let statements = text.lines().filter(|line| line.starts_with("import"));
            let brought = named(name, " from \"./");
            assert_eq!(statements.count(), brought.len(), "{name}: {brought:?}");
            assert!(
                !text.contains("importScripts") && !text.contains("export * from"),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_loaded_later_is_named_with_its_hash_and_with_it_what_that_loads() {
        let files = |name: &str| {
            let each = later(name).split(' ').filter(|one| !one.is_empty());
            let each = each.map(|one| one.split_once('=').unwrap());
            each.map(|(name, hash)| {
                assert_eq!(hash, integrity(name));
                name
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(files("keys.js"), ["remind.js"]);
        assert_eq!(files("live.js"), ["select.css", "select.js"]);
        assert_eq!(files("sign.js"), ["words.txt"]);
        assert!(files("walk.js").is_empty() && files("nothing.js").is_empty());
        for (name, ..) in FILES.iter().filter(|(name, ..)| name.ends_with(".js")) {
            let text = text(name);
            // Every call names a file of ours, and each module that is imported then is one that was named so.
            let wanted = named(name, "later(\"");
            assert_eq!(text.matches("later(\"").count(), wanted.len(), "{name}");
            let dynamic = named(name, "import(\"./");
            assert_eq!(text.matches("import(").count(), dynamic.len(), "{name}");
            for module in dynamic {
                assert!(wanted.contains(&module), "{name} imports {module}");
                // What it brings in itself has no tag: it is among what the page has already.
                for brought in imports(module) {
                    assert!(imports(name).contains(brought), "{module}: {brought}");
                }
            }
            // Nothing else is loaded by its address, but what a browser has no place for a hash of.
            let rest = text.split("\"/static/").skip(1);
            for file in rest.filter_map(|rest| rest.split('"').next()) {
                assert!(
                    ["help.html", "worker.js", ""].contains(&file),
                    "{name}: {file}"
                );
            }
        }
    }

    #[test]
    fn an_integrity_is_the_hash_that_a_browser_computes() {
        // Of `abc`, from FIPS 180-4.
        let abc = STANDARD.encode(Hash::of(b"abc").as_bytes());
        assert_eq!(abc, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(
            integrity("panel.js"),
            format!(
                "sha256-{}",
                STANDARD.encode(Hash::of(text("panel.js").as_bytes()).as_bytes())
            )
        );
        let nothing = integrity("nothing.js").strip_prefix("sha256-").unwrap();
        assert_eq!(STANDARD.decode(nothing).unwrap(), [0; 32]);
    }
}
