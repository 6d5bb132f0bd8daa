//! The program that uses what was handed out, from before it is one: a process of ours that makes sure that it dies with whoever
//! started it, whatever ends that one, and then becomes the program.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::process::Command;

use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::exit::Failure;
use crate::screen::plain;

/// How the program is called for this.
pub const CHILD: &str = "exec-child";

/// Arguments of the process.
#[derive(Debug, Args)]
pub struct ChildArgs {
    /// Who started it.
    pub parent: u32,
    /// What it becomes: a program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// Becomes the program. The system kills it the moment its parent is gone, SIGKILL of the parent included; what is not asked
/// cannot be ignored.
#[must_use]
pub fn become_it(args: &ChildArgs) -> Failure {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Failure::fault(
            format!("this process cannot be tied to the one that started it: {error}"),
            "let it set PR_SET_PDEATHSIG, such as in the filter of its container",
        );
    }
    // Whoever was gone before that is noticed here.
    if parent_id() != args.parent {
        return Failure::fault("whoever started this is gone", "run the command again");
    }
    let Some((program, arguments)) = args.command.split_first() else {
        return Failure::usage("no program is named", "run `gatehold exec`");
    };
    let error = Command::new(program).args(arguments).exec();
    let name = plain(&program.to_string_lossy());
    Failure::usage(
        format!("{name}: {error}"),
        "install it, or name it by its path",
    )
}
