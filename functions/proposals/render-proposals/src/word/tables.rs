//! Tables of the Word file, and what is laid out as one.

use document::{Align, Cell, Fact, Figure, Gantt, GanttRow, Row, RowKind, Table as Model, Tick};
use docx_rs::{
    BorderType, BreakType, HeightRule, Paragraph, Run, Shading, ShdType, Table, TableCell, TableCellBorder,
    TableCellBorderPosition, TableCellBorders, TableCellMargins, TableLayoutType, TableRow, VAlignType, WidthType,
};

use super::styles::{BAR, HAIRLINE, Look, MUTED, PHASE, TEXT_WIDTH, WASH};
use super::{aligned, paragraph};

/// The height of a row that is repeated on every page, in twentieths of a point. [`super::finish`] finds such rows by it.
pub(super) const HEADER_HEIGHT: f32 = 301.0;

/// Beside the text of a cell.
const SIDE: usize = 100;

/// The same where columns are narrow.
const NARROW_SIDE: usize = 40;

const BOTTOM: TableCellBorderPosition = TableCellBorderPosition::Bottom;
const TOP: TableCellBorderPosition = TableCellBorderPosition::Top;

impl Look {
    pub(super) fn table(&self, model: &Model) -> Table {
        let widths = shares(&model.columns.iter().map(|column| column.width).collect::<Vec<_>>());
        let titles = model.columns.iter().zip(&widths).map(|(column, width)| {
            let title = paragraph("CellTitle", &column.title).align(aligned(column.align == Align::Right));
            self.headed(cell(*width).add_paragraph(title))
        });
        let rows = model.rows.iter().map(|row| self.row(model, row, &widths));
        framed(
            std::iter::once(header(titles.collect())).chain(rows).collect(),
            &widths,
            SIDE,
        )
    }

    fn row(&self, model: &Model, row: &Row, widths: &[usize]) -> TableRow {
        let first = row.cells.first().map(|cell| cell.text.as_str()).unwrap_or_default();
        if row.kind == RowKind::Group {
            let title = paragraph("CellTitle", first).keep_next(true);
            let whole = cell(widths.iter().sum()).grid_span(widths.len()).add_paragraph(title);
            return TableRow::new(vec![whole]).cant_split();
        }
        let sum = matches!(row.kind, RowKind::Subtotal | RowKind::Total);
        // The name of a sum reaches to its first amount.
        let amount = row.cells.iter().skip(1).position(|cell| !cell.text.is_empty());
        let span = if sum { amount.unwrap_or_default() + 1 } else { 1 };
        let cells = row.cells.iter().zip(widths).zip(&model.columns).enumerate();
        let cells = cells.filter(|(index, _)| *index == 0 || *index >= span);
        let cells = cells.map(|(index, ((content, width), column))| {
            let spanned = if index == 0 { span } else { 1 };
            let width = if index == 0 {
                widths.iter().take(span).sum()
            } else {
                *width
            };
            let drawn = filled(cell(width), content, column.align == Align::Right, sum);
            let drawn = if spanned > 1 { drawn.grid_span(spanned) } else { drawn };
            self.bordered(drawn, row.kind)
        });
        TableRow::new(cells.collect()).cant_split()
    }

    fn bordered(&self, cell: TableCell, kind: RowKind) -> TableCell {
        let borders = TableCellBorders::with_empty();
        match kind {
            RowKind::Total => cell.shading(shade(WASH)).set_borders(
                borders
                    .set(border(TOP, 8, &self.lead))
                    .set(border(BOTTOM, 8, &self.lead)),
            ),
            RowKind::Subtotal => {
                cell.set_borders(borders.set(border(TOP, 6, &self.lead)).set(border(BOTTOM, 4, HAIRLINE)))
            }
            RowKind::Body | RowKind::Group => cell.set_borders(borders.set(border(BOTTOM, 4, HAIRLINE))),
        }
    }

    fn headed(&self, cell: TableCell) -> TableCell {
        let borders = TableCellBorders::with_empty().set(border(BOTTOM, 8, &self.lead));
        cell.vertical_align(VAlignType::Bottom).set_borders(borders)
    }

    pub(super) fn facts(&self, facts: &[Fact]) -> Table {
        let widths = shares(&[24, 76]);
        let row = |fact: &Fact| {
            let label = Paragraph::new()
                .style("Cell")
                .add_run(Run::new().add_text(&fact.label).color(MUTED));
            let value = Paragraph::new()
                .style("Cell")
                .add_run(Run::new().add_text(&fact.value).bold());
            let cells = [label, value]
                .into_iter()
                .zip(&widths)
                .map(|(text, width)| cell(*width).add_paragraph(text));
            TableRow::new(cells.collect()).cant_split()
        };
        framed(facts.iter().map(row).collect(), &widths, 0)
    }

    pub(super) fn figures(&self, figures: &[Figure]) -> Table {
        let widths = shares(&vec![1; figures.len()]);
        let cells = figures.iter().zip(&widths).map(|(figure, width)| {
            let borders = TableCellBorders::with_empty().set(border(TableCellBorderPosition::Left, 24, &self.lead));
            cell(*width)
                .add_paragraph(paragraph("Small", &figure.label))
                .add_paragraph(paragraph("Figure", &figure.value))
                .shading(shade(WASH))
                .set_borders(borders)
        });
        framed(vec![TableRow::new(cells.collect()).cant_split()], &widths, SIDE)
    }

    pub(super) fn note(&self, text: &str) -> Table {
        let borders = TableCellBorders::with_empty().set(border(TableCellBorderPosition::Left, 24, &self.accent));
        let cell = cell(TEXT_WIDTH)
            .add_paragraph(paragraph("Cell", text))
            .shading(shade(WASH))
            .set_borders(borders);
        framed(vec![TableRow::new(vec![cell])], &[TEXT_WIDTH], SIDE)
    }

    pub(super) fn signatures(&self, parties: &[String], lines: &[String]) -> Table {
        let widths = shares(&vec![1; parties.len()]);
        let names = parties.iter().zip(&widths).map(|(party, width)| {
            let name = Paragraph::new()
                .style("Cell")
                .keep_next(true)
                .add_run(Run::new().add_text(party).bold());
            cell(*width).add_paragraph(name)
        });
        let blanks = widths.iter().map(|width| {
            lines.iter().fold(cell(*width), |cell, line| {
                let blank = Paragraph::new()
                    .style("Cell")
                    .add_run(Run::new().add_text("_".repeat(36)).color(MUTED));
                cell.add_paragraph(blank.line_spacing(super::space(320, 20)))
                    .add_paragraph(paragraph("Small", line))
            })
        });
        let rows = vec![
            TableRow::new(names.collect()),
            TableRow::new(blanks.collect()).cant_split(),
        ];
        framed(rows, &widths, 0)
    }

    /// A plan: a cell for each week or month, shaded where a task is worked on.
    pub(super) fn gantt(&self, gantt: &Gantt) -> Table {
        let spans = spans(gantt);
        let count = spans.len().max(1);
        let [task, dates, rest] = [2_900, 1_700, TEXT_WIDTH - 4_600];
        let widths: Vec<usize> = [task, dates]
            .into_iter()
            .chain(std::iter::repeat_n(rest / count, count))
            .collect();
        let labels = ["Task", "Dates"]
            .into_iter()
            .chain(spans.iter().map(|(label, _, _)| label.as_str()));
        let titles = labels.zip(&widths).map(|(label, width)| {
            let style = if *width < dates { "Small" } else { "CellTitle" };
            self.headed(cell(*width).add_paragraph(paragraph(style, label)))
        });
        let header = header(titles.collect());
        let rows = gantt.rows.iter().map(|row| self.gantt_row(row, &spans, &widths));
        framed(std::iter::once(header).chain(rows).collect(), &widths, NARROW_SIDE)
    }

    fn gantt_row(&self, row: &GanttRow, spans: &[(String, u32, u32)], widths: &[usize]) -> TableRow {
        let end = row.start + row.days;
        let content = Cell {
            text: row.task.clone(),
            detail: row.who.clone(),
        };
        let dates = Cell {
            text: String::new(),
            detail: row.dates.clone(),
        };
        let mut cells: Vec<TableCell> = [content, dates]
            .iter()
            .zip(widths)
            .map(|(content, width)| filled(cell(*width), content, false, row.phase))
            .collect();
        let colour = if row.phase {
            PHASE
        } else if row.critical {
            &self.lead
        } else {
            BAR
        };
        cells.extend(spans.iter().zip(widths.iter().skip(2)).map(|((_, from, to), width)| {
            let empty = cell(*width).add_paragraph(Paragraph::new().style("CellDetail"));
            if row.start < *to && end > *from {
                empty.shading(shade(colour))
            } else {
                empty
            }
        }));
        let cells = cells.into_iter().map(|cell| self.bordered(cell, RowKind::Body));
        TableRow::new(cells.collect()).cant_split()
    }
}

/// The name, the first day and the day after the last of each column of a plan.
fn spans(gantt: &Gantt) -> Vec<(String, u32, u32)> {
    let ticks = &gantt.ticks;
    let starts_late = ticks.first().is_none_or(|tick| tick.at > 0);
    let first = Tick {
        label: String::new(),
        at: 0,
    };
    let starts: Vec<&Tick> = starts_late.then_some(&first).into_iter().chain(ticks).collect();
    let ends = starts
        .iter()
        .skip(1)
        .map(|tick| tick.at)
        .chain(std::iter::once(gantt.days));
    starts
        .iter()
        .zip(ends)
        .map(|(tick, end)| (tick.label.clone(), tick.at, end))
        .collect()
}

/// Widths of columns, which add up to the width of the text.
fn shares(parts: &[u32]) -> Vec<usize> {
    let size = |part: u32| usize::try_from(part).unwrap_or_default();
    let whole: usize = parts.iter().copied().map(size).sum();
    parts
        .iter()
        .map(|part| TEXT_WIDTH * size(*part) / whole.max(1))
        .collect()
}

fn cell(width: usize) -> TableCell {
    TableCell::new().width(width, WidthType::Dxa)
}

fn filled(cell: TableCell, content: &Cell, right: bool, bold: bool) -> TableCell {
    let run = written(&content.text);
    let run = if bold { run.bold() } else { run };
    let text = Paragraph::new().style("Cell").align(aligned(right)).add_run(run);
    let detail = paragraph("CellDetail", &content.detail).align(aligned(right));
    match (content.text.is_empty(), content.detail.is_empty()) {
        (_, true) => cell.add_paragraph(text),
        (true, false) => cell.add_paragraph(detail),
        (false, false) => cell.add_paragraph(text).add_paragraph(detail),
    }
}

/// Amounts below zero from the least to the most on two lines: one could end between a minus and the sign of a currency.
fn written(text: &str) -> Run {
    const TO: &str = " – ";
    match text.strip_prefix('−').and_then(|rest| rest.split_once(TO)) {
        Some((from, to)) => Run::new()
            .add_text(format!("−{from}{TO}"))
            .add_break(BreakType::TextWrapping)
            .add_text(to),
        None => Run::new().add_text(text),
    }
}

fn header(cells: Vec<TableCell>) -> TableRow {
    TableRow::new(cells)
        .row_height(HEADER_HEIGHT)
        .height_rule(HeightRule::AtLeast)
        .cant_split()
}

/// `side` is the space beside the text of a cell, in twentieths of a point.
fn framed(rows: Vec<TableRow>, widths: &[usize], side: usize) -> Table {
    Table::without_borders(rows)
        .set_grid(widths.to_vec())
        .width(widths.iter().sum(), WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
        .margins(TableCellMargins::new().margin(60, side, 60, side))
}

fn border(position: TableCellBorderPosition, eighths: usize, colour: &str) -> TableCellBorder {
    TableCellBorder::new(position)
        .border_type(BorderType::Single)
        .size(eighths)
        .color(colour)
}

fn shade(colour: &str) -> Shading {
    Shading::new().shd_type(ShdType::Clear).color("auto").fill(colour)
}
