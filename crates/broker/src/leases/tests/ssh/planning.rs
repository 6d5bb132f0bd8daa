//! What is planned: from the approved bytes and the configuration alone.

use super::*;

#[test]
fn the_same_certificate_is_planned_for_the_same() {
    let desk = Desk::new();
    let leases = desk.leases("coarse = true");
    let payload = payload(PRINCIPAL, "true", &software_key(&[1; 32]).to_line());
    let plan = |grant| leases.plan(&ask(&payload), grant_id(grant)).unwrap();
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7).recipe.handle, plan(8).recipe.handle);
    let recipe = plan(7).recipe;
    recipe.check().unwrap();
    assert_eq!(recipe.broker, "ssh");
    assert_eq!(recipe.entitlement, "principal deploy");
    assert_eq!(recipe.parts["authority"], desk.public().to_line());
    assert_eq!(leases.grant_of(&recipe), Some(grant_id(7)));
    let terms = leases.terms(TARGET).unwrap();
    assert_eq!(terms.class, RevocationClass::NewUseOnly);
    assert_eq!(terms.class, plan(7).class);
    assert_eq!(terms.enforces, ["not_after", "coarse"]);
    // Nothing was written or signed for that.
    assert!(!desk.list.exists() && !desk.path("revoked.issued").exists());
}

fn no(leases: &Leases, payload: &[u8]) -> String {
    let planned = leases.plan(&ask(payload), grant_id(1));
    planned.unwrap_err().to_string()
}

#[test]
fn c06_c07_a_hostile_payload_is_refused_before_anybody_decides() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let key = software_key(&[1; 32]).to_line();
    for principal in [
        "",
        "root",
        "deploy,root",
        "deploy ",
        "DEPLOY",
        "*",
        "deploy\0",
        "deploy\n",
    ] {
        let said = no(&leases, &payload(principal, "true", &key));
        assert!(said.ends_with("backup, deploy"), "{said}");
    }
    for command in [
        "",
        " id",
        "id ",
        "id\nreboot",
        "id\r",
        "id\0",
        "a\u{202e}b",
        "a\u{200b}b",
        "\x1b[2J",
    ] {
        let said = no(&leases, &payload(PRINCIPAL, command, &key));
        assert!(said.starts_with("the command "), "{said}");
    }
    let long = no(&leases, &payload(PRINCIPAL, &"x".repeat(900_000), &key));
    assert!(long.contains("longer than"), "{long}");
    // A shell's own signs are a command's: who approves it reads them.
    for command in [
        "echo 'a \"b\"' | tee /tmp/x; id && $(id) `id` #größe",
        &"x".repeat(4096),
    ] {
        assert!(
            leases
                .plan(&ask(&payload(PRINCIPAL, command, &key)), grant_id(1))
                .is_ok()
        );
    }
    let keys = [
        String::new(),
        "ssh-ed25519".to_owned(),
        "ssh-ed25519 AAAA".to_owned(),
        format!("{key} me@here"),
        format!("{key}\n"),
        format!(" {key}"),
        key.replace(' ', "  "),
        format!("{key}\n{key}"),
        format!("no-pty {key}"),
        format!("command=\"sh\" {key}"),
        format!("cert-authority {key}"),
        format!("@revoked {key}"),
        key.replace("ssh-ed25519 ", "ecdsa-sha2-nistp256 "),
        key.replace("ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com "),
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7".to_owned(),
        "ssh-dss AAAAB3NzaC1kc3M=".to_owned(),
        "x".repeat(900_000),
    ];
    for key in keys {
        let said = no(&leases, &payload(PRINCIPAL, "true", &key));
        assert!(said.starts_with("public_key: "), "{said}");
    }
}

#[test]
fn c07_exactly_three_texts_are_asked_for() {
    let desk = Desk::new();
    let leases = desk.leases("");
    let key = software_key(&[1; 32]).to_line();
    let good =
        format!("{{\"principal\":\"deploy\",\"command\":\"true\",\"public_key\":\"{key}\"}}");
    assert!(leases.plan(&ask(good.as_bytes()), grant_id(1)).is_ok());
    for bad in [
        good.replace("\"deploy\"", "[\"deploy\"]"),
        good.replace("\"deploy\"", "[]"),
        good.replace("\"deploy\"", "null"),
        good.replacen('{', "{\"principal\":\"root\",", 1),
        good.replacen('{', "{\"extensions\":[\"permit-pty\"],", 1),
        good.replace("\"command\":\"true\",", ""),
        good.replace("\"command\"", "\"Command\""),
        format!("[{good}]"),
        format!("{good}{good}"),
        "{}".to_owned(),
        String::new(),
    ] {
        let said = no(&leases, bad.as_bytes());
        assert!(said.starts_with("write exactly"), "{bad}: {said}");
    }
    let of = |change: fn(&mut Envelope)| {
        let asked = action(good.as_bytes(), |envelope| {
            envelope.target = TARGET.parse().unwrap();
            change(envelope);
        });
        leases.plan(&asked, grant_id(1)).unwrap_err().to_string()
    };
    let caps = of(|envelope| {
        envelope.caps.insert("rows".to_owned(), 1);
    });
    assert!(caps.contains("no caps"), "{caps}");
    assert!(
        of(|envelope| envelope.precondition = Some("rows=1".to_owned()))
            .contains("no precondition")
    );
    let plain = of(|envelope| envelope.payload.media_type = "text/plain".to_owned());
    assert!(plain.contains("application/json"), "{plain}");
}

#[test]
fn where_commands_are_listed_only_those_are_certified() {
    let desk = Desk::new();
    let leases = desk.leases("commands = [\"uptime\", \"df -h\"]");
    let key = software_key(&[1; 32]).to_line();
    let plan = |command| leases.plan(&ask(&payload(PRINCIPAL, command, &key)), grant_id(1));
    assert!(plan("uptime").is_ok() && plan("df -h").is_ok());
    for other in ["uptime;id", "df  -h", "df", "id"] {
        assert!(
            plan(other).unwrap_err().to_string().contains("lists"),
            "{other}"
        );
    }
}

#[test]
fn c07_targets_of_one_authority_certify_nobody_together_and_share_their_list() {
    let desk = Desk::new();
    let mistakes = |second: &str| {
        let both = format!("{}{second}", desk.config(""));
        let read = Targets::from_toml(&both, &|_| None);
        read.err()
            .map(|errors| errors.to_string())
            .unwrap_or_default()
    };
    let another = |principals: &str, list: &str| {
        let text = config_of(&desk.authority, &desk.path(list), "");
        let text = text.replace(TARGET, "ssh:staging");
        let own = format!("principals = [\"{PRINCIPAL}\", \"backup\"]");
        text.replace(&own, &format!("principals = [{principals}]"))
    };
    assert_eq!(mistakes(&another("\"tester\"", "revoked")), "");
    let shared = mistakes(&another("\"tester\", \"backup\"", "revoked"));
    assert!(shared.contains("would be good at both"), "{shared}");
    let apart = mistakes(&another("\"tester\"", "other"));
    assert!(apart.contains("name the same list"), "{apart}");
}
