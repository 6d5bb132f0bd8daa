//! Whoever lost the answer with the password has it made anew, at a real server by the real program.

use gatehold_client::wire::RequestState;

use crate::world::{World, code};
use crate::{GONE, NOBODY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c03_a_login_that_was_lost_is_made_anew_and_the_earlier_one_ends_with_its_sessions() {
    let mut world = World::open().await;
    let request = world.ask(600).await;
    let early = world.bot.client.rekey(&request).await;
    assert!(early.is_err(), "nothing was handed out: {early:?}");
    world.approve(&request).await;
    let earlier = world.taken(&request).await;
    let session = world.log_in(&earlier).await.unwrap();
    let working = tokio::spawn(async move { session.batch_execute("SELECT pg_sleep(600)").await });

    let again = world.bot.client.rekey(&request).await.unwrap();
    assert_eq!(again.status.state, RequestState::Completed);
    let later = again.credential.unwrap();
    assert_eq!(later.public, earlier.public);
    assert_ne!(later.secret, earlier.secret);
    // It is one role, and nothing goes on that began with the earlier password.
    assert!(working.await.unwrap().is_err());
    assert_eq!((world.roles().await, world.sessions().await), (1, 0));
    assert_eq!(code(&world.log_in(&earlier).await), NOBODY);
    let session = world.log_in(&later).await.unwrap();
    let row = session.query_one("SELECT status FROM orders WHERE id = 7", &[]);
    assert_eq!(row.await.unwrap().get::<_, String>(0), "stuck");

    let revoked = world.people["reviewer"].client.revoke_request(&request);
    assert_eq!(revoked.await.unwrap().state, RequestState::Completed);
    world.until_gone(1).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
    assert_eq!(code(&world.log_in(&later).await), NOBODY);
    let over = world.bot.client.rekey(&request).await;
    assert!(over.is_err(), "{over:?}");

    let text = world.until_explained(&request, GONE).await;
    for wanted in ["the credential: rekeying", "the credential: rekeyed"] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}
