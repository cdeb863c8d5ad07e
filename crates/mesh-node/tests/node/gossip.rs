//! Claims about real nodes over loopback: who is up, whose feeds grew, and what a stranger's datagrams do.

use std::process::{Child, Command};
use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of};
use mesh_gossip::PeerState;
use mesh_node::gossip::GossipView;

const SOON: Duration = Duration::from_secs(20);

fn state(view: &GossipView, node: u64) -> Option<(PeerState, u64)> {
    let peer = view.peers.iter().find(|peer| peer.node == node)?;
    Some((peer.state, peer.generation.unwrap_or(0)))
}

/// Waits until this node sees another one so.
async fn sees(mesh: &Mesh, node: u64, within: Duration, is_so: impl Fn(&GossipView) -> bool) {
    let mut view = mesh.node(node).core().gossip.follow_view();
    let seen = tokio::time::timeout(within, view.wait_for(|view| is_so(view))).await.map(|seen| seen.is_ok());
    assert_eq!(seen, Ok(true), "node {node} does not: {:?}", mesh.node(node).core().gossip.view());
}

fn all_up(view: &GossipView) -> bool {
    view.peers.len() == 2 && view.peers.iter().all(|peer| peer.state == PeerState::Up)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_started_together_see_each_other_and_say_so() {
    let mesh = Mesh::start().await;
    for node in 1..=3 {
        sees(&mesh, node, SOON, all_up).await;
        let status = mesh.client(node).status().await.unwrap();
        assert_eq!(status.generation, 1);
        let peers: Vec<(u64, &str, Option<u64>)> =
            status.peers.iter().map(|peer| (peer.node_id, peer.state.as_str(), peer.generation)).collect();
        let others: Vec<u64> = (1..=3).filter(|other| *other != node).collect();
        assert_eq!(peers, others.iter().map(|other| (*other, "alive", Some(1))).collect::<Vec<_>>());
        for peer in status.peers {
            let record = &mesh.genesis.document.voters[usize::try_from(peer.node_id).unwrap() - 1];
            assert_eq!(peer.address.as_deref(), Some(record.peer_address.as_str()));
            let claimed = mesh.node(node).core().addresses.claimed(peer.node_id).map(|claimed| claimed.to_string());
            assert!(claimed.is_none() || claimed == peer.address, "{claimed:?}");
        }
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_is_down_at_once_and_back_with_its_next_start() {
    let mut mesh = Mesh::start().await;
    for node in 1..=3 {
        sees(&mesh, node, SOON, all_up).await;
    }
    mesh.stop_node(3).await;
    for node in 1..=2 {
        // It said goodbye: nobody had to find out.
        sees(&mesh, node, Duration::from_secs(2), |view| state(view, 3) == Some((PeerState::Down, 1))).await;
    }
    mesh.start_node(3).await;
    for node in 1..=2 {
        sees(&mesh, node, SOON, |view| state(view, 3) == Some((PeerState::Up, 2))).await;
    }
    sees(&mesh, 3, SOON, all_up).await;
    mesh.stop().await;
}

/// Ends the process, whatever becomes of the test.
struct Daemon(Child);

impl Daemon {
    fn start(config: &std::path::Path) -> Self {
        Self(Command::new(env!("CARGO_BIN_EXE_meshd")).arg("--config").arg(config).spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_is_found_out_and_back_after_its_restart() {
    let mut mesh = Mesh::start().await;
    mesh.stop_node(3).await;
    let config = mesh.folder.path().join("node-3/node.toml");
    let daemon = Daemon::start(&config);
    for node in 1..=2 {
        sees(&mesh, node, SOON, |view| state(view, 3) == Some((PeerState::Up, 2))).await;
    }
    // kill -9: it says nothing.
    drop(daemon);
    for node in 1..=2 {
        sees(&mesh, node, SOON, |view| state(view, 3) == Some((PeerState::Down, 2))).await;
        let alive = mesh.client(node).status().await.unwrap();
        assert!(alive.peers.iter().any(|peer| peer.node_id == 3 && peer.state == "down"), "{:?}", alive.peers);
    }
    let _again = Daemon::start(&config);
    for node in 1..=2 {
        sees(&mesh, node, SOON, |view| state(view, 3) == Some((PeerState::Up, 3))).await;
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feeds_new_head_is_heard_of_everywhere_and_again_after_a_restart() {
    let mut mesh = Mesh::start().await;
    for node in 1..=3 {
        sees(&mesh, node, SOON, all_up).await;
    }
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "orders")).await;
    let hears = async |mesh: &Mesh, node: u64, size: u64| {
        let handle = mesh.node(node).core().gossip.clone();
        let mut heads = handle.follow_heads();
        let known = || handle.heard_head(&domain_of(1)).filter(|heard| heard.head.size >= size);
        let heard = async {
            loop {
                if let Some(heard) = known() {
                    return heard;
                }
                heads.changed().await.unwrap();
            }
        };
        tokio::time::timeout(SOON, heard).await.unwrap_or_else(|_| panic!("node {node} never heard"))
    };
    for node in 1..=3 {
        let heard = hears(&mesh, node, 1).await;
        assert_eq!(heard.from.is_none(), node == 1, "node {node} has it from {:?}", heard.from);
        let key = mesh.genesis.document.voters[0].key;
        let verified = mesh_event::FeedHead::verify(&heard.note, &mesh.genesis.mesh_id, &heard.head.feed, &key);
        assert_eq!(verified.unwrap(), heard.head);
    }
    // Heads are not kept: the restarted node compares, and the writer tells anew.
    mesh.stop_node(2).await;
    mesh.start_node(2).await;
    hears(&mesh, 2, 1).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_datagrams_are_dropped_and_counted_and_change_nothing() {
    let mesh = Mesh::start().await;
    sees(&mesh, 1, SOON, all_up).await;
    let address = mesh.node(1).peer_address();
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for noise in [&b""[..], b"hello", &[0; 600], &[0xff; 1_400], &[1; 1_200]] {
        stranger.send_to(noise, address).unwrap();
    }
    let dropped = |view: &GossipView| view.stats.dropped().map(|(_, count)| count).sum::<u64>();
    sees(&mesh, 1, SOON, |view| dropped(view) >= 5).await;
    sees(&mesh, 1, SOON, all_up).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_with_the_same_key_is_an_alarm() {
    let mut mesh = Mesh::start().await;
    for node in 1..=3 {
        sees(&mesh, node, SOON, all_up).await;
    }
    // The same disk, twice: a copy of node 3's folder is started elsewhere under the generation that node 3 runs under.
    mesh.stop_node(3).await;
    let (original, copy) = (mesh.folder.path().join("node-3"), mesh.folder.path().join("node-3-copy"));
    let copied = Command::new("cp").arg("-a").arg(&original).arg(&copy).status().unwrap();
    assert!(copied.success());
    mesh.start_node(3).await;
    sees(&mesh, 1, SOON, all_up).await;
    let mut config = mesh_node::Config::load(&copy.join("node.toml"), []).unwrap();
    config.node.data_dir = copy.join("data");
    config.node.keys_dir = copy.join("keys");
    config.api.listen = crate::support::free_address();
    config.peer.listen = crate::support::free_address();
    std::fs::write(copy.join("node.toml"), toml::to_string(&config).unwrap()).unwrap();
    let _copy = Daemon::start(&copy.join("node.toml"));
    let noticed = async {
        loop {
            for node in 1..=2 {
                let status = mesh.client(node).status().await.unwrap();
                if status.alarms.iter().any(|alarm| alarm.contains("two processes sign with the key of node 3")) {
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, noticed).await.expect("nobody noticed");
    mesh.stop().await;
}
