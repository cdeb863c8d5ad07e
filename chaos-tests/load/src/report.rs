//! Table and JSON.

use std::time::Duration;

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::measure::Figures;
use crate::preload::Restarted;

/// Everything that a run measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figures>,
    pub(crate) restarted: Vec<Restarted>,
    /// How many versions the second mesh had before it was measured.
    pub(crate) preloaded: usize,
    /// From the last acknowledgement of the preload until all was searchable everywhere.
    pub(crate) indexing: Option<Duration>,
    /// Resident memory of each node of the first and second mesh after its measurements.
    pub(crate) resident: Vec<(&'static str, Vec<u64>)>,
}

/// `above / below` of two figures.
struct Ratio {
    what: &'static str,
    value: f64,
    target: &'static str,
}

impl Report {
    fn figure(&self, name: &str, clients: Option<usize>) -> Option<&Figures> {
        self.figures.iter().find(|f| f.name == name && clients.is_none_or(|clients| f.clients == clients))
    }

    fn ratios(&self) -> Vec<Ratio> {
        let rate = |name, clients| Some(self.figure(name, clients)?.rate());
        let p50 = |name, clients| self.figure(name, clients)?.quantile_ms(0.5);
        let of = |above: Option<f64>, below: Option<f64>| Some(above? / below.filter(|below| *below > 0.0)?);
        let ratios = [
            (
                "publish / etcd put, 64 clients",
                "at least 1.0",
                of(rate("mesh publish", Some(64)), rate("etcd put", Some(64))),
            ),
            (
                "p50 of publish / of etcd put, 1 client",
                "at most 1.0",
                of(p50("mesh publish", Some(1)), p50("etcd put", Some(1))),
            ),
            (
                "publish stream / etcd put, 256 clients",
                "at least 1.0",
                of(rate("mesh publish stream", None), rate("etcd put", Some(256))),
            ),
            ("get / etcd get, 64 clients", "at least 3.5", of(rate("mesh get", Some(64)), rate("etcd get", Some(64)))),
            (
                "publish after the preload / empty, 64 clients",
                "",
                of(rate("preloaded publish", Some(64)), rate("mesh publish", Some(64))),
            ),
        ];
        ratios.into_iter().filter_map(|(what, target, value)| Some(Ratio { what, value: value?, target })).collect()
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut figures = Table::new();
        figures.load_style(presets::UTF8_BORDERS_ONLY);
        figures.set_header(["what", "clients", "done", "failed", "per second", "p50 ms", "p95 ms", "p99 ms"]);
        for f in &self.figures {
            let quantile = |share| f.quantile_ms(share).map_or_else(String::new, |ms| format!("{ms:.2}"));
            let (done, failed) = (f.done.to_string(), f.failed.to_string());
            let rate = format!("{:.0}", f.rate());
            let (p50, p95, p99) = (quantile(0.5), quantile(0.95), quantile(0.99));
            figures.add_row([f.name.clone(), f.clients.to_string(), done, failed, rate, p50, p95, p99]);
        }
        let mut lines = vec![figures.to_string()];
        for f in &self.figures {
            if let Some(why) = &f.first_failure {
                lines.push(format!("{} with {} clients: {} failed, the first: {why}", f.name, f.clients, f.failed));
            }
        }
        for (label, bytes) in &self.resident {
            let mib: Vec<String> = bytes.iter().map(|bytes| mib(*bytes)).collect();
            lines.push(format!("resident after the measurements, {label}: {} MiB", mib.join(", ")));
        }
        for r in &self.restarted {
            let others = if r.alone { "the others running" } else { "all at once" };
            let (stopped, ready) = (r.stopped_after.as_secs_f64(), r.ready_after.as_secs_f64());
            let mib = mib(r.resident_bytes);
            lines.push(format!(
                "restart of node {} with {} versions, {others}: stopped after {stopped:.2} s, ready after {ready:.2} s, {mib} MiB resident",
                r.node, self.preloaded
            ));
        }
        if let Some(indexing) = self.indexing {
            lines.push(format!("searchable everywhere {:.1} s after the preload", indexing.as_secs_f64()));
        }
        for ratio in self.ratios() {
            let target = if ratio.target.is_empty() { String::new() } else { format!(" (target: {})", ratio.target) };
            lines.push(format!("ratio {}: {:.2}{target}", ratio.what, ratio.value));
        }
        lines.join("\n")
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let ratios = self.ratios().into_iter();
        json!({
            "figures": self.figures.iter().map(Figures::json).collect::<Vec<_>>(),
            "resident": self.resident.iter().map(|(label, bytes)| json!({ "mesh": label, "bytes": bytes })).collect::<Vec<_>>(),
            "preloaded": self.preloaded,
            "indexing_seconds": self.indexing.map(|indexing| indexing.as_secs_f64()),
            "restarted": self.restarted.iter().map(Restarted::json).collect::<Vec<_>>(),
            "ratios": ratios.map(|r| json!({ "what": r.what, "value": r.value, "target": r.target })).collect::<Vec<_>>(),
        })
    }
}

fn mib(bytes: u64) -> String {
    (bytes >> 20).to_string()
}
