//! AES-256-CBC with PKCS#7 padding, in place in the caller's buffer.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes256Dec, Aes256Enc};

/// Length in bytes of a block, and of the longest padding.
pub(super) const BLOCK: usize = 16;

/// The ciphertext cannot be that of a message: no whole blocks, or wrong padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadPadding;

/// Length in bytes of the ciphertext of `plaintext` bytes: the next multiple of 16, never the same.
pub(super) const fn encrypted_length(plaintext: usize) -> usize {
    plaintext.saturating_sub(plaintext % BLOCK).saturating_add(BLOCK)
}

/// Appends the ciphertext of `plaintext` to `output`.
pub(super) fn encrypt_onto(key: &[u8; 32], iv: &[u8; 16], plaintext: &[u8], output: &mut Vec<u8>) {
    let start = output.len();
    output.extend_from_slice(plaintext);
    let padding = encrypted_length(plaintext.len()).saturating_sub(plaintext.len());
    output.resize(output.len().saturating_add(padding), padding.to_le_bytes()[0]);
    let blocks = output.get_mut(start..).unwrap_or_default().as_chunks_mut::<BLOCK>().0;
    let blocks = Block::<Aes256Enc>::cast_slice_from_core_mut(blocks);
    cbc::Encryptor::<Aes256Enc>::new(key.into(), iv.into()).encrypt_blocks(blocks);
}

/// Decrypts whole blocks to a new buffer.
///
/// To be called only once the ciphertext is authenticated: the padding error would be an oracle otherwise.
pub(super) fn decrypt(key: &[u8; 32], iv: &[u8; 16], ciphertext: &[u8]) -> Result<Vec<u8>, BadPadding> {
    let mut buffer = vec![0; ciphertext.len()];
    let cipher = cbc::Decryptor::<Aes256Dec>::new(key.into(), iv.into());
    // From buffer to buffer: what was just copied would be read back before it has left the store queue.
    let length = cipher.decrypt_padded_b2b::<Pkcs7>(ciphertext, &mut buffer).map_err(|_| BadPadding)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wrong_padding_and_broken_blocks_are_refused() {
        let (key, iv) = ([1; 32], [2; 16]);
        let mut ciphertext = Vec::new();
        encrypt_onto(&key, &iv, b"text", &mut ciphertext);
        assert_eq!(decrypt(&key, &iv, &ciphertext).unwrap(), b"text");
        assert_eq!(decrypt(&key, &iv, &ciphertext[1..]), Err(BadPadding));
        assert_eq!(decrypt(&key, &iv, &[]), Err(BadPadding));
        let mut other = iv;
        other[15] ^= 1; // the last byte of the padding
        assert_eq!(decrypt(&key, &other, &ciphertext), Err(BadPadding));
        other = iv;
        other[4] ^= 1; // the first byte of the padding
        assert_eq!(decrypt(&key, &other, &ciphertext), Err(BadPadding));
    }

    proptest! {
        #[test]
        fn decryption_undoes_encryption(
            key in any::<[u8; 32]>(), iv in any::<[u8; 16]>(),
            plaintext in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut ciphertext = vec![9];
            encrypt_onto(&key, &iv, &plaintext, &mut ciphertext);
            prop_assert_eq!(ciphertext.len(), encrypted_length(plaintext.len()) + 1);
            prop_assert_eq!(decrypt(&key, &iv, &ciphertext[1..]).unwrap(), plaintext);
        }
    }
}
