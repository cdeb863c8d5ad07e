//! `mesh new`: a folder for a new product.

use std::path::Path;

use clap::Args;

use super::init::{self, ProductArgs};
use crate::app::App;
use crate::failure::Failure;

/// Makes a folder with a new product: descriptor, contract and README, which validate as they are.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The product, as NAME or DOMAIN/NAME; the folder is called NAME.
    name: String,
    #[command(flatten)]
    product: ProductArgs,
}

pub(crate) async fn run(args: NewArgs, app: &App) -> Result<(), Failure> {
    let (domain, name) = init::split(&args.name)?;
    let folder = Path::new(name.as_str()).to_owned();
    if folder.exists() {
        return Err(Failure::usage(format!("{} is there already", folder.display())).hint("`mesh init` fills a folder"));
    }
    init::scaffold(&folder, domain, name, &args.product, app).await
}
