//! Whether a function may do with a table what it asks for, by the statements of its policies, as IAM decides it.
//!
//! Who calls says the header `x-amz-security-token`, which every SDK sends along with a session's credentials: on Lambda a function has those of its role. A
//! caller without it is the account itself, which may do everything.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::account::{ACCOUNT, function_of_session, table_arn};
use crate::template::{Permission, Template};

/// What functions may do with tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permissions {
    functions: BTreeMap<String, Vec<Permission>>,
    /// The name of each table's hash key.
    hash_keys: BTreeMap<String, String>,
}

/// What a request wants to do with one table.
#[derive(Debug, PartialEq, Eq)]
struct Access {
    action: String,
    table: String,
    index: Option<String>,
    /// The values of the hash key, as far as the request names any.
    leading_keys: Vec<String>,
}

impl Permissions {
    pub(crate) fn of(template: &Template) -> Self {
        let functions = template.functions.iter();
        let hash_key = |table: &crate::template::Table| {
            let hash = table.key_schema.iter().find(|key| key.key_type == "HASH")?;
            Some((table.name.clone(), hash.attribute_name.clone()))
        };
        Self {
            functions: functions
                .map(|function| (function.name.clone(), function.permissions.clone()))
                .collect(),
            hash_keys: template.tables.iter().filter_map(hash_key).collect(),
        }
    }

    /// Whether the session may send this operation, such as `GetItem`, with this body.
    ///
    /// # Errors
    /// The sentence with which AWS refuses it.
    pub(crate) fn check(&self, session: &str, operation: &str, body: &Value) -> Result<(), String> {
        let caller = function_of_session(session).and_then(|name| self.functions.get_key_value(name));
        let (function, statements) = caller.ok_or("The security token included in the request is invalid.")?;
        for access in self.accesses(operation, body) {
            if !statements.iter().any(|statement| allows(statement, &access)) {
                let Access {
                    action, leading_keys, ..
                } = &access;
                return Err(format!(
                    "User: arn:aws:sts::{ACCOUNT}:assumed-role/{function}/{function} is not authorized to perform: {action} on resource: {} because no \
                     identity-based policy allows the {action} action (leading keys: {})",
                    access.resource(),
                    leading_keys.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// What an operation does, table by table and, of transactions, item by item.
    fn accesses(&self, operation: &str, body: &Value) -> Vec<Access> {
        match operation {
            "TransactWriteItems" | "TransactGetItems" => {
                let items = body["TransactItems"].as_array().into_iter().flatten();
                let parts = items.filter_map(Value::as_object).flatten();
                parts
                    .map(|(kind, part)| {
                        let action = if kind == "ConditionCheck" {
                            "ConditionCheckItem"
                        } else {
                            &format!("{kind}Item")
                        };
                        self.access(action, part)
                    })
                    .collect()
            }
            // Of many keys at once the products of today have none: they are allowed where no condition is on keys.
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = body["RequestItems"].as_object().into_iter().flatten();
                let whole = |(table, _): (&String, &Value)| Access {
                    action: format!("dynamodb:{operation}"),
                    table: table.clone(),
                    index: None,
                    leading_keys: vec![String::new()],
                };
                tables.map(whole).collect()
            }
            _ => vec![self.access(operation, body)],
        }
    }

    fn access(&self, action: &str, body: &Value) -> Access {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let table = text("TableName").unwrap_or_default();
        let hash_key = self.hash_keys.get(&table).map(String::as_str).unwrap_or_default();
        let of_item = ["Key", "Item"].iter().find_map(|name| body[*name].get(hash_key));
        let value = of_item.or_else(|| queried(body, hash_key));
        Access {
            action: format!("dynamodb:{action}"),
            index: text("IndexName"),
            leading_keys: value
                .and_then(|value| value["S"].as_str())
                .map(str::to_owned)
                .into_iter()
                .collect(),
            table,
        }
    }
}

impl Access {
    fn resource(&self) -> String {
        let table = table_arn(&self.table);
        match &self.index {
            Some(index) => format!("{table}/index/{index}"),
            None => table,
        }
    }
}

/// The value that a query asks of the hash key: of `pk = :pk AND …` that of `:pk`.
fn queried<'a>(body: &'a Value, hash_key: &str) -> Option<&'a Value> {
    let expression = body["KeyConditionExpression"].as_str()?;
    let term = |term: &str| {
        let (name, value) = term.split_once('=')?;
        let name = name.trim_matches([' ', '(']);
        let name = body["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
        (name == hash_key).then(|| value.trim_matches([' ', ')']).to_owned())
    };
    let value = expression.split(" AND ").find_map(term)?;
    body["ExpressionAttributeValues"].get(&value)
}

fn allows(statement: &Permission, access: &Access) -> bool {
    let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| is_like(text, pattern));
    any(&statement.actions, &access.action)
        && any(&statement.resources, &access.resource())
        && statement
            .leading_keys
            .as_ref()
            .is_none_or(|patterns| access.leading_keys.iter().all(|key| any(patterns, key)))
}

/// Whether a text is like a pattern, in which `*` stands for any letters and `?` for one.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some(wildcard) = pattern.find(['*', '?']) else {
        return text == pattern;
    };
    let (start, rest) = pattern.split_at(wildcard);
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let after = &rest[1..];
    if rest.starts_with('?') {
        let mut letters = text.chars();
        return letters.next().is_some() && is_like(letters.as_str(), after);
    }
    let cuts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    cuts.into_iter().any(|at| is_like(&text[at..], after))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::account::session_of;
    use crate::template::Addresses;

    const TEMPLATE: &str = r#"
Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: items
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: built/reader/
      Policies:
        - Statement:
            - { Effect: Allow, Action: [sqs:SendMessage], Resource: "*" }
            - Effect: Allow
              Action: [dynamodb:GetItem, dynamodb:Query, dynamodb:PutItem]
              Resource: !GetAtt Items.Arn
              Condition: { ForAllValues:StringLike: { dynamodb:LeadingKeys: ["SHARD#*", "ONE"] } }
            - { Effect: Allow, Action: dynamodb:DeleteItem, Resource: !GetAtt Items.Arn }
  Nobody: { Type: AWS::Serverless::Function, Properties: { CodeUri: built/nobody/ } }
"#;

    fn permissions() -> Permissions {
        let addresses = Addresses {
            http: String::new(),
            websocket: String::new(),
            sqs: String::new(),
        };
        Permissions::of(&Template::parse(TEMPLATE, &addresses, &BTreeMap::new(), &|_, _| None).unwrap())
    }

    #[test]
    fn a_function_does_what_its_statements_allow_and_nothing_else() {
        let permissions = permissions();
        let key = |value: &str| json!({ "TableName": "items", "Key": { "pk": { "S": value } } });
        let query = |expression: &str| {
            json!({ "TableName": "items", "KeyConditionExpression": expression, "ExpressionAttributeNames": { "#p": "pk" },
                "ExpressionAttributeValues": { ":a": { "S": "SHARD#1" }, ":b": { "S": "DUTY#1" } } })
        };
        let write = |kind: &str, value: &str| {
            let part = if kind == "Put" { "Item" } else { "Key" };
            json!({ "TransactItems": [{ kind: { "TableName": "items", part: { "pk": { "S": value } } } }] })
        };
        for (function, operation, body, allowed) in [
            ("reader", "GetItem", key("SHARD#1"), true),
            ("reader", "GetItem", key("ONE"), true),
            ("reader", "GetItem", key("ONE#1"), false),
            ("reader", "GetItem", key("DUTY#SHARD#1"), false),
            ("reader", "DeleteItem", key("DUTY#1"), true),
            ("reader", "UpdateItem", key("SHARD#1"), false),
            ("reader", "Scan", json!({ "TableName": "items" }), false),
            (
                "reader",
                "GetItem",
                json!({ "TableName": "others", "Key": { "pk": { "S": "ONE" } } }),
                false,
            ),
            ("reader", "Query", query("pk = :a AND begins_with(sk, :b)"), true),
            ("reader", "Query", query("sk > :a AND #p = :b"), false),
            ("reader", "Query", query("#p = :a"), true),
            ("reader", "TransactWriteItems", write("Put", "SHARD#2"), true),
            ("reader", "TransactWriteItems", write("Put", "DUTY#2"), false),
            ("reader", "TransactWriteItems", write("Delete", "DUTY#2"), true),
            (
                "reader",
                "TransactWriteItems",
                write("ConditionCheck", "SHARD#2"),
                false,
            ),
            (
                "reader",
                "BatchGetItem",
                json!({ "RequestItems": { "items": { "Keys": [] } } }),
                false,
            ),
            ("nobody", "GetItem", key("SHARD#1"), false),
            ("unknown", "GetItem", key("SHARD#1"), false),
        ] {
            let checked = permissions.check(&session_of(function), operation, &body);
            assert_eq!(checked.is_ok(), allowed, "{function} {operation} {body}: {checked:?}");
        }
    }

    #[test]
    fn wildcards_stand_for_letters() {
        for (text, pattern, expected) in [
            ("", "*", true),
            ("abc", "a*", true),
            ("abc", "*c", true),
            ("abc", "a*b*c", true),
            ("abc", "a?c", true),
            ("abc", "a?", false),
            ("a", "a?", false),
            ("äbc", "?bc", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} like {pattern}");
        }
    }
}
