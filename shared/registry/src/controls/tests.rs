//! Pinning and pausing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::Changes;
use crate::testing::{CLIENT, OTHER, at, registry};

#[tokio::test]
async fn a_control_is_set_replaced_removed_and_told() {
    let registry = registry().await;
    let steps = [
        (CLIENT, "kpi/1", Some(Control::Pinned)),
        (OTHER, "kpi/1", Some(Control::Pinned)),
        (CLIENT, "kpi/1", Some(Control::Paused)),
        (CLIENT, "kpi/2", Some(Control::Pinned)),
        (CLIENT, "kpi/2", None),
        (CLIENT, "kpi/3", None),
    ];
    for (client, topic, control) in steps {
        registry.set_control(client, topic, control, at(0)).await.unwrap();
    }
    let mine = BTreeMap::from([("kpi/1".to_owned(), Control::Paused)]);
    assert_eq!(registry.controls(CLIENT).await.unwrap(), mine);
    let all = [
        (CLIENT, "kpi/1".to_owned(), Control::Paused),
        (OTHER, "kpi/1".to_owned(), Control::Pinned),
    ];
    assert_eq!(registry.all_controls(0).await.unwrap(), all);
    let Changes::Since(changes) = registry.changes(0, 0, at(1)).await.unwrap() else {
        panic!("lost")
    };
    let told: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
    let expected = steps.map(|(client, topic, control)| Change::Control {
        client,
        topic: topic.to_owned(),
        control,
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn controls_are_limited_per_client() {
    let registry = registry().await;
    for number in 0..MAX_CONTROLS_PER_CLIENT {
        let key = Key::in_shard(0, keys::control(CLIENT, &number.to_string()));
        let mut item = item::keyed(&key);
        item.extend([
            ("client".to_owned(), text(CLIENT)),
            ("topic".to_owned(), text(number.to_string())),
            ("body".to_owned(), item::json("control", &Control::Pinned).unwrap()),
        ]);
        registry
            .client
            .put_item()
            .table_name(&registry.table)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
    let set = |client, topic, control| registry.set_control(client, topic, control, at(0));
    let outcome = set(CLIENT, "one more", Some(Control::Pinned)).await;
    assert!(matches!(outcome, Err(Error::TooManyControls { .. })), "{outcome:?}");
    set(CLIENT, "7", Some(Control::Paused)).await.unwrap();
    set(OTHER, "one more", Some(Control::Pinned)).await.unwrap();
    set(CLIENT, "7", None).await.unwrap();
    set(CLIENT, "one more", Some(Control::Pinned)).await.unwrap();
}
