//! Keeping a lease in the background, however long a tick takes.

use std::time::Duration;

use jiff::SignedDuration;
use platform::clock;
use registry::{Lease, Registry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a lease lasts, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long it lasts without renewal.
    pub lasts: Duration,
    /// How often it is renewed: three renewals may fail before it ends.
    pub renewed_every: Duration,
    /// How long before its end it no longer counts here: for the difference of two clocks.
    pub margin: Duration,
}

impl Terms {
    /// How long it lasts, as the registry takes it.
    #[must_use]
    pub fn ttl(self) -> SignedDuration {
        SignedDuration::try_from(self.lasts).unwrap_or(SignedDuration::MAX)
    }
}

/// A lease that is being renewed until this is dropped.
pub struct Kept {
    /// The lease as it was acquired.
    pub lease: Lease,
    until: watch::Receiver<Instant>,
    renewing: JoinHandle<()>,
}

impl Kept {
    /// Renews a lease from now on; `taken` is when it was asked for.
    #[must_use]
    pub fn keep(registry: &Registry, lease: Lease, taken: Instant, terms: Terms) -> Self {
        let (ends, until) = watch::channel(taken + terms.lasts - terms.margin);
        let renewing = tokio::spawn(renew(registry.clone(), lease.clone(), terms, ends));
        Self { lease, until, renewing }
    }

    /// When it ends unless it is renewed once more: nothing that only its holder may do is begun after that.
    #[must_use]
    pub fn until(&self) -> Instant {
        *self.until.borrow()
    }

    /// The same, to be asked again later: renewals move it on.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending(self.until.clone())
    }

    /// Whether it is held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        Instant::now() < self.until()
    }

    /// Renews it no more, so that it can be given up.
    pub async fn stop(mut self) -> Lease {
        self.renewing.abort();
        // A renewal that was on its way must not come after the release.
        let _ = (&mut self.renewing).await;
        self.lease.clone()
    }
}

/// When a lease ends, as it is renewed.
#[derive(Clone)]
pub struct Ending(watch::Receiver<Instant>);

impl Ending {
    /// Whether it has ended.
    #[must_use]
    pub fn has_come(&self) -> bool {
        Instant::now() >= *self.0.borrow()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews until the lease is another's.
async fn renew(registry: Registry, lease: Lease, terms: Terms, ends: watch::Sender<Instant>) {
    loop {
        tokio::time::sleep(terms.renewed_every).await;
        let asking = Instant::now();
        // An answer that comes after the end is none.
        let renewal = tokio::time::timeout(terms.lasts, registry.renew(&lease, clock::now(), terms.ttl()));
        match renewal.await {
            Ok(Ok(Some(_))) => drop(ends.send_replace(asking + terms.lasts - terms.margin)),
            Ok(Ok(None)) => {
                tracing::warn!(shard = lease.shard, duty = ?lease.duty, fence = lease.fence, "the lease was lost to another");
                ends.send_replace(asking);
                return;
            }
            Ok(Err(error)) => tracing::error!(shard = lease.shard, cause = %error, "the lease can't be renewed"),
            Err(_) => tracing::error!(shard = lease.shard, "the lease was not renewed in time"),
        }
    }
}
