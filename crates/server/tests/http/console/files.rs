//! What pages are made of: each file named with the hash of what is served, kept by its bytes, and all of them small.

use super::{hold, hold_saying, usable};
use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::Call;
use crate::support::people::Person;

/// Everything that a page loads, at once or later, with the integrity that it names.
fn loaded(page: &str) -> Vec<(String, String, String)> {
    let tags = page.split('<').filter_map(|tag| tag.split_once('>'));
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split_once(&format!("{name}=\""))?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let tags: Vec<&str> = tags.map(|(tag, _)| tag).collect();
    let at_once = tags.iter().filter_map(|tag| {
        let kind = match tag.split_whitespace().next()? {
            "script" => "script".to_owned(),
            "link" => attribute(tag, "rel")?,
            _ => return None,
        };
        let file = attribute(tag, "src").or_else(|| attribute(tag, "href"))?;
        Some((kind, file, attribute(tag, "integrity").unwrap_or_default()))
    });
    let kinds = ["script", "modulepreload", "stylesheet"];
    let mut all: Vec<_> = at_once
        .filter(|(kind, ..)| kinds.contains(&kind.as_str()))
        .collect();
    for later in tags.iter().filter_map(|tag| attribute(tag, "data-later")) {
        let each = later.split(' ').map(|one| one.split_once('=').unwrap());
        all.extend(each.map(|(name, integrity)| {
            let file = format!("/static/{name}");
            ("later".to_owned(), file, integrity.to_owned())
        }));
    }
    all
}

#[tokio::test]
async fn b09_every_script_and_stylesheet_of_a_page_is_named_with_the_hash_of_what_is_served() {
    use base64::Engine as _;
    let house = House::open().await;
    let held = hold(&house).await;
    let decided = usable(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let mut stranger = Browser::new(&house);
    let mut pages = vec![
        stranger.get("/sign-in").await,
        browser.get("/requests/nothing").await,
    ];
    for target in ["/", "/decided", "/workloads", "/overview", "/keys"] {
        pages.push(browser.get(target).await);
    }
    for id in [&held, &decided] {
        pages.push(browser.get(&format!("/requests/{id}")).await);
    }
    let mut files = std::collections::BTreeSet::new();
    for page in pages {
        let page = String::from_utf8(page.body).unwrap();
        let loaded = loaded(&page);
        assert!(!loaded.is_empty(), "{page}");
        for (kind, file, integrity) in &loaded {
            let served = browser.get(file).await;
            let hash = gatehold_core::hash::Hash::of(&served.body);
            let hash = base64::engine::general_purpose::STANDARD.encode(hash.as_bytes());
            assert_eq!(*integrity, format!("sha256-{hash}"), "{kind} {file}");
            files.insert(file.clone());
        }
        // What a script brings in is named before the script, and what it loads later with the script: a browser that has no place for
        // its hash elsewhere refuses it.
        for (place, (kind, file, _)) in loaded.iter().enumerate() {
            let text = browser.page(file).await;
            let named = |before: &str| -> Vec<String> {
                let rest = text.split(before).skip(1);
                rest.map(|rest| format!("/static/{}", rest.split('"').next().unwrap()))
                    .collect()
            };
            for name in named(" from \"./") {
                let mut before = loaded.iter().take(place);
                let is_named =
                    before.any(|(kind, file, _)| kind == "modulepreload" && *file == name);
                assert!(
                    kind == "modulepreload" || is_named,
                    "{file} brings in {name}"
                );
            }
            for name in named("later(\"") {
                let mut all = loaded.iter();
                let is_named = all.any(|(kind, file, _)| kind == "later" && *file == name);
                assert!(is_named, "{file} loads {name} later");
            }
        }
    }
    for file in [
        "sign.js",
        "panel.js",
        "passkeys.js",
        "reason.js",
        "record.js",
        "remind.js",
        "select.js",
        "select.css",
        "words.txt",
        "request.css",
    ] {
        assert!(files.contains(&format!("/static/{file}")), "{file}");
    }
}

#[tokio::test]
async fn a_gate_says_what_its_pages_are_made_of() {
    let house = House::open().await;
    let embedded = gatehold_server::PageFiles::embedded();
    let said = Call::new("GET", "/v1/gate", "").signed(&house, &house.workload);
    let said: serde_json::Value = serde_json::from_slice(&said.send(&house).await.body).unwrap();
    assert_eq!(said["execution"], "in_process");
    assert_eq!(said["page_files"]["set"], embedded.set().to_string());
    let files = said["page_files"]["files"].as_object().unwrap();
    assert_eq!(files.len(), embedded.files().len());
    let mut browser = Browser::new(&house);
    for (name, hash) in files {
        let served = browser.get(&format!("/static/{name}")).await.body;
        assert_eq!(
            *hash,
            gatehold_core::hash::Hash::of(&served).to_string(),
            "{name}"
        );
    }
    // And so does what a reviewer signs.
    let id = hold(&house).await;
    let (who, key) = (Person::Reviewer.id(), Person::Reviewer.thumbprint());
    let opened = house.gate.open_request(&who, &key, id.parse().unwrap());
    let opened = opened.await.unwrap();
    let view: serde_json::Value = serde_json::from_slice(&opened.view).unwrap();
    assert_eq!(view["page_files"], embedded.set().to_string());
}

#[tokio::test]
async fn files_are_kept_by_their_bytes() {
    let house = House::open().await;
    let mut browser = Browser::new(&house);
    for (name, media_type) in [
        ("console.css", "text/css; charset=utf-8"),
        ("keys.js", "text/javascript; charset=utf-8"),
        ("live.js", "text/javascript; charset=utf-8"),
        ("console.md", "text/plain; charset=utf-8"),
        ("help.html", "text/html; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let target = format!("/static/{name}");
        let answer = browser.get(&target).await;
        // Opened as a page it runs and loads nothing; what only pages have is not sent a dozen times.
        for (header, value) in [
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), Some(value), "{name}");
        }
        assert_eq!(answer.header("permissions-policy"), None, "{name}");
        assert_eq!(answer.header("content-type"), Some(media_type));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let tag = answer.header("etag").unwrap().to_owned();
        assert!(
            tag.starts_with('"') && tag.len() == 34,
            "a strong tag: {tag}"
        );
        let again = crate::support::call::Call::new("GET", &target, "");
        let again = browser
            .send(again.header("if-none-match", tag.as_bytes()))
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn the_first_page_is_small() {
    let house = House::open().await;
    for number in 0..20 {
        let sql = format!("DELETE FROM orders WHERE id = {number}");
        hold_saying(&house, &sql, &[]).await;
    }
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = browser.page("/").await;
    let (_, rest) = page.split_once("href=\"/?like=").unwrap();
    // As many rows as a page has, none of them in a stack.
    let full = format!("/?like={}", rest.split('"').next().unwrap());
    assert_eq!(browser.page(&full).await.matches("data-row").count(), 16);
    let bytes = transferred(&mut browser, &full, &[]).await;
    println!("{bytes} bytes");
    assert!(bytes < 60 * 1024, "{bytes} bytes");
}

/// What a browser that has nothing yet loads for a page: the page and what its tags name, heads and all. What is loaded later it loads
/// once somebody wants it; this much of that.
async fn transferred(browser: &mut Browser<'_>, page: &str, later: &[&str]) -> usize {
    let text = browser.page(page).await;
    let mut left = vec![page.to_owned(), "/static/icon.svg".to_owned()];
    if text.contains("rel=\"manifest\"") {
        left.push("/static/console.webmanifest".to_owned());
    }
    left.extend(loaded(&text).into_iter().filter_map(|(kind, file, _)| {
        let wanted = later.iter().any(|name| file.ends_with(name));
        (kind != "later" || wanted).then_some(file)
    }));
    let left: std::collections::BTreeSet<String> = left.into_iter().collect();
    assert!(left.len() >= 6, "{left:?}");
    let mut bytes = 0;
    for target in left {
        // As Chromium asks.
        let call =
            Call::new("GET", &target, "").header("accept-encoding", "gzip, deflate, br, zstd");
        let answer = browser.send(call).await;
        assert_eq!(answer.status, 200, "{target}");
        let packed = answer.header("content-encoding") == Some("gzip");
        // A page tells things of one person, and its length would tell of them.
        assert_eq!(packed, target.starts_with("/static/"), "{target}");
        bytes += answer.head.len() + answer.body.len();
    }
    bytes
}

#[tokio::test]
async fn the_page_of_a_request_is_small_too() {
    let house = House::open().await;
    let request = hold(&house).await;
    let mut browser = Browser::of(&house, Person::Reviewer).await;
    let page = format!("/requests/{request}");
    // With the modules that sign, as its page names them: also where a link of a notice is the first thing that somebody opens.
    let bytes = transferred(&mut browser, &page, &[]).await;
    println!("{bytes} bytes");
    assert!(bytes < 58 * 1024, "{bytes} bytes");
    // Whoever opens it with a passkey compares the four words with those of the list.
    let opened = transferred(&mut browser, &page, &["words.txt"]).await;
    println!("{opened} bytes with the words");
    assert!(opened > bytes && opened < 65 * 1024, "{opened} bytes");
}
