//! Portuguese, without its accents.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    (
        "incash",
        "dinheiro vivo, em maos, em mao, na mao, em dinheiro, no dinheiro, dinheiro na mao, em especie, especie",
    ),
    ("incash", "em notas, numerario, cash na mao"),
    (
        "inhand",
        "desconto em dinheiro, pagamento em dinheiro, desconto no pix, desconto a vista, desconto no dinheiro",
    ),
    (
        "banked",
        "ted, doc, conta bancaria, conta pessoal, transferencia via, deposito direto, minha conta, multibanco",
    ),
    ("wire", "transfere, transfira, transferindo, deposite"),
    (
        "pay",
        "pagando, pagamento, pagamentos, pagarmos, pagaria, acertar, acerta, acertamos, acerto, paga ai, pagas me",
    ),
    ("pay", "me paga, me pague, receber, recebo, fazer o pagamento, faz o pagamento"),
    ("send", "mande, envie, me manda, passa, me passa, enviar, mandar"),
    ("accept", "aceita, aceitam, aceito, aceitamos, faz, fazem, usam, tem como, recebe"),
    ("hire", "reservamos, contrate, fechar, fecha, fechamos, feche, negociar"),
    ("deal", "passar, combinar, combina"),
    ("deal", "combinamos, fazer, fazemos, faca, tratar, marcar, marca, trabalho por"),
    ("deal", "resolver, resolvemos, faz direto, fazer por"),
    ("cancel", "cancelo, cancelando, cancelem, cancelarmos"),
    ("order", "servico, agendamento, a reserva, solicitacao"),
    (
        "fee",
        "taxa, taxas, comissao, comissoes, comisao, taxa do app, taxa da plataforma, taxa de servico, taxinha",
    ),
    (
        "skip",
        "pular, pulamos, pula, fugir, foge, escapar, economizar, economiza, economizamos, economize, driblar, burlar",
    ),
    ("skip", "fugimos, livrar, livramos"),
    ("direct", "diretamente, direto, comigo, particular, pessoalmente, entre a gente, por conta"),
    ("outby", "por fora"),
    ("norecord", "sem nota, sem recibo, sem nota fiscal"),
    ("books", "por debaixo dos panos, por baixo dos panos"),
    (
        "cheaper",
        "mais barato, desconto, mais em conta, melhor preco, sai mais barato, abatimento, mais barata, faco por menos",
    ),
    ("cheaper", "menor preco, precinho"),
    ("share", "metade, a metade, restante, sinal, entrada, adiantado, adiantamento, antecipado"),
    ("money", "dinheiro, grana, reais, valor, quantia"),
    ("percent", "por cento"),
    ("charge", "cobra taxa, fica com, desconta, morde, come"),
    ("account", "conta"),
    (
        "other",
        "caixa registradora, taxa de visita, taxa de entrega, taxa de deslocamento, feriado bancario, por fora da casa",
    ),
    (
        "other",
        "transferencia de calor, transferencia de arquivos, chave de transferencia, luz direta, sol direto, por conta de",
    ),
    (
        "other",
        "fora da casa, fora de casa, valvula de retencao, leva em conta, pintar por fora, lavar por fora, limpar por fora",
    ),
    ("other", "tomar conta, dar conta, dinheiro para o estacionamento, dinheiro trocado"),
];
