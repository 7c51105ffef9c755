//! The text of a document in reading order: what every rendering must say.

use proposal::CURRENCIES;

use super::blocks::{Block, Chart, Gantt, Table};
use super::locale::MINUS;
use super::{Chapter, Document};

/// How a rendering shows charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Drawn, with their labels as text.
    Drawn,
    /// As pictures, which are described beside the text.
    Described,
}

impl Document {
    /// Every text, in the order in which a reader meets it: the cover first. Headers of tables are there once.
    #[must_use]
    pub fn lines(&self, pictures: Pictures) -> Vec<&str> {
        let cover = &self.cover;
        let mut out = vec![cover.title.as_str(), &cover.client, &cover.project];
        out.extend(cover.facts.iter().flat_map(|fact| [fact.label.as_str(), &fact.value]));
        for chapter in &self.chapters {
            out.extend(chapter.lines(pictures));
        }
        out.retain(|line| !line.is_empty());
        out
    }
}

impl Chapter {
    fn lines(&self, pictures: Pictures) -> Vec<&str> {
        let mut out = vec![self.title.as_str()];
        for block in &self.blocks {
            match block {
                Block::Heading { text } | Block::Paragraph { text } | Block::Note { text } => out.push(text),
                Block::Figures { figures } => out.extend(figures.iter().flat_map(|it| [it.label.as_str(), &it.value])),
                Block::Facts { facts } => out.extend(facts.iter().flat_map(|it| [it.label.as_str(), &it.value])),
                Block::List { items, .. } => out.extend(items.iter().map(String::as_str)),
                Block::Signatures { parties, lines } => {
                    out.extend(parties.iter().map(String::as_str));
                    out.extend(parties.iter().flat_map(|_| lines).map(String::as_str));
                }
                Block::Table(table) => out.extend(table.lines()),
                Block::Chart(chart) => {
                    out.push(&chart.title);
                    if pictures == Pictures::Drawn {
                        out.extend(chart.lines());
                    }
                }
                Block::Gantt(gantt) => out.extend(gantt.lines()),
            }
        }
        out
    }
}

impl Table {
    fn lines(&self) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        let titles = self.columns.iter().map(|column| column.title.as_str());
        titles.chain(cells.flat_map(|cell| [cell.text.as_str(), cell.detail.as_str()]))
    }
}

impl Chart {
    fn lines(&self) -> impl Iterator<Item = &str> {
        let ticks = self.ticks.iter().map(|tick| tick.label.as_str());
        let bars = self.bars.iter().flat_map(|bar| [bar.total.as_str(), &bar.label]);
        ticks.chain(bars).chain(self.series.iter().map(String::as_str))
    }
}

impl Gantt {
    fn lines(&self) -> impl Iterator<Item = &str> {
        let rows = self.rows.iter();
        rows.flat_map(|row| [row.task.as_str(), &row.who, &row.dates])
    }
}

/// The amounts of money in a text, `$2,500`, `−€2,500.50` and `CHF 2,500`, in their order.
#[must_use]
pub fn amounts(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut begin = 0;
    // A number, and what stands right before it.
    while let Some(rest) = text.get(begin..) {
        let Some(at) = rest.find(|c: char| c.is_ascii_digit()) else {
            break;
        };
        let digit = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
        let (before, number) = rest.split_at(at);
        let number = number.split_once(|c| !digit(c)).map_or(number, |(number, _)| number);
        let end = begin + at + number.trim_end_matches([',', '.']).len();
        if let Some(sign) = currency_before(before) {
            found.extend(text.get(begin + at - sign..end));
        }
        begin += at + number.len();
    }
    found
}

/// How many bytes at the end of a text are a currency, with the minus before it.
fn currency_before(text: &str) -> Option<usize> {
    let sign = text
        .chars()
        .next_back()
        .filter(|c| "$€£¥".contains(*c))
        .map(char::len_utf8);
    let code = || {
        let name = text.strip_suffix([' ', '\u{a0}'])?;
        let known = CURRENCIES.iter().find(|(code, _)| name.ends_with(code));
        known.map(|(code, _)| text.len() - name.len() + code.len())
    };
    let length = sign.or_else(code)?;
    let minus = text.get(..text.len() - length)?.ends_with(MINUS);
    Some(length + if minus { MINUS.len() } else { 0 })
}
