//! Evidence as the tables of the documents name it: `path`, or `path::name`.

use crate::tree::root;

/// What is wrong with it: `path` must exist; `path::name` must also hold the name as a whole word.
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
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let holds = text.split(|c| !is_part(c)).any(|word| word == name);
    (!holds).then(|| format!("{path} does not hold {name}"))
}
