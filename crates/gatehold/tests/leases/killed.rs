//! Promises P2, P3 and P8 at a real server: `gatehold serve` is killed with SIGKILL while logins are made and while they are taken away.
//! Nobody is handed two of them, what somebody was told holds, and nothing is left that nobody answers for.

use std::sync::Arc;

use gatehold_client::wire::{Credential, RequestState};
use gatehold_core::commit::LeafKind;
use rusqlite::{Connection, OpenFlags};
use tokio::task::JoinSet;

use crate::NOBODY;
use crate::share::{Seed, count};
use crate::world::{World, code};

const REDEEMERS: usize = 6;
/// How often it is looked at most whether a moment at any time has come.
const LOOKS: usize = 3_000;

/// When the gate is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// At any moment of making it.
    Any,
    /// Once the claim is durable.
    Claimed,
    /// Once the role stands at the server.
    Made,
    /// At any moment of taking it away.
    Ending,
}

const MOMENTS: [Moment; 4] = [Moment::Any, Moment::Claimed, Moment::Made, Moment::Ending];

/// Claims in the ledger that name the request.
fn claimed(world: &World, request: &str) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = Connection::open_with_flags(world.gate.database(), flags).unwrap();
    let kind = [1, 0, LeafKind::Execution as u8];
    let claims = ledger.query_row(
        "SELECT count(*) FROM leaf WHERE substr(leaf, 1, 3) = ?1 AND CAST(record AS TEXT) LIKE ?2",
        (&kind[..], format!("%{request}%")),
        |row| row.get(0),
    );
    claims.unwrap()
}

/// Several take it at once, until the gate is killed; what any of them was handed.
async fn killed_making(
    world: &mut World,
    request: &str,
    moment: Moment,
    looks: usize,
) -> Vec<Credential> {
    let bot = Arc::new(world.bot.clone());
    let mut redeemers = JoinSet::new();
    for _ in 0..REDEEMERS {
        let (bot, request) = (Arc::clone(&bot), request.to_owned());
        redeemers.spawn(async move { bot.client.redeem(&request, 0).await });
    }
    let mut handed = Vec::new();
    let mut left = looks;
    while !redeemers.is_empty() {
        let reached = match moment {
            Moment::Any | Moment::Ending => left == 0,
            Moment::Claimed => claimed(world, request) > 0,
            Moment::Made => world.roles().await > 0,
        };
        if reached {
            break;
        }
        left = left.saturating_sub(1);
        if let Some(Ok(Ok(redeemed))) = redeemers.try_join_next() {
            handed.extend(redeemed.credential);
        }
        tokio::task::yield_now().await;
    }
    world.gate.kill().await.unwrap();
    while let Some(ended) = redeemers.join_next().await {
        handed.extend(ended.unwrap().ok().and_then(|redeemed| redeemed.credential));
    }
    handed
}

/// Somebody takes it away while a session is in the middle of something, until the gate is killed. Whether it was told to be done.
async fn killed_ending(world: &mut World, request: &str, looks: usize) -> bool {
    let (reviewer, revoked) = (world.people["reviewer"].clone(), request.to_owned());
    let revoking = tokio::spawn(async move { reviewer.client.revoke_request(&revoked).await });
    for _ in 0..looks {
        tokio::task::yield_now().await;
    }
    world.gate.kill().await.unwrap();
    revoking.await.unwrap().is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_p03_p08_a_killed_gate_hands_out_nothing_twice_and_leaves_nothing_behind() {
    let mut seed = Seed::of("p08 killed");
    let mut world = World::open().await;
    let rounds = count(8, 200);
    let (mut made, mut given, mut told) = (0, 0, 0);
    for round in 0..rounds {
        let moment = MOMENTS[usize::try_from(round).unwrap() % MOMENTS.len()];
        let request = world.ask(600).await;
        world.approve(&request).await;
        let looks = seed.below(LOOKS);
        let mut session = None;
        let mut revoked = false;
        let handed = if moment == Moment::Ending {
            let credential = world.taken(&request).await;
            let working = world.log_in(&credential).await.unwrap();
            let work = "BEGIN; SELECT status FROM orders";
            working.batch_execute(work).await.unwrap();
            session = Some(working);
            revoked = killed_ending(&mut world, &request, looks).await;
            vec![credential]
        } else {
            killed_making(&mut world, &request, moment, looks).await
        };
        let (roles, claims) = (world.roles().await, claimed(&world, &request));
        assert!(
            handed.len() <= 1,
            "{request}: handed over {} times",
            handed.len()
        );
        assert!(
            roles <= claims && claims <= 1,
            "{request}: {roles} roles, {claims} claims"
        );
        made += roles;
        given += handed.len();
        told += usize::from(revoked);

        world.gate.start_again().await.unwrap();
        world.people = world.gate.people().await.unwrap();
        // Nobody is handed what was handed over, or may have been.
        let again = world.bot.client.redeem(&request, 0).await;
        let again = again.ok().and_then(|redeemed| redeemed.credential);
        assert!(claims == 0 || again.is_none(), "{moment:?} {request}");
        let handed = handed.first().or(again.as_ref());
        if let (Some(credential), false) = (handed, moment == Moment::Ending) {
            assert_eq!(
                code(&world.log_in(credential).await),
                "nothing was refused",
                "{moment:?}"
            );
            let state = world.bot.client.status(&request, 0).await.unwrap().state;
            assert_eq!(state, RequestState::Completed, "{request}");
        }
        // Whoever was told that it is taken away has nothing more to do.
        if !revoked {
            let reviewer = &world.people["reviewer"];
            drop(reviewer.client.revoke_request(&request).await);
        }
        world.until_no_role().await;
        assert_eq!(world.sessions().await, 0, "{moment:?} {request}");
        if let Some(session) = session {
            assert!(session.batch_execute("COMMIT").await.is_err());
        }
        if let Some(credential) = handed {
            assert_eq!(code(&world.log_in(credential).await), NOBODY, "{moment:?}");
        }
    }
    println!(
        "{rounds} kills: {made} roles stood then, {given} were handed over, {told} were told to be taken away"
    );
    let rounds = usize::try_from(rounds).unwrap();
    assert!(made >= 1 && given >= rounds / 4, "{made} {given}");
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}
