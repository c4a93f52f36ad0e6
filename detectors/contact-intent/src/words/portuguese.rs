//! Portuguese, without its accents.

use picket_sdk::text::phrases::Vocabulary;

pub const WORDS: Vocabulary = &[
    ("liga", "liga, ligue, ligar, liguem, ligando, telefona, telefonar, telefonem"),
    ("callme", "ligame, ligueme, ligar me, chama me no telefone"),
    ("callyou", "ligo, ligamos"),
    ("swap", "trocar, trocamos"),
    ("outby", "por fora"),
    ("quiet", "comigo"),
    (
        "write",
        "chama, chamo, chame, chamar, chamem, escreve, escreva, escrever, adiciona, adicione, adicionar, mensagem",
    ),
    ("write", "msgs, segue la, procura, procure, manda um oi, recado, mensagens"),
    (
        "reach",
        "contate, contata, contatar, contacte me, fale comigo, fala comigo, entre em contato, entra em contato",
    ),
    ("reach", "entrar em contato, entrem em contato"),
    (
        "talk",
        "falar, fala, falamos, fale, falando, conversa, conversamos, conversando, continuamos, bater papo",
    ),
    (
        "talk",
        "continuar, papo, combinar, combinamos, resolver, trocar ideia, tratar, conversarmos, falarmos",
    ),
    ("move", "passar, mudar, mudamos"),
    ("lets", "bora, vamo, vambora, que tal"),
    (
        "give",
        "passa, pega, pegue, mande, mandar, envie, enviar, passar o, passe, compartilha, compartilhe, deixa, deixe, preciso, manda ai",
    ),
    ("give", "segue, passa ai, me da, pode dar, anota ai, anote, informe, informa"),
    ("stuff", "endereco, localizacao, orcamento, imagens"),
    (
        "digits",
        "numero de celular, numero do celular, numero do zap, numero do whatsapp, numero do telefone, contato",
    ),
    ("digits", "numero de zap, contatos, telefone de contato, num do zap, nr"),
    ("tel", "telefone, celu, ligacao, ligacao rapida, fone fixo, telemovel"),
    ("email", "e mail pessoal, endereco de email"),
    (
        "direct",
        "diretamente, direto, particular, no particular, no privado, no pv, pv, inbox direto",
    ),
    ("elsewhere", "outro app, outro aplicativo, outra rede, outro lugar, outro canal"),
    (
        "other",
        "numero de quartos, numero do pedido, numero de pedido, numero da licenca, numero de serie, me chamo",
    ),
    (
        "other",
        "numero da nota, numero da casa, numero do modelo, numero do apartamento, fio de sinal, linha telefonica",
    ),
    (
        "other",
        "liga a luz, ligar a luz, liga o disjuntor, ligar o disjuntor, ligar a agua, taxa de visita",
    ),
];
