//! Promise P12, threats D1 and B11: whatever is altered in a gate's folder, an export, a dossier or a receipt is found by
//! `gatehold audit`, and the leaf is named where one leaf is to blame.

use std::path::{Path, PathBuf};

use gatehold_core::review::ReviewAct;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use gatehold_audit::{Trusted, verify_dossier, verify_receipt};

use crate::share::{Seed, count};
use crate::world::{World, gatehold, said};

/// A stopped gate with reads, an executed write, a denied one and a withdrawn one, and what an auditor was given of it.
struct Ledger {
    world: World,
    older: TempDir,
    dossier: PathBuf,
    export: PathBuf,
    receipts: [PathBuf; 2],
    log_key: String,
    write: String,
}

async fn ledger() -> Ledger {
    let mut world = World::open().await;
    for n in 6..9 {
        let sql = format!("SELECT status FROM orders WHERE id = {n}");
        let read = world.ask("sql.read", &sql).await;
        world.bot.client.redeem(&read, 0).await.unwrap();
    }
    world.gate.stop().await.unwrap();
    let older = TempDir::new().unwrap();
    copy(&world.home(), older.path());
    world.gate.start_again().await.unwrap();
    let people = world.gate.people().await.unwrap();
    world.people = people;

    let write = world
        .ask(
            "sql.write",
            "UPDATE orders SET status = 'paid' WHERE id = 7",
        )
        .await;
    world.approve(&write).await;
    world.bot.client.redeem(&write, 0).await.unwrap();
    let denied = world.ask("sql.write", "DELETE FROM orders").await;
    world.review("second", &denied, ReviewAct::Deny).await;
    let withdrawn = world
        .ask("sql.write", "DELETE FROM orders WHERE id = 6")
        .await;
    world.bot.client.withdraw(&withdrawn).await.unwrap();

    let home = world.home();
    let two = [5, 6].map(|leaf: u64| (leaf, home.join(format!("{leaf}.receipt"))));
    for (leaf, path) in &two {
        let bytes = receipt(&world, *leaf).await;
        std::fs::write(path, bytes).unwrap();
    }
    world.gate.stop().await.unwrap();
    let (dossier, export) = (home.join("write.dossier"), home.join("all.export"));
    let config = home.join("gatehold.toml").to_string_lossy().into_owned();
    let made = |arguments: &[&str]| {
        let output = gatehold(&home, arguments);
        assert!(output.status.success(), "{}", said(&output));
    };
    made(&[
        "audit",
        "dossier",
        &write,
        "--config",
        &config,
        "--out",
        &text(&dossier),
    ]);
    made(&[
        "audit",
        "export",
        "--config",
        &config,
        "--out",
        &text(&export),
    ]);
    let root: Value =
        serde_json::from_slice(&std::fs::read(home.join("root.json")).unwrap()).unwrap();
    Ledger {
        log_key: root["log_key"].as_str().unwrap().to_owned(),
        receipts: two.map(|(_, path)| path),
        world,
        older,
        dossier,
        export,
        write,
    }
}

/// A receipt, as soon as a tree head covers the leaf.
async fn receipt(world: &World, leaf: u64) -> Vec<u8> {
    loop {
        if let Ok(bytes) = world.people["owner"].client.receipt(leaf).await {
            return bytes;
        }
        tokio::task::yield_now().await;
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Who must be named.
enum Named {
    /// This leaf.
    Leaf(i64),
    /// A range that holds it, or the whole ledger.
    Somewhere,
    /// These words.
    Words(&'static str),
}

type Alteration = (&'static str, fn(&Path, &Ledger) -> Named);

fn sql(home: &Path, statement: &str) {
    let database = Connection::open(home.join("gatehold.db")).unwrap();
    database
        .pragma_update(None, "ignore_check_constraints", true)
        .unwrap();
    let changed = database.execute(statement, []).unwrap();
    assert!(changed > 0, "nothing was altered: {statement}");
}

/// One number from the database.
fn number(home: &Path, query: &str) -> i64 {
    let database = Connection::open(home.join("gatehold.db")).unwrap();
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn rewrite(path: &Path, from: &str, to: &str) {
    let old = std::fs::read_to_string(path).unwrap();
    let new = old.replacen(from, to, 1);
    assert_ne!(old, new, "nothing was altered in {}", path.display());
    std::fs::write(path, new).unwrap();
}

fn attached(home: &Path, name: &str) -> i64 {
    number(
        home,
        &format!("SELECT max(leaf) FROM attachment WHERE name = '{name}' AND bytes IS NOT NULL"),
    )
}

/// Flips the last byte of an attachment's bytes or salt.
fn spoil(home: &Path, name: &str, column: &str) -> Named {
    let leaf = attached(home, name);
    let last = format!("substr({column}, 1, length({column}) - 1) || x'00'");
    sql(
        home,
        &format!(
            "UPDATE attachment SET {column} = CAST({last} AS BLOB) WHERE leaf = {leaf} AND name = '{name}'"
        ),
    );
    Named::Leaf(leaf)
}

fn anchor(home: &Path) -> PathBuf {
    let entries = std::fs::read_dir(home.join("anchors")).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|end| end == "anchor"))
        .unwrap()
}

const FOLDER: &[Alteration] = &[
    ("one bit of a record", |home, _| {
        sql(
            home,
            "UPDATE leaf SET record = CAST(replace(CAST(record AS TEXT), 'sha256:', 'sha257:') AS BLOB) WHERE number = 7",
        );
        Named::Leaf(7)
    }),
    ("a record's salt", |home, _| {
        sql(home, "UPDATE leaf SET salt = zeroblob(32) WHERE number = 8");
        Named::Leaf(8)
    }),
    ("a salt that is short", |home, _| {
        sql(home, "UPDATE leaf SET salt = x'00' WHERE number = 8");
        Named::Words("leaf 8:")
    }),
    ("a leaf's bytes", |home, _| {
        sql(
            home,
            "UPDATE leaf SET leaf = CAST(x'010002' || zeroblob(32) AS BLOB) WHERE number = 9",
        );
        Named::Leaf(9)
    }),
    ("a leaf of another version", |home, _| {
        sql(
            home,
            "UPDATE leaf SET leaf = CAST(x'02' || substr(leaf, 2) AS BLOB) WHERE number = 9",
        );
        Named::Leaf(9)
    }),
    ("a leaf of another kind", |home, _| {
        sql(
            home,
            "UPDATE leaf SET leaf = CAST(x'010007' || substr(leaf, 4) AS BLOB) WHERE number = 9",
        );
        Named::Leaf(9)
    }),
    ("the last leaf, gone", |home, _| {
        let last = number(home, "SELECT max(number) FROM leaf");
        sql(
            home,
            "DELETE FROM leaf WHERE number = (SELECT max(number) FROM leaf)",
        );
        Named::Leaf(last)
    }),
    ("the last five leaves, gone", |home, _| {
        let last = number(home, "SELECT max(number) FROM leaf");
        sql(
            home,
            "DELETE FROM leaf WHERE number > (SELECT max(number) - 5 FROM leaf)",
        );
        Named::Leaf(last - 4)
    }),
    ("a leaf in the middle, gone", |home, _| {
        sql(home, "DELETE FROM leaf WHERE number = 6");
        Named::Leaf(6)
    }),
    ("the first leaf, gone", |home, _| {
        sql(home, "DELETE FROM leaf WHERE number = 0");
        Named::Somewhere
    }),
    ("two leaves in each other's place", |home, _| {
        sql(home, "UPDATE leaf SET number = -1 WHERE number = 6");
        sql(home, "UPDATE leaf SET number = 6 WHERE number = 7");
        sql(home, "UPDATE leaf SET number = 7 WHERE number = -1");
        Named::Leaf(6)
    }),
    ("a copy of a leaf at the end", |home, _| {
        let last = number(home, "SELECT max(number) FROM leaf");
        sql(
            home,
            "INSERT INTO leaf SELECT (SELECT max(number) + 1 FROM leaf), CAST(x'010003' || randomblob(32) AS BLOB), time, salt, record FROM leaf WHERE number = 7",
        );
        let _ = last;
        Named::Somewhere
    }),
    ("an envelope", |home, _| spoil(home, "envelope", "bytes")),
    ("a payload", |home, _| spoil(home, "payload", "bytes")),
    ("a payload's salt", |home, _| spoil(home, "payload", "salt")),
    ("a rendering", |home, _| spoil(home, "display", "bytes")),
    ("what a reviewer saw", |home, _| {
        spoil(home, "view", "bytes")
    }),
    ("what a reviewer answered", |home, _| {
        spoil(home, "answers", "bytes")
    }),
    ("a reviewer's signature", |home, _| {
        spoil(home, "signature", "bytes")
    }),
    ("a reviewer's context", |home, _| {
        spoil(home, "context", "bytes")
    }),
    ("a reviewer's authority", |home, _| {
        spoil(home, "authority", "bytes")
    }),
    ("the grounds of a verdict", |home, _| {
        spoil(home, "verdict", "bytes")
    }),
    ("a signed call", |home, _| spoil(home, "proof", "bytes")),
    ("a signed body", |home, _| spoil(home, "body", "bytes")),
    ("the root statement", |home, _| {
        sql(
            home,
            "UPDATE attachment SET bytes = CAST(replace(CAST(bytes AS TEXT), 'reviewer', 'reviewed') AS BLOB) WHERE leaf = 0 AND name = 'evidence'",
        );
        Named::Leaf(0)
    }),
    ("a bundle", |home, _| spoil(home, "bundle", "bytes")),
    ("an attachment under another name", |home, _| {
        let leaf = attached(home, "claims");
        sql(
            home,
            &format!(
                "UPDATE attachment SET name = 'remarks' WHERE leaf = {leaf} AND name = 'claims'"
            ),
        );
        Named::Leaf(leaf)
    }),
    ("an attachment twice", |home, _| {
        let leaf = attached(home, "claims");
        sql(
            home,
            &format!(
                "INSERT INTO attachment (number, name, salt, bytes, erased_by) SELECT 256 * leaf + 99, name, salt, bytes, erased_by FROM attachment WHERE leaf = {leaf} AND name = 'claims'"
            ),
        );
        Named::Leaf(leaf)
    }),
    ("the same attachment of another request", |home, _| {
        let leaf = attached(home, "payload");
        sql(
            home,
            &format!(
                "UPDATE attachment SET (salt, bytes) = (SELECT salt, bytes FROM attachment WHERE name = 'payload' AND leaf < {leaf} ORDER BY leaf DESC LIMIT 1) WHERE leaf = {leaf} AND name = 'payload'"
            ),
        );
        Named::Leaf(leaf)
    }),
    ("an attachment, gone", |home, _| {
        let leaf = attached(home, "view");
        sql(
            home,
            &format!("DELETE FROM attachment WHERE leaf = {leaf} AND name = 'view'"),
        );
        Named::Leaf(leaf)
    }),
    ("an attachment said to be erased", |home, _| {
        let leaf = attached(home, "view");
        let by = number(home, "SELECT max(number) FROM leaf");
        sql(
            home,
            &format!(
                "UPDATE attachment SET salt = NULL, bytes = NULL, erased_by = {by} WHERE leaf = {leaf} AND name = 'view'"
            ),
        );
        Named::Leaf(leaf)
    }),
    ("the store's time, turned back", |home, _| {
        sql(home, "UPDATE leaf SET time = 1 WHERE number = 9");
        Named::Leaf(9)
    }),
    ("the store's time, past every deadline", |home, ledger| {
        sql(
            home,
            "UPDATE leaf SET time = time + 90000000 WHERE number >= 9",
        );
        let _ = &ledger.write;
        Named::Somewhere
    }),
    ("the state of a row", |home, _| {
        sql(
            home,
            "UPDATE state_row SET body = CAST(replace(CAST(body AS TEXT), '\"state\":\"denied\"', '\"state\":\"allowed\"') AS BLOB) WHERE kind = 'request' AND CAST(body AS TEXT) LIKE '%\"state\":\"denied\"%'",
        );
        Named::Words("row request/")
    }),
    ("the version of a row", |home, _| {
        sql(
            home,
            "UPDATE state_row SET version = version + 1 WHERE kind = 'grant' AND id = (SELECT max(id) FROM state_row WHERE kind = 'grant')",
        );
        Named::Words("row grant/")
    }),
    ("a row, gone", |home, _| {
        sql(home, "DELETE FROM state_row WHERE kind = 'task'");
        Named::Words("is missing from the database")
    }),
    ("a row that nobody put there", |home, _| {
        sql(
            home,
            "INSERT INTO state_row SELECT kind, 'grt_00000000000000000000000000000000', version, first_leaf, last_leaf, state, due, owner, belongs_to, body FROM state_row WHERE kind = 'grant' LIMIT 1",
        );
        Named::Words("no leaf put there")
    }),
    ("yesterday's database", |home, ledger| {
        let size = number(ledger.older.path(), "SELECT size FROM head");
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(home.join(format!("gatehold.db{end}")));
        }
        std::fs::copy(
            ledger.older.path().join("gatehold.db"),
            home.join("gatehold.db"),
        )
        .unwrap();
        Named::Leaf(size)
    }),
    ("yesterday's database and tree head", |home, ledger| {
        let size = number(ledger.older.path(), "SELECT size FROM head");
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(home.join(format!("gatehold.db{end}")));
        }
        std::fs::copy(
            ledger.older.path().join("gatehold.db"),
            home.join("gatehold.db"),
        )
        .unwrap();
        std::fs::remove_dir_all(home.join("published")).unwrap();
        copy(
            &ledger.older.path().join("published"),
            &home.join("published"),
        );
        Named::Leaf(size)
    }),
    ("the tree head's size", |home, _| {
        let path = home.join("published/tree-head");
        let note = std::fs::read_to_string(&path).unwrap();
        let size = note.lines().nth(1).unwrap().to_owned();
        rewrite(&path, &format!("\n{size}\n"), "\n18446744073709551615\n");
        Named::Words("tree head")
    }),
    ("the tree head's root", |home, _| {
        let path = home.join("published/tree-head");
        let note = std::fs::read_to_string(&path).unwrap();
        let root = note.lines().nth(2).unwrap().to_owned();
        rewrite(&path, &root, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        Named::Words("tree head")
    }),
    ("the tree head's signature", |home, _| {
        flip_signature(&home.join("published/tree-head"));
        Named::Words("tree head")
    }),
    ("the anchor's root", |home, _| {
        let path = anchor(home);
        let old = std::fs::read_to_string(&path).unwrap();
        let line = old.lines().find(|line| line.len() > 40).unwrap().to_owned();
        let changed = line.replace(|c: char| c.is_ascii_lowercase(), "a");
        rewrite(&path, &line, &changed);
        Named::Somewhere
    }),
    ("the anchor, cut", |home, _| {
        std::fs::write(anchor(home), "gate").unwrap();
        Named::Words("anchor")
    }),
    ("anchors and tree heads, gone", |home, _| {
        std::fs::remove_dir_all(home.join("published")).unwrap();
        std::fs::remove_dir_all(home.join("anchors")).unwrap();
        Named::Words("nothing")
    }),
];

fn flip_signature(path: &Path) {
    let note = std::fs::read_to_string(path).unwrap();
    let signature = note.lines().last().unwrap().to_owned();
    let changed = if signature.ends_with("A=") {
        "B="
    } else {
        "A="
    };
    rewrite(
        path,
        &signature,
        &format!("{}{changed}", &signature[..signature.len() - 2]),
    );
}

fn verify(home: &Path) -> (Option<i32>, String) {
    let config = text(&home.join("gatehold.toml"));
    let output = gatehold(home, &["audit", "verify", "--config", &config]);
    (output.status.code(), said(&output))
}

/// Whether the report's first lines blame this leaf alone, or a range it is in.
fn names(report: &str, leaf: i64) -> bool {
    report.contains(&format!("leaf {leaf}:")) || report.contains(&format!("leaf {leaf},"))
}

#[tokio::test]
async fn p12_every_alteration_of_a_gate_s_folder_is_found() {
    let ledger = ledger().await;
    let (code, report) = verify(&ledger.world.home());
    assert_eq!(code, Some(0), "{report}");
    let mut unnoticed = Vec::new();
    for (what, alter) in FOLDER {
        let folder = TempDir::new().unwrap();
        copy(&ledger.world.home(), folder.path());
        let named = alter(folder.path(), &ledger);
        let (code, report) = verify(folder.path());
        let told = match named {
            Named::Leaf(leaf) => names(&report, leaf),
            Named::Somewhere => true,
            Named::Words(words) => report.contains(words),
        };
        println!("== {what}\n{report}");
        if code != Some(7) || !told {
            unnoticed.push(format!("{what}: {code:?}\n{report}"));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
    assert!(FOLDER.len() >= 30);
}

/// Every value of a document, as a pointer to it.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{here}/{name}"), all);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                places(item, &format!("{here}/{number}"), all);
            }
        }
        _ => {}
    }
    all.push(here.to_owned());
}

/// The value as somebody would like it to be.
fn other(seed: &mut Seed, value: &Value) -> Value {
    match (value, seed.below(6)) {
        (Value::String(text), 0..4) => Value::String(seed.mutate_text(text)),
        (Value::Number(number), 0..4) => {
            let number = number.as_u64().unwrap_or_default();
            let others = [number + 1, number.saturating_sub(1), u64::MAX, 1 << 53];
            Value::from(*seed.pick(&others))
        }
        (_, 4) => Value::Null,
        (_, 5) => serde_json::from_str(&format!("{}{}", "[".repeat(99), "]".repeat(99))).unwrap(),
        (Value::Array(items), 0) => items.iter().rev().cloned().collect(),
        (Value::Array(items), 1) => items.iter().skip(1).cloned().collect(),
        (Value::Array(items), 2) => items.iter().chain(items.first()).cloned().collect(),
        (Value::Object(members), _) => members.clone().into_iter().skip(1).collect(),
        _ => Value::Bool(true),
    }
}

/// Whether all that happened is that attachments of one leaf were left out, or stand in another order.
fn only_left_out(good: &Value, changed: &Value, place: &str) -> bool {
    let Some((leaf, _)) = place.split_once("/attachments") else {
        return false;
    };
    let list = format!("{leaf}/attachments");
    let all = good.pointer(&list).and_then(Value::as_array);
    let kept = changed.pointer(&list).and_then(Value::as_array);
    let (all, kept) = (all.unwrap(), kept.unwrap());
    // An attachment without its bytes is one that was left out.
    let names = |item: &Value| item["bytes"].is_null().then(|| item["name"].clone());
    let known = |item: &Value| {
        all.contains(item)
            || all
                .iter()
                .any(|one| names(item) == Some(one["name"].clone()))
    };
    kept.iter().all(known)
}

#[tokio::test]
async fn p12_every_value_of_a_dossier_is_bound() {
    let ledger = ledger().await;
    let trusted = Trusted {
        pinned_root: Some(ledger.world.root().parse().unwrap()),
        log_key: None,
    };
    let bytes = std::fs::read(&ledger.dossier).unwrap();
    let report = verify_dossier(&bytes, &trusted).unwrap();
    assert!(report.is_sound(), "{report}");
    let good: Value = serde_json::from_slice(&bytes).unwrap();
    let mut all = Vec::new();
    places(&good, "", &mut all);
    assert!(all.len() > 150, "{}", all.len());

    let mut seed = Seed::of("p12");
    let mut refused = 0;
    for round in 0..count(1_000, 20_000) {
        let place = match usize::try_from(round) {
            Ok(round) if round < all.len() => &all[round],
            _ => seed.pick(&all),
        };
        let mut changed = good.clone();
        let value = changed.pointer_mut(place).unwrap();
        *value = other(&mut seed, &value.clone());
        if changed == good {
            continue;
        }
        let bytes = serde_json::to_vec(&changed).unwrap();
        match verify_dossier(&bytes, &trusted) {
            Err(_) => refused += 1,
            Ok(report) if !report.is_sound() => refused += 1,
            // The store's own time is bound to no leaf, only to order and deadlines; what is left out is a gap.
            Ok(_) if place.ends_with("/time") => {}
            Ok(report) => assert!(only_left_out(&good, &changed, place), "{place}: {report}"),
        }
    }
    assert!(refused > 500, "{refused}");
}

#[tokio::test]
async fn b11_no_part_of_a_receipt_belongs_to_another() {
    let ledger = ledger().await;
    let key = gatehold_ledger::LogKey::parse(&ledger.log_key).unwrap();
    let [one, two] = ledger
        .receipts
        .map(|path| std::fs::read_to_string(path).unwrap());
    let sound = |text: &str| verify_receipt(text, &key).ok();
    let whole = sound(&one).unwrap();
    assert!(sound(&two).is_some());
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (mine, others) = (lines(&one), lines(&two));
    let mut tried = Vec::new();
    for at in 0..mine.len() {
        let mut without = mine.clone();
        without.remove(at);
        let mut twice = mine.clone();
        twice.insert(at, mine[at].clone());
        tried.extend([without, twice]);
        if let Some(other) = others.get(at) {
            let mut swapped = mine.clone();
            swapped[at].clone_from(other);
            tried.push(swapped);
        }
    }
    let mut texts: Vec<String> = tried
        .into_iter()
        .map(|lines| lines.join("\n") + "\n")
        .collect();
    texts.push(one.replacen("@v1", "@v0", 1));
    texts.push(one.replacen("index ", "index 0", 1));
    texts.push(one.replacen("index ", "index 18446744073709551615", 1));
    texts.push(one.replacen("index ", "index -", 1));
    texts.push(one.replace('\n', "\r\n"));
    texts.push(format!("{one}\n"));
    texts.push(one.trim_end().to_owned());
    let mut seed = Seed::of("b11");
    for _ in 0..count(2_000, 50_000) {
        texts.push(seed.mutate_text(&one));
    }
    for text in texts.into_iter().filter(|text| *text != one) {
        if let Some(report) = sound(&text) {
            assert_eq!(
                (report.leaf, &report.record),
                (whole.leaf, &whole.record),
                "{text}"
            );
        }
    }
}
