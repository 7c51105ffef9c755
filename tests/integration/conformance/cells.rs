//! Clients in several databases: they move without a number that is lost, doubled or changed, whatever cuts a move off.

mod cost;
mod sketches;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog::Period;
use database::{Database, Error, HOME, LOGIN_ROLE, MAX_ENTITIES_OF_A_CELL, Session};
use facts::batch::{Batch, Reject};
use facts::ingest::{self, Effort};
use facts::notifications::{Listener, Notification};
use facts::stream;
use records::cells::{self, clear_departed, register};
use records::{client_removal, clients, definitions, outbox, usage};
use series::Mapper;
use series::plan::Filter;
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

use super::oracle::check;
use super::scenarios::a_day;
use super::shop::{SALES, Shop, at, range, sale};

const CELL: &str = "west";

/// When nobody can be reading any more what was left behind.
const LATER: &str = "2099-01-01T00:00:00Z";

/// Rows of a client in some ordinary tables, as they are.
const ORDINARY: &str = "SELECT name || coalesce(string_agg(line, ' ' ORDER BY line), '') FROM (
    SELECT 'kpis' AS name, t::text AS line FROM core.kpis t WHERE client_id = $1
    UNION ALL SELECT 'relationships', t::text FROM core.relationships t WHERE client_id = $1
    UNION ALL SELECT 'actors', t::text FROM core.actors t WHERE client_id = $1
    UNION ALL SELECT 'patterns', t::text FROM core.value_chain_patterns t WHERE client_id = $1
    UNION ALL SELECT 'batches', t::text FROM core.batches t WHERE client_id = $1
    UNION ALL SELECT 'dead_letters', t::text FROM core.dead_letters t WHERE client_id = $1
    UNION ALL SELECT 'commits', t::text FROM core.commits t WHERE client_id = $1
    UNION ALL SELECT 'clocks', t::text FROM core.clocks t WHERE client_id = $1
    UNION ALL SELECT 'outbox', t::text FROM core.outbox t WHERE client_id = $1
    UNION ALL SELECT 'proposals', t::text FROM core.proposals t WHERE client_id = $1
    UNION ALL SELECT 'revisions', t::text FROM core.proposal_revisions t WHERE client_id = $1
) rows GROUP BY name ORDER BY name";

const PROPOSAL: &str = "INSERT INTO core.proposals (client_id, id, name, price_book, answers, created_by) VALUES ($1, $2, 'Offer', 'book', '{\"a\": 1.50}', $2);";
const REVISION: &str = "INSERT INTO core.proposal_revisions (client_id, proposal_id, revision, answers, terms, required, quote, issued_by, valid_until)
    VALUES ($1, $2, 1, '{}', '{}', '[]', '{\"total\":  \"1.50\"}', $2, '2026-12-31')";

/// A shop at home, and a cell.
struct Town {
    shop: Shop,
    cell: TestDatabase,
}

impl Town {
    async fn open(server: &str, key: &[&str]) -> Self {
        let mut shop = Shop::open(server, "UTC", key).await;
        let mut cell = TestDatabase::create(server).await.unwrap();
        let [home, other] = [&shop.database.url, &cell.url].map(|url| Database::new(url, LOGIN_ROLE).unwrap());
        for _ in 0..2 {
            register(&home, CELL, &other).await.unwrap();
        }
        assert!(register(&home, "other", &home).await.is_err(), "home is no cell");
        cell.plain().await.unwrap().batch_execute(SALES).await.unwrap();
        // Whoever is connected from now on knows the cell.
        let known = format!("{CELL}={}", cell.url);
        for database in [&mut shop.database, &mut cell] {
            for known_by in [&mut database.app, &mut database.owner] {
                *known_by = known_by.clone().with_cells(&known).unwrap();
            }
        }
        Self { shop, cell }
    }

    /// Another process that knows the cells, and nobody's place.
    fn connect(&self, role: &str) -> Database {
        let home = Database::new(&self.shop.database.url, role).unwrap();
        home.with_cells(&format!("{CELL}={}", self.cell.url)).unwrap()
    }

    fn app(&self) -> Database {
        self.connect("analytics_app")
    }

    fn owner(&self) -> Database {
        self.connect("analytics_owner")
    }

    /// The shop as it is in one of the databases for oracles, and as the functions see it.
    fn at(&self, place: &str) -> Shop {
        let url = if place == HOME {
            &self.shop.database.url
        } else {
            &self.cell.url
        };
        let mut database = TestDatabase::existing(url).unwrap();
        (database.app, database.owner) = (self.app(), self.owner());
        Shop {
            database,
            ours: self.shop.ours,
            theirs: self.shop.theirs,
        }
    }

    async fn ordinary(&self, place: &str) -> Vec<String> {
        let plain = self.at(place).database.plain().await.unwrap();
        let rows = plain.query(ORDINARY, &[&self.shop.ours]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// How many rows of our client are in a database, in all tables but the one of residences.
    async fn rows_at(&self, place: &str) -> i64 {
        let plain = self.at(place).database.plain().await.unwrap();
        let sql = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('core', 'volume_1') AND a.attname = 'client_id' AND c.relkind = 'r' AND c.relname NOT IN ('residences', 'users', 'licences')";
        let mut rows = 0;
        for table in plain.query(sql, &[]).await.unwrap() {
            let table: String = table.get(0);
            let sql = format!("SELECT count(*) FROM {table} WHERE client_id = $1");
            rows += plain
                .query_one(&sql, &[&self.shop.ours])
                .await
                .unwrap()
                .get::<_, i64>(0);
        }
        rows
    }

    /// As if it was long ago that our client left a place.
    async fn long_ago(&self) {
        for place in [HOME, CELL] {
            let sql = "UPDATE core.residences SET left_at = left_at - interval '1 hour' WHERE client_id = $1";
            let plain = self.at(place).database.plain().await.unwrap();
            plain.execute(sql, &[&self.shop.ours]).await.unwrap();
        }
    }

    /// The databases in which our client lives for whoever asks: exactly one.
    async fn lives_in(&self) -> &'static str {
        let name = async |session: &Session| Ok(session.residence());
        let database = self.app();
        let residence = database.transaction(self.shop.ours, name).await.unwrap();
        let place = if database.name_of(residence) == HOME {
            HOME
        } else {
            CELL
        };
        let other = if place == HOME { CELL } else { HOME };
        let alone = database.named(other).unwrap();
        let refused = alone.transaction(self.shop.ours, name).await;
        assert!(matches!(refused, Err(Error::Elsewhere(_))), "{other} besides {place}");
        place
    }

    async fn drop_it(self) {
        self.shop.database.drop_it().await.unwrap();
        self.cell.drop_it().await.unwrap();
    }
}

/// Whether a writer may come again: what it was to write was not written.
fn may_come_again(error: &Error) -> bool {
    error.is_being_moved() || error.is_conflict() || matches!(error, Error::DefinitionChanged(_) | Error::Elsewhere(_))
}

#[tokio::test]
async fn a_client_moves_to_another_database_and_back_with_every_number() {
    for server in servers() {
        for key in [&[][..], &["receipt"]] {
            let town = Town::open(&server, key).await;
            let (ours, theirs) = (town.shop.ours, town.shop.theirs);
            let home = town.at(HOME);
            home.sell(ours, &a_day()).await;
            home.sell(theirs, &a_day()[..9]).await;
            home.compact("2026-03-28T10:30:30Z").await;
            home.sell(ours, &[sale("r5", "2026-03-28T09:15:05Z", "7", 1)]).await;
            let refused = Reject {
                position: 0,
                field: "amount".to_owned(),
                reason: "no number".to_owned(),
                original: "{}".to_owned(),
            };
            let mut batch = Batch::new(Uuid::now_v7(), None);
            batch.refuse(refused);
            let stale = town.app();
            ingest::refuse(&stale, ours, "Sale", "test", &[batch]).await.unwrap();
            let told = outbox::PendingEvent {
                client_id: ours,
                id: Uuid::now_v7(),
                kind: "Something".to_owned(),
                detail: serde_json::json!({ "n": 1 }),
            };
            outbox::add(&stale, &told).await.unwrap();
            let plain = home.database.plain().await.unwrap();
            for sql in [PROPOSAL, REVISION] {
                plain
                    .execute(sql.trim_end_matches(';'), &[&ours, &Uuid::from_u128(7)])
                    .await
                    .unwrap();
            }
            let before = check(&home, ours, "UTC", "it").await;
            let others = check(&home, theirs, "UTC", "the other").await;
            let ordinary = town.ordinary(HOME).await;
            let old = home.definitions(ours).await.placed["Sale"].clone();
            let facts = home.count().await;

            let owner = town.owner();
            let moving = "INSERT INTO core.moves (client_id, entity_id, from_volume, to_volume, number)
                SELECT client_id, id, volume, volume, 0 FROM core.entities WHERE client_id = $1";
            plain.execute(moving, &[&ours]).await.unwrap();
            let moved = cells::place(&owner, ours, CELL).await;
            assert!(moved.unwrap_err().to_string().contains("another volume"));
            plain.execute("DELETE FROM core.moves", &[]).await.unwrap();
            let moved = cells::place(&owner, ours, CELL).await.unwrap();
            assert!(moved.rows > i64::try_from(facts).unwrap(), "{moved:?}");
            assert_eq!(town.lives_in().await, CELL);
            let back = cells::place(&owner, ours, HOME).await;
            assert!(back.unwrap_err().to_string().contains("just now"));
            let there = town.at(CELL);
            assert_eq!(check(&there, ours, "UTC", "it").await, before);
            // As if it was cut off right after the commit that decides: who comes is let in by what the other database says.
            let plain = there.database.plain().await.unwrap();
            let unsettled = "UPDATE core.residences SET gone_to = '', arriving = generation, generation = generation - 1 WHERE client_id = $1";
            assert_eq!(plain.execute(unsettled, &[&ours]).await.unwrap(), 1);
            assert_eq!(town.lives_in().await, CELL);
            assert_eq!(check(&there, ours, "UTC", "it").await, before);
            assert_eq!(cells::place(&owner, ours, CELL).await.unwrap().rows, 0);
            assert_eq!(town.ordinary(CELL).await, ordinary);
            assert_eq!(check(&home, theirs, "UTC", "the other").await, others);
            assert_eq!(clients::role_of(&stale, ours, Uuid::nil()).await.unwrap(), None);

            // Who has mapped events by what was before is refused, wherever it thinks that the client is; who knows of no cell too.
            let mapper = Mapper::new(old.entity.clone());
            let event = sale("stale", "2026-03-28T11:00:00Z", "1", 1).to_string();
            let fact = mapper.json(platform::clock::now(), &event).unwrap();
            let batch = [Batch::of(Uuid::now_v7(), [fact])];
            let written = ingest::ingest(&stale, ours, &old, "test", &batch, Effort::default()).await;
            assert!(matches!(written, Err(Error::DefinitionChanged(_))), "{written:?}");
            let streamed = stream::ingest(&stale, ours, &old, "test", batch.clone().into_iter()).await;
            assert!(matches!(streamed.err(), Some(Error::DefinitionChanged(_))));
            let now = there.definitions(ours).await.placed["Sale"].clone();
            let moves = there.database.plain().await.unwrap();
            let lock = format!("SELECT pg_advisory_lock(hashtextextended('client {ours}', 0))");
            moves.batch_execute(&lock).await.unwrap();
            let streamed = stream::ingest(&stale, ours, &now, "test", batch.clone().into_iter()).await;
            let written = ingest::ingest(&stale, ours, &now, "test", &batch, Effort::default()).await;
            for error in [streamed.err().unwrap(), written.unwrap_err()] {
                assert!(error.is_being_moved(), "{error}");
            }
            drop(moves);
            let alone = Database::new(&home.database.url, "analytics_app").unwrap();
            let written = ingest::ingest(&alone, ours, &old, "test", &batch, Effort::default()).await;
            assert!(matches!(written, Err(Error::DefinitionChanged(_))), "{written:?}");
            let other = records::batches::find(&alone, ours, Uuid::nil()).await;
            assert!(other.unwrap().is_none());
            let refused = outbox::add(&alone, &told).await;
            assert!(refused.unwrap_err().to_string().contains("row-level security"));
            let connected = alone.session().await.unwrap();
            let other = cells::place(&owner, theirs, CELL).await;
            assert!(other.unwrap_err().to_string().contains("DATABASE_CELLS"));
            drop(connected);
            drop(alone);
            there
                .sell_through(&stale, ours, &[sale("new", "2026-03-28T11:00:00Z", "1", 1)])
                .await
                .unwrap();
            assert_eq!(there.count().await, facts + 1, "a process that had thought it at home");

            // Identities are of the cell's own range; what looks at all clients finds each once.
            let entity = serde_json::json!({ "code": "Till", "domain": "shop", "time": "at", "attributes": [{ "name": "n", "type": "integer" }] });
            let entity: catalog::EntityDefinition = serde_json::from_value(entity).unwrap();
            definitions::create_entity(&town.app(), ours, &entity.validate().unwrap())
                .await
                .unwrap();
            let known = there.definitions(ours).await;
            assert!(
                known.placed["Till"].place.id >= MAX_ENTITIES_OF_A_CELL,
                "{:?}",
                known.placed["Till"]
            );
            let mut counted = BTreeMap::new();
            for (name, clients) in town
                .app()
                .in_each(async |one| usage::clients_to_count(&one).await)
                .await
            {
                for count in clients.unwrap() {
                    assert!(
                        counted.insert(count.client_id, name.to_owned()).is_none(),
                        "{}",
                        count.client_id
                    );
                }
            }
            assert_eq!((counted[&ours].as_str(), counted[&theirs].as_str()), (CELL, HOME));
            let added = clients::add_user(&owner, ours, &"new@example.com".parse().unwrap(), "none", "viewer").await;
            assert_eq!(added.unwrap(), Some(clients::Added::Now));

            // What it left is cleared, and it comes back with what is new.
            for _ in 0..3 {
                home.compact(LATER).await;
                clear_departed(&home.database.owner.named(HOME).unwrap(), at(LATER))
                    .await
                    .unwrap();
            }
            assert_eq!(town.rows_at(HOME).await, 0);
            let before = check(&there, ours, "UTC", "it").await;
            cells::place(&owner, ours, HOME).await.unwrap();
            assert_eq!(town.lives_in().await, HOME);
            assert_eq!(check(&home, ours, "UTC", "it").await, before);
            cells::place(&owner, ours, HOME).await.unwrap();
            assert!(client_removal::remove(&owner, ours, "ours").await.unwrap());
            for place in [HOME, CELL] {
                assert_eq!(town.rows_at(place).await, 0, "{place}");
            }
            assert_eq!(check(&home, theirs, "UTC", "the other").await, others);
            town.drop_it().await;
        }
    }
}

/// Sells and asks while a client moves.
struct Crowd<'a> {
    town: &'a Town,
    sent: AtomicUsize,
    accepted: AtomicUsize,
    refused: AtomicUsize,
    asked: AtomicUsize,
    is_over: AtomicBool,
}

impl Crowd<'_> {
    async fn write(&self, writer: usize) {
        let (database, shop) = (self.town.app(), self.town.at(HOME));
        let mut number = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            number += 1;
            let at = format!("2026-03-28T{:02}:{:02}:30Z", 8 + writer, number % 60);
            let sales = [sale(&format!("w{writer} {number}"), &at, "5", 1)];
            self.sent.fetch_add(1, Ordering::SeqCst);
            let id = Uuid::now_v7();
            while let Err(error) = shop.write(&database, id, shop.ours, &sales, Effort::default()).await {
                assert!(may_come_again(&error), "{error}");
                self.refused.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whoever asks finds all that was accepted before, and nothing that was not sent.
    async fn read(&self) {
        let shop = self.town.at(HOME);
        while !self.is_over.load(Ordering::SeqCst) {
            let least = self.accepted.load(Ordering::SeqCst);
            let points = loop {
                let known = definitions::load_one(&shop.database.app, shop.ours).await;
                match known {
                    Ok(_) => {
                        break shop
                            .ask(shop.ours, "SALES", Period::Day, range(), &Filter::new(), &[])
                            .await;
                    }
                    Err(error) => assert!(may_come_again(&error), "{error}"),
                }
            };
            let found: i64 = points.values().map(|point| point.facts).sum();
            let found = usize::try_from(found).unwrap() - a_day().len();
            let most = self.sent.load(Ordering::SeqCst);
            assert!((least..=most).contains(&found), "{found} of {least} to {most}");
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Moves to and fro, cut off earlier or later in what the move before took, and once to the end each time.
    async fn move_about(&self) -> usize {
        let (mut cut_off, mut took) = (0, Duration::from_millis(500));
        for (to, cuts) in [
            (CELL, [0.01, 0.2, 0.6, 0.85]),
            (HOME, [0.05, 0.3, 0.7, 0.9]),
            (CELL, [0.1, 0.4, 0.8, 0.95]),
            (HOME, [0.15, 0.5, 0.93, 1.0]),
        ] {
            for cut in cuts {
                self.town.long_ago().await;
                // A process that is killed: its connections end.
                let mover = self.town.owner();
                let move_on = cells::place(&mover, self.town.shop.ours, to);
                let killed = tokio::time::timeout(took.mul_f64(cut), move_on).await;
                drop(mover);
                let lives_in = self.town.lives_in().await;
                println!(
                    "cut off at {cut} of {took:?}: {}, it lives in {lives_in}",
                    killed.is_err()
                );
                cut_off += usize::from(killed.is_err());
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            self.town.long_ago().await;
            let began = Instant::now();
            let moved = cells::place(&self.town.owner(), self.town.shop.ours, to).await.unwrap();
            if moved.from != moved.to {
                took = began.elapsed();
            }
            println!("to {to} after cuts: {moved:?} in {:?}", began.elapsed());
            assert_eq!(self.town.lives_in().await, to);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        cut_off
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_moves_under_load_and_killed_half_way() {
    for server in servers() {
        for key in [&[][..], &["receipt"]] {
            let town = Town::open(&server, key).await;
            let home = town.at(HOME);
            home.sell(town.shop.ours, &a_day()).await;
            home.sell(town.shop.theirs, &a_day()).await;
            let others = check(&home, town.shop.theirs, "UTC", "the other").await;
            let crowd = Crowd {
                town: &town,
                sent: AtomicUsize::new(0),
                accepted: AtomicUsize::new(0),
                refused: AtomicUsize::new(0),
                asked: AtomicUsize::new(0),
                is_over: AtomicBool::new(false),
            };
            let moves = async {
                let cut_off = crowd.move_about().await;
                crowd.is_over.store(true, Ordering::SeqCst);
                cut_off
            };
            let writers = futures::future::join_all((0..3).map(|writer| crowd.write(writer)));
            let (cut_off, _, ()) = tokio::join!(moves, writers, crowd.read());
            let accepted = crowd.accepted.load(Ordering::SeqCst);
            println!(
                "{accepted} sales, {} tries refused, {} questions, {cut_off} moves cut off",
                crowd.refused.load(Ordering::SeqCst),
                crowd.asked.load(Ordering::SeqCst)
            );
            assert!(cut_off > 0 && accepted > 0);
            assert_eq!(home.count().await, a_day().len() + accepted);
            check(&home, town.shop.ours, "UTC", "after all moves").await;
            assert_eq!(check(&home, town.shop.theirs, "UTC", "the other").await, others);
            town.drop_it().await;
        }
    }
}

#[tokio::test]
async fn commits_are_heard_from_every_database() {
    let town = Town::open(&servers()[0], &[]).await;
    let (app, ours) = (town.app(), town.shop.ours);
    town.at(HOME).sell(ours, &a_day()).await;
    let mut listener = Listener::start(&app).await.unwrap();
    cells::place(&town.owner(), ours, CELL).await.unwrap();
    let mut heard = Vec::new();
    town.at(CELL)
        .sell_through(&app, ours, &[sale("new", "2026-03-28T11:00:00Z", "1", 1)])
        .await
        .unwrap();
    while let Ok(Some(notification)) = tokio::time::timeout(Duration::from_secs(5), listener.next()).await {
        let is_last = matches!(notification, Notification::Facts(_));
        heard.push(notification);
        if is_last {
            break;
        }
    }
    assert!(
        matches!(heard[0], Notification::Catalog(client) if client == ours),
        "{heard:?}"
    );
    assert!(
        matches!(heard.last(), Some(Notification::Facts(facts)) if facts.client == ours),
        "{heard:?}"
    );
    drop(listener);
    town.drop_it().await;
}

#[tokio::test]
async fn a_cell_that_does_not_answer_stops_no_other() {
    let town = Town::open(&servers()[0], &[]).await;
    let gone = "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable";
    let home = Database::new(&town.shop.database.url, "analytics_app").unwrap();
    let database = home
        .with_cells(&format!("gone={gone} {CELL}={}", town.cell.url))
        .unwrap();
    let done = database.in_each(async |one| one.session().await.map(drop)).await;
    let done: Vec<(&str, bool)> = done.into_iter().map(|(name, done)| (name, done.is_ok())).collect();
    assert_eq!(done, [(HOME, true), ("gone", false), (CELL, true)]);
    drop(database);
    town.drop_it().await;
}
