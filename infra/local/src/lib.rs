//! The local cloud: a small stand-in for AWS that runs the unmodified function binaries on a developer's machine.
//!
//! `template.yaml` alone says what runs: the same functions, routes, queues, tables, buckets and schedules as on AWS. It is a
//! development tool, binds loopback only, and is as small as it can be while behaving like AWS where the product can tell.

pub mod authorizer;
mod aws_json;
pub mod bus;
pub mod clock;
pub mod cloud;
pub mod demo;
pub mod event_pattern;
pub mod functions;
pub mod http_api;
pub mod invoker;
pub mod lambda;
pub mod mail;
pub mod postgres;
pub mod progress;
pub mod queues;
pub mod schedules;
pub mod secrets;
pub mod storage;
pub mod tasks;
pub mod template;
pub mod websocket;

pub use cloud::{Cloud, Options, Ports};
