//! What all tasks share: the cloud that runs now, the clients, when the run is over, and requests that are sent until they are accepted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tests::http::{Answer, User};
use tests::product::Product;
use tokio::sync::watch;

use crate::books::Books;
use crate::shape::{Shape, shapes};

/// The longest wait for one answer: a little more than API Gateway's own.
const ANSWER: Duration = Duration::from_secs(35);

/// How long a request is sent again and again: a start of everything, and a database that replays its log.
const STUBBORN: Duration = Duration::from_secs(180);

const PAUSE: Duration = Duration::from_millis(250);

/// The longest that a publisher's standby takes to go on for it.
const TAKEOVER: Duration = Duration::from_secs(3);

/// Clients: two that flood and one that is quiet.
pub(crate) const NAMES: [&str; 3] = ["first", "second", "quiet"];
pub(crate) const QUIET: usize = 2;

/// A client, its user and all that it sent.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    user: Mutex<User>,
    pub(crate) shapes: Vec<Arc<Shape>>,
    pub(crate) books: Books,
}

/// Everything.
pub(crate) struct World {
    product: watch::Sender<Arc<Product>>,
    pub(crate) sides: Vec<Arc<Side>>,
    is_over: watch::Sender<bool>,
    outages: Mutex<Vec<(Instant, Instant)>>,
    takeovers: Mutex<Vec<(Instant, Instant)>>,
}

impl World {
    /// Makes the clients, which define their entities and KPIs.
    pub(crate) async fn make(product: Product) -> Self {
        let mut sides = Vec::new();
        for (place, name) in NAMES.into_iter().enumerate() {
            let user = product.client().await;
            let shapes: Vec<_> = shapes(place).into_iter().map(Arc::new).collect();
            for shape in &shapes {
                user.post("/v1/entities", &shape.definition(0)).await.created();
                for (_, kpi) in shape.kpis() {
                    user.post("/v1/kpis", &kpi).await.created();
                }
            }
            user.post("/v1/entities", &probe_definition()).await.created();
            let kpi = json!({ "code": "PROBES", "name": "Probes", "formula": "COUNT(Probe)" });
            user.post("/v1/kpis", &kpi).await.created();
            let side = Side {
                name,
                user: Mutex::new(user),
                shapes,
                books: Books::default(),
            };
            sides.push(Arc::new(side));
        }
        Self {
            product: watch::Sender::new(Arc::new(product)),
            sides,
            is_over: watch::Sender::new(false),
            outages: Mutex::default(),
            takeovers: Mutex::default(),
        }
    }

    pub(crate) fn product(&self) -> Arc<Product> {
        Arc::clone(&self.product.borrow())
    }

    /// The cloud has been started again, at other addresses. Tokens are had anew, because they are good for an hour.
    pub(crate) async fn restarted(&self, product: Product) {
        for side in &self.sides {
            let user = side.user().at(product.http()).signed_in().await;
            *side.user.lock().unwrap_or_else(PoisonError::into_inner) = user;
        }
        self.product.send_replace(Arc::new(product));
    }

    pub(crate) fn end(&self) {
        self.is_over.send_replace(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    /// Waits, or returns earlier because the run is over.
    pub(crate) async fn pause(&self, pause: Duration) {
        let mut is_over = self.is_over.subscribe();
        let _ = tokio::time::timeout(pause, is_over.wait_for(|is_over| *is_over)).await;
    }

    /// Notes that all were away, because everything or the database was ended on purpose.
    pub(crate) fn was_away(&self, from: Instant, to: Instant) {
        self.outages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((from, to));
    }

    /// Notes that a publisher was ended on purpose: until its standby goes on, in [`TAKEOVER`] at the latest, its shard's dashboards stand still.
    pub(crate) fn publisher_ended(&self) {
        let now = Instant::now();
        self.takeovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((now, now + TAKEOVER));
    }

    pub(crate) fn takeovers(&self) -> Vec<(Instant, Instant)> {
        self.takeovers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn outages(&self) -> Vec<(Instant, Instant)> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does something until it succeeds.
    ///
    /// # Errors
    /// The last error, when it has not succeeded for long; at once when it is said to be hopeless.
    pub(crate) async fn insist<T, F>(&self, what: &str, mut once: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<Tried<T>>>,
    {
        let until = Instant::now() + STUBBORN;
        loop {
            let tried = tokio::time::timeout(ANSWER, once())
                .await
                .context("no answer")
                .flatten();
            let (error, pause) = match tried {
                Ok(Tried::Done(done)) => return Ok(done),
                Ok(Tried::Later(pause)) => (anyhow::anyhow!("it shall come later"), pause),
                Ok(Tried::Hopeless(why)) => bail!("{what}: {why}"),
                Err(error) => (error, PAUSE),
            };
            if Instant::now() > until {
                return Err(error.context(what.to_owned()));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// What the latency of single events is measured by; all clients have it alike.
fn probe_definition() -> Value {
    json!({ "code": "Probe", "domain": "endurance", "attributes": [{ "name": "amount", "type": "integer", "required": true }] })
}

/// How a try ended.
pub(crate) enum Tried<T> {
    Done(T),
    /// It may succeed after a pause.
    Later(Duration),
    Hopeless(String),
}

impl Side {
    pub(crate) fn user(&self) -> User {
        self.user.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Posts events under a key until they are accepted, and gives their batch. The key makes them count once however often they come.
    ///
    /// # Errors
    /// When they are refused, or not accepted for long.
    pub(crate) async fn post(&self, world: &World, entity: &str, events: &Value, key: &str) -> Result<String> {
        let path = format!("/v1/events/{entity}");
        let once = || async {
            let answer = self.user().post(&path, events).idempotency_key(key).try_send().await?;
            Ok(match of_status(answer, 202) {
                Tried::Done(answer) => Tried::Done(answer["batch_id"].as_str().unwrap_or_default().to_owned()),
                Tried::Later(pause) => Tried::Later(pause),
                Tried::Hopeless(why) => Tried::Hopeless(why),
            })
        };
        world.insist(&format!("events of the {} client", self.name), once).await
    }

    /// Gets until it is answered.
    ///
    /// # Errors
    /// When it is refused, or not answered for long.
    pub(crate) async fn get(&self, world: &World, path: &str) -> Result<Answer> {
        let once = || async { Ok(of_status(self.user().get(path).try_send().await?, 200)) };
        world.insist(&format!("GET {path}"), once).await
    }
}

/// What an answer means to who insists: others of 4xx than "too many" and "timed out" are refusals.
pub(crate) fn of_status(answer: Answer, wanted: u16) -> Tried<Answer> {
    let status = answer.status;
    match status {
        status if status == wanted => Tried::Done(answer),
        429 => {
            let seconds = answer
                .headers
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse().ok());
            Tried::Later(Duration::from_secs(seconds.unwrap_or(1)))
        }
        400..=499 if status != 408 => Tried::Hopeless(answer.to_string()),
        _ => Tried::Later(PAUSE),
    }
}
