//! `[[lookup]]`: whom the gate asks before a decision, with which credential of its own, and what the answer must say.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::Value;

use super::problems::{ConfigErrors, Problem, Problems};
use super::{Environment, counts, http};
use crate::facts::Lookups;
use crate::facts::lookup::Lookup;
use crate::facts::lookup::assertion::{Assertion, Check};
use crate::facts::lookup::template::Template;
use crate::http::reach::Reach;
use crate::http::{HttpTarget, Place, path};

/// Most look-ups of one gate.
const LOOKUPS_MAX: usize = 100;
/// Most assertions about one answer, and most parameters of one query.
const LIST_MAX: usize = 16;
/// Largest answer in bytes, and the size unless configured.
const BYTES_MAX: usize = 1 << 20;
const BYTES_DEFAULT: usize = 64 << 10;
/// Longest time for one answer in seconds: a submission waits for it.
const TIMEOUT_SECONDS_MAX: u64 = 30;
/// Longest time that an answer is used, in seconds.
const AGE_SECONDS_MAX: u32 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    lookup: Vec<toml::Table>,
    #[serde(default)]
    count: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupFields {
    url: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    assert: Vec<AssertFields>,
    #[serde(default = "one_minute")]
    max_age_seconds: u32,
    #[serde(default = "two_seconds")]
    timeout_seconds: u64,
    bytes_max: Option<usize>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    inject: Option<Value>,
    tls_roots: Option<Value>,
    plaintext: Option<Value>,
}

const fn one_minute() -> u32 {
    60
}

const fn two_seconds() -> u64 {
    2
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertFields {
    pointer: String,
    exists: Option<bool>,
    equals: Option<Value>,
    contains_resource: Option<bool>,
}

impl Lookups {
    /// Reads a document that holds `[[lookup]]` tables and nothing else.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(text: &str, environment: Environment<'_>) -> Result<Self, ConfigErrors> {
        let document: Document = match toml::from_str(text) {
            Ok(document) => document,
            Err(error) => return Err(ConfigErrors::one("look-ups", error.to_string())),
        };
        if document.lookup.len().max(document.count.len()) > LOOKUPS_MAX {
            let text = format!("at most {LOOKUPS_MAX} are read");
            return Err(ConfigErrors::one("look-ups", text));
        }
        let mut found = Vec::new();
        let mut lookups = Vec::new();
        let mut counts = Vec::new();
        for (index, mut table) in document.lookup.into_iter().enumerate() {
            let (recipe, mut problems) = begun(&mut table, index, &mut found);
            if let Some(recipe) = recipe {
                lookups.extend(lookup(recipe, table, environment, &mut problems));
            }
        }
        for (index, mut table) in document.count.into_iter().enumerate() {
            let (recipe, mut problems) = begun(&mut table, index, &mut found);
            if let Some(recipe) = recipe {
                counts.extend(counts::count(recipe, table, environment, &mut problems));
            }
        }
        match Self::new(lookups, counts) {
            Ok(lookups) if found.is_empty() => Ok(lookups),
            Ok(_) => Err(ConfigErrors(found)),
            Err(recipe) => {
                found.extend(ConfigErrors::one("look-ups", format!("two answer `{recipe}`")).0);
                Err(ConfigErrors(found))
            }
        }
    }
}

/// The recipe of a table, and where what is wrong with it goes.
fn begun<'a>(
    table: &mut toml::Table,
    index: usize,
    found: &'a mut Vec<Problem>,
) -> (Option<String>, Problems<'a>) {
    let recipe = match table.remove("recipe") {
        Some(Value::String(recipe)) if !recipe.is_empty() => Some(recipe),
        _ => None,
    };
    let name = recipe.clone();
    let name = name.unwrap_or_else(|| format!("number {}", index + 1));
    let mut problems = Problems::new(name, found);
    if recipe.is_none() {
        problems.add("recipe", "name the recipe that descriptors ask for");
    }
    (recipe, problems)
}

fn lookup(
    recipe: String,
    table: toml::Table,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<Lookup> {
    let fields: LookupFields = problems.fields(table)?;
    let (base, template) = split(&fields.url, problems)?;
    let path = problems.check("url", Template::parse(&template))?;
    // Places are filled later; what stands around them must be a path by itself.
    problems.check("url", path::check(&template.replace(['{', '}'], "")))?;
    let mut query = Vec::new();
    for (name, value) in fields.query {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            problems.add("query", format!("`{name}` is no plain query name"));
        }
        query.push((name, problems.check("query", Template::parse(&value))?));
    }
    if query.len() > LIST_MAX || fields.assert.len() > LIST_MAX {
        problems.add("assert", format!("lists hold at most {LIST_MAX}"));
    }
    if fields.assert.is_empty() {
        problems.add("assert", "say what the answer must say");
    }
    let assertions = fields.assert.into_iter();
    let assertions: Vec<Assertion> = assertions
        .filter_map(|one| problems.check("assert", assertion(one)))
        .collect();
    let seconds = fields.timeout_seconds;
    if seconds == 0 || seconds > TIMEOUT_SECONDS_MAX {
        let text = format!("must be between 1 and {TIMEOUT_SECONDS_MAX}");
        problems.add("timeout_seconds", text);
    }
    if fields.max_age_seconds > AGE_SECONDS_MAX {
        problems.add("max_age_seconds", format!("at most {AGE_SECONDS_MAX}"));
    }
    let bytes = fields.bytes_max.unwrap_or(BYTES_DEFAULT);
    if bytes == 0 || bytes > BYTES_MAX {
        problems.add("bytes_max", format!("must be between 1 and {BYTES_MAX}"));
    }
    let server = Server {
        base,
        inject: fields.inject,
        tls_roots: fields.tls_roots,
        plaintext: fields.plaintext,
    };
    let mut target = server.target(environment, problems)?;
    let injected = target
        .inject
        .iter()
        .filter_map(|inject| match &inject.place {
            Place::Query(name) => Some(name),
            Place::Header(_) | Place::Body(_) => None,
        });
    for name in injected {
        if query
            .iter()
            .any(|(taken, _)| taken.eq_ignore_ascii_case(name))
        {
            problems.add("query", format!("`{name}` is injected"));
        }
    }
    target.connect_timeout = Duration::from_secs(seconds);
    target.answer_timeout = Duration::from_secs(seconds);
    target.bytes_max = bytes;
    target.reach = if fields.private {
        Reach::Anywhere
    } else {
        Reach::PublicOnly
    };
    Some(Lookup::new(
        recipe,
        target,
        path,
        query,
        assertions,
        Duration::from_secs(seconds),
        fields.max_age_seconds,
    ))
}

/// Where it is, as a target that is only looked at.
struct Server {
    base: String,
    inject: Option<Value>,
    tls_roots: Option<Value>,
    plaintext: Option<Value>,
}

impl Server {
    fn target(
        self,
        environment: Environment<'_>,
        problems: &mut Problems<'_>,
    ) -> Option<HttpTarget> {
        let text = |text: &str| Value::String(text.to_owned());
        let mut table = toml::Table::new();
        table.insert("base_url".to_owned(), text(&self.base));
        table.insert("methods".to_owned(), Value::Array(vec![text("GET")]));
        table.insert("paths".to_owned(), Value::Array(vec![text("/")]));
        for (name, value) in [
            ("inject", self.inject),
            ("tls_roots", self.tls_roots),
            ("plaintext", self.plaintext),
        ] {
            if let Some(value) = value {
                table.insert(name.to_owned(), value);
            }
        }
        http::http(table, environment, problems)
    }
}

/// Scheme and host, which have no places, and the path.
fn split(url: &str, problems: &mut Problems<'_>) -> Option<(String, String)> {
    let host = url.find("://").map(|at| at + 3);
    let slash = host.and_then(|at| Some(at + url.get(at..)?.find('/')?));
    let (Some(base), Some(path)) = (
        slash.and_then(|at| url.get(..at)),
        slash.and_then(|at| url.get(at..)),
    ) else {
        problems.add("url", "write https://host/path");
        return None;
    };
    if base.contains(['{', '}']) {
        problems.add("url", "the host has no places");
        return None;
    }
    if path.contains(['?', '#']) {
        problems.add("url", "write the query under `query`");
        return None;
    }
    Some((base.to_owned(), path.to_owned()))
}

fn assertion(fields: AssertFields) -> Result<Assertion, String> {
    let pointer = fields.pointer;
    if !pointer.is_empty() && !pointer.starts_with('/') || pointer.len() > 1_000 {
        return Err(format!("`{pointer}` is no JSON pointer, such as /state"));
    }
    let check = match (fields.exists, fields.equals, fields.contains_resource) {
        (Some(true), None, None) => Check::Exists,
        (None, Some(Value::String(text)), None) => Check::Text(Template::parse(&text)?),
        (None, Some(Value::Integer(number)), None) => Check::Integer(number),
        (None, Some(Value::Boolean(value)), None) => Check::Bool(value),
        (None, None, Some(true)) => Check::ContainsResource,
        _ => {
            let text =
                "say exactly one of `exists = true`, `equals` and `contains_resource = true`";
            return Err(format!("`{pointer}`: {text}"));
        }
    };
    Ok(Assertion { pointer, check })
}
