//! Patterns of value chains: the stages in which a business of a kind makes what it sells, with who works in each, on what, and what it is measured by.

use formula::Renames;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::book::Catalog;
use crate::companion::{Companion, Named, check_codes, held, rename_code};
use crate::names::{KPI_CODE, check_description, check_label, check_required_label, quoted};
use crate::problem::Problem;
use crate::{MAX_PATTERNS, MAX_STAGE_CODES, MAX_STAGES};

/// The stages of a value chain, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ValueChainPatternDefinition)]
#[serde(deny_unknown_fields)]
pub struct ValueChainPattern {
    /// The name in addresses, `ORDER_TO_CASH`.
    #[schema(pattern = "^[A-Z][A-Z0-9_]{0,63}$", examples("ORDER_TO_CASH"))]
    pub code: String,
    /// The name for people, `Order to cash`.
    #[schema(max_length = 120)]
    pub name: String,
    /// What it says, for people.
    #[serde(default)]
    pub description: String,
    /// The industry whose pattern it is, `Retail`; empty where it is of any.
    #[serde(default)]
    #[schema(max_length = 120)]
    pub industry: String,
    /// The value chain that it is a pattern of, as KPIs name it.
    #[serde(default)]
    #[schema(max_length = 120)]
    pub value_chain: String,
    /// Its stages in their order.
    #[schema(min_items = 1, max_items = 20)]
    pub stages: Vec<Stage>,
}

/// A stage of a value chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PatternStage)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The name for people, `Delivery`. No other stage has it.
    #[schema(max_length = 120)]
    pub name: String,
    /// The module that it is covered by, as KPIs name it.
    #[serde(default)]
    #[schema(max_length = 120)]
    pub module: String,
    /// Codes of the actors who work in it.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub actors: Vec<String>,
    /// Codes of the entities that they work on.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub entities: Vec<String>,
    /// Codes of the KPIs that it is measured by.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub kpis: Vec<String>,
}

held!(ValueChainPattern, value_chain_patterns);

impl Companion for ValueChainPattern {
    const WHAT: &'static str = "value chain pattern";
    const COLLECTION: &'static str = "value-chain-patterns";
    const MOST: usize = MAX_PATTERNS;

    fn code(&self) -> &str {
        &self.code
    }

    fn check(&self, catalog: &Catalog, problems: &mut Vec<Problem>) {
        KPI_CODE.check("/code", &self.code, problems);
        check_required_label("/name", &self.name, problems);
        check_description("/description", &self.description, problems);
        check_label("/industry", &self.industry, problems);
        check_label("/value_chain", &self.value_chain, problems);
        let count = self.stages.len();
        if count == 0 || count > MAX_STAGES {
            let message = format!("{count} stages, and 1 to {MAX_STAGES} are allowed");
            problems.push(Problem::new("/stages", message));
            return;
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let pointer = format!("/stages/{index}");
            if self.stages.iter().take(index).any(|earlier| earlier.name == stage.name) {
                let message = format!("there are two stages {}", quoted(&stage.name));
                problems.push(Problem::new(format!("{pointer}/name"), message).with_hint("name one otherwise"));
            }
            stage.check(catalog, &pointer, problems);
        }
    }

    fn named(_: &str) -> Option<Named<'_>> {
        None
    }

    fn names(&self, named: Named<'_>) -> bool {
        self.stages.iter().any(|stage| stage.names(named))
    }

    fn renamed(&self, renames: &Renames<'_>) -> Option<Self> {
        let code = renames.code?;
        self.with_codes(|stage| rename_code(&mut stage.entities, renames.entity, code))
    }

    fn with_renamed_kpi(&self, old: &str, new: &str) -> Option<Self> {
        self.with_codes(|stage| rename_code(&mut stage.kpis, old, new))
    }
}

impl ValueChainPattern {
    /// The same with other codes, where a stage says that it had such.
    fn with_codes(&self, rename: impl Fn(&mut Stage) -> bool) -> Option<Self> {
        let mut new = self.clone();
        let mut is_renamed = false;
        for stage in &mut new.stages {
            is_renamed |= rename(stage);
        }
        is_renamed.then_some(new)
    }
}

impl Stage {
    fn check(&self, catalog: &Catalog, pointer: &str, problems: &mut Vec<Problem>) {
        check_required_label(&format!("{pointer}/name"), &self.name, problems);
        check_label(&format!("{pointer}/module"), &self.module, problems);
        let (actors, entities, kpis) = (strs(&self.actors), strs(&self.entities), strs(&self.kpis));
        let most = MAX_STAGE_CODES;
        check_codes(
            catalog,
            &format!("{pointer}/actors"),
            (actors, most),
            Named::Actor,
            problems,
        );
        check_codes(
            catalog,
            &format!("{pointer}/entities"),
            (entities, most),
            Named::Entity,
            problems,
        );
        check_codes(catalog, &format!("{pointer}/kpis"), (kpis, most), Named::Kpi, problems);
    }

    fn names(&self, named: Named<'_>) -> bool {
        match named {
            Named::Entity(wanted) => strs(&self.entities).any(|code| code == wanted),
            Named::Kpi(wanted) => strs(&self.kpis).any(|code| code == wanted),
            Named::Actor(wanted) => strs(&self.actors).any(|code| code == wanted),
        }
    }
}

fn strs(codes: &[String]) -> impl Iterator<Item = &str> + Clone {
    codes.iter().map(String::as_str)
}
