//! The routes of service proposals: what is asked, drafts, what becomes of them, and how documents look.

use identity::Permission;
use proposal::{Questionnaire, Quote, RequiredObjects, Terms};
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use schedule::Team;

use crate::{
    Acceptance, Branding, Documents, DocumentsRequest, IssueRequest, KpiCodes, NewProposal, Planned, Proposal,
    Proposals, Refusal, Revision, RevisionRequest, Revisions, ScheduleRequest, StepAnswers,
};

const ID: Parameter = Parameter::path("id", "The proposal.").of(Form::Uuid);

/// All routes of this crate.
pub static ROUTES: [&Route; 20] = [
    &READ_QUESTIONNAIRE,
    &REQUIRED_OBJECTS,
    &CREATE_PROPOSAL,
    &LIST_PROPOSALS,
    &READ_PROPOSAL,
    &REPLACE_ANSWERS,
    &READ_QUOTE,
    &REPLACE_TERMS,
    &ISSUE_PROPOSAL,
    &ACCEPT_PROPOSAL,
    &DECLINE_PROPOSAL,
    &REVISE_PROPOSAL,
    &PLAN_PROPOSAL,
    &READ_REVISION,
    &LIST_REVISIONS,
    &REPLACE_TEAM,
    &READ_DOCUMENTS,
    &REQUEST_DOCUMENTS,
    &READ_BRANDING,
    &REPLACE_BRANDING,
];

/// What a proposal asks, with today's prices.
pub static READ_QUESTIONNAIRE: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/questionnaire",
    access: Access::Needs(Permission::ReadProposals),
    operation: "readQuestionnaire",
    summary: "What a proposal asks, with today's prices.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Questionnaire>(),
};

/// The objects and value chains that KPIs need.
pub static REQUIRED_OBJECTS: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/analysis/required-objects",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "requiredObjects",
    summary: "The objects and value chains that KPIs need.",
    parameters: &[],
    request: Some(Body::of::<KpiCodes>()),
    answer: Answer::ok::<RequiredObjects>(),
};

/// Begins a proposal with a cart of KPIs.
pub static CREATE_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals",
    access: Access::Needs(Permission::WriteProposals),
    operation: "createProposal",
    summary: "Begins a proposal with a cart of KPIs.",
    parameters: &[Parameter::IDEMPOTENCY_KEY],
    request: Some(Body::of::<NewProposal>()),
    answer: Answer::created::<Proposal>(),
};

/// Proposals, newest first.
pub static LIST_PROPOSALS: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/proposals",
    access: Access::Needs(Permission::ReadProposals),
    operation: "listProposals",
    summary: "Proposals, newest first.",
    parameters: &[
        Parameter::query("state", "Only those whose latest revision stands so today.").of(Form::OneOf(&[
            "draft",
            "issued",
            "accepted",
            "declined",
            "expired",
            "superseded",
        ])),
        Parameter::filter("search", "Only with this text in their name, in upper or lower case."),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Proposals>(),
};

/// One proposal with its ETag, and what is still to be answered.
pub static READ_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/proposals/{id}",
    access: Access::Needs(Permission::ReadProposals),
    operation: "readProposal",
    summary: "One proposal with its ETag, and what is still to be answered.",
    parameters: &[ID],
    request: None,
    answer: Answer::ok::<Proposal>(),
};

/// Replaces the answers of a step.
pub static REPLACE_ANSWERS: Route = Route {
    function: "manage-proposals",
    method: Method::Put,
    path: "/v1/proposals/{id}/answers/{step}",
    access: Access::Needs(Permission::WriteProposals),
    operation: "replaceAnswers",
    summary: "Replaces the answers of a step.",
    parameters: &[ID, Parameter::path("step", "Key of the step."), Parameter::IF_MATCH],
    request: Some(Body::of::<StepAnswers>()),
    answer: Answer::ok::<Proposal>(),
};

/// What the answers so far cost, and what is still missing.
pub static READ_QUOTE: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/proposals/{id}/quote",
    access: Access::Needs(Permission::ReadProposals),
    operation: "readQuote",
    summary: "What the answers so far cost, and what is still missing.",
    parameters: &[ID],
    request: None,
    answer: Answer::ok::<Quote>(),
};

/// Replaces discounts, currency and tax of a draft.
pub static REPLACE_TERMS: Route = Route {
    function: "manage-proposals",
    method: Method::Put,
    path: "/v1/proposals/{id}/terms",
    access: Access::Needs(Permission::WriteProposals),
    operation: "replaceTerms",
    summary: "Replaces discounts, currency and tax of a draft.",
    parameters: &[ID, Parameter::IF_MATCH],
    request: Some(Body::of::<Terms>()),
    answer: Answer::ok::<Proposal>(),
};

/// Makes an offer of a complete draft, valid for 30 days.
pub static ISSUE_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals/{id}/issue",
    access: Access::Needs(Permission::DecideProposals),
    operation: "issueProposal",
    summary: "Makes an offer of a complete draft, valid for 30 days; once, however often it is sent.",
    parameters: &[ID, Parameter::IF_MATCH],
    request: Some(Body::of::<IssueRequest>()),
    answer: Answer::ok::<Proposal>(),
};

/// Accepts an issued revision.
pub static ACCEPT_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals/{id}/accept",
    access: Access::Needs(Permission::DecideProposals),
    operation: "acceptProposal",
    summary: "Accepts an issued revision; once, however often it is sent. A draft that was begun after it is given up.",
    parameters: &[ID],
    request: Some(Body::of::<Acceptance>()),
    answer: Answer::ok::<Proposal>(),
};

/// Declines an issued revision.
pub static DECLINE_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals/{id}/decline",
    access: Access::Needs(Permission::DecideProposals),
    operation: "declineProposal",
    summary: "Declines an issued revision; once, however often it is sent.",
    parameters: &[ID],
    request: Some(Body::of::<Refusal>()),
    answer: Answer::ok::<Proposal>(),
};

/// Begins the next revision as a draft of the same answers and terms.
pub static REVISE_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals/{id}/revisions",
    access: Access::Needs(Permission::WriteProposals),
    operation: "reviseProposal",
    summary: "Begins the next revision as a draft of the same answers and terms.",
    parameters: &[ID],
    request: Some(Body::of::<RevisionRequest>()),
    answer: Answer::ok::<Proposal>(),
};

/// Plans who does the work and when.
pub static PLAN_PROPOSAL: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals/{id}/schedule",
    access: Access::Needs(Permission::ReadProposals),
    operation: "planProposal",
    summary: "Plans who does the work and when: Gantt bars, critical path, slack, utilisation, delays, and what a change would bring. Nothing is stored.",
    parameters: &[ID],
    request: Some(Body::of::<ScheduleRequest>()),
    answer: Answer::ok::<Planned>(),
};

/// A revision as it was issued.
pub static READ_REVISION: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/proposals/{id}/revisions/{revision}",
    access: Access::Needs(Permission::ReadProposals),
    operation: "readRevision",
    summary: "A revision as it was issued: answers, terms, quote, and what changed since the one before.",
    parameters: &[
        ID,
        Parameter::path("revision", "Its number.").of(Form::Whole(1, 2_147_483_647)),
    ],
    request: None,
    answer: Answer::ok::<Revision>(),
};

/// The revisions that were issued.
pub static LIST_REVISIONS: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/proposals/{id}/revisions",
    access: Access::Needs(Permission::ReadProposals),
    operation: "listRevisions",
    summary: "The revisions that were issued, oldest first.",
    parameters: &[
        ID,
        Parameter::query("state", "Only those that stand so today.").of(Form::OneOf(&[
            "issued",
            "accepted",
            "declined",
            "expired",
            "superseded",
        ])),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Revisions>(),
};

/// Keeps a team and a start with the draft.
pub static REPLACE_TEAM: Route = Route {
    function: "manage-proposals",
    method: Method::Put,
    path: "/v1/proposals/{id}/schedule",
    access: Access::Needs(Permission::WriteProposals),
    operation: "replaceTeam",
    summary: "Keeps a team and a start with the draft: it is planned with when the draft is issued, and the plan stands in the offer.",
    parameters: &[ID, Parameter::IF_MATCH],
    request: Some(Body::of::<Team>()),
    answer: Answer::ok::<Proposal>(),
};

/// Links to an issued revision's PDF, Word file and pictures of its pages.
pub static READ_DOCUMENTS: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/proposals/{id}/documents",
    access: Access::Needs(Permission::ReadProposals),
    operation: "readDocuments",
    summary: "Links to an issued revision's PDF, Word file and pictures of its pages. They are made within seconds of its issue.",
    parameters: &[
        ID,
        Parameter::query("revision", "Its number; the latest that was issued when absent.")
            .of(Form::Whole(1, 2_147_483_647)),
    ],
    request: None,
    answer: Answer::ok::<Documents>(),
};

/// Asks for documents once more that could not be made.
pub static REQUEST_DOCUMENTS: Route = Route {
    function: "manage-proposals",
    method: Method::Post,
    path: "/v1/proposals/{id}/documents",
    access: Access::Needs(Permission::WriteProposals),
    operation: "requestDocuments",
    summary: "Asks again for documents that could not be made. Those that are there stay.",
    parameters: &[ID],
    request: Some(Body::of::<DocumentsRequest>()),
    answer: Answer::accepted::<Documents>(),
};

/// Your organisation's colours and logo, with their ETag.
pub static READ_BRANDING: Route = Route {
    function: "manage-proposals",
    method: Method::Get,
    path: "/v1/branding",
    access: Access::Needs(Permission::ReadProposals),
    operation: "readBranding",
    summary: "Your organisation's colours and logo, with their ETag.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Branding>(),
};

/// Replaces colours and logo.
pub static REPLACE_BRANDING: Route = Route {
    function: "manage-proposals",
    method: Method::Put,
    path: "/v1/branding",
    access: Access::Needs(Permission::WriteProposals),
    operation: "replaceBranding",
    summary: "Replaces colours and logo. Documents of what is issued from now on look like this; those that are there stay as they are.",
    parameters: &[Parameter::IF_MATCH],
    request: Some(Body::of::<Branding>()),
    answer: Answer::ok::<Branding>(),
};

#[cfg(test)]
mod tests {
    #[test]
    fn routes_are_described_rightly() {
        assert_eq!(route::mistakes(&super::ROUTES), [""; 0]);
    }
}
