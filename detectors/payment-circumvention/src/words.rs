//! What the words of money mean, by language. A class holds the words of all of them; what they make
//! together is in `grammar`.

use picket_sdk::text::phrases::Vocabulary;

mod english;
mod french;
mod names;
mod portuguese;
mod spanish;

/// Every vocabulary of this detector.
pub const WORDS: [Vocabulary; 5] =
    [names::WORDS, english::WORDS, spanish::WORDS, french::WORDS, portuguese::WORDS];
