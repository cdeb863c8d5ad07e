//! Nodes that domains vouch for.

use mesh_event::federation::{AdmissionRule, AdmitVouchedNode};
use mesh_event::proposal::RevokeNode;
use mesh_event::{Body, NodeRecord, ProposalBody};
use mesh_model::Code;

use crate::testing::TestMesh;
use crate::tests::nodes::record;
use crate::tests::{accepted, refused};
use crate::{Applied, Effect, read};

fn vouch(mesh: &mut TestMesh, domain: &str, node: NodeRecord, signers: &[&str]) -> Applied {
    let body = AdmitVouchedNode { domain: domain.parse().unwrap(), node };
    mesh.say_directly(Body::AdmitVouchedNode(body), signers)
}

fn rule(mesh: &mut TestMesh, rule: AdmissionRule) -> Applied {
    mesh.decide(ProposalBody::SetAdmissionRule(rule), &[])
}

const ONE: AdmissionRule = AdmissionRule::DomainRoot { nodes_per_domain: 1 };

#[test]
fn a_domain_vouches_for_as_many_nodes_as_the_rule_in_force_allows() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let root = ["sales/root"];
    refused(&vouch(&mut mesh, "sales", record("node-8", false), &root), Code::NodeNotVouched, "no rule of admission");
    let set = rule(&mut mesh, ONE);
    accepted(&set);
    assert!(set.effects.contains(&Effect::AdmissionRuleSet { rule: ONE }));
    refused(&rule(&mut mesh, ONE), Code::AlreadySo, "is in force");
    let many = AdmissionRule::DomainRoot { nodes_per_domain: 100_000 };
    refused(&rule(&mut mesh, many), Code::TooLarge, "at most 1000");

    refused(&vouch(&mut mesh, "sales", record("node-8", false), &["finance/root"]), Code::ThresholdNotMet, "root keys");
    refused(&vouch(&mut mesh, "sales", record("node-8", false), &["sales/owner"]), Code::ThresholdNotMet, "root keys");
    let first = vouch(&mut mesh, "sales", record("node-8", false), &root);
    accepted(&first);
    let id = first.leaf.index + 1000;
    assert!(first.effects.contains(&Effect::NodeAdmitted { node_id: id }));
    assert_eq!(read::vouched(&mesh.state, &"sales".parse().unwrap()).unwrap(), [id]);
    refused(&vouch(&mut mesh, "sales", record("node-9", false), &root), Code::NodeNotVouched, "vouches for 1 nodes");
    accepted(&vouch(&mut mesh, "finance", record("node-9", true), &["finance/root"]));

    // A revoked one makes room, and its key never comes back.
    accepted(&mesh.decide(ProposalBody::RevokeNode(RevokeNode { node_id: id, reason: "broken".into() }), &[]));
    refused(&vouch(&mut mesh, "sales", record("node-8", false), &root), Code::KeyInUse, "the key of node");
    accepted(&vouch(&mut mesh, "sales", record("node-7", false), &root));
    assert_eq!(read::vouched(&mesh.state, &"sales".parse().unwrap()).unwrap().len(), 1);

    accepted(&rule(&mut mesh, AdmissionRule::Off));
    refused(&vouch(&mut mesh, "sales", record("node-6", false), &root), Code::NodeNotVouched, "no rule of admission");
}

#[test]
fn a_vouched_node_fits_as_any_other() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&rule(&mut mesh, ONE));
    let mut refuse = |edit: fn(&mut NodeRecord), code, detail: &str| {
        let mut node = record("node-9", true);
        edit(&mut node);
        refused(&vouch(&mut mesh, "sales", node, &["sales/root"]), code, detail);
    };
    refuse(|n| n.node_id = 4, Code::Malformed, "node_id is 4");
    refuse(|n| n.name.push('x'), Code::NoPossession, "did not sign with each of its keys");
    refuse(|n| *n = record("node-1", false), Code::KeyInUse, "the key of node 1");
    refuse(|n| *n = record("sales/root", false), Code::KeyInUse, "a root key of sales");
}
