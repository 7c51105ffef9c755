//! The routes of service proposals: what is asked, drafts, what becomes of them, and how documents look.

use api::routes::{Body, Parameter, Route, idempotency_key, if_match, path, query, route};
use utoipa::PartialSchema;
use utoipa::openapi::path::HttpMethod;

macro_rules! body {
    ($kind:ty, $name:literal) => {
        Some(Body {
            name: $name,
            schema: <$kind as PartialSchema>::schema,
        })
    };
}

/// All routes of the questionnaire, of proposals and of branding.
#[must_use]
pub fn routes() -> Vec<Route> {
    let id = || path("id", "The proposal.");
    let mut routes = proposal_decisions(id);
    routes.extend(branding());
    routes.extend(vec![
        Route {
            response: body!(proposal::Questionnaire, "Questionnaire"),
            ..route(
                HttpMethod::Get,
                "/v1/questionnaire",
                "readQuestionnaire",
                "What a proposal asks, with today's prices.",
            )
        },
        Route {
            request: body!(crate::KpiCodes, "KpiCodes"),
            response: body!(proposal::RequiredObjects, "RequiredObjects"),
            ..route(
                HttpMethod::Post,
                "/v1/analysis/required-objects",
                "requiredObjects",
                "The objects and value chains that KPIs need.",
            )
        },
        Route {
            parameters: vec![idempotency_key()],
            request: body!(crate::NewProposal, "NewProposal"),
            response: body!(crate::Proposal, "Proposal"),
            status: "201",
            ..route(
                HttpMethod::Post,
                "/v1/proposals",
                "createProposal",
                "Begins a proposal with a cart of KPIs.",
            )
        },
        Route {
            parameters: vec![
                query("before", false, "`next_before` of the page before."),
                query("limit", false, "Most proposals, up to 200."),
            ],
            response: body!(crate::Proposals, "Proposals"),
            ..route(
                HttpMethod::Get,
                "/v1/proposals",
                "listProposals",
                "Proposals, newest first.",
            )
        },
        Route {
            parameters: vec![id()],
            response: body!(crate::Proposal, "Proposal"),
            ..route(
                HttpMethod::Get,
                "/v1/proposals/{id}",
                "readProposal",
                "One proposal with its ETag, and what is still to be answered.",
            )
        },
        Route {
            parameters: vec![id(), path("step", "Key of the step."), if_match()],
            request: body!(crate::StepAnswers, "StepAnswers"),
            response: body!(crate::Proposal, "Proposal"),
            ..route(
                HttpMethod::Put,
                "/v1/proposals/{id}/answers/{step}",
                "replaceAnswers",
                "Replaces the answers of a step.",
            )
        },
        Route {
            parameters: vec![id()],
            response: body!(proposal::Quote, "Quote"),
            ..route(
                HttpMethod::Get,
                "/v1/proposals/{id}/quote",
                "readQuote",
                "What the answers so far cost, and what is still missing.",
            )
        },
    ]);
    routes
}

/// From a draft to what became of it.
fn proposal_decisions(id: impl Fn() -> Parameter) -> Vec<Route> {
    let post = |path: &'static str, operation: &'static str, summary: &'static str| Route {
        response: body!(crate::Proposal, "Proposal"),
        ..route(HttpMethod::Post, path, operation, summary)
    };
    vec![
        Route {
            parameters: vec![id(), if_match()],
            request: body!(proposal::Terms, "Terms"),
            response: body!(crate::Proposal, "Proposal"),
            ..route(
                HttpMethod::Put,
                "/v1/proposals/{id}/terms",
                "replaceTerms",
                "Replaces discounts, currency and tax of a draft.",
            )
        },
        Route {
            parameters: vec![id(), if_match()],
            request: body!(crate::IssueRequest, "Issue"),
            ..post(
                "/v1/proposals/{id}/issue",
                "issueProposal",
                "Makes an offer of a complete draft, valid for 30 days; once, however often it is sent.",
            )
        },
        Route {
            parameters: vec![id()],
            request: body!(crate::Acceptance, "Acceptance"),
            ..post(
                "/v1/proposals/{id}/accept",
                "acceptProposal",
                "Accepts an issued revision; once, however often it is sent. A draft that was begun after it is given up.",
            )
        },
        Route {
            parameters: vec![id()],
            request: body!(crate::Refusal, "Refusal"),
            ..post(
                "/v1/proposals/{id}/decline",
                "declineProposal",
                "Declines an issued revision; once, however often it is sent.",
            )
        },
        Route {
            parameters: vec![id()],
            request: body!(crate::RevisionRequest, "Next"),
            ..post(
                "/v1/proposals/{id}/revisions",
                "reviseProposal",
                "Begins the next revision as a draft of the same answers and terms.",
            )
        },
        Route {
            parameters: vec![id()],
            request: body!(crate::ScheduleRequest, "ScheduleRequest"),
            response: body!(crate::Planned, "Planned"),
            ..route(
                HttpMethod::Post,
                "/v1/proposals/{id}/schedule",
                "planProposal",
                "Plans who does the work and when: Gantt bars, critical path, slack, utilisation, delays, and what a change would bring. Nothing is stored.",
            )
        },
        Route {
            parameters: vec![id(), if_match()],
            request: body!(schedule::Team, "Team"),
            response: body!(crate::Proposal, "Proposal"),
            ..route(
                HttpMethod::Put,
                "/v1/proposals/{id}/schedule",
                "replaceTeam",
                "Keeps a team and a start with the draft: it is planned with when the draft is issued, and the plan stands in the offer.",
            )
        },
        Route {
            parameters: vec![
                id(),
                query("revision", false, "Its number; the latest that was issued when absent."),
            ],
            response: body!(crate::Documents, "Documents"),
            ..route(
                HttpMethod::Get,
                "/v1/proposals/{id}/documents",
                "readDocuments",
                "Links to an issued revision's PDF, Word file and pictures of its pages. They are made within seconds of its issue.",
            )
        },
        Route {
            parameters: vec![id()],
            request: body!(crate::DocumentsRequest, "DocumentsRequest"),
            response: body!(crate::Documents, "Documents"),
            status: "202",
            ..route(
                HttpMethod::Post,
                "/v1/proposals/{id}/documents",
                "requestDocuments",
                "Asks for documents once more that could not be made. Those that are there stay.",
            )
        },
        Route {
            parameters: vec![id()],
            response: body!(crate::Revisions, "Revisions"),
            ..route(
                HttpMethod::Get,
                "/v1/proposals/{id}/revisions",
                "listRevisions",
                "The revisions that were issued.",
            )
        },
        Route {
            parameters: vec![id(), path("revision", "Its number.")],
            response: body!(crate::Revision, "Revision"),
            ..route(
                HttpMethod::Get,
                "/v1/proposals/{id}/revisions/{revision}",
                "readRevision",
                "A revision as it was issued: answers, terms, quote, and what changed since the one before.",
            )
        },
    ]
}

/// How documents look.
fn branding() -> Vec<Route> {
    vec![
        Route {
            response: body!(crate::Branding, "Branding"),
            ..route(
                HttpMethod::Get,
                "/v1/branding",
                "readBranding",
                "Your organisation's colours and logo, with their ETag.",
            )
        },
        Route {
            parameters: vec![if_match()],
            request: body!(crate::Branding, "Branding"),
            response: body!(crate::Branding, "Branding"),
            ..route(
                HttpMethod::Put,
                "/v1/branding",
                "replaceBranding",
                "Replaces colours and logo. What is issued from now on looks like this; documents that are there stay as they are.",
            )
        },
    ]
}
