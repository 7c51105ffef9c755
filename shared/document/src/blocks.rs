//! What chapters are made of.

use serde::Serialize;

/// A piece of a chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// The heading of a section of a chapter.
    Heading {
        /// What it says.
        text: String,
    },
    /// Running text.
    Paragraph {
        /// What it says.
        text: String,
    },
    /// A few numbers that matter most.
    Figures {
        /// The numbers.
        figures: Vec<Figure>,
    },
    /// Names with their values.
    Facts {
        /// The pairs.
        facts: Vec<Fact>,
    },
    /// A list.
    List {
        /// Whether the items are numbered.
        ordered: bool,
        /// The items.
        items: Vec<String>,
    },
    /// A table.
    Table(Table),
    /// Stacked bars.
    Chart(Chart),
    /// Tasks over time.
    Gantt(Gantt),
    /// Lines to be signed on.
    Signatures {
        /// Who signs.
        parties: Vec<String>,
        /// What each of them fills in.
        lines: Vec<String>,
    },
    /// A point that the reader should notice.
    Note {
        /// What it says.
        text: String,
    },
}

/// A number with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What it counts.
    pub label: String,
    /// The number.
    pub value: String,
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name.
    pub label: String,
    /// The value.
    pub value: String,
}

impl Fact {
    pub(super) fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
        }
    }
}

/// A table, whose header is repeated on every page that it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it shows, for readers who don't see it.
    pub summary: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Row>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Where its text stands.
    pub align: Align,
    /// Its width, as a share of the sum of all.
    pub width: u32,
}

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// At the left: text.
    Left,
    /// At the right: numbers.
    Right,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is.
    pub kind: RowKind,
    /// Its cells. Those of a [`RowKind::Group`] but the first are empty.
    pub cells: Vec<Cell>,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// The name of the rows below it.
    Group,
    /// An ordinary one.
    Body,
    /// The sum of some rows above it.
    Subtotal,
    /// The sum of all.
    Total,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What it adds in small.
    pub detail: String,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            detail: String::new(),
        }
    }
}

impl Table {
    /// A table without rows. Columns are heading, alignment and width.
    pub(super) fn new(summary: impl Into<String>, columns: &[(&str, Align, u32)]) -> Self {
        let column = |&(title, align, width): &(&str, Align, u32)| Column {
            title: title.to_owned(),
            align,
            width,
        };
        Self {
            summary: summary.into(),
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn body(&mut self, cells: Vec<Cell>) {
        let kind = RowKind::Body;
        self.rows.push(Row { kind, cells });
    }

    pub(super) fn group(&mut self, name: &str) {
        self.sum(RowKind::Group, name, Vec::new());
    }

    /// A row with its name at the left and its amounts in the last columns.
    pub(super) fn sum(&mut self, kind: RowKind, name: &str, amounts: Vec<String>) {
        let between = self.columns.len().saturating_sub(amounts.len() + 1);
        let cells = std::iter::once(Cell::from(name))
            .chain(std::iter::repeat_n(Cell::default(), between))
            .chain(amounts.into_iter().map(Cell::from));
        let cells = cells.take(self.columns.len()).collect();
        self.rows.push(Row { kind, cells });
    }
}

/// A place on the axis of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// What stands there.
    pub label: String,
    /// Where, in ten-thousandths of the axis.
    pub at: u32,
}

/// Stacked bars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What it shows in words, with its numbers: for readers who don't see it.
    pub alt: String,
    /// What the parts of a bar are, from the bottom.
    pub series: Vec<String>,
    /// The axis.
    pub ticks: Vec<Tick>,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// Its whole amount.
    pub total: String,
    /// Its parts, one for each of the series.
    pub parts: Vec<Part>,
}

/// A part of a bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// How long it is, in ten-thousandths of the axis.
    pub length: u32,
}

/// Tasks over time, grouped by phases. Days are counted from the first day of the axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gantt {
    /// What it shows in words: for readers who don't see it.
    pub alt: String,
    /// The days of the axis.
    pub days: u32,
    /// Days where a week, or a month of a long plan, begins: `at` is the day.
    pub ticks: Vec<Tick>,
    /// The rows, phase by phase.
    pub rows: Vec<GanttRow>,
    /// What a critical bar means.
    pub legend: String,
}

/// A row of a Gantt chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GanttRow {
    /// Whether it is a phase, whose bar spans its tasks.
    pub phase: bool,
    /// What is done.
    pub task: String,
    /// Who does it; empty when nobody is named.
    pub who: String,
    /// The first and the last day, for people.
    pub dates: String,
    /// The first day.
    pub start: u32,
    /// How many days, the last one included.
    pub days: u32,
    /// Whether the end of the project depends on it.
    pub critical: bool,
    /// Whether it is a day that is reached, without work.
    pub milestone: bool,
}
