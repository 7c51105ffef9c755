//! Reads a template's HTTP API and WebSocket API: settings, authorizers and routes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{
    Authorizer, Cors, IdentitySource, Properties, Reader, Template, TemplateError, Throttle, WebSocketRoute,
    function_of_arn,
};

/// What API Gateway takes for an authorizer of a WebSocket API.
const DEFAULT_WEBSOCKET_TTL_S: u64 = 300;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpApiProperties {
    auth: Option<HttpAuth>,
    cors_configuration: Option<CorsProperties>,
    default_route_settings: Option<RouteSettings>,
    #[serde(default)]
    route_settings: BTreeMap<String, RouteSettings>,
}

impl Properties for HttpApiProperties {
    const NAMES: &'static [&'static str] = &["Auth", "CorsConfiguration", "DefaultRouteSettings", "RouteSettings"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpAuth {
    default_authorizer: Option<String>,
    #[serde(default)]
    authorizers: BTreeMap<String, HttpAuthorizer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpAuthorizer {
    function_arn: String,
    authorizer_payload_format_version: String,
    #[serde(default)]
    enable_simple_responses: bool,
    identity: HttpIdentity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpIdentity {
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    query_strings: Vec<String>,
    #[serde(default)]
    reauthorize_every: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CorsProperties {
    #[serde(default)]
    allow_origins: Vec<String>,
    #[serde(default)]
    allow_headers: Vec<String>,
    #[serde(default)]
    allow_methods: Vec<String>,
    #[serde(default)]
    expose_headers: Vec<String>,
    max_age: Option<u64>,
    #[serde(default)]
    allow_credentials: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RouteSettings {
    throttling_burst_limit: Option<f64>,
    throttling_rate_limit: Option<f64>,
}

impl RouteSettings {
    fn throttle(&self) -> Option<Throttle> {
        Some(Throttle {
            rate: self.throttling_rate_limit?,
            burst: self.throttling_burst_limit?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WebSocketApiProperties {
    protocol_type: String,
    route_selection_expression: String,
}

impl Properties for WebSocketApiProperties {
    const NAMES: &'static [&'static str] = &["ProtocolType", "RouteSelectionExpression"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StageProperties {
    stage_name: String,
    default_route_settings: Option<RouteSettings>,
    route_settings: Option<serde_json::Value>,
}

impl Properties for StageProperties {
    const NAMES: &'static [&'static str] = &["StageName", "DefaultRouteSettings", "RouteSettings"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WebSocketAuthorizerProperties {
    authorizer_uri: String,
    identity_source: Vec<String>,
    authorizer_result_ttl_in_seconds: Option<u64>,
}

impl Properties for WebSocketAuthorizerProperties {
    const NAMES: &'static [&'static str] = &["AuthorizerUri", "IdentitySource", "AuthorizerResultTtlInSeconds"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IntegrationProperties {
    integration_type: String,
    integration_uri: String,
}

impl Properties for IntegrationProperties {
    const NAMES: &'static [&'static str] = &["IntegrationType", "IntegrationUri"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RouteProperties {
    route_key: String,
    target: String,
    authorization_type: Option<String>,
    route_response_selection_expression: Option<String>,
}

impl Properties for RouteProperties {
    const NAMES: &'static [&'static str] = &[
        "RouteKey",
        "Target",
        "AuthorizationType",
        "RouteResponseSelectionExpression",
    ];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RouteResponseProperties {
    route_id: String,
}

impl Properties for RouteResponseProperties {
    const NAMES: &'static [&'static str] = &["RouteId"];
}

/// Reads the HTTP API's authorizer, cross-origin rules and throttling.
pub(super) fn read_http(reader: &Reader<'_>, template: &mut Template) -> Result<(), TemplateError> {
    let Some((id, api)) = only(reader.resources::<HttpApiProperties>("AWS::Serverless::HttpApi")?)? else {
        return Ok(());
    };
    template.http_throttle = api.default_route_settings.as_ref().and_then(RouteSettings::throttle);
    for (key, settings) in api.route_settings {
        // API Gateway fails the deployment: "Unable to find Route by key".
        if !template.routes.iter().any(|route| route.key() == key) {
            return Err(TemplateError::invalid(
                &id,
                format!("RouteSettings are for {key}, which is no route"),
            ));
        }
        template
            .http_route_throttles
            .extend(settings.throttle().map(|throttle| (key, throttle)));
    }
    template.cors = api.cors_configuration.map(|cors| Cors {
        origins: cors.allow_origins,
        headers: cors.allow_headers,
        methods: cors.allow_methods,
        exposed: cors.expose_headers,
        max_age_s: cors.max_age,
        credentials: cors.allow_credentials,
    });
    let Some(auth) = api.auth else {
        return allow_all(template);
    };
    let Some(name) = auth.default_authorizer else {
        return allow_all(template);
    };
    let authorizer = auth.authorizers.get(&name);
    let authorizer = authorizer.ok_or_else(|| TemplateError::invalid(&id, format!("no authorizer {name}")))?;
    if authorizer.authorizer_payload_format_version != "2.0" || !authorizer.enable_simple_responses {
        return Err(TemplateError::invalid(
            &id,
            "an authorizer here has payload format 2.0 and simple responses",
        ));
    }
    let headers = authorizer
        .identity
        .headers
        .iter()
        .map(|name| IdentitySource::Header(name.to_lowercase()));
    let queries = authorizer
        .identity
        .query_strings
        .iter()
        .cloned()
        .map(IdentitySource::Query);
    template.http_authorizer = Some(Authorizer {
        function: function_of_arn(&id, &authorizer.function_arn)?.to_owned(),
        identity: headers.chain(queries).collect(),
        ttl: Duration::from_secs(authorizer.identity.reauthorize_every),
    });
    Ok(())
}

/// Without a default authorizer no route has one.
fn allow_all(template: &mut Template) -> Result<(), TemplateError> {
    for route in &mut template.routes {
        route.authorized = false;
    }
    Ok(())
}

/// Reads the WebSocket API.
pub(super) fn read_websocket(reader: &Reader<'_>, template: &mut Template) -> Result<(), TemplateError> {
    let Some((id, api)) = only(reader.resources::<WebSocketApiProperties>("AWS::ApiGatewayV2::Api")?)? else {
        return Ok(());
    };
    if api.protocol_type != "WEBSOCKET" {
        return Err(TemplateError::invalid(
            &id,
            "an AWS::ApiGatewayV2::Api here has the protocol WEBSOCKET",
        ));
    }
    let selector = api.route_selection_expression.strip_prefix("$request.body.");
    let selector = selector.filter(|field| !field.is_empty() && !field.contains(['.', '$', ' ']));
    let selector = selector.ok_or_else(|| TemplateError::invalid(&id, "routes are selected by $request.body.FIELD"))?;
    selector.clone_into(&mut template.websocket_selector);
    if let Some((id, stage)) = only(reader.resources::<StageProperties>("AWS::ApiGatewayV2::Stage")?)? {
        if stage.route_settings.is_some() {
            let message = "the stand-in knows RouteSettings of the HTTP API only";
            return Err(TemplateError::invalid(&id, message));
        }
        template.websocket_stage = stage.stage_name;
        template.websocket_throttle = stage.default_route_settings.as_ref().and_then(RouteSettings::throttle);
    }
    if let Some((id, authorizer)) = only(reader.resources("AWS::ApiGatewayV2::Authorizer")?)? {
        template.websocket_authorizer = Some(websocket_authorizer(&id, &authorizer)?);
    }
    read_websocket_routes(reader, template)
}

fn websocket_authorizer(id: &str, authorizer: &WebSocketAuthorizerProperties) -> Result<Authorizer, TemplateError> {
    let source = |text: &String| {
        if let Some(name) = text.strip_prefix("route.request.querystring.") {
            Ok(IdentitySource::Query(name.to_owned()))
        } else if let Some(name) = text.strip_prefix("route.request.header.") {
            Ok(IdentitySource::Header(name.to_lowercase()))
        } else {
            Err(TemplateError::invalid(
                id,
                format!("the identity source {text} is not known here"),
            ))
        }
    };
    let ttl_s = authorizer
        .authorizer_result_ttl_in_seconds
        .unwrap_or(DEFAULT_WEBSOCKET_TTL_S);
    Ok(Authorizer {
        function: function_of_arn(id, &authorizer.authorizer_uri)?.to_owned(),
        identity: authorizer
            .identity_source
            .iter()
            .map(source)
            .collect::<Result<_, _>>()?,
        ttl: Duration::from_secs(ttl_s),
    })
}

fn read_websocket_routes(reader: &Reader<'_>, template: &mut Template) -> Result<(), TemplateError> {
    let integrations: BTreeMap<String, IntegrationProperties> = reader
        .resources("AWS::ApiGatewayV2::Integration")?
        .into_iter()
        .collect();
    let responses: Vec<(String, RouteResponseProperties)> = reader.resources("AWS::ApiGatewayV2::RouteResponse")?;
    for (id, route) in reader.resources::<RouteProperties>("AWS::ApiGatewayV2::Route")? {
        let integration = route
            .target
            .strip_prefix("integrations/")
            .and_then(|name| integrations.get(name));
        let integration =
            integration.ok_or_else(|| TemplateError::invalid(&id, format!("no integration {}", route.target)))?;
        if integration.integration_type != "AWS_PROXY" {
            return Err(TemplateError::invalid(
                &id,
                "an integration here has the type AWS_PROXY",
            ));
        }
        // API Gateway sends a response only when the route both selects one and has one.
        let has_response = responses.iter().any(|(_, response)| response.route_id == id);
        template.websocket_routes.push(WebSocketRoute {
            function: function_of_arn(&id, &integration.integration_uri)?.to_owned(),
            authorized: route.authorization_type.as_deref() == Some("CUSTOM"),
            responds: has_response && route.route_response_selection_expression.is_some(),
            key: route.route_key,
        });
    }
    if template.websocket_routes.iter().any(|route| route.authorized) && template.websocket_authorizer.is_none() {
        return Err(TemplateError::invalid(
            "the WebSocket API",
            "a route asks for an authorizer, but there is none",
        ));
    }
    Ok(())
}

/// The single resource of a type of which the stand-in runs one.
fn only<P>(mut resources: Vec<(String, P)>) -> Result<Option<(String, P)>, TemplateError> {
    let first = resources.pop();
    match (resources.pop(), &first) {
        (Some((second, _)), Some((first, _))) => Err(TemplateError::invalid(
            &second,
            format!("the stand-in runs one of these, and there is {first}"),
        )),
        _ => Ok(first),
    }
}
