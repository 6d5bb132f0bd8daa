//! The use cases: submit, review, redeem, execute, expire, revoke, enrol, activate.
//!
//! Loads what a decision reads, asks core to decide, commits the one write, and only then releases. No HTTP, no SQL,
//! and no port is called inside a commit.

mod answers;
mod apart;
mod believed;
mod browser;
mod caps;
mod case;
mod catalog;
mod chain;
mod changed;
mod compared;
mod conversation;
mod corrections;
mod coverage;
mod deciders;
mod delegations;
mod denial;
mod drive;
mod erase;
mod error;
mod facts;
mod gate;
mod glass;
mod habits;
mod history;
mod humans;
mod idempotency;
mod in_words;
mod inbox;
mod input;
mod journal_room;
mod journaled;
mod leases;
mod links;
mod load;
mod look;
mod newcomers;
mod notices;
mod open;
pub mod openid;
mod overview;
mod owned;
pub mod ports;
pub mod push;
mod question;
mod ready;
mod recovery;
mod redeem;
mod refusals;
mod replay;
mod restrained;
mod rooted;
mod running;
mod safe_act;
mod said_again;
mod scope;
mod secrets;
mod session;
mod signals;
mod sound;
mod standing;
mod stored;
mod submit;
mod suspensions;
mod tampering;
mod task_view;
mod tasks;
mod tick;
mod today;
mod undecidable;
mod unreported;
mod view;
mod who_stopped;
mod why_held;

pub use answers::{
    Caller, HumanSubmit, InboxItem, OpenedRequest, Redeemed, ReviewInput, Reviewed, StartTask,
    Submit, Submitted,
};
pub use apart::{Apart, ApartParts, Refused};
pub use browser::{SessionId, SessionLimits, SignedIn, SignedInBy, Visitor};
pub use case::{
    Answer, CASE_BYTES_MAX, Case, EndAsked, FoundAsked, FoundThere, IssueAsked, LINKS_BYTES_MAX,
    Made, No, Removed, Standing as ApartStanding, TargetTerms,
};
pub use catalog::{Catalog, CatalogEntry};
pub use compared::{Compared, grant_as_written};
pub use conversation::{Answered, Asked};
pub use corrections::{Corrected, CorrectionInput, Recorded};
pub use deciders::{Against, Decider, Deciders};
pub use delegations::{Delegated, DelegationInput, DelegationStanding};
pub use error::{GateError, OpenError};
pub use gate::{Gate, Parts};
pub use glass::OpeningShown;
pub use history::{Entered, History, Said, Text};
pub use in_words::{UNREADABLE_CHANGE, change_in_words};
pub use inbox::HeldNow;
pub use input::{Word, narrower, unlike_baseline};
pub use leases::{
    LeaseFilter, LeaseName, LeasePage, LeaseTick, Measured, RevocationBound, SeenLease,
};
pub use links::{TrustLink, TrustLinks};
pub use look::{DecidedPage, Looked, May};
pub use newcomers::{NEWCOMER_SECONDS, Newcomers, NotShown, Shown};
pub use notices::{Beat, ChannelBeat, Dispatcher};
pub use overview::{FlaggedNow, Outcome, Overview, SLOT_SECONDS, SPANS, Slot};
pub use owned::{Counts, Live, LiveLease, Owned, OwnedWorkload};
pub use question::{display, sentence_of};
pub use recovery::Trust;
pub use rooted::{Bundles, Folding, Past, RootedError};
pub use scope::{Scope, Seat};
pub use session::{LOGIN_TYPE, LoginStatement, Session};
pub use signals::{
    Heeded, Named, SIGNAL_SECONDS_MAX, SignalError, SignalMay, SignalRules, Signals,
};
pub use standing::Standing;
pub use suspensions::{Gone, OwnWord, Provisioned, Reinstated, Suspensions, Taken};
pub use task_view::TaskLooked;
pub use tick::Tick;
pub use today::Today;
pub use undecidable::{People, Short, Uncovered, Undecidable};
pub use view::{NOT_ASKED_YET, checkpoints_shown};
pub use who_stopped::{SaidStop, StoppedNow, WhoStopped};
