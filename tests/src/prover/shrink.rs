//! Makes a world in which an answer is wrong as small as it gets, by playing it again without some of its parts.

use std::collections::BTreeSet;

use anyhow::Result;

use super::library;
use super::oracle::{self, Mismatch};
use super::world::{Step, World};

/// How often a world is played to make it smaller: some minutes.
const MAX_TRIES: usize = 60;

/// A world that is still wrong, with what is wrong in it.
pub(super) struct Smallest {
    pub(super) world: World,
    pub(super) mismatch: Mismatch,
}

/// Makes it smaller: the one question first, then batches of events, halves of them, and single ones.
///
/// # Errors
/// When the database or the oracle fails.
pub(super) async fn shrink(server: &str, world: &World, mismatch: Mismatch) -> Result<Smallest> {
    let mut shrinking = Shrinking {
        server,
        tries: 0,
        found: Smallest {
            world: world.clone(),
            mismatch,
        },
    };
    shrinking.keep_one_question().await?;
    let mut share = 1;
    loop {
        let before = events(&shrinking.found.world);
        shrinking.drop_events(share).await?;
        if share > before || shrinking.tries >= MAX_TRIES {
            return Ok(shrinking.found);
        }
        share *= 2;
    }
}

struct Shrinking<'a> {
    server: &'a str,
    tries: usize,
    found: Smallest,
}

impl Shrinking<'_> {
    /// Plays a world that is smaller, and goes on from it if it is still wrong.
    async fn attempt(&mut self, world: World) -> Result<bool> {
        if self.tries >= MAX_TRIES {
            return Ok(false);
        }
        self.tries += 1;
        let case = library::play(self.server, &world).await?;
        let verdict = oracle::judge(&case).await?;
        let Some(mismatch) = verdict.told.into_iter().next() else {
            return Ok(false);
        };
        self.found = Smallest { world, mismatch };
        Ok(true)
    }

    async fn keep_one_question(&mut self) -> Result<()> {
        let mut world = self.found.world.clone();
        if let Some(place) = self.found.mismatch.question {
            let question = world.questions.swap_remove(place);
            // What others are asked; the KPIs that the one may name stay.
            let asked: BTreeSet<String> = world.questions.drain(..).map(|other| other.kpi).collect();
            for client in &mut world.clients {
                client
                    .kpis
                    .retain(|kpi| kpi.code == question.kpi || !asked.contains(&kpi.code));
            }
            world.questions = vec![question];
        }
        self.attempt(world).await?;
        // What happens afterwards is of no interest.
        let mut world = self.found.world.clone();
        world.steps.truncate(self.found.mismatch.step + 1);
        self.attempt(world).await?;
        Ok(())
    }

    /// Tries to do without each of so many parts of the events of each batch.
    async fn drop_events(&mut self, parts: usize) -> Result<()> {
        for place in 0..self.found.world.steps.len() {
            for part in (0..parts).rev() {
                let mut world = self.found.world.clone();
                let Some(Step::Ingest { events, .. }) = world.steps.get_mut(place) else {
                    break;
                };
                let length = events.len().div_ceil(parts).max(1);
                let (from, to) = (
                    (part * length).min(events.len()),
                    ((part + 1) * length).min(events.len()),
                );
                if from < to {
                    events.drain(from..to);
                    self.attempt(world).await?;
                }
            }
        }
        Ok(())
    }
}

fn events(world: &World) -> usize {
    let counts = world.steps.iter().map(|step| match step {
        Step::Ingest { events, .. } => events.len(),
        _ => 0,
    });
    counts.max().unwrap_or(0)
}
