//! One node, looked at from outside and beside the others.

use mesh_client::NodeStatus;
use mesh_model::Digest;

use super::finding::{Finding, Verdict, first_broken};
use super::seen::Seen;
use crate::time;
use crate::upgrade::Upgrade;

/// A clock that is further off than this is worth a look; beyond [`CLOCK_BROKEN_MS`] entries are refused.
const CLOCK_WARN_MS: u64 = 5_000;
const CLOCK_BROKEN_MS: u64 = 30_000;
/// An age from which on no node takes itself for current.
const AGE_BROKEN_MS: u64 = 60_000;
/// A command that waits longer than this is not about to be sealed.
const OUTBOX_BROKEN_MS: u64 = 60_000;
const OUTBOX_WARN_MS: u64 = 10_000;
/// Copies on other nodes that a feed should have, as far as there are other nodes.
const COPIES: usize = 2;
/// Leaves that a node may be behind in passing.
const LAG_LEAVES: u64 = 1_000;
const MIB: u64 = 1 << 20;

/// Everything that was looked at on one node.
pub(crate) async fn look(node: &Seen, others: &[&Seen]) -> Vec<Finding> {
    let status = match &node.status {
        Ok(status) => status,
        Err(error) => {
            let next = "start it, or look at the network between here and there; its trace says why it stopped";
            return vec![Finding::broken("reachable", format!("{}: {}", node.url, error.message), next)];
        }
    };
    let mut findings =
        vec![reachable(node, status), mesh(node, status).await, authority(status), protocol(status, others)];
    findings.extend([raft(status), clock(status), disk(status)]);
    findings.push(ledger(node, status, others).await);
    findings.extend([checkpoint(status), search(status), outbox(status), copies(status, others)]);
    findings.push(alarms(status));
    findings
}

fn reachable(node: &Seen, status: &NodeStatus) -> Finding {
    let took = u64::try_from(node.took.as_millis()).unwrap_or(u64::MAX);
    Finding::ok(
        "reachable",
        format!(
            "{} is node {} ({}), meshd {}, answered in {}",
            node.url,
            status.node_id,
            status.name,
            status.version,
            time::age(took)
        ),
    )
}

async fn mesh(node: &Seen, status: &NodeStatus) -> Finding {
    match node.client.mesh().await {
        Ok(mesh) if mesh.id == status.mesh_id => {
            Finding::ok("mesh", format!("{} ({}); its founding document verifies", mesh.name, mesh.id))
        }
        Ok(mesh) => Finding::broken(
            "mesh",
            format!("it says mesh {} and serves the founding document of {}", status.mesh_id, mesh.id),
            "do not trust it; look at who runs there",
        ),
        Err(error) => Finding::broken("mesh", error.message, "`mesh context show` says which mesh is expected"),
    }
}

fn authority(status: &NodeStatus) -> Finding {
    match &status.upkeep.reads_only {
        None => Finding::ok("authority", format!("it may act under number {}", status.node_id)),
        Some(why) => Finding::broken(
            "authority",
            format!("it only reads: {why}"),
            "stop it and start it once with meshd --recover: it comes back as a new node, to be admitted and delegated",
        ),
    }
}

fn protocol(status: &NodeStatus, others: &[&Seen]) -> Finding {
    let (in_force, known, built) = (status.protocol_version, status.protocol_known, status.protocol_built);
    let held = if built > known { ", held back by its node.protocol_max" } else { "" };
    let update = |least: u32| {
        if built >= least {
            "raise node.protocol_max in its configuration and restart it"
        } else {
            "install a newer meshd on it"
        }
    };
    if in_force > known {
        let evidence =
            format!("protocol {in_force} is in force; it knows 1 to {known}{held}, and applies nothing more");
        return Finding::broken("protocol", evidence, update(in_force));
    }
    let answered: Vec<&NodeStatus> =
        others.iter().filter_map(|other| other.status.as_ref().ok()).chain([status]).collect();
    let Some(upgrade) = Upgrade::of(&answered) else {
        return Finding::ok("protocol", format!("protocol {in_force} is in force; it knows 1 to {known}"));
    };
    let evidence = format!("protocol {in_force} is in force; it knows 1 to {known}{held}");
    if upgrade.waits_for(status.node_id).is_some() {
        let evidence = format!("{evidence}, so that the council cannot set {}", upgrade.next);
        return Finding::warn("protocol", evidence, update(upgrade.next));
    }
    if known < upgrade.next {
        let evidence = format!("{evidence}, and would stop at {}", upgrade.next);
        return Finding::warn("protocol", evidence, update(upgrade.next));
    }
    Finding::ok("protocol", format!("{evidence}; {upgrade}"))
}

fn raft(status: &NodeStatus) -> Finding {
    let (role, leader) = (&status.raft.role, status.raft.leader_id);
    match (role.as_str(), leader) {
        ("stopped", _) => Finding::broken("order", "Raft has stopped on it", "its trace says why; restart it"),
        ("candidate", _) | (_, None) => Finding::broken(
            "order",
            format!("{role}; it knows of no leader, so nothing is sealed through it"),
            "start the other voters, or mend the network to a majority of them",
        ),
        (_, Some(leader)) => {
            Finding::ok("order", format!("{role}; node {leader} orders, in term {}", status.raft.term))
        }
    }
}

fn clock(status: &NodeStatus) -> Finding {
    let Some(ahead) = status.upkeep.clock_ahead_ms else {
        return Finding::unknown(
            "clock",
            "no other voter cosigned within the last minute, so there is nothing to compare with",
        );
    };
    let off = ahead.unsigned_abs();
    let evidence = format!("{} {} the other voters", time::age(off), if ahead < 0 { "behind" } else { "ahead of" });
    let next = "set its clock, by NTP or PTP";
    match off {
        0..CLOCK_WARN_MS => Finding::ok("clock", format!("within {} s of the other voters", off.div_ceil(1000).max(1))),
        CLOCK_WARN_MS..=CLOCK_BROKEN_MS => Finding::warn("clock", evidence, next),
        _ => Finding::broken("clock", evidence, next),
    }
}

fn disk(status: &NodeStatus) -> Finding {
    let used = status.storage.bytes_on_disk / MIB;
    let reserve = status.upkeep.disk_reserve_bytes;
    let Some(free) = status.upkeep.disk_free_bytes else {
        return Finding::unknown("disk", format!("its data takes {used} MiB; what is free is not known"));
    };
    let evidence =
        format!("its data takes {used} MiB, {} MiB are free, {} are kept in reserve", free / MIB, reserve / MIB);
    let next = "free space on it: below the reserve it refuses writes, and takes them again by itself";
    match free {
        free if free < reserve => Finding::broken("disk", evidence, next),
        free if free < reserve.saturating_mul(2) => Finding::warn("disk", evidence, next),
        _ => Finding::ok("disk", evidence),
    }
}

/// The same ledger as another node's, and as far.
async fn ledger(node: &Seen, status: &NodeStatus, others: &[&Seen]) -> Finding {
    let mut compared = None;
    for other in others {
        let Ok(theirs) = &other.status else { continue };
        let size = status.ledger.size.min(theirs.ledger.size);
        let (one, two) = (root(node, size).await, root(other, size).await);
        match (one, two) {
            (Ok(one), Ok(two)) if one != two => {
                return Finding::broken(
                    "ledger",
                    format!(
                        "it has another root than {} at {size} leaves: one of them has another history",
                        other.name()
                    ),
                    "trust neither before `mesh ledger compare` with a checkpoint of a third says which it is",
                );
            }
            (Ok(_), Ok(_)) => {
                let more = theirs.ledger.size.saturating_sub(status.ledger.size);
                if compared.as_ref().is_none_or(|(behind, _, _)| more > *behind) {
                    compared = Some((more, size, other.name()));
                }
            }
            _ => {}
        }
    }
    let size = status.ledger.size;
    match compared {
        None => Finding::unknown("ledger", format!("{size} leaves; no other node answered to compare with")),
        Some((behind, _, other)) if behind > LAG_LEAVES => Finding::warn(
            "ledger",
            format!("{size} leaves, {behind} fewer than {other}"),
            "it catches up by itself while it reaches a peer; look again",
        ),
        Some((0, at, other)) => Finding::ok("ledger", format!("{size} leaves; the same root as {other} at {at}")),
        Some((behind, at, other)) => {
            Finding::ok("ledger", format!("{size} leaves, {behind} behind {other}; the same root at {at}"))
        }
    }
}

async fn root(node: &Seen, size: u64) -> Result<Digest, mesh_client::MeshError> {
    node.client.ledger_head(Some(size)).await.map(|head| head.root)
}

fn checkpoint(status: &NodeStatus) -> Finding {
    let freshness = &status.freshness;
    let (by, voters) = (&status.upkeep.cosigned_by, status.upkeep.voters);
    let ids = by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let next = "start or reach a majority of the voters: they cosign every ten seconds";
    let Some(age) = freshness.age_ms else {
        let Some(at) = freshness.cosigned_unix_s else {
            return Finding::broken(
                "checkpoint",
                "it has none yet: no majority of voters vouches for what it shows",
                next,
            );
        };
        let at = time::show(at.saturating_mul(1000));
        return Finding::broken("checkpoint", format!("none since it started; the last one is of {at}"), next);
    };
    let evidence = format!(
        "{} of {} leaves, {} old, cosigned by {} of {voters} voters ({ids})",
        freshness.checkpoint_size,
        status.ledger.size,
        time::age(age),
        by.len()
    );
    if age > AGE_BROKEN_MS {
        return Finding::broken("checkpoint", evidence, next);
    }
    if !freshness.is_current {
        let next = "`mesh ledger fork` shows the proof; the council decides with ResolveFork";
        return Finding::broken("checkpoint", format!("{evidence}; a fork stands"), next);
    }
    if by.len() < usize::try_from(voters).unwrap_or(usize::MAX) {
        return Finding::warn(
            "checkpoint",
            evidence,
            "look at the voters that did not cosign: one more loss may cost the majority",
        );
    }
    Finding::ok("checkpoint", evidence)
}

fn search(status: &NodeStatus) -> Finding {
    let (size, indexed) = (status.ledger.size, status.ledger.indexed_size);
    let evidence = format!("{} products; {indexed} of {size} leaves are searchable", status.products);
    if size.saturating_sub(indexed) > LAG_LEAVES {
        return Finding::warn("search", evidence, "indexing lags under load and catches up by itself; look again");
    }
    Finding::ok("search", evidence)
}

fn outbox(status: &NodeStatus) -> Finding {
    let waiting: u64 = status.feeds.iter().map(|feed| feed.outbox_waiting).sum();
    let oldest = status.feeds.iter().filter(|feed| feed.outbox_waiting > 0).max_by_key(|feed| feed.oldest_waiting_ms);
    let Some(feed) = oldest else {
        return Finding::ok("outbox", format!("empty; it writes {} feeds", status.feeds.len()));
    };
    let waited = feed.oldest_waiting_ms.unwrap_or(0);
    let evidence =
        format!("{waiting} commands wait for the ledger, the oldest, of {}, for {}", feed.domain, time::age(waited));
    let next = "they are kept and sealed once a majority of voters is reached; nothing has to be sent again";
    match waited {
        0..OUTBOX_WARN_MS => Finding::ok("outbox", evidence),
        OUTBOX_WARN_MS..OUTBOX_BROKEN_MS => Finding::warn("outbox", evidence, next),
        _ => Finding::broken("outbox", evidence, next),
    }
}

fn copies(status: &NodeStatus, others: &[&Seen]) -> Finding {
    let wanted = COPIES.min(others.len());
    let own: Vec<_> = status.held_feeds.iter().filter(|feed| feed.written_here && feed.size > 0).collect();
    let whole = |feed: &mesh_client::node::HeldFeed| feed.holders.iter().filter(|one| one.size >= feed.size).count();
    let few: Vec<String> = (own.iter())
        .filter(|feed| whole(feed) < wanted)
        .map(|feed| format!("{} ({} events: {} whole copies)", feed.domain, feed.size, whole(feed)))
        .collect();
    let copied = status.held_feeds.len() - status.held_feeds.iter().filter(|feed| feed.written_here).count();
    if few.is_empty() {
        return Finding::ok(
            "copies",
            format!("its {} feeds lie whole on {wanted} others; it keeps {copied} copies", own.len()),
        );
    }
    Finding::warn(
        "copies",
        format!("fewer than {wanted} whole copies elsewhere of {}", few.join(", ")),
        "copies follow within seconds; if not, look whether other nodes reach it on its peer port",
    )
}

fn alarms(status: &NodeStatus) -> Finding {
    if status.alarms.is_empty() {
        return Finding::ok("alarms", "none");
    }
    Finding::broken("alarms", status.alarms.join("; "), "each says what it is about; they go when it is mended")
}

/// The worst that was found.
pub(crate) fn worst(findings: &[Finding]) -> Verdict {
    if first_broken(findings).is_some() {
        return Verdict::Broken;
    }
    let warned = findings.iter().any(|finding| finding.verdict == Verdict::Warn);
    if warned { Verdict::Warn } else { Verdict::Ok }
}
