//! The file that stands for every CloudWatch log group: one line of JSON per event.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file that would grow over this becomes the old one.
pub(super) const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// `events.ndjson` and, once that was full, `events.1.ndjson`: together at most twice the limit.
#[derive(Debug)]
pub(super) struct EventLog {
    path: PathBuf,
    old: PathBuf,
    most_bytes: u64,
    writing: Mutex<()>,
}

impl EventLog {
    pub(super) fn new(state: &Path, most_bytes: u64) -> Self {
        Self {
            path: state.join("events.ndjson"),
            old: state.join("events.1.ndjson"),
            most_bytes,
            writing: Mutex::new(()),
        }
    }

    /// Appends an event as a line. The file is opened for each, so that it may be removed at any time.
    pub(super) fn append(&self, event: &str) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{event}\n");
        let bytes = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if bytes > 0 && bytes.saturating_add(line.len() as u64) > self.most_bytes {
            std::fs::rename(&self.path, &self.old)?;
        }
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::testing::TempFolder;

    #[test]
    fn a_full_file_becomes_the_old_one() {
        let folder = TempFolder::create();
        let log = EventLog::new(folder.path(), 8);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        for event in ["{1}", "{2}"] {
            log.append(event).unwrap();
        }
        assert_eq!(read("events.ndjson"), "{1}\n{2}\n");
        log.append("{3}").unwrap();
        assert_eq!(
            (read("events.1.ndjson").as_str(), read("events.ndjson").as_str()),
            ("{1}\n{2}\n", "{3}\n")
        );
        for event in ["{longer than the limit}", "{5}"] {
            log.append(event).unwrap();
        }
        assert_eq!(
            (read("events.1.ndjson").as_str(), read("events.ndjson").as_str()),
            ("{longer than the limit}\n", "{5}\n")
        );
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(log.append("{6}").unwrap_err().kind(), ErrorKind::NotFound);
    }
}
