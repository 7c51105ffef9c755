//! What stands beside entities and KPIs is a client's own, as they are: stored, told apart, followed and removed with the client.

use catalog::{Actor, Companion, EntityRename, KpiRename, Relationship, ValueChainPattern};
use records::client_removal;

use super::*;

fn read<C: Companion>(definition: Value) -> C {
    serde_json::from_value(definition).unwrap()
}

fn relationship() -> Relationship {
    read(
        json!({ "code": "ORDER_CUSTOMER", "from_entity": "Order", "attribute": "customer", "to_entity": "Customer", "key": "id",
            "cardinality": "one", "resolved": "as_of_now" }),
    )
}

fn clerk() -> Actor {
    read(json!({ "code": "CLERK", "name": "Clerk", "works_with": [{ "entity": "Order" }] }))
}

fn order_to_cash() -> ValueChainPattern {
    let stages = json!([{ "name": "Ordering", "actors": ["CLERK"], "entities": ["Order"], "kpis": ["ORDERS"] }]);
    read(json!({ "code": "ORDER_TO_CASH", "name": "Order to cash", "stages": stages }))
}

impl Bench {
    async fn shop(&self, client: Uuid) {
        let id = json!({ "name": "id", "type": "text", "required": true });
        let customer = json!({ "name": "customer", "type": "text" });
        for (code, attributes) in [("Customer", json!([id])), ("Order", json!([id, customer]))] {
            let entity = json!({ "code": code, "domain": "sales", "attributes": attributes, "key": ["id"] });
            assert_eq!(self.create(client, &entity).await, Written::Stored(1));
        }
        assert_eq!(self.kpi(client, "ORDERS", "COUNT(Order)").await, Written::Stored(1));
        let database = &self.database.app;
        let stored = definitions::create_companion(database, client, &relationship()).await;
        assert_eq!(stored.unwrap(), Written::Stored(1));
        let stored = definitions::create_companion(database, client, &clerk()).await;
        assert_eq!(stored.unwrap(), Written::Stored(1));
        let stored = definitions::create_companion(database, client, &order_to_cash()).await;
        assert_eq!(stored.unwrap(), Written::Stored(1));
    }

    async fn fingerprint(&self, client: Uuid) -> definitions::Fingerprint {
        let found = definitions::fingerprint(&self.database.app, client).await;
        found.unwrap().unwrap()
    }
}

#[tokio::test]
async fn companions_are_stored_and_follow_and_go_with_their_client() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, theirs, database) = (bench.ours, bench.theirs, &bench.database.app);
        bench.shop(ours).await;
        bench.shop(theirs).await;
        let before = bench.fingerprint(ours).await;
        let mut changed = clerk();
        changed.description = "enters orders".to_owned();
        let stale = definitions::replace_companion(database, ours, &changed, Some(7)).await;
        assert_eq!(stale.unwrap(), Written::Stale(1));
        let replaced = definitions::replace_companion(database, ours, &changed, Some(1)).await;
        assert_eq!(replaced.unwrap(), Written::Stored(2));
        assert_ne!(
            bench.fingerprint(ours).await,
            before,
            "who knows the old one reads anew"
        );
        // New names: everything follows in the same transaction, and nothing of the other client's.
        let old = bench.known(ours).await.placed["Order"].clone();
        let wanted = EntityRename {
            code: Some("Sale".to_owned()),
            attributes: BTreeMap::from([("customer".to_owned(), "buyer".to_owned())]),
        };
        let renamed = definitions::rename_entity(database, ours, &old, &wanted, None).await;
        assert_eq!(renamed.unwrap(), Written::Stored(2));
        let wanted = KpiRename {
            code: "SALES".to_owned(),
        };
        let renamed = definitions::rename_kpi(database, ours, "ORDERS", &wanted, None).await;
        assert!(matches!(renamed.unwrap(), Written::Stored(_)));
        let known = bench.known(ours).await;
        let related = known.catalog.relationship_of("Sale", "buyer").unwrap();
        assert_eq!(related.code, "ORDER_CUSTOMER");
        let stage = &known
            .catalog
            .companion::<ValueChainPattern>("ORDER_TO_CASH")
            .unwrap()
            .stages[0];
        assert_eq!((stage.entities[0].as_str(), stage.kpis[0].as_str()), ("Sale", "SALES"));
        let versions = (
            known.companion_version::<Relationship>("ORDER_CUSTOMER"),
            known.companion_version::<Actor>("CLERK"),
            known.companion_version::<ValueChainPattern>("ORDER_TO_CASH"),
        );
        assert_eq!(versions, (Some(2), Some(3), Some(3)));
        let other = bench.known(theirs).await;
        assert!(other.catalog.relationship_of("Order", "customer").is_some());
        assert_eq!(other.companion_version::<Actor>("CLERK"), Some(1));
        // What is named stays.
        let in_use = definitions::delete_kpi(database, ours, "SALES", None).await.unwrap();
        assert!(
            matches!(&in_use, Written::InUse(users) if users[0].what.contains("ORDER_TO_CASH")),
            "{in_use:?}"
        );
        let in_use = definitions::delete_companion::<Actor>(database, ours, "CLERK", None).await;
        assert!(matches!(in_use.unwrap(), Written::InUse(_)));
        let gone = definitions::delete_companion::<ValueChainPattern>(database, ours, "ORDER_TO_CASH", Some(3)).await;
        assert_eq!(gone.unwrap(), Written::Stored(3));
        let gone = definitions::delete_companion::<ValueChainPattern>(database, ours, "ORDER_TO_CASH", None).await;
        assert_eq!(gone.unwrap(), Written::Missing);
        // With a client goes what it has, and nothing else.
        assert!(
            client_removal::remove(&bench.database.owner, ours, "ours")
                .await
                .unwrap()
        );
        assert_eq!(bench.known(theirs).await.catalog.companions::<Actor>().count(), 1);
        bench.close().await;
    }
}
