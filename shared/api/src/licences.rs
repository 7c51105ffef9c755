//! Licences: what is granted, keys and what is wrong with them, and the keys that sign them.

use std::collections::BTreeSet;

use identity::{Feature, Permission};
use jiff::Timestamp;
use jiff::civil::Date;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type};
use uuid::Uuid;

/// All routes of this area.
pub static ROUTES: [&Route; 6] = [
    &ISSUE_LICENCE,
    &LIST_LICENCES,
    &VERIFY_LICENCE,
    &REVOKE_LICENCE,
    &LIST_LICENCE_KEYS,
    &WITHDRAW_LICENCE_KEY,
];

/// Issues a licence to a client.
pub static ISSUE_LICENCE: Route = Route {
    function: "manage-licences",
    method: Method::Post,
    path: "/v1/licences",
    access: Access::Needs(Permission::IssueLicences),
    operation: "issueLicence",
    summary: "Issues a licence to a client. For operators.",
    parameters: &[Parameter::IDEMPOTENCY_KEY],
    request: Some(Body::of::<NewLicence>()),
    answer: Answer::created::<Licence>(),
};

/// Licences of a client, and what they open today.
pub static LIST_LICENCES: Route = Route {
    function: "manage-licences",
    method: Method::Get,
    path: "/v1/licences",
    access: Access::Needs(Permission::ReadLicences),
    operation: "listLicences",
    summary: "Licences of a client, and what they open today.",
    parameters: &[
        Parameter::query(
            "client",
            "Whose licences; the own client's when absent, and others' for operators.",
        )
        .of(Form::Uuid),
        Parameter::query("valid", "Only those that count today, or only those that do not.")
            .of(Form::OneOf(&["true", "false"])),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Licences>(),
};

/// What a key says and whether it counts today, with everything that is wrong.
pub static VERIFY_LICENCE: Route = Route {
    function: "manage-licences",
    method: Method::Post,
    path: "/v1/licences/verify",
    access: Access::Needs(Permission::ReadLicences),
    operation: "verifyLicence",
    summary: "What a key says and whether it counts today, with everything that is wrong. 400 when it is no licence key at all.",
    parameters: &[],
    request: Some(Body::of::<LicenceKey>()),
    answer: Answer::ok::<Verification>(),
};

/// Takes a licence back, once.
pub static REVOKE_LICENCE: Route = Route {
    function: "manage-licences",
    method: Method::Post,
    path: "/v1/licences/{id}/revoke",
    access: Access::Needs(Permission::IssueLicences),
    operation: "revokeLicence",
    summary: "Takes a licence back, once. Tokens that were issued before live on for an hour at most. For operators.",
    parameters: &[Parameter::path("id", "The licence.").of(Form::Uuid)],
    request: Some(Body::of::<Revocation>()),
    answer: Answer::ok::<Licence>(),
};

/// The public halves of the signing keys.
pub static LIST_LICENCE_KEYS: Route = Route {
    function: "manage-licences",
    method: Method::Get,
    path: "/v1/licences/keys",
    access: Access::Needs(Permission::ReadLicences),
    operation: "listLicenceKeys",
    summary: "The public halves of the signing keys: whoever has one can verify licences alone.",
    parameters: &[Parameter::CURSOR, Parameter::LIMIT],
    request: None,
    answer: Answer::ok::<SigningKeys>(),
};

/// Withdraws a signing key that is not safe any more, once.
pub static WITHDRAW_LICENCE_KEY: Route = Route {
    function: "manage-licences",
    method: Method::Post,
    path: "/v1/licences/keys/{kid}/withdraw",
    access: Access::Needs(Permission::IssueLicences),
    operation: "withdrawLicenceKey",
    summary: "Withdraws a signing key that is not safe any more, once: no licence that it signed counts. For operators.",
    parameters: &[Parameter::path("kid", "Name of the signing key.")],
    request: Some(Body::of::<KeyWithdrawal>()),
    answer: Answer::ok::<SigningKey>(),
};

/// `POST /v1/licences`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLicence {
    /// The client that it is for.
    #[serde(deserialize_with = "identity::ids::of_json")]
    #[schema(value_type = String, format = "uuid")]
    pub client: Uuid,
    /// The value chains that it is for; every one when empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20)]
    pub value_chains: BTreeSet<String>,
    /// The modules that it is for; every one of its value chains when empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 100)]
    pub modules: BTreeSet<String>,
    /// What it opens.
    #[schema(schema_with = features)]
    pub features: BTreeSet<Feature>,
    /// How many people may use it.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub seats: u32,
    /// The first day, of the client's calendar.
    #[schema(value_type = String, format = Date)]
    pub starts_on: Date,
    /// The last day, of the client's calendar; at most ten years later.
    #[schema(value_type = String, format = Date)]
    pub ends_on: Date,
}

/// A licence that was issued.
#[derive(Serialize, ToSchema)]
pub struct Licence {
    /// Identity.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// The client that it is for.
    #[schema(value_type = String, format = "uuid")]
    pub client: Uuid,
    /// The key: a PASETO `v4.public.…`, which says everything that stands here.
    pub key: String,
    /// Name of the signing key.
    pub signed_by: String,
    /// What it grants.
    pub grant: Grant,
    /// When it was signed.
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// Who issued it; absent when the client was provisioned with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub issued_by: Option<Uuid>,
    /// When and why it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Withdrawal>,
    /// Whether it counts today.
    pub valid: bool,
    /// Why it does not.
    pub problems: Vec<LicenceProblem>,
    /// Days that are left after today; negative when it is over.
    pub days_left: i32,
}

/// What a licence grants.
#[derive(Serialize, ToSchema)]
pub struct Grant {
    /// The value chains that it is for; every one when empty.
    #[schema(value_type = Vec<String>)]
    pub value_chains: BTreeSet<String>,
    /// The modules that it is for; every one of its value chains when empty.
    #[schema(value_type = Vec<String>)]
    pub modules: BTreeSet<String>,
    /// What it opens.
    #[schema(schema_with = features)]
    pub features: BTreeSet<Feature>,
    /// How many people may use it.
    pub seats: u32,
    /// The first day, of the client's calendar.
    #[schema(value_type = String, format = Date)]
    pub starts_on: Date,
    /// The last day, of the client's calendar.
    #[schema(value_type = String, format = Date)]
    pub ends_on: Date,
}

/// A licence or a signing key taken back.
#[derive(Serialize, ToSchema)]
pub struct Withdrawal {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    #[schema(value_type = String, format = "uuid")]
    pub by: Uuid,
    /// Why.
    pub reason: String,
}

/// Why a licence does not count.
#[derive(Serialize, ToSchema)]
pub struct LicenceProblem {
    /// Stable name.
    pub problem: LicenceProblemKind,
    /// The same as a sentence.
    pub detail: String,
    /// What helps.
    pub hint: &'static str,
}

/// Kinds of reasons why a licence does not count.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LicenceProblemKind {
    /// It is no licence key at all.
    Malformed,
    /// No key of ours signed it.
    UnknownKey,
    /// It was changed after it was signed.
    Tampered,
    /// What was signed can't be read.
    Unreadable,
    /// Its signing key was withdrawn.
    WithdrawnKey,
    /// It was signed, and is not in the records.
    Unrecorded,
    /// It is another client's.
    WrongClient,
    /// It was taken back.
    Revoked,
    /// Its first day is to come.
    NotYetValid,
    /// Its last day has passed.
    Expired,
}

/// The schema of a list of features, which `identity` knows and does not describe.
fn features() -> Array {
    let feature = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Feature::ALL.map(Feature::name)));
    ArrayBuilder::new()
        .items(feature)
        .description(Some("Parts of the product that are licensed."))
        .build()
}

/// Licences of a client, the latest end first.
#[derive(Serialize, ToSchema)]
pub struct Licences {
    /// A page of them.
    pub licences: Vec<Licence>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
    /// What all of the client's open together today, whatever is listed.
    #[schema(schema_with = features)]
    pub features: Vec<Feature>,
}

/// `POST /v1/licences/verify`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenceKey {
    /// The key.
    #[schema(max_length = 40_960)]
    pub key: String,
}

/// What a key says, and whether it counts today.
#[derive(Serialize, ToSchema)]
pub struct Verification {
    /// Whether the licence counts today.
    pub valid: bool,
    /// Why it does not: everything, not only the first.
    pub problems: Vec<LicenceProblem>,
    /// The licence; absent when the key can't be trusted, or is another client's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,
    /// Where its renewal stands; absent with the licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
}

/// Where the renewal of a licence stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// There are more than 90 days.
    NotDue,
    /// It ends within 90 days, or has ended, and nothing follows.
    Due,
    /// Another licence goes on where it ends and covers as much.
    Renewed,
}

/// `POST /v1/licences/{id}/revoke`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The client that it belongs to.
    #[serde(deserialize_with = "identity::ids::of_json")]
    #[schema(value_type = String, format = "uuid")]
    pub client: Uuid,
    /// Why, for the client to read.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// `POST /v1/licences/keys/{kid}/withdraw`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyWithdrawal {
    /// Why, for clients to read.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// A signing key, by its public half.
#[derive(Serialize, ToSchema)]
pub struct SigningKey {
    /// Its name, a hash of it: `k4.pid.…`.
    pub id: String,
    /// Verifies what it signed: `k4.public.…`.
    pub public_key: String,
    /// Whether new licences are signed with it.
    pub signs: bool,
    /// When the first licence was.
    #[schema(value_type = String, format = DateTime)]
    pub first_used_at: Timestamp,
    /// When and why it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
}

/// The signing keys that licences were signed with, newest first.
#[derive(Serialize, ToSchema)]
pub struct SigningKeys {
    /// A page of them.
    pub keys: Vec<SigningKey>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}
