//! An authority of the web's own, made at start, and the certificates that it issues.
//!
//! Just enough of X.509 (RFC 5280) for a test server: version 3, ECDSA over P-256, names and addresses as alternative
//! names, valid from 2020 to 2049. Keys are of the process and are written nowhere; [`Authority::pem`] is what a crawler
//! has to trust.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Configurations kept, one a host that was asked for; beyond, all are made again.
const MAX_KEPT: usize = 4_096;

/// Why there is no authority, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// No key could be made.
    #[error("no key could be made")]
    Key,
    /// rustls takes no such certificate.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Name(String),
    Address(Ipv4Addr),
}

/// Issues certificates.
pub struct Authority {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
    random: SystemRandom,
    /// The key of all certificates it issues.
    leaf_pkcs8: Vec<u8>,
    leaf_public: Vec<u8>,
    provider: Arc<CryptoProvider>,
    kept: Mutex<HashMap<(Subject, bool), Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes its keys and its own certificate.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new() -> Result<Self, AuthorityError> {
        let random = SystemRandom::new();
        let (_, key) = new_key(&random)?;
        let (leaf_pkcs8, leaf_key) = new_key(&random)?;
        let public = key.public_key().as_ref().to_vec();
        let mut authority = Self {
            key,
            certificate: Vec::new(),
            random,
            leaf_pkcs8,
            leaf_public: leaf_key.public_key().as_ref().to_vec(),
            provider: Arc::new(default_provider()),
            kept: Mutex::default(),
        };
        authority.certificate = authority.sign(&public, ISSUER, 1, &authority_extensions())?;
        Ok(authority)
    }

    /// Its certificate, for those who shall trust it.
    pub fn pem(&self) -> String {
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let text = STANDARD.encode(&self.certificate);
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// How to speak TLS for `subject`, with or without HTTP/2.
    pub(super) fn config(&self, subject: Subject, http2: bool) -> Result<Arc<ServerConfig>, AuthorityError> {
        let key = (subject, http2);
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(kept));
        }
        let config = Arc::new(self.issue(&key.0, http2)?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&config));
        Ok(config)
    }

    fn issue(&self, subject: &Subject, http2: bool) -> Result<ServerConfig, AuthorityError> {
        // Serial numbers of one issuer differ: those of an authority may be compared.
        let serial = xxhash_rust::xxh3::xxh3_64(format!("{subject:?}").as_bytes()) | 2;
        let der = self.sign(&self.leaf_public, LEAF, serial, &leaf_extensions(subject))?;
        let chain = vec![CertificateDer::from(der)];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf_pkcs8.clone()));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = if http2 { vec![b"h2".to_vec()] } else { Vec::new() };
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(config)
    }

    fn sign(&self, public: &[u8], subject: &str, serial: u64, extensions: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        let algorithm = der(0x30, &[ECDSA_WITH_SHA256]);
        let key_algorithm = der(0x30, &[EC_PUBLIC_KEY, PRIME256V1]);
        let to_be_signed = der(
            0x30,
            &[
                &der(0xA0, &[&der(0x02, &[&[2]])]),
                &integer(serial),
                &algorithm,
                &name(ISSUER),
                &der(0x30, &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])]),
                &name(subject),
                &der(0x30, &[&key_algorithm, &bits(public)]),
                &der(0xA3, &[&der(0x30, &[extensions])]),
            ],
        );
        let signature = self.key.sign(&self.random, &to_be_signed).map_err(|_| AuthorityError::Key)?;
        Ok(der(0x30, &[&to_be_signed, &algorithm, &bits(signature.as_ref())]))
    }
}

const ISSUER: &str = "dragline vitro, an authority for tests";
const LEAF: &str = "dragline vitro";
const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
const PRIME256V1: &[u8] = &[0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 3, 0x55, 29, 19];
const KEY_USAGE: &[u8] = &[0x06, 3, 0x55, 29, 15];
const ALTERNATIVE_NAMES: &[u8] = &[0x06, 3, 0x55, 29, 17];
const TRUE: &[u8] = &[0x01, 1, 0xFF];

fn new_key(random: &SystemRandom) -> Result<(Vec<u8>, EcdsaKeyPair), AuthorityError> {
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, random).map_err(|_| AuthorityError::Key)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), random).map_err(|_| AuthorityError::Key)?;
    Ok((pkcs8.as_ref().to_vec(), pair))
}

/// A value in DER: its tag, the length of its parts, its parts.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let mut out = vec![tag];
    match bytes {
        [.., short] if length < 0x80 => out.push(short),
        [.., short] if length <= 0xFF => out.extend([0x81, short]),
        [.., high, low] => out.extend([0x82, high, low]),
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A number that is not negative, in as few bytes as there may be.
fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let sign: &[u8] = if bytes[first] >= 0x80 { &[0] } else { &[] };
    der(0x02, &[sign, &bytes[first..]])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    der(0x03, &[&[0], bytes])
}

fn name(common: &str) -> Vec<u8> {
    der(0x30, &[&der(0x31, &[&der(0x30, &[COMMON_NAME, &der(0x0C, &[common.as_bytes()])])])])
}

fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    der(0x30, &[id, if is_critical { TRUE } else { &[] }, &der(0x04, &[value])])
}

fn authority_extensions() -> Vec<u8> {
    let mut out = extension(BASIC_CONSTRAINTS, true, &der(0x30, &[TRUE]));
    // It signs certificates and nothing else.
    out.extend(extension(KEY_USAGE, true, &der(0x03, &[&[2, 0x04]])));
    out
}

fn leaf_extensions(subject: &Subject) -> Vec<u8> {
    let alternative = match subject {
        Subject::Name(name) => der(0x82, &[name.as_bytes()]),
        Subject::Address(address) => der(0x87, &[&address.octets()]),
    };
    extension(ALTERNATIVE_NAMES, false, &der(0x30, &[&alternative]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_are_as_der_has_them() {
        assert_eq!(der(4, &[&[7; 3]]), [4, 3, 7, 7, 7]);
        assert_eq!(der(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(der(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(der(4, &[&[7; 300]])[..4], [4, 0x82, 1, 44]);
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(0x7F), [2, 1, 0x7F]);
        assert_eq!(integer(0x80), [2, 2, 0, 0x80]);
        assert_eq!(integer(0x1234), [2, 2, 0x12, 0x34]);
        assert_eq!(integer(u64::MAX)[..4], [2, 9, 0, 0xFF]);
    }

    #[test]
    fn certificates_are_kept_under_a_bound() {
        let authority = Authority::new().expect("there is randomness");
        let config = |n: u32| authority.config(Subject::Name(format!("h{n}")), true).expect("a certificate");
        assert!(Arc::ptr_eq(&config(0), &config(0)));
        (0..40).for_each(|n| drop(config(n)));
        assert_eq!(authority.kept.lock().expect("nobody panics").len(), 40);
        assert!(authority.pem().lines().all(|line| line.len() <= 64));
    }
}
