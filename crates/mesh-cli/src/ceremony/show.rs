//! A draft as people read it before they sign.

use std::fmt::Write as _;

use mesh_model::Digest;

use super::draft::Draft;
use crate::command_file::{named, printable};

impl Draft {
    /// Everything that the document will say, and who signed it. Whether it is true is for [`Draft::flaws`] to say.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: &str| writeln!(text, "{label:<16}{value}").expect("writing to a string");
        line("mesh", &printable(&self.mesh_name));
        line("drafted", &crate::time::show(self.created_unix_ms));
        line("nonce", &self.nonce.to_string());
        line("protocol", &self.protocol_version.to_string());
        line("council", &format!("{} of {} seats decide", self.threshold, self.seats.len()));
        for seat in &self.seats {
            let domain = seat.domain.as_ref().map_or_else(String::new, |domain| format!(", of the domain {domain}"));
            line("  seat", &format!("{}{domain}: {}", seat.name, named(&seat.key)));
        }
        for key in &self.recovery_keys {
            line("recovery key", &named(key));
        }
        if self.min_review_ms > 0 {
            line("review", &format!("every proposal is open for at least {}", crate::time::age(self.min_review_ms)));
        }
        line("voters", &self.voters.len().to_string());
        for (node_id, voter) in (1..).zip(&self.voters) {
            line("  node", &format!("{node_id} {}: {}", voter.name, named(&voter.key)));
            line("    API", &printable(&voter.api_address));
            line("    peers", &printable(&voter.peer_address));
            line("    log key", &voter.log_key.fingerprint());
            line("    cosigner", &voter.cosigner_key.fingerprint());
        }
        let (state, bytes) = match &self.document {
            Some(document) => ("frozen", document.bytes.0.clone()),
            None => ("open: others may join until somebody signs", self.document_of_parts().encode()),
        };
        line("document", state);
        line(
            "mesh id",
            &format!("{}{}", Digest::of(&bytes), if self.document.is_some() { "" } else { " as it stands" }),
        );
        for signature in &self.signatures {
            line("signed by", &format!("{}: {}", self.signer_name(signature), signature.key.fingerprint()));
        }
        text
    }
}
