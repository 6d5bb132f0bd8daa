//! Signing in at a real identity provider (npm `oidc-provider`): the way there and back, and everything on it that is refused.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod identity_provider;

use identity_provider::{Answer, Browser, Desk};

const BASIC: &str = "client_secret_basic";
const POST: &str = "client_secret_post";

/// Nobody was signed in by this, for this reason.
fn refused(desk: &Desk, browser: &mut Browser, answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status, status, "{why}: {answer:?}");
    assert!(answer.body.contains(why), "{why}: {}", answer.body);
    assert_eq!(desk.sees(browser), None, "{why}");
}

#[test]
fn somebody_signs_in_and_goes_on_when_the_provider_changes_its_keys() {
    for (method, algorithms) in [(BASIC, ["RS256", "ES256"]), (POST, ["PS256", "EdDSA"])] {
        let mut desk = Desk::open("max_age_seconds = 3600");
        for (algorithm, name) in algorithms.into_iter().zip(["ann", "bob"]) {
            // A start makes new keys: what the gate read before does not have them.
            desk.provider.start(algorithm, method);
            let mut browser = Browser::default();
            let page = browser.get(&format!("{}/sign-in", desk.url));
            assert!(page.body.contains("href=\"/sign-in/start\""), "{page:?}");
            assert!(!page.body.contains("ann") && !page.body.contains("One-time"));
            let request = format!("req_{}", "07".repeat(16));
            let answer = desk.sign_in(&mut browser, name, &request);
            assert_eq!(
                answer.location(),
                format!("/requests/{request}"),
                "{algorithm}"
            );
            assert_eq!(desk.sees(&mut browser), Some(desk.human(name)));
            let page = browser.get(&format!("{}/", desk.url)).body;
            assert!(page.contains("signed in by identity provider"), "{page}");
            // One terminal plays nobody here, although its origin is one of development.
            assert!(!page.contains("/session/person"), "{page}");
            let begun = desk.url.replace("http://127.0.0.1:", "gatehold-begun-");
            assert!(!browser.cookies(&desk.url).contains_key(&begun));
            let token = page.split("name=\"token\" value=\"").nth(1).unwrap();
            let token = token.split('"').next().unwrap();
            let person = format!("token={token}&person=cem%40x");
            let other = browser
                .from("same-origin")
                .post(&format!("{}/session/person", desk.url), &person);
            assert_eq!(other.status, 404);
            let out = format!("{}/session/end", desk.url);
            assert_eq!(browser.post(&out, &format!("token={token}")).status, 303);
            assert_eq!(desk.sees(&mut browser), None);
        }
        // Keys that come too fast are not looked for: nobody makes a gate ask all day.
        desk.provider.start(algorithms[0], method);
        let mut browser = Browser::default();
        let answer = desk.sign_in(&mut browser, "ann", "");
        refused(&desk, &mut browser, &answer, 403, "no published key");
    }
}

#[test]
fn an_answer_counts_in_the_browser_that_asked_for_it_once() {
    let mut desk = Desk::open("");
    desk.provider.start("RS256", BASIC);
    let mut attacker = Browser::default();
    let theirs = desk.through(&mut attacker, "cem", "");
    // Whoever is sent a link with somebody else's code is not signed in as them (login CSRF).
    let mut victim = Browser::default();
    let answer = victim.from("cross-site").get(&theirs);
    refused(
        &desk,
        &mut victim,
        &answer,
        403,
        "did not begin that sign-in",
    );
    // Not in the middle of a sign-in of their own either, and that goes on.
    let own = desk.through(&mut victim, "ann", "");
    let answer = victim.from("cross-site").get(&theirs);
    refused(
        &desk,
        &mut victim,
        &answer,
        403,
        "did not begin that sign-in",
    );
    // Their own code under another state, and another's code under their own.
    let part = |url: &str, name: &str| {
        let (_, after) = url.split_once(&format!("{name}=")).unwrap();
        after.split('&').next().unwrap().to_owned()
    };
    let crossed = own.replace(&part(&own, "state"), &part(&theirs, "state"));
    let answer = victim.get(&crossed);
    refused(
        &desk,
        &mut victim,
        &answer,
        403,
        "did not begin that sign-in",
    );
    let before = victim.cookies(&desk.url);
    let injected = own.replace(&part(&own, "code"), &part(&theirs, "code"));
    let mut tricked = victim.clone();
    let answer = tricked.get(&injected);
    refused(&desk, &mut tricked, &answer, 403, "did not take its code");
    // Another provider's name in the answer, or none.
    let issuer = part(&own, "iss");
    for other in [
        own.replace(&issuer, "http%3A%2F%2F127.0.0.1%3A1"),
        own.replace("iss=", "isn="),
    ] {
        let answer = victim.get(&other);
        refused(
            &desk,
            &mut victim,
            &answer,
            403,
            "not from the identity provider that was asked",
        );
    }
    // What is twice, too much or nothing.
    for bad in [
        format!("{own}&code=x"),
        format!("{own}&error=access_denied"),
        format!("{}/sign-in/callback", desk.url),
    ] {
        assert_eq!(victim.get(&bad).status, 400, "{bad}");
    }
    let answer = victim.get(&own);
    assert_eq!(answer.location(), "/");
    assert_eq!(desk.sees(&mut victim), Some(desk.human("ann")));
    // Once: neither the link nor the code counts again, even where the browser is put back.
    let mut again = Browser::default();
    again.put(&desk.url, before);
    let answer = again.get(&own);
    refused(&desk, &mut again, &answer, 403, "did not take its code");
    let mut again = Browser::default();
    let answer = again.get(&own);
    refused(
        &desk,
        &mut again,
        &answer,
        403,
        "did not begin that sign-in",
    );
}

#[test]
fn what_the_provider_signs_is_for_this_sign_in_or_for_nobody() {
    // Its groups are read too, and one that is named takes nothing away.
    let teams = "max_age_seconds = 3600\n[identity_provider.teams]\nowners = \"reviewers\"";
    let mut desk = Desk::open(teams);
    desk.provider.start("RS256", BASIC);
    for (lie, status, why) in [
        ("nonce", 403, "`nonce` is another"),
        ("iss", 403, "`iss` is another"),
        ("aud", 403, "`aud` is another"),
        ("audiences", 403, "`aud` is another"),
        ("azp", 403, "`azp` is another"),
        ("expired", 403, "`exp` does not fit"),
        ("early", 403, "`iat` does not fit"),
        ("stale", 403, "showed it who you are lately"),
        ("undated", 403, "showed it who you are lately"),
        ("nobody", 403, "name for you cannot be used"),
        ("groups", 403, "groups in the identity provider"),
        ("unsigned", 403, "none of RS256, PS256, ES256, EdDSA"),
        ("stripped", 403, "signature does not verify"),
        ("shared", 403, "none of RS256, PS256, ES256, EdDSA"),
        ("forged", 403, "signature does not verify"),
        ("elsewhere", 503, "cannot be reached"),
        ("huge", 503, "cannot be reached"),
        ("broken", 503, "cannot be reached"),
        ("empty", 502, "holds no ID token"),
    ] {
        desk.provider.lie(lie);
        let mut browser = Browser::default();
        let answer = desk.sign_in(&mut browser, "ann", "");
        refused(&desk, &mut browser, &answer, status, why);
    }
    desk.provider.lie("");
    let mut browser = Browser::default();
    assert_eq!(desk.sign_in(&mut browser, "ann", "").location(), "/");
}

#[test]
fn whoever_has_no_key_is_told_so_and_nobody_begins_for_them() {
    let mut desk = Desk::open("");
    desk.provider.start("RS256", BASIC);
    let mut browser = Browser::default();
    let answer = desk.sign_in(&mut browser, "mallory", "");
    refused(&desk, &mut browser, &answer, 403, "You have no key here");
    // The exact name that others would enrol.
    assert!(
        answer.body.contains(&desk.human("mallory")),
        "{}",
        answer.body
    );
    // Another site, a frame and a prefetch begin nothing: they end at the page with the link.
    let start = format!("{}/sign-in/start", desk.url);
    for (site, more) in [
        ("cross-site", ""),
        ("same-site", ""),
        ("none", ""),
        ("same-origin", "sec-purpose: prefetch\r\n"),
        ("same-origin", "sec-fetch-dest: iframe\r\n"),
    ] {
        let mut browser = Browser::default();
        browser.more = more;
        let answer = browser.from(site).get(&start);
        assert_eq!(answer.location(), "/sign-in", "{site} {more}");
        assert!(browser.cookies(&desk.url).is_empty());
    }
    let mut browser = Browser::default();
    for to in ["//evil.example", "https%3A%2F%2Fevil.example", "/decided"] {
        assert_eq!(desk.press(&mut browser, to).status, 400, "{to}");
    }
    // Codes are for gates that print them.
    browser.from("same-origin");
    let form = "code=000-000&person=ann%40x&to=";
    assert_eq!(
        browser.post(&format!("{}/sign-in", desk.url), form).status,
        404
    );
    assert_eq!(
        browser
            .post(&format!("{}/sign-in/code", desk.url), "to=")
            .status,
        404
    );
}

#[test]
fn a_provider_that_cannot_be_reached_signs_nobody_in() {
    let desk = Desk::open("");
    let mut browser = Browser::default();
    let answer = desk.press(&mut browser, "");
    refused(
        &desk,
        &mut browser,
        &answer,
        503,
        "identity provider cannot be reached",
    );
    assert!(browser.cookies(&desk.url).is_empty());

    let mut desk = Desk::open("");
    desk.provider.start("RS256", BASIC);
    let mut browser = Browser::default();
    let back = desk.through(&mut browser, "ann", "");
    let status = |desk: &Desk| {
        let said = std::process::Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(["status", "-o", "json", "--config", "gate/gatehold.toml"])
            .current_dir(desk.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        (said.status.code(), text)
    };
    let (code, said) = status(&desk);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the identity provider answers"), "{said}");
    desk.provider.stop();
    let (code, said) = status(&desk);
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "cannot be reached from here",
        "nobody signs in at the pages",
        "\"reachable\":false",
    ] {
        assert!(
            said.contains(part) || said.contains(&part.replace(':', ": ")),
            "{part}: {said}"
        );
    }
    let answer = browser.from("cross-site").get(&back);
    refused(
        &desk,
        &mut browser,
        &answer,
        503,
        "identity provider cannot be reached",
    );
    // Somebody who says no there is nobody here.
    desk.provider.start("RS256", BASIC);
    let mut browser = Browser::default();
    let asked = desk.press(&mut browser, "").location();
    let state = asked
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let issuer = desk
        .provider
        .issuer()
        .replace(':', "%3A")
        .replace('/', "%2F");
    let said = "error=access_denied&error_description=%3Cscript%3E";
    let no = format!(
        "{}/sign-in/callback?state={state}&iss={issuer}&{said}",
        desk.url
    );
    let answer = browser.from("cross-site").get(&no);
    refused(&desk, &mut browser, &answer, 403, "did not sign you in");
    assert!(!answer.body.contains("script&gt;") && !answer.body.contains("<script>"));
}

#[test]
fn an_insecure_provider_is_for_development_gates() {
    let mut desk = Desk::open("");
    let config = desk.folder.path().join("gate/gatehold.toml");
    let checked = desk.run(&["config", "check", "--config", "gate/gatehold.toml"]);
    let line = format!("console: people sign in at {}\n", desk.provider.issuer());
    assert!(checked.contains(&line), "{checked}");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(&desk.provider.issuer(), "http://login.example");
    std::fs::write(&config, text).unwrap();
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["config", "check", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(!checked.status.success());
    assert!(
        said.contains("identity_provider.issuer") && said.contains("https"),
        "{said}"
    );
    // A team that nobody knows would take nobody's seat.
    desk.end();
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("http://login.example", &desk.provider.issuer());
    std::fs::write(
        &config,
        text + "[identity_provider.teams]\nwoners = \"Owners\"\n",
    )
    .unwrap();
    let started = std::process::Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8(started.stderr).unwrap();
    assert!(!started.status.success());
    assert!(said.contains("`woners` is no team of this gate"), "{said}");
}
