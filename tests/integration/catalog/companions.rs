//! What stands beside entities and KPIs: it fits them, follows them, and keeps them from being deleted.

use serde_json::{Value, json};
use tests::http::{Answer, User};
use tests::json::{JsonExt as _, without_version};
use tests::product::Product;

use super::definitions::kpi;
use super::names::deleted;

/// A client with orders and customers, and a KPI of each.
pub(super) async fn shop(product: &Product) -> User {
    let client = product.client().await;
    let id = json!({ "name": "id", "type": "text", "required": true });
    let text = |name: &str| json!({ "name": name, "type": "text" });
    for (code, attributes) in [
        ("Order", json!([id, text("customer"), text("region")])),
        ("Customer", json!([id, text("region"), text("segment")])),
    ] {
        let entity = json!({ "code": code, "domain": "sales", "attributes": attributes, "key": ["id"] });
        client.post("/v1/entities", &entity).await.created();
    }
    let mut orders = kpi("ORDERS", "COUNT(Order)");
    (orders["module"], orders["value_chain"]) = ("Sales".into(), "Order to cash".into());
    client.post("/v1/kpis", &orders).await.created();
    let both = kpi("PER_CUSTOMER", "COUNT(Order) / COUNT(Customer)");
    client.post("/v1/kpis", &both).await.created();
    client
}

/// A definition of each kind, with the address of all of the kind, in an order in which each finds what it names.
pub(super) fn companions() -> [(&'static str, Value); 3] {
    [
        (
            "/v1/relationships",
            json!({ "code": "ORDER_CUSTOMER", "name": "is placed by", "from_entity": "Order", "attribute": "customer",
                "to_entity": "Customer", "key": "id", "cardinality": "one", "resolved": "as_of_fact" }),
        ),
        (
            "/v1/actors",
            json!({ "code": "CLERK", "name": "Clerk", "works_with": [{ "entity": "Order", "does": "enters" }] }),
        ),
        (
            "/v1/value-chain-patterns",
            json!({ "code": "ORDER_TO_CASH", "name": "Order to cash", "value_chain": "Order to cash",
                "stages": [{ "name": "Ordering", "module": "Sales", "actors": ["CLERK"], "entities": ["Order"], "kpis": ["ORDERS"] }] }),
        ),
    ]
}

pub(super) async fn define(client: &User) {
    for (path, definition) in companions() {
        client.post(path, &definition).await.created();
    }
}

fn one(path: &str, definition: &Value) -> String {
    format!("{path}/{}", definition["code"].text())
}

/// The pointers of what a refusal says is wrong.
fn pointers(refused: &Answer) -> Vec<String> {
    let issues = refused["issues"].list().iter();
    issues.map(|issue| issue["pointer"].text().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_is_created_read_replaced_and_deleted() {
    let product = Product::shared().await;
    let (ours, theirs) = (shop(&product).await, shop(&product).await);
    for (path, definition) in companions() {
        let one = one(path, &definition);
        ours.get(&one).await.refused(404);
        let created = ours.post(path, &definition).await.created();
        assert_eq!((&created["version"], created.etag()), (&json!(1), "\"1\""));
        let read = ours.get(&one).await.ok();
        assert_eq!(read.body, created.body);
        ours.post(path, &definition).await.refused(409);
        // What was read is written as it is.
        let mut changed = read.body.clone();
        let equal = ours.put(&one, &changed).if_match(read.etag()).await.ok();
        assert_eq!(equal["version"], 1, "what is equal is no other version");
        changed["description"] = "changed".into();
        ours.put(&one, &changed).await.refused(428);
        for (etag, status) in [("\"77\"", 412), ("seven", 400), (read.etag(), 200), (read.etag(), 412)] {
            ours.put(&one, &changed).if_match(etag).await.expect(status);
        }
        let again = ours.get(&one).await.ok();
        assert_eq!(
            (&again["description"], &again["version"]),
            (&json!("changed"), &json!(2))
        );
        let elsewhere = format!("{path}/ELSEWHERE");
        ours.put(&elsewhere, &changed).if_match("*").await.refused(422);
        changed["code"] = "ELSEWHERE".into();
        ours.put(&elsewhere, &changed).if_match("*").await.refused(404);
        let mut strange = without_version(read.body.clone());
        strange["strange"] = 1.into();
        ours.put(&one, &strange).if_match("*").await.refused(400);
        theirs.get(&one).await.refused(404);
        deleted(&theirs, &one).await.refused(404);
    }
    for (path, definition) in companions().into_iter().rev() {
        let one = one(path, &definition);
        ours.delete(&one).await.refused(428);
        ours.delete(&one).if_match("\"1\"").await.refused(412);
        ours.delete(&one).if_match("\"2\"").await.expect(204);
        ours.get(&one).await.refused(404);
        deleted(&ours, &one).await.refused(404);
        let name = path.rsplit('/').next().unwrap().replace('-', "_");
        assert_eq!(ours.get(path).await.ok()[name.as_str()], json!([]));
    }
    // The same code at the same version is another definition, and every process sees it.
    define(&ours).await;
    let (path, definition) = &companions()[1];
    assert_eq!(ours.get(&one(path, definition)).await.ok()["description"], "");
    product.stop().await;
}

/// A definition with its address, a change, and the places of what is wrong then.
type Case<'a> = (&'a (&'a str, Value), fn(&mut Value), &'a [&'a str]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_with_its_places() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let [relationship, actor, pattern] = companions();
    let cases: [Case<'_>; 5] = [
        (
            &relationship,
            |it| (it["from_entity"], it["key"]) = ("Ordr".into(), "number".into()),
            &["/from_entity", "/key"],
        ),
        (&relationship, |it| it["cardinality"] = "many".into(), &["/cardinality"]),
        (
            &relationship,
            |it| (it["attribute"], it["key"]) = ("region".into(), "region".into()),
            &["/cardinality"],
        ),
        (
            &actor,
            |it| it["works_with"][0]["entity"] = "Nothing".into(),
            &["/works_with/0"],
        ),
        // The actor is not there yet.
        (&pattern, |_| {}, &["/stages/0/actors/0"]),
    ];
    for ((path, definition), change, expected) in cases {
        let mut definition = definition.clone();
        change(&mut definition);
        let refused = client.post(path, &definition).await.refused(422);
        assert_eq!(pointers(&refused), expected, "{refused}");
    }
    let misspelt = client.post(relationship.0, &{
        let mut definition = relationship.1.clone();
        definition["to_entity"] = "Custmer".into();
        definition
    });
    let misspelt = misspelt.await.refused(422);
    assert_eq!(misspelt["issues"][0]["hint"], "did you mean `Customer`?");
    let mut assumed = relationship.1.clone();
    assumed.as_object_mut().unwrap().remove("resolved");
    client.post(relationship.0, &assumed).await.refused(400);
    // An attribute leads to one entity.
    client.post(relationship.0, &relationship.1).await.created();
    let mut other = relationship.1.clone();
    other["code"] = "BUYER".into();
    let refused = client.post(relationship.0, &other).await.refused(422);
    assert_eq!(pointers(&refused), ["/attribute"]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_named_stays_until_nothing_names_it() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    define(&client).await;
    deleted(&client, "/v1/kpis/PER_CUSTOMER").await.expect(204);
    for (path, users) in [
        ("/v1/entities/Customer", &["the relationship ORDER_CUSTOMER"][..]),
        (
            "/v1/entities/Order",
            &[
                "the KPI ORDERS",
                "the relationship ORDER_CUSTOMER",
                "the actor CLERK",
                "the value chain pattern ORDER_TO_CASH",
            ],
        ),
        ("/v1/kpis/ORDERS", &["the value chain pattern ORDER_TO_CASH"]),
        ("/v1/actors/CLERK", &["the value chain pattern ORDER_TO_CASH"]),
    ] {
        let refused = deleted(&client, path).await.refused(409);
        assert_eq!(refused["type"], "urn:analytics-engine:problem:in-use");
        let issues = refused["issues"].list().iter();
        let told: Vec<&str> = issues.map(|issue| issue["detail"].text()).collect();
        let expected: Vec<String> = users.iter().map(|user| format!("{user} uses it")).collect();
        assert_eq!(told, expected, "{path}");
    }
    for path in [
        "/v1/value-chain-patterns/ORDER_TO_CASH",
        "/v1/kpis/ORDERS",
        "/v1/actors/CLERK",
        "/v1/relationships/ORDER_CUSTOMER",
        "/v1/entities/Order",
        "/v1/entities/Customer",
    ] {
        deleted(&client, path).await.expect(204);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companions_follow_what_gets_another_name() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    define(&client).await;
    let names = json!({ "code": "Sale", "attributes": { "customer": "buyer" } });
    let rename = async |path: &str, names: &Value| client.post(path, names).if_match("*").await.ok();
    rename("/v1/entities/Order/rename", &names).await;
    let names = json!({ "attributes": { "id": "number" } });
    rename("/v1/entities/Customer/rename", &names).await;
    rename("/v1/kpis/ORDERS/rename", &json!({ "code": "SALES" })).await;
    let relationship = client.get("/v1/relationships/ORDER_CUSTOMER").await.ok();
    for (field, expected) in [
        ("from_entity", "Sale"),
        ("attribute", "buyer"),
        ("to_entity", "Customer"),
        ("key", "number"),
    ] {
        assert_eq!(relationship[field], expected, "{relationship}");
    }
    // Each rename that it follows is another version.
    assert_eq!(relationship["version"], 3);
    let actor = client.get("/v1/actors/CLERK").await.ok();
    assert_eq!(
        (&actor["works_with"][0]["entity"], &actor["version"]),
        (&json!("Sale"), &json!(2))
    );
    let pattern = client.get("/v1/value-chain-patterns/ORDER_TO_CASH").await.ok();
    let stage = &pattern["stages"][0];
    assert_eq!(
        (&stage["entities"], &stage["kpis"]),
        (&json!(["Sale"]), &json!(["SALES"]))
    );
    let refused = deleted(&client, "/v1/entities/Sale").await.refused(409);
    assert!(refused["issues"].to_string().contains("ORDER_CUSTOMER"), "{refused}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_who_names_a_kpi_and_who_deletes_it_at_once_one_succeeds() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let [_, actor, (path, pattern)] = companions();
    client.post(actor.0, &actor.1).await.created();
    for _ in 0..5 {
        let naming = client.post(path, &pattern).send();
        let deleting = deleted(&client, "/v1/kpis/ORDERS");
        let (named, gone) = tokio::join!(naming, deleting);
        match (named.status, gone.status) {
            (201, 409) => {
                deleted(&client, &one(path, &pattern)).await.expect(204);
            }
            (422, 204) => {
                client.post("/v1/kpis", &kpi("ORDERS", "COUNT(Order)")).await.created();
            }
            _ => panic!("{named} {gone}"),
        }
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_of_their_lists_find_what_has_them() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    define(&client).await;
    let mut region = companions()[0].1.clone();
    (region["code"], region["cardinality"]) = ("ORDER_REGION".into(), "many".into());
    (region["attribute"], region["key"]) = ("region".into(), "region".into());
    client.post("/v1/relationships", &region).await.created();
    let actor = json!({ "code": "SHIPPER", "name": "Größe", "works_with": [{ "entity": "Customer" }] });
    client.post("/v1/actors", &actor).await.created();
    let pattern =
        json!({ "code": "SHIPPING", "name": "Shipping", "industry": "Retail", "stages": [{ "name": "One" }] });
    client.post("/v1/value-chain-patterns", &pattern).await.created();
    for (path, query, expected) in [
        ("relationships", "entity=Order", &["ORDER_CUSTOMER", "ORDER_REGION"][..]),
        ("relationships", "entity=Customer&search=region", &["ORDER_REGION"]),
        ("relationships", "entity=order", &[]),
        ("actors", "entity=Order", &["CLERK"]),
        ("actors", "search=gR%C3%B6%C3%9FE", &["SHIPPER"]),
        ("value-chain-patterns", "industry=Retail", &["SHIPPING"]),
        (
            "value-chain-patterns",
            "value_chain=Order%20to%20cash&search=order",
            &["ORDER_TO_CASH"],
        ),
        ("value-chain-patterns", "industry=Retail&search=cash", &[]),
    ] {
        let found = client.get(&format!("/v1/{path}?{query}")).await.ok();
        let items = found[path.replace('-', "_").as_str()].list().iter();
        let codes: Vec<&str> = items.map(|item| item["code"].text()).collect();
        assert_eq!(codes, expected, "{path}?{query}");
    }
    product.stop().await;
}
