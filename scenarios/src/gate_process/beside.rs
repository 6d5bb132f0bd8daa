//! A second process of one gate: the same database, public URL, targets, resources and log key, and a folder of its own for its
//! configuration, its anchors and its journal, as on another machine.

use std::path::Path;

use toml::{Table, Value};

use super::{GateProcess, free_port, ground, serve};
use crate::trouble::{Outcome, Trouble, trouble};

impl GateProcess {
    /// Starts one more process of this gate. It publishes no tree heads: one process does.
    ///
    /// # Errors
    /// When the gate stands on a file of its own, and what the program says.
    pub async fn beside(&self, name: &str) -> Outcome<Self> {
        let folder = self.folder.with_file_name(name);
        std::fs::create_dir_all(&folder).map_err(trouble(name))?;
        let port = free_port()?;
        let text = std::fs::read_to_string(self.config()).map_err(trouble(name))?;
        let mut config: Table = toml::from_str(&text).map_err(trouble(name))?;
        if config
            .get("store")
            .and_then(|store| store.get("postgres_url_file"))
            .is_none()
        {
            return Err(Trouble(
                "one process serves a file; give `Ground::store_url`".to_owned(),
            ));
        }
        config.insert("listen".to_owned(), format!("127.0.0.1:{port}").into());
        if let Some(targets) = config.get("targets_file").and_then(Value::as_str) {
            copy(&self.folder, &folder, targets)?;
        }
        if let Some(Value::Table(ledger)) = config.get_mut("ledger") {
            ledger.remove("published_folder");
            ledger.insert("anchor_name".to_owned(), name.into());
            if let Some(key) = ledger.get("key_file").and_then(Value::as_str) {
                copy(&self.folder, &folder, key)?;
            }
        }
        let text = toml::to_string(&config).map_err(trouble(name))?;
        std::fs::write(folder.join(ground::CONFIG), text).map_err(trouble(name))?;
        let (child, stdout) = serve(&self.program, &folder).await?;
        Ok(Self {
            program: self.program.clone(),
            folder,
            url: self.url.clone(),
            address: format!("http://127.0.0.1:{port}"),
            origin: self.origin.clone(),
            seeds: self.seeds.clone(),
            child,
            _stdout: stdout,
        })
    }
}

/// The same file at the other machine, with the same permissions.
fn copy(from: &Path, to: &Path, name: &str) -> Outcome<()> {
    std::fs::copy(from.join(name), to.join(name))
        .map(drop)
        .map_err(trouble(name))
}
