//! Lists of rows: filters and pages.

use gatehold_core::commit::{RowIndex, RowKey, Table};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{RowQuery, Store};

use super::draft::{Draft, numbered};
use super::guards::ok;
use super::{Database, after};

async fn list(store: &impl Store, query: RowQuery) -> Vec<String> {
    let rows = store.rows(Table::Request, &query).await.unwrap();
    rows.into_iter().map(|row| row.key.id).collect()
}

fn all() -> RowQuery {
    RowQuery {
        limit: 1_000,
        ..RowQuery::default()
    }
}

/// Four requests and one grant to select from.
async fn fill(store: &impl Store) {
    let rows = [
        index("held", Some(after(10)), "ann", "t1"),
        index("held", Some(after(20)), "bob", "t1"),
        index("denied", None, "ann", "t2"),
        index("allowed", Some(after(10)), "ann", ""),
    ];
    for (number, index) in (0..).zip(rows) {
        let draft = Draft::new().row(&numbered(number), 0, "{}");
        ok(store, draft.index(index)).await;
    }
    let other = RowKey {
        table: Table::Grant,
        id: "grt_1".to_owned(),
    };
    ok(store, Draft::new().row(&other, 0, "{}")).await;
}

async fn check(store: &impl Store, query: RowQuery, expected: &[u64]) {
    let expected: Vec<_> = expected.iter().map(|number| numbered(*number).id).collect();
    assert_eq!(list(store, query.clone()).await, expected, "{query:?}");
}

pub(super) async fn every_filter_selects(db: &impl Database) {
    let store = db.open().await;
    fill(&store).await;
    check(&store, all(), &[0, 1, 2, 3]).await;
    check(&store, states(&["held"]), &[0, 1]).await;
    check(&store, states(&["denied", "allowed", "nothing"]), &[2, 3]).await;
    check(&store, due_by(9), &[]).await;
    check(&store, due_by(10), &[0, 3]).await;
    check(&store, due_by(20), &[0, 1, 3]).await;
    check(&store, owner("ann"), &[0, 2, 3]).await;
    check(&store, owner(""), &[]).await;
    check(&store, group("t1"), &[0, 1]).await;
    check(&store, group(""), &[3]).await;
    let narrow = RowQuery {
        states: vec!["held".to_owned()],
        owner: Some("ann".to_owned()),
        ..group("t1")
    };
    check(&store, narrow, &[0]).await;
    assert_eq!(store.rows(Table::Grant, &all()).await.unwrap().len(), 1);
    assert_eq!(store.rows(Table::Task, &all()).await.unwrap(), []);
}

pub(super) async fn the_newest_come_first_on_demand(db: &impl Database) {
    let store = db.open().await;
    for leaf in 0..6u64 {
        let ids = (0..=leaf % 3).map(|number| 1_000 - leaf * 10 + number);
        let draft = ids.fold(Draft::new(), |draft, id| draft.row(&numbered(id), 0, "{}"));
        ok(&store, draft).await;
    }
    let mut everything = list(&store, all()).await;
    everything.reverse();
    for limit in 1..14 {
        let mut pages = Vec::new();
        let mut before_leaf = None;
        loop {
            let query = RowQuery {
                newest_first: true,
                before_leaf,
                limit,
                ..RowQuery::default()
            };
            let page = store.rows(Table::Request, &query).await.unwrap();
            let Some(last) = page.last() else { break };
            before_leaf = Some(last.first_leaf);
            pages.extend(page.into_iter().map(|row| row.key.id));
        }
        assert_eq!(pages, everything, "{limit}");
    }
}

pub(super) async fn lists_see_what_a_write_changes(db: &impl Database) {
    let store = db.open().await;
    fill(&store).await;
    let index = index("allowed", None, "bob", "t1");
    let draft = Draft::new().row(&numbered(0), 1, "{}");
    ok(&store, draft.index(index.clone())).await;
    check(&store, states(&["allowed"]), &[0, 3]).await;
    check(&store, states(&["held"]), &[1]).await;
    check(&store, due_by(10), &[3]).await;
    check(&store, owner("bob"), &[0, 1]).await;
    let row = store.rows(Table::Request, &all()).await.unwrap().remove(0);
    assert_eq!(
        (row.index, row.version, row.body),
        (index, 2, b"{}".to_vec())
    );
    assert!(row.first_leaf < row.last_leaf);
}

fn index(state: &str, due: Option<Timestamp>, owner: &str, group: &str) -> RowIndex {
    RowIndex {
        state: state.to_owned(),
        due,
        owner: owner.to_owned(),
        group: group.to_owned(),
    }
}

fn states(states: &[&str]) -> RowQuery {
    RowQuery {
        states: states.iter().map(|state| (*state).to_owned()).collect(),
        ..all()
    }
}

fn due_by(millis: i64) -> RowQuery {
    RowQuery {
        due_by: Some(after(millis)),
        ..all()
    }
}

fn owner(owner: &str) -> RowQuery {
    RowQuery {
        owner: Some(owner.to_owned()),
        ..all()
    }
}

fn group(group: &str) -> RowQuery {
    RowQuery {
        group: Some(group.to_owned()),
        ..all()
    }
}

pub(super) async fn pages_are_in_order_and_lose_nothing(db: &impl Database) {
    let store = db.open().await;
    // Ids against the order of creation, and leaves that create several rows.
    for leaf in 0..6u64 {
        let ids = (0..=leaf % 3).map(|number| 1_000 - leaf * 10 + number);
        let draft = ids.fold(Draft::new(), |draft, id| draft.row(&numbered(id), 0, "{}"));
        ok(&store, draft).await;
    }
    let everything = list(&store, all()).await;
    assert_eq!(everything.len(), 12);
    assert_eq!(everything[0], numbered(1_000).id);
    for limit in 1..14 {
        let mut pages = Vec::new();
        let mut after_leaf = None;
        loop {
            let query = RowQuery {
                after_leaf,
                limit,
                ..RowQuery::default()
            };
            let page = store.rows(Table::Request, &query).await.unwrap();
            let Some(last) = page.last() else { break };
            after_leaf = Some(last.first_leaf);
            pages.extend(page.into_iter().map(|row| row.key.id));
        }
        assert_eq!(pages, everything, "{limit}");
    }
    assert_eq!(
        store
            .rows(Table::Request, &RowQuery::default())
            .await
            .unwrap(),
        []
    );
}
