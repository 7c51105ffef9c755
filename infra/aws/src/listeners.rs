//! The listeners of all services, bound before anything starts, and the addresses by which clients find them.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::account::{ACCESS_KEY, SECRET_KEY};
use crate::template::{Addresses, Template};

/// A bound listener for each service.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) http: TcpListener,
    pub(crate) websocket: TcpListener,
    pub(crate) cloudfront: TcpListener,
    pub(crate) runtime: TcpListener,
    pub(crate) lambda: TcpListener,
    pub(crate) dynamodb: TcpListener,
    pub(crate) s3: TcpListener,
    pub(crate) sqs: TcpListener,
    pub(crate) eventbridge: TcpListener,
    pub(crate) ses: TcpListener,
}

/// Where each service is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Base address of the HTTP API.
    pub http: String,
    /// Address of the WebSocket API, its stage included.
    pub websocket: String,
    /// Address of the CloudFront distribution, where the template has one.
    #[serde(default)]
    pub cloudfront: Option<String>,
    /// The DynamoDB endpoint.
    pub dynamodb: String,
    /// The S3 endpoint.
    pub s3: String,
    /// The SQS endpoint.
    pub sqs: String,
    /// The EventBridge endpoint.
    pub eventbridge: String,
    /// The SES v2 endpoint.
    pub sesv2: String,
    /// The Lambda endpoint.
    pub lambda: String,
}

impl Listeners {
    /// The two APIs and the distribution listen where the caller wants them, everything else on any free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn bind(http: TcpListener, websocket: TcpListener, cloudfront: TcpListener) -> io::Result<Self> {
        let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Ok(Self {
            http,
            websocket,
            cloudfront,
            runtime: any().await?,
            lambda: any().await?,
            dynamodb: any().await?,
            s3: any().await?,
            sqs: any().await?,
            eventbridge: any().await?,
            ses: any().await?,
        })
    }

    /// What a template needs to know of them.
    ///
    /// # Errors
    /// When a listener has no address.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            http: url(&self.http)?,
            websocket: url(&self.websocket)?,
            sqs: url(&self.sqs)?,
        })
    }

    /// The addresses for clients.
    pub(crate) fn endpoints(&self, template: &Template) -> io::Result<Endpoints> {
        let websocket = self.websocket.local_addr()?;
        Ok(Endpoints {
            http: url(&self.http)?,
            websocket: format!("ws://{websocket}/{}", template.websocket_stage),
            cloudfront: template
                .distribution
                .as_ref()
                .map(|_| url(&self.cloudfront))
                .transpose()?,
            dynamodb: url(&self.dynamodb)?,
            s3: url(&self.s3)?,
            sqs: url(&self.sqs)?,
            eventbridge: url(&self.eventbridge)?,
            sesv2: url(&self.ses)?,
            lambda: url(&self.lambda)?,
        })
    }
}

impl Endpoints {
    /// The variables by which every AWS SDK finds these services instead of AWS.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb),
            ("AWS_ENDPOINT_URL_S3", &self.s3),
            ("AWS_ENDPOINT_URL_SQS", &self.sqs),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", &self.eventbridge),
            ("AWS_ENDPOINT_URL_SESV2", &self.sesv2),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

fn url(listener: &TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
