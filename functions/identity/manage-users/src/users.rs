//! `/v1/users`: who there is, and what they may do.

use anyhow::Context as _;
use api::users::{MailToSend, NewUser, RoleChange, User, Users};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use identity::{Caller, Email, Role};
use platform::extract::{Authorized, Json as Body, Path};
use platform::list::{List, Page};
use platform::{Problem, clock};
use records::clients;
use records::users::{self, Added, Changed, ListedUser, MAX_USERS, Wanted};
use uuid::Uuid;

use crate::{Context, mails, sessions};

pub(crate) async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Users>, Problem> {
    still_administers(&context, &caller).await?;
    let after: Option<String> = list.after()?;
    let wanted = Wanted {
        role: list.text("role"),
        has_password: list.parsed("has_password")?,
        search: list.text("search"),
        after: after.as_deref(),
    };
    let found = users::list(&context.database, caller.client, &wanted, list.most()).await;
    let found = found.context("list users")?;
    let secrets = context.registry.secrets_of(caller.client, clock::now()).await;
    let secrets = secrets.context("list secrets")?;
    let told = |user: ListedUser| {
        let until = secrets.get(&user.id).filter(|_| !user.has_password).copied();
        response(user).map(|told| User {
            secret_until: until,
            ..told
        })
    };
    let keyed = found.rows.into_iter().map(|user| Ok((user.email.clone(), told(user)?)));
    let keyed: Result<Vec<(String, User)>, Problem> = keyed.collect();
    let Page { items: users, next } = list.page(keyed?, found.reached)?;
    Ok(Json(Users { users, next }))
}

pub(crate) async fn add(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(NewUser { email, role }): Body<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let email: Email = email
        .parse()
        .map_err(|error| Problem::invalid(format!("/email: {error}")))?;
    may_grant(&caller, role)?;
    let (client, now) = (caller.client, clock::now());
    // Before it is looked whose the address is: who tries which are taken is counted as well.
    mails::allow(&context, client, &email, now).await?;
    let added = users::add(&context.database, client, caller.user, &email, role).await;
    let added = match added.context("add a user") {
        Ok(Added::Now(user) | Added::Before(user)) => Ok(user),
        Ok(Added::Taken) => Err(taken()),
        Ok(Added::NotAllowed) => Err(no_longer_allowed()),
        Ok(Added::TooMany) => Err(Problem::conflict(format!("there may be {MAX_USERS} users"))
            .hint("remove users who are gone: DELETE /v1/users/{id}")),
        Err(failed) => Err(failed.into()),
    };
    let user = match added {
        Ok(user) => user,
        Err(problem) => {
            mails::give_back(&context, client, &email, now).await?;
            return Err(problem);
        }
    };
    mails::send(&context, client, &MailToSend::Added { client, user: user.id }).await?;
    tracing::info!(%client, user = %user.id, role = role.name(), by = %caller.user, "added a user");
    Ok((StatusCode::CREATED, Json(response(user)?)))
}

pub(crate) async fn change_role(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    Body(RoleChange { role }): Body<RoleChange>,
) -> Result<Json<User>, Problem> {
    may_grant(&caller, role)?;
    let (client, user) = (caller.client, id_of(&id)?);
    let changed = users::change_role(&context.database, client, caller.user, user, role).await;
    let changed = made(changed.context("change a role")?, &id)?;
    let told = context
        .registry
        .change_role_of_sessions(client, user, role.name())
        .await;
    told.context("change the role of sessions")?;
    sessions::disconnect(&context, client, user, clock::now()).await?;
    tracing::info!(%client, %user, role = role.name(), by = %caller.user, "changed a user's role");
    Ok(Json(response(changed)?))
}

pub(crate) async fn remove(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let (client, user) = (caller.client, id_of(&id)?);
    let removed = users::remove(&context.database, client, caller.user, user).await;
    let removed = removed.context("remove a user")?;
    // Also of one that is not there any more: the call before may have come no further.
    if matches!(removed, Changed::Made(_) | Changed::NotFound) {
        sessions::end(&context, client, user, clock::now()).await?;
        let forgotten = context.registry.forget_secret(client, user).await;
        forgotten.context("forget a secret")?;
    }
    let removed = made(removed, &id)?;
    // What was tried with an address that is another organisation's user's is none of ours to forget.
    if removed.has_accepted {
        let forgotten = context.registry.forget_address(&removed.email).await;
        forgotten.context("forget an address")?;
    }
    tracing::info!(%client, %user, by = %caller.user, "removed a user");
    Ok(StatusCode::NO_CONTENT)
}

/// Nobody gives a role that may more than their own.
fn may_grant(caller: &Caller, role: Role) -> Result<(), Problem> {
    if caller.role.may_grant(role) {
        return Ok(());
    }
    let (own, other) = (caller.role.name(), role.name());
    Err(
        Problem::forbidden(format!("the role {own:?} may not give the role {other:?}"))
            .hint("only the provider of the engine makes operators"),
    )
}

/// What was changed, or why nothing was.
fn made(changed: Changed, id: &str) -> Result<ListedUser, Problem> {
    match changed {
        Changed::Made(user) => Ok(user),
        Changed::NotFound => Err(no_user(id)),
        Changed::NotAllowed => Err(no_longer_allowed()),
        Changed::LastAdministrator => Err(Problem::conflict(
            "an organisation has one administrator with a password at least",
        )
        .hint("make another user an administrator first: PUT /v1/users/{id}/role")),
        Changed::Operator => Err(
            Problem::forbidden("an operator's role is not an organisation's to change")
                .hint("only the provider of the engine makes operators; one can be removed"),
        ),
    }
}

/// Refuses who is no administrator any more, though the token still says so.
pub(crate) async fn still_administers(context: &Context, caller: &Caller) -> Result<(), Problem> {
    let role = clients::role_of(&context.database, caller.client, caller.user).await;
    let role = role.context("read a user's role")?;
    if role.as_deref() == Some(Role::Admin.name()) {
        return Ok(());
    }
    Err(no_longer_allowed())
}

fn no_longer_allowed() -> Problem {
    Problem::unauthenticated("the token's user is no administrator any more")
        .hint("POST /v1/refresh-token gives a token of the role that is in force")
}

pub(crate) fn taken() -> Problem {
    Problem::conflict("the address belongs to a user of this organisation already, or to one of another who has set a password with it")
        .hint("GET /v1/users lists those of this one; a role is changed with PUT /v1/users/{id}/role, and another address is another user")
}

pub(crate) fn no_user(id: &str) -> Problem {
    Problem::not_found("user", id)
}

pub(crate) fn id_of(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| no_user(id))
}

fn response(user: ListedUser) -> Result<User, Problem> {
    let ListedUser {
        id,
        email,
        role,
        created_at,
        has_password,
        ..
    } = user;
    let role = role.parse().context("read a user's role")?;
    Ok(User {
        id,
        email,
        role,
        created_at,
        has_password,
        secret_until: None,
    })
}
