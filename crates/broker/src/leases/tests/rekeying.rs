//! Another password under the same role: the earlier one lets nobody in, whatever they began with it.

use bytes::{Buf as _, BytesMut};
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

async fn anew(house: &House, lease: &Lease) -> Credential {
    match house.leases.make_anew(TARGET, lease).await {
        Issuance::Issued(credential) => credential,
        other => panic!("{other:?}"),
    }
}

async fn role(house: &House) -> Vec<Vec<String>> {
    let role = "SELECT r.oid, r.rolname, r.rolvaliduntil, r.rolconnlimit, r.rolcanlogin, r.rolinherit, \
        (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid) FROM pg_roles r WHERE r.rolname LIKE 'gh\\_%'";
    house.server.admin(role).await
}

#[tokio::test]
async fn the_earlier_password_and_its_sessions_are_dead_before_there_is_another() {
    for house in [House::new(&[]).await, House::ending_sessions(&[]).await] {
        let (lease, earlier) = house.issued("orders_reader", 1).await;
        let before = role(&house).await;
        // Whoever has it holds the row of the role, and would make the password their own.
        let open = house.login(&earlier, "postgres").await.unwrap();
        let own = "BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'my-own'";
        open.batch_execute(own).await.unwrap();
        let other = house.login(&earlier, "postgres").await.unwrap();

        let later = anew(&house, &lease).await;
        assert_ne!(later.secret, earlier.secret);
        assert_eq!(later.public, earlier.public);
        assert!(open.batch_execute("COMMIT").await.is_err());
        assert!(other.batch_execute("SELECT 1").await.is_err());
        let mine = Credential {
            secret: "my-own".to_owned(),
            ..earlier.clone()
        };
        for dead in [&earlier, &mine] {
            let refused = house.login(dead, "postgres").await.err().unwrap();
            assert!(refused.starts_with("28P01"), "{refused}");
        }
        assert_eq!(role(&house).await, before);
        let client = house.login(&later, "postgres").await.unwrap();
        let rows = client.query("SELECT * FROM orders", &[]).await.unwrap();
        assert_eq!(rows.len(), 20);

        // And all of it goes by what was written down before anything was made.
        assert_eq!(house.remove(&lease).await, Removal::Gone);
        assert_eq!(house.left().await, ["0", "0", "0"]);
        let gone = house.leases.make_anew(TARGET, &lease).await;
        assert!(
            matches!(gone, Issuance::Refused("target_refused")),
            "{gone:?}"
        );
        assert_eq!(house.left().await, ["0", "0", "0"], "it is not made");
    }
}

#[tokio::test]
async fn a_role_whose_group_gives_too_much_by_now_keeps_its_password() {
    let house = House::new(&[]).await;
    let (lease, earlier) = house.issued("orders_reader", 1).await;
    house
        .server
        .admin("ALTER ROLE orders_reader CREATEDB")
        .await;
    let refused = house.leases.make_anew(TARGET, &lease).await;
    assert!(
        matches!(refused, Issuance::Refused("entitlement_refused")),
        "{refused:?}"
    );
    assert!(house.login(&earlier, "postgres").await.is_ok());
}

/// A login that is held up between its messages.
struct HeldUp {
    stream: TcpStream,
    scram: ScramSha256,
}

impl HeldUp {
    /// The server has read what it keeps of the password, and waits for the proof of it.
    async fn begin(house: &House, credential: &Credential) -> Self {
        let address = ("127.0.0.1", house.server.port());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let user = public(credential, "user");
        let mut sent = BytesMut::new();
        let startup = [("user", user), ("database", "postgres")];
        frontend::startup_message(startup, &mut sent).unwrap();
        stream.write_all(&sent).await.unwrap();
        let (kind, offered) = message(&mut stream).await;
        assert_eq!((kind, offered.clone().get_i32()), (b'R', 10));
        let mut scram =
            ScramSha256::new(credential.secret.as_bytes(), ChannelBinding::unsupported());
        let mut sent = BytesMut::new();
        frontend::sasl_initial_response("SCRAM-SHA-256", scram.message(), &mut sent).unwrap();
        stream.write_all(&sent).await.unwrap();
        let (kind, mut challenge) = message(&mut stream).await;
        assert_eq!((kind, challenge.get_i32()), (b'R', 11));
        scram.update(&challenge).unwrap();
        Self { stream, scram }
    }

    /// Goes on, and gives the first answer that says whether it is let in.
    async fn go_on(mut self) -> String {
        let mut sent = BytesMut::new();
        frontend::sasl_response(self.scram.message(), &mut sent).unwrap();
        self.stream.write_all(&sent).await.unwrap();
        loop {
            match message(&mut self.stream).await {
                (b'Z', _) => return "it is let in".to_owned(),
                (b'E', said) => return String::from_utf8_lossy(&said).into_owned(),
                _ => {}
            }
        }
    }
}

async fn message(stream: &mut TcpStream) -> (u8, BytesMut) {
    let kind = stream.read_u8().await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut body = BytesMut::zeroed(usize::try_from(length).unwrap() - 4);
    stream.read_exact(&mut body).await.unwrap();
    (kind, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_was_held_up_with_the_earlier_password_does_not_come_through_later() {
    let house = House::new(&[]).await;
    let (lease, earlier) = house.issued("orders_reader", 1).await;
    let held_up = HeldUp::begin(&house, &earlier).await;
    let House { server, leases } = house;
    let rekeying = tokio::spawn(async move { leases.make_anew(TARGET, &lease).await });
    // Until it waits for this login; or is through, where it does not.
    let shut = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'gh\\_%' AND NOT rolcanlogin";
    while !rekeying.is_finished() && server.admin(shut).await != [["1"]] {}
    let said = held_up.go_on().await;
    assert!(said.contains("28000") || said.contains("28P01"), "{said}");
    let rekeyed = rekeying.await.unwrap();
    assert!(matches!(rekeyed, Issuance::Issued(_)), "{rekeyed:?}");
}
