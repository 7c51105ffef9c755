//! Cursors: where the next page of a list begins, in a text that fits this list and these filters alone.
//!
//! A cursor is no secret and gives no access: every statement that goes on from one names its client. What it is sealed with keeps mistakes out, such as a cursor
//! that was cut off, or is of another list, because a page from a place that is none would leave items out in silence.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// What cursors of this form are sealed with. One of another form does not fit, and a walk begins anew.
const FORM: Uuid = Uuid::from_u128(0x7c0d_52b1_9e1f_4d8a_8f1e_6a1f_3d52_0001);

/// Bytes of each fingerprint.
const FINGERPRINT_BYTES: usize = 8;

/// Bytes before the key: the seal, the list's and the filters' fingerprint.
const HEAD_BYTES: usize = 3 * FINGERPRINT_BYTES;

type Fingerprint = [u8; FINGERPRINT_BYTES];

/// The list that a cursor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// Whose list it is, and which.
    list: Fingerprint,
    /// What is listed of it.
    filters: Fingerprint,
}

/// Why a cursor can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is none, or was changed.
    Broken,
    /// It is of another list, or of another client's.
    OtherList,
    /// It is of the same list by other filters.
    OtherFilters,
}

impl Walk {
    /// Over the list that a path names, of a client, by filters.
    pub(super) fn new(client: Uuid, path: &str, filters: &BTreeMap<&'static str, String>) -> Self {
        let mut all = Vec::new();
        for (name, value) in filters {
            // Neither has this byte in it, so no two sets of filters are written alike.
            all.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
        }
        Self {
            list: fingerprint(client, path.as_bytes()),
            filters: fingerprint(FORM, &all),
        }
    }

    /// The cursor that goes on after a key.
    pub(super) fn cursor(self, key: &[u8]) -> String {
        let sealed = [&self.list, &self.filters, key].concat();
        let seal = fingerprint(FORM, &sealed);
        URL_SAFE_NO_PAD.encode([&seal[..], &sealed].concat())
    }

    /// The key that a cursor goes on after.
    pub(super) fn key(self, cursor: &str) -> Result<Vec<u8>, Unfit> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Unfit::Broken)?;
        let (seal, sealed) = bytes.split_at_checked(FINGERPRINT_BYTES).ok_or(Unfit::Broken)?;
        if bytes.len() < HEAD_BYTES || seal != fingerprint(FORM, sealed) {
            return Err(Unfit::Broken);
        }
        let (list, rest) = sealed.split_at(FINGERPRINT_BYTES);
        let (filters, key) = rest.split_at(FINGERPRINT_BYTES);
        if list != self.list {
            return Err(Unfit::OtherList);
        }
        if filters != self.filters {
            return Err(Unfit::OtherFilters);
        }
        Ok(key.to_owned())
    }
}

fn fingerprint(of: Uuid, bytes: &[u8]) -> Fingerprint {
    let whole = Uuid::new_v5(&of, bytes).into_bytes();
    let mut first = [0; FINGERPRINT_BYTES];
    first.copy_from_slice(&whole[..FINGERPRINT_BYTES]);
    first
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const OURS: Uuid = Uuid::from_u128(1);
    const THEIRS: Uuid = Uuid::from_u128(2);

    fn by(filters: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
        filters
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_cursor_fits_its_own_walk_alone() {
        let walk = Walk::new(OURS, "/v1/kpis", &by(&[("module", "a"), ("unit", "b")]));
        let cursor = walk.cursor(b"\"FLIGHTS\"");
        for (client, path, filters, expected) in [
            (
                OURS,
                "/v1/kpis",
                by(&[("unit", "b"), ("module", "a")]),
                Ok(b"\"FLIGHTS\"".to_vec()),
            ),
            (OURS, "/v1/kpis", by(&[("module", "a")]), Err(Unfit::OtherFilters)),
            (
                OURS,
                "/v1/kpis",
                by(&[("module", "b"), ("unit", "a")]),
                Err(Unfit::OtherFilters),
            ),
            (
                OURS,
                "/v1/kpis",
                by(&[("module", "au"), ("nit", "b")]),
                Err(Unfit::OtherFilters),
            ),
            (
                OURS,
                "/v1/entities",
                by(&[("module", "a"), ("unit", "b")]),
                Err(Unfit::OtherList),
            ),
            (
                THEIRS,
                "/v1/kpis",
                by(&[("module", "a"), ("unit", "b")]),
                Err(Unfit::OtherList),
            ),
        ] {
            assert_eq!(
                Walk::new(client, path, &filters).key(&cursor),
                expected,
                "{client} {path} {filters:?}"
            );
        }
    }

    #[test]
    fn a_cursor_that_was_changed_anywhere_is_none() {
        let walk = Walk::new(OURS, "/v1/kpis", &by(&[]));
        let cursor = walk.cursor(b"[1,\"two\"]");
        for position in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert!(
                walk.key(std::str::from_utf8(&changed).unwrap()).is_err(),
                "at {position}"
            );
            assert_eq!(
                walk.key(&cursor[..position]),
                Err(Unfit::Broken),
                "cut off at {position}"
            );
        }
        for text in ["", "next", "0", "é", "====", &cursor.repeat(2), &format!("{cursor}A")] {
            assert_eq!(walk.key(text), Err(Unfit::Broken), "{text}");
        }
    }
}
