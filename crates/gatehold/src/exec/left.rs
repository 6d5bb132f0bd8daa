//! What a program left behind when it ended: processes that became ours, in whatever session or group. Each is killed, and what it had
//! started becomes ours in turn, until there is none.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::exit::Failure;

/// How often it is looked whether what was killed is gone.
const LOOK: Duration = Duration::from_millis(20);

/// Ends all of it within a time.
///
/// # Errors
/// When something of it is still there.
pub async fn end_all(within: Duration) -> Result<(), Failure> {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = timeout(within, async {
        while kill_children() {
            looks.tick().await;
        }
    });
    ended.await.map_err(|_elapsed| {
        Failure::fault(
            "something that the program started cannot be killed",
            "look for it with `ps`, and for what it waits for",
        )
    })
}

/// Kills every child, and takes note of those that are gone. Whether there was any.
fn kill_children() -> bool {
    let children = children();
    for child in &children {
        // Ours until it was waited for here, so its number is nobody else's.
        let gone = waitpid(Some(*child), WaitOptions::NOHANG);
        if matches!(gone, Ok(None)) {
            let killed = kill_process(*child, Signal::KILL);
            if let Err(error) = killed.or_else(|error| match error {
                Errno::SRCH => Ok(()),
                other => Err(other),
            }) {
                tracing::warn!(%error, pid = %child, "what a program started cannot be killed");
            }
        }
    }
    !children.is_empty()
}

/// The children of every thread of this process.
fn children() -> Vec<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists = threads.flatten().filter_map(|thread| {
        let list = std::fs::read_to_string(thread.path().join("children"));
        list.ok()
    });
    let numbers = lists.flat_map(|list| {
        let numbers = list.split_whitespace().map(str::parse::<i32>);
        numbers.flatten().collect::<Vec<i32>>()
    });
    numbers.filter_map(Pid::from_raw).collect()
}
