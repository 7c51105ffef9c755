//! Throttling by token bucket, one per route, as a stage's default route settings ask for.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::template::Throttle;

/// The buckets of a stage, one for each route.
pub(crate) struct Throttles(Vec<Option<Bucket>>);

struct Bucket {
    settings: Throttle,
    state: Mutex<State>,
}

struct State {
    tokens: f64,
    filled: Instant,
}

impl Throttles {
    /// One full bucket for each route by its settings; one without admits everything.
    pub(crate) fn new(routes: impl IntoIterator<Item = Option<Throttle>>) -> Self {
        let bucket = |settings: Throttle| Bucket {
            settings,
            state: Mutex::new(State {
                tokens: settings.burst,
                filled: Instant::now(),
            }),
        };
        Self(routes.into_iter().map(|settings| settings.map(bucket)).collect())
    }

    /// Takes a token of the route's bucket, if there is one.
    pub(crate) fn admit(&self, route: usize) -> bool {
        self.0.get(route).and_then(Option::as_ref).is_none_or(Bucket::take)
    }
}

impl Bucket {
    fn take(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.duration_since(state.filled).as_secs_f64() * self.settings.rate;
        state.tokens = (state.tokens + gained).min(self.settings.burst);
        state.filled = now;
        let is_admitted = state.tokens >= 1.0;
        if is_admitted {
            state.tokens -= 1.0;
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
        let throttle = |burst| Some(Throttle { rate: 10.0, burst });
        let throttles = Throttles::new([throttle(3.0), throttle(5.0)]);
        let admitted = |route| {
            std::iter::repeat_with(|| throttles.admit(route))
                .take_while(|admitted| *admitted)
                .count()
        };
        assert_eq!(admitted(0), 3);
        assert_eq!(admitted(1), 5, "each route has a bucket of its own");
        tokio::time::advance(Duration::from_millis(110)).await;
        assert_eq!(admitted(0), 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(admitted(0), 3, "a bucket does not overflow");
    }

    #[test]
    fn without_settings_there_is_no_throttling() {
        let throttles = Throttles::new([None]);
        assert!((0..100).all(|_| throttles.admit(0)));
    }
}
