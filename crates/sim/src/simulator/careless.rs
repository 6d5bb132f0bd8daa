//! Processes that break a rule of leases on purpose: a rule of the oracle that none of them breaks proves nothing.

/// What a careless process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Careless {
    /// Hands a credential over as soon as the target has made it.
    HandsOverEarly,
    /// Calls a lease gone without asking the target.
    AsksNobody,
    /// Takes every answer of the target for the one it hopes for.
    HearsGone,
    /// Calls a lease gone that somebody is still making.
    ForgetsMakers,
    /// Makes a credential again when no answer has come.
    MakesTwice,
    /// Hands out what nobody wrote down how to take away.
    PlansNothing,
    /// Never asks a target what stands there.
    IgnoresOrphans,
    /// Stops trying after some attempts.
    GivesUp,
    /// Asks policy about nothing that lives.
    NeverAsksAgain,
}

impl Careless {
    /// All of it, each with the invariant that it breaks.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::HandsOverEarly, "release-after-durable"),
        (Self::AsksNobody, "revoked-is-verified"),
        (Self::HearsGone, "revoked-is-verified"),
        (Self::ForgetsMakers, "revoked-is-verified"),
        (Self::MakesTwice, "single-release"),
        (Self::PlansNothing, "recipe-first"),
        (Self::IgnoresOrphans, "never-gives-up"),
        (Self::GivesUp, "never-gives-up"),
        (Self::NeverAsksAgain, "lives-while-allowed"),
    ];
}
