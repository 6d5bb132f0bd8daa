//! Running other programs: always shown, always from the repository's root, never through a shell.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes the repository's root the current directory, wherever xtask was started.
pub fn enter_repository() -> Result<(), String> {
    std::env::set_current_dir(repository())
        .map_err(|e| format!("cannot enter {}: {e}", repository().display()))
}

/// The repository's root, as it was when xtask was built.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Runs a program with inherited output; its failure is an error that repeats the command.
pub fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    run_with(program, arguments, &[])
}

/// The same, with variables added to the environment.
pub fn run_with(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let shown = shown(program, arguments);
    println!("$ {shown}");
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .status()
        .map_err(|e| format!("`{shown}` did not start: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` ended with {status}"))
    }
}

/// How many lines of a program's last words an error repeats.
const LAST_WORDS_MAX: usize = 150;

/// The same for a program that sums up on standard error: its failure repeats that from the last line with `mark` on, so that it can be
/// read where the report of all steps ends.
pub fn run_summed_up(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
    mark: &str,
) -> Result<(), String> {
    let shown = shown(program, arguments);
    println!("$ {shown}");
    let broken = |e: std::io::Error| format!("`{shown}` was not heard: {e}");
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("`{shown}` did not start: {e}"))?;
    let mut summary = Vec::new();
    if let Some(said) = child.stderr.take() {
        for line in BufReader::new(said).split(b'\n') {
            let line = line.map_err(broken)?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            if line.contains(mark) {
                summary.clear();
            } else if summary.is_empty() {
                continue;
            }
            if summary.len() < LAST_WORDS_MAX {
                summary.push(line.into_owned());
            }
        }
    }
    let status = child.wait().map_err(broken)?;
    if status.success() {
        return Ok(());
    }
    Err(format!(
        "`{shown}` ended with {status}\n{}",
        summary.join("\n")
    ))
}

/// Runs a program and returns its standard output; anything but success is an error with its standard error.
pub fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let shown = shown(program, arguments);
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("`{shown}` did not start: {e}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "`{shown}` ended with {}: {complaint}",
            output.status
        ));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("`{shown}` printed no text: {e}"))
}

/// Whether a program answers to being asked something harmless.
pub fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a program stands on the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = search_path()?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build tool looks for the programs it needs"
)]
fn search_path() -> Option<std::ffi::OsString> {
    std::env::var_os("PATH")
}

fn shown(program: &str, arguments: &[&str]) -> String {
    let mut words = vec![program];
    words.extend(arguments);
    words.join(" ")
}
