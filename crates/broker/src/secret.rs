//! Secrets of targets: where they come from, and a type that prints nothing and is wiped when dropped.
//!
//! A secret is read when a call is made, so that it can be rotated and is in memory for no longer than it is needed.
//! Never in an error, a log line or a Debug text.

use core::fmt;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// Longest secret in bytes.
const SECRET_BYTES_MAX: u64 = 8 << 10;
/// Any other user may read the file.
const OTHERS_READ: u32 = 0o004;
/// Whoever is of its group may.
const GROUP_READS: u32 = 0o040;

/// Bytes that only the target may see.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why there is no secret. Says where to look, never what was found.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {0} cannot be read: check that it exists and its owner")]
    File(String),
    /// Anyone on the machine can read it.
    #[error("the secret file {0} can be read by everybody: run chmod 600 on it")]
    Open(String),
    /// People of another group than the process's own can read it.
    #[error(
        "the secret file {0} can be read by a group that this process is not of: run chmod 600 on it, or chgrp to a group of its own"
    )]
    Group(String),
    /// The command failed or was too slow.
    #[error("the secret command {0} failed or took too long: run it by hand")]
    Command(String),
    /// Empty, too long or not one line of text.
    #[error(
        "the secret must be one line of at most {SECRET_BYTES_MAX} bytes, without spaces around it"
    )]
    Form,
}

impl Secret {
    /// One line of text; the line's end is not part of it.
    pub(crate) fn new(mut bytes: Vec<u8>) -> Result<Self, SecretError> {
        if bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        let secret = Self(Zeroizing::new(bytes));
        let short = u64::try_from(secret.0.len()).is_ok_and(|length| length <= SECRET_BYTES_MAX);
        let plain = std::str::from_utf8(&secret.0).is_ok_and(|text| {
            !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
        });
        if short && plain {
            Ok(secret)
        } else {
            Err(SecretError::Form)
        }
    }

    /// The bytes, for the one place that hands them to the target.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same as text: it was checked to be that.
    pub(crate) fn expose_text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Where a secret is read from when it is needed.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file that not everybody may read.
    File(PathBuf),
    /// An environment variable, read once when the configuration was.
    Captured(Secret),
    /// A program that prints it, without a shell.
    Command(Vec<String>),
}

impl Source {
    /// Whether a file is there and closed to others. A command is not run for this: it may cost something.
    pub(crate) fn check(&self) -> Result<(), SecretError> {
        let Self::File(path) = self else {
            return Ok(());
        };
        let metadata =
            std::fs::metadata(path).map_err(|_| SecretError::File(path.display().to_string()))?;
        check_mode(path, &metadata)
    }

    /// Reads it.
    pub(crate) async fn read(&self, limit: Duration) -> Result<Secret, SecretError> {
        match self {
            Self::File(path) => read_file(path).await,
            Self::Captured(secret) => Secret::new(secret.expose().to_vec()),
            Self::Command(argv) => {
                let name = argv.first().cloned().unwrap_or_default();
                tokio::time::timeout(limit, run(argv))
                    .await
                    .ok()
                    .flatten()
                    .ok_or(SecretError::Command(name))
                    .and_then(Secret::new)
            }
        }
    }
}

fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), SecretError> {
    if !metadata.is_file() {
        return Err(SecretError::File(path.display().to_string()));
    }
    if metadata.permissions().mode() & OTHERS_READ != 0 {
        return Err(SecretError::Open(path.display().to_string()));
    }
    if is_read_by_others(metadata.permissions().mode(), metadata.gid(), &own_groups()) {
        return Err(SecretError::Group(path.display().to_string()));
    }
    Ok(())
}

/// Whether a group reads it that is none of these.
fn is_read_by_others(mode: u32, group: u32, own: &[u32]) -> bool {
    mode & GROUP_READS != 0 && !own.contains(&group)
}

/// The groups of this process; none where the system does not tell.
fn own_groups() -> Vec<u32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines();
    let groups = lines.filter_map(|line| {
        let named = line.strip_prefix("Gid:");
        named.or_else(|| line.strip_prefix("Groups:"))
    });
    let numbers = groups.flat_map(str::split_whitespace);
    numbers.filter_map(|number| number.parse().ok()).collect()
}

async fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |_| SecretError::File(path.display().to_string());
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    // The open file is asked, not the path: another file may have taken its place since the check.
    check_mode(path, &file.metadata().await.map_err(unreadable)?)?;
    Secret::new(read_bounded(file).await.map_err(unreadable)?)
}

/// All of a file that not everybody may read, for what is no single line.
pub(crate) fn read_whole(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable = |_| SecretError::File(path.display().to_string());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    check_mode(path, &file.metadata().map_err(unreadable)?)?;
    // Room for all of it at once: what a buffer leaves behind that grows is not wiped.
    let room = usize::try_from(SECRET_BYTES_MAX).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(64)));
    file.take(SECRET_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// `None` when it could not be run or did not succeed.
async fn run(argv: &[String]) -> Option<Vec<u8>> {
    let (program, arguments) = argv.split_first()?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let bytes = read_bounded(child.stdout.take()?).await.ok()?;
    child.wait().await.ok()?.success().then_some(bytes)
}

async fn read_bounded(source: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(SECRET_BYTES_MAX + 3)
        .read_to_end(&mut bytes)
        .await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn file(mode: u32, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_secret_that_another_group_reads_is_no_secret() {
        for (mode, group, wrong) in [
            (0o640, 7, false),
            (0o640, 8, true),
            (0o600, 8, false),
            (0o620, 8, false),
        ] {
            assert_eq!(is_read_by_others(mode, group, &[5, 7]), wrong, "{mode:o}");
        }
        assert!(is_read_by_others(0o640, 7, &[]), "nobody says");
        assert!(!own_groups().is_empty());
    }

    #[tokio::test]
    async fn a_file_for_everybody_holds_no_secret() {
        let (_folder, path) = file(0o600, b"hunter22\n");
        let source = Source::File(path);
        assert_eq!(source.check(), Ok(()));
        assert_eq!(source.read(LIMIT).await.unwrap().expose(), b"hunter22");

        let (_folder, path) = file(0o644, b"hunter22\n");
        let open = SecretError::Open(path.display().to_string());
        let source = Source::File(path);
        assert_eq!(source.check(), Err(open));
        assert!(matches!(
            source.read(LIMIT).await,
            Err(SecretError::Open(_))
        ));
    }

    #[tokio::test]
    async fn a_command_prints_it_without_a_shell() {
        let argv =
            |words: &[&str]| Source::Command(words.iter().map(|word| (*word).to_owned()).collect());
        let secret = argv(&["printf", "%s\n", "$HOME;x"])
            .read(LIMIT)
            .await
            .unwrap();
        assert_eq!(secret.expose(), b"$HOME;x");
        for bad in [
            argv(&["false"]),
            argv(&["/nonexistent/program"]),
            argv(&["sh", "-c", "printf secret12; exit 3"]),
        ] {
            let error = bad.read(LIMIT).await.unwrap_err();
            assert!(matches!(error, SecretError::Command(_)), "{error}");
        }
        let never = argv(&["tail", "-f", "/dev/null"]);
        let error = never.read(Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(error, SecretError::Command(_)));
    }

    #[test]
    fn is_one_line_and_prints_nothing() {
        for bad in [&b""[..], b"\n", b" x", b"x ", b"a\nb", b"a\0b", b"\xff"] {
            assert_eq!(Secret::new(bad.to_vec()).unwrap_err(), SecretError::Form);
        }
        assert!(Secret::new(vec![b'x'; 8193]).is_err());
        let secret = Secret::new(b"canary-9b1d\r\n".to_vec()).unwrap();
        assert_eq!(secret.expose_text(), "canary-9b1d");
        let source = Source::Captured(secret);
        assert!(!format!("{source:?} {source:#?}").contains("canary"));
    }
}
