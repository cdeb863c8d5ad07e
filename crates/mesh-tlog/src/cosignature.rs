//! Cosignatures: a voter's or witness's statement that, at a time, a checkpoint was the newest it
//! had verified (C2SP tlog-cosignature, the Ed25519 type).

use crate::checkpoint::Checkpoint;

/// The length of a cosignature within its note signature, in bytes: 8 of time, 64 of Ed25519.
pub const COSIGNATURE_BYTES: usize = TIME_BYTES + ED25519_BYTES;

/// The latest time a cosignature can have, in seconds since the epoch: 2^63 - 1.
pub const MAX_COSIGNATURE_TIME: u64 = (1 << 63) - 1;

const TIME_BYTES: usize = size_of::<u64>();
const ED25519_BYTES: usize = 64;

/// What the key of type 0x04 puts into a signature line of a checkpoint's note.
///
/// ```text
/// time: u64, big-endian, seconds since the epoch | Ed25519 signature of cosignature_message(time, checkpoint), 64 bytes
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature {
    time: u64,
    signature: [u8; ED25519_BYTES],
}

/// Bytes or a time that make no [`Cosignature`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// Not 72 bytes.
    #[error("expected a cosignature of 72 bytes, found {found}")]
    Length {
        /// How many bytes there are.
        found: usize,
    },
    /// The time does not fit 63 bits.
    #[error("expected a cosignature time of at most 2^63 - 1 seconds, found {time}")]
    TimeTooLarge {
        /// The time, in seconds since the epoch.
        time: u64,
    },
}

impl Cosignature {
    /// The cosignature made at `time` (seconds since the epoch) with this Ed25519 signature of
    /// [`cosignature_message`].
    ///
    /// # Errors
    /// [`CosignatureError::TimeTooLarge`].
    pub fn new(time: u64, signature: [u8; ED25519_BYTES]) -> Result<Self, CosignatureError> {
        check_time(time)?;
        Ok(Self { time, signature })
    }

    /// When it was made, in seconds since the epoch by the cosigner's clock. How late or early may
    /// be is for the caller to say.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The Ed25519 signature.
    pub fn signature(&self) -> &[u8; ED25519_BYTES] {
        &self.signature
    }

    /// The message that the signature must be of, given the checkpoint it stands under.
    pub fn message(&self, checkpoint: &Checkpoint) -> String {
        message(self.time, checkpoint)
    }

    /// The bytes, as drawn at [`Cosignature`]: the signature of a note's signature line.
    pub fn to_bytes(&self) -> [u8; COSIGNATURE_BYTES] {
        let mut bytes = [0; COSIGNATURE_BYTES];
        bytes[..TIME_BYTES].copy_from_slice(&self.time.to_be_bytes());
        bytes[TIME_BYTES..].copy_from_slice(&self.signature);
        bytes
    }

    /// Reads what [`Cosignature::to_bytes`] writes.
    ///
    /// # Errors
    /// [`CosignatureError`]: another length, or a time past 2^63 - 1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CosignatureError> {
        let wrong = CosignatureError::Length { found: bytes.len() };
        let (time, signature) = bytes.split_first_chunk::<TIME_BYTES>().ok_or(wrong)?;
        let signature = signature.try_into().map_err(|_| wrong)?;
        Self::new(u64::from_be_bytes(*time), signature)
    }
}

/// The message that a cosigner signs: two lines of its own, then the checkpoint with all its lines.
///
/// ```text
/// cosignature/v1
/// time <seconds since the epoch>
/// <checkpoint>
/// ```
///
/// It doesn't hold the cosigner's name: a key must not cosign under two names.
///
/// # Errors
/// [`CosignatureError::TimeTooLarge`].
pub fn cosignature_message(time: u64, checkpoint: &Checkpoint) -> Result<String, CosignatureError> {
    check_time(time)?;
    Ok(message(time, checkpoint))
}

fn message(time: u64, checkpoint: &Checkpoint) -> String {
    format!("cosignature/v1\ntime {time}\n{checkpoint}")
}

fn check_time(time: u64) -> Result<(), CosignatureError> {
    if time > MAX_COSIGNATURE_TIME {
        return Err(CosignatureError::TimeTooLarge { time });
    }
    Ok(())
}
