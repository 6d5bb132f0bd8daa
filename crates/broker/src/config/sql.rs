//! `kind = "sqlite"` and `kind = "postgres"`.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::Environment;
use super::problems::Problems;
use crate::secret::Source;
use crate::sql::postgres::{Login, Parts, PostgresTarget, Where};
use crate::sql::sqlite::SqliteTarget;
use crate::tls;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqliteFields {
    path: PathBuf,
    statement_timeout_seconds: Option<u64>,
    lock_timeout_seconds: Option<u64>,
    bytes_max: Option<usize>,
}

pub(super) fn sqlite(table: toml::Table, problems: &mut Problems<'_>) -> Option<SqliteTarget> {
    let fields: SqliteFields = problems.fields(table)?;
    if !fields.path.is_absolute() {
        problems.add("path", "name the database file by its absolute path");
    }
    Some(SqliteTarget {
        path: fields.path,
        statement_timeout: problems.seconds(
            "statement_timeout_seconds",
            fields.statement_timeout_seconds,
            30,
        ),
        lock_timeout: problems.seconds("lock_timeout_seconds", fields.lock_timeout_seconds, 5),
        bytes_max: problems.bytes("bytes_max", fields.bytes_max),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostgresFields {
    url_file: Option<PathBuf>,
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    password_command: Option<Vec<String>>,
    tls_roots: Option<PathBuf>,
    #[serde(default)]
    plaintext: bool,
    connect_timeout_seconds: Option<u64>,
    statement_timeout_seconds: Option<u64>,
    bytes_max: Option<usize>,
}

pub(super) fn postgres(
    table: toml::Table,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<PostgresTarget> {
    let mut fields: PostgresFields = problems.fields(table)?;
    let connect_timeout = problems.seconds(
        "connect_timeout_seconds",
        fields.connect_timeout_seconds,
        10,
    );
    let statement_timeout = problems.seconds(
        "statement_timeout_seconds",
        fields.statement_timeout_seconds,
        30,
    );
    let bytes_max = problems.bytes("bytes_max", fields.bytes_max);
    let tls = fields
        .tls_roots
        .take()
        .map(|roots| problems.check("tls_roots", tls::client(&roots)));
    let plaintext = fields.plaintext;
    let login = login(fields, environment, problems)?;
    let host = match &login {
        Login::Parts(parts) => Some(parts.host.clone()),
        Login::Url(_) => None,
    };
    let tls = match tls {
        Some(connector) => Some(connector?),
        None => {
            if let Some(Where::Tcp(host)) = host
                && !plaintext
                && !is_loopback(&host)
            {
                problems.add(
                    "tls_roots",
                    "name the roots of its certificate, or say plaintext = true",
                );
            }
            None
        }
    };
    Some(PostgresTarget {
        login,
        tls,
        plaintext,
        connect_timeout,
        statement_timeout,
        bytes_max,
    })
}

fn login(
    fields: PostgresFields,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<Login> {
    let parts_given = fields.host.is_some() || fields.user.is_some() || fields.database.is_some();
    if let Some(url) = fields.url_file {
        if parts_given
            || fields.password_file.is_some()
            || fields.password_env.is_some()
            || fields.password_command.is_some()
        {
            problems.add("url_file", "give either the URL or host, user, database");
        }
        return problems
            .secret("url_file", Some(url), None, None, environment)
            .map(Login::Url);
    }
    let mut wanted = |field: &str, value: Option<String>| {
        if value.as_ref().is_none_or(String::is_empty) {
            problems.add(field, "is missing; or give url_file");
        }
        value
    };
    let host = wanted("host", fields.host);
    let user = wanted("user", fields.user);
    let database = wanted("database", fields.database);
    let no_password = fields.password_file.is_none()
        && fields.password_env.is_none()
        && fields.password_command.is_none();
    let password: Option<Source> = if no_password {
        None
    } else {
        Some(problems.secret(
            "password",
            fields.password_file,
            fields.password_env,
            fields.password_command,
            environment,
        )?)
    };
    let host = host?;
    let host = if host.starts_with('/') {
        Where::Socket(PathBuf::from(host))
    } else {
        Where::Tcp(host)
    };
    Some(Login::Parts(Parts {
        host,
        port: fields.port.unwrap_or(5432),
        user: user?,
        database: database?,
        password,
    }))
}

/// Whether plain text stays on this machine. A name other than `localhost` is not looked up to find out.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
