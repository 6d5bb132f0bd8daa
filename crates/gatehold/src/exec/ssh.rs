//! `gatehold exec ssh`: one approved command at a server. The key is made for this session and certified for that command alone;
//! what could let in otherwise, go round the session or outlive it is switched off or refused.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use serde_json::json;

use super::arguments::{Leasing, Wanted};
use super::asking::{Asker, Taken};
use super::folder::Folder;
use super::session::Program;
use super::{Stop, told};
use crate::context::Ctx;
use crate::exit::{Exit, Failure, both};
use crate::human_key::read_public;
use crate::interrupt::Signals;
use crate::screen::plain;

/// What a gate hands out for it.
const KIND: &str = "ssh_certificate";
/// What to do where a program of OpenSSH is missing.
const INSTALL: &str = "install OpenSSH: on Debian `apt-get install openssh-client`";
/// Options of `ssh` that take a value.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOopQRSWw";
/// Options that let in by something else, forward, share a connection, or leave the session.
const REFUSED: &str = "ADeFfIiKLMOPRSWwXY";
/// The same as names of its configuration, in small letters.
const REFUSED_NAMES: [&str; 28] = [
    "addkeystoagent",
    "certificatefile",
    "clearallforwardings",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "escapechar",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11trusted",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "identityfile2",
    "include",
    "localforward",
    "permitlocalcommand",
    "pkcs11provider",
    "preferredauthentications",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "remoteforward",
    "securitykeyprovider",
    "tunnel",
    "tunneldevice",
];
/// What is always said, before anything else: `ssh` keeps to what it reads first.
const ALWAYS: [&str; 11] = [
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    // By it a session is left to a process of its own.
    "EscapeChar=none",
    "AddKeysToAgent=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
];

/// Arguments of `gatehold exec ssh`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold exec ssh --purpose 'restart the shop, which hangs' --target ssh:shop --resource shop/web \\\n    --principal deploy --command 'systemctl restart shop' -- deploy@shop.example\n  gatehold exec ssh --request REQUEST --identity key -- -p 2222 deploy@shop.example"
)]
pub struct Ssh {
    /// What is asked for.
    #[command(flatten)]
    pub leasing: Leasing,
    /// As whom, as the target names its principals.
    #[arg(long, required_unless_present = "request")]
    pub principal: Option<String>,
    /// The command that is run there, and nothing else.
    #[arg(long, required_unless_present = "request")]
    pub command: Option<String>,
    /// A private key of your own, with its public half beside it; without it one is made for this session. A server that knows the key
    /// itself, by authorized_keys, lets it in without the certificate: use one that no server knows.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// What ssh gets: where, and options such as -p.
    #[arg(last = true, required = true, value_name = "SSH")]
    pub ssh: Vec<OsString>,
}

/// Runs it.
///
/// # Errors
/// When the gate refuses or does not answer, and when the lease ended before the session did.
pub async fn run(ctx: &Ctx, args: &Ssh) -> Result<Exit, Failure> {
    check(&args.ssh)?;
    let own = args.identity.is_some();
    if args.leasing.request.is_some() && !own {
        let cause = "the certificate of that request is for a key that was made before";
        return Err(Failure::usage(
            cause,
            "give its private half with --identity",
        ));
    }
    let mut signals = Signals::catch()?;
    let folder = Folder::make()?;
    let mut asker = Asker::new(ctx, &args.leasing.asking).await?;
    let ran = within(args, &folder, &mut asker, &mut signals).await;
    let removed = folder.remove();
    asker.put_away().await;
    both(told(ran), removed).map(|(exit, ())| exit)
}

async fn within(
    args: &Ssh,
    folder: &Folder,
    asker: &mut Asker<'_>,
    signals: &mut Signals,
) -> Result<Exit, Stop> {
    let key = folder.path("key");
    match &args.identity {
        Some(own) => link(own, &key)?,
        None => generate(&key).await?,
    }
    let wanted = wanted(args, &key)?;
    let taken = asker.have(&args.leasing, wanted, KIND, signals).await?;
    let Taken { credential, lease } = taken;
    let certificate = format!("{}\n", credential.secret);
    let certificate = folder.write("certificate.pub", &certificate)?;
    let program = Program {
        name: "ssh".into(),
        arguments: arguments(&key, &certificate, &args.ssh)?,
        set: Vec::new(),
        unset: &[],
    };
    Ok(lease.supervise(&program, signals).await?)
}

/// What is asked for, unless that was done before.
fn wanted(args: &Ssh, key: &Path) -> Result<Option<Wanted>, Failure> {
    let (Some(principal), Some(command), None) =
        (&args.principal, &args.command, &args.leasing.request)
    else {
        return Ok(None);
    };
    let (public, _) = read_public(key)?;
    let payload = json!({ "principal": principal, "command": command, "public_key": public });
    Wanted::lease("ssh.command", &payload).map(Some)
}

/// A key of one's own, under the name that everything else goes by.
fn link(own: &Path, key: &Path) -> Result<(), Failure> {
    let link = |from: &Path, to: &Path| {
        let from = from
            .canonicalize()
            .map_err(|error| Failure::file(from, &error))?;
        std::os::unix::fs::symlink(&from, to).map_err(|error| Failure::file(to, &error))
    };
    link(own, key)?;
    link(
        &own.with_added_extension("pub"),
        &key.with_added_extension("pub"),
    )
}

/// A key for this session, which no other file ever holds.
async fn generate(key: &Path) -> Result<(), Failure> {
    let made = tokio::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(key)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| Failure::usage(format!("ssh-keygen: {error}"), INSTALL))?;
    if made.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&made.stderr);
    let cause = format!("ssh-keygen makes no key: {}", said.trim());
    Err(Failure::fault(cause, INSTALL))
}

/// What `ssh` is started with: ours first, because it keeps to what it reads first.
fn arguments(key: &Path, certificate: &Path, given: &[OsString]) -> Result<Vec<OsString>, Failure> {
    let mut all: Vec<OsString> = vec!["-F".into(), "none".into()];
    let mut option = |text: String| all.extend(["-o".into(), OsString::from(text)]);
    for text in ALWAYS {
        option(text.to_owned());
    }
    option(format!("IdentityFile={}", quoted(key)?));
    option(format!("CertificateFile={}", quoted(certificate)?));
    if !std::io::stdin().is_terminal() {
        // It would ask at a terminal that is not its own, and stand still.
        option("BatchMode=yes".to_owned());
    }
    all.extend(given.iter().cloned());
    Ok(all)
}

/// A path as a value of its configuration.
fn quoted(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().unwrap_or("\"");
    if text.contains(['"', '\\', '$', '\n']) {
        let cause = format!("{}: ssh takes no such path", path.display());
        let next = "set XDG_RUNTIME_DIR or TMPDIR to a folder with a plain name";
        return Err(Failure::usage(cause, next));
    }
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// Refuses what would let in by another key, forward, or outlive the session. The server refuses forwarding too.
fn check(given: &[OsString]) -> Result<(), Failure> {
    let mut words = given.iter().map(|word| word.to_string_lossy());
    let mut places = 0;
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            places += 1;
            // What stands behind the place and its options is a command, which the server does not heed.
            if places > 1 {
                break;
            }
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if REFUSED.contains(letter) {
                return Err(refused(&format!("-{letter}")));
            }
            if WITH_VALUE.contains(letter) {
                let here = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                let value = match here {
                    "" => words.next().unwrap_or_default().into_owned(),
                    here => here.to_owned(),
                };
                if letter == 'o' {
                    named(&value)?;
                }
                break;
            }
        }
    }
    if places == 0 {
        let next = "say where after `--`, such as `-- deploy@shop.example`";
        return Err(Failure::usage("ssh is not told where to", next));
    }
    Ok(())
}

fn named(option: &str) -> Result<(), Failure> {
    let name = option.trim_start();
    let end = name.find(|c: char| c.is_whitespace() || c == '=');
    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric());
    if !plain || REFUSED_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(refused(&format!("-o {name}")));
    }
    Ok(())
}

fn refused(option: &str) -> Failure {
    Failure::usage(
        format!(
            "ssh gets no {} here: the session is let in by its certificate alone, forwards nothing, and ends with the lease",
            plain(option)
        ),
        "leave it out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<(), Failure> {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        check(&words)
    }

    #[test]
    fn where_to_and_how_is_the_callers() {
        for words in [
            &["deploy@shop.example"][..],
            &["-p", "2222", "-l", "deploy", "shop.example"],
            &["-Tp2222", "shop.example", "-v"],
            &[
                "-o",
                "StrictHostKeyChecking=no",
                "-oConnectTimeout 5",
                "-J",
                "jump",
                "shop",
            ],
            // A value that looks like an option, and a command that is not heeded.
            &["-l", "-A", "shop", "ls", "-A"],
        ] {
            assert!(of(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn what_lets_in_otherwise_or_outlives_the_session_is_refused() {
        for words in [
            &["-A", "shop"][..],
            &["-i", "other", "shop"],
            &["-vfN", "shop"],
            &["shop", "-f"],
            &["-p", "22", "-L", "1:a:2", "shop"],
            &["-oIdentityFile=other", "shop"],
            &["-o", "identityfile other", "shop"],
            &["-o", "\"IdentityFile\" other", "shop"],
            &["-o", " ForkAfterAuthentication = yes", "shop"],
            &["-F", "config", "shop"],
            &["-p", "22"],
            &[],
        ] {
            assert!(of(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn ours_stands_first_and_a_path_is_one_value() {
        let path = Path::new("/run/a b/50%/key");
        let all = arguments(path, path, &["shop".into()]).unwrap();
        let wanted = OsString::from("IdentityFile=\"/run/a b/50%%/key\"");
        let at = |word: &OsString| all.iter().position(|one| one == word).unwrap();
        assert!(at(&wanted) < at(&"shop".into()));
        assert!(quoted(Path::new("/a\"b")).is_err());
    }
}
