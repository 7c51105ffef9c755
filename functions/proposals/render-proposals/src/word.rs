//! The Word file: real headings, tables whose headers repeat, contents and page numbers as fields.
//!
//! A plan is a table whose days are shaded cells, so that it breaks over pages and can be edited. Stacked bars have no
//! such form in a table, and `docx-rs` writes no charts of Word's own: they are a picture from the template of the PDF,
//! described by a text with the same numbers, which the table above it shows, too.

mod finish;
mod styles;
mod tables;

use std::io::Cursor;

use document::{Block, Chapter, Document};
use docx_rs::{
    AlignmentType, BreakType, Docx, FieldCharType, Footer, Header, Hyperlink, HyperlinkType, IndentLevel, InstrPAGEREF,
    InstrText, InstrToC, LineSpacing, NumPages, NumberingId, PageMargin, PageNum, Paragraph, Pic, Run, Tab,
    TabLeaderType, TabValueType, Table,
};

use crate::preview::{Picture, pictures};
use crate::typeset::{RenderError, Sheet, typeset};
use styles::{Look, TEXT_WIDTH};

/// Pixels for a point: sharp in print.
const PICTURE_SCALE: f64 = 2.5;

/// The most characters of a name beside another one above each page.
const MAX_RUNNING: usize = 48;

/// What contents show until the fields are filled in.
const UNKNOWN_PAGE: &str = "–";

/// English Metric Units of a pixel, which pictures are measured in: a point has 12,700.
const PIXEL_EMU: u32 = 5_080;

/// The document as a Word file. The same document gives the same bytes.
///
/// # Errors
/// When the template stops, which no text makes it.
pub fn render(document: &Document) -> Result<Vec<u8>, RenderError> {
    let chapters = document.chapters.iter();
    let has_chart = chapters
        .flat_map(|chapter| &chapter.blocks)
        .any(|block| matches!(block, Block::Chart(_)));
    let draw = |sheet| typeset(document, sheet, |pages| pictures(pages, PICTURE_SCALE));
    let mut writer = Writer {
        look: Look::of(&document.theme),
        document,
        charts: if has_chart { draw(Sheet::Charts)? } else { Vec::new() }.into_iter(),
        described: Vec::new(),
        headings: 0,
        lists: 0,
    };
    let logo = document.theme.logo.as_ref().map(|_| draw(Sheet::Logo)).transpose()?;
    let mut docx = writer.empty();
    docx = writer.cover(docx, logo.into_iter().flatten().next());
    docx = writer.contents(docx);
    for (index, chapter) in document.chapters.iter().enumerate() {
        docx = writer.chapter(docx, chapter, index < 2);
    }
    let parts = finish::finish(docx.build(), document, &writer.described);
    let mut file = Cursor::new(Vec::new());
    parts
        .pack(&mut file)
        .map_err(|error| RenderError::Word(error.to_string()))?;
    Ok(file.into_inner())
}

/// A Word file in the making.
struct Writer<'a> {
    document: &'a Document,
    look: Look,
    charts: std::vec::IntoIter<Picture>,
    /// What the pictures so far show, in their order.
    described: Vec<String>,
    /// Headings so far: each has a bookmark that the contents point to.
    headings: usize,
    /// Numbered lists so far: each counts for itself.
    lists: usize,
}

impl Writer<'_> {
    /// The styles, the page, its header and its footer; the first page has neither.
    fn empty(&self) -> Docx {
        let cover = &self.document.cover;
        let running = |left: String| {
            Paragraph::new()
                .style("Running")
                .add_tab(right_tab(TabLeaderType::None))
                .add_run(Run::new().add_text(left).add_tab())
        };
        let header = running(shortened(&cover.project)).add_run(Run::new().add_text(shortened(&cover.client)));
        let footer = running(format!("{} · {}", cover.title, cover.reference))
            .add_page_num(PageNum::new())
            .add_run(Run::new().add_text(" / "))
            .add_num_pages(NumPages::new());
        let lists = self.document.chapters.iter().flat_map(|chapter| &chapter.blocks);
        let lists = lists.filter(|block| matches!(block, Block::List { .. })).count();
        let margin = PageMargin::new()
            .top(1_814)
            .bottom(1_531)
            .left(1_361)
            .right(1_361)
            .header(900)
            .footer(800);
        styles::numbered(self.look.styled(Docx::new()), lists)
            .page_size(11_906, 16_838)
            .page_margin(margin)
            .header(Header::new().add_paragraph(header))
            .footer(Footer::new().add_paragraph(footer))
            .first_header(Header::new().add_paragraph(Paragraph::new()))
            .first_footer(Footer::new().add_paragraph(Paragraph::new()))
            .title_pg()
    }

    fn cover(&mut self, docx: Docx, logo: Option<Picture>) -> Docx {
        let cover = &self.document.cover;
        let head = match logo {
            Some(logo) => self.picture(&logo, &cover.client),
            None => paragraph("Sender", &cover.prepared_by),
        };
        docx.add_paragraph(head)
            .add_paragraph(paragraph("Title", &cover.title))
            .add_paragraph(paragraph("Subtitle", &cover.client))
            .add_paragraph(paragraph("Project", &cover.project))
            .add_table(self.look.facts(&cover.facts))
            .add_paragraph(Paragraph::new().add_run(Run::new().add_break(BreakType::Page)))
            .add_paragraph(paragraph("ContentsTitle", "Contents"))
    }

    /// Contents with an entry for each heading, and their pages as fields, which Word fills in when it opens the file.
    fn contents(&self, docx: Docx) -> Docx {
        let entries: Vec<_> = self.document.chapters.iter().flat_map(headings).collect();
        let last = entries.len();
        (1..).zip(entries).fold(docx, |docx, (number, (level, text))| {
            let mut line = Paragraph::new()
                .style(&format!("ToC{level}"))
                .add_tab(right_tab(TabLeaderType::Dot));
            if number == 1 {
                let contents = InstrToC::new().heading_styles_range(1, 2).hyperlink();
                // Each part in a run of its own: LibreOffice shows the instruction otherwise.
                line = line
                    .add_run(Run::new().add_field_char(FieldCharType::Begin, true))
                    .add_run(Run::new().add_instr_text(InstrText::TOC(contents)))
                    .add_run(Run::new().add_field_char(FieldCharType::Separate, false));
            }
            let mark = bookmark(number);
            let entry = Hyperlink::new(&mark, HyperlinkType::Anchor)
                .add_run(Run::new().add_text(text))
                .add_run(Run::new().add_tab());
            // In one run: in several, LibreOffice shows what the field said before it was filled in.
            let page = Run::new()
                .add_field_char(FieldCharType::Begin, false)
                .add_instr_text(InstrText::PAGEREF(InstrPAGEREF::new(&mark).hyperlink()))
                .add_field_char(FieldCharType::Separate, false)
                .add_text(UNKNOWN_PAGE)
                .add_field_char(FieldCharType::End, false);
            let entry = entry.add_run(page);
            line = line.add_hyperlink(entry);
            docx.add_paragraph(if number == last {
                line.add_run(Run::new().add_field_char(FieldCharType::End, false))
            } else {
                line
            })
        })
    }

    fn chapter(&mut self, docx: Docx, chapter: &Chapter, on_new_page: bool) -> Docx {
        let heading = self
            .heading("Heading1", &numbered_title(chapter))
            .page_break_before(on_new_page);
        let mut docx = docx.add_paragraph(heading);
        for (index, block) in chapter.blocks.iter().enumerate() {
            docx = match (block, chapter.blocks.get(index + 1)) {
                // What is signed stands on the page of the signatures.
                (Block::Paragraph { text }, Some(Block::Signatures { .. })) => {
                    docx.add_paragraph(paragraph("BodyText", text).keep_next(true))
                }
                _ => self.block(docx, block),
            };
        }
        docx
    }

    fn block(&mut self, docx: Docx, block: &Block) -> Docx {
        // Two tables with nothing between them are one to Word.
        let apart = |docx: Docx, table: Table| docx.add_table(table).add_paragraph(Paragraph::new().style("Gap"));
        match block {
            Block::Heading { text } => docx.add_paragraph(self.heading("Heading2", text)),
            Block::Paragraph { text } => docx.add_paragraph(paragraph("BodyText", text)),
            Block::Note { text } => apart(docx, self.look.note(text)),
            Block::Figures { figures } => apart(docx, self.look.figures(figures)),
            Block::Facts { facts } => apart(docx, self.look.facts(facts)),
            Block::Signatures { parties, lines } => apart(docx, self.look.signatures(parties, lines)),
            Block::Table(table) => apart(docx, self.look.table(table)),
            Block::Gantt(gantt) => apart(docx, self.look.gantt(gantt)).add_paragraph(paragraph("Small", &gantt.legend)),
            Block::Chart(chart) => {
                let titled = docx.add_paragraph(paragraph("Strong", &chart.title).keep_next(true));
                match self.charts.next() {
                    Some(picture) => titled.add_paragraph(self.picture(&picture, &chart.alt)),
                    None => titled,
                }
            }
            Block::List { ordered, items } => {
                self.lists += 1;
                let list = NumberingId::new(if *ordered {
                    styles::BULLETS + self.lists
                } else {
                    styles::BULLETS
                });
                let item =
                    |text: &String| paragraph("ListParagraph", text).numbering(list.clone(), IndentLevel::new(0));
                items.iter().map(item).fold(docx, Docx::add_paragraph)
            }
        }
    }

    fn heading(&mut self, style: &str, text: &str) -> Paragraph {
        self.headings += 1;
        Paragraph::new()
            .style(style)
            .keep_next(true)
            .add_bookmark_start(self.headings, bookmark(self.headings))
            .add_run(Run::new().add_text(text))
            .add_bookmark_end(self.headings)
    }

    fn picture(&mut self, picture: &Picture, alt: &str) -> Paragraph {
        self.described.push(alt.to_owned());
        let emu = |pixels: u32| pixels.saturating_mul(PIXEL_EMU);
        let pic = Pic::new_with_dimensions(picture.png.clone(), picture.width, picture.height)
            // Its own number is counted over all documents of the process.
            .id(format!("rIdImage{}", self.described.len()))
            .size(emu(picture.width), emu(picture.height));
        Paragraph::new().style("Picture").add_run(Run::new().add_image(pic))
    }
}

/// A name that fits on half a line; the whole one is on the first page.
fn shortened(name: &str) -> String {
    let mut letters = name.chars();
    let short: String = letters.by_ref().take(MAX_RUNNING).collect();
    if letters.next().is_some() { short + "…" } else { short }
}

fn right_tab(leader: TabLeaderType) -> Tab {
    Tab::new().val(TabValueType::Right).leader(leader).pos(TEXT_WIDTH)
}

fn paragraph(style: &str, text: &str) -> Paragraph {
    Paragraph::new().style(style).add_run(Run::new().add_text(text))
}

fn numbered_title(chapter: &Chapter) -> String {
    let number = chapter.number.map(|number| format!("{number}  ")).unwrap_or_default();
    number + &chapter.title
}

/// The headings of a chapter with their levels.
fn headings(chapter: &Chapter) -> impl Iterator<Item = (usize, String)> {
    let inner = chapter.blocks.iter().filter_map(|block| match block {
        Block::Heading { text } => Some((2, text.clone())),
        _ => None,
    });
    std::iter::once((1, numbered_title(chapter))).chain(inner)
}

fn bookmark(number: usize) -> String {
    format!("_Toc{number:06}")
}

/// Space before and after, in twentieths of a point.
fn space(before: u32, after: u32) -> LineSpacing {
    LineSpacing::new().before(before).after(after)
}

fn aligned(right: bool) -> AlignmentType {
    if right {
        AlignmentType::Right
    } else {
        AlignmentType::Left
    }
}
