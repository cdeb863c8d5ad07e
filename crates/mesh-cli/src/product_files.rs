//! Product files and folders of them, read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use mesh_client::command::random_salt;
use mesh_formats::{Context, Format, Problem, Product};
use mesh_model::{Code, DomainName, ProductStatus, limits};

use crate::failure::Failure;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// As people name it.
    pub(crate) file: String,
    /// Its products; none when it has errors.
    pub(crate) products: Vec<Product>,
    /// Why it cannot be used.
    pub(crate) errors: Vec<Problem>,
    /// What should be looked at.
    pub(crate) warnings: Vec<Problem>,
}

/// What stands for standard input.
const STDIN: &str = "-";

/// Reads a file, `-` for standard input, or every product file under a folder. Files with errors are in the list, too.
///
/// In a folder, contracts that a product file refers to belong to that product; others are products of their own. Hidden
/// files and folders, and files of no known format, are left out.
///
/// # Errors
/// When something cannot be read, or the folder has no product file.
pub(crate) fn load(path: &Path, domain: Option<&DomainName>) -> Result<Vec<Loaded>, Failure> {
    if path.as_os_str() == STDIN {
        let mut bytes = Vec::new();
        let most = limits::PRODUCT_FILE_BYTES as u64 + 1;
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::io("read", Path::new("standard input"), &error))?;
        return Ok(vec![parse("standard input", "stdin", Path::new("."), &bytes, domain, &RefCell::default())]);
    }
    if !path.is_dir() {
        return Ok(vec![load_file(path, domain, &RefCell::default())?]);
    }
    let mut files = Vec::new();
    collect(path, &mut files)?;
    // Contracts last: by then it is known which of them belong to a product.
    let (contracts, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, format)| *format == Format::Odcs);
    let referred = RefCell::default();
    let mut loaded = Vec::new();
    for (file, _) in others {
        loaded.push(load_file(&file, domain, &referred)?);
    }
    for (file, _) in contracts {
        if !referred.borrow().contains(&file) {
            loaded.push(load_file(&file, domain, &RefCell::default())?);
        }
    }
    if loaded.is_empty() {
        let message = format!("{} has no product file (*.hcl, *.odps.yaml, *.odcs.yaml)", path.display());
        return Err(Failure::new(Code::NotFound, message).hint("`mesh new NAME` makes a product folder"));
    }
    loaded.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(loaded)
}

/// Reads one file. Files that it refers to are noted in `referred`.
fn load_file(
    path: &Path,
    domain: Option<&DomainName>,
    referred: &RefCell<BTreeSet<PathBuf>>,
) -> Result<Loaded, Failure> {
    let bytes = read_bounded(path).map_err(|error| Failure::io("read", path, &error))?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(parse(&path.display().to_string(), &name, folder, &bytes, domain, referred))
}

/// One byte more than a product file may have: enough for the parser to say that it is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limits::PRODUCT_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(
    file: &str,
    name: &str,
    folder: &Path,
    bytes: &[u8],
    domain: Option<&DomainName>,
    referred: &RefCell<BTreeSet<PathBuf>>,
) -> Loaded {
    let load = |beside: &str| {
        let beside = Path::new(beside);
        // A product file must not be able to publish what lies elsewhere on this machine.
        let inside = beside.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return None;
        }
        let path: PathBuf = folder.join(beside).components().collect();
        let bytes = read_bounded(&path).ok()?;
        referred.borrow_mut().insert(path);
        Some(bytes)
    };
    let mut salt = random_salt;
    let mut ctx = context(name, domain, &mut salt, &load);
    let mut loaded = Loaded { file: file.to_owned(), products: Vec::new(), errors: Vec::new(), warnings: Vec::new() };
    match mesh_formats::parse(bytes, &mut ctx) {
        Err(problems) => loaded.errors = problems.0,
        Ok(parsed) => {
            loaded.warnings = parsed.warnings;
            loaded.products = parsed.products;
        }
    }
    loaded
}

/// What the formats need from outside.
pub(crate) fn context<'a>(
    file_name: &'a str,
    domain: Option<&'a DomainName>,
    salt: &'a mut dyn FnMut() -> [u8; 16],
    load: &'a dyn Fn(&str) -> Option<Vec<u8>>,
) -> Context<'a> {
    Context { domain, salt, encoded_len: &mesh_event::encoded_len, file_name, load }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Format)>) -> Result<(), Failure> {
    let fail = |error: std::io::Error| Failure::io("read", folder, &error);
    let mut entries = std::fs::read_dir(folder).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // Links are not followed: they may lead in circles.
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && has_product_ending(&name) {
            // As many bytes as tell the format.
            let bytes = read_bounded(&entry.path()).map_err(|error| Failure::io("read", &entry.path(), &error))?;
            if let Some(format) = Format::detect(&name, &String::from_utf8_lossy(&bytes)) {
                files.push((entry.path().components().collect(), format));
            }
        }
    }
    Ok(())
}

fn has_product_ending(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["hcl", "yaml", "yml"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// All errors of all files, a line each, as a failure; `Ok` when there are none.
///
/// # Errors
/// [`Code::InvalidFile`].
pub(crate) fn refuse_errors(loaded: &[Loaded]) -> Result<(), Failure> {
    let with_errors = loaded.iter().filter(|file| !file.errors.is_empty()).count();
    if with_errors == 0 {
        return Ok(());
    }
    let problems: Vec<String> =
        loaded.iter().flat_map(|file| file.errors.iter().map(move |problem| located(&file.file, problem))).collect();
    let message = match (with_errors, loaded.len()) {
        (1, 1) => format!("{} has {}", loaded[0].file, errors(problems.len())),
        (some, all) => format!("{some} of {all} files have {}", errors(problems.len())),
    };
    Err(Failure::new(Code::InvalidFile, message).problems(problems))
}

/// Drafts as a failure; `Ok` when there are none.
///
/// # Errors
/// [`Code::InvalidProduct`].
pub(crate) fn refuse_drafts(loaded: &[Loaded]) -> Result<(), Failure> {
    let drafts: Vec<String> = loaded
        .iter()
        .flat_map(|file| file.products.iter().map(move |product| (file, &product.descriptor)))
        .filter(|(_, descriptor)| descriptor.status == ProductStatus::Draft)
        .map(|(file, descriptor)| format!("{}: {}: status: expected active, found draft", file.file, descriptor.id()))
        .collect();
    if drafts.is_empty() {
        return Ok(());
    }
    let message = match drafts.len() {
        1 => "a product is a draft; a draft stays on its own node and is not sealed".to_owned(),
        more => format!("{more} products are drafts; a draft stays on its own node and is not sealed"),
    };
    let failure = Failure::new(Code::InvalidProduct, message).problems(drafts);
    Err(failure.hint("set the status to active when the product is ready, or leave the file out"))
}

fn errors(count: usize) -> String {
    if count == 1 { "an error".into() } else { format!("{count} errors") }
}

/// `file:line:column: field: expected …, found …`.
pub(crate) fn located(file: &str, problem: &Problem) -> String {
    if problem.line > 0 { format!("{file}:{problem}") } else { format!("{file}: {problem}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PRODUCT: &str = "resource \"data_product\" \"orders\" {\n  domain = \"sales\"\n  owner = \"sales-team\"\n}\n";

    #[test]
    fn folders_are_read_whole_and_hidden_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["b.hcl", "deep/a.hcl", ".mesh/c.hcl", "notes.txt", "other.yaml"] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, PRODUCT).unwrap();
        }
        std::fs::write(dir.path().join("other.yaml"), "a: 1\n").unwrap();
        let files: Vec<String> = load(dir.path(), None).unwrap().into_iter().map(|loaded| loaded.file).collect();
        let expected: Vec<String> =
            ["b.hcl", "deep/a.hcl"].iter().map(|name| dir.path().join(name).display().to_string()).collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn an_empty_folder_is_said() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path(), None).unwrap_err().code, Some(Code::NotFound));
        assert_eq!(load(&dir.path().join("nothing.hcl"), None).unwrap_err().exit_code(), 4);
    }

    #[test]
    fn all_errors_of_all_files_are_listed_with_their_places() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.hcl"), "resource \"data_product\" \"x\" {\n  version = 3\n  version = \n}\n")
            .unwrap();
        std::fs::write(dir.path().join("b.hcl"), PRODUCT).unwrap();
        let failure = refuse_errors(&load(dir.path(), None).unwrap()).unwrap_err();
        assert!(failure.message.starts_with("1 of 2 files have"), "{}", failure.message);
        assert!(failure.problems.iter().all(|line| line.contains("a.hcl:")), "{:?}", failure.problems);
        assert_eq!(failure.exit_code(), 3);
    }
}
