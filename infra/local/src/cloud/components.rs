//! What a local cloud consists of, in the order in which it starts: what others need comes first.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use aws_stand_in::StandIn;
use aws_stand_in::lambda::{ExternalFunction, FunctionsDir, Invoker, PoolLimits};
use aws_stand_in::stand_in::Settings;
use aws_stand_in::tasks::Tasks;
use bytes::Bytes;

use super::access::{self, Access};
use super::{Console, Options, later, ports};
use crate::demo::{Demo, Stage};
use crate::postgres::{Postgres, Server, cells};
use crate::progress::Progress;
use crate::secrets::Secrets;
use crate::template;

/// The stage that the template's parameter `Stage` has by default, and that secrets are named after.
const STAGE: &str = "dev";

/// The function that brings a database to the schema that the others expect.
const MIGRATION: &str = "migrate-database";

/// What has to be stopped, as far as it has been started.
#[derive(Debug)]
pub(super) struct Components {
    /// What plays the demo's part.
    tasks: Tasks,
    services: Option<StandIn>,
    postgres: Option<Postgres>,
    /// Held as long as the cloud.
    _lock: File,
}

/// What a start gives.
pub(super) struct Started {
    pub(super) access: Access,
    pub(super) external: Vec<ExternalFunction>,
    pub(super) missing: Vec<String>,
    pub(super) console: Option<Console>,
    pub(super) invoker: Invoker,
}

impl Components {
    /// Nothing yet but the state folder, which is ours from now on.
    pub(super) fn new(state: &Path) -> anyhow::Result<Self> {
        let lock = lock(state)?;
        // A cloud that was killed leaves it, with addresses where nobody listens any more.
        Access::remove(state)?;
        Ok(Self {
            tasks: Tasks::default(),
            services: None,
            postgres: None,
            _lock: lock,
        })
    }

    pub(super) async fn start(&mut self, options: &Options) -> anyhow::Result<Started> {
        let progress = Progress::new(options.quiet);
        let listeners = ports::bind_all(options.ports).await?;
        let mut secrets = Secrets::open(&options.state_dir.join("secrets.json"), STAGE)?;
        let database_url = self.start_database(options, progress).await?;
        let cells = cells::prepare(&database_url, options.cells).await?;
        secrets.set_database(&database_url, &cells)?;
        let addresses = listeners.addresses()?;
        let template = template::read(&options.template, &addresses, &secrets, !cells.is_empty())?;
        let missing = later::missing(options, &template);
        check_binaries(options, &missing)?;

        let step = progress.step("starting queues, buses, tables, buckets and mail");
        let services = StandIn::start(template, listeners, settings(options))?;
        let services = self.services.insert(services);
        step.done();
        for function in services.external() {
            // Said now and not when all is ready: the start itself may wait for this function.
            progress.line(&format!(
                "\nevents for {} wait for a process that you start:\n\n{function}\n",
                function.name
            ));
        }
        let step = progress.step("migrating the database");
        let migrated = services.invoker().invoke(MIGRATION, Bytes::from_static(b"{}")).await;
        migrated
            .map_err(anyhow::Error::msg)
            .context("the database could not be migrated")?;
        step.done();
        let step = progress.step("opening the APIs");
        services.open()?;
        step.done();
        let console = Console::of(services, options.project.join("console/dist"));
        if let Some(console) = &console {
            console.publish()?;
        }

        let mut started = Started {
            access: Access::new(services, database_url),
            external: services.external().to_vec(),
            missing,
            console,
            invoker: services.invoker().clone(),
        };
        if options.demo {
            self.start_demo(options, &mut secrets, &mut started, progress).await?;
        }
        Ok(started)
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
        let port = ports::postgres_port(options.ports.postgres).await?;
        let server = Server {
            script: options.project.join("infra/database/start-postgres"),
            data: options.state_dir.join("postgres-data"),
            log: options.state_dir.join("postgres.log"),
            port,
        };
        let postgres = self.postgres.insert(Postgres::start(server).await?);
        step.done_with(&format!("(port {port})"));
        Ok(postgres.url.clone())
    }

    /// Makes the demo's client, loads its facts and begins to replay them; `started` learns how to sign in.
    async fn start_demo(
        &mut self,
        options: &Options,
        secrets: &mut Secrets,
        started: &mut Started,
        progress: Progress,
    ) -> anyhow::Result<()> {
        let access = &mut started.access;
        let stage = Stage {
            invoker: &started.invoker,
            http: &access.endpoints.http,
            s3: &access.endpoints.s3,
            incoming_bucket: access.incoming_bucket.as_deref(),
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
        access.client = Some(demo.client_id.clone());
        access.email = Some(demo.email.clone());
        access.password = Some(demo.password.clone());
        access.token = Some(demo.client.token().await?);
        let (client, state) = (Arc::clone(&demo.client), options.state_dir.clone());
        self.tasks
            .spawn(access::renew_tokens(client, state, access::RENEW_EVERY));
        if let Some(facts) = options.facts.clone() {
            self.tasks.spawn(demo.replay(facts));
        }
        Ok(())
    }

    pub(super) async fn shutdown(self) {
        // Who sends first, then who works, then what they work on.
        self.tasks.shutdown().await;
        if let Some(services) = self.services {
            services.shutdown().await;
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

/// Every function that is started here has been built, or will be.
fn check_binaries(options: &Options, missing: &[String]) -> anyhow::Result<()> {
    match missing.first() {
        Some(name) if !options.builds_later => bail!(
            "function {name} has no binary in {}: run `cargo build --workspace --bins` first",
            options.functions_dir.display()
        ),
        _ => Ok(()),
    }
}

fn settings(options: &Options) -> Settings {
    Settings {
        state: options.state_dir.clone(),
        functions: FunctionsDir::new(&options.functions_dir),
        external: options.only.clone(),
        // 8 processes per function have fewer connections to the database than what the template reserves.
        pool: PoolLimits::default(),
        visibility: options.visibility,
        websocket: options.websocket_limits.clone(),
    }
}
