//! What becomes of events when the bus refuses them, fails or does not answer: nothing is lost, and nobody waits for long.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::outbox::pending;
use api::domain_events::{DomainEvent, Happening};
use jiff::SignedDuration;
use platform::bus::Bus;
use platform::clock;
use records::outbox;
use serde_json::{Value, json};
use tests::databases::{TestDatabase, servers};
use tests::stand_in::{Asked, configuration};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

const TAKES: u8 = 0;
const REFUSES_DECLINED: u8 = 1;
const FAILS: u8 = 2;
const HANGS: u8 = 3;

/// A bus that does what it is told.
#[derive(Default)]
struct Stand {
    mode: AtomicU8,
    taken: Mutex<Vec<Value>>,
}

impl Stand {
    async fn open() -> (Arc<Self>, Bus) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let configuration = configuration(&format!("http://{}", listener.local_addr().unwrap()));
        let stand = Arc::new(Self::default());
        let serving = Arc::clone(&stand);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.answer(stream).await });
            }
        });
        (stand, Bus::new(&configuration, "events".to_owned()))
    }

    async fn answer(&self, stream: TcpStream) {
        let asked = Asked::read(stream).await.unwrap();
        let (status, answer) = match self.mode.load(Ordering::SeqCst) {
            FAILS => (
                "400 Bad Request",
                json!({ "__type": "ValidationException", "message": "no" }),
            ),
            HANGS => return tokio::time::sleep(Duration::from_secs(60)).await,
            mode => ("200 OK", self.take(&asked.body, mode == REFUSES_DECLINED)),
        };
        asked.answer(status, "", &answer.to_string()).await.unwrap();
    }

    fn take(&self, body: &Value, choosy: bool) -> Value {
        let one = |entry: &Value| {
            if choosy && entry["DetailType"] == "ProposalDeclined" {
                return json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "not now" });
            }
            self.taken.lock().unwrap().push(entry.clone());
            json!({ "EventId": Uuid::now_v7() })
        };
        let entries: Vec<Value> = body["Entries"].as_array().unwrap().iter().map(one).collect();
        json!({ "FailedEntryCount": 0, "Entries": entries })
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

struct Desk {
    database: TestDatabase,
    client: Uuid,
    bus: Bus,
}

impl Desk {
    async fn happen(&self, declined: bool) {
        let (proposal, revision) = (Uuid::now_v7(), 1);
        let event = DomainEvent {
            id: Uuid::now_v7(),
            client: self.client,
            correlation_id: "request".to_owned(),
            occurred_at: clock::now(),
            what: match declined {
                true => Happening::ProposalDeclined { proposal, revision },
                false => Happening::ProposalAccepted { proposal, revision },
            },
        };
        outbox::add(&self.database.app, &pending(&event).unwrap())
            .await
            .unwrap();
    }

    /// What `publish-events` does.
    async fn publish(&self) -> Result<usize, String> {
        let overdue = outbox::overdue(&self.database.app, SignedDuration::from_secs(-60), clock::now()).await;
        let sent = ::outbox::send(&self.database.app, &self.bus, overdue.unwrap()).await;
        sent.map_err(|error| format!("{error:#}"))
    }

    /// Names and tries of what waits, in the order in which it will be sent.
    async fn waiting(&self) -> Vec<(String, i32)> {
        let plain = self.database.plain().await.unwrap();
        let sql = "SELECT kind, tries FROM core.outbox ORDER BY tries, created_at";
        let rows = plain.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bus_does_not_take_waits() {
    let database = TestDatabase::create(&servers()[0]).await.unwrap();
    let client = Uuid::now_v7();
    let plain = database.plain().await.unwrap();
    let insert = "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, 'Bus', 'UTC')";
    plain.execute(insert, &[&client]).await.unwrap();
    let (stand, bus) = Stand::open().await;
    let desk = Desk { database, client, bus };
    let declined = |tries| ("ProposalDeclined".to_owned(), tries);
    let accepted = |tries| ("ProposalAccepted".to_owned(), tries);

    // One that is refused keeps none of the others, of this request or the next.
    stand.mode.store(REFUSES_DECLINED, Ordering::SeqCst);
    desk.happen(true).await;
    for _ in 0..14 {
        desk.happen(false).await;
    }
    let refusal = desk.publish().await.unwrap_err();
    assert!(
        refusal.contains("ProposalDeclined") && refusal.contains("not now"),
        "{refusal}"
    );
    assert_eq!((stand.taken(), desk.waiting().await), (14, vec![declined(1)]));

    // A request that fails as a whole counts for each, and the new come before the refused.
    stand.mode.store(FAILS, Ordering::SeqCst);
    desk.happen(false).await;
    assert_eq!(desk.waiting().await, [accepted(0), declined(1)]);
    assert!(desk.publish().await.is_err());
    assert_eq!(desk.waiting().await, [accepted(1), declined(2)]);

    // Who has made a decision does not wait for a bus that does not answer.
    stand.mode.store(HANGS, Ordering::SeqCst);
    let begin = Instant::now();
    ::outbox::send_now(&desk.database.app, &desk.bus, client).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(desk.waiting().await.len(), 2);

    stand.mode.store(TAKES, Ordering::SeqCst);
    assert_eq!(desk.publish().await, Ok(2));
    assert_eq!((stand.taken(), desk.waiting().await), (16, Vec::new()));
    assert_eq!(stand.taken.lock().unwrap()[0]["Source"], "analytics-engine");
    desk.database.drop_it().await.unwrap();
}
