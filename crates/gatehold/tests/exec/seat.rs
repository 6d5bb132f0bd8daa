//! Where a workload sits: a client's folder with its key, and `gatehold exec` in processes of their own.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gatehold_scenarios::cast::Workload;

/// How often it is looked whether a process is gone.
const LOOK: Duration = Duration::from_millis(20);
/// A way out for a test whose event never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The client's folder.
pub struct Seat(tempfile::TempDir);

impl Seat {
    pub fn of(bot: &Workload, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("bot.pem");
        std::fs::write(&key, bot.key().to_pem().unwrap().as_bytes()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let client = format!(
            "url = \"{url}\"\norigin = \"dev.scenarios.example\"\nworkload_key_file = \"bot.pem\"\n"
        );
        std::fs::write(folder.path().join("client.toml"), client).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        // Whatever the runner of the tests ignores is not ignored here.
        command
            .arg("--default-signal")
            .arg(env!("CARGO_BIN_EXE_gatehold"))
            .arg("exec")
            .args(arguments)
            .env("GATEHOLD_HOME", self.0.path())
            .env("NO_COLOR", "1");
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Starts it at a terminal of its own, which gets everything that is said.
    pub fn start_at_a_terminal(&self, arguments: &[&str]) -> Running {
        let plain = self.command(arguments);
        let words = [plain.get_program()].into_iter().chain(plain.get_args());
        let words =
            words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''")));
        let line = words.collect::<Vec<String>>().join(" ");
        let mut command = Command::new("script");
        command.args(["-qfec", &line, "/dev/null"]).envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        Running::start(command)
    }

    /// Starts it, with an input that stays open.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }
}

impl Running {
    /// Starts a command of ours, with an input that stays open.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, errors) = (Said::default(), Said::default());
        out.hear(child.stdout.take().unwrap());
        errors.hear(child.stderr.take().unwrap());
        Self {
            input: child.stdin.take(),
            child,
            out,
            errors,
        }
    }
}

/// What was written, as it comes.
#[derive(Default, Clone)]
struct Said(Arc<(Mutex<String>, Condvar)>);

impl Said {
    fn hear(&self, from: impl Read + Send + 'static) {
        let said = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let (text, grown) = &*said.0;
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                grown.notify_all();
            }
        });
    }

    /// All of it, once this is in it or the time is up.
    fn until(&self, wanted: &str) -> String {
        let (text, grown) = &*self.0;
        let waited = grown.wait_timeout_while(text.lock().unwrap(), PATIENCE, |text| {
            !text.contains(wanted)
        });
        waited.unwrap().0.clone()
    }

    fn now(&self) -> String {
        self.0.0.lock().unwrap().clone()
    }
}

/// `gatehold exec`, while it runs.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    out: Said,
    errors: Said,
}

impl Running {
    /// The request that it made, once people have to decide it.
    pub fn request(&self) -> String {
        let text = self.errors.until("waiting; ");
        let line = text.lines().find_map(|line| line.strip_prefix("HELD  "));
        let line = line.unwrap_or_else(|| panic!("nothing is held:\n{text}"));
        line.trim().to_owned()
    }

    /// Standard output, once this is in it.
    pub fn says(&self, wanted: &str) -> String {
        let said = self.out.until(wanted);
        let errors = self.errors.now();
        assert!(
            said.contains(wanted),
            "{wanted} is never in:\n{said}\n{errors}"
        );
        said
    }

    /// Standard output so far.
    pub fn said(&self) -> String {
        self.out.now()
    }

    /// Writes to the program's standard input.
    pub fn tell(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// The program that it started.
    pub fn program(&self) -> u32 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let lists = tasks.map(|task| {
            let children = task.unwrap().path().join("children");
            std::fs::read_to_string(children).unwrap()
        });
        let lists: Vec<String> = lists.collect();
        let mut pids = lists.iter().flat_map(|list| list.split_whitespace());
        let (one, none) = (pids.next().unwrap(), pids.next());
        assert_eq!(none, None, "one program and nothing beside it");
        one.parse().unwrap()
    }

    /// What everybody on this machine can read of it and of its program: arguments and variables.
    pub fn shown(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for pid in [self.child.id(), self.program()] {
            for file in ["cmdline", "environ"] {
                // Variables of what cannot be dumped are root's alone.
                all.extend(std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default());
                all.push(0);
            }
        }
        all
    }

    /// A variable of the program.
    pub fn variable(&self, name: &str) -> String {
        let all = std::fs::read(format!("/proc/{}/environ", self.program())).unwrap();
        let all = String::from_utf8(all).unwrap();
        let value = all
            .split('\0')
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap().to_owned()
    }

    /// An argument of the program that begins like this.
    pub fn argument(&self, start: &str) -> String {
        let all = std::fs::read(format!("/proc/{}/cmdline", self.program())).unwrap();
        let all = String::from_utf8(all).unwrap();
        let value = all.split('\0').find_map(|word| word.strip_prefix(start));
        value.unwrap().to_owned()
    }

    /// Sends it a signal.
    pub fn sent(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; gives its exit code, 128 and the signal that ended it, and standard error.
    pub fn ended(&mut self) -> (i32, String) {
        let status = self.child.wait().unwrap();
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        (code.unwrap(), self.errors.now())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Waits until a process is gone, or is nothing but its exit code.
pub async fn gone(pid: u32) {
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        state.is_some_and(|state| state != 'Z')
    };
    let mut looks = tokio::time::interval(LOOK);
    let waited = tokio::time::timeout(PATIENCE, async {
        while runs() {
            looks.tick().await;
        }
    });
    assert!(waited.await.is_ok(), "{pid} goes on");
}

/// Whether these bytes hold one of the secrets, each at least so long that it is nothing else.
pub fn holds(bytes: &[u8], secret: &str) -> bool {
    assert!(secret.len() >= 16, "{secret}");
    bytes
        .windows(secret.len())
        .any(|part| part == secret.as_bytes())
}

/// The folder of a file.
pub fn folder_of(file: &str) -> PathBuf {
    Path::new(file).parent().unwrap().to_owned()
}
