//! One runtime: something that asks for events over the Runtime API, one at a time.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use uuid::Uuid;

use super::InvocationError;
use super::process::{Ending, Process};

pub(super) type Answer = Result<Bytes, InvocationError>;

/// A runtime known to the Runtime API by its id.
pub(super) struct Worker {
    pub(super) id: String,
    pub(super) function_arn: String,
    /// What its process may have, in MiB.
    memory_mb: u32,
    /// Not set before it is started, and never for one that somebody else starts.
    process: OnceLock<Process>,
    outbox: mpsc::Sender<Invocation>,
    inbox: AsyncMutex<mpsc::Receiver<Invocation>>,
    handed_out: Mutex<Option<HandedOut>>,
    init_error: Mutex<Option<InvocationError>>,
}

/// An event on its way to the runtime.
struct Invocation {
    payload: Bytes,
    timeout: Duration,
    taken: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

/// The event that the runtime works on.
struct HandedOut {
    request_id: String,
    answer: oneshot::Sender<Answer>,
}

/// An event as the Runtime API sends it.
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) deadline_ms: i64,
    pub(super) payload: Bytes,
}

/// How a call of a runtime ended.
pub(super) enum Outcome {
    /// The runtime answered and can take another event.
    Answered(Answer),
    /// The runtime did not answer and must not be used again.
    Failed(InvocationError),
    /// The runtime was gone before it took the event; another may take it.
    NotTaken(InvocationError),
}

/// How long a runtime may take.
pub(super) struct Patience {
    pub(super) until_taken: Duration,
    pub(super) until_answered: Duration,
}

impl Worker {
    /// Its process comes after it: a runtime must be known before it can ask.
    pub(super) fn new(id: String, function_arn: String, memory_mb: u32) -> Self {
        let (outbox, inbox) = mpsc::channel(1);
        Self {
            id,
            function_arn,
            memory_mb,
            process: OnceLock::new(),
            outbox,
            inbox: AsyncMutex::new(inbox),
            handed_out: Mutex::new(None),
            init_error: Mutex::new(None),
        }
    }

    /// From now on it is this process; called once.
    pub(super) fn started(&self, process: Process) {
        if let Err(second) = self.process.set(process) {
            second.kill();
        }
    }

    /// Ends the process, if it is ours.
    pub(super) fn kill(&self) {
        if let Some(process) = self.process.get() {
            process.kill();
        }
    }

    /// Resolves with how the process ended; never for an external one.
    pub(super) async fn exited(&self) -> Ending {
        match self.process.get() {
            Some(process) => process.exited().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn is_external(&self) -> bool {
        self.process.get().is_none()
    }

    pub(super) fn has_exited(&self) -> bool {
        self.process.get().is_some_and(Process::has_exited)
    }

    /// Gives the runtime one event and waits for its answer.
    pub(super) async fn call(&self, payload: Bytes, patience: Patience) -> Outcome {
        let (taken, was_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            payload,
            timeout: patience.until_answered,
            taken,
            answer,
        };
        if self.outbox.try_send(invocation).is_err() {
            return Outcome::NotTaken(crashed("it still had an event to take"));
        }
        tokio::select! {
            biased;
            _ = was_taken => {}
            ending = self.exited() => return Outcome::NotTaken(self.end(ending)),
            () = tokio::time::sleep(patience.until_taken) => {
                return Outcome::Failed(InvocationError::TimedOut { after: patience.until_taken });
            }
        }
        tokio::select! {
            biased;
            answer = answered => match answer {
                // Lambda would have killed it before it could answer.
                Ok(_) if self.process.get().is_some_and(Process::is_out_of_memory) => {
                    Outcome::Failed(self.end(self.exited().await))
                }
                Ok(answer) => Outcome::Answered(answer),
                Err(_) => Outcome::Failed(crashed("it asked for another event")),
            },
            ending = self.exited() => Outcome::Failed(self.end(ending)),
            () = tokio::time::sleep(patience.until_answered) => {
                Outcome::Failed(InvocationError::TimedOut { after: patience.until_answered })
            }
        }
    }

    /// What the runtime said of its start, or else how its process ended.
    fn end(&self, ending: Ending) -> InvocationError {
        match ending {
            Ending::OutOfMemory { peak_mb } => InvocationError::OutOfMemory {
                limit_mb: self.memory_mb,
                peak_mb,
            },
            Ending::Exited(status) => lock(&self.init_error).take().unwrap_or_else(|| crashed(&status)),
        }
    }

    /// The runtime asks for an event: waits until there is one.
    pub(super) async fn next(&self) -> Option<Event> {
        // A runtime that asks again without having answered has lost its event: the sender is dropped, the caller told.
        lock(&self.handed_out).take();
        let mut inbox = self.inbox.lock().await;
        loop {
            let Invocation {
                payload,
                timeout,
                taken,
                answer,
            } = inbox.recv().await?;
            if answer.is_closed() {
                continue;
            }
            let request_id = Uuid::new_v4().to_string();
            *lock(&self.handed_out) = Some(HandedOut {
                request_id: request_id.clone(),
                answer,
            });
            // The caller may have given up meanwhile; then the answer goes nowhere, as on Lambda.
            let _ = taken.send(());
            let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
            let deadline_ms = crate::clock::now().as_millisecond().saturating_add(timeout_ms);
            return Some(Event {
                request_id,
                deadline_ms,
                payload,
            });
        }
    }

    /// The runtime answers; `false` when it was not asked, or too late.
    pub(super) fn answer(&self, request_id: &str, answer: Answer) -> bool {
        let mut handed_out = lock(&self.handed_out);
        match handed_out.take_if(|event| event.request_id == request_id) {
            Some(event) => event.answer.send(answer).is_ok(),
            None => false,
        }
    }

    /// The runtime says why it cannot start.
    pub(super) fn fail_init(&self, error: InvocationError) {
        *lock(&self.init_error) = Some(error);
    }
}

fn crashed(status: &str) -> InvocationError {
    InvocationError::Crashed {
        status: status.to_owned(),
    }
}

/// A poisoned lock means that a panic happened elsewhere; the data behind these locks is whole at every moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
