//! `mesh init`: fills this folder with a product's files.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use mesh_client::Read;
use mesh_event::Signer as _;
use mesh_formats::Format;
use mesh_model::{Code, DomainName, Name, ProductId, Role};

use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::reading::whole;
use crate::scaffold::{self, Alignment, NewFile, PRODUCT_FILE, README_FILE, Template};

/// Fills this folder with a new product, or with one that is published.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The product, as NAME or DOMAIN/NAME; the folder's name when absent.
    #[arg(conflicts_with = "from")]
    name: Option<String>,
    /// Starts from this published product: its descriptor and contracts, to be edited and published as its next version.
    #[arg(long, value_name = "ID", add = crate::completer::ids(), conflicts_with_all = ["template", "alignment", "domain", "owner"])]
    from: Option<String>,
    #[command(flatten)]
    product: ProductArgs,
}

/// What a new product starts with.
#[derive(Debug, Args)]
pub(crate) struct ProductArgs {
    /// What kind of output port it starts with.
    #[arg(long, value_enum, default_value = "batch")]
    template: Template,
    /// Where its data comes from.
    #[arg(long = "type", value_enum, default_value = "source-aligned", value_name = "TYPE")]
    alignment: Alignment,
    /// The domain that owns it; the one in which your key may publish when absent.
    #[arg(long, add = crate::completer::domains())]
    domain: Option<DomainName>,
    /// The team that answers for it.
    #[arg(long, value_name = "TEAM")]
    owner: Option<String>,
}

pub(crate) async fn run(args: InitArgs, app: &App) -> Result<(), Failure> {
    let here = Path::new("");
    if let Some(id) = &args.from {
        return from_published(here, id, app).await;
    }
    let given = args.name.unwrap_or_else(|| {
        let here = std::env::current_dir().unwrap_or_default();
        let folder = here.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        mesh_formats::map_name(&folder).to_string()
    });
    let (domain, name) = split(&given)?;
    scaffold(here, domain, name, &args.product, app).await
}

/// `NAME` or `DOMAIN/NAME`.
///
/// # Errors
/// When a part is no name.
pub(crate) fn split(text: &str) -> Result<(Option<DomainName>, Name), Failure> {
    let usage = |error: mesh_model::NameError| Failure::usage(error.to_string());
    if text.contains('/') {
        let id = ProductId::parse(text).map_err(usage)?;
        return Ok((Some(id.domain), id.name));
    }
    Ok((None, Name::parse(text).map_err(usage)?))
}

/// Writes a new product's files; none of them may be there.
///
/// # Errors
/// When no domain is named and none can be found, or a file is there.
pub(crate) async fn scaffold(
    folder: &Path,
    domain: Option<DomainName>,
    name: Name,
    product: &ProductArgs,
    app: &App,
) -> Result<(), Failure> {
    let domain = match (domain, product.domain.clone()) {
        (Some(a), Some(b)) if a != b => {
            return Err(Failure::usage(format!("two domains, {a} and {b}; expected one")));
        }
        (Some(domain), _) | (None, Some(domain)) => domain,
        (None, None) => own_domain(app).await?,
    };
    let owner = product.owner.clone().unwrap_or_else(|| format!("{domain}_team"));
    scaffold::check_owner(&owner).map_err(Failure::usage)?;
    write(folder, &scaffold::files(product.template, product.alignment, &domain, &name, &owner))?;
    let place = if folder.as_os_str().is_empty() { "." } else { name.as_str() };
    app.note(format!("made the product {domain}/{name}; next: edit {PRODUCT_FILE}, then `sh {place}/check.sh` and `mesh plan {place}`"));
    Ok(())
}

fn write(folder: &Path, new: &[NewFile]) -> Result<(), Failure> {
    // All are looked at before the first is written: no half of a folder is left behind.
    for (name, _) in new {
        let path = folder.join(name);
        if path.exists() {
            let message = format!("{} is there already and is not overwritten", path.display());
            return Err(Failure::usage(message).hint("use another folder: `mesh new NAME`"));
        }
    }
    for (name, text) in new {
        files::create(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// The one domain in which the context's key may publish.
async fn own_domain(app: &App) -> Result<DomainName, Failure> {
    let unknown = |why: String| {
        Failure::usage(format!("whose product is it? expected --domain DOMAIN{why}"))
            .hint("`mesh domain list` shows them")
    };
    let (Ok(client), Ok(Some(key))) = (app.client_within(Duration::from_secs(2)), app.signer_if_any()) else {
        return Err(unknown(String::new()));
    };
    let Ok(who) = client.who_is(key.public_key()).await else { return Err(unknown(String::new())) };
    let publishes = |role: Role| role.allows(mesh_model::Action::PublishVersion);
    let mut domains: Vec<DomainName> = (who.roles.into_iter())
        .filter(|role| role.revoked_index.is_none() && publishes(role.role))
        .filter_map(|role| role.domain)
        .collect();
    domains.sort();
    domains.dedup();
    match <[DomainName; 1]>::try_from(domains) {
        Ok([domain]) => Ok(domain),
        Err(domains) if domains.is_empty() => Err(unknown(String::new())),
        Err(domains) => {
            let names = domains.iter().map(DomainName::as_str).collect::<Vec<_>>().join(", ");
            Err(unknown(format!("; your key may publish in {names}")))
        }
    }
}

async fn from_published(folder: &Path, id: &str, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let descriptor = client.product(id, Read::default()).await?.descriptor;
    let whole = whole(&client, &descriptor).await?;
    let mut new: Vec<(String, Vec<u8>)> = Vec::new();
    for attachment in &whole.attachments {
        // The name is the publisher's: only a plain file name beside the descriptor is taken.
        let plain = Path::new(&attachment.name).file_name().is_some_and(|name| name == attachment.name.as_str());
        if attachment.purpose == mesh_model::AttachmentPurpose::Contract && plain {
            new.push((attachment.name.clone(), client.attachment(attachment.digest).await?));
        }
    }
    let text = mesh_formats::write(&whole, Format::Hcl)
        .map_err(|error| Failure::new(Code::InvalidProduct, error.to_string()))?;
    new.push((PRODUCT_FILE.to_owned(), text.into_bytes()));
    let readme = scaffold::readme(&whole.domain, &whole.name, &whole.owner.team);
    new.push((README_FILE.to_owned(), readme.into_bytes()));
    if let Some((name, _)) = new.iter().find(|(name, _)| folder.join(name).exists()) {
        return Err(Failure::usage(format!("{name} is there already and is not overwritten")));
    }
    for (name, bytes) in &new {
        files::create(&folder.join(name), bytes)?;
    }
    app.note(format!("wrote {}; next: edit {PRODUCT_FILE}, then `mesh plan .`", whole.version_id()));
    Ok(())
}
