//! What a command says, in full, for whoever is to sign it: from the signed bytes and from nobody's words for them.

use std::fmt::Write as _;

use mesh_event::command::{AdmitDomains, DomainAdmission, RoleGrant};
use mesh_event::federation::AdmissionRule;
use mesh_event::proposal::{AmendCouncil, DomainStanding, ProposalBody};
use mesh_event::{Body, Command, NodeRecord};
use mesh_model::{PublicKey, Standard};

/// A command as lines of label and value.
pub(crate) fn describe_command(command: &Command) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| writeln!(text, "{label:<16}{value}").expect("writing to a string");
    line("command", command.body.kind());
    describe_body(&command.body, &mut line);
    line("expires", &crate::time::show(command.expires_unix_ms));
    line("author", &named(&command.author));
    line("command id", &command.id.to_string());
    text
}

fn describe_body(body: &Body, line: &mut impl FnMut(&str, &str)) {
    let domain = |domain: &Option<mesh_model::DomainName>| {
        domain.as_ref().map_or_else(|| "the whole mesh".to_owned(), ToString::to_string)
    };
    match body {
        Body::AdmitDomains(AdmitDomains { domains, council_version }) => {
            line("decided by", "the council, to its threshold");
            line("council version", &council_version.to_string());
            for admission in domains {
                describe_admission(admission, line);
            }
        }
        Body::GrantRole(body) => {
            let by = if body.domain.is_some() { "the domain's root keys" } else { "the council, to its threshold" };
            line("decided by", by);
            line("domain", &domain(&body.domain));
            line("grants", &granted(&body.grant));
            line("roster version", &body.roster_version.to_string());
        }
        Body::RevokeKey(body) => {
            let by = if body.domain.is_some() { "the domain's root keys" } else { "the council, to its threshold" };
            line("decided by", by);
            line("domain", &domain(&body.domain));
            line("revokes", &format!("every right of {} there", named(&body.key)));
            line("reason", &printable(&body.reason));
            line("roster version", &body.roster_version.to_string());
        }
        Body::DelegateNode(body) => {
            line("decided by", "the domain's root keys");
            line("domain", body.domain.as_str());
            line("delegates", &format!("node {}, as epoch {}", body.node_id, body.epoch));
            let root = body.base_root.map_or_else(|| "no root".to_owned(), |root| format!("root {root}"));
            line("continues from", &format!("{} events of the feed before, {root}", body.base_size));
        }
        Body::RotateDomainKeys(body) => {
            line("decided by", "the domain's root keys, the old and the new to their thresholds");
            line("domain", body.domain.as_str());
            line("root keys", &format!("{} of {} must sign from now on", body.root_threshold, body.root_keys.len()));
            for key in &body.root_keys {
                line("root key", &named(key));
            }
            line("roster version", &body.roster_version.to_string());
        }
        Body::VetoRootReplacement(body) => {
            line("decided by", "the domain's root keys");
            line("domain", body.domain.as_str());
            line("stops", &format!("the replacement of its root that proposal {} enacted", body.proposal));
            line("reason", &printable(&body.reason));
        }
        Body::OffboardMember(body) => {
            let (by, of) = match &body.domain {
                Some(_) => ("the domain's root keys", "roster version"),
                None => ("the council without that key, to its threshold", "council version"),
            };
            line("decided by", by);
            line("takes out", &format!("every right of {}", named(&body.key)));
            line("domain", &domain(&body.domain));
            line("reason", &printable(&body.reason));
            line(of, &body.version.to_string());
        }
        Body::Propose(proposal) => {
            line("decided by", "the council, to its threshold");
            line("council version", &proposal.council_version.to_string());
            line("closes", &crate::time::show(proposal.closes_unix_ms));
            line("proposes", proposal.body.kind());
            describe_proposal(&proposal.body, line);
            if !proposal.summary.is_empty() {
                line("impact", &printable(&proposal.summary));
            }
        }
        Body::Approve(body) => {
            line("signs for", &format!("proposal {}, digest {}", body.proposal, body.digest));
            line("council version", &body.council_version.to_string());
        }
        Body::Reject(body) => {
            line("signs against", &format!("proposal {}, digest {}", body.proposal, body.digest));
            line("council version", &body.council_version.to_string());
            line("reason", &printable(&body.reason));
        }
        Body::Withdraw(body) => {
            line("withdraws", &format!("proposal {}", body.proposal));
            line("reason", &printable(&body.reason));
        }
        Body::Comment(body) => {
            line("about", &format!("proposal {}", body.proposal));
            line("says", &printable(&body.text));
        }
        Body::AdmitVouchedNode(body) => {
            line("decided by", "the domain's root keys, by the rule of admission in force");
            line("domain", body.domain.as_str());
            describe_node(&body.node, line);
        }
        Body::RecoverVoters(body) => {
            line("decided by", "the council, to its threshold");
            line(
                "goes on from",
                &format!("the checkpoint of {} leaves with root {}", body.size, body.root.to_base64()),
            );
            for voter in &body.voters {
                let id = if voter.node_id == 0 { "new".to_owned() } else { format!("node {}", voter.node_id) };
                line("votes", &id);
                describe_node(voter, line);
            }
            line("reason", &printable(&body.reason));
        }
        Body::FeedAnchor(body) => {
            line("decided by", "the node that writes the feed");
            line(
                "anchors",
                &format!("the feed {}/{}, as of ledger size {}", body.domain, body.epoch, body.ledger_size),
            );
        }
        Body::ReportEquivocation(body) => {
            let feed = &body.proof.feed;
            line("reports", &format!("two histories of the feed {}/{}", feed.domain, feed.epoch));
            line("signed by", &named(&body.proof.node_key));
        }
        Body::ResolveEquivocation(body) => {
            line("decided by", "the domain's root keys");
            line("domain", body.domain.as_str());
            line("resolves", &format!("the report at ledger index {}", body.report));
            line("keeps the history", &format!("of {} events with root {}", body.head_size, body.head_root));
            line("delegates", &format!("node {}, as epoch {}", body.node_id, body.epoch));
            line("reason", &printable(&body.reason));
        }
        Body::Erase(body) => {
            line("decided by", "the domain's root keys, the council, or a role holder who may");
            line("domain", body.domain.as_str());
            line("erases for ever", &format!("the attachment {} on every node", body.digest));
            line("reason", &printable(&body.reason));
        }
        // Domain commands are refused before: CommandFile::of.
        Body::PublishVersion(_) | Body::DeprecateVersion(_) | Body::RetireProduct(_) => {}
    }
}

fn describe_node(record: &NodeRecord, line: &mut impl FnMut(&str, &str)) {
    line("admits node", &printable(&record.name));
    line("  key", &named(&record.key));
    line("  peer address", &printable(&record.peer_address));
    line("  API address", &printable(&record.api_address));
    for (label, key) in [("  log key", &record.log_key), ("  cosigner key", &record.cosigner_key)] {
        if let Some(key) = key {
            line(label, &named(key));
        }
    }
}

fn describe_admission(admission: &DomainAdmission, line: &mut impl FnMut(&str, &str)) {
    line("admits", admission.name.as_str());
    line("  title", &printable(&admission.title));
    line("  description", &printable(&admission.description));
    for responsibility in &admission.responsibilities {
        line("  answers for", &printable(responsibility));
    }
    if let Some(parent) = &admission.parent {
        line("  parent", parent.as_str());
    }
    line("  root keys", &format!("{} of {} must sign", admission.root_threshold, admission.root_keys.len()));
    for key in &admission.root_keys {
        line("  root key", &named(key));
    }
    for grant in &admission.roles {
        line("  role", &granted(grant));
    }
    let home = admission.delegate.map_or_else(|| "none yet".to_owned(), |node| format!("node {node}"));
    line("  home", &home);
}

fn granted(grant: &RoleGrant) -> String {
    format!("{} to {}", grant.role, named(&grant.key))
}

/// A key as people compare it, and in full.
pub(crate) fn named(key: &PublicKey) -> String {
    format!("{} ({key})", key.fingerprint())
}

fn describe_proposal(body: &ProposalBody, line: &mut impl FnMut(&str, &str)) {
    let mut standing = |what: &str, body: &DomainStanding| {
        line(what, body.domain.as_str());
        line("reason", &printable(&body.reason));
    };
    match body {
        ProposalBody::SuspendDomain(body) => return standing("suspends", body),
        ProposalBody::ResumeDomain(body) => return standing("resumes", body),
        ProposalBody::RemoveDomain(body) => return standing("removes for ever", body),
        _ => {}
    }
    match body {
        ProposalBody::EnactStandard(body) => {
            let takes = body.supersedes.map_or_else(|| "none in force".to_owned(), |version| version.to_string());
            line("in place of", &takes);
            describe_standard(&body.standard, line);
        }
        ProposalBody::RetireStandard(body) => {
            line("ends", &format!("{}@{}", body.id, body.version));
            line("reason", &printable(&body.reason));
        }
        ProposalBody::AdmitDomains(domains) => {
            for admission in domains {
                describe_admission(admission, line);
            }
        }
        ProposalBody::AmendCouncil(body) => describe_terms(body, line),
        ProposalBody::Waive(body) => {
            line("waives", &format!("{} for {}", body.standard, body.scope));
            line("until", &crate::time::show(body.expires_unix_ms));
            line("reason", &printable(&body.reason));
        }
        ProposalBody::RevokeWaiver(body) => {
            line("takes back", &format!("waiver {}", body.waiver));
            line("reason", &printable(&body.reason));
        }
        ProposalBody::ReplaceDomainRoot(body) => {
            line("domain", body.domain.as_str());
            line(
                "root keys",
                &format!("{} of {} must sign, 72 hours later", body.root_threshold, body.root_keys.len()),
            );
            for key in &body.root_keys {
                line("  root key", &named(key));
            }
            line("reason", &printable(&body.reason));
        }
        ProposalBody::SetVoters(body) => {
            let list = |ids: &[u64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            line("voters", &list(&body.voters));
            line("in place of", &list(&body.replaces));
        }
        ProposalBody::AdmitNode(record) => describe_node(record, line),
        ProposalBody::SetAdmissionRule(AdmissionRule::Off) => line("admits nodes", "the council alone"),
        ProposalBody::SetAdmissionRule(AdmissionRule::DomainRoot { nodes_per_domain }) => {
            let who = format!("the council, and each domain's root up to {nodes_per_domain} for which it vouches");
            line("admits nodes", &who);
        }
        ProposalBody::RevokeNode(body) => {
            line("takes out", &format!("node {}", body.node_id));
            line("reason", &printable(&body.reason));
        }
        ProposalBody::SetProtocol(body) => line("protocol", &body.protocol_version.to_string()),
        ProposalBody::GrantRole(grant) => line("grants mesh-wide", &granted(grant)),
        ProposalBody::ResolveFork(body) => {
            line("keeps the history with", &format!("root {} of {} leaves", body.root, body.size));
            line("refuses the one with", &format!("root {} of {} leaves", body.refused_root, body.refused_size));
            line("  by the proof", &body.proof.to_string());
            line("reason", &printable(&body.reason));
        }
        ProposalBody::SuspendDomain(_) | ProposalBody::ResumeDomain(_) | ProposalBody::RemoveDomain(_) => {}
    }
}

/// A council: its seats and its own terms.
pub(crate) fn describe_terms(body: &AmendCouncil, line: &mut impl FnMut(&str, &str)) {
    line("threshold", &format!("{} of {} seats", body.council.threshold, body.council.seats.len()));
    for seat in &body.council.seats {
        let of = seat.domain.as_ref().map_or_else(String::new, |domain| format!(" of {domain}"));
        line("  seat", &format!("{}{of}: {}", printable(&seat.name), named(&seat.key)));
    }
    line("  review", &format!("at least {}", crate::time::age(body.min_review_ms)));
    for key in &body.recovery_keys {
        line("  recovery key", &named(key));
    }
}

/// All of a standard: nothing that is signed is left out.
pub(crate) fn describe_standard(standard: &Standard, line: &mut impl FnMut(&str, &str)) {
    line("standard", &format!("{}@{}: {}", standard.id, standard.version, printable(&standard.title)));
    line("  kind", &word(&standard.kind));
    for text in standard.text.trim_end().lines() {
        line("  text", &printable(text));
    }
    if !standard.selector.is_empty() {
        line("  about", &format!("products where {}", printable(&standard.selector)));
    }
    for rule in &standard.rules {
        line("  rule", &format!("{} ({}): {}", rule.id, word(&rule.severity), printable(&rule.expression)));
        line("", &format!("{}; {}", printable(&rule.message), printable(&rule.remediation)));
    }
    if let Some(detail) = &standard.detail {
        let detail = serde_json::to_string_pretty(detail).expect("a detail is plain data");
        for text in detail.lines() {
            line("  detail", &printable(text));
        }
    }
    line("  enforcement", &word(&standard.enforcement));
    let from = if standard.effective_from.is_empty() { "enactment" } else { &standard.effective_from };
    line("  binds from", &printable(from));
    line("  grace", &format!("{} days for products that were there before", standard.grace_days));
    line("  test cases", &standard.tests.len().to_string());
    for test in &standard.tests {
        let product = printable(&test.product.to_string());
        line("    test", &format!("{}, must {}: {product}", printable(&test.name), word(&test.expect)));
    }
}

/// The word that files use.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Text of others for a terminal: characters that move the cursor, hide or reorder text are shown as escapes, so that
/// what is read is what is signed.
pub(crate) fn printable(text: &str) -> String {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}
