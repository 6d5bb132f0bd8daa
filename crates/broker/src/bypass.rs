//! Ways to what a target guards that do not lead through the gate: credentials and roles of others, as the target itself tells of them.
//!
//! It only asks. Whoever reads the answer decides what to do; nothing here changes a target, and what a target does not say is unknown and
//! never taken for fine.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::ids::{GrantId, TargetId};

use crate::config::{Kind, Target, Targets};
use crate::http::{HttpTarget, path};
use crate::leases::handle::Prefix;
use crate::leases::postgres::ways as postgres;
use crate::leases::ssh::ways as ssh;
use crate::sql::postgres::{Login, PostgresTarget, Where};

pub use crate::leases::ssh::ways::{Brought, SshFiles};

/// What to do about a role.
const ROLE: &str = "Take it away, or name it as `known` of the target with the reason";
/// About a rule by which somebody logs in without a password.
const RULE: &str =
    "Write scram-sha-256 there, or name each of its roles as `known` of the target with the reason";
/// About a key or a setting of a server of SSH.
const KEY: &str = "Take it away, or name it as `known` of the target with the reason";
/// About rights of everybody.
const EVERYBODY: &str = "REVOKE them FROM PUBLIC and GRANT them to the group, or name `public` as `known` of the target";
/// About the gate's own login.
const OWN: &str = "Give it a role that may do what its statements need, and nothing else";

/// One way.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Way {
    /// A role, the fingerprint of a key, a setting of the server.
    pub who: String,
    /// Why that reaches what the target guards.
    pub how: Vec<String>,
    /// Why that is wanted, where the configuration says so.
    pub known: Option<String>,
    /// What to do about it.
    pub next: &'static str,
    /// The grant whose lease it is by its name; nothing where no lease of this gate is called so.
    #[serde(skip)]
    pub grant: Option<GrantId>,
    /// Whether it reaches no more than a lease does.
    #[serde(skip)]
    pub like_a_lease: bool,
}

/// What a target told.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Ways {
    /// Every way that was found, those of this gate's leases among them.
    pub found: Vec<Way>,
    /// What was looked at.
    pub looked_at: Vec<String>,
    /// What is not known, and what to do about it.
    pub unknown: Vec<String>,
}

/// Asks a target which ways there are. `gate` is what its leases are named by, as for [`Leases::new`](crate::Leases::new); nothing where
/// there is no such target.
pub async fn ways_round(
    targets: &Targets,
    id: &TargetId,
    gate: &str,
    files: &SshFiles,
) -> Option<Ways> {
    let target = targets.0.get(id)?;
    let mut ways = match &target.kind {
        Kind::PostgresRole(roles) => {
            let groups = roles
                .gives
                .roles
                .iter()
                .map(|name| name.as_str().to_owned());
            let groups = Some(groups.collect());
            server(targets, target, &roles.server, groups).await
        }
        Kind::Postgres(postgres) => server(targets, target, postgres, None).await,
        Kind::SshCertificate(certificates) => login(files, &certificates.gives.authority),
        Kind::Sqlite(_) => nobody_tells(
            "who else writes the file of the database: whoever may is let by the file system. Let the gate's user alone open it",
        ),
        Kind::Http(_) => nobody_tells(
            "who else has a credential of this API: it lists none to the gate. Look at its own list of tokens, and take away those \
             that workloads and people hold",
        ),
    };
    let prefix = Prefix::of(gate);
    for way in &mut ways.found {
        way.grant = prefix.grant(&way.who);
        if way.known.is_none() {
            way.known = target.known.get(&way.who).cloned();
        }
    }
    Some(ways)
}

fn nobody_tells(text: &str) -> Ways {
    Ways {
        unknown: vec![text.to_owned()],
        ..Ways::default()
    }
}

/// Who else reaches what these groups reach, or what the gate's own login does.
async fn server(
    targets: &Targets,
    configured: &Target,
    target: &PostgresTarget,
    groups: Option<Vec<String>>,
) -> Ways {
    let leases = groups.is_some();
    let own = own_logins(targets, target);
    let seen = match postgres::look(target, groups, &own).await {
        Ok(seen) => seen,
        Err(error) => {
            let text = format!(
                "who else reaches it: the server did not say. {error}. Look at it, at the target's login, and again"
            );
            return nobody_tells(&text);
        }
    };
    let mut ways = Ways {
        looked_at: vec![format!(
            "tables and views in {}, and who can log in, as {}; not functions, sequences, foreign servers and large objects, nor what \
             views and functions of others show of the tables",
            seen.databases.join(", "),
            seen.user
        )],
        unknown: seen.unknown,
        ..Ways::default()
    };
    if seen.superuser {
        let how = if leases {
            "makes the leases, and is a superuser: whoever has its password has everything"
        } else {
            "executes what was approved, and is a superuser: whoever has its password has everything"
        };
        ways.found.push(way(&seen.user, vec![how.to_owned()], OWN));
    }
    for (who, how) in seen.roles {
        let next = if who == postgres::EVERYBODY {
            EVERYBODY
        } else {
            ROLE
        };
        ways.found.push(way(&who, how.into_iter().collect(), next));
    }
    for rule in seen.rules {
        let how = vec![format!("lets in without a password: {}", rule.text)];
        let known = known_users(configured, &rule.users);
        let way = way(&rule.place, how, RULE);
        ways.found.push(Way { known, ..way });
    }
    ways
}

fn way(who: &str, how: Vec<String>, next: &'static str) -> Way {
    let like_a_lease = how.iter().all(|how| how.ends_with(postgres::AS_A_LEASE));
    Way {
        who: who.to_owned(),
        how,
        known: None,
        next,
        grant: None,
        like_a_lease,
    }
}

/// Why a rule is wanted: every role that it names is known. One for all, for members or for a pattern names nobody.
fn known_users(target: &Target, users: &[String]) -> Option<String> {
    let many = |user: &String| user == "all" || user.starts_with(['+', '/']);
    if users.iter().any(many) {
        return None;
    }
    let reasons: Option<BTreeSet<&str>> = users
        .iter()
        .map(|user| target.known.get(user).map(String::as_str))
        .collect();
    let reasons = reasons.filter(|reasons| !reasons.is_empty())?;
    Some(reasons.into_iter().collect::<Vec<_>>().join("; "))
}

/// As whom this gate logs in at the same server for its other targets.
fn own_logins(targets: &Targets, target: &PostgresTarget) -> BTreeSet<String> {
    let place = |target: &PostgresTarget| -> Option<(Where, u16, String)> {
        match &target.login {
            Login::Parts(parts) => Some((parts.host.clone(), parts.port, parts.user.clone())),
            Login::Url(_) => None,
        }
    };
    let Some((host, port, _)) = place(target) else {
        return BTreeSet::new();
    };
    let servers = targets.0.values().filter_map(|one| match &one.kind {
        Kind::PostgresRole(roles) => place(&roles.server),
        Kind::Postgres(postgres) => place(postgres),
        Kind::Sqlite(_) | Kind::Http(_) | Kind::SshCertificate(_) => None,
    });
    servers
        .filter(|(at, by, _)| (at, by) == (&host, &port))
        .map(|(_, _, user)| user)
        .collect()
}

/// Who gets in at a server of SSH.
fn login(files: &SshFiles, authority: &gatehold_core::ssh::SshPublicKey) -> Ways {
    let seen = ssh::look(files, authority);
    let names = files.settings.iter().chain(&files.authorities);
    let names = names.chain(&files.authorized_keys);
    let names: Vec<&str> = names.map(|file| file.name.as_str()).collect();
    let looked_at = if names.is_empty() {
        Vec::new()
    } else {
        let all = names.join(", ");
        vec![format!("{all}, as they were brought; no server was asked")]
    };
    let found = seen.ways.into_iter();
    Ways {
        found: found.map(|(who, how)| way(&who, vec![how], KEY)).collect(),
        looked_at,
        unknown: seen.unknown,
    }
}

/// How a target's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// csvlog of PostgreSQL.
    Postgres,
    /// What sshd says to syslog.
    Ssh,
    /// The access log of a server of HTTP.
    Http,
}

/// Who may stand in a target's log without a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// How that is written; nothing where nobody reads it.
    pub log: Option<LogKind>,
    /// As whom the gate itself logs in there.
    pub own: BTreeSet<String>,
    /// Who is known, and why.
    pub known: BTreeMap<String, String>,
    /// Which database it is, where it is one.
    pub database: Option<String>,
    /// By login of the gate's: at which targets it executes statements under it. Not of a login that makes roles too.
    pub executing: BTreeMap<String, BTreeSet<TargetId>>,
    /// What of a server of HTTP the target guards.
    pub http: Option<HttpPlace>,
}

/// What of a server of HTTP a target guards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPlace {
    /// Guarded paths, and everything below them, as the server sees them.
    paths: Vec<String>,
    /// Of each target at this server: what stands before its paths.
    pub prefixes: BTreeMap<TargetId, String>,
}

impl HttpPlace {
    /// Whether a path is guarded. One that servers read in more than one way may be.
    #[must_use]
    pub fn guards(&self, path: &str) -> bool {
        let small = path.to_ascii_lowercase();
        let below = |one: &String| path::lies_below(&small, &one.to_ascii_lowercase());
        path::check(path).is_err() || self.paths.iter().any(below)
    }

    /// What one target guards, among all that are at the same server.
    fn of(targets: &Targets, target: &HttpTarget) -> Self {
        let base = &target.base;
        let paths = target.paths.iter();
        let paths = paths.map(|path| format!("{}{path}", base.prefix));
        let prefixes = targets.0.iter().filter_map(|(id, one)| match &one.kind {
            Kind::Http(one) if (&one.base.host, one.base.port) == (&base.host, base.port) => {
                Some((id.clone(), one.base.prefix.clone()))
            }
            _ => None,
        });
        Self {
            paths: paths.collect(),
            prefixes: prefixes.collect(),
        }
    }
}

/// Who may stand in the log of a target; nothing where there is no such target.
#[must_use]
pub fn names_at(targets: &Targets, id: &TargetId) -> Option<Names> {
    let target = targets.0.get(id)?;
    let (log, server) = match &target.kind {
        Kind::PostgresRole(roles) => (Some(LogKind::Postgres), Some(&roles.server)),
        Kind::Postgres(postgres) => (Some(LogKind::Postgres), Some(&**postgres)),
        Kind::SshCertificate(_) => (Some(LogKind::Ssh), None),
        Kind::Http(_) => (Some(LogKind::Http), None),
        Kind::Sqlite(_) => (None, None),
    };
    let http = match &target.kind {
        Kind::Http(http) => Some(HttpPlace::of(targets, http)),
        _ => None,
    };
    let database = server.and_then(|server| match &server.login {
        Login::Parts(parts) => Some(parts.database.clone()),
        Login::Url(_) => None,
    });
    Some(Names {
        log,
        own: server
            .map(|server| own_logins(targets, server))
            .unwrap_or_default(),
        known: target.known.clone(),
        database,
        executing: server
            .map(|server| executing(targets, server))
            .unwrap_or_default(),
        http,
    })
}

/// Under which logins the gate does nothing at this server but execute statements and ask its own questions.
fn executing(targets: &Targets, target: &PostgresTarget) -> BTreeMap<String, BTreeSet<TargetId>> {
    let Login::Parts(at) = &target.login else {
        return BTreeMap::new();
    };
    let mut executing: BTreeMap<String, BTreeSet<TargetId>> = BTreeMap::new();
    let mut making = BTreeSet::new();
    for (id, one) in &targets.0 {
        let (server, makes) = match &one.kind {
            Kind::Postgres(postgres) => (&**postgres, false),
            Kind::PostgresRole(roles) => (&roles.server, true),
            Kind::Sqlite(_) | Kind::Http(_) | Kind::SshCertificate(_) => continue,
        };
        let Login::Parts(login) = &server.login else {
            continue;
        };
        if (&login.host, login.port) != (&at.host, at.port) {
            continue;
        }
        if makes {
            making.insert(login.user.clone());
        } else {
            executing
                .entry(login.user.clone())
                .or_default()
                .insert(id.clone());
        }
    }
    executing.retain(|user, _| !making.contains(user));
    executing
}
