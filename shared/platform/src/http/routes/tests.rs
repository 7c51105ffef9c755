#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use axum::body::Body;
use identity::{Caller, Feature, Features, Permission, Refused, Role};
use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext};
use lambda_http::request::RequestContext;
use route::{Access, Answer};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::*;
use crate::extract::Json;

const fn route(method: Method, path: &'static str, access: Access) -> Route {
    Route {
        function: "keep-things",
        method,
        path,
        access,
        operation: path,
        summary: "Things.",
        parameters: &[],
        request: None,
        answer: Answer::UNTYPED,
    }
}

static READ: Route = route(Method::Get, "/things", Access::Needs(Permission::ReadCatalog));
static WRITE: Route = route(Method::Put, "/things", Access::Needs(Permission::WriteCatalog));
static HEALTH: Route = route(Method::Get, "/health", Access::Open);
static LATER: Route = route(Method::Post, "/later", Access::Open);

fn routes() -> Routes<&'static str> {
    Routes::new()
        .serve(&READ, async |Authorized(caller): Authorized| caller.user.to_string())
        .serve(&WRITE, async |Json(_): Json<Vec<u8>>| "written")
        .serve(
            &HEALTH,
            async |axum::extract::State(text): axum::extract::State<&'static str>| text,
        )
}

fn caller(role: Role, features: Features) -> Caller {
    Caller {
        client: Uuid::from_u128(1),
        user: Uuid::from_u128(2),
        role,
        features,
    }
}

/// Status and body of the answer to a request, as API Gateway passes it on.
async fn asked(method: &str, path: &str, caller: Option<Caller>) -> (u16, String) {
    let fields = caller.into_iter().flat_map(|caller| caller.context());
    asked_as(method, path, fields).await
}

async fn asked_as(
    method: &str,
    path: &str,
    context: impl IntoIterator<Item = (&'static str, String)>,
) -> (u16, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::from("no JSON"))
        .unwrap();
    let fields: HashMap<String, serde_json::Value> = context
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut authorizer = ApiGatewayRequestAuthorizer::default();
    authorizer.fields = fields;
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.authorizer = Some(authorizer);
    request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
    let response = crate::http::with_fallback(routes().router("well"))
        .oneshot(request)
        .await
        .unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_handler_has_a_caller_who_may() {
    let (viewer, analyst) = (
        caller(Role::Viewer, Features::ALL),
        caller(Role::Analyst, Features::ALL),
    );
    assert_eq!(
        asked("GET", "/things", Some(viewer)).await,
        (200, viewer.user.to_string())
    );
    assert_eq!(
        asked("GET", "/things", Some(caller(Role::Operator, Features::ALL)))
            .await
            .0,
        403
    );
    assert_eq!(asked("GET", "/things", None).await.0, 401);
    assert_eq!(asked("PUT", "/things", Some(analyst)).await.0, 400, "its body is read");
    let (status, problem) = asked("PUT", "/things", Some(viewer)).await;
    assert!(
        status == 403 && problem.contains("may not change entities and KPIs"),
        "{problem}"
    );
}

#[tokio::test]
async fn who_has_no_good_token_is_told_what_to_do() {
    for (refused, told) in [(Refused::Expired, "refresh-token"), (Refused::NotAccepted, "sign-in")] {
        for (method, query) in [("GET", ""), ("GET", "?limt=1"), ("PUT", ""), ("HEAD", "")] {
            let (status, problem) = asked_as(method, &format!("/things{query}"), refused.context()).await;
            assert_eq!(status, 401, "{refused:?} {method}: {problem}");
            assert!(method == "HEAD" || problem.contains(told), "{problem}");
        }
        // Whoever else the context names: it is of a token that was refused.
        let both = refused
            .context()
            .into_iter()
            .chain(caller(Role::Admin, Features::ALL).context());
        assert_eq!(asked_as("GET", "/things", both).await.0, 401);
    }
}

#[tokio::test]
async fn a_parameter_that_no_route_knows_is_refused_after_the_role() {
    let (admin, operator) = (
        caller(Role::Admin, Features::ALL),
        caller(Role::Operator, Features::ALL),
    );
    assert_eq!(asked("GET", "/things?limt=1", Some(admin)).await.0, 400);
    assert_eq!(asked("GET", "/things?limt=1", Some(operator)).await.0, 403);
    assert_eq!(asked("GET", "/health?verbose=1", None).await.0, 400);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let viewer = caller(Role::Viewer, Features::ALL);
    assert_eq!(asked("HEAD", "/things", Some(viewer)).await, (200, String::new()));
    assert_eq!(asked("HEAD", "/health", None).await, (200, String::new()));
    assert_eq!(asked("HEAD", "/things", None).await.0, 401);
}

#[tokio::test]
async fn a_feature_that_is_not_licensed_is_refused() {
    let others = Features::ALL
        .iter()
        .filter(|feature| *feature != Feature::Modelling)
        .collect();
    let (status, problem) = asked("PUT", "/things", Some(caller(Role::Admin, others))).await;
    assert!(status == 403 && problem.contains("not-licensed"), "{problem}");
    assert_eq!(
        asked("GET", "/things", Some(caller(Role::Admin, Features::NONE)))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn an_open_route_asks_for_nobody() {
    assert_eq!(asked("GET", "/health", None).await, (200, "well".to_owned()));
}

#[tokio::test]
async fn a_handler_of_an_open_route_has_no_caller() {
    let router = Routes::new()
        .serve(&HEALTH, async |Authorized(_): Authorized| "well")
        .router(());
    let request = Request::get("/health").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 500);
}

#[tokio::test]
async fn a_method_without_a_route_is_not_allowed_to_anybody() {
    assert_eq!(asked("POST", "/things", None).await.0, 405);
}

#[test]
fn differences_are_named() {
    let routes = routes();
    assert_eq!(routes.differences("keep-things", &[&READ, &WRITE, &HEALTH]), [""; 0]);
    assert_eq!(
        routes.differences("keep-things", &[&READ, &WRITE, &LATER]),
        [
            "POST /later is not served",
            "GET /health is served and not described as keep-things's"
        ]
    );
    assert_eq!(routes.differences("another", &[&READ, &WRITE, &HEALTH]).len(), 3);
}

#[test]
#[should_panic(expected = "Overlapping method route")]
fn a_route_is_not_served_twice() {
    drop(routes().serve(&HEALTH, async || "again"));
}
