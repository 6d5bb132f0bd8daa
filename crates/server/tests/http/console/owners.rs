//! The pages of owners and operators: what somebody answers for, a task, the overview, and stopping. Every act on them is in the safe
//! direction, and none of them loosens anything.

use gatehold_client::Submission;
use gatehold_client::wire::Submitted;
use gatehold_gate::{Beat, ChannelBeat};

use super::{hold, usable};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::people::Person;

const WHY: (&str, &str) = ("reason", "its key may be stolen");

#[tokio::test]
async fn owners_see_what_is_theirs_and_take_it_away() {
    let house = House::open().await;
    let request = usable(&house).await;
    let row = format!("href=\"/requests/{request}\"");
    for (person, target, shown) in [
        (Person::Owner, "/workloads", true),
        (Person::Reviewer, "/workloads", false),
        (Person::Reviewer, "/workloads?all=true", true),
    ] {
        let mut browser = Browser::of(&house, person).await;
        let page = browser.page(target).await;
        assert_eq!(page.contains(&row), shown, "{person:?} {target}");
        assert_eq!(page.contains("deploy-bot"), shown, "{person:?} {target}");
    }
    let mut browser = Browser::of(&house, Person::Owner).await;
    let page = browser.page("/workloads").await;
    assert!(
        page.contains("1 may be used") && page.contains("ACTIVE"),
        "{page}"
    );
    let revoke = format!("/requests/{request}/revoke");
    let answer = browser
        .post_as_shown(&revoke, &[("back", "workloads")])
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/workloads"))
    );
    let page = browser.page("/workloads").await;
    assert!(
        !page.contains(&row) && page.contains("0 may be used"),
        "{page}"
    );
}

#[tokio::test]
async fn a_workload_is_stopped_from_its_page_and_not_started_again() {
    let house = House::open().await;
    let request = usable(&house).await;
    let mut browser = Browser::of(&house, Person::Owner).await;
    let stop = [("scope", "workload"), ("name", "deploy-bot"), WHY];
    assert_eq!(
        browser.post("/stops", &stop).await.status,
        403,
        "without the token"
    );
    let answer = browser.post_as_shown("/stops", &stop).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/workloads"))
    );
    let page = browser.page("/workloads").await;
    assert!(
        page.contains("STOPPED")
            && !page.contains("ACTIVE")
            && page.contains("Workload deploy-bot"),
        "{page}"
    );
    // Nothing on any page lifts it.
    for target in ["/workloads", "/overview", &format!("/requests/{request}")] {
        let page = browser.page(target).await;
        let actions = page
            .split("action=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        for action in actions {
            let known = ["/session/", "/stops", "/find", "/requests/"];
            assert!(known.iter().any(|one| action.starts_with(one)), "{action}");
        }
        assert!(
            !page.contains("name=\"scope\" value=\"workload\""),
            "{target}"
        );
    }
    // What was decided is not let out any more.
    let bot = house.client(&house.workload);
    let used = bot.redeem(&request, 0).await;
    assert!(used.is_err() || used.is_ok_and(|used| used.result.is_none()));
}

#[tokio::test]
async fn a_task_is_shown_whole_and_frozen() {
    let house = House::open().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let read = house.action(&task, "shop.read", "SELECT 1");
    let answer = bot.submit(&read, &Submission::default()).await.unwrap();
    assert!(matches!(answer, Submitted::Decided(_)));
    let mut browser = Browser::of(&house, Person::Owner).await;
    let target = format!("/tasks/{task}");
    let page = browser.page(&target).await;
    for said in [
        "OPEN",
        "Purpose",
        "deploy-bot",
        "Steps decided",
        "Freeze this task",
        "ALLOWED",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let stop = [("scope", "task"), ("name", task.as_str()), WHY];
    let answer = browser.post_as_shown("/stops", &stop).await;
    assert_eq!(answer.header("location"), Some(target.as_str()));
    let page = browser.page(&target).await;
    assert!(
        page.contains("STOPPED") && page.contains("this task is stopped (by "),
        "{page}"
    );
    assert!(!page.contains("Freeze this task"));
    let more = bot.submit(&read, &Submission::default()).await;
    let denied = matches!(&more, Ok(Submitted::Decided(decision))
        if decision.outcome == gatehold_client::wire::Outcome::Denied);
    assert!(denied || more.is_err(), "{more:?}");
    for nothing in [
        "/tasks/nothing",
        "/tasks/tsk_00000000000000000000000000000000",
    ] {
        assert_eq!(browser.get(nothing).await.status, 404, "{nothing}");
    }
}

#[tokio::test]
async fn the_overview_counts_draws_and_says_the_same_in_words() {
    let house = House::open().await;
    hold(&house).await;
    usable(&house).await;
    let mut browser = Browser::of(&house, Person::Owner).await;
    let page = browser.page("/overview").await;
    for said in [
        "<dt>held</dt><dd>1</dd>",
        "<dt>may be used</dt><dd>1</dd>",
        "let through by policy",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // Every plot has a name, a description and a table; none has a style of its own.
    let plots = page.matches("<svg viewBox=\"0 0 340").count();
    assert!(plots >= 2, "{page}");
    assert_eq!(page.matches("role=\"img\"").count(), plots);
    assert_eq!(page.matches("<desc ").count(), plots);
    assert_eq!(page.matches("<table>").count(), 3);
    assert!(!page.contains(" style="));
}

#[tokio::test]
async fn the_overview_says_how_each_channel_stands() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Owner).await;
    let heading = "How people are told";
    let page = browser.page("/overview").await;
    assert!(!page.contains(heading), "nothing is known yet: {page}");
    house.app.told(&Beat::default()).await.unwrap();
    let page = browser.page("/overview").await;
    assert!(
        page.contains(heading) && page.contains("no channel is configured"),
        "{page}"
    );
    let beat = |delivered, failed| {
        let done = ChannelBeat {
            delivered,
            failed,
            given_up: 0,
        };
        let idle = ChannelBeat::default();
        Beat {
            channels: [
                ("pager\u{202e}".to_owned(), done),
                ("mail".to_owned(), idle),
            ]
            .into(),
            undelivered: [(
                "pager\u{202e}".to_owned(),
                if failed > 0 && delivered == 0 { 7 } else { 0 },
            )]
            .into(),
            failures: [("mail".to_owned(), "canary".to_owned())].into(),
            delivers: true,
            ..Beat::default()
        }
    };
    for (seconds, delivered, failed, said) in [
        (
            10,
            0,
            1,
            "FAILING</span> since 2026-11-18 11:06:50 UTC (now); took nothing since this process began",
        ),
        (
            70,
            0,
            2,
            "FAILING</span> since 2026-11-18 11:06:50 UTC (60 s ago); took nothing",
        ),
        (
            80,
            1,
            0,
            "WORKS</span> took something last at 2026-11-18 11:08:00 UTC",
        ),
        (
            90,
            0,
            1,
            "11:08:00 UTC (10 s ago); 7 undelivered. Operators read why with `gatehold status`",
        ),
    ] {
        house.after(seconds);
        house.app.told(&beat(delivered, failed)).await.unwrap();
        let page = browser.page("/overview").await;
        assert!(page.contains(said), "{said}: {page}");
        assert!(
            page.contains("pager<span class=\"ch\">\u{27e8}U+202E\u{27e9}</span>"),
            "{page}"
        );
        assert!(page.contains("NOT USED YET"), "{page}");
        assert!(!page.contains("canary"), "why is for operators: {page}");
        assert!(page.contains("nothing is approved by that"), "{page}");
    }
}

#[tokio::test]
async fn one_person_stops_everything_and_a_page_starts_nothing() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    for wrong in [
        [("scope", "all"), ("name", ""), ("reason", " ")],
        [("scope", "everything"), ("name", ""), WHY],
        [("scope", "workload"), ("name", "no such name\u{7}"), WHY],
        [("scope", "task"), ("name", "/overview"), WHY],
    ] {
        let answer = browser.post_as_shown("/stops", &wrong).await;
        assert_eq!(answer.status, 400, "{wrong:?}");
    }
    let leaves = house.leaves().await;
    let answer = browser
        .post_as_shown("/stops", &[("scope", "all"), ("name", ""), WHY])
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/overview"))
    );
    assert_eq!(house.leaves().await, leaves + 1);
    let page = browser.page("/overview").await;
    assert!(page.contains("Everything: nothing is let out"), "{page}");
    assert!(!page.contains("name=\"scope\" value=\"all\""));
    // Said again it changes nothing.
    browser
        .post_as_shown("/stops", &[("scope", "all"), ("name", ""), WHY])
        .await;
    assert_eq!(house.leaves().await, leaves + 1);
}
