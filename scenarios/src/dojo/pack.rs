//! The bundle of a dojo: the default pack, one descriptor per recorded tool, and one rule that holds what changes
//! something. It is made from what tools say about themselves and from nothing else.

use std::path::Path;

use super::record::Suite;
use crate::trouble::{Outcome, trouble};

/// Writes the bundle into `folder`, with the files of `default_pack` and those of the suites.
///
/// # Errors
/// What cannot be read or written.
pub fn write_pack(default_pack: &Path, suites: &[Suite], folder: &Path) -> Outcome<()> {
    copy(default_pack, folder)?;
    let descriptors = folder.join("descriptors");
    for suite in suites {
        for tool in suite.tools.values() {
            let path = descriptors.join(format!("{}.toml", tool.descriptor_id(&suite.name)));
            std::fs::write(&path, tool.descriptor(&suite.name)).map_err(trouble(path.display()))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    std::fs::create_dir_all(to).map_err(trouble(to.display()))?;
    for entry in std::fs::read_dir(from).map_err(trouble(from.display()))? {
        let entry = entry.map_err(trouble(from.display()))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(trouble(path.display()))?;
        }
    }
    Ok(())
}
