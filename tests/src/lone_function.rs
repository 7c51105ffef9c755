//! One function's binary with an environment of the test's own, apart from any cloud.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_stand_in::lambda::{FunctionsDir, Pool, PoolLimits};
use aws_stand_in::template::Function;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;

/// A function that waits for events.
pub struct LoneFunction {
    pool: Pool,
    name: String,
}

impl LoneFunction {
    /// The function with these variables besides Lambda's own, and so long for an event.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn start(name: &str, timeout: Duration, environment: &[(&str, &str)]) -> Result<Self> {
        let credentials = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        let variables = credentials.iter().chain(environment);
        let function = Function {
            logical_id: name.to_owned(),
            name: name.to_owned(),
            timeout,
            memory_mb: 512,
            environment: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            reserved_concurrency: None,
            permissions: Vec::new(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let directory = FunctionsDir::new(crate::required("FUNCTIONS_DIR"));
        let pool = Pool::new(
            listener,
            vec![function],
            &directory,
            &BTreeMap::new(),
            &PoolLimits::default(),
        )?;
        Ok(Self {
            pool,
            name: name.to_owned(),
        })
    }

    /// Its answer to an event, and how long it took.
    ///
    /// # Errors
    /// When it fails, or its time is over.
    pub async fn answer(&self, event: &str) -> Result<(Value, Duration)> {
        let began = Instant::now();
        let answer = self.pool.invoke(&self.name, Bytes::from(event.to_owned())).await?;
        let answer = serde_json::from_slice(&answer).context("the answer is no JSON")?;
        Ok((answer, began.elapsed()))
    }

    /// Ends it.
    pub async fn stop(self) {
        self.pool.shutdown().await;
    }
}
