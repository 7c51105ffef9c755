//! A client goes: nothing is left of it anywhere, and everything of another.

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::product::Product;

/// Something of a client in every place that keeps anything: the buckets, the registry, an open connection.
async fn settled(product: &Product) -> (User, Dashboard) {
    let user = product.airline().await;
    product.drop_file(&user, "Flight/some.txt", vec![1]).await;
    product.put_document(&user, "offer.pdf").await;
    user.get("/v1/usage").await.ok();
    let topic = json!({ "kpi": "FLIGHTS", "period": "hour" });
    user.post("/v1/streams/start", &topic).await.ok();
    let mut dashboard = Dashboard::connect_to(product, &user, "kpi=FLIGHTS&period=minute").await;
    dashboard.next("subscribed").await;
    (user, dashboard)
}

/// What the registry has of a client, but for what expires within two hours and must not have gaps.
async fn items_of(product: &Product, user: &User) -> Vec<String> {
    let client = user.client.to_string();
    let key = |item: &Value| format!("{} {}", item["pk"]["S"], item["sk"]["S"]);
    let items = product.registry_items().await;
    let its = items.iter().filter(|item| item.to_string().contains(&client));
    let mut keys: Vec<String> = its.map(key).collect();
    keys.retain(|key| !key.contains("CHANGE#") && !key.contains("HANDOVER#"));
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_removed_client_anywhere() {
    let product = Product::shared().await;
    let (ours, mut dashboard) = settled(&product).await;
    let (theirs, _open) = settled(&product).await;
    let theirs_before = (product.objects_of(&theirs).await, items_of(&product, &theirs).await);
    assert_eq!(product.objects_of(&ours).await.len(), 2);
    let kinds = items_of(&product, &ours).await;
    for kind in ["CONNECTION#", "CONTROL#", "CLIENT#", "SESSION#"] {
        assert!(kinds.iter().any(|item| item.contains(kind)), "{kind}: {kinds:?}");
    }

    let wrong = json!({ "client": ours.client, "name": theirs.client_name });
    product.try_invoke("remove-client", &wrong).await.unwrap_err();
    assert_eq!(items_of(&product, &ours).await, kinds);
    let right = json!({ "client": ours.client, "name": ours.client_name });
    for _ in 0..2 {
        let answer = product.invoke("remove-client", &right).await;
        assert_eq!(answer, json!({ "client": ours.client, "removed": true }));
    }
    dashboard.close_code().await;
    assert_eq!(product.objects_of(&ours).await, Vec::<String>::new());
    assert_eq!(items_of(&product, &ours).await, Vec::<String>::new());
    let theirs_after = (product.objects_of(&theirs).await, items_of(&product, &theirs).await);
    assert_eq!(theirs_after, theirs_before);
    product.stop().await;
}

/// Earlier versions of files, and what was deleted, can be brought back for a month: longer they stay for nobody, whose client is gone least of all.
#[test]
fn earlier_versions_of_files_end_within_a_month() {
    let template = crate::tidy::template::template();
    let resources = template["Resources"].as_object().unwrap();
    // The console's has nothing of any client.
    let buckets: Vec<_> = resources
        .iter()
        .filter(|(name, resource)| resource["Type"] == "AWS::S3::Bucket" && *name != "ConsoleBucket")
        .map(|(_, bucket)| bucket)
        .collect();
    assert_eq!(
        buckets.len(),
        2,
        "remove-client knows each bucket with files of clients"
    );
    for bucket in buckets {
        let rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
            .as_array()
            .unwrap();
        let ends = |rule: &serde_json::Value| {
            let days = rule["NoncurrentVersionExpiration"]["NoncurrentDays"].as_u64();
            rule["Status"] == "Enabled" && days.is_some_and(|days| days <= 30)
        };
        assert!(rules.iter().any(ends), "{bucket}");
    }
}
