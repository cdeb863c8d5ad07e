//! `mesh export`: a product in the formats that people write, or the file it came from, byte for byte.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mesh_client::{Client, ProductView, Read};
use mesh_formats::Format;
use mesh_model::{AttachmentPurpose, Code};

use crate::app::App;
use crate::completer;
use crate::failure::Failure;
use crate::files;
use crate::reading::whole;

/// Arguments of `mesh export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A product (domain/name, its newest version) or one version (domain/name@1.0.0)
    #[arg(add = completer::ids())]
    id: String,
    /// The format
    #[arg(long = "as", value_enum, value_name = "FORMAT", default_value = "original")]
    format: As,
    /// Write to a new file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    /// Bitol Open Data Product Standard, YAML
    Odps,
    /// Bitol Open Data Contract Standard, YAML
    Odcs,
    /// The guide's template
    Hcl,
    /// The file that was published, byte for byte
    Original,
}

/// Writes the product to stdout or a file.
///
/// # Errors
/// Exit 4 when there is no such product, or it was published without a file; exit 7 for an original that names people
/// and a key that may not read it.
pub(crate) async fn run(args: ExportArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let view = client.product(&args.id, Read::default()).await?;
    let format = match args.format {
        As::Odps => Format::Odps,
        As::Odcs => Format::Odcs,
        As::Hcl => Format::Hcl,
        As::Original => return write(app, args.out, &original(app, &client, &view).await?),
    };
    let descriptor = whole(&client, &view.descriptor).await?;
    let text = mesh_formats::write(&descriptor, format)
        .map_err(|error| Failure::new(Code::InvalidFile, format!("{} cannot be written: {error}", args.id)))?;
    if descriptor.owner.people.is_some() {
        app.note("the people that it names are private and stay out of this file; --as original has them, for who may read them");
    }
    write(app, args.out, text.as_bytes())
}

async fn original(app: &App, client: &Client, view: &ProductView) -> Result<Vec<u8>, Failure> {
    let id = view.descriptor.version_id();
    let attachments = &view.descriptor.attachments;
    let found = attachments.iter().find(|attachment| attachment.purpose == AttachmentPurpose::Original);
    let Some(found) = found else {
        return Err(Failure::new(Code::AttachmentMissing, format!("{id} was published without an original file"))
            .hint("--as hcl, odps or odcs writes one"));
    };
    if !found.private {
        return Ok(client.attachment(found.digest).await?);
    }
    let signer = app.signer_if_any()?.ok_or_else(|| {
        Failure::new(
            Code::ReadDenied,
            format!("the original of {id} names people; a key of the domain has to sign the read"),
        )
    })?;
    Ok(client.private_attachment(found.digest, &signer).await?.body)
}

fn write(app: &App, out: Option<PathBuf>, bytes: &[u8]) -> Result<(), Failure> {
    match out {
        Some(path) => {
            files::create(&path, bytes)?;
            app.note(format!("written to {}", path.display()));
            Ok(())
        }
        None => app.output().bytes(bytes),
    }
}
