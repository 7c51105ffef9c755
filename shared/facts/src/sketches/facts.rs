//! Sketches of the facts of some hours, in one pass over them: all that are kept of some groupings, whatever they are of.

use std::collections::HashMap;

use catalog::{GroupingDefinition, SketchKind};
use database::{Error, Session};
use jiff::Timestamp;
use series::sketch::{Seen, Sketch};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::Cell;
use super::step::unreadable;
use crate::place::Placed;
use crate::read::sketches::value;

/// A group of an hour.
pub(super) struct Group {
    /// The number of its grouping.
    grouping: i16,
    bucket: Timestamp,
    dimensions: Vec<Option<String>>,
    /// What is kept of it, with the slots that it is of. One of a group none of whose facts has a value there has none.
    sketches: Vec<(String, Sketch)>,
}

impl Group {
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.sketches.iter().map(|(slot, sketch)| Cell {
            grouping: self.grouping,
            slot: slot.clone(),
            bucket: self.bucket,
            dimensions: self.dimensions.clone(),
            sketch,
        })
    }
}

/// What is asked of each fact, and what becomes of it.
struct Pass<'a> {
    placed: &'a Placed,
    /// Slots with a sketch, each once, as they are named and as SQL.
    slots: Vec<(String, String)>,
    /// Sketches, by the place of their slot.
    sketches: Vec<(usize, SketchKind)>,
    /// Dimensions of all the groupings, each once, as SQL.
    dimensions: Vec<String>,
    /// Of each grouping its number, and the places of its dimensions among all.
    groupings: Vec<(i16, Vec<usize>)>,
    /// The groups of a combination of an hour and all dimensions, one of each grouping.
    of_combination: HashMap<Vec<u8>, Vec<usize>>,
    of_group: HashMap<(usize, Timestamp, Vec<Option<String>>), usize>,
    groups: Vec<Group>,
    /// The place of each group's sketches, by that of the sketch.
    places: Vec<Vec<Option<usize>>>,
}

/// The groups of some hours by their facts.
pub(super) async fn of_facts(
    session: &Session,
    (client, placed): (Uuid, &Placed),
    groupings: &[&GroupingDefinition],
    [from, to]: [Timestamp; 2],
) -> Result<Vec<Group>, Error> {
    let mut pass = Pass::new(placed, groupings)?;
    if pass.sketches.is_empty() {
        return Ok(Vec::new());
    }
    let values = pass.slots.iter().map(|(_, value)| value.as_str());
    let columns: Vec<&str> = pass.dimensions.iter().map(String::as_str).chain(values).collect();
    let sql = format!(
        "SELECT time_bucket('1 hour', time), {} FROM {} WHERE client_id = $1 AND entity_id = $2 AND time >= $3 AND time < $4",
        columns.join(", "),
        placed.place.volume.facts()
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&client, Type::UUID),
        (&placed.place.id, Type::INT4),
        (&from, Type::TIMESTAMPTZ),
        (&to, Type::TIMESTAMPTZ),
    ];
    session.each_once(&sql, &parameters, |row| pass.take(&row)).await?;
    Ok(pass.groups)
}

impl<'a> Pass<'a> {
    fn new(placed: &'a Placed, groupings: &[&GroupingDefinition]) -> Result<Self, Error> {
        let (layout, entity) = (&placed.place.layout, &placed.entity);
        let mut pass = Self {
            placed,
            slots: Vec::new(),
            sketches: Vec::new(),
            dimensions: Vec::new(),
            groupings: Vec::new(),
            of_combination: HashMap::new(),
            of_group: HashMap::new(),
            groups: Vec::new(),
            places: Vec::new(),
        };
        for (_, attribute, kind) in entity.sketches() {
            let slot = layout.slot(attribute)?;
            let place = placed_among(&mut pass.slots, (slot.name(), value(slot)));
            pass.sketches.push((place, kind));
        }
        for grouping in groupings {
            let mut places = Vec::with_capacity(grouping.dimensions.len());
            for name in &grouping.dimensions {
                places.push(placed_among(&mut pass.dimensions, layout.slot_of(entity, name)?.text()));
            }
            pass.groupings.push((layout.grouping_id(grouping)?, places));
        }
        Ok(pass)
    }

    /// Takes a fact: its hour, the texts of all dimensions, and those of all slots with a sketch.
    fn take(&mut self, row: &Row) -> Result<(), Error> {
        let bucket: Timestamp = row.try_get(0)?;
        let mut dimensions: Vec<Option<&str>> = Vec::with_capacity(self.dimensions.len());
        for column in 1..=self.dimensions.len() {
            dimensions.push(row.try_get(column)?);
        }
        let mut values: Vec<Option<&str>> = Vec::with_capacity(self.slots.len());
        for column in 0..self.slots.len() {
            values.push(row.try_get(1 + self.dimensions.len() + column)?);
        }
        let combination = combination(bucket, &dimensions);
        if !self.of_combination.contains_key(&combination) {
            let groups = self.groups_of(bucket, &dimensions);
            self.of_combination.insert(combination.clone(), groups);
        }
        let groups = self.of_combination.get(&combination).map_or(&[][..], Vec::as_slice);
        for (number, (slot, kind)) in self.sketches.iter().enumerate() {
            let (Some(Some(text)), Some((name, _))) = (values.get(*slot), self.slots.get(*slot)) else {
                continue;
            };
            let seen = Seen::of(*kind, text, 1).ok_or_else(|| unreadable(&self.placed.place, name, text))?;
            for group in groups {
                let (Some(group), Some(places)) = (self.groups.get_mut(*group), self.places.get_mut(*group)) else {
                    continue;
                };
                let sketches = &mut group.sketches;
                if let Some(place) = places.get_mut(number) {
                    let place = *place.get_or_insert_with(|| {
                        sketches.push((name.clone(), Sketch::empty(*kind)));
                        sketches.len() - 1
                    });
                    if let Some((_, sketch)) = sketches.get_mut(place) {
                        sketch.add(&seen);
                    }
                }
            }
        }
        Ok(())
    }

    /// The groups, one of each grouping, that facts of a combination are in.
    fn groups_of(&mut self, bucket: Timestamp, dimensions: &[Option<&str>]) -> Vec<usize> {
        let mut found = Vec::with_capacity(self.groupings.len());
        for (number, (grouping, places)) in self.groupings.iter().enumerate() {
            let mine = places.iter().map(|place| dimensions.get(*place).copied().flatten());
            let mine: Vec<Option<String>> = mine.map(|text| text.map(str::to_owned)).collect();
            let group = *self.of_group.entry((number, bucket, mine.clone())).or_insert_with(|| {
                self.groups.push(Group {
                    grouping: *grouping,
                    bucket,
                    dimensions: mine,
                    sketches: Vec::new(),
                });
                self.places.push(vec![None; self.sketches.len()]);
                self.groups.len() - 1
            });
            found.push(group);
        }
        found
    }
}

/// The place of something in a list, in which it is from then on.
fn placed_among<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    let known = all.iter().position(|known| *known == one);
    known.unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

/// An hour and texts as bytes that no others have.
fn combination(bucket: Timestamp, texts: &[Option<&str>]) -> Vec<u8> {
    let mut bytes = bucket.as_microsecond().to_be_bytes().to_vec();
    for text in texts {
        // No text is as long as what stands for none.
        let length = text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX - 1));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
    bytes
}
