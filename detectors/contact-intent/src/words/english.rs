//! English.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    // Calls, which are never on the platform unless the sentence says so.
    (
        "call",
        "call, cal, kall, call, calll, ring, buzz, dial, holler, bell, tinkle, shout, ☎, 📞, 📲, 🤙",
    ),
    ("calling", "calling, ringing, texting, phoning, emailing, txting"),
    ("phone", "phone, cell, cellphone, cell phone, mobile, mobile phone, landline, fone, phne, 📱"),
    ("callme", "callme, textme, txtme, emailme, ringme, phoneme, calme, txtm3, textm"),
    (
        "text",
        "text, txt, texts, sms me, tex, textt, text message, txt message, text msg, sms message",
    ),
    (
        "email",
        "email, e mail, mail, emails, eml, emial, emai, e mails, email address, mail address, 📧, 📩, ✉",
    ),
    // Writing, which is also what the platform's chat is for.
    (
        "write",
        "message, msg, dm, pm, write, ping, hit up, hmu, add, follow, find, get hold of, get a hold of, dms, pms",
    ),
    (
        "write",
        "message me, hit me up, get in touch, keep in touch, stay in touch, be in touch, add up, dming, inbox, inbx",
    ),
    ("write", "hitme up, hit me, hit us up, look me up, find me, get at me, reply, respond"),
    ("reach", "contact, reach, reach out, connect, reaching, contacting"),
    (
        "talk",
        "talk, speak, chat, discuss, continue, coordinate, communicate, talking, chatting, carry on, converse",
    ),
    (
        "talk",
        "finish, arrange, sort, explain, go over, catch up, link up, keep talking, tlk, tallk, speaking, deal",
    ),
    (
        "move",
        "move, switch, take, bring, go, jump, hop, head, moving, lets go, hop over, jump over, meet",
    ),
    ("lets", "lets, let s, let, how about, what about, shall we"),
    ("mind", "mind, try, consider, how about you, suggest, recommend"),
    ("hop", "schedule, set up, arrange a, setup"),
    ("it", "heres"),
    ("convo", "conversation, convo, discussion, talks, our chat, this chat"),
    (
        "stuff",
        "photo, photos, pic, pics, picture, pictures, details, detail, info, information, address, location, video",
    ),
    (
        "stuff",
        "videos, quote, plan, plans, images, image, measurements, files, estimate, rest, drawings, list",
    ),
    ("give", "give, gimme, send, drop, share, shoot, pass, provide, leave, grab, snd, sned, giv"),
    ("need", "need, require"),
    ("swap", "swap, exchange, trade"),
    ("give", "get, forward, tell, hand, slide, lend, save, gve"),
    (
        "digits",
        "number, num, nbr, digits, numbr, numb3r, numbers, nummber, nmber, contact number, number phone, contacts",
    ),
    (
        "digits",
        "contact info, contact details, contact information, phone no, cell no, tel no, contact no",
    ),
    ("direct", "directly, direct, privately, private, personally, offline, off line, one on one"),
    (
        "elsewhere",
        "other app, another app, a different app, different app, another platform, different platform",
    ),
    ("leave", "leaving, exit"),
    ("money", "$, £, €, dollars, euros, pounds"),
    // Idioms and trades in which none of these words is about contact.
    (
        "other",
        "call out, callout, call outs, call out fee, call it a day, call it, call it quits, on call, close call",
    ),
    (
        "other",
        "call centre, call center, service call, service calls, house call, call for bids, call for help",
    ),
    (
        "other",
        "call off, call of duty, phone call from, call a plumber, roll call, wake up call, your call",
    ),
    ("other", "call button, call bell, call box, call point, call the police, judgment call"),
    (
        "other",
        "door bell, doorbell, ring the doorbell, ring the bell, ring main, ring doorbell, ring camera, ring size",
    ),
    (
        "other",
        "o ring, o rings, ring light, wedding ring, call me crazy, call me old fashioned, call me names",
    ),
    (
        "other",
        "text on the, the text on, text box, text size, text colour, text color, mail box, mailbox, mail slot",
    ),
    (
        "other",
        "number of, number one, order number, serial number, model number, part number, permit number, shout out",
    ),
    (
        "other",
        "licence number, license number, invoice number, account number, tracking number, reference number",
    ),
    (
        "other",
        "unit number, house number, apartment number, flat number, room number, gate number, id number, number plate",
    ),
    (
        "other",
        "job number, ticket number, case number, meter number, policy number, item number, booking number",
    ),
    (
        "other",
        "add me a quote, add a quote, contact form, contact paper, contact lens, contact point, electrical contact",
    ),
    (
        "other",
        "contact adhesive, contact sensor, contact cement, mobile home, cell tower, cell battery, mobile app",
    ),
    // What happened proposes nothing.
    ("other", "got a call, got call"),
    ("other", "text message alerts, email notification, email notifications, take the call"),
];
