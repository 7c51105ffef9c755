//! The one AWS account there is: its region, the credentials that open it, and the ARNs of what is in it.

/// The only region there is.
pub const REGION: &str = "us-east-1";
/// The only account there is.
pub const ACCOUNT: &str = "000000000000";

/// The access key that every client signs with. S3 checks signatures, so that presigned URLs are real.
pub const ACCESS_KEY: &str = "local";
/// The secret of [`ACCESS_KEY`]. It protects nothing: what keeps pages of a browser away is that they can't send it without asking first.
pub const SECRET_KEY: &str = "local";
/// The header `Authorization` of a caller without an SDK: it has the form of a signature, which every service but S3 asks for, and does not check.
pub const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=0";

/// The event bus that every account has, and that a rule is of which names none.
pub const DEFAULT_BUS: &str = "default";

/// The ARN of the function `name`.
#[must_use]
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// The ARN of the queue `name`.
#[must_use]
pub fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The ARN of the table `name`.
#[must_use]
pub fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

/// What the session of a function's role begins with.
const FUNCTION_SESSION: &str = "function:";

/// The session token that the function `name` has: it tells services who calls, and is no secret.
#[must_use]
pub fn session_of(name: &str) -> String {
    format!("{FUNCTION_SESSION}{name}")
}

/// The function whose session this is.
pub(crate) fn function_of_session(token: &str) -> Option<&str> {
    token.strip_prefix(FUNCTION_SESSION)
}

/// The ARN of the rule `name` of the event bus `bus`.
#[must_use]
pub fn rule_arn(bus: &str, name: &str) -> String {
    if bus == DEFAULT_BUS {
        format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}")
    } else {
        format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{name}")
    }
}

/// The ARN of the log group `name`, as a rule's target takes it.
pub(crate) fn log_group_arn(name: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}")
}

/// The name of an event bus that is given by its name or its ARN.
#[must_use]
pub fn bus_name(name_or_arn: &str) -> &str {
    name_or_arn
        .rsplit_once(":event-bus/")
        .map_or(name_or_arn, |(_, name)| name)
}
