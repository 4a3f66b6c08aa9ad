//! Which server to talk to, and what it must prove.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::http::Uri;
use wa_proto::keys::PublicKey;

/// The address of the real service.
const WHATSAPP_URL: &str = "wss://web.whatsapp.com/ws/chat";

/// The key that signs the certificate chains of the real service.
///
/// Source: observed (carried by every public client).
const WHATSAPP_ROOT_KEY: [u8; 32] = [
    0x14, 0x23, 0x75, 0x57, 0x4d, 0x0a, 0x58, 0x71, 0x66, 0xaa, 0xe7, 0x1e, 0xbe, 0x51, 0x64, 0x37, 0xc4, 0xa2, 0x8b,
    0x73, 0xe3, 0x69, 0x5c, 0x6c, 0xe1, 0xf7, 0xf9, 0x54, 0x5d, 0xa8, 0xee, 0x6b,
];

/// A server: its address, the root key of its Noise certificates, and the certificate authorities
/// that may vouch for its TLS.
///
/// Nothing else in the client knows whether it talks to the real service or to a sandbox. The
/// chain is verified in both cases. Clones share one TLS configuration, so give all clients of a
/// process clones of one endpoint.
///
/// ```
/// use wa_client::Endpoint;
/// use wa_proto::keys::PublicKey;
///
/// let root_key = PublicKey::from_bytes([9; 32]); // the sandbox prints its own
/// let endpoint = Endpoint::sandbox("ws://127.0.0.1:8080/ws/chat", root_key)?;
/// # Ok::<(), wa_client::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    address: Address,
    root_key: PublicKey,
    tls: Option<Arc<ClientConfig>>,
}

#[derive(Clone)]
struct Address {
    url: Box<str>,
    host: Box<str>,
    port: u16,
    secure: bool,
}

impl Endpoint {
    /// The real service.
    #[must_use]
    pub fn whatsapp() -> Self {
        let address = Address { url: WHATSAPP_URL.into(), host: "web.whatsapp.com".into(), port: 443, secure: true };
        let tls = Some(tls_config(&[]));
        Self(Arc::new(Inner { address, root_key: PublicKey::from_bytes(WHATSAPP_ROOT_KEY), tls }))
    }

    /// A server of one's own at `url` (`ws://` or `wss://`), whose chains `root_key` signs.
    ///
    /// # Errors
    ///
    /// [`EndpointError::Url`] unless `url` is a WebSocket address with a host.
    pub fn sandbox(url: &str, root_key: PublicKey) -> Result<Self, EndpointError> {
        let address = Address::parse(url)?;
        let tls = address.secure.then(|| tls_config(&[]));
        Ok(Self(Arc::new(Inner { address, root_key, tls })))
    }

    /// Also accepts TLS certificates of the authorities in `pem`, as a sandbox writes them to disk.
    ///
    /// # Errors
    ///
    /// [`EndpointError::Certificate`] if `pem` holds no certificate or a broken one.
    pub fn trust_authority(&self, pem: &[u8]) -> Result<Self, EndpointError> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| EndpointError::Certificate)?;
        if certificates.is_empty() {
            return Err(EndpointError::Certificate);
        }
        let tls = self.0.address.secure.then(|| tls_config(&certificates));
        Ok(Self(Arc::new(Inner { address: self.0.address.clone(), root_key: self.0.root_key, tls })))
    }

    /// Replaces the root key, for a server that stands in for the real one.
    #[must_use]
    pub fn with_root_key(&self, root_key: PublicKey) -> Self {
        Self(Arc::new(Inner { address: self.0.address.clone(), root_key, tls: self.0.tls.clone() }))
    }

    /// The WebSocket address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.address.url
    }

    /// The key that signs the server's certificate chain.
    #[must_use]
    pub fn root_key(&self) -> &PublicKey {
        &self.0.root_key
    }

    /// The host and port that are connected to.
    #[must_use]
    pub fn address(&self) -> (&str, u16) {
        (&self.0.address.host, self.0.address.port)
    }

    /// What TLS needs, if the address asks for TLS.
    pub(crate) fn tls(&self) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        let config = self.0.tls.clone()?;
        let name = ServerName::try_from(self.0.address.host.to_string()).ok()?;
        Some((config, name))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Address {
    fn parse(url: &str) -> Result<Self, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError::Url)?;
        let secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            Some(_) | None => return Err(EndpointError::Url),
        };
        let host = uri.host().ok_or(EndpointError::Url)?;
        // An IPv6 address stands in brackets in a URL, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || (secure && ServerName::try_from(host).is_err()) {
            return Err(EndpointError::Url);
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { url: url.into(), host: host.into(), port, secure })
    }
}

fn tls_config(extra: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(extra.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = rustls::ALL_VERSIONS;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("ring supports every version that rustls knows")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Why an [`Endpoint`] could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is not of the form `ws://host[:port]/path` or `wss://…`.
    #[error("the endpoint is not a ws:// or wss:// address")]
    Url,
    /// The authority file holds no readable PEM certificate.
    #[error("the authority file holds no readable certificate")]
    Certificate,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PublicKey {
        PublicKey::from_bytes([9; 32])
    }

    #[test]
    fn address_come_from_the_address() {
        for (url, host, port, secure) in [
            ("ws://127.0.0.1:8080/ws/chat", "127.0.0.1", 8080, false),
            ("ws://localhost/ws/chat", "localhost", 80, false),
            ("wss://example.org/ws/chat", "example.org", 443, true),
            ("wss://[::1]:8443/ws/chat", "::1", 8443, true),
        ] {
            let endpoint = Endpoint::sandbox(url, key()).unwrap();
            assert_eq!(endpoint.address(), (host, port));
            assert_eq!(endpoint.tls().is_some(), secure);
        }
    }

    #[test]
    fn an_address_that_is_no_websocket_is_refused() {
        for url in ["", "http://127.0.0.1/", "127.0.0.1:8080", "ws://", "wss://a b/"] {
            assert_eq!(Endpoint::sandbox(url, key()).unwrap_err(), EndpointError::Url, "{url}");
        }
    }

    #[test]
    fn an_authority_file_without_certificates_is_refused() {
        let endpoint = Endpoint::sandbox("wss://localhost/ws/chat", key()).unwrap();
        assert_eq!(endpoint.trust_authority(b"").unwrap_err(), EndpointError::Certificate);
    }
}
