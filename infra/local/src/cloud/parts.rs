//! The parts of a cloud in the order in which they start: what others need comes first.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::doors::{self, Doors};
use super::{Note, Options, note};
use crate::bus::Buses;
use crate::demo::{Demo, Stage};
use crate::functions::{ExternalFunction, FunctionsDir, Pool};
use crate::invoker::Invoker;
use crate::postgres::{Postgres, Server};
use crate::progress::Progress;
use crate::queues::Queues;
use crate::schedules::Schedule;
use crate::secrets::Secrets;
use crate::storage::{self, ACCESS_KEY, Created, ObjectStore, SECRET_KEY, Tables};
use crate::tasks::Tasks;
use crate::template::Template;
use crate::{http_api, lambda, mail, websocket};

/// The stage that the template's parameter `Stage` has by default, and that secrets are named after.
const STAGE: &str = "dev";

/// What has to be stopped, as far as it has been started.
#[derive(Debug)]
pub(super) struct Parts {
    tasks: Tasks,
    pool: Option<Pool>,
    postgres: Option<Postgres>,
    /// Held as long as the cloud.
    _lock: File,
}

/// What a start gives.
pub(super) struct Started {
    pub(super) note: Note,
    pub(super) external: Vec<ExternalFunction>,
    pub(super) invoker: Invoker,
}

/// What invokes functions by itself.
struct Sources {
    queues: Queues,
    creations: UnboundedReceiver<Created>,
    schedules: Vec<Schedule>,
}

impl Parts {
    /// Nothing yet but the state folder, which is ours from now on.
    pub(super) fn new(state: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            tasks: Tasks::default(),
            pool: None,
            postgres: None,
            _lock: lock(state)?,
        })
    }

    pub(super) async fn start(&mut self, options: &Options) -> anyhow::Result<Started> {
        let progress = Progress::new(options.quiet);
        let doors = Doors::open(options.ports).await?;
        let mut secrets = Secrets::open(&options.state_dir.join("secrets.json"), STAGE)?;
        let database_url = self.start_database(options, progress).await?;
        secrets.set_database(&database_url)?;
        let template = read_template(options, &doors, &secrets)?;
        let mut note = Note::new(&doors, &template, database_url, &options.state_dir)?;

        let step = progress.step("starting queues, buses, tables, buckets and mail");
        let sources = self.start_state(options, &template, doors.state, &note)?;
        step.done();
        let (pool, external) = self.start_functions(options, &template, &note, progress).await?;
        let invoker = invoker(&pool);
        let step = progress.step("migrating the database");
        let migrated = invoker.invoke("migrate-database", Bytes::from_static(b"{}")).await;
        migrated
            .map_err(anyhow::Error::msg)
            .context("the database could not be migrated")?;
        step.done();

        let step = progress.step("opening the APIs");
        let lambda = lambda::router(pool.clone(), invoker.clone());
        self.tasks.serve(doors.lambda, lambda);
        self.start_sources(sources, &template, &invoker)?;
        self.open_apis(options, template, &pool, doors.http, doors.websocket);
        step.done();
        if options.demo {
            self.start_demo(options, &mut secrets, &invoker, &mut note, progress)
                .await?;
        }
        Ok(Started {
            note,
            external,
            invoker,
        })
    }

    /// Resolves with a sentence when something ends without which the cloud is none.
    pub(super) async fn broken(&mut self) -> String {
        match &mut self.postgres {
            Some(postgres) => postgres.ended().await,
            None => std::future::pending().await,
        }
    }

    async fn start_database(&mut self, options: &Options, progress: Progress) -> anyhow::Result<String> {
        if let Some(url) = &options.database_url {
            let step = progress.step("reaching the database of DATABASE_URL");
            let postgres = Postgres::use_existing(url).await?;
            step.done();
            return Ok(self.postgres.insert(postgres).url.clone());
        }
        let step = progress.step("starting PostgreSQL");
        let server = Server {
            script: &options.project.join("infra/database/start-postgres"),
            data: &options.state_dir.join("postgres-data"),
            log: &options.state_dir.join("postgres.log"),
            port: doors::postgres_port(options.ports.postgres).await?,
        };
        // Ours before it answers: a start that is given up has to stop it.
        let postgres = self.postgres.insert(Postgres::start(&server).await?);
        postgres.ready(server.log).await?;
        step.done_with(&format!("(port {})", server.port));
        Ok(postgres.url.clone())
    }

    /// Queues, tables and buckets, buses and mail: what functions keep things in and send things with.
    fn start_state(
        &mut self,
        options: &Options,
        template: &Template,
        doors: doors::StateDoors,
        note: &Note,
    ) -> anyhow::Result<Sources> {
        let schedules = template.schedules.iter().map(Schedule::try_from);
        let schedules = schedules.collect::<Result<_, _>>()?;
        let tables = Tables::start(&mut self.tasks, doors.dynamodb)?;
        for table in &template.tables {
            tables.create(table)?;
        }
        let (created, creations) = mpsc::unbounded_channel();
        let folder = options.state_dir.join("s3");
        let objects = ObjectStore::start(&mut self.tasks, doors.s3, &folder, created)?;
        for bucket in &template.buckets {
            objects.create_bucket(&bucket.name)?;
        }
        let queues = Queues::start(&mut self.tasks, doors.sqs, template, options.visibility)?;
        let state = &options.state_dir;
        Buses::start(&mut self.tasks, doors.eventbridge, template, &queues, state)?;
        mail::start(&mut self.tasks, doors.sesv2, note.mail.clone())?;
        Ok(Sources {
            queues,
            creations,
            schedules,
        })
    }

    async fn start_functions(
        &mut self,
        options: &Options,
        template: &Template,
        note: &Note,
        progress: Progress,
    ) -> anyhow::Result<(Pool, Vec<ExternalFunction>)> {
        let directory = FunctionsDir::new(&options.functions_dir);
        for function in template
            .functions
            .iter()
            .filter(|function| !options.only.contains(&function.name))
        {
            let binary = directory.binary(&function.name);
            if !binary.is_file() {
                bail!(
                    "function {} has no binary {}: run `cargo build` first",
                    function.name,
                    binary.display()
                );
            }
        }
        let pool = Pool::new(template.functions.clone(), directory, endpoints(note))
            .await
            .context("no port for the Runtime API")?;
        let pool = self.pool.insert(pool).clone();
        let mut external = Vec::new();
        for name in &options.only {
            let function = pool.external(name)?;
            // Said now and not when all is ready: the start itself may wait for this function.
            progress.line(&format!(
                "\nevents for {name} wait for a process that you start:\n\n{function}\n"
            ));
            external.push(function);
        }
        Ok((pool, external))
    }

    /// Queues, created objects and the clock begin to invoke functions.
    fn start_sources(&mut self, sources: Sources, template: &Template, invoker: &Invoker) -> anyhow::Result<()> {
        for source in sources.queues.sources(template)? {
            let stopped = self.tasks.stopped();
            self.tasks.spawn_attentive(source.run(invoker.clone(), stopped));
        }
        let destinations = sources.queues.destinations(template)?;
        self.tasks.spawn(storage::notify(sources.creations, destinations));
        for schedule in sources.schedules {
            self.tasks.spawn(schedule.run(invoker.clone()));
        }
        Ok(())
    }

    fn open_apis(
        &mut self,
        options: &Options,
        template: Template,
        pool: &Pool,
        http: TcpListener,
        websocket: TcpListener,
    ) {
        let template = Arc::new(template);
        let http = http_api::serve(http, Arc::clone(&template), pool.clone());
        self.tasks.spawn(async {
            if let Err(error) = http.await {
                tracing::error!(%error, "the HTTP API ended");
            }
        });
        let limits = options.websocket_limits.clone();
        let websocket = websocket::serve(websocket, template, pool.clone(), limits);
        self.tasks.spawn(async {
            if let Err(error) = websocket.await {
                tracing::error!(%error, "the WebSocket API ended");
            }
        });
    }

    async fn start_demo(
        &mut self,
        options: &Options,
        secrets: &mut Secrets,
        invoker: &Invoker,
        note: &mut Note,
        progress: Progress,
    ) -> anyhow::Result<()> {
        let (http, s3, incoming_bucket) = (note.http.clone(), note.s3.clone(), note.incoming_bucket.clone());
        let stage = Stage {
            invoker,
            http: &http,
            s3: &s3,
            incoming_bucket: incoming_bucket.as_deref(),
            progress,
        };
        let demo = Demo::start(&stage, secrets.demo_password()?).await?;
        if let Some(facts) = &options.facts {
            // A cloud without facts is still a cloud: what went wrong is said, and the rest works.
            if let Err(error) = demo.load(&stage, facts).await {
                progress.line(&format!("  the facts are not loaded: {error:#}"));
            }
        } else {
            progress.line("  FACTS_FILE is not set: the demo has definitions and no facts");
        }
        note.client = Some(demo.client_id.clone());
        note.email = Some(demo.email.clone());
        note.password = Some(demo.password.clone());
        note.token = Some(demo.client.token().await?);
        let kept = note::keep_token(Arc::clone(&demo.client), options.state_dir.clone(), note::LOOK_EVERY);
        self.tasks.spawn(kept);
        if let Some(facts) = options.facts.clone() {
            self.tasks.spawn(demo.replay(facts));
        }
        Ok(())
    }

    pub(super) async fn shutdown(self) {
        // Sources and listeners first, so that nothing new comes; then who works; then what they work on.
        self.tasks.shutdown().await;
        if let Some(pool) = self.pool {
            pool.shutdown().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

/// One cloud per state folder: the lock ends with the process, however that ends.
fn lock(state: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(state).with_context(|| format!("the folder {} cannot be made", state.display()))?;
    let path = state.join("lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another local cloud runs with the folder {}: stop it first",
            state.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

fn read_template(options: &Options, doors: &Doors, secrets: &Secrets) -> anyhow::Result<Template> {
    let path = options.template.display();
    let text = std::fs::read_to_string(&options.template).with_context(|| format!("{path} cannot be read"))?;
    let secret = |name: &str, key: &str| secrets.values().get(name).and_then(|secret| secret.get(key)).cloned();
    Template::parse(&text, &doors.addresses()?, &BTreeMap::new(), &secret).with_context(|| path.to_string())
}

/// What functions need to find this cloud instead of AWS.
fn endpoints(note: &Note) -> BTreeMap<String, String> {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &note.dynamodb),
        ("AWS_ENDPOINT_URL_S3", &note.s3),
        ("AWS_ENDPOINT_URL_SQS", &note.sqs),
        ("AWS_ENDPOINT_URL_EVENTBRIDGE", &note.eventbridge),
        ("AWS_ENDPOINT_URL_SESV2", &note.sesv2),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn invoker(pool: &Pool) -> Invoker {
    let pool = pool.clone();
    Invoker::new(move |function, payload| {
        let pool = pool.clone();
        async move { pool.invoke(&function, payload).await.map_err(|error| error.to_string()) }
    })
}
