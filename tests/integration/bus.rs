//! What becomes of events when the bus refuses them, fails or does not answer: nothing is lost, and nobody waits for long.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::outbox::pending;
use api::domain_events::{DomainEvent, EventPayload};
use jiff::SignedDuration;
use platform::bus::Bus;
use platform::clock;
use records::outbox;
use serde_json::{Value, json};
use tests::databases::{TestDatabase, servers};
use tests::fake_service::{ServiceRequest, configuration};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

const TAKES: u8 = 0;
const REFUSES_DECLINED: u8 = 1;
const FAILS: u8 = 2;
const HANGS: u8 = 3;

/// An EventBridge that does what it is told.
#[derive(Default)]
struct FakeBus {
    mode: AtomicU8,
    taken: Mutex<Vec<Value>>,
}

impl FakeBus {
    async fn open() -> (Arc<Self>, Bus) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let configuration = configuration(&format!("http://{}", listener.local_addr().unwrap()));
        let bus = Arc::new(Self::default());
        let serving = Arc::clone(&bus);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.answer(stream).await });
            }
        });
        (bus, Bus::new(&configuration, "events".to_owned()))
    }

    async fn answer(&self, stream: TcpStream) {
        let request = ServiceRequest::read(stream).await.unwrap();
        let (status, answer) = match self.mode.load(Ordering::SeqCst) {
            FAILS => (
                "400 Bad Request",
                json!({ "__type": "ValidationException", "message": "no" }),
            ),
            HANGS => return tokio::time::sleep(Duration::from_secs(60)).await,
            mode => ("200 OK", self.take(&request.body, mode == REFUSES_DECLINED)),
        };
        request.answer(status, "", &answer.to_string()).await.unwrap();
    }

    fn take(&self, body: &Value, refuses_declined: bool) -> Value {
        let one = |entry: &Value| {
            if refuses_declined && entry["DetailType"] == "ProposalDeclined" {
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

/// A client that decides about offers, and the outbox of its decisions.
struct Decider {
    database: TestDatabase,
    client: Uuid,
    bus: Bus,
}

impl Decider {
    /// A decision that was made and waits in the outbox.
    async fn decide(&self, declined: bool) {
        let (proposal, revision) = (Uuid::now_v7(), 1);
        let event = DomainEvent {
            id: Uuid::now_v7(),
            client: self.client,
            correlation_id: "request".to_owned(),
            occurred_at: clock::now(),
            what: match declined {
                true => EventPayload::ProposalDeclined { proposal, revision },
                false => EventPayload::ProposalAccepted { proposal, revision },
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
async fn what_the_bus_does_not_take_waits_in_the_outbox() {
    let database = TestDatabase::create(&servers()[0]).await.unwrap();
    let client = Uuid::now_v7();
    let plain = database.plain().await.unwrap();
    let insert = "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, 'Bus', 'UTC')";
    plain.execute(insert, &[&client]).await.unwrap();
    let (fake, bus) = FakeBus::open().await;
    let decider = Decider { database, client, bus };
    let declined = |tries| ("ProposalDeclined".to_owned(), tries);
    let accepted = |tries| ("ProposalAccepted".to_owned(), tries);

    // One that is refused keeps none of the others, of this request or the next.
    fake.mode.store(REFUSES_DECLINED, Ordering::SeqCst);
    decider.decide(true).await;
    for _ in 0..14 {
        decider.decide(false).await;
    }
    let refusal = decider.publish().await.unwrap_err();
    assert!(
        refusal.contains("ProposalDeclined") && refusal.contains("not now"),
        "{refusal}"
    );
    assert_eq!((fake.taken(), decider.waiting().await), (14, vec![declined(1)]));

    // A request that fails as a whole counts for each, and the new come before the refused.
    fake.mode.store(FAILS, Ordering::SeqCst);
    decider.decide(false).await;
    assert_eq!(decider.waiting().await, [accepted(0), declined(1)]);
    assert!(decider.publish().await.is_err());
    assert_eq!(decider.waiting().await, [accepted(1), declined(2)]);

    // Who has made a decision does not wait for a bus that does not answer.
    fake.mode.store(HANGS, Ordering::SeqCst);
    let begin = Instant::now();
    ::outbox::send_now(&decider.database.app, &decider.bus, client).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(decider.waiting().await.len(), 2);

    fake.mode.store(TAKES, Ordering::SeqCst);
    assert_eq!(decider.publish().await, Ok(2));
    assert_eq!((fake.taken(), decider.waiting().await), (16, Vec::new()));
    assert_eq!(fake.taken.lock().unwrap()[0]["Source"], "analytics-engine");
    decider.database.drop_it().await.unwrap();
}
