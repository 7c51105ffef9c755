//! Hours of a client whose clocks are half an hour off those of UTC.

use catalog::Period;
use live::Frame;
use tests::databases::servers;

use super::Airline;

#[tokio::test]
async fn hours_on_a_dashboard_are_those_of_the_clients_zone() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        let plain = airline.database.plain().await.unwrap();
        let sql = "UPDATE core.clients SET time_zone = 'Asia/Kolkata'";
        plain.batch_execute(sql).await.unwrap();
        airline.subscribe("a", airline.client, vec![("FLIGHTS", Period::Hour, None)]);
        let touched = airline.land(platform::clock::now(), &["ORD".to_owned()]).await;
        let ticked = airline.tick(&touched).await;
        let rows = ticked.frames["a"].iter().flat_map(|frame| match frame {
            Frame::Subscribed(frame) => frame.rows.clone(),
            Frame::Update(frame) => frame.rows.clone(),
            _ => Vec::new(),
        });
        let rows: Vec<_> = rows.map(|row| (row.bucket.rem_euclid(3_600), row.facts)).collect();
        assert!(rows.contains(&(1_800, 1)), "{rows:?}");
        assert!(rows.iter().all(|(second, _)| *second == 1_800), "{rows:?}");
        airline.database.drop_it().await.unwrap();
    }
}
