//! `gatehold login`: an enrolled key vouches for a fresh one, which reads and acts in the safe direction. It never
//! approves, so its file is worth less than the key that signed it; it is still readable by its owner alone.

use std::path::PathBuf;

use gatehold_client::Client;
use gatehold_client::wire::LoginRequest;
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_gate::LoginStatement;
use gatehold_proof::SigningKey;
use serde::{Deserialize, Serialize};

use crate::ambient::now_millis;
use crate::connect::{new_key, with_key};
use crate::exit::Failure;
use crate::files;
use crate::human_key::HumanKey;
use crate::profile::{Person, Profile};

/// The statement's type and the namespace of its signature.
const LOGIN: &str = "gatehold/login/v1";
/// Longest session, seconds.
pub const SECONDS_MAX: u32 = 12 * 3600;
/// A stored session is not used in its last minute.
const MARGIN_MILLIS: i64 = 60_000;

/// A person with a session.
#[derive(Debug)]
pub struct Acting {
    /// The client whose calls the session's key signs.
    pub client: Client,
    /// Who.
    pub person: Person,
    /// The enrolled key, for what a session cannot sign.
    pub key: HumanKey,
    /// When the session ends, by this machine's clock.
    pub expires_at: i64,
}

/// A stored session.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    url: String,
    human: HumanId,
    expires_at: i64,
    pkcs8_pem: String,
}

/// Logs in and stores the session.
///
/// # Errors
/// When the key does not sign or the gate refuses.
pub async fn login(profile: &Profile, person: Person, seconds: u32) -> Result<Acting, Failure> {
    let key = HumanKey::of(&person, &profile.origin)?;
    let ephemeral = new_key()?;
    let pem = ephemeral
        .to_pem()
        .map_err(|error| Failure::fault(error, "try again"))?;
    let issued_at = Timestamp::from_millis(now_millis());
    let statement = LoginStatement {
        type_: LOGIN.to_owned(),
        gate: profile.origin.clone(),
        human: person.human.clone(),
        key: key.thumbprint(),
        jwk: ephemeral.public().to_jwk(),
        issued_at,
        expires_at: issued_at.plus_seconds(seconds.min(SECONDS_MAX)),
    };
    let bytes =
        canonical::to_bytes(&statement).map_err(|error| Failure::fault(error, "report this"))?;
    let signature = key.sign(LOGIN, &bytes)?;
    let client = with_key(profile, ephemeral)?;
    let session = client
        .login(&LoginRequest {
            statement: bytes.into(),
            signature,
        })
        .await?;
    let stored = Stored {
        url: profile.url.clone(),
        human: person.human.clone(),
        expires_at: session.expires_at,
        pkcs8_pem: pem.to_string(),
    };
    let path = place(profile, &person);
    if let Some(folder) = path.parent() {
        files::private_folder(folder)?;
    }
    let text = serde_json::to_vec(&stored).map_err(|error| Failure::fault(error, "report this"))?;
    files::replace_secret(&path, &text)?;
    Ok(Acting {
        client,
        person,
        key,
        expires_at: session.expires_at,
    })
}

/// The person's session: the stored one, or where the key signs without a person (development), a new one.
///
/// # Errors
/// When there is none and one must be asked for.
pub async fn acting(profile: &Profile, name: Option<&str>) -> Result<Acting, Failure> {
    let person = profile.person(name)?;
    let key = HumanKey::of(&person, &profile.origin)?;
    if let Some((client, expires_at)) = stored(profile, &person)?
        // A gate forgets sessions when it ends; asking once tells.
        && (!key.is_generated() || client.gate().await.is_ok())
    {
        return Ok(Acting {
            client,
            person,
            key,
            expires_at,
        });
    }
    if key.is_generated() {
        return login(profile, person, SECONDS_MAX).await;
    }
    Err(Failure::usage(
        "you are not logged in, or the session has ended",
        "run `gatehold login`",
    ))
}

fn stored(profile: &Profile, person: &Person) -> Result<Option<(Client, i64)>, Failure> {
    let stored = read(profile, person);
    let usable = stored.filter(|stored| stored.expires_at - MARGIN_MILLIS > now_millis());
    let Some(stored) = usable else {
        return Ok(None);
    };
    let Ok(key) = SigningKey::from_pem(&stored.pkcs8_pem) else {
        return Ok(None);
    };
    Ok(Some((with_key(profile, key)?, stored.expires_at)))
}

/// The session that was stored last, as a client of this profile's address: one that began at another address is good here too.
///
/// # Errors
/// When it cannot be read.
pub fn last(profile: &Profile, person: &Person) -> Result<Client, Failure> {
    let key = read(profile, person).and_then(|stored| SigningKey::from_pem(&stored.pkcs8_pem).ok());
    let key = key.ok_or_else(|| {
        let path = place(profile, person);
        Failure::fault(
            format!("{} was changed just now", path.display()),
            "run `gatehold login` again",
        )
    })?;
    with_key(profile, key)
}

fn read(profile: &Profile, person: &Person) -> Option<Stored> {
    let text = std::fs::read(place(profile, person)).ok()?;
    let stored = serde_json::from_slice::<Stored>(&text).ok()?;
    (stored.url == profile.url && stored.human == person.human).then_some(stored)
}

fn place(profile: &Profile, person: &Person) -> PathBuf {
    profile
        .home
        .join("sessions")
        .join(format!("{}.json", person.name))
}
