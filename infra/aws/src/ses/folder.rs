//! The folder that stands for everybody's mailbox.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use jiff::Timestamp;
use uuid::Uuid;

/// Mails of one folder; the oldest goes when another comes.
pub(super) const KEPT_MAILS: usize = 1_000;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    most: usize,
    writing: Mutex<()>,
}

impl Folder {
    /// A folder for the last `most` mails; it is made if it is not there.
    pub(super) fn open(path: PathBuf, most: usize) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&path).with_context(|| format!("the folder {} cannot be made", path.display()))?;
        Ok(Self {
            path,
            most,
            writing: Mutex::new(()),
        })
    }

    /// Writes a mail that was sent `now`. The file is there whole or not at all.
    pub(super) fn keep(&self, now: Timestamp, id: Uuid, message: &[u8]) -> io::Result<PathBuf> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}-{id}.eml", now.strftime("%Y%m%dT%H%M%S.%3fZ"));
        let path = self.path.join(name);
        let beside = path.with_extension("new");
        std::fs::write(&beside, message)?;
        std::fs::rename(&beside, &path)?;
        let mails = self.mails()?;
        for old in &mails[..mails.len().saturating_sub(self.most)] {
            std::fs::remove_file(old)?;
        }
        Ok(path)
    }

    /// The mails in the order in which they were sent.
    fn mails(&self) -> io::Result<Vec<PathBuf>> {
        let is_mail = |path: &Path| path.extension().is_some_and(|extension| extension == "eml");
        let paths = std::fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut mails = paths.collect::<io::Result<Vec<_>>>()?;
        mails.retain(|path| is_mail(path));
        mails.sort();
        Ok(mails)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use jiff::ToSpan as _;

    use super::*;
    use crate::testing::TempFolder;

    #[test]
    fn mails_sort_by_time_and_only_the_last_are_kept() {
        let temporary = TempFolder::reserve();
        let folder = Folder::open(temporary.path().to_owned(), 2).unwrap();
        let first: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let note = temporary.path().join("note.txt");
        std::fs::write(&note, "not a mail").unwrap();
        for (after_ms, text) in [(0, "a"), (1, "b"), (1_000, "c")] {
            folder
                .keep(first + after_ms.milliseconds(), Uuid::new_v4(), text.as_bytes())
                .unwrap();
        }
        let mails = folder.mails().unwrap();
        let texts: Vec<_> = mails
            .iter()
            .map(|mail| std::fs::read_to_string(mail).unwrap())
            .collect();
        assert_eq!(texts, ["b", "c"]);
        let name = mails[0].file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("20260102T030405.679Z-"), "{name}");
        assert!(note.exists(), "what is no mail stays");
    }
}
