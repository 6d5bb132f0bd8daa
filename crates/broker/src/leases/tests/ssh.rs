//! Certificates: what is planned, what a real server of OpenSSH makes of them, and what the files know of them.

mod keeping;
mod planning;
mod refusing;
mod serving;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicI64;

use gatehold_core::lease::RevocationClass;
use gatehold_core::ssh::sshsig::software_key;
use gatehold_core::ssh::{Krl, SshPublicKey};
use gatehold_sim::ssh_server::{PRINCIPAL, SshServer, public_line};
use tempfile::TempDir;

use super::super::ssh::serial;
use super::*;

const TARGET: &str = "ssh:shop";
/// 2020; the leases of these tests end in 2100, and any clock is between them.
const NOW: i64 = 1_577_836_800_000;
const DAY: i64 = 86_400_000;

/// A folder with an authority and the place of a list.
struct Desk {
    folder: TempDir,
    authority: PathBuf,
    list: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority");
        let arguments = ["-q", "-t", "ed25519", "-N", "", "-f"];
        let made = Command::new("ssh-keygen")
            .args(arguments)
            .arg(&authority)
            .output();
        assert!(made.unwrap().status.success());
        let list = folder.path().join("revoked");
        Self {
            folder,
            authority,
            list,
        }
    }

    fn leases(&self, more: &str) -> Leases {
        leases_of(&self.config(more), ORIGIN)
    }

    fn config(&self, more: &str) -> String {
        config_of(&self.authority, &self.list, more)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("revoked.issued")).unwrap()
    }

    fn krl(&self) -> Krl {
        Krl::parse(&std::fs::read(&self.list).unwrap()).unwrap()
    }

    fn public(&self) -> SshPublicKey {
        SshPublicKey::from_line(&public_line(&self.authority)).unwrap()
    }
}

fn config_of(authority: &Path, list: &Path, more: &str) -> String {
    let (authority, list) = (authority.display(), list.display());
    format!(
        "[[target]]\nid = \"{TARGET}\"\nkind = \"ssh_certificate\"\nca_key_file = \"{authority}\"\n\
         krl_file = \"{list}\"\nprincipals = [\"{PRINCIPAL}\", \"backup\"]\nhosts = [\"shop.example:22\"]\n\
         source_addresses = [\"127.0.0.1/32\"]\nlock_timeout_seconds = 1\n{more}"
    )
}

fn leases_of(toml: &str, gate: &str) -> Leases {
    leases_at_time(toml, gate, &Arc::new(AtomicI64::new(NOW)))
}

fn leases_at_time(toml: &str, gate: &str, time: &Arc<AtomicI64>) -> Leases {
    let targets = Targets::from_toml(toml, &|_| None);
    let targets = targets.unwrap_or_else(|errors| panic!("{errors}"));
    let time = time.clone();
    let clock = Arc::new(move || Timestamp::from_millis(time.load(Ordering::SeqCst)));
    let entropy = Arc::new(Counting(AtomicU8::new(0)));
    Leases::new(&targets, gate, entropy, clock)
}

fn payload(principal: &str, command: &str, key: &str) -> Vec<u8> {
    let payload = serde_json::json!({
        "principal": principal, "command": command, "public_key": key,
    });
    payload.to_string().into_bytes()
}

fn ask(payload: &[u8]) -> Action {
    action(payload, |envelope| {
        envelope.target = TARGET.parse().unwrap()
    })
}

/// A lease as it is written down before anything is made; it ends in the year 2100.
fn lease(leases: &Leases, payload: &[u8], grant: u8) -> Lease {
    let plan = leases.plan(&ask(payload), grant_id(grant)).unwrap();
    let target = TARGET.parse().unwrap();
    Lease::planned(plan, target, Timestamp::from_millis(4_102_444_800_000))
}

async fn issued(leases: &Leases, lease: &Lease, payload: &[u8]) -> Credential {
    match leases.make(TARGET, lease, payload).await {
        Issuance::Issued(credential) => credential,
        other => panic!("{other:?}"),
    }
}

/// A certificate for a key that nobody has.
async fn any(leases: &Leases, grant: u8) -> Lease {
    let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
    let lease = lease(leases, &payload, grant);
    let _credential = issued(leases, &lease, &payload).await;
    lease
}

async fn remove(leases: &Leases, lease: &Lease) -> Removal {
    leases.remove(TARGET, &lease.recipe).await
}

async fn standing(leases: &Leases) -> Vec<String> {
    let found = leases.found(TARGET).await.unwrap();
    found.into_iter().map(|recipe| recipe.handle).collect()
}
