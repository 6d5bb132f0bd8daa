//! The commands. What each does stands in the file of its noun.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use gatehold_client::wire::Act;
use gatehold_core::hash::Hash;
use serde_json::json;

use crate::act::{self, Deny, Lockdown, Revoke, Say, Stop};
use crate::audit::{self, Audit};
use crate::break_glass::{self, BreakGlass};
use crate::channel::{self, Channel};
use crate::config::{self, ConfigCommand, ConfigFile, ConfigLookedAt};
use crate::consoles::{self, Console};
use crate::context::{Ctx, Global};
use crate::correct::{self, CorrectArgs};
use crate::delegation::{self, Delegation};
use crate::demo::{self, AgentArgs, Demo};
use crate::descriptor::{self, DescriptorCommand};
use crate::dev::{self, Dev};
use crate::doctor::{self, Doctor};
use crate::exec::{self, ChildArgs, Exec};
use crate::executor::{self, Executor};
use crate::exit::{Exit, Failure};
use crate::inbox::{self, InboxArgs, Show};
use crate::init::{self, Init};
use crate::lease::{self, Lease};
use crate::ledger::{self, Ledger};
use crate::me;
use crate::memory;
use crate::on_call::{self, OnCallArgs};
use crate::people::{self, Human, Key, StopsCommand, Team};
use crate::policy::{self, Policy};
use crate::profile::Profile;
use crate::record::{self, Record};
use crate::recover::{self, Recover};
use crate::request::{self, Request};
use crate::review::approve::{Approve, Narrow, approve};
use crate::root;
use crate::task::{self, Task};
use crate::who_can_approve::{self, WhoCanApprove};
use crate::workload::{self, Point, Workload};
use crate::{serve, session};

/// Gatehold: software asks for one exact action, people sign for it, the gate executes it once and proves it.
///
/// Exit codes: 0 done or approved, 1 fault, 2 usage, 3 denied, 4 expired, 5 held, 6 policy error, 7 verification failed;
/// `dev`, `demo` and `exec` put everything away when a signal ends them, then 129 hang-up, 130 Ctrl-C, 143 SIGTERM. What `exec`
/// starts ends with its own code.
#[derive(Debug, Parser)]
#[command(name = "gatehold", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a gate on loopback with three generated people, for use by hand.
    Dev(Dev),
    /// See the main job in one command: asked, held, signed, executed, proven, and every cheat refused.
    Demo(Demo),
    /// Serve a gate until it is told to end.
    Serve(ConfigFile),
    /// Execute for a gate, as a process of its own that alone holds the targets' secrets and proves everything again.
    Executor(Executor),
    /// Found a gate.
    #[command(subcommand)]
    Init(Init),
    /// Restore a lost quorum with the offline keys that the root names.
    #[command(subcommand)]
    Recover(Recover),
    /// Say what is wrong with configuration, store and anchors, and what is absent.
    Doctor(Doctor),
    /// Say how channels, identity provider and executor stand: what was delivered last, what failed and why, and what waits; and whose look at broken glass is owed.
    Status(ConfigLookedAt),
    /// The configuration file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The ways on which people are told.
    #[command(subcommand)]
    Channel(Channel),
    /// Who is on call now, by the schedule of this configuration.
    OnCall(OnCallArgs),

    /// Log in: a fresh key that reads and acts in the safe direction, and never approves.
    Login {
        /// How long, such as 8h; 12h at most.
        #[arg(long, default_value = "12h", value_parser = crate::parse::seconds)]
        lifetime: u32,
        /// Go by this root of the gate from now on, whatever was pinned before: as its operators gave it to you.
        #[arg(long, value_name = "HASH")]
        root: Option<Hash>,
    },
    /// Who you are here: your keys, what you may decide, and whom you decide for.
    Me,
    /// What waits for you.
    Inbox(InboxArgs),
    /// Who could approve a request, and whether they would be enough.
    WhoCanApprove(WhoCanApprove),
    /// Show one request: the exact action, why it is held, what is known; of a decided one what happened.
    Show(Show),
    /// Show, ask every criterion, sign.
    Approve(Approve),
    /// Approve for less time, fewer uses or lower caps.
    Narrow(Narrow),
    /// End a request with no.
    Deny(Deny),
    /// Ask the requester; the clock keeps running.
    Ask(Say),
    /// Say that you are looking at it.
    Claim(Say),
    /// Take that back.
    Release(Say),
    /// Pass it on to whoever is next.
    Escalate(Say),
    /// Deny it, report it, and pause the workload.
    Suspicious(Say),
    /// Take away what was allowed, before it is used, or what was handed out for it.
    Revoke(Revoke),
    /// Where nobody who decides can be reached: two people let one held action out with keys from a drawer, and others look at it.
    #[command(subcommand)]
    BreakGlass(Box<BreakGlass>),
    /// Say, signed, that something recorded of a decided request was wrong; it changes nothing.
    Correct(CorrectArgs),
    /// Stop a workload, a task, a target or a resource, at once.
    Stop(Stop),
    /// Stop everything, at once.
    Lockdown(Lockdown),
    /// Lift what was stopped: a held action.
    #[command(subcommand)]
    Stops(StopsCommand),

    /// Ask, look, redeem, withdraw, answer.
    #[command(subcommand)]
    Request(Box<Request>),
    /// Run a program with what is handed out for it, and end it with the lease.
    #[command(subcommand)]
    Exec(Exec),
    /// A workload's units of work.
    #[command(subcommand)]
    Task(Task),
    /// What was handed out, and where it stands.
    #[command(subcommand)]
    Lease(Lease),
    /// Workloads and their keys.
    #[command(subcommand)]
    Workload(Workload),
    /// Enforcement points.
    #[command(subcommand)]
    Point(Point),
    /// The pages on which passkeys sign.
    #[command(subcommand)]
    Console(Console),
    /// Teams.
    #[command(subcommand)]
    Team(Team),
    /// People's keys.
    #[command(subcommand)]
    Human(Human),
    /// Revoke a key, at once.
    #[command(subcommand)]
    Key(Key),
    /// Who decides for you while you are away.
    #[command(subcommand)]
    Delegation(Delegation),
    /// Bundles of policy.
    #[command(subcommand)]
    Policy(Policy),
    /// Kinds of action.
    #[command(subcommand)]
    Descriptor(DescriptorCommand),

    /// What of a request stands in the ledger, and having a part of it erased.
    #[command(subcommand)]
    Record(Record),
    /// The ledger of a gate that does not run.
    #[command(subcommand)]
    Ledger(Ledger),
    /// What the ledger proves.
    #[command(subcommand)]
    Audit(Audit),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Processes that the program starts by itself. They are no commands: neither help nor completions name them.
#[derive(Debug, Parser)]
#[command(name = "gatehold")]
enum Within {
    /// The agent's process of the demo.
    DemoAgent(AgentArgs),
    /// What becomes the program of `gatehold exec`.
    ExecChild(ChildArgs),
}

/// Reads the command line and runs the command.
pub fn main() -> ExitCode {
    if let Err(failure) = memory::keep_in() {
        return complain(&failure);
    }
    let first = std::env::args_os().nth(1);
    if first.is_some_and(|first| first == demo::AGENT || first == exec::CHILD) {
        return within();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let failed = error.use_stderr();
            let _printed = error.print();
            return if failed { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let ctx = Ctx::new(cli.global);
    log();
    let serves = matches!(
        cli.command,
        Command::Serve(_) | Command::Executor(_) | Command::Dev(_)
    );
    runtime(serves)
        .and_then(|runtime| runtime.block_on(run(&ctx, cli.command)))
        .map_or_else(|failure| complain(&failure), ExitCode::from)
}

fn within() -> ExitCode {
    let ended = match Within::try_parse() {
        Ok(Within::DemoAgent(args)) => {
            runtime(false).and_then(|runtime| runtime.block_on(demo::run_agent(&args)))
        }
        Ok(Within::ExecChild(args)) => Err(exec::become_it(&args)),
        Err(error) => Err(Failure::usage(error, "run `gatehold demo`")),
    };
    ended.map_or_else(|failure| complain(&failure), ExitCode::from)
}

fn complain(failure: &Failure) -> ExitCode {
    eprintln!("{failure}");
    failure.exit.into()
}

/// Events of the gate go to standard error; `GATEHOLD_LOG` says which, `warn` when it does not.
fn log() {
    let filter = crate::ambient::text_variable("GATEHOLD_LOG").unwrap_or_else(|| "warn".to_owned());
    let _once = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(crate::terminal::takes_colour(&std::io::stderr()))
        // It would complain where nobody reads, and panic of it.
        .log_internal_errors(false)
        .try_init();
}

fn runtime(serves: bool) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = if serves {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::fault(error, "free some memory or file descriptors"))
}

async fn run(ctx: &Ctx, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Dev(args) => dev::run(ctx, &args).await,
        Command::Demo(args) => demo::run(ctx, &args).await,
        Command::Serve(file) => serve::serve(&file).await,
        Command::Executor(args) => executor::run(&args).await,
        Command::Init(init) => init::run(ctx, &init).await,
        Command::Recover(recover) => recover::run(ctx, &recover).await,
        Command::Doctor(args) => doctor::run(ctx, &args).await,
        Command::Status(file) => doctor::status(ctx, &file).await,
        Command::Config(command) => config::run(ctx, &command),
        Command::Channel(command) => channel::run(ctx, &command).await,
        Command::OnCall(args) => on_call::run(ctx, &args),
        Command::Login { lifetime, root } => login(ctx, lifetime, root).await,
        Command::Me => me::run(ctx).await,
        Command::Inbox(args) => inbox::inbox(ctx, &args).await,
        Command::WhoCanApprove(args) => who_can_approve::run(ctx, &args).await,
        Command::Show(args) => inbox::show(ctx, &args).await,
        Command::Approve(args) => approve(ctx, &args, |_| {}).await,
        Command::Narrow(args) => {
            args.check()?;
            approve(ctx, &args.approve, |limits| args.lower(limits)).await
        }
        Command::Deny(args) => act::deny(ctx, &args).await,
        Command::Ask(args) => act::say(ctx, &args, Act::Ask).await,
        Command::Claim(args) => act::say(ctx, &args, Act::Claim).await,
        Command::Release(args) => act::say(ctx, &args, Act::Release).await,
        Command::Escalate(args) => act::say(ctx, &args, Act::Escalate).await,
        Command::Suspicious(args) => act::say(ctx, &args, Act::Suspicious).await,
        Command::Revoke(args) => act::revoke(ctx, &args).await,
        Command::BreakGlass(command) => break_glass::run(ctx, &command).await,
        Command::Correct(args) => correct::correct(ctx, &args).await,
        Command::Stop(args) => act::stop(ctx, &args).await,
        Command::Lockdown(args) => act::lockdown(ctx, &args).await,
        Command::Stops(command) => people::stops(ctx, &command).await,
        Command::Request(command) => request::run(ctx, &command).await,
        Command::Exec(command) => exec::run(ctx, &command).await,
        Command::Task(command) => task::run(ctx, &command).await,
        Command::Lease(command) => lease::run(ctx, &command).await,
        Command::Workload(command) => workload::run(ctx, &command).await,
        Command::Point(command) => workload::point(ctx, &command).await,
        Command::Console(command) => consoles::console(ctx, &command).await,
        Command::Team(command) => people::team(ctx, &command).await,
        Command::Human(command) => people::human(ctx, &command).await,
        Command::Key(command) => people::key(ctx, &command).await,
        Command::Delegation(command) => delegation::run(ctx, &command).await,
        Command::Policy(command) => policy::run(ctx, &command).await,
        Command::Descriptor(command) => descriptor::run(ctx, &command).await,
        Command::Record(command) => record::run(ctx, &command).await,
        Command::Ledger(command) => ledger::run(ctx, &command).await,
        Command::Audit(command) => audit::run(ctx, &command).await,
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gatehold", &mut text);
            print!("{}", String::from_utf8_lossy(&text));
            Ok(Exit::Done)
        }
    }
}

async fn login(ctx: &Ctx, lifetime: u32, given: Option<Hash>) -> Result<Exit, Failure> {
    let mut profile = ctx.profile()?;
    let person = profile.person(ctx.person.as_deref())?;
    if lifetime > session::SECONDS_MAX {
        let [longest, wanted] = [session::SECONDS_MAX, lifetime]
            .map(|seconds| crate::screen::duration(i64::from(seconds)));
        eprintln!("note:  a session lasts {longest} at most, not {wanted}");
    }
    // A root that was given is pinned only once the gate's chain has been seen to begin there.
    profile.root = given.or(profile.root);
    let acting = act::safety_first(&profile, async |at: &Profile| {
        session::login(at, person.clone(), lifetime).await
    })
    .await?;
    let client = session::last(&profile, &acting.person)?;
    let (root, first_use) = match root::rooted(&profile, &client).await {
        Ok(rooted) => (rooted.root, rooted.first_use),
        Err(failure) => (unanswered(&profile, given, failure)?, false),
    };
    if let Some(given) = given {
        root::pin(&profile, given)?;
    }
    let human = acting.person.human.to_string();
    let answer = json!({
        "human": human,
        "expires_at": acting.expires_at,
        "root": root,
        "first_use": first_use,
    });
    ctx.print(&answer, || {
        let until = crate::screen::moment(acting.expires_at, crate::ambient::now_millis());
        format!("logged in as {human} until {until}\nroot  {root}\n")
    })?;
    Ok(Exit::Done)
}

/// The root that is pinned, where the gate let somebody in at the address for what only stops and does not answer at the other one:
/// whoever has to stop something is not kept from it. What is shown and signed is verified from the root all the same.
fn unanswered(profile: &Profile, given: Option<Hash>, failure: Failure) -> Result<Hash, Failure> {
    let pinned = profile.root.filter(|_| given.is_none());
    let stops = profile.safety_url.is_some() && failure.exit == Exit::Fault;
    let Some(root) = pinned.filter(|_| stops) else {
        return Err(failure);
    };
    eprintln!(
        "note:  {} does not answer ({}), so whether its gate follows from the pinned root is not known; what only stops can be done",
        crate::screen::plain(&profile.url),
        failure.causes.join("; ")
    );
    Ok(root)
}

#[cfg(test)]
mod reference;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn there_is_no_way_to_approve_unseen() {
        for arguments in [
            [
                "gatehold",
                "approve",
                "req_00000000000000000000000000000000",
                "-y",
            ],
            [
                "gatehold",
                "approve",
                "req_00000000000000000000000000000000",
                "--yes",
            ],
            [
                "gatehold",
                "approve",
                "req_00000000000000000000000000000000",
                "--force",
            ],
        ] {
            assert!(Cli::try_parse_from(arguments).is_err());
        }
    }
}
