//! Lists of rows: filters and pages.

use gatehold_core::commit::{RowIndex, RowKey, Table};
use gatehold_gate::ports::store::{RowQuery, Store};

use super::draft::{Draft, numbered};
use super::guards::ok;
use super::{Database, START, after};

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

pub(super) async fn every_filter_selects(db: &impl Database) {
    let store = db.open().await;
    let index = |state: &str, due, owner: &str, group: &str| RowIndex {
        state: state.to_owned(),
        due,
        owner: owner.to_owned(),
        group: group.to_owned(),
    };
    let rows = [
        index("held", Some(after(10)), "ann", "t1"),
        index("held", Some(after(20)), "bob", "t1"),
        index("denied", None, "ann", "t2"),
        index("allowed", Some(after(10)), "ann", ""),
    ];
    for (number, index) in (0..).zip(rows) {
        ok(
            &store,
            Draft::new().row(&numbered(number), 0, "{}").index(index),
        )
        .await;
    }
    let other = RowKey {
        table: Table::Grant,
        id: "grt_1".to_owned(),
    };
    ok(&store, Draft::new().row(&other, 0, "{}")).await;
    let check = async |query, expected: &[u64]| {
        let expected: Vec<_> = expected.iter().map(|number| numbered(*number).id).collect();
        assert_eq!(list(&store, query).await, expected);
    };
    let states = |states: &[&str]| RowQuery {
        states: states.iter().map(|state| (*state).to_owned()).collect(),
        ..all()
    };
    let due_by = |millis| RowQuery {
        due_by: Some(after(millis)),
        ..all()
    };
    let owner = |owner: &str| RowQuery {
        owner: Some(owner.to_owned()),
        ..all()
    };
    let group = |group: &str| RowQuery {
        group: Some(group.to_owned()),
        ..all()
    };
    check(all(), &[0, 1, 2, 3]).await;
    check(states(&["held"]), &[0, 1]).await;
    check(states(&["denied", "allowed", "nothing"]), &[2, 3]).await;
    check(due_by(9), &[]).await;
    check(due_by(10), &[0, 3]).await;
    check(due_by(20), &[0, 1, 3]).await;
    check(owner("ann"), &[0, 2, 3]).await;
    check(owner(""), &[]).await;
    check(group("t1"), &[0, 1]).await;
    check(group(""), &[3]).await;
    let narrow = RowQuery {
        states: vec!["held".to_owned()],
        owner: Some("ann".to_owned()),
        ..group("t1")
    };
    check(narrow, &[0]).await;
    // What a write changes, lists see.
    let index = index("allowed", None, "bob", "t1");
    ok(
        &store,
        Draft::new().row(&numbered(0), 1, "{}").index(index.clone()),
    )
    .await;
    check(states(&["allowed"]), &[0, 3]).await;
    check(due_by(10), &[3]).await;
    check(owner("bob"), &[0, 1]).await;
    let row = store.rows(Table::Request, &all()).await.unwrap().remove(0);
    assert_eq!(
        (row.index, row.version, row.body),
        (index, 2, b"{}".to_vec())
    );
    assert!(row.first_leaf < row.last_leaf);
    assert_eq!(store.rows(Table::Grant, &all()).await.unwrap().len(), 1);
    assert_eq!(
        store
            .rows(Table::Task, &due_by(START.millis()))
            .await
            .unwrap(),
        []
    );
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
