//! The console in the user's browser, for whoever asked for that: by the program that the desktop has for it. A gate that cannot open
//! one goes on, and says where its pages are.

use std::process::Stdio;

use tokio::process::Command;

/// What opens an address on this system.
const PROGRAM: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Has this address opened. The one-time code is no part of it: addresses are kept in histories.
pub fn open(url: &str) {
    let url = url.to_owned();
    tokio::spawn(async move {
        let opened = Command::new(PROGRAM)
            .arg(&url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        let why = match opened {
            Ok(status) if status.success() => return,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        eprintln!("note:  `{PROGRAM}` opened no browser ({why}): go to {url} yourself");
    });
}
