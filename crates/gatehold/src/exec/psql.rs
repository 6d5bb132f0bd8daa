//! `gatehold exec psql`: a client of PostgreSQL under an approved login. The password stands in a file that the client reads by
//! itself, and is good at that server alone.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use gatehold_client::wire::Credential;
use serde_json::json;

use super::arguments::{Leasing, Wanted};
use super::asking::{Asker, Taken};
use super::folder::Folder;
use super::session::Program;
use super::{Stop, told};
use crate::context::Ctx;
use crate::exit::{Exit, Failure, both};
use crate::interrupt::Signals;

/// What a gate hands out for it.
const KIND: &str = "postgres_login";
/// The name of the service in its file.
const SERVICE: &str = "gatehold";
/// Variables by which a client would log in elsewhere, or as somebody else.
const UNSET: [&str; 7] = [
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGPASSWORD",
    "PGPORT",
    "PGSYSCONFDIR",
    "PGUSER",
];

/// What PostgreSQL's clients call `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SslMode {
    /// No encryption.
    Disable,
    /// Encryption, whoever the server is.
    Require,
    /// A certificate that the client's roots vouch for.
    VerifyCa,
    /// Such a certificate, for this host.
    VerifyFull,
}

impl SslMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Arguments of `gatehold exec psql`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold exec psql --purpose 'find out what order 7 waits for' --target orders-access --resource orders/all \\\n    --role orders_reader -- -c 'SELECT status FROM orders WHERE id = 7'\n  gatehold exec psql --request REQUEST --client pg_dump -- --table orders"
)]
pub struct Psql {
    /// What is asked for.
    #[command(flatten)]
    pub leasing: Leasing,
    /// The role whose rights the login gets.
    #[arg(long, required_unless_present = "request")]
    pub role: Option<String>,
    /// How the client makes sure of the server; without it as strictly as the gate's own connection there.
    #[arg(long, value_enum, value_name = "MODE")]
    pub sslmode: Option<SslMode>,
    /// The client, any that reads PGSERVICE and PGPASSFILE.
    #[arg(long, default_value = "psql", value_name = "PROGRAM")]
    pub client: OsString,
    /// What the client gets.
    #[arg(last = true, value_name = "ARGUMENT")]
    pub arguments: Vec<OsString>,
}

/// Runs it.
///
/// # Errors
/// When the gate refuses or does not answer, and when the lease ended before the client did.
pub async fn run(ctx: &Ctx, args: &Psql) -> Result<Exit, Failure> {
    let mut signals = Signals::catch()?;
    let folder = Folder::make()?;
    let mut asker = Asker::new(ctx, &args.leasing.asking).await?;
    let ran = within(args, &folder, &mut asker, &mut signals).await;
    let removed = folder.remove();
    asker.put_away().await;
    both(told(ran), removed).map(|(exit, ())| exit)
}

async fn within(
    args: &Psql,
    folder: &Folder,
    asker: &mut Asker<'_>,
    signals: &mut Signals,
) -> Result<Exit, Stop> {
    let wanted = match (&args.role, &args.leasing.request) {
        (Some(role), None) => Some(Wanted::lease("db.login", &json!({ "role": role }))?),
        _ => None,
    };
    let taken = asker.have(&args.leasing, wanted, KIND, signals).await?;
    let Taken { credential, lease } = taken;
    let (service, password) = files(&credential, args.sslmode)?;
    let service = folder.write("service", &service)?;
    let password = folder.write("password", &password)?;
    let program = Program {
        name: args.client.clone(),
        arguments: args.arguments.clone(),
        set: vec![
            ("PGSERVICEFILE", service.into()),
            ("PGSERVICE", SERVICE.into()),
            ("PGPASSFILE", password.into()),
            // Whoever stands between asks for the password itself: from version 16 on the client gives it to nobody.
            ("PGREQUIREAUTH", "scram-sha-256".into()),
        ],
        unset: &UNSET,
    };
    Ok(lease.supervise(&program, signals).await?)
}

/// The service file and the password file.
fn files(credential: &Credential, sslmode: Option<SslMode>) -> Result<(String, String), Failure> {
    let part = |name: &str| {
        let value = credential.public.get(name).map(String::as_str);
        let value = value.filter(|value| !value.is_empty() && !value.contains(char::is_control));
        value.ok_or_else(|| {
            let cause = format!("the login that was handed out has no usable {name}");
            Failure::fault(cause, "have it revoked, and report this")
        })
    };
    let (host, port) = (part("host")?, part("port")?);
    let (database, user) = (part("database")?, part("user")?);
    let mut service =
        format!("[{SERVICE}]\nhost={host}\nport={port}\ndbname={database}\nuser={user}\n");
    // It stands before what the client's own settings say. A gate that says nothing leaves it to them.
    let told = credential.public.get("sslmode");
    let told = told.filter(|told| told.as_str() == SslMode::VerifyFull.name());
    if let Some(mode) = sslmode.or_else(|| told.map(|_| SslMode::VerifyFull)) {
        service += &format!("sslmode={}\n", mode.name());
    }
    let line = [host, port, "*", user, credential.secret.as_str()].map(escaped);
    Ok((service, line.join(":") + "\n"))
}

/// A field of a password file.
fn escaped(field: &str) -> String {
    field.replace('\\', "\\\\").replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(host: &str) -> Credential {
        let public = [
            ("host", host),
            ("port", "5432"),
            ("database", "orders"),
            ("user", "gh_1"),
        ];
        Credential {
            kind: KIND.to_owned(),
            public: public
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            secret: "a:b\\c".to_owned(),
        }
    }

    #[test]
    fn the_password_is_for_this_server_and_user_alone() {
        let (service, password) = files(&credential("::1"), None).unwrap();
        let wanted = "[gatehold]\nhost=::1\nport=5432\ndbname=orders\nuser=gh_1\n";
        assert_eq!(service, wanted);
        assert_eq!(password, "\\:\\:1:5432:*:gh_1:a\\:b\\\\c\n");
    }

    #[test]
    fn the_server_is_made_sure_of_as_strictly_as_by_the_gate() {
        let of = |told: &str, given| {
            let mut credential = credential("db.example");
            let told = ("sslmode".to_owned(), told.to_owned());
            credential.public.extend([told]);
            files(&credential, given).unwrap().0
        };
        assert!(of("verify-full", None).ends_with("user=gh_1\nsslmode=verify-full\n"));
        assert!(of("verify-full", Some(SslMode::Require)).ends_with("sslmode=require\n"));
        // Nobody makes a client believe less.
        for told in ["", "disable", "allow", "require\nhost=other"] {
            assert!(of(told, None).ends_with("user=gh_1\n"), "{told}");
        }
    }

    #[test]
    fn a_value_never_becomes_a_line() {
        assert!(files(&credential("db\nhostaddr=1.2.3.4"), None).is_err());
        assert!(files(&credential(""), None).is_err());
    }
}
