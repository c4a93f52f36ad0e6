//! What the words of contact mean together. One rule covers the four languages where their word
//! order agrees; those of one language only are at the end.

use picket_sdk::text::phrases::{Rule, rule};

/// Asks for, or offers, a call, a text message or an e-mail.
pub const CALL: &str = "a call, a text message or an e-mail";
/// Asks for a number or an address, or hands out one's own.
pub const NUMBER: &str = "the exchange of a number or an account";
/// Names another channel to talk on.
pub const CHANNEL: &str = "another app to talk on";
/// Says that the talk should leave the platform.
pub const OUTSIDE: &str = "talking outside the platform";

/// A plain proposal; nothing else needs to be said.
const PLAIN: f64 = 0.6;
/// A proposal that has an innocent reading.
const LIKELY: f64 = 0.5;
/// A hint that a reviewer would want to see with others.
const HINT: f64 = 0.4;

/// Alternatives that several rules share.
pub const SETS: &[(&str, &str)] = &[
    ("you_", "you|tu"),
    ("your_", "your|tu"),
    ("on_", "on|no|to|for"),
    ("of_", "of|do|das"),
    ("what_", "what|whats"),
    ("channel", "app|soft|whats|spare"),
    ("line", "phone|tel"),
    (
        "reach_",
        "write|reach|talk|move|call|calling|text|email|callme|writeme|appelle|llamar|liga|lets|hop|callyou",
    ),
    ("chat_", "write|reach|talk|call|text|callme|writeme|lets|callyou"),
    ("give_", "give|giveme|need|have|leave|swap|das"),
    ("place", "platform|here"),
];

pub const RULES: &[Rule] = &[
    // "let's talk on WhatsApp", "add me on insta", "me chama no zap", "move this to tg".
    rule(CHANNEL, PLAIN, "reach_ ~3 on_ app").anywhere(),
    rule(CHANNEL, PLAIN, "chat_ ~3 on_ soft|whats|spare").not_before("other|number").anywhere(),
    rule(CHANNEL, PLAIN, "chat_ ~2 on_ my|your_ ~1 channel").not_before("other").anywhere(),
    // "I'll send you the photos on WhatsApp", "mándame un mensaje por wasap", "te paso por zap".
    rule(CHANNEL, PLAIN, "give me|you_ ~3 on_ app").anywhere(),
    rule(CHANNEL, PLAIN, "you_ give ~3 on_ channel").not_before("other").anywhere(),
    rule(CHANNEL, PLAIN, "give stuff ~2 on_ app").anywhere(),
    rule(CHANNEL, PLAIN, "give me app|text").not_before("other").anywhere(),
    rule(CHANNEL, PLAIN, "me give|giveme app|soft|text|llamar").not_before("other").anywhere(),
    rule(CHANNEL, PLAIN, "giveme ~3 on_ app").anywhere(),
    rule(CHANNEL, PLAIN, "giveme app|soft|text|llamar").not_before("other").anywhere(),
    rule(CHANNEL, PLAIN, "writeme ~3 of_ app").anywhere(),
    rule(CHANNEL, PLAIN, "give write|text ~2 on_ channel").not_before("other").anywhere(),
    // "whatsapp me", "ajoute-moi insta".
    rule(CHANNEL, PLAIN, "app me").anywhere(),
    rule(CHANNEL, LIKELY, "write|writeme me app").anywhere(),
    rule(CHANNEL, LIKELY, "writeme app").anywhere(),
    rule(CHANNEL, LIKELY, "on_ app ~2 reach_").anywhere(),
    rule(CHANNEL, LIKELY, "app|email|tel is? ~1 better").anywhere(),
    rule(CHANNEL, LIKELY, "better on_? app").anywhere(),
    rule(CHANNEL, LIKELY, "move ~1 on? app|soft")
        .not_after("third")
        .not_before("other|number")
        .anywhere(),
    // "do you have WhatsApp?", "you on telegram?", "t'as insta ?".
    rule(CHANNEL, LIKELY, "have app").not_before("other").anywhere(),
    rule(CHANNEL, LIKELY, "have whats").not_before("other|stuff").anywhere(),
    rule(CHANNEL, LIKELY, "i on app").not_before("other").anywhere(),
    rule(CHANNEL, LIKELY, "you_ on app").not_before("other").not_after("other|third|i").anywhere(),
    // "send me your number", "what's your insta", "drop ur digits".
    rule(NUMBER, PLAIN, "give_|can ~3 your_ line|app|soft|whats|write|email ~2 digits").anywhere(),
    rule(NUMBER, PLAIN, "give_|can ~3 your_ digits").not_before("other|number").anywhere(),
    rule(NUMBER, PLAIN, "give_|can ~3 your_ app|soft|whats|email|tel|text")
        .not_before("other")
        .anywhere(),
    rule(NUMBER, LIKELY, "give_ ~3 your_ reach").not_before("other|on").anywhere(),
    rule(NUMBER, PLAIN, "give_ me digits ~2 reach_").anywhere(),
    rule(NUMBER, PLAIN, "what_ is? your_ line|app|soft|whats|write|email ~1 digits").anywhere(),
    rule(NUMBER, PLAIN, "what_ is? your_ digits of_ line|app|soft").anywhere(),
    rule(NUMBER, PLAIN, "what_ is? your_ digits")
        .not_before("other|of|do|for|number|on")
        .anywhere(),
    rule(NUMBER, PLAIN, "what_ is? your_ app|soft|email|tel").not_before("other").anywhere(),
    rule(NUMBER, PLAIN, "what_ is digits of_ line|app|soft").anywhere(),
    rule(NUMBER, LIKELY, "digits|line ~4 reach|write|call|text|email you_").anywhere(),
    rule(NUMBER, LIKELY, "me give tel").not_before("other").anywhere(),
    rule(NUMBER, LIKELY, "lets swap tel|app|soft").anywhere(),
    rule(NUMBER, LIKELY, "swap line? digits").anywhere(),
    // "here's my number", "my cell is", "te paso mi número", "save my number".
    rule(NUMBER, PLAIN, "here|it is? my line|app|soft|email? ~1 digits").anywhere(),
    rule(NUMBER, PLAIN, "here|it is? my digits|app|email|tel").not_before("other").anywhere(),
    rule(NUMBER, PLAIN, "my line|app|soft? digits is").not_before("money|other").anywhere(),
    rule(NUMBER, LIKELY, "my app|soft|tel|email is").not_before("other|off|not|not").anywhere(),
    rule(NUMBER, PLAIN, "give|move ~3 my line|app|soft|whats|email ~1 digits").anywhere(),
    rule(NUMBER, PLAIN, "give|move ~3 my digits").not_before("other").anywhere(),
    rule(NUMBER, PLAIN, "give ~3 my app|email|tel").not_before("other").anywhere(),
    rule(NUMBER, PLAIN, "give ..4 to|on my email|app|phone|tel|digits")
        .not_before("other")
        .anywhere(),
    rule(NUMBER, PLAIN, "call|text|write|reach|email ~1 my line|email|app|tel").not_before("other"),
    rule(NUMBER, PLAIN, "call|text|write|reach ~1 my|it ~1 digits").not_before("other"),
    // "call me", "text us", "email me": "call me Dave" is a name.
    rule(CALL, PLAIN, "call me").not_before("other|stuff").not_after("third"),
    rule(CALL, PLAIN, "call|text me on_ number").not_after("third"),
    rule(CALL, PLAIN, "text|email me").not_before("digits").not_after("third|is|off"),
    rule(CALL, LIKELY, "text|email ~2 to me").not_after("third|is|off"),
    rule(CALL, LIKELY, "phone me").not_after("third|my|your"),
    rule(CALL, PLAIN, "callme").not_before("other|stuff"),
    rule(CALL, LIKELY, "mind calling me|you_"),
    rule(CALL, PLAIN, "give me call|text|email|phone").not_before("other|on|of"),
    rule(CALL, PLAIN, "give my line ~1 call|text"),
    // "I'll call you", "can I text you?", "let me ring you".
    rule(CALL, LIKELY, "i|lets|can ~2 call|text|email|phone you_")
        .not_before("other|stuff")
        .not_after("third"),
    rule(CALL, LIKELY, "i|lets|can ~2 give you_ call|text|phone").not_before("other"),
    // "talk over the phone", "reach me by text", "easier by phone".
    rule(CALL, PLAIN, "talk|reach|write ~3 on my|your? line|text|email|call")
        .not_before("other|digits"),
    rule(CALL, LIKELY, "better ~1 on tel|text|email|call|phone").not_before("other"),
    rule(CALL, LIKELY, "can|lets ~1 i text|call")
        .not_before("other|stuff|on|of|it|me|you|my|your|number"),
    rule(CALL, LIKELY, "give you_? stuff? ~2 on email|text|tel").not_before("other"),
    rule(CALL, LIKELY, "give text|call").not_before("other|on|of|to|stuff|me|you|my|your|for|is"),
    rule(CALL, LIKELY, "move on_ text|email|phone|tel").not_before("other"),
    rule(CALL, LIKELY, "hop call").not_before("other|of"),
    rule(CALL, LIKELY, "move on call").not_before("other"),
    rule(CALL, LIKELY, "lets ~2 call").not_before("other|on|you|tu|of"),
    rule(CALL, HINT, "reach me ~1 direct"),
    // "reach me outside the app", "off here we can talk", "llámame fuera de la app".
    rule(OUTSIDE, PLAIN, "reach_ ~3 off of_? ~1 place").anywhere(),
    rule(OUTSIDE, PLAIN, "reach_ ..2 off of_? place").anywhere(),
    rule(OUTSIDE, PLAIN, "reach_ ..2 offsite").anywhere(),
    rule(OUTSIDE, LIKELY, "offsite ~4 reach_").anywhere(),
    rule(OUTSIDE, LIKELY, "talk|reach|write|writeme ~3 elsewhere").anywhere(),
    rule(OUTSIDE, PLAIN, "reach_ ~3 outby of_ place").anywhere(),
    rule(OUTSIDE, LIKELY, "talk|reach|write|writeme ~2 outby").not_before("of|do|other").anywhere(),
    rule(OUTSIDE, LIKELY, "move it? convo ~1 elsewhere|off|on").anywhere(),
    rule(OUTSIDE, LIKELY, "off of_? place ~4 reach_").anywhere(),
    rule(OUTSIDE, LIKELY, "talk|move ~1 direct").not_before("other|on|to").not_after("other"),
    rule(OUTSIDE, LIKELY, "give ~3 off of_? place").anywhere(),
    // Spanish and Portuguese put "me" first: "me llamas", "me pode ligar", "te ligo".
    rule(CALL, PLAIN, "me ~1 llamar").not_before("stuff"),
    rule(CALL, PLAIN, "me ~1 liga").not_before("stuff"),
    rule(CALL, PLAIN, "liga for me"),
    rule(CALL, PLAIN, "liga|llamar ~1 for|to|on? my digits|tel"),
    rule(CALL, LIKELY, "you_ callyou"),
    rule(CALL, LIKELY, "can ~1 you_ liga"),
    // French: "appelle-moi", "vous pouvez m'appeler", but "je m'appelle" is a name.
    rule(CALL, PLAIN, "appelle me"),
    rule(CALL, PLAIN, "me appelle").not_after("i|third|me").not_before("other"),
    rule(CALL, PLAIN, "can me appelle"),
    rule(CALL, LIKELY, "i ~1 you_ appelle"),
    rule(CALL, LIKELY, "on can? is ~1 appelle"),
];
