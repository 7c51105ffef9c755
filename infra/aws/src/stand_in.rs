//! All services of one template, started in the order in which they need each other.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::api_gateway::websocket_api::Limits;
use crate::api_gateway::{http_api, websocket_api};
use crate::cloudfront;
use crate::dynamodb::Tables;
use crate::eventbridge::Buses;
use crate::gate::Gate;
use crate::lambda::{ExternalFunction, FunctionsDir, Invoker, Pool, PoolLimits, invoke_api};
use crate::listeners::{Endpoints, Listeners};
use crate::s3::{Destinations, ObjectStore};
use crate::scheduler::{self, Schedule};
use crate::ses;
use crate::sqs::{Queues, kept};
use crate::store::Store;
use crate::tasks::Tasks;
use crate::template::Template;

/// What the caller decides and a template does not say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of what is kept: messages of queues and last runs of schedules in `services.sqlite`, tables in
    /// `tables.sqlite`, objects in `s3`, mails in `mail`, events of log groups in `events.ndjson`.
    pub state: PathBuf,
    /// Where the function binaries are.
    pub functions: FunctionsDir,
    /// Functions whose processes somebody else starts, under a debugger.
    pub external: Vec<String>,
    /// How many processes run functions, and how long they are waited for.
    pub pool: PoolLimits,
    /// Replaces the visibility timeout of every queue, so that a test need not wait for it.
    pub visibility: Option<Duration>,
    /// Limits of the WebSocket API.
    pub websocket: Limits,
}

/// The services of a template, running. [`StandIn::shutdown`] ends them in order; dropping it ends them at once.
#[derive(Debug)]
pub struct StandIn {
    tasks: Tasks,
    pool: Pool,
    invoker: Invoker,
    template: Arc<Template>,
    endpoints: Endpoints,
    objects: ObjectStore,
    external: Vec<ExternalFunction>,
    mail: PathBuf,
    /// What [`StandIn::open`] takes.
    waiting: Option<Waiting>,
}

/// What invokes functions, before it does.
#[derive(Debug)]
struct Waiting {
    http: TcpListener,
    websocket: TcpListener,
    lambda: TcpListener,
    queues: Queues,
    store: Store,
    schedules: Vec<Schedule>,
    limits: Limits,
}

impl StandIn {
    /// Starts what functions keep things in and send things with, and prepares the functions. Nothing invokes them yet but
    /// [`StandIn::invoker`].
    ///
    /// # Errors
    /// One sentence on what of the template can't be run.
    pub fn start(template: Template, listeners: Listeners, settings: Settings) -> anyhow::Result<Self> {
        let endpoints = listeners.endpoints(&template).context("a listener has no address")?;
        let schedules = template.schedules.iter().map(Schedule::try_from);
        let schedules = schedules.collect::<Result<_, _>>()?;
        let state = &settings.state;
        let mut tasks = Tasks::default();
        std::fs::create_dir_all(state).with_context(|| format!("{} cannot be made", state.display()))?;
        let store = Store::open(&state.join("services.sqlite"), &[kept::TABLES, scheduler::TABLES])?;
        let tables = Tables::start(&mut tasks, listeners.dynamodb, &state.join("tables.sqlite"), &template)?;
        for table in &template.tables {
            tables.create(table)?;
        }
        let queues = Queues::start(&mut tasks, listeners.sqs, &template, settings.visibility, Some(&store))?;
        let destinations = Destinations::new(queues.destinations(&template)?);
        let objects = ObjectStore::start(&mut tasks, listeners.s3, &state.join("s3"), destinations)?;
        for bucket in &template.buckets {
            objects.create_bucket(&bucket.name)?;
        }
        if let Some(distribution) = &template.distribution {
            cloudfront::start(&mut tasks, listeners.cloudfront, distribution, &state.join("s3"))?;
        }
        Buses::start(&mut tasks, listeners.eventbridge, &template, &queues, state)?;
        let mail = state.join("mail");
        ses::start(&mut tasks, listeners.ses, mail.clone())?;
        let functions = template.functions.clone();
        let environment = endpoints.environment();
        let pool = Pool::new(
            listeners.runtime,
            functions,
            &settings.functions,
            &environment,
            &settings.pool,
        );
        let pool = pool.context("the Runtime API has no address")?;
        let external = settings.external.iter().map(|name| pool.external(name));
        Ok(Self {
            external: external.collect::<Result<_, _>>()?,
            tasks,
            invoker: pool.invoker(),
            pool,
            template: Arc::new(template),
            endpoints,
            objects,
            mail,
            waiting: Some(Waiting {
                http: listeners.http,
                websocket: listeners.websocket,
                lambda: listeners.lambda,
                queues,
                store,
                schedules,
                limits: settings.websocket,
            }),
        })
    }

    /// Opens the APIs; queues, created objects and the clock begin to invoke functions. A second call does nothing.
    ///
    /// # Errors
    /// When the template names a queue that is not there.
    pub fn open(&mut self) -> anyhow::Result<()> {
        let Some(waiting) = self.waiting.take() else {
            return Ok(());
        };
        let (template, tasks) = (&self.template, &mut self.tasks);
        tasks.serve(
            waiting.lambda,
            invoke_api::router(self.pool.clone(), self.invoker.clone()),
            Gate::Signed,
        )?;
        for source in waiting.queues.sources(template)? {
            let stopped = tasks.stopped();
            tasks.spawn_attentive(source.run(self.invoker.clone(), stopped));
        }
        for schedule in waiting.schedules {
            tasks.spawn(schedule.run(self.invoker.clone(), Some(waiting.store.clone())));
        }
        let http = http_api::serve(waiting.http, Arc::clone(template), self.pool.clone());
        tasks.spawn(async {
            if let Err(error) = http.await {
                tracing::error!(%error, "the HTTP API ended");
            }
        });
        let websocket = websocket_api::serve(
            waiting.websocket,
            Arc::clone(template),
            self.pool.clone(),
            waiting.limits,
        );
        tasks.spawn(async {
            if let Err(error) = websocket.await {
                tracing::error!(%error, "the WebSocket API ended");
            }
        });
        Ok(())
    }

    /// Where the services are.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Invokes functions by name.
    #[must_use]
    pub const fn invoker(&self) -> &Invoker {
        &self.invoker
    }

    /// How to start each function of [`Settings::external`].
    #[must_use]
    pub fn external(&self) -> &[ExternalFunction] {
        &self.external
    }

    /// What the buckets hold.
    #[must_use]
    pub const fn objects(&self) -> &ObjectStore {
        &self.objects
    }

    /// The folder of the mails that were sent.
    #[must_use]
    pub fn mail(&self) -> &Path {
        &self.mail
    }

    /// What runs.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Ends everything that was started and waits until it is gone.
    pub async fn shutdown(self) {
        // Sources and listeners first, so that nothing new comes; then who works.
        self.tasks.shutdown().await;
        self.pool.shutdown().await;
    }
}
