//! What the files know: written before anything is signed, whole whatever dies, and never over what somebody else put there.

use std::fs::OpenOptions;
use std::io::Write as _;

use super::*;

#[tokio::test]
async fn c04_what_was_about_to_be_signed_is_found_and_revoked() {
    let desk = Desk::new();
    let leases = desk.leases("");
    assert!(standing(&leases).await.is_empty());
    let lease = any(&leases, 1).await;
    // Another one wrote its line and died before it signed; a third died while it wrote.
    let line = desk.log();
    let handle = |grant: u8| {
        format!(
            "{}{}",
            lease.recipe.handle.get(..12).unwrap(),
            format!("{grant:02x}").repeat(16)
        )
    };
    assert_eq!(handle(1), lease.recipe.handle);
    let second = line.replace(&handle(1), &handle(2));
    let third = line.replace(&handle(1), &handle(3));
    let foreign = line.replace(&handle(1), "gh_00000000_01010101010101010101010101010101");
    let mut log = OpenOptions::new()
        .append(true)
        .open(desk.path("revoked.issued"))
        .unwrap();
    log.write_all(foreign.as_bytes()).unwrap();
    log.write_all(second.as_bytes()).unwrap();
    log.write_all(&third.as_bytes()[..third.len() - 1]).unwrap();

    let restarted = desk.leases("");
    let found = restarted.found(TARGET).await.unwrap();
    let handles: Vec<_> = found.iter().map(|recipe| recipe.handle.clone()).collect();
    assert_eq!(handles, [handle(1), handle(2)]);
    assert_eq!(found[0], lease.recipe);
    for recipe in &found {
        assert_eq!(restarted.remove(TARGET, recipe).await, Removal::Gone);
        assert!(desk.krl().contains(&desk.public(), serial(&recipe.handle)));
    }
    assert!(standing(&restarted).await.is_empty());
    // What was torn is no line, and what came after it is.
    assert!(!desk.log().contains(&handle(3)), "{}", desk.log());
    any(&restarted, 4).await;
    assert_eq!(standing(&restarted).await, [handle(4)]);
}

#[tokio::test]
async fn c01_nothing_is_gone_before_the_list_says_so_and_no_list_of_others_is_written() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let lease = any(&leases, 1).await;
    let own = std::fs::read(&desk.list).unwrap();
    let mut foreign = own.clone();
    // A list with the fingerprint of a key, which only somebody else writes.
    foreign.extend_from_slice(&[5, 0, 0, 0, 36, 0, 0, 0, 32]);
    foreign.extend_from_slice(&[7; 32]);
    for bytes in [
        &foreign[..],
        &own[..own.len() - 1],
        b"",
        b"not a list",
        &[0; 5 << 20],
    ] {
        std::fs::write(&desk.list, bytes).unwrap();
        assert_eq!(
            remove(&leases, &lease).await,
            Removal::Remains("target_refused")
        );
        assert_eq!(std::fs::read(&desk.list).unwrap(), bytes, "it is as it was");
        assert!(leases.found(TARGET).await.is_err());
        let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
        let next = super::lease(&leases, &payload, 2);
        let made = leases.make(TARGET, &next, &payload).await;
        assert!(
            matches!(made, Issuance::Refused("target_refused")),
            "{made:?}"
        );
    }
    // A link leads somewhere else than what takes its place.
    std::fs::write(desk.path("elsewhere"), &own).unwrap();
    std::fs::remove_file(&desk.list).unwrap();
    std::os::unix::fs::symlink(desk.path("elsewhere"), &desk.list).unwrap();
    assert_eq!(
        remove(&leases, &lease).await,
        Removal::Remains("target_refused")
    );
    std::fs::remove_file(&desk.list).unwrap();
    std::fs::write(&desk.list, &own).unwrap();
    assert_eq!(remove(&leases, &lease).await, Removal::Gone);
}

#[tokio::test]
async fn a_list_that_was_lost_or_is_older_is_whole_again() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let (first, second) = (any(&leases, 1).await, any(&leases, 2).await);
    let third = any(&leases, 3).await;
    let older = std::fs::read(&desk.list).unwrap();
    assert_eq!(remove(&leases, &first).await, Removal::Gone);
    // Of an older list it is told what stands again.
    std::fs::write(&desk.list, &older).unwrap();
    assert_eq!(standing(&leases).await.len(), 3);
    assert_eq!(remove(&leases, &second).await, Removal::Gone);
    std::fs::remove_file(&desk.list).unwrap();
    assert_eq!(remove(&leases, &third).await, Removal::Gone);
    let krl = desk.krl();
    assert_eq!(krl.count(), 3);
    assert!(standing(&leases).await.is_empty());
    // Without the log nobody can tell what else was signed.
    std::fs::remove_file(desk.path("revoked.issued")).unwrap();
    let error = leases.found(TARGET).await.unwrap_err().to_string();
    assert!(error.contains("put it back"), "{error}");
}

#[tokio::test]
async fn a_log_that_is_damaged_keeps_nobodys_certificate_alive() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let lease = any(&leases, 1).await;
    let log = desk.path("revoked.issued");
    let long = format!("{}\n", "x".repeat(2_000));
    for damage in ["{}\n", "{\"issued\":{}}\n", "\n", "\u{0}\n", &long] {
        std::fs::write(&log, format!("{damage}{}", desk.log())).unwrap();
        assert!(leases.found(TARGET).await.is_err(), "{damage:?}");
        let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
        let next = super::lease(&leases, &payload, 2);
        let made = leases.make(TARGET, &next, &payload).await;
        assert!(
            matches!(made, Issuance::Refused("target_refused")),
            "{made:?}"
        );
    }
    let damaged = desk.log();
    assert_eq!(remove(&leases, &lease).await, Removal::Gone);
    assert!(
        desk.krl()
            .contains(&desk.public(), serial(&lease.recipe.handle))
    );
    assert_eq!(desk.log(), damaged, "it is as it was");
    // Without either of them nobody can tell who else was revoked.
    std::fs::remove_file(&desk.list).unwrap();
    assert_eq!(
        remove(&leases, &lease).await,
        Removal::Remains("target_refused")
    );
}

#[tokio::test]
async fn a_certificate_that_may_have_been_made_is_never_made_again() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let lease = any(&leases, 1).await;
    let payload = payload(PRINCIPAL, "id", &software_key(&[2; 32]).to_line());
    let again = leases.make(TARGET, &lease, &payload).await;
    assert!(matches!(again, Issuance::Unknown("lost")), "{again:?}");
    assert_eq!(remove(&leases, &lease).await, Removal::Gone);
    let again = leases.make(TARGET, &lease, &payload).await;
    assert!(matches!(again, Issuance::Unknown("lost")), "{again:?}");
}

#[tokio::test]
async fn c05_two_gates_at_one_list_take_each_others_for_nobodys_and_lose_none() {
    let desk = Desk::new();
    let gates: Vec<_> = ["https://a.example", "https://b.example"]
        .map(|gate| {
            Arc::new(leases_of(
                &desk.config("lock_timeout_seconds = 60").replacen(
                    "lock_timeout_seconds = 1\n",
                    "",
                    1,
                ),
                gate,
            ))
        })
        .into();
    let mut all = Vec::new();
    for gate in gates.iter().cycle().take(4) {
        let gate = gate.clone();
        let grants = u8::try_from(all.len()).unwrap() * 10;
        all.push(tokio::spawn(async move {
            for grant in grants..grants + 8 {
                let lease = any(&gate, grant).await;
                assert_eq!(remove(&gate, &lease).await, Removal::Gone);
            }
            any(&gate, grants + 9).await
        }));
    }
    let mut left = Vec::new();
    for one in all {
        left.push(one.await.unwrap().recipe.handle);
    }
    assert_eq!(desk.krl().count(), 32);
    for gate in &gates {
        let standing = standing(gate).await;
        assert_eq!(standing.len(), 2);
        assert!(standing.iter().all(|handle| left.contains(handle)));
    }
}

#[tokio::test]
async fn whoever_holds_the_lock_is_waited_for_a_while() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let lease = any(&leases, 1).await;
    let lock = OpenOptions::new()
        .append(true)
        .open(desk.path("revoked.lock"))
        .unwrap();
    lock.lock().unwrap();
    assert_eq!(remove(&leases, &lease).await, Removal::Remains("timeout"));
    let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
    let next = super::lease(&leases, &payload, 2);
    let made = leases.make(TARGET, &next, &payload).await;
    assert!(
        matches!(made, Issuance::Refused("target_refused")),
        "{made:?}"
    );
    drop(lock);
    assert_eq!(remove(&leases, &lease).await, Removal::Gone);
}

#[tokio::test]
async fn what_ended_long_ago_is_kept_account_of_no_longer() {
    let desk = Desk::new();
    let time = Arc::new(AtomicI64::new(NOW));
    let leases = leases_at_time(&desk.config(""), ORIGIN, &time);
    let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
    let mut short = super::lease(&leases, &payload, 1);
    short.not_after = Timestamp::from_millis(NOW + DAY);
    let _credential = issued(&leases, &short, &payload).await;
    let mut standing_one = super::lease(&leases, &payload, 2);
    standing_one.not_after = Timestamp::from_millis(NOW + DAY);
    let _credential = issued(&leases, &standing_one, &payload).await;
    assert_eq!(remove(&leases, &short).await, Removal::Gone);
    let long = any(&leases, 3).await;
    // A server whose clock is late would still let it in.
    time.store(NOW + 2 * DAY, Ordering::SeqCst);
    assert_eq!(standing(&leases).await.len(), 2);
    assert_eq!(remove(&leases, &long).await, Removal::Gone);
    assert!(
        desk.krl()
            .contains(&desk.public(), serial(&short.recipe.handle))
    );
    time.store(NOW + 3 * DAY, Ordering::SeqCst);
    assert!(standing(&leases).await.is_empty());
    let last = any(&leases, 4).await;
    assert_eq!(remove(&leases, &last).await, Removal::Gone);
    let krl = desk.krl();
    assert!(!krl.contains(&desk.public(), serial(&short.recipe.handle)));
    assert!(krl.contains(&desk.public(), serial(&long.recipe.handle)));
}

#[tokio::test]
async fn c14_the_authoritys_key_is_read_anew_and_stands_nowhere_else() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let secret = std::fs::read_to_string(&desk.authority).unwrap();
    let canaries: Vec<&str> = secret
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let targets = Targets::from_toml(&desk.config(""), &|_| None).unwrap();
    let mut said = format!("{targets:?} {targets:#?}");
    let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
    let lease = lease(&leases, &payload, 1);
    let credential = issued(&leases, &lease, &payload).await;
    said.push_str(&format!("{credential:?} {lease:?} {:?}", credential.public));
    for name in ["revoked.issued", "revoked"] {
        said.push_str(&String::from_utf8_lossy(
            &std::fs::read(desk.path(name)).unwrap(),
        ));
    }
    // A key that anybody reads, one that is gone and another key certify nothing, and none of them is in what is said.
    let other = Desk::new();
    let next = super::lease(&leases, &payload, 2);
    for bad in [
        std::fs::read(&other.authority).unwrap(),
        secret.replace("OPENSSH", "EC").into_bytes(),
        secret.as_bytes()[..200].to_vec(),
    ] {
        std::fs::write(&desk.authority, bad).unwrap();
        let made = leases.make(TARGET, &next, &payload).await;
        assert!(
            matches!(made, Issuance::Refused("target_refused")),
            "{made:?}"
        );
        let errors = Targets::from_toml(&desk.config(""), &|_| None);
        said.push_str(&errors.map_or_else(|errors| errors.to_string(), |read| format!("{read:?}")));
    }
    std::fs::write(&desk.authority, &secret).unwrap();
    std::fs::set_permissions(&desk.authority, std::fs::Permissions::from_mode(0o644)).unwrap();
    let made = leases.make(TARGET, &next, &payload).await;
    assert!(
        matches!(made, Issuance::Refused("target_refused")),
        "{made:?}"
    );
    for canary in canaries {
        assert!(!said.contains(canary), "{said}");
    }
    // Nothing of all that was written down as about to be signed.
    assert_eq!(standing(&leases).await, [lease.recipe.handle]);
}

#[tokio::test]
async fn only_what_this_gate_can_have_certified_is_ever_revoked() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let recipe = any(&leases, 1).await.recipe;
    let edits: [fn(&mut Recipe); 4] = [
        |recipe| recipe.broker = "postgres".to_owned(),
        |recipe| recipe.handle = "gh_00000000_01010101010101010101010101010101".to_owned(),
        |recipe| recipe.handle.push('0'),
        |recipe| {
            drop(
                recipe
                    .parts
                    .insert("authority".to_owned(), "ssh-rsa AAAA".to_owned()),
            )
        },
    ];
    for edit in edits {
        let mut edited = recipe.clone();
        edit(&mut edited);
        let removal = leases.remove(TARGET, &edited).await;
        assert_eq!(removal, Removal::Remains("no_target"), "{edited:?}");
    }
    assert_eq!(desk.krl().count(), 0);
}

#[tokio::test]
async fn c01_what_stands_on_another_list_is_not_gone() {
    let desk = Desk::new();
    let lease = any(&desk.leases(""), 1).await;
    // The operator moves the list while a certificate lives that servers look up on the first one.
    let moved = config_of(&desk.authority, &desk.path("moved"), "");
    let after = leases_of(&moved, ORIGIN);
    assert_eq!(
        remove(&after, &lease).await,
        Removal::Remains("target_changed")
    );
    // What is missing is said by name, by the gate and without one.
    let targets = Targets::from_toml(&moved, &|_| None).unwrap();
    let by_name = targets.missing(&TARGET.parse().unwrap(), &lease.recipe);
    assert_eq!(after.missing(TARGET, &lease.recipe), by_name);
    let said = by_name.unwrap();
    let list = desk.list.display().to_string();
    assert!(
        said.contains(&format!("read {list} when it was made")),
        "{said}"
    );
    assert!(said.contains("name that one again"), "{said}");
    let none = Targets::default().missing(&TARGET.parse().unwrap(), &lease.recipe);
    assert!(none.unwrap().contains("targets_file"));
    assert_eq!(desk.leases("").missing(TARGET, &lease.recipe), None);
    assert!(!desk.path("moved").exists());
    assert_eq!(remove(&desk.leases(""), &lease).await, Removal::Gone);
}
