//! Lambda authorizers with API Gateway's cache: simple responses for the HTTP API, IAM policies for the WebSocket API.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::lambda::{InvocationError, Pool};
use crate::template::{self, IdentitySource};

/// Decisions that are remembered at a time. 10,000 tokens of about 600 bytes are 6 MB; beyond that, expired ones go
/// first and then nothing new is remembered.
const CACHED_DECISIONS: usize = 10_000;

/// An authorizer of one of the two APIs.
#[derive(Debug)]
pub struct Authorizer {
    settings: template::Authorizer,
    pool: Pool,
    cache: Mutex<HashMap<Vec<String>, Cached>>,
}

#[derive(Debug)]
struct Cached {
    until: Instant,
    answer: Answer,
}

#[derive(Debug, Clone)]
enum Answer {
    Simple {
        is_authorized: bool,
        context: Map<String, Value>,
    },
    Policy {
        statements: Vec<Statement>,
        context: Map<String, Value>,
    },
}

/// What an authorizer decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// The request may pass; functions get this context.
    Allow(Map<String, Value>),
    /// It may not.
    Deny,
}

/// Why there is no decision.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AuthorizerError {
    /// The function failed with the message `Unauthorized`, which is its way to say 401.
    #[error("the authorizer does not know the caller")]
    Unauthorized,
    /// The function failed otherwise.
    #[error("the authorizer failed: {0}")]
    Failed(InvocationError),
    /// The function's answer is not in the expected form.
    #[error("the authorizer's answer is not usable: {0}")]
    Malformed(String),
}

/// The form in which an authorizer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"isAuthorized": true, "context": {}}`.
    Simple,
    /// `{"principalId": "", "policyDocument": {}, "context": {}}`.
    Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimpleAnswer {
    is_authorized: bool,
    #[serde(default)]
    context: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyAnswer {
    principal_id: String,
    policy_document: PolicyDocument,
    #[serde(default)]
    context: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: String,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::Many(items) => items,
            Self::One(item) => std::slice::from_ref(item),
        }
    }
}

impl Authorizer {
    /// An authorizer with an empty cache.
    #[must_use]
    pub fn new(settings: template::Authorizer, pool: Pool) -> Self {
        Self {
            settings,
            pool,
            cache: Mutex::default(),
        }
    }

    /// The credentials of a request; `None` when one is missing or empty, which API Gateway answers with 401 without
    /// asking the function. Header names are in lower case.
    #[must_use]
    pub fn identity(
        &self,
        headers: &BTreeMap<String, String>,
        query: &BTreeMap<String, String>,
    ) -> Option<Vec<String>> {
        let value = |source: &IdentitySource| match source {
            IdentitySource::Header(name) => headers.get(name),
            IdentitySource::Query(name) => query.get(name),
        };
        let found = self
            .settings
            .identity
            .iter()
            .map(|source| value(source).filter(|text| !text.is_empty()).cloned());
        found.collect()
    }

    /// Decides about `arn` from the cache or by asking the function with `event`. Denials are remembered too, failures
    /// are not.
    ///
    /// # Errors
    /// See [`AuthorizerError`].
    pub async fn decide(
        &self,
        form: Form,
        identity: Vec<String>,
        arn: &str,
        event: &Value,
    ) -> Result<Decision, AuthorizerError> {
        if let Some(answer) = self.remembered(&identity) {
            return Ok(answer.decision(arn));
        }
        let payload = Bytes::from(event.to_string());
        let answer = match self.pool.invoke(&self.settings.function, payload).await {
            Ok(answer) => Answer::read(form, &answer)?,
            Err(InvocationError::Function { message, .. }) if message == "Unauthorized" => {
                return Err(AuthorizerError::Unauthorized);
            }
            Err(error) => return Err(AuthorizerError::Failed(error)),
        };
        let decision = answer.decision(arn);
        self.remember(identity, answer);
        Ok(decision)
    }

    fn remembered(&self, identity: &[String]) -> Option<Answer> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache
            .get(identity)
            .filter(|cached| cached.until > Instant::now())
            .map(|cached| cached.answer.clone())
    }

    fn remember(&self, identity: Vec<String>, answer: Answer) {
        if self.settings.ttl == Duration::ZERO {
            return;
        }
        let now = Instant::now();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_DECISIONS {
            cache.retain(|_, cached| cached.until > now);
        }
        if cache.len() < CACHED_DECISIONS {
            cache.insert(
                identity,
                Cached {
                    until: now + self.settings.ttl,
                    answer,
                },
            );
        }
    }
}

impl Answer {
    fn read(form: Form, text: &[u8]) -> Result<Self, AuthorizerError> {
        let malformed = |error: serde_json::Error| AuthorizerError::Malformed(error.to_string());
        match form {
            Form::Simple => {
                let answer: SimpleAnswer = serde_json::from_slice(text).map_err(malformed)?;
                Ok(Self::Simple {
                    is_authorized: answer.is_authorized,
                    context: answer.context.unwrap_or_default(),
                })
            }
            Form::Policy => {
                let answer: PolicyAnswer = serde_json::from_slice(text).map_err(malformed)?;
                let mut context = Map::new();
                for (name, value) in answer.context.unwrap_or_default() {
                    context.insert(name.clone(), flat(&name, value)?);
                }
                context.insert("principalId".to_owned(), answer.principal_id.into());
                Ok(Self::Policy {
                    statements: answer.policy_document.statement.as_slice().to_vec(),
                    context,
                })
            }
        }
    }

    fn decision(&self, arn: &str) -> Decision {
        let (is_allowed, context) = match self {
            Self::Simple { is_authorized, context } => (*is_authorized, context),
            Self::Policy { statements, context } => (allows(statements, arn), context),
        };
        if is_allowed {
            Decision::Allow(context.clone())
        } else {
            Decision::Deny
        }
    }
}

/// The context of a policy holds texts, numbers and booleans; functions see all of them as text.
fn flat(name: &str, value: Value) -> Result<Value, AuthorizerError> {
    match value {
        Value::Array(_) | Value::Object(_) => Err(AuthorizerError::Malformed(format!(
            "the context's {name} is neither text, number nor boolean"
        ))),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string().into()),
        text => Ok(text),
    }
}

/// IAM's rule: at least one statement allows, and none denies.
fn allows(statements: &[Statement], arn: &str) -> bool {
    let applies = |statement: &&Statement| {
        statement
            .action
            .as_slice()
            .iter()
            .any(|pattern| matches(pattern, "execute-api:Invoke"))
            && statement
                .resource
                .as_slice()
                .iter()
                .any(|pattern| matches(pattern, arn))
    };
    let mut effects = statements
        .iter()
        .filter(applies)
        .map(|statement| statement.effect == "Allow")
        .peekable();
    effects.peek().is_some() && effects.all(|allows| allows)
}

/// IAM's patterns: `*` is any text, `?` any one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where to go on when the text does not match: the last star, and one byte of the text more for it.
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                retry = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (at_pattern, at_text) = (star, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    const CONNECT: &str = "arn:aws:execute-api:us-east-1:000000000000:ChatApi/prod/$connect";

    #[test]
    fn patterns_match_as_in_iam() {
        let cases = [
            ("*", CONNECT, true),
            ("arn:aws:execute-api:*:*:ChatApi/*", CONNECT, true),
            ("arn:aws:execute-api:*/prod/$disconnect", CONNECT, false),
            ("*$connect", CONNECT, true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "a-b-b-c", true),
            ("", "", true),
            ("", "a", false),
            ("a**", "a", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn policy(statements: &Value) -> Value {
        json!({ "principalId": "u", "policyDocument": { "Version": "2012-10-17", "Statement": statements },
                "context": { "client": "c", "age": 7, "old": true } })
    }

    fn decide(form: Form, answer: &Value) -> Result<Decision, AuthorizerError> {
        Answer::read(form, answer.to_string().as_bytes()).map(|answer| answer.decision(CONNECT))
    }

    #[test]
    fn a_policy_allows_only_what_it_names_and_does_not_deny() {
        let allow = json!({ "Action": ["execute-api:Invoke"], "Effect": "Allow", "Resource": [CONNECT] });
        let deny = json!({ "Action": "*", "Effect": "Deny", "Resource": "*" });
        let elsewhere = json!({ "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "arn:aws:s3:::x" });
        let allowed = decide(Form::Policy, &policy(&json!([allow]))).unwrap();
        let context = json!({ "client": "c", "age": "7", "old": "true", "principalId": "u" });
        assert_eq!(allowed, Decision::Allow(context.as_object().unwrap().clone()));
        for statements in [json!([deny]), json!([allow, deny]), json!([elsewhere]), json!([])] {
            assert_eq!(
                decide(Form::Policy, &policy(&statements)).unwrap(),
                Decision::Deny,
                "{statements}"
            );
        }
        assert!(
            matches!(decide(Form::Policy, &policy(&allow)), Ok(Decision::Allow(_))),
            "a single statement"
        );
    }

    #[test]
    fn simple_answers_are_read() {
        let context = json!({ "nested": { "a": 1 } });
        let answer = json!({ "isAuthorized": true, "context": context });
        let expected = Decision::Allow(context.as_object().unwrap().clone());
        assert_eq!(decide(Form::Simple, &answer).unwrap(), expected);
        assert_eq!(
            decide(Form::Simple, &json!({ "isAuthorized": false })).unwrap(),
            Decision::Deny
        );
    }

    #[test]
    fn unusable_answers_are_refused() {
        let nested = json!({ "principalId": "u", "policyDocument": { "Statement": [] }, "context": { "a": {} } });
        for (form, answer) in [
            (Form::Simple, json!({ "isAuthorized": "yes" })),
            (Form::Simple, json!(null)),
            (Form::Policy, json!({ "isAuthorized": true })),
            (Form::Policy, nested),
        ] {
            assert!(
                matches!(decide(form, &answer), Err(AuthorizerError::Malformed(_))),
                "{answer}"
            );
        }
    }
}
