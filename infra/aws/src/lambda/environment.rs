//! The variables that Lambda sets for a function.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::account::{REGION, session_of};
use crate::template::Function;

/// Variables that a function inherits from us: without `PATH` and `HOME` some libraries do not work. Everything else
/// (and with it a developer's own AWS credentials) stays out.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE"];

/// How to start a function whose process is not ours: under a debugger, or in a test.
#[derive(Debug, Clone)]
pub struct ExternalFunction {
    /// The function's name.
    pub name: String,
    /// The value of `AWS_LAMBDA_RUNTIME_API`, also part of [`Self::environment`].
    pub runtime_api: String,
    /// Every variable that it needs.
    pub environment: BTreeMap<String, String>,
    /// The binary that would have been started.
    pub binary: PathBuf,
}

/// A command line for a shell.
impl fmt::Display for ExternalFunction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "env")?;
        for (name, value) in self
            .environment
            .iter()
            .filter(|(name, _)| !INHERITED.contains(&name.as_str()))
        {
            write!(formatter, " \\\n  {name}='{}'", value.replace('\'', r"'\''"))?;
        }
        write!(formatter, " \\\n  '{}'", self.binary.display())
    }
}

/// The whole environment of a function. `extra` wins over Lambda's own variables, the template's over both.
pub(super) fn of(function: &Function, runtime_api: &str, extra: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let name = &function.name;
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
        ("AWS_SESSION_TOKEN", session_of(name)),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let inherited = INHERITED
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    inherited
        .chain(lambda.into_iter().map(|(name, value)| (name.to_owned(), value)))
        .chain(extra.clone())
        .chain(function.environment.clone())
        .collect()
}
