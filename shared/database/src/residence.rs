//! Where clients live: at home, which is the database that a function is given, or in a cell, which is another one.
//!
//! Each database says itself who lives in it, and every transaction of a client asks with its BEGIN (`core.enter`), in one round trip. Who has moved away is
//! followed to where it went; nothing has been done by then. What is known here of who lives where only saves the detour: it need not be right.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::join_all;
use uuid::Uuid;

use crate::tls::Authorities;
use crate::{Database, Error, Session};

/// Most cells beside home: identities of entities, of which there are 2^31, are given out from 64 ranges.
pub const MAX_CELLS: usize = 63;

/// Identities of entities that each database can give out.
pub const MAX_ENTITIES_OF_A_CELL: i32 = 33_554_432;

/// Most clients of cells that a function remembers the place of: 60 bytes each.
const MAX_KNOWN: usize = 10_000;

/// How often a client is followed to where it went: it moves far slower than that.
const MAX_FORWARDS: usize = 8;

/// What the name of a connection ends with that was given cells. No client moves while there are others: they don't ask where it lives.
pub const KNOWS_CELLS: &str = " with cells";

/// Name of the home database in messages; cells can't have it.
pub const HOME: &str = "home";

/// Where a client lives, and since which of its moves. The default is at home, from where it never moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Residence {
    /// 0 for home, else the position of the cell among those that the function is given, from 1.
    pub(crate) cell: usize,
    /// Grows by one with each move.
    pub generation: i64,
}

impl Residence {
    /// The database alone: clients with the same one are read together.
    #[must_use]
    pub const fn place(self) -> Self {
        Self { generation: 0, ..self }
    }
}

/// The cells that a function is given.
#[derive(Default)]
pub(crate) struct Cells {
    others: Vec<(String, Database)>,
    /// Clients that don't live at home, or did not at some time.
    known: Mutex<BTreeMap<Uuid, Residence>>,
}

impl Cells {
    /// Reads `name=url` pairs, separated by white space or commas.
    pub(crate) fn read(text: &str, role: &str, authorities: &Authorities) -> Result<Self, Error> {
        let pairs = text.split([' ', ',', '\n', '\t']).filter(|pair| !pair.is_empty());
        let mut others: Vec<(String, Database)> = Vec::new();
        for pair in pairs {
            let unreadable = |cause: &str| Error::Address(format!("of a cell: {cause}"));
            let (name, url) = pair
                .split_once('=')
                .ok_or_else(|| unreadable("it is not written as name=url"))?;
            let is_name =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
            if name.is_empty() || !name.chars().all(is_name) || name == HOME {
                return Err(unreadable(
                    "a name is of small letters, digits, - and _, and not \"home\"",
                ));
            }
            if others.iter().any(|(known, _)| known == name) {
                return Err(unreadable("two have the same name"));
            }
            others.push((name.to_owned(), Database::at(url, role, authorities)?));
        }
        if others.len() > MAX_CELLS {
            return Err(Error::Address(format!("of cells: there are more than {MAX_CELLS}")));
        }
        Ok(Self {
            others,
            known: Mutex::default(),
        })
    }

    /// The same, with each database changed.
    pub(crate) fn map(&self, change: impl Fn(Database) -> Database) -> Self {
        let others = self.others.iter();
        Self {
            others: others
                .map(|(name, database)| (name.clone(), change(database.clone())))
                .collect(),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Uuid, Residence>> {
        // What is known is whole at every moment, whoever panicked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn residence(&self, client: Uuid) -> Residence {
        if self.others.is_empty() {
            return Residence::default();
        }
        self.known().get(&client).copied().unwrap_or_default()
    }

    /// Remembers where a client went.
    fn follow(&self, client: Uuid, moved: &Moved) -> Result<(), Error> {
        let position = self.others.iter().position(|(name, _)| *name == moved.to);
        let cell = match position {
            _ if self.others.is_empty() => None,
            None if moved.to.is_empty() => Some(0),
            position => position.map(|position| position + 1),
        };
        let cell = cell.ok_or_else(|| Error::Elsewhere(moved.to.clone()))?;
        let residence = Residence {
            cell,
            generation: moved.generation,
        };
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(client, residence);
        Ok(())
    }
}

/// Where a database says that a client went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Name of the cell; empty for home.
    pub(crate) to: String,
    pub(crate) generation: i64,
}

impl Moved {
    /// Reads what `core.enter` tells: the generation and the name.
    pub(crate) fn read(detail: &str) -> Option<Self> {
        let (generation, to) = detail.split_once(' ')?;
        Some(Self {
            to: to.to_owned(),
            generation: generation.parse().ok()?,
        })
    }
}

crate::row! {
    struct Whereabouts {
        client_id: Uuid,
        generation: i64,
        gone_to: String,
        arriving: Option<i64>,
    }
}

impl Database {
    /// The same database as home, with cells as `name=url` pairs that are separated by white space or commas.
    ///
    /// # Errors
    /// When one can't be read, or there are more than [`MAX_CELLS`].
    pub fn with_cells(self, cells: &str) -> Result<Self, Error> {
        let mut cells = Cells::read(cells, self.role(), &self.authorities)?;
        if cells.others.is_empty() {
            return Ok(self);
        }
        let told = |database: &Self| {
            Ok::<_, Error>(Self {
                timeouts: self.timeouts,
                statements: Arc::clone(&self.statements),
                enters: true,
                ..database.renamed(&format!("{}{KNOWS_CELLS}", self.role()))?
            })
        };
        for (_, database) in &mut cells.others {
            *database = told(database)?;
        }
        Ok(Self {
            cells: Arc::new(cells),
            ..told(&self)?
        })
    }

    /// The home database alone, for what of a client stays there wherever it lives: itself, its users and its licences.
    #[must_use]
    pub fn at_home(&self) -> Self {
        Self {
            cells: Arc::default(),
            enters: false,
            ..self.clone()
        }
    }

    /// Home and each cell, by their names: each by itself, for work over all clients that live there.
    pub fn each(&self) -> impl Iterator<Item = (&str, Self)> {
        let home = Self {
            cells: Arc::default(),
            ..self.clone()
        };
        let others = self.cells.others.iter();
        std::iter::once((HOME, home)).chain(others.map(|(name, database)| (name.as_str(), database.clone())))
    }

    /// Works over all clients of home and of each cell, each database by itself and at the same time; what became of each, by its name.
    pub async fn in_each<T, E>(&self, work: impl AsyncFn(Self) -> Result<T, E>) -> Vec<(&str, Result<T, E>)> {
        let work = &work;
        let each = self
            .each()
            .map(|(name, database)| async move { (name, work(database).await) }.boxed_local());
        join_all(each).await
    }

    /// The home database or a cell by its name, by itself.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(&self, name: &str) -> Result<Self, Error> {
        let found = self.each().find(|(known, _)| *known == name);
        found.map(|(_, database)| database).ok_or_else(|| Error::UnknownCell {
            name: name.to_owned(),
            known: self.each().map(|(known, _)| known.to_owned()).collect(),
        })
    }

    /// Name of the database of a residence.
    #[must_use]
    pub fn name_of(&self, residence: Residence) -> &str {
        let other = residence.cell.checked_sub(1).and_then(|at| self.cells.others.get(at));
        other.map_or(HOME, |(name, _)| name)
    }

    /// Whether there are cells.
    #[must_use]
    pub fn has_cells(&self) -> bool {
        !self.cells.others.is_empty()
    }

    /// The connection to where a client lives, in the role of this database and with no client set. Whether it still lives there is not asked: who reads without a
    /// transaction knows it from [`Self::residences`] or [`Session::residence`].
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn session_at(&self, residence: Residence) -> Result<Session, Error> {
        let other = residence
            .cell
            .checked_sub(1)
            .and_then(|position| self.cells.others.get(position));
        let session = match other {
            Some((name, database)) => database.session().await.map_err(|error| error.of_cell(name))?,
            None => self.session().await?,
        };
        Ok(session.at(residence))
    }

    /// Where a client lives as far as it is known here; a transaction finds out.
    pub(crate) fn residence(&self, client: Uuid) -> Residence {
        self.cells.residence(client)
    }

    /// Notes where a client went. Fails where nobody can follow it, or has been following it in circles.
    pub(crate) fn follow(&self, client: Uuid, moved: &Moved, forwards: usize) -> Result<(), Error> {
        if forwards >= MAX_FORWARDS {
            return Err(Error::Elsewhere(moved.to.clone()));
        }
        self.cells.follow(client, moved)
    }

    /// Where clients live, asked of the databases: one statement of each in which some were known to be, and again for those that moved. Without cells no
    /// statement is needed.
    ///
    /// # Errors
    /// When a statement fails, or a client lives where this function can't follow it.
    pub async fn residences(&self, clients: &[Uuid]) -> Result<BTreeMap<Uuid, Residence>, Error> {
        let (found, outcome) = self.residences_of_each(clients).await;
        outcome.map(|()| found)
    }

    /// As [`Self::residences`], and those that are found when others are not: a database that fails keeps only its own clients from being found.
    pub async fn residences_of_each(&self, clients: &[Uuid]) -> (BTreeMap<Uuid, Residence>, Result<(), Error>) {
        let (mut found, mut outcome) = (BTreeMap::new(), Ok(()));
        if !self.has_cells() {
            found.extend(clients.iter().map(|client| (*client, Residence::default())));
            return (found, outcome);
        }
        let mut open: Vec<Uuid> = clients.to_vec();
        for forwards in 0..=MAX_FORWARDS {
            let mut by_cell: BTreeMap<usize, Vec<Uuid>> = BTreeMap::new();
            for client in open.drain(..) {
                by_cell.entry(self.residence(client).cell).or_default().push(client);
            }
            for (cell, clients) in by_cell {
                let away = match self.elsewhere(cell, &clients).await {
                    Ok(away) => away,
                    Err(error) => {
                        outcome = Err(error);
                        continue;
                    }
                };
                found.extend(clients.iter().map(|client| (*client, self.residence(*client))));
                for Whereabouts {
                    client_id,
                    generation,
                    gone_to: to,
                    ..
                } in away
                {
                    found.remove(&client_id);
                    match self.follow(client_id, &Moved { to, generation }, forwards) {
                        Ok(()) => open.push(client_id),
                        Err(error) => outcome = Err(error),
                    }
                }
            }
            if open.is_empty() {
                break;
            }
        }
        (found, outcome)
    }

    /// Which of some clients, that were known to live in a database, do not.
    async fn elsewhere(&self, cell: usize, clients: &[Uuid]) -> Result<Vec<Whereabouts>, Error> {
        let session = self.session_at(Residence { cell, generation: 0 }).await?;
        let sql = "SELECT client_id, generation, gone_to, arriving FROM core.elsewhere($1)";
        let mut away: Vec<Whereabouts> = session.rows(sql, &[&clients]).await?;
        away.retain(|client| {
            let known = self.residence(client.client_id).generation;
            client.arriving.is_none_or(|arriving| known < arriving)
        });
        Ok(away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_not_known_is_told_with_those_that_are() {
        let url = "postgres://app@127.0.0.1/x";
        let database = Database::new(url, "app").and_then(|home| home.with_cells(&format!("a={url} b={url}")));
        let refused = database
            .and_then(|database| database.named("c"))
            .err()
            .map(|error| error.to_string());
        assert_eq!(
            refused.as_deref(),
            Some(r#"there is no cell "c": DATABASE_CELLS names home, a, b"#)
        );
    }

    #[test]
    fn cells_are_read_with_their_names() {
        let url = "postgres://app@127.0.0.1/x";
        for (text, names) in [
            (String::new(), Some(vec![])),
            (
                format!(" a={url},\n b-2={url}?sslmode=disable "),
                Some(vec!["a", "b-2"]),
            ),
            (format!("a={url} a={url}"), None),
            (format!("home={url}"), None),
            (format!("A={url}"), None),
            (url.to_owned(), None),
        ] {
            let read = Authorities::of("")
                .and_then(|trusted| Cells::read(&text, "app", &trusted))
                .ok();
            let read: Option<Vec<&str>> = read
                .as_ref()
                .map(|cells| cells.others.iter().map(|(name, _)| name.as_str()).collect());
            assert_eq!(read, names, "{text}");
        }
    }

    #[test]
    fn a_client_is_followed_to_what_is_known() {
        let url = "postgres://app@127.0.0.1/x";
        let cells = Authorities::of("")
            .and_then(|trusted| Cells::read(&format!("a={url} b={url}"), "app", &trusted))
            .unwrap_or_default();
        let client = Uuid::from_u128(1);
        for (detail, found) in [
            ("1 b", Some(Residence { cell: 2, generation: 1 })),
            ("2 ", Some(Residence { cell: 0, generation: 2 })),
            ("3 c", None),
        ] {
            let moved = Moved::read(detail).unwrap_or_else(|| Moved {
                to: String::new(),
                generation: 0,
            });
            let followed = cells.follow(client, &moved);
            assert_eq!(followed.is_ok().then(|| cells.residence(client)), found, "{detail}");
        }
        assert!(
            Cells::default()
                .follow(
                    client,
                    &Moved {
                        to: String::new(),
                        generation: 0
                    }
                )
                .is_err()
        );
        assert_eq!(Moved::read("of no form"), None);
    }
}
