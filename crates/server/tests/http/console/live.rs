//! The stream of the inbox: it says that a page has changed to whoever may see that, keeps no session alive, ends with it, is
//! bounded, and takes nothing that a browser sends back on trust.

use std::time::Duration;

use gatehold_server::listen::ListenLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{hold, hold_saying};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::Call;
use crate::support::people::Person;

/// One stream that is being read.
struct Listening {
    stream: TcpStream,
    text: String,
    head: String,
}

/// One thing that was said: its kind, its id and its data.
type Said = (String, String, String);

impl Listening {
    async fn to(house: &House, browser: &Browser<'_>, target: &str, last: Option<&[u8]>) -> Self {
        let mut call = Call::new("GET", target, "").header("accept", "text/event-stream");
        if let Some(cookie) = &browser.cookie {
            call = call.header("cookie", cookie.as_bytes());
        }
        if let Some(last) = last {
            call = call.header("last-event-id", last);
        }
        let mut stream = house.connect().await;
        stream.write_all(&call.to_bytes()).await.unwrap();
        let mut listening = Self {
            stream,
            text: String::new(),
            head: String::new(),
        };
        while !listening.text.contains("\r\n\r\n") {
            assert!(listening.read().await, "{}", listening.text);
        }
        let (head, rest) = listening.text.split_once("\r\n\r\n").unwrap();
        listening.head = head.to_lowercase();
        listening.text = rest.to_owned();
        listening
    }

    /// Whether there was more.
    async fn read(&mut self) -> bool {
        let mut some = [0; 4096];
        let count = self.stream.read(&mut some).await.unwrap();
        self.text
            .push_str(std::str::from_utf8(&some[..count]).unwrap());
        count > 0
    }

    /// The next thing that is said, or nothing at the end.
    async fn next(&mut self) -> Option<Said> {
        loop {
            // Each is a chunk of its own: its length, and then what is said.
            if let Some((chunk, rest)) = self.text.split_once("\n\n\r\n") {
                let (chunk, rest) = (chunk.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = chunk.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                let said = (field("event: "), field("id: "), field("data: "));
                if said.0.is_empty() {
                    continue;
                }
                return Some(said);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// The next thing that is said besides beats.
    async fn heard(&mut self) -> Option<Said> {
        loop {
            let said = self.next().await?;
            if said.0 != "beat" {
                return Some(said);
            }
        }
    }

    async fn beats(&mut self, number: usize) {
        for _ in 0..number {
            let (kind, ..) = self.next().await.unwrap();
            assert_eq!(kind, "beat");
        }
    }
}

/// Where the stream of a page is, as the page says it.
async fn events(browser: &mut Browser<'_>, page: &str) -> String {
    let page = browser.page(page).await;
    let (_, rest) = page.split_once("data-events=\"").unwrap();
    let target = rest.split('"').next().unwrap();
    target.replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn a_page_hears_that_it_has_changed_and_what_it_shows_by_then() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let from = events(&mut browser, "/").await;
    let mut listening = Listening::to(&house, &browser, &from, None).await;
    assert!(
        listening.head.contains("content-type: text/event-stream"),
        "{}",
        listening.head
    );
    assert!(
        listening.head.contains("cache-control: no-store"),
        "{}",
        listening.head
    );
    assert!(
        listening
            .head
            .contains("content-security-policy: default-src 'none'")
    );
    listening.beats(3).await;
    hold(&house).await;
    let (kind, id, data) = listening.heard().await.unwrap();
    assert_eq!(
        (kind.as_str(), data.as_str()),
        ("changed", "changed"),
        "nothing of what it is"
    );
    let now = events(&mut browser, "/").await;
    assert!(now.ends_with(&id), "{now} {id}");
    // Whoever comes back with that id has missed nothing, and hears of the next change.
    let mut back = Listening::to(&house, &browser, &from, Some(id.as_bytes())).await;
    back.beats(3).await;
    hold_saying(&house, "DELETE FROM orders WHERE id = 2", &[]).await;
    let (_, next, _) = back.heard().await.unwrap();
    assert_eq!(listening.heard().await.unwrap().1, next);
    assert_ne!(next, id);
}

/// What people look at who must not know of a review.
const SEEN: [(Person, &str); 3] = [
    (Person::Second, "/"),
    (Person::Second, "/?view=all"),
    (Person::Owner, "/?view=accountable"),
];

#[tokio::test]
async fn nobody_hears_of_anothers_review() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut second = Browser::of(&house, Person::Second).await;
    let mut owner = Browser::of(&house, Person::Owner).await;
    let mut author = Browser::of(&house, Person::Reviewer).await;
    let mut listening = Vec::new();
    for (person, page) in SEEN {
        let browser = if person == Person::Owner {
            &mut owner
        } else {
            &mut second
        };
        let target = events(browser, page).await;
        listening.push((Listening::to(&house, browser, &target, None).await, target));
    }
    let own = events(&mut author, "/").await;
    let mut own = Listening::to(&house, &author, &own, None).await;
    own.beats(2).await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    let opened = reviewer.open(&request).await.unwrap();
    let review = Person::Reviewer.review(&opened, true);
    reviewer.review(&request, &review).await.unwrap();
    // Its author hears of it: by then every stream of the process has looked at the same reading.
    assert_eq!(own.heard().await.unwrap().0, "changed");
    for (listening, _) in &mut listening {
        listening.beats(5).await;
    }
    // What the others would be sent names what they have seen before: there is nothing to tell them.
    for ((_, target), (person, page)) in listening.iter().zip(SEEN) {
        let browser = if person == Person::Owner {
            &mut owner
        } else {
            &mut second
        };
        assert_eq!(*target, events(browser, page).await, "{page}");
    }
    // The next thing that they hear is something that they may know.
    let claim = format!("/requests/{request}/claim");
    second
        .post_as_shown(&claim, &[("view", "mine"), ("page", "0")])
        .await;
    for (listening, target) in &mut listening {
        let (kind, id, _) = listening.heard().await.unwrap();
        assert_eq!(kind, "changed");
        assert!(!target.ends_with(&id));
    }
}

#[tokio::test]
async fn nobody_hears_of_anothers_review_by_what_the_clock_has_changed() {
    // It beats once: whatever comes then is off the beat.
    let once = Duration::from_secs(86_400);
    let house = House::open_beating(ListenLimits::default(), None, once).await;
    let request = hold(&house).await;
    let mut second = Browser::of(&house, Person::Second).await;
    let mut author = Browser::of(&house, Person::Reviewer).await;
    let target = events(&mut second, "/").await;
    let mut listening = Listening::to(&house, &second, &target, None).await;
    listening.beats(1).await;
    let own = events(&mut author, "/").await;
    let mut own = Listening::to(&house, &author, &own, None).await;
    own.beats(1).await;
    let reviewer = Person::Reviewer.log_in(&house).await;
    // It has little time left now, and the number beside "Expiring" would say so.
    house.after(601);
    assert_ne!(target, events(&mut second, "/").await);
    let opened = reviewer.open(&request).await.unwrap();
    let review = Person::Reviewer.review(&opened, true);
    reviewer.review(&request, &review).await.unwrap();
    assert_eq!(own.heard().await.unwrap().0, "changed");
    // What was done and undone since is all that was heard: it ends with what was shown when it beat.
    let mut heard = Vec::new();
    for act in ["claim", "release"] {
        let act = format!("/requests/{request}/{act}");
        second
            .post_as_shown(&act, &[("view", "mine"), ("page", "0")])
            .await;
        heard.push(listening.heard().await.unwrap().1);
    }
    assert!(!target.ends_with(&heard[0]));
    assert!(target.ends_with(&heard[1]), "{target} {heard:?}");
}

#[tokio::test]
async fn a_stream_keeps_no_session_alive_and_ends_with_it() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let mut idle = Browser::of(&house, Person::Second).await;
    let target = events(&mut browser, "/").await;
    let mut listening = Listening::to(&house, &browser, &target, None).await;
    let mut of_idle = Listening::to(&house, &idle, &target, None).await;
    listening.beats(2).await;
    // Signing out ends it.
    assert_eq!(browser.post_as_shown("/session/end", &[]).await.status, 303);
    assert_eq!(listening.heard().await.unwrap().0, "over");
    assert_eq!(listening.heard().await, None);
    // So does half an hour in which nobody was seen, however long it was listened to.
    house.after(1_800);
    of_idle.next().await.unwrap();
    assert_eq!(idle.get("/").await.status, 200);
    house.after(1_801);
    assert_eq!(of_idle.heard().await.unwrap().0, "over");
    assert_eq!(of_idle.heard().await, None);
    // Whoever asks again is sent to sign in.
    let again = idle.get(&target).await;
    assert_eq!(
        (again.status, again.header("location")),
        (303, Some("/sign-in"))
    );
}

#[tokio::test]
async fn what_changes_with_the_clock_alone_is_heard_too() {
    let house = House::open().await;
    hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let target = events(&mut browser, "/?view=expiring").await;
    let mut listening = Listening::to(&house, &browser, &target, None).await;
    listening.beats(3).await;
    house.after(601);
    let (kind, id, _) = listening.heard().await.unwrap();
    assert_eq!(kind, "changed");
    let now = events(&mut browser, "/?view=expiring").await;
    assert!(now.ends_with(&id), "{now} {id}");
}

#[tokio::test]
async fn a26_whoever_loses_their_key_hears_nothing_more() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Second).await;
    let target = events(&mut browser, "/").await;
    let mut listening = Listening::to(&house, &browser, &target, None).await;
    listening.beats(1).await;
    house.revoke_key(Person::Second).await;
    assert_eq!(listening.heard().await.unwrap().0, "over");
    assert_eq!(listening.heard().await, None);
}

#[tokio::test]
async fn hostile_ids_are_as_good_as_none() {
    let house = House::open().await;
    hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let target = events(&mut browser, "/").await;
    let right = target.split_once("seen=").unwrap().1.to_owned();
    let hostile = [
        b"0".to_vec(),
        b"-1".to_vec(),
        b"18446744073709551616".to_vec(),
        right.to_uppercase().into_bytes(),
        format!("{right}0").into_bytes(),
        "f".repeat(64).into_bytes(),
        b"f".repeat(8_000),
        b"' OR 1=1 --".to_vec(),
        b"<script>alert(1)</script>".to_vec(),
        b"\xff\xfe\x80".to_vec(),
        "\u{202e}".as_bytes().to_vec(),
        Vec::new(),
    ];
    for id in hostile {
        let mut listening = Listening::to(&house, &browser, &target, Some(&id)).await;
        assert!(
            listening.head.contains(" 200 "),
            "{id:?} {}",
            listening.head
        );
        let (kind, said, _) = listening.heard().await.unwrap();
        assert_eq!(
            (kind.as_str(), said.as_str()),
            ("changed", right.as_str()),
            "{id:?}"
        );
    }
}

#[tokio::test]
async fn so_many_windows_and_no_more() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let mut another = Browser::of(&house, Person::Second).await;
    let target = events(&mut browser, "/").await;
    let mut all = Vec::new();
    for _ in 0..8 {
        let mut listening = Listening::to(&house, &browser, &target, None).await;
        listening.beats(1).await;
        all.push(listening);
    }
    let refused = browser.get(&target).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("60"))
    );
    // Nobody else is kept out by that, and a window that is closed makes room.
    let target = events(&mut another, "/").await;
    Listening::to(&house, &another, &target, None)
        .await
        .beats(1)
        .await;
    drop(all.pop());
    let mut listening = loop {
        let listening = Listening::to(&house, &browser, &target, None).await;
        if listening.head.contains(" 200 ") {
            break listening;
        }
    };
    listening.beats(1).await;
}

#[tokio::test]
async fn a_server_that_ends_lets_go_of_its_streams() {
    let house = House::open().await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let target = events(&mut browser, "/").await;
    let mut listening = Listening::to(&house, &browser, &target, None).await;
    listening.beats(1).await;
    house.app.end_waiting();
    assert_eq!(listening.heard().await, None);
}
