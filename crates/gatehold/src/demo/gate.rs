//! The gate of the demo: `gatehold dev` in a process of its own, on a free port, as the demo sees it once it is ready.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::cast::{Cast, Console};
use crate::connect::new_key;
use crate::dev::enrol_workload;
use crate::exit::Failure;
use crate::files;
use crate::profile::Profile;

/// The sample workload's key, in the gate's folder.
pub const DEPLOY_KEY: &str = "deploy-bot.pem";
/// Another workload's key.
pub const OTHER_KEY: &str = "other-bot.pem";

/// A gate that is ready.
pub struct Gate {
    profile: Profile,
    console: Option<Console>,
}

impl Gate {
    /// Waits until the cast's gate is ready, and enrols another workload.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn ready(cast: &mut Cast) -> Result<Self, Failure> {
        let console = cast.ready().await?;
        let profile = Profile::load(&cast.home())?;
        let other = new_key()?;
        let pem = other
            .to_pem()
            .map_err(|error| Failure::fault(error, "try again"))?;
        files::replace_secret(&profile.home.join(OTHER_KEY), pem.as_bytes())?;
        enrol_workload(&profile, "other-bot", other.public().to_jwk()).await?;
        Ok(Self { profile, console })
    }

    /// The gate that this very process serves.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn served(home: &Path) -> Result<Self, Failure> {
        let profile = Profile::load(home)?;
        Ok(Self {
            profile,
            console: None,
        })
    }

    /// Where everything of it is.
    pub fn home(&self) -> &Path {
        &self.profile.home
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.profile.url
    }

    /// Its pages, where somebody decides in a browser.
    pub const fn console(&self) -> Option<&Console> {
        self.console.as_ref()
    }

    /// The people and addresses of it.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Has an order be as the agent's story begins, where the gate is kept and the story was told before. Gives whether it was
    /// otherwise.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn order_fails_again(&self, id: u32) -> Result<bool, Failure> {
        let broken = |error: rusqlite::Error| Failure::fault(error, "end what holds the shop open");
        let shop = Connection::open(self.home().join("shop.db")).map_err(broken)?;
        shop.execute(
            "UPDATE orders SET status = 'failed' WHERE id = ?1 AND status <> 'failed'",
            [id],
        )
        .map(|rows| rows > 0)
        .map_err(broken)
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
