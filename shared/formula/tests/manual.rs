//! `docs/formulas.md` holds: every row of its checked tables is compiled and evaluated.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use formula::{
    Attribute, AttributeType, Diagnostic, Entities, Formula, Leads, Number, Referred, Subject, Unit, Value, Values,
    advise, advise_row, compile, compile_row, complete, format, parse,
};

/// A table of the manual: the cells of its header, and those of each row.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn is(&self, header: &[&str]) -> bool {
        self.header == header
    }
}

fn tables() -> Vec<Table> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formulas.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            inside = false;
            continue;
        };
        let cells: Vec<String> = row.split(" | ").map(|cell| cell.trim().to_owned()).collect();
        match tables.last_mut() {
            Some(table) if inside => table.rows.push(cells),
            _ => tables.push(Table {
                header: cells,
                rows: Vec::new(),
            }),
        }
        inside = true;
    }
    for table in &mut tables {
        // The line of dashes below the header.
        table.rows.remove(0);
    }
    tables
}

/// Rows of all tables with this header; there is at least one.
fn rows(header: &[&str]) -> Vec<Vec<String>> {
    let rows: Vec<Vec<String>> = tables()
        .into_iter()
        .filter(|table| table.is(header))
        .flat_map(|table| table.rows)
        .collect();
    assert!(!rows.is_empty(), "docs/formulas.md has no table {header:?}");
    rows
}

/// What stands between backticks, one or several with commas between them.
fn code(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn one(cell: &str) -> String {
    code(cell)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no code in {cell:?}"))
}

/// A literal of the language, or "no value".
fn value(cell: &str) -> Value {
    if cell == "no value" {
        return Value::Null;
    }
    let literal = one(cell);
    match literal.as_str() {
        "TRUE" => Value::Boolean(true),
        "FALSE" => Value::Boolean(false),
        text if text.starts_with('\'') => Value::Text(text.trim_matches('\'').to_owned()),
        time if time.ends_with('Z') => Value::Time(time_us(time)),
        number => Value::Decimal(number.parse().unwrap()),
    }
}

/// An instant of 28 March 2026, in microseconds since 1970.
fn time_us(text: &str) -> i64 {
    let clock = text.strip_prefix("2026-03-28T").and_then(|rest| rest.strip_suffix('Z'));
    let parts: Vec<&str> = clock.unwrap_or_else(|| panic!("{text}")).split(':').collect();
    let [hour, minute] = [parts[0], parts[1]].map(|part| part.parse::<i64>().unwrap());
    let (second, fraction) = parts[2].split_once('.').unwrap_or((parts[2], "0"));
    let fraction_us = format!("{fraction:0<6}").parse::<i64>().unwrap();
    let day_s = 1_774_656_000;
    (day_s + hour * 3_600 + minute * 60 + second.parse::<i64>().unwrap()) * 1_000_000 + fraction_us
}

/// The number that a value is; other values as they are, so that both can be compared with what the manual says.
fn plain(value: Value) -> Value {
    value
        .as_decimal()
        .map_or(value, |number| Value::Decimal(number.normalize()))
}

/// The entities that the manual describes, with the value of each attribute, and its KPIs.
struct Described(
    BTreeMap<String, (Vec<Attribute>, Vec<Value>)>,
    BTreeMap<String, Formula>,
    BTreeMap<String, Unit>,
    /// Where attributes lead, by entity and attribute.
    BTreeMap<String, String>,
);

impl Described {
    fn read() -> Self {
        let described = tables().into_iter().filter(|table| {
            table.header.len() == 4 && table.header[1..] == ["type", "dimension", "value in the examples"]
        });
        let entities = described.map(|table| (one(&table.header[0]), entity(&table.rows)));
        let mut described = Self(entities.collect(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for row in rows(&["attribute of the examples", "leads to"]) {
            described.3.insert(one(&row[0]), one(&row[1]));
        }
        for row in rows(&["attribute of an invoice", "unit"]) {
            described.2.insert(one(&row[0]), Unit::declared(&one(&row[1])).unwrap());
        }
        for row in rows(&["KPI of the examples", "formula"]) {
            let formula = compile(&one(&row[1]), &described).unwrap_or_else(|errors| panic!("{row:?}: {errors:?}"));
            described.1.insert(one(&row[0]), formula);
        }
        described
    }
}

fn entity(rows: &[Vec<String>]) -> (Vec<Attribute>, Vec<Value>) {
    let attributes = rows.iter().map(|row| {
        let kind = AttributeType::ALL
            .into_iter()
            .find(|kind| kind.name() == row[1])
            .unwrap();
        let value = match (kind, value(&row[3])) {
            (AttributeType::Integer, Value::Decimal(number)) => Value::Integer(number.try_into().unwrap()),
            (_, value) => value,
        };
        let attribute = Attribute {
            name: one(&row[0]),
            kind,
            dimension: row[2] == "yes",
            required: false,
            difference: None,
        };
        (attribute, value)
    });
    attributes.unzip()
}

impl Entities for Described {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.0.get(entity).map(|(attributes, _)| attributes.as_slice())
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn unit(&self, entity: &str, attribute: &str) -> Option<Unit> {
        let has_units = matches!(entity, "Invoice" | "Rate");
        self.2.get(attribute).filter(|_| has_units).cloned()
    }

    fn leads(&self, entity: &str, attribute: &str) -> Option<Leads<'_>> {
        let to = self.3.get(&format!("{entity}.{attribute}"))?;
        Some(Leads { to, is_to_one: true })
    }

    fn referring(&self, entity: &str) -> Vec<[&str; 2]> {
        let referring = self.3.iter().filter(|(_, to)| *to == entity);
        let referring = referring.filter_map(|(from, _)| from.split_once('.'));
        referring.map(|(from, attribute)| [from, attribute]).collect()
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        self.1.get(code).map(Referred::Formula)
    }

    fn kpi_codes(&self) -> Vec<&str> {
        self.1.keys().map(String::as_str).collect()
    }
}

#[test]
fn precedence_is_as_the_manual_says() {
    for row in rows(&["short", "with all parentheses"]) {
        let (short, explicit) = (parse(&one(&row[0])), parse(&one(&row[1])));
        assert_eq!(short.diagnostics, [], "{row:?}");
        assert_eq!(short.tree.to_string(), explicit.tree.to_string(), "{row:?}");
    }
}

#[test]
fn formulas_have_the_measures_that_the_manual_names() {
    let entities = Described::read();
    for row in rows(&["KPI formula", "measures"]) {
        let formula = compile(&one(&row[0]), &entities).unwrap_or_else(|errors| panic!("{row:?}: {errors:?}"));
        let measures: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
        assert_eq!(measures, code(&row[1]), "{row:?}");
    }
}

#[test]
fn formulas_are_of_the_units_that_the_manual_names() {
    let entities = Described::read();
    for row in rows(&["KPI formula", "its unit"]) {
        let formula = compile(&one(&row[0]), &entities).unwrap_or_else(|errors| panic!("{row:?}: {errors:?}"));
        let unit = formula.unit().map(ToString::to_string);
        assert_eq!(unit.as_deref(), code(&row[1]).first().map(String::as_str), "{row:?}");
    }
}

#[test]
fn measures_finish_to_the_values_of_the_manual() {
    let entities = Described::read();
    for row in rows(&["KPI formula", "values of its measures", "value"]) {
        let formula = compile(&one(&row[0]), &entities).unwrap_or_else(|errors| panic!("{row:?}: {errors:?}"));
        let number = |cell: &str| value(cell).as_decimal().map(Number::from);
        let values: Vec<Option<Number>> = row[1].split(", ").map(number).collect();
        let told = formula.finish(Values::of(&values)).map(|value| value.answered());
        assert_eq!(told, number(&row[2]), "{row:?}");
    }
}

#[test]
fn hints_are_those_that_the_manual_names() {
    let entities = Described::read();
    for row in rows(&["KPI formula", "hints"]) {
        let source = one(&row[0]);
        assert!(compile(&source, &entities).is_ok(), "{row:?}");
        let hints: Vec<&str> = advise(&source, &entities).into_iter().map(|hint| hint.code).collect();
        assert_eq!(hints, row.get(1).map_or_else(Vec::new, |cell| code(cell)), "{row:?}");
    }
}

#[test]
fn hints_about_derived_attributes_are_those_that_the_manual_names() {
    let entities = Described::read();
    let (attributes, _) = &entities.0["Flight"];
    for row in rows(&["written as a derived attribute", "hints"]) {
        let source = one(&row[0]);
        assert!(compile_row(&source, attributes).is_ok(), "{row:?}");
        let hints = advise_row(&source, attributes)
            .into_iter()
            .map(|hint| hint.code.to_owned());
        assert_eq!(
            hints.collect::<Vec<_>>(),
            row.get(1).map_or_else(Vec::new, |cell| code(cell)),
            "{row:?}"
        );
    }
}

#[test]
fn derived_attributes_have_the_values_of_the_manual() {
    let entities = Described::read();
    let of_flights = rows(&["derived attribute", "type", "value"])
        .into_iter()
        .map(|row| ("Flight", row));
    let of_tickets = rows(&["derived attribute of a ticket", "type", "value"])
        .into_iter()
        .map(|row| ("Ticket", row));
    for (entity, row) in of_flights.chain(of_tickets) {
        let (attributes, fact) = &entities.0[entity];
        let formula = compile_row(&one(&row[0]), attributes).unwrap_or_else(|errors| panic!("{row:?}: {errors:?}"));
        assert_eq!(formula.kind().name(), row[1], "{row:?}");
        assert_eq!(plain(formula.evaluate(fact)), plain(value(&row[2])), "{row:?}");
    }
}

#[test]
fn mistakes_have_the_diagnostics_of_the_manual() {
    let entities = Described::read();
    let (attributes, _) = &entities.0["Flight"];
    let codes = |found: Vec<Diagnostic>| {
        found
            .into_iter()
            .map(|found| found.code.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let mut wrong = Vec::new();
    for row in rows(&["written", "diagnostics"]) {
        let found = codes(compile(&one(&row[0]), &entities).err().unwrap_or_default());
        wrong.extend((found != code(&row[1]).into_iter().collect()).then_some((row, found)));
    }
    for row in rows(&["written as a derived attribute", "diagnostics"]) {
        let found = codes(compile_row(&one(&row[0]), attributes).err().unwrap_or_default());
        wrong.extend((found != code(&row[1]).into_iter().collect()).then_some((row, found)));
    }
    assert_eq!(wrong, [], "rows of docs/formulas.md, and what is found");
}

/// Every formula of the manual's tables, and of which entity it is a derived attribute, if it is one.
fn formulas() -> Vec<(Option<&'static str>, String)> {
    let of = |header: &str| match header {
        "KPI formula" => Some(None),
        "derived attribute" | "written as a derived attribute" => Some(Some("Flight")),
        "derived attribute of a ticket" => Some(Some("Ticket")),
        _ => None,
    };
    let tables = tables().into_iter();
    let formulas = tables.filter(|table| !table.header.contains(&"diagnostics".to_owned()));
    let formulas = formulas.filter_map(|table| Some((of(&table.header[0])?, table.rows)));
    let formulas: Vec<_> = formulas
        .flat_map(|(entity, rows)| rows.into_iter().map(move |row| (entity, one(&row[0]))))
        .collect();
    assert!(formulas.len() > 100, "{} formulas", formulas.len());
    formulas
}

/// The words and symbols of a formula outside of texts, with their places; numbers are none.
fn words(source: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut place = 0;
    while let Some(next) = source[place..].chars().next() {
        let rest = &source[place..];
        let length = match next {
            '\'' => 2 + rest[1..].find('\'').unwrap(),
            _ if is_word(next) => rest.find(|c| !is_word(c) && c != '.').unwrap_or(rest.len()),
            '<' | '>' | '!' | '=' => rest.find(|c| !"<>!=".contains(c)).unwrap_or(rest.len()),
            _ => next.len_utf8(),
        };
        let mut begin = place;
        for word in rest[..length].split('.') {
            let is_literal = word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit() || c == '\'' || c == ' ');
            words.extend((!is_literal).then_some((begin, word)));
            begin += word.len() + 1;
        }
        place += length;
    }
    words
}

#[test]
fn whatever_the_manual_writes_is_offered_where_it_stands() {
    let entities = Described::read();
    let mut missing = Vec::new();
    for (entity, source) in formulas() {
        let subject = match entity {
            Some(entity) => Subject::Row(&entities.0[entity].0),
            None => Subject::Kpi(&entities),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for (place, word) in words(&source) {
            // A symbol that touches a word: there the word is completed.
            if !word.starts_with(is_part) && source[..place].ends_with(is_part) {
                continue;
            }
            // Of a word the first letter is typed already. Another way to write `!=` is understood and not offered.
            let typed = usize::from(word.starts_with(is_part));
            let found = complete(&source, place + typed, subject);
            let is_it = |label: &str| {
                label
                    .split(' ')
                    .next()
                    .is_some_and(|first| first.eq_ignore_ascii_case(word))
            };
            let is_offered = word == "<>" || found.items.iter().any(|item| is_it(&item.label));
            missing.extend((!is_offered).then(|| format!("{word} at {place} of {source}")));
        }
    }
    assert_eq!(missing, [""; 0], "what the manual writes and is not offered");
}

#[test]
fn the_formulas_of_the_manual_mean_the_same_in_their_canonical_form() {
    let entities = Described::read();
    for (entity, source) in formulas() {
        let printed = format(&source).unwrap_or_else(|| panic!("{source} has no canonical form"));
        assert_eq!(format(&printed).as_ref(), Some(&printed), "{source}");
        match entity {
            Some(entity) => {
                let attributes = &entities.0[entity].0;
                assert_eq!(
                    compile_row(&source, attributes),
                    compile_row(&printed, attributes),
                    "{source}"
                );
            }
            // How long it is written is no part of what it means.
            None => {
                let meant = |source: &str| compile(source, &entities).map(|formula| (formula.measures, formula.finish));
                assert_eq!(meant(&source), meant(&printed), "{source}");
            }
        }
    }
}
