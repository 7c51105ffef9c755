//! Optimistic concurrency: read, decide, write if nobody was faster, otherwise look again.

use std::sync::Arc;

use anyhow::Context as _;
use api::domain_events::DomainEvent;
use axum::response::Response;
use identity::Caller;
use platform::Problem;
use platform::versions::check_version;
use proposal::lifecycle::{Action, State};
use records::definitions::ClientCatalog;
use records::proposals::{ChangeOutcome, ChangedBy, ProposalChange, StoredProposal};

use crate::response::proposal_response;
use crate::{Context, WHAT, current_state, is_to_be_done};

/// How often an attempt is made before the caller is asked to come back.
const MAX_ATTEMPTS: usize = 5;

/// Attempts until one gives a result; `None` says that somebody else was faster and that it is to be tried again.
///
/// # Errors
/// 409 after [`MAX_ATTEMPTS`] attempts, naming `what`; and whatever an attempt refuses.
pub(crate) async fn retry<T, F>(what: &str, attempt: impl Fn() -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<Option<T>, Problem>>,
{
    for _ in 0..MAX_ATTEMPTS {
        if let Some(result) = attempt().await? {
            return Ok(result);
        }
    }
    let busy = format!("too many others are changing {what} at the moment");
    Err(Problem::conflict(busy).hint("try again in a moment"))
}

/// Whether a replacement has still to be written. It has not when the same is stored already: a repeated request finds its own
/// effect, whatever version it names.
///
/// # Errors
/// 412 when something else is stored than the caller has read.
pub(crate) fn is_to_be_replaced(
    (what, name): (&str, &str),
    version: i32,
    expected: Option<i32>,
    same: bool,
) -> Result<bool, Problem> {
    if same && expected.is_none_or(|expected| expected <= version) {
        return Ok(false);
    }
    check_version((what, name), version, expected)?;
    Ok(true)
}

/// One attempt to change a proposal: the proposal as it was read, and the client's definitions.
pub(crate) struct Attempt<'a> {
    context: &'a Context,
    caller: &'a Caller,
    pub(crate) proposal: StoredProposal,
    pub(crate) definitions: Arc<ClientCatalog>,
}

/// How an attempt ended.
pub(crate) enum Outcome {
    /// The proposal is as it was asked for: now, or it was already.
    Settled(Box<StoredProposal>),
    /// Somebody else was faster, and nothing was written.
    Overtaken,
}

impl Context {
    /// Reads a proposal and lets `attempt` decide and write, until nobody was faster. Answers with the proposal as it is then.
    pub(crate) async fn change_proposal<'a, F>(
        &'a self,
        caller: &'a Caller,
        id: &str,
        attempt: impl Fn(Attempt<'a>) -> F,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Result<Outcome, Problem>>,
    {
        retry(&format!("{WHAT} {id:?}"), || async {
            let (proposal, definitions) = self.read(caller, id).await?;
            let read = Attempt {
                context: self,
                caller,
                proposal,
                definitions: Arc::clone(&definitions),
            };
            match attempt(read).await? {
                Outcome::Settled(proposal) => proposal_response(*proposal, &definitions).map(Some),
                Outcome::Overtaken => Ok(None),
            }
        })
        .await
    }
}

impl Attempt<'_> {
    /// Where the latest revision stands today.
    pub(crate) fn state(&self) -> State {
        current_state(&self.proposal, &self.definitions)
    }

    /// Whether a draft has still to be edited; see [`is_to_be_replaced`].
    ///
    /// # Errors
    /// 412 when the caller has read another version, 409 when it is no draft.
    pub(crate) fn is_to_be_edited(&self, expected: Option<i32>, same: bool) -> Result<bool, Problem> {
        let StoredProposal { version, revision, .. } = self.proposal;
        if !is_to_be_replaced((WHAT, &self.id()), version, expected, same)? {
            return Ok(false);
        }
        is_to_be_done(revision, self.state(), Action::Edit)?;
        Ok(true)
    }

    /// Checks that the caller has read the version that is stored; see [`check_version`].
    pub(crate) fn check_version(&self, expected: Option<i32>) -> Result<(), Problem> {
        check_version((WHAT, &self.id()), self.proposal.version, expected)
    }

    /// Nothing is to be written.
    pub(crate) fn unchanged(self) -> Outcome {
        Outcome::Settled(Box::new(self.proposal))
    }

    /// Nothing is to be written, and the proposal may have been changed since it was read.
    pub(crate) async fn read_again(self) -> Result<Outcome, Problem> {
        self.stored().await
    }

    /// Writes a change if the proposal is still at the version that was read.
    pub(crate) async fn write(&self, change: ProposalChange<'_>) -> Result<Outcome, Problem> {
        let Caller { client, user, .. } = *self.caller;
        let event = None;
        self.write_by(ChangedBy { client, user, event }, change).await
    }

    /// As [`Self::write`], with an event that is sent when the change is stored.
    pub(crate) async fn write_and_publish(
        &self,
        change: ProposalChange<'_>,
        event: &DomainEvent,
    ) -> Result<Outcome, Problem> {
        let Caller { client, user, .. } = *self.caller;
        let event = outbox::pending(event)?;
        let event = Some(&event);
        let outcome = self.write_by(ChangedBy { client, user, event }, change).await?;
        if matches!(outcome, Outcome::Settled(_)) {
            outbox::send_now(&self.context.database, &self.context.bus, client).await;
        }
        Ok(outcome)
    }

    async fn write_by(&self, by: ChangedBy<'_>, change: ProposalChange<'_>) -> Result<Outcome, Problem> {
        let StoredProposal { id, version, .. } = self.proposal;
        let changed = records::proposals::change(&self.context.database, by, (id, version), change)
            .await
            .context("change proposal")?;
        match changed {
            ChangeOutcome::Done => self.stored().await,
            ChangeOutcome::Stale(_) => Ok(Outcome::Overtaken),
            ChangeOutcome::Missing => Err(Problem::not_found(WHAT, &self.id())),
        }
    }

    /// The proposal as it is stored now.
    async fn stored(&self) -> Result<Outcome, Problem> {
        let proposal = self.context.proposal(self.caller.client, &self.id()).await?;
        Ok(Outcome::Settled(Box::new(proposal)))
    }

    fn id(&self) -> String {
        self.proposal.id.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::cell::Cell;

    use super::*;

    /// The result and the number of attempts when the first few are overtaken.
    async fn overtaken(times: usize) -> (Result<&'static str, u16>, usize) {
        let made = Cell::new(0);
        let result = retry("the thing", || async {
            made.set(made.get() + 1);
            Ok((made.get() > times).then_some("done"))
        })
        .await;
        (result.map_err(|problem| problem.status), made.get())
    }

    #[tokio::test]
    async fn attempts_go_on_until_nobody_was_faster_but_not_for_ever() {
        assert_eq!(overtaken(0).await, (Ok("done"), 1));
        assert_eq!(overtaken(MAX_ATTEMPTS - 1).await, (Ok("done"), MAX_ATTEMPTS));
        assert_eq!(overtaken(MAX_ATTEMPTS).await, (Err(409), MAX_ATTEMPTS));
    }

    #[tokio::test]
    async fn what_an_attempt_refuses_is_not_tried_again() {
        let refused = retry("the thing", || async { Err::<Option<()>, _>(Problem::forbidden("no")) }).await;
        assert_eq!(refused.unwrap_err().status, 403);
    }

    /// What is stored is at version 3.
    #[test]
    fn a_repeated_request_finds_its_own_effect() {
        for (expected, same, result) in [
            (Some(3), false, Ok(true)),
            (None, false, Ok(true)),
            (Some(2), false, Err(412)),
            (Some(4), false, Err(412)),
            (Some(2), true, Ok(false)),
            (Some(3), true, Ok(false)),
            (None, true, Ok(false)),
            (Some(4), true, Err(412)),
        ] {
            let replaced = is_to_be_replaced(("thing", "T"), 3, expected, same);
            assert_eq!(
                replaced.map_err(|problem| problem.status),
                result,
                "{expected:?} {same}"
            );
        }
    }
}
