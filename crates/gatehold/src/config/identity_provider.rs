//! `[identity_provider]`: who vouches for the people of this gate. With it a gate has a console.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::json::ident::check_identifier;
use gatehold_gate::openid::Groups;
use gatehold_server::SubjectAttribute;
use gatehold_server::login::{ClientSecret, check_issuer};

use super::raw;

/// Longest client id, scope and secret.
const TEXT_BYTES_MAX: usize = 1_024;
/// Largest file of roots.
const ROOTS_BYTES_MAX: u64 = 1024 * 1024;
/// Shortest age that leaves time to sign in.
const AGE_SECONDS_MIN: u32 = 300;
/// Longest: half a day, as long as a sign-in.
const AGE_SECONDS_MAX: u32 = 12 * 3_600;
/// Unless configured: a working day.
const AGE_SECONDS: u32 = 8 * 3_600;
/// Shortest token with which a provider says who is gone: nobody guesses it.
const TOKEN_BYTES_MIN: usize = 32;
/// Most teams that it is asked about.
const TEAMS_MAX: usize = 100;
/// Where groups stand, unless configured.
const GROUPS_CLAIM: &str = "groups";
/// What is asked for, unless configured.
const SCOPE: &str = "openid";

/// A provider that can be asked.
#[derive(Debug, Clone)]
pub struct IdentityProviderPlace {
    /// Exactly as its tokens name it.
    pub issuer: String,
    /// What this gate is called there.
    pub client_id: String,
    /// What shows that it is this gate.
    pub secret: ClientSecret,
    /// What is asked for.
    pub scope: String,
    /// How long ago people may have shown it who they are.
    pub max_age_seconds: Option<u32>,
    /// Which teams it is asked about.
    pub groups: Option<Groups>,
    /// PEM roots of its certificate, when it is not publicly trusted.
    pub roots_pem: Option<Vec<u8>>,
    /// How it says who is gone, if it does.
    pub scim: Option<ScimPlace>,
}

/// How a provider says who is gone.
#[derive(Debug, Clone)]
pub struct ScimPlace {
    /// What shows that it is the provider.
    pub token: ClientSecret,
    /// Which attribute of its users is the subject of its tokens.
    pub subject: SubjectAttribute,
}

impl IdentityProviderPlace {
    /// Whether this gate hears of people who are gone, and what follows.
    pub const fn leavers(&self) -> (bool, &'static str) {
        match (&self.scim, self.max_age_seconds) {
            (Some(_), _) => (
                true,
                "the identity provider says who is gone, and they count no more",
            ),
            (None, Some(_)) => (
                false,
                "nobody says who is gone (no SCIM): whoever was removed at the identity provider is out of the console after \
                 `max_age_seconds`, and their keys count until others revoke them",
            ),
            (None, None) => (
                false,
                "NOBODY SAYS WHO IS GONE, and sign-ins have no `max_age_seconds`: whoever was removed at the identity provider \
                 keeps their session to its end, and their keys count until others revoke them",
            ),
        }
    }
}

/// Checks the section; every mistake is said by its key.
pub(super) fn read(
    raw: raw::IdentityProvider,
    folder: &Path,
    public_url: Option<&str>,
    say: &mut dyn FnMut(&str, String),
) -> Option<IdentityProviderPlace> {
    if let Some(why) = public_url.and_then(no_console) {
        say("public_url", why.to_owned());
    }
    let issuer = issuer(raw.issuer, say);
    let client_id = required(
        raw.client_id,
        "client_id",
        "what the provider calls this gate",
        say,
    )
    .filter(|id| fits(id, "client_id", say));
    let secret = required(
        raw.client_secret_file,
        "client_secret_file",
        "the file of the secret that the provider gave out for this gate",
        say,
    );
    let secret = secret.and_then(|file| secret_in(&folder.join(file), say));
    let scope = raw.scope.unwrap_or_else(|| SCOPE.to_owned());
    if !scope.split(' ').any(|word| word == SCOPE) || scope.split(' ').any(str::is_empty) {
        let why = "write names with one space between, `openid` among them";
        say("identity_provider.scope", why.to_owned());
    }
    fits(&scope.replace(' ', "-"), "scope", say);
    let age = raw.max_age_seconds.unwrap_or(AGE_SECONDS);
    if age != 0 && !(AGE_SECONDS_MIN..=AGE_SECONDS_MAX).contains(&age) {
        let why = format!("{age} is not between {AGE_SECONDS_MIN} and {AGE_SECONDS_MAX}, nor 0");
        say("identity_provider.max_age_seconds", why);
    }
    let scim = scim(raw.scim_token_file, raw.scim_subject, folder, say);
    let groups = groups(raw.groups_claim, raw.teams, say);
    let roots_pem = match raw.ca_file {
        None => None,
        Some(file) => Some(roots_in(&folder.join(file), say)?),
    };
    Some(IdentityProviderPlace {
        issuer: issuer?,
        client_id: client_id?,
        secret: secret?,
        scope,
        max_age_seconds: (age != 0).then_some(age),
        groups,
        roots_pem,
        scim: scim?,
    })
}

/// How it says who is gone. Nothing at all is meant; a half of it is a mistake.
fn scim(
    file: Option<PathBuf>,
    subject: Option<String>,
    folder: &Path,
    say: &mut dyn FnMut(&str, String),
) -> Option<Option<ScimPlace>> {
    let Some(file) = file else {
        if subject.is_some() {
            let why = "name the token's file, or leave it out";
            say("identity_provider.scim_subject", why.to_owned());
            return None;
        }
        return Some(None);
    };
    let attributes = [SubjectAttribute::ExternalId, SubjectAttribute::UserName];
    let subject = match subject.as_deref() {
        None => Some(SubjectAttribute::ExternalId),
        Some(text) => {
            let mut attributes = attributes.into_iter();
            attributes.find(|attribute| attribute.as_str() == text)
        }
    };
    if subject.is_none() {
        let why = "write `externalId` or `userName`";
        say("identity_provider.scim_subject", why.to_owned());
    }
    let key = "scim_token_file";
    let token = text_in(&folder.join(file), key, say)?;
    if token.len() < TOKEN_BYTES_MIN {
        let why = format!("a token has {TOKEN_BYTES_MIN} characters or more; draw one at random");
        say(&format!("identity_provider.{key}"), why);
        return None;
    }
    let token = ClientSecret(token);
    subject.map(|subject| Some(ScimPlace { token, subject }))
}

/// Teams and their groups. A team that cannot be read is a mistake: it would narrow nothing.
fn groups(
    claim: Option<String>,
    teams: Option<BTreeMap<String, String>>,
    say: &mut dyn FnMut(&str, String),
) -> Option<Groups> {
    let Some(teams) = teams else {
        if claim.is_some() {
            let why =
                "name the group of each team under [identity_provider.teams], or leave it out";
            say("identity_provider.groups_claim", why.to_owned());
        }
        return None;
    };
    if teams.is_empty() || teams.len() > TEAMS_MAX {
        let why = format!("name 1 to {TEAMS_MAX} teams, or leave the section out");
        say("identity_provider.teams", why);
    }
    let claim = claim.unwrap_or_else(|| GROUPS_CLAIM.to_owned());
    fits(&claim, "groups_claim", say);
    let mut read = BTreeMap::new();
    for (team, group) in teams {
        match team.parse::<TeamId>() {
            Ok(id) if check_identifier(&group, TEXT_BYTES_MAX).is_ok() => {
                read.insert(id, group);
            }
            Ok(_) => say(
                &format!("identity_provider.teams.{team}"),
                "it is no name of a group: 1 to 1024 bytes that everybody can see".to_owned(),
            ),
            Err(error) => say("identity_provider.teams", error.to_string()),
        }
    }
    Some(Groups { claim, teams: read })
}

/// Why a gate of this URL can have no console. Whether http will do, its origin says when it starts.
fn no_console(public_url: &str) -> Option<&'static str> {
    let (scheme, rest) = public_url.split_once("://")?;
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    if rest.contains('/') {
        Some("the console needs one without a path, as `https://gate.example`")
    } else if scheme != "https" && !["127.0.0.1", "localhost", "[::1]"].contains(&host) {
        Some("the console needs https; http is for a development gate on 127.0.0.1")
    } else {
        None
    }
}

fn issuer(issuer: Option<String>, say: &mut dyn FnMut(&str, String)) -> Option<String> {
    let what = "the `issuer` of the provider's description, as \"https://login.example\"";
    let issuer = required(issuer, "issuer", what, say)?;
    // Whether http will do, the origin of the gate says when it starts.
    let good = check_issuer(&issuer, true)
        .map_err(|error| error.to_string())
        .and_then(|()| HumanId::new(&issuer, "a").map_err(|error| error.to_string()));
    good.map_err(|why| say("identity_provider.issuer", format!("`{issuer}`: {why}")))
        .ok()
        .map(|_| issuer)
}

fn required<T>(
    value: Option<T>,
    key: &str,
    what: &str,
    say: &mut dyn FnMut(&str, String),
) -> Option<T> {
    if value.is_none() {
        let key = format!("identity_provider.{key}");
        say(&key, format!("it is missing; write {what}"));
    }
    value
}

/// Whether a text can stand where protocol has it.
fn fits(text: &str, key: &str, say: &mut dyn FnMut(&str, String)) -> bool {
    let fits = !text.is_empty()
        && text.len() <= TEXT_BYTES_MAX
        && text.chars().all(|c| c.is_ascii_graphic());
    if !fits {
        let why = format!("it has 1 to {TEXT_BYTES_MAX} printable ASCII characters");
        say(&format!("identity_provider.{key}"), why);
    }
    fits
}

fn secret_in(file: &Path, say: &mut dyn FnMut(&str, String)) -> Option<ClientSecret> {
    text_in(file, "client_secret_file", say).map(ClientSecret)
}

fn text_in(file: &Path, key: &str, say: &mut dyn FnMut(&str, String)) -> Option<String> {
    let text = bounded(file, key, say)?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    fits(&text, key, say).then_some(text)
}

fn roots_in(file: &Path, say: &mut dyn FnMut(&str, String)) -> Option<Vec<u8>> {
    let pem = bounded(file, "ca_file", say)?;
    let is_pem = String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----");
    if !is_pem {
        let why = format!("{}: it holds no certificate in PEM", file.display());
        say("identity_provider.ca_file", why);
    }
    is_pem.then_some(pem)
}

fn bounded(file: &Path, key: &str, say: &mut dyn FnMut(&str, String)) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut read = Vec::new();
    let opened = std::fs::File::open(file);
    let result = opened.and_then(|file| file.take(ROOTS_BYTES_MAX).read_to_end(&mut read));
    result
        .map_err(|error| {
            let why = format!("{}: {error}", file.display());
            say(&format!("identity_provider.{key}"), why);
        })
        .ok()
        .map(|_| read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> raw::IdentityProvider {
        toml::from_str(text).unwrap()
    }

    const GOOD: &str = "issuer = \"https://login.example\"\nclient_id = \"gate\"\nclient_secret_file = \"secret\"\n";

    fn checked(text: &str, url: &str) -> (Option<IdentityProviderPlace>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        std::fs::write(folder.path().join("token"), "t".repeat(32)).unwrap();
        std::fs::write(
            folder.path().join("ca.pem"),
            "-----BEGIN CERTIFICATE-----\n",
        )
        .unwrap();
        let mut keys = Vec::new();
        let mut say = |key: &str, _: String| keys.push(key.to_owned());
        let read = read(raw(text), folder.path(), Some(url), &mut say);
        (read, keys)
    }

    const URL: &str = "https://gate.example";

    #[test]
    fn a_whole_section_is_used() {
        let (place, mistakes) = checked(GOOD, URL);
        let place = place.unwrap();
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(
            (place.scope.as_str(), place.max_age_seconds),
            ("openid", Some(AGE_SECONDS))
        );
        assert!(place.scim.is_none());
        assert_eq!(place.secret.0, "s3cret");
        assert!(!format!("{place:?}").contains("s3cret"));
        assert_eq!(place.groups, None);
        let more = format!(
            "{GOOD}scope = \"openid groups\"\nmax_age_seconds = 3600\nca_file = \"ca.pem\"\n"
        );
        let (place, mistakes) = checked(&more, "http://127.0.0.1:7400");
        assert!(mistakes.is_empty() && place.unwrap().roots_pem.is_some());
        let unasked = format!("{GOOD}max_age_seconds = 0\n");
        assert_eq!(checked(&unasked, URL).0.unwrap().max_age_seconds, None);
        let gone = format!("{GOOD}scim_token_file = \"token\"\n");
        for (more, subject) in [
            ("", SubjectAttribute::ExternalId),
            ("scim_subject = \"userName\"\n", SubjectAttribute::UserName),
        ] {
            let (place, mistakes) = checked(&format!("{gone}{more}"), URL);
            assert!(mistakes.is_empty(), "{mistakes:?}");
            let scim = place.unwrap().scim.unwrap();
            assert_eq!((scim.subject, scim.token.0.len()), (subject, 32));
            assert!(!format!("{:?}", scim.token).contains("tttt"));
        }
        let more = format!("{GOOD}[teams]\nsecurity = \"Gate reviewers\"\n");
        let (place, mistakes) = checked(&more, URL);
        let groups = place.unwrap().groups.unwrap();
        let teams = [("security".parse().unwrap(), "Gate reviewers".to_owned())];
        assert_eq!(
            (groups.claim.as_str(), groups.teams),
            ("groups", teams.into())
        );
        assert!(mistakes.is_empty(), "{mistakes:?}");
    }

    #[test]
    fn every_mistake_is_told_by_its_key() {
        let (_, all) = checked("", "https://gate.example/gate");
        let missing = ["issuer", "client_id", "client_secret_file"];
        let missing = missing.map(|key| format!("identity_provider.{key}"));
        assert_eq!(all, [&["public_url".to_owned()][..], &missing].concat());
        for (from, to, key) in [
            ("https://login.example", "http://login.example", "issuer"),
            ("https://login.example", "login.example", "issuer"),
            (
                "https://login.example",
                "https://login.example/?a=b",
                "issuer",
            ),
            ("https://login.example", "https://a@login.example", "issuer"),
            ("\"gate\"", "\"\"", "client_id"),
            ("\"gate\"", "\"a b\"", "client_id"),
            ("\"secret\"", "\"nothing\"", "client_secret_file"),
            ("\"secret\"", "\"empty\"", "client_secret_file"),
            ("issuer", "max_age_seconds = 299\nissuer", "max_age_seconds"),
            (
                "issuer",
                "max_age_seconds = 43201\nissuer",
                "max_age_seconds",
            ),
            (
                "issuer",
                "scim_token_file = \"secret\"\nissuer",
                "scim_token_file",
            ),
            (
                "issuer",
                "scim_token_file = \"nothing\"\nissuer",
                "scim_token_file",
            ),
            (
                "issuer",
                "scim_token_file = \"token\"\nscim_subject = \"email\"\nissuer",
                "scim_subject",
            ),
            (
                "issuer",
                "scim_subject = \"userName\"\nissuer",
                "scim_subject",
            ),
            ("issuer", "scope = \"groups\"\nissuer", "scope"),
            ("issuer", "scope = \"openid  groups\"\nissuer", "scope"),
            ("issuer", "ca_file = \"secret\"\nissuer", "ca_file"),
            ("issuer", "ca_file = \"nothing\"\nissuer", "ca_file"),
            (
                "issuer",
                "groups_claim = \"groups\"\nissuer",
                "groups_claim",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            let (_, mistakes) = checked(&text, URL);
            assert_eq!(mistakes, [format!("identity_provider.{key}")], "{text}");
        }
        for (teams, key) in [
            ("", "teams"),
            ("\"\" = \"group\"\n", "teams"),
            ("\"a\\u202E\" = \"group\"\n", "teams"),
            ("security = \"\"\n", "teams.security"),
            ("security = \"a\\nb\"\n", "teams.security"),
        ] {
            let (_, mistakes) = checked(&format!("{GOOD}[teams]\n{teams}"), URL);
            assert_eq!(mistakes, [format!("identity_provider.{key}")], "{teams}");
        }
        let long = GOOD.replace("login.example", &"a".repeat(300));
        assert_eq!(checked(&long, URL).1, ["identity_provider.issuer"]);
        for url in ["https://gate.example/a", "http://gate.example"] {
            assert_eq!(checked(GOOD, url).1, ["public_url"], "{url}");
        }
    }
}
