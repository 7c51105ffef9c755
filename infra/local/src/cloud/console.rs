//! The console, as a deployment puts it on its bucket: the built pages, and where they find the APIs.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use aws_stand_in::StandIn;
use aws_stand_in::s3::ObjectStore;
use serde_json::json;
use tokio::process::Command;

/// The log of the build in the state folder.
const LOG: &str = "console-build.log";

/// What is there until the first build is: it looks for the console itself.
const UNDER_WAY: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><meta name="color-scheme" content="light dark">
<title>Analytics Engine</title><body style="font-family:system-ui,sans-serif;margin:15vh auto;max-width:32em;padding:0 1em">
<h1 style="font-size:1.4em">The console is being built</h1><p>That takes some seconds, once. This page becomes the console by itself.</p>
"#;

/// Where the pages come from and where they go.
#[derive(Debug, Clone)]
pub struct Console {
    /// What a browser opens.
    pub address: String,
    objects: ObjectStore,
    bucket: String,
    built: PathBuf,
    config: String,
}

impl Console {
    /// The console of a template that has a distribution. `built` is the folder that its build leaves.
    pub(super) fn of(services: &StandIn, built: PathBuf) -> Option<Self> {
        let endpoints = services.endpoints();
        let distribution = services.template().distribution.as_ref()?;
        Some(Self {
            address: endpoints.cloudfront.clone()?,
            objects: services.objects().clone(),
            bucket: distribution.bucket.clone(),
            built,
            config: json!({ "http": endpoints.http, "websocket": endpoints.websocket }).to_string(),
        })
    }

    /// Puts what is built on the bucket, or a page that says so where nothing is yet.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn publish(&self) -> anyhow::Result<()> {
        self.objects.put(&self.bucket, "config.json", self.config.as_bytes())?;
        let index = self.built.join("index.html");
        if !index.is_file() {
            return self.objects.put(&self.bucket, "index.html", UNDER_WAY.as_bytes());
        }
        // The page last: what it names is there before it is.
        let mut files = files_below(&self.built)?;
        files.sort_by_key(|file| *file == index);
        for file in files {
            let content = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            let key = file.strip_prefix(&self.built)?.to_string_lossy().into_owned();
            self.objects.put(&self.bucket, &key, &content)?;
        }
        Ok(())
    }

    /// Runs `command`, which builds the pages where they are out of date, and publishes them. A dropped future ends it.
    ///
    /// # Errors
    /// One sentence when it fails, with where its output is.
    pub async fn build(&self, command: &str, state: &Path) -> anyhow::Result<()> {
        let log = state.join(LOG);
        let file = std::fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let status = Command::new("bash")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .status()
            .await
            .with_context(|| format!("{command:?} cannot be started"))?;
        if !status.success() {
            bail!("the console is not built ({status}): see {}", log.display());
        }
        self.publish()
    }
}

fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
