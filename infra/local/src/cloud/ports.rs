//! The ports that a developer may choose, bound before anything else starts: a busy one is found out at once.

use std::net::Ipv4Addr;

use anyhow::{Context as _, bail};
use aws_stand_in::listeners::Listeners;
use tokio::net::TcpListener;

/// Where to listen on 127.0.0.1; 0 takes any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The HTTP API.
    pub http: u16,
    /// The WebSocket API.
    pub websocket: u16,
    /// The console.
    pub console: u16,
    /// A PostgreSQL server of our own.
    pub postgres: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            http: 3000,
            websocket: 3001,
            console: 3002,
            postgres: 0,
        }
    }
}

impl Ports {
    /// Whatever is free, as tests want it.
    pub const ANY: Self = Self {
        http: 0,
        websocket: 0,
        console: 0,
        postgres: 0,
    };
}

/// Binds everything that AWS's services need.
pub(super) async fn bind_all(ports: Ports) -> anyhow::Result<Listeners> {
    let http = bind(ports.http, "HTTP_PORT").await?;
    let websocket = bind(ports.websocket, "WEBSOCKET_PORT").await?;
    let console = bind(ports.console, "CONSOLE_PORT").await?;
    Listeners::bind(http, websocket, console)
        .await
        .context("127.0.0.1 has no free port")
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
    Ok(listener.local_addr()?.port())
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
            (
                Ports {
                    console: port,
                    ..Ports::ANY
                },
                "CONSOLE_PORT",
            ),
        ] {
            let error = bind_all(ports).await.unwrap_err().to_string();
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
