//! The catalogue: what is known about resources.

use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::ids::TargetId;
use gatehold_core::time::Timestamp;
use gatehold_gate::CatalogEntry;
use toml::{Table, Value};

use super::Checks;
use crate::config::raw;

/// Most lines of the catalogue.
const RESOURCES_MAX: usize = 10_000;

impl Checks {
    pub(super) fn resources(&mut self, table: &mut Table) -> Vec<CatalogEntry> {
        let lines = match table.remove("resource") {
            None => return Vec::new(),
            Some(Value::Array(lines)) if lines.len() <= RESOURCES_MAX => lines,
            Some(_) => {
                self.say(
                    "resource",
                    format!("write [[resource]] tables, at most {RESOURCES_MAX}"),
                );
                return Vec::new();
            }
        };
        let numbered = lines.into_iter().enumerate();
        numbered
            .filter_map(|(index, line)| {
                let key = format!("resource[{}]", index + 1);
                let Value::Table(line) = line else {
                    self.say(&key, "write it as [[resource]]");
                    return None;
                };
                let line = self.read::<raw::Resource>(line, &key)?;
                self.resource(&key, line)
            })
            .collect()
    }

    fn resource(&mut self, key: &str, line: raw::Resource) -> Option<CatalogEntry> {
        let resource = match (line.id, line.prefix) {
            (Some(id), None) if !id.ends_with('/') => id,
            (None, Some(prefix)) if prefix.ends_with('/') => prefix,
            _ => {
                self.say(key, "give either `id`, or a `prefix` that ends in /");
                return None;
            }
        };
        let environment = line
            .env
            .map(|word| self.word(key, "env", &word, Environment::ALL, Environment::WORDS));
        let sensitivity = line.sensitivity.map(|word| {
            self.word(
                key,
                "sensitivity",
                &word,
                Sensitivity::ALL,
                Sensitivity::WORDS,
            )
        });
        let target = match line.target.map(|name| name.parse::<TargetId>()).transpose() {
            Ok(target) => target,
            Err(error) => {
                self.say(&format!("{key}.target"), error.to_string());
                None
            }
        };
        let review_by = self.review_by(key, line.legacy_coarse, line.review_by.as_deref());
        Some(CatalogEntry {
            target,
            resource,
            environment: environment.flatten(),
            zone: line.zone,
            sensitivity: sensitivity.flatten(),
            owner: line.owner,
            legacy_coarse: line.legacy_coarse,
            review_by,
        })
    }

    /// People who stand in for a control that a system lacks do not do so for good without anybody looking at it again.
    fn review_by(
        &mut self,
        key: &str,
        coarse: Option<bool>,
        day: Option<&str>,
    ) -> Option<Timestamp> {
        let key = format!("{key}.review_by");
        let (true, Some(text)) = (coarse == Some(true), day) else {
            if coarse == Some(true) {
                let wanted = "say by which day it is looked at again that people stand in for what it cannot enforce, such as 2027-06-30";
                self.say(&key, wanted);
            } else if day.is_some() {
                self.say(&key, "it belongs to `legacy_coarse = true`");
            }
            return None;
        };
        let day = crate::parse::day(text);
        if day.is_none() {
            self.say(&key, "write a day such as 2027-06-30");
        }
        day
    }

    fn word<T: Copy>(
        &mut self,
        key: &str,
        name: &str,
        word: &str,
        all: &[T],
        words: &[&str],
    ) -> Option<T> {
        let found = words
            .iter()
            .position(|known| *known == word)
            .and_then(|index| all.get(index));
        if found.is_none() {
            self.say(
                &format!("{key}.{name}"),
                format!("`{word}` is not one of {}", words.join(", ")),
            );
        }
        found.copied()
    }
}
