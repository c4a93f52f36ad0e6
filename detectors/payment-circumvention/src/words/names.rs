//! Names of ways to pay a person, as they are and as they are misspelt.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    // Nothing else is called that.
    (
        "p2p",
        "~zelle, zel le, zele, zellepay, zelle pay, zell, ~venmo, ~cashapp, cash app, cash tag, cashtag, kashapp, ~bizum",
    ),
    ("wallet", "kash app, ~paypal, pay pal, paypall, payp4l, friends and family, ~revolut"),
    (
        "wallet",
        "western union, moneygram, money gram, mercado pago, mercadopago, mb way, mbway, picpay, pic pay",
    ),
    (
        "wallet",
        "apple pay, google pay, gpay, g pay, applepay, interac, etransfer, e transfer, nequi, yape, daviplata",
    ),
    ("wallet", "paylib, paysafecard, bitcoin, bitcoins, btc, crypto, cripto, cryptocurrency, usdt"),
    (
        "wallet",
        "ethereum, cryptos, criptomoneda, criptomonedas, criptomoeda, crypto monnaie, cryptomonnaie, stablecoin",
    ),
    (
        "giftcard",
        "gift card, gift cards, giftcard, giftcards, itunes card, itunes cards, steam card, steam cards",
    ),
    (
        "giftcard",
        "amazon card, amazon cards, amazon gift card, amazon gift cards, steam gift card, apple gift card, visa gift card, google play card, google play cards, prepaid card, tarjeta regalo",
    ),
    (
        "giftcard",
        "tarjetas regalo, tarjeta de regalo, tarjetas de regalo, carte cadeau, cartes cadeaux, vale presente",
    ),
    (
        "wallet",
        "cartao presente, mandat cash, wero, sumup link, cuenta rut, transferwise, via wise, by wise, through wise, with wise",
    ),
    // Other things are called that too: only after a verb of paying.
    ("named", "lydia"),
    ("purseish", "pix, eth, payoneer, chave pix, plin, swish, twint, oxxo"),
    // Matters of a trade that sound like money.
    (
        "other",
        "steam cleaner, pix format, lydia street, wise choice, wise decision, wise man, wise idea",
    ),
    (
        "other",
        "paypal button, paypal integration, crypto website, bitcoin miner, stripe integration, zelle street",
    ),
    ("other", "paypal checkout, bitcoin atm, crypto app, gift card holder, gift card display"),
];
