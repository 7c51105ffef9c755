//! Definitions: everything wrong with one is told at once, with its place and the way out.

use serde_json::{Value, json};
use tests::product::{Account, Product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_are_checked_versioned_and_kept_apart() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    formulas_are_told_where_they_are_wrong(ours).await;
    entities_are_told_where_they_are_wrong(ours).await;
    bodies_that_are_no_definition_are_refused(ours).await;
    replacing_needs_the_version_that_is_replaced(ours).await;
    only_one_of_many_writers_wins(ours).await;
    an_entity_grows_under_its_facts(ours).await;
    codes_in_another_case_and_the_built_in_entity_are_refused(ours).await;
    hostile_texts_are_only_texts(ours).await;
    product.stop().await.unwrap();
}

fn kpi(code: &str, formula: &str) -> Value {
    json!({ "code": code, "name": code, "formula": formula })
}

/// The words of a span.
fn spanned<'a>(text: &'a str, issue: &Value) -> &'a str {
    let place = |index: usize| usize::try_from(issue["span"][index].as_u64().unwrap()).unwrap();
    &text[place(0)..place(1)]
}

async fn formulas_are_told_where_they_are_wrong(ours: &Account) {
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
        let refused = ours
            .post("/v1/kpis", &kpi("WRONG", formula))
            .await
            .unwrap()
            .expect(422)
            .unwrap();
        let shown: String = formula.chars().take(40).collect();
        let issue = &refused.body["issues"][0];
        assert_eq!(issue["pointer"], "/formula", "{shown}: {}", refused.body);
        assert!(issue["detail"].as_str().unwrap().contains(told), "{shown}: {issue}");
        let hinted = issue["hint"].as_str().unwrap_or_default();
        assert!(hinted.contains(hint), "{shown}: {issue}");
        assert!(spanned(formula, issue).contains(words), "{shown}: {issue}");
    }
    let both = "COUNT(Flihgt) / SUM(Flight.dely)";
    let refused = ours
        .post("/v1/kpis", &kpi("wrong", both))
        .await
        .unwrap()
        .expect(422)
        .unwrap();
    let pointers: Vec<&str> = refused.body["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| issue["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/code", "/formula", "/formula"], "{}", refused.body);
    assert_eq!(ours.get("/v1/kpis/WRONG").await.unwrap().status, 404);
}

async fn entities_are_told_where_they_are_wrong(ours: &Account) {
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
    let refused = ours.post("/v1/entities", &entity).await.unwrap().expect(422).unwrap();
    let issues = refused.body["issues"].as_array().unwrap();
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
        assert!(
            issues.iter().any(|issue| issue["pointer"] == pointer),
            "{pointer}: {}",
            refused.body
        );
    }
    assert!(
        issues
            .iter()
            .any(|issue| issue["pointer"].as_str().unwrap().starts_with("/groupings/0")),
        "{}",
        refused.body
    );
    let formula = issues
        .iter()
        .find(|issue| issue["pointer"] == "/attributes/4/formula")
        .unwrap();
    assert_eq!(spanned("siz > 5", formula), "siz");
    assert!(formula["hint"].as_str().unwrap().contains("size"), "{formula}");
}

async fn bodies_that_are_no_definition_are_refused(ours: &Account) {
    for (body, pointer) in [
        (json!([]), ""),
        (json!({ "code": 5 }), "/code"),
        (
            json!({ "code": "A", "name": "A", "formula": "1", "colour": "red" }),
            "/colour",
        ),
        (
            json!({ "code": "A", "name": "A", "formula": "1", "direction": "sideways" }),
            "/direction",
        ),
    ] {
        let refused = ours.post("/v1/kpis", &body).await.unwrap().expect(400).unwrap();
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert_eq!(refused.body["issues"][0]["pointer"], pointer, "{}", refused.body);
    }
    let attribute = json!({ "code": "A", "domain": "a", "attributes": [{ "name": "a", "type": "colour" }] });
    let refused = ours
        .post("/v1/entities", &attribute)
        .await
        .unwrap()
        .expect(400)
        .unwrap();
    assert_eq!(
        refused.body["issues"][0]["pointer"], "/attributes/0/type",
        "{}",
        refused.body
    );
}

async fn replacing_needs_the_version_that_is_replaced(ours: &Account) {
    for (path, code) in [("/v1/kpis", "AVERAGE_DELAY"), ("/v1/entities", "Flight")] {
        let one = format!("{path}/{code}");
        let read = ours.get(&one).await.unwrap().expect(200).unwrap();
        let etag = read.etag.clone().unwrap();
        let mut definition = read.body;
        definition.as_object_mut().unwrap().remove("version");
        assert_eq!(ours.post(path, &definition).await.unwrap().status, 409, "{code} exists");
        definition["description"] = "changed".into();
        for (if_match, status) in [
            (None, 428),
            (Some("\"77\""), 412),
            (Some("seven"), 400),
            (Some(etag.as_str()), 200),
            (Some(etag.as_str()), 412),
        ] {
            let answer = ours.put(&one, if_match, &definition).await.unwrap();
            assert_eq!(answer.status, status, "{code} {if_match:?}: {}", answer.body);
        }
        let read = ours.get(&one).await.unwrap();
        assert_eq!(read.body["description"], "changed");
        assert_ne!(read.etag, Some(etag));
        let elsewhere = format!("{path}/Elsewhere");
        assert_eq!(
            ours.put(&elsewhere, Some("*"), &definition).await.unwrap().status,
            422,
            "another code"
        );
        definition["code"] = "Elsewhere".into();
        assert_eq!(ours.put(&elsewhere, Some("*"), &definition).await.unwrap().status, 404);
    }
}

async fn only_one_of_many_writers_wins(ours: &Account) {
    let created = kpi("RACE", "COUNT(Flight)");
    let statuses = futures::future::join_all((0..5).map(|_| ours.post("/v1/kpis", &created))).await;
    let mut statuses: Vec<u16> = statuses.into_iter().map(|answer| answer.unwrap().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409]);
    let etag = ours.get("/v1/kpis/RACE").await.unwrap().etag.unwrap();
    let writers = (0..5).map(|_| ours.put("/v1/kpis/RACE", Some(&etag), &created));
    let statuses = futures::future::join_all(writers).await;
    let mut statuses: Vec<u16> = statuses.into_iter().map(|answer| answer.unwrap().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412]);
}

async fn an_entity_grows_under_its_facts(ours: &Account) {
    let event = json!([super::flight(0, 5, "ORD")]);
    assert_eq!(ours.ingest("Flight", &event).await.unwrap(), (1, 0));
    let read = ours.get("/v1/entities/Flight").await.unwrap();
    let mut entity = read.body;
    entity.as_object_mut().unwrap().remove("version");
    let gate = json!({ "name": "gate", "type": "text", "dimension": true });
    entity["attributes"].as_array_mut().unwrap().push(gate);
    let replaced = ours
        .put("/v1/entities/Flight", read.etag.as_deref(), &entity)
        .await
        .unwrap();
    let etag = replaced.expect(200).unwrap().etag;
    // A process that has the old definition in its memory must not refuse what the new one allows.
    let mut event = super::flight(1, 5, "ORD");
    event["gate"] = "B7".into();
    assert_eq!(ours.ingest("Flight", &json!([event])).await.unwrap(), (1, 0));
    let by_gate = "/v1/kpis/FLIGHTS/value?period=day&at=2026-03-28T12:00:00Z&filter[gate]=B7";
    assert_eq!(ours.get(by_gate).await.unwrap().body["facts"], 1);
    let mut fewer = entity.clone();
    fewer["attributes"]
        .as_array_mut()
        .unwrap()
        .retain(|attribute| attribute["name"] != "distance");
    let refused = ours.put("/v1/entities/Flight", etag.as_deref(), &fewer).await.unwrap();
    assert_eq!(
        refused.status, 422,
        "facts have it, and a KPI reads it: {}",
        refused.body
    );
    assert!(refused.body.to_string().contains("distance"), "{}", refused.body);
}

async fn codes_in_another_case_and_the_built_in_entity_are_refused(ours: &Account) {
    let capitals = json!({ "code": "FLIGHT", "domain": "travel", "attributes": [] });
    let refused = ours.post("/v1/entities", &capitals).await.unwrap().expect(409).unwrap();
    assert!(
        refused.body["detail"].as_str().unwrap().contains("Flight"),
        "{}",
        refused.body
    );
    let read = ours.get("/v1/entities/KpiValue").await.unwrap().expect(200).unwrap();
    let mut entity = read.body;
    entity.as_object_mut().unwrap().remove("version");
    let weight = json!({ "name": "weight", "type": "decimal" });
    entity["attributes"].as_array_mut().unwrap().push(weight);
    let refused = ours
        .put("/v1/entities/KpiValue", read.etag.as_deref(), &entity)
        .await
        .unwrap();
    let refused = refused.expect(409).unwrap();
    assert!(
        refused.body["detail"].as_str().unwrap().contains("built in"),
        "{}",
        refused.body
    );
}

async fn hostile_texts_are_only_texts(ours: &Account) {
    let quoted = "'; DROP TABLE core.kpis; -- \" \\ $1 {} %s \u{202e}";
    let mut hostile = kpi("QUOTED", "COUNT(Flight WHERE origin = '''; DROP TABLE core.kpis; --')");
    hostile["name"] = quoted.into();
    hostile["description"] = quoted.into();
    ours.post("/v1/kpis", &hostile).await.unwrap().expect(201).unwrap();
    assert_eq!(ours.get("/v1/kpis/QUOTED").await.unwrap().body["description"], quoted);
    let value = ours
        .get("/v1/kpis/QUOTED/value?period=day")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(value.body["facts"], 0);
    // PostgreSQL has no text with U+0000, so it is refused, not an error of ours.
    for (path, field, body) in [
        (
            "/v1/kpis",
            "/name",
            json!({ "code": "ZERO", "name": "a\0b", "formula": "COUNT(Flight)" }),
        ),
        (
            "/v1/kpis",
            "/description",
            json!({ "code": "ZERO", "name": "a", "description": "a\0b", "formula": "COUNT(Flight)" }),
        ),
        (
            "/v1/kpis",
            "/unit",
            json!({ "code": "ZERO", "name": "a", "unit": "a\0b", "formula": "COUNT(Flight)" }),
        ),
        (
            "/v1/kpis",
            "/formula",
            json!({ "code": "ZERO", "name": "a", "formula": "COUNT(Flight WHERE origin = 'a\0b')" }),
        ),
        (
            "/v1/entities",
            "/time",
            json!({ "code": "Zero", "domain": "zero", "time": "a\0b", "attributes": [] }),
        ),
        (
            "/v1/entities",
            "/attributes/0/description",
            json!({ "code": "Zero", "domain": "zero", "attributes": [{ "name": "a", "type": "text", "description": "\0" }] }),
        ),
        (
            "/v1/entities",
            "/attributes/1/formula",
            json!({ "code": "Zero", "domain": "zero", "attributes": [
            { "name": "a", "type": "text" }, { "name": "b", "type": "boolean", "formula": "a = '\0'" }] }),
        ),
    ] {
        let answer = ours.post(path, &body).await.unwrap();
        assert_eq!(
            (answer.status, &answer.body["issues"][0]["pointer"]),
            (422, &json!(field)),
            "{}",
            answer.body
        );
    }
    assert_eq!(ours.get("/v1/kpis/QUOTED'%20OR%20true%20--").await.unwrap().status, 404);
    assert_eq!(ours.get("/v1/entities/%00").await.unwrap().status, 404);
}
