//! Reading: a few connections shared by all callers, whose queries travel together. Opened again when they break.
//!
//! Also carries what holds no authority: acknowledgements, and forgetting what a leaf has already erased.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehold_core::commit::{CounterKey, LeafBytes, Outbox, Receipt, RowIndex, RowKey, Table};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, OpenedView, Row, RowQuery, SESSIONS_OF_ONE_MAX,
    SUBSCRIPTIONS_OF_ONE_MAX, StoreFault, StoredAttachment, StoredLeaf, StoredRecord,
    StoredSubscription,
};
use gatehold_ledger::Frontier;
use tokio::sync::Mutex;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config};

use super::columns::{count, fixed, get, int, time};
use super::fault::fault;
use super::session::{connect, statements};
use super::transaction::{CLOCK, read_head};
use crate::page::{LIMIT_MAX, page, rows_to_read};

statements! {
    Statements {
        head: "SELECT size, frontier, time FROM gatehold.head",
        clock: CLOCK,
        row: "SELECT id, version, first_leaf, last_leaf, body, state, due, owner, belongs_to
            FROM gatehold.state_row WHERE kind = $1 AND id = $2",
        counters: "SELECT place, value FROM gatehold.counter
            JOIN unnest($1::text[]) WITH ORDINALITY AS asked (key, place) USING (key)",
        unique: "SELECT leaf FROM gatehold.unique_key WHERE key = $1",
        receipt: "SELECT number, time FROM gatehold.leaf WHERE leaf = $1",
        leaves: "SELECT number, leaf, time, salt, record FROM gatehold.leaf
            WHERE number >= $1 ORDER BY number LIMIT $2",
        records: "SELECT number, leaf, salt, record FROM gatehold.leaf
            WHERE number >= $1 ORDER BY number LIMIT $2",
        records_of: "SELECT number, leaf, salt, record FROM gatehold.leaf WHERE number = ANY($1)",
        attachments: "SELECT leaf, name, salt, erased_by, CASE WHEN $3::boolean THEN bytes END FROM gatehold.attachment
            WHERE leaf BETWEEN $1 AND $2 ORDER BY leaf, place",
        outbox: "SELECT number, dedup, topic, body, time FROM gatehold.outbox
            WHERE number > $1 ORDER BY number LIMIT $2",
        lease: "INSERT INTO gatehold.lease AS known (name, holder, expires) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
            WHERE known.holder = excluded.holder OR known.expires <= $4",
        opened: "SELECT request, view, expires FROM gatehold.opened_view WHERE review_nonce = $1",
        forget_opened: "DELETE FROM gatehold.opened_view WHERE expires < $1",
        session: "SELECT human, csrf, how, created, last_used, expires, narrowed, provider FROM gatehold.browser_session WHERE id = $1",
        forget_sessions: "DELETE FROM gatehold.browser_session WHERE expires < $1 OR id IN
            (SELECT id FROM gatehold.browser_session WHERE human = $2 ORDER BY created DESC, id DESC OFFSET $3)",
        put_session: "INSERT INTO gatehold.browser_session (id, human, csrf, how, created, last_used, expires, narrowed, provider)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
        use_session: "UPDATE gatehold.browser_session SET last_used = greatest(last_used, $2) WHERE id = $1",
        end_session: "DELETE FROM gatehold.browser_session WHERE id = $1",
        put_subscription: "INSERT INTO gatehold.push_subscription (id, human, endpoint, p256dh, auth, server_key, created)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET human = excluded.human, endpoint = excluded.endpoint,
            p256dh = excluded.p256dh, auth = excluded.auth, server_key = excluded.server_key, created = excluded.created",
        forget_subscriptions: "DELETE FROM gatehold.push_subscription WHERE id IN
            (SELECT id FROM gatehold.push_subscription WHERE human = $1 ORDER BY created DESC, id DESC OFFSET $2)",
        subscriptions: "SELECT id, endpoint, p256dh, auth, server_key, created FROM gatehold.push_subscription
            WHERE human = $1 ORDER BY created, id",
        subscribers: "SELECT DISTINCT human FROM gatehold.push_subscription ORDER BY human",
        end_subscription: "DELETE FROM gatehold.push_subscription WHERE id = $1 AND human = $2",
        acknowledge: "DELETE FROM gatehold.outbox WHERE number = $1",
        erase: "UPDATE gatehold.attachment SET salt = NULL, bytes = NULL, erased_by = $3
            WHERE leaf = $1 AND name = $2 AND erased_by IS NULL",
        notify: "SELECT pg_notify('gatehold', $1)",
    }
}

/// The shared connections.
#[derive(Clone)]
pub(super) struct Readers {
    config: Config,
    pool: Arc<[Mutex<Option<Arc<Reader>>>]>,
    next: Arc<AtomicUsize>,
}

/// One of them.
pub(super) struct Reader {
    client: Client,
    statements: Statements,
}

impl Readers {
    pub fn new(config: Config, connections: usize) -> Self {
        Self {
            config,
            pool: (0..connections.max(1)).map(|_| Mutex::default()).collect(),
            next: Arc::default(),
        }
    }

    /// The next connection's turn, opened if need be.
    pub async fn reader(&self) -> Result<Arc<Reader>, StoreFault> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.pool.len().max(1);
        let none = || StoreFault::Unavailable("it has no connection to read with".into());
        let mut slot = self.pool.get(turn).ok_or_else(none)?.lock().await;
        if let Some(reader) = slot.as_ref().filter(|reader| !reader.client.is_closed()) {
            return Ok(Arc::clone(reader));
        }
        let client = connect(&self.config).await?;
        let statements = Statements::prepare(&client).await?;
        let reader = Arc::new(Reader { client, statements });
        *slot = Some(Arc::clone(&reader));
        Ok(reader)
    }
}

fn param<T: ToSql + Sync>(value: &T) -> &(dyn ToSql + Sync) {
    value
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Reader {
    async fn all(
        &self,
        statement: &tokio_postgres::Statement,
        params: Params<'_>,
    ) -> Result<Vec<tokio_postgres::Row>, StoreFault> {
        self.client.query(statement, params).await.map_err(fault)
    }

    async fn one(
        &self,
        statement: &tokio_postgres::Statement,
        params: Params<'_>,
    ) -> Result<Option<tokio_postgres::Row>, StoreFault> {
        self.client
            .query_opt(statement, params)
            .await
            .map_err(fault)
    }

    async fn run(
        &self,
        statement: &tokio_postgres::Statement,
        params: Params<'_>,
    ) -> Result<(), StoreFault> {
        self.client
            .execute(statement, params)
            .await
            .map(drop)
            .map_err(fault)
    }

    pub async fn head(&self) -> Result<(Frontier, Timestamp), StoreFault> {
        let head = self.client.query_one(&self.statements.head, &[]).await;
        read_head(&head.map_err(fault)?)
    }

    pub async fn clock(&self) -> Result<Timestamp, StoreFault> {
        let clock = self.client.query_one(&self.statements.clock, &[]).await;
        time(&clock.map_err(fault)?, 0)
    }

    pub async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let found = self
            .one(&self.statements.row, &[&key.table.name(), &key.id])
            .await?;
        found.map(|row| read_row(&row, key.table)).transpose()
    }

    pub async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        let mut sql =
            "SELECT id, version, first_leaf, last_leaf, body, state, due, owner, belongs_to
            FROM gatehold.state_row WHERE kind = $1"
                .to_owned();
        let kind = table.name();
        let states = Some(&query.states).filter(|states| !states.is_empty());
        let due = query.due_by.map(Timestamp::millis);
        let after = query.after_leaf.map(int);
        let before = query.before_leaf.map(int);
        let order = if query.newest_first {
            " ORDER BY first_leaf DESC, id DESC LIMIT ?"
        } else {
            " ORDER BY first_leaf, id LIMIT ?"
        };
        let limit = rows_to_read(query.limit);
        let conditions = [
            (" AND state = ANY(?)", states.map(param), Type::TEXT_ARRAY),
            (" AND due <= ?", due.as_ref().map(param), Type::INT8),
            (
                " AND owner = ?",
                query.owner.as_ref().map(param),
                Type::TEXT,
            ),
            (
                " AND belongs_to = ?",
                query.group.as_ref().map(param),
                Type::TEXT,
            ),
            (" AND first_leaf > ?", after.as_ref().map(param), Type::INT8),
            (
                " AND first_leaf < ?",
                before.as_ref().map(param),
                Type::INT8,
            ),
            (order, Some(param(&limit)), Type::INT8),
        ];
        let mut params = vec![(param(&kind), Type::TEXT)];
        for (condition, value, kind) in conditions {
            if let Some(value) = value {
                params.push((value, kind));
                sql.push_str(&condition.replace('?', &format!("${}", params.len())));
            }
        }
        let found = self
            .client
            .query_typed(&sql, &params)
            .await
            .map_err(fault)?;
        let rows = found.iter().map(|row| read_row(row, table));
        Ok(page(rows.collect::<Result<_, _>>()?, query.limit))
    }

    pub async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        let names: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
        let mut values = vec![0; keys.len()];
        for row in self.all(&self.statements.counters, &[&names]).await? {
            let place = count(&row, 0)?
                .checked_sub(1)
                .and_then(|place| usize::try_from(place).ok());
            if let Some(value) = place.and_then(|place| values.get_mut(place)) {
                *value = count(&row, 1)?;
            }
        }
        Ok(values)
    }

    pub async fn unique(&self, key: &str) -> Result<Option<u64>, StoreFault> {
        let found = self.one(&self.statements.unique, &[&key]).await?;
        found.map(|row| count(&row, 0)).transpose()
    }

    pub async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        let Some(row) = self.one(&self.statements.receipt, &[&&leaf[..]]).await? else {
            return Ok(None);
        };
        Ok(Some(Receipt {
            index: count(&row, 0)?,
            leaf: *leaf,
            time: time(&row, 1)?,
        }))
    }

    pub async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        let limit = i64::from(limit.min(LIMIT_MAX));
        let found = self
            .all(&self.statements.leaves, &[&int(first), &limit])
            .await?;
        let mut leaves = Vec::with_capacity(found.len());
        for row in &found {
            leaves.push(StoredLeaf {
                index: count(row, 0)?,
                leaf: fixed(get(row, 1)?)?,
                time: time(row, 2)?,
                salt: fixed(get(row, 3)?)?,
                record: get(row, 4)?,
                attachments: Vec::new(),
            });
        }
        let Some((first, last)) = leaves.first().zip(leaves.last()) else {
            return Ok(leaves);
        };
        let range = (int(first.index), int(last.index));
        let found = self
            .all(&self.statements.attachments, &[&range.0, &range.1, &bytes])
            .await?;
        // Both are in order, so each attachment belongs to the first leaf that has not been passed.
        let mut leaf = leaves.iter_mut().peekable();
        for row in &found {
            let index = count(row, 0)?;
            while leaf.next_if(|leaf| leaf.index < index).is_some() {}
            if let Some(leaf) = leaf.peek_mut().filter(|leaf| leaf.index == index) {
                leaf.attachments.push(read_attachment(row)?);
            }
        }
        Ok(leaves)
    }

    pub async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        let limit = i64::from(limit.min(LIMIT_MAX));
        let found = self
            .all(&self.statements.records, &[&int(first), &limit])
            .await?;
        found.iter().map(read_record).collect()
    }

    pub async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        let asked = leaves.iter().take(LIMIT_MAX as usize);
        let asked: Vec<i64> = asked.map(|leaf| int(*leaf)).collect();
        let found = self.all(&self.statements.records_of, &[&asked]).await?;
        found.iter().map(read_record).collect()
    }

    pub async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        let limit = i64::from(limit.min(LIMIT_MAX));
        let found = self
            .all(&self.statements.outbox, &[&int(after), &limit])
            .await?;
        let announced = |row: &tokio_postgres::Row| {
            Ok(Announced {
                number: count(row, 0)?,
                at: time(row, 4)?,
                message: Outbox {
                    dedup: get(row, 1)?,
                    topic: get(row, 2)?,
                    body: get(row, 3)?,
                },
            })
        };
        found.iter().map(announced).collect()
    }

    pub async fn lease(
        &self,
        name: &str,
        holder: &str,
        seconds: u32,
        now: Timestamp,
    ) -> Result<bool, StoreFault> {
        let (now, until) = (now.millis(), now.plus_seconds(seconds).millis());
        let params: Params<'_> = &[&name, &holder, &until, &now];
        let taken = self.client.execute(&self.statements.lease, params).await;
        Ok(taken.map_err(fault)? > 0)
    }

    pub async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        let Some(row) = self.one(&self.statements.opened, &[&review_nonce]).await? else {
            return Ok(None);
        };
        Ok(Some(OpenedView {
            review_nonce: review_nonce.to_owned(),
            request: get(&row, 0)?,
            view: get(&row, 1)?,
            expires: time(&row, 2)?,
        }))
    }

    pub async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.run(&self.statements.acknowledge, &[&int(message)])
            .await
    }

    pub async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        self.run(&self.statements.forget_opened, &[&i64::MAX])
            .await?;
        self.run(
            &self.statements.erase,
            &[&int(leaf), &name, &int(erased_by)],
        )
        .await
    }

    pub async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        let found = self
            .one(&self.statements.session, &[&&id.as_bytes()[..]])
            .await?;
        let Some(row) = found else { return Ok(None) };
        let provider: Option<&[u8]> = get(&row, 7)?;
        Ok(Some(BrowserSession {
            id: *id,
            human: get(&row, 0)?,
            csrf: Hash::from_bytes(fixed(get(&row, 1)?)?),
            how: get(&row, 2)?,
            created: time(&row, 3)?,
            last_used: time(&row, 4)?,
            expires: time(&row, 5)?,
            without: get(&row, 6)?,
            provider: provider.map(fixed).transpose()?.map(Hash::from_bytes),
        }))
    }

    pub async fn put_session(
        &self,
        session: &BrowserSession,
        now: Timestamp,
    ) -> Result<(), StoreFault> {
        let kept = i64::from(SESSIONS_OF_ONE_MAX - 1);
        let provider = session.provider.as_ref();
        let provider = provider.map(|provider| &provider.as_bytes()[..]);
        self.run(
            &self.statements.forget_sessions,
            &[&now.millis(), &session.human, &kept],
        )
        .await?;
        self.run(
            &self.statements.put_session,
            &[
                &&session.id.as_bytes()[..],
                &session.human,
                &&session.csrf.as_bytes()[..],
                &session.how,
                &session.created.millis(),
                &session.last_used.millis(),
                &session.expires.millis(),
                &session.without,
                &provider,
            ],
        )
        .await
    }

    pub async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.run(
            &self.statements.use_session,
            &[&&id.as_bytes()[..], &at.millis()],
        )
        .await
    }

    pub async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.run(&self.statements.end_session, &[&&id.as_bytes()[..]])
            .await
    }

    pub async fn put_subscription(
        &self,
        subscription: &StoredSubscription,
    ) -> Result<(), StoreFault> {
        self.run(
            &self.statements.put_subscription,
            &[
                &&subscription.id.as_bytes()[..],
                &subscription.human,
                &subscription.endpoint,
                &subscription.p256dh,
                &subscription.auth,
                &&subscription.server_key.as_bytes()[..],
                &subscription.created.millis(),
            ],
        )
        .await?;
        self.run(
            &self.statements.forget_subscriptions,
            &[&subscription.human, &i64::from(SUBSCRIPTIONS_OF_ONE_MAX)],
        )
        .await
    }

    pub async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        let rows = self.all(&self.statements.subscriptions, &[&human]).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(StoredSubscription {
                id: Hash::from_bytes(fixed(get(row, 0)?)?),
                human: human.to_owned(),
                endpoint: get(row, 1)?,
                p256dh: get(row, 2)?,
                auth: get(row, 3)?,
                server_key: Hash::from_bytes(fixed(get(row, 4)?)?),
                created: time(row, 5)?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        let rows = self.all(&self.statements.subscribers, &[]).await?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    pub async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        let ended = &self.statements.end_subscription;
        self.run(ended, &[&&id.as_bytes()[..], &human]).await
    }

    pub async fn notify(&self, size: u64) -> Result<(), StoreFault> {
        self.run(&self.statements.notify, &[&size.to_string()])
            .await
    }
}

fn read_record(row: &tokio_postgres::Row) -> Result<StoredRecord, StoreFault> {
    Ok(StoredRecord {
        index: count(row, 0)?,
        leaf: fixed(get(row, 1)?)?,
        salt: fixed(get(row, 2)?)?,
        record: get(row, 3)?,
    })
}

fn read_row(row: &tokio_postgres::Row, table: Table) -> Result<Row, StoreFault> {
    let due: Option<i64> = get(row, 6)?;
    Ok(Row {
        key: RowKey {
            table,
            id: get(row, 0)?,
        },
        version: count(row, 1)?,
        first_leaf: count(row, 2)?,
        last_leaf: count(row, 3)?,
        body: get(row, 4)?,
        index: RowIndex {
            state: get(row, 5)?,
            due: due.map(Timestamp::from_millis),
            owner: get(row, 7)?,
            group: get(row, 8)?,
        },
    })
}

fn read_attachment(row: &tokio_postgres::Row) -> Result<StoredAttachment, StoreFault> {
    let salt: Option<&[u8]> = get(row, 2)?;
    let erased_by: Option<i64> = get(row, 3)?;
    Ok(StoredAttachment {
        name: get(row, 1)?,
        salt: salt.map(fixed).transpose()?,
        bytes: get(row, 4)?,
        erased_by: erased_by.map(|_| count(row, 3)).transpose()?,
    })
}
