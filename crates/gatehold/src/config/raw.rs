//! The file as written, one struct a section. Unknown keys are mistakes. What must be there is an `Option` too: whoever uses
//! it says that it is missing, beside everything else that is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// Keys outside any section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Top {
    /// Address and port.
    pub listen: Option<String>,
    /// `https://…` or, on loopback, `http://…`, without a final slash.
    pub public_url: Option<String>,
    /// A proxy in front terminates TLS.
    #[serde(default)]
    pub behind_proxy: bool,
    /// Address of metrics and health, for operators alone; without it there is none.
    pub operations_listen: Option<String>,
    /// Address of what only stops, beside the other one; without it there is none.
    pub safety_listen: Option<String>,
    /// File with `[[target]]` tables.
    pub targets_file: Option<PathBuf>,
    /// File with `[[lookup]]` tables.
    pub lookups_file: Option<PathBuf>,
    /// File with `[[calendar]]` tables and `[freezes]`.
    pub calendar_file: Option<PathBuf>,
    /// File with `[[channel]]` tables.
    pub channels_file: Option<PathBuf>,
    /// File with `[[schedule]]` tables.
    pub on_call_file: Option<PathBuf>,
}

/// `[tls]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM chain.
    pub certificate_file: Option<PathBuf>,
    /// PEM key.
    pub private_key_file: Option<PathBuf>,
    /// PEM roots of client certificates.
    pub client_ca_file: Option<PathBuf>,
}

/// `[store]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The embedded database.
    pub sqlite_file: Option<PathBuf>,
    /// A file that holds a connection string.
    pub postgres_url_file: Option<PathBuf>,
}

/// `[ledger]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Outside the store's own folder and backup.
    pub anchors_folder: Option<PathBuf>,
    /// Tree heads and tiles for others; without it this process publishes none.
    pub published_folder: Option<PathBuf>,
    /// Names this process's anchor; several processes of one database need several names.
    #[serde(default = "anchor_name")]
    pub anchor_name: String,
    /// 64 hex digits.
    pub key_file: Option<PathBuf>,
}

fn anchor_name() -> String {
    "gate".to_owned()
}

/// `[trust]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// The hash of the root statement.
    pub root: Option<String>,
}

/// `[executor]`: where actions are executed, when that is a process of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executor {
    /// `https://…`, as its certificate names it.
    pub url: Option<String>,
    /// PEM roots of its certificate.
    pub ca_file: Option<PathBuf>,
    /// PEM chain that shows that it is this gate.
    pub certificate_file: Option<PathBuf>,
    /// PEM key of that.
    pub key_file: Option<PathBuf>,
}

/// Keys of an executor's own file, outside any section.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutorTop {
    /// Address and port.
    pub listen: Option<String>,
    /// The log origin of the gate it executes for.
    pub origin: Option<String>,
    /// What workloads call at that gate: part of what they sign.
    pub public_url: Option<String>,
    /// The hash of the gate's root statement.
    pub root: Option<String>,
    /// A folder of its own, for what it has verified and spent.
    pub state_folder: Option<PathBuf>,
}

/// `[identity_provider]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// Exactly as its tokens name it.
    pub issuer: Option<String>,
    /// What this gate is called there.
    pub client_id: Option<String>,
    /// A file that holds the secret.
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for.
    pub scope: Option<String>,
    /// How long ago people may have shown it who they are; 0 for any time.
    pub max_age_seconds: Option<u32>,
    /// A file that holds the token with which it says who is gone.
    pub scim_token_file: Option<PathBuf>,
    /// Which attribute of its users is the subject of its tokens.
    pub scim_subject: Option<String>,
    /// PEM roots of its certificate.
    pub ca_file: Option<PathBuf>,
    /// The claim that names somebody's groups.
    pub groups_claim: Option<String>,
    /// The group that each team takes.
    pub teams: Option<BTreeMap<String, String>>,
}

/// `[[resource]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its exact name.
    pub id: Option<String>,
    /// Or a prefix that ends in `/`.
    pub prefix: Option<String>,
    /// On this target only.
    pub target: Option<String>,
    /// `development`, `staging`, `production`.
    pub env: Option<String>,
    /// A trust zone.
    pub zone: Option<String>,
    /// `public`, `internal`, `confidential`, `restricted`.
    pub sensitivity: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// It cannot enforce fine-grained policy itself.
    pub legacy_coarse: Option<bool>,
    /// The day by which it must be looked at again that people stand in for that.
    pub review_by: Option<String>,
}

/// `[[signals]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// What it is called here.
    pub name: Option<String>,
    /// `iss` of its tokens.
    pub issuer: Option<String>,
    /// `aud` of its tokens.
    pub audience: Option<String>,
    /// Its public keys.
    pub jwks_file: Option<PathBuf>,
    /// `ES256`, `EdDSA`.
    pub algorithms: Option<Vec<String>>,
    /// `stop_workload`, `stop_task`, `hold_workload`.
    pub may: Option<Vec<String>>,
    /// For how long it has what a workload asks for held.
    pub hold_seconds: Option<u32>,
    /// What it calls the workloads that it may stop.
    pub subjects: Option<Vec<SignalSubject>>,
    /// It names every workload as this gate does, and may stop each.
    #[serde(default)]
    pub own_names: bool,
    /// Stops within a minute.
    pub per_minute_max: Option<u32>,
    /// Teams that are told.
    pub tell: Option<Vec<String>>,
}

/// What a sender of signals calls a workload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSubject {
    /// The `id` of an `opaque` subject.
    pub opaque: Option<String>,
    /// The `uri` of one.
    pub uri: Option<String>,
    /// The `iss` of an `iss_sub` subject.
    pub iss: Option<String>,
    /// And its `sub`.
    pub sub: Option<String>,
    /// Its name here.
    pub workload: Option<String>,
}

/// `[limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: Option<usize>,
    /// Open holds of one workload.
    pub open_holds_max: Option<u64>,
    /// How long an allowed action may wait.
    pub allowed_spend_seconds: Option<u32>,
    /// How long an execution may take before it is Unknown.
    pub execution_seconds_max: Option<u32>,
    /// How long open calls may take when the gate ends.
    pub shutdown_seconds_max: Option<u64>,
    /// How long a sign-in at the console lasts.
    pub session_seconds_max: Option<u32>,
    /// How long it lasts without a sign of the person.
    pub session_idle_seconds_max: Option<u32>,
}
