//! What the words of money mean together. One rule covers the four languages where their word order
//! agrees. A kind that is innocent alone weighs less than `SCORE_MIN` of the detector, so it takes
//! two of them: "is there a discount?" and "in cash?" say nothing, "a discount in cash" does.

use picket_sdk::text::phrases::{Rule, rule};

/// Names the outside of the platform as the place to pay or deal.
pub const OUTSIDE: &str = "dealing outside the platform";
/// Wants its fee not to be paid.
pub const FEE: &str = "not paying the platform's fee";
/// Names a way to pay that the platform does not see.
pub const METHOD: &str = "a payment that the platform does not see";
/// Wants the booking cancelled and made again without the platform.
pub const CANCEL: &str = "cancelling to book without the platform";
/// Wants the money sent straight to a person.
pub const DIRECT: &str = "paying a person directly";
/// Wants no trace.
pub const TRACE: &str = "a deal without records";
/// Offers a better price for it.
pub const PRICE: &str = "a better price for it";

const PLAIN: f64 = 0.75;
const LIKELY: f64 = 0.6;
/// Innocent alone.
const HINT: f64 = 0.35;
/// Adds to a proposal and makes none of two hints.
const TRIFLE: f64 = 0.2;
/// Just enough alone.
const NAMED: f64 = 0.5;

/// Alternatives that several rules share.
pub const SETS: &[(&str, &str)] = &[
    ("you_", "you|tu"),
    ("who", "me|you|tu"),
    ("your_", "your|tu"),
    ("place", "platform|here"),
    ("on_", "on|no|to|for|of"),
    ("of_", "of|do|das"),
    ("pay_", "pay|send|wire"),
    ("deal_", "hire|deal|pay|do"),
    ("accept_", "accept|have|better"),
    ("unseen", "purse|purseish|banked|cash|inhand|check"),
    ("skip_", "skip|avoid|savethe"),
    ("sum", "money|share|fee|number"),
    ("book_", "hire|deal"),
    ("purse", "p2p|wallet|giftcard"),
    ("cash", "coin|incash"),
];

pub const RULES: &[Rule] = &[
    // "pay me outside the app", "payer hors plateforme", "pagar fuera de la app", "book off the site".
    rule(OUTSIDE, PLAIN, "pay_|book_ ..4 off of_? place").not_before("other").anywhere(),
    rule(OUTSIDE, PLAIN, "off of_? platform ~2 pay_|book_|unseen").anywhere(),
    rule(OUTSIDE, PLAIN, "pay_|book_ ..4 offsite").not_before("other").anywhere(),
    rule(OUTSIDE, PLAIN, "offsite ~2 pay_|book_|unseen").anywhere(),
    rule(OUTSIDE, PLAIN, "cheaper ~2 without|off ~1 place").anywhere(),
    rule(OUTSIDE, PLAIN, "off of_? platform comma? is? ~1 cheaper").anywhere(),
    rule(OUTSIDE, PLAIN, "deal_ ~3 outby").anywhere(),
    rule(OUTSIDE, PLAIN, "outby of_? platform").anywhere(),
    rule(OUTSIDE, PLAIN, "pay_|book_ ..3 without ~1 platform").anywhere(),
    rule(OUTSIDE, LIKELY, "without can|deal ~1 on_ platform").anywhere(),
    rule(OUTSIDE, LIKELY, "skip_ platform").not_before("other|fee").anywhere(),
    // "skip the fee", "save the 15%", "sin comisión", "sans commission", "sem taxa".
    rule(FEE, PLAIN, "skip_ ~2 platform ~1 fee|charge").anywhere(),
    rule(FEE, LIKELY, "skip_ ~3 fee").not_before("other|on").anywhere(),
    rule(FEE, LIKELY, "savethe number percent").not_before("on|off|other|of|matter").anywhere(),
    rule(FEE, HINT, "skip|avoid ~2 number percent").not_before("on|off|other|of|matter").anywhere(),
    rule(FEE, LIKELY, "skip_ ~1 number percent ~2 platform|fee").anywhere(),
    rule(FEE, LIKELY, "without ~1 platform|your ~1 fee").anywhere(),
    rule(FEE, HINT, "without|no fee").not_before("other").not_after("here|cancel|order").anywhere(),
    rule(FEE, HINT, "platform ~2 charge ~2 number|fee|percent").anywhere(),
    rule(FEE, HINT, "platform ~1 fee").anywhere(),
    // "pay me in cash", "I'll zelle you", "venmo me", "págame por Bizum", "paga no Pix".
    rule(METHOD, PLAIN, "pay_ ~4 no? purse").not_before("other"),
    rule(METHOD, LIKELY, "hire|deal|do ~2 no? purse|banked").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "hire|deal|do ~2 on_ cash|purseish").not_before("other|for|matter"),
    rule(METHOD, PLAIN, "pay ~4 sum ~3 no? unseen").not_before("other|for"),
    rule(METHOD, PLAIN, "pay|send ~3 no? purseish|banked|cash|inhand")
        .not_before("other|for|matter"),
    rule(METHOD, PLAIN, "pay|send ~3 unseen for it|order|deal|share"),
    rule(METHOD, LIKELY, "pay ~3 on_ check|wire").not_before("other"),
    rule(METHOD, LIKELY, "send|write who check").not_before("other|number|on|of"),
    rule(METHOD, PLAIN, "purse me|you_").not_before("other"),
    rule(METHOD, PLAIN, "wire who ~2 sum").not_before("off"),
    rule(METHOD, PLAIN, "wire ~2 money").not_before("off|percent|other|of"),
    rule(METHOD, PLAIN, "wire number money"),
    rule(METHOD, PLAIN, "wire ~2 banked").not_before("other"),
    rule(METHOD, PLAIN, "wire ~3 to|on|for|no my|your_ ~1 account|banked"),
    rule(METHOD, PLAIN, "pay|send|money|share ~4 to|on|for|no my|your_ ~1 account|banked"),
    rule(METHOD, PLAIN, "share ~3 on_? cash|purse|banked|purseish").not_before("other|for"),
    rule(METHOD, LIKELY, "can|lets|i ~2 purse").not_before("other"),
    // "do you take Venmo?", "cash works", "aceptas efectivo", "vous prenez le liquide".
    rule(METHOD, LIKELY, "accept_ ~3 purse").not_before("other"),
    rule(METHOD, LIKELY, "accept_ ~2 purseish|cash|inhand|banked").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "accept_ ~2 cash|purse|banked for it|order"),
    rule(METHOD, LIKELY, "accept ~1 check").not_before("other|for|matter|on|of"),
    rule(METHOD, LIKELY, "purse is? ~1 better|accept").not_before("other|matter"),
    rule(METHOD, LIKELY, "purseish|cash is? ~1 better|accept").not_before("other|on|for|matter"),
    rule(METHOD, LIKELY, "is|can cash|purse").not_before("other|for|matter|on|accept"),
    rule(METHOD, LIKELY, "cash|check|banked and purse|cash").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "purse and cash|check|banked|purse").not_before("other|for|matter"),
    rule(METHOD, PLAIN, "pay who ..4 on_ cash|purse|banked|purseish|named")
        .not_before("other|for|matter"),
    rule(METHOD, PLAIN, "pay ~3 on_ named").not_before("other"),
    rule(METHOD, LIKELY, "purseish|cash is? ~1 better for me"),
    rule(METHOD, LIKELY, "banked direct").not_before("other"),
    rule(METHOD, LIKELY, "banked on_ my ~1 account"),
    rule(METHOD, LIKELY, "buy ~2 giftcard").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "giftcard ..4 codes"),
    rule(METHOD, LIKELY, "inhand").not_before("other|for|matter"),
    rule(METHOD, HINT, "on_ cash|purse|banked|purseish").not_before("other|for|matter"),
    rule(METHOD, NAMED, "p2p").not_before("other|for|matter"),
    rule(METHOD, HINT, "incash").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "deal|hire|price ~2 incash").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "price ~1 on_? cash|p2p").not_before("other|for|matter"),
    rule(METHOD, LIKELY, "number money? cash").not_before("other|for|matter|time"),
    rule(METHOD, LIKELY, "cash|purse is? fine").not_before("other"),
    rule(METHOD, LIKELY, "check ..2 to me").not_before("other"),
    rule(METHOD, LIKELY, "accept|deal ~2 purseish for|to who"),
    rule(METHOD, PLAIN, "pay on_ other|time ~1 on_ cash|purse").not_before("other|for|matter"),
    rule(METHOD, HINT, "purse").not_before("other|for|matter"),
    // "cancel here and book direct", "cancela aquí y me pagas en efectivo", "annule ici".
    rule(CANCEL, PLAIN, "cancel ~3 and|comma|but ..2 book_|pay|wire ~4 direct|unseen").anywhere(),
    rule(CANCEL, PLAIN, "cancel ~3 and|comma ..2 book_|pay ~4 off").anywhere(),
    rule(CANCEL, LIKELY, "cancel here and|comma ..1 book_|pay")
        .not_before("another|time|other")
        .anywhere(),
    rule(CANCEL, HINT, "cancel here").not_after("other").anywhere(),
    rule(CANCEL, HINT, "cancel ~2 on_ ~1 platform").anywhere(),
    // "pay me directly", "book direct", "send the money straight to me".
    rule(DIRECT, PLAIN, "pay who direct").not_before("other").not_after("platform"),
    rule(DIRECT, PLAIN, "pay ~2 direct ~1 to|for|on who").not_after("platform"),
    rule(DIRECT, PLAIN, "pay ~3 direct").not_before("other|to|matter|for|on").not_after("platform"),
    rule(DIRECT, PLAIN, "send|wire ~2 sum ~1 direct").not_before("other|matter"),
    rule(DIRECT, LIKELY, "hire ~2 direct").not_before("other|matter|number|to|it|on"),
    rule(DIRECT, LIKELY, "hire ~2 direct on who"),
    rule(DIRECT, HINT, "deal ~2 direct").not_before("other|matter|number|to|it|on"),
    rule(DIRECT, HINT, "deal ~2 direct on who"),
    rule(TRACE, LIKELY, "books"),
    rule(TRACE, TRIFLE, "norecord"),
    // "cheaper if you pay me", "10% off for cash", "te hago descuento en efectivo".
    rule(PRICE, HINT, "cheaper ~2 if|for|on ~3 pay|unseen|direct|off")
        .not_before("matter")
        .anywhere(),
    rule(PRICE, LIKELY, "cheaper ~2 cash|purse|banked|purseish")
        .not_before("other|for|matter|platform")
        .anywhere(),
    rule(PRICE, LIKELY, "purseish|cash|purse comma? is? ~1 cheaper").anywhere(),
    rule(PRICE, LIKELY, "no purseish|cash ~1 cheaper").anywhere(),
    rule(PRICE, HINT, "unseen|direct|outby comma? ~3 cheaper").anywhere(),
    rule(PRICE, HINT, "number percent|money ~2 cheaper|off ~1 if|for|on ~3 pay|unseen").anywhere(),
];
