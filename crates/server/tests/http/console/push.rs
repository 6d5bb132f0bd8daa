//! Browsers that somebody has told: their own alone, of a push service that the operator named, with keys that are keys.

use serde_json::Value;

use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::Answer;
use crate::support::people::Person;

const ENDPOINT: &str = "https://updates.push.services.mozilla.com/wpush/v2/canary-endpoint-5f1c";
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

async fn post(browser: &mut Browser<'_>, endpoint: &str, p256dh: &str, auth: &str) -> Answer {
    let fields = [("endpoint", endpoint), ("p256dh", p256dh), ("auth", auth)];
    browser.post_as_shown("/push", &fields).await
}

/// The id under which its page lists it.
async fn subscribed(browser: &mut Browser<'_>, endpoint: &str) -> String {
    let answer = post(browser, endpoint, P256DH, AUTH).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    said["id"].as_str().unwrap().to_owned()
}

async fn listed(browser: &mut Browser<'_>) -> usize {
    let page = browser.page("/keys").await;
    page.matches("id=\"browser-").count()
}

#[tokio::test]
async fn somebody_has_their_own_browsers_told_and_ends_that() {
    let house = House::open().await;
    let mut reviewer = Browser::of(&house, Person::Reviewer).await;
    let mut second = Browser::of(&house, Person::Second).await;
    let id = subscribed(&mut reviewer, ENDPOINT).await;
    let page = reviewer.page("/keys").await;
    assert!(page.contains(&id) && page.contains("https://updates.push.services.mozilla.com<"));
    // The address is a capability, and stands on no page.
    assert!(!page.contains("canary") && !page.contains(AUTH) && !page.contains(P256DH));
    assert_eq!(listed(&mut second).await, 0);

    // Nobody ends another person's, and learns nothing by trying.
    let end = format!("/push/{id}/end");
    let nothing = format!("/push/{}/end", "0".repeat(64));
    for target in [&end, &nothing] {
        let answer = second.post_as_shown(target, &[]).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/keys"))
        );
    }
    assert_eq!(listed(&mut reviewer).await, 1);
    for wrong in ["", "00", "zz", &id.to_uppercase()] {
        let answer = reviewer
            .post_as_shown(&format!("/push/{wrong}/end"), &[])
            .await;
        assert_eq!(answer.status, 404, "{wrong}");
    }

    // Whoever signs in at a browser and subscribes there takes it over.
    assert_eq!(subscribed(&mut second, ENDPOINT).await, id);
    assert_eq!(
        (listed(&mut reviewer).await, listed(&mut second).await),
        (0, 1)
    );
    assert_eq!(second.post_as_shown(&end, &[]).await.status, 303);
    assert_eq!(listed(&mut second).await, 0);
}

#[tokio::test]
async fn a_person_has_eight_browsers_and_the_oldest_goes() {
    let house = House::open().await;
    let mut reviewer = Browser::of(&house, Person::Reviewer).await;
    let mut ids = Vec::new();
    for number in 0..9 {
        house.after(number);
        let endpoint = format!("{ENDPOINT}-{number}");
        ids.push(subscribed(&mut reviewer, &endpoint).await);
    }
    let page = reviewer.page("/keys").await;
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(page.contains(id), number > 0, "{number}");
    }
}

#[tokio::test]
async fn a_body_that_no_browser_sends_is_refused_and_nothing_is_spoken_to() {
    let house = House::open().await;
    let mut reviewer = Browser::of(&house, Person::Reviewer).await;
    let long = format!("https://fcm.googleapis.com/{}", "a".repeat(2_000));
    let short = P256DH.strip_suffix('4').unwrap();
    let off_curve = P256DH.replace("Aiw4", "Aiw8");
    for (endpoint, p256dh, auth) in [
        ("", P256DH, AUTH),
        ("https://evil.example/a", P256DH, AUTH),
        ("http://fcm.googleapis.com/a", P256DH, AUTH),
        ("https://fcm.googleapis.com:8443/a", P256DH, AUTH),
        ("https://169.254.169.254/latest/meta-data", P256DH, AUTH),
        ("https://127.0.0.1/a", P256DH, AUTH),
        ("http://127.0.0.1:9000/a", P256DH, AUTH),
        ("https://[::1]/a", P256DH, AUTH),
        ("https://fcm.googleapis.com@evil.example/a", P256DH, AUTH),
        ("https://fcm.googleapis.com.evil.example/a", P256DH, AUTH),
        ("https://evil.example#.notify.windows.com/a", P256DH, AUTH),
        ("https://fcm.googleapis.com/a\r\nx: y", P256DH, AUTH),
        ("file:///etc/passwd", P256DH, AUTH),
        (long.as_str(), P256DH, AUTH),
        (ENDPOINT, "", AUTH),
        (ENDPOINT, &off_curve, AUTH),
        (ENDPOINT, short, AUTH),
        (ENDPOINT, AUTH, AUTH),
        (ENDPOINT, P256DH, ""),
        (ENDPOINT, P256DH, P256DH),
        (ENDPOINT, P256DH, "BTBZMqHH6r4Tts7J/aSIgg"),
    ] {
        let answer = post(&mut reviewer, endpoint, p256dh, auth).await;
        assert_eq!(
            answer.word(),
            (422, "invalid_subscription".to_owned()),
            "{endpoint} {p256dh} {auth}"
        );
        let text = String::from_utf8(answer.body).unwrap();
        assert!(
            !text.contains("evil") && !text.contains("169.254"),
            "{text}"
        );
    }
    for fields in [
        &[("endpoint", ENDPOINT)][..],
        &[
            ("endpoint", ENDPOINT),
            ("p256dh", P256DH),
            ("auth", AUTH),
            ("human", "x"),
        ],
        &[
            ("endpoint", ENDPOINT),
            ("endpoint", ENDPOINT),
            ("p256dh", P256DH),
            ("auth", AUTH),
        ],
    ] {
        assert_eq!(reviewer.post_as_shown("/push", fields).await.status, 400);
    }
    assert_eq!(listed(&mut reviewer).await, 0);
}
