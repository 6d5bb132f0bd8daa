//! `kind = "ssh_certificate"`: an authority that certifies keys of workloads, for whom, for what, and where it is revoked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gatehold_core::ids::TargetId;
use serde::Deserialize;

use super::problems::{Problem, Problems};
use super::{Kind, Target};
use crate::leases::ssh::names::{Command, Principal, host, network};
use crate::leases::ssh::{CertificateTarget, Certificates, Files, authority};

/// Most principals, commands, networks or hosts of one target.
const NAMES_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    ca_key_file: Option<PathBuf>,
    principals: Option<Vec<String>>,
    commands: Option<Vec<String>>,
    source_addresses: Option<Vec<String>>,
    hosts: Option<Vec<String>>,
    krl_file: Option<PathBuf>,
    lock_timeout_seconds: Option<u64>,
}

pub(super) fn ssh(table: toml::Table, problems: &mut Problems<'_>) -> Option<CertificateTarget> {
    let fields: Fields = problems.fields(table)?;
    let key = match &fields.ca_key_file {
        Some(path) if path.is_absolute() => problems.check("ca_key_file", authority(path)),
        _ => {
            let text = "name the private key of the authority by its absolute path";
            problems.add("ca_key_file", text);
            None
        }
    };
    let principals = names("principals", fields.principals, problems, |text| {
        Principal::new(text)
    });
    let commands = match fields.commands {
        None => Some(None),
        given => names("commands", given, problems, Command::new)
            .map(|commands| Some(commands.into_iter().collect::<BTreeSet<_>>())),
    };
    let networks = names(
        "source_addresses",
        fields.source_addresses,
        problems,
        network,
    );
    let hosts = names("hosts", fields.hosts, problems, host);
    let files = match fields.krl_file {
        Some(path) => problems.check("krl_file", Files::new(path)),
        None => {
            let text = "name the file that RevokedKeys of the servers names";
            problems.add("krl_file", text);
            None
        }
    };
    let lock_timeout = problems.seconds("lock_timeout_seconds", fields.lock_timeout_seconds, 5);
    let files = files?;
    Some(CertificateTarget {
        authority_file: fields.ca_key_file?,
        gives: Certificates {
            authority: key?.public_key(),
            list: files.name(),
            list_file: files.path().display().to_string(),
            principals: principals?.into_iter().collect(),
            commands: commands?,
        },
        source_addresses: networks?.join(","),
        hosts: hosts?,
        files,
        lock_timeout,
    })
}

/// A certificate is good at every server that trusts its authority and lets its principal in, whatever target it was asked for at. So
/// targets of one authority certify no principal together, and all of them are revoked on one list.
pub(super) fn told_apart(targets: &BTreeMap<TargetId, Target>, found: &mut Vec<Problem>) {
    let certify = |(id, target): (_, &Target)| match &target.kind {
        Kind::SshCertificate(one) => Some((id, one.clone())),
        _ => None,
    };
    let all: Vec<(&TargetId, _)> = targets.iter().filter_map(certify).collect();
    for (at, (id, one)) in all.iter().enumerate() {
        let before = all.iter().take(at);
        for (other_id, other) in
            before.filter(|(_, other)| other.gives.authority == one.gives.authority)
        {
            let mut problems = Problems::new(id.to_string(), found);
            if !one.gives.principals.is_disjoint(&other.gives.principals) {
                let text = format!(
                    "`{other_id}` has the same authority and one of these: what is approved for one would be good at both; give each \
                     an authority or principals of its own"
                );
                problems.add("principals", text);
            }
            if one.gives.list != other.gives.list {
                let text = format!("`{other_id}` has the same authority: name the same list");
                problems.add("krl_file", text);
            }
        }
    }
}

/// A list of at least one, each checked; nothing when anything is wrong.
fn names<T>(
    field: &str,
    given: Option<Vec<String>>,
    problems: &mut Problems<'_>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let given = given.unwrap_or_default();
    if given.is_empty() || given.len() > NAMES_MAX {
        problems.add(field, format!("give 1 to {NAMES_MAX} of them"));
        return None;
    }
    let wanted = given.len();
    let found: Vec<T> = given
        .iter()
        .filter_map(|text| problems.check(field, read(text)))
        .collect();
    (found.len() == wanted).then_some(found)
}
