//! What a tick of the publisher costs, and whom its failures concern: driven in process, over real databases.
mod changes;
mod hours;
mod windows;

use std::collections::BTreeMap;
use std::time::Duration;

use catalog::{EntityDefinition, KpiDefinition, Period};
use database::{Database, LOGIN_ROLE, Scope, Timeouts};
use jiff::{SignedDuration, Timestamp};
use live::{Change, Frame, MAX_TICK_TOPICS, Mode, Outgoing, Publisher, Silence, Subscription, Topic, Touched};
use push_updates::catalogs::Catalogs;
use push_updates::tick::{self, How};
use records::{cells, definitions};
use serde_json::{Value, json};
use tests::databases::{TestDatabase, servers};
use tokio::time::Instant;
use uuid::Uuid;

const ENTITIES: &str = include_str!("../../infra/local/demo/entities.json");
const KPIS: &str = include_str!("../../infra/local/demo/kpis.json");
const MAX_STATEMENTS: u64 = 3;

/// An airline of the demo, and its publisher.
struct Airline {
    database: TestDatabase,
    client: Uuid,
    publisher: Publisher,
    catalogs: Catalogs,
}

/// What a tick did.
struct Ticked {
    /// Statements that read definitions and buckets, and with those that read watermarks.
    reading: u64,
    statements: u64,
    /// Frames by connection.
    frames: BTreeMap<String, Vec<Frame>>,
}

impl Airline {
    async fn open(server: &str) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let client = provision(&database, "ours").await;
        let entities: Vec<EntityDefinition> = serde_json::from_str(ENTITIES).unwrap();
        for entity in entities {
            create_entity(&database, client, entity).await;
        }
        for kpi in serde_json::from_str::<Vec<KpiDefinition>>(KPIS).unwrap() {
            definitions::create_kpi(&database.owner, client, &kpi).await.unwrap();
        }
        Self {
            database,
            client,
            publisher: Publisher::new(1),
            catalogs: Catalogs::default(),
        }
    }

    /// Ingests flights, and returns what the publisher is told of them.
    async fn land(&self, at: Timestamp, origins: &[String]) -> Vec<Touched> {
        let flight = |origin: &String| json!({ "date": at.to_string(), "delay": 1, "distance": 10, "origin": origin, "destination": "LGA" });
        let flights = origins.iter().map(flight);
        self.database.ingest(self.client, "Flight", flights).await.unwrap();
        vec![Touched {
            client: self.client,
            entity: Some("Flight".to_owned()),
            from: at,
            to: at,
        }]
    }

    fn subscribe(&mut self, connection: &str, client: Uuid, topics: Vec<(&str, Period, Option<&str>)>) {
        let subscriptions = topics.into_iter().zip(1..).map(|((kpi, period, origin), channel)| {
            let origin = origin.map(|origin| ("origin".to_owned(), [origin.to_owned()].into()));
            Subscription {
                channel,
                topic: Topic {
                    client,
                    kpi: kpi.to_owned(),
                    period,
                    time_zone: None,
                    filter: origin.into_iter().collect(),
                },
                mode: Mode::Live,
                buckets: 3,
            }
        });
        self.publisher.apply(Change::Subscribed {
            connection: connection.to_owned(),
            client,
            request: None,
            resume: None,
            subscriptions: subscriptions.collect(),
        });
    }

    async fn tick(&mut self, touched: &[Touched]) -> Ticked {
        self.tick_over(&self.database.app.clone(), touched).await
    }

    /// A tick of which everything arrives.
    async fn tick_over(&mut self, database: &Database, touched: &[Touched]) -> Ticked {
        let now = platform::clock::now();
        let before = database.statements();
        let until = Instant::now() + Duration::from_secs(10);
        tick::observe(database, &self.catalogs, &mut self.publisher, now, Some(touched), until)
            .await
            .unwrap();
        let reading = database.statements() - before;
        let watermarks = tick::watermarks(database, &self.catalogs, &self.publisher)
            .await
            .unwrap();
        let outgoing = self.publisher.frames(now, &watermarks);
        Ticked {
            reading,
            statements: database.statements() - before,
            frames: self.arrive(outgoing),
        }
    }

    /// Everything arrives; returns it by connection.
    fn arrive(&mut self, outgoing: Vec<Outgoing>) -> BTreeMap<String, Vec<Frame>> {
        let arrived = outgoing.into_iter().map(|sent| {
            self.publisher.sent(&sent.connection, sent.seq);
            let frames = sent.frames.iter().map(|text| serde_json::from_str(text).unwrap());
            (sent.connection, frames.collect())
        });
        arrived.collect()
    }
}

async fn provision(database: &TestDatabase, name: &str) -> Uuid {
    database.client(name, "Europe/Berlin").await.unwrap()
}

async fn create_entity(database: &TestDatabase, client: Uuid, entity: EntityDefinition) {
    definitions::create_entity(&database.owner, client, &entity.validate().unwrap())
        .await
        .unwrap();
}

/// Facts of a channel's newest row.
fn facts(frames: &[Frame], channel: u32) -> Option<u64> {
    let rows = frames.iter().flat_map(|frame| match frame {
        Frame::Subscribed(frame) => frame.rows.clone(),
        Frame::Update(frame) => frame.rows.clone(),
        _ => Vec::new(),
    });
    rows.filter(|row| row.channel == channel)
        .max_by_key(|row| row.bucket)
        .map(|row| row.facts)
}

#[tokio::test]
async fn statements_of_a_tick_do_not_grow_with_subscribers() {
    for server in servers() {
        let mut counts = Vec::new();
        for subscribers in [1, 200] {
            let mut airline = Airline::open(&server).await;
            let origins: Vec<String> = (0..subscribers).map(|number| format!("A{number:02}")).collect();
            for origin in &origins {
                let mut topics = Vec::new();
                for period in [Period::Minute, Period::Hour, Period::Day] {
                    topics.extend([
                        ("FLIGHTS", period, None),
                        ("ON_TIME_RATE", period, None),
                        ("ON_TIME_RATE_ORD", period, None),
                        ("FLIGHTS", period, Some(origin.as_str())),
                        ("ON_TIME_RATE", period, Some(origin.as_str())),
                        ("LONGEST_DELAY", period, Some(origin.as_str())),
                    ]);
                }
                airline.subscribe(origin, airline.client, topics);
            }
            // Definitions, buckets, watermarks.
            let first = airline.tick(&[]).await;
            assert_eq!(first.frames.len(), subscribers, "everybody has a snapshot");
            let touched = airline.land(platform::clock::now(), &origins).await;
            let second = airline.tick(&touched).await;
            assert_eq!(second.frames.len(), subscribers, "everybody has news");
            // Channel 13 is FLIGHTS by day, 16 the same of one origin.
            let (whole, one) = (facts(&second.frames["A00"], 13), facts(&second.frames["A00"], 16));
            assert_eq!((whole, one), (Some(subscribers as u64), Some(1)));
            let quiet = airline.tick(&[]).await;
            assert_eq!(quiet.reading, 0, "nothing happened and nothing is read");
            counts.push([first.statements, second.statements]);
            airline.database.drop_it().await.unwrap();
        }
        assert_eq!(counts[0], counts[1], "the same at 1 and at 200 subscribers");
        assert!(
            counts.concat().iter().all(|count| *count <= MAX_STATEMENTS),
            "{counts:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_computed_for_a_topic_that_nobody_watches() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        let now = platform::clock::now();
        let touched = airline.land(now, &["ORD".to_owned()]).await;
        assert_eq!(airline.tick(&touched).await.statements, 0, "nobody ever watched");
        airline.subscribe("a", airline.client, vec![("FLIGHTS", Period::Minute, None)]);
        assert_eq!(airline.tick(&touched).await.reading, 2, "definitions and buckets");
        assert_eq!(airline.tick(&touched).await.reading, 1, "buckets");
        airline.publisher.apply(Change::Disconnected {
            connection: "a".to_owned(),
        });
        assert_eq!(airline.tick(&touched).await.reading, 0, "nobody watches any more");
        airline.database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_read_that_fails_concerns_its_own_topics_only() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        let (theirs, order) = order_shop(&airline.database).await;
        airline.subscribe("a", airline.client, vec![("FLIGHTS", Period::Day, None)]);
        airline.subscribe("b", theirs, vec![("ORDERS", Period::Day, None)]);
        airline.subscribe(
            "c",
            theirs,
            vec![("ORDERS", Period::Minute, None), ("ITEMS", Period::Day, None)],
        );
        airline.land(platform::clock::now(), &["ORD".to_owned()]).await;
        let locked = airline.database.plain().await.unwrap();
        locked
            .batch_execute(&format!("BEGIN; LOCK TABLE {order} IN ACCESS EXCLUSIVE MODE"))
            .await
            .unwrap();
        let impatient = airline.database.app.clone().with_timeouts(Timeouts {
            statement: Duration::from_secs(5),
            lock: Duration::from_millis(200),
        });
        let mut ticked = airline.tick_over(&impatient, &[]).await;
        assert_eq!(
            facts(&ticked.frames["a"], 1),
            Some(1),
            "another client's values are there"
        );
        // Theirs are tried beside the ticks, and one by one in the end.
        for _ in 0..8 {
            for (connection, frames) in airline.tick_over(&impatient, &[]).await.frames {
                ticked.frames.entry(connection).or_default().extend(frames);
            }
        }
        for (connection, topics) in [("b", 1), ("c", 2)] {
            let Some(Frame::Subscribed(subscribed)) = ticked.frames[connection].first() else {
                panic!("{:?}", ticked.frames)
            };
            let silent: Vec<_> = subscribed.topics.iter().map(|topic| topic.silent).collect();
            assert_eq!(silent, vec![Some(Silence::Unreadable); topics], "{connection} is told");
        }
        assert_eq!(
            airline.tick_over(&impatient, &[]).await.reading,
            0,
            "what was refused is left alone for a while"
        );
        locked.batch_execute("ROLLBACK").await.unwrap();
        airline.database.drop_it().await.unwrap();
    }
}

/// A question that takes longer than a statement may, here because it waits for a lock that nobody gives back.
#[tokio::test]
async fn a_question_that_takes_too_long_costs_others_one_wait_and_once() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        let (theirs, order) = order_shop(&airline.database).await;
        airline.subscribe("quick", airline.client, vec![("FLIGHTS", Period::Day, None)]);
        let slow = vec![("ORDERS", Period::Minute, None), ("ITEMS", Period::Day, None)];
        airline.subscribe("slow", theirs, slow);
        let locked = airline.database.plain().await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE {order} IN ACCESS EXCLUSIVE MODE");
        locked.batch_execute(&lock).await.unwrap();
        let (statement, lock) = (Duration::from_secs(1), Duration::from_secs(60));
        let times = Timeouts { statement, lock };
        let ours = airline.database.app.clone().with_timeouts(times);
        let apart = TestDatabase::existing(&airline.database.url).unwrap().app;
        let apart = apart.with_timeouts(times);
        let mut told = Vec::new();
        for tick in 1..=8 {
            let touched = airline.land(platform::clock::now(), &["ORD".to_owned()]).await;
            airline.publisher.touch(Some(&touched));
            let (now, began) = (platform::clock::now(), Instant::now());
            let until = began + Duration::from_secs(10);
            let (reads, asked) = tick::ask(&ours, &airline.catalogs, &mut airline.publisher, now, true).await;
            asked.unwrap();
            let mut settle = |found| tick::settle(&mut airline.publisher, &airline.catalogs, found, now);
            tick::answer(&ours, &airline.catalogs, How::Together, reads.now, until, &mut settle)
                .await
                .unwrap();
            let waited = began.elapsed();
            tick::answer(&apart, &airline.catalogs, How::Apart, reads.apart, until, &mut settle)
                .await
                .unwrap();
            airline.publisher.end_apart();
            let outgoing = airline.publisher.frames(now, &BTreeMap::new());
            let mut frames = airline.arrive(outgoing);
            assert_eq!(facts(&frames["quick"], 1), Some(tick), "tick {tick}");
            assert!(tick == 1 || waited < Duration::from_millis(900), "{tick}: {waited:?}");
            let heard = frames.remove("slow").into_iter().flatten();
            told.extend(heard.filter(|frame| !matches!(frame, Frame::Beat(_))));
        }
        let [Frame::Subscribed(subscribed)] = &told[..] else {
            panic!("{told:?}")
        };
        let silent: Vec<_> = subscribed.topics.iter().map(|topic| topic.silent).collect();
        assert_eq!(silent, [Some(Silence::Unreadable); 2], "it is told");
        locked.batch_execute("ROLLBACK").await.unwrap();
        airline.database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_client_with_many_topics_is_read_while_others_ticks_go_on() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        let (theirs, _) = order_shop(&airline.database).await;
        let origins: Vec<String> = (0..=MAX_TICK_TOPICS).map(|number| format!("A{number:03}")).collect();
        let topics = origins
            .iter()
            .map(|origin| ("FLIGHTS", Period::Day, Some(origin.as_str())));
        airline.subscribe("many", airline.client, topics.collect());
        airline.subscribe("few", theirs, vec![("ORDERS", Period::Day, None)]);
        airline.land(platform::clock::now(), &origins).await;
        let definitions = definitions::load_one(&airline.database.app, airline.client).await;
        let flights = definitions.unwrap().unwrap().placed["Flight"].place.volume.partials();

        let (now, until) = (platform::clock::now(), Instant::now() + Duration::from_secs(30));
        let (ours, catalogs) = (airline.database.app.clone(), airline.catalogs.clone());
        let (reads, asked) = tick::ask(&ours, &catalogs, &mut airline.publisher, now, true).await;
        asked.unwrap();
        assert_eq!(
            (reads.now.len(), reads.apart.len()),
            (1, MAX_TICK_TOPICS),
            "a share of it"
        );
        let locked = airline.database.plain().await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE {flights} IN ACCESS EXCLUSIVE MODE");
        locked.batch_execute(&lock).await.unwrap();
        let apart = TestDatabase::existing(&airline.database.url).unwrap().app;
        let many = reads.apart;
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            let mut take = |found| all.extend(found);
            let answered = tick::answer(&apart, &catalogs, How::Apart, many, until, &mut take).await;
            answered.map(|()| all)
        });
        let mut settle = |found| tick::settle(&mut airline.publisher, &airline.catalogs, found, now);
        let answered = tick::answer(&ours, &airline.catalogs, How::Together, reads.now, until, &mut settle).await;
        answered.unwrap();
        let frames = airline.publisher.frames(now, &BTreeMap::new());
        let connections: Vec<&str> = frames.iter().map(|outgoing| outgoing.connection.as_str()).collect();
        assert_eq!(connections, ["few"], "it has its snapshot");
        assert!(!airline.publisher.has_reads_apart_due(now) && !reading.is_finished());

        locked.batch_execute("ROLLBACK").await.unwrap();
        let found = reading.await.unwrap().unwrap();
        tick::settle(&mut airline.publisher, &airline.catalogs, found, now);
        airline.publisher.end_apart();
        let ticked = airline.tick(&[]).await;
        let last = u32::try_from(origins.len()).unwrap();
        assert_eq!(
            facts(&ticked.frames["many"], last),
            Some(1),
            "the rest was read as well"
        );
        airline.database.drop_it().await.unwrap();
    }
}

/// Another client in tables of its own, and the table behind all that its KPIs read.
async fn order_shop(database: &TestDatabase) -> (Uuid, String) {
    let client = provision(database, "theirs").await;
    let added = database.owner.transaction_in(Scope::default(), async |session| {
        facts::volume::add_volume(session, Some(client)).await
    });
    added.await.unwrap();
    let entity: Value =
        json!({ "code": "Order", "domain": "sales", "attributes": [{ "name": "items", "type": "integer" }] });
    create_entity(database, client, serde_json::from_value(entity).unwrap()).await;
    for (code, formula) in [("ORDERS", "COUNT(Order)"), ("ITEMS", "SUM(Order.items)")] {
        let mut kpi = KpiDefinition::named(code, code);
        kpi.formula = formula.to_owned();
        definitions::create_kpi(&database.owner, client, &kpi).await.unwrap();
    }
    let definitions = definitions::load_one(&database.app, client).await.unwrap().unwrap();
    let placed = &definitions.placed["Order"];
    (client, placed.place.volume.partials())
}

#[tokio::test]
async fn a_watermark_never_goes_back() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        airline.subscribe("a", airline.client, vec![("FLIGHTS", Period::Day, None)]);
        let now = platform::clock::now();
        let watermark = async |airline: &Airline| {
            let watermarks = tick::watermarks(&airline.database.app, &airline.catalogs, &airline.publisher)
                .await
                .unwrap();
            watermarks
                .get(&airline.client)
                .and_then(|entities| entities.get("Flight").copied())
        };
        assert_eq!(watermark(&airline).await, None, "there is no fact");
        airline.land(now, &["ORD".to_owned()]).await;
        let newest = watermark(&airline).await;
        assert!(newest.is_some_and(|at| at.duration_since(now).abs() < SignedDuration::from_secs(1)));
        let last_year = now.checked_sub(SignedDuration::from_hours(365 * 24)).unwrap();
        airline.land(last_year, &["ORD".to_owned()]).await;
        assert_eq!(
            watermark(&airline).await,
            newest,
            "a late correction leaves it where it is"
        );
        airline.database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn topics_of_a_client_that_moves_go_on_beside_those_of_one_who_stays() {
    for server in servers() {
        let mut airline = Airline::open(&server).await;
        let cell = TestDatabase::create(&server).await.unwrap();
        let [home, other] = [&airline.database.url, &cell.url].map(|url| Database::new(url, LOGIN_ROLE).unwrap());
        cells::register(&home, "west", &other).await.unwrap();
        let (theirs, _) = order_shop(&airline.database).await;
        for database in [&mut airline.database.app, &mut airline.database.owner] {
            *database = database.clone().with_cells(&format!("west={}", cell.url)).unwrap();
        }
        airline.subscribe("a", airline.client, vec![("FLIGHTS", Period::Day, None)]);
        airline.subscribe("b", theirs, vec![("ORDERS", Period::Day, None)]);
        let now = platform::clock::now();
        let touched = airline.land(now, &["ORD".to_owned()]).await;
        let ticked = airline.tick(&touched).await;
        assert_eq!(
            (facts(&ticked.frames["a"], 1), ticked.frames.contains_key("b")),
            (Some(1), true)
        );
        let moved = cells::place(&airline.database.owner, airline.client, "west").await;
        assert_eq!(moved.unwrap().to, "west");
        let touched = airline.land(now, &["JFK".to_owned(), "ORD".to_owned()]).await;
        // As the notification of the commit that decided has it do.
        airline.catalogs.forget(airline.client);
        let ticked = airline.tick(&touched).await;
        assert_eq!(facts(&ticked.frames["a"], 1), Some(3));
        let touched = airline.land(now, &["ORD".to_owned()]).await;
        let ticked = airline.tick(&touched).await;
        assert_eq!((facts(&ticked.frames["a"], 1), ticked.reading), (Some(4), 1));
        // Watermarks of two databases.
        assert_eq!(ticked.statements, 3);
        // The cell is gone, and nobody's definitions are known any more: who is at home is served.
        cell.drop_it().await.unwrap();
        airline.catalogs = Catalogs::default();
        airline.subscribe("c", theirs, vec![("ORDERS", Period::Hour, None)]);
        let (database, now) = (airline.database.app.clone(), platform::clock::now());
        let until = Instant::now() + Duration::from_secs(10);
        let observed = tick::observe(&database, &airline.catalogs, &mut airline.publisher, now, None, until).await;
        assert!(observed.is_err() && !airline.catalogs.has(airline.client));
        let frames = airline.publisher.frames(now, &BTreeMap::new());
        assert!(frames.iter().any(|outgoing| outgoing.connection == "c"));
        airline.database.drop_it().await.unwrap();
    }
}
