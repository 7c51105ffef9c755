//! What KPIs need: from their codes to the objects whose data must come in, and the value chains to be licensed.

use std::collections::{BTreeMap, BTreeSet};

use catalog::Catalog;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What some KPIs need.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct RequiredObjects {
    /// The KPIs that the catalogue has, by their codes.
    pub kpis: Vec<RequestedKpi>,
    /// The entities that their formulas read, by their codes.
    pub objects: Vec<RequiredObject>,
    /// The value chains that they belong to. Names that differ only in capitals are one chain.
    pub value_chains: Vec<RequiredChain>,
    /// KPIs that belong to no value chain, so that no licence covers them.
    pub without_value_chain: Vec<String>,
    /// Codes that the catalogue does not have, or no longer has.
    pub unknown_kpis: Vec<String>,
}

/// A KPI that was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestedKpi {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// An entity that formulas read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequiredObject {
    /// Its code.
    pub code: String,
    /// A description of it.
    pub description: String,
    /// The KPIs that need it.
    pub kpis: Vec<String>,
}

/// A value chain of KPIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequiredChain {
    /// Its name, as the first of its KPIs writes it.
    pub name: String,
    /// Its KPIs.
    pub kpis: Vec<String>,
}

/// What the KPIs of some codes need.
#[must_use]
pub fn required_objects(catalog: &Catalog, codes: &BTreeSet<String>) -> RequiredObjects {
    let mut required = RequiredObjects::default();
    let mut objects: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut chains: BTreeMap<String, RequiredChain> = BTreeMap::new();
    for code in codes {
        let Some(kpi) = catalog.kpi(code) else {
            required.unknown_kpis.push(code.clone());
            continue;
        };
        required.kpis.push(RequestedKpi {
            code: code.clone(),
            name: kpi.definition.name.clone(),
        });
        for entity in kpi.formula.required() {
            objects.entry(entity).or_default().push(code.clone());
        }
        let chain = kpi.definition.value_chain.trim();
        if chain.is_empty() {
            required.without_value_chain.push(code.clone());
        } else {
            let name = chain.to_owned();
            let entry = chains.entry(chain_key(chain));
            let kpis = Vec::new();
            entry.or_insert(RequiredChain { name, kpis }).kpis.push(code.clone());
        }
    }
    let description = |code: &str| {
        catalog
            .entity(code)
            .map(|entity| entity.definition().description.clone())
    };
    required.objects = objects
        .into_iter()
        .map(|(code, kpis)| RequiredObject {
            code: code.to_owned(),
            description: description(code).unwrap_or_default(),
            kpis,
        })
        .collect();
    required.value_chains = chains.into_values().collect();
    required
}

/// What makes two names of a value chain the same.
pub(crate) fn chain_key(name: &str) -> String {
    name.trim().to_lowercase()
}
