//! Targets as configured: read once, every mistake reported at once, secrets only named. Nothing is connected to here,
//! and no host name is resolved.

mod certificates;
mod channels;
mod counts;
mod http;
mod known;
mod lookups;
mod problems;
mod roles;
mod sql;

pub(crate) use crate::http::Base;
pub(crate) use sql::is_loopback;

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehold_core::ids::TargetId;
use serde::Deserialize;

pub use problems::{ConfigErrors, Problem};

use crate::http::HttpTarget;
use crate::leases::postgres::RoleTarget;
use crate::leases::ssh::CertificateTarget;
use crate::sql::postgres::PostgresTarget;
use crate::sql::sqlite::SqliteTarget;
use problems::Problems;

/// Most targets of one gate.
const TARGETS_MAX: usize = 1_000;

/// How environment variables are looked up; the binary hands it in, because only it may read them.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Everything calls can be made to, and everything that credentials can be made at.
#[derive(Debug, Default)]
pub struct Targets(pub(crate) BTreeMap<TargetId, Target>);

/// One target.
#[derive(Debug)]
pub(crate) struct Target {
    /// It cannot enforce fine-grained policy itself; reviewers are told (M054).
    pub(crate) coarse: bool,
    /// Who else has a way to what it guards, and why; nothing is decided by it.
    pub(crate) known: BTreeMap<String, String>,
    pub(crate) kind: Kind,
}

/// What speaks at the other end.
#[derive(Debug)]
pub(crate) enum Kind {
    Sqlite(SqliteTarget),
    Postgres(Box<PostgresTarget>),
    Http(Box<HttpTarget>),
    /// It executes nothing: it makes roles.
    PostgresRole(Arc<RoleTarget>),
    /// It executes nothing: it certifies keys.
    SshCertificate(Arc<CertificateTarget>),
}

impl Kind {
    /// Whether it makes credentials; the others are called.
    pub(crate) const fn issues(&self) -> bool {
        match self {
            Self::PostgresRole(_) | Self::SshCertificate(_) => true,
            Self::Sqlite(_) | Self::Postgres(_) | Self::Http(_) => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    target: Vec<toml::Table>,
}

impl Targets {
    /// Reads a document that holds `[[target]]` tables and nothing else.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(text: &str, environment: Environment<'_>) -> Result<Self, ConfigErrors> {
        match toml::from_str::<Document>(text) {
            Ok(document) => Self::from_tables(document.target, environment),
            Err(error) => Err(ConfigErrors::one("targets", error.to_string())),
        }
    }

    /// Reads the `[[target]]` tables of a larger document.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn from_tables(
        tables: Vec<toml::Table>,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigErrors> {
        if tables.len() > TARGETS_MAX {
            let text = format!("at most {TARGETS_MAX} are read");
            return Err(ConfigErrors::one("targets", text));
        }
        let mut found = Vec::new();
        let mut targets = BTreeMap::new();
        for (index, table) in tables.into_iter().enumerate() {
            let name = table.get("id").and_then(toml::Value::as_str);
            let name = name.map_or_else(|| format!("number {}", index + 1), str::to_owned);
            let mut problems = Problems::new(name, &mut found);
            let Some((id, target)) = read_target(table, environment, &mut problems) else {
                continue;
            };
            if targets.contains_key(&id) {
                problems.add("id", "another target has it: ids are unique");
            }
            targets.insert(id, target);
        }
        certificates::told_apart(&targets, &mut found);
        if found.is_empty() {
            Ok(Self(targets))
        } else {
            Err(ConfigErrors(found))
        }
    }

    /// The ids of those that are called, in order: the others make credentials.
    pub fn called(&self) -> impl Iterator<Item = &TargetId> {
        let targets = self.0.iter();
        targets.filter_map(|(id, target)| (!target.kind.issues()).then_some(id))
    }

    /// The ids of those that make credentials, in order.
    pub fn issuing(&self) -> impl Iterator<Item = &TargetId> {
        let targets = self.0.iter();
        targets.filter_map(|(id, target)| target.kind.issues().then_some(id))
    }

    /// Their ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &TargetId> {
        self.0.keys()
    }
}

/// Where a server is.
///
/// # Errors
/// What is wrong with the address.
pub(crate) fn base_of(url: &str) -> Result<Base, String> {
    let mut found = Vec::new();
    let base = http::base(url, &mut Problems::new(String::new(), &mut found));
    let texts: Vec<String> = found.into_iter().map(|problem| problem.text).collect();
    match base {
        Some(base) if texts.is_empty() => Ok(base),
        _ if texts.is_empty() => Err("it names no host".to_owned()),
        _ => Err(texts.join("; ")),
    }
}

/// `None` when so much is wrong that there is nothing to check further; what is wrong stands in `problems`.
fn read_target(
    mut table: toml::Table,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<(TargetId, Target)> {
    let id = take_text(&mut table, "id", problems).and_then(|id| {
        id.parse()
            .map_err(|error: gatehold_core::ids::NameError| problems.add("id", error.to_string()))
            .ok()
    });
    let coarse = match table.remove("coarse") {
        None => Some(false),
        Some(toml::Value::Boolean(coarse)) => Some(coarse),
        Some(_) => {
            problems.add("coarse", "write true or false");
            None
        }
    };
    let known = known::known(table.remove("known"), problems);
    let kind = match take_text(&mut table, "kind", problems)?.as_str() {
        "sqlite" => sql::sqlite(table, problems).map(Kind::Sqlite),
        "postgres" => sql::postgres(table, environment, problems)
            .map(|target| Kind::Postgres(Box::new(target))),
        "http" => {
            http::http(table, environment, problems).map(|target| Kind::Http(Box::new(target)))
        }
        "postgres_role" => roles::postgres(table, environment, problems)
            .map(|target| Kind::PostgresRole(Arc::new(target))),
        "ssh_certificate" => {
            certificates::ssh(table, problems).map(|target| Kind::SshCertificate(Arc::new(target)))
        }
        other => {
            let text = format!(
                "`{other}` is not one of sqlite, postgres, http, postgres_role, ssh_certificate"
            );
            problems.add("kind", text);
            None
        }
    };
    Some((
        id?,
        Target {
            coarse: coarse?,
            known: known?,
            kind: kind?,
        },
    ))
}

fn take_text(
    table: &mut toml::Table,
    name: &'static str,
    problems: &mut Problems<'_>,
) -> Option<String> {
    match table.remove(name) {
        Some(toml::Value::String(text)) => Some(text),
        Some(_) => {
            problems.add(name, "must be text in quotes");
            None
        }
        None => {
            problems.add(name, "is missing");
            None
        }
    }
}

#[cfg(test)]
mod tests;
