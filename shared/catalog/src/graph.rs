//! The graph of definitions: what there is, and what names what.

mod plantuml;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::actor::Actor;
use crate::book::Catalog;
use crate::kpi::Kpi;
use crate::pattern::{Stage, ValueChainPattern};
use crate::relationship::{Cardinality, Relationship};
use crate::{MAX_GRAPH_EDGES, MAX_GRAPH_NODES};

/// Definitions, and what names what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Graph {
    /// By kind and code.
    #[schema(max_items = 3000)]
    pub nodes: Vec<GraphNode>,
    /// Each between two of the nodes.
    #[schema(max_items = 10000)]
    pub edges: Vec<GraphEdge>,
}

/// A definition, or a module or value chain that definitions name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GraphNode {
    /// What edges call it: its kind and its code, `kpi:ON_TIME_RATE`.
    pub id: String,
    /// What it is.
    pub kind: GraphNodeKind,
    /// Its code; of a module and a value chain the name.
    pub code: String,
    /// Its name for people, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GraphNodeKind {
    /// A value chain that KPIs or patterns name.
    ValueChain,
    /// A pattern of a value chain.
    ValueChainPattern,
    /// A module that KPIs or patterns name.
    Module,
    /// An actor.
    Actor,
    /// A KPI.
    Kpi,
    /// An entity.
    Entity,
}

impl GraphNodeKind {
    /// As it is answered.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ValueChain => "value_chain",
            Self::ValueChainPattern => "value_chain_pattern",
            Self::Module => "module",
            Self::Actor => "actor",
            Self::Kpi => "kpi",
            Self::Entity => "entity",
        }
    }
}

/// One node names another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GraphEdge {
    /// Who names.
    pub from: String,
    /// Who is named.
    pub to: String,
    /// What it is named for.
    pub kind: GraphEdgeKind,
    /// The same for people: what a relationship or an actor's work is called, the stage of a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of `relates_to`: the code of the relationship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship: Option<String>,
    /// Of `relates_to`: how many facts one fact refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<Cardinality>,
}

/// What one node names another for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GraphEdgeKind {
    /// A KPI is computed from facts of an entity.
    Requires,
    /// A KPI is of a module or value chain, a pattern of a value chain.
    BelongsTo,
    /// An attribute of an entity says which fact of another one is meant.
    RelatesTo,
    /// An actor works with an entity; a stage of a pattern names it.
    RefersTo,
}

/// Why there is no graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There are no such KPIs.
    #[error("there is no KPI {}", .0.join(", "))]
    NoKpis(Vec<String>),
    /// It would have so many nodes.
    #[error("the graph has {0} nodes, and {MAX_GRAPH_NODES} are allowed")]
    TooManyNodes(usize),
    /// It would have so many edges.
    #[error("the graph has {0} edges, and {MAX_GRAPH_EDGES} are allowed")]
    TooManyEdges(usize),
}

impl Catalog {
    /// The graph of all definitions.
    ///
    /// # Errors
    /// When it is larger than allowed.
    pub fn graph(&self) -> Result<Graph, GraphError> {
        let mut drawing = Drawing::default();
        self.entities().for_each(|entity| drop(drawing.entity(entity.code())));
        self.kpis().for_each(|kpi| drawing.kpi(kpi));
        let actors = self.companions::<Actor>();
        actors.for_each(|actor| drawing.actor(actor));
        let relationships = self.companions::<Relationship>();
        relationships.for_each(|relationship| drawing.relationship(relationship));
        let patterns = self.companions::<ValueChainPattern>();
        patterns.for_each(|pattern| drawing.pattern(pattern, self));
        drawing.finish()
    }

    /// The graph of what some KPIs need: the entities that they read, the relationships between those, and the modules and value chains of the KPIs.
    ///
    /// # Errors
    /// When there is no such KPI, or the graph is larger than allowed.
    pub fn graph_of<'a>(&self, codes: impl IntoIterator<Item = &'a str>) -> Result<Graph, GraphError> {
        let (mut drawing, mut unknown) = (Drawing::default(), Vec::new());
        let mut entities: BTreeSet<&str> = BTreeSet::new();
        for code in codes.into_iter().collect::<BTreeSet<_>>() {
            match self.kpi(code) {
                Some(kpi) => {
                    drawing.kpi(kpi);
                    entities.extend(kpi.formula.required());
                }
                None => unknown.push(code.to_owned()),
            }
        }
        if !unknown.is_empty() {
            return Err(GraphError::NoKpis(unknown));
        }
        let has = |code: &String| entities.contains(code.as_str());
        for relationship in self.companions::<Relationship>() {
            if has(&relationship.from_entity) && has(&relationship.to_entity) {
                drawing.relationship(relationship);
            }
        }
        drawing.finish()
    }
}

/// A graph that grows.
#[derive(Default)]
struct Drawing {
    nodes: BTreeMap<(GraphNodeKind, String), GraphNode>,
    edges: Vec<GraphEdge>,
}

impl Drawing {
    /// Has a node in the graph; its identity.
    fn node(&mut self, kind: GraphNodeKind, code: &str, name: Option<&str>) -> String {
        let id = format!("{}:{code}", kind.name());
        let node = self.nodes.entry((kind, code.to_owned())).or_insert_with(|| GraphNode {
            id,
            kind,
            code: code.to_owned(),
            name: None,
        });
        if let Some(name) = name.filter(|name| *name != code) {
            node.name = Some(name.to_owned());
        }
        node.id.clone()
    }

    fn edge(&mut self, from: &str, to: String, kind: GraphEdgeKind, label: &str) {
        self.edges.push(GraphEdge {
            from: from.to_owned(),
            to,
            kind,
            label: Some(label).filter(|label| !label.trim().is_empty()).map(str::to_owned),
            relationship: None,
            cardinality: None,
        });
    }

    fn entity(&mut self, code: &str) -> String {
        self.node(GraphNodeKind::Entity, code, None)
    }

    fn kpi(&mut self, kpi: &Kpi) {
        let id = self.node(GraphNodeKind::Kpi, kpi.code(), Some(&kpi.definition.name));
        for entity in kpi.formula.required() {
            let entity = self.entity(entity);
            self.edge(&id, entity, GraphEdgeKind::Requires, "");
        }
        self.belongs(&id, GraphNodeKind::Module, &kpi.definition.module);
        self.belongs(&id, GraphNodeKind::ValueChain, &kpi.definition.value_chain);
    }

    /// An edge to a module or value chain that is named, if one is.
    fn belongs(&mut self, id: &str, kind: GraphNodeKind, name: &str) {
        if !name.trim().is_empty() {
            let to = self.node(kind, name, None);
            self.edge(id, to, GraphEdgeKind::BelongsTo, "");
        }
    }

    fn relationship(&mut self, relationship: &Relationship) {
        let from = self.entity(&relationship.from_entity);
        let to = self.entity(&relationship.to_entity);
        let name = Some(&relationship.name).filter(|name| !name.trim().is_empty());
        self.edges.push(GraphEdge {
            from,
            to,
            kind: GraphEdgeKind::RelatesTo,
            label: Some(name.unwrap_or(&relationship.attribute).clone()),
            relationship: Some(relationship.code.clone()),
            cardinality: Some(relationship.cardinality),
        });
    }

    fn actor(&mut self, actor: &Actor) {
        let id = self.node(GraphNodeKind::Actor, &actor.code, Some(&actor.name));
        for work in &actor.works_with {
            let entity = self.entity(&work.entity);
            self.edge(&id, entity, GraphEdgeKind::RefersTo, &work.does);
        }
    }

    fn pattern(&mut self, pattern: &ValueChainPattern, catalog: &Catalog) {
        let id = self.node(GraphNodeKind::ValueChainPattern, &pattern.code, Some(&pattern.name));
        self.belongs(&id, GraphNodeKind::ValueChain, &pattern.value_chain);
        for stage in &pattern.stages {
            self.stage(&id, stage, catalog);
        }
    }

    fn stage(&mut self, pattern: &str, stage: &Stage, catalog: &Catalog) {
        let mut named = Vec::new();
        if !stage.module.trim().is_empty() {
            named.push(self.node(GraphNodeKind::Module, &stage.module, None));
        }
        for code in &stage.actors {
            let actor = catalog.companion::<Actor>(code);
            named.push(self.node(GraphNodeKind::Actor, code, actor.map(|actor| actor.name.as_str())));
        }
        for code in &stage.entities {
            named.push(self.entity(code));
        }
        for code in &stage.kpis {
            let kpi = catalog.kpi(code);
            named.push(self.node(GraphNodeKind::Kpi, code, kpi.map(|kpi| kpi.definition.name.as_str())));
        }
        for to in named {
            self.edge(pattern, to, GraphEdgeKind::RefersTo, &stage.name);
        }
    }

    fn finish(self) -> Result<Graph, GraphError> {
        let (nodes, edges) = (self.nodes.len(), self.edges.len());
        if nodes > MAX_GRAPH_NODES {
            return Err(GraphError::TooManyNodes(nodes));
        }
        if edges > MAX_GRAPH_EDGES {
            return Err(GraphError::TooManyEdges(edges));
        }
        Ok(Graph {
            nodes: self.nodes.into_values().collect(),
            edges: self.edges,
        })
    }
}

#[cfg(test)]
mod tests;
