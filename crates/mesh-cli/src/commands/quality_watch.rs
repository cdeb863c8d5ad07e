//! `mesh quality watch`: measures again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use mesh_client::Read;
use mesh_model::{ProductId, UnixMs};

use super::quality_run::{self, How};
use crate::app::App;
use crate::failure::Failure;
use crate::time;

/// How often a product is measured whose ports say nothing of how often their data is renewed.
const DAY: Duration = Duration::from_hours(24);
/// Shortest time between two looks: data that streams is not read without end.
const LEAST: Duration = Duration::from_mins(1);

/// Arguments of `mesh quality watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The products
    #[arg(required = true, value_name = "DOMAIN/NAME", add = crate::completer::ids())]
    products: Vec<ProductId>,
    #[command(flatten)]
    how: How,
    /// So often, whatever the ports say
    #[arg(long, value_name = "TIME", value_parser = time::parse_duration)]
    every: Option<Duration>,
    /// Ends after each product was measured so many times; for ever without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    times: Option<u32>,
}

/// When a product is to be looked at again, and how often it was.
#[derive(Debug, Default)]
struct Turn {
    due: UnixMs,
    times: u32,
}

/// Measures each product as often as its data is renewed, until it is stopped. What goes wrong at one product is told and does not keep the
/// others from their turn.
///
/// # Errors
/// When there is no key to state with, or `mesh-quality` is not there.
pub(crate) async fn run(args: WatchArgs, app: &App) -> Result<(), Failure> {
    let (client, signer) = (app.client()?, app.signer()?);
    let mut turns: BTreeMap<ProductId, Turn> = args.products.iter().map(|id| (id.clone(), Turn::default())).collect();
    app.reach("what was measured is stated");
    loop {
        let open = turns.iter().filter(|(_, turn)| args.times.is_none_or(|times| turn.times < times));
        let Some((id, due)) = open.min_by_key(|(_, turn)| turn.due).map(|(id, turn)| (id.clone(), turn.due)) else {
            return Ok(());
        };
        let begins = due.max(time::now());
        tokio::time::sleep(Duration::from_millis(begins.saturating_sub(time::now()))).await;
        let looked = async {
            let measured = quality_run::of_product(client.product(&id.to_string(), Read::default()).await?);
            let every = args.every.unwrap_or_else(|| measured.every().unwrap_or(DAY)).max(LEAST);
            let outcomes = quality_run::measure(app, &measured, &args.how).await?;
            quality_run::state(&client, &signer, &measured, &outcomes, &mut Vec::new()).await?;
            Ok::<_, Failure>((every, outcomes))
        };
        let every = match looked.await {
            Ok((every, outcomes)) => {
                let verdict = match quality_run::broken(&outcomes) {
                    Ok(()) => "no promise of severity error is broken".to_owned(),
                    Err(failure) => failure.message,
                };
                app.note(format!("{}  {id}: {verdict}", time::show(time::now())));
                every
            }
            Err(failure) if failure.code == Some(mesh_model::Code::NoMeasurer) => return Err(failure),
            Err(failure) => {
                app.warn(format!("{id}: {}", failure.message));
                args.every.unwrap_or(LEAST).max(LEAST)
            }
        };
        let turn = turns.entry(id).or_default();
        turn.times += 1;
        turn.due = begins.saturating_add(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
    }
}
