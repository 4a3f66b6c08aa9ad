//! The certificate chain with which a server proves that its Noise static key is its own.
//!
//! Two certificates: the root key signs the intermediate's, the intermediate key signs the leaf's, and the leaf
//! names the static key of the handshake. The root key is an argument, so that a local server can have its own;
//! there is no way to leave a check out.
//!
//! Source: observed; `vectors/noise-and-codec.json` holds a valid chain and chains that must be rejected.

use std::fmt;

use rand::CryptoRng;

use crate::keys::{KeyError, KeyPair, PrivateKey, PublicKey, Signature};
use crate::proto::{CertChain, NoiseCertificate, NoiseCertificateDetails, ProtobufMessage};

/// The key that signs the chains of the real service, serial number 0.
pub const WHATSAPP_ROOT: PublicKey = PublicKey::from_bytes([
    0x14, 0x23, 0x75, 0x57, 0x4d, 0x0a, 0x58, 0x71, 0x66, 0xaa, 0xe7, 0x1e, 0xbe, 0x51, 0x64, 0x37, 0xc4, 0xa2, 0x8b,
    0x73, 0xe3, 0x69, 0x5c, 0x6c, 0xe1, 0xf7, 0xf9, 0x54, 0x5d, 0xa8, 0xee, 0x6b,
]);

/// The serial number that certificates signed by the root name as their issuer.
const ROOT_SERIAL: u32 = 0;

/// Proof that a server's certificate chain was checked up to the configured root.
///
/// Only [`verify`] and [`ServerVerified::restore`] make one, so no connection that holds it skipped a check.
#[derive(Clone)]
pub struct ServerVerified {
    key: PublicKey,
    chain: Vec<u8>,
    validity: Validity,
}

/// A time span, both ends included, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: u64,
    /// Last second.
    pub not_after: u64,
}

impl Validity {
    /// Tells whether `now` lies within.
    #[must_use]
    pub fn contains(self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    fn intersection(self, other: Self) -> Self {
        Self { not_before: self.not_before.max(other.not_before), not_after: self.not_after.min(other.not_after) }
    }
}

impl ServerVerified {
    /// Checks a chain that an earlier connection kept, so that the next one can resume with it: all that
    /// [`verify`] checks but the static key, which the chain itself names here and the handshake then proves.
    ///
    /// # Errors
    ///
    /// As [`verify`]; the chain is then to be forgotten.
    pub fn restore(chain: &[u8], root: &PublicKey, now: u64) -> Result<Self, CertificateError> {
        check(chain, root, &StaticKey::FromChain, now)
    }

    /// Returns the server's static key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns the chain as the server sent it, for [`restore`](Self::restore).
    #[must_use]
    pub fn chain(&self) -> &[u8] {
        &self.chain
    }

    /// Returns when both certificates are valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

impl fmt::Debug for ServerVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerVerified").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// Which of the two certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Signed by the root.
    Intermediate,
    /// Signed by the intermediate; names the server's static key.
    Leaf,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intermediate => "intermediate",
            Self::Leaf => "leaf",
        })
    }
}

/// Why a server's certificate chain is rejected: a broken or false server, except
/// [`OutsideValidity`](Self::OutsideValidity), which a wrong clock of this machine explains as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The chain, or the details of a certificate, are not the protobuf they should be or lack a field.
    #[error("the certificate chain is malformed")]
    Malformed,
    /// A signature does not verify under the issuer's key.
    #[error("the signature of the {certificate} certificate does not verify")]
    Signature {
        /// Whose signature.
        certificate: Certificate,
        /// What is wrong with it, or with the key.
        #[source]
        source: KeyError,
    },
    /// A certificate names another issuer than the one above it.
    #[error("the {0} certificate names another issuer")]
    Issuer(Certificate),
    /// The leaf certifies another key than the one of the handshake.
    #[error("the certified key is not the server's static key")]
    StaticKey,
    /// A certificate is not valid yet, or not any more, at the time given: expired, or the clock is wrong.
    #[error("the {certificate} certificate is not valid at unix time {now}")]
    OutsideValidity {
        /// Which one.
        certificate: Certificate,
        /// When it is valid.
        validity: Validity,
        /// The time it was checked for, in unix seconds.
        now: u64,
    },
}

/// Checks the chain that a server sent, against the key it used in the handshake.
///
/// `now` is in unix seconds.
///
/// # Errors
///
/// The first [`CertificateError`], in the order: form, intermediate's signature, issuer, leaf's signature,
/// intermediate's validity, leaf's issuer, static key, leaf's validity.
pub fn verify(
    chain: &[u8],
    root: &PublicKey,
    server_static: &PublicKey,
    now: u64,
) -> Result<ServerVerified, CertificateError> {
    check(chain, root, &StaticKey::Is(server_static), now)
}

enum StaticKey<'a> {
    Is(&'a PublicKey),
    FromChain,
}

fn check(
    chain: &[u8],
    root: &PublicKey,
    server_static: &StaticKey<'_>,
    now: u64,
) -> Result<ServerVerified, CertificateError> {
    let parsed = CertChain::decode(chain).map_err(|_| CertificateError::Malformed)?;
    let intermediate = Signed::read(parsed.intermediate, Certificate::Intermediate)?;
    let leaf = Signed::read(parsed.leaf, Certificate::Leaf)?;

    let issuer = intermediate.verify(root)?;
    issuer.require_issuer(ROOT_SERIAL)?;
    let subject = leaf.verify(&issuer.key)?;
    issuer.require_valid(now)?;
    subject.require_issuer(issuer.serial)?;
    if let StaticKey::Is(key) = server_static
        && subject.key != **key
    {
        return Err(CertificateError::StaticKey);
    }
    subject.require_valid(now)?;

    let validity = issuer.validity.intersection(subject.validity);
    Ok(ServerVerified { key: subject.key, chain: chain.to_vec(), validity })
}

/// A certificate whose signature is not checked yet; its details are not looked at before that.
struct Signed {
    details: Vec<u8>,
    signature: Signature,
    certificate: Certificate,
}

/// What a certificate says, once its signature is checked.
struct Details {
    serial: u32,
    issuer_serial: u32,
    key: PublicKey,
    validity: Validity,
    certificate: Certificate,
}

impl Signed {
    fn read(signed: Option<NoiseCertificate>, certificate: Certificate) -> Result<Self, CertificateError> {
        let signed = signed.ok_or(CertificateError::Malformed)?;
        let signature = signed.signature.ok_or(CertificateError::Malformed)?;
        Ok(Self {
            details: signed.details.ok_or(CertificateError::Malformed)?,
            signature: Signature::from_slice(&signature).map_err(|_| CertificateError::Malformed)?,
            certificate,
        })
    }

    fn verify(&self, issuer: &PublicKey) -> Result<Details, CertificateError> {
        let certificate = self.certificate;
        issuer
            .verify(&self.details, &self.signature)
            .map_err(|source| CertificateError::Signature { certificate, source })?;
        let details = NoiseCertificateDetails::decode(self.details.as_slice());
        let details = details.map_err(|_| CertificateError::Malformed)?;
        Ok(Details {
            serial: details.serial.unwrap_or(0),
            issuer_serial: details.issuer_serial.unwrap_or(0),
            key: PublicKey::from_slice(details.key()).map_err(|_| CertificateError::Malformed)?,
            validity: Validity { not_before: details.not_before(), not_after: details.not_after() },
            certificate,
        })
    }
}

impl Details {
    fn require_issuer(&self, serial: u32) -> Result<(), CertificateError> {
        if self.issuer_serial == serial { Ok(()) } else { Err(CertificateError::Issuer(self.certificate)) }
    }

    fn require_valid(&self, now: u64) -> Result<(), CertificateError> {
        if self.validity.contains(now) {
            return Ok(());
        }
        Err(CertificateError::OutsideValidity { certificate: self.certificate, validity: self.validity, now })
    }
}

/// What a server needs to make its chain.
pub struct Issuer<'a> {
    /// The root's private key; its public key is what clients are configured with.
    pub root: &'a PrivateKey,
    /// The intermediate's key pair.
    pub intermediate: &'a KeyPair,
    /// The intermediate's serial number.
    pub intermediate_serial: u32,
    /// When both certificates are valid.
    pub validity: Validity,
}

impl Issuer<'_> {
    /// Makes the chain for a server whose static key is `leaf`, with serial number `leaf_serial`.
    #[must_use]
    pub fn issue<R: CryptoRng + ?Sized>(&self, leaf: &PublicKey, leaf_serial: u32, rng: &mut R) -> Vec<u8> {
        let intermediate = self.details(self.intermediate_serial, ROOT_SERIAL, self.intermediate.public());
        let leaf = self.details(leaf_serial, self.intermediate_serial, leaf);
        let chain = CertChain {
            leaf: Some(sign(leaf, self.intermediate.private(), rng)),
            intermediate: Some(sign(intermediate, self.root, rng)),
        };
        chain.encode_to_vec()
    }

    fn details(&self, serial: u32, issuer_serial: u32, key: &PublicKey) -> Vec<u8> {
        let details = NoiseCertificateDetails {
            serial: Some(serial),
            // Zero is written too: one public client rejects a root without it.
            issuer_serial: Some(issuer_serial),
            key: Some(key.as_bytes().to_vec()),
            not_before: Some(self.validity.not_before),
            not_after: Some(self.validity.not_after),
        };
        details.encode_to_vec()
    }
}

fn sign<R: CryptoRng + ?Sized>(details: Vec<u8>, key: &PrivateKey, rng: &mut R) -> NoiseCertificate {
    let signature = key.sign(&details, rng).as_bytes().to_vec();
    NoiseCertificate { details: Some(details), signature: Some(signature) }
}

#[cfg(test)]
mod tests;
