//! Identities have one spelling wherever they are taken: in paths, query strings, bodies, and by functions without a route. Keys of files have tests of their own
//! (`functions/ingest/queue-files`), and tokens have what this product wrote.

use identity::Role;
use reqwest::Method;
use route::{Form, Place, Route};
use serde_json::{Value, json};
use tests::http::User;
use tests::product::Product;
use uuid::Uuid;

/// Each but the one in which it is written; as a URL has them.
fn other_spellings(id: Uuid) -> [String; 4] {
    [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        id.braced().to_string(),
        id.urn().to_string(),
    ]
}

/// The requests of a route with an identity in each of its places in turn, and the status that another spelling is answered with.
fn requests(route: &Route, id: &str) -> Vec<(String, u16)> {
    let is_identity = |place: Place| {
        let parameters = route.parameters.iter();
        parameters.filter(move |parameter| parameter.place == place && matches!(parameter.form, Form::Uuid))
    };
    let of_paths = is_identity(Place::Path).map(|parameter| {
        let path = route.path.replace(&format!("{{{}}}", parameter.name), id);
        (path.replace(['{', '}'], ""), 404)
    });
    let of_queries = is_identity(Place::Query).map(|parameter| {
        let path = route.path.replace(['{', '}'], "");
        (format!("{path}?{}={id}", parameter.name), 400)
    });
    of_paths.chain(of_queries).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_has_one_spelling_on_every_route() {
    let product = Product::shared().await;
    let admin = product.client().await;
    let operator = product.colleague(&admin, Role::Operator.name()).await;
    let id = Uuid::now_v7();
    let mut tried = 0;
    for route in describe_api::described() {
        let Some(permission) = route.access.permission() else {
            continue;
        };
        let user = if Role::Admin.may(permission) { &admin } else { &operator };
        let method: Method = route.method.name().parse().unwrap();
        for spelling in other_spellings(id) {
            // A brace is no letter of a URL.
            let spelling = spelling.replace('{', "%7B").replace('}', "%7D");
            for (path, status) in requests(route, &spelling) {
                let refused = user.request(method.clone(), &path).await.refused(status);
                assert!(refused.body.to_string().contains(&id.to_string()), "{path}: {refused}");
                tried += 1;
            }
        }
    }
    assert!(tried > 4 * 20, "{tried}");
    bodies(&admin, &operator).await;
    product.stop().await;
}

/// What takes a client or a batch in a body, with another spelling of it.
async fn bodies(admin: &User, operator: &User) {
    let (id, client) = (Uuid::now_v7(), admin.client);
    for spelling in other_spellings(client) {
        let revocation = json!({ "client": spelling, "reason": "a test" });
        for (user, path, body) in [
            (operator, "/v1/licences".to_owned(), json!({ "client": spelling })),
            (operator, format!("/v1/licences/{id}/revoke"), revocation),
            (
                admin,
                "/v1/dead-letters/replay".to_owned(),
                json!({ "batch": spelling }),
            ),
            (
                admin,
                "/v1/dead-letters/replay".to_owned(),
                json!({ "before": spelling }),
            ),
        ] {
            let refused = user.post(&path, &body).await.refused(400);
            let told = refused.body.to_string();
            assert!(
                told.contains(&format!("another spelling of {client}")),
                "{path}: {refused}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_has_one_spelling_for_functions_that_are_invoked_by_hand() {
    let product = Product::shared().await;
    let admin = product.client().await;
    for spelling in other_spellings(admin.client) {
        let user = json!({ "client": spelling, "email": format!("x{}", admin.email), "role": "viewer" });
        for (function, event) in [
            ("provision-client", user),
            ("place-client", json!({ "client": spelling })),
            (
                "remove-client",
                json!({ "client": spelling, "name": admin.client_name }),
            ),
        ] {
            let refused = product.try_invoke(function, &event).await;
            let told = format!("{:#}", refused.expect_err(function));
            assert!(told.contains("another spelling of"), "{function}: {told}");
        }
    }
    // Nothing of it was done.
    admin.get_anew("/v1/kpis").await.ok();
    let listed: Value = admin.get("/v1/users").await.ok().body;
    assert_eq!(listed["users"].as_array().unwrap().len(), 1, "{listed}");
    product.stop().await;
}
