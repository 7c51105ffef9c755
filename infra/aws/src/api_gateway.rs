//! API Gateway in this process: the HTTP API and the WebSocket API, with the limits and errors of the real ones.
//!
//! `axum` and `hyper` speak HTTP and `tokio-tungstenite` the WebSocket protocol. What is written here is what a library can't
//! know, because it is API Gateway's own: how a route is chosen, what a function and an authorizer are sent, how long a
//! decision is remembered, and at which size, time or rate a client is refused with which words.

pub mod authorizer;
mod body;
pub mod http_api;
mod request;
mod throttle;
pub mod websocket_api;
