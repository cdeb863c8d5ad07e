//! Data on stdout in the format that was asked for.
//!
//! A list is one JSON document `{"NAME": [...], "cut": false, …}` with `json` and `yaml`, one line per item with
//! `jsonl`, one id per line with `name`. `docs/json.md` has the keys. A reader that goes away early (`| head`) is no
//! error.

use std::io::{IsTerminal as _, Write as _};

use clap::ValueEnum;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::style::Style;

/// Columns between two cells of a table.
const GAP: usize = 2;
/// Characters below which a column of text is no longer worth its place.
const READABLE: usize = 10;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people, as wide as the terminal
    #[default]
    Table,
    /// For people, with more columns
    Wide,
    /// One JSON document
    Json,
    /// One JSON document per line
    Jsonl,
    /// One YAML document
    Yaml,
    /// Ids only, one per line
    Name,
}

/// Something that a list shows.
pub(crate) trait Row: Serialize {
    /// Column titles; `wide` for more of them.
    fn columns(wide: bool) -> Vec<&'static str>;
    /// As many cells as there are columns.
    fn cells(&self, wide: bool) -> Vec<String>;
    /// Its id, for `-o name`.
    fn name(&self) -> String;
    /// The column that stays whole in a narrow terminal; `None`: the one of the ids.
    fn stays() -> Option<&'static str> {
        None
    }
}

/// Where data goes and how.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    /// Columns of the terminal; `None` when there is none, and lines are as long as they are.
    width: Option<u16>,
    style: Style,
}

impl Output {
    /// For this process's stdout.
    pub(crate) fn of_process(format: Format, colour: bool) -> Self {
        let stdout = std::io::stdout();
        let asked =
            std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
        let terminal = if stdout.is_terminal() {
            rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
        } else {
            None
        };
        Self { format, width: asked.or(terminal), style: Style::new(colour && stdout.is_terminal()) }
    }

    /// The format that was asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether a program reads the output.
    pub(crate) fn is_machine(&self) -> bool {
        matches!(self.format, Format::Json | Format::Jsonl)
    }

    /// Colours for stdout.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// One thing: `human` writes it for people, `name` is its id.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn one<T: Serialize>(
        &self,
        value: &T,
        name: &str,
        human: impl FnOnce(Style) -> String,
    ) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table | Format::Wide => human(self.style),
            Format::Name => format!("{name}\n"),
            Format::Json => pretty(value)?,
            Format::Jsonl => line(value)?,
            Format::Yaml => yaml(value)?,
        };
        print_stdout(&text)
    }

    /// A list under a key of its own; `more` goes beside it into the JSON document, such as `{"cut": true}`.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn list<T: Row>(&self, key: &str, items: &[T], more: Value) -> Result<(), Failure> {
        let document = || -> Result<Value, Failure> {
            let mut document = Map::new();
            document.insert(key.to_owned(), to_value(&items)?);
            if let Value::Object(more) = more {
                document.extend(more);
            }
            Ok(Value::Object(document))
        };
        let text = match self.format {
            Format::Table | Format::Wide if items.is_empty() => String::new(),
            Format::Table => self.table(items, false),
            Format::Wide => self.table(items, true),
            Format::Name => items.iter().map(|item| item.name() + "\n").collect(),
            Format::Json => pretty(&document()?)?,
            Format::Yaml => yaml(&document()?)?,
            Format::Jsonl => items.iter().map(line).collect::<Result<String, _>>()?,
        };
        print_stdout(&text)
    }

    /// One item of a list that has no end; each as soon as it comes.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn item<T: Row>(&self, item: &T) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => format!("{}\n", item.cells(false).join("  ")),
            Format::Wide => format!("{}\n", item.cells(true).join("  ")),
            Format::Name => format!("{}\n", item.name()),
            Format::Json | Format::Jsonl => line(item)?,
            Format::Yaml => format!("---\n{}", yaml(item)?),
        };
        print_stdout(&text)
    }

    /// Text as it is.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Bytes as they are.
    ///
    /// # Errors
    /// When stdout cannot be written.
    #[expect(clippy::unused_self, reason = "the one way to stdout")]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        print_bytes(bytes)
    }

    fn table<T: Row>(&self, items: &[T], wide: bool) -> String {
        let rows: Vec<Vec<String>> =
            items.iter().map(|item| item.cells(wide).iter().map(|cell| printable(cell)).collect()).collect();
        let columns = T::columns(wide);
        let is_id = |at: &usize| items.iter().zip(&rows).all(|(item, cells)| cells[*at] == item.name());
        let stays = T::stays().and_then(|title| columns.iter().position(|column| *column == title));
        let id = stays.or_else(|| (0..columns.len()).find(is_id)).unwrap_or(0);
        self.grid(&columns, &rows, id)
    }

    /// A table for people. Without a terminal nothing is wrapped. On a narrow one the column of ids stays whole, and the
    /// last columns are left out until what is left can be read.
    fn grid(&self, columns: &[&str], rows: &[Vec<String>], id: usize) -> String {
        let whole = |at: usize| {
            let cells = rows.iter().map(|row| row[at].chars().count());
            cells.chain([columns[at].chars().count()]).max().unwrap_or(0)
        };
        let least = |at: usize| if at == id { whole(at) } else { whole(at).min(READABLE.max(columns[at].len())) };
        let mut kept: Vec<usize> = (0..columns.len()).collect();
        if let Some(width) = self.width.map(usize::from) {
            while kept.iter().map(|at| least(*at) + GAP).sum::<usize>() > width
                && let Some(last) = kept.iter().rposition(|at| *at != id)
            {
                kept.remove(last);
            }
        }
        let limits: Vec<usize> = kept.iter().map(|at| least(*at)).collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        match self.width {
            // An id that is wider than the terminal is better wrapped by it than cut here: it can be copied.
            Some(width) if limits.iter().map(|least| least + GAP).sum::<usize>() <= usize::from(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            }
            _ => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        table.set_header(kept.iter().map(|at| columns[*at].to_uppercase()));
        for row in rows {
            table.add_row(kept.iter().map(|at| row[*at].as_str()));
        }
        for (column, least) in table.column_iter_mut().zip(limits) {
            let least = u16::try_from(least + GAP).unwrap_or(u16::MAX);
            column.set_padding((0, 2)).set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
        let mut text = String::new();
        for (at, row) in table.lines().enumerate() {
            let row = row.trim_end();
            text.push_str(&if at == 0 { self.style.bold(row) } else { row.to_owned() });
            text.push('\n');
        }
        text
    }
}

/// Text of others, without characters that would move the cursor, colour the terminal or reorder what is read. Line breaks
/// become spaces.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\t' => Some(' '),
            c if c.is_control() => None,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c => Some(c),
        })
        .collect()
}

fn to_value<T: Serialize>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::internal(format!("cannot write JSON: {error}")))
}

fn pretty<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Failure::internal(format!("cannot write JSON: {error}")))
}

fn line<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    text.map(|text| text + "\n").map_err(|error| Failure::internal(format!("cannot write JSON: {error}")))
}

fn yaml<T: Serialize>(value: &T) -> Result<String, Failure> {
    // Through a JSON value, so that both have the same keys in the same order.
    let text = serde_saphyr::to_string(&to_value(value)?);
    text.map(|text| if text.ends_with('\n') { text } else { text + "\n" })
        .map_err(|error| Failure::internal(format!("cannot write YAML: {error}")))
}

fn print_stdout(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        // The reader has what it wanted.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::quiet(0)),
        Err(error) => Err(Failure::internal(format!("cannot write to stdout: {error}"))),
    }
}

/// Writes to stderr; there is nowhere to say that this failed.
pub(crate) fn print_stderr(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Serialize)]
    struct Item {
        id: &'static str,
        what: &'static str,
    }

    impl Row for Item {
        fn columns(_: bool) -> Vec<&'static str> {
            vec!["id", "description"]
        }
        fn cells(&self, _: bool) -> Vec<String> {
            vec![self.id.into(), self.what.into()]
        }
        fn name(&self) -> String {
            self.id.into()
        }
    }

    fn output(width: Option<u16>) -> Output {
        Output { format: Format::Table, width, style: Style::plain() }
    }

    const ITEMS: [Item; 2] = [
        Item { id: "sales/orders", what: "Everything that customers ordered, one row for each line of an order" },
        Item { id: "sales/returns", what: "What came\nback\u{1b}[31m" },
    ];

    #[test]
    fn tables_fit_a_narrow_terminal() {
        let text = output(Some(40)).table(&ITEMS, false);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains("ID") && text.contains("sales/returns"), "{text}");
    }

    #[test]
    fn ids_stay_whole_and_the_last_column_goes_first() {
        let text = output(Some(20)).table(&ITEMS, false);
        assert_eq!(text, "ID\nsales/orders\nsales/returns\n");
        // Narrower than the id itself: the terminal wraps, nothing is cut.
        assert_eq!(output(Some(5)).table(&ITEMS, false), text);
    }

    /// Named by its address, known to people by its number.
    #[derive(Serialize)]
    struct Machine(&'static str);

    impl Row for Machine {
        fn columns(_: bool) -> Vec<&'static str> {
            vec!["node", "outbox", "url"]
        }
        fn cells(&self, _: bool) -> Vec<String> {
            vec!["1 alpha".into(), "17".into(), self.0.into()]
        }
        fn name(&self) -> String {
            self.0.into()
        }
        fn stays() -> Option<&'static str> {
            Some("node")
        }
    }

    #[test]
    fn a_long_id_that_people_do_not_need_makes_room_for_what_they_do() {
        let machines = [Machine("http://alpha.example:7080")];
        let text = output(Some(24)).table(&machines, false);
        assert_eq!(text, "NODE     OUTBOX\n1 alpha  17\n");
    }

    #[test]
    fn nothing_reorders_what_is_read() {
        assert_eq!(printable("a\u{202e}b\u{2066}c\u{2069}\u{1b}[2Jd"), "abc[2Jd");
    }

    #[test]
    fn without_a_terminal_one_item_is_one_line_and_nothing_escapes() {
        let text = output(None).table(&ITEMS, false);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().nth(2).unwrap().ends_with("What came back[31m"), "{text}");
    }

    #[test]
    fn yaml_has_the_keys_of_json() {
        let text = yaml(&serde_json::json!({"b": ["x", "no", "1"], "a": {"n": 1.5, "t": null}})).unwrap();
        assert!(text.find("b:").unwrap() < text.find("a:").unwrap(), "{text}");
        assert!(text.contains("\"no\"") || text.contains("'no'"), "{text}");
    }
}
