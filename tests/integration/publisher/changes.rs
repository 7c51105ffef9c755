//! Definitions that change while they are read by: nobody is shown a value of before once the change was heard.

use std::collections::BTreeMap;
use std::time::Duration;

use catalog::Period;
use live::Frame;
use push_updates::tick::{self, How};
use records::definitions;
use serde_json::{Value, json};
use tests::databases::servers;
use tokio::time::Instant;

use super::Airline;

/// Values that frames have.
fn values(frames: &[Frame]) -> Vec<Value> {
    let rows = frames.iter().flat_map(|frame| match frame {
        Frame::Subscribed(frame) => frame.rows.clone(),
        Frame::Update(frame) => frame.rows.clone(),
        _ => Vec::new(),
    });
    rows.map(|row| json!(row.value)).collect()
}

#[tokio::test]
async fn what_was_read_by_a_definition_of_before_is_read_again() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        airline.subscribe("a", airline.client, vec![("FLIGHTS", Period::Day, None)]);
        airline.land(platform::clock::now(), &["ORD".to_owned()]).await;
        let (database, catalogs) = (airline.database.app.clone(), airline.catalogs.clone());
        let (now, until) = (platform::clock::now(), Instant::now() + Duration::from_secs(10));
        let (reads, asked) = tick::ask(&database, &catalogs, &mut airline.publisher, now, false).await;
        asked.unwrap();
        let mut found = Vec::new();
        let mut take = |more| found.extend(more);
        let answered = tick::answer(&database, &catalogs, How::Together, reads.now, until, &mut take).await;
        answered.unwrap();
        assert!(!found.is_empty());

        // It was read, and before it is observed the formula is another one, which the publisher hears.
        let known = catalogs.of(airline.client).unwrap();
        let mut kpi = known.catalog.kpi("FLIGHTS").unwrap().as_ref().clone();
        kpi.definition.formula = "COUNT(Flight) * 7".to_owned();
        let replaced = definitions::replace_kpi(&database, airline.client, &kpi, None).await;
        assert_eq!(replaced.unwrap(), definitions::Written::Stored(2));
        catalogs.forget(airline.client);
        airline.publisher.doubt(airline.client);
        tick::settle(&mut airline.publisher, &catalogs, found, now);
        let outgoing = airline.publisher.frames(now, &BTreeMap::new());
        let frames = airline.arrive(outgoing);
        assert_eq!(
            frames.values().flat_map(|frames| values(frames)).count(),
            0,
            "{frames:?}"
        );
        let ticked = airline.tick(&[]).await;
        let shown = values(&ticked.frames["a"]);
        assert!(shown.contains(&json!(7)) && !shown.contains(&json!(1)), "{shown:?}");
        airline.database.drop_it().await.unwrap();
    }
}
