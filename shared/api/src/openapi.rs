//! The OpenAPI 3.1 document, made from routes and the Rust types of their bodies.

use identity::Role;
use route::{Access, Body, Method, Parameter, Place, Route};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Schema};

/// The document of these routes.
#[must_use]
pub fn document(routes: &[&Route]) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new().security_scheme(
        "token",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .build(),
        ),
    );
    for route in routes {
        for body in route.request.iter().chain(&route.answer.body) {
            let mut parts = Vec::new();
            (body.parts)(&mut parts);
            components = components
                .schemas_from_iter(parts)
                .schema((body.name)(), (body.schema)());
        }
        let item = PathItemBuilder::new().operation(method(route.method), operation(route).build());
        paths = paths.path(route.path, item.build());
    }
    let info = InfoBuilder::new()
        .title("Analytics Engine")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("One KPI, one number: define KPIs, send facts, ask for values."));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components.schema("Problem", problem()).build()))
        .build()
}

fn method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Delete => HttpMethod::Delete,
    }
}

/// A body as JSON, by reference to its schema.
fn json(body: &Body) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name((body.name)())))
        .build()
}

fn operation(route: &Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.operation))
        .summary(Some(route.summary))
        .description(allowed(route.access));
    for described in route.parameters {
        operation = operation.parameter(parameter(described).build());
    }
    if let Some(body) = &route.request {
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", json(body))
                .required(Some(Required::True))
                .build(),
        ));
    }
    operation = operation.responses(responses(route).build());
    match route.access {
        Access::Open => operation,
        Access::Needs(_) => operation.security(SecurityRequirement::new("token", Vec::<String>::new())),
    }
}

fn parameter(described: &Parameter) -> ParameterBuilder {
    let place = match described.place {
        Place::Path => ParameterIn::Path,
        Place::Query => ParameterIn::Query,
        Place::Header => ParameterIn::Header,
    };
    let required = if described.required {
        Required::True
    } else {
        Required::False
    };
    ParameterBuilder::new()
        .name(described.name)
        .parameter_in(place)
        .required(required)
        .description(Some(described.description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
}

fn responses(route: &Route) -> ResponsesBuilder {
    let mut success = ResponseBuilder::new().description(route.summary);
    if let Some(body) = &route.answer.body {
        success = success.content("application/json", json(body));
    }
    let refused = ResponseBuilder::new()
        .description("The request was refused; the body says why and what would be right.")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        );
    ResponsesBuilder::new()
        .response(route.answer.status.to_string(), success.build())
        .response("default", refused.build())
}

/// Who may use a route, for people: whoever writes a client reads it before the first 403.
fn allowed(access: Access) -> Option<String> {
    let permission = access.permission()?;
    let roles = Role::ALL.into_iter().filter(|role| role.may(permission));
    let roles: Vec<&str> = roles.map(Role::name).collect();
    let licensed = access
        .feature()
        .map(|feature| format!(" Licensed feature: {feature}."))
        .unwrap_or_default();
    Some(format!("Roles: {}.{licensed}", roles.join(", ")))
}

/// RFC 9457 with hints; the type itself lives in `platform`, which every function has.
fn problem() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let issue = ObjectBuilder::new()
        .property("pointer", text().description(Some("JSON pointer to the input.")))
        .property("detail", text())
        .property("hint", text())
        .property(
            "span",
            utoipa::openapi::schema::ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Integer)),
        )
        .required("pointer")
        .required("detail");
    let problem = ObjectBuilder::new()
        .property("type", text().description(Some("Stable name of the kind of problem.")))
        .property("title", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text().description(Some("What is wrong, naming the input.")))
        .property("hint", text().description(Some("How to put it right.")))
        .property("issues", utoipa::openapi::schema::ArrayBuilder::new().items(issue))
        .required("type")
        .required("title")
        .required("status")
        .required("detail");
    RefOr::T(Schema::Object(problem.build()))
}
