//! TEMPORARY while mesh-node does not compile.
#![allow(warnings, clippy::all, clippy::pedantic)]
#[path = "../../mesh-node/src/config.rs"]
mod config;
pub(crate) use config::{Config, ConfigError};
pub(crate) struct Node;
#[derive(Debug)]
pub(crate) struct StartError;
impl std::fmt::Display for StartError { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
impl StartError { pub(crate) fn code(&self) -> mesh_model::Code { mesh_model::Code::Internal } }
impl Node {
    pub(crate) async fn start(_: Config) -> Result<Self, StartError> { Err(StartError) }
    pub(crate) fn api_address(&self) -> std::net::SocketAddr { unreachable!() }
    pub(crate) async fn fatal(&self) -> String { unreachable!() }
    pub(crate) async fn shutdown(self) {}
}
