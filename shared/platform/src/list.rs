//! Lists: which page is asked for and by which filters, and the page that is answered, with where the next one begins.
//!
//! All lists keep the same rules. A page goes on after the last item of the one before, by the list's own order, which is total: whatever is added or removed
//! meanwhile, what was there all the time is listed once. `next` is there as long as there may be more.

mod cursor;
mod search;

use std::collections::BTreeMap;
use std::str::FromStr;

use ::http::StatusCode;
use ::http::request::Parts;
use anyhow::Context as _;
use axum::extract::FromRequestParts;
use jiff::Timestamp;
use route::list::DEFAULT_LIMIT;
use route::{Form, Parameter, Place, Route};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::Problem;
use crate::extract::Authorized;
use crate::http::{MAX_ANSWER_BYTES, payload_bytes};
use crate::query::Pairs;
use cursor::{Unfit, Walk};

pub use search::Search;

/// The most bytes of a page's items, counted as Lambda counts its answer. The largest item, a dead letter of 16 KB in which every byte is escaped twice, has 112 KB.
const MAX_PAGE_BYTES: usize = MAX_ANSWER_BYTES - 1024 * 1024;

/// What is asked of a list: a page of it, by filters that its route describes. Each was given once, is not empty, and has the form that the route says.
#[derive(Debug)]
pub struct List {
    walk: Walk,
    limit: usize,
    after: Option<Vec<u8>>,
    given: BTreeMap<&'static str, String>,
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// The `cursor` of the next page, when there may be one.
    pub next: Option<String>,
}

impl List {
    fn read(
        takes: &'static [Parameter],
        client: Uuid,
        path: &str,
        pairs: &[(String, String)],
    ) -> Result<Self, Problem> {
        let mut rest = Pairs::new(pairs, 0, 0)?;
        let mut given = BTreeMap::new();
        for parameter in takes.iter().filter(|parameter| parameter.place == Place::Query) {
            if let Some(value) = rest.take(parameter.name) {
                given.insert(parameter.name, checked(parameter, value)?);
            }
        }
        rest.finish()?;
        let (limit, cursor) = (
            given.remove(Parameter::LIMIT.name),
            given.remove(Parameter::CURSOR.name),
        );
        let walk = Walk::new(client, path, &given);
        let limit = limit
            .map_or(Ok(DEFAULT_LIMIT), |limit| limit.parse())
            .context("read a limit")?;
        let after = cursor.map(|cursor| walk.key(&cursor)).transpose().map_err(unfit)?;
        let list = Self {
            walk,
            limit: usize::try_from(limit).context("read a limit")?,
            after,
            given,
        };
        if let (Some(from), Some(to)) = (list.parsed::<Timestamp>("from")?, list.parsed("to")?)
            && from >= to
        {
            return Err(Problem::invalid("`from` is not before `to`"));
        }
        Ok(list)
    }

    /// The items that the page has at most.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// One more than the page has at most: who looks for so many knows whether others follow.
    #[must_use]
    pub fn most(&self) -> i64 {
        i64::try_from(self.limit).map_or(i64::MAX, |limit| limit.saturating_add(1))
    }

    /// What a filter says, if it is there.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// What a filter says as a type, if it is there.
    ///
    /// # Errors
    /// When it can't be read as one.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let read = text.parse().map(Some);
        read.map_err(|_| Problem::malformed(format!("`{name}` is {text:?}, which can't be read")))
    }

    /// What is looked for in the texts of items, if anything is.
    #[must_use]
    pub fn search(&self) -> Option<Search> {
        self.text("search").map(Search::new)
    }

    /// The key of the item that the page goes on after, if it is not the first.
    ///
    /// # Errors
    /// When the list's items have other keys by now.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let key = self.after.as_deref().map(serde_json::from_slice).transpose();
        key.map_err(|_| unfit(Unfit::Broken))
    }

    /// The page of items that were found after [`List::after`], each with its key. There is a next page when there are more than [`List::limit`], when the rest
    /// would not fit an answer, and when nothing was looked at beyond the key `reached`.
    ///
    /// # Errors
    /// When an item can't be written as JSON.
    pub fn page<K: Serialize, T: Serialize>(
        &self,
        found: impl IntoIterator<Item = (K, T)>,
        reached: Option<K>,
    ) -> Result<Page<T>, Problem> {
        let mut items: Vec<T> = Vec::new();
        let (mut last, mut bytes) = (None, 0);
        for (key, item) in found {
            bytes += payload_bytes(&serde_json::to_vec(&item).context("write an item of a list")?);
            if items.len() >= self.limit || (bytes > MAX_PAGE_BYTES && !items.is_empty()) {
                return Ok(Page {
                    items,
                    next: last.map(|last| self.cursor(&last)).transpose()?,
                });
            }
            items.push(item);
            last = Some(key);
        }
        Ok(Page {
            items,
            next: reached.map(|reached| self.cursor(&reached)).transpose()?,
        })
    }

    fn cursor(&self, key: &impl Serialize) -> Result<String, Problem> {
        let key = serde_json::to_vec(key).context("write a key of a list")?;
        Ok(self.walk.cursor(&key))
    }
}

impl<S: Sync> FromRequestParts<S> for List {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Authorized(caller) = Authorized::from_request_parts(parts, state).await?;
        let route = parts.extensions.get::<&'static Route>().copied();
        let route = route.context("a list is asked for, and its route is not known")?;
        // The guard of the route has read it as pairs before.
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let axum::extract::Query(pairs) = pairs.map_err(|_| Problem::malformed("the query string can't be read"))?;
        Self::read(route.parameters, caller.client, parts.uri.path(), &pairs)
    }
}

/// The first time that is looked for: the year 1.
const FIRST_TIME: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// The value of a parameter in the one way that it is written, when it has the parameter's form.
fn checked(parameter: &Parameter, value: &str) -> Result<String, Problem> {
    let Parameter { name, form, .. } = *parameter;
    let refused = |why: &str| Err(Problem::malformed(format!("`{name}` is {value:?}{why}")).hint(allowed(parameter)));
    if value.is_empty() {
        return Err(
            Problem::malformed(format!("`{name}` is empty")).hint(format!("{}, or leave it out", allowed(parameter)))
        );
    }
    match form {
        Form::Whole(least, most) => match value.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number.to_string()),
            _ => refused(""),
        },
        Form::Uuid => match value.parse::<Uuid>() {
            Ok(id) => Ok(id.to_string()),
            Err(_) => refused(", which is no UUID"),
        },
        Form::Time => {
            let given = [(name.to_owned(), value.to_owned())];
            match Pairs::new(&given, 0, 0)?.time(name)? {
                // Databases know no time that is long before.
                Some(time) if time < FIRST_TIME => refused(", which is before our era"),
                Some(time) => Ok(time.to_string()),
                None => refused(", which is no time"),
            }
        }
        Form::OneOf(words) if !words.contains(&value) => refused(""),
        Form::Within(_) if value.contains('\0') => {
            Err(Problem::malformed(format!("`{name}` contains the character U+0000")).hint(allowed(parameter)))
        }
        Form::Within(most) if value.chars().nth(most).is_some() => {
            let length = value.chars().count();
            Err(Problem::malformed(format!("`{name}` has {length} characters")).hint(allowed(parameter)))
        }
        Form::OneOf(_) | Form::Within(_) | Form::Text | Form::Like(_) | Form::ByKey => Ok(value.to_owned()),
    }
}

/// What may stand for a parameter, in words.
fn allowed(parameter: &Parameter) -> String {
    match parameter.form {
        Form::Whole(least, most) => format!("give a whole number from {least} to {most}"),
        Form::Uuid => "give a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91".to_owned(),
        Form::Time => "give an RFC 3339 time, such as 2026-01-01T00:00:00Z; a + in an offset is written %2B".to_owned(),
        Form::OneOf(words) => format!("give one of {}", words.join(", ")),
        Form::Within(most) => format!("give 1 to {most} characters"),
        Form::Like(_) if parameter.name == Parameter::CURSOR.name => "give `next` of the page before".to_owned(),
        Form::Text | Form::Like(_) | Form::ByKey => "give a value".to_owned(),
    }
}

fn unfit(unfit: Unfit) -> Problem {
    let (detail, hint) = match unfit {
        Unfit::Broken => (
            "`cursor` is none that a list has answered: it was changed, or cut off",
            "give `next` of the page before as it is, or leave `cursor` out to begin anew",
        ),
        Unfit::OtherList => (
            "`cursor` is of another list, or of another organisation's",
            "give `next` of the page before, or leave `cursor` out to begin anew",
        ),
        Unfit::OtherFilters => (
            "`cursor` is of the same list by other filters",
            "repeat the filters of the page before, or leave `cursor` out to begin anew; `limit` may differ",
        ),
    };
    Problem::new(
        StatusCode::BAD_REQUEST,
        "unfit-cursor",
        "The cursor does not fit",
        detail,
    )
    .hint(hint)
}

#[cfg(test)]
mod tests;
