//! What the sentence around a match makes of it: "please don't", "through the app", "he wants me
//! to", "that is against the rules". Every look around is bounded, so the cost stays linear.

use std::ops::Range;

use super::lexicon::{Class, Lexicon, NUMBER, OTHER, STOP};
use super::reader::Token;
use super::rules::{Rule, ends_clause};

/// How far a negation reaches, in words.
const NEGATION_REACH: usize = 6;
/// How many words outside the vocabulary a negation reaches over: past two it is about those.
const NEGATION_UNKNOWN_MAX: usize = 2;
/// How far "he wants" reaches, in words.
const REPORT_REACH: usize = 5;
/// How far after a match "in the app" may stand, in words.
const STAY_REACH: usize = 6;
/// How far around a match "against the rules" may stand, in words.
const FORBIDDEN_REACH: usize = 12;

/// The classes of the small words that turn a sentence round.
#[derive(Debug)]
pub struct Context {
    not: Class,
    no: Class,
    pas: Class,
    without: Class,
    avoid: Class,
    free: Class,
    but: Class,
    condition: Class,
    and: Class,
    to: Class,
    can: Class,
    me: Class,
    you: Class,
    third: Class,
    asked: Class,
    forbidden: Class,
    rules: Class,
    here: Class,
    platform: Class,
    off: Class,
    another: Class,
    on: Class,
}

impl Context {
    /// Looks its classes up.
    ///
    /// # Errors
    /// A class that no vocabulary has.
    pub fn new(lexicon: &Lexicon) -> Result<Self, String> {
        let class =
            |name: &str| lexicon.class(name).ok_or_else(|| format!("no words of class `{name}`"));
        Ok(Self {
            not: class("not")?,
            no: class("no")?,
            pas: class("pas")?,
            without: class("without")?,
            avoid: class("avoid")?,
            free: class("free")?,
            but: class("but")?,
            condition: class("if")?,
            and: class("and")?,
            to: class("to")?,
            can: class("can")?,
            me: class("me")?,
            you: class("you")?,
            third: class("third")?,
            asked: class("asked")?,
            forbidden: class("forbidden")?,
            rules: class("rules")?,
            here: class("here")?,
            platform: class("platform")?,
            off: class("off")?,
            another: class("another")?,
            on: class("on")?,
        })
    }

    /// Whether the sentence takes the match at `matched` back. What stands before `barrier` belongs
    /// to an earlier match.
    pub fn refuses(
        &self,
        rule: &Rule,
        tokens: &[Token],
        matched: Range<usize>,
        barrier: usize,
    ) -> bool {
        let before = &tokens[barrier.min(matched.start)..matched.start];
        let after = &tokens[matched.end..];
        self.negated(before)
            || after.first().is_some_and(|next| next.class == self.pas)
            || self.reported(before)
            || self.forbidden(before, after)
            || (rule.stays && self.stays(after))
    }

    fn is_negation(&self, class: Class) -> bool {
        [self.not, self.no, self.pas, self.without, self.avoid].contains(&class)
    }

    fn ends_thought(&self, class: Class) -> bool {
        ends_clause(class) || class == self.but
    }

    /// "please don't ...", but not "don't worry, ..." nor "not here, ...".
    fn negated(&self, before: &[Token]) -> bool {
        let mut unknown = 0;
        let mut next = None;
        for token in before.iter().rev().take(NEGATION_REACH) {
            let class = token.class;
            if self.is_negation(class) {
                return true;
            }
            // "I can't talk here call me": the negation is about the place. It goes on in
            // "don't leave the app to pay".
            let goes_on = next.is_some_and(|next| next == self.to || next == self.and);
            let place = class == self.here || class == self.platform;
            unknown += usize::from(class == OTHER);
            if self.ends_thought(class)
                || [self.free, self.condition].contains(&class)
                || (place && !goes_on)
                || unknown > NEGATION_UNKNOWN_MAX
            {
                return false;
            }
            next = Some(class);
        }
        false
    }

    /// "he asked me to ...", "my wife can ...": somebody else's doing.
    fn reported(&self, before: &[Token]) -> bool {
        let mut modal = false;
        for token in before.iter().rev().take(REPORT_REACH) {
            let class = token.class;
            if class == self.third || class == self.asked {
                return true;
            }
            if class == OTHER {
                return modal;
            }
            let carries = [self.can, self.to, self.me, self.you].contains(&class);
            if !carries {
                return false;
            }
            modal = class == self.can || (modal && class != self.you && class != self.me);
        }
        false
    }

    /// "... is against the rules", but not "... is not against the rules".
    fn forbidden(&self, before: &[Token], after: &[Token]) -> bool {
        let end = after
            .iter()
            .take(FORBIDDEN_REACH)
            .position(|token| self.ends_sentence(token))
            .unwrap_or(FORBIDDEN_REACH);
        let after = &after[..end.min(after.len())];
        let start = before
            .iter()
            .rev()
            .take(FORBIDDEN_REACH)
            .take_while(|token| !self.ends_sentence(token))
            .count();
        let before = &before[before.len() - start..];
        [before, after].into_iter().any(|part| {
            part.iter().enumerate().any(|(at, token)| {
                let denied = part[at.saturating_sub(2)..at]
                    .iter()
                    .any(|token| self.is_negation(token.class));
                token.class == self.rules || (token.class == self.forbidden && !denied)
            })
        })
    }

    fn ends_sentence(&self, token: &Token) -> bool {
        token.class == STOP || token.class == self.but
    }

    /// "... here", "... through the app", but not "... outside the app" nor "... not here".
    fn stays(&self, after: &[Token]) -> bool {
        let (mut away, mut through) = (false, false);
        for token in after.iter().take(STAY_REACH) {
            let class = token.class;
            if self.ends_thought(class) || class == self.condition || class == self.and {
                return false;
            }
            if [self.off, self.another].contains(&class) || self.is_negation(class) {
                away = true;
            }
            if class == self.here || (through && class == self.platform) {
                return !away;
            }
            if class == NUMBER {
                return false;
            }
            through = [self.on, self.no, self.to].contains(&class) || (through && class != OTHER);
        }
        false
    }
}
