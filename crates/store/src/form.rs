//! The form a write must have before any store looks at it: sizes, counts, and rules that need no database.
//!
//! What every store refuses alike is refused here, on the caller's thread, so that the writer only sees writes that no
//! database can choke on: nothing in it may make a statement fail and take a whole batch with it.

use std::collections::HashSet;

use gatehold_core::commit::{
    ATTACHMENT_BYTES_MAX, ATTACHMENTS_MAX, Conflict, Guard, LeafBytes, RECORD_BYTES_MAX,
    ROW_BYTES_MAX, Write,
};

/// Most writes of one call to `commit`.
pub const BATCH_WRITES_MAX: usize = 512;
/// Most bytes of one write in all: its attachments, rows, record and messages.
pub const WRITE_BYTES_MAX: usize = 24 << 20;

/// Most rows one write changes, hence creates.
pub(crate) const ROWS_MAX: u32 = 64;

const GUARDS_MAX: usize = 256;
const COUNTERS_MAX: usize = 64;
/// Most messages of the outbox. When whoever delivers them falls behind, the oldest go. They have no authority: everything they
/// tell is in the ledger.
pub(crate) const OUTBOX_MAX: i64 = 10_000;
const MESSAGES_MAX: usize = 64;
const MESSAGE_BYTES_MAX: usize = 64 << 10;
const KEY_BYTES_MAX: usize = 1024;

/// A write with what can be known about it without a store: its leaf, its size, and whether it is refused by its form.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub write: Write,
    pub leaf: LeafBytes,
    pub bytes: usize,
    pub refused: Option<Conflict>,
}

impl Prepared {
    /// Checks the form of each write of one call, and hashes its leaf.
    pub fn all(writes: Vec<Write>) -> Vec<Self> {
        let too_many = writes.len() > BATCH_WRITES_MAX;
        let prepare = |write| {
            let mut prepared = Self::new(write);
            if too_many {
                prepared.refused = Some(Conflict::Malformed(
                    "too many writes in one batch; split it",
                ));
            }
            prepared
        };
        writes.into_iter().map(prepare).collect()
    }

    fn new(write: Write) -> Self {
        let bytes = size(&write);
        let refused = check(&write, bytes).err().map(Conflict::Malformed);
        // An oversized record is not worth hashing: its leaf is never used.
        let leaf = if refused.is_none() {
            write.leaf.bytes()
        } else {
            [0; 35]
        };
        Self {
            write,
            leaf,
            bytes,
            refused,
        }
    }
}

fn size(write: &Write) -> usize {
    let rows = write.rows.iter().map(|row| row.body.len());
    let attachments = write.leaf.attachments.iter().map(|a| a.bytes.len());
    let messages = write.outbox.iter().map(|m| m.body.len());
    rows.chain(attachments)
        .chain(messages)
        .chain([write.leaf.record.len()])
        .fold(0, usize::saturating_add)
}

fn check(write: &Write, bytes: usize) -> Result<(), &'static str> {
    let within = |ok: bool, rule| if ok { Ok(()) } else { Err(rule) };
    within(bytes <= WRITE_BYTES_MAX, "the write is larger than 24 MiB")?;
    within(write.guards.len() <= GUARDS_MAX, "more than 256 guards")?;
    within(write.rows.len() <= ROWS_MAX as usize, "more than 64 rows")?;
    within(
        write.counters.len() <= COUNTERS_MAX,
        "more than 64 counters",
    )?;
    within(write.outbox.len() <= MESSAGES_MAX, "more than 64 messages")?;
    within(
        write.leaf.record.len() <= RECORD_BYTES_MAX,
        "the record is larger than 64 KiB",
    )?;
    check_guards(write)?;
    check_rows(write)?;
    check_attachments(write)?;
    let counters = write.counters.iter().map(|counter| &counter.key.0);
    within(
        counters.clone().all(|key| text(key)),
        "a counter's name is empty, too long or holds a zero byte",
    )?;
    let message = |m: &gatehold_core::commit::Outbox| {
        text(&m.dedup)
            && text(&m.topic)
            && m.body.len() <= MESSAGE_BYTES_MAX
            && !m.body.contains('\0')
    };
    within(
        write.outbox.iter().all(message),
        "a message is nameless, larger than 64 KiB or holds a zero byte",
    )
}

fn check_guards(write: &Write) -> Result<(), &'static str> {
    let mut unique = HashSet::new();
    for guard in &write.guards {
        match guard {
            Guard::Version(key, _) if !text(&key.id) => {
                return Err("a row's id is empty, too long or holds a zero byte");
            }
            Guard::Below(key, _) if !text(&key.0) => {
                return Err("a counter's name is empty, too long or holds a zero byte");
            }
            Guard::Absent(key, _) if !text(&key.0) => {
                return Err("a unique key is empty, too long or holds a zero byte");
            }
            Guard::Absent(key, _) if !unique.insert(key) => {
                return Err("the write claims one unique key twice");
            }
            Guard::Version(..) | Guard::Below(..) | Guard::Absent(..) => {}
        }
    }
    Ok(())
}

fn check_rows(write: &Write) -> Result<(), &'static str> {
    let mut changed = HashSet::new();
    for row in &write.rows {
        if !changed.insert(&row.key) {
            return Err("the write changes one row twice");
        }
        let guarded = |guard: &Guard| matches!(guard, Guard::Version(key, _) if *key == row.key);
        if !write.guards.iter().any(guarded) {
            return Err("a row is changed without a guard on its version");
        }
        if row.body.len() > ROW_BYTES_MAX {
            return Err("a row is larger than 1 MiB");
        }
        let columns = [&row.index.state, &row.index.owner, &row.index.group];
        if !columns.into_iter().all(|column| column_text(column)) {
            return Err("a row's index column is too long or holds a zero byte");
        }
    }
    Ok(())
}

fn check_attachments(write: &Write) -> Result<(), &'static str> {
    let attachments = &write.leaf.attachments;
    if attachments.len() > ATTACHMENTS_MAX {
        return Err("more than 16 attachments");
    }
    let mut names = HashSet::new();
    for attachment in attachments {
        if !text(attachment.name) || !names.insert(attachment.name) {
            return Err("an attachment is nameless or two have the same name");
        }
        if attachment.bytes.len() > ATTACHMENT_BYTES_MAX {
            return Err("an attachment is larger than 6 MiB");
        }
    }
    Ok(())
}

/// PostgreSQL cannot store a zero byte in text; refusing it everywhere keeps the stores alike.
fn text(text: &str) -> bool {
    !text.is_empty() && column_text(text)
}

fn column_text(text: &str) -> bool {
    text.len() <= KEY_BYTES_MAX && !text.contains('\0')
}
