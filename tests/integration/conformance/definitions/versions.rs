//! Versions of definitions are kept with each change, as many as are said, and nobody changes one.

use catalog::{EntityRename, KpiRename};
use records::definitions::versions::{Kind, MAX_ENDED, MAX_VERSIONS, Of};

use super::*;

impl Bench {
    /// Numbers and changes of a KPI's versions, the newest first.
    async fn versions(&self, client: Uuid, code: &str) -> Vec<(i32, String)> {
        let of = Of {
            client,
            kind: Kind::Kpi,
            code,
        };
        let page = of.page(&self.database.app, None, 1_000).await.unwrap();
        page.rows
            .into_iter()
            .map(|version| (version.number, version.change))
            .collect()
    }
}

fn told(versions: &[(i32, &str)]) -> Vec<(i32, String)> {
    versions
        .iter()
        .map(|(number, change)| (*number, (*change).to_owned()))
        .collect()
}

#[tokio::test]
async fn each_change_keeps_a_version_and_none_can_be_changed() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, theirs) = (bench.ours, bench.theirs);
        for client in [ours, theirs] {
            assert_eq!(bench.kpi(client, "SUM", "COUNT(KpiValue)").await, STORED);
        }
        let plain = bench.database.plain().await.unwrap();
        let user: Uuid = plain
            .query_one("SELECT id FROM core.users WHERE client_id = $1", &[&ours])
            .await
            .unwrap()
            .get(0);
        let author = Author {
            client: ours,
            user: Some(user),
        };
        assert_eq!(
            bench.replace_kpi(author, "SUM", "COUNT(KpiValue) * 2").await,
            Written::Stored(2)
        );
        // What is equal is no other one, and what is refused keeps none.
        assert_eq!(
            bench.replace_kpi(author, "SUM", "COUNT(KpiValue) * 2").await,
            Written::Stored(2)
        );
        let known = bench.known(ours).await;
        let stale = known.catalog.kpi("SUM").unwrap();
        let refused = definitions::replace_kpi(&bench.database.app, ours, stale, Some(1)).await;
        assert_eq!(refused.unwrap(), Written::Stale(2));
        assert_eq!(
            bench.versions(ours, "SUM").await,
            told(&[(2, "replaced"), (1, "created")])
        );
        assert_eq!(bench.versions(theirs, "SUM").await, told(&[(1, "created")]));
        // The user goes, and what he did stays his.
        plain
            .execute("DELETE FROM core.users WHERE id = $1", &[&user])
            .await
            .unwrap();
        let of = Of {
            client: ours,
            kind: Kind::Kpi,
            code: "SUM",
        };
        let latest = of.numbered(&bench.database.app, 2).await.unwrap().unwrap();
        assert_eq!(
            (latest.changed_by, latest.email.as_deref()),
            (Some(user), Some("ours@example.com"))
        );
        let before = of.before(&bench.database.app, &latest).await.unwrap().unwrap();
        assert_eq!((before.number, before.changed_by), (1, None));
        let in_force = of.at(&bench.database.app, before.changed_at).await.unwrap().unwrap();
        assert_eq!(in_force.number, 1);

        // The application adds versions, and neither changes one nor takes one out.
        for sql in [
            "UPDATE core.definition_versions SET email = NULL WHERE client_id = $1",
            "DELETE FROM core.definition_versions WHERE client_id = $1",
        ] {
            let refused = bench.database.app.of(ours).execute(sql, &[&ours]).await.unwrap_err();
            assert!(refused.to_string().contains("permission denied"), "{refused}");
        }
        let sql = "SELECT core.forget_versions($1, 'kpi', ARRAY['SUM'])";
        bench.database.app.of(ours).execute(sql, &[&ours]).await.unwrap();
        assert_eq!(
            bench.versions(ours, "SUM").await.len(),
            2,
            "it lets go of what is too much alone"
        );
        drop(plain);
        bench.close().await;
    }
}

#[tokio::test]
async fn a_code_that_had_versions_goes_on_with_their_numbers() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let ours = bench.ours;
        assert_eq!(bench.kpi(ours, "OLD", "COUNT(KpiValue)").await, STORED);
        for formula in ["COUNT(KpiValue) * 2", "COUNT(KpiValue) * 3"] {
            bench.replace_kpi(ours, "OLD", formula).await;
        }
        assert_eq!(bench.delete_kpi(ours, "OLD").await, Written::Stored(3));
        assert_eq!(bench.kpi(ours, "NEW", "COUNT(KpiValue) * 4").await, STORED);
        let wanted = KpiRename { code: "OLD".to_owned() };
        let renamed = definitions::rename_kpi(&bench.database.app, ours, "NEW", &wanted, None).await;
        assert_eq!(renamed.unwrap(), Written::Stored(5), "after its deletion");
        assert_eq!(bench.known(ours).await.kpi_versions["OLD"], 5);
        assert_eq!(
            bench.versions(ours, "NEW").await,
            told(&[(2, "renamed"), (1, "created")])
        );
        let under = bench.versions(ours, "OLD").await;
        assert_eq!(under[..2], told(&[(5, "renamed"), (4, "deleted")]));
        // The version before it is the one that it had under its other code.
        let of = Of {
            client: ours,
            kind: Kind::Kpi,
            code: "OLD",
        };
        let latest = of.numbered(&bench.database.app, 5).await.unwrap().unwrap();
        let before = of.before(&bench.database.app, &latest).await.unwrap().unwrap();
        assert_eq!((before.code.as_str(), before.number), ("NEW", 1));
        bench.close().await;
    }
}

#[tokio::test]
async fn what_follows_a_rename_is_of_the_same_instant() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let ours = bench.ours;
        assert_eq!(bench.create(ours, &order()).await, STORED);
        for code in ["ONE", "TWO"] {
            assert_eq!(bench.kpi(ours, code, "COUNT(Order)").await, STORED);
        }
        let wanted = EntityRename {
            code: Some("Sale".to_owned()),
            ..EntityRename::default()
        };
        let old = bench.known(ours).await.placed["Order"].clone();
        let renamed = definitions::rename_entity(&bench.database.app, ours, &old, &wanted, None).await;
        assert_eq!(renamed.unwrap(), Written::Stored(2));
        let mut instants = Vec::new();
        for (kind, code) in [
            (Kind::Entity, "Order"),
            (Kind::Entity, "Sale"),
            (Kind::Kpi, "ONE"),
            (Kind::Kpi, "TWO"),
        ] {
            let client = ours;
            let of = Of { client, kind, code };
            let latest = of.numbered(&bench.database.app, 2).await.unwrap().unwrap();
            instants.push((latest.changed_at, latest.change));
        }
        let at = instants[0].0;
        let told = [(at, "renamed"), (at, "renamed"), (at, "followed"), (at, "followed")];
        assert_eq!(instants, told.map(|(at, change)| (at, change.to_owned())));
        bench.close().await;
    }
}

#[tokio::test]
async fn as_many_versions_are_kept_as_are_said() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let ours = bench.ours;
        assert_eq!(bench.kpi(ours, "SUM", "COUNT(KpiValue)").await, STORED);
        for number in 0..MAX_VERSIONS {
            bench
                .replace_kpi(ours, "SUM", &format!("COUNT(KpiValue) * {number}"))
                .await;
        }
        let kept = bench.versions(ours, "SUM").await;
        assert_eq!(kept.len(), MAX_VERSIONS);
        let newest = i32::try_from(MAX_VERSIONS).unwrap() + 1;
        assert_eq!((kept[0].0, kept[MAX_VERSIONS - 1].0), (newest, 2), "the first is gone");

        // Of what has ended the last ones are kept, with what they were before.
        let plain = bench.database.plain().await.unwrap();
        let ended = "INSERT INTO core.definition_versions (client_id, kind, code, number, change, changed_at, definition)
            SELECT $1, 'kpi', 'ENDED_' || n, step.number, 'deleted', '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', step.definition
            FROM generate_series(1, $2::integer) AS n CROSS JOIN (VALUES (1, '{}'::jsonb), (2, NULL)) AS step (number, definition)";
        let most = i32::try_from(MAX_ENDED).unwrap();
        plain.execute(ended, &[&ours, &most]).await.unwrap();
        assert_eq!(bench.versions(ours, "ENDED_1").await.len(), 2);
        assert_eq!(bench.delete_kpi(ours, "SUM").await, Written::Stored(newest));
        for (code, kept) in [("ENDED_1", 0), ("ENDED_2", 2), ("SUM", MAX_VERSIONS)] {
            assert_eq!(bench.versions(ours, code).await.len(), kept, "{code}");
        }
        drop(plain);
        bench.close().await;
    }
}
