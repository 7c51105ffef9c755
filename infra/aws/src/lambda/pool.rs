//! Which process gets an event, and when one is started or ended.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use uuid::Uuid;

use super::process::Process;
use super::runtime_api::{self, Runtimes};
use super::worker::{Answer, Outcome, Patience, Worker, lock};
use super::{ExternalFunction, FunctionsDir, InvocationError, Invoker, PAYLOAD_BYTES, PoolLimits, environment};
use crate::account::function_arn;
use crate::gate::{Gate, guarded};
use crate::template::Function;

/// How long the end of all processes may take; they are killed, not asked.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// All functions and their processes; cheap to clone. Dropping the last clone kills the processes.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    functions: BTreeMap<String, Arc<Slots>>,
    runtimes: Runtimes,
    is_shut_down: Arc<AtomicBool>,
    server: tokio::task::AbortHandle,
}

/// One function: its idle processes and the permits to run.
struct Slots {
    function: Function,
    binary: PathBuf,
    /// The Runtime API's address. It has a scheme, which Lambda's own has not: only so may it have a path too.
    runtime_api: String,
    extra_environment: BTreeMap<String, String>,
    runtimes: Runtimes,
    is_shut_down: Arc<AtomicBool>,
    limits: PoolLimits,
    /// The reserved concurrency; more is refused.
    reserved: Option<Arc<Semaphore>>,
    /// Processes that this machine has for it; more waits.
    permits: Arc<Semaphore>,
    /// Oldest first. The youngest is used first, so that the others can grow old.
    idle: Mutex<Vec<Idle>>,
    external: OnceLock<Arc<Worker>>,
    external_permit: Arc<Semaphore>,
}

struct Idle {
    worker: Arc<Worker>,
    since: Instant,
}

impl Pool {
    /// Prepares `functions`, whose binaries are in `directory`, with the Runtime API on `listener`. Each function is also
    /// given `extra_environment`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn new(
        listener: TcpListener,
        functions: Vec<Function>,
        directory: &FunctionsDir,
        extra_environment: &BTreeMap<String, String>,
        limits: &PoolLimits,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let runtime_api = format!("http://{address}");
        let runtimes = Runtimes::default();
        let is_shut_down = Arc::new(AtomicBool::new(false));
        let slots = functions.into_iter().map(|function| {
            let limit = function
                .reserved_concurrency
                .and_then(|limit| usize::try_from(limit).ok());
            let slots = Slots {
                binary: directory.binary(&function.name),
                runtime_api: runtime_api.clone(),
                extra_environment: extra_environment.clone(),
                runtimes: runtimes.clone(),
                is_shut_down: Arc::clone(&is_shut_down),
                limits: limits.clone(),
                reserved: limit.map(|limit| Arc::new(Semaphore::new(limit))),
                permits: Arc::new(Semaphore::new(limits.processes.min(limit.unwrap_or(usize::MAX)))),
                idle: Mutex::default(),
                external: OnceLock::new(),
                external_permit: Arc::new(Semaphore::new(1)),
                function,
            };
            (slots.function.name.clone(), Arc::new(slots))
        });
        let functions: BTreeMap<_, _> = slots.collect();
        let router = guarded(runtime_api::router(runtimes.clone()), address, Gate::NoPage);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the Runtime API ended");
            }
        });
        let server = server.abort_handle();
        let inner = Arc::new(Inner {
            functions,
            runtimes,
            is_shut_down,
            server,
        });
        tokio::spawn(reap(Arc::downgrade(&inner), limits.idle_time));
        Ok(Self(inner))
    }

    /// Invokes a function and waits for its answer. Dropping the future does not end the invocation, as on Lambda.
    ///
    /// # Errors
    /// See [`InvocationError`].
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Result<Bytes, InvocationError> {
        if self.0.is_shut_down.load(Ordering::Acquire) {
            return Err(InvocationError::ShuttingDown);
        }
        if payload.len() > PAYLOAD_BYTES {
            return Err(InvocationError::TooLarge { bytes: payload.len() });
        }
        let slots = self.slots(name)?;
        let permit = slots.permit().await?;
        let run = tokio::spawn(Arc::clone(slots).run(payload, permit));
        let answer = run.await.unwrap_or(Err(InvocationError::ShuttingDown));
        match &answer {
            Err(error) if self.0.is_shut_down.load(Ordering::Acquire) => {
                tracing::debug!(function = name, %error, "an invocation ended with the stand-in");
            }
            Err(error) => tracing::warn!(function = name, %error, "an invocation failed"),
            Ok(_) => {}
        }
        answer
    }

    /// Leaves the function's process to somebody else and says how to start it. Its events wait for it.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn external(&self, name: &str) -> Result<ExternalFunction, InvocationError> {
        let slots = self.slots(name)?;
        let worker = slots.external.get_or_init(|| {
            let worker = Arc::new(Worker::new(
                worker_id(name),
                function_arn(name),
                slots.function.memory_mb,
            ));
            slots.runtimes.add(Arc::clone(&worker));
            worker
        });
        let runtime_api = slots.address(&worker.id);
        Ok(ExternalFunction {
            name: name.to_owned(),
            environment: environment::of(&slots.function, &runtime_api, &slots.extra_environment),
            runtime_api,
            binary: slots.binary.clone(),
        })
    }

    /// Invokes these functions, for event sources that need not know who runs them.
    #[must_use]
    pub fn invoker(&self) -> Invoker {
        let pool = self.clone();
        Invoker::new(move |function, payload| {
            let pool = pool.clone();
            async move { pool.invoke(&function, payload).await.map_err(|error| error.to_string()) }
        })
    }

    /// Names of all functions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.functions.keys().map(String::as_str)
    }

    /// Ends every process and waits until they are gone.
    pub async fn shutdown(&self) {
        self.0.is_shut_down.store(true, Ordering::Release);
        let workers = self.0.runtimes.all();
        for worker in &workers {
            worker.kill();
        }
        let ended = async {
            for worker in workers.iter().filter(|worker| !worker.is_external()) {
                worker.exited().await;
            }
        };
        if tokio::time::timeout(SHUTDOWN, ended).await.is_err() {
            tracing::error!("some functions' processes did not end within {SHUTDOWN:?}");
        }
        self.0.server.abort();
    }

    fn slots(&self, name: &str) -> Result<&Arc<Slots>, InvocationError> {
        self.0
            .functions
            .get(name)
            .ok_or_else(|| InvocationError::Unknown { name: name.to_owned() })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for worker in self.runtimes.all() {
            worker.kill();
        }
        self.server.abort();
    }
}

impl Slots {
    /// Reserved concurrency throttles, as on Lambda. The machine's own limit, which may be less, only makes wait: Lambda would have scaled.
    async fn permit(&self) -> Result<Permit, InvocationError> {
        let (permits, reserved) = if self.external.get().is_some() {
            (&self.external_permit, None)
        } else {
            (&self.permits, self.reserved.as_ref())
        };
        let reserved = reserved.map(|reserved| Arc::clone(reserved).try_acquire_owned());
        let reserved = reserved.transpose().map_err(|_| InvocationError::Throttled)?;
        let place = Arc::clone(permits).acquire_owned().await;
        let place = place.map_err(|_| InvocationError::ShuttingDown)?;
        Ok(Permit {
            _place: place,
            _reserved: reserved,
        })
    }

    async fn run(self: Arc<Self>, payload: Bytes, _permit: Permit) -> Answer {
        if let Some(worker) = self.external.get() {
            let patience = Patience {
                until_taken: self.limits.external,
                until_answered: self.limits.external,
            };
            return match worker.call(payload, patience).await {
                Outcome::Answered(answer) => answer,
                Outcome::Failed(error) | Outcome::NotTaken(error) => Err(error),
            };
        }
        loop {
            let (worker, is_new) = self.worker()?;
            let patience = Patience {
                until_taken: self.limits.init,
                until_answered: self.function.timeout,
            };
            match worker.call(payload.clone(), patience).await {
                Outcome::Answered(answer) => {
                    lock(&self.idle).push(Idle {
                        worker,
                        since: Instant::now(),
                    });
                    return answer;
                }
                // An idle process ended unnoticed: the event goes to the next one, at last to a new one.
                Outcome::NotTaken(_) if !is_new => worker.kill(),
                Outcome::NotTaken(error) | Outcome::Failed(error) => {
                    worker.kill();
                    return Err(error);
                }
            }
        }
    }

    /// The process that was idle for the shortest time, or a new one (`true`).
    fn worker(self: &Arc<Self>) -> Result<(Arc<Worker>, bool), InvocationError> {
        while let Some(Idle { worker, .. }) = lock(&self.idle).pop() {
            if !worker.has_exited() {
                return Ok((worker, false));
            }
        }
        self.start().map(|worker| (worker, true))
    }

    fn start(self: &Arc<Self>) -> Result<Arc<Worker>, InvocationError> {
        let name = &self.function.name;
        if self.is_shut_down.load(Ordering::Acquire) {
            return Err(InvocationError::ShuttingDown);
        }
        let id = worker_id(name);
        let environment = environment::of(&self.function, &self.address(&id), &self.extra_environment);
        let worker = Arc::new(Worker::new(id, function_arn(name), self.function.memory_mb));
        // Before the process is there: on a busy machine it may ask for its event before this thread goes on.
        self.runtimes.add(Arc::clone(&worker));
        match Process::start(name, self.function.memory_mb, &self.binary, &environment) {
            Ok(process) => worker.started(process),
            Err(error) => {
                self.runtimes.remove(&worker.id);
                let status = format!("{} could not be started: {error}", self.binary.display());
                return Err(InvocationError::Crashed { status });
            }
        }
        if self.is_shut_down.load(Ordering::Acquire) {
            // The shutdown may have looked for processes just before this one was there.
            worker.kill();
        }
        let (runtimes, ended) = (self.runtimes.clone(), Arc::clone(&worker));
        tokio::spawn(async move {
            let ending = ended.exited().await;
            runtimes.remove(&ended.id);
            tracing::debug!(worker = ended.id, %ending, "a function's process ended");
        });
        Ok(worker)
    }

    fn address(&self, worker: &str) -> String {
        format!("{}/w/{worker}", self.runtime_api)
    }

    /// Ends the processes that were idle for too long, but for the youngest few.
    fn reap(&self) {
        let mut idle = lock(&self.idle);
        idle.retain(|idle| !idle.worker.has_exited());
        let surplus = idle.len().saturating_sub(self.limits.idle_kept);
        let old = idle
            .iter()
            .take(surplus)
            .take_while(|idle| idle.since.elapsed() >= self.limits.idle_time)
            .count();
        for Idle { worker, .. } in idle.drain(..old) {
            worker.kill();
        }
    }
}

/// May run, until it is dropped: the place first, so that who has the reservation after it finds a place, too.
struct Permit {
    _place: OwnedSemaphorePermit,
    _reserved: Option<OwnedSemaphorePermit>,
}

/// The name of a process on the Runtime API, which is its own secret.
fn worker_id(function: &str) -> String {
    format!("{function}-{}", Uuid::new_v4().simple())
}

async fn reap(pool: Weak<Inner>, idle_time: Duration) {
    loop {
        tokio::time::sleep(idle_time / 4).await;
        let Some(pool) = pool.upgrade() else { return };
        for slots in pool.functions.values() {
            slots.reap();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Pool").field(&self.0.functions.keys()).finish()
    }
}
