//! Throttling by token bucket, one per route, as a stage's default route settings ask for.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::template::Throttle;

/// The buckets of a stage.
pub(crate) struct Throttles {
    settings: Option<Throttle>,
    buckets: Vec<Mutex<Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttles {
    /// One full bucket for each of `routes` routes; without settings everything is admitted.
    pub(crate) fn new(settings: Option<Throttle>, routes: usize) -> Self {
        let tokens = settings.map_or(0.0, |settings| settings.burst);
        let bucket = || {
            Mutex::new(Bucket {
                tokens,
                filled: Instant::now(),
            })
        };
        Self {
            settings,
            buckets: std::iter::repeat_with(bucket).take(routes).collect(),
        }
    }

    /// Takes a token of the route's bucket, if there is one.
    pub(crate) fn admit(&self, route: usize) -> bool {
        let (Some(settings), Some(bucket)) = (self.settings, self.buckets.get(route)) else {
            return true;
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.duration_since(bucket.filled).as_secs_f64() * settings.rate;
        bucket.tokens = (bucket.tokens + gained).min(settings.burst);
        bucket.filled = now;
        let is_admitted = bucket.tokens >= 1.0;
        if is_admitted {
            bucket.tokens -= 1.0;
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_allows_a_burst_and_then_its_rate() {
        let throttles = Throttles::new(Some(Throttle { rate: 10.0, burst: 3.0 }), 2);
        let admitted = |route| {
            std::iter::repeat_with(|| throttles.admit(route))
                .take_while(|admitted| *admitted)
                .count()
        };
        assert_eq!(admitted(0), 3);
        assert_eq!(admitted(1), 3, "each route has a bucket of its own");
        tokio::time::advance(Duration::from_millis(110)).await;
        assert_eq!(admitted(0), 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(admitted(0), 3, "a bucket does not overflow");
    }

    #[test]
    fn without_settings_there_is_no_throttling() {
        let throttles = Throttles::new(None, 1);
        assert!((0..100).all(|_| throttles.admit(0)));
    }
}
