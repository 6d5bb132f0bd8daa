//! An approved command at a real server: the session ends with its lease, whatever ends the lease, and with whoever supervises it.

use gatehold_client::wire::RequestState;
use gatehold_core::review::ReviewAct;
use gatehold_scenarios::cast::Answering;
use gatehold_sim::ssh_server::PRINCIPAL;

use crate::seat::{Running, Seat, folder_of, gone, holds};
use crate::ssh_leases::{TARGET, World};

/// Says who it is at the server, and goes on until its input ends.
const COMMAND: &str = "echo begun $$; cat";

struct Place {
    world: World,
    seat: Seat,
    port: String,
    user: String,
}

impl Place {
    async fn open() -> Self {
        let world = World::open().await;
        let seat = Seat::of(&world.bot, world.gate.url());
        let client = world.server.client(&world.key, &[]);
        let words: Vec<String> = client
            .get_args()
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        let at = words.iter().position(|word| word == "-l").unwrap();
        Self {
            seat,
            port: world.server.port().to_string(),
            user: words[at + 1].clone(),
            world,
        }
    }

    fn start(&self) -> Running {
        let asked = ["ssh", "--purpose", "see why the shop hangs"];
        let what = [
            "--target",
            TARGET,
            "--resource",
            "shop/web",
            "--blind",
            "5s",
        ];
        let command = ["--principal", PRINCIPAL, "--command", COMMAND, "--"];
        let server = ["-p", &self.port, "-l", &self.user, "127.0.0.1"];
        let known = [
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
        ];
        let all = [&asked[..], &what, &command, &known, &server].concat();
        self.seat.start(&all)
    }

    /// The same with a session that people approved; gives its request and the process at the server.
    async fn begun(&self) -> (Running, String, u32) {
        let running = self.start();
        let request = running.request();
        self.world.approve(&request).await;
        let said = running.says("begun ");
        let there = said.split_whitespace().nth(1).unwrap().parse().unwrap();
        (running, request, there)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m144_c14_a_session_of_ssh_ends_when_its_lease_is_revoked_and_shows_nobody_its_key() {
    let place = Place::open().await;
    let (mut running, request, there) = place.begun().await;
    let program = running.program();
    let key = running
        .argument("IdentityFile=")
        .trim_matches('"')
        .to_owned();
    let private = std::fs::read_to_string(&key).unwrap();
    let secrets = private.lines().filter(|line| !line.starts_with('-'));
    let shown = running.shown();
    assert!(holds(&shown, "IdentitiesOnly=yes"));
    for secret in secrets.filter(|line| line.len() >= 16) {
        assert!(!holds(&shown, secret));
    }

    let reviewer = &place.world.people["reviewer"];
    reviewer.client.revoke_request(&request).await.unwrap();
    let (code, said) = running.ended();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the lease was taken away"), "{said}");
    gone(program).await;
    gone(there).await;
    assert!(!folder_of(&key).exists(), "{key}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c03_whoever_is_killed_takes_the_session_along_and_the_next_one_what_is_left() {
    let place = Place::open().await;
    let (mut running, request, there) = place.begun().await;
    let program = running.program();
    let key = running
        .argument("IdentityFile=")
        .trim_matches('"')
        .to_owned();
    running.sent("KILL");
    assert_eq!(running.ended().0, 128 + 9);
    gone(program).await;
    gone(there).await;
    // Nobody could put this away; the lease ends with its time or its task, and the folder with the next session.
    assert!(folder_of(&key).exists());
    let status = place.world.bot.client.status(&request, 0).await.unwrap();
    assert_eq!(status.lease.unwrap().state, "active");
    let no_such = "req_00000000000000000000000000000001";
    let next = place.seat.run(&["psql", "--request", no_such]);
    assert_ne!(next.status.code(), Some(0), "{next:?}");
    assert!(!folder_of(&key).exists(), "{key}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c03_a_session_goes_on_no_longer_unseen_than_was_said() {
    let mut place = Place::open().await;
    let (mut running, _request, there) = place.begun().await;
    let program = running.program();
    place.world.gate.kill().await.unwrap();
    let (code, said) = running.ended();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("has not said for 5 s"), "{said}");
    gone(program).await;
    gone(there).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_denied_runs_nothing_and_what_is_broken_off_is_taken_back() {
    let place = Place::open().await;
    let mut denied = place.start();
    let request = denied.request();
    let reviewer = &place.world.people["reviewer"];
    let answering = Answering::default();
    let no = reviewer.review(&request, ReviewAct::Deny, &answering);
    no.await.unwrap();
    let (code, said) = denied.ended();
    assert_eq!(code, 3, "{said}");
    assert!(!said.contains("is in use until"), "{said}");

    let mut broken_off = place.start();
    let request = broken_off.request();
    broken_off.sent("TERM");
    let (code, said) = broken_off.ended();
    assert_eq!(code, 143, "{said}");
    let status = place.world.bot.client.status(&request, 0).await.unwrap();
    assert_eq!(status.state, RequestState::Withdrawn);
}
