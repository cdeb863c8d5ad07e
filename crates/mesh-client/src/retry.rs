//! What may be tried again, and how often.

use std::error::Error as _;
use std::time::Duration;

use mesh_model::Code;
use mesh_proto::status::{DOMAIN, MeshError};
use tonic_types::StatusExt as _;

/// Rounds over all nodes before a call gives up, whatever time is left.
pub const ROUNDS: u32 = 5;

/// What repeating a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing changes by it; when it fails, nothing happened.
    Read,
    /// A signed domain command: its home node remembers the command id and answers a repeated one with the first result.
    Publish,
    /// Anything else is repeated only when the last try did not reach the mesh.
    OnlyIfNothingHappened,
}

/// How one try of a call failed.
#[derive(Debug)]
pub struct Failed {
    /// What to tell the caller.
    pub error: MeshError,
    /// What the try may have done.
    pub effect: Effect,
}

/// What a failed try may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did not get as far as changing anything; another try or another node may succeed.
    Nothing,
    /// The connection broke or time ran out on the way.
    Unknown,
    /// The node answered: trying again gives the same answer.
    Answered,
}

impl Failed {
    /// Reads a status: an answer of the node, or something that went wrong on the way.
    pub fn of(status: tonic::Status, node: &str) -> Self {
        let answered = status.get_details_error_info().is_some_and(|info| info.domain == DOMAIN);
        if answered {
            let error = MeshError::from(status);
            let effect = match error.code {
                Code::Unavailable
                | Code::QueueFull
                | Code::HomeUnreachable
                | Code::OutboxFull
                | Code::ReadOnly
                | Code::Throttled => Effect::Nothing,
                Code::OutcomeUnknown => Effect::Unknown,
                _ => Effect::Answered,
            };
            return Self { error, effect };
        }
        if let Some(why) = status.source().and_then(|error| crate::tls::reason(error, node)) {
            let error = MeshError::new(Code::Unreachable, format!("{why}; nothing happened"));
            return Self { error, effect: Effect::Nothing };
        }
        if never_connected(&status) {
            let message = format!("{node} does not answer; nothing happened");
            return Self { error: MeshError::new(Code::Unreachable, message), effect: Effect::Nothing };
        }
        match status.code() {
            tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Aborted => {
                let message = format!("the connection to {node} broke before it answered");
                Self { error: MeshError::new(Code::OutcomeUnknown, message), effect: Effect::Unknown }
            }
            tonic::Code::Cancelled | tonic::Code::DeadlineExceeded => {
                let message = format!("{node} did not answer in time");
                Self { error: MeshError::new(Code::OutcomeUnknown, message), effect: Effect::Unknown }
            }
            _ if status.source().is_some() => {
                let message = format!("the connection to {node} broke: {}", status.message());
                Self { error: MeshError::new(Code::OutcomeUnknown, message), effect: Effect::Unknown }
            }
            _ => Self { error: MeshError::from(status), effect: Effect::Answered },
        }
    }
}

/// Of two failures of one call the one that says more: an answer rather than silence, what may have had an effect rather
/// than what had none. The later of equals.
pub fn more_telling(before: Option<MeshError>, now: MeshError) -> MeshError {
    let rank = |error: &MeshError| match error.code {
        Code::Unreachable => 0,
        Code::OutcomeUnknown => 2,
        _ => 1,
    };
    match before {
        Some(before) if rank(&before) > rank(&now) => before,
        _ => now,
    }
}

/// Whether no connection came about, so that no byte of the request left this machine.
fn never_connected(status: &tonic::Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// The pause before a round, the first being 0: 50 ms, doubled each time, at most 2 s; the upper half is random, so that
/// clients which failed together don't return together.
pub fn pause(round: u32) -> Duration {
    if round == 0 {
        return Duration::ZERO;
    }
    let full = 50u64.saturating_mul(1 << (round - 1).min(6)).min(2000);
    Duration::from_millis(full / 2 + rand::random_range(0..=full / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert_eq!(pause(0), Duration::ZERO);
        for round in 1..100 {
            let full = (50u64 << (round - 1).min(6)).min(2000);
            let pause = pause(round);
            assert!(pause >= Duration::from_millis(full / 2) && pause <= Duration::from_millis(full), "{round}");
        }
    }

    #[test]
    fn an_answer_is_not_hidden_by_a_node_that_is_down() {
        let error = |code| MeshError::new(code, "why");
        let told = |codes: &[Code]| {
            codes.iter().fold(None, |before, code| Some(more_telling(before, error(*code)))).map(|error| error.code)
        };
        assert_eq!(told(&[Code::Unreachable, Code::HomeUnreachable]), Some(Code::HomeUnreachable));
        assert_eq!(told(&[Code::HomeUnreachable, Code::Unreachable]), Some(Code::HomeUnreachable));
        assert_eq!(told(&[Code::OutcomeUnknown, Code::QueueFull, Code::Unreachable]), Some(Code::OutcomeUnknown));
        assert_eq!(told(&[Code::QueueFull, Code::ReadOnly]), Some(Code::ReadOnly));
    }

    #[test]
    fn an_answer_is_not_tried_again_but_a_full_queue_is() {
        let effect = |code| Failed::of(MeshError::new(code, "why").into(), "node").effect;
        assert_eq!(effect(Code::WrongRole), Effect::Answered);
        assert_eq!(effect(Code::QueueFull), Effect::Nothing);
        assert_eq!(effect(Code::OutcomeUnknown), Effect::Unknown);
    }

    #[test]
    fn a_broken_connection_is_never_reported_as_nothing_happened() {
        for code in [tonic::Code::Unavailable, tonic::Code::Unknown, tonic::Code::Cancelled] {
            let failed = Failed::of(tonic::Status::new(code, "h2 protocol error"), "node");
            assert_eq!((failed.error.code, failed.effect), (Code::OutcomeUnknown, Effect::Unknown));
        }
    }
}
