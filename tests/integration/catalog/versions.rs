//! What was defined, from when on and by whom, stays readable: through replacements, renames, deletion, and under a code that is defined anew.

use reqwest::Method;
use serde_json::{Value, json};
use tests::http::{Answer, User};
use tests::json::JsonExt as _;
use tests::product::Product;

use super::definitions::kpi;

const KPI: &str = "/v1/kpis/SHARE";
const VERSIONS: &str = "/v1/kpis/SHARE/versions";

fn parcel() -> Value {
    json!({ "code": "Parcel", "domain": "logistics",
        "attributes": [{ "name": "weight", "type": "decimal" }, { "name": "region", "type": "text", "dimension": true }] })
}

/// Number, change and author of each version, the newest first.
fn told(list: &Answer) -> Vec<(i64, String, Value)> {
    let versions = list["versions"].list().iter();
    let told = versions.map(|one| {
        (
            one["number"].integer(),
            one["change"].text().to_owned(),
            one["by_email"].clone(),
        )
    });
    told.collect()
}

async fn changed(user: &User, formula: &str) -> Answer {
    user.put(KPI, &kpi("SHARE", formula)).if_match("*").await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_say_what_a_kpi_was_from_when_on_and_by_whom() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let (analyst, viewer) = (
        product.colleague(&ours, "analyst").await,
        product.colleague(&ours, "viewer").await,
    );
    ours.post("/v1/entities", &parcel()).await.created();
    let (first, second) = ("SUM(Parcel.weight)", "SUM(Parcel.weight) / COUNT(Parcel)");
    ours.post("/v1/kpis", &kpi("SHARE", first)).await.created();
    assert_eq!(changed(&analyst, second).await.etag(), "\"2\"");
    let list = viewer.get(VERSIONS).await.ok();
    let (owner, colleague) = (json!(ours.email), json!(analyst.email));
    assert_eq!(
        told(&list),
        [(2, "replaced".to_owned(), colleague), (1, "created".to_owned(), owner)],
        "{list}"
    );
    assert_eq!(list["versions"][0]["definition"]["formula"], second);
    assert_eq!(
        list["versions"][1],
        viewer.get(&format!("{VERSIONS}/1")).await.ok().body
    );

    // Formulas are told as texts, before and after.
    let diff = viewer.get(&format!("{VERSIONS}/2/diff")).await.ok();
    let expected = json!({ "before": { "code": "SHARE", "number": 1 }, "after": { "code": "SHARE", "number": 2 },
        "differences": [{ "pointer": "/formula", "before": first, "after": second }] });
    assert_eq!(diff.body, expected);
    let back = viewer.get(&format!("{VERSIONS}/1/diff?against=2")).await.ok();
    assert_eq!(back["differences"][0]["after"], first, "{back}");
    let whole = viewer.get(&format!("{VERSIONS}/1/diff")).await.ok();
    assert_eq!(
        (&whole["before"], &whole["differences"][0]["pointer"]),
        (&Value::Null, &json!(""))
    );
    assert_eq!(whole["differences"][0]["after"]["formula"], first, "{whole}");

    // The one that was in force at an instant.
    let (at_first, at_second) = (list["versions"][1]["at"].text(), list["versions"][0]["at"].text());
    for (time, number) in [(at_first, 1), (at_second, 2), ("9999-01-01T00:00:00Z", 2)] {
        let found = viewer.get(&format!("{VERSIONS}?at={time}")).await.ok();
        assert_eq!(
            (told(&found).len(), found["versions"][0]["number"].integer()),
            (1, number),
            "{found}"
        );
    }
    let none = viewer
        .get(&format!("{VERSIONS}?at=2026-01-01T00:00:00Z"))
        .await
        .refused(404);
    assert!(
        none["hint"].text().contains("first version that is kept is 1"),
        "{none}"
    );

    // Nobody changes a version, and another client has none of it.
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        ours.request(method, &format!("{VERSIONS}/1")).await.refused(404);
    }
    theirs.get(VERSIONS).await.refused(404);
    for (path, status) in [
        ("/3", 404),
        ("/0", 404),
        ("/one", 400),
        ("/2/diff?against=7", 404),
        ("/2/diff?with=1", 400),
    ] {
        viewer.get(&format!("{VERSIONS}{path}")).await.refused(status);
    }
    viewer.get("/v1/kpis/SHARE%00/versions").await.refused(404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_go_on_through_other_names_and_through_deletion() {
    let product = Product::shared().await;
    let ours = product.client().await;
    ours.post("/v1/entities", &parcel()).await.created();
    ours.post("/v1/kpis", &kpi("SHARE", "SUM(Parcel.weight)"))
        .await
        .created();
    let names = json!({ "code": "Consignment", "attributes": { "weight": "mass" } });
    ours.post("/v1/entities/Parcel/rename", &names).if_match("*").await.ok();

    // What names it follows, and says so.
    let followed = ours.get(&format!("{VERSIONS}/2")).await.ok();
    assert_eq!(
        (&followed["change"], &followed["followed"]),
        (&json!("followed"), &json!("Consignment"))
    );
    assert_eq!(followed["definition"]["formula"], "SUM(Consignment.mass)");
    let ended = ours.get("/v1/entities/Parcel/versions").await.ok();
    assert_eq!(ended["versions"][0]["renamed_to"], "Consignment");
    assert_eq!(ended["versions"][0]["definition"], Value::Null);
    let goes_on = ours.get("/v1/entities/Consignment/versions/2/diff").await.ok();
    assert_eq!(goes_on["before"], json!({ "code": "Parcel", "number": 1 }));
    let pointers = goes_on["differences"].list().iter().map(|one| one["pointer"].text());
    let pointers: Vec<&str> = pointers.collect();
    let expected = ["/attributes/0/formerly", "/attributes/0/name", "/code", "/formerly"];
    assert_eq!(pointers, expected, "{goes_on}");

    let renamed = ours
        .post(&format!("{KPI}/rename"), &json!({ "code": "MASS" }))
        .if_match("*")
        .await
        .ok();
    assert_eq!(renamed.etag(), "\"3\"");
    let before = ours.get(&format!("{VERSIONS}?at={}", followed["at"].text())).await.ok();
    assert_eq!(before["versions"][0]["number"], 2, "{before}");
    let now = ours
        .get(&format!("{VERSIONS}?at=9999-01-01T00:00:00Z"))
        .await
        .refused(404);
    assert!(now["hint"].text().contains("renamed to MASS"), "{now}");
    let early = ours
        .get(&format!("/v1/kpis/MASS/versions?at={}", followed["at"].text()))
        .await
        .refused(404);
    assert!(early["hint"].text().contains("called SHARE until"), "{early}");

    // What was deleted stays readable, and what is defined anew goes on with its numbers.
    ours.request(Method::DELETE, "/v1/kpis/MASS")
        .if_match("\"3\"")
        .await
        .expect(204);
    let list = ours.get("/v1/kpis/MASS/versions").await.ok();
    let numbers: Vec<i64> = told(&list).into_iter().map(|(number, ..)| number).collect();
    assert_eq!((numbers, list["versions"][0]["change"].text()), (vec![4, 3], "deleted"));
    let gone = ours
        .get("/v1/kpis/MASS/versions?at=9999-01-01T00:00:00Z")
        .await
        .refused(404);
    assert!(gone["hint"].text().contains("it was deleted at"), "{gone}");
    let anew = ours
        .post("/v1/kpis", &kpi("MASS", "COUNT(Consignment)"))
        .await
        .created();
    assert_eq!(anew.etag(), "\"5\"");
    let diff = ours.get("/v1/kpis/MASS/versions/5/diff").await.ok();
    assert_eq!(diff["before"]["number"], 4);
    assert_eq!(diff["differences"][0]["after"]["formula"], "COUNT(Consignment)");
    let against = ours.get("/v1/kpis/MASS/versions/5/diff?against=3").await.ok();
    let formula = against["differences"]
        .list()
        .iter()
        .find(|one| one["pointer"] == "/formula");
    assert_eq!(formula.unwrap()["before"], "SUM(Consignment.mass)");
    // An `ETag` of before is none of what there is now.
    let stale = ours.put("/v1/kpis/MASS", &kpi("MASS", "COUNT(Consignment) * 2"));
    stale.if_match("\"3\"").await.refused(412);
    product.stop().await;
}
