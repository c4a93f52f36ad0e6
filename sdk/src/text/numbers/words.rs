//! The words that stand for digits, in English, Spanish, French and Portuguese, as they are once
//! folded. A word says here what it means; how it joins its neighbours is the reader's business.

use Meaning::{
    And, Article, Cent, Currency, Digit, Dix, Filler, Homophone, Hundred, Hundreds, Oh,
    Preposition, Quatre, Repeat, Sign, Soixante, Teen, Tens, Vingt,
};

/// What a word means to somebody who writes digits down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// 0 to 9.
    Digit(u8),
    /// 4, which begins `quatre-vingt`.
    Quatre,
    /// A digit that is also an everyday word: it only goes on with a spelled number.
    Article(u8),
    /// The letter that is said for 0.
    Oh,
    /// A word that sounds like a digit.
    Homophone(u8),
    /// `for` and `to`, which stand between figures in plain prose.
    Preposition(u8),
    /// 10 to 29 in one word.
    Teen(u8),
    /// 10, which begins `dix-sept` and ends `soixante-dix`.
    Dix,
    /// 20 to 90: a digit may follow.
    Tens(u8),
    /// 20, which makes 80 of a 4 before it.
    Vingt,
    /// 60: a number up to 19 may follow.
    Soixante,
    /// `hundred`, after a digit.
    Hundred,
    /// `cent` after a digit; by itself it is more often money.
    Cent,
    /// 100 to 900 in one word, in hundreds.
    Hundreds(u8),
    /// So many of the digit that follows.
    Repeat(u8),
    /// `and`.
    And,
    /// The name of a punctuation mark.
    Sign,
    /// What is said between two parts of a number.
    Filler,
    /// A word for money.
    Currency,
}

/// What a folded word means, if anything.
pub(super) fn meaning(word: &[u8]) -> Option<Meaning> {
    let letter = usize::from(word.first()?.wrapping_sub(b'a'));
    // Nearly all words of prose stop here.
    if LENGTHS.get(letter)? >> word.len().min(31) & 1 == 0 {
        return None;
    }
    let bucket = &WORDS[FIRST[letter] as usize..FIRST[letter + 1] as usize];
    bucket.iter().find(|entry| entry.0.as_bytes() == word).map(|entry| entry.1)
}

/// Where the words of each first letter start.
const FIRST: [u16; 27] = {
    let mut first = [0; 27];
    let mut at = 0;
    while at < WORDS.len() {
        first[(WORDS[at].0.as_bytes()[0] - b'a') as usize + 1] = at as u16 + 1;
        at += 1;
    }
    let mut letter = 1;
    while letter < 27 {
        if first[letter] == 0 {
            first[letter] = first[letter - 1];
        }
        letter += 1;
    }
    first
};

/// The lengths that words of each first letter have, as bits.
const LENGTHS: [u32; 26] = {
    let mut lengths = [0; 26];
    let mut at = 0;
    while at < WORDS.len() {
        lengths[(WORDS[at].0.as_bytes()[0] - b'a') as usize] |= 1 << WORDS[at].0.len();
        at += 1;
    }
    lengths
};

/// Sorted by word.
const WORDS: &[(&str, Meaning)] = &[
    ("after", Filler),
    ("ait", Homophone(8)),
    ("and", And),
    ("ate", Homophone(8)),
    ("aught", Digit(0)),
    ("bucks", Currency),
    ("by", Filler),
    ("catorce", Teen(14)),
    ("catorze", Teen(14)),
    ("cem", Hundreds(1)),
    ("cent", Cent),
    ("cento", Hundreds(1)),
    ("cents", Cent),
    ("cero", Digit(0)),
    ("cien", Hundreds(1)),
    ("ciento", Hundreds(1)),
    ("cinco", Digit(5)),
    ("cincuenta", Tens(50)),
    ("cinq", Digit(5)),
    ("cinquante", Tens(50)),
    ("cinquenta", Tens(50)),
    ("cuarenta", Tens(40)),
    ("cuatro", Digit(4)),
    ("cuatrocientos", Hundreds(4)),
    ("dash", Sign),
    ("depois", Filler),
    ("despues", Filler),
    ("deux", Digit(2)),
    ("dez", Teen(10)),
    ("dezanove", Teen(19)),
    ("dezasseis", Teen(16)),
    ("dezassete", Teen(17)),
    ("dezenove", Teen(19)),
    ("dezesseis", Teen(16)),
    ("dezessete", Teen(17)),
    ("dezoito", Teen(18)),
    ("diecinueve", Teen(19)),
    ("dieciocho", Teen(18)),
    ("dieciseis", Teen(16)),
    ("diecisiete", Teen(17)),
    ("diez", Teen(10)),
    ("dix", Dix),
    ("doble", Repeat(2)),
    ("dobro", Repeat(2)),
    ("doce", Teen(12)),
    ("dois", Digit(2)),
    ("dollar", Currency),
    ("dollars", Currency),
    ("dos", Digit(2)),
    ("doscientos", Hundreds(2)),
    ("dot", Sign),
    ("double", Repeat(2)),
    ("douze", Teen(12)),
    ("doze", Teen(12)),
    ("duas", Digit(2)),
    ("dupla", Repeat(2)),
    ("duplo", Repeat(2)),
    ("duzentos", Hundreds(2)),
    ("e", And),
    ("eight", Digit(8)),
    ("eighteen", Teen(18)),
    ("eighty", Tens(80)),
    ("eigth", Digit(8)),
    ("eleven", Teen(11)),
    ("ensuite", Filler),
    ("entonces", Filler),
    ("espace", Sign),
    ("espacio", Sign),
    ("espaco", Sign),
    ("et", And),
    ("eur", Currency),
    ("euro", Currency),
    ("euros", Currency),
    ("fife", Digit(5)),
    ("fifteen", Teen(15)),
    ("fifty", Tens(50)),
    ("finally", Filler),
    ("first", Filler),
    ("fiv", Digit(5)),
    ("five", Digit(5)),
    ("followed", Filler),
    ("for", Preposition(4)),
    ("fore", Preposition(4)),
    ("forty", Tens(40)),
    ("four", Digit(4)),
    ("fourteen", Teen(14)),
    ("fourty", Tens(40)),
    ("free", Homophone(3)),
    ("fyve", Digit(5)),
    ("gbp", Currency),
    ("guion", Sign),
    ("hifen", Sign),
    ("huit", Digit(8)),
    ("huitante", Tens(80)),
    ("hundred", Hundred),
    ("hyphen", Sign),
    ("last", Filler),
    ("lastly", Filler),
    ("luego", Filler),
    ("mais", Sign),
    ("mas", Sign),
    ("meia", Article(6)),
    ("moins", Sign),
    ("naught", Digit(0)),
    ("nein", Homophone(9)),
    ("neuf", Digit(9)),
    ("next", Filler),
    ("nien", Digit(9)),
    ("nil", Digit(0)),
    ("nine", Digit(9)),
    ("niner", Digit(9)),
    ("nineteen", Teen(19)),
    ("ninety", Tens(90)),
    ("nonante", Tens(90)),
    ("nought", Digit(0)),
    ("nove", Digit(9)),
    ("novecentos", Hundreds(9)),
    ("novecientos", Hundreds(9)),
    ("noventa", Tens(90)),
    ("nueve", Digit(9)),
    ("null", Digit(0)),
    ("o", Oh),
    ("ochenta", Tens(80)),
    ("ocho", Digit(8)),
    ("ochocientos", Hundreds(8)),
    ("octante", Tens(80)),
    ("oh", Oh),
    ("oitenta", Tens(80)),
    ("oito", Digit(8)),
    ("oitocentos", Hundreds(8)),
    ("once", Article(11)),
    ("one", Digit(1)),
    ("onze", Teen(11)),
    ("pesos", Currency),
    ("plus", Sign),
    ("point", Sign),
    ("ponto", Sign),
    ("pounds", Currency),
    ("puis", Filler),
    ("punto", Sign),
    ("quadruple", Repeat(4)),
    ("quarante", Tens(40)),
    ("quarenta", Tens(40)),
    ("quatorze", Teen(14)),
    ("quatre", Quatre),
    ("quatro", Digit(4)),
    ("quatrocentos", Hundreds(4)),
    ("quid", Currency),
    ("quince", Teen(15)),
    ("quinhentos", Hundreds(5)),
    ("quinientos", Hundreds(5)),
    ("quinze", Teen(15)),
    ("reais", Currency),
    ("seguido", Filler),
    ("seis", Digit(6)),
    ("seiscentos", Hundreds(6)),
    ("seiscientos", Hundreds(6)),
    ("seize", Teen(16)),
    ("sept", Digit(7)),
    ("septante", Tens(70)),
    ("sero", Digit(0)),
    ("sesenta", Tens(60)),
    ("sessenta", Tens(60)),
    ("sete", Digit(7)),
    ("setecentos", Hundreds(7)),
    ("setecientos", Hundreds(7)),
    ("setenta", Tens(70)),
    ("seven", Digit(7)),
    ("seventeen", Teen(17)),
    ("seventy", Tens(70)),
    ("sevn", Digit(7)),
    ("sicks", Homophone(6)),
    ("sics", Homophone(6)),
    ("siete", Digit(7)),
    ("sinco", Digit(5)),
    ("six", Digit(6)),
    ("sixteen", Teen(16)),
    ("sixty", Tens(60)),
    ("slash", Sign),
    ("soixante", Soixante),
    ("space", Sign),
    ("ten", Teen(10)),
    ("that", Filler),
    ("then", Filler),
    ("thirteen", Teen(13)),
    ("thirty", Tens(30)),
    ("thre", Digit(3)),
    ("three", Digit(3)),
    ("tiret", Sign),
    ("to", Preposition(2)),
    ("too", Homophone(2)),
    ("traco", Sign),
    ("treble", Repeat(3)),
    ("trece", Teen(13)),
    ("tree", Homophone(3)),
    ("treinta", Tens(30)),
    ("treize", Teen(13)),
    ("trente", Tens(30)),
    ("tres", Digit(3)),
    ("trescientos", Hundreds(3)),
    ("trez", Digit(3)),
    ("treze", Teen(13)),
    ("trezentos", Hundreds(3)),
    ("trinta", Tens(30)),
    ("triple", Repeat(3)),
    ("triplo", Repeat(3)),
    ("trois", Digit(3)),
    ("twelve", Teen(12)),
    ("twenty", Tens(20)),
    ("two", Digit(2)),
    ("um", Article(1)),
    ("uma", Article(1)),
    ("un", Article(1)),
    ("una", Article(1)),
    ("une", Article(1)),
    ("uno", Digit(1)),
    ("usd", Currency),
    ("veinte", Tens(20)),
    ("veinticinco", Teen(25)),
    ("veinticuatro", Teen(24)),
    ("veintidos", Teen(22)),
    ("veintinueve", Teen(29)),
    ("veintiocho", Teen(28)),
    ("veintiseis", Teen(26)),
    ("veintisiete", Teen(27)),
    ("veintitres", Teen(23)),
    ("veintiun", Teen(21)),
    ("veintiuno", Teen(21)),
    ("vingt", Vingt),
    ("vingts", Vingt),
    ("vinte", Tens(20)),
    ("won", Homophone(1)),
    ("wun", Homophone(1)),
    ("y", And),
    ("zero", Digit(0)),
];
