use super::*;
use serde_json::Value;

const TEXT: &str = include_str!("../../price_books/2025-11-11.json");

/// Every item of the book with its place.
fn items() -> Vec<(String, String)> {
    let book: Value = serde_json::from_str(TEXT).unwrap();
    let parts = book.as_object().unwrap().iter().filter(|(_, part)| part.is_object());
    parts
        .flat_map(|(part, items)| {
            let items = items.as_object().unwrap().keys();
            items.map(move |item| (part.clone(), item.clone()))
        })
        .collect()
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<PriceBook, PriceBookError> {
    let mut book: Value = serde_json::from_str(TEXT).unwrap();
    change(&mut book);
    PriceBook::parse(&book.to_string())
}

#[test]
fn a_version_is_found_by_its_name_and_no_other() {
    let newest = PriceBook::newest().unwrap();
    assert_eq!(PriceBook::of(&newest.version).unwrap(), newest);
    assert_eq!(
        PriceBook::of("1999").unwrap_err(),
        PriceBookError::Unknown("1999".into())
    );
    assert!(BOOKS.iter().all(Result::is_ok));
}

#[test]
fn a_book_without_an_item_is_no_book() {
    let items = items();
    assert_eq!(items.len(), 40);
    for (part, item) in items {
        let error = changed(|book| {
            book[&part].as_object_mut().unwrap().remove(&item);
        });
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(&format!("missing field `{item}`")),
            "{part}.{item}: {error}"
        );
    }
}

#[test]
fn an_item_that_cannot_be_is_named() {
    for (part, item, field, value, expected) in [
        ("license", "one_year", "price", "-1", NOT_POSITIVE),
        ("sizing", "kpis_per_replica", "value", "0", NOT_POSITIVE),
        ("kpi", "rbac", "hours", "0", NOT_POSITIVE),
        ("kpi", "dynamic_rbac", "max_hours", "19", HOURS_REVERSED),
        ("network", "transfer", "source", " ", NO_SOURCE),
    ] {
        let error = changed(|book| book[part][item][field] = value.into()).unwrap_err();
        let PriceBookError::Wrong {
            item: named, problem, ..
        } = error
        else {
            panic!("{part}.{item}: {error}");
        };
        assert_eq!((named, problem), (format!("{part}.{item}"), expected));
    }
}
