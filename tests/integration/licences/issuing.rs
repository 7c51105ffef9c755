//! Who issues licences, to whom, and for what.

use jiff::civil::Date;
use serde_json::{Value, json};
use tests::http::PASSWORD;
use tests::json::JsonExt as _;
use tests::product::Product;
use uuid::Uuid;

use super::{ALL, grant, issue, licences, problems, revoke, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_client_may_try_everything_for_thirty_days() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let found = licences(&ours).await;
    assert_eq!(found["features"], json!(ALL));
    let [licence] = found["licences"].list() else {
        panic!("{found}")
    };
    let terms = &licence["grant"];
    let day = |name: &str| terms[name].text().parse::<Date>().unwrap();
    assert_eq!((day("ends_on") - day("starts_on")).get_days(), 29, "thirty days");
    assert_eq!((&terms["value_chains"], &licence["valid"]), (&json!([]), &json!(true)));
    // Provisioned once more, with other terms: nothing is added.
    let mut again = json!({ "name": ours.client_name, "email": ours.email, "password": PASSWORD });
    again["licence"] = json!({ "features": ["live"], "seats": 1, "starts_on": "2026-01-01", "ends_on": "2026-01-02" });
    let answer = product.invoke("provision-client", &again).await;
    let told = (&answer["created"], &answer["licence_ends_on"]);
    assert_eq!(told, (&json!(false), &terms["ends_on"]));
    assert_eq!(licences(&ours).await, found);
    // Without the password, which the client has changed, it goes on as well; with another it says so.
    again.as_object_mut().unwrap().remove("password");
    assert_eq!(product.invoke("provision-client", &again).await["created"], false);
    again["password"] = json!("another horse battery");
    let refused = product.try_invoke("provision-client", &again).await.unwrap_err();
    assert!(
        format!("{refused:#}").contains("POST /v1/password-resets"),
        "{refused:#}"
    );
    ours.signed_in().await;
    again["password"] = json!(PASSWORD);
    again["licence"]["seats"] = json!(0);
    let refused = product.try_invoke("provision-client", &again).await.unwrap_err();
    assert!(format!("{refused:#}").contains("/seats"), "{refused:#}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_an_operator_licenses_itself_or_another() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let own = licences(&ours).await["licences"][0].clone();
    let wanted = grant(ours.client, &ALL, (0, 3_000));
    let withdraw = format!("/v1/licences/keys/{}/withdraw", own["signed_by"].text());
    for user in [&ours, &theirs] {
        user.post("/v1/licences", &wanted).await.refused(403);
        revoke(user, ours.client, &own, "spite").await.refused(403);
        user.post(&withdraw, &json!({ "reason": "spite" })).await.refused(403);
    }
    let of_ours = format!("/v1/licences?client={}", ours.client);
    let refused = theirs.get(&of_ours).await.refused(403);
    assert_eq!(refused["type"], "urn:analytics-engine:problem:not-allowed");
    let key = own["key"].text();
    assert_eq!(problems(&theirs, key).await, ["wrong-client"]);
    let told = verify(&theirs, key).await.ok();
    assert!(told["licence"].is_null(), "what it says is not theirs to read: {told}");
    assert!(problems(&ours, key).await.is_empty());
    product.stop().await;
}

/// Who issues licences may add and take back, and neither change what was signed nor see anything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_that_licenses_can_do_nothing_else() {
    let product = Product::shared().await;
    let database = product.database.plain().await.unwrap();
    for attack in [
        "UPDATE core.licences SET ends_on = '2099-01-01'",
        "UPDATE core.licences SET key = ''",
        "DELETE FROM core.licences",
        "UPDATE core.licence_keys SET public_key = ''",
        "DELETE FROM core.licence_keys",
        "SELECT name FROM core.clients",
        "UPDATE core.clients SET time_zone = 'UTC'",
        "SELECT * FROM core.users",
        "SELECT * FROM core.entities",
        "SELECT * FROM core.batches",
        "SELECT * FROM volume_1.facts",
        "SELECT * FROM core.catalogs('{}')",
        "SET ROLE analytics_app",
    ] {
        // As a login that is no superuser would come.
        let come = "SET SESSION AUTHORIZATION analytics_licences; SET app.client_id = ''";
        let refused = database.batch_execute(&format!("{come}; {attack}")).await.unwrap_err();
        let code = refused.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{attack}: {refused}");
        database.batch_execute("RESET SESSION AUTHORIZATION").await.unwrap();
    }
    // Row by row it sees one client's.
    let sql = "SET SESSION AUTHORIZATION analytics_licences; SET app.client_id = ''";
    database.batch_execute(sql).await.unwrap();
    let seen = database.query("SELECT id FROM core.licences", &[]).await.unwrap();
    assert_eq!(seen.len(), 0);
    product.stop().await;
}

/// What the application may do in the database makes nobody an operator, nor a licence longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_applications_database_role_can_not_license() {
    let product = Product::shared().await;
    let database = product.database.plain().await.unwrap();
    let application = "SET ROLE analytics_app; SET app.client_id = ''";
    for attack in [
        "UPDATE core.users SET role = 'operator'",
        "INSERT INTO core.users SELECT * FROM core.users",
        "UPDATE core.licences SET ends_on = '2099-01-01'",
        "DELETE FROM core.licences",
        "UPDATE core.licence_keys SET public_key = ''",
        "INSERT INTO core.licence_keys (kid, public_key) VALUES ('k4.pid.mine', 'k4.public.mine')",
        "UPDATE core.licence_keys SET withdrawn_at = NULL",
        "INSERT INTO core.licences SELECT * FROM core.licences",
        "UPDATE core.licences SET revoked_at = NULL",
    ] {
        for role in ["SET ROLE analytics_app", application] {
            let refused = database.batch_execute(&format!("{role}; {attack}")).await.unwrap_err();
            let code = refused.code().map(|code| code.code().to_owned());
            assert_eq!(code.as_deref(), Some("42501"), "{attack}: {refused}");
            database.batch_execute("RESET ROLE").await.unwrap();
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_no_business_data() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let operator = product.colleague(&airline, "operator").await;
    for path in [
        "/v1/kpis",
        "/v1/entities",
        "/v1/kpis/FLIGHTS/value?period=day",
        "/v1/proposals",
        "/v1/dead-letters",
        "/v1/streams",
    ] {
        let refused = operator.get(path).await.refused(403);
        assert!(refused.detail().contains("operator"), "{refused}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_can_not_be_is_refused_with_the_reason() {
    let product = Product::shared().await;
    let (operator, client) = (product.operator().await, product.client().await);
    let good = grant(client.client, &["live"], (0, 30));
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
        let refused = operator.post("/v1/licences", &body).await.refused(status);
        assert!(refused.body.to_string().contains(told), "{refused}");
    }
    assert_eq!(licences(&client).await["licences"].list().len(), 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_licence_that_is_issued_again_under_one_key_is_one_licence() {
    let product = Product::shared().await;
    let operator = product.operator().await;
    let (theirs, another) = (product.client().await, product.client().await);
    let order = grant(theirs.client, &["live", "series"], (0, 400));
    let post = |grant: &Value| operator.post("/v1/licences", grant).idempotency_key("order 7").send();
    let first = post(&order).await.created().body;
    let (one, two) = tokio::join!(post(&order), post(&order));
    for again in [one, two] {
        assert_eq!(again.created().body, first);
    }
    for other in [
        grant(theirs.client, &["live"], (0, 400)),
        grant(another.client, &["live", "series"], (0, 400)),
    ] {
        post(&other).await.refused(409);
    }
    let listed = operator
        .get(&format!("/v1/licences?client={}", theirs.client))
        .await
        .ok();
    assert_eq!(listed["licences"].list().len(), 2, "{listed}");
    assert_eq!(listed["licences"][0], first, "the latest end comes first");
    assert_eq!(first["grant"]["modules"], json!(["Punctuality"]));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_licence_says_when_its_renewal_is_due() {
    let product = Product::shared().await;
    let (operator, theirs) = (product.operator().await, product.client().await);
    // The evaluation ends within 90 days.
    let evaluation = licences(&theirs).await["licences"][0].clone();
    let evaluation = verify(&theirs, evaluation["key"].text()).await.ok();
    let told = (&evaluation["renewal"], &evaluation["licence"]["days_left"]);
    assert_eq!(told, (&json!("due"), &json!(29)));
    let long = issue(&operator, &grant(theirs.client, &["live", "series"], (0, 400))).await;
    let verified = verify(&theirs, long["key"].text()).await.ok();
    let told = (&verified["renewal"], &verified["valid"]);
    assert_eq!(told, (&json!("not_due"), &json!(true)));
    issue(&operator, &grant(theirs.client, &["live", "series"], (401, 800))).await;
    let renewed = verify(&operator, long["key"].text()).await.ok();
    assert_eq!(renewed["renewal"], "renewed");
    product.stop().await;
}
