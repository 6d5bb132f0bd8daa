//! Rows and leaves: a row that its leaf did not write, and leaves that contradict each other, are found.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::entry::Entry;
use gatehold_core::history::{Broken, History, row_follows};
use gatehold_core::ids::RequestId;
use gatehold_core::request::State;
use gatehold_sim::simulator::story::Story;

struct Told {
    request: RequestId,
    entries: Vec<Entry>,
    version: u64,
    body: Vec<u8>,
}

/// A request that was held, approved and claimed, with its leaves.
fn told() -> Told {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    story.approve("bob", request).unwrap();
    story.redeem(request).unwrap();
    let leaves = story.shelf().leaves().iter();
    let entries = leaves
        .filter_map(|leaf| Entry::from_bytes(&leaf.draft.record).ok())
        .filter(|entry| entry.request == Some(request));
    let row = story
        .shelf()
        .row(&RowKey::new(Table::Request, &request))
        .unwrap();
    Told {
        request,
        entries: entries.collect(),
        version: row.version,
        body: row.body().to_vec(),
    }
}

fn broken(entries: &[Entry], request: RequestId) -> &'static str {
    let mut history = History::of(request);
    for entry in entries {
        match history.add(entry) {
            Ok(()) => {}
            Err(Broken::Leaves { what, .. }) => return what,
            Err(other) => panic!("{other}"),
        }
    }
    "nothing"
}

#[test]
fn a_row_of_another_version_was_not_written_by_this_leaf() {
    let told = told();
    let key = RowKey::new(Table::Request, &told.request);
    let last = told.entries.last().unwrap();
    assert_eq!(row_follows(&key, told.version, &told.body, last), Ok(()));
    let other = row_follows(&key, told.version + 1, &told.body, last);
    assert!(matches!(other, Err(Broken::Leaf { .. })), "{other:?}");
}

#[test]
fn a_row_with_another_body_is_not_what_was_written() {
    let told = told();
    let key = RowKey::new(Table::Request, &told.request);
    let last = told.entries.last().unwrap();
    let other = row_follows(&key, told.version, b"{}", last);
    assert!(matches!(other, Err(Broken::Body { .. })), "{other:?}");
}

#[test]
fn leaves_follow_one_another() {
    let told = told();
    assert_eq!(broken(&told.entries, told.request), "nothing");
    let mut left_out = told.entries.clone();
    left_out.remove(1);
    assert_eq!(
        broken(&left_out, told.request),
        "the version is not the next"
    );
    let mut elsewhere = told.entries.clone();
    elsewhere[1].from = Some(State::Allowed);
    assert_eq!(
        broken(&elsewhere, told.request),
        "it starts from another state"
    );
    let mut impossible = told.entries.clone();
    impossible[1].to = Some(State::Completed);
    assert_eq!(
        broken(&impossible, told.request),
        "there is no such transition"
    );
}

#[test]
fn the_row_is_the_one_that_the_leaves_end_in() {
    let told = told();
    let mut history = History::of(told.request);
    for entry in &told.entries {
        history.add(entry).unwrap();
    }
    assert_eq!(history.ends_in(told.version, &told.body), Ok(()));
    let earlier = history.ends_in(told.version - 1, &told.body);
    assert!(matches!(earlier, Err(Broken::Leaf { .. })), "{earlier:?}");
    let other = history.ends_in(told.version, b"{}");
    assert!(matches!(other, Err(Broken::Body { .. })), "{other:?}");
}
