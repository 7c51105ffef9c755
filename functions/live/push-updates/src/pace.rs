//! Whose turn it is: a client's commits are told at once, unless it had its turn just before.

use std::collections::BTreeMap;
use std::time::Duration;

use live::Touched;
use tokio::time::Instant;
use uuid::Uuid;

/// Commits that were notified and not read yet. Clients have their turns apart, so that one whose facts come without a pause makes nobody else wait for its next turn.
pub struct Pace {
    between: Duration,
    clients: BTreeMap<Uuid, Turns>,
}

/// Of one client.
struct Turns {
    /// The next one at the earliest.
    next: Instant,
    /// What was touched since the last one, by entity.
    touched: BTreeMap<Option<String>, Touched>,
}

impl Pace {
    /// Turns of a client are so far apart at least.
    #[must_use]
    pub fn new(between: Duration) -> Self {
        Self {
            between,
            clients: BTreeMap::new(),
        }
    }

    /// Notes a commit.
    pub fn note(&mut self, touched: Touched, now: Instant) {
        let turns = self.clients.entry(touched.client).or_insert_with(|| Turns {
            next: now,
            touched: BTreeMap::new(),
        });
        let known = turns
            .touched
            .entry(touched.entity.clone())
            .or_insert_with(|| touched.clone());
        (known.from, known.to) = (known.from.min(touched.from), known.to.max(touched.to));
    }

    /// When the first client with commits has its turn.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let waiting = self.clients.values().filter(|turns| !turns.touched.is_empty());
        waiting.map(|turns| turns.next).min()
    }

    /// What the clients touched whose turn it is now.
    pub fn take(&mut self, now: Instant) -> Vec<Touched> {
        let mut taken = Vec::new();
        self.clients.retain(|_, turns| {
            let is_due = turns.next <= now;
            if is_due && !turns.touched.is_empty() {
                taken.extend(std::mem::take(&mut turns.touched).into_values());
                turns.next = now + self.between;
                return true;
            }
            // One that has had its pause and brought nothing is forgotten.
            !is_due
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn touched(client: u128, second: i64) -> Touched {
        let at = Timestamp::from_second(second).unwrap_or_default();
        Touched {
            client: Uuid::from_u128(client),
            entity: Some("Flight".to_owned()),
            from: at,
            to: at,
        }
    }

    #[test]
    fn a_busy_client_waits_for_its_turn_and_another_does_not() {
        let between = Duration::from_millis(100);
        let (mut pace, start) = (Pace::new(between), Instant::now());
        assert_eq!(pace.next(), None);
        pace.note(touched(1, 5), start);
        assert_eq!(pace.next(), Some(start));
        assert_eq!(pace.take(start), [touched(1, 5)]);
        for second in [7, 3, 6] {
            pace.note(touched(1, second), start);
        }
        let then = start + between / 2;
        assert_eq!((pace.next(), pace.take(then)), (Some(start + between), Vec::new()));
        pace.note(touched(2, 1), then);
        assert_eq!((pace.next(), pace.take(then)), (Some(then), vec![touched(2, 1)]));
        let both = Touched {
            to: touched(1, 7).to,
            ..touched(1, 3)
        };
        assert_eq!(pace.take(start + between), [both], "what came meanwhile is one");
        assert_eq!((pace.next(), pace.take(start + 3 * between)), (None, Vec::new()));
        assert!(pace.clients.is_empty(), "nobody is remembered for long");
    }
}
