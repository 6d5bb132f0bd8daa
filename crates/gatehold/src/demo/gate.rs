//! The gate of the demo: `gatehold dev` in a process of its own, on a free port, in a folder that goes away.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rusqlite::{Connection, OpenFlags};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::connect::new_key;
use crate::dev::{READY, enrol_workload};
use crate::exit::Failure;
use crate::files;
use crate::profile::Profile;

/// The sample workload's key, in the gate's folder.
pub const DEPLOY_KEY: &str = "deploy-bot.pem";
/// Another workload's key.
pub const OTHER_KEY: &str = "other-bot.pem";

/// A running gate.
pub struct Gate {
    child: Child,
    folder: tempfile::TempDir,
    profile: Profile,
}

impl Gate {
    /// Starts one and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("gatehold-demo-")
            .tempdir()
            .map_err(|error| Failure::fault(error, "make room in the temporary folder"))?;
        let home = folder.path().join("gate");
        let mut child = Command::new(program()?)
            .args(["dev", "--quiet", "--keep"])
            .arg(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::fault(error, "allow this program to start itself"))?;
        wait_until_ready(&mut child).await?;
        let profile = Profile::load(&home)?;
        let other = new_key()?;
        let pem = other
            .to_pem()
            .map_err(|error| Failure::fault(error, "try again"))?;
        files::replace_secret(&home.join(OTHER_KEY), pem.as_bytes())?;
        enrol_workload(&profile, "other-bot", other.public().to_jwk()).await?;
        Ok(Self {
            child,
            folder,
            profile,
        })
    }

    /// Where everything of it is.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.profile.url
    }

    /// The people and addresses of it.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// An order's status, read from the database behind the gate's back: what really is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn order_status(&self, id: u32) -> Result<String, Failure> {
        let broken = |error: rusqlite::Error| Failure::fault(error, "report this");
        let shop = Connection::open_with_flags(
            self.home().join("shop.db"),
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        )
        .map_err(broken)?;
        shop.query_row("SELECT status FROM orders WHERE id = ?1", [id], |row| {
            row.get(0)
        })
        .map_err(broken)
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(&mut self) -> Result<(), Failure> {
        let pid = self
            .child
            .id()
            .map(|pid| pid.to_string())
            .unwrap_or_default();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await;
        if !asked.is_ok_and(|status| status.success()) {
            self.child
                .kill()
                .await
                .map_err(|error| Failure::fault(error, "end the gate by hand"))?;
        }
        self.child
            .wait()
            .await
            .map_err(|error| Failure::fault(error, "end the gate by hand"))?;
        Ok(())
    }
}

/// This very program.
///
/// # Errors
/// When the system does not say where it is.
pub fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::fault(error, "run it by its full path"))
}

/// The configuration of a gate's folder.
pub fn config(home: &Path) -> PathBuf {
    home.join("gatehold.toml")
}

async fn wait_until_ready(child: &mut Child) -> Result<(), Failure> {
    let out = child
        .stdout
        .take()
        .ok_or_else(|| Failure::fault("the gate has no output", "report this"))?;
    let mut lines = BufReader::new(out).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == READY {
            return Ok(());
        }
    }
    Err(Failure::fault(
        "the gate ended before it was ready",
        "run `gatehold dev` and read what it says",
    ))
}
