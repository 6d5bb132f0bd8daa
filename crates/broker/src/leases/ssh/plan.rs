//! What would be certified, out of the approved bytes and the configuration alone.

use gatehold_core::lease::{Plan, RevocationClass};
use gatehold_core::ssh::SshPublicKey;
use gatehold_gate::ports::issuer::{IssueTerms, NotIssuable};

use super::Certificates;
use super::names::{Command, Principal};
use crate::leases::asked::{Asked, texts};
use crate::leases::handle::Handle;

const FORM: &str = "{\"principal\": \"…\", \"command\": \"…\", \"public_key\": \"ssh-ed25519 …\"}";

/// A server itself lets nobody log in after `valid_before`, and nobody whose certificate is on its list. Who is logged in goes on.
pub(crate) fn terms(coarse: bool) -> IssueTerms {
    let enforces = ["not_after"].into_iter().chain(coarse.then_some("coarse"));
    IssueTerms {
        class: RevocationClass::NewUseOnly,
        enforces: enforces.map(str::to_owned).collect(),
    }
}

/// What a workload asks to have certified.
pub(super) struct Wanted {
    pub(super) principal: Principal,
    pub(super) command: Command,
    pub(super) key: SshPublicKey,
}

/// The certificate that would be made, and how it would be taken away.
pub(crate) fn plan(
    target: &Certificates,
    asked: Asked<'_>,
    handle: &Handle,
) -> Result<Plan, NotIssuable> {
    let no = |text: &str| Err(NotIssuable(text.to_owned()));
    if !asked.caps.is_empty() {
        return no("a certificate keeps no caps: leave them out");
    }
    if asked.precondition.is_some() {
        return no("a certificate keeps no precondition: leave it out");
    }
    if asked.media_type != "application/json" {
        return no(&format!(
            "write what is to be certified as application/json: {FORM}"
        ));
    }
    let wanted = wanted(target, asked.payload)?;
    let recipe = target.recipe(
        handle.as_str(),
        wanted.principal.as_str(),
        &target.authority,
    );
    recipe
        .check()
        .map_err(|error| NotIssuable(error.to_string()))?;
    Ok(Plan {
        recipe,
        class: RevocationClass::NewUseOnly,
    })
}

/// Reads the approved bytes.
pub(super) fn wanted(target: &Certificates, payload: &[u8]) -> Result<Wanted, NotIssuable> {
    let names = ["principal", "command", "public_key"];
    let [principal, command, key] = texts(payload, names)
        .ok_or_else(|| NotIssuable(format!("write exactly {FORM}, each once and as text")))?;
    let principal = target
        .principals
        .iter()
        .find(|known| known.as_str() == principal);
    let principal = principal.ok_or_else(|| not_given(target))?.clone();
    let command = Command::new(&command).map_err(NotIssuable)?;
    let listed = target.commands.as_ref();
    if listed.is_some_and(|commands| !commands.contains(&command)) {
        let text = "this target certifies only the commands that it lists: ask its operator, or write one exactly as it is listed";
        return Err(NotIssuable(text.to_owned()));
    }
    Ok(Wanted {
        principal,
        command,
        key: public_key(&key)?,
    })
}

/// The one exact line of a key: a comment, an option or a second key is not passed over.
fn public_key(line: &str) -> Result<SshPublicKey, NotIssuable> {
    let no = |why: &str| NotIssuable(format!("public_key: {why}"));
    let key = SshPublicKey::from_line(line).map_err(|error| no(&error.to_string()))?;
    if key.to_line() != line {
        return Err(no(
            "write type and base64 with one space between, and no comment",
        ));
    }
    Ok(key)
}

fn not_given(target: &Certificates) -> NotIssuable {
    let principals: Vec<&str> = target.principals.iter().map(Principal::as_str).collect();
    NotIssuable(format!(
        "write a principal that this target certifies: {}",
        principals.join(", ")
    ))
}
