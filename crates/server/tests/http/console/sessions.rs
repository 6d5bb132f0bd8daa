//! Signing in and out: the code, the cookie, what a session outlives and what it does not.

use super::hold;
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::Call;
use crate::support::people::Person;

#[tokio::test]
async fn a_code_opens_one_session_and_says_why_not() {
    let house = House::open().await;
    let now = house.gate.now().await.unwrap();
    let code = house.codes.draw(now);
    let person = Person::Reviewer.id().to_string();
    let mut browser = Browser::new(&house);
    let page = browser.page("/sign-in").await;
    assert!(page.contains("One-time code") && page.contains("reviewer@dev.local"));
    assert!(!page.contains(&code));
    let wrong = [("code", "000-001"), ("person", person.as_str()), ("to", "")];
    let answer = browser.post("/sign-in", &wrong).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert!(
        String::from_utf8(answer.body)
            .unwrap()
            .contains("that is not the code")
    );
    let right = [
        ("code", code.as_str()),
        ("person", person.as_str()),
        ("to", ""),
    ];
    let answer = browser.post("/sign-in", &right).await;
    assert_eq!(answer.status, 303);
    let port = house.url.rsplit(':').next().unwrap();
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    let attributes = "; Path=/; HttpOnly; SameSite=Lax; Max-Age=28800";
    assert!(cookie.starts_with(&format!("gatehold-{port}=")), "{cookie}");
    assert!(cookie.ends_with(attributes), "{cookie}");
    // Once.
    let mut thief = Browser::new(&house);
    let answer = thief.post("/sign-in", &right).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    assert!(
        String::from_utf8(answer.body)
            .unwrap()
            .contains("no code is waiting")
    );
    assert!(browser.page("/").await.contains("reviewer@dev.local"));
}

#[tokio::test]
async fn a_code_is_printed_on_demand_and_not_too_often() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    assert_eq!(
        browser.post("/sign-in/code", &[("to", "")]).await.status,
        200
    );
    let answer = browser.post("/sign-in/code", &[("to", "")]).await;
    assert_eq!(answer.status, 429);
    house.after(31);
    assert_eq!(
        browser.post("/sign-in/code", &[("to", "")]).await.status,
        200
    );
    let printed = house.printed.lock().unwrap().clone();
    assert_eq!(printed.len(), 2);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(printed.iter().all(|code| !text.contains(code)));
    let person = Person::Owner.id().to_string();
    for (code, status) in [(&printed[0], 403), (&printed[1], 303)] {
        let fields = [("code", code.as_str()), ("person", &person), ("to", "")];
        assert_eq!(browser.post("/sign-in", &fields).await.status, status);
    }
}

#[tokio::test]
async fn nobody_else_signs_in() {
    let house = House::open().await;
    let code = house.codes.draw(house.gate.now().await.unwrap());
    let mut browser = Browser::new(&house);
    for (person, status) in [
        ("mallory@dev.local", 409),
        ("", 400),
        ("reviewer", 400),
        ("<script>@dev.local", 409),
        ("reviewer@dev.local\u{202e}", 400),
    ] {
        let fields = [("code", code.as_str()), ("person", person), ("to", "")];
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!(
            (answer.status, answer.header("set-cookie")),
            (status, None),
            "{person}"
        );
        assert!(
            !String::from_utf8(answer.body)
                .unwrap()
                .contains("<script>@")
        );
    }
    // It was not spent on them.
    let fields = [
        ("code", code.as_str()),
        ("person", "reviewer@dev.local"),
        ("to", ""),
    ];
    assert_eq!(browser.post("/sign-in", &fields).await.status, 303);
}

#[tokio::test]
async fn signing_in_leads_back_to_a_request_and_to_nowhere_else() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::new(&house);
    let sent = browser.get(&format!("/requests/{request}")).await;
    assert_eq!(
        sent.header("location"),
        Some(format!("/sign-in?to={request}").as_str())
    );
    let page = browser.page(&format!("/sign-in?to={request}")).await;
    assert!(page.contains(&format!("name=\"to\" value=\"{request}\"")));
    let back = browser.sign_in(Person::Reviewer, &request).await;
    assert_eq!(
        back.header("location"),
        Some(format!("/requests/{request}").as_str())
    );
    for to in [
        "//evil.example",
        "https://evil.example",
        "/decided",
        "req_1\r\nx: y",
    ] {
        let answer = browser.sign_in(Person::Reviewer, to).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (400, None),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_begins() {
    let house = House::open().await;
    let port = house.url.rsplit(':').next().unwrap().to_owned();
    let planted = format!("gatehold-{port}={}", "ab".repeat(32));
    let mut browser = Browser::new(&house);
    browser.cookie = Some(planted.clone());
    assert_eq!(browser.get("/").await.status, 303);
    assert_eq!(browser.sign_in(Person::Reviewer, "").await.status, 303);
    let first = browser.cookie.clone().unwrap();
    assert_ne!(first, planted);
    // Signing in again turns the id over, and the one before is worth nothing.
    assert_eq!(browser.sign_in(Person::Reviewer, "").await.status, 303);
    let second = browser.cookie.clone().unwrap();
    assert_ne!(first, second);
    for (cookie, status) in [(planted, 303), (first, 303), (second, 200)] {
        browser.cookie = Some(cookie);
        assert_eq!(browser.get("/").await.status, status);
    }
}

#[tokio::test]
async fn being_somebody_else_turns_the_session_over() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let before = browser.cookie.clone().unwrap();
    let second = Person::Second.id().to_string();
    let answer = browser
        .post_as_shown("/session/person", &[("person", &second)])
        .await;
    assert_eq!(answer.status, 303);
    assert!(
        browser
            .page("/")
            .await
            .contains("<span class=\"human\">second@dev.local</span>")
    );
    let after = browser.cookie.replace(before).unwrap();
    assert_eq!(browser.get("/").await.status, 303);
    browser.cookie = Some(after);
    let stranger = [("person", "mallory@dev.local")];
    assert_eq!(
        browser
            .post_as_shown("/session/person", &stranger)
            .await
            .status,
        409
    );
    let surplus = [("person", second.as_str()), ("more", "1")];
    assert_eq!(
        browser
            .post_as_shown("/session/person", &surplus)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn signing_out_ends_it_everywhere() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let kept = browser.cookie.clone();
    let answer = browser.post_as_shown("/session/end", &[]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/sign-in"))
    );
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.contains("=; ") && cookie.ends_with("Max-Age=0"),
        "{cookie}"
    );
    assert!(browser.cookie.is_none());
    // Whoever kept a copy of the cookie has nothing.
    browser.cookie = kept;
    assert_eq!(browser.get("/").await.status, 303);
}

#[tokio::test]
async fn a_session_ends_on_the_stores_clock() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    // Reading keeps nobody signed in.
    for seconds in [600, 1_200, 1_800] {
        house.after(seconds);
        assert_eq!(browser.get("/").await.status, 200, "{seconds}");
    }
    house.after(1_801);
    assert_eq!(browser.get("/").await.status, 303);
    house.after(0);

    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let token = browser.token().await;
    for seconds in (0..=8 * 3_600).step_by(1_600) {
        house.after(seconds);
        let seen = browser.post("/session/seen", &[("token", &token)]).await;
        assert_eq!(seen.status, 204, "{seconds}");
    }
    house.after(8 * 3_600 + 1);
    assert_eq!(browser.get("/").await.status, 303);
    let late = browser.post("/session/seen", &[("token", &token)]).await;
    assert_eq!(late.status, 403);
}

#[tokio::test]
async fn hostile_cookies_are_nobodys() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let good = browser.cookie.clone().unwrap();
    let (name, id) = good.split_once('=').unwrap();
    let hostile = [
        format!("{good}; {good}"),
        format!("{name}={}", id.to_uppercase()),
        format!("{name}={id}0"),
        format!("{name}=\"{id}\""),
        format!("{name}={}", "0".repeat(64)),
        format!("{name}={}", "f".repeat(3_000)),
        format!("{name}="),
        format!("__Host-gatehold={id}"),
        "=".to_owned(),
        ";".repeat(500),
        format!("{name}=<script>alert(1)</script>"),
        format!("{name}=' OR 1=1 --"),
    ];
    for cookie in hostile {
        let call = Call::new("GET", "/", "").header("cookie", cookie.as_bytes());
        let answer = call.send(&house).await;
        assert_eq!(answer.status, 303, "{cookie}");
        assert_eq!(answer.header("location"), Some("/sign-in"), "{cookie}");
    }
    let raw = [name.as_bytes(), b"=\xff\xfe\x80"].concat();
    let answer = Call::new("GET", "/", "")
        .header("cookie", raw)
        .send(&house)
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(browser.get("/").await.status, 200);
}

#[tokio::test]
async fn a20_a_session_of_a_browser_signs_no_call_of_the_api() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let request = hold(&house).await;
    for (method, target) in [
        ("GET", "/v1/inbox".to_owned()),
        ("POST", format!("/v1/requests/{request}/open")),
        ("POST", format!("/v1/requests/{request}/reviews")),
        ("POST", format!("/v1/requests/{request}/acts")),
    ] {
        // A20: what opens the inbox approves nothing, and is no key of the API either.
        let call = Call::new(method, &target, "{}").header("content-type", "application/json");
        let answer = browser
            .send(call.header("sec-fetch-site", "same-origin"))
            .await;
        assert_eq!(answer.word(), (401, "unsigned".to_owned()), "{target}");
    }
}
