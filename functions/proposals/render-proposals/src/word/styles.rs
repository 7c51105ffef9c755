//! How the Word file looks: colours, styles of paragraphs, lists.

use document::{Colour, Theme};
use docx_rs::{
    AbstractNumbering, Docx, Level, LevelJc, LevelText, NumberFormat, Numbering, RunFonts, SpecialIndentType, Start,
    Style, StyleType,
};

use super::space;

/// The width of the text, in twentieths of a point: A4 less 24 mm on both sides.
pub(super) const TEXT_WIDTH: usize = 9_184;

/// The list with bullets (`docx-rs` has a list 1 of its own); those with numbers follow, one for each list of the document.
pub(super) const BULLETS: usize = 2;

/// On every machine with Word; others have a font of the same widths.
const FONT: &str = "Calibri";

pub(super) const MUTED: &str = "5B6673";
pub(super) const HAIRLINE: &str = "DDE2E8";
pub(super) const WASH: &str = "F2F4F7";
pub(super) const BAR: &str = "9AA8BC";
pub(super) const PHASE: &str = "C9D1DB";

/// The client's colours.
pub(super) struct Look {
    /// Of headings: readable on white.
    pub(super) lead: String,
    /// Of marks beside notes.
    pub(super) accent: String,
}

impl Look {
    pub(super) fn of(theme: &Theme) -> Self {
        let digits = |colour: Colour| colour.to_string().trim_start_matches('#').to_uppercase();
        Self {
            lead: digits(theme.primary.for_text()),
            accent: digits(theme.accent),
        }
    }

    /// The styles. Names in small letters are Word's own, by which it knows headings and contents.
    pub(super) fn styled(&self, docx: Docx) -> Docx {
        let fonts = RunFonts::new().ascii(FONT).hi_ansi(FONT).east_asia(FONT).cs(FONT);
        let style = |id: &str, name: &str, half_points: usize| {
            Style::new(id, StyleType::Paragraph)
                .name(name)
                .based_on("Normal")
                .size(half_points)
        };
        let lead = |style: Style| style.color(&self.lead);
        let styles = [
            lead(style("Heading1", "heading 1", 34).bold())
                .line_spacing(space(480, 200))
                .outline_lvl(0)
                .next("BodyText")
                .q_format(true),
            style("Heading2", "heading 2", 24)
                .bold()
                .line_spacing(space(320, 140))
                .outline_lvl(1)
                .next("BodyText")
                .q_format(true),
            lead(style("Title", "Title", 60).bold())
                .line_spacing(space(2_400, 240))
                .q_format(true),
            style("Subtitle", "Subtitle", 34)
                .bold()
                .line_spacing(space(0, 120))
                .q_format(true),
            style("Project", "Project", 26).line_spacing(space(0, 2_400)),
            lead(style("Sender", "Sender", 24).bold()).line_spacing(space(0, 600)),
            lead(style("ContentsTitle", "TOC Heading", 34).bold()).line_spacing(space(0, 240)),
            style("ToC1", "toc 1", 20).bold().line_spacing(space(140, 40)),
            style("ToC2", "toc 2", 20)
                .color(MUTED)
                .indent(Some(340), None, None, None)
                .line_spacing(space(0, 40)),
            style("BodyText", "Body Text", 20)
                .line_spacing(space(0, 140))
                .q_format(true),
            style("Strong", "Strong Text", 20).bold().line_spacing(space(200, 100)),
            style("ListParagraph", "List Paragraph", 20)
                .line_spacing(space(0, 80))
                .q_format(true),
            style("Cell", "Table Text", 18),
            style("CellDetail", "Table Detail", 16).color(MUTED),
            lead(style("CellTitle", "Table Heading", 17).bold()),
            lead(style("Figure", "Figure Number", 28).bold()),
            style("Small", "Small Text", 16).color(MUTED),
            style("Running", "Running Text", 16).color(MUTED),
            style("Picture", "Picture", 20).line_spacing(space(0, 160)),
            style("Gap", "Gap", 12),
        ];
        let docx = docx.default_fonts(fonts).default_size(20);
        styles.into_iter().fold(docx, Docx::add_style)
    }
}

/// The bullets, and so many lists that each count from one.
pub(super) fn numbered(docx: Docx, lists: usize) -> Docx {
    let level = |format: &str, text: &str| {
        Level::new(
            0,
            Start::new(1),
            NumberFormat::new(format),
            LevelText::new(text),
            LevelJc::new("left"),
        )
        .indent(Some(360), Some(SpecialIndentType::Hanging(300)), None, None)
    };
    let add = |docx: Docx, id: usize, level: Level| {
        docx.add_abstract_numbering(AbstractNumbering::new(id).add_level(level))
            .add_numbering(Numbering::new(id, id))
    };
    let docx = add(docx, BULLETS, level("bullet", "•"));
    (1..=lists).fold(docx, |docx, list| add(docx, BULLETS + list, level("decimal", "%1.")))
}
