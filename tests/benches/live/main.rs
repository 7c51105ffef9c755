//! `make bench-live`: what a dashboard waits for. `ARGS` names the scenarios to run; all of them otherwise.
//!
//! - [`wide`]: from a commit to the frame for 200 connections x 20 topics, and what the frames cost
//! - [`crowd`]: 1,000 connections x 5 topics while 500 events a second arrive
//! - [`neighbour`]: what one client waits for while another has 60 connections x 500 topics
//! - [`takeover`]: how long dashboards hear nothing when the publisher is killed
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a bench prints figures, none of which is near 2^52"
)]

mod crowd;
mod neighbour;
mod shown;
mod takeover;
mod wide;

use anyhow::Result;
use tests::parts::wanted;

#[tokio::main]
async fn main() -> Result<()> {
    if wanted("wide") {
        Box::pin(wide::run()).await?;
    }
    if wanted("crowd") {
        Box::pin(crowd::run()).await?;
    }
    if wanted("neighbour") {
        Box::pin(neighbour::run()).await?;
    }
    if wanted("takeover") {
        Box::pin(takeover::run()).await?;
    }
    Ok(())
}
