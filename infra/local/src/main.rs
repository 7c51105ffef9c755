//! The command line of the local cloud: `run` and `invoke`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use aws_stand_in::account::AUTHORIZATION;
use aws_stand_in::api_gateway::websocket_api::Limits;
use clap::{Args, Parser, Subcommand};
use local_cloud::cloud::{Access, Build, Console, NOT_RUNNING};
use local_cloud::progress::Progress;
use local_cloud::{Cloud, Options, Ports};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// A log that has grown over 16 MB is begun anew at the next start.
const LOG_BYTES: u64 = 16 * 1024 * 1024;

/// The embedded DynamoDB warns of each request that it refuses, without saying why. Most are writes whose condition does not
/// hold, which is how functions take turns; what they did not expect they log themselves.
const QUIET: &str = "dynoxide=error";

/// Each process may have a connection to each: with two processes of each function that are kept, and those at work, PostgreSQL's 400 are enough for so many.
const MOST_CELLS: i64 = 4;

/// Runs the functions of template.yaml on this machine.
#[derive(Parser)]
#[command(name = "local-cloud")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Where secrets, objects and the database are kept.
    #[arg(long, global = true, default_value = ".local", env = "STATE_DIR")]
    state_dir: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything and stops it at Ctrl-C.
    Run(Run),
    /// Sends one event to one function of the running cloud.
    Invoke {
        /// The function's name.
        function: String,
        /// A JSON file.
        event: PathBuf,
    },
}

#[derive(Args)]
struct Run {
    /// Run all functions but this one, and print how to start it under a debugger; may be repeated.
    #[arg(long, value_name = "FUNCTION")]
    only: Vec<String>,
    /// A command that builds the functions which are not built yet; it is run once everything else is ready.
    #[arg(long, value_name = "COMMAND")]
    build_rest: Option<String>,
    /// A command that builds the console where it is out of date; it is run once everything else is ready.
    #[arg(long, value_name = "COMMAND")]
    build_console: Option<String>,
    /// No demo client, facts and live events.
    #[arg(long)]
    no_demo: bool,
    /// The checkout with template.yaml and infra/.
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// Where the function binaries are; by default beside this program.
    #[arg(long, env = "FUNCTIONS_DIR")]
    functions_dir: Option<PathBuf>,
    /// The Parquet file of real facts.
    #[arg(long, env = "FACTS_FILE")]
    facts: Option<PathBuf>,
    /// A database to use instead of starting one.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Further databases on the same server, `cell-1` and on, in which clients can live; place-client moves them.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=MOST_CELLS))]
    cells: u8,
    #[arg(long, env = "HTTP_PORT", default_value_t = Ports::default().http)]
    http_port: u16,
    #[arg(long, env = "WEBSOCKET_PORT", default_value_t = Ports::default().websocket)]
    websocket_port: u16,
    #[arg(long, env = "CONSOLE_PORT", default_value_t = Ports::default().console)]
    console_port: u16,
    /// 0 takes any free port.
    #[arg(long, env = "POSTGRES_PORT", default_value_t = Ports::default().postgres)]
    postgres_port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Run(run) => run.start(&arguments.state_dir).await,
        Command::Invoke { function, event } => invoke(&arguments.state_dir, &function, &event).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            Progress::new(false).line(&format!("\nerror: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

impl Run {
    async fn start(self, state_dir: &Path) -> anyhow::Result<()> {
        let (build_rest, build_console) = (self.build_rest.clone(), self.build_console.clone());
        let options = self.options(state_dir)?;
        let log = start_log(state_dir)?;
        let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let progress = Progress::new(options.quiet);
        let Some(mut cloud) = Cloud::start_unless(&options, either(&mut signals)).await? else {
            return Ok(());
        };
        print_welcome(progress, &cloud, &log);
        let missing = std::mem::take(&mut cloud.missing);
        let console = cloud.console.take();
        let build = build_rest.map(|command| Build::start(&command, missing, state_dir));
        let build = build.and_then(|build| match build {
            Ok(build) => Some(build),
            Err(error) => {
                progress.line(&format!("not all functions are built: {error:#}"));
                None
            }
        });
        if let Some(announcement) = build.as_ref().and_then(Build::announcement) {
            progress.line(&announcement);
        }
        let broken = tokio::select! {
            () = either(&mut signals) => None,
            reason = cloud.broken() => Some(reason),
            () = follow(build, progress) => None,
            () = build_pages(console, build_console, state_dir, progress) => None,
        };
        progress.line("");
        let step = progress.step("stopping");
        cloud.shutdown().await;
        step.done();
        match broken {
            Some(reason) => bail!(reason),
            None => Ok(()),
        }
    }

    fn options(self, state_dir: &Path) -> anyhow::Result<Options> {
        let project = std::path::absolute(&self.project)?;
        let functions_dir = match self.functions_dir {
            Some(folder) => folder,
            None => std::env::current_exe()?
                .parent()
                .context("this program is in no folder")?
                .to_owned(),
        };
        Ok(Options {
            template: project.join("template.yaml"),
            functions_dir: std::path::absolute(functions_dir)?,
            state_dir: std::path::absolute(state_dir)?,
            // `make` exports variables that are empty.
            database_url: self.database_url.filter(|url| !url.is_empty()),
            cells: self.cells,
            facts: self.facts.filter(|file| !file.as_os_str().is_empty()),
            ports: Ports {
                http: self.http_port,
                websocket: self.websocket_port,
                console: self.console_port,
                postgres: self.postgres_port,
            },
            only: self.only,
            builds_later: self.build_rest.is_some(),
            demo: !self.no_demo,
            visibility: None,
            websocket_limits: Limits::default(),
            quiet: false,
            project,
        })
    }
}

/// Follows a build as long as the cloud runs.
async fn follow(build: Option<Build>, progress: Progress) {
    if let Some(mut build) = build {
        build.finished(progress).await;
    }
    std::future::pending().await
}

/// Builds the console as long as the cloud runs.
async fn build_pages(console: Option<Console>, command: Option<String>, state_dir: &Path, progress: Progress) {
    if let (Some(console), Some(command)) = (console, command)
        && let Err(error) = console.build(&command, state_dir).await
    {
        progress.line(&format!("{error:#}"));
    }
    std::future::pending().await
}

/// Warnings go to the terminal; what functions print goes with them to a file, which would otherwise bury everything else.
fn start_log(state_dir: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(state_dir).with_context(|| format!("{} cannot be made", state_dir.display()))?;
    let path = state_dir.join("cloud.log");
    // Not emptied at each start: another cloud may be running here, which is found out later.
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES) {
        std::fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
    let file = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(Arc::new(file))
        .with_filter(EnvFilter::new(format!("info,{QUIET}")));
    let wanted = EnvFilter::try_from_env("LOCAL_CLOUD_LOG").unwrap_or_else(|_| EnvFilter::new(format!("warn,{QUIET}")));
    let terminal = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_filter(wanted);
    tracing_subscriber::registry().with(file).with(terminal).init();
    Ok(path)
}

/// Resolves at Ctrl-C and when asked to end.
async fn either((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn print_welcome(progress: Progress, cloud: &Cloud, log: &Path) {
    let access = &cloud.access;
    let services = &access.endpoints;
    progress.line(&format!(
        "\nready\n  HTTP API       {}\n  WebSocket API  {}\n  database       {}",
        services.http,
        services.websocket,
        without_password(&access.database_url)
    ));
    progress.line(&format!(
        "  DynamoDB       {}\n  S3             {}\n  SQS            {}\n  EventBridge    {}\n  mail           {}\n  log            {}",
        services.dynamodb,
        services.s3,
        services.sqs,
        services.eventbridge,
        access.mail.display(),
        log.display()
    ));
    if let Some(token) = &access.token {
        let (http, live) = (&services.http, &services.websocket);
        progress.line(&format!("\n  TOKEN={token}\n\ntry"));
        progress.line(&format!(
            "  curl -s -H \"authorization: Bearer $TOKEN\" '{http}/v1/kpis/ON_TIME_RATE/value?period=day'"
        ));
        progress.line(&format!(
            "  curl -s -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' {http}/v1/events/Flight \\\n    \
             -d '[{{\"date\":\"'$(date -u +%FT%TZ)'\",\"delay\":7,\"distance\":733,\"origin\":\"ORD\",\"destination\":\"LGA\"}}]'"
        ));
        // Whoever has built this has Node, which fetches the client; Python has none of its own.
        progress.line(&format!(
            "  npx --yes wscat -c \"{live}?token=$TOKEN&kpi=FLIGHTS&period=minute\""
        ));
    }
    if let Some(console) = &cloud.console {
        progress.line(&format!("\nopen {}", console.address));
        if let (Some(email), Some(password)) = (&access.email, &access.password) {
            progress.line(&format!("  e-mail         {email}\n  password       {password}"));
        }
    }
    progress.line("\nCtrl-C stops everything");
}

/// The password of a database stays out of terminals and their logs.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            let user = &url[scheme + 3..at];
            let user = user.split(':').next().unwrap_or(user);
            format!("{}://{user}{}", &url[..scheme], &url[at..])
        }
        _ => url.to_owned(),
    }
}

async fn invoke(state_dir: &Path, function: &str, event: &Path) -> anyhow::Result<()> {
    let event = std::fs::read_to_string(event).with_context(|| format!("{} cannot be read", event.display()))?;
    let access = Access::read(state_dir)?;
    let url = format!(
        "{}/2015-03-31/functions/{function}/invocations",
        access.endpoints.lambda
    );
    let response = reqwest::Client::new()
        .post(url)
        .header("authorization", AUTHORIZATION)
        .body(access.with_demo_identity(&event))
        .send()
        .await
        .map_err(|_| anyhow::anyhow!(NOT_RUNNING))?;
    let failed = response.headers().contains_key("x-amz-function-error") || !response.status().is_success();
    let answer = response.text().await.context("the answer broke off")?;
    Progress::new(false).line(&answer);
    if failed {
        bail!("function {function} failed")
    } else {
        Ok(())
    }
}
