//! What functions may do with tables: the statements of their policies that name actions of `DynamoDB`.
//!
//! A condition other than on leading keys is refused, and so is a statement that denies. Statements about other services are not looked at.

use serde::Deserialize;
use serde_json::Value;

use super::{TemplateError, decode};

/// What the actions of `DynamoDB` begin with.
const SERVICE: &str = "dynamodb:";
/// The key of conditions on the values of a table's hash key.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// A statement that allows a function something with tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Actions such as `dynamodb:GetItem`, or patterns of them.
    pub actions: Vec<String>,
    /// ARNs, or patterns of them.
    pub resources: Vec<String>,
    /// Patterns, one of which each value of the hash key has; without them any.
    pub leading_keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    statement: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: String,
    action: OneOrMany,
    resource: OneOrMany,
    condition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Reads the `Policies` of a function.
pub(super) fn read(place: &str, policies: &[Value]) -> Result<Vec<Permission>, TemplateError> {
    let mut permissions = Vec::new();
    for policy in policies {
        // A policy by its name, or one of SAM's templates, says elsewhere what it allows.
        let Ok(policy) = serde_json::from_value::<Policy>(policy.clone()) else {
            let message = "the stand-in knows policies with statements of their own only";
            return Err(TemplateError::invalid(place, message));
        };
        for statement in policy.statement {
            if statement["Action"].to_string().contains(SERVICE) {
                permissions.push(read_statement(place, decode(place, statement)?)?);
            }
        }
    }
    Ok(permissions)
}

fn read_statement(place: &str, statement: Statement) -> Result<Permission, TemplateError> {
    if statement.effect != "Allow" {
        let message = format!("the stand-in knows statements that allow, not {}", statement.effect);
        return Err(TemplateError::invalid(place, message));
    }
    Ok(Permission {
        actions: statement.action.list(),
        resources: statement.resource.list(),
        leading_keys: statement
            .condition
            .map(|condition| leading_keys(place, condition))
            .transpose()?,
    })
}

/// The patterns of `{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [...]}}`.
fn leading_keys(place: &str, condition: Value) -> Result<Vec<String>, TemplateError> {
    let unknown = || {
        let message =
            format!("the stand-in knows conditions ForAllValues:StringLike on {LEADING_KEYS} only, not {condition}");
        TemplateError::invalid(place, message)
    };
    let operators = condition.as_object().filter(|operators| operators.len() == 1);
    let keys = operators.and_then(|operators| operators.get("ForAllValues:StringLike")?.as_object());
    let patterns = keys
        .filter(|keys| keys.len() == 1)
        .and_then(|keys| keys.get(LEADING_KEYS));
    let patterns = patterns.ok_or_else(unknown)?;
    Ok(decode::<OneOrMany>(place, patterns.clone())?.list())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_understood_is_refused() {
        let statement = |more: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*" });
            statement
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            json!([{ "Statement": [statement] }])
        };
        for (policies, told) in [
            (json!(["AmazonDynamoDBFullAccess"]), "statements of their own"),
            (statement(json!({ "Effect": "Deny" })), "not Deny"),
            (statement(json!({ "NotAction": "a" })), "unknown field"),
            (
                statement(json!({ "Condition": { "StringLike": { "dynamodb:LeadingKeys": "a" } } })),
                "ForAllValues:StringLike",
            ),
            (
                statement(json!({ "Condition": { "ForAllValues:StringLike": { "aws:user": "a" } } })),
                "ForAllValues:StringLike",
            ),
        ] {
            let policies = policies.as_array().unwrap().clone();
            let error = read("F", &policies).unwrap_err().to_string();
            assert!(error.contains(told), "{policies:?}: {error}");
        }
    }
}
