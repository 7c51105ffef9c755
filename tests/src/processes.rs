//! The functions' processes of a product that this test started: children of its own process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::product::{Product, signal};

/// Kills, with SIGKILL, the process that publishes: the one of `push-updates` that listens to the database's notifications. Tells how many those were: one for
/// each shard that is watched.
///
/// # Errors
/// When the processes or the database's sessions can't be read.
pub async fn kill_publisher(product: &Product) -> Result<usize> {
    let publishers = publishers(product).await?;
    publishers.iter().try_for_each(|publisher| signal("KILL", *publisher))?;
    // It is gone before anybody asks for the next one.
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(publishers.len())
}

/// Kills, with SIGKILL, all processes of a function, and tells how many those were.
///
/// # Errors
/// When the processes can't be read.
pub fn kill_function(name: &str) -> Result<usize> {
    let processes = children(name)?;
    processes.iter().try_for_each(|process| signal("KILL", *process))?;
    Ok(processes.len())
}

/// The processes that publish.
///
/// # Errors
/// When the processes or the database's sessions can't be read.
pub async fn publishers(product: &Product) -> Result<Vec<u32>> {
    let listening = "SELECT client_port FROM pg_stat_activity WHERE query LIKE '%LISTEN%' AND pid <> pg_backend_pid() AND datname = current_database()";
    let plain = product.database.plain().await?;
    let ports: Vec<i32> = plain
        .query(listening, &[])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let sockets = sockets(&ports)?;
    let mut publishers = Vec::new();
    for process in children("push-updates")? {
        if holds(process, &sockets)? {
            publishers.push(process);
        }
    }
    Ok(publishers)
}

/// The inodes of the sockets that are bound to these ports, as links to them say.
fn sockets(ports: &[i32]) -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/net/tcp").context("read the table of sockets")?;
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = i32::from_str_radix(fields.get(1)?.rsplit(':').next()?, 16).ok()?;
        ports
            .contains(&port)
            .then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
    };
    Ok(table.lines().filter_map(socket).collect())
}

/// The processes of a program that this process started.
fn children(program: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let Some(process) = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) else {
            continue;
        };
        // One that ended meanwhile has nothing to read.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else {
            continue;
        };
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        if stat.contains(&format!("({program})")) && parent == Some(&std::process::id().to_string()) {
            found.push(process);
        }
    }
    Ok(found)
}

fn holds(process: u32, sockets: &[String]) -> Result<bool> {
    for descriptor in fs::read_dir(Path::new("/proc").join(process.to_string()).join("fd"))? {
        if let Ok(link) = fs::read_link(descriptor?.path())
            && sockets.iter().any(|socket| link.to_string_lossy() == *socket)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
