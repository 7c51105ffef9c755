//! Users: added, given another role, removed; their passwords and their sessions.

use std::time::{Duration, Instant};

use registry::mails::{MAIL_WINDOW_SECONDS, MAX_MAILS_PER_ADDRESS};
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::{PASSWORD, User};
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

/// Another password than that of every user.
const OTHER: &str = "staple of my own";

/// Whether nothing of the user's tokens is good any more, and no dashboard can connect with them.
async fn assert_ended(product: &Product, user: &User) {
    let answer = user.get_anew("/v1/kpis").await;
    assert!(matches!(answer.status, 401 | 403), "{answer}");
    assert_eq!(Dashboard::status(product, user).await, 401);
    let refresh = json!({ "refresh_token": user.refresh_token });
    user.signed_out().post("/v1/refresh-token", &refresh).await.refused(401);
}

async fn id_of(admin: &User, email: &str) -> String {
    let listed = admin.get("/v1/users").await.ok();
    let user = listed["users"].list().iter().find(|user| user["email"] == email);
    user.unwrap_or_else(|| panic!("{email} is not among {listed}"))["id"]
        .text()
        .to_owned()
}

/// Sets a password by a secret.
async fn reset(user: &User, secret: &str, password: &str, status: u16) {
    let body = json!({ "secret": secret, "new_password": password });
    user.signed_out().put("/v1/password-resets", &body).await.expect(status);
}

async fn sign_in(user: &User, password: &str, status: u16) {
    let body = json!({ "email": user.email, "password": password });
    user.signed_out().post("/v1/sign-in", &body).await.expect(status);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_changed_by_who_knows_it_and_all_sessions_end() {
    let product = Product::shared().await;
    let admin = product.client().await;
    let user = product.colleague(&admin, "viewer").await;
    let elsewhere = user.signed_in().await;
    let mut dashboard = Dashboard::connect(&product, &user).await;
    let change = async |current: &str, new: &str, status: u16| {
        let body = json!({ "current_password": current, "new_password": new });
        user.put("/v1/me/password", &body).await.expect(status);
    };
    change("not it", OTHER, 422).await;
    change(PASSWORD, "short", 422).await;
    change(PASSWORD, "password1234", 422).await;
    sign_in(&user, PASSWORD, 200).await;
    change(PASSWORD, OTHER, 204).await;
    dashboard.close_code().await;
    for ended in [&user, &elsewhere] {
        assert_ended(&product, ended).await;
    }
    sign_in(&user, PASSWORD, 401).await;
    user.signed_in_by(OTHER).await.get("/v1/kpis").await.ok();
    // Nobody else's sessions have ended.
    admin.get_anew("/v1/kpis").await.ok();
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_added_given_another_role_and_removed() {
    let product = Product::shared().await;
    let admin = product.client().await;
    let email = format!("grace-{}", admin.email);
    let new = json!({ "email": format!(" {}", email.to_uppercase()), "role": "viewer" });
    let added = admin.post("/v1/users", &new).await.created();
    assert_eq!(
        (added["email"].text(), &added["has_password"]),
        (email.as_str(), &json!(false))
    );
    // Sent again, another mail comes, and the secret of the first is good no more.
    let first = product.secret_of(&email, 1).await;
    admin.post("/v1/users", &new).await.created();
    let second = product.secret_of(&email, 2).await;
    // Who has a secret is told, and nothing of it.
    let listed = admin.get("/v1/users").await.ok();
    let until = |listed: &Value, email: &str| {
        let user = listed["users"].list().iter().find(|user| user["email"] == email);
        user.unwrap()["secret_until"].clone()
    };
    assert!(until(&listed.body, &email).is_string(), "{listed}");
    assert!(until(&listed.body, &admin.email).is_null(), "{listed}");
    let user = User {
        email: email.clone(),
        ..admin.signed_out()
    };
    sign_in(&user, "none", 401).await;
    reset(&user, &first, OTHER, 401).await;
    reset(&user, &second, "password1234", 422).await;
    reset(&user, &second, OTHER, 204).await;
    reset(&user, &second, PASSWORD, 401).await;
    assert!(until(&admin.get("/v1/users").await.ok().body, &email).is_null());
    let viewer = user.signed_in_by(OTHER).await;
    viewer.get("/v1/dead-letters").await.refused(403);
    admin.post("/v1/users", &new).await.refused(409);

    let path = format!("/v1/users/{}", added["id"].text());
    let mut dashboard = Dashboard::connect(&product, &viewer).await;
    let analyst = json!({ "role": "analyst" });
    assert_eq!(
        admin.put(&format!("{path}/role"), &analyst).await.ok()["role"],
        "analyst"
    );
    dashboard.close_code().await;
    assert!(matches!(viewer.get_anew("/v1/kpis").await.status, 401 | 403));
    let analyst = viewer.refreshed().await;
    analyst.get("/v1/dead-letters").await.ok();

    let mut dashboard = Dashboard::connect(&product, &analyst).await;
    admin.delete(&path).await.expect(204);
    dashboard.close_code().await;
    assert_ended(&product, &analyst).await;
    sign_in(&user, OTHER, 401).await;
    admin.delete(&path).await.refused(404);
    let listed = admin.get("/v1/users").await.ok();
    assert_eq!(listed["users"].list().len(), 1, "{listed}");
    // The address is free again.
    admin.post("/v1/users", &new).await.created();
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_administrator_stays_and_nobody_grants_more_than_they_have() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let own = format!("/v1/users/{}", id_of(&ours, &ours.email).await);
    let (viewer, operator) = (json!({ "role": "viewer" }), json!({ "role": "operator" }));
    let role = format!("{own}/role");
    ours.put(&role, &viewer).await.refused(409);
    ours.delete(&own).await.refused(409);
    // One who can't sign in yet does not count.
    let invited = json!({ "email": format!("invited-{}", ours.email), "role": "admin" });
    ours.post("/v1/users", &invited).await.created();
    ours.delete(&own).await.refused(409);
    // Nobody becomes an operator.
    ours.put(&role, &operator).await.refused(403);
    let new = json!({ "email": format!("op-{}", ours.email), "role": "operator" });
    ours.post("/v1/users", &new).await.refused(403);
    // Nobody of another organisation is anything to it.
    for request in [
        theirs.put(&role, &viewer),
        theirs.delete(&own),
        theirs.delete(&format!("{own}/sessions")),
        theirs.post(&format!("{own}/password-reset"), &Value::Null),
    ] {
        request.await.refused(404);
    }
    ours.get_anew("/v1/kpis").await.ok();
    let taken = json!({ "email": ours.email, "role": "viewer" });
    theirs.post("/v1/users", &taken).await.refused(409);
    // Of two who demote each other at once one stays.
    let second = User {
        email: invited["email"].text().to_owned(),
        ..ours.signed_out()
    };
    reset(&second, &product.secret_of(&second.email, 1).await, OTHER, 204).await;
    let second = second.signed_in_by(OTHER).await;
    let other = format!("/v1/users/{}/role", id_of(&ours, &second.email).await);
    let (first, second) = futures::join!(ours.put(&other, &viewer).send(), second.put(&role, &viewer).send());
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    // The other is no administrator any more by then, whatever the token says.
    assert!(statuses[0] == 200 && matches!(statuses[1], 401 | 403), "{statuses:?}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_forgot_a_password_sets_another_and_a_stranger_learns_nothing() {
    let product = Product::shared().await;
    let user = product.client().await;
    let nobody = user.signed_out();
    let unknown = format!("nobody-{}", user.email);
    let ask = async |email: &str| {
        let asked = Instant::now();
        let answer = nobody.post("/v1/password-resets", &json!({ "email": email })).await;
        (answer.expect(202).body.to_string(), asked.elapsed())
    };
    let (known, other) = futures::join!(ask(&user.email), ask(&unknown));
    assert_eq!(known.0, other.0);
    // At once, and as quick: the mail is sent after the answer.
    let apart = known.1.abs_diff(other.1);
    assert!(apart < Duration::from_millis(400), "{known:?} {other:?}");
    assert!(known.1 < Duration::from_millis(1_900), "{known:?}");
    // It is not told either that an address is asked for too often.
    for _ in 0..3 {
        ask(&user.email).await;
    }
    let secret = product.secret_of(&user.email, 3).await;
    // Till then the password stays.
    sign_in(&user, PASSWORD, 200).await;
    user.get_anew("/v1/kpis").await.ok();
    reset(&user, &secret, OTHER, 204).await;
    assert_ended(&product, &user).await;
    sign_in(&user, PASSWORD, 401).await;
    sign_in(&user, OTHER, 200).await;
    for (secret, status) in [("nonsense", 401), ("", 401)] {
        reset(&user, secret, OTHER, status).await;
    }
    nobody
        .post("/v1/password-resets", &json!({ "email": "no address" }))
        .await
        .refused(422);
    assert_eq!(product.mails_to(&user.email).len(), 3);
    assert!(product.mails_to(&unknown).is_empty());
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_takes_a_password_back_and_ends_sessions() {
    let product = Product::shared().await;
    let admin = product.client().await;
    let analyst = product.colleague(&admin, "analyst").await;
    let path = format!("/v1/users/{}", id_of(&admin, &analyst.email).await);
    admin.delete(&format!("{path}/sessions")).await.expect(204);
    assert_ended(&product, &analyst).await;
    let analyst = analyst.signed_in().await;
    admin
        .post(&format!("{path}/password-reset"), &Value::Null)
        .await
        .expect(204);
    assert_ended(&product, &analyst).await;
    sign_in(&analyst, PASSWORD, 401).await;
    reset(&analyst, &product.secret_of(&analyst.email, 1).await, OTHER, 204).await;
    let analyst = analyst.signed_in_by(OTHER).await;
    analyst.delete("/v1/sessions").await.expect(204);
    assert_ended(&product, &analyst).await;
    admin.get_anew("/v1/kpis").await.ok();
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_invited_and_never_came_keeps_no_other_organisation_from_the_address() {
    let product = Product::shared().await;
    let (first, second) = (product.client().await, product.client().await);
    let email = format!("grace-{}", second.email);
    let new = json!({ "email": email, "role": "viewer" });
    first.post("/v1/users", &new).await.created();
    let of_first = product.secret_of(&email, 1).await;
    second.post("/v1/users", &new).await.created();
    let of_second = product.secret_of(&email, 2).await;
    // The first invitation is still good, and the first password that is set decides.
    let user = User {
        email: email.clone(),
        ..second.signed_out()
    };
    reset(&user, &of_second, OTHER, 204).await;
    reset(&user, &of_first, PASSWORD, 409).await;
    sign_in(&user, PASSWORD, 401).await;
    sign_in(&user, OTHER, 200).await;
    let id = id_of(&second, &email).await;
    // By now it is a user's, who is told to be one; who never came is still listed where it was invited.
    let third = product.client().await;
    third.post("/v1/users", &new).await.refused(409);
    assert!(id_of(&first, &email).await != id);
    // Once the user is gone the address is whose who is invited anew.
    second.delete(&format!("/v1/users/{id}")).await.expect(204);
    first.post("/v1/users", &new).await.created();
    reset(&user, &product.secret_of(&email, 3).await, PASSWORD, 204).await;
    sign_in(&user, PASSWORD, 200).await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_fills_nobodys_mailbox() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let new = json!({ "email": format!("grace-{}", ours.email), "role": "viewer" });
    for _ in 0..MAX_MAILS_PER_ADDRESS {
        ours.post("/v1/users", &new).await.created();
    }
    let refused = ours.post("/v1/users", &new).await.refused(429);
    assert!(
        refused.detail().contains("mails were sent to this address"),
        "{refused}"
    );
    let seconds: i64 = refused.header("retry-after").parse().unwrap();
    assert!(
        (MAIL_WINDOW_SECONDS - 300..=MAIL_WINDOW_SECONDS).contains(&seconds),
        "{seconds}"
    );
    let id = id_of(&ours, new["email"].text()).await;
    let path = format!("/v1/users/{id}/password-reset");
    ours.post(&path, &Value::Null).await.refused(429);
    // Removing and adding again does not begin anew, and others may still write.
    ours.delete(&format!("/v1/users/{id}")).await.expect(204);
    ours.post("/v1/users", &new).await.refused(429);
    theirs.post("/v1/users", &new).await.created();
    product.stop().await;
}

/// A row that is locked makes what lies between reading and writing long enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_changed_while_it_is_reset_is_told_and_the_sessions_end() {
    let product = Product::shared().await;
    let admin = product.client().await;
    let analyst = product.colleague(&admin, "analyst").await;
    let id = id_of(&admin, &analyst.email).await;
    let path = format!("/v1/users/{id}/password-reset");
    let mut database = product.database.plain().await.unwrap();
    // A transaction sees who waits as it was when it looked for the first time.
    let watcher = product.database.plain().await.unwrap();
    let changing = database.transaction().await.unwrap();
    let lock = "SELECT password_hash FROM core.users WHERE email = $1 FOR UPDATE";
    changing.query_one(lock, &[&analyst.email]).await.unwrap();
    let change = async {
        // It is to be written, so it was read before this.
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE core.users SET password_hash%'";
        let waits = async || watcher.query_opt(waiting, &[]).await.unwrap().map(drop);
        eventually("the reset waits for the row", waits).await;
        let set = "UPDATE core.users SET password_hash = 'another' WHERE email = $1";
        changing.execute(set, &[&analyst.email]).await.unwrap();
        changing.commit().await.unwrap();
    };
    let (told, ()) = futures::join!(admin.post(&path, &Value::Null).send(), change);
    let told = told.refused(409);
    assert!(told["hint"].text().contains("send the request again"), "{told}");
    assert_ended(&product, &analyst).await;
    assert!(product.mails_to(&analyst.email).is_empty());
    admin.post(&path, &Value::Null).await.expect(204);
    product.secret_of(&analyst.email, 1).await;
    product.stop().await;
}

/// Who manages users may not touch anything else, nor make an operator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_that_writes_users_can_do_nothing_else() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let database = product.database.plain().await.unwrap();
    let come = format!(
        "SET SESSION AUTHORIZATION analytics_users; SET app.client_id = '{}'",
        ours.client
    );
    for attack in [
        "UPDATE core.users SET role = 'operator'",
        "UPDATE core.users SET email = 'a@example.com'",
        "UPDATE core.users SET client_id = gen_random_uuid()",
        "INSERT INTO core.users SELECT gen_random_uuid(), client_id, 'b@example.com', 'none', 'operator' FROM core.users",
        "UPDATE core.clients SET time_zone = 'UTC'",
        "SELECT * FROM core.clients",
        "SELECT * FROM core.licences",
        "SELECT * FROM core.entities",
        "SELECT * FROM volume_1.facts",
        "SELECT * FROM core.user_for_sign_in('a@example.com')",
        "SET ROLE analytics_app",
    ] {
        let refused = database.batch_execute(&format!("{come}; {attack}")).await.unwrap_err();
        let code = refused.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{attack}: {refused}");
        database.batch_execute("RESET SESSION AUTHORIZATION").await.unwrap();
    }
    database.batch_execute(&come).await.unwrap();
    let others = "SELECT id FROM core.users WHERE client_id = $1";
    assert!(database.query(others, &[&theirs.client]).await.unwrap().is_empty());
    assert_eq!(database.query(others, &[&ours.client]).await.unwrap().len(), 1);
    product.stop().await;
}
