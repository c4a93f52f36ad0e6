//! Spanish, without its accents.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    ("coin", "efectivo, efectvo, efetivo, billetes"),
    (
        "incash",
        "en efectivo, cash en mano, plata en mano, dinero en mano, en mano, contante, en cash",
    ),
    ("outby", "por fuera"),
    ("inhand", "al contado, pago en efectivo, descuento en efectivo, precio en efectivo"),
    (
        "banked",
        "transferencia, transferencia bancaria, transferencias, transferencia directa, deposito bancario",
    ),
    ("banked", "cuenta bancaria, cuenta personal, giro, transfe, transferensia, clabe, cbu"),
    ("check", "talon bancario"),
    ("inhand", "cheque a mi nombre"),
    (
        "wire",
        "transfiere, transfiereme, transfieres, transferirme, transferir, transferirte, transfiero, depositame",
    ),
    ("wire", "depositarme, deposita"),
    (
        "pay",
        "pagar, pagas, paga, pague, pago, pagame, pagueme, pagarme, pagarte, pagamos, paguemos, pagos, pagando",
    ),
    (
        "pay",
        "cobrar, cobro, abonar, abona, abono, abonas, pagarle, cobrarte, pagarlo, pagues, hacemos el pago, me pagas",
    ),
    ("send", "manda, mandame, envia, enviame, enviarme, dame, mandarme, damelo, envias, mandas"),
    ("accept", "aceptas, acepta, aceptan, acepto, tomas, recibes, recibo"),
    (
        "hire",
        "reserva, reservamos, reservar, contrata, contratame, contratar, tratamos, trato, reservas, reserve",
    ),
    ("deal", "hacer, hago, hazme, haces, hagas, hacerlo, hagamoslo, hacemos"),
    (
        "deal",
        "arreglamos, arreglar, arreglemos, trabajar, trabajamos, lo hacemos, cerramos, quedamos",
    ),
    ("deal", "pasar, acordamos, hazlo"),
    (
        "cancel",
        "cancela, cancelas, cancelamos, cancelar, cancele, anula, anular, anulas, cancelalo, cancelala",
    ),
    ("order", "pedido, reserva aqui, trabajo, encargo, solicitud, contrato, la reserva, oferta"),
    (
        "fee",
        "comision, comisiones, tarifa de la app, tarifa de servicio, cargo de servicio, comicion",
    ),
    (
        "skip",
        "ahorra, ahorrar, ahorramos, ahorrarnos, ahorrarte, ahorras, ahorrate, ahorro, saltar, saltarnos, salta",
    ),
    (
        "skip",
        "evitarnos, evitemos, esquivar, esquivamos, saltamos, saltemos, quitamos, te ahorras, nos ahorramos",
    ),
    (
        "direct",
        "por privado, por interno, al privado, directamente, directo, en persona, en privado, entre nosotros, personalmente, por separado, a mi directamente",
    ),
    ("books", "en negro, por debajo de la mesa, por la izquierda, bajo cuerda"),
    ("norecord", "sin factura, sin recibo"),
    (
        "cheaper",
        "mas barato, descuento, menos, rebaja, mejor precio, mas economico, te sale mejor, sale mejor, rebajo",
    ),
    ("cheaper", "te hago precio, mas barata, precio especial, te dejo, menor precio"),
    ("share", "mitad, la mitad, resto, anticipo, senal, adelanto, saldo"),
    ("money", "dinero, plata, pesos, importe, dolares"),
    ("percent", "por ciento"),
    ("charge", "cobra, cobran, se lleva, se queda, se llevan, se quedan"),
    ("account", "cuenta"),
    (
        "other",
        "por fuera de la casa, pintar por fuera, limpiar por fuera, lavar por fuera, caja registradora, sin cargo, transferencia de calor, transferencia de archivos, dia bancario",
    ),
    (
        "other",
        "transferir los archivos, interruptor de transferencia, tarifa de visita, sin cita, luz directa, sol directo",
    ),
    (
        "other",
        "comision de obra, comision de servicio, fuera de la casa, fuera de casa, fuera de servicio, fuera de horario",
    ),
    (
        "other",
        "valvula de retencion, dinero en efectivo para el parquimetro, cuenta con, toma de cuenta, en cuenta",
    ),
];
