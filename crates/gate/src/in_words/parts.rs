//! People, teams, workloads and points in words: each compared with what the directory says of it now.

use std::collections::BTreeSet;
use std::fmt::Display;

use gatehold_core::directory::{Baseline, Directory, Lifecycle};
use gatehold_core::jwk::Jwk;
use gatehold_core::passkey::WebOrigin;
use gatehold_core::person_key::PersonKey;
use gatehold_core::trust::GlassEnrol;
use gatehold_core::trust::change::{HumanEnrol, NhiCreate, PointEnrol, TeamSet};
use gatehold_core::words;

pub(super) fn human(enrol: &HumanEnrol, now: &Directory) -> Vec<String> {
    let name = &enrol.human;
    let key = PersonKey::from_line(&enrol.key).ok();
    let print = key.as_ref().map_or_else(
        || "a key that cannot be read".to_owned(),
        PersonKey::fingerprint,
    );
    let words = key.map(|key| words::of_key(&key.thumbprint()).join(" "));
    let attested = if enrol.attestation.is_some() {
        "with an attestation"
    } else {
        "without attestation"
    };
    let known = now.humans.get(name).map_or(0, |human| {
        let keys = human.keys.keys();
        keys.filter(|key| now.key(name, key).is_some()).count()
    });
    let teams: Vec<String> = now.teams_of(name).iter().map(ToString::to_string).collect();
    let mut lines = vec![format!(
        "{name} gets the key {print}, which counts as `{}`, {attested}",
        enrol.assurance
    )];
    lines.extend(words.map(|words| {
        format!("whoever made it reads the words `{words}` beside it: have {name} say them")
    }));
    lines.extend(stands(enrol, now));
    lines.extend([
        match known {
            0 => format!("{name} has no key with force yet"),
            1 => format!("{name} keeps 1 key that has force"),
            more => format!("{name} keeps {more} keys that have force"),
        },
        if teams.is_empty() {
            format!("{name} is in no team, and decides nothing until one is set")
        } else {
            format!(
                "{name} is in {}, and decides with it at once",
                teams.join(", ")
            )
        },
    ]);
    lines
}

/// An offline key for break-glass: whose, and what it is good for.
pub(super) fn offline_key(enrol: &GlassEnrol, now: &Directory) -> Vec<String> {
    let name = &enrol.human;
    let key = PersonKey::from_line(&enrol.key).ok();
    let print = key.as_ref().map_or_else(
        || "a key that cannot be read".to_owned(),
        PersonKey::fingerprint,
    );
    let words = key.map(|key| words::of_key(&key.thumbprint()).join(" "));
    let mut others = now.glass.values().filter(|key| key.human == *name);
    let mut lines = vec![format!(
        "{name} gets the offline key {print}: with somebody else's it BREAKS THE GLASS where a checkpoint names {name}, and does \
         nothing else"
    )];
    lines.extend(words.map(|words| {
        format!("whoever made it reads the words `{words}` beside it: have {name} say them")
    }));
    if others.next().is_some() {
        lines.push(format!("{name} has an offline key already, and keeps it"));
    }
    lines
}

/// What the identity provider has said of whoever gets a key, beside what it had said when the key was asked for.
fn stands(enrol: &HumanEnrol, now: &Directory) -> Option<String> {
    let (name, last) = (&enrol.human, now.last_gone(&enrol.human));
    let as_asked = last == enrol.suspension;
    match (now.suspended_by(name), last) {
        (None, _) if as_asked => None,
        (Some(_), _) if as_asked => Some(format!(
            "THE IDENTITY PROVIDER DEACTIVATED {name}, and this key would count all the same"
        )),
        (Some(_), _) => Some(format!(
            "THE IDENTITY PROVIDER DEACTIVATED {name} since this was asked for: it cannot be applied any more"
        )),
        (None, Some(_)) => Some(format!(
            "the identity provider deactivated {name} since this was asked for, and has them back: it cannot be applied any more"
        )),
        (None, None) => Some(format!(
            "it says that the identity provider deactivated {name}, which it never did: it cannot be applied"
        )),
    }
}

pub(super) fn team(set: &TeamSet, now: &Directory) -> Vec<String> {
    let none = BTreeSet::new();
    let before = now.teams.get(&set.team);
    let mut lines = vec![if before.is_some() {
        format!("the team {} is set anew", set.team)
    } else {
        format!("the team {} is new", set.team)
    }];
    lines.extend(changed("members", before.unwrap_or(&none), &set.members));
    let stay: Vec<String> = set
        .members
        .intersection(before.unwrap_or(&none))
        .map(ToString::to_string)
        .collect();
    if !stay.is_empty() {
        lines.push(format!("stay in it: {}", stay.join(", ")));
    }
    lines
}

pub(super) fn consoles(named: &[WebOrigin], now: &Directory) -> Vec<String> {
    let before: BTreeSet<&WebOrigin> = now.consoles.iter().collect();
    let after: BTreeSet<&WebOrigin> = named.iter().collect();
    let mut lines: Vec<String> = changed("pages on which passkeys sign", &before, &after)
        .into_iter()
        .collect();
    if after.is_empty() {
        lines.push("no passkey would sign any more".to_owned());
    } else if lines.is_empty() {
        lines.push("nothing differs".to_owned());
    }
    lines
}

pub(super) fn workload(create: &NhiCreate, now: &Directory) -> Vec<String> {
    let thumbprint = thumbprint(&create.jwk);
    let Some(before) = now.workloads.get(&create.id) else {
        let mut lines = vec![
            format!(
                "the workload {} becomes known: {}, key {thumbprint}",
                create.id, create.kind
            ),
            format!(
                "{} answers for it, and {} as the backup",
                create.owner, create.backup
            ),
            format!("it is identified by {}", create.assurance),
            format!("it may ask until {}", create.not_after),
        ];
        if create.lifecycle != Lifecycle::Active {
            lines.push(format!("lifecycle: {}", lifecycle(create.lifecycle)));
        }
        lines.extend(changed(
            "holders of its key",
            &BTreeSet::new(),
            &create.custodians,
        ));
        lines.extend(normal(&Baseline::default(), &create.baseline));
        lines.extend(changed("teams", &BTreeSet::new(), &create.teams));
        return lines;
    };
    let mut lines = vec![format!(
        "the workload {} is known already, and changes",
        create.id
    )];
    lines.extend(other("kind", &before.kind, &create.kind));
    lines.extend(other("key", &before.key, &thumbprint));
    lines.extend(other("owner", &before.owner, &create.owner));
    lines.extend(other("backup", &before.backup, &create.backup));
    lines.extend(changed(
        "holders of its key",
        &before.custodians,
        &create.custodians,
    ));
    lines.extend(other("identified by", &before.assurance, &create.assurance));
    lines.extend(changed("teams", &before.teams, &create.teams));
    lines.extend(normal(&before.baseline, &create.baseline));
    lines.extend(other(
        "lifecycle",
        &lifecycle(before.lifecycle),
        &lifecycle(create.lifecycle),
    ));
    lines.extend(other(
        "it may ask until",
        &before.not_after,
        &create.not_after,
    ));
    if lines.len() == 1 {
        lines.push("nothing differs".to_owned());
    }
    lines
}

/// What it normally does.
fn normal(old: &Baseline, new: &Baseline) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(changed(
        "normal actions",
        &old.descriptors,
        &new.descriptors,
    ));
    lines.extend(changed("normal targets", &old.targets, &new.targets));
    lines.extend(changed("normal resources", &old.resources, &new.resources));
    lines.extend(scopes(old.scopes.as_ref(), new.scopes.as_ref()));
    lines
}

pub(super) fn point(enrol: &PointEnrol, now: &Directory) -> Vec<String> {
    let thumbprint = thumbprint(&enrol.jwk);
    let Some(before) = now.points.get(&enrol.id) else {
        let mut lines = vec![
            format!(
                "the enforcement point {} becomes known, key {thumbprint}",
                enrol.id
            ),
            format!("{} answers for it", enrol.owner),
        ];
        lines.extend(changed("submits for", &BTreeSet::new(), &enrol.workloads));
        return lines;
    };
    let mut lines = vec![format!(
        "the enforcement point {} is known already, and changes",
        enrol.id
    )];
    lines.extend(other("key", &before.key, &thumbprint));
    lines.extend(other("owner", &before.owner, &enrol.owner));
    lines.extend(changed("submits for", &before.workloads, &enrol.workloads));
    if lines.len() == 1 {
        lines.push("nothing differs".to_owned());
    }
    lines
}

const fn lifecycle(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Suspended => "suspended",
        Lifecycle::Offboarded => "offboarded",
    }
}

fn thumbprint(jwk: &str) -> String {
    Jwk::parse(jwk).map_or_else(
        |_| "that cannot be read".to_owned(),
        |key| key.thumbprint().to_string(),
    )
}

/// Who or what goes and comes, if anything does.
/// Scopes that are listed are all that pass; where none are listed any more, every scope does.
fn scopes(before: Option<&BTreeSet<String>>, after: Option<&BTreeSet<String>>) -> Vec<String> {
    let none = BTreeSet::new();
    let mut lines = Vec::new();
    match (before, after) {
        (Some(_), None) => lines.push("its scopes: NO LONGER held against a list".to_owned()),
        (None, Some(_)) => lines.push("its scopes are held against a list".to_owned()),
        _ => {}
    }
    let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
    lines.extend(changed("normal scopes", before, after));
    lines
}

fn changed<T: Ord + Display>(
    what: &str,
    before: &BTreeSet<T>,
    after: &BTreeSet<T>,
) -> Option<String> {
    let names = |names: Vec<&T>| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let goes = names(before.difference(after).collect());
    let comes = names(after.difference(before).collect());
    let mut said = Vec::new();
    if !goes.is_empty() {
        said.push(format!("REMOVED: {}", goes.join(", ")));
    }
    if !comes.is_empty() {
        said.push(format!("added: {}", comes.join(", ")));
    }
    (!said.is_empty()).then(|| format!("{what}: {}", said.join("; ")))
}

/// A value that becomes another one.
fn other(what: &str, before: &impl Display, after: &impl Display) -> Option<String> {
    let (before, after) = (before.to_string(), after.to_string());
    (before != after).then(|| format!("{what}: {after} instead of {before}"))
}

#[cfg(test)]
mod tests;
