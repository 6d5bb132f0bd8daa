//! What the server and the disk need for the same, without a gate.

use std::io::Write as _;
use std::path::Path;

use gatehold_scenarios::{Outcome, Trouble, trouble};

use super::shop::{DATABASE, GROUP, Shop};
use super::times::Times;
use crate::load;

/// How often each is done.
const TIMES: usize = 200;
/// What is written before each `fdatasync`.
const BLOCK: [u8; 4096] = [0x5a; 4096];

/// A role made and a row read by it; and its session ended and the role dropped.
pub async fn at(shop: &Shop) -> Outcome<(Times, Times)> {
    let (mut usable, mut gone) = (Times::default(), Times::default());
    for number in 0..TIMES {
        let role = format!("by_hand_{number}");
        let begun = load::now();
        let admin = shop.server.connect(DATABASE).await;
        let make = format!(
            "BEGIN; CREATE ROLE {role} LOGIN CONNECTION LIMIT 1 PASSWORD 'by hand'; GRANT {GROUP} TO {role}; COMMIT"
        );
        admin.batch_execute(&make).await.map_err(trouble(&role))?;
        let session = shop.server.log_in(DATABASE, &role, "by hand").await;
        let session = session.map_err(trouble(&role))?;
        let read = "BEGIN; SELECT status FROM orders WHERE id = 7";
        session.batch_execute(read).await.map_err(trouble(&role))?;
        usable.add(load::now().duration_since(begun));
        let working =
            tokio::spawn(async move { session.batch_execute("SELECT pg_sleep(36000)").await });
        let begun = load::now();
        let admin = shop.server.connect(DATABASE).await;
        let end = format!(
            "ALTER ROLE {role} NOLOGIN; SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{role}'"
        );
        admin.batch_execute(&end).await.map_err(trouble(&role))?;
        if working.await.map_err(trouble(&role))?.is_ok() {
            return Err(Trouble(format!("{role}: its session ended by itself")));
        }
        gone.add(load::now().duration_since(begun));
        let drop = format!("DROP ROLE {role}");
        admin.batch_execute(&drop).await.map_err(trouble(&role))?;
    }
    Ok((usable, gone))
}

/// One block written and made durable, in this folder.
pub fn synced(folder: &Path) -> Outcome<Times> {
    let path = folder.join("synced");
    let mut file = std::fs::File::create(&path).map_err(trouble(path.display()))?;
    let mut times = Times::default();
    for _ in 0..TIMES {
        file.write_all(&BLOCK).map_err(trouble(path.display()))?;
        let begun = load::now();
        file.sync_data().map_err(trouble(path.display()))?;
        times.add(load::now().duration_since(begun));
    }
    Ok(times)
}
