//! Users of a client: who they are, what they may do, their passwords and their sessions.

use identity::{Permission, Role};
use jiff::Timestamp;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// All routes of this area.
pub static ROUTES: [&Route; 10] = [
    &CHANGE_PASSWORD,
    &END_SESSIONS,
    &LIST_USERS,
    &ADD_USER,
    &CHANGE_ROLE,
    &REMOVE_USER,
    &END_SESSIONS_OF_USER,
    &RESET_PASSWORD_OF_USER,
    &ASK_FOR_RESET,
    &RESET_PASSWORD,
];

const ID: &[Parameter] = &[Parameter::path("id", "The user.").of(Form::Uuid)];

/// Changes one's own password.
pub static CHANGE_PASSWORD: Route = Route {
    function: "manage-users",
    method: Method::Put,
    path: "/v1/me/password",
    access: Access::Needs(Permission::ManageSelf),
    operation: "changePassword",
    summary: "Changes one's own password, and ends all one's sessions.",
    parameters: &[],
    request: Some(Body::of::<PasswordChange>()),
    answer: Answer::NO_CONTENT,
};

/// Ends all one's sessions.
pub static END_SESSIONS: Route = Route {
    function: "manage-users",
    method: Method::Delete,
    path: "/v1/sessions",
    access: Access::Needs(Permission::ManageSelf),
    operation: "endSessions",
    summary: "Ends all one's sessions, this one among them. Tokens are refused within a minute; dashboards are disconnected.",
    parameters: &[],
    request: None,
    answer: Answer::NO_CONTENT,
};

/// The users of the client.
pub static LIST_USERS: Route = Route {
    function: "manage-users",
    method: Method::Get,
    path: "/v1/users",
    access: Access::Needs(Permission::ManageUsers),
    operation: "listUsers",
    summary: "The users of the own organisation, by their addresses.",
    parameters: &[
        Parameter::query("role", "Only in this role.").of(Form::OneOf(&["admin", "analyst", "viewer", "operator"])),
        Parameter::query(
            "has_password",
            "Only those who have set a password, or only those who have not.",
        )
        .of(Form::OneOf(&["true", "false"])),
        Parameter::filter(
            "search",
            "Only with this text in their address, in upper or lower case.",
        ),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Users>(),
};

/// Adds a user.
pub static ADD_USER: Route = Route {
    function: "manage-users",
    method: Method::Post,
    path: "/v1/users",
    access: Access::Needs(Permission::ManageUsers),
    operation: "addUser",
    summary: "Adds a user, who gets a mail with a secret by which to set a password. Sent again, it sends another mail while there is no password. Mails are limited: 429.",
    parameters: &[],
    request: Some(Body::of::<NewUser>()),
    answer: Answer::created::<User>(),
};

/// Gives a user another role.
pub static CHANGE_ROLE: Route = Route {
    function: "manage-users",
    method: Method::Put,
    path: "/v1/users/{id}/role",
    access: Access::Needs(Permission::ManageUsers),
    operation: "changeRole",
    summary: "Gives a user another role. Tokens of the one before are refused within a minute; refreshed, they are of the new one.",
    parameters: ID,
    request: Some(Body::of::<RoleChange>()),
    answer: Answer::ok::<User>(),
};

/// Removes a user.
pub static REMOVE_USER: Route = Route {
    function: "manage-users",
    method: Method::Delete,
    path: "/v1/users/{id}",
    access: Access::Needs(Permission::ManageUsers),
    operation: "removeUser",
    summary: "Removes a user with all sessions. The last administrator stays.",
    parameters: ID,
    request: None,
    answer: Answer::NO_CONTENT,
};

/// Ends all sessions of a user.
pub static END_SESSIONS_OF_USER: Route = Route {
    function: "manage-users",
    method: Method::Delete,
    path: "/v1/users/{id}/sessions",
    access: Access::Needs(Permission::ManageUsers),
    operation: "endSessionsOfUser",
    summary: "Ends all sessions of a user.",
    parameters: ID,
    request: None,
    answer: Answer::NO_CONTENT,
};

/// Takes a user's password back.
pub static RESET_PASSWORD_OF_USER: Route = Route {
    function: "manage-users",
    method: Method::Post,
    path: "/v1/users/{id}/password-reset",
    access: Access::Needs(Permission::ManageUsers),
    operation: "resetPasswordOfUser",
    summary: "Takes a user's password back, ends all sessions, and sends the user a secret by which to set another.",
    parameters: ID,
    request: None,
    answer: Answer::NO_CONTENT,
};

/// Asks for a secret by which to set a password.
pub static ASK_FOR_RESET: Route = Route {
    function: "request-reset",
    method: Method::Post,
    path: "/v1/password-resets",
    access: Access::Open,
    operation: "askForPasswordReset",
    summary: "Sends who forgot a password a secret by which to set another. The answer is the same, and as quick, whether or not the address is a user's.",
    parameters: &[],
    request: Some(Body::of::<ResetRequest>()),
    answer: Answer::ACCEPTED,
};

/// Sets a password by a secret.
pub static RESET_PASSWORD: Route = Route {
    function: "manage-users",
    method: Method::Put,
    path: "/v1/password-resets",
    access: Access::Open,
    operation: "resetPassword",
    summary: "Sets a password by the secret of a mail, once, and ends all sessions of the user.",
    parameters: &[],
    request: Some(Body::of::<PasswordReset>()),
    answer: Answer::NO_CONTENT,
};

/// `PUT /v1/me/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password that is in force.
    pub current_password: String,
    /// The one that replaces it: 12 to 128 characters, and not what everybody tries first.
    pub new_password: String,
}

/// `POST /v1/users`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// E-mail address, which no other user has.
    pub email: String,
    /// What the user may do: `admin`, `analyst` or `viewer`.
    #[schema(value_type = RoleName)]
    pub role: Role,
}

/// What a user may do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Everything within its organisation except license it.
    Admin,
    /// Defines KPIs and brings in data.
    Analyst,
    /// Looks at KPIs.
    Viewer,
    /// Works for the provider of the engine; nobody becomes one through the API.
    Operator,
}

/// `PUT /v1/users/{id}/role`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// What the user may do from now on: `admin`, `analyst` or `viewer`.
    #[schema(value_type = RoleName)]
    pub role: Role,
}

/// `POST /v1/password-resets`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// E-mail address.
    pub email: String,
}

/// `PUT /v1/password-resets`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// The secret that the mail has.
    pub secret: String,
    /// The password: 12 to 128 characters, and not what everybody tries first.
    pub new_password: String,
}

/// A message of the queue of mails by which passwords are set. The secret of one is made when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "occasion", rename_all = "snake_case", deny_unknown_fields)]
pub enum MailToSend {
    /// Somebody, it may be a stranger, says to have forgotten the password of an address, which may be nobody's.
    Forgotten {
        /// E-mail address.
        email: String,
    },
    /// An administrator has taken a password back.
    TakenBack {
        /// The client.
        client: Uuid,
        /// The user.
        user: Uuid,
    },
    /// An administrator has added a user.
    Added {
        /// The client.
        client: Uuid,
        /// The user.
        user: Uuid,
    },
}

impl MailToSend {
    /// The text of the queue's message. SQS takes the characters of XML only, and an address has no others: U+FFFE and U+FFFF, which JSON takes as they are, are escaped.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn message(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string(self)?;
        Ok(text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
    }
}

/// A user.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// Identity.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// E-mail address.
    pub email: String,
    /// What the user may do.
    #[schema(value_type = RoleName)]
    pub role: Role,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Whether it has a password. Until then it can't sign in.
    pub has_password: bool,
    /// Until when a secret is good that was sent to one who has no password; absent when none was sent yet or could not be, or when it is over: add the user again to have
    /// another sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub secret_until: Option<Timestamp>,
}

/// `GET /v1/users`.
#[derive(Serialize, ToSchema)]
pub struct Users {
    /// By their addresses.
    pub users: Vec<User>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}
