//! The route of the graph of definitions.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use catalog::{Catalog, Graph, GraphError};
use platform::Problem;
use platform::extract::{Authorized, Query};
use platform::problem::Issue;
use serde::Deserialize;

use crate::Context;
use crate::refusals::no_kpi;

/// What is asked of the graph.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    kpis: Option<String>,
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Plantuml,
}

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let known = context.definitions(caller.client).await?;
    let graph = graph(&known.catalog, asked.kpis.as_deref())?;
    let format = asked.format.unwrap_or_else(|| preferred(&headers));
    // Whoever keeps answers for others keeps one of each.
    let vary = [(header::VARY, "accept")];
    Ok(match format {
        Format::Json => (vary, Json(graph)).into_response(),
        Format::Plantuml => (vary, graph.to_plantuml()).into_response(),
    })
}

fn graph(catalog: &Catalog, kpis: Option<&str>) -> Result<Graph, Problem> {
    let Some(kpis) = kpis else {
        return catalog.graph().map_err(|error| refused(catalog, &error));
    };
    let codes: Vec<&str> = kpis.split(',').map(str::trim).collect();
    if codes.iter().any(|code| code.is_empty()) {
        return Err(Problem::malformed("`kpis` has an empty code")
            .hint("give codes of KPIs, separated by commas, or leave it out for all definitions"));
    }
    catalog.graph_of(codes).map_err(|error| refused(catalog, &error))
}

fn refused(catalog: &Catalog, error: &GraphError) -> Problem {
    let problem = Problem::invalid(error.to_string());
    match error {
        GraphError::NoKpis(codes) => {
            let issues = codes.iter().map(|code| {
                let missing = no_kpi(catalog, code);
                Issue {
                    pointer: String::new(),
                    detail: missing.detail,
                    hint: missing.hint,
                    span: None,
                }
            });
            problem
                .hint("name KPIs that there are: GET /v1/kpis lists them")
                .issues(issues.collect())
        }
        GraphError::TooManyNodes(_) | GraphError::TooManyEdges(_) => {
            problem.hint("ask for what some KPIs need: ?kpis=A,B")
        }
    }
}

/// What the caller would rather have: JSON unless a text is preferred.
fn preferred(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let weight = |kind: &str| weight(&accepted, kind);
    if weight("text/plain") > weight("application/json") {
        Format::Plantuml
    } else {
        Format::Json
    }
}

/// How much a type is wanted, from 0 to 1: what the most precise of the ranges that have it says. What can't be read wants nothing.
fn weight(accepted: &[&str], kind: &str) -> f32 {
    let family = kind.split('/').next().unwrap_or_default();
    let ranges = accepted.iter().flat_map(|value| value.split(','));
    let matching = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let precision = match name.split_once('/')? {
            ("*", "*") => 0,
            (first, "*") if first == family => 1,
            _ if name == kind => 2,
            _ => return None,
        };
        let stated = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = stated.map_or(Some(1.0), |stated| stated.parse::<f32>().ok())?;
        Some((precision, weight.clamp(0.0, 1.0)))
    });
    matching
        .max_by_key(|(precision, _)| *precision)
        .map_or(0.0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_answered_to_who_prefers_it() {
        for (accept, expected) in [
            (&[][..], Format::Json),
            (&["*/*"], Format::Json),
            (&["application/json"], Format::Json),
            (&["text/plain"], Format::Plantuml),
            (&["Text/Plain; charset=utf-8"], Format::Plantuml),
            (&["text/*"], Format::Plantuml),
            (&["text/html, */*;q=0.8"], Format::Json),
            (&["text/plain;q=0.5, application/json"], Format::Json),
            (&["text/plain, application/json;q=0.5"], Format::Plantuml),
            (&["application/json;q=0.5, */*;q=0.8"], Format::Plantuml),
            (&["text/plain;q=0, */*"], Format::Json),
            (&["application/json;q=0.1", "text/plain;q=0.2"], Format::Plantuml),
            (&["text/plain;q=much"], Format::Json),
            (&["text/plain;q=NaN, application/json"], Format::Json),
            (&["nonsense"], Format::Json),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, header::HeaderValue::from_static(value));
            }
            assert_eq!(preferred(&headers), expected, "{accept:?}");
        }
    }
}
