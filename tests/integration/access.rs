//! Who may do what: tokens, roles, guarded definitions, and what is open to all.

use std::collections::BTreeMap;

use identity::{Permission, Role};
use reqwest::Method;
use serde_json::{Value, json};
use tests::product::{Account, PASSWORD, Product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_may_do_what_they_may() {
    let product = Product::start().await.unwrap();
    tokens_are_checked(&product).await;
    roles_decide(&product).await;
    definitions_are_guarded(&product.ours).await;
    documents_and_health_are_open(&product.ours).await;
    product.stop().await.unwrap();
}

async fn tokens_are_checked(product: &Product) {
    let ours = &product.ours;
    let as_token = |token: &str| Account {
        token: token.to_owned(),
        ..ours.clone()
    };
    assert_eq!(as_token("").get("/v1/kpis").await.unwrap().status, 401, "no token");
    let parts: Vec<&str> = ours.token.split('.').collect();
    let other: Vec<&str> = product.theirs.token.split('.').collect();
    // {"alg":"none"} with our claims; their claims under our signature; our refresh token; nonsense.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let spliced = format!("{}.{}.{}", parts[0], other[1], parts[2]);
    for (name, token) in [
        ("unsigned", unsigned.as_str()),
        ("tampered", &spliced),
        ("refresh token", &ours.refresh_token),
        ("nonsense", "abc"),
    ] {
        assert_eq!(as_token(token).get("/v1/kpis").await.unwrap().status, 403, "{name}");
    }
    let nobody = as_token("");
    let wrong = nobody
        .post(
            "/v1/sign-in",
            &json!({ "email": ours.email, "password": "wrong password" }),
        )
        .await
        .unwrap();
    let unknown = nobody
        .post(
            "/v1/sign-in",
            &json!({ "email": "nobody@example.com", "password": PASSWORD }),
        )
        .await
        .unwrap();
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body, "whether an address is known is not told");
    let refresh = json!({ "refresh_token": ours.refresh_token });
    let fresh = nobody
        .post("/v1/refresh-token", &refresh)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(
        as_token(fresh.body["access_token"].as_str().unwrap())
            .get("/v1/kpis")
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        nobody.post("/v1/refresh-token", &refresh).await.unwrap().status,
        401,
        "a refresh token can be used once"
    );
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(
            nobody
                .post(
                    "/v1/sign-in",
                    &json!({ "email": "guess@example.com", "password": "guess guess" }),
                )
                .await
                .unwrap()
                .status,
        );
    }
    assert_eq!(
        (statuses[0], statuses[11]),
        (401, 429),
        "guessing is slowed down: {statuses:?}"
    );
}

async fn roles_decide(product: &Product) {
    let ours = &product.ours;
    let accepted = ours.post("/v1/events/Unknown", &json!([{}])).await.unwrap();
    let batch = accepted.body["batch_id"].as_str().unwrap().to_owned();
    assert_eq!(ours.outcome(&accepted).await.unwrap(), (0, 1));
    let letters = ours.get("/v1/dead-letters?entity=Unknown").await.unwrap().body;
    let letter = letters["dead_letters"][0]["id"].as_str().unwrap();
    let cart = json!({ "name": "Cart", "kpis": ["FLIGHTS"] });
    let proposal = ours.post("/v1/proposals", &cart).await.unwrap().expect(201).unwrap();
    let mut routes = guarded_routes(&batch, letter);
    routes.extend(proposal_routes(proposal.body["id"].as_str().unwrap(), &cart));
    routes.extend(licence_routes(ours));
    let listed = routes
        .iter()
        .map(|(method, route, .., permission)| (format!("{method} {route}"), *permission));
    let described = describe_api::described().into_iter();
    let guarded = described.filter_map(|route| Some((route.key(), route.access.permission()?)));
    assert_eq!(
        listed.collect::<BTreeMap<_, _>>(),
        guarded.collect(),
        "each route that asks for a token is tried, and takes the permission that is expected here"
    );
    for role in Role::ALL {
        let account = match role {
            Role::Admin => ours.clone(),
            other => product.user(other.name()).await.unwrap(),
        };
        for (method, route, path, body, permission) in &routes {
            let headers = [("content-type", "application/json"), ("if-match", "\"77\"")];
            let body = body.as_ref().map(Value::to_string);
            let answer = account.send(method.clone(), path, &headers, body).await.unwrap();
            let refused = answer.status == 403;
            assert_eq!(
                refused,
                !role.may(*permission),
                "{role}: {method} {route}: {}",
                answer.body
            );
            if refused {
                assert_eq!(answer.body["type"], "urn:analytics-engine:problem:not-allowed");
                let detail = answer.body["detail"].as_str().unwrap();
                assert!(
                    detail.contains(&permission.to_string()),
                    "{role}: {method} {route}: {detail}"
                );
            } else {
                assert!(
                    !matches!(answer.status, 400 | 401 | 500..),
                    "{role}: {method} {route}: {}",
                    answer.body
                );
            }
        }
    }
}

/// Method, route, a path of it, a body that is valid, and the permission that it takes.
type GuardedRoute = (Method, &'static str, String, Option<Value>, Permission);

/// Every route that asks for a token, with a request that only a role can be the reason to refuse.
fn guarded_routes(batch: &str, letter: &str) -> Vec<GuardedRoute> {
    use Permission::{
        ControlStreams, ReadCatalog, ReadDeadLetters, ReadSeries, ReadStreams, ReplayDeadLetters, WriteCatalog,
        WriteEvents,
    };
    let entity = json!({ "code": "Mine", "domain": "test", "attributes": [{ "name": "weight", "type": "decimal" }] });
    let kpi = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    let stream = json!({ "kpi": "FLIGHTS", "period": "minute" });
    let event = json!([{ "date": "2026-03-28T10:00:00Z" }]);
    let day = "period=day&from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
    let routes: [(Method, &'static str, &str, Option<&Value>, Permission); 18] = [
        (Method::GET, "/v1/entities", "", None, ReadCatalog),
        (Method::POST, "/v1/entities", "", Some(&entity), WriteCatalog),
        (Method::GET, "/v1/entities/{code}", "Flight", None, ReadCatalog),
        (Method::PUT, "/v1/entities/{code}", "Mine", Some(&entity), WriteCatalog),
        (Method::GET, "/v1/kpis", "", None, ReadCatalog),
        (Method::POST, "/v1/kpis", "", Some(&kpi), WriteCatalog),
        (Method::GET, "/v1/kpis/{code}", "FLIGHTS", None, ReadCatalog),
        (Method::PUT, "/v1/kpis/{code}", "MINE", Some(&kpi), WriteCatalog),
        (Method::GET, "/v1/kpis/{code}/value", "FLIGHTS", None, ReadSeries),
        (Method::GET, "/v1/kpis/{code}/series", "FLIGHTS", None, ReadSeries),
        (Method::POST, "/v1/events/{entity}", "Flight", Some(&event), WriteEvents),
        (Method::GET, "/v1/batches/{id}", batch, None, ReadDeadLetters),
        (Method::GET, "/v1/dead-letters", "", None, ReadDeadLetters),
        (
            Method::POST,
            "/v1/dead-letters/{id}/replay",
            letter,
            None,
            ReplayDeadLetters,
        ),
        (Method::GET, "/v1/streams", "", None, ReadStreams),
        (Method::POST, "/v1/streams/start", "", Some(&stream), ControlStreams),
        (Method::POST, "/v1/streams/stop", "", Some(&stream), ControlStreams),
        (Method::POST, "/v1/streams/clear", "", Some(&stream), ControlStreams),
    ];
    routes
        .into_iter()
        .map(|(method, route, name, body, permission)| {
            let path = ["{code}", "{entity}", "{id}"]
                .iter()
                .fold(route.to_owned(), |path, parameter| path.replace(parameter, name));
            let query = if permission == ReadSeries { day } else { "" };
            let query = if route.ends_with("/value") { "period=day" } else { query };
            (method, route, format!("{path}?{query}"), body.cloned(), permission)
        })
        .collect()
}

fn proposal_routes(id: &str, cart: &Value) -> [GuardedRoute; 20] {
    use Permission::{DecideProposals, ReadCatalog, ReadProposals, WriteProposals};
    let (terms, revision) = (json!({}), json!({ "revision": 1 }));
    let (plan, next) = (json!({ "start": "2026-12-07" }), json!({ "after": 1 }));
    let kpis = json!({ "kpis": ["FLIGHTS"] });
    let colours = json!({ "primary_colour": "#1f3a5f", "accent_colour": "#2a9d8f" });
    let term = json!({ "term": "one_year" });
    [
        (Method::GET, "/v1/questionnaire", None, ReadProposals),
        (Method::POST, "/v1/analysis/required-objects", Some(&kpis), ReadCatalog),
        (Method::GET, "/v1/proposals", None, ReadProposals),
        (Method::POST, "/v1/proposals", Some(cart), WriteProposals),
        (Method::GET, "/v1/proposals/{id}", None, ReadProposals),
        (
            Method::PUT,
            "/v1/proposals/{id}/answers/{step}",
            Some(&term),
            WriteProposals,
        ),
        (Method::GET, "/v1/proposals/{id}/quote", None, ReadProposals),
        (Method::PUT, "/v1/proposals/{id}/terms", Some(&terms), WriteProposals),
        (
            Method::POST,
            "/v1/proposals/{id}/issue",
            Some(&revision),
            DecideProposals,
        ),
        (
            Method::POST,
            "/v1/proposals/{id}/accept",
            Some(&revision),
            DecideProposals,
        ),
        (
            Method::POST,
            "/v1/proposals/{id}/decline",
            Some(&revision),
            DecideProposals,
        ),
        (Method::POST, "/v1/proposals/{id}/schedule", Some(&plan), ReadProposals),
        (Method::PUT, "/v1/proposals/{id}/schedule", Some(&plan), WriteProposals),
        (Method::GET, "/v1/proposals/{id}/documents", None, ReadProposals),
        (
            Method::POST,
            "/v1/proposals/{id}/documents",
            Some(&revision),
            WriteProposals,
        ),
        (Method::GET, "/v1/branding", None, ReadProposals),
        (Method::PUT, "/v1/branding", Some(&colours), WriteProposals),
        (Method::GET, "/v1/proposals/{id}/revisions", None, ReadProposals),
        (
            Method::GET,
            "/v1/proposals/{id}/revisions/{revision}",
            None,
            ReadProposals,
        ),
        (
            Method::POST,
            "/v1/proposals/{id}/revisions",
            Some(&next),
            WriteProposals,
        ),
    ]
    .map(|(method, route, body, permission)| {
        let path = route.replace("{id}", id).replace("{step}", "licensing");
        let path = path.replace("{revision}", "1");
        (method, route, path, body.cloned(), permission)
    })
}

/// What an operator does is done to the operator's own client, or to what is not there: only a role can be the reason of a 403.
fn licence_routes(ours: &Account) -> Vec<GuardedRoute> {
    use Permission::{IssueLicences, ReadLicences};
    let (client, nothing) = (ours.client, "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5601");
    let grant = json!({ "client": client, "features": ["live"], "seats": 1, "starts_on": "2026-01-01", "ends_on": "2026-01-01" });
    let (revoke, withdraw) = (
        json!({ "client": client, "reason": "none" }),
        json!({ "reason": "none" }),
    );
    // Verifying answers 400 to what is no key at all: this is one, signed by a stranger.
    let signed = identity::generate_key_pair().unwrap();
    let signing = identity::licence::key::LicenceSigningKey::from_pem(&signed.signing_pem).unwrap();
    let licence = identity::licence::Licence {
        id: client,
        client,
        issued_at: platform::clock::now(),
        terms: identity::licence::Terms::evaluation(jiff::civil::date(2026, 1, 1)),
    };
    let key = json!({ "key": signing.sign(&licence).unwrap() });
    [
        (Method::POST, "/v1/licences", Some(&grant), IssueLicences),
        (Method::GET, "/v1/licences", None, ReadLicences),
        (Method::POST, "/v1/licences/verify", Some(&key), ReadLicences),
        (Method::POST, "/v1/licences/{id}/revoke", Some(&revoke), IssueLicences),
        (Method::GET, "/v1/licences/keys", None, ReadLicences),
        (
            Method::POST,
            "/v1/licences/keys/{kid}/withdraw",
            Some(&withdraw),
            IssueLicences,
        ),
    ]
    .into_iter()
    .map(|(method, route, body, permission)| {
        let path = route.replace("{id}", nothing).replace("{kid}", "k4.pid.none");
        (method, route, path, body.cloned(), permission)
    })
    .collect()
}

async fn definitions_are_guarded(ours: &Account) {
    let bad = json!({ "code": "BAD", "name": "Bad", "formula": "COUNT(Flihgt) + SUM(Flight.origin)" });
    let refused = ours.post("/v1/kpis", &bad).await.unwrap().expect(422).unwrap();
    let issues = refused.body["issues"].as_array().unwrap();
    assert_eq!(issues.len(), 2, "all of it is told at once: {}", refused.body);
    assert_eq!(issues[0]["pointer"], "/formula");
    assert_eq!(issues[0]["span"], json!([6, 12]), "{}", refused.body);
    assert!(
        issues[0]["hint"].as_str().unwrap().contains("Flight"),
        "{}",
        refused.body
    );
    let kpi = ours.get("/v1/kpis/FLIGHTS").await.unwrap().expect(200).unwrap();
    let etag = kpi.etag.clone().unwrap();
    let mut changed = kpi.body.as_object().unwrap().clone();
    changed.remove("version");
    changed.insert("name".to_owned(), "Departures".into());
    let body = Value::Object(changed).to_string();
    let put = async |headers: &[(&str, &str)]| {
        ours.send(Method::PUT, "/v1/kpis/FLIGHTS", headers, Some(body.clone()))
            .await
            .unwrap()
    };
    assert_eq!(put(&[]).await.status, 428);
    assert_eq!(put(&[("if-match", "\"77\"")]).await.status, 412);
    let replaced = put(&[("if-match", &etag)]).await.expect(200).unwrap();
    assert_ne!(replaced.etag.unwrap(), etag);
    assert_eq!(
        put(&[("if-match", &etag)]).await.status,
        412,
        "somebody else was faster"
    );
    let entity = json!({ "code": "Flight", "domain": "aviation", "attributes": [{ "name": "delay", "type": "text" }] });
    assert_eq!(ours.post("/v1/entities", &entity).await.unwrap().status, 409);
    let answer = ours
        .send(
            Method::PUT,
            "/v1/entities/Flight",
            &[("if-match", "*")],
            Some(entity.to_string()),
        )
        .await
        .unwrap();
    assert_eq!(answer.status, 422, "a type can't change: {}", answer.body);
    assert_eq!(
        ours.post(
            "/v1/entities",
            &json!({ "code": "X'; --", "domain": "Pg", "attributes": [] })
        )
        .await
        .unwrap()
        .status,
        422
    );
}

async fn documents_and_health_are_open(ours: &Account) {
    let nobody = Account {
        token: String::new(),
        ..ours.clone()
    };
    assert_eq!(
        nobody.get("/v1/health").await.unwrap().expect(200).unwrap().body["status"],
        "ok"
    );
    assert_eq!(
        nobody.get("/openapi.json").await.unwrap().expect(200).unwrap().body["openapi"],
        "3.1.0"
    );
    assert_eq!(
        nobody.get("/asyncapi.json").await.unwrap().expect(200).unwrap().body["asyncapi"],
        "3.0.0"
    );
}
