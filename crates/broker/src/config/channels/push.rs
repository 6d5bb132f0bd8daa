//! `kind = "push"`: under which key browsers are told, and through which push services.

use std::path::PathBuf;
use std::time::Duration;

use gatehold_gate::push::PushServices;
use gatehold_proof::web_push::VapidKey;
use serde::Deserialize;
use toml::Table;

use super::super::problems::Problems;
use super::secret;
use crate::channels::push::Push;
use crate::channels::taken::Taken;
use crate::config::is_loopback;
use crate::tls;

/// Longest contact.
const CONTACT_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    key_file: PathBuf,
    contact: String,
    hosts: Option<Vec<String>>,
    tls_roots: Option<PathBuf>,
}

pub(super) fn push(table: Table, limit: Duration, problems: &mut Problems<'_>) -> Option<Push> {
    let fields: Fields = problems.fields(table)?;
    let key = secret("key_file", &fields.key_file, problems);
    let key = key.and_then(|key| problems.check("key_file", VapidKey::parse(key.expose_text())));
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let contact = &fields.contact;
    let told = ["mailto:", "https://"].iter().any(|scheme| {
        contact
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    });
    if !told || contact.len() > CONTACT_BYTES_MAX || !contact.bytes().all(plain) {
        let text =
            "write mailto:ADDRESS or https://PAGE: push services ask there when something is wrong";
        problems.add("contact", text);
    }
    let services = match fields.hosts {
        None => Some(PushServices::default()),
        Some(hosts) => problems.check("hosts", PushServices::new(hosts)),
    };
    let tls = match &fields.tls_roots {
        None => None,
        Some(roots) => Some(problems.check("tls_roots", tls::client(roots))?),
    };
    let services = services?;
    let elsewhere = services.names().iter().any(|host| !is_loopback(host));
    if tls.is_none() && elsewhere {
        problems.add(
            "tls_roots",
            "name the roots of the push services' certificates",
        );
    }
    Some(Push {
        public_key: key?.public().to_owned(),
        key_file: fields.key_file,
        contact: fields.contact,
        services,
        tls,
        limit,
        taken: Taken::default(),
        refused: Default::default(),
    })
}
