//! The OpenAPI 3.1 document, made from [`crate::routes`] and the Rust types.

use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, PathItemBuilder, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Schema};

use crate::routes::{Body, Route, routes};
use crate::{licences, proposals, rest};

/// The document.
#[must_use]
pub fn document() -> OpenApi {
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
    for route in routes() {
        for body in route.request.iter().chain(&route.response) {
            components = components.schema(body.name, (body.schema)());
        }
        let item = PathItemBuilder::new()
            .operation(route.method.clone(), operation(&route).build())
            .build();
        paths = paths.path(route.path, item);
    }
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    collect(&mut schemas);
    components = components.schemas_from_iter(schemas).schema("Problem", problem());
    let info = InfoBuilder::new()
        .title("Analytics Engine")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("One KPI, one number: define KPIs, send facts, ask for values."));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

/// The types that bodies refer to.
fn collect(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    rest::SignIn::schemas(schemas);
    rest::Entities::schemas(schemas);
    rest::Kpis::schemas(schemas);
    rest::KpiValue::schemas(schemas);
    rest::Series::schemas(schemas);
    rest::DeadLetters::schemas(schemas);
    rest::Streams::schemas(schemas);
    rest::Health::schemas(schemas);
    catalog::EntityDefinition::schemas(schemas);
    catalog::KpiDefinition::schemas(schemas);
    licences::Licence::schemas(schemas);
    licences::Licences::schemas(schemas);
    licences::Verification::schemas(schemas);
    licences::SigningKeys::schemas(schemas);
    proposals::Proposal::schemas(schemas);
    proposals::Proposals::schemas(schemas);
    proposals::Revisions::schemas(schemas);
    proposals::Revision::schemas(schemas);
    proposals::ScheduleRequest::schemas(schemas);
    proposals::Planned::schemas(schemas);
    proposals::Documents::schemas(schemas);
    proposal::Terms::schemas(schemas);
    proposal::Questionnaire::schemas(schemas);
    proposal::Quote::schemas(schemas);
    proposal::RequiredObjects::schemas(schemas);
}

fn reference(body: &Body) -> Ref {
    Ref::from_schema_name(body.name)
}

fn operation(route: &Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.operation))
        .summary(Some(route.summary));
    for parameter in &route.parameters {
        let required = if parameter.required {
            Required::True
        } else {
            Required::False
        };
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(parameter.name)
                .parameter_in(parameter.place.clone())
                .required(required)
                .description(Some(parameter.description))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String).build())),
        );
    }
    if let Some(body) = &route.request {
        let content = ContentBuilder::new().schema(Some(reference(body))).build();
        operation = operation.request_body(Some(
            RequestBodyBuilder::new()
                .content("application/json", content)
                .required(Some(Required::True))
                .build(),
        ));
    }
    let mut success = ResponseBuilder::new().description(route.summary);
    if let Some(body) = &route.response {
        success = success.content(
            "application/json",
            ContentBuilder::new().schema(Some(reference(body))).build(),
        );
    }
    let refused = ResponseBuilder::new()
        .description("The request was refused; the body says why and what would be right.")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        );
    operation = operation.responses(
        ResponsesBuilder::new()
            .response(route.status, success.build())
            .response("default", refused.build())
            .build(),
    );
    if route.open {
        return operation;
    }
    operation.security(SecurityRequirement::new("token", Vec::<String>::new()))
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
