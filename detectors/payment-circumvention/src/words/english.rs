//! English.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    (
        "coin",
        "cash, kash, cahs, csh, cold cash, hard cash, cash money, bank notes, banknotes, paper money, 💵, 💸, 💰",
    ),
    (
        "inhand",
        "cash in hand, cash only, cash on delivery, cash price, cash discount, discount for cash, cash deal",
    ),
    ("inhand", "cash job, cash on the side, cash under the table, cash in the hand, cash rate"),
    (
        "banked",
        "bank transfer, bank transfers, bank to bank, wire transfer, wire transfers, direct deposit, bank deposit",
    ),
    (
        "banked",
        "direct transfer, direct debit to, bank account, iban, routing number, sort code, my bank, ach, sepa",
    ),
    ("banked", "money order, money orders, bank wire, bank draft, personal account"),
    ("check", "check, cheque, checks, cheques, personal check, personal cheque"),
    ("write", "write, writing"),
    ("wire", "wire, transfer, wiring, transferring"),
    (
        "pay",
        "pay, paying, payment, payments, settle, settle up, get paid, be paid, getting paid, being paid, paid in, pai",
    ),
    (
        "pay",
        "tip, reimburse, compensate, payed, pays, p4y, make payment, square up, do payment, handle payment",
    ),
    ("codes", "codes, code, pin, pins"),
    ("buy", "buy, purchase, grab, get, compra, comprar, acheter, achete, achetez, compre"),
    (
        "send",
        "send, give, put, sending, sent it, forward, drop, hand, giving, bring, hand over, snd",
    ),
    ("accept", "take, possible, accept, do you do, accepting, taking, works, work with, ok with"),
    ("accept", "cool with, good with, okay with, fine with, open to, happy with"),
    ("hire", "book, hire, rebook, deal, booking, do business, do a deal, hiring"),
    ("deal", "work, do it, do this, do the job, arrange, settle it, handle, keep it, keep this"),
    ("deal", "do the work, go, doing it, doing this, sort it, agree"),
    ("cancel", "cancel, cancelling, canceling, cancl, decline, withdraw, close, cancell, cancle"),
    (
        "order",
        "booking here, order, job, request, contract, project, bookings, offer, gig, listing, the booking",
    ),
    (
        "fee",
        "fee, fees, feez, commission, commissions, commision, comission, service charge, platform charge",
    ),
    (
        "fee",
        "service fee, service fees, app fee, app fees, platform fee, platform fees, booking fee, booking fees",
    ),
    ("fee", "site fee, site fees, percentage, surcharge, feee, f33, f33s, markup"),
    (
        "skip",
        "skip, dodge, evade, cut out, get around, sidestep, circumvent, escape, eliminate, skipping, skp",
    ),
    (
        "savethe",
        "save the, save their, save that, save you the, save us the, avoid the, avoid their, skip the, save on the",
    ),
    ("savethe", "saves the, saves you the, dodge the, saving the, beat the"),
    (
        "skip",
        "save, save on, saving, saves, beat, cut, lose, ditch, zero, work around, workaround, go around, save us",
    ),
    ("skip", "cutting out, getting around, dodging, going around, sk1p"),
    (
        "direct",
        "directly, direct, privately, private, personally, in person, on the side, offline, off line",
    ),
    ("direct", "one on one, between us, just us, under the counter, direkt, diret"),
    (
        "books",
        "off the books, off book, off the record, under the table, under table, no paper trail",
    ),
    ("books", "off books"),
    (
        "norecord",
        "without a receipt, no receipt, without receipt, without an invoice, no invoice, no paperwork",
    ),
    ("fine", "fine, good, great, perfect, nice, bien, parfait, perfecto, bueno, otimo"),
    ("price", "price, rate, prix, tarif, precio, preco, cost"),
    (
        "cheaper",
        "cheaper, discount, less, lower, better price, better deal, knock off, save money, lower price, cheap",
    ),
    (
        "cheaper",
        "lower rate, better rate, special price, good price, price drop, come down, reduce, discounted, cost less",
    ),
    (
        "share",
        "half, deposit, upfront, up front, rest, balance, remainder, down payment, advance, first half, part",
    ),
    (
        "share",
        "second half, remaining, full amount, total, the whole thing, downpayment, all of it",
    ),
    (
        "money",
        "money, amount, funds, payment to, 💲, $, £, €, dollars, bucks, euros, pounds, usd, eur, quid, sum",
    ),
    ("percent", "%, percent, pct, per cent"),
    ("charge", "charges, charge, takes, takes a, keeps, steals, grabs, eats"),
    ("account", "account, acct"),
    ("lets", "lets, let s, let, vamos, bora"),
    (
        "matter",
        "materials, material, parking, meter, supplier, shop, store, plumber, electrician, toll, permit, parts",
    ),
    // Idioms and trades in which none of these words is about getting round the platform.
    (
        "other",
        "cash register, cash registers, cash drawer, cash machine, cash box, cash desk, cash back, cash flow",
    ),
    (
        "other",
        "petty cash, cash for the parking meter, cash for parking, cash advance, cash till, cash counter",
    ),
    (
        "other",
        "bank holiday, bank holidays, bank of, river bank, check valve, check valves, check in, check out, check up",
    ),
    (
        "other",
        "check the, check it, check this, check my, check your, check if, check that, check on, check with",
    ),
    (
        "other",
        "check for, check whether, to check, please check, can you check, check list, checklist, double check",
    ),
    (
        "other",
        "transfer switch, transfer switches, transfer pump, transfer the files, heat transfer, transfer station",
    ),
    (
        "other",
        "transfer case, file transfer, transfer window, direct sunlight, direct sun, direct light, direct flight",
    ),
    (
        "other",
        "direct flights, direct vent, direct drive, direct current, direct route, direct line, direct access",
    ),
    (
        "other",
        "wire the, wire nut, wire nuts, wire gauge, wire brush, wire mesh, wire in, wire up, wire it up, live wire",
    ),
    (
        "other",
        "signal wire, ground wire, neutral wire, copper wire, hot wire, wire run, wire runs, wire cutters",
    ),
    (
        "other",
        "call out fee, callout fee, late fee, late fees, parking fee, permit fee, inspection fee, dump fee",
    ),
    (
        "other",
        "disposal fee, delivery fee, cancellation fee, travel fee, cleaning fee, diagnostic fee, visit fee",
    ),
    (
        "other",
        "entry fee, hoa fee, hoa fees, licence fee, license fee, overdraft fee, bank fee, bank fees, trip fee",
    ),
    (
        "other",
        "refund the fee, waive the fee, waive, fee is included, fees included, fees are included, cut off, cut out for",
    ),
    (
        "other",
        "cut the, cut it, cut to, save time, save water, save energy, save space, save the date, work on, work in",
    ),
    (
        "other",
        "save power, save heat, save on heating, save electricity, no longer, no matter, no idea",
    ),
    (
        "other",
        "direct deposit form, through escrow, pay attention, pay heed, pay rise, pay off, outside the house",
    ),
    (
        "other",
        "outside wall, outside tap, outside light, outside lights, outside unit, outside of the house",
    ),
];
