//! As much of Markdown as the documentation uses.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tidy::{read, shown};

/// A document, its fenced code apart from its text.
pub(super) struct Document {
    /// As it is written in the repository.
    pub(super) path: String,
    text: Vec<String>,
    fenced: Vec<String>,
}

impl Document {
    pub(super) fn of(path: &Path) -> Self {
        let (mut text, mut fenced, mut inside) = (Vec::new(), Vec::new(), false);
        for line in read(path).lines() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if inside {
                fenced.push(line.to_owned());
            } else {
                text.push(line.to_owned());
            }
        }
        Self {
            path: shown(path),
            text,
            fenced,
        }
    }

    /// Targets of links: `[text](target)`.
    pub(super) fn links(&self) -> Vec<&str> {
        let ends = self.text.iter().flat_map(|line| line.split("](").skip(1));
        ends.filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target)
            .collect()
    }

    /// What headings can be linked to by, as GitHub makes it of them.
    pub(super) fn anchors(&self) -> BTreeSet<String> {
        let headings = self.text.iter().filter(|line| line.starts_with('#'));
        headings
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }

    /// Code between backticks.
    pub(super) fn spans(&self) -> Vec<String> {
        self.text.iter().flat_map(|line| spans(line)).collect()
    }

    /// All code, fenced or between backticks.
    pub(super) fn code(&self) -> Vec<String> {
        let mut code = self.spans();
        code.extend(self.fenced.iter().cloned());
        code
    }

    /// Rows of each table that has this header.
    pub(super) fn tables(&self, header: &[&str]) -> Vec<Vec<Vec<String>>> {
        let mut tables = Vec::new();
        let mut lines = self.text.iter();
        while let Some(line) = lines.next() {
            if cells(line) == header {
                // Below the header is a line of dashes.
                let rows = lines.by_ref().skip(1).map(|line| cells(line));
                tables.push(rows.take_while(|cells| cells.len() == header.len()).collect());
            }
        }
        tables
    }
}

/// Cells of a line of a table; none for any other line.
pub(super) fn cells(line: &str) -> Vec<String> {
    let row = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
    row.map_or_else(Vec::new, |row| {
        row.split(" | ").map(|cell| cell.trim().to_owned()).collect()
    })
}

/// Code between backticks in a line.
pub(super) fn spans(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}
