//! Spanish, without its accents.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    (
        "callme",
        "llamame, llameme, llamenme, llamarme, llamarnos, llamanos, marcame, marqueme, marcarme, llamam",
    ),
    (
        "callme",
        "telefoneame, timbrame, llamarte, llamarle, llamarlo, llamarla, llamarlos, llama me, ll4mame, yamame",
    ),
    ("giveme", "enviame"),
    (
        "llamar",
        "telefonazo, llamadita, llamar, llamas, llames, llamen, marcas, marques, marcar, llamada",
    ),
    ("callyou", "llamo, llamamos, marco, timbro"),
    (
        "writeme",
        "escribeme, escribime, escribame, escribanme, escribirme, contactame, contacteme, contactarme, hablame",
    ),
    (
        "writeme",
        "hableme, hablarme, agregame, agregueme, agregarme, anademe, anadirme, sigueme, buscame, encuentrame",
    ),
    (
        "writeme",
        "mensajeame, ubicame, escribirte, hablarte, escribo, contacto contigo, escribenos, contactanos",
    ),
    (
        "write",
        "escribe, escribir, agrega, mensaje, mensajes, mensajito, contactar, contacta, contactate, audio",
    ),
    ("text", "mensaje de texto, texteame, textear"),
    (
        "talk",
        "hablar, hablamos, hablemos, habla, platicar, platicamos, platiquemos, charlar, charlamos, conversar",
    ),
    (
        "talk",
        "conversamos, conversemos, seguimos, sigamos, seguir, comunicarnos, comunicate, comuniquemos, hablando",
    ),
    ("talk", "coordinamos, coordinemos, coordinar, nos vemos por"),
    ("move", "pasamos, pasemos, pasarnos, pasate, cambiamos, moverse, movernos"),
    ("lets", "vamos, vamos a"),
    ("give", "dar, doy, pasa, pasas, paso, manda, dejo"),
    (
        "giveme",
        "dame, deme, denme, darme, pasame, paseme, pasarme, mandame, echame, hazme, tirame, dejame, regalame",
    ),
    (
        "give",
        "mandeme, mandarme, mandas, mando, envia, envieme, enviarme, envias, envio, comparte, compartes",
    ),
    ("give", "comparteme, dejeme, dejarme, facilitame, necesito, anota, apunta, tiras"),
    (
        "stuff",
        "foto, fotos, ubicacion, direccion, detalles, datos, presupuesto, planos, imagenes, direccion exacta",
    ),
    (
        "digits",
        "numero, numeros, num, nro, numerito, numero de telefono, numero de celular, numero de movil, numero de cel",
    ),
    (
        "digits",
        "numero de whatsapp, numero de contacto, numero personal, datos de contacto, numro, telefono personal",
    ),
    ("tel", "telefono, tel, celular, cel, movil, tlf, telf, tfno, fijo, llamada telefonica, fono"),
    ("email", "correo, correo electronico, mail personal"),
    ("direct", "directamente, directo, privado, en privado, por privado, por interno, al privado"),
    ("outby", "por fuera"),
    ("elsewhere", "otra app, otra aplicacion, otra plataforma, otro lado, otro medio, otra parte"),
    (
        "other",
        "numero de habitaciones, numero de serie, numero de pedido, numero de licencia, numero de permiso",
    ),
    (
        "other",
        "numero de factura, numero de modelo, numero de referencia, numero de seguimiento, numero de cuenta",
    ),
    (
        "other",
        "numero de cuartos, numero de casa, numero de piso, numero de metros, linea telefonica, me llamo, se llama",
    ),
    ("other", "cable de senal, llamada de servicio"),
];
