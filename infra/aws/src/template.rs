//! A SAM template as the stand-in needs it: parsed once, with every intrinsic resolved, into plain types.
//!
//! This is not a CloudFormation engine. It knows the resource types, intrinsics and attributes that change what runs
//! locally, ignores by name what does not (alarms, permissions but those on tables), and refuses everything else, so that a template
//! cannot quietly mean one thing here and another on AWS.

mod apis;
mod buses;
mod distributions;
mod functions;
mod model;
mod permissions;
mod resolver;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::model::{
    Addresses, AttributeDefinition, Authorizer, Behaviour, Bucket, BucketNotification, Cors, Distribution, ErrorPage,
    EventRule, EventTarget, Function, HttpRoute, IdentitySource, Index, KeyElement, Queue, QueueSource, Schedule,
    Table, TargetKind, Template, Throttle, WebSocketRoute,
};
pub use self::permissions::Permission;
pub use self::resolver::ResolveError;
use self::resolver::Resolver;

/// Resource types that have no counterpart on a developer's machine.
const IGNORED_TYPES: [&str; 12] = [
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::Role",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::ResourcePolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
];

/// Resource types that the stand-in runs.
const KNOWN_TYPES: [&str; 15] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
];

/// Why a template cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not YAML, or not a mapping.
    #[error("the template cannot be read: {0}")]
    Syntax(#[from] yaml_serde::Error),
    /// An intrinsic that cannot be resolved.
    #[error("{place}: {source}")]
    Unresolved {
        /// The resource, or section, that uses it.
        place: String,
        /// What is wrong with it.
        source: ResolveError,
    },
    /// A resource type that is neither run nor ignored.
    #[error("resource {resource} has the type {kind}, which the stand-in neither runs nor ignores")]
    UnknownType {
        /// Its logical id.
        resource: String,
        /// Its type.
        kind: String,
    },
    /// A property that is missing, of the wrong type or of an unknown value.
    #[error("{place}: {message}")]
    Invalid {
        /// The resource, or section.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// A secret that is not there.
    #[error("function {function}: variable {variable} needs the key {key} of the secret {secret}, which is not there")]
    MissingSecret {
        /// Name of the function.
        function: String,
        /// The variable.
        variable: String,
        /// Name of the secret.
        secret: String,
        /// Key within the secret.
        key: String,
    },
}

impl TemplateError {
    fn invalid(place: &str, message: impl ToString) -> Self {
        Self::Invalid {
            place: place.to_owned(),
            message: message.to_string(),
        }
    }
}

/// Looks up `key` of the secret `name`.
pub type SecretLookup<'a> = &'a dyn Fn(&str, &str) -> Option<String>;

impl Template {
    /// Reads a template. `parameters` override the defaults; `addresses` stand in for AWS's host names.
    ///
    /// # Errors
    /// Names the resource and what is wrong with it: see [`TemplateError`].
    pub fn parse(
        text: &str,
        addresses: &Addresses,
        parameters: &BTreeMap<String, String>,
        secrets: SecretLookup<'_>,
    ) -> Result<Self, TemplateError> {
        let document = yaml_serde::from_str(text)?;
        let reader = Reader {
            resolver: Resolver::new(&document, addresses, parameters)?,
        };
        reader.check_types()?;
        let mut template = Self::default();
        functions::read(&reader, secrets, &mut template)?;
        apis::read_http(&reader, &mut template)?;
        apis::read_websocket(&reader, &mut template)?;
        storage::read(&reader, &mut template)?;
        buses::read(&reader, &mut template)?;
        distributions::read(&reader, &mut template)?;
        template.check_references()?;
        Ok(template)
    }

    /// The function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Everything that names a function or a queue names one that exists.
    fn check_references(&self) -> Result<(), TemplateError> {
        let functions: BTreeSet<&str> = self.functions.iter().map(|function| function.name.as_str()).collect();
        let used = (self.websocket_routes.iter().map(|route| &route.function))
            .chain(self.http_authorizer.iter().map(|authorizer| &authorizer.function))
            .chain(self.websocket_authorizer.iter().map(|authorizer| &authorizer.function));
        for name in used {
            if !functions.contains(name.as_str()) {
                return Err(TemplateError::invalid(
                    "the APIs",
                    format!("there is no function {name}"),
                ));
            }
        }
        Ok(())
    }
}

/// The resolved resources, as the readers of each kind see them.
struct Reader<'a> {
    resolver: Resolver<'a>,
}

impl Reader<'_> {
    fn check_types(&self) -> Result<(), TemplateError> {
        for (resource, kind) in self.resolver.resources() {
            if !KNOWN_TYPES.contains(&kind) && !IGNORED_TYPES.contains(&kind) {
                return Err(TemplateError::UnknownType {
                    resource: resource.to_owned(),
                    kind: kind.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Every resource of one type whose condition holds, with the properties that `P` reads.
    fn resources<P: Properties>(&self, kind: &str) -> Result<Vec<(String, P)>, TemplateError> {
        let mut found = Vec::new();
        for (id, resource_kind) in self.resolver.resources() {
            if resource_kind == kind && self.resolver.exists(id).map_err(|source| unresolved(id, source))? {
                found.push((id.to_owned(), self.properties(id)?));
            }
        }
        Ok(found)
    }

    fn properties<P: Properties>(&self, id: &str) -> Result<P, TemplateError> {
        let mut properties = Map::new();
        for name in P::NAMES {
            if let Some(value) = self
                .resolver
                .property(id, name)
                .map_err(|source| unresolved(id, source))?
            {
                properties.insert((*name).to_owned(), value);
            }
        }
        decode(id, Value::Object(properties))
    }
}

/// The properties of a resource type that matter here; the others are not even resolved.
trait Properties: DeserializeOwned {
    const NAMES: &'static [&'static str];
}

fn unresolved(place: &str, source: ResolveError) -> TemplateError {
    TemplateError::Unresolved {
        place: place.to_owned(),
        source,
    }
}

fn decode<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, TemplateError> {
    serde_json::from_value(value).map_err(|error| TemplateError::invalid(place, error))
}

/// The function's name in an ARN, or in an integration's address that contains one.
fn function_of_arn<'a>(place: &str, arn: &'a str) -> Result<&'a str, TemplateError> {
    arn.split_once(":function:")
        .map(|(_, rest)| rest.split_once('/').map_or(rest, |(name, _)| name))
        .ok_or_else(|| TemplateError::invalid(place, format!("{arn} does not name a function")))
}
