//! Whether the files of an executor are its own: what others can change here, they can have executed. Only what the file system says
//! is looked at; nothing is changed.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::process::{getegid, geteuid, getgroups};

/// Somebody else may write.
const OTHERS_WRITE: u32 = 0o022;
/// Any other user may read.
const OTHERS_READ: u32 = 0o004;
/// Whoever is of its group may read.
const GROUP_READS: u32 = 0o040;
/// Any other user may read or enter.
const OTHERS_ENTER: u32 = 0o007;
/// In a folder with this, names belong to their owners, whoever else may write: `/tmp`.
const STICKY: u32 = 0o1000;

/// Links that are followed; the system follows no more.
const LINKS_MAX: usize = 40;

/// What is asked of a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nobody else writes it.
    Unchanged,
    /// Nor does everybody read it.
    Secret,
    /// A folder that is made where it is missing, for nobody else; so is what stands in it.
    State,
}

/// Who else could change what stands at this path, or read what is secret: each with its remedy. What is not there is for whoever
/// reads it to say.
pub(super) fn shared(path: &Path, kept: Kept) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(path) = std::path::absolute(path) else {
        return found;
    };
    // By its name and by everything that this leads through: a link is as good as the folder that it stands in.
    let above = passed(&path);
    if let Some(about) = looked_at(&path) {
        found.extend(own(&path, &about, kept));
        if kept == Kept::State && about.is_dir() {
            found.extend(within(&path));
        }
    }
    found.extend(above.iter().filter_map(|folder| changed_by_others(folder)));
    found
}

/// Every folder that is entered on the way, in the middle of a chain of links too, and every link: in a folder with the sticky bit its
/// owner may replace it, whoever else may not.
fn passed(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut at = PathBuf::new();
    let mut left: Vec<PathBuf> = parts(path);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == Path::new("..") {
            at.pop();
            continue;
        }
        if part.is_absolute() {
            at = part;
            continue;
        }
        folders.insert(at.clone());
        let next = at.join(&part);
        match fs::read_link(&next) {
            Ok(leads) if links < LINKS_MAX => {
                links += 1;
                folders.insert(next);
                left.extend(parts(&leads));
            }
            _ => at = next,
        }
    }
    folders
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let mut parts: Vec<PathBuf> = parts.map(|part| PathBuf::from(part.as_os_str())).collect();
    parts.reverse();
    parts
}

fn looked_at(path: &Path) -> Option<Metadata> {
    fs::metadata(path).ok()
}

fn own(path: &Path, about: &Metadata, kept: Kept) -> Option<String> {
    let shown = path.display();
    let mode = about.permissions().mode();
    if kept == Kept::State && !about.is_dir() {
        return Some(format!(
            "{shown} is no folder: name one that nobody else can write"
        ));
    }
    if let Some(why) = foreign(path, about) {
        return Some(why);
    }
    let remedy = match kept {
        Kept::Unchanged => "go-w",
        Kept::Secret => "600",
        Kept::State => "700",
    };
    let open = match kept {
        Kept::Unchanged => 0,
        Kept::Secret => OTHERS_READ,
        Kept::State => OTHERS_ENTER,
    };
    let what = if mode & OTHERS_WRITE != 0 {
        "others may write to"
    } else if mode & open != 0 {
        "everybody may read"
    } else if kept == Kept::Secret && mode & GROUP_READS != 0 && !is_own_group(about.gid()) {
        "a group that this process is not of may read"
    } else {
        return None;
    };
    Some(format!("{what} {shown}: run chmod {remedy} {shown}"))
}

/// What an executor remembers stands in files of its own.
fn within(folder: &Path) -> Vec<String> {
    let own_names = ["links.json", "lock", "spent"];
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![format!("{}: {error}", folder.display())],
    };
    let found = entries.filter_map(|entry| {
        let file = entry.ok()?.path();
        let name = file.file_name()?.to_str()?;
        let ours = own_names.iter().any(|own| name.starts_with(own));
        let about = fs::symlink_metadata(&file).ok().filter(|_| ours)?;
        own(&file, &about, Kept::Secret)
    });
    let mut found: Vec<String> = found.collect();
    found.sort();
    found
}

/// Whoever may write a folder may put another in the place of what it holds.
fn changed_by_others(folder: &Path) -> Option<String> {
    let about = fs::symlink_metadata(folder).ok()?;
    if let Some(why) = foreign(folder, &about) {
        return Some(why);
    }
    // What a link says of its own mode means nothing.
    let mode = about.permissions().mode();
    let open = !about.is_symlink() && mode & OTHERS_WRITE != 0 && mode & STICKY == 0;
    let shown = folder.display();
    open.then(|| {
        format!("others may write to {shown}, and replace what is in it: run chmod go-w {shown}")
    })
}

fn foreign(path: &Path, about: &Metadata) -> Option<String> {
    let shown = path.display();
    let foreign = is_foreign(about.uid(), geteuid().as_raw());
    foreign.then(|| {
        format!(
            "{shown} belongs to another user: run chown on it, or start the executor as that user"
        )
    })
}

fn is_own_group(group: u32) -> bool {
    let others = getgroups().unwrap_or_default();
    let mut own = std::iter::once(getegid()).chain(others);
    own.any(|own| own.as_raw() == group)
}

/// An owner may always write. The system's administrator may whatever a file says.
const fn is_foreign(owner: u32, own: u32) -> bool {
    owner != 0 && owner != own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn run(mode: &str, path: &Path) -> String {
        format!("run chmod {mode} {}", path.display())
    }

    #[test]
    fn what_others_may_change_or_read_is_said_with_its_remedy() {
        let root = tempfile::tempdir().unwrap();
        let (folder, file) = (root.path().join("own"), root.path().join("own/key"));
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "secret").unwrap();
        let says = |of: [u32; 2], kept, path: &Path| {
            set(&folder, of[0]);
            set(&file, of[1]);
            shared(path, kept).join("; ")
        };
        for (mode, kept) in [
            (0o600, Kept::Secret),
            (0o640, Kept::Secret),
            (0o644, Kept::Unchanged),
        ] {
            assert_eq!(says([0o755, mode], kept, &file), "", "{mode:o}");
        }
        let (own, above) = (run("600", &file), run("go-w", &folder));
        for (of, kept, wanted) in [
            ([0o700, 0o604], Kept::Secret, vec![own.clone()]),
            ([0o700, 0o620], Kept::Secret, vec![own]),
            ([0o700, 0o664], Kept::Unchanged, vec![run("go-w", &file)]),
            (
                [0o702, 0o602],
                Kept::Unchanged,
                vec![run("go-w", &file), above.clone()],
            ),
        ] {
            let said = says(of, kept, &file);
            assert!(wanted.iter().all(|one| said.contains(one)), "{said}");
            assert_eq!(said.matches("run chmod").count(), wanted.len(), "{said}");
        }
        // What a folder with the sticky bit holds is its owner's.
        assert_eq!(says([0o1777, 0o600], Kept::Secret, &file), "");

        // By a link from elsewhere as by its own name.
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        let said = says([0o770, 0o600], Kept::Secret, &link.join("key"));
        assert!(said.contains(&above), "{said}");
    }

    #[test]
    fn every_link_of_a_chain_stands_where_nobody_else_may_write() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["first", "middle", "last"] {
            fs::create_dir(at(folder)).unwrap();
            set(&at(folder), 0o700);
        }
        let link = |to: &Path, from: PathBuf| std::os::unix::fs::symlink(to, from).unwrap();
        link(&at("middle").join("on"), at("first").join("state"));
        link(Path::new("../last/state"), at("middle").join("on"));
        fs::create_dir(at("last/state")).unwrap();
        set(&at("last/state"), 0o700);
        let path = at("first").join("state");
        assert_eq!(shared(&path, Kept::State), Vec::<String>::new());
        for open in ["first", "middle", "last"] {
            set(&at(open), 0o770);
            let said = shared(&path, Kept::State).join("; ");
            assert!(said.contains(&run("go-w", &at(open))), "{open}: {said}");
            assert_eq!(said.matches("run chmod").count(), 1, "{said}");
            set(&at(open), 0o700);
        }
        // A chain without an end is nobody's folder, and is not followed for ever.
        link(&at("first/turn"), at("first").join("turn"));
        assert_eq!(shared(&at("first/turn"), Kept::State), Vec::<String>::new());
    }

    #[test]
    fn a_state_folder_is_for_nobody_else_and_so_is_what_it_holds() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("state");
        let none: Vec<String> = Vec::new();
        assert_eq!(shared(&folder, Kept::State), none, "it is made");
        fs::create_dir(&folder).unwrap();
        let spent = folder.join("spent");
        fs::write(&spent, "").unwrap();
        for (of, file, wrong) in [
            (0o700, 0o600, 0),
            (0o770, 0o600, 1),
            (0o705, 0o600, 1),
            (0o700, 0o660, 1),
            (0o722, 0o606, 2),
        ] {
            set(&folder, of);
            set(&spent, file);
            let said = shared(&folder, Kept::State);
            assert_eq!(said.len(), wrong, "{of:o} {file:o}: {said:?}");
        }
        // It is no folder, and the one above it is open.
        assert_eq!(shared(&spent, Kept::State).len(), 2);
    }

    #[test]
    fn what_belongs_to_another_user_is_theirs_to_change() {
        assert!(is_foreign(1_001, 1_000) && is_foreign(1_001, 0));
        assert!(!is_foreign(1_000, 1_000) && !is_foreign(0, 1_000));
    }
}
