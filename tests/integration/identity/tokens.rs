//! Tokens of every kind, and passwords that are guessed.

use identity::{Caller, Claims, Features, Role, SigningKey, TokenUse, generate_key_pair};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::dashboard::Dashboard;
use tests::http::{PASSWORD, User};
use tests::product::Product;
use uuid::Uuid;

/// A token of the user's session, but for what is changed.
fn signed(product: &Product, key: &SigningKey, user: &User, change: impl FnOnce(&mut Claims)) -> String {
    let now = platform::clock::now();
    let own = product
        .verifying_key()
        .verify(&user.token, TokenUse::Access, now)
        .unwrap();
    let caller = Caller {
        client: user.client,
        user: own.sub,
        role: Role::Admin,
        features: Features::ALL,
    };
    let mut claims = Claims::new(&caller, TokenUse::Access, Uuid::new_v4(), now).of_session(own.session);
    change(&mut claims);
    key.sign(&claims).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_ours_or_not_of_now_opens_nothing() {
    let product = Product::shared().await;
    let user = product.client().await;
    let key = product.signing_key();
    let foreign = SigningKey::from_pem(&generate_key_pair().unwrap().signing_pem).unwrap();
    let now: Timestamp = platform::clock::now();
    let at = |hours: i64| (now + SignedDuration::from_hours(hours)).as_second();
    let other = |field: fn(&mut Claims) -> &mut String| {
        signed(&product, &key, &user, move |claims| *field(claims) = "else".to_owned())
    };
    for (name, token, status) in [
        ("ours", signed(&product, &key, &user, |_| {}), 200),
        ("signed by a stranger", signed(&product, &foreign, &user, |_| {}), 401),
        (
            "expired",
            signed(&product, &key, &user, |claims| {
                (claims.iat, claims.exp) = (at(-2), at(-1))
            }),
            401,
        ),
        (
            "not yet issued",
            signed(&product, &key, &user, |claims| {
                (claims.iat, claims.exp) = (at(1), at(2))
            }),
            401,
        ),
        ("of another issuer", other(|claims| &mut claims.iss), 401),
        ("for another audience", other(|claims| &mut claims.aud), 401),
        (
            "for refreshing",
            signed(&product, &key, &user, |claims| claims.token_use = TokenUse::Refresh),
            401,
        ),
        (
            "of a client that is gone",
            signed(&product, &key, &user, |claims| claims.client = Uuid::from_u128(9)),
            401,
        ),
        (
            "of another user",
            signed(&product, &key, &user, |claims| claims.sub = Uuid::new_v4()),
            401,
        ),
        (
            "in another role",
            signed(&product, &key, &user, |claims| claims.role = Role::Operator),
            401,
        ),
        (
            "of no session",
            signed(&product, &key, &user, |claims| claims.session = Uuid::nil()),
            401,
        ),
        ("oversized", "a".repeat(6_000), 401),
    ] {
        let answer = user.with_token(&token).get("/v1/kpis").await;
        assert_eq!(answer.status, status, "{name}: {answer}");
    }
    let basic = user.signed_out().get("/v1/kpis");
    let answer = basic.header("authorization", "Basic YWRtaW46YWRtaW4=").await;
    assert_eq!(answer.status, 401, "{answer}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_tampered_with_opens_nothing() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    ours.signed_out().get("/v1/kpis").await.refused(401);
    let parts: Vec<&str> = ours.token.split('.').collect();
    let other: Vec<&str> = theirs.token.split('.').collect();
    // {"alg":"none"} with our claims; their claims under our signature; our refresh token; nonsense.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let spliced = format!("{}.{}.{}", parts[0], other[1], parts[2]);
    for (name, token) in [
        ("unsigned", unsigned.as_str()),
        ("tampered", &spliced),
        ("refresh token", &ours.refresh_token),
        ("nonsense", "abc"),
    ] {
        let answer = ours.with_token(token).get("/v1/kpis").await;
        assert_eq!(answer.status, 401, "{name}: {answer}");
    }
    product.stop().await;
}

/// API Gateway lets a bad token through with the reason, so each function has to refuse it: no route is forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_tells_who_has_no_good_token_what_to_do() {
    let product = Product::shared().await;
    let user = product.client().await;
    let past = |hours: i64| (platform::clock::now() - SignedDuration::from_hours(hours)).as_second();
    let expired = signed(&product, &product.signing_key(), &user, |claims| {
        (claims.iat, claims.exp) = (past(2), past(1));
    });
    let guarded = describe_api::described().into_iter();
    let guarded: Vec<_> = guarded.filter(|route| route.access.permission().is_some()).collect();
    assert!(guarded.len() > 40, "{} routes", guarded.len());
    for (token, told) in [(expired.as_str(), "refresh-token"), ("nonsense", "sign-in")] {
        let nobody = user.with_token(token);
        for route in &guarded {
            let path = route.path.replace(['{', '}'], "");
            let method: reqwest::Method = route.method.name().parse().unwrap();
            let refused = nobody.request(method.clone(), &path).await.refused(401);
            assert_eq!(
                refused.header("content-type"),
                "application/problem+json",
                "{}",
                route.key()
            );
            assert_eq!(refused["type"], "urn:analytics-engine:problem:not-signed-in");
            assert!(refused["hint"].to_string().contains(told), "{}: {refused}", route.key());
            if method == reqwest::Method::GET {
                nobody.request(reqwest::Method::HEAD, &path).await.expect(401);
            }
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_is_good_once_and_ends_what_followed_from_it_a_second_time() {
    let product = Product::shared().await;
    let user = product.client().await;
    let another = user.signed_in().await;
    let fresh = user.refreshed().await.refreshed().await;
    fresh.get_anew("/v1/kpis").await.ok();
    let refresh = async |token: &str, status: u16| {
        let body = json!({ "refresh_token": token });
        user.signed_out().post("/v1/refresh-token", &body).await.expect(status);
    };
    let mut dashboard = Dashboard::connect(&product, &fresh).await;
    let mut elsewhere = Dashboard::connect(&product, &another).await;
    // The first one again, by a thief or by its owner after one.
    refresh(&user.refresh_token, 401).await;
    dashboard.close_code().await;
    refresh(&fresh.refresh_token, 401).await;
    for ended in [&user, &fresh] {
        assert_eq!(Dashboard::status(&product, ended).await, 401);
    }
    // What was signed in by itself goes on.
    another.get_anew("/v1/kpis").await.ok();
    elsewhere.send(&json!({ "action": "ping" })).await;
    elsewhere.next("pong").await;
    refresh(&another.refresh_token, 200).await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_who_refresh_at_once_one_succeeds() {
    let product = Product::shared().await;
    let user = product.client().await;
    let nobody = user.signed_out();
    let body = json!({ "refresh_token": user.refresh_token });
    let requests = (0..5).map(|_| nobody.post("/v1/refresh-token", &body).send());
    let answers = futures::future::join_all(requests).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401]);
    // Four times it came again: nobody can tell a thief's from the owner's.
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    let next = json!({ "refresh_token": winner["refresh_token"] });
    nobody.post("/v1/refresh-token", &next).await.refused(401);
    // An access token does not refresh.
    let access = json!({ "refresh_token": user.token });
    nobody.post("/v1/refresh-token", &access).await.refused(401);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_does_not_tell_whether_an_address_is_known_and_guessing_is_slowed_down() {
    let product = Product::shared().await;
    let user = product.client().await;
    let nobody = user.signed_out();
    let unknown = format!("nobody-{}", user.email);
    let sign_in =
        |email: &str, password: &str| nobody.post("/v1/sign-in", &json!({ "email": email, "password": password }));
    let wrong_password = sign_in(&user.email, "wrong password").await.refused(401);
    let wrong_address = sign_in(&unknown, PASSWORD).await.refused(401);
    assert_eq!(wrong_password.body, wrong_address.body);
    let guessed = format!("guess-{}", user.email);
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(sign_in(&guessed, "guess guess").await.status);
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429), "{statuses:?}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_locked_for_a_while_after_many_guesses() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let analyst = product.colleague(&ours, "analyst").await;
    let nobody = ours.signed_out();
    let shouted = format!("A{} ", &analyst.email[1..]);
    let mut last = None;
    for guess in 0..11 {
        let body = json!({ "email": shouted, "password": format!("guess {guess}") });
        last = Some(nobody.post("/v1/sign-in", &body).await);
    }
    let last = last.unwrap().refused(429);
    assert_eq!(last.header("content-type"), "application/problem+json");
    assert!(last.header("retry-after").parse::<u32>().unwrap() > 0);
    // The right password is a guess among others.
    let right = json!({ "email": analyst.email, "password": PASSWORD });
    nobody.post("/v1/sign-in", &right).await.refused(429);
    // Others are not locked.
    theirs.signed_in().await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_can_not_be_is_refused_and_does_not_repeat_the_password() {
    let product = Product::shared().await;
    let user = product.client().await;
    let nobody = user.signed_out();
    for (body, status) in [
        (json!({ "email": "a\0@example.com", "password": PASSWORD }), 401),
        (
            json!({ "email": "'; --@example.com", "password": "x".repeat(100_000) }),
            401,
        ),
        (json!({ "email": "" , "password": "" }), 401),
        (json!({ "email": user.email }), 400),
        (
            json!({ "email": user.email, "password": PASSWORD, "role": "admin" }),
            400,
        ),
    ] {
        let refused = nobody.post("/v1/sign-in", &body).await.refused(status);
        assert!(!refused.body.to_string().contains(PASSWORD), "{refused}");
    }
    product.stop().await;
}
