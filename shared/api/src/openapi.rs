//! The OpenAPI 3.1 document, made from routes and the Rust types of their bodies.

use identity::Role;
use route::{Access, Body, Form, Method, Parameter, Place, Route};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::info::LicenseBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle, PathItemBuilder, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
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
            let parts = parts.into_iter().map(|(name, schema)| (name, closed(schema)));
            components = components
                .schemas_from_iter(parts)
                .schema((body.name)(), closed((body.schema)()));
        }
        let item = PathItemBuilder::new().operation(method(route.method), operation(route).build());
        paths = paths.path(route.path, item.build());
    }
    let info = InfoBuilder::new()
        .title("Analytics Engine")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache License 2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .description(Some(
            "One KPI, one number: define KPIs, send facts, ask for values. What GET answers, HEAD answers without the body.",
        ));
    let here = ServerBuilder::new()
        .url("/")
        .description(Some("The address that this document was read from."));
    let components = components
        .schema("Problem", problem())
        .schema("GatewayRefusal", gateway_refusal());
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([here.build()]))
        .paths(paths.build())
        .security(Some([token()]))
        .components(Some(components.build()))
        .build()
}

/// The schema, and if it is one of some objects of a single field, which is how a variant with its content is written, each of them has no other field: with two of
/// them it would be no variant.
fn closed(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::OneOf(mut one_of)) = schema else {
        return schema;
    };
    for item in &mut one_of.items {
        if let RefOr::T(Schema::Object(object)) = item
            && object.properties.len() == 1
            && object.required.len() == 1
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
    RefOr::T(Schema::OneOf(one_of))
}

fn token() -> SecurityRequirement {
    SecurityRequirement::new("token", Vec::<String>::new())
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
        operation = operation.request_body(Some(request(body).build()));
    }
    operation = operation.responses(responses(route).build());
    match route.access {
        // None of those of the whole document.
        Access::Open => operation.securities(Some([])),
        Access::Needs(_) => operation,
    }
}

fn request(body: &Body) -> RequestBodyBuilder {
    let request = RequestBodyBuilder::new()
        .content("application/json", json(body))
        .required(Some(Required::True));
    if !body.lines {
        return request;
    }
    let lines = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The items of the list, one a line."));
    request.content(
        "application/x-ndjson",
        ContentBuilder::new().schema(Some(lines)).build(),
    )
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
    let parameter = ParameterBuilder::new()
        .name(described.name)
        .parameter_in(place)
        .required(required)
        .description(Some(described.description))
        .schema(Some(form(described.form)));
    match described.form {
        Form::ByKey => parameter.style(Some(ParameterStyle::DeepObject)).explode(Some(true)),
        _ => parameter,
    }
}

fn form(form: Form) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let known = |format| Some(SchemaFormat::KnownFormat(format));
    match form {
        Form::Text => text,
        Form::Within(most) => text
            .min_length(Some(1))
            .max_length(Some(most))
            .pattern(Some("^[^\\u0000]*$")),
        Form::Like(pattern) => text.pattern(Some(pattern)),
        Form::Uuid => text.format(Some(SchemaFormat::Custom("uuid".to_owned()))),
        Form::Time => text.format(known(KnownFormat::DateTime)),
        Form::Whole(least, most) => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(least))
            .maximum(Some(most)),
        Form::OneOf(words) => text.enum_values(Some(words.iter().copied())),
        Form::ByKey => ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(text)),
    }
}

fn responses(route: &Route) -> ResponsesBuilder {
    let mut success = ResponseBuilder::new().description(route.summary);
    if let Some(body) = &route.answer.body {
        success = success.content("application/json", json(body));
    }
    if let Some(description) = route.answer.text {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(description));
        success = success.content("text/plain", ContentBuilder::new().schema(Some(text)).build());
    }
    let success = success.build();
    let problem = |description: &str| {
        ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", refers_to("Problem"))
    };
    // Some refusals are API Gateway's own, which have another form.
    let refused = |description: &str| problem(description).content("application/json", refers_to("GatewayRefusal"));
    let mut responses = ResponsesBuilder::new().response(route.answer.status.to_string(), success.clone());
    if let Some(status) = route.answer.or {
        responses = responses.response(status.to_string(), success);
    }
    let responses = match route.access {
        Access::Open => responses.response("400", problem("The request can't be read; the body says why.").build()),
        Access::Needs(_) => responses
            .response(
                "401",
                refused("No access token that is good now. Without any token the answer is API Gateway's own.").build(),
            )
            .response(
                "403",
                problem("The caller's role or licence does not allow it.").build(),
            ),
    };
    let too_many = refused(
        "Too many requests, of all callers or by the organisation's quotas, which say in `Retry-After` when the next is taken.",
    );
    responses.response("429", too_many.build()).response(
        "default",
        problem("The request was refused; the body says why and what would be right. What API Gateway refuses itself, such as too many requests at once, has its own form.").build(),
    )
}

fn refers_to(schema: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build()
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

/// What API Gateway answers where no function has a say.
fn gateway_refusal() -> RefOr<Schema> {
    let message = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The status in words."));
    let refusal = ObjectBuilder::new()
        .description(Some("A refusal of API Gateway itself."))
        .property("message", message);
    RefOr::T(Schema::Object(refusal.build()))
}

/// RFC 9457 with hints; the type itself lives in `platform`, which every function has.
pub(crate) fn problem() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let issue = ObjectBuilder::new()
        .property("pointer", text().description(Some("JSON pointer to the input.")))
        .property("detail", text())
        .property("hint", text())
        .property(
            "span",
            ArrayBuilder::new()
                .items(ObjectBuilder::new().schema_type(Type::Integer))
                .min_items(Some(2))
                .max_items(Some(2))
                .description(Some("From and to in the input's text, in UTF-8 bytes.")),
        )
        .required("pointer")
        .required("detail");
    let problem = ObjectBuilder::new()
        .property("type", text().description(Some("Stable name of the kind of problem.")))
        .property("title", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text().description(Some("What is wrong, naming the input.")))
        .property("hint", text().description(Some("How to put it right.")))
        .property("issues", ArrayBuilder::new().items(issue))
        .required("type")
        .required("title")
        .required("status")
        .required("detail");
    RefOr::T(Schema::Object(problem.build()))
}
