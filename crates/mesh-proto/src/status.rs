//! Our stable codes on the wire: a gRPC status with `google.rpc.ErrorInfo`, and field violations as `BadRequest`.

use mesh_model::{Class, Code};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of `ErrorInfo`.
pub const DOMAIN: &str = "datamesh";

/// An error of the mesh as it crosses the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MeshError {
    /// The stable code.
    pub code: Code,
    /// One lower-case sentence: what was expected and what was found.
    pub message: String,
    /// Single fields that do not fit, with their paths.
    pub fields: Vec<(String, String)>,
}

impl MeshError {
    /// An error without field violations.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// The gRPC code that fits.
    pub fn grpc_code(&self) -> tonic::Code {
        match self.code {
            Code::TooLarge | Code::QueueFull | Code::OutboxFull | Code::Throttled | Code::QuotaUsedUp => {
                tonic::Code::ResourceExhausted
            }
            Code::OutcomeUnknown => tonic::Code::DeadlineExceeded,
            Code::AlreadySo | Code::Duplicate | Code::DomainExists | Code::VersionConflict => {
                tonic::Code::AlreadyExists
            }
            Code::StorageFailed | Code::Damaged => tonic::Code::DataLoss,
            code => match code.class() {
                Class::Done | Class::Pending => tonic::Code::Ok,
                Class::Internal => tonic::Code::Internal,
                Class::Usage | Class::Rejected => tonic::Code::InvalidArgument,
                Class::NotFound => tonic::Code::NotFound,
                Class::Conflict => tonic::Code::FailedPrecondition,
                Class::Unavailable => tonic::Code::Unavailable,
                Class::NotAuthorised => tonic::Code::PermissionDenied,
                Class::Verification => tonic::Code::Unauthenticated,
            },
        }
    }
}

/// Whether a status is a node's own answer: it carries our code. One without comes from the transport or another program.
pub fn is_ours(status: &Status) -> bool {
    status.get_error_details().error_info().is_some_and(|info| info.domain == DOMAIN)
}

impl From<MeshError> for Status {
    fn from(error: MeshError) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(error.code.slug(), DOMAIN, [("code".to_owned(), error.code.to_string())]);
        for (field, description) in &error.fields {
            details.add_bad_request_violation(field, description);
        }
        // An error is never OK on the wire, whatever class its code has.
        let code = match error.grpc_code() {
            tonic::Code::Ok => tonic::Code::FailedPrecondition,
            code => code,
        };
        Self::with_error_details(code, error.message, details)
    }
}

impl From<Status> for MeshError {
    /// Reads our code out of a status; one without it came from the transport or another program.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let code = details.error_info().filter(|info| info.domain == DOMAIN).and_then(|info| Code::find(&info.reason));
        let fields = details.bad_request().map_or_else(Vec::new, |bad| {
            bad.field_violations.iter().map(|v| (v.field.clone(), v.description.clone())).collect()
        });
        let code = code.unwrap_or(match status.code() {
            tonic::Code::Unavailable => Code::Unreachable,
            tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Code::OutcomeUnknown,
            tonic::Code::NotFound => Code::NotFound,
            tonic::Code::InvalidArgument => Code::BadArgument,
            tonic::Code::PermissionDenied | tonic::Code::Unauthenticated => Code::ReadDenied,
            tonic::Code::ResourceExhausted | tonic::Code::OutOfRange => Code::TooLarge,
            tonic::Code::Unimplemented => Code::UnsupportedCommand,
            _ => Code::Internal,
        });
        let message = match status.message() {
            "" => format!("the other side answered {:?} without a word: is it the API port of a node?", status.code()),
            text => text.to_owned(),
        };
        Self { code, message, fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire() {
        for code in Code::ALL {
            let sent = MeshError { code: *code, message: "why".into(), fields: vec![("a.b".into(), "wrong".into())] };
            let status = Status::from(sent.clone());
            assert_ne!(status.code(), tonic::Code::Ok);
            assert_eq!(MeshError::from(status), sent);
        }
    }
}
