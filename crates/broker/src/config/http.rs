//! `kind = "http"`: where, what may be called there, and what is added that the workload never sees.

use std::collections::BTreeSet;
use std::path::PathBuf;

use http::header::{HeaderName, HeaderValue};
use http::uri::{Scheme, Uri};
use serde::Deserialize;

use super::Environment;
use super::problems::Problems;
use super::sql::is_loopback;
use crate::http::reach::Reach;
use crate::http::{Base, HttpTarget, Inject, Place, headers, path};
use crate::tls;

/// Methods a payload may name; what is not here is refused everywhere.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// Most injected values.
const INJECT_MAX: usize = 8;
/// Longest pointer into a body.
const POINTER_BYTES_MAX: usize = 256;
/// Methods that have no body.
const BODILESS: &[&str] = &["GET", "HEAD"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpFields {
    base_url: String,
    methods: Vec<String>,
    paths: Vec<String>,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    inject: Vec<InjectFields>,
    request_id_header: Option<String>,
    tls_roots: Option<PathBuf>,
    #[serde(default)]
    plaintext: bool,
    connect_timeout_seconds: Option<u64>,
    answer_timeout_seconds: Option<u64>,
    bytes_max: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InjectFields {
    header: Option<String>,
    query: Option<String>,
    body: Option<String>,
    #[serde(default)]
    prefix: String,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
    command: Option<Vec<String>>,
}

pub(super) fn http(
    table: toml::Table,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<HttpTarget> {
    let fields: HttpFields = problems.fields(table)?;
    let base = base(&fields.base_url, problems);
    let tls = fields
        .tls_roots
        .map(|roots| problems.check("tls_roots", tls::client(&roots)));
    if let Some(base) = &base {
        match (&tls, base.tls) {
            (None, true) => problems.add("tls_roots", "https needs the roots of its certificate"),
            (Some(_), false) => problems.add("tls_roots", "the base_url is not https"),
            (None, false) if !fields.plaintext && !is_loopback(&base.host) => {
                problems.add("base_url", "use https, or say plaintext = true");
            }
            _ => {}
        }
    }
    let methods: BTreeSet<String> = fields.methods.into_iter().collect();
    if methods.is_empty() {
        problems.add("methods", "name the methods that may be called");
    }
    for method in &methods {
        if !METHODS.contains(&method.as_str()) {
            let text = format!("`{method}` is not one of {}", METHODS.join(", "));
            problems.add("methods", text);
        }
    }
    if fields.paths.is_empty() {
        problems.add("paths", "name the paths that may be called; `/` is all");
    }
    for prefix in &fields.paths {
        if let Err(why) = path::check(prefix) {
            problems.add("paths", format!("`{prefix}`: {why}"));
        }
    }
    let injected = fields.inject;
    if injected.len() > INJECT_MAX {
        problems.add("inject", format!("at most {INJECT_MAX} values are added"));
    }
    let inject: Vec<Inject> = injected
        .into_iter()
        .filter_map(|one| self::inject(one, environment, problems))
        .collect();
    let places: BTreeSet<&Place> = inject.iter().map(|one| &one.place).collect();
    if places.len() != inject.len() {
        problems.add("inject", "two values go to the same place");
    }
    in_body(&inject, &methods, problems);
    let request_id = request_id_header(fields.request_id_header, &inject, problems);
    let headers = allowed_headers(fields.headers, &inject, &request_id, problems);
    Some(HttpTarget {
        base: base?,
        tls: tls.flatten(),
        methods,
        paths: fields.paths,
        headers,
        inject,
        request_id_header: Some(request_id),
        connect_timeout: problems.seconds(
            "connect_timeout_seconds",
            fields.connect_timeout_seconds,
            10,
        ),
        answer_timeout: problems.seconds(
            "answer_timeout_seconds",
            fields.answer_timeout_seconds,
            30,
        ),
        bytes_max: problems.bytes("bytes_max", fields.bytes_max),
        reach: Reach::Anywhere,
    })
}

pub(super) fn base(url: &str, problems: &mut Problems<'_>) -> Option<Base> {
    let uri: Uri = problems.check("base_url", url.parse())?;
    let tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        _ => {
            problems.add("base_url", "must begin with https:// or http://");
            return None;
        }
    };
    let authority = uri.authority()?;
    if authority.as_str().contains('@') || uri.query().is_some() || url.contains('#') {
        problems.add(
            "base_url",
            "may hold scheme, host, port and path only; secrets belong under inject",
        );
        return None;
    }
    let prefix = uri.path().trim_end_matches('/').to_owned();
    if !prefix.is_empty() {
        problems.check("base_url", path::check(&prefix))?;
    }
    let bare = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    Some(Base {
        tls,
        host: bare.to_owned(),
        port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        host_header: problems.check("base_url", HeaderValue::from_str(authority.as_str()))?,
        server_name: if tls {
            Some(problems.check("base_url", tls::server_name(bare))?)
        } else {
            None
        },
        prefix,
    })
}

fn inject(
    fields: InjectFields,
    environment: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<Inject> {
    let place = match (fields.header, fields.query, fields.body) {
        (Some(name), None, None) => {
            let header: HeaderName = problems.check("inject", name.to_ascii_lowercase().parse())?;
            if headers::belongs_to_the_connection(header.as_str()) {
                problems.add(
                    "inject",
                    format!("the header `{header}` is not ours to set"),
                );
            }
            Place::Header(header.as_str().to_owned())
        }
        (None, Some(name), None) if !name.is_empty() && name.chars().all(is_plain) => {
            Place::Query(name)
        }
        (None, Some(name), None) => {
            problems.add("inject", format!("`{name}` is no plain query name"));
            return None;
        }
        (None, None, Some(pointer)) if is_pointer(&pointer) => Place::Body(pointer),
        (None, None, Some(pointer)) => {
            let text = format!("`{pointer}` is no pointer into JSON, such as `/auth/token`");
            problems.add("inject", text);
            return None;
        }
        _ => {
            problems.add("inject", "name one of header, query and body");
            return None;
        }
    };
    if !fields
        .prefix
        .bytes()
        .all(|byte| matches!(byte, 0x20..=0x7e))
    {
        problems.add("inject", "the prefix must be plain ASCII");
    }
    let source = problems.secret(
        "inject",
        fields.secret_file,
        fields.secret_env,
        fields.command,
        environment,
    )?;
    Some(Inject {
        place,
        prefix: fields.prefix,
        source,
    })
}

/// At most one value goes into a body, and something that is called has one.
fn in_body(inject: &[Inject], methods: &BTreeSet<String>, problems: &mut Problems<'_>) {
    let in_body = |one: &&Inject| matches!(one.place, Place::Body(_));
    match inject.iter().filter(in_body).count() {
        0 => {}
        1 if methods.iter().any(|one| !BODILESS.contains(&one.as_str())) => {}
        1 => problems.add("inject", "none of the methods has a body"),
        _ => problems.add("inject", "at most one value goes into the body"),
    }
}

/// RFC 6901: to a member, not to the whole; `~` only as `~0` and `~1`.
fn is_pointer(pointer: &str) -> bool {
    let escaped = |token: &str| {
        let mut after = token.split('~').skip(1);
        after.all(|rest| rest.starts_with(['0', '1']))
    };
    pointer.len() <= POINTER_BYTES_MAX
        && pointer.strip_prefix('/').is_some_and(|tokens| {
            tokens
                .split('/')
                .all(|token| !token.is_empty() && escaped(token))
        })
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_')
}

/// In which header the server is told for which request a call is: nobody else sets it.
fn request_id_header(
    given: Option<String>,
    inject: &[Inject],
    problems: &mut Problems<'_>,
) -> String {
    let given = given.unwrap_or_else(|| headers::REQUEST_ID.to_owned());
    let name = given.to_ascii_lowercase();
    let taken = |one: &Inject| matches!(&one.place, Place::Header(other) if *other == name);
    let means_something = name != headers::REQUEST_ID && headers::is_never_a_workloads(&name);
    if means_something || headers::ALWAYS.contains(&name.as_str()) || inject.iter().any(taken) {
        let text = format!(
            "`{}` means something else; name a header of its own, such as x-request-id",
            name.escape_debug()
        );
        problems.add("request_id_header", text);
    }
    name
}

fn allowed_headers(
    extra: Vec<String>,
    inject: &[Inject],
    request_id: &str,
    problems: &mut Problems<'_>,
) -> BTreeSet<String> {
    let mut allowed: BTreeSet<String> = headers::ALWAYS
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    for name in extra {
        let name = name.to_ascii_lowercase();
        if headers::is_never_a_workloads(&name) {
            problems.add("headers", format!("`{name}` is never a workload's to set"));
        } else if name == request_id {
            let text = format!(
                "`{name}` tells the server for which request a call is: it is never a workload's to set"
            );
            problems.add("headers", text);
        }
        allowed.insert(name);
    }
    for one in inject {
        if let Place::Header(name) = &one.place {
            allowed.remove(name);
        }
    }
    allowed
}
