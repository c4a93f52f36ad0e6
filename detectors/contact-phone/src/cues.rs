//! The words near a number that say what it is, in English, Spanish, French and Portuguese, folded.

use Cue::{Device, Link, Money, Number, Reach, Reference, Unit};

/// What a word says about a number near it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cue {
    /// A phone or an app on one.
    Device,
    /// To call or to write.
    Reach,
    /// `number`: what kind of number the words around it say.
    Number,
    /// A paper, a product, an account, a meter: numbers of these are no contacts.
    Reference,
    /// It may stand between a cue and its number.
    Link,
    /// What is measured.
    Unit,
    /// It is a price.
    Money,
}

/// What a folded word says, if anything.
pub fn cue(word: &str) -> Option<Cue> {
    let letter = usize::from(word.bytes().next()?.wrapping_sub(b'a'));
    if letter >= 26 {
        return None;
    }
    let bucket = &CUES[FIRST[letter] as usize..FIRST[letter + 1] as usize];
    bucket.binary_search_by(|entry| entry.0.cmp(word)).ok().map(|at| bucket[at].1)
}

/// Where the words of each first letter start.
const FIRST: [u16; 27] = {
    let mut first = [0; 27];
    let mut at = 0;
    while at < CUES.len() {
        first[(CUES[at].0.as_bytes()[0] - b'a') as usize + 1] = at as u16 + 1;
        at += 1;
    }
    let mut letter = 1;
    while letter < 27 {
        if first[letter] == 0 {
            first[letter] = first[letter - 1];
        }
        letter += 1;
    }
    first
};

/// Sorted.
#[rustfmt::skip]
const CUES: &[(&str, Cue)] = &[
    ("a", Link), ("abn", Reference), ("account", Reference), ("acct", Reference), ("acres", Unit),
    ("adherent", Reference), ("al", Link), ("alarm", Reference), ("albaran", Reference),
    ("alvara", Reference), ("amex", Reference), ("an", Link), ("and", Link), ("anytime", Link), ("ao", Link),
    ("apartado", Reference), ("apn", Reference), ("apolice", Reference), ("appel", Reach), ("appeler", Reach),
    ("appelez", Reach), ("appelle", Reach), ("aqui", Link), ("are", Link), ("asap", Link),
    ("asin", Reference), ("asset", Reference), ("at", Link), ("au", Link), ("aud", Money), ("aux", Link),
    ("awb", Reference), ("back", Link), ("bank", Reference), ("barcode", Reference), ("batch", Reference),
    ("bid", Reference), ("bill", Reference), ("billet", Reference), ("boleto", Reference), ("bon", Reference),
    ("booking", Reference), ("box", Reference), ("brl", Money), ("btu", Unit), ("btus", Unit),
    ("bucks", Money), ("budget", Money), ("build", Reference), ("buzz", Reach), ("by", Link), ("cad", Money),
    ("call", Reach), ("calling", Reach), ("calls", Reach), ("card", Reference), ("cartao", Reference),
    ("carte", Reference), ("case", Reference), ("catalog", Reference), ("catalogue", Reference),
    ("catastral", Reference), ("cedula", Reference), ("cel", Device), ("cell", Device), ("cellphone", Device),
    ("cellular", Device), ("celular", Device), ("cents", Money), ("cep", Reference), ("cert", Reference),
    ("certidao", Reference), ("certificate", Reference), ("chama", Reach), ("chamar", Reach),
    ("chame", Reach), ("check", Reference), ("cheque", Reference), ("chiffres", Number), ("claim", Reference),
    ("client", Reference), ("cliente", Reference), ("cm", Unit), ("cnpj", Reference), ("code", Reference),
    ("codigo", Reference), ("colegiado", Reference), ("colis", Reference), ("commande", Reference),
    ("compra", Reference), ("compte", Reference), ("compteur", Reference), ("conf", Reference),
    ("confirmation", Reference), ("consignment", Reference), ("conta", Reference), ("contact", Reach),
    ("contacta", Reach), ("contactame", Reach), ("contactar", Reach), ("contacte", Reach),
    ("contactenos", Reach), ("contacter", Reach), ("contactez", Reach), ("contacto", Reach),
    ("contacts", Reach), ("contador", Reference), ("contatar", Reach), ("contate", Reach), ("contato", Reach),
    ("contract", Reference), ("contrat", Reference), ("contrato", Reference), ("coordinates", Reference),
    ("copies", Unit), ("cost", Money), ("costs", Money), ("coupon", Reference), ("cpf", Reference),
    ("cuenta", Reference), ("cuit", Reference), ("customer", Reference), ("d", Link), ("da", Link),
    ("days", Unit), ("de", Link), ("deed", Reference), ("del", Link), ("des", Link), ("devis", Reference),
    ("dhl", Reference), ("dial", Reach), ("digitos", Number), ("digits", Number), ("directly", Link),
    ("dni", Reference), ("do", Link), ("docket", Reference), ("dollar", Money), ("dollars", Money),
    ("dossier", Reference), ("du", Link), ("e", Link), ("ean", Reference), ("ecris", Reach),
    ("ecrivez", Reach), ("ein", Reference), ("el", Link), ("em", Link), ("encomenda", Reference),
    ("envio", Reference), ("envoi", Reference), ("error", Reference), ("es", Link), ("escribanme", Reach),
    ("escribe", Reach), ("escribeme", Reach), ("escribime", Reach), ("escribir", Reach), ("ese", Link),
    ("est", Link), ("este", Link), ("estimate", Reference), ("eur", Money), ("euro", Money), ("euros", Money),
    ("expediente", Reference), ("facetime", Device), ("factura", Reference), ("facturas", Reference),
    ("facture", Reference), ("factures", Reference), ("fatura", Reference), ("fedex", Reference),
    ("feet", Unit), ("fijo", Device), ("firmware", Reference), ("fiscal", Reference), ("fixe", Device),
    ("fixo", Device), ("fone", Device), ("fono", Device), ("foot", Unit), ("for", Link), ("ft", Unit),
    ("g", Unit), ("gal", Unit), ("gallons", Unit), ("gate", Reference), ("gbp", Money), ("gps", Reference),
    ("gsm", Device), ("guasap", Device), ("guia", Reference), ("handy", Device), ("hectares", Unit),
    ("her", Link), ("here", Link), ("heres", Link), ("hidrometro", Reference), ("him", Link), ("his", Link),
    ("hmu", Reach), ("hotline", Device), ("hours", Unit), ("hrs", Unit), ("hz", Unit), ("iban", Reference),
    ("ici", Link), ("id", Reference), ("imei", Reference), ("imessage", Device),
    ("immatriculation", Reference), ("in", Link), ("inch", Unit), ("inches", Unit), ("index", Reference),
    ("inscricao", Reference), ("inv", Reference), ("invoice", Reference), ("invoices", Reference),
    ("is", Link), ("isbn", Reference), ("it", Link), ("item", Reference), ("its", Link), ("job", Reference),
    ("joignable", Reach), ("joindre", Reach), ("just", Link), ("kg", Unit), ("km", Unit), ("kw", Unit),
    ("kwh", Unit), ("l", Link), ("la", Link), ("landline", Device), ("lat", Reference),
    ("latitude", Reference), ("lb", Unit), ("lbs", Unit), ("le", Link), ("lectura", Reference),
    ("leitura", Reference), ("les", Link), ("lic", Reference), ("licenca", Reference), ("licence", Reference),
    ("licencia", Reference), ("license", Reference), ("liga", Reach), ("ligam", Reach), ("ligame", Reach),
    ("ligar", Reach), ("ligue", Reach), ("listing", Reference), ("liter", Unit), ("liters", Unit),
    ("litre", Unit), ("litres", Unit), ("litros", Unit), ("llama", Reach), ("llamame", Reach),
    ("llamar", Reach), ("llameme", Reach), ("llamen", Reach), ("llamenme", Reach), ("llamenos", Reach),
    ("lo", Link), ("lockbox", Reference), ("longitude", Reference), ("los", Link), ("lot", Reference),
    ("lote", Reference), ("m", Unit), ("ma", Link), ("mac", Reference), ("marcame", Reach), ("marcar", Reach),
    ("mastercard", Reference), ("matricula", Reference), ("me", Link), ("medidor", Reference),
    ("member", Reference), ("membership", Reference), ("mensajea", Reach), ("mes", Link), ("message", Reach),
    ("meter", Reference), ("metres", Unit), ("metros", Unit), ("meu", Link), ("mhz", Unit), ("mi", Link),
    ("mile", Unit), ("mileage", Reference), ("miles", Unit), ("minha", Link), ("mins", Unit),
    ("minutes", Unit), ("mis", Link), ("mm", Unit), ("mob", Device), ("mobile", Device), ("model", Reference),
    ("modele", Reference), ("modelo", Reference), ("mon", Link), ("movil", Device), ("msg", Reach),
    ("mts", Unit), ("mxn", Money), ("my", Link), ("n", Number), ("na", Link), ("nbr", Number),
    ("nf", Reference), ("nie", Reference), ("nif", Reference), ("no", Number), ("nos", Link), ("nosso", Link),
    ("nota", Reference), ("notre", Link), ("now", Link), ("nr", Number), ("nro", Number), ("num", Number),
    ("number", Number), ("numbers", Number), ("numero", Number), ("numeros", Number), ("o", Link),
    ("odometer", Reference), ("of", Link), ("on", Link), ("only", Link), ("or", Link),
    ("orcamento", Reference), ("orden", Reference), ("order", Reference), ("orders", Reference),
    ("otp", Reference), ("ou", Link), ("our", Link), ("oz", Unit), ("package", Reference),
    ("pacote", Reference), ("paquete", Reference), ("parcel", Reference), ("part", Reference),
    ("parte", Reference), ("parts", Reference), ("patent", Reference), ("payment", Reference),
    ("peca", Reference), ("pedido", Reference), ("pedidos", Reference), ("people", Unit),
    ("permis", Reference), ("permiso", Reference), ("permit", Reference), ("pesos", Money), ("ph", Device),
    ("phone", Device), ("phones", Device), ("piece", Reference), ("pieces", Unit), ("pieza", Reference),
    ("piezas", Reference), ("pin", Reference), ("ping", Reach), ("plate", Reference), ("please", Link),
    ("po", Reference), ("police", Reference), ("policy", Reference), ("poliza", Reference),
    ("population", Reference), ("portable", Device), ("postal", Reference), ("postcode", Reference),
    ("pounds", Money), ("precio", Money), ("preco", Money), ("presupuesto", Reference), ("price", Money),
    ("prix", Money), ("processo", Reference), ("product", Reference), ("project", Reference),
    ("promo", Reference), ("protocolo", Reference), ("psi", Unit), ("purchase", Reference), ("quid", Money),
    ("quote", Reference), ("rappelez", Reach), ("rappelle", Reach), ("rastreamento", Reference),
    ("rastreio", Reference), ("rastreo", Reference), ("reach", Reach), ("reachable", Reach),
    ("reading", Reference), ("reads", Reference), ("reais", Money), ("recambio", Reference),
    ("receipt", Reference), ("recibo", Reference), ("recu", Reference), ("ref", Reference),
    ("reference", Reference), ("referencia", Reference), ("registration", Reference), ("releve", Reference),
    ("rent", Money), ("repuesto", Reference), ("reserva", Reference), ("reservation", Reference),
    ("rfc", Reference), ("rg", Reference), ("ring", Reach), ("routing", Reference), ("rpm", Unit),
    ("ruc", Reference), ("salary", Money), ("score", Reference), ("se", Link), ("seguimiento", Reference),
    ("sera", Link), ("serial", Reference), ("serie", Reference), ("seu", Link), ("sf", Unit),
    ("shipment", Reference), ("siren", Reference), ("siret", Reference), ("sku", Reference), ("sms", Device),
    ("sn", Reference), ("so", Link), ("son", Link), ("sort", Reference), ("sq", Unit), ("sqft", Unit),
    ("sqm", Unit), ("ssn", Reference), ("steps", Unit), ("su", Link), ("sua", Link), ("suivi", Reference),
    ("sus", Link), ("swift", Reference), ("tarjeta", Reference), ("tax", Reference), ("te", Link),
    ("tel", Device), ("tele", Device), ("telefone", Device), ("telefono", Device), ("telegram", Device),
    ("telemovel", Device), ("telephone", Device), ("telf", Device), ("text", Reach), ("texter", Reach),
    ("textez", Reach), ("tfno", Device), ("that", Link), ("the", Link), ("this", Link), ("ticket", Reference),
    ("tin", Reference), ("tlf", Device), ("to", Link), ("ton", Link), ("total", Money), ("track", Reference),
    ("tracking", Reference), ("transaction", Reference), ("transfer", Reference),
    ("transferencia", Reference), ("tu", Link), ("tva", Reference), ("txn", Reference), ("txt", Reach),
    ("unit", Reference), ("units", Unit), ("upc", Reference), ("ups", Reference), ("us", Link),
    ("usd", Money), ("usps", Reference), ("v", Unit), ("valor", Money), ("vat", Reference),
    ("version", Reference), ("via", Link), ("viber", Device), ("views", Unit), ("vin", Reference),
    ("virement", Reference), ("visa", Reference), ("visitors", Unit), ("voicemail", Reach), ("volts", Unit),
    ("votre", Link), ("voucher", Reference), ("w", Unit), ("wa", Device), ("was", Link), ("wasap", Device),
    ("wassap", Device), ("watsapp", Device), ("watts", Unit), ("waybill", Reference), ("whats", Device),
    ("whatsap", Device), ("whatsapp", Device), ("whatsup", Device), ("with", Link), ("wpp", Device),
    ("wsp", Device), ("y", Link), ("years", Unit), ("your", Link), ("zap", Device), ("zapzap", Device),
    ("zip", Reference),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_sorted_and_found() {
        assert!(CUES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CUES.iter().all(|&(word, found)| cue(word) == Some(found)));
        assert_eq!(cue("sofa"), None);
        assert_eq!(cue("9"), None);
    }
}
