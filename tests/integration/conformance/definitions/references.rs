//! KPIs that refer to others change with them, in one transaction, and stay while others need them.

use catalog::{EntityRename, KpiRename};

use super::*;

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

/// A KPI and what it is held against are of the same facts, also where those are of another entity.
#[tokio::test]
async fn targets_are_asked_with_the_kpi() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let client = bench.ours;
        for code in ["Order", "Plan"] {
            let mut entity = order();
            entity["code"] = code.into();
            entity["attributes"][0]["unit"] = "EUR".into();
            assert_eq!(bench.create(client, &entity).await, STORED);
        }
        assert_eq!(bench.kpi(client, "PLANNED", "SUM(Plan.amount)").await, STORED);
        let mixed = json!({ "code": "REVENUE", "name": "Revenue", "formula": "SUM(Order.amount)", "direction": "higher_is_better",
            "target": "PLANNED", "warning": "0.5 * PLANNED + 0 * REVENUE", "critical": 2 });
        let revenue: KpiDefinition = serde_json::from_value(mixed).unwrap();
        let created = definitions::create_kpi(&bench.database.owner, client, &revenue).await;
        assert_eq!(created.unwrap(), STORED);
        bench
            .ingest(client, "Order", &[event(&json!({ "amount": "6" }))])
            .await
            .unwrap();
        bench
            .ingest(client, "Plan", &[event(&json!({ "amount": "10" }))])
            .await
            .unwrap();
        let known = bench.known(client).await;
        let kpi = known.catalog.kpi("REVENUE").unwrap();
        let goal = kpi.goal.as_ref().unwrap();
        let range = Range {
            from: "2026-03-28T00:00:00Z".parse().unwrap(),
            to: "2026-03-29T00:00:00Z".parse().unwrap(),
        };
        let filter = Filter::new();
        let asked = std::iter::once(kpi).chain(goal.all()).map(|kpi| Request {
            kpi,
            period: Period::Day,
            range,
            filter: &filter,
            by: &[],
            now: jiff::Timestamp::MAX,
        });
        let asked: Vec<Request<'_>> = asked.collect();
        let together = answer::ask_together(&bench.database.app, client, &known, &known.calendar, &asked).await;
        let together = together.unwrap();
        let values = asked.iter().zip(&together.points).map(|(request, points)| {
            let point = points.values().next().cloned();
            point.unwrap_or_else(|| series::answer::empty(request)).value.unwrap()
        });
        let values: Vec<Number> = values.collect();
        assert_eq!(values, [6_i64, 10, 5, 2].map(Number::from));
        assert_eq!(together.plan.len(), 2, "each entity is read once: {:?}", together.plan);
        let Written::InUse(users) = bench.delete_kpi(client, "PLANNED").await else {
            panic!("it is used")
        };
        assert_eq!(users[0].what, "the KPI REVENUE");
        bench.close().await;
    }
}
