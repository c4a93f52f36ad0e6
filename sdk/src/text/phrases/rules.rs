//! Rules over classes and where they match: a bit set of ends, no backtracking.

use super::lexicon::{COMMA, Class, Lexicon, NUMBER, OTHER, STOP};
use super::reader::Token;

/// A sequence of classes that means something.
///
/// A pattern is a list of elements: `a|b` is one token of class or set `a` or `b`, `a?` may be
/// missing, `~3` is up to three words of the vocabulary, `..3` up to three words of any kind. No gap
/// reaches over the end of a clause or a negation.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pattern: &'static str,
    /// What the rule finds, as a reviewer reads it; rules of one kind count once.
    pub(super) kind: &'static str,
    /// How much it weighs alone, in 0..=1.
    pub(super) weight: f64,
    /// Classes that must not follow.
    not_before: &'static str,
    /// Classes that must not precede.
    not_after: &'static str,
    /// Whether "here" or "in the app" nearby takes it back.
    pub(super) stays: bool,
}

/// A rule of this kind, weight in 0..=1 and pattern (see [`Rule`]) that "in the app" takes back.
#[must_use]
pub const fn rule(kind: &'static str, weight: f64, pattern: &'static str) -> Rule {
    Rule { pattern, kind, weight, not_before: "", not_after: "", stays: true }
}

impl Rule {
    /// Silent where one of these classes follows.
    #[must_use]
    pub const fn not_before(mut self, classes: &'static str) -> Self {
        self.not_before = classes;
        self
    }

    /// Silent where one of these classes precedes.
    #[must_use]
    pub const fn not_after(mut self, classes: &'static str) -> Self {
        self.not_after = classes;
        self
    }

    /// Holds even with "here" or "in the app" nearby.
    #[must_use]
    pub const fn anywhere(mut self) -> Self {
        self.stays = false;
        self
    }
}

/// A set of classes, one bit each.
type Set = u128;

pub const fn bit(class: Class) -> Set {
    1 << class
}

#[derive(Debug, Clone, Copy)]
enum Element {
    One(Set),
    Maybe(Set),
    Gap(Set, u32),
}

#[derive(Debug)]
struct Compiled {
    /// What it can start with.
    first: Set,
    elements: Vec<Element>,
    not_before: Set,
    not_after: Set,
}

/// The rules of a detector, compiled.
#[derive(Debug)]
pub struct Grammar {
    rules: &'static [Rule],
    compiled: Vec<Compiled>,
}

/// A match is within so many tokens, the bits of a `u32` less one.
const TOKENS_MAX: u32 = 31;

impl Grammar {
    /// Compiles the rules.
    ///
    /// # Errors
    /// An unknown class, a rule that starts with something that may be missing, or one that is too long.
    pub fn new(
        lexicon: &Lexicon,
        sets: &[(&'static str, &'static str)],
        rules: &'static [Rule],
    ) -> Result<Self, String> {
        let names = Names { lexicon, sets };
        let compiled = rules.iter().map(|rule| names.compile(rule)).collect::<Result<_, _>>()?;
        Ok(Self { rules, compiled })
    }

    /// The rule with this number.
    pub fn rule(&self, rule: usize) -> &'static Rule {
        &self.rules[rule]
    }

    /// The rules whose every needed class occurs in the text; for most texts none.
    pub fn candidates(&self, tokens: &[Token]) -> Vec<usize> {
        let present: Set = tokens.iter().fold(0, |set, token| set | bit(token.class));
        let possible = |compiled: &Compiled| {
            compiled.elements.iter().all(|element| match element {
                Element::One(set) => set & present != 0,
                Element::Maybe(_) | Element::Gap(..) => true,
            })
        };
        let rules = self.compiled.iter().enumerate();
        rules.filter(|(_, compiled)| possible(compiled)).map(|(rule, _)| rule).collect()
    }

    /// One past the last token of the longest match of `rule` at token `start`.
    pub fn match_at(&self, rule: usize, tokens: &[Token], start: usize) -> Option<usize> {
        let Compiled { first, elements, not_before, not_after } = &self.compiled[rule];
        if first & bit(tokens[start].class) == 0 {
            return None;
        }
        let tokens_from = &tokens[start..];
        // Bit n: the elements so far can match the first n tokens.
        let mut ends: u32 = 1;
        for element in elements {
            ends = match *element {
                Element::One(set) => advance(ends, set, tokens_from),
                Element::Maybe(set) => ends | advance(ends, set, tokens_from),
                Element::Gap(set, most) => {
                    let mut reached = ends;
                    for _ in 0..most {
                        ends = advance(ends, set, tokens_from);
                        reached |= ends;
                    }
                    reached
                }
            };
            if ends == 0 {
                return None;
            }
        }
        let end = start + (31 - ends.leading_zeros()) as usize;
        let banned = |token: Option<&Token>, set: Set| {
            token.is_some_and(|token| set & bit(token.class) != 0)
        };
        let before = start.checked_sub(1).and_then(|at| tokens.get(at));
        (!banned(tokens.get(end), *not_before) && !banned(before, *not_after)).then_some(end)
    }
}

/// The ends one token later, where that token is in `set`.
fn advance(ends: u32, set: Set, tokens: &[Token]) -> u32 {
    let (mut left, mut next) = (ends, 0);
    while left != 0 {
        let at = left.trailing_zeros();
        left &= left - 1;
        if tokens.get(at as usize).is_some_and(|token| set & bit(token.class) != 0) {
            next |= 2 << at;
        }
    }
    next
}

struct Names<'a> {
    lexicon: &'a Lexicon,
    sets: &'a [(&'static str, &'static str)],
}

impl Names<'_> {
    fn compile(&self, rule: &Rule) -> Result<Compiled, String> {
        let wrong = |what: &str| format!("rule `{}`: {what}", rule.pattern);
        let elements: Vec<Element> = rule
            .pattern
            .split_whitespace()
            .map(|element| self.element(element))
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(&error))?;
        let longest = elements.iter().map(|element| match element {
            Element::One(_) | Element::Maybe(_) => 1,
            Element::Gap(_, most) => *most,
        });
        if longest.sum::<u32>() > TOKENS_MAX {
            return Err(wrong("too long"));
        }
        let Some(Element::One(first)) = elements.first().copied() else {
            return Err(wrong("the first element may not be missing"));
        };
        Ok(Compiled {
            first,
            elements,
            not_before: self.set(rule.not_before).map_err(|error| wrong(&error))?,
            not_after: self.set(rule.not_after).map_err(|error| wrong(&error))?,
        })
    }

    fn element(&self, element: &str) -> Result<Element, String> {
        let most = |digits: &str| digits.parse().map_err(|_| format!("`{element}` wants a number"));
        let barriers = self.set("stop|comma|not|no|but|forbidden|asked")?;
        if let Some(digits) = element.strip_prefix("..") {
            return Ok(Element::Gap(!barriers, most(digits)?));
        }
        if let Some(digits) = element.strip_prefix('~') {
            return Ok(Element::Gap(!barriers & !bit(OTHER) & !bit(NUMBER), most(digits)?));
        }
        match element.strip_suffix('?') {
            Some(set) => Ok(Element::Maybe(self.set(set)?)),
            None => Ok(Element::One(self.set(element)?)),
        }
    }

    /// The classes that `alternatives` names, itself or through a set.
    fn set(&self, alternatives: &str) -> Result<Set, String> {
        let mut set = 0;
        for name in alternatives.split('|').filter(|name| !name.is_empty()) {
            set |= match (
                self.sets.iter().find(|(known, _)| *known == name),
                self.lexicon.class(name),
            ) {
                (Some((_, members)), _) => self.set(members)?,
                (None, Some(class)) => bit(class),
                (None, None) => return Err(format!("`{name}` is neither a class nor a set")),
            };
        }
        Ok(set)
    }
}

/// Whether a class ends a clause.
pub const fn ends_clause(class: Class) -> bool {
    matches!(class, STOP | COMMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexicon() -> Lexicon {
        let mut lexicon = Lexicon::default();
        for class in ["not", "no", "but", "forbidden", "asked", "call", "me", "on", "app"] {
            lexicon.add(class, class).unwrap();
        }
        lexicon.finish()
    }

    fn end(rules: &'static [Rule], text: &str) -> Option<usize> {
        let lexicon = lexicon();
        let grammar = Grammar::new(&lexicon, &[("thing", "me|app")], rules).unwrap();
        let tokens = super::super::reader::read(&lexicon, text);
        let rule = grammar.candidates(&tokens).first().copied()?;
        grammar.match_at(rule, &tokens, 0)
    }

    #[test]
    fn elements_match() {
        const GAP: &[Rule] = &[rule("kind", 0.5, "call ..2 on? thing").not_before("but")];
        assert_eq!(end(GAP, "call me"), Some(2));
        assert_eq!(end(GAP, "call the red app"), Some(4));
        assert_eq!(end(GAP, "call some big red app"), None);
        assert_eq!(end(GAP, "call some big on app"), Some(5));
        assert_eq!(end(GAP, "call not app"), None, "no gap reaches over a negation");
        assert_eq!(end(GAP, "call me but"), None);
        const KNOWN: &[Rule] = &[rule("kind", 0.5, "call ~2 app")];
        assert_eq!(end(KNOWN, "call me on app"), Some(4));
        assert_eq!(end(KNOWN, "call red app"), None, "`~` is for words of the vocabulary");
    }

    #[test]
    fn mistakes_are_refused() {
        for (rules, complaint) in [
            (
                const { &[rule("kind", 0.5, "call nothing")] },
                "`nothing` is neither a class nor a set",
            ),
            (const { &[rule("kind", 0.5, "call? me")] }, "the first element may not be missing"),
            (const { &[rule("kind", 0.5, "call ..40 me")] }, "too long"),
            (const { &[rule("kind", 0.5, "call ..x me")] }, "`..x` wants a number"),
        ] {
            let error = Grammar::new(&lexicon(), &[], rules).unwrap_err();
            assert!(error.ends_with(complaint), "{error}");
        }
    }
}
