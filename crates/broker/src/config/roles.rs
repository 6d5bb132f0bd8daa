//! `kind = "postgres_role"`: a server at which roles are made, and which groups they may be members of.

use std::collections::BTreeSet;

use gatehold_core::json::ident::check_identifier;
use toml::Value;

use super::problems::Problems;
use super::{Environment, sql};
use crate::leases::postgres::names::Name;
use crate::leases::postgres::{RoleTarget, Roles};
use crate::sql::postgres::{Login, Where};

/// Most groups of one target.
const ROLES_MAX: usize = 100;
/// Most sessions that one lease may have at once.
const CONNECTIONS_MAX: u16 = 10;
/// Longest name of a host, socket or database, in bytes: it stands in a recipe.
const PLACE_BYTES_MAX: usize = 255;

/// Reads one; what is left of the table is the broker's own way in, as for `kind = "postgres"`.
pub(super) fn postgres(
    mut table: toml::Table,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<RoleTarget> {
    let roles = roles(table.remove("roles"), problems);
    let connections = connections(table.remove("connections"), problems);
    let public_host = host(table.remove("public_host"), problems);
    let public_port = port(table.remove("public_port"), problems);
    if table.remove("url_file").is_some() {
        let text = "name host, user and database one by one: a recipe says where a role is, and a URL is a secret";
        problems.add("url_file", text);
    }
    let server = sql::postgres(table, environment, problems)?;
    let Login::Parts(parts) = &server.login else {
        return None;
    };
    let own = match &parts.host {
        Where::Tcp(host) => host.clone(),
        Where::Socket(folder) => folder.display().to_string(),
    };
    for (field, text) in [("host", &own), ("database", &parts.database)] {
        problems.check(field, check_identifier(text, PLACE_BYTES_MAX));
    }
    let public_host = match (public_host?, &parts.host) {
        (Some(host), _) => host,
        (None, Where::Tcp(host)) => host.clone(),
        (None, Where::Socket(_)) => {
            problems.add(
                "public_host",
                "name the host at which workloads find the database: it is opened by a socket here",
            );
            return None;
        }
    };
    let (port, database) = (parts.port, parts.database.clone());
    Some(RoleTarget {
        gives: Roles {
            address: (own, port),
            database,
            roles: roles?,
        },
        connections: connections?,
        public: (public_host, public_port?.unwrap_or(port)),
        server,
    })
}

fn roles(given: Option<Value>, problems: &mut Problems<'_>) -> Option<BTreeSet<Name>> {
    let names = match given {
        Some(Value::Array(names)) if !names.is_empty() && names.len() <= ROLES_MAX => names,
        _ => {
            let text = format!("name the group roles that may be given, 1 to {ROLES_MAX}");
            problems.add("roles", text);
            return None;
        }
    };
    let mut roles = BTreeSet::new();
    for name in names {
        let Value::String(name) = name else {
            problems.add("roles", "write names in quotes");
            continue;
        };
        if let Some(name) = problems.check("roles", Name::new(&name)) {
            roles.insert(name);
        }
    }
    Some(roles)
}

fn connections(given: Option<Value>, problems: &mut Problems<'_>) -> Option<u16> {
    let number = match given {
        None => Some(1),
        Some(Value::Integer(number)) => u16::try_from(number).ok(),
        Some(_) => None,
    };
    let number = number.filter(|number| (1..=CONNECTIONS_MAX).contains(number));
    if number.is_none() {
        let text = format!("must be between 1 and {CONNECTIONS_MAX}");
        problems.add("connections", text);
    }
    number
}

/// The host, if one is given; nothing when it is wrong.
fn host(given: Option<Value>, problems: &mut Problems<'_>) -> Option<Option<String>> {
    match given {
        None => Some(None),
        Some(Value::String(host)) => {
            problems.check("public_host", check_identifier(&host, PLACE_BYTES_MAX))?;
            Some(Some(host))
        }
        Some(_) => {
            problems.add("public_host", "must be text in quotes");
            None
        }
    }
}

/// The port, if one is given; nothing when it is wrong.
fn port(given: Option<Value>, problems: &mut Problems<'_>) -> Option<Option<u16>> {
    match given {
        None => Some(None),
        Some(Value::Integer(port)) if (1..=65_535).contains(&port) => {
            Some(u16::try_from(port).ok())
        }
        Some(_) => {
            problems.add("public_port", "must be between 1 and 65535");
            None
        }
    }
}
