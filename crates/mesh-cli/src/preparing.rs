//! From a product that was read to one that can be planned and signed: salts kept, parts that don't fit moved out, breaks
//! among moved fields found.

use std::collections::BTreeSet;

use mesh_client::{Client, Plan, PlanRequest, ProductView, Read};
use mesh_event::Keypair;
use mesh_formats::Product;
use mesh_model::{Code, Descriptor, Digest, compare};

use crate::contracts;
use crate::failure::Failure;
use crate::product_files::context;
use crate::reading::{hidden, whole};

/// A product as it would be signed, but for its version.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// The file it comes from.
    pub(crate) file: String,
    /// Fitted: parts that overflow are attachments.
    pub(crate) product: Product,
    /// Breaks that lie in attachments, which the ledger can't see: among fields that overflowed, and in contracts.
    pub(crate) overflow_breaks: Vec<String>,
}

/// Prepares a product. Asks the mesh only where it has to: for salts of private attachments, and for what overflowed
/// before.
///
/// # Errors
/// [`Code::InvalidFile`] for a limit that cannot be met; the transport's.
pub(crate) async fn prepare(
    client: &Client,
    signer: Option<&Keypair>,
    file: String,
    mut product: Product,
    may_exist: bool,
) -> Result<Prepared, Failure> {
    let has_private = product.attachments.iter().any(|body| body.salt.is_some());
    let full = product.descriptor.clone();
    fit(&file, &mut product)?;
    let overflows = !product.descriptor.overflow.is_empty();
    let has_contract = full.outputs.iter().any(|port| port.contract.is_some());
    let asks = may_exist && (has_private || overflows || has_contract);
    let before = if asks { known(client, &full).await? } else { None };
    let mut overflow_breaks = Vec::new();
    if let Some(before) = &before {
        if let Some(signer) = signer.filter(|_| has_private) {
            product.keep_salts(&salts(client, before, signer).await?);
        }
        if overflows || !before.descriptor.overflow.is_empty() {
            let before_whole = whole(client, &before.descriptor).await?;
            overflow_breaks = hidden_breaks(&before_whole, &full, &before.descriptor, &product.descriptor);
        }
    }
    if let Some(before) = &before {
        let changes = contracts::changes(client, &before.descriptor, &product.descriptor, &product.attachments).await?;
        overflow_breaks.extend(changes.into_iter().filter(|change| change.breaks.is_some()).map(|change| change.path));
    }
    Ok(Prepared { file, product, overflow_breaks })
}

/// Moves out what does not fit.
///
/// # Errors
/// [`Code::InvalidFile`] for a limit that cannot be met.
pub(crate) fn fit(file: &str, product: &mut Product) -> Result<(), Failure> {
    let mut salt = mesh_client::command::random_salt;
    let mut ctx = context("", None, &mut salt, &|_| None);
    mesh_formats::fit(product, &mut ctx).map_err(|problems| {
        let message = format!("{} is too large", product.descriptor.id());
        let problems = problems.0.iter().map(|problem| crate::product_files::located(file, problem)).collect();
        Failure::new(Code::InvalidFile, message).problems(problems)
    })
}

/// The newest sealed version, if there is one.
async fn known(client: &Client, descriptor: &Descriptor) -> Result<Option<ProductView>, Failure> {
    match client.product(&descriptor.id().to_string(), Read::default()).await {
        Ok(view) => Ok(Some(view)),
        Err(error) if matches!(error.code, Code::UnknownProduct | Code::UnknownDomain | Code::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The salts of a version's private attachments, as far as the key may read them.
async fn salts(client: &Client, view: &ProductView, signer: &Keypair) -> Result<Vec<(Digest, [u8; 16])>, Failure> {
    let mut known = Vec::new();
    for attachment in view.descriptor.attachments.iter().filter(|attachment| attachment.private) {
        match client.private_attachment(attachment.digest, signer).await {
            Ok(body) => known.push((attachment.digest, body.salt)),
            Err(error) if hidden(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(known)
}

/// Breaks that a comparison of the whole descriptors shows and one of the signed ones does not; sorted paths.
fn hidden_breaks(
    before: &Descriptor,
    after: &Descriptor,
    before_signed: &Descriptor,
    after_signed: &Descriptor,
) -> Vec<String> {
    let breaks = |before: &Descriptor, after: &Descriptor| -> BTreeSet<String> {
        compare(before, after).into_iter().filter(|change| change.breaks.is_some()).map(|change| change.path).collect()
    };
    let seen = breaks(before_signed, after_signed);
    breaks(before, after).into_iter().filter(|path| !seen.contains(path)).collect()
}

impl Prepared {
    /// Asks a node what a publish would do.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], or the transport's. A refusal is an answer.
    pub(crate) async fn plan(&self, client: &Client, major: bool) -> Result<Plan, Failure> {
        let request = PlanRequest {
            descriptor: &self.product.descriptor,
            version_given: self.product.version_given,
            major,
            overflow_breaks: &self.overflow_breaks,
        };
        client.plan(request).await.map_err(|error| Failure::from(error).within(&self.file))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_model::{Dataset, DomainName, Field, Name};

    #[test]
    fn breaks_among_moved_fields_are_found_and_inline_ones_are_left_to_the_node() {
        let field = |name: &str| Field { name: name.into(), description: "x".repeat(300), ..Field::default() };
        let with = |count: usize| {
            let mut d = Descriptor::new(DomainName::parse("sales").unwrap(), Name::parse("orders").unwrap());
            let fields = (0..count).map(|n| field(&format!("f{n}"))).collect();
            d.datasets = vec![Dataset { name: "rows".into(), fields, ..Dataset::default() }];
            d
        };
        let fitted = |d: &Descriptor| {
            let mut product = Product::new(d.clone(), false);
            fit("x.hcl", &mut product).unwrap();
            product.descriptor
        };
        let (before, after) = (with(6000), with(5999));
        assert_eq!(hidden_breaks(&before, &after, &fitted(&before), &fitted(&after)), ["datasets.rows.fields.f5999"]);
        let (before, after) = (with(3), with(2));
        assert!(hidden_breaks(&before, &after, &fitted(&before), &fitted(&after)).is_empty());
    }
}
