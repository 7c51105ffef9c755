//! The graph of definitions, as JSON and as PlantUML.

use serde_json::{Value, json};
use tests::http::Answer;
use tests::json::JsonExt as _;
use tests::product::Product;

use super::companions::{define, shop};
use super::definitions::kpi;

fn ids(graph: &Answer) -> Vec<&str> {
    graph["nodes"].list().iter().map(|node| node["id"].text()).collect()
}

fn edge<'a>(graph: &'a Answer, from: &str, to: &str) -> Vec<&'a Value> {
    let edges = graph["edges"].list().iter();
    edges.filter(|edge| edge["from"] == from && edge["to"] == to).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_has_all_definitions_or_what_some_kpis_need() {
    let product = Product::shared().await;
    let (client, stranger) = (shop(&product).await, product.client().await);
    define(&client).await;
    let all = client.get("/v1/graph").await.ok();
    for id in [
        "value_chain:Order to cash",
        "value_chain_pattern:ORDER_TO_CASH",
        "module:Sales",
        "actor:CLERK",
        "kpi:ORDERS",
        "kpi:PER_CUSTOMER",
        "entity:Customer",
        "entity:Order",
    ] {
        assert!(ids(&all).contains(&id), "{id} is not in {all}");
    }
    assert_eq!(
        edge(&all, "entity:Order", "entity:Customer"),
        [
            &json!({ "from": "entity:Order", "to": "entity:Customer", "kind": "relates_to", "label": "is placed by",
            "relationship": "ORDER_CUSTOMER", "cardinality": "one" })
        ]
    );
    let kinds = |from: &str, to: &str| {
        edge(&all, from, to)
            .iter()
            .map(|edge| edge["kind"].text())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("kpi:ORDERS", "entity:Order"), ["requires"]);
    assert_eq!(kinds("kpi:ORDERS", "module:Sales"), ["belongs_to"]);
    assert_eq!(kinds("actor:CLERK", "entity:Order"), ["refers_to"]);
    assert_eq!(kinds("value_chain_pattern:ORDER_TO_CASH", "kpi:ORDERS"), ["refers_to"]);
    let some = client.get("/v1/graph?kpis=PER_CUSTOMER").await.ok();
    assert_eq!(ids(&some), ["kpi:PER_CUSTOMER", "entity:Customer", "entity:Order"]);
    assert_eq!(some["edges"].list().len(), 3);
    let refused = client.get("/v1/graph?kpis=ORDERS,NONE,MORE").await.refused(422);
    assert_eq!(refused["issues"].list().len(), 2, "{refused}");
    for wrong in ["kpis=", "kpis=ORDERS,,PER_CUSTOMER", "format=svg", "kpi=ORDERS"] {
        client.get(&format!("/v1/graph?{wrong}")).await.refused(400);
    }
    assert!(!ids(&stranger.get("/v1/graph").await.ok()).contains(&"entity:Order"));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_is_a_diagram_to_who_asks_for_one() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    define(&client).await;
    let mut hostile = kpi("HOSTILE", "COUNT(Order)");
    hostile["name"] = "\" @enduml %getenv(\"PATH\")".into();
    client.post("/v1/kpis", &hostile).await.created();
    let read = async |path: &str, accept: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", client.http));
        let request = request.bearer_auth(&client.token).header("accept", accept);
        let answer = request.send().await.unwrap();
        let vary = answer.headers()["vary"].to_str().unwrap();
        assert_eq!((answer.status().as_u16(), vary), (200, "accept"));
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, answer.text().await.unwrap())
    };
    let by_format = read(
        "/v1/graph?kpis=HOSTILE,PER_CUSTOMER&format=plantuml",
        "application/json",
    )
    .await;
    let by_accept = read("/v1/graph?kpis=HOSTILE,PER_CUSTOMER", "text/plain").await;
    let json = read("/v1/graph?kpis=HOSTILE&format=json", "text/plain").await;
    for (kind, _) in [&by_format, &by_accept] {
        assert_eq!(kind, "text/plain; charset=utf-8");
    }
    assert_eq!(json.0, "application/json");
    assert_eq!(by_format.1, by_accept.1);
    let text = by_format.1;
    assert!(text.starts_with("@startuml\n") && text.ends_with("@enduml\n"), "{text}");
    assert_eq!(text.matches("@enduml").count(), 1, "{text}");
    assert!(!text.contains("%getenv") && !text.contains("\"PATH"), "{text}");
    assert!(text.contains("\"*\" --> \"1\" n"), "{text}");
    product.stop().await;
}
