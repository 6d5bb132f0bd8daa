//! What somebody may decide, told to them: by the page of their keys and by the API, from the same.

use gatehold_client::wire::DelegationRequest;
use gatehold_core::ids::HumanId;

use crate::support::House;
use crate::support::browser::Browser;
use crate::support::knock::signed::delegation;
use crate::support::people::Person;

#[tokio::test]
async fn everybody_is_told_what_they_may_decide_and_until_when() {
    let house = House::open().await;
    for person in [Person::Owner, Person::Reviewer, Person::Second] {
        let me = person.log_in(&house).await.me().await.unwrap();
        let human: HumanId = person.id();
        assert_eq!(me.human, human.to_string());
        let now = house.gate.now().await.unwrap();
        assert!(me.session_ends > now.millis());
        let enrolled = house.gate.with_directory(|directory| {
            let keys = &directory.humans[&human].keys;
            (keys.len(), directory.teams_of(&human))
        });
        assert_eq!(me.keys.len(), enrolled.0);
        let teams: Vec<String> = enrolled.1.iter().map(ToString::to_string).collect();
        assert_eq!(me.teams, teams);
        for seat in &me.seats {
            assert!(seat.by_name || seat.teams.iter().all(|team| teams.contains(team)));
            assert!(seat.counts_as.is_some(), "{seat:?}");
        }
        assert_eq!(me.accountable_for.is_empty(), person != Person::Owner);

        let mut browser = Browser::of(&house, person).await;
        let page = browser.page("/keys").await;
        let (_, told) = page.split_once("What you may decide").unwrap();
        let (told, _) = told.split_once("Add a passkey").unwrap();
        assert!(told.contains("This session ends"), "{told}");
        assert_eq!(told.matches("<li>").count(), me.seats.len(), "{told}");
        for seat in &me.seats {
            assert!(told.contains(&format!("<strong>{}</strong>", seat.checkpoint)));
        }
    }
    let reviewer = Person::Reviewer.log_in(&house).await.me().await.unwrap();
    assert!(!reviewer.seats.is_empty(), "{reviewer:?}");
}

#[tokio::test]
async fn whoever_is_away_stands_on_the_page_of_whom_they_let_decide() {
    let house = House::open().await;
    let (_, given) = delegation(&house, Person::Reviewer, "holiday");
    let given: DelegationRequest = serde_json::from_value(given).unwrap();
    let reviewer = Person::Reviewer.log_in(&house).await;
    reviewer.delegate(&given).await.unwrap();
    let away = Person::Reviewer.id().to_string();
    for (person, lent) in [
        (Person::Second, 1),
        (Person::Reviewer, 0),
        (Person::Owner, 0),
    ] {
        let me = person.log_in(&house).await.me().await.unwrap();
        assert_eq!(me.decides_for.len(), lent, "{me:?}");
        let mut browser = Browser::of(&house, person).await;
        let page = browser.page("/keys").await;
        let told = format!("For <strong>{away}</strong>, who is away until");
        assert_eq!(page.matches(&told).count(), lent, "{page}");
    }
}

/// Who lets whom decide is in memory; only of what is told to this person more is read.
#[tokio::test]
async fn of_the_delegations_of_others_nothing_is_read() {
    let house = House::open().await;
    let mut asked = Vec::new();
    let reviewer = Person::Reviewer.log_in(&house).await;
    for given in ["", "holiday", "conference", "illness"] {
        if !given.is_empty() {
            let (_, given) = delegation(&house, Person::Reviewer, given);
            let given: DelegationRequest = serde_json::from_value(given).unwrap();
            reviewer.delegate(&given).await.unwrap();
        }
        let reads = async |person: Person| {
            let client = person.log_in(&house).await;
            client.me().await.unwrap();
            let before = house.store.asked();
            client.me().await.unwrap();
            house.store.asked() - before
        };
        asked.push((reads(Person::Owner).await, reads(Person::Second).await));
    }
    let (alone, _) = asked[0];
    for (given, (owner, second)) in (0_u64..).zip(asked) {
        assert_eq!(owner, alone, "nobody lets the owner decide");
        // The time, and a leaf for each reason.
        let theirs = alone + if given > 0 { 1 + given } else { 0 };
        assert_eq!(second, theirs, "{given} to the second");
    }
}
