//! Sessions of people in browsers: who signed in, until when, and the secret of their forms. A session reads, and may act in
//! the safe direction; it never approves, whatever it was signed in with.
//!
//! The store keeps a hash of the id that the browser has, so that whoever reads the database cannot take a session over.

use std::collections::BTreeSet;

use gatehold_core::guard;
use gatehold_core::hash::{Hash, hex, unhex};
use gatehold_core::ids::{HumanId, RequestId, TeamId};
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::openid::{Transaction, Vouched};
use crate::ports::store::BrowserSession;

/// How long a session lasts, and whose word it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// From signing in, whatever the person does.
    pub seconds_max: u32,
    /// Without a sign of the person.
    pub idle_seconds_max: u32,
    /// Who vouches for people now, as [`crate::openid::provider`] names it; nothing where a printed code does.
    pub provider: Option<Hash>,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            seconds_max: 8 * 3_600,
            idle_seconds_max: 30 * 60,
            provider: None,
        }
    }
}

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedInBy {
    /// They have the code that the process of a development gate printed on its terminal.
    DevelopmentCode,
    /// An identity provider vouches for them.
    IdentityProvider,
}

impl SignedInBy {
    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DevelopmentCode => "development code",
            Self::IdentityProvider => "identity provider",
        }
    }
}

/// What a session begins with, beside whose it is.
struct How<'a> {
    by: SignedInBy,
    until: Option<Timestamp>,
    without: &'a BTreeSet<TeamId>,
    provider: Option<Hash>,
}

/// A session that has just begun.
#[derive(Debug)]
pub struct SignedIn {
    /// What the browser keeps; it is stored nowhere.
    pub id: SessionId,
    /// Whose it is.
    pub visitor: Visitor,
}

/// The secret that a browser keeps: 64 hex digits.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId([u8; 32]);

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionId(…)")
    }
}

impl SessionId {
    /// Reads what a browser sent; nothing when it cannot be an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = unhex(text)?.try_into().ok()?;
        (hex(&bytes) == text).then_some(Self(bytes))
    }

    /// What the browser is given.
    #[must_use]
    pub fn text(&self) -> String {
        hex(&self.0)
    }

    fn name(&self) -> Hash {
        Hash::tagged("gatehold/browser-session/v1", &[&self.0])
    }
}

/// Somebody whose session has force now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Who.
    pub human: HumanId,
    /// How they signed in.
    pub how: String,
    /// Teams in which they have no seat through this session, whatever the directory says: whoever vouched for them did not
    /// say that they are still in them.
    pub without: BTreeSet<TeamId>,
    /// When.
    pub since: Timestamp,
    /// When they were last seen to act.
    pub last_used: Timestamp,
    /// When it ends unless they are seen again, if it does not end before.
    pub idle_ends: Timestamp,
    /// When it ends, whatever they do.
    pub ends: Timestamp,
    /// The store's time when this was found out.
    pub now: Timestamp,
    name: Hash,
    csrf: Hash,
}

impl Visitor {
    /// What every form of this session carries.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.csrf.hex()
    }

    /// Whether a form is one of this session's.
    #[must_use]
    pub fn owns_form(&self, token: &str) -> bool {
        // Hashes are compared, so that the time tells nothing about the token.
        Hash::of(token.as_bytes()) == Hash::of(self.csrf.hex().as_bytes())
    }
}

impl Gate {
    /// Begins a session of whoever gave the code that a development gate printed.
    ///
    /// # Errors
    /// When nobody of this name has a key with force, or this is no development gate.
    pub async fn sign_in_by_code(
        &self,
        human: &HumanId,
        limits: SessionLimits,
    ) -> Result<SignedIn, GateError> {
        let active = self.current().await?;
        // INVARIANT(as-is-for-dev): one terminal plays several people only at a development gate.
        if guard!("browser-dev-only", !active.directory.origin.is_dev()) {
            return Err(
                Refusal::NotYours("only a development gate takes the code it prints").into(),
            );
        }
        let how = How {
            by: SignedInBy::DevelopmentCode,
            until: None,
            without: &BTreeSet::new(),
            provider: None,
        };
        self.begin_session(&active, human, &how, limits).await
    }

    /// Begins a sign-in that goes through an identity provider. Only the browser keeps it: nothing is stored.
    ///
    /// # Errors
    /// When the store does not tell the time.
    pub async fn begin_elsewhere(&self, to: Option<RequestId>) -> Result<Transaction, GateError> {
        let now = self.store().now().await?;
        let secret = self.inner.parts.entropy.bytes();
        Ok(Transaction::begin(secret, now, to))
    }

    /// Begins a session of whom an identity provider vouches for, no longer than that counts.
    ///
    /// # Errors
    /// When nobody of this name has a key with force.
    pub async fn sign_in_vouched(
        &self,
        vouched: &Vouched,
        limits: SessionLimits,
    ) -> Result<SignedIn, GateError> {
        let active = self.current().await?;
        let said = vouched.said();
        let how = How {
            by: SignedInBy::IdentityProvider,
            until: said.until,
            without: &said.without,
            provider: Some(said.provider),
        };
        self.begin_session(&active, &said.human, &how, limits).await
    }

    /// Begins a session under an id that was never used before.
    async fn begin_session(
        &self,
        active: &Active,
        human: &HumanId,
        how: &How<'_>,
        limits: SessionLimits,
    ) -> Result<SignedIn, GateError> {
        if guard!("browser-enrolled", !self.has_force(human, active)) {
            return Err(Refusal::UnknownPrincipal.into());
        }
        let now = self.store().now().await?;
        let longest = now.plus_seconds(limits.seconds_max);
        let id = SessionId(self.inner.parts.entropy.bytes());
        let session = BrowserSession {
            id: id.name(),
            human: human.to_string(),
            csrf: Hash::from_bytes(self.inner.parts.entropy.bytes()),
            how: how.by.as_str().to_owned(),
            created: now,
            last_used: now,
            expires: how.until.unwrap_or(longest).min(longest),
            without: lines(how.without),
            provider: how.provider,
        };
        self.store().put_session(session.clone()).await?;
        let visitor = visitor(&session, human.clone(), limits, now)?;
        Ok(SignedIn { id, visitor })
    }

    /// Who has this session, if it has force now. Reads, and writes nothing: to be looked at keeps no session alive.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn visitor(
        &self,
        id: &SessionId,
        limits: SessionLimits,
    ) -> Result<Option<Visitor>, GateError> {
        let Some(session) = self.store().session(&id.name()).await? else {
            return Ok(None);
        };
        let human: HumanId = session.human.parse().map_err(GateError::damaged)?;
        let now = self.store().now().await?;
        let visitor = visitor(&session, human, limits, now)?;
        let idle = guard!("browser-idle", now > visitor.idle_ends);
        // The store forgets it at the end that was set then; a setting that was lowered since holds as well.
        let over = guard!("browser-over", now > visitor.ends);
        // Who vouched for it must be who would now, asked in the same way: what another one said about seats is no longer asked.
        let elsewhere = guard!("browser-provider", session.provider != limits.provider);
        let gone = guard!(
            "browser-still-enrolled",
            !self.has_force(&visitor.human, self.current().await?.as_ref())
        );
        Ok((!idle && !over && !elsewhere && !gone).then_some(visitor))
    }

    /// The person was seen to act.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn seen(&self, visitor: &Visitor) -> Result<(), GateError> {
        Ok(self.store().use_session(&visitor.name, visitor.now).await?)
    }

    /// Ends a session. One that is not there is ended too.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sign_out(&self, id: &SessionId) -> Result<(), GateError> {
        Ok(self.store().end_session(&id.name()).await?)
    }

    /// Those of these teams that the directory does not know.
    #[must_use]
    pub fn unknown_teams<'a>(&self, teams: impl Iterator<Item = &'a TeamId>) -> Vec<&'a TeamId> {
        let active = self.active();
        let known = &active.directory.teams;
        teams.filter(|team| !known.contains_key(*team)).collect()
    }

    /// Whether somebody has a key that counts: it is in the directory, can sign somewhere, and nobody revoked it in the journal.
    pub(crate) fn has_force(&self, human: &HumanId, active: &Active) -> bool {
        let directory = &active.directory;
        let keys = directory.humans.get(human).map(|known| &known.keys);
        keys.into_iter().flatten().any(|(name, key)| {
            directory.can_sign(key)
                && directory.key(human, name).is_some()
                && !self.is_key_revoked_in_journal(human, name)
        })
    }
}

fn visitor(
    session: &BrowserSession,
    human: HumanId,
    limits: SessionLimits,
    now: Timestamp,
) -> Result<Visitor, GateError> {
    let teams = session.without.lines().map(str::parse);
    let without: Result<BTreeSet<TeamId>, _> = teams.collect();
    let ends = session.created.plus_seconds(limits.seconds_max);
    let idle_ends = session.last_used.plus_seconds(limits.idle_seconds_max);
    Ok(Visitor {
        human,
        how: session.how.clone(),
        without: without.map_err(GateError::damaged)?,
        since: session.created,
        last_used: session.last_used,
        idle_ends,
        ends: ends.min(session.expires),
        now,
        name: session.id,
        csrf: session.csrf,
    })
}

/// One a line: no name of a team holds a line's end.
fn lines(teams: &BTreeSet<TeamId>) -> String {
    let names: Vec<&str> = teams.iter().map(TeamId::as_str).collect();
    names.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(SessionId::parse(&text).unwrap().text(), text);
        for wrong in [
            "",
            "00",
            &text.to_uppercase(),
            &format!("{text}00"),
            &format!(" {text}"),
            &text.replace('0', "g"),
        ] {
            assert!(SessionId::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(
            format!("{:?}", SessionId::parse(&text)),
            "Some(SessionId(…))"
        );
    }
}
