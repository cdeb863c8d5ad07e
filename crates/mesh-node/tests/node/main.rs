//! Claims at the borders of a node: meshes of whole nodes in this process, over loopback.

#![allow(clippy::unwrap_used)]

mod access;
mod access_tokens;
mod addresses;
mod anchors;
mod api_tls;
mod attachments;
mod backup;
mod checkpoints;
mod erasure;
mod feed_lies;
mod feed_service;
mod feeds;
mod gossip;
mod http;
mod limits;
mod lineage;
mod lost_quorum;
mod observers;
mod own_rules;
mod peer_tls;
mod pipelines;
mod plan;
mod quality;
mod recover;
mod replaced;
mod support;
mod three_nodes;
mod upgrade;
