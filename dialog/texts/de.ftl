## Consent

consent-title = Website bittet um Zugriff
consent-heading = Darf diese Website Ihre Chipkarten und Token benutzen?
consent-grants = Wenn Sie es zulassen, kann die Website bis zum { $date } ({ $days ->
    [one] { $days } Tag
   *[other] { $days } Tage
}):
consent-grant-read = sehen, welche Token angeschlossen sind, und deren Zertifikate mit den Namen darin,
consent-grant-sign = Sie um Signaturen bitten. Dafür verlangen die meisten Token ihre PIN.
consent-allow = Zulassen
consent-deny = Ablehnen
consent-block = Website sperren
consent-block-explanation = Lehnt den Zugriff ab und fragt zu dieser Website nie wieder.
consent-type-allow = Um die Website zuzulassen, geben Sie { $digits } ein.
consent-type-block = Um die Website zu sperren, geben Sie { $digits } ein.

## Warnings about the name of a site

site-insecure = Die Verbindung zu dieser Website ist nicht verschlüsselt (http://). Andere im Netz können mitlesen und verändern, was sie tut.
site-punycode = Buchstaben dieses Namens können wie andere Buchstaben aussehen. Browser schreiben ihn auch als { $name }. Prüfen Sie, ob das die Website ist, die Sie meinen.

## PIN

pin-title = PIN-Eingabe
pin-heading-sign = Geben Sie zum Signieren die PIN ein
pin-heading-batch = { $count ->
    [one] Geben Sie die PIN für { $count } Signatur ein
   *[other] Geben Sie die PIN für { $count } Signaturen ein
}
pin-heading-one-of = Geben Sie die PIN für Signatur { $number } von { $count } ein
pin-heading-authenticate = Geben Sie zum Anmelden die PIN ein
pin-heading-list = Geben Sie zum Anzeigen der Zertifikate die PIN ein
pin-heading-list-keys = Geben Sie zum Anzeigen der Schlüssel die PIN ein
pin-label = PIN
pin-sign = Signieren
pin-log-in = Anmelden
pin-cancel = Abbrechen

row-site = Website
row-token = Token
row-certificate = Zertifikat
row-key = Schlüssel ohne Zertifikat
row-document = Dokument
row-documents = Dokumente
row-to-sign = Zu signieren
row-to-log-in = Zur Anmeldung
document-size = { $name } ({ $size })
document-claim = Das sagt die Website. Es lässt sich hier nicht prüfen.
documents-more = { $count ->
    [one] und { $count } weiteres
   *[other] und { $count } weitere
}
size-bytes = { $size ->
    [one] { $size } Byte
   *[other] { $size } Byte
}
size-kilobytes = { $size } kB
size-megabytes = { $size } MB
data-hash = { $algorithm }-Hash
data-message = { $size ->
    [one] Nachricht von { $size } Byte, mit diesem SHA-256-Hash
   *[other] Nachricht von { $size } Byte, mit diesem SHA-256-Hash
}
data-hashes = { $count ->
    [one] { $count } { $algorithm }-Hash
   *[other] { $count } { $algorithm }-Hashes
}
data-messages = { $count ->
    [one] { $count } Nachricht
   *[other] { $count } Nachrichten
}
data-authenticate = Ein Nachweis für diese Website, wer Sie sind. Sonst wird nichts signiert.

opens-signature = Die PIN gilt nur für diese Signatur.
opens-batch = { $count ->
    [one] Die PIN gilt nur für diese Signatur.
   *[other] Die PIN gilt nur für diese { $count } Signaturen.
}
opens-login = Mit diesem Zertifikat kann die Website danach ohne Rückfrage weiter signieren. Das endet nach { $minutes } Minuten, oder nach { $idle } Minuten ohne Signatur.
opens-login-key = Mit diesem Schlüssel kann die Website danach ohne Rückfrage weiter signieren. Das endet nach { $minutes } Minuten, oder nach { $idle } Minuten ohne Signatur.
opens-reading = Die Website kann danach alle Zertifikate auf dem Token lesen. Mit dieser PIN signiert sie nichts.
opens-reading-keys = Die Website kann danach sehen, welche Schlüssel das Token hat. Mit dieser PIN signiert sie nichts.

tries-low = Zuvor wurde eine falsche PIN eingegeben. Nach einigen weiteren wird das Token gesperrt.
tries-fewer = Nach einigen weiteren falschen PINs wird das Token gesperrt.
tries-left = { $tries ->
    [one] Noch { $tries } Versuch, bevor das Token gesperrt wird.
   *[other] Noch { $tries } Versuche, bevor das Token gesperrt wird.
}
tries-final = Letzter Versuch: Ist diese PIN falsch, wird das Token gesperrt.

problem-wrong = Die PIN war falsch.
problem-not-accepted = Eine solche PIN nimmt das Token nicht an. Ihre Länge oder ihre Zeichen passen nicht.
problem-changed = Das Token hat sich inzwischen geändert. Die PIN wurde nicht gesendet. Geben Sie sie noch einmal ein.
problem-too-fast = Das wurde eingegeben, bevor Sie dies lesen konnten, und deshalb verworfen. Geben Sie die PIN noch einmal ein.
problem-short = { $min ->
    [one] Diese PIN ist kurz: Das Token verlangt nach eigener Angabe mindestens { $min } Zeichen. Trotzdem senden?
   *[other] Diese PIN ist kurz: Das Token verlangt nach eigener Angabe mindestens { $min } Zeichen. Trotzdem senden?
}
problem-long = { $max ->
    [one] Diese PIN ist lang: Das Token nimmt nach eigener Angabe höchstens { $max } Zeichen. Trotzdem senden?
   *[other] Diese PIN ist lang: Das Token nimmt nach eigener Angabe höchstens { $max } Zeichen. Trotzdem senden?
}
pin-send-anyway = Trotzdem senden
pin-change = Ändern
pin-confirm = Um die PIN einzugeben, geben Sie zuerst { $digits } ein.

## Keypad of a reader

pinpad-heading = Geben Sie die PIN am Kartenleser ein
pinpad-text = Der Kartenleser hat ein eigenes Tastenfeld. Dieser Computer sieht die PIN nicht.
hide = Ausblenden

## Progress of a batch

progress-title = Signieren
progress-heading = { $done } von { $count } Signaturen erstellt
progress-bar = Fortschritt
progress-stop = Stoppen

## The window

wait = Eingaben werden in einem Moment angenommen.
wait-focus = Klicken Sie zuerst in dieses Fenster, um hier zu tippen.
digits-label = Ziffern
digits-wrong = Das waren andere Ziffern. Geben Sie die neuen ein.

## Notifications on the desktop

login-title = { $site } kann signieren
login-signatures = { $count ->
    [one] { $count } Signatur seit Eingabe der PIN.
   *[other] { $count } Signaturen seit Eingabe der PIN.
}
login-certificate = Zertifikat: { $name }
login-key = Schlüssel ohne Zertifikat: { $name }
login-ends = Die Anmeldung endet nach { $idle } ohne Signatur, spätestens { $longest } nach der PIN.
duration-minutes = { $count } min
duration-seconds = { $count } s
port-title = Ein Programm eines anderen Benutzers belegt einen Port von pkcs11-bridge
port-text = Ein Programm eines anderen Benutzers belegt Port { $port } (Benutzer { $user }, Programm { $program }). Die Bridge verwendet Port { $own }. Wenn Sie diesen Computer mit niemandem teilen, fragen Sie den Administrator.
port-unknown-program = unbekannt

## Pinentry and terminal

plain-consent = Zum Zulassen geben Sie { $allow } ein. Zum Sperren dieser Website geben Sie { $block } ein. Eine leere Antwort lehnt ab.
plain-digits-prompt = Ziffern:
plain-pin-prompt = PIN:
plain-pin-empty = Eine leere PIN bricht ab.
plain-send-anyway = Um sie zu senden, geben Sie { $digits } ein.

## Dates

date = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
} { $year }
