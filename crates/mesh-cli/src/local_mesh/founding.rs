//! Founding a local mesh: the ceremony of [`crate::ceremony`], every step of it, with all the people in one room.
//!
//! Each member and each node has key files of its own, and each step is given one person's key only. What comes out is
//! no special mesh: the same keys could be carried to machines of their own.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mesh_client::command::{now_unix_ms, random_salt};
use mesh_event::genesis::SealedGenesis;
use mesh_model::{Code, Name};
use mesh_node::Config;

use super::layout::Layout;
use super::ports;
use crate::ceremony::Draft;
use crate::failure::Failure;
use crate::files;
use crate::node_keys;

/// How many members the council of a local mesh has, and how many of them decide.
pub(crate) const COUNCIL: (u32, u32) = (3, 2);

/// The ports of nodes that are about to start, in their order: held, so that nobody else takes them meanwhile.
pub(crate) type Reserved = VecDeque<[TcpListener; 2]>;

/// Founds the mesh: keys, draft, genesis, a configuration per node. Founding again after a crash goes on with the keys
/// that are there; nothing counts until the genesis file stands, which is written last.
///
/// # Errors
/// When a file can't be written, or the folder holds files of another kind.
pub(crate) fn found(
    layout: &Layout,
    mesh_name: &str,
    nodes: u32,
    api_port: u16,
    peer_port: u16,
) -> Result<(SealedGenesis, Reserved), Failure> {
    let mut draft = Draft::new(mesh_name, COUNCIL.1, Vec::new(), now_unix_ms(), random_salt())?;
    let name = |text: String| Name::parse(&text).map_err(|error| Failure::internal(error.to_string()));
    for member in 1..=COUNCIL.0 {
        let key = node_keys::read_or_create(&layout.council_key(member))?;
        draft.join_seat(name(format!("member-{member}"))?, None, &key)?;
    }
    let token = pipelines_token(layout)?;
    let mut reserved = Reserved::new();
    for node in 1..=nodes {
        let (api_held, api) = reserve(api_port)?;
        let (peer_held, peer) = reserve(peer_port)?;
        reserved.push_back([api_held, peer_held]);
        let keys = node_keys::of_node(&layout.node_keys(node))?;
        draft.join_voter(name(format!("node-{node}"))?, &api.to_string(), &peer.to_string(), &keys)?;
        write_config(layout, node, (api, peer), &token)?;
    }
    for member in 1..=COUNCIL.1 {
        draft.sign(&node_keys::read_or_create(&layout.council_key(member))?)?;
    }
    let sealed = draft.seal()?;
    files::replace(&layout.draft(), draft.to_text().as_bytes())?;
    files::replace(&layout.genesis(), sealed.envelope.bytes())?;
    Ok((sealed, reserved))
}

/// Takes back a founding of which no node has run with the others: all that is lost is the founding document and what
/// single nodes wrote of it. Keys stay.
///
/// # Errors
/// When a file can't be removed.
pub(crate) fn undo(layout: &Layout, nodes: usize) -> Result<(), Failure> {
    let path = layout.genesis();
    std::fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))?;
    for node in (1_u32..).take(nodes) {
        let data = layout.node_data(node);
        match std::fs::remove_dir_all(&data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::io("remove", &data, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn reserve(usual: u16) -> Result<(TcpListener, SocketAddr), Failure> {
    let reserve = || {
        let listener = ports::reserve(usual)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    reserve().map_err(|error: std::io::Error| {
        Failure::new(Code::AddressInUse, format!("found no free port from {usual} on: {error}"))
    })
}

/// The token of a local mesh for its pipelines: made once, for its owner alone.
fn pipelines_token(layout: &Layout) -> Result<String, Failure> {
    let path = layout.pipelines_token();
    if path.exists() {
        return Ok(files::read_text(&path)?.trim().to_owned());
    }
    let token = URL_SAFE_NO_PAD.encode([random_salt(), random_salt()].concat());
    files::replace_secret(&path, format!("{token}\n").as_bytes())?;
    Ok(token)
}

/// Writes `node.toml` with paths relative to its folder, so that the whole folder can be moved.
fn write_config(layout: &Layout, node: u32, (api, peer): (SocketAddr, SocketAddr), token: &str) -> Result<(), Failure> {
    let keys = format!("../keys/node-{node}");
    let mut config = Config::new("data".into(), keys.into(), "../genesis.bin".into());
    config.api.listen = api;
    config.peer.listen = peer;
    config.pipelines.tokens = vec![token.to_owned()];
    let path = layout.node_config(node);
    let text = toml::to_string(&config).map_err(|error| Failure::internal(error.to_string()))?;
    // It holds the pipelines' token.
    files::replace_secret(&path, text.as_bytes())
}
