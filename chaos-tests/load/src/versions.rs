//! Versions to publish: about 1 KiB each, with words that a search can find.

use anyhow::{Context as _, Result};
use chaos_process::testbed::{Engineer, NodeNumber, Testbed};
use mesh_client::Outgoing;
use mesh_event::encoded_len;
use mesh_model::{Descriptor, DomainName, Name, OutputPort, PortKind};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What a descriptor is filled up to, in bytes.
const BYTES: usize = 1_024;
const SYLLABLES: [&str; 16] = [
    "cus", "tom", "or", "der", "ship", "ment", "pay", "bill", "stock", "price", "vol", "ume", "cli", "mate", "tra",
    "de",
];

/// A word out of 4,096: some are frequent enough to be found, none is in every product.
pub(crate) fn word(rng: &mut StdRng) -> String {
    (0..3).map(|_| SYLLABLES[rng.random_range(0..SYLLABLES.len())]).collect()
}

/// A signed publish, the domain's home, and `domain/name`.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) home: NodeNumber,
    pub(crate) id: String,
    pub(crate) outgoing: Outgoing,
}

/// Makes versions, each the first one of a new product; domains in turn.
pub(crate) struct Versions {
    engineer: Engineer,
    domains: Vec<(DomainName, NodeNumber)>,
    rng: StdRng,
    made: u64,
    prefix: String,
}

impl Versions {
    /// The same for the same prefix. Prefixes of one mesh have to differ.
    pub(crate) fn new(testbed: &Testbed, prefix: &str) -> Self {
        let seed = prefix.bytes().fold(1, |seed: u64, byte| seed.wrapping_mul(257).wrapping_add(u64::from(byte)));
        let domains = testbed.domains().to_vec();
        Self { engineer: testbed.signer(), domains, rng: StdRng::seed_from_u64(seed), made: 0, prefix: prefix.into() }
    }

    /// Only of domains that are at home on one node.
    pub(crate) fn at_home_on(mut self, node: NodeNumber) -> Self {
        self.domains.retain(|(_, home)| *home == node);
        self
    }

    /// Makes and signs one.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub(crate) fn next(&mut self) -> Result<Prepared> {
        let at = usize::try_from(self.made).context("a count")? % self.domains.len();
        let (domain, home) = self.domains[at].clone();
        let name = Name::parse(&format!("{}_{}", self.prefix, self.made)).context("a product's name")?;
        self.made += 1;
        let mut descriptor = Descriptor::new(domain, name);
        descriptor.title = format!("{} {}", word(&mut self.rng), word(&mut self.rng));
        descriptor.owner.team = word(&mut self.rng);
        descriptor.tags = vec![word(&mut self.rng), word(&mut self.rng)];
        descriptor.tags.dedup();
        descriptor.outputs = vec![OutputPort::new(Name::parse("api").context("a port's name")?, PortKind::Api)];
        let missing = BYTES.saturating_sub(encoded_len(&descriptor));
        while descriptor.description.len() < missing {
            descriptor.description.push_str(&word(&mut self.rng));
            descriptor.description.push(' ');
        }
        descriptor.description.truncate(missing);
        let id = descriptor.id().to_string();
        Ok(Prepared { home, id, outgoing: self.engineer.publish(descriptor, None)? })
    }

    /// Makes and signs many.
    ///
    /// # Errors
    /// As [`Versions::next`].
    pub(crate) fn take(&mut self, count: usize) -> Result<Vec<Prepared>> {
        (0..count).map(|_| self.next()).collect()
    }
}
