//! Services by nickname or emoji: "the ghost app", "📷".
//!
//! The patterns are for folded text. A nickname alone is an ordinary thing ("the camera app is
//! slow"): it counts only with an account, or with a pointer to one, beside it.

/// A pattern and the service that is meant. An article before it and an emoji after it are added to
/// the evidence later.
pub const NICKNAMES: &[(&str, &str)] = &[
    (
        concat!(
            r"\b(?:ghost(?:y|ie)?[ -](?:app|one|thing|icon|logo)|yellow app|(?:app|one) with (?:the|a) (?:little )?ghost|",
            r"app (?:del|do) fantasm(?:a|ita|inha)|la del fantasm(?:a|ita)|",
            r"appli (?:du )?(?:petit )?fantome)",
        ),
        "snapchat",
    ),
    (
        concat!(
            r"\b(?:(?:blue )?bird(?:ie)?[ -](?:app|one|thing|icon|logo|site)|",
            r"app del pajar(?:o|ito)|la del pajarito|(?:app|one) with (?:the|a) (?:blue )?bird|appli (?:de l')?oiseau|",
            r"app do passar(?:o|inho))",
        ),
        "twitter",
    ),
    (
        concat!(
            r"\b(?:(?:big )?blue[ -](?:f )?app|the f app|face app|app azul|appli bleue|",
            r"aplicativo azul)",
        ),
        "facebook",
    ),
    (
        concat!(
            r"\b(?:green[ -](?:(?:phone|chat|call|bubble|text)[ -])?(?:app|thing|icon|logo)|",
            r"green phone one|app verde|la del telefono verde|appli verte|aplicativo verde|",
            r"app verdinho)",
        ),
        "whatsapp",
    ),
    (
        concat!(
            r"\b(?:(?:camera|photo|pics?|picture)[ -](?:app|one|thing|icon|logo)|the gram|(?:app|one) with (?:the|a) camera|",
            r"app de (?:la camar(?:a|ita)|(?:las )?fotos)|la de la camarita|appli photo|",
            r"app da camer(?:a|inha))",
        ),
        "instagram",
    ),
    (
        concat!(
            r"\b(?:(?:paper[ -]?)?(?:air)?plane[ -](?:app|one|thing|icon|logo)|",
            r"paper (?:air)?plane|app del avion(?:cito)?|la del avioncito|(?:app|one) with (?:the|a) (?:paper )?plane|",
            r"appli (?:de l')?avion|app do avia(?:o|ozinho)|aviaozinho)",
        ),
        "telegram",
    ),
    (r"\bpurple (?:phone|call|chat)[ -](?:app|one)", "viber"),
    (r"\b(?:clock app|music[ -]note[ -]app)", "tiktok"),
    (r"\b(?:game )?controller (?:app|one)", "discord"),
];

/// Emoji that stand for a service.
pub const EMOJI: &[(&str, &str)] = &[
    ("👻", "snapchat"),
    ("🐦", "twitter"),
    ("📘", "facebook"),
    ("🟢", "whatsapp"),
    ("📷", "instagram"),
    ("📸", "instagram"),
    ("✈", "telegram"),
    ("🎮", "discord"),
];
