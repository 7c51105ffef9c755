//! A body as it was before its sender packed it.

use std::io::Read as _;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use platform::Problem;

use crate::{MAX_BODY_BYTES, body_too_large};

/// The body, unpacked where it is packed by gzip: never further than a body may be long.
pub(crate) fn unpacked(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Problem> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(body);
    };
    let encoding = encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    match encoding.as_str() {
        "" | "identity" => return Ok(body),
        "gzip" | "x-gzip" => {}
        other => {
            return Err(Problem::unsupported(format!("Content-Encoding: {other:?} is not read"))
                .hint("send the body as it is, or packed by gzip"));
        }
    }
    let mut unpacked = Vec::new();
    let most = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body.as_ref())
        .take(most)
        .read_to_end(&mut unpacked)
        .map_err(|error| Problem::malformed(format!("the body is not gzip, as its Content-Encoding says: {error}")))?;
    if unpacked.len() > MAX_BODY_BYTES {
        return Err(body_too_large(unpacked.len()));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_unpacked_and_bounded() {
        let events = b"[{\"a\":1}]".as_slice();
        let bomb = vec![b' '; 64 * 1024 * 1024];
        for (name, encoding, body, expected) in [
            ("as it is", None, events.to_vec(), Ok(events)),
            ("identity", Some("identity"), events.to_vec(), Ok(events)),
            ("gzip", Some("gzip"), packed(events), Ok(events)),
            ("in capitals", Some("GZIP"), packed(events), Ok(events)),
            ("no gzip", Some("gzip"), events.to_vec(), Err(400)),
            ("cut off", Some("gzip"), packed(events)[..20].to_vec(), Err(400)),
            ("a bomb", Some("gzip"), packed(&bomb), Err(413)),
            ("another", Some("br"), events.to_vec(), Err(415)),
            ("twice", Some("gzip, gzip"), events.to_vec(), Err(415)),
        ] {
            let headers =
                HeaderMap::from_iter(encoding.map(|value| (header::CONTENT_ENCODING, value.parse().unwrap())));
            let unpacked = unpacked(&headers, body.into());
            let seen = unpacked.as_deref().map_err(|problem| problem.status);
            assert_eq!(seen, expected, "{name}");
        }
    }
}
