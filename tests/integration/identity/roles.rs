//! Roles: who may call which route.

use std::collections::BTreeMap;

use identity::{Permission, Role};
use reqwest::Method;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_may_call_the_routes_of_its_permissions_and_no_other() {
    let product = Product::shared().await;
    let admin = product.airline().await;
    let routes = guarded_routes(&admin).await;
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
        let user = match role {
            Role::Admin => admin.clone(),
            other => product.colleague(&admin, other.name()).await,
        };
        for route in &routes {
            check_permission(role, &user, route).await;
        }
    }
    product.stop().await;
}

/// A request is refused for its role exactly where the role lacks the permission.
async fn check_permission(role: Role, user: &User, (method, route, path, body, permission): &GuardedRoute) {
    // A version that nothing has, so that nothing is changed.
    let mut request = user.request(method.clone(), path).if_match("\"77\"");
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.await;
    let refused = answer.status == 403;
    assert_eq!(refused, !role.may(*permission), "{role}: {method} {route}: {answer}");
    if refused {
        assert_eq!(answer["type"], "urn:analytics-engine:problem:not-allowed");
        let names_it = answer.detail().contains(&permission.to_string());
        assert!(names_it, "{role}: {method} {route}: {answer}");
    } else {
        let served = !matches!(answer.status, 400 | 401 | 500..);
        assert!(served, "{role}: {method} {route}: {answer}");
    }
}

/// Every route that asks for a token, with a request that only a role can be the reason to refuse.
async fn guarded_routes(admin: &User) -> Vec<GuardedRoute> {
    let queued = admin.post("/v1/events/Unknown", &json!([{}])).await.accepted();
    assert_eq!(admin.outcome(&queued).await, (0, 1));
    let letters = admin.get("/v1/dead-letters?entity=Unknown").await.ok();
    let letter = letters["dead_letters"][0]["id"].text();
    let cart = json!({ "name": "Cart", "kpis": ["FLIGHTS"] });
    let proposal = admin.post("/v1/proposals", &cart).await.created();
    let mut routes = kpi_routes(queued["batch_id"].text(), letter);
    routes.extend(companion_routes());
    routes.extend(proposal_routes(proposal["id"].text(), &cart));
    routes.extend(licence_routes(admin));
    routes.extend(user_routes(admin));
    routes
}

/// Method, route, a path of it, a body that is valid, and the permission that it takes.
type GuardedRoute = (Method, &'static str, String, Option<Value>, Permission);

fn kpi_routes(batch: &str, letter: &str) -> Vec<GuardedRoute> {
    use Permission::{
        ControlStreams, DeleteFacts, ReadCatalog, ReadDeadLetters, ReadHealth, ReadQueues, ReadSeries, ReadStreams,
        ReadUsage, ReplayDeadLetters, WriteCatalog, WriteEvents,
    };
    let entity = json!({ "code": "Mine", "domain": "test", "attributes": [{ "name": "weight", "type": "decimal" }] });
    let kpi = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    let (names, name) = (json!({ "attributes": {} }), json!({ "code": "MINE" }));
    let text = json!({ "formula": "COUNT(Flight)" });
    let place = json!({ "formula": "COUNT(", "position": 6 });
    let any_entity = json!({});
    let questions = json!({ "questions": [{ "kpi": "FLIGHTS", "period": "day" }] });
    let stream = json!({ "kpi": "FLIGHTS", "period": "minute" });
    let event = json!([{ "date": "2026-03-28T10:00:00Z" }]);
    let many = json!({ "entity": "Nothing" });
    let nothing = uuid::Uuid::nil().to_string();
    let day = "period=day&from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
    let routes: [(Method, &'static str, &str, Option<&Value>, Permission); 43] = [
        (Method::GET, "/v1/entities", "", None, ReadCatalog),
        (Method::POST, "/v1/entities", "", Some(&entity), WriteCatalog),
        (Method::GET, "/v1/entities/{code}", "Flight", None, ReadCatalog),
        (Method::PUT, "/v1/entities/{code}", "Mine", Some(&entity), WriteCatalog),
        (Method::DELETE, "/v1/entities/{code}", "Mine", None, WriteCatalog),
        (
            Method::POST,
            "/v1/entities/{code}/rename",
            "Mine",
            Some(&names),
            WriteCatalog,
        ),
        (
            Method::GET,
            "/v1/entities/{code}/groupings",
            "Flight",
            None,
            ReadCatalog,
        ),
        (
            Method::POST,
            "/v1/entities/{code}/groupings/give-up",
            "Mine",
            None,
            WriteCatalog,
        ),
        (Method::GET, "/v1/entities/{code}/versions", "Flight", None, ReadCatalog),
        (
            Method::GET,
            "/v1/entities/{code}/versions/{number}",
            "Flight",
            None,
            ReadCatalog,
        ),
        (
            Method::GET,
            "/v1/entities/{code}/versions/{number}/diff",
            "Flight",
            None,
            ReadCatalog,
        ),
        (Method::GET, "/v1/kpis", "", None, ReadCatalog),
        (Method::POST, "/v1/kpis", "", Some(&kpi), WriteCatalog),
        (Method::GET, "/v1/kpis/{code}", "FLIGHTS", None, ReadCatalog),
        (Method::PUT, "/v1/kpis/{code}", "MINE", Some(&kpi), WriteCatalog),
        (
            Method::POST,
            "/v1/kpis/{code}/rename",
            "MINE",
            Some(&name),
            WriteCatalog,
        ),
        (Method::DELETE, "/v1/kpis/{code}", "MINE", None, WriteCatalog),
        (Method::GET, "/v1/kpis/{code}/versions", "FLIGHTS", None, ReadCatalog),
        (
            Method::GET,
            "/v1/kpis/{code}/versions/{number}",
            "FLIGHTS",
            None,
            ReadCatalog,
        ),
        (
            Method::GET,
            "/v1/kpis/{code}/versions/{number}/diff",
            "FLIGHTS",
            None,
            ReadCatalog,
        ),
        (Method::POST, "/v1/groupings/advice", "", Some(&any_entity), ReadCatalog),
        (Method::POST, "/v1/calculate", "", Some(&questions), ReadSeries),
        (Method::POST, "/v1/formulas/check", "", Some(&text), ReadCatalog),
        (Method::POST, "/v1/formulas/complete", "", Some(&place), ReadCatalog),
        (Method::GET, "/v1/kpis/{code}/value", "FLIGHTS", None, ReadSeries),
        (Method::GET, "/v1/kpis/{code}/series", "FLIGHTS", None, ReadSeries),
        (Method::POST, "/v1/events/{entity}", "Flight", Some(&event), WriteEvents),
        (Method::GET, "/v1/batches/{id}", batch, None, ReadDeadLetters),
        (Method::GET, "/v1/batches", "", None, ReadDeadLetters),
        (Method::GET, "/v1/files", "", None, ReadDeadLetters),
        (Method::DELETE, "/v1/batches/{id}", &nothing, None, DeleteFacts),
        (Method::DELETE, "/v1/files/{id}", &nothing, None, DeleteFacts),
        (Method::DELETE, "/v1/entities/{code}/facts", "Flight", None, DeleteFacts),
        (Method::GET, "/v1/usage", "", None, ReadUsage),
        (Method::GET, "/v1/queues", "", None, ReadQueues),
        (Method::GET, "/v1/health/checks", "", None, ReadHealth),
        (Method::GET, "/v1/dead-letters", "", None, ReadDeadLetters),
        (
            Method::POST,
            "/v1/dead-letters/replay",
            "",
            Some(&many),
            ReplayDeadLetters,
        ),
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
                .fold(route.replace("{number}", "1"), |path, parameter| {
                    path.replace(parameter, name)
                });
            let query = if permission == ReadSeries && body.is_none() {
                day
            } else {
                ""
            };
            // Without a confirmation it counts.
            let counted = "from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
            let query = if route.ends_with("/facts") { counted } else { query };
            let query = if route.ends_with("/value") { "period=day" } else { query };
            (method, route, format!("{path}?{query}"), body.cloned(), permission)
        })
        .collect()
}

/// What stands beside entities and KPIs. What the bodies name is not there, so that none is stored.
fn companion_routes() -> Vec<GuardedRoute> {
    use Permission::{ReadCatalog, WriteCatalog};
    let relationship = json!({ "code": "MINE", "from_entity": "Nothing", "attribute": "it", "to_entity": "Nothing", "key": "id",
        "cardinality": "one", "resolved": "as_of_now" });
    let actor = json!({ "code": "MINE", "name": "Mine", "works_with": [{ "entity": "Nothing" }] });
    let pattern = json!({ "code": "MINE", "name": "Mine", "stages": [{ "name": "One", "entities": ["Nothing"] }] });
    [
        (Method::GET, "/v1/relationships", None, ReadCatalog),
        (Method::POST, "/v1/relationships", Some(&relationship), WriteCatalog),
        (Method::GET, "/v1/relationships/{code}", None, ReadCatalog),
        (
            Method::PUT,
            "/v1/relationships/{code}",
            Some(&relationship),
            WriteCatalog,
        ),
        (Method::DELETE, "/v1/relationships/{code}", None, WriteCatalog),
        (Method::GET, "/v1/actors", None, ReadCatalog),
        (Method::POST, "/v1/actors", Some(&actor), WriteCatalog),
        (Method::GET, "/v1/actors/{code}", None, ReadCatalog),
        (Method::PUT, "/v1/actors/{code}", Some(&actor), WriteCatalog),
        (Method::DELETE, "/v1/actors/{code}", None, WriteCatalog),
        (Method::GET, "/v1/value-chain-patterns", None, ReadCatalog),
        (Method::POST, "/v1/value-chain-patterns", Some(&pattern), WriteCatalog),
        (Method::GET, "/v1/value-chain-patterns/{code}", None, ReadCatalog),
        (
            Method::PUT,
            "/v1/value-chain-patterns/{code}",
            Some(&pattern),
            WriteCatalog,
        ),
        (Method::DELETE, "/v1/value-chain-patterns/{code}", None, WriteCatalog),
        (Method::GET, "/v1/graph", None, ReadCatalog),
    ]
    .into_iter()
    .map(|(method, route, body, permission)| {
        let path = route.replace("{code}", "MINE");
        (method, route, path, body.cloned(), permission)
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

/// What is done to users is done to one who is not there; the own sessions end last.
fn user_routes(admin: &User) -> [GuardedRoute; 8] {
    use Permission::{ManageSelf, ManageUsers};
    let nobody = "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5601";
    let email = format!("another-{}", admin.email);
    let user = json!({ "email": email, "role": "viewer" });
    let role = json!({ "role": "viewer" });
    let password = json!({ "current_password": "not it", "new_password": "staple of my own" });
    [
        (Method::GET, "/v1/users", None, ManageUsers),
        (Method::POST, "/v1/users", Some(&user), ManageUsers),
        (Method::PUT, "/v1/users/{id}/role", Some(&role), ManageUsers),
        (Method::POST, "/v1/users/{id}/password-reset", None, ManageUsers),
        (Method::DELETE, "/v1/users/{id}/sessions", None, ManageUsers),
        (Method::DELETE, "/v1/users/{id}", None, ManageUsers),
        (Method::PUT, "/v1/me/password", Some(&password), ManageSelf),
        (Method::DELETE, "/v1/sessions", None, ManageSelf),
    ]
    .map(|(method, route, body, permission)| (method, route, route.replace("{id}", nobody), body.cloned(), permission))
}

/// What an operator does is done to the operator's own client, or to what is not there: only a role can be the reason of a 403.
fn licence_routes(admin: &User) -> Vec<GuardedRoute> {
    use Permission::{IssueLicences, ReadLicences};
    let (client, nothing) = (admin.client, "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5601");
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
