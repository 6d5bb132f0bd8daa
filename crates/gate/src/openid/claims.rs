//! What a provider signed, judged: it is ours, it is for us, it answers this very sign-in, and it is of now.

use std::collections::{BTreeMap, BTreeSet};

use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::time::Timestamp;
use gatehold_proof::id_token::SignedClaims;

use super::{NotVouched, Said};

/// How far the provider's clock may be off.
pub const LEEWAY_SECONDS: u32 = 60;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The provider that was asked, exactly as it is configured.
    pub issuer: &'a str,
    /// What we are called there.
    pub client_id: &'a str,
    /// That of the sign-in.
    pub nonce: &'a str,
    /// When it was begun: nothing older answers it.
    pub begun: Timestamp,
    /// How long ago somebody may have shown the provider who they are.
    pub max_age_seconds: Option<u32>,
    /// Which teams the provider is asked about, if any.
    pub groups: Option<&'a Groups>,
    /// The store's time.
    pub now: Timestamp,
}

/// Teams that somebody is in through the console only while the provider says that they are in a group of its own. It takes
/// seats away and never gives one: who is in a team, the signed directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The claim that names somebody's groups.
    pub claim: String,
    /// The group that each team takes.
    pub teams: BTreeMap<TeamId, String>,
}

/// Names a provider, what we are called there and how it is asked: how long ago somebody may have shown it who they are, and about
/// which teams. What it said under one of these names says nothing under another, so that a bound which is lowered holds for
/// sessions that run.
#[must_use]
pub fn provider(
    issuer: &str,
    client_id: &str,
    max_age_seconds: Option<u32>,
    groups: Option<&Groups>,
) -> Hash {
    let age = max_age_seconds.map_or_else(String::new, |seconds| seconds.to_string());
    let mut all = vec![issuer, client_id, age.as_str()];
    if let Some(groups) = groups {
        all.push(&groups.claim);
        for (team, group) in &groups.teams {
            all.extend([team.as_str(), group]);
        }
    }
    // Each is as long as the others, so that no two of them run into one.
    let each: Vec<Hash> = all
        .into_iter()
        .map(|text| Hash::of(text.as_bytes()))
        .collect();
    let parts: Vec<&[u8]> = each.iter().map(|hash| &hash.as_bytes()[..]).collect();
    Hash::tagged("gatehold/identity-provider/v1", &parts)
}

/// Somebody for whom the provider vouches. Made by [`Vouched::by`] and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched(pub(super) Said);

impl Vouched {
    /// Judges claims whose signature has verified.
    ///
    /// # Errors
    /// What does not fit.
    pub fn by(claims: &SignedClaims, expected: &Expected<'_>) -> Result<Self, NotVouched> {
        is_for_us(claims, expected)?;
        is_of_now(claims, expected)?;
        let until = good_until(claims, expected)?;
        let human = HumanId::new(claims.issuer(), claims.subject());
        let human = human.map_err(|_| NotVouched::Name)?;
        let without = without(claims, expected.groups)?;
        Ok(Self(Said {
            human,
            until,
            without,
            provider: provider(
                expected.issuer,
                expected.client_id,
                expected.max_age_seconds,
                expected.groups,
            ),
        }))
    }

    /// Who, as the signed directory would write them.
    #[must_use]
    pub const fn human(&self) -> &HumanId {
        &self.0.human
    }

    /// Until when it counts, where the provider was asked for that.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        self.0.until
    }

    /// Teams that the provider is asked about, and does not say they are in.
    #[must_use]
    pub const fn without(&self) -> &BTreeSet<TeamId> {
        &self.0.without
    }

    pub(crate) const fn said(&self) -> &Said {
        &self.0
    }
}

fn is_for_us(claims: &SignedClaims, expected: &Expected<'_>) -> Result<(), NotVouched> {
    let elsewhere = claims.issuer() != expected.issuer;
    if guard!("openid-token-issuer", elsewhere) {
        return Err(NotVouched::Claim("iss"));
    }
    // For us alone: whoever else it is for could have handed it on to us.
    let others = claims.audience() != [expected.client_id];
    if guard!("openid-token-audience", others) {
        return Err(NotVouched::Claim("aud"));
    }
    let party = claims.authorized_party();
    let for_another = party.is_some_and(|party| party != expected.client_id);
    if guard!("openid-token-party", for_another) {
        return Err(NotVouched::Claim("azp"));
    }
    let nonce = claims.nonce().map(|nonce| Hash::of(nonce.as_bytes()));
    let replayed = nonce != Some(Hash::of(expected.nonce.as_bytes()));
    if guard!("openid-token-nonce", replayed) {
        return Err(NotVouched::Claim("nonce"));
    }
    Ok(())
}

fn is_of_now(claims: &SignedClaims, expected: &Expected<'_>) -> Result<(), NotVouched> {
    let leeway = i64::from(LEEWAY_SECONDS);
    let (now, begun) = (expected.now.seconds(), expected.begun.seconds());
    let expired = now > seconds(claims.expires()).saturating_add(leeway);
    if guard!("openid-token-expired", expired) {
        return Err(NotVouched::Time("exp"));
    }
    let issued = seconds(claims.issued());
    let ahead = issued > now.saturating_add(leeway);
    let before = issued < begun.saturating_sub(leeway);
    if guard!("openid-token-issued", ahead || before) {
        return Err(NotVouched::Time("iat"));
    }
    let from = claims.not_before().map_or(i64::MIN, seconds);
    if guard!("openid-token-early", from > now.saturating_add(leeway)) {
        return Err(NotVouched::Time("nbf"));
    }
    Ok(())
}

/// The end of what was asked for: so long after they showed the provider who they are, whatever happens in between.
fn good_until(
    claims: &SignedClaims,
    expected: &Expected<'_>,
) -> Result<Option<Timestamp>, NotVouched> {
    let Some(max_age) = expected.max_age_seconds else {
        return Ok(None);
    };
    let leeway = i64::from(LEEWAY_SECONDS);
    let now = expected.now.seconds();
    // Whoever does not say when is not believed to have been just now.
    let authenticated = claims.authenticated().map_or(i64::MIN, seconds);
    let ahead = authenticated > now.saturating_add(leeway);
    let old = now.saturating_sub(authenticated) >= i64::from(max_age);
    if guard!("openid-token-age", ahead || old) {
        return Err(NotVouched::TooOld);
    }
    let since = Timestamp::from_millis(authenticated.saturating_mul(1_000)).min(expected.now);
    Ok(Some(since.plus_seconds(max_age)))
}

/// Teams whose group is not among theirs. Where no groups are named they are in none.
fn without(claims: &SignedClaims, groups: Option<&Groups>) -> Result<BTreeSet<TeamId>, NotVouched> {
    let Some(groups) = groups else {
        return Ok(BTreeSet::new());
    };
    let theirs = claims.texts(&groups.claim);
    let theirs = theirs.map_err(|_| NotVouched::Groups)?.unwrap_or_default();
    let missing = groups.teams.iter().filter(|(_, group)| {
        let absent = !theirs.contains(group);
        guard!("openid-group", absent)
    });
    Ok(missing.map(|(team, _)| team.clone()).collect())
}

/// What is beyond every clock is the end of time.
fn seconds(given: u64) -> i64 {
    i64::try_from(given).unwrap_or(i64::MAX)
}
