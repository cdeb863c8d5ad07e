//! What is wrong with a draft, part by part: whoever signs or seals has to be able to name what was forged.

use std::collections::BTreeMap;
use std::fmt;

use mesh_event::envelope::{self, Envelope};
use mesh_event::proto;
use mesh_event::signing;
use mesh_model::{Digest, PublicKey};
use prost::Message as _;

use super::draft::{Draft, SeatPart, SignaturePart, VoterPart, check_address, check_text};

/// One part of a draft that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Which part: `seat finance`, `voter node-1`, `document`, `signature of …`.
    pub(crate) part: String,
    /// What was expected and found.
    pub(crate) why: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.why)
    }
}

const ALTERED: &str = "its proof does not fit: the part, or the draft's head (name, threshold, time, nonce, recovery \
                       keys, review time), is not what its key signed";

impl Draft {
    /// Everything that was forged or altered, in the order of the file. An unfinished draft has no flaw for that.
    pub(crate) fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut flaw = |part: String, why: String| flaws.push(Flaw { part, why });
        if let Err(error) = check_text("the mesh's name", &self.mesh_name) {
            flaw("head".into(), error.to_string());
        }
        for seat in &self.seats {
            if !self.seat_holds(seat) {
                flaw(format!("seat {}", seat.name), ALTERED.into());
            }
        }
        for voter in &self.voters {
            if let Some(why) = self.voter_flaw(voter) {
                flaw(format!("voter {}", voter.name), why);
            }
        }
        let mut holders: BTreeMap<PublicKey, String> = BTreeMap::new();
        for (key, holder) in self.holders() {
            if !signing::is_sound(&key) {
                flaw(holder.clone(), format!("the key {} is weak or no point of the curve", key.fingerprint()));
            }
            if let Some(first) = holders.insert(key, holder.clone()) {
                flaw(holder, format!("the key {} serves {first} too", key.fingerprint()));
            }
        }
        let names = |names: Vec<&mesh_model::Name>| names.windows(2).all(|pair| pair[0] < pair[1]);
        if !names(self.seats.iter().map(|seat| &seat.name).collect()) {
            flaw("seats".into(), "they are not in the order of their names, each once".into());
        }
        if !names(self.voters.iter().map(|voter| &voter.name).collect()) {
            flaw("voters".into(), "they are not in the order of their names, each once".into());
        }
        self.document_flaws(&mut flaws);
        flaws
    }

    fn seat_holds(&self, seat: &SeatPart) -> bool {
        signing::verify(&seat.key, &self.seat_message(seat), &seat.proof.0)
    }

    fn voter_flaw(&self, voter: &VoterPart) -> Option<String> {
        if let Err(error) = check_address("the API address", &voter.api_address)
            .and_then(|()| check_address("the peer address", &voter.peer_address))
        {
            return Some(error.to_string());
        }
        if !voter.record(0).is_possessed() {
            return Some("it did not sign with each of its three keys".to_owned());
        }
        let holds = signing::verify(&voter.key, &self.voter_message(voter), &voter.proof.0);
        (!holds).then(|| ALTERED.to_owned())
    }

    fn document_flaws(&self, flaws: &mut Vec<Flaw>) {
        let mut flaw = |part: String, why: &str| flaws.push(Flaw { part, why: why.to_owned() });
        let Some(document) = &self.document else {
            if !self.signatures.is_empty() {
                flaw("signatures".into(), "there are signatures, but no document that they could be of");
            }
            return;
        };
        if document.bytes.0 != self.document_of_parts().encode() {
            flaw("document".into(), "it is not made of the seats and voters that the draft shows");
        }
        if document.mesh_id != Digest::of(&document.bytes.0) {
            flaw("document".into(), "the mesh id is not the digest of its bytes");
        }
        for signature in &self.signatures {
            let part = format!("signature of {}", self.signer_name(signature));
            if !self.seats.iter().any(|seat| seat.key == signature.key) {
                flaw(part, "the key holds no seat of this council");
            } else if !signature_holds(&document.bytes.0, signature) {
                flaw(part, "it does not verify over the document");
            }
        }
        if !self.signatures.windows(2).all(|pair| pair[0].key < pair[1].key) {
            flaw("signatures".into(), "they are not in the order of their keys, each once");
        }
    }

    /// The seat of a signature, or the key's fingerprint when it has none.
    pub(crate) fn signer_name(&self, signature: &SignaturePart) -> String {
        let seat = self.seats.iter().find(|seat| seat.key == signature.key);
        seat.map_or_else(|| signature.key.fingerprint(), |seat| seat.name.to_string())
    }
}

/// Whether one signature verifies over the document's bytes.
fn signature_holds(document: &[u8], signature: &SignaturePart) -> bool {
    envelope_of(document, std::slice::from_ref(signature))
        .is_ok_and(|envelope| envelope.verify(envelope::GENESIS).is_ok())
}

/// The envelope with these signatures, in their order. Nothing is verified yet.
pub(super) fn envelope_of(
    document: &[u8],
    signatures: &[SignaturePart],
) -> Result<Envelope, mesh_event::EnvelopeError> {
    let signatures =
        (signatures.iter()).map(|s| proto::Signature { keyid: s.key.0.to_vec(), sig: s.signature.0.clone() }).collect();
    let message =
        proto::Envelope { payload_type: envelope::GENESIS.to_owned(), payload: document.to_vec(), signatures };
    Envelope::parse(message.encode_to_vec())
}
