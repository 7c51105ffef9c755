//! Intrinsics and references of a template, resolved to plain JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yaml_serde::{Mapping, Value as Yaml};

use super::{Addresses, TemplateError};
use crate::account::{
    ACCOUNT, DEFAULT_BUS, REGION, bus_name, function_arn, log_group_arn, queue_arn, rule_arn, table_arn,
};

/// Intrinsics nested deeper than this are a loop of references, or a joke.
const MAX_DEPTH: usize = 32;

/// Why a value cannot be resolved.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResolveError {
    /// `!Ref` or `${}` of something that is not there.
    #[error("{0} is neither a parameter nor a resource")]
    UnknownReference(String),
    /// `!GetAtt` of an attribute that is not known here.
    #[error("the attribute {attribute} of {resource} is not known to the stand-in")]
    UnknownAttribute {
        /// Logical id.
        resource: String,
        /// The attribute.
        attribute: String,
    },
    /// An intrinsic that is not known here.
    #[error("the intrinsic {0} is not known to the stand-in")]
    UnknownIntrinsic(String),
    /// An intrinsic with arguments of the wrong form.
    #[error("{intrinsic} {problem}")]
    Malformed {
        /// The intrinsic.
        intrinsic: String,
        /// What it needs.
        problem: &'static str,
    },
    /// References that go in a circle.
    #[error("intrinsics are nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

type Resolved<T> = Result<T, ResolveError>;

/// A template's parameters, conditions and resources.
pub(super) struct Resolver<'a> {
    globals: Option<&'a Yaml>,
    parameters: BTreeMap<String, Value>,
    conditions: BTreeMap<String, &'a Yaml>,
    resources: BTreeMap<String, Resource<'a>>,
    addresses: &'a Addresses,
}

struct Resource<'a> {
    kind: &'a str,
    condition: Option<&'a str>,
    properties: Option<&'a Yaml>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        document: &'a Yaml,
        addresses: &'a Addresses,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let mut resources = BTreeMap::new();
        for (id, body) in section(document, "Resources") {
            let kind = body.get("Type").and_then(Yaml::as_str);
            let kind = kind.ok_or_else(|| TemplateError::invalid(&id, "a resource needs a Type"))?;
            let condition = body.get("Condition").and_then(Yaml::as_str);
            resources.insert(
                id,
                Resource {
                    kind,
                    condition,
                    properties: body.get("Properties"),
                },
            );
        }
        let mut parameters = BTreeMap::new();
        for (name, body) in section(document, "Parameters") {
            let given = overrides.get(&name).map(String::as_str);
            let default = body.get("Default").and_then(scalar_text);
            let text = given.map(str::to_owned).or(default);
            let text =
                text.ok_or_else(|| TemplateError::invalid(&name, "the parameter has no default and no value"))?;
            let is_list = body.get("Type").and_then(Yaml::as_str) == Some("CommaDelimitedList");
            let value: Value = if is_list {
                text.split(',').map(str::trim).collect()
            } else {
                text.into()
            };
            parameters.insert(name, value);
        }
        let conditions = section(document, "Conditions").collect();
        let globals = document.get("Globals").and_then(|globals| globals.get("Function"));
        Ok(Self {
            globals,
            parameters,
            conditions,
            resources,
            addresses,
        })
    }

    /// Logical ids and types in the order of the ids.
    pub(super) fn resources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.resources.iter().map(|(id, resource)| (id.as_str(), resource.kind))
    }

    pub(super) fn addresses(&self) -> &Addresses {
        self.addresses
    }

    /// Whether the resource's condition, if it has one, holds.
    pub(super) fn exists(&self, id: &str) -> Resolved<bool> {
        match self.resources.get(id).and_then(|resource| resource.condition) {
            Some(condition) => self.condition(condition, 0),
            None => Ok(true),
        }
    }

    /// One property of a resource; `None` when it is absent or `AWS::NoValue`.
    pub(super) fn property(&self, id: &str, name: &str) -> Resolved<Option<Value>> {
        self.property_at(id, name, 0)
    }

    /// One property of `Globals.Function`.
    pub(super) fn global(&self, name: &str) -> Resolved<Option<Value>> {
        match self.globals.and_then(|globals| globals.get(name)) {
            Some(value) => self.resolve(value, 0),
            None => Ok(None),
        }
    }

    fn property_at(&self, id: &str, name: &str, depth: usize) -> Resolved<Option<Value>> {
        let properties = self.resources.get(id).and_then(|resource| resource.properties);
        match properties.and_then(|properties| properties.get(name)) {
            Some(value) => self.resolve(value, depth),
            None => Ok(None),
        }
    }

    /// `None` stands for `AWS::NoValue`: the property or item is as if it were not written.
    fn resolve(&self, value: &Yaml, depth: usize) -> Resolved<Option<Value>> {
        if depth > MAX_DEPTH {
            return Err(ResolveError::TooDeep);
        }
        Ok(Some(match value {
            Yaml::Null => Value::Null,
            Yaml::Bool(flag) => (*flag).into(),
            Yaml::Number(number) => number_value(number),
            Yaml::String(text) => text.as_str().into(),
            Yaml::Sequence(items) => self.list(items, depth)?.into(),
            Yaml::Mapping(mapping) => match long_form(mapping) {
                Some((name, argument)) => return self.intrinsic(name, argument, depth + 1),
                None => Value::Object(self.mapping(mapping, depth)?),
            },
            Yaml::Tagged(tagged) => {
                let name = tagged.tag.to_string();
                return self.intrinsic(name.trim_start_matches('!'), &tagged.value, depth + 1);
            }
        }))
    }

    fn list(&self, items: &[Yaml], depth: usize) -> Resolved<Vec<Value>> {
        items
            .iter()
            .filter_map(|item| self.resolve(item, depth + 1).transpose())
            .collect()
    }

    fn mapping(&self, mapping: &Mapping, depth: usize) -> Resolved<Map<String, Value>> {
        let mut resolved = Map::new();
        for (key, value) in mapping {
            if let (Some(key), Some(value)) = (scalar_text(key), self.resolve(value, depth + 1)?) {
                resolved.insert(key, value);
            }
        }
        Ok(resolved)
    }

    fn intrinsic(&self, name: &str, argument: &Yaml, depth: usize) -> Resolved<Option<Value>> {
        let malformed = |problem| ResolveError::Malformed {
            intrinsic: name.to_owned(),
            problem,
        };
        let operands = || argument.as_sequence().ok_or_else(|| malformed("needs a list"));
        match name {
            "Ref" => self.reference(argument.as_str().ok_or_else(|| malformed("needs a name"))?, depth),
            "GetAtt" => {
                let path = attribute_path(argument).ok_or_else(|| malformed("needs a resource and an attribute"))?;
                self.attribute(&path.0, &path.1, depth).map(|text| Some(text.into()))
            }
            "Sub" => {
                let text = argument.as_str().ok_or_else(|| malformed("needs a text"))?;
                self.substitute(text, depth).map(|text| Some(text.into()))
            }
            "Join" => match operands()?.as_slice() {
                [Yaml::String(separator), list] => self.join(separator, list, depth).map(|text| Some(text.into())),
                _ => Err(malformed("needs a separator and a list")),
            },
            "If" => match operands()?.as_slice() {
                [Yaml::String(condition), yes, no] => {
                    self.resolve(if self.condition(condition, depth)? { yes } else { no }, depth)
                }
                _ => Err(malformed("needs a condition and two values")),
            },
            "Equals" => match operands()?.as_slice() {
                [left, right] => Ok(Some((self.resolve(left, depth)? == self.resolve(right, depth)?).into())),
                _ => Err(malformed("needs two values")),
            },
            "Not" => match operands()?.as_slice() {
                [inner] => match self.resolve(inner, depth)? {
                    Some(Value::Bool(flag)) => Ok(Some((!flag).into())),
                    _ => Err(malformed("needs a condition")),
                },
                _ => Err(malformed("needs one condition")),
            },
            "Condition" => {
                let condition = argument.as_str().ok_or_else(|| malformed("needs a name"))?;
                self.condition(condition, depth).map(|flag| Some(flag.into()))
            }
            other => Err(ResolveError::UnknownIntrinsic(other.to_owned())),
        }
    }

    fn condition(&self, name: &str, depth: usize) -> Resolved<bool> {
        let condition = self.conditions.get(name);
        let condition = condition.ok_or_else(|| ResolveError::UnknownReference(name.to_owned()))?;
        match self.resolve(condition, depth + 1)? {
            Some(Value::Bool(flag)) => Ok(flag),
            _ => Err(ResolveError::Malformed {
                intrinsic: name.to_owned(),
                problem: "is not a condition",
            }),
        }
    }

    fn join(&self, separator: &str, list: &Yaml, depth: usize) -> Resolved<String> {
        let Some(Value::Array(items)) = self.resolve(list, depth)? else {
            return Err(ResolveError::Malformed {
                intrinsic: "Join".to_owned(),
                problem: "needs a list",
            });
        };
        let texts: Vec<String> = items.iter().map(value_text).collect();
        Ok(texts.join(separator))
    }

    /// `${Name}`, `${Resource.Attribute}`; `${!Literal}` stays `${Literal}`.
    fn substitute(&self, text: &str, depth: usize) -> Resolved<String> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            result.push_str(before);
            let Some(end) = from.find('}') else {
                return Err(ResolveError::Malformed {
                    intrinsic: "Sub".to_owned(),
                    problem: "has an open ${",
                });
            };
            let name = &from[2..end];
            rest = &from[end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some((resource, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(resource, attribute, depth)?);
            } else if let Some(value) = self.reference(name, depth)? {
                result.push_str(&value_text(&value));
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn reference(&self, name: &str, depth: usize) -> Resolved<Option<Value>> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        let text = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => "local".to_owned(),
            _ => match self.resources.get(name).map(|resource| resource.kind) {
                None => return Err(ResolveError::UnknownReference(name.to_owned())),
                Some("AWS::SQS::Queue") => {
                    format!("{}/{ACCOUNT}/{}", self.addresses.sqs, self.physical_name(name, depth)?)
                }
                Some(_) => self.physical_name(name, depth)?,
            },
        };
        Ok(Some(text.into()))
    }

    fn attribute(&self, resource: &str, attribute: &str, depth: usize) -> Resolved<String> {
        let kind = self.resources.get(resource).map(|resource| resource.kind);
        let kind = kind.ok_or_else(|| ResolveError::UnknownReference(resource.to_owned()))?;
        let name = self.physical_name(resource, depth)?;
        match (kind, attribute) {
            ("AWS::Serverless::Function", "Arn") => Ok(function_arn(&name)),
            ("AWS::SQS::Queue", "Arn") => Ok(queue_arn(&name)),
            ("AWS::SQS::Queue", "QueueName") => Ok(name),
            ("AWS::DynamoDB::Table", "Arn") => Ok(table_arn(&name)),
            ("AWS::S3::Bucket", "RegionalDomainName") => Ok(format!("{name}.s3.{REGION}.amazonaws.com")),
            ("AWS::CloudFront::OriginAccessControl", "Id") => Ok(name),
            ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:aws:s3:::{name}")),
            ("AWS::Events::EventBus", "Arn") => Ok(format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}")),
            ("AWS::Events::EventBus", "Name") => Ok(name),
            ("AWS::Events::Rule", "Arn") => {
                let bus = self.property_at(resource, "EventBusName", depth + 1)?;
                let bus = bus.as_ref().and_then(Value::as_str).unwrap_or(DEFAULT_BUS);
                Ok(rule_arn(bus_name(bus), &name))
            }
            // CloudFormation gives this form, which no rule's target takes.
            ("AWS::Logs::LogGroup", "Arn") => Ok(format!("{}:*", log_group_arn(&name))),
            _ => Err(ResolveError::UnknownAttribute {
                resource: resource.to_owned(),
                attribute: attribute.to_owned(),
            }),
        }
    }

    /// What AWS would call the resource; its logical id where the template does not say.
    pub(super) fn physical_name(&self, id: &str, depth: usize) -> Resolved<String> {
        let property = match self.resources.get(id).map(|resource| resource.kind) {
            Some("AWS::SQS::Queue") => "QueueName",
            Some("AWS::DynamoDB::Table") => "TableName",
            Some("AWS::S3::Bucket") => "BucketName",
            Some("AWS::Events::EventBus" | "AWS::Events::Rule") => "Name",
            Some("AWS::Logs::LogGroup") => "LogGroupName",
            Some("AWS::Serverless::Function") => "CodeUri",
            _ => return Ok(id.to_owned()),
        };
        let value = self.property_at(id, property, depth + 1)?;
        let Some(text) = value.as_ref().and_then(Value::as_str) else {
            return Ok(id.to_owned());
        };
        let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
        Ok(if property == "CodeUri" { last } else { text }.to_owned())
    }
}

/// The entries of a top-level section.
fn section<'a>(document: &'a Yaml, name: &str) -> impl Iterator<Item = (String, &'a Yaml)> + use<'a> {
    let entries = document.get(name).and_then(Yaml::as_mapping);
    entries
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value)))
}

/// `{ Ref: X }` and `{ "Fn::Sub": X }`, the forms of intrinsics without a tag.
fn long_form(mapping: &Mapping) -> Option<(&str, &Yaml)> {
    let (key, argument) = mapping.iter().next().filter(|_| mapping.len() == 1)?;
    let key = key.as_str()?;
    if key == "Ref" {
        Some((key, argument))
    } else {
        Some((key.strip_prefix("Fn::")?, argument))
    }
}

fn attribute_path(argument: &Yaml) -> Option<(String, String)> {
    match argument {
        Yaml::String(text) => text.split_once('.').map(|(id, name)| (id.to_owned(), name.to_owned())),
        Yaml::Sequence(parts) => match parts.as_slice() {
            [Yaml::String(id), Yaml::String(name)] => Some((id.clone(), name.clone())),
            _ => None,
        },
        _ => None,
    }
}

fn number_value(number: &yaml_serde::Number) -> Value {
    number
        .as_u64()
        .map(Value::from)
        .or_else(|| number.as_i64().map(Value::from))
        .or_else(|| number.as_f64().map(Value::from))
        .unwrap_or(Value::Null)
}

fn scalar_text(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        Yaml::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A scalar as CloudFormation writes it into a text.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(value_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
