//! The port that clients come in by: with the operator's certificate or without, and with bounds per address.
//!
//! | file | holds |
//! |---|---|
//! | `listener` | the accepting side |
//! | `tls` | the operator's certificate |
//! | `wrong_protocol` | what somebody is told who speaks plain HTTP to a TLS port |
//! | `bounds` | requests of one address that are under way |
//! | `inner` | the way from the JSON side to the node's own gRPC services, without a socket |

mod bounds;
mod inner;
mod listener;
mod tls;
mod wrong_protocol;

pub use bounds::{RequestBounds, bound};
pub use inner::channel;
pub use listener::{ApiListener, ClientAddress};
pub use tls::{ApiTlsError, server_config};
