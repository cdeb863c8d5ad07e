//! Standards, who keeps them, and who is let off.

use mesh_model::{Digest, DomainName, LedgerIndex, Name, Standard, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::catalog::Listing;
use crate::client::Client;
use crate::convert::{digest, odd};
use crate::retry::{Failed, Repeat};

/// A version of a standard that was enacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandardView {
    /// All of it.
    pub standard: Standard,
    /// Names its content.
    pub digest: Digest,
    /// The proposal that enacted it.
    pub proposal_index: LedgerIndex,
    /// The leaf at which it was enacted.
    pub enacted_index: LedgerIndex,
    /// When.
    pub enacted_unix_ms: UnixMs,
    /// `in force`, `superseded` or `retired`.
    pub status: String,
}

/// A rule that a product does not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule.
    pub rule: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Where in the product document.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub remediation: String,
}

/// A product that would not keep a standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// `domain/name@version`.
    pub product: String,
    /// The team that answers for it.
    pub owner: String,
    /// Until when a changed version would still pass, with a warning.
    pub grace_until_unix_ms: Option<UnixMs>,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

/// What a standard would mean for the products that exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The products that would not keep it, by domain.
    pub impact: Vec<Impact>,
    /// How many were looked at.
    pub products: u64,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// How one product stands to one standard that is about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplianceRow {
    /// `domain/name@version`.
    pub product: String,
    /// The team that answers for it.
    pub owner: String,
    /// `id@version`.
    pub standard: String,
    /// `advise`, `warn` or `block`.
    pub enforcement: String,
    /// `compliant`, `not yet`, `in grace`, `waived` or `violating`.
    pub state: String,
    /// Since when something does not hold: when the task opened. `None` while all holds.
    pub since_unix_ms: Option<UnixMs>,
    /// When the standard begins to bind: until then it has to be put right. Of a waiver: until when it holds.
    pub due_unix_ms: Option<UnixMs>,
    /// Since when the waiver holds.
    pub waived_since_unix_ms: Option<UnixMs>,
    /// Of a waiver.
    pub why: String,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

/// Who keeps the standards in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplianceReport {
    /// Each product with each standard that is about it.
    pub rows: Vec<ComplianceRow>,
    /// Standards in force.
    pub standards: u64,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// A waiver: a product or a domain is let off a standard for some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaiverView {
    /// The leaf that granted it: its name.
    pub index: LedgerIndex,
    /// The standard's id.
    pub standard: String,
    /// A product or a domain.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub granted_unix_ms: UnixMs,
    /// Until when.
    pub expires_unix_ms: UnixMs,
    /// The leaf that took it back.
    pub revoked_index: Option<LedgerIndex>,
}

/// A glossary term, identifier scheme or time convention, and every field that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TermView {
    /// Its id.
    pub id: String,
    /// What the council enacted about it; `None` for a word that nobody defined.
    pub standard: Option<Standard>,
    /// The fields, by product.
    pub fields: Vec<TermField>,
}

/// A field that carries a term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TermField {
    /// `domain/name@version`.
    pub product: String,
    /// The dataset.
    pub dataset: String,
    /// The field.
    pub field: String,
    /// Its type; empty when none is declared.
    #[serde(rename = "type")]
    pub data_type: String,
    /// The team that answers for the product.
    pub owner: String,
}

impl Client {
    /// Terms and identifiers, all or one, with every field that carries them.
    ///
    /// # Errors
    /// [`mesh_model::Code::NotFound`] for one that nobody defined and nobody uses, or the transport's.
    pub async fn terms(&self, id: Option<&str>) -> Result<Listing<TermView>, MeshError> {
        let message = v1::ListTermsRequest { id: id.unwrap_or_default().to_owned() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().list_terms(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let field = |m: v1::TermField| TermField {
            product: m.product,
            dataset: m.dataset,
            field: m.field,
            data_type: m.r#type,
            owner: m.owner,
        };
        let view = |m: v1::TermView| {
            let standard = if m.standard.is_empty() {
                None
            } else {
                Some(mesh_event::decode_standard(&m.standard).map_err(|error| odd("standard", error))?)
            };
            Ok::<_, MeshError>(TermView { id: m.id, standard, fields: m.fields.into_iter().map(field).collect() })
        };
        let items = answer.terms.into_iter().map(view).collect::<Result<_, _>>()?;
        Ok(Listing { items, cut: false, freshness: Freshness::of(answer.freshness) })
    }

    /// Standards in force, or all versions that ever were; of one id or of all.
    ///
    /// # Errors
    /// The transport's.
    pub async fn standards(&self, all: bool, id: Option<&Name>) -> Result<Listing<StandardView>, MeshError> {
        let message = v1::ListStandardsRequest { all, id: id.map_or_else(String::new, ToString::to_string) };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().list_standards(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let view = |m: v1::StandardView| {
            Ok::<_, MeshError>(StandardView {
                standard: mesh_event::decode_standard(&m.standard).map_err(|error| odd("standard", error))?,
                digest: digest("standard.digest", &m.digest)?,
                proposal_index: m.proposal_index,
                enacted_index: m.enacted_index,
                enacted_unix_ms: m.enacted_unix_ms,
                status: m.status,
            })
        };
        let items = answer.standards.into_iter().map(view).collect::<Result<_, _>>()?;
        Ok(Listing { items, cut: false, freshness: Freshness::of(answer.freshness) })
    }

    /// What a standard that is not enacted would mean for the products that exist.
    ///
    /// # Errors
    /// [`mesh_model::Code::BadArgument`] with every flaw of the standard, or the transport's.
    pub async fn preview(&self, standard: &Standard) -> Result<Preview, MeshError> {
        let message = v1::PreviewStandardRequest { standard: mesh_event::encode_standard(standard) };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().preview_standard(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let impact = answer.impact.into_iter().map(|m| Impact {
            product: m.product,
            owner: m.owner,
            grace_until_unix_ms: m.grace_until_unix_ms,
            findings: m.findings.into_iter().map(finding).collect(),
        });
        let (products, freshness) = (answer.products, Freshness::of(answer.freshness));
        Ok(Preview { impact: impact.collect(), products, freshness })
    }

    /// Who keeps the standards in force.
    ///
    /// # Errors
    /// The transport's.
    pub async fn compliance(
        &self,
        domain: Option<&DomainName>,
        open_only: bool,
    ) -> Result<ComplianceReport, MeshError> {
        let message =
            v1::GetComplianceRequest { domain: domain.map_or_else(String::new, ToString::to_string), open_only };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().get_compliance(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let rows = answer.rows.into_iter().map(|m| ComplianceRow {
            product: m.product,
            owner: m.owner,
            standard: m.standard,
            enforcement: m.enforcement,
            state: m.state,
            since_unix_ms: m.since_unix_ms,
            due_unix_ms: m.due_unix_ms,
            waived_since_unix_ms: m.waived_since_unix_ms,
            why: m.why,
            findings: m.findings.into_iter().map(finding).collect(),
        });
        let (standards, freshness) = (answer.standards, Freshness::of(answer.freshness));
        Ok(ComplianceReport { rows: rows.collect(), standards, freshness })
    }

    /// Waivers that hold, or all that ever did.
    ///
    /// # Errors
    /// The transport's.
    pub async fn waivers(&self, all: bool) -> Result<Listing<WaiverView>, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let message = v1::ListWaiversRequest { all };
                let answer = attempt.governance().list_waivers(attempt.request(message)).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let items = answer.waivers.into_iter().map(|m| WaiverView {
            index: m.index,
            standard: m.standard,
            scope: m.scope,
            reason: m.reason,
            granted_unix_ms: m.granted_unix_ms,
            expires_unix_ms: m.expires_unix_ms,
            revoked_index: m.revoked_index,
        });
        Ok(Listing { items: items.collect(), cut: false, freshness: Freshness::of(answer.freshness) })
    }
}

fn finding(m: v1::Finding) -> Finding {
    let v1::Finding { rule, severity, path, found, message, remediation } = m;
    Finding { rule, severity, path, found, message, remediation }
}
