//! Following subscriptions: by the sequence of changes, or from the roster where that was lost.

use anyhow::Result;
use jiff::Timestamp;
use platform::clock;
use registry::Changes;

use super::{News, Turn};
use crate::start;

impl Turn<'_> {
    /// Applies what changed since the last look, if there is word of it.
    pub(super) async fn follow_subscriptions(&mut self, news: &News) {
        if !news.subscriptions {
            return;
        }
        self.is_following = false;
        let now = clock::now();
        match self
            .context
            .registry
            .changes(self.kept.lease.shard, self.through, now)
            .await
        {
            Ok(Changes::Since(changes)) => {
                self.is_following = !changes.is_empty();
                for (number, change) in changes {
                    self.publisher.apply(change);
                    self.through = number;
                }
            }
            Ok(Changes::Lost) => {
                if let Err(error) = self.read_roster(now).await {
                    tracing::error!(cause = %error, "the roster can't be read; trying again");
                }
            }
            Err(error) => tracing::error!(cause = %error, "changes of subscriptions can't be read; trying again"),
        }
    }

    async fn read_roster(&mut self, now: Timestamp) -> Result<()> {
        let shard = self.kept.lease.shard;
        let roster = self.context.registry.roster(shard, now).await?;
        let controls = self.context.registry.all_controls(shard).await?;
        self.through = roster.sequence;
        self.publisher.load(start::connections(roster.connections));
        self.publisher.load_controls(controls);
        Ok(())
    }
}
