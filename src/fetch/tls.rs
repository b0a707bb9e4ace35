//! TLS as the configuration wants it: whom we trust, which versions, and who we are.
//!
//! The roots of the program are always trusted; further ones can be added. There is no switch that
//! trusts everybody: a server with a certificate of its own is trusted by adding that certificate.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use super::connect::TracedSessions;
use crate::address::Origin;

/// How TLS is spoken.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Certificate authorities that are trusted besides those of the program.
    pub roots: Vec<CertificateDer<'static>>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Who we are, to some origins.
    pub certificates: Vec<ClientCertificate>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    V1_2,
    /// RFC 8446.
    V1_3,
}

/// A certificate of ours and its key, for these origins and no others.
#[derive(Clone)]
pub struct ClientCertificate {
    /// Who is shown it.
    pub origins: Vec<Origin>,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("origins", &self.origins).finish_non_exhaustive()
    }
}

/// Why a PEM file is of no use. No message quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Not PEM (RFC 7468).
    #[error("is not PEM")]
    NotPem,
    /// No certificate in it.
    #[error("holds no certificate")]
    NoCertificate,
    /// No private key in it.
    #[error("holds no private key that can be read (PKCS #8, PKCS #1 or SEC 1, without a passphrase)")]
    NoKey,
    /// They are not a pair, or of a kind that is not supported.
    #[error("and its private key do not belong together, or are of a kind that is not supported")]
    NoPair,
}

/// The certificates in a PEM file.
///
/// # Errors
/// When there is none, or one is broken.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|_| PemError::NotPem)?;
    if found.is_empty() { Err(PemError::NoCertificate) } else { Ok(found) }
}

impl ClientCertificate {
    /// From a PEM file with the certificate, its intermediates after it, and one with its key.
    ///
    /// # Errors
    /// When either is missing, or they are no pair.
    pub fn from_pem(origins: Vec<Origin>, chain: &[u8], key: &[u8]) -> Result<Self, PemError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PemError::NoKey)?;
        let certificate = Self { origins, chain, key: Arc::new(key) };
        let is_pair = config(RootCertStore::empty(), TlsVersion::V1_2, Some(&certificate)).is_ok();
        if is_pair { Ok(certificate) } else { Err(PemError::NoPair) }
    }
}

/// TLS for callers of ours, who are shown `chain`: a PEM file with a certificate, its intermediates after it, and one
/// with its key.
///
/// # Errors
/// When either is missing, or they are no pair.
pub fn server(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, PemError> {
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PemError::NoKey)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| PemError::NoPair)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).map_err(|_| PemError::NoPair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// TLS by ring, with roots that are part of the program: a static binary in an empty container trusts
/// the same authorities as any other.
pub(super) fn config(
    roots: RootCertStore,
    min_version: TlsVersion,
    certificate: Option<&ClientCertificate>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] = match min_version {
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let builder =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?.with_root_certificates(roots);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(ours) => builder.with_client_auth_cert(ours.chain.clone(), ours.key.clone_key())?,
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(TracedSessions::new()));
    Ok(config)
}
