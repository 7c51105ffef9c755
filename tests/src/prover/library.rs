//! How the libraries answer: a value and a series as whoever asks has them, and all questions of all clients in as few statements as the publisher has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use answer::Batch;
use anyhow::{Context as _, Result};
use catalog::Catalog;
use facts::batch::Batch as Events;
use facts::ingest::{self, Effort};
use facts::read::OnFailure;
use facts::{Placed, work};
use formula::AttributeType;
use jiff::Timestamp;
use records::definitions::{self, ClientCatalog, Written};
use series::plan::sketched;
use series::{Absent, Calendar, Mapper, Point, Range, Request, SeriesKey};
use uuid::Uuid;

use super::world::{Answer, Case, Held, Question, Step, Told, World};
use crate::databases::TestDatabase;

/// Questions that are read together, as topics of a publisher are.
const TOGETHER: usize = 60;

/// Longer than any statement of these takes.
const UNTIL: Duration = Duration::from_secs(120);

/// A world in a database.
struct Subject<'a> {
    world: &'a World,
    database: &'a TestDatabase,
    clients: Vec<Uuid>,
    /// The KPIs of each client, which are compiled once: facts change, and they don't.
    catalogs: Vec<Catalog>,
    now: Timestamp,
}

/// Plays a world in a database of its own, and asks everything that it asks.
///
/// # Errors
/// When the database fails.
pub(super) async fn play(server: &str, world: &World) -> Result<Case> {
    let database = TestDatabase::create(server).await?;
    let played = play_in(&database, world).await;
    database.drop_it().await?;
    played
}

async fn play_in(database: &TestDatabase, world: &World) -> Result<Case> {
    let mut subject = Subject {
        world,
        database,
        clients: Vec::new(),
        catalogs: Vec::new(),
        now: world.now.parse()?,
    };
    subject.define().await?;
    let mut case = Case {
        world: world.clone(),
        refused: BTreeMap::new(),
        answers: Vec::new(),
    };
    for (place, step) in world.steps.iter().enumerate() {
        match step {
            Step::Ingest {
                client,
                entity,
                batch,
                events,
            } => {
                let refused = subject.ingest(*client, entity, *batch, events).await?;
                case.refused.insert(place, refused);
            }
            Step::Compact { at } => {
                facts::compact::run(&database.owner, at.parse()?).await?;
                subject.work().await?;
            }
            Step::EmptyTexts => subject.empty_texts().await?,
            Step::Ask => case.answers.extend(subject.ask(place).await?),
        }
    }
    Ok(case)
}

impl Subject<'_> {
    async fn define(&mut self) -> Result<()> {
        for (place, client) in self.world.clients.iter().enumerate() {
            let email = format!("client-{place}@example.com").parse()?;
            let new = records::clients::NewClient {
                name: &format!("client {place}"),
                time_zone: &client.zone,
                calendar: client.calendar,
                email: &email,
                password_hash: "none",
                role: "admin",
            };
            let id = records::clients::provision(&self.database.owner, &new).await?.client;
            for entity in &client.entities {
                let entity = entity.clone().validate();
                let entity = entity.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
                definitions::create_entity(&self.database.owner, id, &entity).await?;
            }
            for relationship in &client.relationships {
                let written = definitions::create_companion(&self.database.owner, id, relationship).await?;
                anyhow::ensure!(matches!(written, Written::Stored(_)), "{relationship:?}: {written:?}");
            }
            self.catalogs.push(client.catalog()?);
            self.clients.push(id);
        }
        Ok(())
    }

    /// Goes on with long work until all is done.
    async fn work(&self) -> Result<()> {
        let find = async |client: Uuid, entity: i32| -> Result<Option<Placed>, database::Error> {
            let known = definitions::load_one(&self.database.app, client).await?;
            let mut placed = known.iter().flat_map(|known| known.placed.values());
            Ok(placed.find(|placed| placed.place.id == entity).cloned())
        };
        work::run(&self.database.owner, find, Instant::now() + UNTIL).await?;
        Ok(())
    }

    async fn known(&self, client: usize) -> Result<ClientCatalog> {
        let known = definitions::load_one(&self.database.app, self.clients[client]).await?;
        known.context("the client is there")
    }

    /// The positions of the events that are refused.
    async fn ingest(&self, client: usize, entity: &str, batch: Uuid, events: &[String]) -> Result<Vec<usize>> {
        let known = self.known(client).await?;
        let placed = known.placed.get(entity).context("the entity is placed")?;
        let mapper = Mapper::new(placed.entity.clone()).of_client(&known.calendar);
        let (mut mapped, mut refused) = (Events::of(batch, []), Vec::new());
        for (position, event) in events.iter().enumerate() {
            match mapper.json(self.now, event) {
                Ok(fact) => mapped.accept(position, fact),
                Err(_) => refused.push(position),
            }
        }
        ingest::ingest(
            &self.database.app,
            self.clients[client],
            placed,
            "prover",
            &[mapped],
            Effort::default(),
        )
        .await?;
        Ok(refused)
    }

    /// Facts of before an empty text was no value have some.
    async fn empty_texts(&self) -> Result<()> {
        let plain = self.database.plain().await?;
        for (place, client) in self.clients.iter().enumerate() {
            for placed in self.known(place).await?.placed.values() {
                let texts = placed.entity.stored_attributes().iter();
                let slots = texts.filter(|attribute| attribute.kind == AttributeType::Text);
                let slots: Vec<_> = slots
                    .map(|attribute| placed.place.layout.slot(attribute))
                    .collect::<Result<_, _>>()?;
                let columns = slots.iter().filter(|slot| slot.is_column()).map(|slot| slot.name());
                let set: Vec<String> = columns.map(|name| format!("{name} = coalesce({name}, '')")).collect();
                let update = format!(
                    "UPDATE volume_1.facts SET {} WHERE client_id = $1 AND entity_id = $2",
                    set.join(", ")
                );
                if !set.is_empty() {
                    plain.execute(&update, &[client, &placed.place.id]).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, step: usize) -> Result<Vec<Answer>> {
        let mut known = Vec::new();
        for client in 0..self.clients.len() {
            known.push(self.known(client).await?);
        }
        let mut answers = Vec::new();
        let mut asked = Vec::new();
        for (place, question) in self.world.questions.iter().enumerate() {
            let known = &known[question.client];
            asked.push(Asked::new(&self.catalogs[question.client], known, place, question)?);
        }
        for one in &asked {
            let (client, known) = (self.clients[one.question.client], &known[one.question.client]);
            for (route, range, by) in one.alone() {
                let mut request = one.request(range, by);
                if route == "value" {
                    // What is asked of a bucket that has not begun is answered as at its first moment.
                    request.now = request.now.max(range.from);
                }
                let answer = answer::ask(&self.database.app, client, known, &one.calendar, &request).await;
                let told = match answer {
                    Ok(answer) if route == "value" => one.value(&request, &answer.points, is_any(&answer.told)),
                    Ok(answer) => told(&request, &answer.points, is_any(&answer.told)),
                    Err(error) => Told::Refused {
                        refused: error.to_string(),
                    },
                };
                answers.push(one.answer(step, route, told));
            }
            if one.kpi.goal.is_some() {
                let told = self.status(one, known).await?;
                answers.push(one.answer(step, "status", told));
            }
        }
        for together in asked.chunks(TOGETHER) {
            answers.extend(self.together(step, &known, together).await?);
        }
        Ok(answers)
    }

    /// How the points of a series stand to what the KPI is held against, all asked together.
    async fn status(&self, one: &Asked<'_>, known: &ClientCatalog) -> Result<Told> {
        let goal = one.kpi.goal.as_ref().context("the KPI has a target")?;
        let request = one.request(one.range, &one.question.by);
        let bounds = goal.all().into_iter().map(|bound| Request {
            kpi: bound,
            ..request.clone()
        });
        let requests: Vec<Request<'_>> = std::iter::once(request.clone()).chain(bounds).collect();
        let client = self.clients[one.question.client];
        let answered = answer::ask_together(&self.database.app, client, known, &one.calendar, &requests).await;
        let points = match answered {
            Ok(answered) => answered.points,
            Err(error) => {
                return Ok(Told::Refused {
                    refused: error.to_string(),
                });
            }
        };
        let (values, limits) = points.split_first().context("the KPI itself is asked")?;
        let absent: Vec<Absent> = requests
            .iter()
            .skip(1)
            .map(|request| Absent::of(request, &one.calendar))
            .collect();
        let held = values.iter().map(|(key, point)| {
            let mut known = limits.iter().zip(&absent);
            let goal = goal.map(|_| {
                let (points, absent) = known.next()?;
                points.get(key).unwrap_or_else(|| absent.point(key.0)).value.clone()
            });
            let status = one.kpi.definition.direction.status(point.value.as_ref(), &goal);
            let limits = goal.all().into_iter();
            let limits = limits.map(|limit| limit.as_ref().map(ToString::to_string));
            Held {
                bucket: key.0.to_string(),
                group: key.1.clone(),
                status,
                limits: limits.collect(),
            }
        });
        Ok(Told::Held { held: held.collect() })
    }

    /// As the publisher asks: of all clients, in one batch.
    async fn together(&self, step: usize, known: &[ClientCatalog], asked: &[Asked<'_>]) -> Result<Vec<Answer>> {
        let requests: Vec<Request<'_>> = asked
            .iter()
            .map(|one| one.request(one.range, &one.question.by))
            .collect();
        let mut batch = Batch::default();
        let mut added = Vec::new();
        for (one, request) in asked.iter().zip(&requests) {
            let client = one.question.client;
            added.push(batch.add(self.clients[client], &known[client], &one.calendar, request));
        }
        let residence = known.first().context("a world has clients")?.residence;
        let session = self.database.app.session_at(residence).await?;
        let until = tokio::time::Instant::now() + UNTIL;
        let read = batch.read_each(&session, until, OnFailure::Halve).await?;
        let answers = asked.iter().zip(&requests).zip(added).map(|((one, request), added)| {
            let points =
                added.and_then(|added| read.points(&added, request).ok_or_else(|| "it was not read".to_owned()));
            let readable = |code: &str| {
                known[one.question.client]
                    .placed
                    .get(code)
                    .map(|placed| &placed.readable)
            };
            let sketched = sketched::told(request, &one.calendar, readable);
            let told = points.and_then(|points| Ok(told(request, &points, is_any(&sketched?))));
            one.answer(step, "batch", told.unwrap_or_else(|refused| Told::Refused { refused }))
        });
        Ok(answers.collect())
    }
}

/// A question with what it is about.
struct Asked<'a> {
    place: usize,
    question: &'a Question,
    kpi: &'a catalog::Kpi,
    calendar: Calendar,
    range: Range,
    bucket: Range,
    now: Timestamp,
}

impl<'a> Asked<'a> {
    fn new(catalog: &'a Catalog, known: &ClientCatalog, place: usize, question: &'a Question) -> Result<Self> {
        let zone = question.zone.as_deref().map(str::parse).transpose()?;
        let calendar = known.calendar.asked(zone.as_ref());
        let range = Range {
            from: question.from.parse()?,
            to: question.to.parse()?,
        };
        let start = calendar.start(question.period, question.at.parse()?);
        Ok(Self {
            place,
            question,
            kpi: catalog.kpi(&question.kpi).context("the KPI is there")?,
            range: calendar.align(question.period, range),
            bucket: Range {
                from: start,
                to: calendar.next(question.period, start),
            },
            now: question.now.parse()?,
            calendar,
        })
    }

    /// How it is asked alone.
    fn alone(&self) -> [(&'static str, Range, &[String]); 2] {
        [("series", self.range, &self.question.by), ("value", self.bucket, &[])]
    }

    fn request<'r>(&'r self, range: Range, by: &'r [String]) -> Request<'r> {
        Request {
            kpi: self.kpi,
            period: self.question.period,
            range,
            filter: &self.question.filter,
            by,
            now: self.now,
        }
    }

    fn answer(&self, step: usize, route: &str, told: Told) -> Answer {
        Answer {
            step,
            route: route.to_owned(),
            question: self.place,
            told,
        }
    }

    /// The point of its bucket, which has one without facts too.
    fn value(&self, request: &Request<'_>, points: &BTreeMap<SeriesKey, Point>, sketched: bool) -> Told {
        let key = (self.bucket.from, Vec::new());
        let point = points.get(&key).cloned();
        let point = point.unwrap_or_else(|| series::answer::empty(request));
        told(request, &BTreeMap::from([(key, point)]), sketched)
    }
}

/// Whether some measures were answered from sketches.
fn is_any(told: &[sketched::Told]) -> bool {
    told.iter().any(|told| told.from.is_ok())
}

fn told(request: &Request<'_>, points: &BTreeMap<SeriesKey, Point>, sketched: bool) -> Told {
    let text = |point: &Point| point.value.as_ref().map(ToString::to_string);
    Told::Points {
        from: request.range.from.to_string(),
        to: request.range.to.to_string(),
        empty: text(&series::answer::empty(request)),
        sketched,
        points: points
            .iter()
            .map(|((bucket, group), point)| (bucket.to_string(), group.clone(), text(point), point.facts))
            .collect(),
    }
}
