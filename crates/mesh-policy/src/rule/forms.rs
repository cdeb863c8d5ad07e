//! The guide's forms as CEL: `all(x in xs where c: p)` is `xs.filter(x, c).all(x, p)`, `any` likewise with `exists`.
//!
//! `p` is asked only of what `c` chooses; a filter and not `!c || p`, because here `||` asks both sides.

use super::RuleError;
use super::token::{Token, TokenKind};

/// A piece of CEL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A word of the source, by its number.
    Word(usize),
    /// A sign that the source doesn't have; the number is the word it stands for.
    Sign(&'static str, usize),
    /// A function name that the source doesn't have; the number is the word it stands for.
    Function(&'static str, usize),
}

impl Piece {
    /// The number of the word that it is of.
    pub(super) fn word(self) -> usize {
        match self {
            Self::Word(word) | Self::Sign(_, word) | Self::Function(_, word) => word,
        }
    }
}

/// The pieces of an expression, its forms written out.
pub(super) fn written_out(source: &str, tokens: &[Token]) -> Result<Vec<Piece>, RuleError> {
    let mut out = Vec::with_capacity(tokens.len());
    Forms { source, tokens }.write(0, tokens.len(), &mut out)?;
    Ok(out)
}

struct Forms<'a> {
    source: &'a str,
    tokens: &'a [Token],
}

/// Where the parts of a form stand, as word numbers.
struct Form {
    condition: Option<usize>,
    claim: usize,
    close: usize,
}

impl Forms<'_> {
    /// Recursion is as deep as brackets nest, which the words were checked for.
    fn write(&self, from: usize, to: usize, out: &mut Vec<Piece>) -> Result<(), RuleError> {
        let mut at = from;
        while at < to {
            let Some(function) = self.form_at(at) else {
                out.push(Piece::Word(at));
                at += 1;
                continue;
            };
            let form = self.form(at)?;
            let variable = Piece::Word(at + 2);
            out.extend([Piece::Sign("(", at), Piece::Sign("(", at)]);
            self.part(at + 4, form.condition.unwrap_or(form.claim) - 1, "a list", out)?;
            out.push(Piece::Sign(")", at));
            if let Some(condition) = form.condition {
                out.extend([Piece::Sign(".", condition - 1), Piece::Function("filter", condition - 1)]);
                out.extend([Piece::Sign("(", condition - 1), variable, Piece::Sign(",", condition - 1)]);
                self.part(condition, form.claim - 1, "a condition after 'where'", out)?;
                out.push(Piece::Sign(")", condition - 1));
            }
            out.extend([Piece::Sign(".", at), Piece::Function(function, at), Piece::Sign("(", at)]);
            out.extend([variable, Piece::Sign(",", form.claim - 1)]);
            self.part(form.claim, form.close, "a condition after ':'", out)?;
            out.extend([Piece::Sign(")", form.close), Piece::Sign(")", form.close)]);
            at = form.close + 1;
        }
        Ok(())
    }

    fn part(&self, from: usize, to: usize, expected: &str, out: &mut Vec<Piece>) -> Result<(), RuleError> {
        if from >= to {
            return Err(self.error(to, expected));
        }
        self.write(from, to, out)
    }

    /// The function that a form at this word becomes; `None` where none begins.
    fn form_at(&self, at: usize) -> Option<&'static str> {
        let function = match self.tokens[at].name()? {
            "all" => "all",
            "any" => "exists",
            _ => return None,
        };
        let member = at > 0 && self.tokens[at - 1].is(".");
        let is = |offset: usize, sign| self.tokens.get(at + offset).is_some_and(|token| token.is(sign));
        let named = self.tokens.get(at + 2).is_some_and(|token| token.name().is_some());
        (!member && is(1, "(") && named && is(3, "in")).then_some(function)
    }

    /// The parts of the form that begins at a word.
    fn form(&self, at: usize) -> Result<Form, RuleError> {
        let (mut condition, mut claim) = (None, None);
        // A colon belongs to the form unless a `?` before it is still open.
        let (mut depth, mut choices) = (0, 0);
        for (number, token) in self.tokens.iter().enumerate().skip(at + 4) {
            match &token.kind {
                TokenKind::Sign("(" | "[") => depth += 1,
                TokenKind::Sign(")" | "]") if depth > 0 => depth -= 1,
                TokenKind::Sign(")") => {
                    let claim = claim.ok_or_else(|| self.error(number, "':' and what must hold of each"))?;
                    return Ok(Form { condition, claim, close: number });
                }
                _ if depth > 0 || claim.is_some() => {}
                TokenKind::Name(name) if name == "where" && condition.is_none() && !self.tokens[number - 1].is(".") => {
                    condition = Some(number + 1);
                }
                TokenKind::Sign("?") => choices += 1,
                TokenKind::Sign(":") if choices > 0 => choices -= 1,
                TokenKind::Sign(":") => claim = Some(number + 1),
                _ => {}
            }
        }
        Err(self.error(self.tokens.len(), "')'"))
    }

    fn error(&self, word: usize, expected: &str) -> RuleError {
        match self.tokens.get(word) {
            Some(token) => RuleError::at(self.source, token.at, expected, token.describe()),
            None => RuleError::at(self.source, self.source.len(), expected, "the end"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::token::tokens;
    use super::*;

    fn cel(source: &str) -> Result<String, String> {
        let tokens = tokens(source).map_err(|e| e.to_string())?;
        let pieces = written_out(source, &tokens).map_err(|e| e.to_string())?;
        let text = |piece: &Piece| match *piece {
            Piece::Word(word) => {
                let to = tokens.get(word + 1).map_or(source.len(), |next| next.at);
                source[tokens[word].at..to].trim().to_owned()
            }
            Piece::Sign(sign, _) => sign.to_owned(),
            Piece::Function(name, _) => name.to_owned(),
        };
        Ok(pieces
            .iter()
            .map(text)
            .collect::<Vec<_>>()
            .join(" ")
            .replace(" . ", ".")
            .replace("( ", "(")
            .replace(" )", ")"))
    }

    #[test]
    fn the_guides_forms_become_macros() {
        assert_eq!(
            cel("all(field in fields where field.pii == true: field.tagged_as_pii == true)").unwrap(),
            "((fields).filter (field , field.pii == true).all (field , field.tagged_as_pii == true))"
        );
        assert_eq!(cel("!any(t in tags: t == 'x') || a").unwrap(), "! ((tags).exists (t , t == 'x')) || a");
        assert_eq!(
            cel("all(a in (c ? x : y) where a ? b : d: any(e in a.where where e.all: e))").unwrap(),
            "(((c ? x : y)).filter (a , a ? b : d).all (a , ((a.where).filter (e , e.all).exists (e , e))))"
        );
    }

    #[test]
    fn other_uses_of_the_words_stay() {
        for plain in ["where.all", "xs.all (x , x in ys)", "all (x)", "any", "x in all"] {
            assert_eq!(cel(plain).unwrap(), plain);
        }
    }

    #[test]
    fn a_form_without_a_part_is_an_error_with_its_place() {
        let said = |source| cel(source).unwrap_err();
        assert_eq!(said("all(x in xs)"), "at character 12: expected ':' and what must hold of each, found ')'");
        assert_eq!(said("all(x in : x)"), "at character 10: expected a list, found ':'");
        assert_eq!(said("all(x in xs where : x)"), "at character 19: expected a condition after 'where', found ':'");
        assert_eq!(said("all(x in xs where x: )"), "at character 22: expected a condition after ':', found ')'");
        assert_eq!(said("all(x in xs: x"), "at character 15: expected ')', found the end");
    }
}
