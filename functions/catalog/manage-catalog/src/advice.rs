//! The route that says which groupings would help: those that questions lack, with what they would make of the last facts.

use anyhow::Context as _;
use api::catalog::advice::{GroupingAdvice, GroupingSample, GroupingsAdvice, GroupingsAsked};
use axum::Json;
use axum::extract::State;
use catalog::groupings::{Candidate, candidates};
use catalog::{Entity, MAX_GROUPINGS};
use facts::groups::MAX_GROUPS;
use facts::place::Placed;
use facts::ungrouped::{self, Sampled};
use platform::Problem;
use platform::extract::{Authorized, Json as Body};
use uuid::Uuid;

use crate::Context;
use crate::refusals::no_entity;

/// Most groupings for which the facts are looked at in one call: as many as an entity may have, at half a second each at most.
const MAX_SAMPLES: usize = 16;

/// How many times fewer rows than facts a grouping must have to be of use: each batch writes it too.
const LEAST_GAIN: i64 = 2;

pub(crate) async fn advise(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(asked): Body<GroupingsAsked>,
) -> Result<Json<GroupingsAdvice>, Problem> {
    let known = context.definitions(caller.client).await?;
    let placed: Vec<&Placed> = match &asked.entity {
        None => known.placed.values().collect(),
        Some(code) => {
            let placed = known.placed.get(code);
            vec![placed.ok_or_else(|| no_entity(&known.catalog, code))?]
        }
    };
    let (mut advice, mut samples) = (Vec::new(), MAX_SAMPLES);
    for placed in placed {
        let asked = ungrouped::asked(&context.database, caller.client, placed).await;
        let asked = asked.context("read what was asked")?;
        let all = candidates(&placed.entity, &asked);
        advice.extend(of_entity(&context, caller.client, placed, all, &mut samples).await?);
    }
    advice.sort_by_key(|one| (!one.helps, std::cmp::Reverse(one.questions)));
    Ok(Json(GroupingsAdvice { advice }))
}

/// The advice for an entity. A grouping that helps takes the place of those that it covers.
async fn of_entity(
    context: &Context,
    client: Uuid,
    placed: &Placed,
    mut candidates: Vec<Candidate>,
    samples: &mut usize,
) -> Result<Vec<GroupingAdvice>, Problem> {
    let mut advice = Vec::new();
    while *samples > 0 && !candidates.is_empty() {
        let alone = candidates.remove(0);
        let all = alone.with_covered(&candidates);
        *samples -= 1;
        let (sampled, reason) = tried(context, client, placed, &all).await?;
        if reason.is_none() {
            candidates = all.without_covered(candidates);
            advice.push(told(&placed.entity, all, sampled, reason));
            continue;
        }
        // For all of them it may have to be so fine that it is of no use, and for its own questions be of use all the same.
        let (sampled, reason) = if all.grouping.finest < alone.grouping.finest {
            *samples = samples.saturating_sub(1);
            tried(context, client, placed, &alone).await?
        } else {
            (sampled, reason)
        };
        advice.push(told(&placed.entity, alone, sampled, reason));
    }
    Ok(advice)
}

/// What the last facts say of a grouping, and why it would not help, if it would not.
async fn tried(
    context: &Context,
    client: Uuid,
    placed: &Placed,
    candidate: &Candidate,
) -> Result<(Sampled, Option<String>), Problem> {
    let (dimensions, finest) = (&candidate.grouping.dimensions, candidate.grouping.finest);
    let sampled = ungrouped::sample(&context.database, client, placed, dimensions, finest).await;
    let sampled = sampled.context("look at the last facts")?;
    let reason = why_not(&placed.entity, &sampled);
    Ok((sampled, reason))
}

/// Why a grouping would not help, if it would not.
fn why_not(entity: &Entity, sampled: &Sampled) -> Option<String> {
    if sampled.facts == 0 {
        return Some("there are no facts to tell by".to_owned());
    }
    if sampled.groups > MAX_GROUPS {
        return Some(format!(
            "a day of it has {} groups, and a grouping with more than {MAX_GROUPS} is kept no longer",
            sampled.groups
        ));
    }
    if sampled.rows.saturating_mul(LEAST_GAIN) > sampled.facts {
        return Some(format!(
            "it would have {} rows of {} facts, and each is written and kept beside them",
            sampled.rows, sampled.facts
        ));
    }
    // One has no dimensions.
    if entity.groupings().len() >= MAX_GROUPINGS {
        return Some(format!(
            "{} has as many groupings as may be, {MAX_GROUPINGS}: take one out that is of less use",
            entity.code()
        ));
    }
    None
}

fn told(entity: &Entity, candidate: Candidate, sampled: Sampled, reason: Option<String>) -> GroupingAdvice {
    GroupingAdvice {
        entity: entity.code().to_owned(),
        dimensions: candidate.grouping.dimensions,
        finest: candidate.grouping.finest,
        questions: candidate.questions,
        last_asked_at: candidate.last_at,
        helps: reason.is_none(),
        reason,
        sample: GroupingSample {
            facts: sampled.facts,
            rows: sampled.rows,
            bytes: sampled.bytes(entity.numeric_attributes().count()),
            groups: sampled.groups,
            from: sampled.from_time,
            to: sampled.to_time,
        },
    }
}
