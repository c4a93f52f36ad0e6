//! French, without its accents.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    ("callme", "tel moi, telephone moi, bigophone moi"),
    (
        "appelle",
        "appelle, appelez, appeler, appelles, rappelle, rappelez, rappeler, telephoner, telephonez, appel",
    ),
    ("appelle", "apelle, apele, appele, appelons, bigophone, texte, textez, texter, apl"),
    ("text", "texto, textos, un sms"),
    ("callyou", "appellerai, appellerais, rappellerai"),
    (
        "write",
        "ecris, ecrit, ecrivons, ecrivez, ecrire, ajoute, ajoutez, ajouter, suis moi, suivez, message prive, mp, contactons",
    ),
    (
        "reach",
        "contacte, contactez, contacter, joindre, joins, joignez, rejoins, rejoignez, rejoindre",
    ),
    (
        "talk",
        "parler, parle, parlez, parlons, discuter, discutons, discute, discutez, echanger, echangeons, continuer",
    ),
    (
        "talk",
        "continuons, continue la, causer, papoter, converser, poursuivre, poursuivons, bavarder",
    ),
    ("move", "passons, passer, basculer, basculons, voir"),
    ("lets", "et si on, si on"),
    (
        "give",
        "donne, donnez, donner, envoie, envoyez, envoyer, file, filez, filer, laisse, laissez, laisser, passe",
    ),
    (
        "give",
        "passez, transmets, transmettez, partage, partagez, balance, envoi, avoir, communique, communiquez, envois, besoin",
    ),
    ("stuff", "adresse, coordonnees bancaires, devis, infos, les photos"),
    (
        "digits",
        "numeros, numero de telephone, numero de portable, numero perso, coordonnees, 06, 07, num de tel, num perso",
    ),
    ("tel", "telephone, portable, telephonique, fixe, tel perso, appel telephonique"),
    ("email", "courriel, mel, adresse mail, adresse email, e mail perso, boite mail"),
    ("direct", "directement, en direct, en prive, prive"),
    (
        "elsewhere",
        "ailleurs, autre appli, autre application, une autre appli, une autre application",
    ),
    (
        "other",
        "numero de serie, numero de commande, numero de modele, numero de facture, numero de permis, numero de licence",
    ),
    (
        "other",
        "numero de suivi, numero de rue, ligne telephonique, fil de signal, numero de dossier, numero de chambre",
    ),
    (
        "other",
        "appel d offres, appel de service, frais de deplacement, je m appelle, nombre de, appel d air, fil d appel",
    ),
    ("other", "on appelle ca"),
];
