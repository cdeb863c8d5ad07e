//! Records of the Registry of Open Data on AWS: one record, one product.
//!
//! | record | descriptor |
//! |---|---|
//! | the file's name | name; the source's id |
//! | `ManagedBy` | domain, by [`crate::organisation_name`] (unless `--domain` gives one); its text is the owning team |
//! | `Name`, `Description`, `License`, `Tags` | title, description, licence, tags |
//! | `UpdateFrequency` | service level `freshness`, in prose; where it is short, the ports' frequency too |
//! | `Resources` | output ports: the ARN or host is the location; regions are the residency |
//! | `Contact` | its URLs are support channels; text with an e-mail address is private |
//! | `Documentation`, `DataAtWork`, URLs of `Citation` | documentation links |
//! | `Deprecated`, `DeprecatedNotice` | [`RegistryRecord::deprecated`]: the end of a product is a command of its own |
//! | all else | extensions `odr.<key>` |
//!
//! **People**: authors of tutorials, tools and publications, citations, and contacts with an e-mail address go to the
//! private people attachment. E-mail addresses in other texts are taken out and go there, too. Whether an address is a
//! team's or a person's can't be told from its look, and a registry's record was not written for this mesh: so all are
//! private, other than in ODPS and ODCS, whose `support` is a place to ask by its definition.

mod addresses;
mod outputs;
mod record;

pub(crate) use record::parse;
pub use record::{RegistryRecord, read_record};
