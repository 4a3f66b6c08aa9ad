use std::fmt;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{KeyError, PrivateKey, PublicKey, SharedSecret};

/// A public key made ready for agreements, which several private keys can share.
///
/// X25519 is the multiplication of a point by a number. On its Edwards form the multiplication takes little more than
/// half the time of the usual ladder where the processor has vector instructions for it, and the conversion to that
/// form is shared. Elsewhere, and for the half of all byte strings that are no points of the curve, it is the ladder.
pub struct AgreementKey(Form);

enum Form {
    Edwards(EdwardsPoint),
    Montgomery(MontgomeryPoint),
}

impl AgreementKey {
    /// Prepares `public`; about a sixth of the cost of an agreement.
    ///
    /// Which form it takes depends on the public key alone.
    #[must_use]
    pub fn new(public: &PublicKey) -> Self {
        let point = public.montgomery();
        let edwards = if vectorised() { point.to_edwards(0) } else { None };
        Self(edwards.map_or(Form::Montgomery(point), Form::Edwards))
    }

    /// Computes the shared secret of this key and `private` (X25519).
    ///
    /// Source: RFC 7748 §5 and §6.1; the map between the two forms is that of §4.1.
    pub(super) fn agree(&self, private: &PrivateKey) -> Result<SharedSecret, KeyError> {
        let shared = match &self.0 {
            Form::Montgomery(point) => point.mul_clamped(*private.expose()),
            Form::Edwards(point) => {
                let mut product = point.mul_clamped(*private.expose());
                let shared = product.to_montgomery();
                product.zeroize();
                shared
            }
        };
        let shared = SharedSecret::new(shared.to_bytes());
        if shared.as_bytes().ct_eq(&[0; 32]).into() {
            return Err(KeyError::WeakKey);
        }
        Ok(shared)
    }
}

impl fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgreementKey(..)")
    }
}

/// Says whether multiplications on the Edwards form use vector instructions here.
#[cfg(target_arch = "x86_64")]
fn vectorised() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// Says whether multiplications on the Edwards form use vector instructions here.
#[cfg(not(target_arch = "x86_64"))]
const fn vectorised() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{array, list, signal};

    /// Both forms, whatever the processor has.
    fn both(public: [u8; 32], private: &PrivateKey) -> [Option<[u8; 32]>; 2] {
        let point = PublicKey::from_bytes(public).montgomery();
        let forms = [Some(Form::Montgomery(point)), point.to_edwards(0).map(Form::Edwards)];
        forms.map(|form| {
            let shared = AgreementKey(form.unwrap_or(Form::Montgomery(point))).agree(private);
            shared.ok().map(|shared| *shared.as_bytes())
        })
    }

    #[test]
    fn both_forms_match_the_vectors() {
        let vectors = signal();
        for vector in list(&vectors["x25519"]["agreements"]) {
            let private = PrivateKey::from_bytes(array(&vector["private"]));
            assert_eq!(both(array(&vector["public"]), &private), [Some(array(&vector["shared"])); 2]);
        }
        for vector in list(&vectors["x25519"]["must_reject"]) {
            let private = PrivateKey::from_bytes(array(&vector["private"]));
            assert_eq!(both(array(&vector["public"]), &private), [None; 2]);
        }
    }

    #[test]
    fn both_forms_agree_on_points_with_a_part_of_low_order() {
        use curve25519_dalek::constants::EIGHT_TORSION;

        for (torsion, seed) in EIGHT_TORSION.iter().zip(1u8..) {
            let mixed = EdwardsPoint::mul_base_clamped([seed; 32]) + torsion;
            let private = PrivateKey::from_bytes([seed ^ 0xa5; 32]);
            let [ladder, edwards] = both(mixed.to_montgomery().to_bytes(), &private);
            assert!(ladder.is_some());
            assert_eq!(ladder, edwards);
        }
    }

    proptest! {
        #[test]
        fn both_forms_agree_on_any_key(public in any::<[u8; 32]>(), private in any::<[u8; 32]>()) {
            let [ladder, edwards] = both(public, &PrivateKey::from_bytes(private));
            prop_assert_eq!(ladder, edwards);
        }
    }
}
