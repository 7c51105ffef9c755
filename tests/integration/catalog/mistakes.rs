//! Everything wrong with a definition is told at once, with its place and the way out.

use serde_json::{Value, json};
use tests::json::{JsonExt as _, without_version};
use tests::product::Product;

use super::definitions::kpi;

/// The words that an issue points at.
fn spanned<'a>(text: &'a str, issue: &Value) -> &'a str {
    let place = |index: usize| usize::try_from(issue["span"][index].as_u64().unwrap()).unwrap();
    &text[place(0)..place(1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_formula_is_told_with_the_words_at_fault_and_a_hint() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let deep = format!("{}1{}", "(".repeat(500), ")".repeat(500));
    let long = format!("COUNT(Flight){}", " + 1".repeat(2_000));
    for (formula, told, words, hint) in [
        ("COUNT(Flihgt)", "Flihgt", "Flihgt", "Flight"),
        ("SUM(Flight.dely)", "dely", "dely", "delay"),
        ("SUM(Flight.origin)", "text", "origin", ""),
        ("COUNTT(Flight)", "COUNTT", "COUNTT", "COUNT"),
        ("COUNT(Flight WHERE orign = 'ORD')", "orign", "orign", "origin"),
        ("COUNT(Flight WHERE origin = 5)", "", "5", ""),
        ("COUNT(Flight", "", "", ""),
        ("COUNT(Flight) +", "", "", ""),
        ("1 / 'é' + 🦀", "", "", ""),
        ("", "", "", ""),
        (&deep, "", "", ""),
        (&long, "", "", ""),
    ] {
        let refused = airline.post("/v1/kpis", &kpi("WRONG", formula)).await.refused(422);
        let issue = &refused["issues"][0];
        assert_eq!(issue["pointer"], "/formula", "{refused}");
        assert!(issue["detail"].text().contains(told), "{refused}");
        assert!(issue["hint"].as_str().unwrap_or_default().contains(hint), "{refused}");
        assert!(spanned(formula, issue).contains(words), "{refused}");
    }
    airline.get("/v1/kpis/WRONG").await.refused(404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_mistakes_of_a_kpi_are_told_at_once() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let three = kpi("wrong", "COUNT(Flihgt) / SUM(Flight.dely)");
    let refused = airline.post("/v1/kpis", &three).await.refused(422);
    let pointers: Vec<&str> = refused["issues"]
        .list()
        .iter()
        .map(|issue| issue["pointer"].text())
        .collect();
    assert_eq!(pointers, ["/code", "/formula", "/formula"], "{refused}");

    let two = kpi("BAD", "COUNT(Flihgt) + SUM(Flight.origin)");
    let refused = airline.post("/v1/kpis", &two).await.refused(422);
    let issues = refused["issues"].list();
    assert_eq!(issues.len(), 2, "{refused}");
    assert_eq!(issues[0]["pointer"], "/formula");
    assert_eq!(issues[0]["span"], json!([6, 12]), "{refused}");
    assert!(issues[0]["hint"].text().contains("Flight"), "{refused}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_mistakes_of_an_entity_are_told_at_once() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let entity = json!({
        "code": "order", "domain": "pg_catalog", "time": "at", "key": ["number"],
        "attributes": [
            { "name": "Amount", "type": "decimal", "dimension": true },
            { "name": "at", "type": "integer" },
            { "name": "size", "type": "integer" },
            { "name": "size", "type": "text" },
            { "name": "large", "type": "boolean", "formula": "siz > 5" },
        ],
        "groupings": [{ "dimensions": ["size"], "finest": "hour" }],
    });
    let refused = ours.post("/v1/entities", &entity).await.refused(422);
    let issues = refused["issues"].list();
    for pointer in [
        "/code",
        "/domain",
        "/attributes/0/name",
        "/attributes/0/dimension",
        "/attributes/1/name",
        "/attributes/3/name",
        "/attributes/4/formula",
        "/key/0",
    ] {
        let told = issues.iter().any(|issue| issue["pointer"] == pointer);
        assert!(told, "{pointer}: {refused}");
    }
    let grouping = issues
        .iter()
        .any(|issue| issue["pointer"].text().starts_with("/groupings/0"));
    assert!(grouping, "{refused}");
    let formula = issues.iter().find(|issue| issue["pointer"] == "/attributes/4/formula");
    let formula = formula.unwrap();
    assert_eq!(spanned("siz > 5", formula), "siz");
    assert!(formula["hint"].text().contains("size"), "{formula}");
    // Neither code nor domain is a name that a table can have.
    let hostile = json!({ "code": "X'; --", "domain": "Pg", "attributes": [] });
    ours.post("/v1/entities", &hostile).await.refused(422);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_definition_is_refused_with_the_place() {
    let product = Product::shared().await;
    let ours = product.client().await;
    for (path, body, pointer) in [
        ("/v1/kpis", json!([]), ""),
        ("/v1/kpis", json!({ "code": 5 }), "/code"),
        (
            "/v1/kpis",
            json!({ "code": "A", "name": "A", "formula": "1", "colour": "red" }),
            "/colour",
        ),
        (
            "/v1/kpis",
            json!({ "code": "A", "name": "A", "formula": "1", "direction": "sideways" }),
            "/direction",
        ),
        (
            "/v1/entities",
            json!({ "code": "A", "domain": "a", "attributes": [{ "name": "a", "type": "colour" }] }),
            "/attributes/0/type",
        ),
    ] {
        let refused = ours.post(path, &body).await.refused(400);
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(refused["issues"][0]["pointer"], pointer, "{refused}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_differs_in_case_only_is_refused() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let capitals = json!({ "code": "FLIGHT", "domain": "travel", "attributes": [] });
    let refused = airline.post("/v1/entities", &capitals).await.refused(409);
    assert!(refused.detail().contains("Flight"), "{refused}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_built_in_entity_can_not_be_changed() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let read = ours.get("/v1/entities/KpiValue").await.ok();
    let mut entity = without_version(read.body.clone());
    let weight = json!({ "name": "weight", "type": "decimal" });
    entity["attributes"].as_array_mut().unwrap().push(weight);
    let refused = ours
        .put("/v1/entities/KpiValue", &entity)
        .if_match(read.etag())
        .await
        .refused(409);
    assert!(refused.detail().contains("built in"), "{refused}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_text_is_only_a_text() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let quoted = "'; DROP TABLE core.kpis; -- \" \\ $1 {} %s \u{202e}";
    let mut hostile = kpi("QUOTED", "COUNT(Flight WHERE origin = '''; DROP TABLE core.kpis; --')");
    hostile["name"] = quoted.into();
    hostile["description"] = quoted.into();
    airline.post("/v1/kpis", &hostile).await.created();
    assert_eq!(airline.get("/v1/kpis/QUOTED").await.ok()["description"], quoted);
    let value = airline.get("/v1/kpis/QUOTED/value?period=day").await.ok();
    assert_eq!(value["facts"], 0);
    airline.get("/v1/kpis/QUOTED'%20OR%20true%20--").await.refused(404);
    airline.get("/v1/entities/%00").await.refused(404);
    product.stop().await;
}

/// PostgreSQL has no text with U+0000, so it is refused, not an error of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_with_u0000_is_refused_with_its_place() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let with = |field: &str| {
        let mut kpi = kpi("ZERO", "COUNT(Flight)");
        kpi[field] = "a\0b".into();
        kpi
    };
    let entity = |time: &str, attributes: Value| json!({ "code": "Zero", "domain": "zero", "time": time, "attributes": attributes });
    for (path, pointer, body) in [
        ("/v1/kpis", "/name", with("name")),
        ("/v1/kpis", "/description", with("description")),
        ("/v1/kpis", "/unit", with("unit")),
        (
            "/v1/kpis",
            "/formula",
            kpi("ZERO", "COUNT(Flight WHERE origin = 'a\0b')"),
        ),
        ("/v1/entities", "/time", entity("a\0b", json!([]))),
        (
            "/v1/entities",
            "/attributes/0/description",
            entity("time", json!([{ "name": "a", "type": "text", "description": "\0" }])),
        ),
        (
            "/v1/entities",
            "/attributes/1/formula",
            entity(
                "time",
                json!([{ "name": "a", "type": "text" }, { "name": "b", "type": "boolean", "formula": "a = '\0'" }]),
            ),
        ),
    ] {
        let refused = airline.post(path, &body).await.refused(422);
        assert_eq!(refused["issues"][0]["pointer"], pointer, "{refused}");
    }
    product.stop().await;
}
