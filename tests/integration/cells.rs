//! Cells through the functions, as they are deployed: a client moves to another database, and every number with it.

use serde_json::json;
use tests::json::JsonExt as _;
use tests::product::Product;

use crate::flights::{flight, flights_counted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_placed_in_a_cell_and_at_work_there() {
    let product = Product::start_with_a_cell().await;
    let (airline, other) = (product.airline().await, product.airline().await);
    for user in [&airline, &other] {
        let events = json!([flight(0, 5, "ORD"), flight(1, 25, "LAX")]);
        assert_eq!(user.ingest("Flight", &events).await, (2, 0));
    }
    let refused = product
        .try_invoke("place-client", &json!({ "client": airline.client, "cell": "nowhere" }))
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("there is no cell") && !refused.contains("server can't be used"),
        "{refused}"
    );

    let placed = product
        .invoke("place-client", &json!({ "client": airline.client, "cell": "cell-1" }))
        .await;
    assert_eq!(placed["from"].text(), "home", "{placed}");
    assert!(placed["rows"].integer() > 2, "{placed}");
    for user in [&airline, &other] {
        assert_eq!(flights_counted(user).await.1, 2, "the number is what it was");
    }
    assert_eq!(airline.ingest("Flight", &json!([flight(2, 5, "ORD")])).await, (1, 0));
    assert_eq!(flights_counted(&airline).await.1, 3);
    // Its users are at home, and have their names where it lives.
    let new = json!({ "email": format!("late-{}", airline.email), "role": "admin" });
    let late = airline.post("/v1/users", &new).await.created();
    let user = format!("/v1/users/{}", late["id"].text());
    airline
        .put(&format!("{user}/role"), &json!({ "role": "viewer" }))
        .await
        .ok();
    airline.delete(&user).await.expect(204);
    let migrated = product.invoke("migrate-database", &json!({})).await;
    assert!(migrated.is_object(), "home and the cell are up to date: {migrated}");
    product.stop().await;
}
