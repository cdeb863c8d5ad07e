//! What a port's data is held against: its datasets as tables, the rules and metrics of the product.

use std::path::Path;

use mesh_measure::worker::PortTask;
use mesh_model::{Dataset, Descriptor, Metric, OutputPort};
use mesh_quality::{DataSource, Input, Table};

/// The tables of a port with all rules, and the metrics that have a target.
///
/// # Errors
/// One sentence for people: no such port, no such format, datasets that cannot be told apart.
pub(crate) fn input(descriptor: &Descriptor, port: &PortTask) -> Result<Input, String> {
    let output = descriptor.outputs.iter().find(|output| output.name == port.port);
    let output = output.ok_or_else(|| format!("{} has no port {}", descriptor.id(), port.port))?;
    let tables = tables(descriptor, output, port)?;
    Input::new(tables, descriptor.quality_rules.clone(), metrics(descriptor)).map_err(|error| error.to_string())
}

/// The metrics that promise something, under the names of their checks.
pub(crate) fn metrics(descriptor: &Descriptor) -> Vec<Metric> {
    descriptor.quality.iter().filter(|metric| metric.target.is_some()).cloned().collect()
}

fn tables(descriptor: &Descriptor, output: &OutputPort, port: &PortTask) -> Result<Vec<Table>, String> {
    let source = |location: &str| {
        let source = DataSource::parse(&[location], port.format.as_deref(), &output.partition_by);
        source.map_err(|error| error.to_string())
    };
    let serves = |dataset: &&Dataset| output.datasets.is_empty() || output.datasets.contains(&dataset.name);
    let datasets: Vec<&Dataset> = descriptor.datasets.iter().filter(serves).collect();
    let table = |name: &str, fields, location: &str| {
        Table::new(name, fields, source(location)?).map_err(|error| error.to_string())
    };
    match datasets.as_slice() {
        [] => Ok(vec![table(descriptor.name.as_str(), Vec::new(), &port.location)?]),
        [one] => Ok(vec![table(&one.name, one.fields.clone(), &port.location)?]),
        several => {
            let part = |dataset: &&Dataset| {
                let location = part_of(&port.location, &dataset.name, several.len())?;
                table(&dataset.name, dataset.fields.clone(), &location)
            };
            several.iter().map(part).collect()
        }
    }
}

/// Where one of several datasets lies: in a folder, a folder or file of its name.
fn part_of(location: &str, dataset: &str, count: usize) -> Result<String, String> {
    let inside = |name: &str| format!("{}/{name}", location.trim_end_matches('/'));
    if location.contains("://") && !location.starts_with("file://") {
        return Ok(inside(&format!("{dataset}/")));
    }
    let folder = Path::new(location.trim_start_matches("file://"));
    if !folder.is_dir() {
        return Err(format!(
            "{location} is no folder; expected one with a folder or file for each of {count} datasets"
        ));
    }
    if folder.join(dataset).exists() {
        return Ok(inside(dataset));
    }
    let is_its = |name: &str| name.strip_prefix(dataset).is_some_and(|rest| rest.starts_with('.'));
    let entries = folder.read_dir().map_err(|error| format!("{location} cannot be read: {error}"))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(|name| is_its(name)).collect();
    names.sort();
    match names.as_slice() {
        [one] => Ok(inside(one)),
        [] => Err(format!("{location} has nothing that is called {dataset}")),
        several => Err(format!("{location} has several files of {dataset}: {}", several.join(", "))),
    }
}
