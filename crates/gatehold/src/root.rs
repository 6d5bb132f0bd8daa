//! The root that this client goes by. A terminal is a renderer of its own only if it knows by itself who may say what an action
//! means: so it pins the hash of the gate's root statement, and folds the gate's chain of trust under it anew, signature by
//! signature, to the bundle that people approved. Of the gate it takes the links, and believes nothing about them.
//!
//! The first pin is trust on first use, and is said so. Links that have force are kept: a gate cannot go back behind them.

mod fold;
mod links;

use gatehold_client::Client;
use gatehold_core::checkpoint::Requirement;
use gatehold_core::descriptor::Descriptor;
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{CheckpointName, DescriptorId};
use gatehold_gate::Past;
use gatehold_policy::{Bundle, Definitions};

use crate::exit::Failure;
use crate::profile::{FILE, Profile};

use fold::fold;
use links::{fetch, keep, kept, place};

/// The gate as its chain of trust gives it, under the pinned root.
#[derive(Debug)]
pub struct Rooted {
    /// The pinned root.
    pub root: Hash,
    /// Whether it was pinned just now, because nothing was before.
    pub first_use: bool,
    /// Keys, teams, workloads and the bundle that decides.
    pub directory: Directory,
    /// The same as it was after each link.
    pub past: Past,
    /// The bundles that people gave force, with their bytes; the last one decides.
    bundles: Vec<(Hash, Vec<u8>)>,
    /// What stands in that.
    active: Definitions,
}

impl Rooted {
    /// A kind of action of the bundle that decides.
    pub fn descriptor(&self, id: &DescriptorId) -> Option<&Descriptor> {
        self.active.descriptor(id)
    }

    /// The bundle that decides, whole. Nothing, where this program does not find it sound: it is older than what people approved.
    pub fn bundle(&self) -> Option<Bundle> {
        let (_, bytes) = self.bundles.last()?;
        Bundle::from_bytes(bytes).ok()
    }

    /// What these checkpoints ask of an action of this kind, in the newest bundle in which that has this hash: what was held
    /// before another bundle was activated stays held as it was.
    pub fn requirement(
        &self,
        names: &[CheckpointName],
        descriptor: &Descriptor,
        hash: &Hash,
    ) -> Option<Requirement> {
        let is_it = |one: &Requirement| one.requirement_hash() == *hash;
        let in_active = self.active.requirement(names.iter(), descriptor);
        if let Some(found) = in_active.filter(is_it) {
            return Some(found);
        }
        let earlier = self.bundles.iter().rev().skip(1);
        earlier
            .filter_map(|(_, bytes)| Definitions::from_bytes(bytes).ok())
            .filter_map(|one| one.requirement(names.iter(), descriptor))
            .find(is_it)
    }
}

/// Folds the gate's chain of trust under the root of this profile; pins that, where nothing was pinned, and says so.
///
/// # Errors
/// Verification failed, when the chain does not lead from that root to a bundle.
// INVARIANT(own-root): what a terminal shows and signs is read from a bundle that follows from the root it pinned.
pub async fn rooted(profile: &Profile, client: &Client) -> Result<Rooted, Failure> {
    let (root, first_use) = match profile.root {
        Some(root) => (root, false),
        None => (named(client).await?, true),
    };
    let place = place(profile, root);
    let mut links = kept(&place);
    let before = links.len();
    fetch(client, &mut links).await?;
    let (mut rooted, links) = fold(&profile.origin, root, links)?;
    if links.len() != before {
        keep(&place, links);
    }
    if first_use {
        pin(profile, root)?;
        say_first_use(profile, root);
        rooted.first_use = true;
    }
    Ok(rooted)
}

/// Pins another root, because a person said so with its hash.
///
/// # Errors
/// When client.toml cannot be written.
pub fn pin(profile: &Profile, root: Hash) -> Result<(), Failure> {
    let path = profile.home.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    std::fs::write(&path, pinned(&text, root)).map_err(|error| Failure::file(&path, &error))
}

/// The file with this root in it, and everything else as it stands.
fn pinned(text: &str, root: Hash) -> String {
    let line = format!("root = \"{root}\"");
    let is_root = |line: &str| {
        let rest = line.trim_start().strip_prefix("root");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let tables = lines
        .iter()
        .position(|line| line.trim_start().starts_with('['));
    let tables = tables.unwrap_or(lines.len());
    let own = lines.get_mut(..tables);
    match own.and_then(|own| own.iter_mut().find(|line| is_root(line))) {
        Some(old) => *old = &line,
        None => lines.insert(0, &line),
    }
    lines.join("\n") + "\n"
}

/// The root that the gate names: believed once, and only to be pinned.
async fn named(client: &Client) -> Result<Hash, Failure> {
    let info = client.gate().await?;
    info.root
        .parse()
        .map_err(|error| Failure::verification(error, "check that the URL is that of a gate"))
}

fn say_first_use(profile: &Profile, root: Hash) {
    let file = profile.home.join(FILE);
    let (file, origin) = (
        file.display(),
        crate::screen::plain(profile.origin.as_str()),
    );
    eprintln!(
        "note:  nothing was pinned, so this client now trusts the root that {origin} names itself:\n\
         note:    {root}\n\
         note:  whether that is the right one only people can tell you: compare it with the root that your operators wrote \
         down when\n\
         note:  they founded the gate. It stands in {file}, and only `gatehold login --root HASH` changes it"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_stands_at_the_top_of_the_file_and_replaces_the_one_before() {
        let [one, two] = [b"one", b"two"].map(|bytes| Hash::of(bytes));
        let text = "# mine\nurl = \"http://127.0.0.1:1\"\n\n[people.root]\nroot = \"no pin\"\n";
        let first = pinned(text, one);
        assert_eq!(first, format!("root = \"{one}\"\n{text}"));
        assert_eq!(pinned(&first, two), format!("root = \"{two}\"\n{text}"));
        let spaced = "url = \"u\"\nroot=\"old\"\n";
        assert_eq!(
            pinned(spaced, one),
            format!("url = \"u\"\nroot = \"{one}\"\n")
        );
        assert_eq!(pinned("", one), format!("root = \"{one}\"\n"));
    }
}
