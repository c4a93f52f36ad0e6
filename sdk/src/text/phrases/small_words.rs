//! The words that carry a sentence in English, Spanish, French and Portuguese, whatever it is about.
//!
//! A word has one class, so one that means different things in two languages has a class of its own
//! (`no`, `tu`, `on`) and the rules name it where either meaning fits.

use super::Vocabulary;

pub const SMALL_WORDS: Vocabulary = &[
    // Dropped: articles, courtesy, adverbs of degree.
    ("quiet", "a, an, the, el, la, los, las, lo, le, les, l, un, una, une, o, os, as, um, uma"),
    (
        "quiet",
        "please, pls, plz, plss, kindly, just, only, simply, really, maybe, perhaps, also, too",
    ),
    (
        "quiet",
        "even, still, actually, quickly, quick, more, much, very, bit, ever, always, definitely",
    ),
    ("quiet", "por favor, porfa, porfavor, pf, pfv, stp, svp, s il vous plait, s il te plait"),
    (
        "quiet",
        "tambien, tambem, aussi, ya, ja, deja, mas, muy, muito, tres, sempre, siempre, toujours",
    ),
    ("quiet", "solo, apenas, seulement, juste, simplement, que, plutot"),
    (
        "quiet",
        "bro, buddy, mate, dude, guys, folks, sir, madam, friend, hey, hi, hello, ok, okay, okey, yes",
    ),
    (
        "quiet",
        "amigo, amiga, hermano, mano, cara, querido, contigo, conmigo, si claro, oui, sim, hola, oi, bonjour, salut",
    ),
    ("quiet", "stop by"),
    (
        "other",
        "on site, off site, job site, work site, building site, construction site, jobsite, against the wall",
    ),
    ("me", "me, us, moi, m, nous, mim, nos, nosotros, myself"),
    (
        "you",
        "you, u, ya'll, yall, yourself, te, ti, t, toi, vous, voce, vc, vcs, voces, lhe, usted, ustedes",
    ),
    ("tu", "tu"),
    ("your", "your, ur, yr, yours, ton, ta, tes, votre, vos, teu, tua, seu, sua, sus, su"),
    ("my", "my, mi, mis, mon, ma, mes, notre, our, ours, meu, minha, nosso, nuestro"),
    ("i", "i, im, ill, id, ive, we, je, j, eu, yo"),
    ("das", "das"),
    (
        "it",
        "it, that, this, these, este, esta, esse, essa, voici, voila, ca, cela, isso, isto, esto, eso, them, things, everything, todo, tudo, tout",
    ),
    ("is", "is, are, s, es, est, e, fica, be, its, c est, would be"),
    (
        "can",
        "can, could, would, will, may, might, should, shall, must, gonna, wanna, going, want, need to",
    ),
    (
        "can",
        "puedo, puedes, puede, podemos, podrias, podria, quieres, quiero, peux, peut, pouvez, peuvent, pourrais",
    ),
    (
        "can",
        "pourriez, veux, voulez, posso, pode, podes, podemos, poderia, quer, quero, va, vais, allez, vou, voy, doit",
    ),
    ("do", "do"),
    (
        "what",
        "koi, c koi, c quoi, what, wats, wat, which, cual, qual, quel, quelle, quoi, cual es, qual e",
    ),
    // "what's your number", and in Portuguese the app: "me chama no whats".
    ("whats", "whats, what s"),
    (
        "have",
        "use, utilise, utilises, utilisez, tu as, have, has, got, gotten, hav, tienes, tiene, tens, tem, usas, usa, as tu, avez, ont, t as, u got",
    ),
    ("to", "to"),
    (
        "on",
        "on, via, by, through, thru, over, using, at, in, en, sur, par, por, pelo, pela, na, com, con, avec, with",
    ),
    ("on", "dans, au, al, into, onto, from, desde, depuis, sobre, numa"),
    ("for", "for, para, pra, pour, pro, 4"),
    ("of", "of, de, d, del, da, du, des, dos"),
    ("about", "about, regarding, re, concerning, acerca"),
    ("and", "and, y, et, or, ou"),
    ("if", "if, when, once, whenever, while, until, till, si, se, cuando, quand, quando, whether"),
    (
        "but",
        "but, so, because, cuz, coz, cause, since, then, pero, porque, pois, mais, car, donc, parce, entao",
    ),
    (
        "but",
        "entonces, asi, therefore, otherwise, instead, even though, even if, although, though, aunque, meme si",
    ),
    ("but", "mesmo que, so that, sino"),
    (
        "better",
        "better, easier, faster, quicker, best, prefer, best way, mejor, plus simple, plus facile, plus rapide",
    ),
    (
        "better",
        "mas facil, mas rapido, mais facil, mais rapido, prefiero, melhor, prefere, prefiro, convenient, simpler, works best, works better, work better, is best, suits me better",
    ),
    (
        "time",
        "now, today, tonight, tomorrow, tmrw, later, soon, asap, anytime, back, first, again, after, before",
    ),
    (
        "time",
        "around, morning, afternoon, evening, night, noon, weekend, monday, tuesday, wednesday, thursday, friday",
    ),
    (
        "time",
        "saturday, sunday, next, next time, right, right now, straight, thanks, thank, thx, ty, cheers, bye",
    ),
    (
        "time",
        "ahora, luego, manana, hoy, despues, tarde, maintenant, demain, tout a l heure, plus tard, ce soir",
    ),
    (
        "time",
        "agora, amanha, hoje, depois, logo, sometime, any time, day, week, lunch, urgent, urgently",
    ),
    // What takes a proposal back.
    (
        "not",
        "not, n, dont, do not, doesnt, didnt, never, cant, cannot, wont, wouldnt, shouldnt, couldnt, isnt, arent",
    ),
    (
        "not",
        "neither, nor, stop, refuse, unable, instead of, rather than, nothing, nobody, dnt, mustnt",
    ),
    (
        "not",
        "no need, no necesitas, nunca, jamas, tampoco, ni, en vez de, en lugar de, no hace falta",
    ),
    (
        "not",
        "ne, n est, jamais, inutile, au lieu de, pas besoin, plutot que, nao, nem, em vez de, nada, nadie, ninguem",
    ),
    (
        "avoid",
        "avoid, avoiding, avoids, evita, evite, evitez, eviter, evitar, evitando, evitons, evitamos",
    ),
    ("no", "no"),
    ("pas", "pas, plus jamais"),
    ("without", "without, w o, sin, sans, sem"),
    // What looks like a negation and invites.
    (
        "free",
        "dont hesitate, do not hesitate, feel free, dont be shy, dont worry, no worries, no problem, no prob",
    ),
    (
        "free",
        "dont forget, do not forget, why dont you, why dont we, why not, not sure, if not, dont mind, do not mind",
    ),
    (
        "free",
        "cant you, cant we, wont you, could not you, not only, not just, no se, no dudes, no dude, no lo dudes",
    ),
    (
        "free",
        "no olvides, no te olvides, por que no, porque no, sin problema, si no, hesitez pas, hesite pas, pas de souci",
    ),
    (
        "free",
        "pas de soucis, pas de probleme, oublie pas, oubliez pas, pourquoi pas, pourquoi ne pas, nao hesite, nao esqueca, nao esquece",
    ),
    (
        "free",
        "por que nao, porque nao, por que voce nao, porque voce nao, por que vc nao, sem problema, sem problemas, se nao, nao se preocupe, no te preocupes",
    ),
    // Somebody else's doing.
    (
        "third",
        "he, she, they, hes, shes, theyre, hell, shell, theyll, who, people, everyone, everybody, il, elle, ils",
    ),
    (
        "third",
        "elles, ella, ellos, ele, ela, eles, elas, customers, clients, customer, client, neighbors, neighbours",
    ),
    (
        "third",
        "neighbor, neighbour, tenant, tenants, landlord, wife, husband, clientes, cliente, clients, vecino, voisin",
    ),
    (
        "third",
        "scammer, scammers, someone who, anyone who, somebody who, alguien que, alguem que, quelqu un qui",
    ),
    (
        "asked",
        "asked, asking, asks, told, said, says, wanted, wants, offered, tried, demanded, insisted, suggested",
    ),
    (
        "asked",
        "pidio, pide, dijo, ofrecio, demande, demandait, dit, propose, pediu, pede, disse, ofereceu",
    ),
    ("asked", "did you, did u, did he, did she, did they, did anyone, did somebody, did someone"),
    ("can", "did you want, did u want, did you need"),
    (
        "forbidden",
        "forbidden, prohibited, banned, illegal, prohibido, prohibe, interdit, interdite",
    ),
    (
        "forbidden",
        "proibido, proibida, breach, violation, violates, unsafe, fraud, scam, scams, estafa, arnaque, golpe",
    ),
    (
        "rules",
        "allowed, permitted, not allowed, rules, against policy, against the policy, tos, permitido, permite, reglas, regles, reglement interieur, le reglement",
    ),
    ("rules", "autorise, autorises, regras, terms of service, against the terms, normas"),
    // Where we are, and what is not here.
    (
        "here",
        "here, aqui, aca, ici, in here, on here, por aqui, por aca, through here, in this chat, in the chat",
    ),
    (
        "here",
        "in chat, on this chat, en el chat, en este chat, en este hilo, sur ce chat, dans le chat, no chat, neste chat",
    ),
    ("here", "this thread, in this thread, sur ce fil, por este chat, pelo chat, par ici"),
    (
        "platform",
        "app, apps, platform, plataforma, plateforme, website, web page, aplicacion, aplicativo, appli, web site, sur le site, via le site, pelo site, no site, on this site, through the site, through this site",
    ),
    (
        "platform",
        "l application, this application, marketplace, plate forme, qwick, qwickservices, la web",
    ),
    ("platform", "fairtradeworker, escrow, the company"),
    (
        "off",
        "outside, off, outta, fuera, afuera, hors, en dehors, dehors, fora, outside of, off of",
    ),
    ("avoid", "bypass, bypassing"),
    ("elsewhere", "elsewhere, somewhere else, some other place"),
    ("another", "another, other, otra, otro, outra, outro, autre, different"),
    (
        "offsite",
        "hors site, hors du site, fuera del sitio, fora do site, outside the site, outside this site, off the site",
    ),
    (
        "offsite",
        "outside of the site, outside of this site, en dehors du site, hors application, off platform, offplatform",
    ),
    ("off", "around the"),
];
