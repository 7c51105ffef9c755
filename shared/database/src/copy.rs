//! Binary COPY to the server, bounded as every other statement is.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{BorrowToSql, ToSql};

use crate::{Error, Session};

/// Rows on their way to the server, which may still be at work on them. All of it, from the first row to the server's last word, takes no longer than a
/// statement may: a server that stands still takes no more rows, and says nothing.
pub struct CopyIn<'s> {
    session: &'s Session,
    writer: Pin<Box<BinaryCopyInWriter>>,
    within: Duration,
    until: Instant,
}

impl<'s> CopyIn<'s> {
    pub(crate) fn new(session: &'s Session, writer: BinaryCopyInWriter, within: Duration) -> Self {
        Self {
            session,
            writer: Box::pin(writer),
            within,
            until: Instant::now() + within,
        }
    }

    /// Sends a row.
    ///
    /// # Errors
    /// When the server refuses it, or takes no more in time.
    pub async fn write(&mut self, values: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        self.write_raw(values.iter().copied()).await
    }

    /// Sends a row.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_raw<P, I>(&mut self, values: I) -> Result<(), Error>
    where
        P: BorrowToSql,
        I: IntoIterator<Item = P>,
        I::IntoIter: ExactSizeIterator,
    {
        // Rows are gathered, and only now and then is there anything to wait for.
        let written = tokio::time::timeout_at(self.until, self.writer.as_mut().write_raw(values)).await;
        self.settle(written)
    }

    /// Waits for the server to have taken all rows.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn finish(mut self) -> Result<(), Error> {
        let finished = tokio::time::timeout_at(self.until, self.writer.as_mut().finish()).await;
        self.settle(finished.map(|rows| rows.map(drop)))
    }

    fn settle(
        &self,
        result: Result<Result<(), tokio_postgres::Error>, tokio::time::error::Elapsed>,
    ) -> Result<(), Error> {
        let within = self.within;
        let result = result.map_err(|_| Error::NoAnswer { within });
        self.session.outcome(result.and_then(|answer| Ok(answer?)))
    }
}
