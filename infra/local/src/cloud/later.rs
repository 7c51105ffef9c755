//! Functions that are built while the cloud already runs, because few need them at once and they take long to build.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use aws_stand_in::lambda::FunctionsDir;
use aws_stand_in::template::Template;
use tokio::process::{Child, Command};

use super::Options;
use crate::progress::Progress;

/// The log of the build in the state folder.
const LOG: &str = "build.log";

/// The functions of the template that are started here and have no binary.
pub(super) fn missing(options: &Options, template: &Template) -> Vec<String> {
    let directory = FunctionsDir::new(&options.functions_dir);
    let started = template.functions.iter().map(|function| &function.name);
    let started = started.filter(|name| !options.only.contains(name));
    started
        .filter(|name| !directory.binary(name).is_file())
        .cloned()
        .collect()
}

/// A build that is under way; dropping it ends it.
#[derive(Debug)]
pub struct Build {
    functions: Vec<String>,
    process: Child,
    log: PathBuf,
    ended: bool,
}

impl Build {
    /// Starts `command`, which builds these functions and whatever else is out of date, with its output in a log.
    ///
    /// # Errors
    /// When it can't be started or its log can't be written.
    pub fn start(command: &str, functions: Vec<String>, state: &Path) -> anyhow::Result<Self> {
        let log = state.join(LOG);
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let process = Command::new("bash")
            .args(["-c", command])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A group of its own, which is ended as a whole: cargo and its compilers.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self {
            functions,
            process,
            log,
            ended: false,
        })
    }

    /// What is missing until the build has ended, for people; `None` when nothing is, and the build only looks for changes.
    #[must_use]
    pub fn announcement(&self) -> Option<String> {
        (!self.functions.is_empty()).then(|| {
            format!(
                "building {} in the background, about 2 minutes the first time; what is sent there before is tried again (log {})",
                self.functions.join(" and "),
                self.log.display()
            )
        })
    }

    /// Waits for the end, and says how it was where something was missing or has failed; never resolves again after that.
    pub async fn finished(&mut self, progress: Progress) {
        if self.ended {
            return std::future::pending().await;
        }
        let status = self.process.wait().await;
        self.ended = true;
        let functions = self.functions.join(" and ");
        match status {
            Ok(status) if status.success() && self.functions.is_empty() => {}
            Ok(status) if status.success() => progress.line(&format!("{functions}: built, and at work now")),
            Ok(status) => progress.line(&format!(
                "not all functions are built ({status}): see {}",
                self.log.display()
            )),
            Err(error) => progress.line(&format!("not all functions are built ({error})")),
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        // The id is gone with the process.
        if let Some(id) = self.process.id() {
            let ended = std::process::Command::new("kill")
                .args(["-TERM", "--", &format!("-{id}")])
                .status();
            if let Err(error) = ended {
                tracing::warn!(cause = %error, "a build could not be ended");
            }
        }
    }
}
