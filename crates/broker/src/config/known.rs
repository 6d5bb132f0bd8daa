//! `known`: who else has a way to what a target guards, and why that is wanted. `gatehold doctor bypass` names them and finds nothing
//! wrong with them; nothing is let in or kept out by it.

use std::collections::BTreeMap;

use gatehold_core::json::ident::check_identifier;
use serde::Deserialize as _;
use toml::Value;

use super::problems::Problems;

/// Most of one target.
const KNOWN_MAX: usize = 1_000;
/// Longest name of a role or fingerprint of a key, in bytes.
const WHO_BYTES_MAX: usize = 255;
/// Longest reason, in bytes.
const WHY_BYTES_MAX: usize = 255;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    who: String,
    why: String,
}

/// Why each of them is wanted; nobody, where nothing is given.
pub(super) fn known(
    given: Option<Value>,
    problems: &mut Problems<'_>,
) -> Option<BTreeMap<String, String>> {
    let Some(given) = given else {
        return Some(BTreeMap::new());
    };
    let list: Vec<One> = problems.check("known", Vec::deserialize(given))?;
    if list.len() > KNOWN_MAX {
        problems.add("known", format!("at most {KNOWN_MAX} are read"));
        return None;
    }
    let mut known = BTreeMap::new();
    for One { who, why } in list {
        problems.check("known", check_identifier(&who, WHO_BYTES_MAX))?;
        problems.check("known", check_identifier(&why, WHY_BYTES_MAX))?;
        if known.insert(who.clone(), why).is_some() {
            problems.add("known", format!("`{who}` stands there twice"));
        }
    }
    Some(known)
}
