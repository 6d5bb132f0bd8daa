//! What a `kill -9` under load loses: every decision that was acknowledged must be there after a restart.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehold_scenarios::{Outcome, Trouble, trouble};

use crate::gate::BenchGate;
use crate::load::{Connection, Round};

const POLICIES: usize = 100;
const CONNECTIONS: usize = 32;
/// Signed calls at hand.
const REQUESTS: usize = 40_000;
/// The gate is killed once so many were acknowledged.
const KILL_AFTER: usize = 3_000;

/// Kills a gate under load, starts it again, and asks for every acknowledged decision. Gives how many there were and how
/// many are gone.
///
/// # Errors
/// When the gate does not start again, or an answer is not one.
pub async fn kill_under_load(gatehold: &Path, pack: &Path) -> Outcome<(usize, usize)> {
    let mut gate = BenchGate::start(gatehold, pack, POLICIES).await?;
    let round = gate.round(REQUESTS)?;
    let address = gate.server()?.address;
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (signal, mut killed) = tokio::sync::mpsc::channel::<()>(1);
    let mut workers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (round, next, done) = (Arc::clone(&round), Arc::clone(&next), Arc::clone(&done));
        let signal = signal.clone();
        workers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            if let Ok(mut connection) = Connection::open(address).await {
                ask_until_dead(
                    &mut connection,
                    &round,
                    &next,
                    &done,
                    &signal,
                    &mut acknowledged,
                )
                .await;
            }
            acknowledged
        }));
    }
    drop(signal);
    // The first worker to pass the mark says so; without one every worker has ended.
    if killed.recv().await.is_none() {
        return Err(Trouble(
            "the gate answered too few calls to be killed".to_owned(),
        ));
    }
    gate.process.kill().await?;
    let mut acknowledged = Vec::new();
    for worker in workers {
        acknowledged.extend(worker.await.map_err(trouble("worker"))?);
    }
    gate.process.start_again().await?;
    let mut lost = 0;
    for request in &acknowledged {
        match gate.workload.client.status(request, 0).await {
            Ok(_) => {}
            Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => lost += 1,
            Err(error) => return Err(Trouble(format!("{request}: {error}"))),
        }
    }
    gate.stop().await?;
    Ok((acknowledged.len(), lost))
}

async fn ask_until_dead(
    connection: &mut Connection,
    round: &Round,
    next: &AtomicUsize,
    done: &AtomicUsize,
    signal: &tokio::sync::mpsc::Sender<()>,
    acknowledged: &mut Vec<String>,
) {
    while let Some(request) = round.requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let Ok(answer) = connection.ask(request, round.wanted).await else {
            return;
        };
        let answer = String::from_utf8_lossy(answer);
        let id = answer
            .split_once("\"request\":\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        acknowledged.extend(id.map(|(id, _)| id.to_owned()));
        if done.fetch_add(1, Ordering::Relaxed) == KILL_AFTER {
            // Full means that somebody has said it already.
            let _ = signal.try_send(());
        }
    }
}
