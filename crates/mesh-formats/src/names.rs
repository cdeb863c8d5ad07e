//! Foreign names to ours: the one function that every importer uses, so the same text has the same name everywhere.
//!
//! # [`map_name`]
//!
//! | step | rule | example |
//! |---|---|---|
//! | 0 | a name that keeps our rule is itself | `noaa-goes` → `noaa-goes` |
//! | 1 | letters of any script become ASCII, by `deunicode` | `São Paulo` → `Sao Paulo` |
//! | 2 | `&` is `and`, `+` is `plus`; apostrophes vanish | `Children's` → `Childrens` |
//! | 3 | letters become small | `GOES` → `goes` |
//! | 4 | any run of other characters than `a-z0-9_` is one `-`; none at either end | `a. (b)` → `a-b` |
//! | 5 | what starts with no letter gets `n` before it | `1000-genomes` → `n1000-genomes` |
//! | 6 | what is longer than 63 keeps 54, then `-` and 8 hexadecimal digits of the SHA-256 of the foreign text | |
//! | 7 | what has no letter or digit left is `x-` and those 8 digits | `!!!` → `x-…` |
//!
//! Two foreign names may map to one. Where they must stay apart, [`NameMap::distinct`] adds the 8 digits to all but one
//! of them, whatever the order in which they come. Where they are spellings of one thing, as organisations are,
//! [`NameMap::merged`] reports what it merged.
//!
//! # [`organisation_name`]
//!
//! What an organisation is called, out of what people write into a field: markdown links, addresses in parentheses,
//! `The` before and `Inc.` after it don't make another organisation.

use std::collections::BTreeMap;

use mesh_model::limits::NAME_BYTES;
use mesh_model::{Digest, Name};

/// Characters of the digest that tell apart what else would be the same.
const HASH: usize = 8;

/// The name of a foreign name; see the table above. The same text always has the same name.
pub fn map_name(foreign: &str) -> Name {
    if let Ok(name) = Name::parse(foreign) {
        return name;
    }
    let mut mapped = String::new();
    for c in deunicode::deunicode(foreign).chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_') => mapped.push(c),
            '&' => separated(&mut mapped, "and"),
            '+' => separated(&mut mapped, "plus"),
            '\'' | '`' => {}
            _ => separate(&mut mapped),
        }
    }
    let mapped = mapped.trim_matches(['-', '_']);
    let mapped = match mapped.chars().next() {
        None => format!("x-{}", hash(foreign)),
        Some('a'..='z') => mapped.to_owned(),
        Some(_) => format!("n{mapped}"),
    };
    let mapped = if mapped.len() > NAME_BYTES { with_hash(&mapped, foreign) } else { mapped };
    Name::parse(&mapped).expect("every step above keeps the rule")
}

fn separate(mapped: &mut String) {
    if !mapped.is_empty() && !mapped.ends_with('-') {
        mapped.push('-');
    }
}

fn separated(mapped: &mut String, word: &str) {
    separate(mapped);
    mapped.push_str(word);
    mapped.push('-');
}

fn hash(foreign: &str) -> String {
    Digest::of(foreign.as_bytes()).to_string()[..HASH].to_owned()
}

/// The text, cut where that is needed, and the digest of the foreign name.
fn with_hash(mapped: &str, foreign: &str) -> String {
    let kept = &mapped[..mapped.len().min(NAME_BYTES - HASH - 1)];
    format!("{}-{}", kept.trim_end_matches(['-', '_']), hash(foreign))
}

/// Names for a set of foreign names; the order in which they come makes no difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameMap {
    names: BTreeMap<String, Name>,
    merges: BTreeMap<Name, Vec<String>>,
}

impl NameMap {
    /// Different foreign names get different names.
    ///
    /// Of those that [`map_name`] can't tell apart, one keeps the plain name (the one that is it, else the first in
    /// the order of bytes), the others get 8 digits of their digest.
    pub fn distinct<'a>(foreign: impl IntoIterator<Item = &'a str>) -> Self {
        let mut by_name: BTreeMap<Name, Vec<&str>> = BTreeMap::new();
        for text in foreign {
            by_name.entry(map_name(text)).or_default().push(text);
        }
        let mut map = Self::default();
        let mut taken: std::collections::BTreeSet<Name> = by_name.keys().cloned().collect();
        for (name, mut texts) in by_name {
            texts.sort_unstable();
            texts.dedup();
            let plain = texts.iter().position(|text| *text == name.as_str()).unwrap_or(0);
            if texts.len() > 1 {
                map.merges.insert(name.clone(), texts.iter().map(|text| (*text).to_owned()).collect());
            }
            for (at, text) in texts.into_iter().enumerate() {
                let mut own = name.clone();
                let mut salted = text.to_owned();
                while at != plain && !taken.insert(own.clone()) {
                    own = Name::parse(&with_hash(name.as_str(), &salted)).expect("a name, a hyphen and digits");
                    salted.push('\0');
                }
                map.names.insert(text.to_owned(), own);
            }
        }
        map
    }

    /// Spellings of one organisation share a name: see [`organisation_name`].
    pub fn merged<'a>(foreign: impl IntoIterator<Item = &'a str>) -> Self {
        let mut map = Self::default();
        for text in foreign {
            map.names.insert(text.to_owned(), map_name(&organisation_name(text)));
        }
        let mut spellings: BTreeMap<Name, Vec<String>> = BTreeMap::new();
        for (text, name) in &map.names {
            spellings.entry(name.clone()).or_default().push(text.clone());
        }
        spellings.retain(|_, texts| texts.len() > 1);
        map.merges = spellings;
        map
    }

    /// The name of one of the foreign names.
    pub fn get(&self, foreign: &str) -> Option<&Name> {
        self.names.get(foreign)
    }

    /// Foreign names with theirs, in the order of the foreign ones.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Name)> {
        self.names.iter().map(|(foreign, name)| (foreign.as_str(), name))
    }

    /// What [`map_name`] could not tell apart: the plain name, and the foreign names that have it in common.
    pub fn merges(&self) -> impl Iterator<Item = (&Name, &[String])> {
        self.merges.iter().map(|(name, texts)| (name, texts.as_slice()))
    }
}

/// What an organisation is called, out of what a file writes about it. Empty only when the text says nothing.
///
/// | rule | example |
/// |---|---|
/// | of a link, its text | `[NOAA](http://www.noaa.gov/)` → `NOAA` |
/// | addresses go, of pages and of people; alone, a page's host stays | `http://www.pyfr.org` → `pyfr.org` |
/// | an abbreviation in parentheses at the end goes | `Alaska Satellite Facility (ASF)` → `Alaska Satellite Facility` |
/// | a sentence about it goes | `iNaturalist is an independent …` → `iNaturalist` |
/// | `The` before it goes | `The Weather Company` → `Weather Company` |
/// | its legal form goes | `Hobu, Inc.` → `Hobu` |
/// | quotes, and punctuation at the ends | `“NOAA”,` → `NOAA` |
pub fn organisation_name(text: &str) -> String {
    let text: String = text.chars().map(|c| if matches!(c, '"' | '“' | '”' | '„') { ' ' } else { c }).collect();
    let mut name = without_addresses(&without_links(&text));
    if let Some(at) = name.find(" is an ").or_else(|| name.find(" is a ")) {
        name.truncate(at);
    }
    loop {
        let before = name.len();
        name = trimmed(&name);
        name = without_abbreviation(&name);
        for article in ["the ", "The ", "THE "] {
            name = name.strip_prefix(article).map_or(name.clone(), ToOwned::to_owned);
        }
        name = without_legal_form(&name);
        if name.len() == before {
            break;
        }
    }
    if name.is_empty() { host_of(&text).unwrap_or_else(|| trimmed(&text)) } else { name }
}

/// `[text](address)`, `[text] (address)` and `(text)[address]` become their text.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find(['[', '(']) {
        let (before, link) = rest.split_at(open);
        out.push_str(before);
        let (close, second_open, second_close) = if link.starts_with('[') { (']', '(', ')') } else { (')', '[', ']') };
        let Some(end) = link.find(close) else {
            // A bracket that nobody closed: `[Radiological Society (https://…)`.
            out.push_str(link.strip_prefix('[').unwrap_or(link));
            return out;
        };
        let (inner, after) = (&link[1..end], &link[end + 1..]);
        let address = after.trim_start().strip_prefix(second_open).and_then(|second| second.split_once(second_close));
        match address {
            Some((_, after)) => {
                out.push_str(inner);
                rest = after;
            }
            None if link.starts_with('[') => {
                out.push_str(inner);
                rest = after;
            }
            None => {
                out.push_str(&link[..=end]);
                rest = after;
            }
        }
    }
    out + rest
}

/// Without words that are addresses of pages or people, and the parentheses around them.
fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        !(bare.contains("://") || bare.contains('@') || bare.starts_with("www."))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn without_abbreviation(name: &str) -> String {
    match name.rfind(" (") {
        Some(open) if name.ends_with(')') => name[..open].to_owned(),
        _ => name.to_owned(),
    }
}

fn without_legal_form(name: &str) -> String {
    const FORMS: [&str; 13] = [
        "Inc.",
        "Inc",
        "LLC",
        "L.L.C.",
        "Ltd.",
        "Ltd",
        "Limited",
        "GmbH",
        "Corp.",
        "Corp",
        "Corporation",
        "PLC",
        "B.V.",
    ];
    match name.rsplit_once([' ', ',']) {
        Some((rest, last)) if FORMS.contains(&last) && !rest.trim().is_empty() => rest.to_owned(),
        _ => name.to_owned(),
    }
}

fn trimmed(name: &str) -> String {
    let words: Vec<_> = name.split_whitespace().collect();
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '.' | ';' | ':' | '-' | '|' | '\'');
    let name = words.join(" ");
    let name = name.trim_matches(ends);
    // `Inc.` is a word, and its point is needed to see that.
    let cut = words.last().is_some_and(|last| matches!(last.trim_end_matches(','), "Inc." | "Ltd." | "Corp." | "B.V."));
    if cut { words.join(" ").trim_start_matches(ends).trim_end_matches(',').to_owned() } else { name.to_owned() }
}

fn host_of(text: &str) -> Option<String> {
    let (_, after) = text.split_once("://")?;
    let host: String = after.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-')).collect();
    let host = host.trim_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn foreign_names_map_as_the_table_says() {
        let table = [
            ("customer_profile", "customer_profile"),
            ("nasa-noaa---space-weather-program", "nasa-noaa---space-weather-program"),
            ("Customer Data Product", "customer-data-product"),
            ("São Paulo", "sao-paulo"),
            ("Children's Hospital & Lab", "childrens-hospital-and-lab"),
            ("C++", "c-plus-plus"),
            ("1000-genomes", "n1000-genomes"),
            ("a. (b)", "a-b"),
            ("_private_", "private"),
            ("orders.v1", "orders-v1"),
        ];
        for (foreign, name) in table {
            assert_eq!(map_name(foreign).as_str(), name, "{foreign}");
        }
        assert!(map_name("!!!").as_str().starts_with("x-"));
        assert_ne!(map_name("!!!"), map_name("???"));
        let long = "aodn_satellite_ghrsst_l3s_1day_daynighttime_multi_sensor_australia";
        assert_eq!(map_name(long).as_str().len(), 63);
        assert_ne!(map_name(long), map_name(&format!("{long}2")));
    }

    #[test]
    fn organisations_are_called_what_they_are_called() {
        let table = [
            ("[NOAA](http://www.noaa.gov/)", "NOAA"),
            ("\"[NOAA](http://www.noaa.gov/)\"\n", "NOAA"),
            (
                "(Human Pangenome Reference Consortium)[https://humanpangenome.org/]",
                "Human Pangenome Reference Consortium",
            ),
            ("“[Center for Data](https://x.edu/)”", "Center for Data"),
            ("[Center] (https://x.edu/)", "Center"),
            ("[Hobu, Inc.](https://hobu.co)", "Hobu"),
            ("[Illumina, Inc.](https://www.illumina.com)", "Illumina"),
            ("[The Alaska Satellite Facility (ASF)](https://asf.alaska.edu/)", "Alaska Satellite Facility"),
            ("Cornell University (https://www.cs.cornell.edu/~snavely/)", "Cornell University"),
            ("Jo Doe (jd@example.edu)", "Jo Doe"),
            ("http://www.pyfr.org", "pyfr.org"),
            ("[iNaturalist](https://www.inaturalist.org/) is an independent, 501(c)(3), organization.", "iNaturalist"),
            ("[CPRA](https://a/) and [The Water Institute](https://b/)", "CPRA and The Water Institute"),
            ("[Radiological Society (https://www.rsna.org/)", "Radiological Society"),
            ("Cal-Adapt: Analytics Engine (by Eagle Rock Analytics, Inc.)", "Cal-Adapt: Analytics Engine"),
            ("", ""),
        ];
        for (text, name) in table {
            assert_eq!(organisation_name(text), name, "{text}");
        }
    }

    #[test]
    fn spellings_of_one_organisation_merge_and_are_reported() {
        let map = NameMap::merged(["NOAA", "[NOAA](http://www.noaa.gov/)", "Hobu, Inc.", "Hobu"]);
        let merges: Vec<_> = map.merges().map(|(name, texts)| (name.as_str(), texts.len())).collect();
        assert_eq!(merges, [("hobu", 2), ("noaa", 2)]);
    }

    #[test]
    fn different_names_stay_different_in_any_order() {
        let foreign = ["Orders V1", "orders-v1", "orders.v1", "other"];
        let map = NameMap::distinct(foreign);
        assert_eq!(map.get("orders-v1").unwrap().as_str(), "orders-v1");
        assert!(map.get("orders.v1").unwrap().as_str().starts_with("orders-v1-"));
        assert_eq!(map, NameMap::distinct(foreign.into_iter().rev()));
    }

    proptest! {
        #[test]
        fn any_text_has_one_name_that_keeps_the_rule(foreign: String) {
            let name = map_name(&foreign);
            prop_assert!(Name::parse(name.as_str()).is_ok());
            prop_assert_eq!(&name, &map_name(&foreign));
            // A name is its own name: mapping twice changes nothing.
            prop_assert_eq!(&map_name(name.as_str()), &name);
        }

        #[test]
        fn long_names_keep_the_rule(foreign in "[a-zA-Z0-9 ._-]{50,100}") {
            prop_assert!(Name::parse(map_name(&foreign).as_str()).is_ok());
        }

        #[test]
        fn organisations_end(text in "[a-c \\[\\]().,:/@\"]{0,40}") {
            let name = organisation_name(&text);
            prop_assert_eq!(&organisation_name(&text), &name);
        }

        #[test]
        fn distinct_maps_are_injective(foreign in proptest::collection::btree_set("[aA ._-]{0,4}|[a-z]{62,64}", 0..40)) {
            let map = NameMap::distinct(foreign.iter().map(String::as_str));
            let names: std::collections::BTreeSet<_> = map.iter().map(|(_, name)| name).collect();
            prop_assert_eq!(names.len(), foreign.len());
        }
    }
}
