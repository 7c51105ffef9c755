#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::companion::tests::full_shop;
use crate::fixtures::kpi;

fn shown(graph: &Graph) -> (Vec<&str>, Vec<String>) {
    let nodes = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    let edges = graph.edges.iter().map(|edge| {
        let kind = serde_json::to_value(edge.kind).unwrap();
        let label = edge.label.as_deref().unwrap_or("-");
        format!("{} {} {}: {label}", edge.from, kind.as_str().unwrap(), edge.to)
    });
    (nodes, edges.collect())
}

#[test]
fn all_definitions_are_in_the_graph() {
    let graph = full_shop().graph().unwrap();
    let (nodes, edges) = shown(&graph);
    assert_eq!(
        nodes,
        [
            "value_chain:Order to cash",
            "value_chain_pattern:ORDER_TO_CASH",
            "module:Logistics",
            "module:Sales",
            "actor:DISPATCHER",
            "kpi:ORDERS",
            "kpi:PER_CUSTOMER",
            "entity:Customer",
            "entity:Order",
            "entity:Visit",
        ]
    );
    assert_eq!(
        edges,
        [
            "kpi:ORDERS requires entity:Order: -",
            "kpi:ORDERS belongs_to module:Sales: -",
            "kpi:ORDERS belongs_to value_chain:Order to cash: -",
            "kpi:PER_CUSTOMER requires entity:Customer: -",
            "kpi:PER_CUSTOMER requires entity:Order: -",
            "actor:DISPATCHER refers_to entity:Order: ships",
            "actor:DISPATCHER refers_to entity:Customer: -",
            "entity:Order relates_to entity:Customer: is placed by",
            "value_chain_pattern:ORDER_TO_CASH belongs_to value_chain:Order to cash: -",
            "value_chain_pattern:ORDER_TO_CASH refers_to module:Logistics: Ordering",
            "value_chain_pattern:ORDER_TO_CASH refers_to actor:DISPATCHER: Ordering",
            "value_chain_pattern:ORDER_TO_CASH refers_to entity:Order: Ordering",
            "value_chain_pattern:ORDER_TO_CASH refers_to kpi:ORDERS: Ordering",
            "value_chain_pattern:ORDER_TO_CASH refers_to module:Logistics: Delivery",
            "value_chain_pattern:ORDER_TO_CASH refers_to actor:DISPATCHER: Delivery",
            "value_chain_pattern:ORDER_TO_CASH refers_to entity:Order: Delivery",
            "value_chain_pattern:ORDER_TO_CASH refers_to kpi:ORDERS: Delivery",
        ]
    );
    let related = graph
        .edges
        .iter()
        .find(|edge| edge.kind == GraphEdgeKind::RelatesTo)
        .unwrap();
    assert_eq!(related.relationship.as_deref(), Some("ORDER_CUSTOMER"));
    assert_eq!(related.cardinality, Some(Cardinality::One));
    let name = |id: &str| graph.nodes.iter().find(|node| node.id == id).unwrap().name.clone();
    assert_eq!(name("actor:DISPATCHER").as_deref(), Some("Dispatcher"));
    assert_eq!(name("entity:Order"), None);
}

#[test]
fn some_kpis_need_what_they_read() {
    let catalog = full_shop();
    let graph = catalog.graph_of(["PER_CUSTOMER", "PER_CUSTOMER"]).unwrap();
    let (nodes, edges) = shown(&graph);
    assert_eq!(nodes, ["kpi:PER_CUSTOMER", "entity:Customer", "entity:Order"]);
    assert_eq!(edges[2], "entity:Order relates_to entity:Customer: is placed by");
    assert_eq!(edges.len(), 3);
    let graph = catalog.graph_of(["ORDERS"]).unwrap();
    let (nodes, edges) = shown(&graph);
    assert_eq!(
        nodes,
        [
            "value_chain:Order to cash",
            "module:Sales",
            "kpi:ORDERS",
            "entity:Order"
        ]
    );
    assert_eq!(
        edges.len(),
        3,
        "nothing of the relationship to what is not needed: {edges:?}"
    );
    let unknown = catalog.graph_of(["ORDERS", "Y", "X"]).unwrap_err();
    assert_eq!(unknown, GraphError::NoKpis(vec!["X".to_owned(), "Y".to_owned()]));
}

#[test]
fn a_graph_has_limits() {
    let mut catalog = full_shop();
    let kpis = MAX_GRAPH_NODES - catalog.graph().unwrap().nodes.len();
    for number in 0..kpis {
        catalog.add_kpi(kpi(&format!("K{number}"), "1 + COUNT(Order)")).unwrap();
    }
    assert_eq!(catalog.graph().unwrap().nodes.len(), MAX_GRAPH_NODES);
    catalog.add_kpi(kpi("ONE_MORE", "COUNT(Order)")).unwrap();
    assert_eq!(catalog.graph(), Err(GraphError::TooManyNodes(MAX_GRAPH_NODES + 1)));
    assert_eq!(catalog.graph_of(["ONE_MORE"]).unwrap().nodes.len(), 2);
}

#[test]
fn a_graph_is_a_plantuml_diagram() {
    let mut catalog = full_shop();
    let mut hostile = kpi("HOSTILE", "COUNT(Order)");
    hostile.name = "\"] %getenv(\"HOME\")\u{202e}".to_owned();
    "!include /etc/passwd".clone_into(&mut hostile.module);
    catalog.add_kpi(hostile).unwrap();
    let text = catalog.graph_of(["HOSTILE", "PER_CUSTOMER"]).unwrap().to_plantuml();
    assert_eq!(
        text,
        r#"@startuml
left to right direction
component "<U+0021>include <U+002F>etc/passwd" as n0
rectangle "HOSTILE\n<U+0022><U+005D> <U+0025>getenv(<U+0022>HOME<U+0022>)<U+FFFD>" as n1 <<KPI>>
rectangle "PER_CUSTOMER\na KPI" as n2 <<KPI>>
entity "Customer" as n3
entity "Order" as n4
n1 --> n4
n1 --o n0
n2 --> n3
n2 --> n4
n4 "*" --> "1" n3 : is placed by
@enduml
"#
    );
    let whole = full_shop().graph().unwrap().to_plantuml();
    for line in [
        "folder \"Order to cash\" as n0",
        "collections \"ORDER_TO_CASH\\nOrder to cash\" as n1 <<pattern>>",
        "actor \"DISPATCHER\\nDispatcher\" as n4",
        "n4 ..> n8 : ships",
        "n4 ..> n7",
    ] {
        assert!(whole.lines().any(|found| found == line), "{line} is not in {whole}");
    }
}
