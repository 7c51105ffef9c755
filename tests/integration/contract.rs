//! The OpenAPI document against the running product: what strangers' tools make of it.

mod clients;
mod fuzz;

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

/// A program of the contract tools, by its path below their folder.
fn tool(path: &str) -> PathBuf {
    PathBuf::from(tests::required("CONTRACT_TOOLS")).join(path)
}

/// Runs a program to its end, and gives what it printed. One that fails fails the test, with that.
async fn run(command: &mut Command) -> String {
    let output = command.kill_on_drop(true).stdin(Stdio::null()).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{:?}: {}\n{printed}",
        command.as_std(),
        output.status
    );
    printed
}
