//! Small steps from answers to domain types. What does not convert is a defect of the node, and said so.

use std::str::FromStr;

use mesh_event::proto as signed;
use mesh_model::{Code, Descriptor, Digest, PublicKey, Role};
use mesh_proto::status::MeshError;
use prost::Message as _;

/// A field of an answer that is not what it should be.
pub(crate) fn odd(field: &str, why: impl std::fmt::Display) -> MeshError {
    MeshError::new(Code::Internal, format!("the node's answer does not fit: {field}: {why}"))
}

pub(crate) fn missing(field: &str) -> MeshError {
    odd(field, "is missing")
}

pub(crate) fn parse<T: FromStr>(field: &str, text: &str) -> Result<T, MeshError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| odd(field, error))
}

/// A text that may be absent.
pub(crate) fn optional<T: FromStr>(field: &str, text: &str) -> Result<Option<T>, MeshError>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() { Ok(None) } else { parse(field, text).map(Some) }
}

pub(crate) fn key(field: &str, bytes: &[u8]) -> Result<PublicKey, MeshError> {
    PublicKey::from_slice(bytes).ok_or_else(|| odd(field, format!("expected 32 bytes; found {}", bytes.len())))
}

pub(crate) fn digest(field: &str, bytes: &[u8]) -> Result<Digest, MeshError> {
    Digest::from_slice(bytes).ok_or_else(|| odd(field, format!("expected 32 bytes; found {}", bytes.len())))
}

pub(crate) fn optional_digest(field: &str, bytes: &[u8]) -> Result<Option<Digest>, MeshError> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

pub(crate) fn role(field: &str, number: i32) -> Result<Role, MeshError> {
    u32::try_from(number).ok().and_then(Role::from_number).ok_or_else(|| odd(field, format!("{number} is no role")))
}

pub(crate) fn code(field: &str, number: u32) -> Result<Code, MeshError> {
    Code::from_number(number).ok_or_else(|| odd(field, format!("{number} is no code that this build knows")))
}

/// The wire form of a descriptor that is to be planned; what is signed is encoded elsewhere.
pub(crate) fn descriptor_message(descriptor: &Descriptor) -> signed::Descriptor {
    signed::Descriptor::decode(mesh_event::encode_descriptor(descriptor).as_slice()).expect("encoded a line above")
}

pub(crate) fn descriptor(message: &signed::Descriptor) -> Result<Descriptor, MeshError> {
    mesh_event::decode_descriptor(&message.encode_to_vec()).map_err(|error| odd("descriptor", error))
}

/// Serialises a code by its name in JSON, such as `accepted`.
pub(crate) mod code_slug {
    use mesh_model::Code;
    use serde::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(code.slug())
    }
}

/// The same for a code that may be absent.
pub(crate) mod optional_code_slug {
    use mesh_model::Code;
    use serde::Serializer;

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(code: &Option<Code>, serializer: S) -> Result<S::Ok, S::Error> {
        match code {
            Some(code) => serializer.serialize_str(code.slug()),
            None => serializer.serialize_none(),
        }
    }
}
