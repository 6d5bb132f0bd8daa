//! Founding a gate with the program's own commands: the statement is drawn up, each person signs it, the store begins.

use std::collections::BTreeMap;
use std::path::Path;

use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, Origin};
use gatehold_core::json::canonical;
use gatehold_core::ssh::{sign_software, sshsig};
use gatehold_core::trust::{ROOT_NAMESPACE, RootSignature};

use super::{Ground, PEOPLE, gatehold};
use crate::Os;
use crate::trouble::{Outcome, Trouble, trouble};

/// Names the gates of stories. Its first letters say that keys in software count here.
const ORIGIN: &str = "dev.scenarios.example";
/// Who vouches for the people.
const ISSUER: &str = "dev";

pub(super) type Seeds = BTreeMap<String, (HumanId, [u8; 32])>;

/// Founds the gate in `folder`, where its configuration already stands.
pub(super) async fn found(
    program: &Path,
    ground: &Ground,
    folder: &Path,
) -> Outcome<(Origin, Seeds)> {
    let mut seeds = Seeds::new();
    let mut arguments: Vec<String> = ["init", "new"].map(str::to_owned).to_vec();
    arguments.push(folder.to_string_lossy().into_owned());
    arguments.extend(["--origin", ORIGIN, "--assurance", "software"].map(str::to_owned));
    for name in PEOPLE {
        let human = HumanId::new(ISSUER, name).map_err(trouble(name))?;
        let seed = Os.random().map_err(trouble(name))?;
        let key = folder.join(format!("{name}.pub"));
        std::fs::write(&key, sshsig::software_key(&seed).to_line()).map_err(trouble(name))?;
        arguments.extend(["--human".to_owned(), format!("{human}={}", key.display())]);
        seeds.insert(name.to_owned(), (human, seed));
    }
    if let Some(bundle) = &ground.bundle {
        arguments.extend(["--bundle".to_owned(), bundle.to_string_lossy().into_owned()]);
    }
    for (name, certificate) in &ground.attestation_roots {
        let root = format!("{name}={}", certificate.display());
        arguments.extend(["--attestation-root".to_owned(), root]);
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    gatehold(program, &words).await?;
    let statement = std::fs::read(folder.join("root.json")).map_err(trouble("root.json"))?;
    for (name, (_, seed)) in &seeds {
        sign(folder, &statement, seed).map_err(trouble(name))?;
    }
    gatehold(program, &["init", "finish", &folder.to_string_lossy()]).await?;
    Ok((ORIGIN.parse().map_err(trouble(ORIGIN))?, seeds))
}

/// The hash of the root statement, as `init finish` pinned it in the configuration.
pub(super) fn root(folder: &Path) -> Outcome<String> {
    let text =
        std::fs::read_to_string(folder.join(super::ground::CONFIG)).map_err(trouble("root"))?;
    let config: toml::Table = toml::from_str(&text).map_err(trouble("root"))?;
    let root = config.get("trust").and_then(|trust| trust.get("root"));
    root.and_then(toml::Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Trouble("the configuration pins no root".to_owned()))
}

/// Hands in one person's signature, as `gatehold init sign` does where their key is an SSH key file.
fn sign(folder: &Path, statement: &[u8], seed: &[u8; 32]) -> Outcome<()> {
    let signature = RootSignature {
        key: sshsig::software_key(seed).to_line(),
        signature: sign_software(seed, ROOT_NAMESPACE, statement).map_err(trouble("root"))?,
    };
    let bytes = canonical::to_bytes(&signature).map_err(trouble("root"))?;
    let name = hex(Hash::of(&bytes).as_bytes());
    std::fs::write(
        folder.join("signatures").join(format!("{name}.json")),
        bytes,
    )
    .map_err(trouble("signatures"))
}
