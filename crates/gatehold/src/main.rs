//! The `gatehold` binary: the command line, the configuration, and the wiring of a gate.
//!
//! One file per noun. Rules live in the crates below; here is only what is read from people, printed for them, and put
//! together. Start at `cli` for the commands and at `serve` for the wiring.

/// Prints a line. Unlike the one of the standard library it does not panic when nobody reads any more (`| head`).
macro_rules! println {
    ($($parts:tt)*) => { $crate::output::put(format_args!("{}\n", format_args!($($parts)*))) };
}

/// The same without the end of the line.
macro_rules! print {
    ($($parts:tt)*) => { $crate::output::put(format_args!($($parts)*)) };
}

/// Prints a line on standard error, and does not panic either when the terminal is gone.
macro_rules! eprintln {
    ($($parts:tt)*) => { $crate::output::complain(format_args!("{}\n", format_args!($($parts)*))) };
}

/// The same without the end of the line.
macro_rules! eprint {
    ($($parts:tt)*) => { $crate::output::complain(format_args!($($parts)*)) };
}

mod act;
mod ambient;
mod attestation;
mod audit;
mod beats;
mod break_glass;
mod change;
mod channel;
mod cli;
mod config;
mod connect;
mod consoles;
mod context;
mod correct;
mod default_pack;
mod delegation;
mod demo;
mod descriptor;
mod dev;
mod doctor;
mod draft;
mod exec;
mod executing;
mod executor;
mod exit;
mod files;
mod human_key;
mod identity_provider;
mod inbox;
mod init;
mod interrupt;
mod lease;
mod leases;
mod ledger;
mod me;
mod memory;
mod on_call;
mod output;
mod parse;
mod people;
mod policy;
mod profile;
mod published;
mod record;
mod recover;
mod request;
mod result;
mod review;
mod root;
mod safety;
mod screen;
mod serve;
mod session;
mod signals;
mod standing;
mod targets;
mod task;
mod telling;
mod terminal;
mod who_can_approve;
mod workload;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
