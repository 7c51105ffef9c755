//! What a licence's key says, and that nothing else says it.

use jiff::SignedDuration;
use serde_json::json;
use tests::json::JsonExt as _;
use tests::product::Product;
use uuid::Uuid;

use super::{grant, issue, licences, problems, revoke, today, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_changed_is_refused_by_the_part_that_was() {
    let product = Product::shared().await;
    let (operator, theirs) = (product.operator().await, product.client().await);
    let issued = issue(&operator, &grant(theirs.client, &["live"], (0, 30))).await;
    let key = issued["key"].text();
    assert!(problems(&theirs, key).await.is_empty());
    let pasted = format!("  {key}\n");
    assert!(problems(&theirs, &pasted).await.is_empty(), "blanks of a clipboard");
    let parts: Vec<&str> = key.split('.').collect();
    let [_, _, body, footer] = parts[..] else {
        panic!("{key}")
    };
    let flipped = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let other = key_of_a_stranger(theirs.client);
    let (other_body, other_footer) = (other.split('.').nth(2).unwrap(), other.split('.').nth(3).unwrap());
    let (payload, signature) = (flipped(body, 20), flipped(body, body.len() - 5));
    for (name, changed, expected) in [
        ("payload", format!("v4.public.{payload}.{footer}"), "tampered"),
        ("signature", format!("v4.public.{signature}.{footer}"), "tampered"),
        (
            "footer of a stranger",
            format!("v4.public.{body}.{other_footer}"),
            "unknown-key",
        ),
        ("key of a stranger", other.clone(), "unknown-key"),
        (
            "stranger in our name",
            format!("v4.public.{other_body}.{footer}"),
            "tampered",
        ),
    ] {
        assert_eq!(problems(&theirs, &changed).await, [expected], "{name}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_no_key_is_refused() {
    let product = Product::shared().await;
    let theirs = product.client().await;
    let own = licences(&theirs).await["licences"][0].clone();
    let key = own["key"].text();
    let parts: Vec<&str> = key.split('.').collect();
    let [version, purpose, body, footer] = parts[..] else {
        panic!("{key}")
    };
    for none in [
        format!("{version}.local.{body}.{footer}"),
        format!("v3.{purpose}.{body}.{footer}"),
        format!("{version}.{purpose}.{body}"),
        format!("{version}.{purpose}.{body}.{}", &footer[1..]),
        "licence".to_owned(),
        String::new(),
    ] {
        let refused = verify(&theirs, &none).await.refused(400);
        assert!(refused.detail().contains("not a licence key"), "{refused}");
    }
    product.stop().await;
}

/// A licence that somebody else signed.
fn key_of_a_stranger(client: Uuid) -> String {
    use identity::licence::{Licence, Terms, key::LicenceSigningKey};
    let pair = identity::generate_key_pair().unwrap();
    let licence = Licence {
        id: Uuid::now_v7(),
        client,
        issued_at: platform::clock::now() - SignedDuration::from_hours(1),
        terms: Terms::evaluation(today()),
    };
    let key = LicenceSigningKey::from_pem(&pair.signing_pem).unwrap();
    key.sign(&licence).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_counts_on_its_days_only_and_until_it_is_revoked() {
    let product = Product::shared().await;
    let (operator, theirs) = (product.operator().await, product.client().await);
    for (days, expected) in [
        ((-400, -1), vec!["expired"]),
        ((-400, 0), vec![]),
        ((0, 0), vec![]),
        ((1, 400), vec!["not-yet-valid"]),
    ] {
        let issued = issue(&operator, &grant(theirs.client, &["live"], days)).await;
        let key = issued["key"].text();
        assert_eq!(problems(&theirs, key).await, expected, "{days:?}");
        let revoked = revoke(&operator, theirs.client, &issued, " Not paid ").await.ok();
        assert_eq!(revoked["revoked"]["reason"], "Not paid");
        let again = revoke(&operator, theirs.client, &issued, "Another").await.ok();
        assert_eq!(again.body, revoked.body, "once");
        assert_eq!(problems(&theirs, key).await, [vec!["revoked"], expected].concat());
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_names_a_licence_of_its_client_and_a_reason() {
    let product = Product::shared().await;
    let operator = product.operator().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    let nothing = json!({ "id": Uuid::from_u128(7) });
    revoke(&operator, theirs.client, &nothing, "x").await.refused(404);
    let own = licences(&ours).await["licences"][0].clone();
    // Another client's.
    revoke(&operator, theirs.client, &own, "x").await.refused(404);
    revoke(&operator, ours.client, &own, " ").await.refused(422);
    product.stop().await;
}

/// Whoever writes to the database can't license: a row counts by what its key says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_changed_or_copied_opens_nothing() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await.client, product.client().await.client);
    let database = product.database.plain().await.unwrap();
    let features = async |days: i64| {
        let now = platform::clock::now() + SignedDuration::from_hours(24 * days);
        let found = records::licences::features(&product.database.app, theirs, now).await;
        found.unwrap().iter().count()
    };
    assert_eq!((features(0).await, features(29).await, features(30).await), (5, 5, 0));
    let lengthen = "UPDATE core.licences SET ends_on = ends_on + 900 WHERE client_id = $1";
    database.execute(lengthen, &[&theirs]).await.unwrap();
    assert_eq!(
        (features(0).await, features(30).await),
        (5, 0),
        "its key says when it ends"
    );
    let shorten = "UPDATE core.licences SET ends_on = ends_on - 900 WHERE client_id = $1";
    database.execute(shorten, &[&theirs]).await.unwrap();
    // A key of ours in a row of theirs.
    let copy = "INSERT INTO core.licences (id, client_id, kid, key, starts_on, ends_on)
        SELECT gen_random_uuid(), $2, kid, key, starts_on, ends_on + 500 FROM core.licences WHERE client_id = $1 LIMIT 1";
    assert_eq!(database.execute(copy, &[&ours, &theirs]).await.unwrap(), 1);
    assert_eq!((features(0).await, features(30).await), (5, 0));
    product.stop().await;
}
