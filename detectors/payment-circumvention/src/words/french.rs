//! French, without its accents.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    ("coin", "liquide, especes, espece, liquid, billets, liquides"),
    (
        "incash",
        "en liquide, en especes, du cash, main a la main, de la main a la main, de main a main, en main propre, en cash",
    ),
    ("inhand", "remise en especes, paiement en especes, paiement en liquide, reglement en especes"),
    (
        "banked",
        "virement, virements, virement bancaire, virement direct, rib, mon rib, compte bancaire, compte perso, virment",
    ),
    ("check", "chq"),
    ("wire", "vire, virer, virez"),
    (
        "pay",
        "payer, paye, payez, paie, paies, payes, paiement, paiements, regler, regle, reglez, payons, reglons",
    ),
    ("pay", "reglement, payerai, paierai, me payer, verser, verse, versez, payerais"),
    ("send", "envoie, envoyez, envoyer, donne, donner, donnez, apporte, apportez, file"),
    ("accept", "acceptez, acceptes, accepter, prenez, prends, prendre, preferez, preferes"),
    (
        "hire",
        "reserve, reserver, reservez, reservons, traiter, traitons, engagez, engager, embauchez, traitez",
    ),
    ("deal", "arrangeons, fais, faites, fait"),
    (
        "deal",
        "arranger, s arranger, arrange, passer, passez, passons, faire, faisons, bosser, travailler, travaillons",
    ),
    ("deal", "fait ca, on fait, on s arrange"),
    ("cancel", "annule, annuler, annulez, annulons, annules, anule, anuler"),
    ("order", "commande, reservation, mission, chantier, devis, prestation"),
    (
        "fee",
        "frais, commissions, frais de service, frais de plateforme, frais de l appli, comm, frais de la plateforme",
    ),
    (
        "skip",
        "sauter, sautons, contourner, contournez, contournons, economiser, economisez, economise, economisons",
    ),
    ("skip", "echapper, gagner, zapper, zappons, esquiver, contourne, economies"),
    ("direct", "directement, en direct, entre nous, en personne, en prive, prive, de gre a gre"),
    ("books", "au noir, au black, en black, sous la table, non declare"),
    ("norecord", "sans facture, sans recu"),
    ("inhand", "cheque a mon nom"),
    (
        "cheaper",
        "moins cher, moins chere, remise, reduction, rabais, ristourne, meilleur prix, prix d ami, moins",
    ),
    ("cheaper", "tarif reduit, petit prix"),
    ("share", "moitie, la moitie, acompte, le reste, reste, avance, arrhes, solde, caution"),
    ("money", "argent, somme, fric, montant, thune, sous"),
    ("percent", "pour cent, pourcent"),
    ("charge", "prend, prennent, preleve, prelevent, ponctionne"),
    ("account", "compte"),
    (
        "other",
        "caisse enregistreuse, frais de deplacement, sans frais, frais de dossier, frais de livraison, gaz liquide",
    ),
    (
        "other",
        "savon liquide, transfert de fichiers, virement de bord, jour ferie, lumiere directe, soleil direct",
    ),
    (
        "other",
        "a compte, tenir compte, compte tenu, hors service, hors sol, hors gel, hors d eau, hors taxe, hors taxes",
    ),
    (
        "other",
        "clapet anti retour, frais inclus, chez lydia, especes de, espece de, produit liquide, colle liquide",
    ),
];
