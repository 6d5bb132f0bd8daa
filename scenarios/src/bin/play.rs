//! `play --gatehold PROGRAM FILE...`: plays stories against a program, and says of each how it went.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to a terminal"
)]

use std::path::Path;
use std::process::ExitCode;

use gatehold_scenarios::play::play;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, gatehold, files @ ..] = arguments.as_slice() else {
        eprintln!("play --gatehold PROGRAM FILE...");
        return ExitCode::from(2);
    };
    if flag != "--gatehold" || files.is_empty() {
        eprintln!("play --gatehold PROGRAM FILE...");
        return ExitCode::from(2);
    }
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return ExitCode::FAILURE;
    };
    let mut ended = ExitCode::SUCCESS;
    for file in files {
        match runtime.block_on(play(Path::new(gatehold), Path::new(file))) {
            Ok(()) => println!("{file}: as written"),
            Err(trouble) => {
                println!("{file}: {trouble}");
                ended = ExitCode::FAILURE;
            }
        }
    }
    ended
}
