//! What a member and a node sign when they join: the part that they add, within this very draft.
//!
//! Every line ends with a newline and no text within may hold a control character ([`super::draft::check_text`]), so two
//! different parts never make the same message.

use std::fmt::Write as _;

use super::draft::{Draft, SeatPart, VoterPart};

impl Draft {
    /// What everybody has to agree on before joining. A change of it breaks every proof.
    fn head_message(&self) -> String {
        let mut text = format!(
            "datamesh genesis draft v1\nmesh {}\nthreshold {}\nprotocol {}\ncreated {}\nnonce {}\n",
            self.mesh_name, self.threshold, self.protocol_version, self.created_unix_ms, self.nonce
        );
        for key in &self.recovery_keys {
            writeln!(text, "recovery {key}").expect("writing to a string");
        }
        if self.min_review_ms > 0 {
            writeln!(text, "review {}", self.min_review_ms).expect("writing to a string");
        }
        text
    }

    /// What the key of a seat signs.
    pub(super) fn seat_message(&self, seat: &SeatPart) -> Vec<u8> {
        let domain = seat.domain.as_ref().map_or("-", mesh_model::DomainName::as_str);
        format!("{}seat {}\ndomain {domain}\nkey {}\n", self.head_message(), seat.name, seat.key).into_bytes()
    }

    /// What the node key of a voter signs: the record's own possession proofs cover its keys and name alone.
    pub(super) fn voter_message(&self, voter: &VoterPart) -> Vec<u8> {
        format!(
            "{}voter {}\napi {}\npeer {}\nkey {}\nlog {}\ncosigner {}\n",
            self.head_message(),
            voter.name,
            voter.api_address,
            voter.peer_address,
            voter.key,
            voter.log_key,
            voter.cosigner_key
        )
        .into_bytes()
    }
}
