//! `gatehold dev`: the same service for use by hand, on loopback, in seconds. Three generated people, a toy shop database,
//! and a sample workload that is enrolled by the real held path.
//!
//! Everything is under one folder that is removed at the end. Nothing here is reachable from another machine, and the
//! origin begins with `dev.`, so nothing signed here counts anywhere else.

mod enrols;
mod folder;
mod place;
mod sample;
mod shown_in_browser;
mod ticker;
mod tracker;

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use gatehold_proof::PublicUrl;
use gatehold_server::login::{IdentityProvider, PrintedCode};

use crate::ambient::Os;
use crate::config::Config;
use crate::context::Ctx;
use crate::demo::at_work;
use crate::exit::{Exit, Failure, both};
use crate::interrupt::{Ending, Signals};
use crate::profile::Profile;
use crate::serve::{Opened, Pages, Running};
use crate::standing::{Found, Pointer, Standing};

use enrols::Generated;
use folder::Addresses;
use place::Place;
pub use place::{remove, temporary_folder};
pub use sample::{SHOP, WORKLOAD, affirmed, enrol_workload, review};
use tracker::{Serving, Tracker};

/// The port, unless it is taken.
const PORT: u16 = 7400;
/// The port of metrics and health, unless it is taken.
const OPERATIONS_PORT: u16 = 7401;
/// The port of the tracker, unless it is taken.
const TRACKER_PORT: u16 = 7402;

/// Arguments of `gatehold dev`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gatehold dev\n  gatehold dev --agent\n  gatehold dev --open\n  gatehold dev --keep my-gate\n  gatehold dev tracker list",
    args_conflicts_with_subcommands = true
)]
pub struct Dev {
    /// Something of one that runs.
    #[command(subcommand)]
    pub part: Option<Part>,
    /// Keep everything in this folder, and use it again next time.
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// The port on 127.0.0.1, refused when it is taken; without it 7400, or a free one when that is taken.
    #[arg(long)]
    pub port: Option<u16>,
    /// Have the demo's agent work here: it reads, asks for a write that is held, waits for you, and then tries what it may not.
    #[arg(long, conflicts_with = "quiet")]
    pub agent: bool,
    /// Open the console in your browser. Without it nothing is opened by itself.
    #[arg(long, conflicts_with = "quiet")]
    pub open: bool,
    /// Print one line when everything is ready, and nothing else.
    #[arg(long, hide = true)]
    pub quiet: bool,
    /// With --quiet: serve the console too, and print its address and a one-time code before that line.
    #[arg(long, hide = true, requires = "quiet")]
    pub console: bool,
    /// End when standard input does, and remove the folder even so, unless it was there before: whoever started this is gone,
    /// however it ended.
    #[arg(long, hide = true)]
    pub until_eof: bool,
    /// A file with targets that are written to a new folder beside the toy shop, for resources below `warehouse/`.
    #[arg(long, hide = true, value_name = "FILE")]
    pub further_targets: Option<PathBuf>,
}

/// A part of a development gate.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// The toy that stands for your tracker: what look-ups ask about incidents, changes and deployments.
    #[command(subcommand)]
    Tracker(Tracker),
}

/// What `--quiet` prints when everything is ready.
pub const READY: &str = "ready";
/// What the line begins with on which `--quiet --console` prints address and code.
pub const CONSOLE: &str = "console ";

/// `gatehold dev`.
///
/// # Errors
/// Everything that keeps it from starting.
pub async fn run(ctx: &Ctx, dev: &Dev) -> Result<Exit, Failure> {
    if let Some(Part::Tracker(part)) = &dev.part {
        return tracker::run(ctx, part);
    }
    // Before anything is made: what a signal ends is put away as well.
    let mut signals = Signals::catch()?;
    if let Some(folder) = &dev.keep {
        Standing::refuse_taken(folder)?;
    }
    let (addresses, opened, asked) = addresses(dev.port, !dev.quiet)?;
    let place = Place::open(dev.keep.as_deref())?;
    let served = match Serving::start(place.home(), asked, addresses.tracker) {
        Ok(tracker) => {
            let opened = (addresses, opened);
            let served = serve(ctx, dev, place.home(), opened, &mut signals).await;
            tracker.end().await;
            served
        }
        Err(failure) => Err(failure),
    };
    let became = match served {
        Ok(None) => place.abandon(),
        _ => place.close(),
    };
    let (ending, became) = both(served, became)?;
    let ending = ending.unwrap_or(Ending::HungUp);
    if !dev.quiet {
        let by = ending.name();
        eprintln!("ended by {by}: the gate is stopped, and {became}");
    }
    Ok(ending.exit())
}

/// Serves until a signal comes; nothing is given when whoever started this is gone.
async fn serve(
    ctx: &Ctx,
    dev: &Dev,
    home: &Path,
    (addresses, opened): (Addresses, Opened),
    signals: &mut Signals,
) -> Result<Option<Ending>, Failure> {
    let url = format!("http://{}", addresses.service);
    let _standing = Standing::take(home, &url)?;
    let fresh = folder::prepare(home, addresses, dev.further_targets.as_deref()).await?;
    let codes = Arc::new(PrintedCode::new(Arc::new(Os), print_code));
    // Without a console nobody reads what is printed here.
    let provider = IdentityProvider::Code(codes.clone());
    let pages = (!dev.quiet || dev.console).then(|| pages(home, addresses, provider));
    let pages = pages.transpose()?;
    let config = Config::require(&home.join("gatehold.toml"))?;
    let running = Running::start_on(config, opened, pages).await?;
    let now = running.now().await?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(running.until(async {
        let _gone = ended.await;
    }));
    let prepared = prepare_sample(home, fresh).await;
    // Under the demo nobody else is to find it, and an open `gatehold dev` keeps its own.
    let pointed = if prepared.is_ok() && !dev.quiet {
        Pointer::to(home)
    } else {
        Ok(None)
    };
    let ending = match prepared {
        Err(failure) => Err(failure),
        Ok(()) => {
            if dev.quiet {
                if dev.console {
                    println!("{CONSOLE}{}/ {}", addresses.console(), codes.draw(now));
                }
                println!("{READY}");
            } else {
                let code = codes.draw(now);
                let other = pointed.as_ref().err();
                print!("{}", welcome(ctx, dev, home, addresses, &code, other));
                if dev.open {
                    shown_in_browser::open(&format!("{}/", addresses.console()));
                }
            }
            tokio::select! {
                biased;
                ending = signals.next() => Ok(Some(ending)),
                () = abandoned(dev.until_eof) => Ok(None),
                never = goes_on(ctx, dev, home, addresses) => match never {},
            }
        }
    };
    let _ending = end.send(());
    if let Ok(Some(pointer)) = pointed {
        pointer.withdraw();
    }
    serving
        .await
        .map_err(|error| Failure::fault(error, "report this"))??;
    ending
}

/// The console: on `localhost`, because browsers make no passkeys for an address.
fn pages(home: &Path, addresses: Addresses, provider: IdentityProvider) -> Result<Pages, Failure> {
    let url = PublicUrl::parse(&addresses.console())
        .map_err(|error| Failure::fault(error, "report this"))?;
    Ok(Pages {
        provider,
        url,
        enroller: Some(Arc::new(Generated::of(home))),
        provisioning: None,
    })
}

/// Waits until nobody holds the other end of standard input any more.
async fn abandoned(waits: bool) {
    if !waits {
        return std::future::pending().await;
    }
    let (gone, told) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: no end of the process waits for it, as one of the runtime's would.
    std::thread::spawn(move || {
        let _until_eof = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(gone);
    });
    let _gone = told.await;
}

/// The demo's agent, where one was asked for, and then what happens, a line each. The gate outlives both.
async fn goes_on(ctx: &Ctx, dev: &Dev, home: &Path, addresses: Addresses) -> Infallible {
    if dev.agent
        && let Err(failure) = at_work(ctx, home, &addresses.console()).await
    {
        eprintln!("\n{failure}");
    }
    if !dev.quiet
        && let Err(failure) = ticker::tell(home, ctx.screen).await
    {
        eprintln!("\nwhat happens is not told here any more\n{failure}");
    }
    std::future::pending().await
}

async fn prepare_sample(home: &Path, fresh: bool) -> Result<(), Failure> {
    if !fresh {
        return Ok(());
    }
    let profile = Profile::load(home)?;
    sample::enrol(&profile).await
}

/// The wanted port, or a free one when none was asked for. The address is in the public URL, which is signed, so it must be
/// known before the gate starts.
fn addresses(
    wanted: Option<u16>,
    usual: bool,
) -> Result<(Addresses, Opened, TcpListener), Failure> {
    let try_port = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let try_usual = |port: u16| try_port(if usual { port } else { 0 });
    let taken = |error: std::io::Error| Failure::usage(error, "choose another --port");
    let service = match wanted {
        Some(port) => try_port(port).map_err(|error| port_taken(port, &error))?,
        None => try_usual(PORT).or_else(|_| try_port(0)).map_err(taken)?,
    };
    let beside = |port: u16| try_usual(port).or_else(|_| try_port(0)).map_err(taken);
    let operations = beside(OPERATIONS_PORT)?;
    let tracker = beside(TRACKER_PORT)?;
    let addresses = Addresses {
        service: service.local_addr().map_err(taken)?,
        operations: operations.local_addr().map_err(taken)?,
        tracker: tracker.local_addr().map_err(taken)?,
    };
    // They stay open: nobody else can take them before the gate accepts.
    let opened = Opened {
        service: Some(service),
        operations: Some(operations),
    };
    Ok((addresses, opened, tracker))
}

/// By whom, where that is known.
fn port_taken(port: u16, error: &std::io::Error) -> Failure {
    let url = format!("http://127.0.0.1:{port}");
    let has = |found: &Found| found.told.as_ref().is_some_and(|told| told.url == url);
    match Found::by_pointer().filter(has) {
        Some(found) => Failure::usage(
            format!("a gatehold dev has port {port}: {}", found.words()),
            format!("use it, {}, or choose another --port", found.end()),
        ),
        None => Failure::usage(
            format!("127.0.0.1:{port}: {error}"),
            "choose another --port, or leave it out",
        ),
    }
}

/// A code that somebody asked for on the sign-in page.
fn print_code(code: &str) {
    let line =
        format!("A new one-time code for the review console: {code} (once, within 10 minutes)\n");
    // Whoever asked for it is told where it stands; that nobody reads there any more ends no call.
    let _unread = std::io::stdout().lock().write_all(line.as_bytes());
}

/// How one is the agent and the people oneself, where no agent works.
const BY_HAND: &str = "
In another terminal, as the agent:

  gatehold task start --purpose 'deployment 991 failed, repair order 7'
  gatehold request create --task TASK --descriptor sql.write --target sql:shop --resource shop/orders \\
    --payload \"UPDATE orders SET status = 'retry' WHERE id = 7\" --cap rows=1 --redeem

Then look at what it asks in the console, make a passkey there and approve with it; or decide in a third terminal:

  gatehold inbox --as reviewer
  gatehold approve REQUEST --as reviewer

Then: gatehold audit verify";

fn welcome(
    ctx: &Ctx,
    dev: &Dev,
    home: &Path,
    addresses: Addresses,
    code: &str,
    other: Option<&Found>,
) -> String {
    let beside = other.map_or_else(String::new, |other| {
        format!(
            "\nAnother gatehold dev runs, and commands find that one: {}.\nFor this one say first: export GATEHOLD_HOME={}\n",
            other.words(),
            home.display()
        )
    });
    let by_hand = if dev.agent { "" } else { BY_HAND };
    let becomes = match dev.keep {
        Some(_) => "the folder is kept, and `gatehold dev --keep` goes on with it",
        None => "everything here is removed then",
    };
    let home = home.display();
    let console = addresses.console();
    let Addresses {
        service,
        operations,
        tracker,
    } = addresses;
    format!(
        "{title}\n\
         \n  console    {console}/   one-time code: {code} (once, within 10 minutes)\
         \n  service    http://{service}\
         \n  metrics    http://{operations}/metrics\
         \n  people     owner, reviewer, second: act as one of them with --as\
         \n  workload   {WORKLOAD}, enrolled: owner asked, reviewer and second signed\
         \n  target     {SHOP}, a toy shop database\
         \n  tracker    http://{tracker}/   a toy too: look-ups ask it about incidents, changes and deployments\
         \n  folder     {home}\
         \n{beside}\
         {by_hand}\
         \nEnd with Ctrl-C; {becomes}.\n",
        title = ctx.screen.title(
            "Gatehold DEV MODE: generated keys, loopback only; nothing signed here counts elsewhere"
        ),
    )
}
