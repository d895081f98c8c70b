## Consent

consent-title = Un sito chiede l’accesso
consent-heading = Consentire a questo sito di usare le smart card e i token?
consent-grants = Se lo si consente, fino al { $date } ({ $days ->
    [one] { $days } giorno
   *[other] { $days } giorni
}) il sito potrà:
consent-grant-read = vedere quali token sono collegati e i loro certificati, con i nomi che contengono;
consent-grant-sign = chiedere firme. Per queste, la maggior parte dei token richiede il PIN.
consent-allow = Consenti
consent-deny = Rifiuta
consent-block = Blocca questo sito
consent-block-explanation = Rifiuta l’accesso e non chiede mai più per questo sito.
consent-type-allow = Per autorizzare il sito, digitare { $digits }.
consent-type-block = Per bloccare il sito, digitare { $digits }.

## Warnings about the name of a site

site-insecure = La connessione a questo sito non è cifrata (http://). Altri nella rete possono leggere e modificare ciò che fa.
site-punycode = Alcune lettere di questo nome possono sembrare altre lettere. I browser lo scrivono anche { $name }. Verificare che sia il sito desiderato.

## PIN

pin-title = PIN richiesto
pin-heading-sign = Inserire il PIN per firmare
pin-heading-batch = { $count ->
    [one] Inserire il PIN per { $count } firma
   *[other] Inserire il PIN per { $count } firme
}
pin-heading-one-of = Inserire il PIN per la firma { $number } di { $count }
pin-heading-authenticate = Inserire il PIN per accedere
pin-heading-list = Inserire il PIN per mostrare i certificati
pin-heading-list-keys = Inserire il PIN per mostrare le chiavi
pin-label = PIN
pin-sign = Firma
pin-log-in = Accedi
pin-cancel = Annulla

row-site = Sito
row-token = Token
row-certificate = Certificato
row-key = Chiave senza certificato
row-document = Documento
row-documents = Documenti
row-to-sign = Da firmare
row-to-log-in = Per accedere
document-size = { $name } ({ $size })
document-claim = Lo dice il sito. Qui non è possibile verificarlo.
documents-more = { $count ->
    [one] e { $count } altro
   *[other] e altri { $count }
}
size-bytes = { $size ->
    [one] { $size } byte
   *[other] { $size } byte
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = Hash { $algorithm }
data-message = { $size ->
    [one] Messaggio di { $size } byte, con questo hash SHA-256
   *[other] Messaggio di { $size } byte, con questo hash SHA-256
}
data-hashes = { $count ->
    [one] { $count } hash { $algorithm }
   *[other] { $count } hash { $algorithm }
}
data-messages = { $count ->
    [one] { $count } messaggio
   *[other] { $count } messaggi
}
data-authenticate = Una prova della propria identità per questo sito. Non si firma nient’altro.

opens-signature = Il PIN vale solo per questa firma.
opens-batch = { $count ->
    [one] Il PIN vale solo per questa firma.
   *[other] Il PIN vale solo per queste { $count } firme.
}
opens-login = Con questo certificato, il sito potrà poi firmare ancora senza chiedere. Questo termina dopo { $minutes } minuti, o dopo { $idle } minuti senza firme.
opens-login-key = Con questa chiave, il sito potrà poi firmare ancora senza chiedere. Questo termina dopo { $minutes } minuti, o dopo { $idle } minuti senza firme.
opens-reading = Il sito potrà poi leggere tutti i certificati sul token. Con questo PIN non firma nulla.
opens-reading-keys = Il sito potrà poi vedere quali chiavi contiene il token. Con questo PIN non firma nulla.

tries-low = In precedenza è stato inserito un PIN errato. Dopo qualche altro errore, il token si blocca.
tries-fewer = Dopo qualche altro errore, il token si blocca.
tries-left = { $tries ->
    [one] Resta { $tries } tentativo prima che il token si blocchi.
   *[other] Restano { $tries } tentativi prima che il token si blocchi.
}
tries-final = Ultimo tentativo: se questo PIN è errato, il token si blocca.

problem-wrong = Il PIN era errato.
problem-not-accepted = Il token non accetta un PIN come questo. La lunghezza o i caratteri non vanno bene.
problem-changed = Nel frattempo il token è cambiato. Il PIN non è stato inviato. Inserirlo di nuovo.
problem-too-fast = È stato digitato prima che si potesse leggere questa finestra, quindi è stato scartato. Inserire di nuovo il PIN.
problem-short = { $min ->
    [one] Questo PIN è corto: il token dichiara di richiedere almeno { $min } carattere. Inviarlo comunque?
   *[other] Questo PIN è corto: il token dichiara di richiedere almeno { $min } caratteri. Inviarlo comunque?
}
problem-long = { $max ->
    [one] Questo PIN è lungo: il token dichiara di accettare al massimo { $max } carattere. Inviarlo comunque?
   *[other] Questo PIN è lungo: il token dichiara di accettare al massimo { $max } caratteri. Inviarlo comunque?
}
pin-send-anyway = Invia comunque
pin-change = Modifica
pin-confirm = Per inserire il PIN, digitare prima { $digits }.

## Keypad of a reader

pinpad-heading = Inserire il PIN sul lettore di smart card
pinpad-text = Il lettore ha una tastiera propria. Questo computer non vede il PIN.
hide = Nascondi

## Progress of a batch

progress-title = Firma in corso
progress-heading = { $done } firme su { $count } eseguite
progress-bar = Avanzamento
progress-stop = Interrompi

## The window

wait = Tasti e clic saranno accettati tra un momento.
wait-focus = Per digitare qui, fare prima clic in questa finestra.
digits-label = Cifre
digits-wrong = Erano altre cifre. Digitare le nuove.

## Notifications on the desktop

login-title = { $site } può firmare
login-signatures = { $count ->
    [one] { $count } firma da quando è stato inserito il PIN.
   *[other] { $count } firme da quando è stato inserito il PIN.
}
login-certificate = Certificato: { $name }
login-key = Chiave senza certificato: { $name }
login-ends = L’accesso termina dopo { $idle } senza firme, e al più tardi { $longest } dopo il PIN.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Il programma di un altro utente occupa una porta di pkcs11-bridge
port-text = Un programma di un altro utente occupa la porta { $port } (utente { $user }, programma { $program }). Il bridge usa la porta { $own }. Se il computer non è condiviso, rivolgersi all’amministratore.
port-unknown-program = sconosciuto

## Pinentry and terminal

plain-consent = Per consentirlo, digitare { $allow }. Per bloccare questo sito, digitare { $block }. Una risposta vuota rifiuta.
plain-digits-prompt = Cifre:
plain-pin-prompt = PIN:
plain-pin-empty = Un PIN vuoto annulla.
plain-send-anyway = Per inviarlo, digitare { $digits }.

## Dates

date = { $day } { $month ->
    [1] gennaio
    [2] febbraio
    [3] marzo
    [4] aprile
    [5] maggio
    [6] giugno
    [7] luglio
    [8] agosto
    [9] settembre
    [10] ottobre
    [11] novembre
   *[12] dicembre
} { $year }
