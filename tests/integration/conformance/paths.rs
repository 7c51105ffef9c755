//! Paths along relationships: what is told of customers, countries and products in any order, late and again, looked up for each order, against going through the
//! orders one by one.

mod definitions;

use std::collections::{BTreeMap, BTreeSet};

use catalog::{EntityDefinition, Kpi, KpiDefinition, Period, Relationship};
use formula::Number;
use jiff::{SignedDuration, Timestamp};
use records::definitions::{ClientCatalog, Written, create_companion, create_entity, load_one};
use serde_json::{Value, json};
use series::plan::Filter;
use series::{Range, Request, SeriesKey};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

use self::definitions::{entities, relationships};

const BEGIN: &str = "2026-03-26T00:00:00Z";
const END: &str = "2026-03-31T00:00:00Z";

const ORDERS: usize = 400;
const REPORTS: usize = 150;
const CUSTOMERS: usize = 8;

#[derive(Clone, Debug)]
struct Order {
    at: Timestamp,
    customer: Option<usize>,
    payer: Option<usize>,
    product: usize,
    quantity: i64,
    amount: Option<i64>,
    channel: &'static str,
}

#[derive(Clone, Debug)]
struct Customer {
    id: usize,
    at: Timestamp,
    segment: Option<&'static str>,
    age: Option<i64>,
    country: Option<&'static str>,
}

/// Whatever a client told, in the order in which it did.
#[derive(Clone, Default)]
struct World {
    orders: Vec<Order>,
    customers: Vec<Customer>,
    countries: Vec<(&'static str, Timestamp, &'static str)>,
    /// By number, with their prices and categories.
    products: BTreeMap<usize, (i64, &'static str)>,
}

fn at(random: &mut fastrand::Rng) -> Timestamp {
    let begin: Timestamp = BEGIN.parse().unwrap();
    // Some at the very same times.
    let minute = match random.u8(..3) {
        0 => i64::from(random.u8(..12)) * 12 * 60 - 60,
        _ => random.i64(-24 * 60..5 * 24 * 60),
    };
    begin + SignedDuration::from_mins(minute)
}

impl World {
    fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let random = &mut random;
        let segments = [Some("gold"), Some("silver"), None, Some("")];
        let mut world = Self::default();
        for _ in 0..ORDERS {
            world.orders.push(Order {
                at: at(random),
                // Of the last two nothing is told.
                customer: random
                    .bool()
                    .then(|| random.usize(..CUSTOMERS + 2))
                    .or(Some(0))
                    .filter(|_| random.u8(..9) > 0),
                payer: Some(random.usize(..CUSTOMERS + 2)),
                product: random.usize(..6),
                quantity: random.i64(1..5),
                amount: random.choice([Some(100), Some(250), Some(-3), None]).unwrap(),
                channel: random.choice(["shop", "web"]).unwrap(),
            });
        }
        for number in 0..REPORTS + 1_000 {
            // The first of them changes a thousand times.
            let id = if number < REPORTS { random.usize(..CUSTOMERS) } else { 0 };
            world.customers.push(Customer {
                id,
                at: at(random),
                segment: random.choice(segments).unwrap(),
                age: random.choice([Some(20), Some(40), None]).unwrap(),
                country: random.choice([Some("de"), Some("us"), Some("xx"), None]).unwrap(),
            });
        }
        random.shuffle(&mut world.customers);
        for _ in 0..12 {
            let country = random.choice(["de", "us"]).unwrap();
            world
                .countries
                .push((country, at(random), random.choice(["eu", "na"]).unwrap()));
        }
        for number in 0..5 {
            world
                .products
                .insert(number, (random.i64(1..50), random.choice(["food", "tools"]).unwrap()));
        }
        world
    }

    /// What was told of a customer that holds at a time, or last of all; of one time what was told last.
    fn customer(&self, id: Option<usize>, at: Option<Timestamp>) -> Option<&Customer> {
        let known = self.customers.iter().filter(|told| Some(told.id) == id);
        let holding = known.filter(|told| at.is_none_or(|at| told.at <= at));
        holding.reduce(|one, other| if other.at >= one.at { other } else { one })
    }

    fn segment(&self, order: &Order) -> Option<&'static str> {
        let known = self.customer(order.customer, Some(order.at))?;
        known.segment.filter(|segment| !segment.is_empty())
    }

    fn payers_segment(&self, order: &Order) -> Option<&'static str> {
        self.customer(order.payer, None)?
            .segment
            .filter(|segment| !segment.is_empty())
    }

    fn region(&self, order: &Order) -> Option<&'static str> {
        let country = self.customer(order.customer, Some(order.at))?.country?;
        let known = self
            .countries
            .iter()
            .filter(|(code, at, _)| *code == country && *at <= order.at);
        let last = known.reduce(|one, other| if other.1 >= one.1 { other } else { one });
        last.map(|(_, _, region)| *region)
    }

    fn value(&self, order: &Order, name: &str) -> &'static str {
        let known = match name {
            "customer.segment" => self.segment(order),
            "payer.segment" => self.payers_segment(order),
            "customer.country.region" => self.region(order),
            "product.category" => self.products.get(&order.product).map(|(_, category)| *category),
            _ => Some(order.channel),
        };
        known.unwrap_or_default()
    }
}

fn event(fields: Value) -> String {
    fields.to_string()
}

/// What a formula has to come to, of the orders of a bucket and of those of the bucket before.
type Expected = fn(&World, &[&Order], &[&Order]) -> Option<i64>;

fn sum(values: impl Iterator<Item = i64>) -> Option<i64> {
    let values: Vec<i64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

fn count(orders: usize) -> Option<i64> {
    i64::try_from(orders).ok()
}

fn gold(world: &World, orders: &[&Order]) -> Option<i64> {
    let mine = orders.iter().filter(|order| world.segment(order) == Some("gold"));
    sum(mine.filter_map(|order| order.amount))
}

const KPIS: [(&str, &str, Expected); 8] = [
    (
        "GOLD",
        "SUM(Order.amount WHERE customer.segment = 'gold')",
        |world, own, _| gold(world, own),
    ),
    ("ORDERS", "COUNT(Order)", |_, own, _| count(own.len())),
    ("SEGMENTS", "COUNT(DISTINCT Order.customer.segment)", |world, own, _| {
        let found: BTreeSet<_> = own.iter().filter_map(|order| world.segment(order)).collect();
        count(found.len())
    }),
    ("SPENT", "SUM(Order.quantity * product.price)", |world, own, _| {
        sum(own
            .iter()
            .filter_map(|order| Some(order.quantity * world.products.get(&order.product)?.0)))
    }),
    (
        "ELSEWHERE",
        "COUNT(Order WHERE customer.age > 30 AND customer.country.region != 'eu')",
        |world, own, _| {
            let is_old = |order: &&&Order| {
                let known = world.customer(order.customer, Some(order.at));
                known.and_then(|known| known.age).is_some_and(|age| age > 30)
            };
            let is_elsewhere = |order: &&&Order| world.region(order).is_some_and(|region| region != "eu");
            count(own.iter().filter(is_old).filter(is_elsewhere).count())
        },
    ),
    (
        "PAID_BY_GOLD",
        "COUNT(Order WHERE payer.segment = 'gold')",
        |world, own, _| {
            count(
                own.iter()
                    .filter(|order| world.payers_segment(order) == Some("gold"))
                    .count(),
            )
        },
    ),
    (
        "OLDEST",
        "MAX(Order.customer.age WHERE channel = 'web')",
        |world, own, _| {
            let web = own.iter().filter(|order| order.channel == "web");
            web.filter_map(|order| world.customer(order.customer, Some(order.at))?.age)
                .max()
        },
    ),
    (
        "BEFORE",
        "PREVIOUS(SUM(Order.amount WHERE customer.segment = 'gold'), 1)",
        |world, _, before| gold(world, before),
    ),
];

struct Bench {
    database: TestDatabase,
}

impl Bench {
    async fn client(&self, name: &str) -> Uuid {
        let client = self.database.client(name, "Europe/Berlin").await.unwrap();
        for definition in entities() {
            let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
            let entity = definition.validate().unwrap();
            create_entity(&self.database.owner, client, &entity).await.unwrap();
        }
        for definition in relationships() {
            let definition: Relationship = serde_json::from_value(definition).unwrap();
            let written = create_companion(&self.database.owner, client, &definition)
                .await
                .unwrap();
            assert!(matches!(written, Written::Stored(1)), "{written:?}");
        }
        client
    }

    async fn known(&self, client: Uuid) -> ClientCatalog {
        load_one(&self.database.app, client).await.unwrap().unwrap()
    }

    async fn write(&self, client: Uuid, entity: &str, events: Vec<String>) {
        for events in events.chunks(300) {
            self.database.ingest(client, entity, events).await.unwrap();
        }
    }

    async fn tell(&self, client: Uuid, world: &World) {
        let name = |id: usize| format!("C-{id}");
        let orders = world.orders.iter().map(|order| {
            event(json!({ "time": order.at.to_string(), "customer": order.customer.map(name), "payer": order.payer.map(name),
                "product": format!("P-{}", order.product), "quantity": order.quantity, "amount": order.amount, "channel": order.channel }))
        });
        self.write(client, "Order", orders.collect()).await;
        self.tell_customers(client, &world.customers).await;
        let countries = world
            .countries
            .iter()
            .map(|(code, at, region)| event(json!({ "time": at.to_string(), "code": code, "region": region })));
        self.write(client, "Country", countries.collect()).await;
        let products = world.products.iter().map(|(number, (price, category))| {
            // Later than any order.
            event(json!({ "time": END, "sku": format!("P-{number}"), "price": price, "category": category }))
        });
        self.write(client, "Product", products.collect()).await;
    }

    async fn tell_customers(&self, client: Uuid, customers: &[Customer]) {
        let customers = customers.iter().map(|told| {
            event(json!({ "time": told.at.to_string(), "id": format!("C-{}", told.id), "segment": told.segment, "age": told.age,
                "country": told.country }))
        });
        self.write(client, "Customer", customers.collect()).await;
    }

    /// Asks every KPI, and compares every bucket of the range with the orders one by one.
    async fn check(&self, client: Uuid, world: &World, period: Period, filter: &[(&str, &str)], by: &[&str]) {
        let known = self.known(client).await;
        let (from, to) = (BEGIN.parse().unwrap(), END.parse().unwrap());
        let filter: Filter = filter
            .iter()
            .map(|(name, value)| ((*name).to_owned(), BTreeSet::from([(*value).to_owned()])))
            .collect();
        let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
        for (code, formula, expected) in KPIS {
            let kpi = kpi(&known, code, formula);
            let request = Request {
                kpi: &kpi,
                period,
                range: known.calendar.align(period, Range { from, to }),
                filter: &filter,
                by: &by,
                now: to,
            };
            let answer = answer::ask(&self.database.app, client, &known, &known.calendar, &request)
                .await
                .unwrap_or_else(|error| panic!("{code}: {error}"));
            let found: BTreeMap<SeriesKey, Option<Number>> = answer
                .points
                .into_iter()
                .map(|(key, point)| (key, point.value))
                .collect();
            compare(world, code, expected, &request, &known, &found);
            let some = |value: &Option<Number>| value.as_ref().is_some_and(|value| *value != Number::from(0));
            // Before the first month there is nothing, and none of what is gold has no segment.
            let may_be_none = code == "BEFORE" || filter.values().any(|values| values.contains(""));
            assert!(
                may_be_none || found.values().any(some),
                "{code} by {by:?}, filter {filter:?}: nothing was found"
            );
        }
    }
}

fn kpi(known: &ClientCatalog, code: &str, formula: &str) -> std::sync::Arc<Kpi> {
    let kpi = KpiDefinition {
        formula: formula.to_owned(),
        ..KpiDefinition::named(code, code)
    };
    let added = known.catalog.clone().add_kpi(kpi);
    added.unwrap_or_else(|problems| panic!("{code}: {problems:?}"))
}

fn compare(
    world: &World,
    code: &str,
    expected: Expected,
    request: &Request<'_>,
    known: &ClientCatalog,
    found: &BTreeMap<SeriesKey, Option<Number>>,
) {
    let calendar = &known.calendar;
    let nothing = series::answer::empty(request).value;
    let passes = |order: &&Order| {
        let mut filter = request.filter.iter();
        filter.all(|(name, values)| values.contains(world.value(order, name)))
    };
    let group = |order: &&Order| -> Vec<String> {
        request
            .by
            .iter()
            .map(|name| world.value(order, name).to_owned())
            .collect()
    };
    let groups: BTreeSet<Vec<String>> = world.orders.iter().map(|order| group(&order)).collect();
    let mut start = request.range.from;
    while start < request.range.to {
        let end = calendar.next(request.period, start);
        let begin = calendar.start(request.period, start - SignedDuration::from_secs(1));
        for of in &groups {
            let within = |from: Timestamp, to: Timestamp| -> Vec<&Order> {
                let orders = world.orders.iter().filter(|order| order.at >= from && order.at < to);
                orders.filter(passes).filter(|order| group(order) == *of).collect()
            };
            let wanted = expected(world, &within(start, end), &within(begin, start)).map(Number::from);
            let answered = found.get(&(start, of.clone())).unwrap_or(&nothing);
            assert_eq!(
                *answered, wanted,
                "{code} by {} from {start}, group {of:?}, filter {:?}",
                request.period, request.filter
            );
        }
        start = end;
    }
}

#[tokio::test]
async fn what_is_looked_up_is_what_going_through_the_orders_finds() {
    for server in servers() {
        let bench = Bench {
            database: TestDatabase::create(&server).await.unwrap(),
        };
        // Both use the same codes, and tell different things of them.
        let (mut ours, theirs) = (World::of(11), World::of(12));
        let (us, them) = (bench.client("ours").await, bench.client("theirs").await);
        bench.tell(us, &ours).await;
        bench.tell(them, &theirs).await;
        for period in [Period::Day, Period::Hour, Period::Month] {
            for client in [(us, &ours), (them, &theirs)] {
                let (client, world) = client;
                bench.check(client, world, period, &[], &[]).await;
                bench.check(client, world, period, &[], &["customer.segment"]).await;
                bench
                    .check(client, world, period, &[("customer.segment", "gold")], &[])
                    .await;
            }
        }
        facts::compact::run(&bench.database.owner, END.parse().unwrap())
            .await
            .unwrap();
        // What comes late, and corrects what was told of the same time.
        let mut late: Vec<Customer> = ours.customers.iter().step_by(3).cloned().collect();
        late.iter_mut().for_each(|told| told.segment = Some("gold"));
        bench.tell_customers(us, &late).await;
        ours.customers.extend(late);
        for (filter, by) in [
            (vec![], vec![]),
            (vec![], vec!["channel", "customer.country.region"]),
            (vec![("customer.segment", "")], vec!["payer.segment"]),
            (
                vec![("payer.segment", "gold"), ("channel", "web")],
                vec!["product.category"],
            ),
        ] {
            bench.check(us, &ours, Period::Day, &filter, &by).await;
        }
        bench.database.drop_it().await.unwrap();
    }
}

/// Questions that can't be answered rightly, and what is said of them.
#[tokio::test]
async fn what_leads_nowhere_is_refused() {
    for server in servers() {
        let bench = Bench {
            database: TestDatabase::create(&server).await.unwrap(),
        };
        let client = bench.client("ours").await;
        let known = bench.known(client).await;
        for (formula, by, words) in [
            ("COUNT(Order)", "channel.name", "\"channel\" of Order leads nowhere"),
            (
                "COUNT(Order)",
                "customer.age",
                "\"customer.age\" is not a dimension of Customer, which has segment",
            ),
            (
                "COUNT(Order)",
                "customer.country.segment",
                "is not a dimension of Country, which has region",
            ),
            ("COUNT(Order)", "customer.country.x.y.z", "4 steps"),
            (
                "COUNT(Customer)",
                "customer.segment",
                "\"customer\" of Customer leads nowhere: relationships are declared of country",
            ),
            ("AT_END(COUNT(Customer))", "country.region", "states of Customer"),
        ] {
            let kpi = kpi(&known, "KPI", formula);
            let (from, to) = (BEGIN.parse().unwrap(), END.parse().unwrap());
            let request = Request {
                kpi: &kpi,
                period: Period::Day,
                range: known.calendar.align(Period::Day, Range { from, to }),
                filter: &Filter::new(),
                by: &[by.to_owned()],
                now: to,
            };
            let refused = answer::ask(&bench.database.app, client, &known, &known.calendar, &request).await;
            let refused = refused.err().map(|refused| refused.to_string()).unwrap_or_default();
            assert!(refused.contains(words), "{formula} by {by}: {refused}");
        }
        bench.database.drop_it().await.unwrap();
    }
}
