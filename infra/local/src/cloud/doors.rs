//! The listeners of a cloud, all bound before anything else starts: a busy port is found out at once.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

use crate::template::Addresses;

/// Ports that a developer may choose; 0 takes any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The HTTP API.
    pub http: u16,
    /// The WebSocket API.
    pub websocket: u16,
    /// A PostgreSQL server of our own.
    pub postgres: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            http: 3000,
            websocket: 3001,
            postgres: 0,
        }
    }
}

impl Ports {
    /// Whatever is free, as tests want it.
    pub const ANY: Self = Self {
        http: 0,
        websocket: 0,
        postgres: 0,
    };
}

/// Bound listeners with their addresses.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) http: TcpListener,
    pub(super) websocket: TcpListener,
    pub(super) lambda: TcpListener,
    pub(super) state: StateDoors,
}

/// The listeners of what functions keep things in and send things with.
#[derive(Debug)]
pub(super) struct StateDoors {
    pub(super) dynamodb: TcpListener,
    pub(super) s3: TcpListener,
    pub(super) sqs: TcpListener,
    pub(super) eventbridge: TcpListener,
    pub(super) sesv2: TcpListener,
}

impl Doors {
    /// Binds everything on 127.0.0.1.
    pub(super) async fn open(ports: Ports) -> anyhow::Result<Self> {
        Ok(Self {
            http: bind(ports.http, "HTTP_PORT").await?,
            websocket: bind(ports.websocket, "WEBSOCKET_PORT").await?,
            lambda: bind(0, "").await?,
            state: StateDoors {
                dynamodb: bind(0, "").await?,
                s3: bind(0, "").await?,
                sqs: bind(0, "").await?,
                eventbridge: bind(0, "").await?,
                sesv2: bind(0, "").await?,
            },
        })
    }

    /// What the template needs to know of them.
    pub(super) fn addresses(&self) -> anyhow::Result<Addresses> {
        Ok(Addresses {
            http: url(&self.http)?,
            websocket: url(&self.websocket)?,
            sqs: url(&self.state.sqs)?,
        })
    }
}

/// The address of a listener as a URL.
pub(super) fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

async fn bind(port: u16, variable: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(busy(port, variable)),
        Err(error) => Err(error).with_context(|| format!("port {port} cannot be used")),
    }
}

/// A port for PostgreSQL, which binds it itself.
pub(super) async fn postgres_port(port: u16) -> anyhow::Result<u16> {
    let listener = bind(port, "POSTGRES_PORT").await?;
    Ok(listener.local_addr().map(|address: SocketAddr| address.port())?)
}

fn busy(port: u16, variable: &str) -> String {
    format!("port {port} on 127.0.0.1 is in use: stop what listens there, or set {variable} to another port")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[tokio::test]
    async fn a_busy_port_names_the_variable_that_changes_it() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        for (ports, variable) in [
            (
                Ports {
                    http: port,
                    ..Ports::ANY
                },
                "HTTP_PORT",
            ),
            (
                Ports {
                    websocket: port,
                    ..Ports::ANY
                },
                "WEBSOCKET_PORT",
            ),
        ] {
            let error = Doors::open(ports).await.unwrap_err().to_string();
            assert!(
                error.contains(&port.to_string()) && error.contains(variable) && !error.contains('\n'),
                "{error}"
            );
        }
        assert!(
            postgres_port(port)
                .await
                .unwrap_err()
                .to_string()
                .contains("POSTGRES_PORT")
        );
    }
}
