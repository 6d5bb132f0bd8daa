//! Who logs in at a server of SSH without a certificate of this gate, as files of that server say. Nothing is connected to: what the
//! operator brought is read, and what was not brought is unknown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use gatehold_core::hash::Hash;
use gatehold_core::ssh::SshPublicKey;

/// Most ways that are told.
const WAYS_MAX: usize = 10_000;
/// Longest line of a file of keys that is read, in bytes; OpenSSH reads no longer one.
const LINE_BYTES_MAX: usize = 16_384;

/// One file, as the operator brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Its name, for whoever reads of it.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// What an operator brought from a server of SSH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshFiles {
    /// What `sshd -T` printed there.
    pub settings: Option<Brought>,
    /// Files of keys that log in (`AuthorizedKeysFile`).
    pub authorized_keys: Vec<Brought>,
    /// Files of authorities (`TrustedUserCAKeys`).
    pub authorities: Vec<Brought>,
}

/// What the files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Who gets in: a fingerprint or the name of a setting, and how.
    pub(crate) ways: Vec<(String, String)>,
    /// What is not known, and what to do about it.
    pub(crate) unknown: Vec<String>,
}

impl Seen {
    fn way(&mut self, who: impl Into<String>, how: impl Into<String>) {
        self.ways.push((who.into(), how.into()));
    }
}

/// What lets somebody in who shows no certificate, each with the value that keeps it shut.
const SHUT: &[(&str, &str, &str)] = &[
    (
        "passwordauthentication",
        "no",
        "whoever has a password logs in",
    ),
    (
        "kbdinteractiveauthentication",
        "no",
        "whoever answers a question, as with a password, logs in",
    ),
    (
        "hostbasedauthentication",
        "no",
        "another machine vouches for its users",
    ),
    (
        "gssapiauthentication",
        "no",
        "whoever has a ticket of Kerberos logs in",
    ),
    (
        "kerberosauthentication",
        "no",
        "whoever has a ticket of Kerberos logs in",
    ),
    (
        "authorizedkeyscommand",
        "none",
        "a program says whose keys log in, and nobody can tell from here whose",
    ),
    (
        "authorizedprincipalscommand",
        "none",
        "a program says which names of certificates log in, and nobody can tell from here which",
    ),
];

/// Reads all of it.
pub(crate) fn look(files: &SshFiles, authority: &SshPublicKey) -> Seen {
    let mut seen = Seen::default();
    match &files.settings {
        Some(settings) => read_settings(settings, files, &mut seen),
        None => seen.unknown.push(
            "how the server lets people in: run `sshd -T -C user=NAME,host=NAME,addr=ADDRESS` there and give its output as \
             --sshd FILE"
                .to_owned(),
        ),
    }
    let own = authority.fingerprint();
    let mut ours = false;
    for file in &files.authorities {
        for (key, place) in keys(file, &mut seen) {
            if key == own {
                ours = true;
            } else {
                seen.way(
                    key,
                    format!("is an authority of its own ({place}): whoever it certifies logs in"),
                );
            }
        }
    }
    if !files.authorities.is_empty() && !ours {
        let text = format!(
            "whether this is a server of the target: no file of authorities names {own}. Bring that of its server"
        );
        seen.unknown.push(text);
    }
    for file in &files.authorized_keys {
        for (key, place) in keys(file, &mut seen) {
            seen.way(key, format!("logs in without a certificate ({place})"));
        }
    }
    if seen.ways.len() > WAYS_MAX {
        seen.ways.truncate(WAYS_MAX);
        let text = format!("ways after the first {WAYS_MAX}: take some away, and look again");
        seen.unknown.push(text);
    }
    seen
}

/// One value for each name, as `sshd -T` prints them. A name that stands there twice has several values; of those that matter here each
/// has one.
fn read_settings(file: &Brought, files: &SshFiles, seen: &mut Seen) {
    let pairs = file
        .text
        .lines()
        .filter_map(|line| line.trim().split_once(' '));
    let all: BTreeMap<String, &str> = pairs
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    // Only the whole output tells what is not set.
    if !all.contains_key("trustedusercakeys") || !all.contains_key("authorizedkeysfile") {
        let text = format!(
            "how the server lets people in: {} is not the output of `sshd -T`, which names every setting",
            file.name
        );
        seen.unknown.push(text);
    }
    for (name, shut, how) in SHUT {
        if let Some(value) = all.get(*name).filter(|value| *value != shut) {
            seen.way(*name, format!("is {value}: {how}"));
        }
    }
    let is = |name: &str| all.get(name).copied().unwrap_or("none");
    if is("revokedkeys") == "none" {
        seen.way(
            "revokedkeys",
            "is none: a certificate that was revoked still logs in",
        );
    }
    if is("trustedusercakeys") != "none" && files.authorities.is_empty() {
        let text = format!(
            "which authorities the server trusts: bring its {} as --authorities FILE",
            is("trustedusercakeys")
        );
        seen.unknown.push(text);
    }
    if is("authorizedkeysfile") != "none" && files.authorized_keys.is_empty() {
        let text = format!(
            "whose keys log in without a certificate: bring each of {} as --authorized-keys FILE, or set AuthorizedKeysFile none",
            is("authorizedkeysfile")
        );
        seen.unknown.push(text);
    }
}

/// The fingerprint of every key, with its place.
fn keys(file: &Brought, seen: &mut Seen) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (number, line) in (1_usize..).zip(file.text.lines()).take(WAYS_MAX) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{} line {number}", file.name);
        match fingerprint(line) {
            Some(key) => found.push((key, place)),
            None => seen.unknown.push(format!(
                "whom {place} lets in: no key can be read there. Look at it"
            )),
        }
    }
    if file.text.lines().nth(WAYS_MAX).is_some() {
        let text = format!("whom {} lets in after line {WAYS_MAX}: split it", file.name);
        seen.unknown.push(text);
    }
    found
}

/// Of the first key in a line. Options may stand in front of it, and any text behind; a key of any algorithm names that itself.
fn fingerprint(line: &str) -> Option<String> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let [algorithm, base64] = pair else {
            return None;
        };
        let blob = STANDARD.decode(base64).ok()?;
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let named = rest.get(..length)? == algorithm.as_bytes();
        let hash = Hash::of(&blob);
        named.then(|| format!("SHA256:{}", STANDARD_NO_PAD.encode(hash.as_bytes())))
    })
}

#[cfg(test)]
mod tests {
    use gatehold_core::ssh::sshsig::software_key;

    use super::*;

    fn brought(text: &str) -> Brought {
        Brought {
            name: "file".to_owned(),
            text: text.to_owned(),
        }
    }

    /// What `sshd -T` prints of a server that lets in by certificates of this gate alone.
    const SHUT_UP: &str = "port 22\npasswordauthentication no\nkbdinteractiveauthentication no\ngssapiauthentication no\n\
        hostbasedauthentication no\nauthorizedkeyscommand none\nauthorizedprincipalscommand none\nauthorizedkeysfile none\n\
        trustedusercakeys /etc/ssh/authority.pub\nrevokedkeys /var/lib/revoked\n";

    fn files(settings: &str, authorities: &str, keys: &[&str]) -> SshFiles {
        SshFiles {
            settings: Some(brought(settings)),
            authorities: vec![brought(authorities)],
            authorized_keys: keys.iter().map(|text| brought(text)).collect(),
        }
    }

    #[test]
    fn a_server_that_trusts_this_gate_alone_has_no_way_round() {
        let own = software_key(&[1; 32]);
        let seen = look(&files(SHUT_UP, &own.to_line(), &[]), &own);
        assert_eq!(seen, Seen::default());
    }

    #[test]
    fn m155_each_way_into_a_server_is_named() {
        let (own, other) = (software_key(&[1; 32]), software_key(&[2; 32]));
        let settings = SHUT_UP
            .replace("passwordauthentication no", "passwordauthentication yes")
            .replace("/var/lib/revoked", "none");
        let authorities = format!("# ours\n{}\n\n{} another\n", own.to_line(), other.to_line());
        let keys = format!(
            "restrict,command=\"echo ssh-ed25519 x\" {} ann\nnonsense\n",
            other.to_line()
        );
        let seen = look(&files(&settings, &authorities, &[&keys]), &own);
        let who: Vec<&str> = seen.ways.iter().map(|(who, _)| who.as_str()).collect();
        let key = other.fingerprint();
        assert_eq!(who, ["passwordauthentication", "revokedkeys", &key, &key]);
        assert_eq!(seen.unknown.len(), 1, "{:?}", seen.unknown);
        assert!(
            seen.unknown[0].contains("file line 2"),
            "{:?}",
            seen.unknown
        );
    }

    #[test]
    fn what_was_not_brought_is_unknown_and_never_fine() {
        let own = software_key(&[1; 32]);
        let nothing = look(&SshFiles::default(), &own);
        assert_eq!((nothing.ways.len(), nothing.unknown.len()), (0, 1));
        let settings = SHUT_UP.replace(
            "authorizedkeysfile none",
            "authorizedkeysfile .ssh/authorized_keys",
        );
        let alone = SshFiles {
            settings: Some(brought(&settings)),
            ..SshFiles::default()
        };
        assert_eq!(look(&alone, &own).unknown.len(), 2);
        // A configuration is not what the server makes of it.
        let half = files("PasswordAuthentication no\n", &own.to_line(), &[]);
        assert!(look(&half, &own).unknown[0].contains("not the output"));
        let elsewhere = files(SHUT_UP, &software_key(&[3; 32]).to_line(), &[]);
        assert!(look(&elsewhere, &own).unknown[0].contains("whether this is a server"));
    }

    #[test]
    fn hostile_lines_are_not_read_as_keys() {
        for line in [
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "a b",
            "ssh-rsa ////",
            "x AAAAAXg=",
            &"x ".repeat(9_000),
        ] {
            let read = fingerprint(line);
            assert_eq!(read.is_some(), line == "x AAAAAXg=", "{line}");
        }
    }
}
