//! Addresses within prose: e-mail addresses, which are taken out, and URLs, which are found.

use serde_json::Value;

/// What stands where an e-mail address stood.
pub(super) const WITHHELD: &str = "[address withheld]";

/// The text with its e-mail addresses taken out, and these.
pub(super) fn without_emails(text: &str) -> (String, Vec<String>) {
    let local = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let (mut out, mut emails) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let start =
            rest[..at].rfind(|c| !local(c)).map_or(0, |end| end + rest[end..].chars().next().map_or(1, char::len_utf8));
        let after = &rest[at + 1..];
        let end = after.find(|c| !host(c)).unwrap_or(after.len());
        let name = after[..end].trim_end_matches(['.', '-']);
        let is_address =
            start < at && name.split_once('.').is_some_and(|(first, last)| !first.is_empty() && !last.is_empty());
        if is_address {
            out.push_str(&rest[..start]);
            out.push_str(WITHHELD);
            emails.push(format!("{}@{name}", &rest[start..at]));
            rest = &after[name.len()..];
        } else {
            out.push_str(&rest[..=at]);
            rest = after;
        }
    }
    out.push_str(rest);
    (out, emails)
}

/// JSON with e-mail addresses taken out of all its texts, and these.
pub(super) fn json_without_emails(value: Value, emails: &mut Vec<String>) -> Value {
    match value {
        Value::String(text) => {
            let (text, found) = without_emails(&text);
            emails.extend(found);
            text.into()
        }
        Value::Array(items) => items.into_iter().map(|item| json_without_emails(item, emails)).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, json_without_emails(value, emails)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

/// The URLs of a text, in their order, each once.
pub(super) fn urls(text: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = ["https://", "http://", "ftp://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let from = &rest[at..];
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ']' | '|' | '`' | '”' | '“' | ')');
        // A parenthesis belongs to the URL when it was opened in it.
        let mut open = 0;
        let end = from
            .char_indices()
            .find(|(_, c)| match c {
                '(' => {
                    open += 1;
                    false
                }
                ')' if open > 0 => {
                    open -= 1;
                    false
                }
                c => ends(*c),
            })
            .map_or(from.len(), |(end, _)| end);
        let url = from[..end].trim_end_matches(['.', ',', ';', ':', '!', '?']);
        if url.split_once("://").is_some_and(|(_, host)| !host.is_empty()) && !urls.iter().any(|known| known == url) {
            urls.push(url.to_owned());
        }
        rest = &from[end.max(1)..];
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out_and_look_alikes_stay() {
        let (text, emails) =
            without_emails("Ask Jo <jo.doe@x.edu>, mailto:a+b@y.co.uk. See https://medium.com/@jo or é@z.org @");
        assert_eq!(
            text,
            "Ask Jo <[address withheld]>, mailto:[address withheld]. See https://medium.com/@jo or é@z.org @"
        );
        assert_eq!(emails, ["jo.doe@x.edu", "a+b@y.co.uk"]);
        assert_eq!(without_emails("user@localhost @@ a@b. c@d.e").1, ["c@d.e"]);
    }

    #[test]
    fn urls_end_where_the_prose_goes_on() {
        let text =
            "[A](https://a.org/x_(y)) and <a href=\"http://b.org\">b</a>, https://c.org/d. https://c.org/d https:// x";
        assert_eq!(urls(text), ["https://a.org/x_(y)", "http://b.org", "https://c.org/d"]);
    }
}
