## Consent

consent-title = Un sitio pide acceso
consent-heading = ¿Permitir que este sitio use sus tarjetas inteligentes y tokens?
consent-grants = Si lo permite, hasta el { $date } ({ $days ->
    [one] { $days } día
   *[other] { $days } días
}) el sitio podrá:
consent-grant-read = ver qué tokens están conectados y sus certificados, con los nombres que contienen;
consent-grant-sign = pedirle firmas. Para ellas, la mayoría de los tokens exige su PIN.
consent-allow = Permitir
consent-deny = Denegar
consent-block = Bloquear este sitio
consent-block-explanation = Deniega el acceso y no vuelve a preguntar por este sitio.
consent-type-allow = Para permitir el sitio, escriba { $digits }.
consent-type-block = Para bloquear el sitio, escriba { $digits }.

## Warnings about the name of a site

site-insecure = La conexión con este sitio no está cifrada (http://). Otras personas en la red pueden leer y cambiar lo que hace.
site-punycode = Algunas letras de este nombre pueden parecerse a otras. Los navegadores también lo escriben { $name }. Compruebe que es el sitio que usted quiere.

## PIN

pin-title = Se necesita el PIN
pin-heading-sign = Introduzca el PIN para firmar
pin-heading-batch = { $count ->
    [one] Introduzca el PIN para { $count } firma
   *[other] Introduzca el PIN para { $count } firmas
}
pin-heading-one-of = Introduzca el PIN para la firma { $number } de { $count }
pin-heading-authenticate = Introduzca el PIN para iniciar sesión
pin-heading-list = Introduzca el PIN para mostrar los certificados
pin-heading-list-keys = Introduzca el PIN para mostrar las claves
pin-label = PIN
pin-sign = Firmar
pin-log-in = Iniciar sesión
pin-cancel = Cancelar

row-site = Sitio
row-token = Token
row-certificate = Certificado
row-key = Clave sin certificado
row-document = Documento
row-documents = Documentos
row-to-sign = Para firmar
row-to-log-in = Para iniciar sesión
document-size = { $name } ({ $size })
document-claim = Lo dice el sitio. Aquí no se puede comprobar.
documents-more = { $count ->
    [one] y { $count } más
   *[other] y { $count } más
}
size-bytes = { $size ->
    [one] { $size } byte
   *[other] { $size } bytes
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = Hash { $algorithm }
data-message = { $size ->
    [one] Mensaje de { $size } byte, con este hash SHA-256
   *[other] Mensaje de { $size } bytes, con este hash SHA-256
}
data-hashes = { $count ->
    [one] { $count } hash { $algorithm }
   *[other] { $count } hashes { $algorithm }
}
data-messages = { $count ->
    [one] { $count } mensaje
   *[other] { $count } mensajes
}
data-authenticate = Una prueba de su identidad para este sitio. No se firma nada más.

opens-signature = El PIN vale solo para esta firma.
opens-batch = { $count ->
    [one] El PIN vale solo para esta firma.
   *[other] El PIN vale solo para estas { $count } firmas.
}
opens-login = Con este certificado, el sitio podrá después firmar más sin preguntar. Esto termina tras { $minutes } minutos, o tras { $idle } minutos sin firmas.
opens-login-key = Con esta clave, el sitio podrá después firmar más sin preguntar. Esto termina tras { $minutes } minutos, o tras { $idle } minutos sin firmas.
opens-reading = El sitio podrá después leer todos los certificados del token. No firma nada con este PIN.
opens-reading-keys = El sitio podrá después ver qué claves tiene el token. No firma nada con este PIN.

tries-low = Antes se introdujo un PIN incorrecto. Tras algunos errores más, el token se bloquea.
tries-fewer = Tras algunos errores más, el token se bloquea.
tries-left = { $tries ->
    [one] Queda { $tries } intento antes de que el token se bloquee.
   *[other] Quedan { $tries } intentos antes de que el token se bloquee.
}
tries-final = Último intento: si este PIN es incorrecto, el token se bloquea.

problem-wrong = Ese PIN era incorrecto.
problem-not-accepted = El token no acepta un PIN así. Su longitud o sus caracteres no son válidos.
problem-changed = El token ha cambiado entretanto. El PIN no se ha enviado. Introdúzcalo de nuevo.
problem-too-fast = Eso se escribió antes de que pudiera leer esta ventana, así que se ha descartado. Introduzca el PIN de nuevo.
problem-short = { $min ->
    [one] Este PIN es corto: el token indica que exige al menos { $min } carácter. ¿Enviarlo de todos modos?
   *[other] Este PIN es corto: el token indica que exige al menos { $min } caracteres. ¿Enviarlo de todos modos?
}
problem-long = { $max ->
    [one] Este PIN es largo: el token indica que admite como máximo { $max } carácter. ¿Enviarlo de todos modos?
   *[other] Este PIN es largo: el token indica que admite como máximo { $max } caracteres. ¿Enviarlo de todos modos?
}
pin-send-anyway = Enviar de todos modos
pin-change = Cambiarlo
pin-confirm = Para introducir el PIN, escriba primero { $digits }.

## Keypad of a reader

pinpad-heading = Introduzca el PIN en el lector de tarjetas
pinpad-text = El lector tiene su propio teclado. Este ordenador no ve el PIN.
hide = Ocultar

## Progress of a batch

progress-title = Firmando
progress-heading = { $done } de { $count } firmas hechas
progress-bar = Progreso
progress-stop = Detener

## The window

wait = Las teclas y los clics se aceptarán en un momento.
wait-focus = Para escribir aquí, haga clic primero en esta ventana.
digits-label = Dígitos
digits-wrong = Eran otros dígitos. Escriba los nuevos.

## Notifications on the desktop

login-title = { $site } puede firmar
login-signatures = { $count ->
    [one] { $count } firma desde que se introdujo el PIN.
   *[other] { $count } firmas desde que se introdujo el PIN.
}
login-certificate = Certificado: { $name }
login-key = Clave sin certificado: { $name }
login-ends = La sesión termina tras { $idle } sin firmas, y como máximo { $longest } después del PIN.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = El programa de otro usuario ocupa un puerto de pkcs11-bridge
port-text = Un programa de otro usuario ocupa el puerto { $port } (usuario { $user }, programa { $program }). El bridge usa el puerto { $own }. Si no comparte este ordenador, consulte a su administrador.
port-unknown-program = desconocido

## Pinentry and terminal

plain-consent = Para permitirlo, escriba { $allow }. Para bloquear este sitio, escriba { $block }. Una respuesta vacía lo deniega.
plain-digits-prompt = Dígitos:
plain-pin-prompt = PIN:
plain-pin-empty = Un PIN vacío cancela.
plain-send-anyway = Para enviarlo, escriba { $digits }.

## Dates

date = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
} de { $year }
