//! A whole cloud: started in order, stopped in the opposite one.

mod doors;
mod note;
mod options;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use self::doors::Doors;
pub use self::doors::Ports;
pub use self::note::{NOT_RUNNING, Note};
pub use self::options::Options;
use crate::demo::{Demo, Stage};
use crate::functions::{ExternalFunction, FunctionsDir, Pool};
use crate::invoker::Invoker;
use crate::postgres::{Postgres, Server};
use crate::progress::Progress;
use crate::queues::Queues;
use crate::schedules::Schedule;
use crate::secrets::Secrets;
use crate::storage::{self, ACCESS_KEY, ObjectStore, SECRET_KEY, Tables};
use crate::tasks::Tasks;
use crate::template::Template;
use crate::{http_api, lambda, websocket};

/// The stage that the template's parameter `Stage` has by default, and that secrets are named after.
const STAGE: &str = "dev";

/// A running cloud. [`Cloud::shutdown`] stops it in order; dropping it stops everything as well, but does not wait.
#[derive(Debug)]
pub struct Cloud {
    /// Every address, and the demo's user.
    pub note: Note,
    /// How to start each function that [`Options::only`] left out.
    pub external: Vec<ExternalFunction>,
    invoker: Invoker,
    parts: Parts,
    note_path: PathBuf,
}

/// What has to be stopped, as far as it has been started.
#[derive(Debug)]
struct Parts {
    tasks: Tasks,
    pool: Option<Pool>,
    postgres: Option<Postgres>,
    _lock: File,
}

impl Cloud {
    /// Starts everything, and returns when it is ready: with a demo, when its facts are loaded.
    ///
    /// # Errors
    /// One sentence on what did not start; what had started is stopped.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        Self::start_unless(options, std::future::pending())
            .await?
            .context("the start was given up")
    }

    /// The same, but gives up when `stop` resolves: then there is no cloud, and nothing of it is left.
    ///
    /// # Errors
    /// As for [`Cloud::start`].
    pub async fn start_unless(options: &Options, stop: impl Future<Output = ()>) -> anyhow::Result<Option<Self>> {
        let lock = lock(&options.state_dir)?;
        let mut parts = Parts {
            tasks: Tasks::default(),
            pool: None,
            postgres: None,
            _lock: lock,
        };
        let started = tokio::select! {
            started = parts.start(options) => started.map(Some),
            () = stop => Ok(None),
        };
        let noted = started.and_then(|started| match started {
            Some((note, external, invoker)) => Ok(Some((note.write(&options.state_dir)?, note, external, invoker))),
            None => Ok(None),
        });
        match noted {
            Ok(Some((note_path, note, external, invoker))) => Ok(Some(Self {
                note,
                external,
                invoker,
                parts,
                note_path,
            })),
            Ok(None) => {
                parts.shutdown().await;
                Ok(None)
            }
            Err(error) => {
                parts.shutdown().await;
                Err(error)
            }
        }
    }

    /// Invokes a function.
    ///
    /// # Errors
    /// When it fails, or its answer is not JSON.
    pub async fn invoke(&self, function: &str, event: &Value) -> anyhow::Result<Value> {
        let answer = self.invoker.invoke(function, Bytes::from(event.to_string())).await;
        let answer = answer
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("function {function}"))?;
        serde_json::from_slice(&answer).with_context(|| format!("function {function} does not answer with JSON"))
    }

    /// Resolves with a sentence when something ends without which the cloud is none.
    pub async fn broken(&mut self) -> String {
        match &mut self.parts.postgres {
            Some(postgres) => postgres.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Ends everything that was started and waits until it is gone.
    pub async fn shutdown(self) {
        // First, so that no script finds a cloud that is about to end.
        let _ = std::fs::remove_file(&self.note_path);
        self.parts.shutdown().await;
    }
}

type Started = (Note, Vec<ExternalFunction>, Invoker);

impl Parts {
    async fn start(&mut self, options: &Options) -> anyhow::Result<Started> {
        let progress = Progress::new(options.quiet);
        let doors = Doors::open(options.ports).await?;
        let mut secrets = Secrets::open(&options.state_dir.join("secrets.json"), STAGE)?;
        let database_url = self.start_database(options, progress).await?;
        secrets.set_database(&database_url)?;
        let template = read_template(options, &doors, &secrets)?;
        // Before anything of the template runs: a schedule that cannot be kept is found out now.
        let schedules: Vec<Schedule> = template
            .schedules
            .iter()
            .map(Schedule::try_from)
            .collect::<Result<_, _>>()?;

        let step = progress.step("starting queues, tables and buckets");
        let (dynamodb, s3, sqs, lambda) = (
            doors::url(&doors.dynamodb)?,
            doors::url(&doors.s3)?,
            doors::url(&doors.sqs)?,
            doors::url(&doors.lambda)?,
        );
        let Doors {
            http,
            websocket,
            dynamodb: dynamodb_listener,
            s3: s3_listener,
            sqs: sqs_listener,
            lambda: lambda_listener,
        } = doors;
        let mut note = Note {
            http: doors::url(&http)?,
            websocket: format!("ws://{}/{}", websocket.local_addr()?, template.live_stage),
            dynamodb,
            s3,
            sqs,
            lambda,
            database_url,
            incoming_bucket: template
                .bucket_notifications
                .first()
                .map(|notification| notification.bucket.clone()),
            client: None,
            email: None,
            password: None,
            token: None,
        };
        let tables = Tables::start(&mut self.tasks, dynamodb_listener)?;
        template.tables.iter().try_for_each(|table| tables.create(table))?;
        let (created, creations) = mpsc::unbounded_channel();
        let objects = ObjectStore::start(&mut self.tasks, s3_listener, &options.state_dir.join("s3"), created)?;
        template
            .buckets
            .iter()
            .try_for_each(|bucket| objects.create_bucket(&bucket.name))?;
        let queues = Queues::start(&mut self.tasks, sqs_listener, &template, options.visibility)?;
        step.done();

        let (pool, external) = self.start_functions(options, &template, &note).await?;
        let invoker = invoker(&pool);
        let step = progress.step("migrating the database");
        let migrated = invoker.invoke("migrate-database", Bytes::from_static(b"{}")).await;
        migrated
            .map_err(anyhow::Error::msg)
            .context("the database could not be migrated")?;
        step.done();

        let step = progress.step("opening the APIs");
        self.tasks
            .serve(lambda_listener, lambda::router(pool.clone(), invoker.clone()));
        for source in queues.sources(&template)? {
            self.tasks
                .spawn_attentive(source.run(invoker.clone(), self.tasks.stopped()));
        }
        self.tasks.spawn(storage::notify(
            creations,
            template.bucket_notifications.clone(),
            invoker.clone(),
        ));
        for schedule in schedules {
            self.tasks.spawn(schedule.run(invoker.clone()));
        }
        self.open_apis(template, &pool, http, websocket, options.websocket_limits.clone());
        step.done();
        if options.demo {
            self.start_demo(options, &mut secrets, &invoker, &mut note, progress)
                .await?;
        }
        Ok((note, external, invoker))
    }

    async fn start_database(&mut self, options: &Options, progress: Progress) -> anyhow::Result<String> {
        let postgres = if let Some(url) = &options.database_url {
            let step = progress.step("reaching the database of DATABASE_URL");
            let postgres = Postgres::use_existing(url).await?;
            step.done();
            postgres
        } else {
            let step = progress.step("starting PostgreSQL");
            let server = Server {
                script: &options.project.join("infra/database/start-postgres"),
                data: &options.state_dir.join("postgres-data"),
                log: &options.state_dir.join("postgres.log"),
                port: doors::postgres_port(options.ports.postgres).await?,
            };
            let postgres = Postgres::start(&server).await?;
            step.done_with(&format!("(port {})", server.port));
            postgres
        };
        let url = postgres.url.clone();
        self.postgres = Some(postgres);
        Ok(url)
    }

    async fn start_functions(
        &mut self,
        options: &Options,
        template: &Template,
        note: &Note,
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
        let external = options
            .only
            .iter()
            .map(|name| pool.external(name))
            .collect::<Result<_, _>>()?;
        Ok((pool, external))
    }

    fn open_apis(
        &mut self,
        template: Template,
        pool: &Pool,
        http: TcpListener,
        websocket: TcpListener,
        limits: websocket::Limits,
    ) {
        let template = Arc::new(template);
        let http = http_api::serve(http, Arc::clone(&template), pool.clone());
        self.tasks.spawn(async {
            if let Err(error) = http.await {
                tracing::error!(%error, "the HTTP API ended");
            }
        });
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
        if let Some(facts) = options.facts.clone() {
            self.tasks.spawn(demo.replay(facts));
        }
        Ok(())
    }

    async fn shutdown(self) {
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
