//! One sign-in between its beginning and the provider's answer. It is kept by the browser that began it and nowhere else: so
//! nobody can fill a table with sign-ins, and an answer is taken only where somebody asked for it (login CSRF).
//!
//! Everything that travels through the provider is derived from a secret that does not: `state` tells which browser asked,
//! `nonce` stands in the token, and the code is good only together with the verifier. A provider takes a code once.

use gatehold_core::guard;
use gatehold_core::hash::{Hash, hex, unhex};
use gatehold_core::ids::RequestId;
use gatehold_core::time::Timestamp;

use super::NotVouched;

/// How long somebody may take at their provider.
pub const TRANSACTION_SECONDS: u32 = 600;

/// A sign-in that was begun.
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction {
    secret: [u8; 32],
    begun: Timestamp,
    to: Option<RequestId>,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({:?})", self.begun)
    }
}

/// What the provider's answer brought to a browser, as far as it says which sign-in it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// `state`.
    pub state: &'a str,
    /// `iss` (RFC 9207).
    pub issuer: Option<&'a str>,
}

impl Transaction {
    /// A new one, from bytes that were never used before.
    #[must_use]
    pub const fn begin(secret: [u8; 32], begun: Timestamp, to: Option<RequestId>) -> Self {
        Self { secret, begun, to }
    }

    /// What the browser keeps.
    #[must_use]
    pub fn text(&self) -> String {
        let to = self.to.map(|to| to.to_string()).unwrap_or_default();
        format!("{}.{}.{to}", hex(&self.secret), self.begun.millis())
    }

    /// Reads what a browser sent; nothing when it was never given out so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let secret = unhex(parts.next()?)?.try_into().ok()?;
        let begun = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let to = match parts.next()? {
            "" => None,
            to => Some(to.parse().ok()?),
        };
        let read = Self { secret, begun, to };
        (read.text() == text).then_some(read)
    }

    /// When it was begun.
    #[must_use]
    pub const fn begun(&self) -> Timestamp {
        self.begun
    }

    /// Where they wanted to go.
    #[must_use]
    pub const fn to(&self) -> Option<RequestId> {
        self.to
    }

    /// Tells which browser asked.
    #[must_use]
    pub fn state(&self) -> String {
        self.derived("gatehold/openid-state/v1")
    }

    /// Stands in the token.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.derived("gatehold/openid-nonce/v1")
    }

    /// Without it the code is worth nothing (RFC 7636).
    #[must_use]
    pub fn verifier(&self) -> String {
        self.derived("gatehold/openid-verifier/v1")
    }

    fn derived(&self, tag: &str) -> String {
        let begun = self.begun.millis().to_be_bytes();
        let to = self.to.map(|to| to.to_string()).unwrap_or_default();
        Hash::tagged(tag, &[&self.secret, &begun, to.as_bytes()]).hex()
    }

    /// Whether this is what answers it, from whom it asked, in time. `names_itself` is whether the provider always says who
    /// it is; one that need not, and does, is held to it as well.
    ///
    /// # Errors
    /// Why not; nothing of the answer is to be used then.
    pub fn answered(
        &self,
        arrived: Arrived<'_>,
        issuer: &str,
        names_itself: bool,
        now: Timestamp,
    ) -> Result<(), NotVouched> {
        // Hashes are compared, so that the time tells nothing about the state.
        let other = Hash::of(arrived.state.as_bytes()) != Hash::of(self.state().as_bytes());
        if guard!("openid-state", other) {
            return Err(NotVouched::NotBegunHere);
        }
        let over = now > self.begun.plus_seconds(TRANSACTION_SECONDS) || now < self.begun;
        if guard!("openid-in-time", over) {
            return Err(NotVouched::Over);
        }
        let elsewhere = match arrived.issuer {
            Some(named) => named != issuer,
            None => names_itself,
        };
        if guard!("openid-answer-issuer", elsewhere) {
            return Err(NotVouched::OtherProvider);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Timestamp = Timestamp::from_millis(1_800_000_000_123);

    #[test]
    fn what_a_browser_keeps_has_one_spelling() {
        let to = RequestId::from_bytes([7; 16]);
        for to in [None, Some(to)] {
            let transaction = Transaction::begin([0xab; 32], BEGUN, to);
            let text = transaction.text();
            assert_eq!(Transaction::parse(&text), Some(transaction));
            for wrong in [
                text.to_uppercase(),
                format!("{text} "),
                format!("{text}."),
                text.replace(".1", ".+1"),
                text.replace(".1", ".01"),
                text.replace("ab", "b"),
            ] {
                assert_eq!(Transaction::parse(&wrong), None, "{wrong}");
            }
        }
        for wrong in ["", ".", "..", "...", "00.1.", "//evil.example"] {
            assert_eq!(Transaction::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_that_travels_tells_the_secret_or_each_other() {
        let one = Transaction::begin([0xab; 32], BEGUN, None);
        let mut all = vec![hex(&[0xab; 32]), one.state(), one.nonce(), one.verifier()];
        let others = [
            Transaction::begin([0xac; 32], BEGUN, None),
            Transaction::begin([0xab; 32], BEGUN.plus_seconds(1), None),
            Transaction::begin([0xab; 32], BEGUN, Some(RequestId::from_bytes([7; 16]))),
        ];
        for other in others {
            all.extend([other.state(), other.nonce(), other.verifier()]);
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(format!("{one:?}").find("abab"), None);
    }
}
