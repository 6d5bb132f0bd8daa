//! An approved login at a real PostgreSQL server, used by the real `psql`.

use std::path::Path;

use crate::leases::World;
use crate::seat::{Running, Seat, folder_of, gone, holds};

/// How long the login of a test lives that is to expire.
const SHORT_SECONDS: u32 = 8;

struct Place {
    world: World,
    seat: Seat,
}

impl Place {
    async fn open() -> Self {
        let world = World::open().await;
        let seat = Seat::of(&world.bot, world.gate.url());
        Self { world, seat }
    }

    fn start(&self, psql: &[&str]) -> Running {
        let role = ["--", "-X", "-A", "-t", "-q"];
        self.seat.start(&[&ASKING[..], &role, psql].concat())
    }
}

const ASKING: [&str; 9] = [
    "psql",
    "--purpose",
    "look for stuck orders",
    "--target",
    "orders-access",
    "--resource",
    "shop/orders",
    "--role",
    "orders_reader",
];
const ASKED: &str = "SELECT status FROM orders WHERE id = 7;\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m144_c14_a_session_of_psql_ends_when_its_lease_is_revoked_and_shows_nobody_its_password() {
    let place = Place::open().await;
    let mut running = place.start(&[]);
    let request = running.request();
    place.world.approve(&request).await;
    running.tell(ASKED);
    running.says("stuck\n");
    let program = running.program();
    let file = running.variable("PGPASSFILE");
    let password = std::fs::read_to_string(&file).unwrap();
    let password = password.trim_end().rsplit(':').next().unwrap();
    assert!(!holds(&running.shown(), password));
    assert!(holds(&running.shown(), "PGSERVICE=gatehold"));

    let reviewer = &place.world.people["reviewer"];
    reviewer.client.revoke_request(&request).await.unwrap();
    let (code, said) = running.ended();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the lease was taken away"), "{said}");
    gone(program).await;
    place.world.until_gone(1).await;
    let left = (place.world.roles().await, place.world.sessions().await);
    assert_eq!(left, (0, 0));
    assert!(!Path::new(&file).exists() && !folder_of(&file).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m021_a_session_of_psql_ends_with_the_time_of_its_lease() {
    let place = Place::open().await;
    let mut running = place.start(&["-c", "SELECT pg_sleep(600)"]);
    let request = running.request();
    place.world.approve_for(&request, Some(SHORT_SECONDS)).await;
    let (code, said) = running.ended();
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("the lease ended with its time"), "{said}");
    place.world.until_gone(1).await;
    assert_eq!(place.world.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m217_what_psql_says_is_passed_on_and_the_lease_ends_with_it() {
    let place = Place::open().await;
    let mut right = place.start(&["-c", ASKED]);
    place.world.approve(&right.request()).await;
    right.says("stuck\n");
    let (code, said) = right.ended();
    assert_eq!(code, 0, "{said}");
    // Its task was begun for it, and ended with it.
    place.world.until_gone(1).await;
    assert_eq!(place.world.roles().await, 0);

    let mut wrong = place.start(&["-v", "ON_ERROR_STOP=1", "-c", "SELECT * FROM payroll"]);
    place.world.approve(&wrong.request()).await;
    let (code, said) = wrong.ended();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("permission denied"), "{said}");
    place.world.until_gone(2).await;

    let mut told = place.start(&["-c", "SELECT pg_sleep(600)"]);
    place.world.approve(&told.request()).await;
    place.world.until_a_role_stands().await;
    told.sent("TERM");
    let (code, said) = told.ended();
    assert_eq!(code, 143, "{said}");
    place.world.until_gone(3).await;
    let left = (place.world.roles().await, place.world.sessions().await);
    assert_eq!(left, (0, 0));
}

/// A client that is at a terminal, leaves one process in the background and one in a session of its own, and ends.
const LEAVING: &str =
    "test -t 0 || exit 9; sleep 600 & echo left $!; setsid sleep 600 & echo left $!; exit 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m217_at_a_terminal_nothing_that_a_client_started_outlives_the_session() {
    let place = Place::open().await;
    let client = ["--client", "sh", "--", "-c", LEAVING];
    let mut running = place
        .seat
        .start_at_a_terminal(&[&ASKING[..], &client].concat());
    let said = running.says("waiting; ");
    let request = said.lines().find_map(|line| line.strip_prefix("HELD  "));
    place.world.approve(request.unwrap().trim()).await;
    let (code, errors) = running.ended();
    let said = running.says("left");
    assert_eq!(code, 0, "{said}{errors}");
    let left: Vec<u32> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("left ")?.parse().ok())
        .collect();
    assert_eq!(left.len(), 2, "{said}");
    for pid in left {
        gone(pid).await;
    }
    place.world.until_gone(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m217_a_signal_while_a_login_is_handed_out_begins_no_session() {
    let place = Place::open().await;
    let mut running = place.start(&["-c", "SELECT 'a session began'"]);
    let request = running.request();
    // Nobody becomes a member of anything until this is over.
    let holding = place.world.server.connect("orders").await;
    let hold = "BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN SHARE MODE";
    holding.batch_execute(hold).await.unwrap();
    place.world.approve(&request).await;
    place.world.until_the_broker_waits().await;
    running.sent("INT");
    holding.batch_execute("COMMIT").await.unwrap();
    let (code, said) = running.ended();
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("no session begins"), "{said}");
    assert!(!running.said().contains("a session began"));
    // Its task ended with it, and so did the lease.
    place.world.until_gone(1).await;
    assert_eq!(place.world.roles().await, 0);
}
