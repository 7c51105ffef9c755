//! The IAM policy that lets a caller use one stage of one API.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use identity::Caller;
use serde::Serialize;
use uuid::Uuid;

use crate::sessions;

/// A WebSocket authorizer's answer.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    principal_id: String,
    policy_document: Document,
    context: BTreeMap<&'static str, String>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    /// The version of the policy language.
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    action: &'static str,
    resource: String,
}

impl Policy {
    /// Lets the caller use the stage that was asked for, whole: API Gateway may use the answer again for another route of it.
    ///
    /// # Errors
    /// When the ARN is not one of an API's route.
    pub fn allow(caller: &Caller, session: Uuid, method_arn: &str) -> Result<Self> {
        let resource =
            stage_of(method_arn).with_context(|| format!("method arn {method_arn:?} names no stage of an api"))?;
        let statement = Statement {
            effect: "Allow",
            action: "execute-api:Invoke",
            resource,
        };
        Ok(Self {
            principal_id: caller.user.to_string(),
            policy_document: Document {
                version: "2012-10-17",
                statement: [statement],
            },
            context: sessions::context(caller, session),
        })
    }
}

/// `arn:aws:execute-api:region:account:api/stage/*` of `arn:aws:execute-api:region:account:api/stage/$connect`.
fn stage_of(method_arn: &str) -> Option<String> {
    let (service, path) = method_arn.rsplit_once(':')?;
    let mut parts = path.split('/');
    let (api, stage, _route) = (parts.next()?, parts.next()?, parts.next()?);
    let is_name = |part: &str| !part.is_empty() && !part.contains(['*', '?']);
    let of_gateway = service.starts_with("arn:") && service.contains(":execute-api:");
    (of_gateway && is_name(api) && is_name(stage)).then(|| format!("{service}:{api}/{stage}/*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stage_that_was_asked_for_is_allowed() {
        let cases = [
            (
                "arn:aws:execute-api:us-east-1:000000000000:api1/live/$connect",
                Some("arn:aws:execute-api:us-east-1:000000000000:api1/live/*"),
            ),
            (
                "arn:aws-cn:execute-api:cn-north-1:1:api1/live/GET/x",
                Some("arn:aws-cn:execute-api:cn-north-1:1:api1/live/*"),
            ),
            ("arn:aws:execute-api:us-east-1:000000000000:api1/live", None),
            ("arn:aws:execute-api:us-east-1:000000000000:*/*/$connect", None),
            ("arn:aws:execute-api:us-east-1:000000000000:api1//$connect", None),
            ("arn:aws:lambda:us-east-1:000000000000:function/live/x", None),
            ("*", None),
            ("", None),
        ];
        for (arn, expected) in cases {
            assert_eq!(stage_of(arn).as_deref(), expected, "{arn}");
        }
    }
}
