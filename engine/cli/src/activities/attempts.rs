//! Tries an activity by its policy: attempts, pauses between them, a time limit for each.

use std::time::Duration;

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::Policy;

use super::one::{Doing, Done, TIMED_OUT, Trouble};
use crate::report::Moment;

/// Tries until it works or the policy is used up. Every attempt does all of it again: what a failed one did stays.
pub(super) async fn run<F>(doing: &mut Doing<'_>, policy: &Policy, attempt: F) -> Result<Done, Trouble>
where
    F: AsyncFn(&Doing<'_>) -> Result<Done>,
{
    loop {
        let limited = tokio::time::timeout(policy.timeout, attempt(doing));
        let outcome = match doing.crew.cancel.run_until_cancelled(limited).await {
            None => return Err(cancelled(doing).into()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(timed_out(policy.timeout, doing.activity.name())),
        };
        let Err(error) = outcome else { return Ok(outcome?) };
        if is_hopeless(&error) || doing.report.retries >= policy.retry {
            return Err(error.into());
        }
        again(doing, policy, &error).await?;
    }
}

/// Waits as the policy says before a further attempt.
pub(super) async fn again(doing: &mut Doing<'_>, policy: &Policy, error: &Error) -> Result<()> {
    doing.report.retries += 1;
    let (activity, retry, pause) = (&doing.path, doing.report.retries, policy.retry_interval);
    tracing::warn!(activity, retry, ?pause, %error, "the activity failed and is tried again");
    let slept = doing.crew.cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
    slept.ok_or_else(|| cancelled(doing))
}

/// Waits so long after the activity's first start: a run that is resumed waits for what is left.
pub(super) async fn pause(doing: &Doing<'_>, time: Duration) -> Result<Done, Trouble> {
    let waited = Moment::now().seconds_since(doing.report.started).max(0.0);
    let left = time.saturating_sub(Duration::from_secs_f64(waited));
    let slept = doing.crew.cancel.run_until_cancelled(tokio::time::sleep(left)).await;
    slept.map(|()| Done::default()).ok_or_else(|| cancelled(doing).into())
}

/// The error of an attempt that took too long.
pub(super) fn timed_out(limit: Duration, name: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the activity took longer than policy.timeout, {} s; raise it, or resume the run", limit.as_secs()),
    )
    .with("activity", name)
    .code(TIMED_OUT)
}

/// The error of an activity that was stopped.
pub(super) fn cancelled(doing: &Doing<'_>) -> Error {
    Error::new(ErrorKind::Cancelled, "the run was cancelled during this activity")
        .with("activity", doing.activity.name())
}

/// What only a person changes: a definition, a login. Wrong logins in a row lock an account.
fn is_hopeless(error: &Error) -> bool {
    error.is_fatal() || matches!(error.kind(), ErrorKind::Spec | ErrorKind::Auth | ErrorKind::Cancelled)
}
