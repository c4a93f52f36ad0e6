//! Names of other channels, as they are and as they are misspelt.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    // Nothing else is called that.
    (
        "app",
        "~whatsapp, whats app, what app, wats app, wapp, watsap, wassap, wasap, guasap, wasapp, guatsap, guasapp",
    ),
    (
        "app",
        "whatsap, watsapp, wattsapp, watzapp, whatzapp, whatsup app, wpp, wsp, whazapp, wazzap, vatsap, zapzap, zap zap",
    ),
    (
        "app",
        "~telegram, telegran, telegramm, telegrama app, ~instagram, insta, instagran, instgram, ~messenger, fb messenger",
    ),
    (
        "app",
        "~facebook, fbook, fb, ~snapchat, snap chat, gua sap, gua zap, ws app, wsapp, feis, viber, wechat, ~discord, skype, facetime, face time, imessage",
    ),
    (
        "app",
        "i message, tg, ig, tele gram, insta gram, google voice, google meet, google chat, tiktok, tik tok, linkedin",
    ),
    (
        "app",
        "linked in, kik, threema, line app, signal app, messenger app, gmail, hotmail, g mail, icloud, proton mail",
    ),
    // Other things are called that too: only after a verb of contact, or as somebody's own.
    ("soft", "zap, zapp, zoom, wa, ws, snap, teams, twitter, face, sms, slack"),
    ("spare", "signal, line"),
    // Trade matters that sound like a channel.
    (
        "other",
        "signal wire, signal wires, signal strength, signal cable, wi fi signal, wifi signal, tv signal",
    ),
    (
        "other",
        "phone line, phone lines, telephone line, phone jack, phone socket, gas line, water line, sewer line",
    ),
    (
        "other",
        "water lines, line item, line items, drain line, drop a line of, property line, fence line, phone case",
    ),
    (
        "other",
        "phone screen, phone repair, phone system, phone book, phone bill, phone holder, phone charger, face mask",
    ),
    (
        "other",
        "facebook ads, facebook ad, facebook page, facebook marketing, instagram ads, instagram marketing",
    ),
    (
        "other",
        "facebook marketplace, insta ready, insta worthy, whats included, whats wrong, whats in, telegram bot",
    ),
];
