//! One suite that every store passes: what a guarded write means, check by check.
//!
//! Each check gets a database of its own and a clock it may set. A store that passes may stand behind a gate; a rule
//! that no check here can break is not a rule.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite fails by panicking"
)]

mod batches;
mod concurrency;
mod draft;
mod form;
mod guards;
mod hook;
mod ledger;
mod lists;
mod operational;
mod restart;
mod time;

use std::sync::Arc;

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::Store;
use gatehold_store::AfterCommit;
use gatehold_store::clock::SetClock;

pub use draft::{Draft, numbered};

/// One empty database that can be opened more than once.
pub trait Database: Send + Sync {
    /// The store under test.
    type Store: Store;

    /// Opens it: the first time, again after a restart, or as a second process beside the first.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;

    /// Opens it with something to do after each batch.
    fn open_with(&self, hook: Arc<dyn AfterCommit>) -> impl Future<Output = Self::Store> + Send;

    /// The clock of every store opened from here. It shows [`START`] at first.
    fn clock(&self) -> &SetClock;
}

/// When every check begins.
pub const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A time after [`START`].
#[must_use]
pub const fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + millis)
}

macro_rules! suite {
    ($($module:ident :: $check:ident,)*) => {
        /// Runs every check on a fresh database. Panics at the first that fails; its name is the last one printed.
        pub async fn run<D: Database>(fresh: impl AsyncFn() -> D) {
            $(
                eprintln!(concat!(stringify!($module), "::", stringify!($check)));
                $module::$check(&fresh().await).await;
            )*
        }
    };
}

suite! {
    guards::a_version_guard_holds_for_the_version_read,
    guards::a_version_guard_of_zero_holds_for_a_missing_row,
    guards::a_below_guard_compares_before_the_writes_own_additions,
    guards::an_absent_guard_holds_once,
    guards::an_absent_key_can_be_used_again_once_its_time_has_passed,
    guards::every_guard_is_checked_before_the_first_change,
    guards::rows_count_their_versions_and_keep_their_first_leaf,
    guards::counters_add_and_never_fall_below_zero,
    batches::an_empty_batch_is_nothing,
    batches::a_write_sees_those_before_it,
    batches::a_conflict_drops_that_write_alone,
    batches::one_leaf_is_appended_once,
    form::malformed_writes_are_refused_alone,
    form::too_many_writes_are_refused,
    time::a_deadline_counts_to_its_last_millisecond,
    time::a_key_that_would_be_forgotten_at_once_is_too_late,
    time::time_never_goes_back,
    time::a_refused_deadline_is_remembered,
    time::a_clock_a_little_behind_waits,
    ledger::leaves_are_numbered_without_gaps,
    ledger::the_frontier_leads_to_the_root_of_the_leaves,
    ledger::a_receipt_is_found_by_its_leaf,
    ledger::records_are_found_by_their_numbers,
    ledger::attachments_come_with_bytes_only_on_demand,
    ledger::erasing_forgets_salt_and_bytes_and_nothing_else,
    lists::every_filter_selects,
    lists::the_newest_come_first_on_demand,
    lists::lists_see_what_a_write_changes,
    lists::pages_are_in_order_and_lose_nothing,
    operational::messages_stay_until_acknowledged,
    operational::the_oldest_messages_go_when_nobody_takes_them,
    operational::a_message_says_when_it_was_written,
    operational::a_lease_is_one_holders_until_its_time_has_passed,
    operational::an_opened_view_is_found_until_it_expires,
    operational::a_session_is_found_until_it_is_over,
    operational::an_ended_session_is_gone_and_only_that,
    operational::a_person_has_so_many_sessions_and_the_oldest_go,
    operational::a_browser_is_one_persons_until_it_is_ended_or_taken_over,
    operational::a_person_has_so_many_browsers_and_the_oldest_go,
    restart::everything_is_there_again,
    concurrency::of_many_claims_on_one_key_exactly_one_wins,
    concurrency::two_processes_share_one_history,
    concurrency::two_processes_never_pass_the_last_free_place,
    hook::it_runs_before_the_answer,
    hook::what_it_refuses_is_withheld_and_later_released,
}
