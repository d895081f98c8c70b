## Consent

consent-title = Um site pede acesso
consent-heading = Permitir que este site use os seus cartões inteligentes e tokens?
consent-grants = Se permitir, até { $date } ({ $days ->
    [one] { $days } dia
   *[other] { $days } dias
}) o site poderá:
consent-grant-read = ver que tokens estão ligados e os seus certificados, com os nomes que contêm;
consent-grant-sign = pedir-lhe assinaturas. Para elas, a maioria dos tokens exige o PIN.
consent-allow = Permitir
consent-deny = Recusar
consent-block = Bloquear este site
consent-block-explanation = Recusa o acesso e não volta a perguntar sobre este site.
consent-type-allow = Para permitir o site, digite { $digits }.
consent-type-block = Para bloquear o site, digite { $digits }.

## Warnings about the name of a site

site-insecure = A ligação a este site não é cifrada (http://). Outras pessoas na rede podem ler e alterar o que ele faz.
site-punycode = Letras deste nome podem parecer outras letras. Os navegadores também o escrevem { $name }. Confirme que é este o site que pretende.

## PIN

pin-title = PIN necessário
pin-heading-sign = Introduza o PIN para assinar
pin-heading-batch = { $count ->
    [one] Introduza o PIN para { $count } assinatura
   *[other] Introduza o PIN para { $count } assinaturas
}
pin-heading-one-of = Introduza o PIN para a assinatura { $number } de { $count }
pin-heading-authenticate = Introduza o PIN para iniciar sessão
pin-heading-list = Introduza o PIN para mostrar os certificados
pin-heading-list-keys = Introduza o PIN para mostrar as chaves
pin-label = PIN
pin-sign = Assinar
pin-log-in = Iniciar sessão
pin-cancel = Cancelar

row-site = Site
row-token = Token
row-certificate = Certificado
row-key = Chave sem certificado
row-document = Documento
row-documents = Documentos
row-to-sign = Para assinar
row-to-log-in = Para iniciar sessão
document-size = { $name } ({ $size })
document-claim = É o que diz o site. Não se pode verificar aqui.
documents-more = { $count ->
    [one] e mais { $count }
   *[other] e mais { $count }
}
size-bytes = { $size ->
    [one] { $size } byte
   *[other] { $size } bytes
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = Hash { $algorithm }
data-message = { $size ->
    [one] Mensagem de { $size } byte, com este hash SHA-256
   *[other] Mensagem de { $size } bytes, com este hash SHA-256
}
data-hashes = { $count ->
    [one] { $count } hash { $algorithm }
   *[other] { $count } hashes { $algorithm }
}
data-messages = { $count ->
    [one] { $count } mensagem
   *[other] { $count } mensagens
}
data-authenticate = Uma prova da sua identidade para este site. Nada mais é assinado.

opens-signature = O PIN vale apenas para esta assinatura.
opens-batch = { $count ->
    [one] O PIN vale apenas para esta assinatura.
   *[other] O PIN vale apenas para estas { $count } assinaturas.
}
opens-login = Com este certificado, o site poderá depois assinar mais sem perguntar. Isso termina após { $minutes } minutos, ou após { $idle } minutos sem assinaturas.
opens-login-key = Com esta chave, o site poderá depois assinar mais sem perguntar. Isso termina após { $minutes } minutos, ou após { $idle } minutos sem assinaturas.
opens-reading = O site poderá depois ler todos os certificados do token. Não assina nada com este PIN.
opens-reading-keys = O site poderá depois ver que chaves o token contém. Não assina nada com este PIN.

tries-low = Antes foi introduzido um PIN errado. Depois de mais alguns erros, o token fica bloqueado.
tries-fewer = Depois de mais alguns erros, o token fica bloqueado.
tries-left = { $tries ->
    [one] Resta { $tries } tentativa antes de o token bloquear.
   *[other] Restam { $tries } tentativas antes de o token bloquear.
}
tries-final = Última tentativa: se este PIN estiver errado, o token bloqueia.

problem-wrong = Esse PIN estava errado.
problem-not-accepted = O token não aceita um PIN assim. O comprimento ou os caracteres não servem.
problem-changed = Entretanto o token mudou. O PIN não foi enviado. Introduza-o de novo.
problem-too-fast = Isso foi digitado antes de poder ler esta janela, por isso foi descartado. Introduza o PIN de novo.
problem-short = { $min ->
    [one] Este PIN é curto: o token indica que exige pelo menos { $min } carácter. Enviar mesmo assim?
   *[other] Este PIN é curto: o token indica que exige pelo menos { $min } caracteres. Enviar mesmo assim?
}
problem-long = { $max ->
    [one] Este PIN é longo: o token indica que aceita no máximo { $max } carácter. Enviar mesmo assim?
   *[other] Este PIN é longo: o token indica que aceita no máximo { $max } caracteres. Enviar mesmo assim?
}
pin-send-anyway = Enviar mesmo assim
pin-change = Alterar
pin-confirm = Para introduzir o PIN, digite primeiro { $digits }.

## Keypad of a reader

pinpad-heading = Introduza o PIN no leitor de cartões
pinpad-text = O leitor tem um teclado próprio. Este computador não vê o PIN.
hide = Ocultar

## Progress of a batch

progress-title = A assinar
progress-heading = { $done } de { $count } assinaturas feitas
progress-bar = Progresso
progress-stop = Parar

## The window

wait = As teclas e os cliques serão aceites dentro de momentos.
wait-focus = Para escrever aqui, clique primeiro nesta janela.
digits-label = Dígitos
digits-wrong = Eram outros dígitos. Digite os novos.

## Notifications on the desktop

login-title = { $site } pode assinar
login-signatures = { $count ->
    [one] { $count } assinatura desde a introdução do PIN.
   *[other] { $count } assinaturas desde a introdução do PIN.
}
login-certificate = Certificado: { $name }
login-key = Chave sem certificado: { $name }
login-ends = A sessão termina após { $idle } sem assinaturas, e o mais tardar { $longest } após o PIN.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = O programa de outro utilizador ocupa uma porta do pkcs11-bridge
port-text = Um programa de outro utilizador ocupa a porta { $port } (utilizador { $user }, programa { $program }). O bridge usa a porta { $own }. Se não partilha este computador, contacte o administrador.
port-unknown-program = desconhecido

## Pinentry and terminal

plain-consent = Para permitir, digite { $allow }. Para bloquear este site, digite { $block }. Uma resposta vazia recusa.
plain-digits-prompt = Dígitos:
plain-pin-prompt = PIN:
plain-pin-empty = Um PIN vazio cancela.
plain-send-anyway = Para o enviar, digite { $digits }.

## Dates

date = { $day } de { $month ->
    [1] janeiro
    [2] fevereiro
    [3] março
    [4] abril
    [5] maio
    [6] junho
    [7] julho
    [8] agosto
    [9] setembro
    [10] outubro
    [11] novembro
   *[12] dezembro
} de { $year }
