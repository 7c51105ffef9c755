#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::Connection;
use crate::connections::CONNECTION_SECONDS;
use crate::testing::{CLIENT, OTHER, at, connection, registry};

const USER: Uuid = Uuid::from_u128(0xA);
const COLLEAGUE: Uuid = Uuid::from_u128(0xB);

fn id(user: Uuid, session: u128) -> SessionId {
    SessionId {
        client: CLIENT,
        user,
        session: Uuid::from_u128(session),
    }
}

fn token(number: u128, second: i64) -> RefreshToken {
    RefreshToken {
        id: Uuid::from_u128(number),
        expires_at: at(second),
    }
}

async fn is_open(registry: &Registry, id: SessionId, role: &str) -> bool {
    registry.is_session_open(id, role, at(1)).await.unwrap()
}

#[tokio::test]
async fn a_token_is_redeemed_once_and_a_second_time_ends_its_session() {
    let registry = registry().await;
    let (ours, theirs) = (id(USER, 1), id(COLLEAGUE, 1));
    for session in [ours, theirs] {
        registry.open_session(session, "viewer", token(1, 100)).await.unwrap();
    }
    let redeem = async |token_id: u128, next: u128, second: i64| {
        let token_id = Uuid::from_u128(token_id);
        let redeemed = registry.redeem_refresh(ours, "viewer", token_id, token(next, 200), at(second));
        redeemed.await.unwrap()
    };
    assert_eq!(redeem(1, 2, 1).await, Redeemed::Now);
    assert_eq!(redeem(2, 3, 2).await, Redeemed::Now);
    assert!(is_open(&registry, ours, "viewer").await);
    // A thief with an early one, or its owner after the thief: what followed from it ends.
    assert_eq!(redeem(1, 4, 3).await, Redeemed::Again(Vec::new()));
    assert_eq!(redeem(3, 5, 3).await, Redeemed::Gone);
    assert!(!is_open(&registry, ours, "viewer").await);
    assert!(is_open(&registry, theirs, "viewer").await);
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_is_one_clients() {
    let registry = registry().await;
    let ours = id(USER, 1);
    registry.open_session(ours, "viewer", token(1, 10)).await.unwrap();
    let elsewhere = SessionId { client: OTHER, ..ours };
    for (session, second, expected) in [
        (elsewhere, 9, Redeemed::Gone),
        (ours, 10, Redeemed::Gone),
        (ours, 9, Redeemed::Now),
    ] {
        let redeemed = registry.redeem_refresh(session, "viewer", Uuid::from_u128(1), token(2, 20), at(second));
        assert_eq!(redeemed.await.unwrap(), expected, "{session:?} at {second}");
    }
    for (second, expected) in [(19, true), (20, false)] {
        let open = registry.is_session_open(ours, "viewer", at(second)).await.unwrap();
        assert_eq!(open, expected, "{second}");
    }
}

#[tokio::test]
async fn another_role_is_told_and_what_is_ended_stays_so() {
    let registry = registry().await;
    let (first, second, theirs) = (id(USER, 1), id(USER, 2), id(COLLEAGUE, 3));
    for session in [first, second, theirs] {
        registry.open_session(session, "admin", token(1, 100)).await.unwrap();
    }
    registry.change_role_of_sessions(CLIENT, USER, "viewer").await.unwrap();
    for (session, role, expected) in [
        (first, "admin", false),
        (first, "viewer", true),
        (second, "viewer", true),
        (theirs, "admin", true),
    ] {
        assert_eq!(is_open(&registry, session, role).await, expected, "{session:?} {role}");
    }
    let redeem = async |role: &str| {
        let redeemed = registry.redeem_refresh(first, role, Uuid::from_u128(1), token(2, 100), at(1));
        redeemed.await.unwrap()
    };
    assert_eq!(redeem("admin").await, Redeemed::OtherRole);
    assert_eq!(redeem("viewer").await, Redeemed::Now);
    assert_eq!(registry.end_sessions(CLIENT, USER).await.unwrap(), 2);
    for session in [first, second] {
        assert!(!is_open(&registry, session, "viewer").await);
    }
    assert!(is_open(&registry, theirs, "admin").await);
    // Nothing comes back by a change that comes late.
    registry.change_role_of_sessions(CLIENT, USER, "admin").await.unwrap();
    assert!(!is_open(&registry, first, "admin").await);
}

#[tokio::test]
async fn the_session_that_ends_first_makes_way() {
    let registry = registry().await;
    let most = u128::try_from(MAX_SESSIONS_PER_USER).unwrap();
    for number in 0..=most {
        let until = 100 + i64::try_from(number).unwrap();
        registry
            .open_session(id(USER, number), "viewer", token(number, until))
            .await
            .unwrap();
    }
    for (number, expected) in [(0, false), (1, true), (most, true)] {
        assert_eq!(
            is_open(&registry, id(USER, number), "viewer").await,
            expected,
            "{number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_redeems() {
    let registry = registry().await;
    registry
        .open_session(id(USER, 1), "viewer", token(1, 100))
        .await
        .unwrap();
    let tries: Vec<_> = (0..16)
        .map(|number| {
            let registry = registry.clone();
            tokio::spawn(async move {
                let next = token(100 + number, 200);
                let redeemed = registry.redeem_refresh(id(USER, 1), "viewer", Uuid::from_u128(1), next, at(1));
                redeemed.await.unwrap()
            })
        })
        .collect();
    let mut redeemed = 0;
    for attempt in tries {
        redeemed += usize::from(attempt.await.unwrap() == Redeemed::Now);
    }
    assert_eq!(redeemed, 1);
}

/// A connection that is made with a token of a session, and whether that was open.
async fn connect(registry: &Registry, session: SessionId, name: &str, second: i64) -> bool {
    let made = Connection {
        user: session.user,
        session: Some(session.session),
        connected_at: at(second),
        ..connection(name)
    };
    registry.connect(&made).await.unwrap();
    let joined = registry.join_session(session, "viewer", name, at(second));
    joined.await.unwrap()
}

#[tokio::test]
async fn whatever_ends_a_session_tells_its_connections() {
    let registry = registry().await;
    let (first, other) = (id(USER, 1), id(USER, 2));
    for session in [first, other] {
        registry.open_session(session, "viewer", token(1, 100)).await.unwrap();
    }
    for (session, name) in [(first, "a"), (first, "b"), (other, "c")] {
        assert!(connect(&registry, session, name, 1).await, "{name}");
    }
    // One that ended by itself is not told again.
    registry.disconnect(crate::testing::peer("b"), at(2)).await.unwrap();
    let redeem = async |presented: u128, next: u128| {
        let redeemed = registry.redeem_refresh(first, "viewer", Uuid::from_u128(presented), token(next, 200), at(2));
        redeemed.await.unwrap()
    };
    assert_eq!(redeem(1, 2).await, Redeemed::Now);
    assert_eq!(redeem(1, 3).await, Redeemed::Again(vec!["a".to_owned()]));
    assert!(!connect(&registry, first, "d", 3).await, "it has ended");
    registry.disconnect(crate::testing::peer("d"), at(3)).await.unwrap();
    assert!(!is_open(&registry, first, "viewer").await, "what leaves it makes none");
    assert!(
        !registry.join_session(other, "admin", "e", at(3)).await.unwrap(),
        "in another role"
    );
    assert_eq!(registry.end_session(other).await.unwrap(), ["c"]);
    assert_eq!(registry.end_session(other).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_session_that_makes_way_tells_its_connections() {
    let registry = registry().await;
    for number in 0..u128::try_from(MAX_SESSIONS_PER_USER).unwrap() {
        let until = 100 + i64::try_from(number).unwrap();
        let opened = registry
            .open_session(id(USER, number), "viewer", token(number, until))
            .await;
        assert_eq!(opened.unwrap(), [""; 0]);
    }
    assert!(connect(&registry, id(USER, 0), "oldest", 1).await);
    let opened = registry
        .open_session(id(USER, 1_000), "viewer", token(1_000, 1_000))
        .await;
    assert_eq!(opened.unwrap(), ["oldest"]);
}

#[tokio::test]
async fn connections_that_are_gone_do_not_stay_in_their_session_for_ever() {
    let registry = registry().await;
    let session = id(USER, 1);
    let long = 3 * CONNECTION_SECONDS;
    registry.open_session(session, "viewer", token(1, long)).await.unwrap();
    // Functions that were killed: no disconnect came.
    for number in 0..MAX_NAMED {
        let joined = registry
            .join_session(session, "viewer", &format!("gone {number}"), at(1))
            .await;
        assert!(joined.unwrap());
    }
    assert!(connect(&registry, session, "there", CONNECTION_SECONDS + 1).await);
    assert_eq!(registry.end_session(session).await.unwrap(), ["there"]);
}
