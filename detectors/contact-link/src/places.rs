//! Hosts whose meaning is known.

/// What a well-known host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A messenger or a social network: the path names an account or a group.
    Invitation,
    /// Hides where it leads.
    Shortener,
    /// A shop or a reference work: seldom a contact.
    Reference,
    /// A mail provider: without a path it is a piece of an address.
    Mail,
}

/// Sorted by host: it is searched by halves.
const PLACES: &[(&str, Place)] = &[
    ("acehardware.com", Place::Reference),
    ("acortar.link", Place::Shortener),
    ("adf.ly", Place::Shortener),
    ("amazon.co.uk", Place::Reference),
    ("amazon.com", Place::Reference),
    ("amazon.com.br", Place::Reference),
    ("amazon.es", Place::Reference),
    ("amazon.fr", Place::Reference),
    ("amzn.to", Place::Reference),
    ("aol.com", Place::Mail),
    ("beacons.ai", Place::Shortener),
    ("bio.link", Place::Shortener),
    ("bit.ly", Place::Shortener),
    ("bl.ink", Place::Shortener),
    ("bol.com.br", Place::Mail),
    ("buff.ly", Place::Shortener),
    ("calendly.com", Place::Invitation),
    ("carrd.co", Place::Shortener),
    ("castorama.fr", Place::Reference),
    ("clck.ru", Place::Shortener),
    ("cutt.ly", Place::Shortener),
    ("discord.com", Place::Invitation),
    ("discord.gg", Place::Invitation),
    ("discordapp.com", Place::Invitation),
    ("dub.sh", Place::Shortener),
    ("ebay.com", Place::Reference),
    ("encurtador.com.br", Place::Shortener),
    ("facebook.com", Place::Invitation),
    ("fb.com", Place::Invitation),
    ("fb.me", Place::Invitation),
    ("forms.gle", Place::Shortener),
    ("free.fr", Place::Mail),
    ("g.page", Place::Shortener),
    ("gmail.com", Place::Mail),
    ("gmx.com", Place::Mail),
    ("goo.gl", Place::Shortener),
    ("googlemail.com", Place::Mail),
    ("homedepot.com", Place::Reference),
    ("hotmail.com", Place::Mail),
    ("hotmail.es", Place::Mail),
    ("hotmail.fr", Place::Mail),
    ("houzz.com", Place::Reference),
    ("icloud.com", Place::Mail),
    ("ig.me", Place::Invitation),
    ("ikea.com", Place::Reference),
    ("instagram.com", Place::Invitation),
    ("invite.viber.com", Place::Invitation),
    ("is.gd", Place::Shortener),
    ("kik.me", Place::Invitation),
    ("laposte.net", Place::Mail),
    ("leroymerlin.com.br", Place::Reference),
    ("leroymerlin.es", Place::Reference),
    ("leroymerlin.fr", Place::Reference),
    ("lin.ee", Place::Invitation),
    ("line.me", Place::Invitation),
    ("linkedin.com", Place::Invitation),
    ("linktr.ee", Place::Shortener),
    ("live.com", Place::Mail),
    ("lnk.bio", Place::Shortener),
    ("lnkd.in", Place::Shortener),
    ("lowes.com", Place::Reference),
    ("m.me", Place::Invitation),
    ("maps.app.goo.gl", Place::Reference),
    ("maps.google.com", Place::Reference),
    ("matrix.to", Place::Invitation),
    ("meet.google.com", Place::Invitation),
    ("menards.com", Place::Reference),
    ("messenger.com", Place::Invitation),
    ("msn.com", Place::Mail),
    ("n9.cl", Place::Shortener),
    ("orange.fr", Place::Mail),
    ("outlook.com", Place::Mail),
    ("ow.ly", Place::Shortener),
    ("pin.it", Place::Reference),
    ("pinterest.com", Place::Reference),
    ("proton.me", Place::Mail),
    ("protonmail.com", Place::Mail),
    ("qr.ae", Place::Shortener),
    ("rb.gy", Place::Shortener),
    ("rebrand.ly", Place::Shortener),
    ("s.id", Place::Shortener),
    ("screwfix.com", Place::Reference),
    ("sherwin-williams.com", Place::Reference),
    ("shorte.st", Place::Shortener),
    ("shorturl.at", Place::Shortener),
    ("signal.group", Place::Invitation),
    ("signal.me", Place::Invitation),
    ("skype.com", Place::Invitation),
    ("slack.com", Place::Invitation),
    ("snapchat.com", Place::Invitation),
    ("solo.to", Place::Shortener),
    ("t.co", Place::Shortener),
    ("t.ly", Place::Shortener),
    ("t.me", Place::Invitation),
    ("taplink.cc", Place::Shortener),
    ("telegram.dog", Place::Invitation),
    ("telegram.me", Place::Invitation),
    ("telegram.org", Place::Invitation),
    ("terra.es", Place::Mail),
    ("threads.net", Place::Invitation),
    ("tiktok.com", Place::Invitation),
    ("tiny.cc", Place::Shortener),
    ("tinyurl.com", Place::Shortener),
    ("twitch.tv", Place::Invitation),
    ("twitter.com", Place::Invitation),
    ("u.wechat.com", Place::Invitation),
    ("uol.com.br", Place::Mail),
    ("urlr.me", Place::Shortener),
    ("urlz.fr", Place::Shortener),
    ("v.gd", Place::Shortener),
    ("viber.com", Place::Invitation),
    ("vk.com", Place::Invitation),
    ("wa.link", Place::Invitation),
    ("wa.me", Place::Invitation),
    ("walmart.com", Place::Reference),
    ("wayfair.com", Place::Reference),
    ("wechat.com", Place::Invitation),
    ("whatsapp.com", Place::Invitation),
    ("wikipedia.org", Place::Reference),
    ("x.com", Place::Invitation),
    ("yahoo.com", Place::Mail),
    ("yahoo.com.br", Place::Mail),
    ("yahoo.es", Place::Mail),
    ("yahoo.fr", Place::Mail),
    ("ymail.com", Place::Mail),
    ("youtu.be", Place::Reference),
    ("youtube.com", Place::Reference),
    ("zoom.us", Place::Invitation),
];

/// What `host` is known for, itself or as "www." or "m." of it.
pub fn place(host: &str) -> Option<Place> {
    // The whole name first: "maps.google.com" is more than "google.com".
    let mut name = host;
    loop {
        if let Ok(row) = PLACES.binary_search_by_key(&name, |(host, _)| host) {
            return Some(PLACES[row].1);
        }
        name = name.split_once('.')?.1;
    }
}

/// Endings that make a full name of what is otherwise a technology: "asp.net".
pub fn is_technology(host: &str) -> bool {
    matches!(host, "asp.net" | "vb.net" | "ado.net" | "socket.io" | "node.js")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_is_searched_by_halves_is_sorted() {
        assert!(PLACES.is_sorted_by_key(|(host, _)| host));
    }
}
