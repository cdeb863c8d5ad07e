//! Stores: the machine's own files, and S3 or what speaks like it.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, RetryConfig};

use crate::error::ReadError;
use crate::location::Location;

/// A store, and the URL that it is registered under.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) url: ObjectStoreUrl,
    pub(crate) objects: Arc<dyn ObjectStore>,
}

impl Store {
    /// The store that a location is in. S3 takes credentials, endpoint and whether http is allowed from the usual `AWS_*` variables of the
    /// environment.
    pub(crate) fn open(location: &Location) -> Result<Self, ReadError> {
        match location {
            Location::Local(_) => {
                Ok(Self { url: ObjectStoreUrl::local_filesystem(), objects: Arc::new(LocalFileSystem::new()) })
            }
            Location::S3 { bucket, .. } => {
                // The library's own three minutes are long for somebody who mistyped an endpoint.
                let retry =
                    RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
                let error = |e: &dyn std::fmt::Display| ReadError::new(location, format!("cannot be reached: {e}"));
                let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).build();
                let store = store.map_err(|e| error(&e))?;
                let url = ObjectStoreUrl::parse(format!("s3://{bucket}")).map_err(|e| error(&e))?;
                Ok(Self { url, objects: Arc::new(store) })
            }
        }
    }

    /// What people call an object of it.
    pub(crate) fn name_of(&self, path: &Path) -> String {
        let url = self.url.as_str();
        if url.starts_with("file://") { format!("/{path}") } else { format!("{}/{path}", url.trim_end_matches('/')) }
    }
}

/// What a store says, in few words.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::NotFound { .. } => "does not exist".to_owned(),
        Error::PermissionDenied { .. } => "may not be read with these credentials".to_owned(),
        Error::Unauthenticated { .. } => {
            "cannot be read without credentials (AWS_ACCESS_KEY_ID and the like)".to_owned()
        }
        other => format!("cannot be read: {other}"),
    }
}
