//! Formulas that nothing is defined by: an editor has them checked and completed.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

async fn completions(user: &User, body: Value) -> (Value, Vec<String>) {
    let found = user.post("/v1/formulas/complete", &body).await.ok();
    let labels = found["items"].list().iter();
    let labels = labels.map(|item| format!("{} {}", item["kind"].text(), item["label"].text()));
    (found.body.clone(), labels.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_formula_is_checked_before_anything_is_defined_by_it() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let viewer = product.colleague(&airline, "viewer").await;

    let text = json!({ "formula": "sum(Flight.delay where origin='é')/count(Flight where destination = 'LAX')" });
    let checked = viewer.post("/v1/formulas/check", &text).await.ok();
    let canonical = "SUM(Flight.delay WHERE origin = 'é') / COUNT(Flight WHERE destination = 'LAX')";
    assert_eq!(checked["canonical"], canonical, "{checked}");
    assert_eq!(
        (&checked["diagnostics"], &checked["hints"]),
        (&json!([]), &json!([])),
        "{checked}"
    );
    assert_eq!(checked["result"], "decimal");
    let reads = json!([{ "entity": "Flight", "attributes": ["delay", "destination", "origin"] }]);
    assert_eq!(checked["reads"], reads);
    let measures = json!([
        { "measure": "SUM(Flight.delay WHERE (origin = 'é'))", "entity": "Flight",
            "rollup": { "dimensions": ["on_time", "origin"], "finest": "hour" } },
        { "measure": "COUNT(Flight WHERE (destination = 'LAX'))", "entity": "Flight",
            "rollup": { "dimensions": ["destination"], "finest": "day" } },
    ]);
    assert_eq!(checked["measures"], measures, "{checked}");

    // Mistakes have their places in bytes and in what JavaScript counts.
    let text = json!({ "formula": "COUNT(Flight WHERE origin = '🛫é') + COUNT(Flihgt)" });
    let checked = viewer.post("/v1/formulas/check", &text).await.ok();
    let wrong = &checked["diagnostics"][0];
    assert_eq!(wrong["code"], "unknown-entity", "{checked}");
    assert_eq!(
        (&wrong["span"], &wrong["span_utf16"]),
        (&json!([46, 52]), &json!([43, 49])),
        "{checked}"
    );
    assert!(wrong["hint"].text().contains("Flight"), "{checked}");
    assert_eq!((&checked["result"], &checked["measures"]), (&Value::Null, &json!([])));

    // A derived attribute's, of which anything may be the result.
    let row = |formula: &str| json!({ "formula": formula, "of": { "entity": "Flight" } });
    let checked = viewer
        .post("/v1/formulas/check", &row("delay<15 and origin!='ORD'"))
        .await
        .ok();
    assert_eq!(checked["canonical"], "delay < 15 AND origin != 'ORD'");
    assert_eq!(
        (&checked["result"], &checked["measures"]),
        (&json!("boolean"), &json!([]))
    );
    let checked = viewer.post("/v1/formulas/check", &row("COUNT(Flight)")).await.ok();
    assert_eq!(checked["diagnostics"][0]["code"], "aggregate-in-row", "{checked}");

    // Nothing was defined, and what can't be asked is refused.
    assert!(
        viewer.get("/v1/kpis?search=Flihgt").await.ok()["kpis"]
            .list()
            .is_empty()
    );
    let nowhere = json!({ "formula": "1", "of": { "entity": "Nowhere" } });
    viewer.post("/v1/formulas/check", &nowhere).await.refused(404);
    viewer
        .post("/v1/formulas/check", &json!({ "formula": 1 }))
        .await
        .refused(400);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_stand_at_a_place_is_offered() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let viewer = product.colleague(&airline, "viewer").await;

    let (found, labels) = completions(&viewer, json!({ "formula": "COUNT(Fli", "position": 9 })).await;
    assert_eq!(labels, ["entity Flight"], "{found}");
    assert_eq!(
        (&found["replaces"], &found["replaces_utf16"]),
        (&json!([6, 9]), &json!([6, 9]))
    );
    let (found, labels) = completions(&viewer, json!({ "formula": "COUNT(Flight WHERE o", "position": 20 })).await;
    assert_eq!(labels, ["dimension on_time", "dimension origin"], "{found}");
    assert_eq!(found["items"][1]["detail"], "text");
    // A place after what takes two code units, and before what goes on.
    let formula = "COUNT(Flight WHERE origin = '🛫' AND o) / 2";
    let position = formula.find("o) /").unwrap() + 1 - 2;
    let (found, _) = completions(&viewer, json!({ "formula": formula, "position": position })).await;
    assert_eq!(
        (&found["replaces"], &found["replaces_utf16"]),
        (&json!([39, 40]), &json!([37, 38])),
        "{found}"
    );
    let row = json!({ "formula": "del", "position": 3, "of": { "entity": "Flight" } });
    assert_eq!(completions(&viewer, row).await.1, ["attribute delay"]);
    // Another client's names are nobody's.
    let stranger = product.client().await;
    let (found, labels) = completions(&stranger, json!({ "formula": "COUNT(F", "position": 7 })).await;
    assert_eq!(labels, [""; 0], "{found}");

    for (body, status, pointer) in [
        (json!({ "formula": "COUNT(", "position": 7 }), 422, "/position"),
        (json!({ "formula": "'🛫'", "position": 2 }), 422, "/position"),
        (json!({ "formula": " ".repeat(5_000), "position": 0 }), 422, "/formula"),
        (json!({ "formula": "COUNT(", "position": -1 }), 400, "/position"),
    ] {
        let refused = viewer.post("/v1/formulas/complete", &body).await.refused(status);
        assert_eq!(refused["issues"][0]["pointer"], pointer, "{refused}");
    }
    product.stop().await;
}
