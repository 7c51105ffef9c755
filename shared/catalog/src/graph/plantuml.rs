//! A graph as PlantUML: a deployment diagram, whose elements may be of any kind.
//!
//! Nodes are called `n0`, `n1` and so on, so that no name is a part of the syntax, and of what people wrote every character that could mean something to PlantUML
//! is written by its number (`<U+0025>`): its preprocessor reads files and variables where a text says so.

use std::collections::BTreeMap;

use super::{Graph, GraphEdge, GraphEdgeKind, GraphNode, GraphNodeKind};
use crate::line::is_hidden;
use crate::relationship::Cardinality;

impl Graph {
    /// The graph as the text of a PlantUML diagram.
    #[must_use]
    pub fn to_plantuml(&self) -> String {
        let mut text = String::from("@startuml\nleft to right direction\n");
        let nodes = self.nodes.iter().enumerate();
        let aliases: BTreeMap<&str, usize> = nodes.map(|(index, node)| (node.id.as_str(), index)).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            push(&mut text, &element(index, node));
        }
        for edge in &self.edges {
            let ends = aliases.get(edge.from.as_str()).zip(aliases.get(edge.to.as_str()));
            if let Some((from, to)) = ends {
                push(&mut text, &arrow((*from, *to), edge));
            }
        }
        text.push_str("@enduml\n");
        text
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// An element of PlantUML's and what is shown in it.
fn element(index: usize, node: &GraphNode) -> String {
    let (keyword, stereotype) = match node.kind {
        GraphNodeKind::ValueChain => ("folder", ""),
        GraphNodeKind::ValueChainPattern => ("collections", " <<pattern>>"),
        GraphNodeKind::Module => ("component", ""),
        GraphNodeKind::Actor => ("actor", ""),
        GraphNodeKind::Kpi => ("rectangle", " <<KPI>>"),
        GraphNodeKind::Entity => ("entity", ""),
    };
    let mut shown = escaped(&node.code);
    if let Some(name) = &node.name {
        // Written as PlantUML's own break of a line.
        shown.push_str("\\n");
        shown.push_str(&escaped(name));
    }
    format!("{keyword} \"{shown}\" as n{index}{stereotype}")
}

fn arrow((from, to): (usize, usize), edge: &GraphEdge) -> String {
    let arrow = match edge.kind {
        GraphEdgeKind::Requires => "-->",
        GraphEdgeKind::BelongsTo => "--o",
        GraphEdgeKind::RelatesTo => match edge.cardinality {
            Some(Cardinality::One) => "\"*\" --> \"1\"",
            Some(Cardinality::Many) | None => "\"*\" --> \"*\"",
        },
        GraphEdgeKind::RefersTo => "..>",
    };
    let label = edge.label.as_deref().map(|label| format!(" : {}", escaped(label)));
    format!("n{from} {arrow} n{to}{}", label.unwrap_or_default())
}

/// A text in which every character stands for itself. Marks that mean something only when they are doubled are kept where they are single.
fn escaped(text: &str) -> String {
    let (mut safe, mut before) = (String::with_capacity(text.len()), None);
    for character in text.chars() {
        let is_plain = character.is_alphanumeric() || matches!(character, ' ' | '(' | ')' | ',' | '+');
        let is_single = matches!(character, '_' | '-' | '.' | '/') && before.is_some_and(char::is_alphanumeric);
        if is_plain || is_single {
            safe.push(character);
        } else {
            safe.push_str(&numbered(character));
        }
        before = Some(character);
    }
    safe
}

/// The character by its number, of which PlantUML reads four or five digits; one that nobody sees, or beyond them, as the mark of what can't be shown.
fn numbered(character: char) -> String {
    let number = u32::from(character);
    let shown = if is_hidden(character) || number > 0xF_FFFF {
        0xFFFD
    } else {
        number
    };
    format!("<U+{shown:04X}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_nothing_but_text() {
        for (text, expected) in [
            ("ON_TIME_RATE", "ON_TIME_RATE"),
            ("On-time rate (all), 2.5", "On-time rate (all), 2.5"),
            ("Größe 運行", "Größe 運行"),
            ("a\" as x\\nend\n", "a<U+0022> as x<U+005C>nend<U+FFFD>"),
            ("%getenv(HOME) $x", "<U+0025>getenv(HOME) <U+0024>x"),
            ("!include x", "<U+0021>include x"),
            ("--a--__b__", "<U+002D><U+002D>a-<U+002D><U+005F><U+005F>b_<U+005F>"),
            (
                "<U+0041>[[x]]~*|#=:'&;{}@",
                "<U+003C>U+0041<U+003E><U+005B><U+005B>x<U+005D><U+005D><U+007E><U+002A><U+007C><U+0023><U+003D><U+003A><U+0027><U+0026><U+003B><U+007B><U+007D><U+0040>",
            ),
            (
                "\u{1f6e9} \u{202e}\u{200b}\u{10ffff}",
                "<U+1F6E9> <U+FFFD><U+FFFD><U+FFFD>",
            ),
            ("\u{2028}", "<U+2028>"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
        }
    }
}
