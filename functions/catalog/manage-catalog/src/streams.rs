//! Streams that are pinned or paused: who uses a KPI, and what follows when it, or a dimension, has another name.

use std::collections::BTreeMap;

use anyhow::Context as _;
use catalog::Catalog;
use live::{Control, Topic};
use platform::{Problem, clock};
use records::definitions::{self, MAX_USERS, User};
use registry::Error;
use uuid::Uuid;

use crate::Context;

/// The streams of a KPI that an administrator pinned: they are computed whether or not somebody watches.
pub(crate) async fn pinned(context: &Context, client: Uuid, code: &str) -> Result<Vec<User>, Problem> {
    let controls = controls(context, client).await?;
    let pinned = controls.into_iter().filter(|(_, control)| *control == Control::Pinned);
    let pinned = pinned.filter(|(topic, _)| topic.kpi == code);
    let users = pinned.take(MAX_USERS + 1).map(|(topic, _)| User {
        what: format!("the pinned stream {}", topic.id()),
        way_out: "let go of it: POST /v1/streams/clear".to_owned(),
    });
    Ok(definitions::bounded(users.collect()))
}

/// Has the streams of a KPI follow it to another code.
pub(crate) async fn follow_kpi(context: &Context, client: Uuid, old: &str, new: &str) -> Result<(), Problem> {
    let renamed = |topic: &Topic| {
        let is_its = topic.kpi == old;
        is_its.then(|| Topic {
            kpi: new.to_owned(),
            ..topic.clone()
        })
    };
    follow(context, client, renamed).await
}

/// Has streams follow the new names of an entity's dimensions. One whose KPI reads several entities has a filter on all of them, so it follows when all have the name.
pub(crate) async fn follow_attributes(
    context: &Context,
    client: Uuid,
    (entity, names): (&str, &BTreeMap<String, String>),
    catalog: &Catalog,
) -> Result<(), Problem> {
    if names.is_empty() {
        return Ok(());
    }
    let renamed = |topic: &Topic| {
        let kpi = catalog.kpi(&topic.kpi)?;
        let entities = kpi.formula.entities();
        let filter = topic.filter.iter().map(|(name, values)| {
            let mut renamed = entities
                .iter()
                .map(|of| renamed_path(catalog, of, name, (entity, names)));
            (
                renamed.find(|new| new != name).unwrap_or_else(|| name.clone()),
                values.clone(),
            )
        });
        let filter: BTreeMap<_, _> = filter.collect();
        if filter == topic.filter {
            return None;
        }
        let is_dimension = |code: &str, name: &String| {
            let attribute = catalog.attribute_at(code, name);
            attribute.is_some_and(|attribute| attribute.dimension)
        };
        let fits = entities
            .iter()
            .all(|code| filter.keys().all(|name| is_dimension(code, name)));
        fits.then(|| Topic {
            filter,
            ..topic.clone()
        })
    };
    follow(context, client, renamed).await
}

/// A path from an entity, or its attribute, with the new names of an entity's attributes, which the catalogue has already.
fn renamed_path(catalog: &Catalog, of: &str, path: &str, (entity, names): (&str, &BTreeMap<String, String>)) -> String {
    let mut at = Some(of);
    let renamed = path.split('.').map(|name| {
        let new = names.get(name).filter(|_| at == Some(entity));
        let name = new.map_or(name, String::as_str);
        let relationship = at.and_then(|at| catalog.relationship_of(at, name));
        at = relationship.map(|relationship| relationship.to_entity.as_str());
        name
    });
    renamed.collect::<Vec<_>>().join(".")
}

async fn controls(context: &Context, client: Uuid) -> Result<Vec<(Topic, Control)>, Problem> {
    let controls = context.registry.controls(client).await.context("read controls")?;
    let controls = controls.into_iter();
    // One whose topic can't be read is nobody's.
    Ok(controls
        .filter_map(|(id, control)| Some((id.parse::<Topic>().ok()?, control)))
        .collect())
}

/// Has streams follow to the topics that they are from now on: the new one is there before the old one goes, so that what is cut off is done by who asks again.
async fn follow(context: &Context, client: Uuid, renamed: impl Fn(&Topic) -> Option<Topic>) -> Result<(), Problem> {
    let registry = &context.registry;
    for (topic, control) in controls(context, client).await? {
        let Some(new) = renamed(&topic) else {
            continue;
        };
        let (old, new) = (topic.id(), new.id());
        match registry.set_control(client, &new, Some(control), clock::now()).await {
            // There is room for one when the old one has gone.
            Err(Error::TooManyControls { .. }) => {
                let gone = registry.set_control(client, &old, None, clock::now()).await;
                gone.context("let go of a stream")?;
                let set = registry.set_control(client, &new, Some(control), clock::now()).await;
                set.context("have a stream follow")?;
            }
            set => {
                set.context("have a stream follow")?;
                let gone = registry.set_control(client, &old, None, clock::now()).await;
                gone.context("let go of a stream")?;
            }
        }
    }
    Ok(())
}
