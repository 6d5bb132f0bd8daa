//! What a lease costs where it is used, at a real PostgreSQL server: from a reviewer's answer until the workload has read a row, and
//! from the call that takes it away until the server has no session of it; beside what the same costs by hand, in the same run. Then
//! how much memory each of thousands of living leases takes, and whether anything is left of them.

mod by_hand;
mod shop;
mod times;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use gatehold_client::wire::Credential;
use gatehold_scenarios::{Outcome, Trouble, trouble};
use tokio::task::JoinHandle;

use crate::load;
use crate::report::mib;
use shop::{Kind, Shop};
pub use times::Times;

/// Leases with a session in an open transaction.
const OPEN: usize = 1_000;
/// So many of them are taken away one by one; the others by one stop.
const ONE_BY_ONE: usize = 500;
/// Leases that only live.
const MANY: usize = 10_000;
/// With so many the memory of the others is compared.
const SOME: usize = 1_000;
/// What lives is looked at within a minute: a gate that only keeps leases has done all of its work once in this time.
const REST: Duration = Duration::from_secs(70);
/// Who asks at once.
const HANDS: usize = 4;

/// What was measured of leases with a session.
#[derive(Debug, Default)]
pub struct Sessions {
    /// From a reviewer's answer until the credential is in the workload's hands.
    pub issued: Times,
    /// Until it has logged in, begun a transaction and read a row.
    pub usable: Times,
    /// The same by hand: a role made, its member made, and a row read by it.
    pub usable_by_hand: Times,
    /// From the call that revokes one until the server has ended its session.
    pub revoked: Times,
    /// The same by hand.
    pub revoked_by_hand: Times,
    /// From a stop of the workload until the server has ended the session of each.
    pub stopped: Times,
    /// From there until no role is left.
    pub swept: Duration,
    /// Logins that were refused to nobody although the credential was taken away.
    pub let_in: usize,
    /// Roles and sessions at the server once everything was taken away.
    pub left: i64,
    /// One `fdatasync` of 4 KiB where the gate's store is.
    pub synced: Times,
}

/// What was measured of leases that only live.
#[derive(Debug, Default)]
pub struct Many {
    /// Resident KiB of a gate with `SOME` and with `MANY` living leases, after `REST`.
    pub resident: (Option<u64>, Option<u64>),
    /// The same right after the last of `MANY` was made: what making them takes is among it.
    pub busy: Option<u64>,
    /// From a stop of the workload until no role of `MANY` is left.
    pub swept: Duration,
    /// Roles at the server once everything was taken away.
    pub left: i64,
}

impl Many {
    /// What each lease beyond the first thousand takes, KiB.
    #[must_use]
    pub fn kib_each(&self) -> Option<f64> {
        let (some, many) = self.resident.0.zip(self.resident.1)?;
        let grown = u32::try_from(many.saturating_sub(some)).ok()?;
        let leases = u32::try_from(MANY - SOME).ok()?;
        Some(f64::from(grown) / f64::from(leases))
    }
}

impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("approved until issued", &self.issued, None),
            (
                "approved until a row is read",
                &self.usable,
                Some(&self.usable_by_hand),
            ),
            (
                "a row read by a role made by hand",
                &self.usable_by_hand,
                None,
            ),
            (
                "revoked until its session is gone",
                &self.revoked,
                Some(&self.revoked_by_hand),
            ),
            ("a session ended by hand", &self.revoked_by_hand, None),
            ("stopped until each session is gone", &self.stopped, None),
            ("one fdatasync of 4 KiB", &self.synced, None),
        ];
        writeln!(
            f,
            "| what | times | p50 ms | p99 ms | p50, times by hand | p50, times fdatasync |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        let ratio =
            |over: Option<f64>| over.map_or_else(|| "-".to_owned(), |over| format!("{over:.1}"));
        for (what, times, by_hand) in rows {
            let over = by_hand.and_then(|by_hand| times.over(by_hand, 50));
            let (over, synced) = (ratio(over), ratio(times.over(&self.synced, 50)));
            writeln!(
                f,
                "| {what} | {} | {times} | {over} | {synced} |",
                times.count()
            )?;
        }
        writeln!(
            f,
            "stopped until no role is left: {:.1} s; let in after it was taken away: {}; left at the end: {}",
            self.swept.as_secs_f64(),
            self.let_in,
            self.left
        )
    }
}

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (some, many) = self.resident;
        let each = self
            .kib_each()
            .map_or_else(|| "?".to_owned(), |kib| format!("{kib:.2}"));
        writeln!(
            f,
            "resident with {SOME} living leases: {} MiB; with {MANY}: {} MiB, {} right after the last was made; each: {each} KiB; stopped until no role is left: {:.1} s",
            mib(some),
            mib(many),
            mib(self.busy),
            self.swept.as_secs_f64()
        )
    }
}

/// A lease with its session at work in an open transaction.
struct Open {
    request: String,
    credential: Credential,
    session: JoinHandle<Duration>,
}

/// Measures leases with a session in an open transaction.
///
/// # Errors
/// What the gate or the server says.
pub async fn sessions(gatehold: &Path, pack: &Path) -> Outcome<Sessions> {
    let mut figures = Sessions::default();
    let shop = Shop::open(gatehold, pack, Kind::Reviewed).await?;
    figures.synced = by_hand::synced(shop.folder())?;
    (figures.usable_by_hand, figures.revoked_by_hand) = by_hand::at(&shop).await?;
    let begun = load::now();
    let mut open = Vec::with_capacity(OPEN);
    let mut hands = Vec::new();
    for _ in 0..HANDS {
        let shop = shop.clone();
        hands.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..OPEN / HANDS {
                mine.push(opened(&shop, begun).await?);
            }
            Ok::<_, Trouble>(mine)
        }));
    }
    for hand in hands {
        for (one, issued, usable) in hand.await.map_err(trouble("a hand"))?? {
            figures.issued.add(issued);
            figures.usable.add(usable);
            open.push(one);
        }
    }
    let others = open.split_off(ONE_BY_ONE);
    for one in open {
        let asked = load::now().duration_since(begun);
        shop.revoke(&one.request).await?;
        let ended = one.session.await.map_err(trouble("a session"))?;
        figures.revoked.add(ended.saturating_sub(asked));
        figures.let_in += usize::from(shop.log_in(&one.credential).await.is_ok());
    }
    let asked = load::now().duration_since(begun);
    shop.stop_the_workload().await?;
    for one in others {
        let ended = one.session.await.map_err(trouble("a session"))?;
        figures.stopped.add(ended.saturating_sub(asked));
        figures.let_in += usize::from(shop.log_in(&one.credential).await.is_ok());
    }
    shop.until_swept().await?;
    figures.swept = load::now().duration_since(begun).saturating_sub(asked);
    figures.left = shop.left().await?;
    shop.end().await?;
    Ok(figures)
}

/// Asks for a lease, has it approved, takes it and goes to work; how long the two took after the answer that approved.
async fn opened(shop: &Shop, begun: std::time::Instant) -> Outcome<(Open, Duration, Duration)> {
    let request = shop.asked().await?;
    let (approved, credential) = loop {
        shop.approve(&request).await?;
        let approved = load::now();
        if let Some(credential) = shop.taken(&request).await? {
            break (approved, credential);
        }
    };
    let issued = load::now().duration_since(approved);
    let session = shop.log_in(&credential).await.map_err(trouble("a login"))?;
    let read = session
        .batch_execute("BEGIN; SELECT status FROM orders WHERE id = 7")
        .await;
    read.map_err(trouble("a row"))?;
    let usable = load::now().duration_since(approved);
    let session = tokio::spawn(async move {
        // Ends with an error: the server ends the session.
        let _ended = session.batch_execute("SELECT pg_sleep(36000)").await;
        load::now().duration_since(begun)
    });
    let open = Open {
        request,
        credential,
        session,
    };
    Ok((open, issued, usable))
}

/// Measures leases that only live.
///
/// # Errors
/// What the gate or the server says.
pub async fn many(gatehold: &Path, pack: &Path) -> Outcome<Many> {
    let mut figures = Many::default();
    let shop = Shop::open(gatehold, pack, Kind::Allowed).await?;
    living(&shop, SOME).await?;
    rest().await;
    figures.resident.0 = shop.resident_kib();
    figures.busy = living(&shop, MANY - SOME).await?;
    rest().await;
    figures.resident.1 = shop.resident_kib();
    let standing = shop.left().await?;
    if standing != i64::try_from(MANY).unwrap_or_default() {
        return Err(Trouble(format!("{standing} roles stand, and not {MANY}")));
    }
    let asked = load::now();
    shop.stop_the_workload().await?;
    shop.until_swept().await?;
    figures.swept = load::now().duration_since(asked);
    figures.left = shop.left().await?;
    shop.end().await?;
    Ok(figures)
}

/// The gate has nothing to do but to keep what it has.
async fn rest() {
    let mut rest = tokio::time::interval(REST);
    rest.tick().await;
    rest.tick().await;
}

/// Takes so many leases; the gate's resident KiB then.
async fn living(shop: &Shop, number: usize) -> Outcome<Option<u64>> {
    let mut hands = Vec::new();
    for _ in 0..HANDS {
        let shop = shop.clone();
        hands.push(tokio::spawn(async move {
            for _ in 0..number / HANDS {
                let request = shop.asked().await?;
                if shop.taken(&request).await?.is_none() {
                    return Err(Trouble(format!("{request} is held, and policy allows it")));
                }
            }
            Ok::<_, Trouble>(())
        }));
    }
    for hand in hands {
        hand.await.map_err(trouble("a hand"))??;
    }
    Ok(shop.resident_kib())
}
