//! The keys that sign licences: rotated, and withdrawn when one has leaked.

use serde_json::json;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

use super::features::check_not_licensed;
use super::{grant, issue, licences, problems};

/// A key signs for all clients: a product of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_signing_key_leaves_earlier_licences_alone_until_theirs_is_withdrawn() {
    let mut product = Product::start().await;
    let early = product.client().await;
    let earlier = licences(&early).await["licences"][0].clone();
    let (old_key, licence_key) = (earlier["signed_by"].text(), earlier["key"].text());
    product.rotate_licence_key().await;

    let early = early.at(product.http()).signed_in().await;
    let (operator, late) = (product.operator().await, product.client().await);
    assert!(
        problems(&early, licence_key).await.is_empty(),
        "rotated, and still good"
    );
    let issued = issue(&operator, &grant(late.client, &["modelling"], (0, 30))).await;
    let new_key = issued["signed_by"].text();
    assert_ne!(new_key, old_key);
    assert!(problems(&late, issued["key"].text()).await.is_empty());
    check_listed_keys(&late, new_key, (old_key, licence_key), &early).await;

    withdraw_twice(&operator, old_key).await;
    assert_eq!(problems(&early, licence_key).await, ["withdrawn-key"]);
    assert!(problems(&late, issued["key"].text()).await.is_empty());
    let unlicensed = early.refreshed().await;
    check_not_licensed(unlicensed.get("/v1/streams").await, "live");

    // Nothing is signed with a key that is withdrawn.
    let withdraw = format!("/v1/licences/keys/{new_key}/withdraw");
    operator
        .post(&withdraw, &json!({ "reason": "It leaked too" }))
        .await
        .ok();
    let request = operator.post("/v1/licences", &grant(late.client, &["live"], (0, 1)));
    let refused = request.await.refused(409);
    assert!(refused.detail().contains(new_key), "{refused}");
    let unknown = "/v1/licences/keys/k4.pid.none/withdraw";
    operator.post(unknown, &json!({ "reason": "x" })).await.refused(404);
    product.stop().await;
}

/// Both keys are listed, and whoever has the public half of the old one verifies alone.
async fn check_listed_keys(user: &User, new: &str, (old, licence_key): (&str, &str), owner: &User) {
    let keys = user.get("/v1/licences/keys").await.ok();
    let listed = keys["keys"].list().iter();
    let listed: Vec<(&str, bool)> = listed.map(|key| (key["id"].text(), key["signs"] == true)).collect();
    assert_eq!(listed, [(new, true), (old, false)]);
    let public = identity::licence::key::LicenceVerifyingKey::from_text(keys["keys"][1]["public_key"].text());
    assert_eq!(public.unwrap().open(licence_key).unwrap().client, owner.client);
}

async fn withdraw_twice(operator: &User, key: &str) {
    let path = format!("/v1/licences/keys/{key}/withdraw");
    for reason in ["It leaked", "It leaked again"] {
        let withdrawn = operator.post(&path, &json!({ "reason": reason })).await.ok();
        assert_eq!(withdrawn["withdrawn"]["reason"], "It leaked", "once");
    }
}
