//! The end of a run: its state goes to who follows, and its lease to whoever is first.

use anyhow::Result;
use api::QueuedWake;
use platform::clock;
use registry::handover::MAX_HANDOVER_BYTES;

use super::Turn;
use crate::apart::Apart;
use crate::report::Report;

impl Turn<'_> {
    /// Waits for posts under way, hands the state over and gives the lease up.
    pub(super) async fn end(mut self) -> Result<Report> {
        // The successor reads every window.
        self.apart = Apart::default();
        while let Some(posted) = self.posts.next().await {
            self.report_post(posted);
        }
        let (registry, report) = (&self.context.registry, self.report);
        // The successor begins a new epoch where there is nothing for it.
        let saved = self.publisher.save(self.through, MAX_HANDOVER_BYTES);
        let handed_over = match &saved {
            Some(saved) => registry.save_handover(&self.kept.lease, saved, clock::now()).await,
            None => {
                tracing::warn!("the state has more than {MAX_HANDOVER_BYTES} bytes and is not handed over");
                Ok(true)
            }
        };
        match handed_over {
            Ok(true) => {}
            Ok(false) => tracing::warn!(
                fence = self.kept.lease.fence,
                "another publisher took over; nothing was handed over"
            ),
            Err(error) => tracing::error!(cause = %error, "the state can't be handed over"),
        }
        let is_idle = self.publisher.is_idle();
        let lease = self.kept.stop().await;
        registry.release(&lease).await?;
        report.log();
        // A subscription that came while the lease was still held found a publisher at work, and woke none.
        let newest = registry.sequence(lease.shard).await?;
        if is_idle && newest > self.through {
            tracing::info!("subscribed meanwhile: another is called");
            let shard = lease.shard;
            self.context
                .wake_queue
                .send(serde_json::to_string(&QueuedWake { shard })?)
                .await?;
        }
        Ok(report)
    }
}
