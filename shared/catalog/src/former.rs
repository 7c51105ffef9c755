//! Codes that definitions had: who asks for one is told the new one, what comes for one is its entity's, and no other definition has it.

use std::sync::Arc;

use crate::book::Catalog;
use crate::definition::EntityDefinition;
use crate::entity::Entity;
use crate::kpi::{Kpi, KpiDefinition};
use crate::names::quoted;
use crate::problem::Problem;

impl Catalog {
    /// The entity that had this code, and says so.
    #[must_use]
    pub fn former_entity(&self, code: &str) -> Option<&Arc<Entity>> {
        self.entities()
            .find(|entity| entity.definition().formerly.iter().any(|former| former == code))
    }

    /// The KPI that had this code, and says so.
    #[must_use]
    pub fn former_kpi(&self, code: &str) -> Option<&Arc<Kpi>> {
        self.kpis()
            .find(|kpi| kpi.definition.formerly.iter().any(|former| former == code))
    }

    /// A code of an entity, or one that it had, which another one had or has.
    pub(crate) fn former_code_taken(&self, new: &EntityDefinition) -> Option<Problem> {
        let others = || self.entities().filter(|other| other.code() != new.code);
        let had_it = others().find(|other| {
            let mut former = other.definition().formerly.iter();
            former.any(|former| former.eq_ignore_ascii_case(&new.code))
        });
        if let Some(other) = had_it {
            let message = format!(
                "{} was the code of {}, and what comes for it counts there",
                quoted(&new.code),
                quoted(other.code())
            );
            let hint = "choose another code, or take it out of that entity's `formerly`";
            return Some(Problem::new("/code", message).with_hint(hint));
        }
        new.formerly.iter().enumerate().find_map(|(index, former)| {
            let other = others().find(|other| {
                let mut names = other
                    .definition()
                    .formerly
                    .iter()
                    .map(String::as_str)
                    .chain([other.code()]);
                names.any(|name| name.eq_ignore_ascii_case(former))
            })?;
            let message = format!("{} is the code of {}, or was", quoted(former), quoted(other.code()));
            Some(Problem::new(format!("/formerly/{index}"), message).with_hint("leave it out"))
        })
    }

    /// What is wrong with a KPI's codes because of others, whether or not there is one of its code.
    #[must_use]
    pub fn former_kpi_taken(&self, new: &KpiDefinition) -> Option<Problem> {
        let others = || self.kpis().filter(|other| other.code() != new.code);
        let had_it = others().find(|other| other.definition.formerly.contains(&new.code));
        if let Some(other) = had_it {
            let message = format!("{} was the code of {}", quoted(&new.code), quoted(other.code()));
            let hint = "choose another code, or take it out of that KPI's `formerly`";
            return Some(Problem::new("/code", message).with_hint(hint));
        }
        new.formerly.iter().enumerate().find_map(|(index, former)| {
            let other = others().find(|other| other.code() == former || other.definition.formerly.contains(former))?;
            let message = format!("{} is the code of {}, or was", quoted(former), quoted(other.code()));
            Some(Problem::new(format!("/formerly/{index}"), message).with_hint("leave it out"))
        })
    }
}
