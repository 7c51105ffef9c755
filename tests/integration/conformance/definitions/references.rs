//! KPIs that refer to others change with them, in one transaction, and stay while others need them.

use catalog::{EntityRename, KpiRename};

use super::*;

impl Bench {
    async fn replace_kpi(&self, client: Uuid, code: &str, formula: &str) -> Written {
        let mut known = self.known(client).await.catalog.kpi(code).unwrap().as_ref().clone();
        known.definition.formula = formula.to_owned();
        definitions::replace_kpi(&self.database.app, client, &known, None)
            .await
            .unwrap()
    }

    async fn delete_kpi(&self, client: Uuid, code: &str) -> Written {
        definitions::delete_kpi(&self.database.app, client, code, None)
            .await
            .unwrap()
    }
}

fn refused(written: &Written) -> String {
    let Written::Invalid(problems) = written else {
        panic!("{written:?}")
    };
    problems[0].message.clone()
}

#[tokio::test]
async fn kpis_that_refer_to_others_change_with_them() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let client = bench.ours;
        assert_eq!(bench.create(client, &order()).await, STORED);
        for (code, formula) in [
            ("REVENUE", "SUM(Order.amount)"),
            ("ORDERS", "COUNT(Order)"),
            ("MEAN", "REVENUE / ORDERS"),
            ("LEVEL", "IF(MEAN > 5, 1, 0)"),
        ] {
            assert_eq!(bench.kpi(client, code, formula).await, STORED, "{code}");
        }
        let events = ["3", "6", "12"].map(|amount| event(&json!({ "amount": amount })));
        bench.ingest(client, "Order", &events).await.unwrap();
        assert_eq!(bench.day(client, "MEAN").await, Some(7.into()));
        assert_eq!(bench.day(client, "LEVEL").await, Some(1.into()));
        let circle = bench.replace_kpi(client, "REVENUE", "LEVEL * SUM(Order.amount)").await;
        assert!(
            refused(&circle).ends_with(": REVENUE -> LEVEL -> MEAN -> REVENUE"),
            "{circle:?}"
        );
        let unknown = bench.kpi(client, "WRONG", "REVENU / 2").await;
        assert_eq!(refused(&unknown), "there is no KPI `REVENU`");
        let replaced = bench.replace_kpi(client, "REVENUE", "MAX(Order.amount)").await;
        assert_eq!(replaced, Written::Stored(2));
        assert_eq!(bench.day(client, "MEAN").await, Some(4.into()));
        assert_eq!(bench.day(client, "LEVEL").await, Some(0.into()));
        let Written::InUse(users) = bench.delete_kpi(client, "ORDERS").await else {
            panic!("it is used")
        };
        let users: Vec<&str> = users.iter().map(|user| user.what.as_str()).collect();
        assert_eq!(users, ["the KPI MEAN"]);
        let wanted = KpiRename { code: "SALES".into() };
        let renamed = definitions::rename_kpi(&bench.database.app, client, "REVENUE", &wanted, None).await;
        assert_eq!(renamed.unwrap(), Written::Stored(3));
        let old = bench.known(client).await.placed["Order"].clone();
        let wanted = EntityRename {
            code: Some("Sale".into()),
            ..EntityRename::default()
        };
        let renamed = definitions::rename_entity(&bench.database.app, client, &old, &wanted, None).await;
        assert_eq!(renamed.unwrap(), Written::Stored(2));
        let known = bench.known(client).await;
        assert_eq!(known.catalog.kpi("MEAN").unwrap().definition.formula, "SALES / ORDERS");
        assert_eq!(known.kpi_versions["MEAN"], 2);
        assert_eq!(bench.day(client, "MEAN").await, Some(4.into()));
        for code in ["LEVEL", "MEAN", "ORDERS"] {
            assert!(
                matches!(bench.delete_kpi(client, code).await, Written::Stored(_)),
                "{code}"
            );
        }
        bench.close().await;
    }
}
