#![doc = include_str!("../README.md")]

pub mod account;
pub mod api_gateway;
mod aws_json;
pub mod clock;
mod cloudfront;
pub mod dynamodb;
pub mod eventbridge;
mod gate;
pub mod lambda;
pub mod listeners;
pub mod s3;
pub mod scheduler;
pub mod secrets_manager;
pub mod ses;
pub mod sqs;
pub mod stand_in;
pub mod store;
pub mod tasks;
pub mod template;
#[cfg(test)]
mod testing;

pub use stand_in::StandIn;
