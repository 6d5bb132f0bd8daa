//! The tutorial and the how-to guides, run as they stand. In a `console` block a line after `$ ` is a command, further lines of
//! it end with `\` before; other lines are what it prints, with `…` for what differs. `# exit code N` after a command says
//! that it ends so. Commands of one document run in one shell, in a folder of their own. Three things differ: security keys
//! are plain ones, so that the origin is one of development, and the port is a free one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One command of a document and what it says about it.
struct Step {
    command: String,
    prints: Vec<String>,
}

impl Step {
    fn exit(&self) -> i32 {
        let exit = self.command.split("# exit code ").nth(1);
        let exit = exit.and_then(|exit| exit.split(|c: char| !c.is_ascii_digit()).next());
        exit.map_or(0, |exit| exit.parse().unwrap())
    }
}

macro_rules! documents {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                run($file);
            }
        )+

        #[test]
        fn every_guide_is_run() {
            let listed = [$($file.to_owned()),+];
            for folder in ["tutorial", "how-to"] {
                for entry in std::fs::read_dir(docs().join(folder)).unwrap() {
                    let name = entry.unwrap().file_name().into_string().unwrap();
                    let file = format!("{folder}/{name}");
                    // Each is run by a test of its own: `tests/recover.rs`, `tests/break_glass.rs`.
                    let elsewhere = [
                        "how-to/recover-a-lost-quorum.md",
                        "how-to/break-the-glass.md",
                    ]
                    .contains(&file.as_str());
                    assert!(
                        name == "README.md" || elsewhere || listed.contains(&file),
                        "{file} is not run"
                    );
                }
            }
        }
    };
}

documents! {
    first_hold = "tutorial/first-hold.md",
    found_a_gate = "how-to/found-a-gate.md",
    connect_an_identity_provider = "how-to/connect-an-identity-provider.md",
    write_a_policy = "how-to/write-a-policy.md",
    protect_an_http_api = "how-to/protect-an-http-api.md",
    protect_a_database = "how-to/protect-a-database.md",
    lease_postgres = "how-to/lease-postgres.md",
    lease_ssh = "how-to/lease-ssh.md",
    find_bypasses = "how-to/find-bypasses.md",
    review_with_a_passkey = "how-to/review-with-a-passkey.md",
    hand_over_while_away = "how-to/hand-over-while-away.md",
    find_facts_out = "how-to/find-facts-out.md",
    reach_people = "how-to/reach-people.md",
    take_signals = "how-to/take-signals.md",
    run_two_gates = "how-to/run-two-gates.md",
    verify_offline = "how-to/verify-offline.md",
    respond_to_an_incident = "how-to/respond-to-an-incident.md",
    executor = "how-to/executor.md",
    erase_a_record = "how-to/erase-a-record.md",
    back_up_and_restore = "how-to/back-up-and-restore.md",
    operate = "how-to/operate.md",
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn run(file: &str) {
    let text = std::fs::read_to_string(docs().join(file)).unwrap();
    let port = free_port();
    let steps = steps(&text);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let output = Command::new("bash")
        .args(["-c", &script(&steps, &port)])
        .current_dir(home)
        .env("HOME", home)
        .env("PATH", path())
        .env("REPOSITORY", docs().join("..").canonicalize().unwrap())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    for (number, step) in steps.iter().enumerate() {
        let printed = std::fs::read_to_string(home.join(format!(".step-{number}")));
        let printed = printed.unwrap_or_default();
        let place = format!("{file}: `{}` printed:\n{printed}", step.command);
        let exit = step.exit();
        let ended = format!("step {number} exit {exit}\n");
        assert!(
            said.contains(&ended),
            "not exit code {exit}; {place}\n{said}"
        );
        let mut rest = printed.as_str();
        for line in &step.prints {
            for part in as_run(line, &port).split('…') {
                let part = part.trim();
                let at = rest
                    .find(part)
                    .unwrap_or_else(|| panic!("no `{part}` here; {place}"));
                rest = rest.split_at(at + part.len()).1;
            }
        }
    }
}

/// The steps as one script: a server is awaited, the rest runs in order, and at the end every server ends.
fn script(steps: &[Step], port: &str) -> String {
    let mut script = String::from("trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT\n");
    for (number, step) in steps.iter().enumerate() {
        let command = as_run(&step.command, port);
        if command.contains("press Ctrl-C") {
            let _ = writeln!(
                script,
                "kill -TERM $SERVER; wait $SERVER; code=$?; [ $code = 143 ] && code=0\n\
                 echo \"step {number} exit $code\""
            );
            continue;
        }
        // `gatehold dev tracker` is a command to one that runs.
        let serves = ["gatehold dev", "gatehold serve"].iter().any(|server| {
            let after = command.strip_prefix(server);
            after.is_some_and(|after| after.is_empty() || after.starts_with(" --"))
        });
        if serves {
            let config = command.split_whitespace().last().unwrap_or_default();
            let _ = writeln!(
                script,
                "[ -f {config} ] && sed -i 's/127.0.0.1:7400/127.0.0.1:{port}/' {config}\n\
                 mkfifo .pipe-{number}; {} > .pipe-{number} 2>> .step-{number} &\n\
                 SERVER=$!; exec 7< .pipe-{number}\n\
                 while read -r line <&7; do echo \"$line\" >> .step-{number}\n\
                 case \"$line\" in *'gatehold serves'*|*Ctrl-C*) break;; esac; done\n\
                 kill -0 $SERVER 2> /dev/null; echo \"step {number} exit $?\"",
                command.trim_end_matches(" &")
            );
        } else {
            let _ = writeln!(
                script,
                "{{ {command}\n}} > .step-{number} 2>&1; echo \"step {number} exit $?\""
            );
        }
    }
    script
}

fn as_run(text: &str, port: &str) -> String {
    text.replace("7400", port)
        .replace("-t ed25519-sk -O verify-required", "-t ed25519 -N ''")
        .replace(
            "--origin gate.acme",
            "--assurance software --origin gate.acme",
        )
        .replace("gate.acme.example", "dev.acme.example")
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut inside, mut open) = (false, None::<&str>);
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("```") {
            inside = kind == "console";
            open = None;
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                prints: Vec::new(),
            });
            open = unfinished(command);
        } else if let (Some(ends), Some(step)) = (open, steps.last_mut()) {
            step.command.push('\n');
            step.command.push_str(line);
            open = match ends {
                "\\" => unfinished(line),
                _ if line == ends => None,
                _ => open,
            };
        } else if let Some(step) = steps.last_mut() {
            step.prints.push(line.to_owned());
        }
    }
    assert!(!steps.is_empty());
    steps
}

/// What ends a command that goes on after this line.
fn unfinished(line: &str) -> Option<&'static str> {
    if line.ends_with('\\') {
        Some("\\")
    } else if line.contains("<< 'EOF'") {
        Some("EOF")
    } else {
        None
    }
}

fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_gatehold")).parent().unwrap();
    format!(
        "{}:/usr/local/bin:/usr/bin:/bin:/usr/local/go/bin",
        program.display()
    )
}

fn free_port() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}
