//! Licences over HTTP: who issues, what a key says, what ends one, and what is refused without.

mod gate;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan as _};
use reqwest::Method;
use serde_json::{Value, json};
use tests::product::{Account, Answer, PASSWORD, Product};
use uuid::Uuid;

use super::detail;

const ALL: [&str; 5] = ["ingest", "live", "modelling", "proposals", "series"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_licence_opens_what_it_says_for_as_long_as_it_says() {
    let product = Product::start().await.unwrap();
    let operator = product.user("operator").await.unwrap();
    a_new_client_may_try_everything(&product).await;
    nobody_licenses_itself(&product).await;
    an_operator_sees_no_business(&operator).await;
    what_can_not_be_granted_is_told(&product, &operator).await;
    a_repeated_issue_is_one_licence(&product, &operator).await;
    a_key_that_was_changed_is_refused_by_part(&product, &operator).await;
    a_key_counts_on_its_days_only(&product, &operator).await;
    a_row_that_was_changed_opens_nothing(&product).await;
    gate::without_a_licence_only_the_catalogue_opens(&product, &operator).await;
    gate::a_new_licence_opens_its_features_and_no_more(&product, &operator).await;
    let product = product.rotate_licence_key().await.unwrap();
    gate::a_new_signing_key_leaves_earlier_licences_alone(&product).await;
    product.stop().await.unwrap();
}

fn today() -> Date {
    jiff::tz::TimeZone::UTC.to_datetime(platform::clock::now()).date()
}

fn grant(client: Uuid, features: &[&str], (from, to): (i32, i32)) -> Value {
    let day = |days: i32| today().saturating_add(days.days());
    json!({
        "client": client, "value_chains": ["Aviation"], "modules": ["Punctuality"], "features": features,
        "seats": 12, "starts_on": day(from), "ends_on": day(to),
    })
}

async fn issue(operator: &Account, body: &Value) -> Value {
    let issued = operator.post("/v1/licences", body).await.unwrap();
    issued.expect(201).unwrap().body
}

async fn verify(account: &Account, key: &str) -> Answer {
    let body = json!({ "key": key });
    account.post("/v1/licences/verify", &body).await.unwrap()
}

/// The names of everything that is wrong with a key.
async fn problems(account: &Account, key: &str) -> Vec<String> {
    let verified = verify(account, key).await.expect(200).unwrap().body;
    let problems = verified["problems"].as_array().unwrap();
    assert_eq!(verified["valid"], json!(problems.is_empty()), "{verified}");
    for problem in problems {
        let told = (problem["detail"].as_str().unwrap(), problem["hint"].as_str().unwrap());
        assert!(told.0.len() > 10 && told.1.len() > 10, "{problem}");
        assert!(
            !verified.to_string().contains("v4.public") || verified["licence"].is_object(),
            "{verified}"
        );
    }
    problems
        .iter()
        .map(|problem| problem["problem"].as_str().unwrap().to_owned())
        .collect()
}

async fn revoke(operator: &Account, client: Uuid, id: &Value, reason: &str) -> Answer {
    let path = format!("/v1/licences/{}/revoke", id.as_str().unwrap());
    operator
        .post(&path, &json!({ "client": client, "reason": reason }))
        .await
        .unwrap()
}

async fn licences(account: &Account) -> Value {
    account.get("/v1/licences").await.unwrap().expect(200).unwrap().body
}

async fn a_new_client_may_try_everything(product: &Product) {
    let found = licences(&product.theirs).await;
    assert_eq!(found["features"], json!(ALL));
    let [licence] = &found["licences"].as_array().unwrap()[..] else {
        panic!("{found}")
    };
    let grant = &licence["grant"];
    let day = |name: &str| grant[name].as_str().unwrap().parse::<Date>().unwrap();
    assert_eq!((day("ends_on") - day("starts_on")).get_days(), 29, "thirty days");
    assert_eq!(
        (grant["value_chains"].clone(), licence["valid"].clone()),
        (json!([]), json!(true))
    );
    // Provisioned once more, with other terms: nothing is added.
    let mut again = json!({ "name": "theirs", "email": product.theirs.email, "password": PASSWORD });
    again["licence"] = json!({ "features": ["live"], "seats": 1, "starts_on": "2026-01-01", "ends_on": "2026-01-02" });
    let answer = product.cloud.invoke("provision-client", &again).await.unwrap();
    assert_eq!(
        (answer["created"].clone(), answer["licence_ends_on"].clone()),
        (json!(false), grant["ends_on"].clone())
    );
    assert_eq!(licences(&product.theirs).await, found);
    again["licence"]["seats"] = json!(0);
    let refused = product.cloud.invoke("provision-client", &again).await.unwrap_err();
    assert!(format!("{refused:#}").contains("/seats"), "{refused:#}");
}

async fn nobody_licenses_itself(product: &Product) {
    let (ours, theirs) = (&product.ours, &product.theirs);
    let own = licences(ours).await["licences"][0].clone();
    let body = grant(ours.client, &ALL, (0, 3_000));
    let withdraw = format!("/v1/licences/keys/{}/withdraw", own["signed_by"].as_str().unwrap());
    for account in [ours, theirs] {
        assert_eq!(account.post("/v1/licences", &body).await.unwrap().status, 403);
        assert_eq!(revoke(account, ours.client, &own["id"], "spite").await.status, 403);
        let withdrawn = account.post(&withdraw, &json!({ "reason": "spite" })).await.unwrap();
        assert_eq!(withdrawn.status, 403);
    }
    let path = format!("/v1/licences?client={}", ours.client);
    let foreign = theirs.get(&path).await.unwrap();
    assert_eq!(
        (foreign.status, foreign.body["type"].clone()),
        (403, json!("urn:analytics-engine:problem:not-allowed"))
    );
    let key = own["key"].as_str().unwrap();
    assert_eq!(problems(theirs, key).await, ["wrong-client"]);
    assert!(
        verify(theirs, key).await.body["licence"].is_null(),
        "what it says is not theirs to read"
    );
    assert!(problems(ours, key).await.is_empty());
    // What the application may do in the database makes nobody an operator, nor a licence longer.
    let database = product.database.plain().await.unwrap();
    database.batch_execute("SET ROLE analytics_app").await.unwrap();
    for statement in [
        "UPDATE core.users SET role = 'operator'",
        "INSERT INTO core.users SELECT * FROM core.users",
        "UPDATE core.licences SET ends_on = '2099-01-01'",
        "DELETE FROM core.licences",
        "UPDATE core.licence_keys SET public_key = ''",
    ] {
        let refused = database.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "{statement}");
    }
}

async fn an_operator_sees_no_business(operator: &Account) {
    for path in [
        "/v1/kpis",
        "/v1/entities",
        "/v1/kpis/FLIGHTS/value?period=day",
        "/v1/proposals",
        "/v1/dead-letters",
        "/v1/streams",
    ] {
        let refused = operator.get(path).await.unwrap();
        assert_eq!(refused.status, 403, "{path}");
        assert!(detail(&refused).contains("operator"), "{path}: {}", refused.body);
    }
}

async fn what_can_not_be_granted_is_told(product: &Product, operator: &Account) {
    let good = grant(product.theirs.client, &["live"], (0, 30));
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status, told) in [
        (with("features", json!([])), 422, "/features"),
        (with("features", json!(["telepathy"])), 400, "telepathy"),
        (with("seats", json!(0)), 422, "/seats"),
        (with("ends_on", json!("2020-01-01")), 422, "before the first"),
        (with("ends_on", json!("2099-01-01")), 422, "10 years"),
        (with("starts_on", json!("someday")), 400, "starts_on"),
        (with("modules", json!(["x".repeat(61)])), 422, "/modules"),
        (with("client", json!(Uuid::from_u128(1))), 404, "client"),
        (with("discount", json!(1)), 400, "discount"),
    ] {
        let refused = operator.post("/v1/licences", &body).await.unwrap();
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
        assert!(refused.body.to_string().contains(told), "{body}: {}", refused.body);
    }
    assert_eq!(licences(&product.theirs).await["licences"].as_array().unwrap().len(), 1);
}

async fn a_repeated_issue_is_one_licence(product: &Product, operator: &Account) {
    let client = product.theirs.client;
    let body = grant(client, &["live", "series"], (0, 400));
    let post = async |key: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        operator
            .send(Method::POST, "/v1/licences", &headers, Some(body.to_string()))
            .await
            .unwrap()
    };
    let first = post("order 7", &body).await.expect(201).unwrap().body;
    let (one, two) = tokio::join!(post("order 7", &body), post("order 7", &body));
    for again in [one, two] {
        assert_eq!(again.expect(201).unwrap().body, first);
    }
    let ours = grant(product.ours.client, &["live", "series"], (0, 400));
    for other in [grant(client, &["live"], (0, 400)), ours] {
        assert_eq!(post("order 7", &other).await.status, 409);
    }
    let listed = operator.get(&format!("/v1/licences?client={client}")).await.unwrap();
    let listed = listed.expect(200).unwrap().body;
    assert_eq!(listed["licences"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed["licences"][0], first, "the latest end comes first");
    assert_eq!(first["grant"]["modules"], json!(["Punctuality"]));
    // The evaluation ends within 90 days, and this one says less than everything.
    let evaluation = verify(&product.theirs, listed["licences"][1]["key"].as_str().unwrap())
        .await
        .body;
    assert_eq!(
        (
            evaluation["renewal"].clone(),
            evaluation["licence"]["days_left"].clone()
        ),
        (json!("due"), json!(29))
    );
    let long = verify(&product.theirs, first["key"].as_str().unwrap()).await.body;
    assert_eq!(
        (long["renewal"].clone(), long["valid"].clone()),
        (json!("not_due"), json!(true))
    );
    let next = issue(operator, &grant(client, &["live", "series"], (401, 800))).await;
    let renewed = verify(operator, first["key"].as_str().unwrap()).await.body;
    assert_eq!(renewed["renewal"], "renewed");
    for licence in [first, next] {
        revoke(operator, client, &licence["id"], "Tried out")
            .await
            .expect(200)
            .unwrap();
    }
}

async fn a_key_that_was_changed_is_refused_by_part(product: &Product, operator: &Account) {
    let theirs = &product.theirs;
    let issued = issue(operator, &grant(theirs.client, &["live"], (0, 30))).await;
    let key = issued["key"].as_str().unwrap();
    assert!(problems(theirs, key).await.is_empty());
    assert!(
        problems(theirs, &format!("  {key}\n")).await.is_empty(),
        "blanks of a clipboard"
    );
    let parts: Vec<&str> = key.split('.').collect();
    let [version, purpose, body, footer] = parts[..] else {
        panic!("{key}")
    };
    let flipped = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let other = key_of_a_stranger(theirs.client);
    let foreign_footer = other.split('.').nth(3).unwrap();
    for (name, changed, expected) in [
        (
            "payload",
            format!("v4.public.{}.{footer}", flipped(body, 20)),
            "tampered",
        ),
        (
            "signature",
            format!("v4.public.{}.{footer}", flipped(body, body.len() - 5)),
            "tampered",
        ),
        (
            "footer of a stranger",
            format!("v4.public.{body}.{foreign_footer}"),
            "unknown-key",
        ),
        ("key of a stranger", other.clone(), "unknown-key"),
        (
            "stranger in our name",
            format!("v4.public.{}.{footer}", other.split('.').nth(2).unwrap()),
            "tampered",
        ),
    ] {
        assert_eq!(problems(theirs, &changed).await, [expected], "{name}");
    }
    for none in [
        format!("{version}.local.{body}.{footer}"),
        format!("v3.{purpose}.{body}.{footer}"),
        format!("{version}.{purpose}.{body}"),
        format!("{version}.{purpose}.{body}.{}", &footer[1..]),
        "licence".to_owned(),
        String::new(),
    ] {
        let refused = verify(theirs, &none).await;
        assert_eq!(refused.status, 400, "{none}: {}", refused.body);
        assert!(detail(&refused).contains("no licence key"), "{}", refused.body);
    }
    revoke(operator, theirs.client, &issued["id"], "Tried out")
        .await
        .expect(200)
        .unwrap();
}

/// A licence that somebody else signed.
fn key_of_a_stranger(client: Uuid) -> String {
    use identity::licence::{Licence, Terms, key::LicenceSigningKey};
    let pair = identity::generate_key_pair().unwrap();
    let licence = Licence {
        id: Uuid::now_v7(),
        client,
        issued_at: platform::clock::now() - SignedDuration::from_hours(1),
        terms: Terms::evaluation(today()),
    };
    LicenceSigningKey::from_pem(&pair.signing_pem)
        .unwrap()
        .sign(&licence)
        .unwrap()
}

async fn a_key_counts_on_its_days_only(product: &Product, operator: &Account) {
    let theirs = &product.theirs;
    for (days, expected) in [
        ((-400, -1), vec!["expired"]),
        ((-400, 0), vec![]),
        ((0, 0), vec![]),
        ((1, 400), vec!["not-yet-valid"]),
    ] {
        let issued = issue(operator, &grant(theirs.client, &["live"], days)).await;
        let key = issued["key"].as_str().unwrap();
        assert_eq!(problems(theirs, key).await, expected, "{days:?}");
        let revoked = revoke(operator, theirs.client, &issued["id"], " Not paid ")
            .await
            .expect(200)
            .unwrap();
        assert_eq!(revoked.body["revoked"]["reason"], "Not paid");
        let again = revoke(operator, theirs.client, &issued["id"], "Another")
            .await
            .expect(200)
            .unwrap();
        assert_eq!(again.body, revoked.body, "once");
        assert_eq!(problems(theirs, key).await, [vec!["revoked"], expected].concat());
    }
    let nothing = json!(Uuid::from_u128(7));
    assert_eq!(revoke(operator, theirs.client, &nothing, "x").await.status, 404);
    let own = licences(&product.ours).await["licences"][0]["id"].clone();
    assert_eq!(
        revoke(operator, theirs.client, &own, "x").await.status,
        404,
        "another client's"
    );
    assert_eq!(revoke(operator, product.ours.client, &own, " ").await.status, 422);
}

/// Whoever writes to the database can't license: a row counts by what its key says.
async fn a_row_that_was_changed_opens_nothing(product: &Product) {
    let database = product.database.plain().await.unwrap();
    let (ours, theirs) = (product.ours.client, product.theirs.client);
    let features = async |days: i64| {
        let now = platform::clock::now() + SignedDuration::from_hours(24 * days);
        let found = records::licences::features(&product.database.app, theirs, now).await;
        found.unwrap().iter().count()
    };
    assert_eq!((features(0).await, features(29).await, features(30).await), (5, 5, 0));
    database
        .execute(
            "UPDATE core.licences SET ends_on = ends_on + 900 WHERE client_id = $1",
            &[&theirs],
        )
        .await
        .unwrap();
    assert_eq!(
        (features(0).await, features(30).await),
        (5, 0),
        "its key says when it ends"
    );
    database
        .execute(
            "UPDATE core.licences SET ends_on = ends_on - 900 WHERE client_id = $1",
            &[&theirs],
        )
        .await
        .unwrap();
    let app = "SET ROLE analytics_app; SET app.client_id = ''";
    for attack in [
        "INSERT INTO core.licence_keys (kid, public_key) VALUES ('k4.pid.mine', 'k4.public.mine')",
        "UPDATE core.licence_keys SET withdrawn_at = NULL",
        "INSERT INTO core.licences SELECT * FROM core.licences",
        "UPDATE core.licences SET revoked_at = NULL",
        "DELETE FROM core.licences",
    ] {
        let refused = database.batch_execute(&format!("{app}; {attack}")).await.unwrap_err();
        let code = refused.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{attack}: {refused}");
        database.batch_execute("RESET ROLE").await.unwrap();
    }
    // A key of ours in a row of theirs.
    let copy = "INSERT INTO core.licences (id, client_id, kid, key, starts_on, ends_on)
        SELECT gen_random_uuid(), $2, kid, key, starts_on, ends_on + 500 FROM core.licences WHERE client_id = $1 LIMIT 1 RETURNING id";
    let copied: Uuid = database.query_one(copy, &[&ours, &theirs]).await.unwrap().get(0);
    assert_eq!((features(0).await, features(30).await), (5, 0));
    database
        .execute("DELETE FROM core.licences WHERE id = $1", &[&copied])
        .await
        .unwrap();
}
