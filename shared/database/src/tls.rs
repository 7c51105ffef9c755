//! The way to a server that is on another machine: encrypted always, and only to one whose certificate names it and is of an authority that is trusted.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
pub(crate) struct Authorities(Arc<ClientConfig>);

impl Authorities {
    /// The certificates of a PEM text and no others, or, of an empty one, those that browsers trust.
    pub(crate) fn of(pem: &str) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        if pem.trim().is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        } else {
            let unreadable = |cause: &dyn std::fmt::Display| Error::Authority(cause.to_string());
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|cause| unreadable(&cause))?;
                roots.add(certificate).map_err(|cause| unreadable(&cause))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"there is no certificate in it"));
            }
        }
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn connector(&self) -> MakeRustlsConnect {
        MakeRustlsConnect::new(ClientConfig::clone(&self.0))
    }
}

/// Asks for TLS unless the server is on this machine. Whether it is used is otherwise up to the server, and so to whoever stands between.
pub(crate) fn require(config: &mut Config) -> Result<(), Error> {
    let by_name = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => is_here(name),
        Host::Unix(_) => true,
    });
    // An address wins over a name, which the certificate is held against then.
    if by_name && config.get_hostaddrs().iter().all(IpAddr::is_loopback) {
        return Ok(());
    }
    if config.get_ssl_mode() == SslMode::Disable {
        let cause = "sslmode=disable is for a server on this machine; leave it out, and name the authority of the server's certificate in DATABASE_CA if it is \
                     one of your own";
        return Err(Error::Address(cause.to_owned()));
    }
    config.ssl_mode(SslMode::Require);
    Ok(())
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_server_elsewhere_is_reached_over_tls_only() {
        for (url, expected) in [
            ("postgres://a@127.0.0.1/x", Some(SslMode::Prefer)),
            ("postgres://a@localhost/x?sslmode=disable", Some(SslMode::Disable)),
            ("postgres://a@127.0.0.1/x?sslmode=require", Some(SslMode::Require)),
            ("postgres://a@%2Fvar%2Frun/x", Some(SslMode::Prefer)),
            ("postgres://a@db.example.com/x", Some(SslMode::Require)),
            ("postgres://a@db.example.com/x?sslmode=prefer", Some(SslMode::Require)),
            ("postgres://a@db.example.com/x?sslmode=require", Some(SslMode::Require)),
            ("postgres://a@10.0.0.7/x", Some(SslMode::Require)),
            ("postgres://a@localhost,db.example.com/x", Some(SslMode::Require)),
            ("postgres://a@localhost/x?hostaddr=10.0.0.7", Some(SslMode::Require)),
            ("postgres://a@localhost.example.com/x", Some(SslMode::Require)),
            ("postgres://a@db.example.com/x?sslmode=disable", None),
            ("postgres://a@10.0.0.7/x?sslmode=disable", None),
        ] {
            let mut config: Config = url.parse().unwrap();
            let mode = require(&mut config).ok().map(|()| config.get_ssl_mode());
            assert_eq!(mode, expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        Authorities::of(" \n").unwrap();
        for text in [
            "nonsense",
            "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n",
        ] {
            let error = Authorities::of(text).unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_CA can't be read"), "{error}");
        }
    }
}
