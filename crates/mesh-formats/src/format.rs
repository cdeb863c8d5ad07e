//! Which format a file is in.

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `resource "data_product" "name" { … }`.
    Hcl,
    /// Bitol Open Data Product Standard, YAML.
    Odps,
    /// Bitol Open Data Contract Standard, YAML.
    Odcs,
    /// Registry of Open Data on AWS, YAML.
    OpenDataRegistry,
}

impl Format {
    /// Tells the format by the file's name and, for YAML, by the keys at its top. `None` when neither says.
    pub fn detect(file_name: &str, text: &str) -> Option<Self> {
        let name = file_name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&[".hcl", ".tf"]) {
            return Some(Self::Hcl);
        }
        // `kind` is what the two Bitol standards tell themselves apart by; the name is only a hint beside it.
        match top_level(text, "kind").as_deref() {
            Some("DataProduct") => return Some(Self::Odps),
            Some("DataContract") => return Some(Self::Odcs),
            _ => {}
        }
        if ends(&[".odps.yaml", ".odps.yml"]) {
            return Some(Self::Odps);
        }
        if ends(&[".odcs.yaml", ".odcs.yml"]) {
            return Some(Self::Odcs);
        }
        let registry = ["Name", "ManagedBy", "Resources"].iter().all(|key| top_level(text, key).is_some());
        if registry {
            return Some(Self::OpenDataRegistry);
        }
        let hcl = text.lines().any(|line| line.trim_start().starts_with("resource \"data_product\""));
        hcl.then_some(Self::Hcl)
    }

    /// The word that files, attachments and the command line use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hcl => "hcl",
            Self::Odps => "odps",
            Self::Odcs => "odcs",
            Self::OpenDataRegistry => "open-data-registry",
        }
    }

    /// The media type of a file in this format.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Hcl => "application/hcl",
            Self::Odps | Self::Odcs | Self::OpenDataRegistry => "application/yaml",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The scalar after an unindented `key:`; empty when the value stands below it.
pub(crate) fn top_level(text: &str, key: &str) -> Option<String> {
    text.trim_start_matches('\u{feff}').lines().find_map(|line| {
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line);
        let rest = line.strip_prefix(key)?;
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let value = rest.trim_start().strip_prefix(':')?;
        let value = value.split(" #").next().unwrap_or_default();
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_between_yaml_formats_and_the_name_helps_out() {
        let table = [
            ("a.hcl", "", Some(Format::Hcl)),
            ("a.yaml", "apiVersion: v1.0.0\nkind: DataProduct # x\n", Some(Format::Odps)),
            ("a.odps.yaml", "apiVersion: v3.1.0\nkind: \"DataContract\"\n", Some(Format::Odcs)),
            ("a.odps.yaml", "apiVersion: v1.0.0\n", Some(Format::Odps)),
            ("a.odcs.yml", "", Some(Format::Odcs)),
            ("noaa.yaml", "Name: x\nManagedBy: y\nResources:\n  - a\n", Some(Format::OpenDataRegistry)),
            ("noname", "# c\nresource \"data_product\" \"x\" {\n}\n", Some(Format::Hcl)),
            ("a.yaml", "  kind: DataProduct\n", None),
            ("a.txt", "", None),
        ];
        for (name, text, format) in table {
            assert_eq!(Format::detect(name, text), format, "{name} {text}");
        }
    }
}
