//! `docs/reference/cli.md` is made from the command line itself, and compared with it here. To accept a change on purpose,
//! run the tests with `GATEHOLD_ACCEPT=1` and read the difference.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::Cli;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");

const HEAD: &str = "\
# Command line

Generated from the program; a test compares it. `gatehold help COMMAND` says the same in a terminal.

Colour is for terminals: `NO_COLOR` or `TERM=dumb` switches it off, and a file or a pipe never has any. Tables are as wide as
`COLUMNS` says, else as the terminal, else 80. `GATEHOLD_LOG` says which events of a gate go to standard error (`warn` unless
set). Shell completions: `gatehold completions bash`, `zsh` or `fish`.

Which gate a command speaks to: `--home` or `GATEHOLD_HOME` says; without them the `client.toml` in `~/.config/gatehold`
(`$XDG_CONFIG_HOME/gatehold`); without that a `gatehold dev` that runs. When a `dev` runs beside a `client.toml`, one line on
standard error says which of them it is. `doctor`, `config check`, `channel`, `on-call` and
`audit` take `gatehold.toml` from here, then from the same places.

## Exit codes

| code | meaning |
|---|---|
| 0 | done, allowed or approved |
| 1 | fault: the gate, the network or a file is broken; or an execution failed or is unknown |
| 2 | usage: the command line, an input file or the configuration is wrong, or the gate refuses the call, as to use what was used |
| 3 | denied, revoked or withdrawn |
| 4 | expired: nobody decided, or nobody used it, in time |
| 5 | held: people must decide, and the command did not wait |
| 6 | policy error: a bundle or descriptor is wrong |
| 7 | verification failed: do not rely on it |
| 129, 130, 143 | `dev`, `demo` and `exec`: ended by SIGHUP, SIGINT (Ctrl-C) or SIGTERM, and everything put away |
| any other | `exec ssh` and `exec psql`: that of the program; 3 and 4 where its lease ended first |
";

#[test]
fn the_reference_is_the_program() {
    let mut root = Cli::command();
    root.build();
    let mut text = HEAD.to_owned();
    text.push_str("\n## Options of every command\n\n");
    options(&root, &mut text, |argument| argument.is_global_set());
    for command in root.get_subcommands() {
        describe("gatehold", command, &mut text);
    }
    if accepting() {
        std::fs::write(PATH, &text).unwrap();
    }
    let known = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        known == text,
        "docs/reference/cli.md differs from the program; run the tests with GATEHOLD_ACCEPT=1 and read the difference"
    );
}

#[test]
fn every_command_and_option_is_explained() {
    let mut root = Cli::command();
    root.build();
    let mut silent = Vec::new();
    let mut left = vec![root];
    while let Some(command) = left.pop() {
        let name = command.get_bin_name().unwrap_or_default().to_owned();
        if command.get_about().is_none() && !command.is_hide_set() {
            silent.push(name.clone());
        }
        for argument in command.get_arguments() {
            if argument.get_help().is_none() && !argument.is_hide_set() {
                silent.push(format!("{name} {}", argument.get_id()));
            }
        }
        left.extend(command.get_subcommands().cloned());
    }
    assert_eq!(silent, Vec::<String>::new());
}

/// Files that write to standard output themselves, and why: everything else answers through `Ctx::print`, which knows `-o`.
const PRINTS: [(&str, &str); 8] = [
    ("context.rs", "is `Ctx::print`"),
    ("cli.rs", "completions are a shell's script"),
    ("dev.rs", "says that a gate is ready, and goes on"),
    ("serve.rs", "says that a gate is ready, and goes on"),
    ("executor.rs", "says that an executor is ready, and goes on"),
    ("demo/stage.rs", "is a story for people"),
    ("demo/agent.rs", "talks to the demo's own process"),
    ("demo/people.rs", "is a story for people"),
];

#[test]
fn only_what_knows_the_format_prints() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut folders = vec![std::path::PathBuf::from(source)];
    let mut found = std::collections::BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(source).unwrap().to_str().unwrap();
            let prints = |line: &str| {
                let line = line.trim_start();
                line.starts_with("print!(") || line.starts_with("println!(")
            };
            if text.lines().any(prints) {
                found.insert(name.to_owned());
            }
        }
    }
    let known = PRINTS.iter().map(|(file, _)| (*file).to_owned());
    assert_eq!(found, known.collect());
}

fn describe(parent: &str, command: &Command, out: &mut String) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    let parts = command.get_subcommands();
    let parts: Vec<&Command> = parts.filter(|one| one.get_name() != "help").collect();
    // One that does something without a further word is described before its parts.
    if parts.is_empty() || !command.is_subcommand_required_set() {
        describe_one(&name, command, out);
    }
    for inner in parts {
        describe(&name, inner, out);
    }
}

fn describe_one(name: &str, command: &Command, out: &mut String) {
    let about = command.get_about().map(ToString::to_string);
    let usage = command.clone().render_usage().to_string();
    // A line each way in which it is used.
    let usage = usage.trim_start_matches("Usage: ").lines();
    let usage: Vec<String> = usage
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let _ = write!(
        out,
        "\n## {name}\n\n{}\n\n```\n{}\n```\n\n",
        about.unwrap_or_default(),
        usage.join("\n")
    );
    options(command, out, |argument| !argument.is_global_set());
    let examples = command.get_after_help().map(ToString::to_string);
    let examples = examples.unwrap_or_default();
    let lines: Vec<&str> = examples.lines().skip(1).map(str::trim_end).collect();
    if !lines.is_empty() {
        let _ = write!(out, "\n```\n{}\n```\n", lines.join("\n"));
    }
}

fn options(command: &Command, out: &mut String, wanted: impl Fn(&Arg) -> bool) {
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|one| wanted(one) && !one.is_hide_set())
        .filter(|one| !["help", "version"].contains(&one.get_id().as_str()))
        .collect();
    if arguments.is_empty() {
        out.push_str("No options of its own.\n");
        return;
    }
    out.push_str("| option | meaning |\n|---|---|\n");
    for argument in arguments {
        let _ = writeln!(out, "| {} | {} |", spelled(argument), meaning(argument));
    }
}

fn spelled(argument: &Arg) -> String {
    let value = argument
        .get_value_names()
        .and_then(|names| names.first())
        .map(ToString::to_string)
        .unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = [short, long].into_iter().flatten().collect();
    if names.is_empty() {
        return format!("`{value}`");
    }
    let value = if takes {
        format!(" {value}")
    } else {
        String::new()
    };
    format!("`{}{value}`", names.join(", "))
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string);
    let mut text = help.unwrap_or_default().trim_end_matches('.').to_owned();
    let words: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !words.is_empty() {
        let _ = write!(text, "; one of {}", words.join(", "));
    }
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .filter(|value| value != "``" && argument.get_action().takes_values())
        .collect();
    if !defaults.is_empty() {
        let _ = write!(text, "; default {}", defaults.join(", "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(text, "; or `{}`", variable.to_string_lossy());
    }
    if argument.is_required_set() {
        text.push_str("; required");
    }
    text.replace('|', "\\|")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, read where it is used"
)]
fn accepting() -> bool {
    std::env::var_os("GATEHOLD_ACCEPT").is_some()
}
