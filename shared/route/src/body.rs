//! What a route takes and answers, as a type that OpenAPI can describe.

use std::borrow::Cow;

use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// The JSON body of a request or an answer, by its Rust type.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// The type's name among the document's components.
    pub name: fn() -> Cow<'static, str>,
    /// The type's schema.
    pub schema: fn() -> RefOr<Schema>,
    /// Adds the schemas of the types that it is made of.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
    /// Whether the items of a list may also come one a line, as `application/x-ndjson`.
    pub lines: bool,
}

/// What is answered when all is well.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body; `None` where no type describes it.
    pub body: Option<Body>,
    /// Another status with the same body.
    pub or: Option<u16>,
    /// What it is as `text/plain`, where who asks may have it so.
    pub text: Option<&'static str>,
}

impl Body {
    /// A body of this type.
    #[must_use]
    pub const fn of<T: ToSchema>() -> Self {
        Self {
            name: T::name,
            schema: T::schema,
            parts: T::schemas,
            lines: false,
        }
    }

    /// The same, a list whose items may also come one a line.
    #[must_use]
    pub const fn or_lines(self) -> Self {
        Self { lines: true, ..self }
    }
}

impl Answer {
    /// 200, with a body that no type describes.
    pub const UNTYPED: Self = Self {
        status: 200,
        body: None,
        or: None,
        text: None,
    };

    /// 204: it is done, and there is nothing to say.
    pub const NO_CONTENT: Self = Self {
        status: 204,
        body: None,
        or: None,
        text: None,
    };

    /// 202: it will be done, and there is nothing to say.
    pub const ACCEPTED: Self = Self {
        status: 202,
        body: None,
        or: None,
        text: None,
    };

    /// 200: here it is.
    #[must_use]
    pub const fn ok<T: ToSchema>() -> Self {
        Self::with::<T>(200)
    }

    /// The same, and the same body with another status.
    #[must_use]
    pub const fn or(self, status: u16) -> Self {
        Self {
            or: Some(status),
            ..self
        }
    }

    /// The same, and what it is as `text/plain`.
    #[must_use]
    pub const fn or_text(self, description: &'static str) -> Self {
        Self {
            text: Some(description),
            ..self
        }
    }

    /// 201: it is made.
    #[must_use]
    pub const fn created<T: ToSchema>() -> Self {
        Self::with::<T>(201)
    }

    /// 202: it will be done.
    #[must_use]
    pub const fn accepted<T: ToSchema>() -> Self {
        Self::with::<T>(202)
    }

    const fn with<T: ToSchema>(status: u16) -> Self {
        Self {
            status,
            body: Some(Body::of::<T>()),
            or: None,
            text: None,
        }
    }
}
